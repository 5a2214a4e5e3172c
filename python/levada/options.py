"""Arguments of click's options, which a Parameter takes as in Metaflow: flags, several values, callbacks."""

from .exceptions import MetaflowException, UsageError

#: What a Parameter takes of click's options.
TAKEN = frozenset((
    "is_flag", "flag_value", "multiple", "nargs", "count", "envvar", "show_envvar", "callback", "metavar", "hidden",
))  # fmt: skip
#: What says nothing here, for it is about questions to the user, or about the order of options.
WITHOUT_EFFECT = frozenset(("show_choices", "is_eager"))
#: What cannot be done, with the value that asks for nothing, and what to do instead.
REFUSED = {
    "prompt": (False, "a run asks for nothing when it starts. Use required=True, or a default"),
    "confirmation_prompt": (False, "a run asks for nothing when it starts"),
    "hide_input": (False, "a run asks for nothing when it starts"),
    "allow_from_autoenv": (True, "each parameter can be given by METAFLOW_RUN_<NAME>"),
    "expose_value": (True, "each parameter becomes an attribute of the flow"),
}
ALL = TAKEN | WITHOUT_EFFECT | frozenset(REFUSED)


def types_of(type):
    """The types of several values at once, each with its own: of a tuple, or of click's Tuple; else empty."""
    if isinstance(type, tuple):
        return type
    return tuple(type.types) if getattr(type, "is_composite", False) is True and hasattr(type, "types") else ()


