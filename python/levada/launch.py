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


def _describe(flow):
    """Definition and plans of the flow, or the frame that says why there are none."""
    from . import safety
    from .definition import describe
    from .flowspec import protect_constants

    try:
        definition, plans = describe(type(flow), flow_file(), safety.fork_unsafe())
        _check_decorators(plans)
        protect_constants(type(flow))
        return {"type": "definition", "definition": definition}, plans
    except Exception as error:
        from .failure import traceback_of

        message = getattr(error, "message", None) or "%s: %s" % (type(error).__name__, error)
        return {
            "type": "broken",
            "message": str(message),
            "traceback": traceback_of(error),
            "line": getattr(error, "line_no", None) or 0,
            "file": getattr(error, "source_file", None) or flow_file() or "",
        }, None


def _check_decorators(plans):
    from .exceptions import MetaflowException
    from .task import timeout_seconds

    for plan in plans.steps.values():
        if plan.timeout is not None and timeout_seconds(plan.timeout) <= 0:
            raise MetaflowException(
                "The @timeout of the step '%s' has no duration. Give seconds, minutes or hours." % plan.name
            )


def _become_server(flow, control):
    from . import __version__, bytecode
    from .forkserver import ForkServer
    from .wire import PROTOCOL, Channel

    _null_stdin()
    channel = Channel(control)
    try:
        channel.send({"type": "hello", "protocol": PROTOCOL, "sdk": "python/" + __version__, "pid": os.getpid()})
        described, plans = _describe(flow)
        channel.send(described)
    except OSError:
        os._exit(1)  # the host is gone
    if plans is None:
        _wait_for_end(channel)
        os._exit(0)
    bytecode.keep()
    ForkServer(flow, plans, control).serve()


def _wait_for_end(channel):
    """Wait until the host, having read what is wrong, closes the conversation."""
    from .wire import ConversationEnded

    try:
        while channel.receive()[0]["type"] != "stop":
            pass
    except (ConversationEnded, OSError):
        pass


def _run_task(flow, fd):
    from _signal import SIGINT, SIGTERM, signal

    from .safety import LibC
    from .task import converse, flush, on_signal

    signal(SIGINT, on_signal)
    signal(SIGTERM, on_signal)
    described, plans = _describe(flow)
    code = 1
    if plans is None:
        sys.stderr.write(described["traceback"])
    else:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(line_buffering=True)
        code = converse(flow, plans, fd)
    flush()
    LibC().flush()
    os._exit(code)


def _null_stdin():
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


# The process that a user started.


def find_binary():
    """The path of the ``levada`` binary, or None."""
    package = os.path.dirname(os.path.abspath(__file__))
    candidates = [
        os.environ.get("LEVADA_BIN"),
        os.path.join(os.path.dirname(os.path.dirname(package)), "levada"),
        os.path.join(package, "bin", "levada"),
    ]
    candidates += [os.path.join(folder, "levada") for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    for candidate in candidates:
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def _hand_over(flow):
    """Replace this process with ``levada flow <file> ...``; leave a fork server behind, so that the import is kept."""
    file = flow_file()
    if file is None:
        sys.stderr.write("levada: a flow must be in a file of its own to be run from the command line.\n")
        sys.exit(1)
    binary = find_binary()
    if binary is None:
        sys.stderr.write(
            "levada: the program 'levada' was not found. Install it on your PATH, or set LEVADA_BIN to its path.\n"
        )
        sys.exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ.setdefault("LEVADA_BIN", binary)  # for clients in the tasks
    environment = dict(os.environ, LEVADA_PYTHON=sys.executable)
    for variable in ("LEVADA_WORKER_FD", "LEVADA_WORKER_PID"):
        environment.pop(variable, None)
    if _may_fork():
        from _socket import AF_UNIX, SOCK_STREAM, socketpair

        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        pid = os.fork()
        if pid == 0:
            ours.close()
            os.setpgid(0, 0)
            _become_server(flow, theirs.detach())
        theirs.close()
        os.set_inheritable(ours.fileno(), True)
        environment.update(LEVADA_WORKER_FD=str(ours.fileno()), LEVADA_WORKER_PID=str(pid))
    try:
        os.execve(binary, ["levada", "flow", file, *sys.argv[1:]], environment)
    except OSError as error:
        sys.stderr.write("levada: %s could not be started: %s\n" % (binary, error.strerror))
        os._exit(1)


def _may_fork():
    """Whether no other thread would be lost by a fork."""
    if sys.platform == "darwin":
        return False
    threading = sys.modules.get("threading")
    return threading is None or threading.active_count() == 1
