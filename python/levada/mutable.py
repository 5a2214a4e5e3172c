"""What mutators change: a flow and its steps, as long as the definition is not final."""

from .configs import Config
from .custom import FlowMutator, StepMutator, UserStepDecorator, find, flow_mutators
from .decorators import (
    FLOW_DECORATOR_CLASSES,
    FLOW_DECORATORS,
    STEP_DECORATORS,
    FlowDecorator,
    StepDecorator,
    flow_decorators,
)
from .exceptions import (
    DuplicateFlowDecoratorException,
    DuplicateStepDecoratorException,
    MetaflowException,
    UnknownFlowDecoratorException,
    UnknownStepDecoratorException,
)
from .graph import steps_of
from .parameters import Parameter, parameters_of
from .standard import TYPE_CHECKING, library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def parse(spec):
    """A decorator as text, ``name:key=value,key=value``: its name and its arguments by name.

    A value is JSON if it reads as such, else a number, else text.
    """
    with library():
        from json import loads
    from re import split

    name, given, rest = spec.partition(":")
    arguments = {}
    for segment in split(r",\s*(?=\w+=)", rest) if given and rest.strip() else ():
        key, equals, text = segment.partition("=")
        if not equals or not key.strip():
            raise MetaflowException("'%s' is not of the form key=value in the decorator '%s'." % (segment, spec))
        value = text
        for read in (lambda text: loads(text.replace('\\"', '"')), int, float):
            try:
                value = read(text.strip())
                break
            except ValueError:
                pass
        arguments[key.strip()] = value
    return name.strip().lstrip("@"), arguments


def positional(arguments):
    """Arguments by position and by name, of which the former have their position as name: ``0=v,1=w``."""
    args = [arguments[key] for key in sorted((key for key in arguments if key.isdigit()), key=int)]
    return args, {key: value for key, value in arguments.items() if not key.isdigit()}


def spec_of(decorator):
    """The decorator as mutators see it: short name, dotted path, positional arguments, the others."""
    if hasattr(decorator, "spec"):
        return decorator.spec()
    cls = type(decorator)
    return decorator.name, "%s.%s" % (cls.__module__, decorator.name), [], dict(decorator.attributes)


class _Mutable:
    """A flow or a step, in the hands of one mutator."""

    #: What to do with a decorator that is there already: leave that one, fail, or put the new one in its place.
    IGNORE, ERROR, OVERRIDE = 1, 2, 3

    def _named(self, name):
        return [spec for spec in self.decorator_specs if name == spec["." in name]]

    def has_decorator(self, name) -> bool:
        """Whether there is a decorator with this name; one with a dot is a dotted path."""
        return bool(self._named(name))

    def get_decorator_specs(self, name) -> "Any":
        """Those of ``decorator_specs`` with this name; one with a dot is a dotted path."""
        return self._named(name)

    def _asked(self, deco, args, kwargs, known, bases, unknown):
        """The class of a decorator to add, and its arguments."""
        if isinstance(deco, str):
            name, arguments = parse(deco)
            if arguments and (args or kwargs):
                raise MetaflowException(
                    "The decorator '%s' has arguments in its text. Give none with deco_args and deco_kwargs." % deco
                )
            if arguments:
                args, kwargs = positional(arguments)
            cls = known.get(name) or find(name)
            if cls is None:
                raise unknown(name, known)
        else:
            cls = getattr(deco, "decorator_class", deco)
        if not (isinstance(cls, type) and issubclass(cls, bases)):
            raise MetaflowException("%s cannot be added to a %s." % (deco, self._what))
        return cls, list(args or ()), dict(kwargs or {})

    def _only_early(self, doing, name):
        if not self._preparation.early:
            raise MetaflowException(
                "%s '%s' from %s is only allowed in the `pre_mutate` method and not the `mutate` method"
                % (doing, name, self._who.decorator_name)
            )

    def _add(self, all, new, same, multiple, duplicates, duplicate):
        """Put a decorator into a list; None if one that is there already has to stay."""
        new.statically_defined = self._who.statically_defined
        new.inserted_by = self._who.decorator_name
        there = [] if multiple else [other for other in all if same(other)]
        if there:
            if duplicates == self.IGNORE:
                return None
            if duplicates == self.ERROR:
                if self._who.statically_defined:
                    raise duplicate
                return None
            if duplicates != self.OVERRIDE:
                raise MetaflowException("duplicates is IGNORE, ERROR or OVERRIDE, not %r." % (duplicates,))
            for other in there:
                all.remove(other)
        all.append(new)
        return new

    def _matching(self, all, name, args, kwargs):
        found = []
        for decorator in all:
            short, path, positions, names = spec_of(decorator)
            if (
                name == (path if "." in name else short)
                and (args is None or list(args) == positions)
                and all_equal(kwargs or {}, names)
            ):
                found.append(decorator)
        return found