class Option:
    """How a parameter is written on the command line, and what becomes of its texts."""

    def __init__(self, parameter, given, types=()):
        self._parameter = parameter
        self._types = types
        for argument, (nothing, why) in REFUSED.items():
            if given.get(argument, nothing) not in (nothing, None):
                raise self._mistake("has %s=%r, which Levada does not have: %s" % (argument, given[argument], why))
        self.is_flag = bool(given.get("is_flag", given.get("flag_value") is not None))
        self.multiple = bool(given.get("multiple"))
        self.count = bool(given.get("count"))
        self.nargs = (len(types) or 1) if given.get("nargs") is None else given["nargs"]
        self.callback = given.get("callback")
        self._flag_value = given.get("flag_value")
        self._given = given
        if type(self.nargs) is not int or self.nargs < 1:
            raise self._mistake("has nargs=%r. It is how many values the option takes, at least 1" % (self.nargs,))
        if self.callback is not None and not callable(self.callback):
            raise self._mistake("has callback=%r, which is not a function" % (self.callback,))
        if types and self.nargs != len(types):
            raise self._mistake("has nargs=%d and a type for %d values. Leave nargs out" % (self.nargs, len(types)))
        self._check_company()
        self._check_default()

    def _mistake(self, text):
        return MetaflowException("The parameter '%s' %s." % (self._parameter.name, text))

    def _check_company(self):
        """MetaflowException for arguments that exclude each other."""
        several = "a tuple as its type" if self._types else "nargs"
        forms = {"is_flag": self.is_flag, "count": self.count, "multiple": self.multiple, several: self.nargs > 1}
        chosen = [name for name, is_chosen in forms.items() if is_chosen]
        if "parser" in self._parameter._arguments and (chosen or self.callback):
            raise self._mistake("has %s, which an IncludeFile cannot have" % (chosen or ["callback"])[0])
        if self._parameter.separator and chosen:
            chosen.append("separator")
        if len(chosen) > 1 and chosen != ["multiple", several]:
            raise self._mistake("has %s, but can have only one of them" % " and ".join(chosen))

    def _check_default(self):
        default = self._parameter.default
        if self.several and not (default is None or callable(default) or isinstance(default, (list, tuple))):
            raise self._mistake("takes several values, so its default is a list of them, not %r" % (default,))

    @property
    def several(self):
        """Whether the value is a tuple."""
        return self.multiple or self.nargs > 1

    def inferred_type(self):
        """The type of a parameter that has none, or None where its default says it."""
        default = self._parameter.default
        if self.count:
            return int
        if self.is_flag and default is None and self._flag_value is None:
            return bool
        if not self.several:
            return None
        while isinstance(default, (list, tuple)) and default:
            default = default[0]
        return type(default) if isinstance(default, (bool, int, float)) else str

    def describe(self):
        """What the definition says of the option."""
        described = {}
        if self.is_flag:
            described["flag"] = self._flag_text()
        elif self.count:
            described["flag"] = "1"
        if self.multiple:
            described["many"] = True
        if self.nargs > 1:
            described["arity"] = self.nargs
        if self._given.get("hidden"):
            described["hidden"] = True
        if self.metavar():
            described["metavar"] = self.metavar()
        if self._given.get("envvar"):
            described["variables"] = self._variables()
        return described

    def help(self, text):
        """The help, with the variables if they are to be shown."""
        if not self._given.get("show_envvar") or not self._given.get("envvar"):
            return text
        return ("%s  [env var: %s]" % (text or "", ", ".join(self._variables()))).strip()

    def metavar(self):
        """What stands for the value in help, if it is not the type's name."""
        if self._types and not self._given.get("metavar"):
            return "<%s>..." % " ".join(map(_name_of, self._types))
        choices = getattr(self._parameter.type, "choices", None)
        return self._given.get("metavar") or ("[%s]" % "|".join(map(str, choices)) if choices else None)

    def _variables(self):
        given = self._given["envvar"]
        return [given] if isinstance(given, str) else list(given)

    def _flag_text(self):
        """The text that the flag stands for."""
        return str(self._parameter.default is not True if self._flag_value is None else self._flag_value)

    # The value.

    def value(self, texts, context):
        """The value for the texts of the command line; None: there are none."""
        parameter = self._parameter
        if texts is None:
            texts = parameter.default
            if callable(texts):
                texts = self._computed(context)
            if texts is None and parameter.required:
                raise UsageError("Missing option '--%s'." % parameter.name, parameter.name)
            value = self._of_default(texts)
        elif self.several:
            value = self._grouped(self._converted(texts))
        elif self.count:
            value = sum(parameter.convert_one(text) for text in texts)
        else:
            value = parameter.convert_one(texts[-1])
        return value if self.callback is None else self._called(value)

    def _computed(self, context):
        if self.several:
            return self._parameter.call_default(context)
        return self._parameter.computed_default(context)

    def _of_default(self, default):
        if self.several:
            if self.multiple and self.nargs > 1:
                return tuple(map(self._one_use, default or ()))
            return tuple(self._converted(default or ())) if self.multiple else self._one_use(default or ())
        if default is None:
            return 0 if self.count else False if self.is_flag and self._parameter.type is bool else None
        return self._parameter.convert_one(default)

    def _converted(self, values):
        """The values of texts, use after use."""
        convert, types = self._parameter.convert_one, self._types
        if not types:
            return [convert(value) for value in values]
        return [convert(value, types[at % len(types)]) for at, value in enumerate(values)]

    def _one_use(self, values):
        if values and len(values) != self.nargs:
            raise UsageError(
                "Invalid value for '--%s': %d values are expected, not %r"
                % (self._parameter.name, self.nargs, list(values)),
                self._parameter.name,
            )
        return tuple(self._converted(values))

    def _grouped(self, values):
        if self.nargs == 1:
            return tuple(values)
        uses = [tuple(values[at : at + self.nargs]) for at in range(0, len(values), self.nargs)]
        return tuple(uses) if self.multiple else uses[-1]

    def _called(self, value):
        try:
            return self.callback(None, self._parameter, value)
        except Exception as error:
            if hasattr(error, "message") and hasattr(error, "show"):  # click's own way to say what is wrong
                text = "Invalid value for '--%s': %s" % (self._parameter.name, error.message)
                raise UsageError(text, self._parameter.name) from None
            from .exceptions import ParameterFieldFailed
            from .standard import library

            with library():
                from traceback import format_exc

            raise ParameterFieldFailed(self._parameter.name, "callback", format_exc()) from None


def _name_of(type):
    """A type of one of several values as help shows it."""
    plain = {str: "TEXT", int: "INTEGER", float: "FLOAT", bool: "BOOLEAN"}
    return plain.get(type) or str(getattr(type, "name", None) or type.__name__).upper()
