"""``Config``: values that are fixed before a run and may shape the flow itself.

A config is read when the flow is described: after its file was imported, before its decorators count. So what a class
body or a decorator takes from one is an expression, a ``Delayed``, that gets its value then. The order is in
``prepare.py``.
"""

import sys
from collections.abc import Mapping

from .exceptions import MetaflowException
from .graph import place_of
from .parameters import delete_outside, set_outside
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from typing import Any

#: Keyword that stands for ``**config`` until the config is known: the number of the expression follows.
UNPACKED = "_unpacked_delayed_"
_UNSET = object()


def _frozen(value):
    """The value with a ConfigValue for each mapping in it, at any depth."""
    if isinstance(value, Mapping) and not isinstance(value, ConfigValue):
        return ConfigValue(value)
    if type(value) in (list, tuple, set):
        return type(value)(_frozen(part) for part in value)
    return value


def _plain(value):
    """The value with a dict for each mapping in it, at any depth."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_plain(part) for part in value)
    return value


class ConfigValue(dict):
    """The value of a config: a dict that nobody can change, whose keys can be read as attributes.

    ``value.a.b`` is ``value["a"]["b"]``. Mappings in it are ConfigValues, too, also those in lists, tuples and sets.
    """

    __slots__ = ()

    def __init__(self, data=(), /, **more):
        super().__init__((key, _frozen(value)) for key, value in dict(data, **more).items())

    @classmethod
    def fromkeys(cls, iterable, value=None):
        """A ConfigValue with the keys of ``iterable``, all with the same value."""
        return cls(dict.fromkeys(iterable, value))

    def __getattr__(self, key: str) -> "Any":
        try:
            return self[key]
        except KeyError:
            raise AttributeError(key) from None

    def copy(self):
        """The value itself: nothing of it can change."""
        return self

    def to_dict(self):
        """The value as plain dicts, at every depth."""
        return _plain(self)

    def __reduce__(self):
        return ConfigValue, (self.to_dict(),)

    __copy__ = copy

    def __deepcopy__(self, memo):
        return self

    def _refuse(self, *args, **kwargs):
        """Refuse: the values of a config do not change."""
        raise TypeError("ConfigValue is immutable")

    __setattr__ = __delattr__ = __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = setdefault = clear = _refuse



class Delayed:
    """An expression of configs, which has a value when they are known.

    ``expression`` is Python, evaluated with the configs by name and ``names``, the globals of the module that it
    stands in; ``path`` are the attributes and keys that are taken of the result, or what ``get`` was asked for.
    """

    levada_delayed = True

    def __init__(self, expression, names, path=()):
        self.__dict__.update(_expression=expression, _names=names, _path=path)

    def __getattr__(self, name):
        if name[:2] == "__":
            raise AttributeError(name)
        return Delayed(self._expression, self._names, (*self._path, (getattr, name)))

    def __getitem__(self, key):
        if isinstance(key, str) and key.startswith(UNPACKED):
            return self
        return Delayed(self._expression, self._names, (*self._path, (_item, key)))

    def __setattr__(self, name, value):
        raise TypeError("the value of a config cannot be changed")

    __iter__ = None

    def keys(self):
        """What ``**expression`` asks for: one key that stands for all."""
        return [UNPACKED + str(id(self))]

    def get(self, key, default=None):
        """What a mapping has for ``key``, or else ``default``, when the configs are known."""
        return Delayed(self._expression, self._names, (*self._path, (_get, (key, default))))

    def __repr__(self):
        path = "".join(_TAKEN[take] % (key if take is _get else (key,)) for take, key in self._path)
        return "<config expression %s%s>" % (self._expression, path)


def _item(value, key):
    return value[key]


def _get(value, key_and_default):
    return value.get(*key_and_default)


#: How a step of the path of an expression is written.
_TAKEN = {getattr: ".%s", _item: "[%r]", _get: ".get(%r, %r)"}


def evaluate(delayed, values):
    """The value of an expression; ``values`` are the configs by name."""
    expression = delayed._expression
    path = [(take, resolve(key, values)) for take, key in delayed._path]
    try:
        # A name of a config need not be one of Python's.
        value = values[expression] if expression in values else eval(expression, dict(delayed._names), dict(values))
        for take, key in path:
            value = take(value, key)
        return value
    except Exception as error:
        what = error if isinstance(error, NameError) else "%s: %s" % (type(error).__name__, error)
        if isinstance(error, (AttributeError, KeyError)):
            what = "there is no %s" % error
        raise MetaflowException("The %s has no value: %s" % (repr(delayed)[1:-1], what)) from None


def config_expr(expr: str) -> "Any":
    """A value that is computed from the configs of the flow when they are known.

    ``expr`` is Python; it sees the configs by their names, and what the module has that it stands in.
    Decorators of the flow class need this, because the class body is not there yet:
    ``@project(name=config_expr("settings.project"))``.
    """
    return Delayed(expr, sys._getframe(1).f_globals)


class Config:
    """A value that is fixed before the run: ``settings = Config("settings", default="settings.json")``.

    On the command line, before the command: ``--config settings other.json`` names another file,
    ``--config-value settings '{"a": 1}'`` gives the value itself. ``default`` is the path of a file and
    ``default_value`` a text or a dict, either also a function that returns one. The text is JSON, or what ``parser``, a
    function or its dotted name, reads; it must be a mapping. With ``plain=True`` the value is what the parser returns,
    or the text.

    A step reads ``self.settings.a.b``, a ConfigValue. In the class body, ``settings.a.b`` stands for the value as an
    argument of decorators and parameters.
    """

    # Any other name without an underscore in front would hide a key: settings.default is the key "default".
    def __init__(
        self,
        name=None,
        default=None,
        default_value=None,
        help=None,
        required=None,
        parser=None,
        plain=False,
        show_default=None,
        **unknown,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise MetaflowException(
                'A Config begins with its name, in quotes, not %r: settings = Config("settings", ...).' % (name,)
            )
        for argument in unknown:
            from .spelling import meant

            known = ("default", "default_value", "help", "required", "parser", "plain", "show_default")
            raise MetaflowException(
                "The config '%s' has no argument '%s'.%s It takes %s."
                % (name, argument, meant(argument, known), ", ".join(known))
            )
        if default is not None and default_value is not None:
            raise MetaflowException(
                "The config '%s' has a default and a default_value. Give only one of the two." % name
            )
        self._name = name
        self._attribute = name
        self._owner = None
        self._default = default
        self._default_value = default_value
        self._help = help
        self._required = bool(required)
        self._parser = parser
        self._plain = plain
        self._value = _UNSET

    def __set_name__(self, owner, attribute):
        self._owner = owner
        self._attribute = attribute

    @property
    def name(self):
        """The name on the command line."""
        return self._name

    def __getattr__(self, key: str) -> "Any":
        if key[:2] == "__" or key[:1] == "_" and key in _OWN:
            raise AttributeError(key)
        return getattr(Delayed(self._name, {}), key)

    def __getitem__(self, key) -> "Any":
        return Delayed(self._name, {})[key]

    __iter__ = None

    def keys(self):
        """What ``**config`` asks for: one key that stands for all."""
        return Delayed(self._name, {}).keys()

    def get(self, key, default=None) -> "Any":
        """What the config has for ``key``, or else ``default``: for decorators and parameters of the class body."""
        return Delayed(self._name, {}).get(key, default)

    def __get__(self, flow, owner=None) -> "Any":
        if flow is None:
            return self
        if self._attribute in flow.__dict__:
            return flow.__dict__[self._attribute]
        if self._value is _UNSET:
            raise MetaflowException("The config '%s' has a value only while the flow runs." % self._name)
        return self._value

    def __set__(self, flow, value):
        set_outside(flow, self._attribute, value)

    def __delete__(self, flow):
        delete_outside(flow, self._attribute)

    def __repr__(self):
        return "<config %s>" % self._name

    def describe(self):
        """The config as the definition has it."""
        described = {"name": self._name, "attribute": self._attribute}
        if self._help:
            described["help"] = str(self._help)
        if self._required:
            described["required"] = True
        if isinstance(self._default, str):
            described["default"] = self._default
        return described


_OWN = frozenset(
    "_%s" % name
    for name in (
        "name", "attribute", "owner", "default", "default_value", "help", "required", "parser", "plain", "value"
    )
)  # fmt: skip


def resolve(value, values):
    """The value with what its expressions stand for; ``values`` are the configs by name."""
    if isinstance(value, Delayed):
        return evaluate(value, values)
    if isinstance(value, Config):
        return evaluate(Delayed(value._name, {}), values)
    if type(value) is dict:
        found = {}
        for key, part in value.items():
            if isinstance(key, str) and key.startswith(UNPACKED):
                unpacked = evaluate(part, values)
                if not isinstance(unpacked, Mapping):
                    raise MetaflowException(
                        "The %s is unpacked with **, but its value is not a mapping: %r" % (repr(part)[1:-1], unpacked)
                    )
                found.update(unpacked)
            else:
                found[resolve(key, values)] = resolve(part, values)
        return found
    if type(value) in (list, tuple, set):
        return type(value)(resolve(part, values) for part in value)
    return value


def is_delayed(value):
    """Whether there is an expression of configs in a value."""
    if isinstance(value, (Delayed, Config)):
        return True
    if type(value) is dict:
        return any(is_delayed(key) or is_delayed(part) for key, part in value.items())
    return type(value) in (list, tuple, set) and any(is_delayed(part) for part in value)


def configs_of(flow_class):
    """The configs of a flow by attribute, inherited ones first. MetaflowException if two have one name."""
    attributes = {}
    for cls in reversed(flow_class.__mro__):
        attributes.update(cls.__dict__)
    found = {attribute: value for attribute, value in attributes.items() if isinstance(value, Config)}
    seen = set()
    for config in found.values():
        if config.name in seen:
            raise MetaflowException("There are two configs with the name '%s'. Names must be unique." % config.name)
        seen.add(config.name)
    return found


class _Problem(Exception):
    """Why one config has no value, in Metaflow's words; ``why`` is a sentence that they do not have."""

    why = ""