def all_equal(some, names):
    """Whether all of ``some`` are in ``names`` with the same values."""
    return all(key in names and names[key] == value for key, value in some.items())


class MutableStep(_Mutable):
    """A step in the hands of a mutator."""

    _what = "step"

    def __init__(self, preparation, who, function):
        self._preparation = preparation
        self._who = who
        self._function = function

    @property
    def flow(self) -> "MutableFlow":
        """The flow of the step, a MutableFlow."""
        return MutableFlow(self._preparation, self._who)

    def _all(self):
        function = self._function
        custom = dict.fromkeys([*UserStepDecorator.on(function), *StepMutator.on(function)])  # one may be both
        return [*function.decorators, *custom]

    @property
    def decorator_specs(self) -> "Any":
        """All decorators and mutators of the step: tuples of name, dotted path, arguments by position, by name."""
        return iter([spec_of(decorator) for decorator in self._all()])

    def add_decorator(self, deco_type, deco_args=None, deco_kwargs=None, duplicates=_Mutable.IGNORE) -> "Any":
        """Add a decorator: the function or class, or its text ``"name:key=value"``. Mutators only in ``pre_mutate``.

        Returns the decorator, or None if one that was there already has stayed.
        """
        cls, args, kwargs = self._asked(
            deco_type, deco_args, deco_kwargs, STEP_DECORATORS,
            (StepDecorator, UserStepDecorator, StepMutator), UnknownStepDecoratorException,
        )  # fmt: skip
        function = self._function
        if issubclass(cls, StepDecorator):
            if args:
                raise MetaflowException("The decorator '%s' takes no positional arguments." % cls.name)
            duplicate = DuplicateStepDecoratorException(cls.name, function)
            return self._add(
                function.decorators, cls(self._preparation.resolve(kwargs)), lambda other: other.name == cls.name,
                cls.allow_multiple, duplicates, duplicate,
            )  # fmt: skip
        if issubclass(cls, StepMutator):
            self._only_early("Adding step mutator", cls.decorator_name)
        new = cls(*args, **kwargs)
        duplicate = DuplicateStepDecoratorException(cls.decorator_name, function)
        first, *more = cls.lists(function)
        added = self._add(first, new, lambda other: type(other) is cls, False, duplicates, duplicate)
        if added is not None:
            for own in more:
                own[:] = [*(other for other in own if type(other) is not cls), new]
            added.setup(self._preparation.resolve)
        return added

    def remove_decorator(self, deco_name, deco_args=None, deco_kwargs=None) -> bool:
        """Remove the decorators with a name, and with these arguments if any are given; whether there was one."""
        function = self._function
        found = self._matching(self._all(), deco_name, deco_args, deco_kwargs)
        for decorator in found:
            if isinstance(decorator, StepMutator):
                self._only_early("Removing step mutator", decorator.decorator_name)
        for decorator in found:
            for all in (function.decorators, UserStepDecorator.on(function), StepMutator.on(function)):
                if decorator in all:
                    all.remove(decorator)
        return bool(found)


