"""Decorators that users write: around steps, and mutators, which change steps and flows before a run.

Using one puts an instance into a list of the step's function, or of the flow's class. They come to life when the flow
is described, see ``prepare.py``: ``init`` is called, mutators do their work, and ``wrap`` puts the decorators of a step
around its function, so that a task has nothing to do for them but to call it.
"""

from .exceptions import BadStepDecoratorException, FailureHandledByCatch, MetaflowException
from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .decorators import _Flow, _Step
    from .mutable import MutableFlow, MutableStep

#: Class attribute under which a flow keeps its own mutators. Two underscores: it is no artifact.
FLOW_MUTATORS = "__levada_mutators__"
#: What a generator yields to leave the step out: the run goes on with the step's own transition.
USER_SKIP_STEP = {}

_GENERATOR = 0x20  # inspect.CO_GENERATOR; importing inspect takes longer than all of this

#: All that can be named on the command line or by a mutator, by dotted path.
REGISTRY = {}


def _is_step(value):
    return getattr(value, "is_step", False) is True


def _is_flow(value):
    from .flowspec import FlowSpec

    return isinstance(value, type) and issubclass(value, FlowSpec)


class _Applicable(type):
    """Classes that are decorators: calling one with what it decorates decorates that, and gives it back."""

    def __init__(cls, name, bases, names):
        super().__init__(name, bases, names)
        cls.decorator_name = "%s.%s" % (cls.__module__, cls.__qualname__.rpartition("<locals>.")[2])
        if cls.__module__ != __name__:
            for base in bases:
                REGISTRY.pop(getattr(base, "decorator_name", None), None)  # only what nobody derives from can be named
            REGISTRY[cls.decorator_name] = cls

    def __call__(cls, *args, **kwargs) -> "Any":
        if len(args) == 1 and not kwargs and cls._decorates(args[0]):
            return super().__call__()(args[0])
        return super().__call__(*args, **kwargs)


class _Custom(metaclass=_Applicable):
    """What user decorators and mutators have in common: the arguments, and where they came from."""

    _allowed_args = False
    _allowed_kwargs = True
    _kind = "decorator"

    def __init__(self, *args, **kwargs) -> None:
        if args and not self._allowed_args:
            if len(args) == 1 and callable(args[0]) and not kwargs:
                raise BadStepDecoratorException(self.decorator_name, args[0])
            raise MetaflowException(
                "%s takes no positional arguments. Give them by name: @%s(name=value)." % (self, type(self).__name__)
            )
        if kwargs and not self._allowed_kwargs:
            raise MetaflowException("%s takes no keyword arguments." % self)
        self._args = list(args)
        self._kwargs = kwargs
        self.statically_defined = True
        self.inserted_by = None  # the mutator that added it, or "--with"
        self._ready = False

    @classmethod
    def parse_decorator_spec(cls, args, kwargs):
        """An instance for arguments that were read from text."""
        return cls(*args, **kwargs)

    def init(self, *args: "Any", **kwargs: "Any") -> None:
        """Take the arguments of the decorator. Called once, when the configs are known."""

    def setup(self, resolve):
        """Call init, once; ``resolve`` gives expressions of configs their values."""
        if self._ready:
            return
        self._ready = True
        self._args, self._kwargs = resolve(self._args), resolve(dict(self._kwargs))
        if (self._args or self._kwargs) and type(self).init is _Custom.init:
            raise MetaflowException(
                "%s is used with arguments, so its class must have the method init(self, *args, **kwargs)." % self
            )
        self.init(*self._args, **self._kwargs)

    def spec(self):
        """The decorator as mutators see it: short name, dotted path, positional arguments, the others."""
        return type(self).__name__, self.decorator_name, list(self._args), dict(self._kwargs)

    def __str__(self):
        return "%s(%s)" % (self._kind, self.decorator_name)

    __repr__ = __str__


class _OfStep(_Custom):
    @classmethod
    def _decorates(cls, value):
        return _is_step(value)

    #: The list on the step's function that it is put into.
    _list = None

    def __call__(self, function: "_Step") -> "_Step":
        """Put the decorator on a step."""
        if not _is_step(function):
            raise BadStepDecoratorException(self.decorator_name, function)
        for own in self.lists(function):
            own.append(self)
        return function

    @classmethod
    def lists(cls, function):
        """The lists of a step that decorators of this class are in: a class may be decorator and mutator at once."""
        names = dict.fromkeys(base.__dict__["_list"] for base in cls.__mro__ if base.__dict__.get("_list"))
        return [function.__dict__.setdefault(name, []) for name in names]

    @classmethod
    def on(cls, function):
        """The decorators of this kind that a step has, innermost first."""
        return function.__dict__.get(cls._list, [])


