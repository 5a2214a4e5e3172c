"""Mistakes in the definition of a flow that Python lets pass: names that are taken, steps that are none, defaults that
do not fit.

A name of a flow's class is one thing. Where a flow uses it for two, Python quietly takes one of them, and the other is
lost. So the definition has these as mistakes, and the host tells them with what else it finds.
"""

from .flowspec import FlowSpec, class_values
from .graph import (
    BLOCKS,
    decorator_lines,
    early_nexts,
    file_of,
    kind_of,
    methods_of,
    nexts,
    own_name,
    plain,
    targets_of,
)

#: What every flow has, and what it is.
_OWN = {
    "next": "the method that says which step comes next",
    "input": "the element of the foreach",
    "index": "the position in the foreach",
    "foreach_stack": "the foreaches that a task is in",
    "merge_artifacts": "the method with which joins merge artifacts",
    "script_name": "the name of the flow's file",
}
#: Those of them that mean something in a foreach alone.
_OF_FOREACH = ("input", "index", "foreach_stack")


def mistakes(flow_class, steps, parameters, configs, places, sources, flow_file):
    """What is wrong, as the definition has it.

    ``steps`` are pairs of a step as described and its node, ``places`` file and line of what the class assigns. What a
    flow can run with is marked as a warning.
    """
    return [
        *_hidden(flow_class, steps, parameters, configs, places),
        *_lost(flow_class, steps),
        *_undecorated(flow_class, steps, sources, flow_file),
        *_nowhere(steps),
        *_extraordinary(flow_class, steps),
        *_twice(flow_class, steps, sources),
        *_unfit(parameters, places),
    ]


def names_of_flows(flow_class):
    """The names that artifacts cannot have in this flow: where they are read, the class has something else."""
    return frozenset(name for name in _OWN if _is_ours(flow_class, name))


def refuse(step, names):
    """Fail for artifacts of a step that nobody could read from self."""
    from .exceptions import MetaflowException

    name = min(names)
    raise MetaflowException(
        "Step '%s' has set the attribute '%s' of the flow, which every flow has: it is %s. Choose another name, such "
        "as self.%s_value." % (step, name, _OWN[name], name)
    )


def _is_ours(flow_class, name):
    return getattr(flow_class, name, None) is FlowSpec.__dict__[name]


def _hidden(flow_class, steps, parameters, configs, places):
    """Attributes of the class that hide what steps need."""
    foreach = next((step for step, _ in steps if step.get("next", {}).get("kind") in ("foreach", "parallel")), None)
    constants = class_values(flow_class)[0]
    kinds = ("parameter", "--", parameters), ("config", "--config ", configs or {}), ("class variable", "", constants)
    for kind, option, found in kinds:
        for attribute, value in found.items():
            mend = "Rename it"
            if option:
                mend = 'Rename the attribute, and the option stays %s%s: %s_value = %s("%s", ...)' % (
                    option, value.name, attribute, type(value).__name__, value.name
                )  # fmt: skip
            if attribute == "next":
                why = "self.next, so no step can say what comes next"
            elif attribute in _OF_FOREACH and option and foreach is not None:
                why = "self.%s, %s that step %s opens" % (attribute, _OWN[attribute], foreach["name"])
            else:
                continue
            yield {**places.get(attribute, {}), "message": "The %s %s hides %s. %s." % (kind, attribute, why, mend)}


def _lost(flow_class, steps):
    """Artifacts that are called what the class has something else for."""
    names = {step["name"] for step, _ in steps}
    for step, node in steps:
        for name, line in assignments(node).items() if node is not None else ():
            warning = False
            if name in names:
                after = step.get("next")
                if after is None:
                    continue  # what the last step sets is read by nobody but clients
                if name in after.get("targets", ()):
                    what = "but %s is a step, and self.next would get the value instead" % name
                else:  # the step itself may read it, and so may clients
                    what = "but %s is a step, and the steps after this one would find the step, not the value" % name
                    warning = True
            elif name in _OWN and _is_ours(flow_class, name):
                what = "which every flow has: it is %s" % _OWN[name]
            else:
                continue
            mistake = {
                "step": step["name"],
                "line": line,
                "message": "Step %s sets self.%s, %s. Choose another name, such as self.%s_value."
                % (step["name"], name, what, name),
            }
            if warning:
                mistake["warning"] = True
            if "file" in step:
                mistake["file"] = step["file"]
            yield mistake


