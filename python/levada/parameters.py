"""Parameters: the values that a run takes from its command line."""

from . import options
from .exceptions import MetaflowException, UsageError
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from typing import Any

_UNSET = object()
_TRUE = frozenset(("1", "true", "t", "yes", "y", "on"))
_FALSE = frozenset(("0", "false", "f", "no", "n", "off"))


class JSONTypeClass:
    """The type of parameters whose text is JSON. Its instance is ``JSONType``."""

    name = "JSON"

    def convert(self, value, param=None, ctx=None):
        """The value of a JSON text; what is no text is taken as it is."""
        if not isinstance(value, str):
            return value
        with library():
            from json import loads

        try:
            return loads(value)
        except ValueError:
            raise ValueError("%s is not a valid JSON object" % value) from None

    def __repr__(self):
        return "JSON"


#: The type of parameters whose text is JSON.
JSONType = JSONTypeClass()


def _to_bool(value):
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("%s is not a valid boolean" % value)


def _to_int(value):
    try:
        return int(value)
    except (ValueError, TypeError):
        raise ValueError("%s is not a valid integer" % value) from None


def _to_float(value):
    try:
        return float(value)
    except (ValueError, TypeError):
        raise ValueError("%s is not a valid float" % value) from None


_CONVERSIONS = {bool: ("bool", _to_bool), int: ("int", _to_int), float: ("float", _to_float), str: ("str", str)}
_EXACT_TYPES = (bool, int, float, list, dict)


class Parameter:
    """A value that is set when a run starts: ``alpha = Parameter("alpha", default=0.1)``.

    It becomes the command line option ``--<name>`` and a read-only attribute of the flow, which has the name of the
    class attribute. ``type`` is ``str``, ``int``, ``float``, ``bool`` or ``JSONType``; without it the type of the
    default; a tuple of types takes as many values. ``default`` may be a function, called with a ParameterContext when
    a run starts. ``separator`` splits the text into a list. Arguments of click's options that Metaflow passes on are
    in ``options.py``.
    """

    #: Arguments that a kind of parameter has beside these.
    _arguments = ()

    def __new__(cls, *args, **kwargs):  # noqa: D102  editors would show its text for the class's
        parameter = super().__new__(cls)
        parameter._given = (args, kwargs)  # to make it anew when the configs are known that it uses
        return parameter

    def __init__(
        self, name=None, default=None, type=None, help=None, required=None, show_default=None, **kwargs
    ) -> None:
        if not (isinstance(name, str) and name or getattr(name, "levada_delayed", False)):
            raise MetaflowException(
                "A %s begins with its name, in quotes, not %r: alpha = %s(\"alpha\", ...)."
                % (self.__class__.__name__, name, self.__class__.__name__)
            )
        if isinstance(type, str):
            raise MetaflowException(
                "The type of the parameter '%s' is the text '%s'. Write the type itself, without quotes: type=%s."
                % (name, type, type)
            )
        for argument in kwargs:
            if argument != "separator" and argument not in options.ALL:
                from .spelling import meant

                known = ("default", "type", "help", "required", "show_default", "separator", *self._arguments)
                raise MetaflowException(
                    "The parameter '%s' has no argument '%s'.%s It takes %s."
                    % (name, argument, meant(argument, known), ", ".join(known))
                )
        self.name = name
        self.attribute = name
        self.kwargs = dict(kwargs, default=default, type=type, help=help, required=required, show_default=show_default)
        self.separator = kwargs.get("separator")
        for field in ("show_default", "separator", "required"):
            if callable(self.kwargs.get(field)):
                raise MetaflowException("The field '%s' of the parameter '%s' cannot be a function." % (field, name))
        self.default = default
        self.required = bool(required) and default is None
        self.option = None
        type = tuple(type) if isinstance(type, list) else type
        types = options.types_of(type)
        if (types or not options.ALL.isdisjoint(kwargs)) and not any(
            hasattr(value, "levada_delayed") for value in self.kwargs.values()
        ):
            self.option = options.Option(self, kwargs, types)
        self.type = self._inferred_type(type)
        self.help = help
        self.hide_default = isinstance(show_default, str) or show_default is not None and not show_default
        if self.separator and self.type is not str and not hasattr(self.type, "levada_delayed"):
            raise MetaflowException("The parameter '%s' has a separator, so it must be of type str." % name)

    def _inferred_type(self, given):
        if given is not None:
            return given
        default = self.default
        inferred = self.option.inferred_type() if self.option is not None else None
        if inferred is not None:
            return inferred
        if default is None or callable(default):
            return str
        if isinstance(default, (list, tuple, dict)):
            return JSONType
        return type(default)

    # The attribute of a running flow.

    def __set_name__(self, owner, attribute):
        self.attribute = attribute

    def __get__(self, flow, owner=None) -> "Any":
        if flow is None:
            return self
        return flow._levada_shared(self.attribute, self)

    def __set__(self, flow, value):
        set_outside(flow, self.attribute, value)

    def __delete__(self, flow):
        delete_outside(flow, self.attribute)

    def __repr__(self):
        return "<parameter %s>" % self.name

    # The definition.

    def kind(self):
        """The type's name in the definition."""
        if isinstance(self.type, JSONTypeClass):
            return "json"
        return _CONVERSIONS[self.type][0] if self.type in _CONVERSIONS else "str"

    def describe(self):
        """The parameter as the definition has it."""
        described = {"name": self.name, "attribute": self.attribute, "type": self.kind()}
        text = self.help if self.option is None else self.option.help(self.help)
        if isinstance(self.kwargs["show_default"], str):
            text = ("%s  [default: (%s)]" % (text or "", self.kwargs["show_default"])).strip()
        if text:
            described["help"] = str(text)
        if self.required:
            described["required"] = True
        if callable(self.default):
            described["computed"] = True
        elif self.default is not None:
            described["default"] = self.default
        if self.separator:
            described["separator"] = self.separator
        if self.hide_default:
            described["hide_default"] = True
        if self.option is not None:
            described.update(self.option.describe())
        return described

    # The value.

    def convert(self, value):
        """The value for a text of the command line. UsageError if it does not fit."""
        return self._split(self.convert_one(value))

    def _split(self, value):
        if self.separator and isinstance(value, str) and value:
            return value.split(self.separator)
        return value

    def convert_one(self, value, type=None):
        """The value for a text, before a separator splits it. UsageError if it does not fit.

        ``type`` is that of one of several values, where each has its own.
        """
        try:
            return self._convert(value, self.type if type is None else type)
        except UsageError:
            raise
        except Exception as error:
            # Types of click explain themselves in a message of their own.
            text = getattr(error, "message", None) or str(error)
            raise UsageError("Invalid value for '--%s': %s" % (self.name, text), self.name) from None

    def _convert(self, value, type):
        if type in _CONVERSIONS:
            return _CONVERSIONS[type][1](value)
        convert = getattr(type, "convert", None)
        if convert is not None:
            return convert(value, None, None)
        return type(value)

    def unfit_default(self):
        """What is wrong with a default that does not have the parameter's type; empty if nothing is."""
        plain = self.type in _CONVERSIONS or isinstance(self.type, JSONTypeClass)
        if self.default is None or callable(self.default) or not plain or self.option is not None:
            return ""
        try:
            self._convert(self.default, self.type)
        except ValueError as error:
            return str(error)
        return ""

    def computed_default(self, context):
        """The default, computed if it is a function."""
        default = self.default
        if not callable(default):
            return default
        from .exceptions import ParameterFieldTypeMismatch

        value = self.call_default(context)
        expected = self.type if self.type in _EXACT_TYPES else str
        if type(value) is not expected if expected is not str else not isinstance(value, str):
            raise ParameterFieldTypeMismatch(
                "The function that computes the default of the parameter '%s' returned %s, but the parameter's type "
                "asks for %s." % (self.name, type(value).__name__, expected.__name__)
            )
        return value

    def call_default(self, context):
        """What the function returns that computes the default."""
        from .exceptions import ParameterFieldFailed

        try:
            return self.default(context._replace(parameter_name=self.name))
        except Exception:
            with library():
                from traceback import format_exc

            raise ParameterFieldFailed(self.name, "default", format_exc()) from None

    def resolve(self, given, context):
        """The value of a run: ``given`` is the text of the command line, or texts, or _UNSET."""
        if self.option is not None:
            texts = None if given is _UNSET else given if isinstance(given, list) else [given]
            return self._split(self.option.value(texts, context))
        if given is _UNSET:
            default = self.computed_default(context)
            if default is None:
                if self.required:
                    raise UsageError("Missing option '--%s'." % self.name, self.name)
                return None
            try:
                return self.convert(default)
            except UsageError as error:
                raise UsageError(
                    "%s\nThis is its default. Give another value with --%s, or change the default in the flow."
                    % (error.message, self.name),
                    self.name,
                ) from None
        elif isinstance(given, list):
            given = given[-1]
        return self.convert(given)

    def value_without(self):
        """The value in a run whose origin's flow did not have the parameter yet: a plain default, or None.

        MetaflowException if it needs another: such a run has nobody who would give, compute or include one. A resume
        is refused before it begins; a spin is not, since its task may do without.
        """
        if not self.required if self.default is None else not callable(self.default) and self.kind() != "file":
            return self.resolve(_UNSET, None)
        raise MetaflowException(  # an AttributeError would end in __getattr__, which knows less
            "The parameter '%s' has no value: it was added after the run that this one goes on from. Give it a default "
            "that is not computed, or start a new run of the flow." % self.name
        )

    def display(self, value):
        """The value as text for people."""
        if isinstance(value, str):
            return value
        if value is None or isinstance(value, (bool, int, float)):
            return str(value)
        with library():
            from json import dumps

        try:
            return dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            return repr(value)


