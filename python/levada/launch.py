"""What ``MyFlow()`` at the end of a flow's file does.

The same line serves three processes: the one a user starts, which hands over to the ``levada`` binary; a fork
server, which the binary started or which was forked off by the first; and a fresh interpreter for a single task.
"""

import os
import sys


def launch(flow):
    """Become what the environment asks for. Does not return."""
    control = _take("LEVADA_CONTROL_FD")
    task = _take("LEVADA_TASK_FD")
    if control is not None:
        _become_server(flow, control)
    elif task is not None:
        _run_task(flow, task)
    else:
        _hand_over(flow)


def constructor_lost(flow):
    """Say that FlowSpec's constructor was not called, if this flow is what the process is for.

    An object that some other program makes is left alone, as in Metaflow: it may want nothing but the object. A file
    that is started without a command is one, too: tests with a flow of their own, which unittest.main() runs.
    """
    command = any(word[:1] != "-" for word in sys.argv[1:])
    if "LEVADA_CONTROL_FD" in os.environ or "LEVADA_TASK_FD" in os.environ or command and _is_script(type(flow)):
        launch(flow)  # what describes the flow finds out, and tells the host


def _check_constructor(flow):
    """MetaflowException if the constructor of FlowSpec was not called; it names the one that should have."""
    if hasattr(flow, "_levada"):
        return
    from .exceptions import MetaflowException

    for cls in type(flow).__mro__:
        init = cls.__dict__.get("__init__")
        while hasattr(init, "__wrapped__"):
            init = init.__wrapped__
        code = getattr(init, "__code__", None)
        if code is not None and "__init__" not in code.co_names:  # it calls no other
            raise MetaflowException(
                "%s defines __init__ (line %d) and does not call super().__init__(use_cli), which starts the flow.\n"
                "Take use_cli, and end with that call:\n"
                "    def __init__(self, use_cli=True):\n"
                "        ...\n"
                "        super().__init__(use_cli)" % (init.__qualname__.rpartition(".")[0], code.co_firstlineno),
                source_file=code.co_filename,
            )
    raise MetaflowException(
        "FlowSpec.__init__ was not called, and so no flow was started. "
        "Let each __init__ of %s and its bases call super().__init__(use_cli)." % type(flow).__name__
    )


def _is_script(flow_class):
    """Whether the class is in the file that Python was started with."""
    return flow_class.__module__ == "__main__" and flow_file() is not None


def _take(variable):
    """The descriptor that an environment variable names; the variable is removed, so that no other process sees it."""
    value = os.environ.pop(variable, None)
    if value is None:
        return None
    fd = int(value)
    os.set_inheritable(fd, False)
    os.set_blocking(fd, True)
    return fd


def flow_file():
    """The absolute path of the file that Python was started with."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.abspath(main) if main else None


# A worker.


def _describe(flow, setup=None):
    """Definition and plans of the flow, or the frame that says why there are none.

    ``setup`` is what the host told of what the description depends on, header and body, if it was asked.
    """
    from . import safety
    from .definition import describe
    from .flowspec import protect_constants

    try:
        _check_constructor(flow)
        values = configs = None
        if setup is not None:
            from .prepare import prepare, received

            known = received(*setup)
            values, configs = prepare(type(flow), known)
        definition, plans = describe(type(flow), flow_file(), safety.fork_unsafe(), configs, values)
        protect_constants(type(flow))
        for attribute in (*plans.parameters, *(configs or ())):
            flow.__dict__.pop(attribute, None)  # set by the constructor, which has no say in a run
        frame = {"type": "definition", "definition": definition}
        if setup is not None and known.problems:
            from .configs import all_of

            frame["incomplete"] = all_of(known.problems)  # parameters that configs shape are not as they would be
        return frame, plans
    except Exception as error:
        from .exceptions import MetaflowException, UsageError
        from .failure import traceback_of

        if isinstance(error, UsageError):
            return {"type": "usage", "message": error.message}, None
        if setup is not None:  # it may come from a mutator, a parser, a function that computes a default
            theirs = error.__cause__ if isinstance(error, MetaflowException) else error
            if theirs is not None:
                sys.stderr.write(traceback_of(theirs))

        return _broken(error, traceback_of(error)), None


def _broken(error, trace):
    """The frame that says why there is no definition."""
    message = getattr(error, "message", None) or "%s: %s" % (type(error).__name__, error)
    return {
        "type": "broken",
        "message": str(message),
        "headline": _headline(error),
        "traceback": trace,
        "line": getattr(error, "line_no", None) or 0,
        "file": getattr(error, "source_file", None) or flow_file() or "",
    }


def tell_broken(error, trace):
    """Tell the host why the flow's file cannot be imported. False if no host has started this process."""
    from .wire import Channel, ConversationEnded

    control = _take("LEVADA_CONTROL_FD")
    if control is None:
        return False
    channel = Channel(control)
    try:
        channel.send(_hello())
        channel.send(_broken(error, trace))
        _wait_for_end(channel)
    except (ConversationEnded, OSError):
        pass  # the host is gone
    return True


