"""The standard library's modules, where a file of the user's has the same name.

A folder with a ``traceback.py`` or a ``select.py`` is the user's right: their code is to get theirs, and the SDK the
one that it was written for.
"""

import os
import sys

#: What stands below ``if TYPE_CHECKING`` is for editors and type checkers alone: they take that for true, whatever it
#: is. Types are imported there, and annotations that need them are in quotes, so no start pays for them, and
#: ``typing.get_type_hints`` cannot evaluate them. That is of use in IPython: what follows a property is completed by
#: its type if that can be evaluated, else by its value, and only that knows its artifacts. It is not plainly False,
#: because of jedi; for the same reason the only unions that are written with a bar are those of builtins with None.
#: ``Union[X, Any]`` is the type of what may be None, but rarely is: a checker is not to ask everybody for a test of
#: that.
TYPE_CHECKING = bool(0)

_LIBRARY = os.path.dirname(os.__file__)
_FOLDERS = [_LIBRARY, os.path.join(_LIBRARY, "lib-dynload")]

#: Modules of the standard library whose names are the user's outside of ``library``.
_ours = {}
_depth = 0
#: ``sys.path`` when the user's folders were last searched, and the names that were found.
_path, _names = None, frozenset()


def load(name):
    """A module of the standard library that is nobody else's: it is not in ``sys.modules``."""
    with library():
        from importlib.machinery import BuiltinImporter, PathFinder
        from importlib.util import module_from_spec

    spec = BuiltinImporter.find_spec(name) or PathFinder.find_spec(name, _FOLDERS)
    theirs = sys.modules.get(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    if theirs is not None:
        sys.modules[name] = theirs  # some of those in C enter themselves
    return module


class library:
    """``with library():`` imports what the standard library has, whatever files lie in the folders before it.

    Where none has a name of the standard library, which is nearly everywhere, nothing is done.
    """

    def __enter__(self):
        global _depth
        _depth += 1
        self._names = shadowed() if _depth == 1 else ()
        if not self._names:
            return
        self._theirs = {name: module for name, module in self._shadowed_modules() if _is_foreign(module)}
        for name in self._theirs:
            del sys.modules[name]
        self._kept = dict(self._shadowed_modules())  # Python itself has loaded them: there is one of each
        sys.modules.update(_ours)
        sys.path[:0] = _FOLDERS

    def __exit__(self, *failure):
        global _depth
        _depth -= 1
        if not self._names:
            return
        del sys.path[: len(_FOLDERS)]
        for name, module in self._shadowed_modules():
            if name not in self._kept:
                _ours[name] = module
                del sys.modules[name]
        sys.modules.update(self._theirs)

    def _shadowed_modules(self):
        return [(name, module) for name, module in list(sys.modules.items()) if name.partition(".")[0] in self._names]


def shadowed():
    """The names of the standard library that modules in the folders before it have."""
    global _path, _names
    if sys.path != _path:
        _path = list(sys.path)
        names = getattr(sys, "stdlib_module_names", None)
        if names is None:  # Python 3.9
            names = {entry.partition(".")[0] for folder in _FOLDERS for entry in _entries(folder)}
        _names = frozenset(name for folder in _before_library() for name in _modules_in(folder, names))
    return _names


def _before_library():
    return sys.path[: sys.path.index(_LIBRARY)] if _LIBRARY in sys.path else sys.path[:1]


def _entries(folder):
    try:
        return os.listdir(folder or ".")
    except OSError:  # an archive, or nothing
        return ()


def _modules_in(folder, names):
    for entry in _entries(folder):
        name, dot, _ = entry.partition(".")
        # A folder without an __init__.py does not come before a module.
        if name in names and (dot or os.path.exists(os.path.join(folder, entry, "__init__.py"))):
            yield name


def _is_foreign(module):
    file = getattr(module, "__file__", None)
    return file is not None and not file.startswith(_LIBRARY + os.sep)


def wait4_with(resource):
    """``os.wait4``, which looks for the module ``resource`` by name, with the one that it means."""

    def wait4(pid, options):
        theirs = sys.modules.get("resource")
        sys.modules["resource"] = resource
        try:
            return os.wait4(pid, options)
        finally:
            sys.modules["resource"] = theirs

    return wait4
