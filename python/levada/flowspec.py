"""``FlowSpec``: the class that flows are made from.

An instance is what a step calls ``self``. In a task its ``__dict__`` holds the artifacts that the step made or
touched and nothing else; what it inherited is fetched from the host when it is first read. What Levada itself
knows is in one slot, ``_levada``: the task that runs, or None.
"""

import sys

from .exceptions import MetaflowException
from .importing import explain_mistakes
from .parameters import Parameter
from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

explain_mistakes()

_IN_A_JOIN = (
    "%s. This step is a join: what its branches made is an attribute of its inputs, such as inputs[0].%s, and one of "
    "self only after self.merge_artifacts(inputs)."
)


class FlowSpec:
    """The base class of all flows.

    ``MyFlow()`` runs the command line; ``MyFlow(use_cli=False)`` only makes an instance.
    """

    __slots__ = ("_levada", "__dict__", "__weakref__")

    def __init__(self, use_cli: bool = True) -> None:
        self._levada = None
        if use_cli:
            from .launch import launch

            launch(self)

    def __init_subclass__(cls, **kwargs: "Any") -> None:
        super().__init_subclass__(**kwargs)
        if cls.__init__ is not FlowSpec.__init__:
            # Not an assignment: jedi, in which editors look things up, would follow that round and round.
            type.__setattr__(cls, "__init__", _noticed(cls.__init__))

    # Artifacts.

    def __getattr__(self, name: str) -> "Any":
        # Python comes here only for what neither the instance nor the class has.
        if name[:2] != "__" and name != "_levada":
            task = getattr(self, "_levada", None)
            if task is not None:
                if name == "_current_step":  # Metaflow's, which integrations read, as is _graph
                    return task.plan.name
                if name == "_graph":
                    from .flowgraph import FlowGraph

                    return FlowGraph(task)
                try:
                    return task.load(self, name)
                except AttributeError as error:
                    if task.plan is not None and task.plan.is_join and name[:1] != "_":
                        raise AttributeError(_IN_A_JOIN % (error, name)) from None
                    raise
            if name == "name":
                return type(self).__name__
        raise AttributeError("Flow %s has no attribute '%s'" % (type(self).__name__, name))

    def __dir__(self):
        # What the step inherits is not listed until it is read, as in Metaflow: wrappers of flows tell by the list what
        # is the class's own.
        return sorted({*object.__dir__(self), "name"})

    def __reduce_ex__(self, protocol):
        raise MetaflowException(
            "Flows can't be serialized. Maybe you tried to assign *self* or one of the *inputs* to an attribute? "
            "Assign the values of it that you need. Or to run a method of the flow in another process? Give that a "
            "function of the module, or let it be forked, as from Python 3.14 on it is not by default: "
            "multiprocessing.get_context('fork')."
        )

    def _levada_shared(self, attribute, parameter):
        """The value of a parameter, for the descriptor on the class."""
        task = getattr(self, "_levada", None)
        if task is not None:
            return task.parameter(attribute, parameter)
        if attribute in self.__dict__:
            return self.__dict__[attribute]
        return parameter

    # Where the task stands.

    @property
    def index(self) -> "Any":
        """The position in the innermost foreach, from 0; None outside of one."""
        task = self._levada
        return None if task is None else task.index()

    @property
    def input(self) -> "Any":
        """The element of the innermost foreach; None outside of one."""
        task = self._levada
        return None if task is None else task.item()

    def foreach_stack(self) -> "list[tuple[int, int, Any]]":
        """One tuple ``(index, number of elements, element)`` for each foreach around the task, outermost first."""
        task = self._levada
        return [] if task is None else task.foreach_stack()

    # Transitions.

    def next(self, *dsts: "Any", **kwargs: "Any") -> None:
        """Say which steps follow, in the last statement of each step but the last.

        ::

            self.next(self.a)
            self.next(self.a, self.b)
            self.next(self.a, foreach="items")
            self.next(self.a, num_parallel=4)
            self.next({"x": self.a, "y": self.b}, condition="choice")
        """
        task = self._levada
        if task is None:
            raise MetaflowException("self.next() is called by a step while a run executes it.")
        if not kwargs and len(dsts) == 1 and task.transition is None:
            # Most transitions, in few steps: see the remark at the top of task.py.
            target = dsts[0]
            if type(target) is _Method and target.__self__ is self:
                transition = task.plans.transitions.get(target.__name__)
                if transition is not None:
                    task.transition = transition
                    return
        task.next(self, dsts, kwargs)

    def merge_artifacts(
        self, inputs: "Any", exclude: "list[str] | None" = None, include: "list[str] | None" = None
    ) -> None:
        """In a join: take over the artifacts that all inputs agree about.

        What inputs disagree about has to be set on ``self`` before, or named in ``exclude``. ``include`` limits the
        merge to the names it lists.
        """
        task = self._levada
        if task is None:
            raise MetaflowException("merge_artifacts can be called in a join step only.")
        task.merge(self, inputs, exclude or [], include or [])

    # The rest.

    @property
    def script_name(self) -> str:
        """The name of the flow's file."""
        from os.path import basename

        return basename(getattr(sys.modules.get(type(self).__module__), "__file__", None) or "")

    def __iter__(self):
        """The step functions."""
        from .graph import steps_of

        return iter(steps_of(type(self)).values())

    def __str__(self):
        task = getattr(self, "_levada", None)
        if task is None:
            return "<flow %s>" % type(self).__name__
        return task.title()

    __repr__ = __str__


