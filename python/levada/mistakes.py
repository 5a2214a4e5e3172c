"""Mistakes in the definition of a flow that Python lets pass: names that are taken, defaults that do not fit.

A name of a flow's class is one thing. Where a flow uses it for two, Python quietly takes one of them, and the other is
lost. So the definition has these as mistakes, and the host tells them with what else it finds.
"""

from .flowspec import FlowSpec, class_values
from .graph import BLOCKS, kind_of

#: What every flow has, and what it is.
_OWN = {
    "next": "what says which step follows",
    "input": "the element of the foreach",
    "index": "the position in the foreach",
    "foreach_stack": "what tells of the foreaches around a task",
    "merge_artifacts": "what joins take artifacts over with",
    "script_name": "the name of the flow's file",
}
#: Those of them that mean something in a foreach alone.
_OF_FOREACH = ("input", "index", "foreach_stack")


def mistakes(flow_class, steps, parameters, configs, places):
    """What is wrong, as the definition has it.

    ``steps`` are pairs of a step as described and its node, ``places`` file and line of what the class assigns. What a
    flow can run with is marked as a warning.
    """
    return [
        *_hidden(flow_class, steps, parameters, configs, places),
        *_lost(flow_class, steps),
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
                why = "self.next, and no step can say what follows"
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
                    what = "but %s is a step, and self.next would get the value in its place" % name
                else:  # the step itself may read it, and so may clients
                    what = "but %s is a step, and the steps after this one find it there, not the value" % name
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
    own = function.args.args[0].arg if function.args.args else "self"
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
