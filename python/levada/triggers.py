"""What @trigger, @trigger_on_finish and @schedule cannot have, or should not.

They do nothing in a local run. Whoever writes one means it for a scheduler, and should not hear of a mistake only
there. What Metaflow refuses is a mistake; what it lets pass, although it cannot be meant, is a warning.
"""

from .spelling import meant

_EVENT_KEYS = ("name", "parameters")
_FLOW_KEYS = ("name", "project", "project_branch")


def problems(decorator, parameters):
    """What is wrong with a decorator of a flow that has parameters of these names: pairs of text and "is a warning"."""
    check = _CHECKS.get(decorator.name)
    return check(decorator.attributes, parameters) if check else ()


def _known_later(value):
    """Whether a value is computed when the flow is deployed."""
    return callable(value) or hasattr(value, "levada_delayed")


def _of_one_or_many(attributes, one, many, example):
    """The events or flows that a decorator names, and what is wrong with the way."""
    single, several = attributes.get(one), attributes.get(many)
    if single is not None and several:
        return [], "has both %s and %s. Keep one of them" % (one, many)
    if single is not None:
        return [single], None
    if several and not _known_later(several) and not isinstance(several, (list, tuple)):
        return [], "has %s=%r, which is not a list. Write %s=[%r], or %s=%r" % (
            many, several, many, example, one, example,
        )  # fmt: skip
    if not several:
        return [], "names no %s. Write %s=%r, or %s=[%r, ...]" % (one, one, example, many, example)
    return [] if _known_later(several) else several, None


def _names(found, one, keys, example):
    """The names of events or flows, and problems of those that have none."""
    names, wrong = [], []
    for value in found:
        if isinstance(value, dict):
            for key in value:
                if key not in keys:
                    more = meant(key, keys)
                    text = "has a dict with the key %r, which is not allowed there.%s It may have %s" % (
                        key, more, ", ".join(keys),
                    )  # fmt: skip
                    wrong.append((text, True))
            if "name" not in value:
                wrong.append(("has a dict without 'name'. Write {'name': %r}" % example, False))
                continue
            value = value["name"]
        if isinstance(value, str):
            names.append(value)
        elif not _known_later(value):
            text = "has %r as %s. Write a text, or a dict: {'name': %r}"
            wrong.append((text % (value, "an event" if one == "event" else "a flow", example), False))
    return names, wrong


def _trigger(attributes, parameters):
    found, missing = _of_one_or_many(attributes, "event", "events", "data_arrived")
    if missing:
        return [(missing, False)]
    names, wrong = _names(found, "event", _EVENT_KEYS, "data_arrived")
    for name in sorted(set(names)):
        if names.count(name) > 1:
            wrong.append(("names the event %r twice. Keep one of them" % name, False))
    for event in found:
        mapped = event.get("parameters") if isinstance(event, dict) else None
        if mapped is None or _known_later(mapped):
            continue
        if not isinstance(mapped, (dict, list, tuple)):
            text = "has parameters=%r. Write a dict of parameters and fields of the event, or a list of both's names"
            wrong.append((text % (mapped,), True))
            continue
        for entry in mapped:
            name = entry[0] if isinstance(entry, (list, tuple)) and entry else entry
            if isinstance(name, str) and name not in parameters:
                text = "gives a value to the parameter %r, which the flow does not have" % name
                more = meant(name, parameters)
                wrong.append((text + "." + more if more else text, True))
    return wrong


def _trigger_on_finish(attributes, parameters):
    found, missing = _of_one_or_many(attributes, "flow", "flows", "OtherFlow")
    if missing:
        return [(missing, False)]
    names, wrong = _names(found, "flow", _FLOW_KEYS, "OtherFlow")
    for name in names:
        if name.count(".") == 1:
            text = "names the flow %r. Write the flow's name alone, or all of it: 'project.branch.Flow'"
            wrong.append((text % name, False))
    return wrong


def _schedule(attributes, parameters):
    if any(attributes.get(name) for name in ("cron", "weekly", "daily", "hourly")):
        return []
    return [("names no time, so the flow would never start. Write daily=True, or cron='0 6 * * ? *'", True)]


_CHECKS = {"trigger": _trigger, "trigger_on_finish": _trigger_on_finish, "schedule": _schedule}