def _noticed(init):
    """A constructor of a flow that notices when FlowSpec's is not called: no flow starts then, and nothing says why."""

    def __init__(self, *args, **kwargs):
        init(self, *args, **kwargs)
        # Only the outermost constructor has seen all that there was to be called.
        if type(self).__init__ is __init__ and not hasattr(self, "_levada"):
            from .launch import constructor_lost

            constructor_lost(self)

    __init__.__wrapped__ = init
    __init__.__doc__ = init.__doc__
    return __init__


_Method = type(FlowSpec(use_cli=False).next)  # types.MethodType, without an import


class Constant:
    """A public class attribute of a flow while a task runs: it reads as before and cannot be set."""

    __slots__ = ("name", "value")

    def __init__(self, name, value):
        self.name = name
        self.value = value

    def __get__(self, flow, owner=None):
        return self.value

    def __set__(self, flow, value):
        raise AttributeError(
            "Flow parameters and class-level constants are not modifiable: '%s' cannot be set." % self.name
        )

    def __delete__(self, flow):
        raise AttributeError(
            "Flow parameters and class-level constants are not modifiable: '%s' cannot be deleted." % self.name
        )


def _is_value(value):
    # Functions, methods, properties and everything else that binds itself are behaviour, not values; so are modules.
    return not isinstance(value, (type, Parameter, type(sys))) and not hasattr(type(value), "__get__")


def class_values(flow_class):
    """The values that a flow's class holds: public ones, which are constants, and private ones. Two dicts."""
    public, private = {}, {}
    for cls in reversed(flow_class.__mro__):
        if cls is object or cls is FlowSpec:
            continue
        for name, value in cls.__dict__.items():
            if isinstance(value, Constant):
                value = value.value
            for values in (public, private):
                values.pop(name, None)
            if name[:2] != "__" and name != "_abc_impl" and _is_value(value):
                (private if name[0] == "_" else public)[name] = value
    return public, private


def protect_constants(flow_class):
    """Make the constants of a flow read-only, on every class that holds them."""
    constants = class_values(flow_class)[0]
    for cls in flow_class.__mro__:
        if cls is object or cls is FlowSpec:
            continue
        for name in constants:
            value = cls.__dict__.get(name)
            if name in cls.__dict__ and not isinstance(value, Constant) and _is_value(value):
                setattr(cls, name, Constant(name, value))
