"""What a flow's file says of itself, for code that runs flows: its definition, read from a process of its own."""

import os
import socket
import subprocess
import sys

from .exceptions import MetaflowException
from .identity import user_name
from .standard import library
from .wire import Channel, ConversationEnded


def definition_of(file, python, environment, folder, configs=None):
    """The definition of the flow in ``file``, as a dict, and what is wrong with its configs, or None.

    MetaflowException if the file has no flow. A flow that is shaped by configs is told those that ``configs`` finds in
    an environment: ``config_files`` and ``config_values``, by name. The file may have set variables of its own. What is
    wrong with configs is no failure here: a resumed run has those of its origin.

    The file is imported in a fresh interpreter, so nothing of it, neither its modules nor its mistakes, stays here.
    """
    with library():
        from tempfile import TemporaryFile

    ours, theirs = socket.socketpair()
    with TemporaryFile() as output:  # not a pipe: nobody reads while the file is imported, and it may print a lot
        with ours:
            with theirs:
                process = subprocess.Popen(
                    [python, file],
                    cwd=folder,
                    env=in_utf8(dict(environment, LEVADA_CONTROL_FD=str(theirs.fileno()))),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            said = _conversation(Channel(ours.fileno()), environment, configs)
        process.wait()  # the end of the socket ends it
        if said is None:
            output.seek(0)
            hint = "It ended without starting a flow; end it with:\n    if __name__ == '__main__':\n        MyFlow()"
            why = output.read().decode(errors="replace").strip() or hint
            raise MetaflowException("No flow could be read from %s.\n%s" % (file, why))
    if "definition" not in said:  # broken, or refused
        raise MetaflowException(said["message"], said.get("line") or None, said.get("file") or None)
    return said["definition"], said.get("incomplete")


def _conversation(channel, environment, configs):
    """What the process says of its flow; None if it ends without a word. What it printed tells why."""
    try:
        hello = channel.receive()[0]
        if hello.get("asks"):
            found = configs({**environment, **hello.get("variables", {})}) if configs else {}
            channel.send({"type": "setup", "user": user_name(), "lenient": True, **found})
        return channel.receive()[0]
    except (ConversationEnded, OSError):
        return None


def utf8(text):
    """Text as a process gets it: in UTF-8, as flows read it, even where this Python's locale has nothing but ASCII."""
    return text.encode("utf-8", "surrogateescape")


def in_utf8(environment):
    """An environment as a process gets it."""
    return {utf8(name): utf8(value) for name, value in environment.items()}


def sdk_environment(env=None):
    """The environment of a process that runs a flow with this SDK: ``os.environ`` with ``env`` on top."""
    environment = dict(os.environ)
    environment.update({key: str(value) for key, value in (env or {}).items()})
    for variable in ("LEVADA_CONTROL_FD", "LEVADA_TASK_FD", "LEVADA_WORKER_FD", "LEVADA_WORKER_PID"):
        environment.pop(variable, None)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    if root not in paths and root in [os.path.abspath(path) for path in sys.path]:
        environment["PYTHONPATH"] = os.pathsep.join([root, *paths])
    return environment
