"""The definition of a flow: what the host has to know of it, and what a task keeps of it."""

import sys

from . import __version__
from .artifacts import type_name
from .decorators import flow_decorators
from .flowspec import class_values
from .graph import Sources, assignment_lines, clean_doc, decorator_lines, describe_step, file_of, steps_of
from .mistakes import mistakes, names_of_flows
from .parameters import parameters_of
from .transition import Transition
from .wire import JSONEncoder, encode

_VERSION = 1
_checked = JSONEncoder(allow_nan=False, default=repr).encode


class StepPlan:
    """What a task has to know of its step."""

    __slots__ = ("name", "function", "is_join", "next", "catch", "timeout", "parallel", "torch", "secrets", "cards",
                 "_plain")  # fmt: skip

    def __init__(self, name, function, described):
        self.name = name
        self.function = self._plain = function
        self.is_join = described["args"] > 1
        self.next = described.get("next")
        self.catch = None
        self.timeout = None
        self.parallel = False
        self.torch = None  # attributes of @pytorch_parallel
        self.cards = None  # the attributes of each @card
        self.secrets = None
        wrappers = getattr(function, "wrappers", None)
        if wrappers:
            from .custom import wrap

            wrap(self, wrappers)
        for decorator in function.decorators:
            self.apply(decorator.name, decorator.attributes)
        if self.cards is not None:  # in the order in which they are written; what --with adds comes after
            cards = [decorator for decorator in function.decorators if decorator.name == "card"]
            written = [card for card in cards if card.statically_defined]
            added = [card for card in cards if not card.statically_defined]
            self.cards = [card.attributes for card in (*reversed(written), *added)]

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
        elif name == "card":
            self.cards = [*(self.cards or ()), attributes]
        elif name == "secrets" and self.secrets is None:
            from .secret_backends import with_secrets

            self.secrets = attributes
            self.function = with_secrets(self.function, attributes)

    def drop(self, name):
        """Do without a decorator."""
        if name in ("catch", "timeout"):
            setattr(self, name, None)
        elif name == "card":
            self.cards = None
        elif name == "secrets" or "." in name:  # with a dot: the user's own. These are left out together, or not at all
            self.function = self._plain


class Plans:
    """What tasks have to know of their flow."""

    __slots__ = ("steps", "parameters", "constants", "private", "configs", "has_parallel", "transitions", "taken")

    def __init__(self, steps, parameters, constants, private, configs=None, taken=frozenset()):
        self.steps = steps
        #: Names that artifacts cannot have, except those of the last step.
        self.taken = taken
        #: The values of the configs as plain data, by attribute.
        self.configs = configs or {}
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
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__  # its repr would be another in each process
    return repr(value)


def _variables(attributes):
    """The attributes of @environment, with its values as the variables are going to have them."""
    values = attributes.get("vars")
    if not isinstance(values, dict):
        return attributes
    plain = (str, int, float, type(None))
    return {**attributes, "vars": {k: v if isinstance(v, plain) else str(v) for k, v in values.items()}}


def _decorators(decorators, node):
    lines = decorator_lines(node)
    described = []
    for decorator in decorators:
        entry = {"name": decorator.name}
        attributes = _variables(decorator.attributes) if decorator.name == "environment" else decorator.attributes
        if decorator.name == "secrets":
            from .secret_backends import masked

            attributes = masked(attributes)
        if attributes:
            entry["attributes"] = {key: _readable(value) for key, value in attributes.items()}
        if decorator.inserted_by == "--with":
            entry["added"] = "--with"
        elif lines.get(decorator.name):
            entry["line"] = lines[decorator.name].pop(0)
        described.append(entry)
    return described


def _misused(decorators, described, parameters, file, flow_file):
    """Mistakes of the decorators of a flow that are for schedulers."""
    wrong = []
    for decorator, entry in zip(decorators, described):
        if decorator.name not in ("trigger", "trigger_on_finish", "schedule"):
            continue
        from .triggers import problems

        for text, warning in problems(decorator, [parameter.name for parameter in parameters.values()]):
            mistake = {"message": "@%s %s%s" % (decorator.name, text, "" if text.endswith("?") else ".")}
            if "line" in entry:
                mistake["line"] = entry["line"]
            if file and file != flow_file:
                mistake["file"] = file
            if warning:
                mistake["warning"] = True
            wrong.append(mistake)
    return wrong


def _wrappers(wrappers, node):
    """User decorators as the definition has them: by their dotted paths."""
    lines = decorator_lines(node)
    described = []
    for wrapper in wrappers:
        short, path, args, kwargs = wrapper.spec()
        entry = {"name": path}
        attributes = {str(i): value for i, value in enumerate(args)}
        attributes.update(kwargs)
        if attributes:
            entry["attributes"] = {key: _readable(value) for key, value in attributes.items()}
        if wrapper.inserted_by == "--with":
            entry["added"] = "--with"
        elif lines.get(short):
            entry["line"] = lines[short].pop(0)
        described.append(entry)
    return described


def _parameter(parameter, lines):
    described = {key: _readable(value) for key, value in parameter.describe().items()}
    if parameter.attribute in lines:
        described["line"] = lines[parameter.attribute]
    return described


def describe(flow_class, flow_file, fork_unsafe="", configs=None, values=None):
    """The definition of a flow, ready for JSON, and the plans of its tasks.

    ``configs`` are its configs by attribute, ``values`` their values as plain data by name.
    """
    sources = Sources()
    steps, nodes, plans = [], [], {}
    for name, function in steps_of(flow_class).items():
        described, node = describe_step(name, function, sources, flow_file, flow_class)
        if function.decorators:
            described["decorators"] = _decorators(function.decorators, node)
        wrappers = getattr(function, "wrappers", None)
        if wrappers:
            described["decorators"] = described.get("decorators", []) + _wrappers(wrappers, node)
        steps.append(described)
        nodes.append(node)
        plans[name] = StepPlan(name, function, described)
    parameters = parameters_of(flow_class)
    constants, private = class_values(flow_class)

    lines, places, own_node = {}, {}, None
    for cls in reversed(flow_class.__mro__):
        filename = file_of(cls)
        ours = cls.__module__ in ("builtins", __spec__.parent + ".flowspec")
        source = sources.of(filename) if filename and not ours else None
        node = source.classes.get(cls.__name__) if source else None
        for name, line in assignment_lines(node).items():
            lines[name] = line
            places[name] = {"line": line} if filename == flow_file else {"line": line, "file": filename}
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
    for decorator in decorators:
        if decorator.name == "exit_hook":
            from .exit_hooks import check

            check(decorator)
    if decorators:
        definition["decorators"] = _decorators(decorators, own_node)
    if fork_unsafe:
        definition["fork_unsafe"] = fork_unsafe
    if __spec__.parent + ".packaging" in sys.modules:  # else the flow has none of its decorators
        from .packaging import described as package_of

        package = package_of(flow_class, flow_file)
        if package:
            definition["package"] = package
    known = {}
    if configs:
        definition["configs"] = [config.describe() for config in configs.values()]
        known = {attribute: values[config.name] for attribute, config in configs.items() if config.name in values}
    wrong = mistakes(flow_class, list(zip(steps, nodes)), parameters, configs, places, sources, flow_file)
    if decorators:
        wrong += _misused(decorators, definition["decorators"], parameters, file_of(flow_class), flow_file)
    if wrong:
        definition["mistakes"] = wrong
    return definition, Plans(plans, parameters, constants, private, known, names_of_flows(flow_class))