def _headline(error):
    """The line above the message, if the exception has one of its own."""
    from .exceptions import MetaflowException

    headline = getattr(error, "headline", None)
    return headline if headline and headline != MetaflowException.headline else ""


def _variables():
    """The variables of Levada's and Metaflow's. The user's file may have set some, for the host to go by."""
    return {name: value for name, value in os.environ.items() if name.startswith(("LEVADA_", "METAFLOW_"))}


def _asks(flow, variables):
    """Whether what the host knows is needed to describe the flow: configs, decorators of the command line."""
    if os.environ.pop("LEVADA_SETUP", None) or _names_decorators(variables):
        return True
    prepare = sys.modules.get("levada.configs") or sys.modules.get("levada.custom")
    if prepare is None:
        return False
    from .prepare import needed

    return needed(type(flow))


def _become_server(flow, control):
    from . import bytecode
    from .forkserver import ForkServer
    from .wire import Channel, ConversationEnded

    _null_stdin()
    _refuse_debugger()
    channel = Channel(control)
    try:
        hello = _hello()
        variables = _variables()
        if variables:
            hello["variables"] = variables
        asks = _asks(flow, variables)
        if asks:
            hello.update(asks=True, flow=type(flow).__name__)
        channel.send(hello)
        described, plans = _describe(flow, channel.receive() if asks else None)
        channel.send(*_with_configs(described, plans))
    except (ConversationEnded, OSError):
        os._exit(1)  # the host is gone
    if plans is None:
        _wait_for_end(channel)
        os._exit(0)
    bytecode.keep()
    ForkServer(flow, plans, control).serve()


def _hello():
    """The first frame of a worker."""
    from . import __version__
    from .wire import PROTOCOL

    return {"type": "hello", "protocol": PROTOCOL, "sdk": "python/" + __version__, "pid": os.getpid()}


def _with_configs(described, plans):
    """The frame with the values of the configs, for other processes that describe the flow; and its body."""
    if plans is None or not plans.configs:
        return (described,)
    from pickle import dumps

    names = {config["attribute"]: config["name"] for config in described["definition"]["configs"]}
    parts = {names[attribute]: dumps(value, 5) for attribute, value in plans.configs.items()}
    described["configs"] = [{"name": name, "length": len(part)} for name, part in parts.items()]
    return described, list(parts.values())


def _wait_for_end(channel):
    """Wait until the host, having read what is wrong, closes the conversation."""
    from .wire import ConversationEnded

    try:
        while channel.receive()[0]["type"] != "stop":
            pass
    except (ConversationEnded, OSError):
        pass


def _run_task(flow, fd):
    from . import signals
    from .ending import Ending
    from .safety import LibC
    from .task import converse, flush

    signals.handle(signals.end_step)
    _refuse_debugger()
    first = setup = None
    if os.environ.pop("LEVADA_SETUP", None):
        from .wire import Channel

        channel = Channel(fd)
        setup, first = channel.receive(), channel.receive()
    described, plans = _describe(flow, setup)
    code = 1
    if plans is None:
        sys.stderr.write(described.get("traceback") or described["message"] + "\n")
    else:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)
        signals.enter_task()
        code = converse(flow, plans, fd, first)
    Ending(forked=False)()
    flush()
    LibC().flush()
    os._exit(code)