def assignments(function):
    """The attributes of self that the statements of a function set, each with its first line."""
    own = own_name(function)
    found = {}
    blocks = [function.body]
    while blocks:
        for node in blocks.pop():
            kind = kind_of(node)
            if kind in ("FunctionDef", "AsyncFunctionDef", "ClassDef"):
                continue
            if kind == "Assign":
                targets = list(node.targets)
            elif kind in ("AugAssign", "For", "AsyncFor") or kind == "AnnAssign" and node.value is not None:
                targets = [node.target]
            elif kind in ("With", "AsyncWith"):
                targets = [item.optional_vars for item in node.items]
            else:
                targets = []
            for target in targets:
                kind = kind_of(target)
                if kind in ("Tuple", "List"):
                    targets += target.elts
                elif kind == "Starred":
                    targets.append(target.value)
                elif kind == "Attribute" and kind_of(target.value) == "Name" and target.value.id == own:
                    found[target.attr] = min(target.lineno, found.get(target.attr, target.lineno))
            for name in BLOCKS:
                block = getattr(node, name, None)
                if type(block) is list:
                    blocks.append(block)
    return found


def _undecorated(flow_class, steps, sources, flow_file):
    """Methods that are meant to be steps, but have no @step."""
    methods = methods_of(flow_class)
    nodes = {name: _node_of(name, function, sources) for name, (function, _) in methods.items()}
    targets = {target for step, _ in steps for target in step.get("next", {}).get("targets", ())}
    for name, (function, cls) in methods.items():
        node = nodes[name]
        own = own_name(node) if node is not None else ""
        goes_on = node is not None and any(targets_of(call, own) for _, call in nexts(node))
        if name in ("start", "end"):
            # Where another step is the first or the last one, a method may be called so.
            wanted = not any(step.get(name) for step, _ in steps)
            wanted = wanted and (len(steps) != 1 or steps[0][0]["name"] in ("start", "end"))
        else:
            wanted = False
        covered = None
        if node is None and (wanted or name in targets):
            covered = _definitions(cls, sources).get(name)
        if not (wanted or covered or goes_on and not _is_used(name, nodes, steps)):
            continue
        code = plain(function).__code__
        line = covered[-1].lineno if covered else node.lineno if node is not None else code.co_firstlineno
        file = file_of(cls) if covered else code.co_filename
        if covered:
            what = (
                "has @step, but a decorator above it puts another function in its place, which is not a step. Let that "
                "decorator use functools.wraps."
            )
        elif goes_on:
            what = "calls self.next, but has no @step, so it is not a step of the flow. Write @step above it."
        else:
            what = (
                "has no @step, so it is not a step of the flow and does not run. Write @step above it, or rename it if "
                "it is meant to be something else."
            )
        mistake = {"step": name, "line": line, "message": "Method %s (line %d) %s" % (name, line, what)}
        if file and file != flow_file:
            mistake["file"] = file
        if not wanted and name not in targets:
            mistake["warning"] = True  # such as a step that somebody has put out of use for a while
        yield mistake


def _node_of(name, function, sources):
    """The source of a method, or None where it is not known or another function stands in its place."""
    code = plain(function).__code__
    source = sources.read(code.co_filename)
    node = source.functions.get(code.co_firstlineno) if source else None
    return node if node is not None and node.name == name else None


def _definitions(cls, sources):
    """The functions with @step in the body of a class, by name: each name's in source order."""
    file = file_of(cls)
    source = sources.read(file) if file else None
    node = source.classes.get(cls.__name__) if source else None
    found = {}
    for statement in node.body if node is not None else ():
        if kind_of(statement) in ("FunctionDef", "AsyncFunctionDef") and "step" in decorator_lines(statement):
            found.setdefault(statement.name, []).append(statement)
    return found


