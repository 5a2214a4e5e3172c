"""``self.next``: what a step says about what comes next, checked against the flow."""

import sys

from .exceptions import InvalidNextException
from .unbounded import UnboundedForeachInput

_KEYWORDS = frozenset(("foreach", "num_parallel", "condition"))


class Transition:
    """A transition: the next steps, and for a foreach the elements, for a gang their number."""

    __slots__ = ("steps", "var", "items", "fan", "text")

    def __init__(self, steps, var=None, items=None, fan=0, text=None):
        self.steps = steps
        self.var = var
        self.items = items
        self.fan = fan
        #: Those made before the task is have their form in the done frame ready.
        self.text = text


def decide(flow, task, targets, keywords):
    """The transition that a call of self.next asks for. InvalidNextException if it makes none."""
    step = task.plan.name
    line = sys._getframe(3).f_lineno

    def invalid(message):
        return InvalidNextException("Step '%s': %s" % (step, message), line)

    for keyword in keywords:
        if keyword not in _KEYWORDS:
            raise invalid("self.next() has no keyword '%s'. It takes foreach, num_parallel or condition." % keyword)
    if task.transition is not None:
        raise invalid("self.next() was called twice. Call it once, as the last statement of the step.")
    if keywords.get("condition") is not None:
        return _switch(flow, task, targets, keywords, invalid)
    if len(targets) == 1 and isinstance(targets[0], dict):
        raise invalid("a dict of cases needs condition='variable': self.next({...}, condition='variable').")

    steps = [_target(flow, task, target, "argument %d" % (i + 1), invalid) for i, target in enumerate(targets)]
    if keywords.get("foreach") is not None and keywords.get("num_parallel") is not None:
        raise invalid("foreach and num_parallel cannot be combined. Use one of them.")
    if keywords.get("foreach") is not None:
        return _foreach(flow, steps, keywords["foreach"], invalid)
    if keywords.get("num_parallel") is not None:
        return _gang(steps, keywords["num_parallel"], invalid)
    if not steps:
        raise invalid("self.next() names no step. Give at least one: self.next(self.step).")
    return Transition(steps)


def _target(flow, task, target, where, invalid):
    function = getattr(target, "__func__", None)
    name = getattr(function, "__name__", None)
    if name is None or getattr(target, "__self__", None) is not flow:
        taken = [key for key, value in flow.__dict__.items() if value is target and key in task.plans.steps]
        if taken:
            raise invalid(
                "self.next() should go to the step '%s', but self.%s has been set to a value. "
                "Choose another name for the value." % (min(taken), min(taken))
            )
        raise invalid("%s of self.next() is not a method of the flow: %r. Write self.<step>." % (where, target))
    if name not in task.plans.steps:
        raise invalid("self.next() names '%s', which is not a step of the flow. Does it lack @step?" % name)
    return name


def _switch(flow, task, targets, keywords, invalid):
    if keywords.get("foreach") is not None or keywords.get("num_parallel") is not None:
        raise invalid("condition cannot be combined with foreach or num_parallel.")
    variable = keywords["condition"]
    if len(targets) != 1 or not isinstance(targets[0], dict) or not targets[0]:
        raise invalid("condition needs one dict that is not empty: self.next({value: self.step, ...}, condition='x').")
    if not isinstance(variable, str):
        raise invalid("condition is the name of an attribute, a string, not %s." % type(variable).__name__)
    cases = targets[0]
    steps = {key: _target(flow, task, target, "the case %r" % (key,), invalid) for key, target in cases.items()}
    try:
        value = getattr(flow, variable)
    except AttributeError:
        raise invalid(
            "the condition '%s' is not an attribute of the flow. Set self.%s.%s"
            % (variable, variable, _meant(flow, variable))
        ) from None
    try:
        chosen = steps.get(value)
    except TypeError:
        chosen = None
    if chosen is None:
        raise RuntimeError(
            "Step '%s': the condition variable '%s' has the value %r, which is not one of the cases: %s."
            % (task.plan.name, variable, value, ", ".join(repr(key) for key in cases))
        )
    return Transition([chosen])


def _meant(flow, variable):
    """Which attribute was meant, for a message."""
    from .spelling import meant

    return meant(variable, {*flow.__dict__, *flow._levada.names()})


def _foreach(flow, steps, variable, invalid):
    if not isinstance(variable, str):
        raise invalid("foreach is the name of an attribute, a string, not %s." % type(variable).__name__)
    if len(steps) != 1:
        raise invalid("a foreach goes to exactly one step, not %d." % len(steps))
    try:
        items = getattr(flow, variable)
    except AttributeError:
        raise invalid(
            "the foreach variable '%s' is not an attribute of the flow.%s" % (variable, _meant(flow, variable))
        ) from None
    if isinstance(items, UnboundedForeachInput):
        raise invalid("the foreach variable '%s' is an unbounded foreach, which Levada does not have." % variable)
    try:
        if iter(items) is not items and not hasattr(type(items), "__len__"):
            items = list(items)  # it can be gone through more than once
        count = len(items)
    except TypeError as error:
        raise invalid(
            "the foreach variable '%s' cannot be iterated: %s. Use a list or another sized iterable."
            % (variable, error)
        ) from None
    if hasattr(items, "to_dict") and hasattr(items, "columns"):
        raise invalid(
            "the foreach variable '%s' is a table, which is iterated by the names of its columns. For its rows, write "
            'self.%s = table.to_dict("records"); for its columns, list(table.columns).' % (variable, variable)
        )
    if count == 0:
        raise invalid("the foreach variable '%s' yields zero splits: it is empty." % variable)
    return Transition(steps, var=variable, items=items)


def _gang(steps, count, invalid):
    if len(steps) != 1:
        raise invalid("num_parallel goes to exactly one step, not %d." % len(steps))
    if isinstance(count, bool) or not hasattr(count, "__index__") or int(count) < 1:
        raise invalid("num_parallel is a number of nodes, at least 1, not %r." % (count,))
    return Transition(steps, fan=int(count))