class UserStepDecorator(_OfStep):
    """The base of decorators that run code before and after a step.

    Derive a class with ``pre_step`` and ``post_step``, and ``init`` if it takes arguments, and put it above ``@step``.
    Decorators that stand one above the other are around one another: the uppermost is the first to begin.
    """

    _kind = "UserStepDecorator"
    _list = "wrappers"

    #: Set to True by pre_step, the step is left out and its own transition taken. A dict has arguments for that.
    skip_step: "Any" = False

    def pre_step(self, step_name, flow, inputs=None):
        """Called before the step. May return a function to call instead of the step; ``inputs`` are those of a join."""

    def post_step(self, step_name, flow, exception=None):
        """Called after the step, with the exception it raised. What is returned is raised; None lets the run go on.

        A tuple has the exception or None, and arguments for the transition or None.
        """
        return exception


def user_step_decorator(*args, **kwargs) -> "Any":
    """Make a step decorator of a generator function: what is before its ``yield`` runs before the step, the rest after.

    The function has the parameters ``(step_name, flow, inputs)``, and ``attributes`` for what the decorator is given.
    It may yield a function to call instead of the step, or a dict to leave the step out (``USER_SKIP_STEP``: with the
    step's own transition). An exception of the step is raised at the ``yield``.
    """
    if len(args) == 1 and not kwargs and callable(args[0]):
        return _made_of(args[0], (3, 4))
    if args:
        raise MetaflowException("@user_step_decorator takes no positional arguments.")
    return lambda function: _made_of(function, (4,))


def _made_of(function, counts):
    code = getattr(function, "__code__", None)
    if code is None or not code.co_flags & _GENERATOR:
        raise MetaflowException("@user_step_decorator can only decorate generator functions: one with a yield.")
    count = code.co_argcount + code.co_kwonlyargcount
    if count not in counts:
        raise MetaflowException(
            "@user_step_decorator: the generator '%s' must have the parameters (step_name, flow, inputs%s)."
            % (function.__name__, ", attributes" if counts == (4,) else "[, attributes]")
        )
    body = {
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
        "__doc__": function.__doc__,
        "_function": staticmethod(function),
        "_takes_attributes": count == 4,
    }
    return _Applicable(function.__name__, (_Generator,), body)


class _Generator(UserStepDecorator):
    """A decorator that is a generator function."""

    def init(self, *args, **kwargs):
        """Nothing: the function gets the arguments."""

    def pre_step(self, step_name, flow, inputs=None):
        """Run the function up to its yield."""
        more = (dict(self._kwargs),) if self._takes_attributes else ()
        self._generator = self._function(step_name, flow, inputs, *more)
        yielded = next(self._generator)
        if isinstance(yielded, dict):
            self.skip_step = yielded or True
        elif yielded is not None and not callable(yielded):
            raise MetaflowException(
                "%s yielded %r. A generator yields nothing, a function, or a dict." % (self, yielded)
            )
        return yielded if callable(yielded) else None

    def post_step(self, step_name, flow, exception=None):
        """Run the rest of the function."""
        try:
            if exception is None:
                next(self._generator)
            else:
                self._generator.throw(exception)
        except StopIteration as end:
            return end.value
        except Exception as raised:
            return raised
        return MetaflowException("%s should only yield once." % self)


class _Mutator(_Custom):
    _allowed_args = True

    def add_to_package(self):
        """Files that the decorator needs besides the flow's. Local runs do not ask."""
        return []


class StepMutator(_Mutator, _OfStep):
    """The base of decorators that change a step before the run: add, replace and remove its decorators.

    Derive a class with ``pre_mutate`` or ``mutate`` and put it above ``@step``. Both are called in every process that
    describes the flow, so they must do the same each time.
    """

    _kind = "StepMutator"
    _list = "mutators"

    def pre_mutate(self, mutable_step: "MutableStep") -> None:
        """Change a MutableStep while all is still open: before parameters are final and ``--with`` has its effect."""

    def mutate(self, mutable_step: "MutableStep") -> None:
        """Change a MutableStep when all decorators are there, also those of ``--with``."""


class FlowMutator(_Mutator):
    """The base of decorators that change a flow before the run: its parameters, decorators and steps.

    Derive a class with ``pre_mutate`` or ``mutate`` and put it above the class of the flow. Flows that derive from that
    one have it, too. Both methods are called in every process that describes the flow, so they must do the same each
    time.
    """

    _kind = "FlowMutator"

    @classmethod
    def _decorates(cls, value):
        return _is_flow(value)

    def pre_mutate(self, mutable_flow: "MutableFlow") -> None:
        """Change a MutableFlow while all is still open: parameters and decorators of the flow, and its steps."""

    def mutate(self, mutable_flow: "MutableFlow") -> None:
        """Change the steps of a MutableFlow when all decorators are there, also those of ``--with``."""

    def __call__(self, flow_class: "_Flow") -> "_Flow":
        """Put the mutator on a flow."""
        if not _is_flow(flow_class):
            raise MetaflowException("The mutator %s goes above the class of a flow." % self)
        if FLOW_MUTATORS not in flow_class.__dict__:
            setattr(flow_class, FLOW_MUTATORS, [])
        flow_class.__dict__[FLOW_MUTATORS].append(self)
        return flow_class


