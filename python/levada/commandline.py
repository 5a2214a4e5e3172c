"""Keyword arguments to command lines: ``tags=["a"], alpha=1`` to ``--tag a --alpha 1``.

What does not fit is found here, before a process is started: ValueError for names that there are not and values that
are missing, TypeError for values of the wrong type.
"""

import json
import os

_TEXT, _NUMBER, _LIST, _FLAG, _PAIRS = "text", "number", "list", "flag", "pairs"


class Option:
    """An option of a command: its name on the command line and what it takes."""

    def __init__(self, name, kind, off=None):
        self.name = name
        self.kind = kind
        self.off = off  # what switches a flag off

    def words(self, key, value):
        """The words that give the option its value."""
        if value is None:
            return []
        if self.kind == _FLAG:
            _check(key, value, bool, "True or False")
            return ["--" + self.name] if value else ["--" + self.off] if self.off else []
        if self.kind == _NUMBER:
            _check(key, value, int, "a whole number")
            return ["--" + self.name, str(value)]
        if self.kind == _LIST:
            if isinstance(value, str) or not hasattr(value, "__iter__"):
                raise TypeError("Invalid type for '%s': a list of strings is expected, not %r" % (key, value))
            return [word for one in value for word in ("--" + self.name, str(one))]
        if self.kind == _PAIRS:
            pairs = value.items() if isinstance(value, dict) else value
            return [word for name, one in pairs for word in ("--" + self.name, str(name), _json(one))]
        if not isinstance(value, (str, os.PathLike)):
            raise TypeError("Invalid type for '%s': a string is expected, not %r" % (key, value))
        return ["--" + self.name, os.fspath(value)]


TOP = {
    "quiet": Option("quiet", _FLAG, "not-quiet"),
    "metadata": Option("metadata", _TEXT),
    "environment": Option("environment", _TEXT),
    "datastore": Option("datastore", _TEXT),
    "datastore_root": Option("datastore-root", _TEXT),
    "server": Option("server", _TEXT),
    "package_suffixes": Option("package-suffixes", _TEXT),
    "decospecs": Option("with", _LIST),
    "pylint": Option("pylint", _FLAG, "no-pylint"),
    "event_logger": Option("event-logger", _TEXT),
    "monitor": Option("monitor", _TEXT),
    "mode": Option("mode", _TEXT),
    "branch": Option("branch", _TEXT),
    "production": Option("production", _FLAG),
    "trigger": Option("trigger", _LIST),
    "config": Option("config", _PAIRS),
    "config_value": Option("config-value", _PAIRS),
    "force_rebuild_environments": Option("force-rebuild-environments", _FLAG),
    "isolation": Option("isolation", _TEXT),
}
_RUNS = {
    "tags": Option("tag", _LIST),
    "decospecs": Option("with", _LIST),
    "max_workers": Option("max-workers", _NUMBER),
    "max_num_splits": Option("max-num-splits", _NUMBER),
    "max_log_size": Option("max-log-size", _NUMBER),
    "run_id_file": Option("run-id-file", _TEXT),
}
COMMANDS = {
    "run": dict(_RUNS, user_namespace=Option("namespace", _TEXT)),
    "resume": dict(_RUNS, origin_run_id=Option("origin-run-id", _TEXT), step_to_rerun=None),
    "spin": {
        "pathspec": None,
        "skip_decorators": Option("skip-decorators", _FLAG, "no-skip-decorators"),
        "artifacts_module": Option("artifacts-module", _TEXT),
        "persist": Option("persist", _FLAG, "no-persist"),
        "max_log_size": Option("max-log-size", _NUMBER),
        "run_id_file": Option("run-id-file", _TEXT),
    },
}


def top_words(values):
    """The words of the options before the command."""
    return _words(values, TOP)


def given_configs(values, environment):
    """What configs are given, in options before the command or else in variables, as a flow that asks is told it."""
    given = {}
    for key, entry in (("config", "config_files"), ("config_value", "config_values")):
        words = TOP[key].words(key, values.get(key))
        given[entry] = dict(zip(words[1::3], words[2::3])) or _variable("FLOW_" + key.upper(), environment)
    return given


