"""The conversations about parameters: the values of a run, and the defaults that help shows."""

import os
import shutil
import sys

from .artifacts import Staging, pack
from .exceptions import MetaflowException, UsageError
from .includefile import Content
from .parameters import resolve_all
from .running import enter_resolution
from .tuples import ParameterContext

_INLINE_LIMIT = 1 << 18


def _context(flow, plans, frame):
    def logger(*message):
        print(*message, file=sys.stderr)

    enter_resolution(type(flow).__name__, frame.get("project"))
    return ParameterContext(
        flow_name=type(flow).__name__,
        user_name=frame.get("user"),
        parameter_name=None,
        logger=logger,
        ds_type=frame.get("ds_type", "local"),
        configs=_configs(flow, plans),
    )


def _configs(flow, plans):
    """The configs by name, for functions that compute defaults."""
    if not any(callable(parameter.default) for parameter in plans.parameters.values()):
        return None
    from .configs import ConfigValue, configs_of

    found = configs_of(type(flow)) if plans.configs else {}
    return ConfigValue({config.name: plans.configs.get(attribute) for attribute, config in found.items()})


def parameters(flow, plans, channel, frame):
    """Resolve the parameters of a run; answer with their values, or with the user's mistake."""
    try:
        values = resolve_all(plans.parameters, frame.get("values") or {}, _context(flow, plans, frame))
        staging = Staging(frame.get("staging"), "parameters-%d" % os.getpid(), frame.get("inline_limit", _INLINE_LIMIT))
        entries, parts, display = [], [], {}
        for attribute, value in values.items():
            parameter = plans.parameters[attribute]
            display[parameter.name] = parameter.display(value)
            if isinstance(value, Content):
                entry, data = _include(attribute, value, parameter, staging)
            else:
                entry, data = pack(attribute, value, staging)
            entries.append(entry)
            parts.append(data)
        shared = {**plans.constants, **plans.configs}
        shared.setdefault("name", type(flow).__name__)
        for name, value in shared.items():
            if name in values:
                continue  # a parameter called name
            entry, data = pack(name, value, staging)
            entries.append(entry)
            parts.append(data)
        for name, value in plans.private.items():
            try:
                entry, data = pack(name, value, staging)
            except MetaflowException:
                continue  # helpers such as locks: nobody asked to store them
            entries.append(entry)
            parts.append(data)
    except UsageError as error:
        channel.send({"type": "usage", "message": error.message, "parameter": error.parameter or ""})
        return 1
    except Exception as error:
        from .failure import record, text

        sys.stderr.write(text("<flow %s>" % type(flow).__name__, error))
        channel.send({"type": "done", "ok": False, "exception": record(error)})
        return 1
    channel.send(
        {"type": "done", "ok": True, "artifacts": entries, "display": display},
        [part for part in parts if part is not None],
    )
    return 0


def _include(attribute, content, parameter, staging):
    """An included file as an artifact: its bytes as they are."""
    size, unit = content.size, "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    print("Including file %s of size %d%s " % (content.path, size, unit), file=sys.stderr)
    entry = {"name": attribute, "codec": "file", "type": "str" if parameter.is_text else "bytes", "size": content.size}
    if content.size > staging.limit:
        entry["path"] = staging.path()
        shutil.copyfile(content.path, entry["path"])
        entry["size"] = os.stat(entry["path"]).st_size
        return entry, None
    with open(content.path, "rb") as file:
        data = file.read()
    entry["size"] = entry["length"] = len(data)
    return entry, data


def defaults(flow, plans, channel, frame):
    """Compute the defaults that are functions, as far as they can be, for help."""
    context = _context(flow, plans, frame)
    display = {}
    for parameter in plans.parameters.values():
        if not callable(parameter.default):
            continue
        try:
            value = parameter.computed_default(context)
        except MetaflowException:
            continue  # help is shown all the same; the run says what is wrong
        display[parameter.name] = parameter.display(value)
    channel.send({"type": "defaults", "display": display})
    return 0