Parameter.__new__.__wrapped__ = Parameter.__init__  # IPython and others show its arguments, not ``*args``


def set_outside(flow, attribute, value):
    """Set a parameter or config of a flow that no run has, as a test does before it calls a step."""
    if getattr(flow, "_levada", None) is not None:
        raise AttributeError(
            "Flow parameters and class-level constants are not modifiable: '%s' cannot be set." % attribute
        )
    flow.__dict__[attribute] = value


def delete_outside(flow, attribute):
    """Undo what ``set_outside`` did."""
    if getattr(flow, "_levada", None) is not None:
        raise AttributeError(
            "Flow parameters and class-level constants are not modifiable: '%s' cannot be deleted." % attribute
        )
    if attribute not in flow.__dict__:
        raise AttributeError("The flow has no '%s' of its own that could be deleted." % attribute)
    del flow.__dict__[attribute]


def parameters_of(flow_class):
    """The parameters of a flow by attribute, in alphabetical order."""
    attributes = {}
    for cls in reversed(flow_class.__mro__):
        attributes.update(cls.__dict__)
    return {name: attributes[name] for name in sorted(attributes) if isinstance(attributes[name], Parameter)}


def resolve_all(parameters, values, context):
    """The values of all parameters of a run by attribute; ``values`` are the texts given, by name."""
    return {
        attribute: parameter.resolve(values.get(parameter.name, _UNSET), context)
        for attribute, parameter in parameters.items()
    }


def __getattr__(name):
    if name == "ParameterContext":
        from .tuples import ParameterContext

        return ParameterContext
    raise AttributeError("module '%s' has no attribute '%s'" % (__name__, name))