class MutableFlow(_Mutable):
    """A flow in the hands of a mutator. Its steps, parameters and configs are attributes, too."""

    _what = "flow"

    def __init__(self, preparation, who):
        self._preparation = preparation
        self._who = who

    @property
    def decorator_specs(self) -> "Any":
        """All decorators and mutators of the flow: tuples of name, dotted path, arguments by position, by name."""
        flow_class = self._preparation.flow_class
        return iter([spec_of(decorator) for decorator in [*flow_decorators(flow_class), *flow_mutators(flow_class)]])

    @property
    def configs(self) -> "Any":
        """The configs: tuples of name and value."""
        return iter([(config.name, config._value) for config in self._preparation.configs.values()])

    @property
    def parameters(self) -> "Any":
        """The parameters: tuples of attribute and Parameter."""
        return iter(list(parameters_of(self._preparation.flow_class).items()))

    @property
    def steps(self) -> "Iterator[tuple[str, MutableStep]]":
        """The steps: tuples of name and MutableStep."""
        found = steps_of(self._preparation.flow_class)
        return iter([(name, MutableStep(self._preparation, self._who, step)) for name, step in found.items()])

    def __getattr__(self, name: str) -> "Any":
        if name[:1] == "_":
            raise AttributeError(name)
        flow_class = self._preparation.flow_class
        function = steps_of(flow_class).get(name)
        if function is not None:
            return MutableStep(self._preparation, self._who, function)
        value = getattr(flow_class, name, None)
        if isinstance(value, Parameter):
            return value
        if isinstance(value, Config):
            return value._value
        raise AttributeError("The flow %s has no step, parameter or config '%s'" % (flow_class.__name__, name))

    def add_parameter(self, name, value, overwrite=False) -> None:
        """Add a Parameter or IncludeFile as the attribute ``name``. Only in ``pre_mutate``.

        An attribute that is there already is an error, unless ``overwrite`` is set.
        """
        self._only_early("Adding parameter", name)
        flow_class = self._preparation.flow_class
        if not isinstance(value, Parameter):
            raise MetaflowException(
                "Only a Parameter or an IncludeFile can be added with `add_parameter`; got %s" % type(value)
            )
        if hasattr(flow_class, name) and not overwrite:
            raise MetaflowException(
                "The flow '%s' already has a class member '%s' -- set overwrite=True in add_parameter to overwrite it."
                % (flow_class.__name__, name)
            )
        setattr(flow_class, name, value)
        value.__set_name__(flow_class, name)

    def remove_parameter(self, parameter_name: str) -> bool:
        """Remove the parameter with this name on the command line; whether there was one. Only in ``pre_mutate``."""
        self._only_early("Removing parameter", parameter_name)
        flow_class = self._preparation.flow_class
        for attribute, parameter in parameters_of(flow_class).items():
            if parameter.name == parameter_name:
                for cls in flow_class.__mro__:
                    if attribute in cls.__dict__:
                        delattr(cls, attribute)
                return True
        return False

    def add_decorator(self, deco_type, deco_args=None, deco_kwargs=None, duplicates=_Mutable.IGNORE) -> "Any":
        """Add a decorator or mutator: the function or class, or its text ``"name:key=value"``. Only in ``pre_mutate``.

        Returns the decorator, or None if one that was there already has stayed.
        """
        cls, args, kwargs = self._asked(
            deco_type, deco_args, deco_kwargs, FLOW_DECORATOR_CLASSES, (FlowDecorator, FlowMutator),
            UnknownFlowDecoratorException,
        )  # fmt: skip
        flow_class = self._preparation.flow_class
        if issubclass(cls, FlowMutator):
            self._only_early("Adding flow mutator", cls.decorator_name)
            new = cls(*args, **kwargs)
            new.inserted_by = self._who.decorator_name
            new(flow_class)
            self._preparation.flow_mutators.append(new)
            return new
        self._only_early("Adding flow-decorator", cls.name)
        if args:
            raise MetaflowException("The decorator '%s' takes no positional arguments." % cls.name)
        if FLOW_DECORATORS not in flow_class.__dict__:
            setattr(flow_class, FLOW_DECORATORS, [])
        there = [other for other in flow_decorators(flow_class) if other.name == cls.name]
        inherited = [other for other in there if other not in flow_class.__dict__[FLOW_DECORATORS]]
        if duplicates == self.OVERRIDE and not cls.allow_multiple:
            self._remove(inherited)
        elif inherited and not cls.allow_multiple:
            if duplicates == self.ERROR:
                raise DuplicateFlowDecoratorException(cls.name)
            return None
        return self._add(
            flow_class.__dict__[FLOW_DECORATORS], cls(self._preparation.resolve(kwargs)),
            lambda other: other.name == cls.name, cls.allow_multiple, duplicates,
            DuplicateFlowDecoratorException(cls.name),
        )  # fmt: skip

    def remove_decorator(self, deco_name, deco_args=None, deco_kwargs=None) -> bool:
        """Remove the decorators with a name, and with these arguments if any are given; whether there was one.

        Only in ``pre_mutate``. Mutators stay: they are at work.
        """
        self._only_early("Removing flow-decorator", deco_name)
        flow_class = self._preparation.flow_class
        if self._matching(flow_mutators(flow_class), deco_name, None, None):
            raise MetaflowException("The FlowMutator '%s' cannot be removed: only decorators can." % deco_name)
        found = self._matching(flow_decorators(flow_class), deco_name, deco_args, deco_kwargs)
        self._remove(found)
        return bool(found)

    def _remove(self, decorators):
        for cls in self._preparation.flow_class.__mro__:
            own = cls.__dict__.get(FLOW_DECORATORS, [])
            own[:] = [decorator for decorator in own if decorator not in decorators]
