"""From the class that was imported to the flow that runs: configs, mutators, decorators of the command line.

Most flows have none of it, and nothing of this is loaded. For the others, the order is:

1. The configs get their values: from the command line, from the run that is resumed, or their defaults.
2. Decorators get the values of expressions of configs.
3. ``pre_mutate`` of the flow's mutators, then of those of the steps.
4. Parameters and constants get the values of expressions of configs.
5. The decorators of ``--with`` are put on each step that does not have them.
6. ``mutate`` of the flow's mutators, then of those of the steps.
7. User step decorators get their arguments.

It happens once in each process that describes the flow: the fork server, or the interpreter of a single task.
"""

import sys

from .decorators import STEP_DECORATORS, flow_decorators
from .exceptions import MetaflowException
from .graph import place_of, steps_of


def needed(flow_class):
    """Whether a flow has configs, mutators or user decorators. Quick: who uses one has loaded its module."""
    configs, custom = sys.modules.get("levada.configs"), sys.modules.get("levada.custom")
    if configs is not None and any(
        isinstance(value, configs.Config) for cls in flow_class.__mro__ for value in cls.__dict__.values()
    ):
        return True
    if custom is None:
        return False
    kinds = custom.StepMutator, custom.UserStepDecorator
    return bool(custom.flow_mutators(flow_class)) or any(
        kind.on(step) for kind in kinds for step in steps_of(flow_class).values()
    )


class Setup:
    """What the host knows that a description depends on."""

    def __init__(self, frame=None, known=None):
        frame = frame or {}
        self.user = frame.get("user")
        self.files = frame.get("config_files") or {}
        self.texts = frame.get("config_values") or {}
        self.known = known or {}  # values of configs that are certain, by name
        self.with_ = frame.get("with") or []
        #: Why configs have no value, where the flow is described all the same: for help, and for Runner.
        self.problems = [] if frame.get("lenient") else None


def received(frame, body):
    """The setup that a frame has, with the values of configs that its body has."""
    from pickle import loads

    known, start = {}, 0
    for entry in frame.get("configs") or ():
        known[entry["name"]] = loads(body[start : start + entry["length"]])
        start += entry["length"]
    return Setup(frame, known)


class _said_of:
    """``with _said_of("@retry of step train"):`` lets a failure say what it is about, and where that is known."""

    def __init__(self, subject, cls=None):
        self._subject = subject
        self._class = cls

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not isinstance(error, MetaflowException):
            return
        error.message = "%s: %s" % (self._subject, error.message)
        place = place_of(self._class, self._subject) if self._class is not None else ()
        if place:
            error.source_file, error.line_no = place