def _variable(name, environment):
    text = environment.get("LEVADA_" + name) or environment.get("METAFLOW_" + name)
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    return given if isinstance(given, dict) else {}  # the run says what is wrong


def command_words(command, definition, values):
    """The words of a command with its options, arguments and, for ``run``, the flow's parameters."""
    options = dict(COMMANDS[command])
    parameters = {}
    if command == "run":
        parameters = _by_keyword(definition.get("parameters") or ())
        given = {key: value for key, value in values.items() if key in parameters}
        values = {key: value for key, value in values.items() if key not in parameters}
        missing = [key for key, p in parameters.items() if p.get("required") and given.get(key) is None]
    words = _words(values, options, parameters)
    if command == "run":
        for key, value in given.items():
            if value is not None:
                words += _parameter_words(key, value, parameters[key])
        if missing:
            raise ValueError("Missing argument: %s needs a value for %s" % (definition["name"], ", ".join(missing)))
    return [command, *words]


def _by_keyword(parameters):
    """Parameters by the keyword that gives them a value: the name, which may have dashes, as it can be written."""
    return {parameter["name"].replace("-", "_"): parameter for parameter in parameters}


def _words(values, options, parameters=()):
    words, arguments = [], []
    for key, value in values.items():
        if key not in options:
            raise ValueError(
                "Unknown argument: '%s'. Possible arguments are: %s" % (key, ", ".join([*parameters, *options]))
            )
        if options[key] is not None:
            words += options[key].words(key, value)
        elif value is not None:
            if not isinstance(value, str):
                raise TypeError("Invalid type for '%s': a string is expected, not %r" % (key, value))
            arguments.append(value)
    return words + arguments


_PARAMETER_TYPES = {
    "int": ((int,), "int"),
    "float": ((float, int), "float"),
    "str": ((str,), "str"),
    "bool": ((bool,), "bool"),
    "file": ((str, os.PathLike), "the path of a file"),
}


def _parameter_words(key, value, parameter):
    """The words that give a parameter its value."""
    option = "--" + parameter["name"]
    many, arity, flag = parameter.get("many"), parameter.get("arity", 1), parameter.get("flag")
    if flag is not None:
        if parameter["type"] == "int" and flag == "1":  # it counts its uses
            _check(key, value, int, "a whole number")
            return [option] * value
        return [option] if _parameter(key, value, parameter) == flag else []
    if not many and arity == 1:
        return [option, _parameter(key, value, parameter)]
    uses = value if many else [value]
    _check(key, uses, (list, tuple), "a list")
    words = []
    for use in uses:
        values = [use] if arity == 1 else use
        _check(key, values, (list, tuple), "a list")
        if len(values) != arity:
            raise TypeError("Invalid type for '%s': a list of %d values is expected, not %r" % (key, arity, use))
        words += [option, *(_parameter(key, one, parameter) for one in values)]
    return words


def _parameter(key, value, parameter):
    """The value of a parameter as text."""
    separator = parameter.get("separator")
    if separator and isinstance(value, (list, tuple)):
        return separator.join(str(part) for part in value)
    types, words = _PARAMETER_TYPES.get(parameter["type"], (None, None))
    if parameter["type"] == "str" and parameter.get("arity", 1) > 1:
        types, words = (str, int, float, bool), "text or a number"  # each of them may have a type of its own
    if types is None:
        return json.dumps(value, default=_plain)  # a text is a value, too
    _check(key, value, types, words)
    return os.fspath(value) if parameter["type"] == "file" else str(value)


def _check(key, value, types, words):
    types = types if isinstance(types, tuple) else (types,)
    if not isinstance(value, types) or isinstance(value, bool) and bool not in types:
        raise TypeError("Invalid type for '%s': %s is expected, not %r" % (key, words, value))


def _json(value):
    return value if isinstance(value, str) else json.dumps(value, default=_plain)


def _plain(value):
    """What of a value JSON has, for values that wrap others: configs are mappings that are no dict."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "keys"):
        return {key: value[key] for key in list(value.keys())}
    raise TypeError("%r is not JSON" % (value,))