def load(config, file, text, context):
    """The value of one config as plain data; ``file`` and ``text`` are what the user gave of it, or None.

    _Problem if there is none, in words that follow one another in a list.
    """
    default = config._default
    if file is None and text is None:
        if default is not None:
            file, kind = _called(config, "default", default, context), "default configuration"
        else:
            text = _called(config, "default_value", config._default_value, context)
    else:
        kind = "configuration"
    if file is not None:
        try:
            with open(file, encoding="utf-8") as opened:
                text = opened.read()
        except (OSError, UnicodeDecodeError, TypeError) as error:
            problem = _Problem("%s file '%s' could not be read for '%s'" % (kind, file, config.name))
            problem.why = "%s: %s. " % (file, getattr(error, "strerror", None) or error)
            raise problem from None
    if text is None:
        if config._required:
            raise _Problem("missing configuration for '%s'" % config.name)
        return None
    return _parsed(config, text)


def _called(config, field, value, context):
    """A default, computed if it is a function."""
    if not callable(value):
        return value
    from .exceptions import ParameterFieldFailed

    try:
        return value(context._replace(parameter_name=config.name))
    except Exception:
        with library():
            from traceback import format_exc

        raise ParameterFieldFailed(config.name, field, format_exc()) from None


def _parsed(config, text):
    """The value that a text stands for."""
    parser = config._parser
    if parser is not None:
        if isinstance(parser, str):
            from .includefile import _named

            try:
                parser = _named(parser)
            except (ImportError, AttributeError, ValueError) as error:
                raise MetaflowException(
                    "The parser of the config '%s' cannot be found: there is no function %s (%s)."
                    % (config.name, parser, error)
                ) from None
        if isinstance(text, Mapping):
            with library():
                from json import dumps

            text = dumps(_plain(text))
        try:
            value = parser(text)
        except Exception as error:
            raise MetaflowException(
                "The parser of the config '%s' failed: %s: %s" % (config.name, type(error).__name__, error)
            ) from error
        if not config._plain and not isinstance(value, Mapping):
            raise ValueError(
                "The parser of the config '%s' must return a mapping, not %s." % (config.name, type(value).__name__)
            )
        return _plain(value)
    if config._plain or isinstance(text, Mapping):
        return _plain(text)
    with library():
        from json import loads

    try:
        value = loads(text)
    except ValueError as error:
        raise _Problem("configuration value for '%s' is not valid JSON: %s" % (config.name, error)) from None
    if value is None:
        return None  # as if the config had no value
    if not isinstance(value, dict):
        raise _Problem("configuration value for '%s' is not a JSON object but %s" % (config.name, type(value).__name__))
    return value


