"""Which class a card type is: Levada's own, those of extensions, those that the flow's own code has."""

from .card import MetaflowCard
from .component import warn


class UnknownCardType(Exception):
    """No class has the type."""


_extensions = None


def find(type):
    """The class of a card type. UnknownCardType if there is none."""
    from . import builtin

    found = builtin.CARDS.get(type) or _of_extensions().get(type) or _of_subclasses().get(type)
    if found is None:
        known = sorted({*builtin.PUBLIC, *_of_extensions(), *_of_subclasses()} - {None})
        raise UnknownCardType(
            "There is no card type '%s'. There are: %s. A type of your own is a subclass of MetaflowCard that "
            "the flow's file imports, or one in a package metaflow_extensions/<organisation>/plugins/cards."
            % (type, ", ".join(known))
        )
    return found


def _of_subclasses():
    """The types of the subclasses of MetaflowCard that the flow has imported."""
    found, todo = {}, [MetaflowCard]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            if isinstance(cls.type, str) and "type" in cls.__dict__ and cls.__module__.split(".")[0] != "levada":
                found[cls.type] = cls
    return found


def _of_extensions():
    """The types that packages ``metaflow_extensions/<organisation>/plugins/cards/<name>`` list in ``CARDS``."""
    global _extensions
    if _extensions is None:
        _extensions = {}
        for module in _extension_modules():
            for cls in getattr(module, "CARDS", ()):
                if isinstance(cls, type) and issubclass(cls, MetaflowCard) and isinstance(cls.type, str):
                    _extensions.setdefault(cls.type, cls)
                else:
                    warn("%s lists %r in CARDS, which is no MetaflowCard with a type." % (module.__name__, cls))
    return _extensions


def _extension_modules():
    from os import listdir
    from os.path import isdir, join

    root = _imported("metaflow_extensions")
    for folder in list(getattr(root, "__path__", ())):
        for organisation in sorted(listdir(folder)) if isdir(folder) else ():
            cards = join(folder, organisation, "plugins", "cards")
            if isdir(cards):
                yield from _card_modules("metaflow_extensions.%s.plugins.cards" % organisation, cards)


def _card_modules(package, folder):
    """The modules of one organisation that may have ``CARDS``.

    As in Metaflow, a file ``mfextinit_….py`` of the folder, or else its ``__init__.py``, speaks for all of it. Without
    these, each package in the folder speaks for itself.
    """
    from os import listdir
    from os.path import isdir, join

    names = sorted(listdir(folder))
    speakers = ["%s.%s" % (package, name[:-3]) for name in names if name[:10] == "mfextinit_" and name[-3:] == ".py"]
    if not speakers and "__init__.py" in names:
        speakers = [package]
    modules = [module for module in map(_imported, speakers) if hasattr(module, "CARDS")]
    if not modules:
        packages = [name for name in names if name[0] not in "_." and isdir(join(folder, name))]
        modules = [_imported("%s.%s" % (package, name)) for name in packages]
    return [module for module in modules if module is not None]


def _imported(name):
    """A module, or None if there is none, or, with a warning, if it cannot be imported."""
    from importlib import import_module

    try:
        return import_module(name)
    except Exception as error:
        if not (isinstance(error, ModuleNotFoundError) and error.name == name):
            warn("the cards of %s could not be imported: %s: %s" % (name, type(error).__name__, error))
        return None