def _refuse_debugger():
    """Let ``breakpoint()`` in a step say that a task has no keyboard; PYTHONBREAKPOINT names what needs none."""
    if sys.breakpointhook is sys.__breakpointhook__ and not os.environ.get("PYTHONBREAKPOINT"):
        sys.breakpointhook = _breakpoint


def _breakpoint(*args, **kwargs):
    from .exceptions import MetaflowException

    frame = sys._getframe(1)
    raise MetaflowException(
        "breakpoint() cannot stop here: a task has no keyboard for a debugger. Call the step from your own Python "
        "session (docs/failures.md, Debug a step), or skip breakpoints: PYTHONBREAKPOINT=0.",
        frame.f_lineno,
        frame.f_code.co_filename,
    )


def _null_stdin():
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


# The process that a user started.


def find_binary():
    """The path of the ``levada`` binary. LookupError, which says what to do, if there is none."""
    said = os.environ.get("LEVADA_BIN")
    if said:
        if _is_program(said):
            return said
        raise LookupError(
            "LEVADA_BIN is %s, which is not a program: correct it, or unset it to search for 'levada'" % said
        )
    package = os.path.dirname(os.path.abspath(__file__))
    folders = [os.path.dirname(os.path.dirname(package)), os.path.join(package, "bin")]
    folders += os.environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        path = os.path.join(folder, "levada")
        if _is_program(path):
            return path
    raise LookupError("the program 'levada' was not found: install it on your PATH, or set LEVADA_BIN to its path")


def _is_program(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _hand_over(flow):
    """Replace this process with ``levada flow <file> ...``; leave a fork server behind, so that the import is kept."""
    file = flow_file()
    if "IPython" in sys.modules or "marimo" in sys.modules:
        from .notebook import run_in_session
        from .runner import is_session

        if is_session():
            run_in_session(flow, file, _module())
    if file is None or not os.path.exists(file):
        where = "" if file is None else ": %s is not one, as nothing in an archive is" % file
        sys.stderr.write("levada: a flow must be in a file of its own to be run from the command line%s.\n" % where)
        sys.exit(1)
    try:
        binary = find_binary()
    except LookupError as problem:
        sys.stderr.write("levada: %s.\n" % problem)
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # it was closed
            stream.flush()
    os.environ.setdefault("LEVADA_BIN", binary)  # for clients in the tasks
    environment = dict(os.environ, LEVADA_PYTHON=sys.executable)
    os.environ.pop("LEVADA_NOTEBOOK_FLOW", None)  # it is not about what tasks run
    for variable in ("LEVADA_WORKER_FD", "LEVADA_WORKER_PID", "LEVADA_WORKER_MODULE"):
        environment.pop(variable, None)
    module = _module()
    if module:
        environment.update(LEVADA_WORKER_MODULE=module, LEVADA_STARTED_AS="python -m " + module)
    if _may_fork():
        from _socket import AF_UNIX, SOCK_STREAM, socketpair

        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        pid = os.fork()
        if pid == 0:
            ours.close()
            os.setpgid(0, 0)
            if _may_add_decorators():
                os.environ["LEVADA_SETUP"] = "1"
            _become_server(flow, theirs.detach())
        theirs.close()
        os.set_inheritable(ours.fileno(), True)
        environment.update(LEVADA_WORKER_FD=str(ours.fileno()), LEVADA_WORKER_PID=str(pid))
    try:
        os.execve(binary, ["levada", "flow", file, *sys.argv[1:]], environment)
    except OSError as error:
        sys.stderr.write("levada: %s could not be started: %s\n" % (binary, error.strerror))
        os._exit(1)


def _module():
    """The module that ``python -m`` was given; "" if Python was given a file."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    # A folder or an archive is no module, but what is in it, __main__, has been found like one.
    return spec.name if spec is not None and spec.name != "__main__" else ""


def _may_add_decorators():
    """Whether the command line or the environment may name decorators: then the host is asked which."""
    return any(argument.startswith("--with") for argument in sys.argv) or _names_decorators(os.environ)


def _names_decorators(variables):
    return any(name.endswith("_DECOSPECS") and value for name, value in variables.items())


def _may_fork():
    """Whether the fork server can be a fork of this process. It would not see what the fork has lost."""
    from .safety import fork_unsafe

    return not fork_unsafe()
