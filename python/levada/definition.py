"""The definition of a flow: what the host has to know of it, and what a task keeps of it."""

import sys
from json import JSONEncoder

from . import __version__
from .artifacts import type_name
from .decorators import flow_decorators
from .flowspec import class_values
from .graph import Sources, assignment_lines, clean_doc, decorator_lines, describe_step, plain, steps_of
from .parameters import parameters_of
from .transition import Transition
from .wire import encode

_VERSION = 1
_checked = JSONEncoder(allow_nan=False, default=repr).encode


class StepPlan:
    """What a task has to know of its step."""

    __slots__ = ("name", "function", "is_join", "next", "catch", "timeout", "parallel", "torch")

    def __init__(self, name, function, described):
        self.name = name
        self.function = function
        self.is_join = described["args"] > 1
        self.next = described.get("next")
        self.catch = None
        self.timeout = None
        self.parallel = False
        self.torch = None  # attributes of @pytorch_parallel
        for decorator in function.decorators:
            self.apply(decorator.name, decorator.attributes)

    def apply(self, name, attributes):
        """Take a decorator into account, unless the step has it already."""
        if name == "catch" and self.catch is None:
            self.catch = attributes
        elif name == "timeout" and self.timeout is None:
            self.timeout = attributes
        elif name in ("parallel", "pytorch_parallel"):
            self.parallel = True
            if name == "pytorch_parallel":
                self.torch = attributes

    def drop(self, name):
        """Do without a decorator."""
        if name in ("catch", "timeout"):
            setattr(self, name, None)


class Plans:
    """What tasks have to know of their flow."""

    __slots__ = ("steps", "parameters", "constants", "private", "has_parallel", "transitions")

    def __init__(self, steps, parameters, constants, private):
        self.steps = steps
        self.parameters = parameters
        self.constants = constants
        self.private = private
        self.has_parallel = any(plan.parallel for plan in steps.values())
        #: The transitions to a single step, by its name.
        self.transitions = {name: Transition([name], text=encode({"next": [name]})) for name in steps}


def _as_json(value):
    """A value that JSON has, or its repr."""
    try:
        _checked(value)
        return value
    except (ValueError, TypeError, RecursionError):
        return repr(value)


def _readable(value):
    """The value with every part that JSON does not have replaced by its repr."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _readable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(part) for part in value]
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return _as_json(value)
    return repr(value)


def _decorators(decorators, node):
    lines = decorator_lines(node)
    described = []
    for decorator in decorators:
        entry = {"name": decorator.name}
        if decorator.attributes:
            entry["attributes"] = {key: _readable(value) for key, value in decorator.attributes.items()}
        if lines.get(decorator.name):
            entry["line"] = lines[decorator.name].pop(0)
        described.append(entry)
    return described


def _parameter(parameter, lines):
    described = parameter.describe()
    if "default" in described:
        described["default"] = _readable(described["default"])
    if parameter.attribute in lines:
        described["line"] = lines[parameter.attribute]
    return described


def describe(flow_class, flow_file, fork_unsafe=""):
    """The definition of a flow, ready for JSON, and the plans of its tasks."""
    sources = Sources()
    steps, plans = [], {}
    for name, function in steps_of(flow_class).items():
        described, node = describe_step(name, function, sources, flow_file)
        if function.decorators:
            described["decorators"] = _decorators(function.decorators, node)
        steps.append(described)
        plans[name] = StepPlan(name, function, described)
    parameters = parameters_of(flow_class)
    constants, private = class_values(flow_class)

    lines, own_node = {}, None
    for cls in reversed(flow_class.__mro__):
        module = sys.modules.get(cls.__module__)
        filename = _file_of(cls) or getattr(module, "__file__", None)
        source = (
            sources.of(filename) if filename and cls.__module__ not in ("builtins", __package__ + ".flowspec") else None
        )
        node = source.classes.get(cls.__name__) if source else None
        lines.update(assignment_lines(node))
        if cls is flow_class:
            own_node = node

    definition = {
        "version": _VERSION,
        "name": flow_class.__name__,
        "file": flow_file,
        "language": "python",
        "runtime": "%d.%d.%d" % sys.version_info[:3],
        "sdk": __version__,
        "steps": steps,
    }
    doc = clean_doc(flow_class.__doc__ if "__doc__" in flow_class.__dict__ else "")
    if doc:
        definition["doc"] = doc
    if own_node is not None:
        definition["line"] = own_node.lineno
    if parameters:
        definition["parameters"] = [_parameter(parameter, lines) for parameter in parameters.values()]
    if constants:
        definition["constants"] = [{"name": name, "type": type_name(constants[name])} for name in sorted(constants)]
    decorators = flow_decorators(flow_class)
    if decorators:
        definition["decorators"] = _decorators(decorators, own_node)
    if fork_unsafe:
        definition["fork_unsafe"] = fork_unsafe
    return definition, Plans(plans, parameters, constants, private)


def _file_of(cls):
    """The file that a class's code is in: that of one of its functions."""
    for value in cls.__dict__.values():
        code = getattr(plain(value), "__code__", None)
        if code is not None and cls.__qualname__ in getattr(value, "__qualname__", ""):
            return code.co_filename
    return None