def read(configs, files, texts, known, context, problems=None):
    """Give all configs their values, as plain data by name. UsageError tells all that is wrong.

    ``files`` and ``texts`` are what the user gave; ``known`` are values that are certain, those of a run that is
    resumed. With ``problems``, a list, no exception tells why configs have no value: it is added there, and they are
    missing in the result.
    """
    from .exceptions import UsageError

    lenient = problems is not None
    problems = problems if lenient else []
    names = [config.name for config in configs.values()]
    for option, given in (("config", files), ("config-value", texts)):
        for name in given:
            if name not in names and not lenient:
                raise UsageError(
                    "Invalid value for '--%s': invalid choice: %s. (choose from %s)" % (option, name, ", ".join(names))
                )
    both = [name for name in names if name in files and name in texts]
    if both and not lenient:
        raise UsageError(
            "Cannot provide both a value and a file for the same configuration. Found such values for '%s'"
            % "', '".join(both)
        )
    values, lacking = {}, []
    for config in configs.values():
        name = config.name
        if name in known:
            values[name] = known[name]
            continue
        try:
            values[name] = load(config, files.get(name), texts.get(name), context)
        except _Problem as problem:
            problems.append(str(problem))
            lacking.append(problem.why + _mend(config, files, texts))
        except Exception as error:
            if not lenient:
                place = place_of(config._owner, config._attribute)
                if isinstance(error, MetaflowException) and place:
                    error.source_file, error.line_no = place
                raise
            error = error.__cause__ or error
            problems.append("no value for '%s': %s: %s" % (name, type(error).__name__, error))
    if problems and not lenient:
        raise UsageError(all_of(problems) + "".join("\n" + mend for mend in lacking))
    return values


def _mend(config, files, texts):
    """What to do about a config that has no value, and where it stands."""
    name = config.name
    if name in files or name in texts:
        return "Correct what --config%s %s gives." % ("" if name in files else "-value", name)
    place = place_of(config._owner, config._attribute)
    has_default = config._default is not None or config._default_value is not None
    return "Give it a file, --config %s FILE, or a value, --config-value %s JSON%s%s." % (
        name, name, "; or correct its default" if has_default else "", place and " (%s, line %d)" % place
    )  # fmt: skip


def all_of(problems):
    """What is said about configs that have no value."""
    return "Bad values passed for configuration options: " + ", ".join(problems)


def assign(configs, values):
    """Set the values of configs, so that steps can read them; return them by name as flows see them."""
    seen = {}
    for config in configs.values():
        if config.name in values:
            value = values[config.name]
            seen[config.name] = config._value = value if config._plain else _frozen(value)
    return seen