def _is_used(name, nodes, steps):
    """Whether a step or another method of the flow speaks of a method, other than to go on to it."""
    for node in [node for _, node in steps] + [node for other, node in nodes.items() if other != name]:
        for part in _parts(node) if node is not None else ():
            kind = kind_of(part)
            if kind == "Attribute" and part.attr == name or kind == "Constant" and part.value == name:
                return True
    return False


def _parts(function):
    """All nodes of a function but the steps that its calls of self.next name."""
    named = {id(arg) for _, call in nexts(function) for arg in call.args}
    parts = [function]
    for part in parts:
        for field in part._fields:
            value = getattr(part, field, None)
            for one in value if type(value) is list else [value]:
                if hasattr(one, "_fields") and id(one) not in named:
                    parts.append(one)
    return parts


def _nowhere(steps):
    """Calls of self.next before the last statement that go on to what is no step."""
    names = {step["name"] for step, _ in steps}
    for step, node in steps:
        if node is None or "early_next" not in step:
            continue
        own, found = own_name(node), set()
        for call in early_nexts(node):
            for target in targets_of(call, own):
                if target in names or target in found or target in assignments(node):
                    continue
                found.add(target)
                yield _about(
                    step,
                    call.lineno,
                    "Step %s goes on to %s on line %d, which is not a step of this flow. Define it with @step, or "
                    "correct the name." % (step["name"], target, call.lineno),
                )


def _about(step, line, message):
    mistake = {"step": step["name"], "line": line, "message": message}
    if "file" in step:
        mistake["file"] = step["file"]
    return mistake


#: Flags of code, see the module inspect: generators, coroutines, and what is both.
_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200


def _extraordinary(flow_class, steps):
    """Steps whose call runs nothing of them."""
    for step, node in steps:
        flags = getattr(flow_class, step["name"]).__code__.co_flags
        if flags & (_COROUTINE | _ASYNC_GENERATOR):
            line = step["line"]
            what = 'is an "async def"'
            mend = 'Write "def %s", and call asyncio.run(...) in it for the asynchronous part' % step["name"]
        elif flags & _GENERATOR:
            line = _line_of_yield(node) if node is not None else step["line"]
            what = "has a yield on line %d" % line
            mend = "Move the yield to a method of its own, and call that from the step"
        else:
            continue
        yield _about(
            step, line, "Step %s %s, but a step is an ordinary function: none of it would run. %s."
            % (step["name"], what, mend),
        )  # fmt: skip


def _line_of_yield(function):
    parts = list(function.body)
    lines = [function.lineno]
    for part in parts:
        kind = kind_of(part)
        if kind in ("Yield", "YieldFrom"):
            lines.append(part.lineno)
        if kind in ("FunctionDef", "AsyncFunctionDef", "ClassDef", "Lambda"):
            continue
        for field in part._fields:
            value = getattr(part, field, None)
            parts += [one for one in (value if type(value) is list else [value]) if hasattr(one, "_fields")]
    return min(lines[1:] or lines)


def _twice(flow_class, steps, sources):
    """Steps that a class defines more than once: the last definition counts."""
    nodes = [node for _, node in steps]
    for cls in reversed(flow_class.__mro__):
        if cls is object or cls.__module__.partition(".")[0] == __spec__.parent:
            continue
        for name, definitions in _definitions(cls, sources).items():
            if len(definitions) < 2 or not any(node is definitions[-1] for node in nodes):
                continue
            step = next(step for step, node in steps if node is definitions[-1])
            yield {
                **_about(
                    step,
                    definitions[-1].lineno,
                    "Step %s is defined twice, on line %d and on line %d, and only the second counts. Rename or remove "
                    "one of them." % (name, definitions[-2].lineno, definitions[-1].lineno),
                ),
                "warning": True,
            }


def _unfit(parameters, places):
    """Defaults that their parameter's type does not take."""
    for attribute, parameter in parameters.items():
        wrong = parameter.unfit_default()
        if wrong:
            yield {
                **places.get(attribute, {}),
                "message": "The default of the parameter %s does not fit its type: %s. Change the default or the type."
                % (parameter.name, wrong),
            }