for _base in (UserStepDecorator, StepMutator, FlowMutator):
    _base.decorator_name = "metaflow." + _base.__name__


def flow_mutators(flow_class):
    """The mutators of a flow: inherited ones first, then its own, nearest the class first."""
    found = []
    for cls in reversed(flow_class.__mro__):
        found.extend(cls.__dict__.get(FLOW_MUTATORS, ()))
    return found


def find(name):
    """The class that a name stands for: the end of one dotted path, or a path to import. None if there is none.

    MetaflowException if the name is the end of several paths, or its module cannot be imported.
    """
    found = [path for path in REGISTRY if path == name or path.endswith("." + name)]
    if name in found:
        found = [name]
    if len(found) > 1:
        raise MetaflowException(
            "The name '%s' stands for several decorators: %s. Write more of the path of the one you mean."
            % (name, ", ".join(sorted(found)))
        )
    if found:
        return REGISTRY[found[0]]
    if "." not in name:
        return None
    from importlib import import_module

    module, _, attribute = name.rpartition(".")
    try:
        value = getattr(import_module(module), attribute, None)
    except ImportError as error:
        raise MetaflowException("Could not import user decorator %s: %s" % (name, error)) from None
    return value if isinstance(value, _Applicable) else None


class _Wrapped:
    """A step with one decorator around it."""

    #: It is called for what @catch does after the process died, too: instead of the step, that is raised.
    runs_fallback = True

    def __init__(self, decorator, inner, plan):
        self._decorator = decorator
        self._inner = inner
        self._plan = plan
        self.__wrapped__ = inner

    def __call__(self, flow, inputs=None):
        decorator, plan = self._decorator, self._plan
        call = decorator.pre_step(plan.name, flow, inputs) or self._inner
        raised = trace = None
        skip = decorator.skip_step
        if skip:  # what a generator yields as {} is True here; an empty dict of a class skips nothing, as in Metaflow
            _transition(flow, plan, skip if isinstance(skip, dict) else {})
        else:
            try:
                if call is self._inner and not hasattr(call, "runs_fallback") and flow._levada.frame.get("fallback"):
                    frame = flow._levada.frame
                    raise FailureHandledByCatch(frame["attempt"], frame.get("died"))
                said = call(flow, inputs) if plan.is_join else call(flow)
                if call is not self._inner and said is not None and said is not False:
                    _transition(flow, plan, said if isinstance(said, dict) else {})
            except Exception as exception:
                raised, trace = exception, exception.__traceback__
        said, arguments = _answer(decorator, plan, raised, decorator.post_step(plan.name, flow, raised))
        if said is None and isinstance(arguments, dict):
            flow._levada.transition = None
            _transition(flow, plan, arguments)
        if said is not None:
            if said is raised:
                raise said.with_traceback(trace)  # without the way that it took through decorators
            raise said
        if raised is not None:
            _transition(flow, plan, {})  # it was swallowed: go on as if the step had ended


def _answer(decorator, plan, raised, returned):
    """What ``post_step`` returned, as a tuple of two: an exception or None, and what is said of the transition."""
    exception, arguments = answer = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    # A boolean leaves the transition as the step has it.
    if isinstance(exception, (BaseException, type(None))) and isinstance(arguments, (bool, dict, type(None))):
        return answer
    raise MetaflowException(
        "%s returned %r after the step '%s'. It must return None, an exception, or a tuple of two: an exception or "
        "None, and a dictionary of arguments for self.next, or None." % (decorator, returned, plan.name)
    ) from raised


def wrap(plan, decorators):
    """Put decorators, innermost first, around the function of a step's plan."""
    for decorator in decorators:
        plan.function = _Wrapped(decorator, plan.function, plan)


def _transition(flow, plan, arguments):
    """Take the transition of the step as it is written, with other arguments if there are any; not if one was taken."""
    if plan.next is None or flow._levada.transition is not None:
        return
    described = dict(plan.next)
    targets = [getattr(flow, name) for name in described["targets"]]
    kind = described["kind"]
    if arguments:
        flow.next(*targets, **arguments)
    elif kind == "foreach":
        flow.next(*targets, foreach=described["foreach"])
    elif kind == "switch":
        value = getattr(flow, described["condition"], None)
        cases = {_key(flow, case["key"], value): getattr(flow, case["target"]) for case in described["cases"]}
        flow.next(cases, condition=described["condition"])
    elif kind == "parallel":
        raise RuntimeError(
            "The step '%s' opens a gang. A decorator that skips it must give its size: {'num_parallel': 2}." % plan.name
        )
    else:
        flow.next(*targets)


def _key(flow, text, value):
    """The key of a case, of which the source has the text: ``value`` if it is that."""
    if text.startswith("config:"):
        config, _, key = text[len("config:") :].partition(".")
        return getattr(getattr(flow, config), key)
    return value if text == str(value) else text
