"""``@exit_hook``: functions that are called when a run has ended, each in a process of its own."""

import os

from .exceptions import MetaflowException
from .standard import library

_OUTCOMES = ("on_success", "on_error")


def check(decorator):
    """MetaflowException if the attributes of an ``@exit_hook`` make no sense."""
    attributes = decorator.attributes
    if not any(attributes.get(outcome) for outcome in _OUTCOMES):
        raise MetaflowException("@exit_hook: choose at least one of on_success and on_error, lists of functions.")
    for outcome in _OUTCOMES:
        hooks = attributes.get(outcome) or []
        if not isinstance(hooks, (list, tuple)):
            raise MetaflowException("@exit_hook: %s is a list of functions, not %r." % (outcome, hooks))
        for hook in hooks:
            if not callable(hook) and not isinstance(hook, str):
                raise MetaflowException(
                    "@exit_hook: %s has %r, which is neither a function nor the name of one." % (outcome, hook)
                )


def hooks_of(flow_class, ok):
    """The hooks of a flow for a run that ended well or not, in the order in which they are called."""
    from .decorators import flow_decorators

    outcome = _OUTCOMES[0] if ok else _OUTCOMES[1]
    return [
        hook
        for decorator in flow_decorators(flow_class)
        if decorator.name == "exit_hook"
        for hook in decorator.attributes.get(outcome) or ()
    ]


def exit_hook(flow, plans, channel, frame):
    """Call one hook; say how that ended, and return the exit code."""
    from .task import flush

    try:
        hook = hooks_of(type(flow), frame["ok"])[frame["index"]]
        if isinstance(hook, str):
            hook = _named(type(flow), hook)
        if frame.get("home"):
            # Where the client looks.
            remote = frame["home"].startswith(("http://", "https://"))
            os.environ["LEVADA_SERVER" if remote else "LEVADA_HOME"] = frame["home"]
            if not remote:
                os.environ.pop("LEVADA_SERVER", None)
        if _takes_run(hook):
            from .client import Run

            hook(run=Run(frame["pathspec"]))
        else:
            hook()
    except BaseException as error:
        if not (isinstance(error, SystemExit) and not error.code):
            return _failed(channel, error)
    flush()
    channel.send({"type": "done", "ok": True})
    return 0


def _failed(channel, error):
    import sys

    from .failure import record, traceback_of
    from .task import flush

    if isinstance(error, SystemExit):
        error = MetaflowException("it exited with %s" % error.code)
    else:
        sys.stderr.write(traceback_of(error))
    flush()
    channel.send({"type": "done", "ok": False, "exception": record(error)})
    return 1


def _named(flow_class, name):
    """The function of a name: of the flow's module, or a dotted path."""
    import sys
    from importlib import import_module

    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module) if module else sys.modules[flow_class.__module__], attribute)
    except (ImportError, AttributeError) as error:
        raise MetaflowException("@exit_hook: there is no function %s: %s" % (name, error)) from None


def _takes_run(hook):
    with library():
        from inspect import Parameter, signature

    try:
        parameters = signature(hook).parameters.values()
    except (TypeError, ValueError):
        return False  # built in, and does not say
    return any(parameter.name == "run" or parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters)