class Preparation:
    """One flow on its way."""

    def __init__(self, flow_class, setup):
        self.flow_class = flow_class
        self.setup = setup
        #: The configs by attribute, and their values as flows see them, by name.
        self.configs, self.values = {}, {}
        #: Whether mutators may still change everything: while pre_mutate is called.
        self.early = True
        self.flow_mutators = []

    def run(self):
        """Do all of it; return the values of the configs as plain data, by name."""
        plain = self._read_configs()
        if len(plain) < len(self.configs):
            return plain  # for help, as far as it is known
        for where, decorator in self._decorators():
            # What is unpacked out of a config may have more than the decorator takes, as in Metaflow.
            with _said_of("@%s of %s" % (decorator.name, where)):
                decorator.attributes = self.resolve(decorator.attributes)
        self._mutate("pre_mutate")
        self._finish_parameters()
        for added in self.setup.with_:
            self._add_to_steps(added["name"], added.get("attributes") or {})
        self.early = False
        self._mutate("mutate")
        for decorator in self._of_steps("UserStepDecorator"):
            decorator.setup(self.resolve)
        return plain

    def resolve(self, value):
        """The value with what its expressions of configs stand for."""
        configs = sys.modules.get("levada.configs")
        return configs.resolve(value, self.values) if configs is not None else value

    def _read_configs(self):
        if "levada.configs" not in sys.modules:
            return {}
        from . import configs
        from .tuples import ParameterContext

        setup = self.setup
        self.configs = configs.configs_of(self.flow_class)
        context = ParameterContext(
            flow_name=self.flow_class.__name__,
            user_name=setup.user,
            parameter_name=None,
            logger=lambda *message: print(*message, file=sys.stderr),
            ds_type="local",
            configs=None,
        )
        plain = configs.read(self.configs, setup.files, setup.texts, setup.known, context, setup.problems)
        self.values = configs.assign(self.configs, plain)
        return plain

    def _decorators(self):
        """Each decorator, and what it stands on."""
        for name, step in steps_of(self.flow_class).items():
            for decorator in step.decorators:
                yield "step %s" % name, decorator
        for decorator in flow_decorators(self.flow_class):
            yield "the flow", decorator

    def _of_steps(self, kind):
        custom = sys.modules.get("levada.custom")
        if custom is None:
            return
        for step in steps_of(self.flow_class).values():
            yield from getattr(custom, kind).on(step)

    def _mutate(self, phase):
        if "levada.custom" not in sys.modules:
            return
        from .custom import StepMutator, flow_mutators
        from .mutable import MutableFlow, MutableStep

        if phase == "pre_mutate":
            self.flow_mutators = flow_mutators(self.flow_class)
        for mutator in self.flow_mutators:  # which may add others
            mutator.setup(self.resolve)
            getattr(mutator, phase)(MutableFlow(self, mutator))
        for step in steps_of(self.flow_class).values():
            for mutator in StepMutator.on(step):
                mutator.setup(self.resolve)
                getattr(mutator, phase)(MutableStep(self, mutator, step))

    def _finish_parameters(self):
        if not self.configs:
            return
        from .configs import Delayed, is_delayed
        from .parameters import Parameter

        for cls in self.flow_class.__mro__:
            for name, value in list(cls.__dict__.items()):
                with _said_of(name, cls):
                    if isinstance(value, Delayed):
                        setattr(cls, name, self.resolve(value))
                    elif isinstance(value, Parameter) and is_delayed([list(value._given[0]), value._given[1]]):
                        attribute = value.attribute
                        args, kwargs = (self.resolve(given) for given in (list(value._given[0]), value._given[1]))
                        value.__init__(*args, **kwargs)
                        value.attribute = attribute

    def _add_to_steps(self, name, attributes):
        """Put a decorator of the command line on each step that does not have it, or may have several."""
        cls = STEP_DECORATORS.get(name)
        if cls is not None:
            for step in steps_of(self.flow_class).values():
                if cls.allow_multiple or not any(other.name == name for other in step.decorators):
                    self._add(step.decorators, cls(attributes))
            return
        from .custom import REGISTRY, StepMutator, UserStepDecorator, find
        from .mutable import positional

        cls = find(name)
        of_steps = (UserStepDecorator, StepMutator)
        if cls is None or not issubclass(cls, of_steps):
            from .exceptions import UnknownStepDecoratorException

            known = [path for path, other in REGISTRY.items() if issubclass(other, of_steps)]
            raise UnknownStepDecoratorException(name, [*STEP_DECORATORS, *known])
        args, kwargs = positional(attributes)
        for step in steps_of(self.flow_class).values():
            if not any(type(other) is cls for other in cls.on(step)):
                new = cls.parse_decorator_spec(args, kwargs)
                for own in cls.lists(step):
                    self._add(own, new)

    def _add(self, decorators, new):
        new.statically_defined = False
        new.inserted_by = "--with"
        decorators.append(new)


def prepare(flow_class, setup):
    """Prepare a flow. Returns the values of its configs as plain data by name, and the configs by attribute."""
    preparation = Preparation(flow_class, setup)
    return preparation.run(), preparation.configs
