"""The conversation with ``levada rpc``: one child for each interpreter, started when it is first needed.

``internal/rpc/README.md`` describes the frames. The child has the other end of a socket as its standard input and
output, so it ends when this process does. It is started again if it has died. After a fork the new process
starts a child of its own: the old one's answers belong to the parent.
"""

import os
import socket
import sys
from _signal import SIGKILL
from _thread import allocate_lock
from json import dumps, loads
from struct import Struct
from time import monotonic, sleep

from ..exceptions import (
    DataException,
    MetaflowException,
    MetaflowInternalError,
    MetaflowNotFound,
    MetaflowTaggingError,
)
from ..launch import find_binary
from ..wire import RequestFailed

#: Version of the conversation that this side speaks.
VERSION = 1

_lengths = Struct(">II")
_MAX_HEADER = 16 << 20
_MAX_BODY = 64 << 20
_CHUNK = 1 << 18

#: The methods that change what is stored (``internal/api/call.go``): what may have been done is not asked for again.
_WRITES = frozenset(("tags", "cancel_run", "resume_run"))


#: Seconds that a task waits for its own record.
_PATIENCE = 10
#: The task of this process whose record has been waited for.
_awaited = None


class _Lost(Exception):
    """The child has gone."""


class _Unsent(_Lost):
    """The child has gone before it was sent a whole request."""


def _for_people(error, method):
    """The exception for people of a request that failed."""
    text = "%s. %s" % (error.message.rstrip("."), _sentence(error.hint)) if error.hint else error.message
    if error.kind == "not found":
        return MetaflowNotFound(text)
    if method == "tags" and error.kind == "invalid":
        return MetaflowTaggingError(text)
    if error.kind in ("corrupt", "permission", "no space"):
        return DataException(text)
    if error.kind in ("unavailable", "interrupted"):
        return MetaflowException(text)
    return MetaflowInternalError(text)


def _sentence(text):
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


class _Child:
    """A running ``levada rpc`` and the socket to it."""

    def __init__(self):
        try:
            binary = find_binary()
        except LookupError as problem:
            raise MetaflowException("The client reads runs with the program 'levada': %s." % problem) from None
        ours, theirs = socket.socketpair()
        try:
            # A session of its own: Ctrl-C in the terminal is for this process, not for it.
            self.pid = os.posix_spawn(
                binary,
                [binary, "rpc"],
                # Each request names its server.
                {
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith("LEVADA_WORKER_") and name != "LEVADA_SERVER"
                },
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 1),
                ],
                setpgroup=0,
                setsigmask=(),
            )
        except OSError as error:
            ours.close()
            raise MetaflowException("%s could not be started: %s" % (binary, error.strerror)) from None
        finally:
            theirs.close()
        self.socket = ours
        self.buffer = bytearray()
        self.binary = binary
        self.requests = 0
        try:
            hello, _ = self.receive()
        except _Lost:
            self.end()
            raise MetaflowException("%s is not a 'levada' that answers requests. See its output." % binary) from None
        except BaseException:
            self.end()
            raise
        if hello.get("type") != "hello" or hello.get("rpc") != VERSION:
            self.end()
            raise MetaflowException(
                "%s (version %s) does not work with this client (version %s). Install both of the same release."
                % (binary, hello.get("levada", "unknown"), _sdk_version())
            )
        self.version = hello.get("levada", "")

    def send(self, header):
        text = dumps(header, separators=(",", ":")).encode()
        try:
            self.socket.sendall(_lengths.pack(len(text), 0) + text)
        except OSError:
            raise _Unsent() from None

    def receive(self):
        """The next frame: header and body."""
        header_size, body_size = _lengths.unpack(self._take(8))
        if header_size > _MAX_HEADER or body_size > _MAX_BODY:
            raise _Lost()
        try:
            header = loads(self._take(header_size))
        except ValueError:
            raise _Lost() from None
        if type(header) is not dict:
            raise _Lost()
        return header, self._take(body_size) if body_size else b""

    def _take(self, size):
        buffer = self.buffer
        while len(buffer) < size:
            try:
                data = self.socket.recv(max(_CHUNK, size - len(buffer)))
            except OSError:
                raise _Lost() from None
            if not data:
                raise _Lost()
            buffer += data
        data = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return data

    def end(self):
        """Close the conversation and end the child. What it was writing is written whole or not at all."""
        self.socket.close()
        try:
            os.kill(self.pid, SIGKILL)
            os.waitpid(self.pid, 0)
        except OSError:
            pass  # somebody else has waited for it


def _sdk_version():
    from .. import __version__

    return __version__


class Connection:
    """What all stores of an interpreter ask through. All methods may be called from any thread."""

    def __init__(self):
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _forget(self):
        self._child = None
        self._pid = os.getpid()
        self._lock = allocate_lock()

    def _after_fork(self):
        child = self._child
        self._forget()
        if child is not None:
            child.socket.close()  # this process's end of it; the parent's goes on

    def ask(self, where, method, params):
        """Send a request; return the answer and its body, joined if it came in parts. RequestFailed."""
        if os.getpid() != self._pid:
            self._after_fork()  # a fork that Python was not told of
        with self._lock:
            for last in (False, True):
                if self._child is None:
                    self._child = _Child()
                try:
                    return self._exchange(where, method, params)
                except _Lost as lost:
                    # It died, perhaps long ago.
                    child, self._child = self._child, None
                    child.end()
                    text = "%s exited before it answered the request '%s'." % (child.binary, method)
                    if method in _WRITES and type(lost) is not _Unsent:
                        text += " It may have carried the request out; check before you try again."
                    elif not last:
                        continue
                    raise MetaflowException(text) from None
                except RequestFailed:
                    raise
                except BaseException:
                    # Ctrl-C, or an error of the conversation: what is still to come would be taken for another answer.
                    child, self._child = self._child, None
                    if child is not None:
                        child.end()
                    raise

    def _exchange(self, where, method, params):
        child = self._child
        child.requests += 1
        header = {"id": child.requests, "method": method, "params": params}
        header.update(where)
        child.send(header)
        parts = []
        while True:
            answer, body = child.receive()
            if answer.get("id") != child.requests and "error" not in answer:
                raise _Lost()
            if answer.get("error"):
                raise RequestFailed(answer["error"])
            if not answer.get("more"):
                break
            parts.append(body)
        return answer, b"".join(parts) if parts else body


_connection = None
_making = allocate_lock()


def _the_connection():
    global _connection
    if _connection is None:
        with _making:
            if _connection is None:
                _connection = Connection()
    return _connection


class Store:
    """A store of runs: that of a server, or its folder, or None for the one found from the current folder upward.

    Once one has answered, it is that one: later changes of the current folder do not matter.
    """

    def __init__(self, home=None, server=None):
        if server and not server.startswith(("http://", "https://")):
            raise MetaflowException("'%s' is not the address of a server, such as http://127.0.0.1:8265." % server)
        self.home = home
        self.server = server

    def ask(self, method, **params):
        """The result of a request. Exceptions have public names."""
        return self.fetch(method, **params)[0]

    def fetch(self, method, **params):
        """The result of a request and the bytes that came with it."""
        if "run" in params and method != "run":
            self._await_own(params["run"])
        if self.server:
            where = {"server": self.server}
        elif self.home:
            where = {"home": self.home}
        else:
            where = {"dir": _here()}
        try:
            answer, body = _the_connection().ask(where, method, params)
        except RequestFailed as error:
            raise _for_people(error, method) from None
        if self.home is None:
            self.home = answer.get("home")
        return answer.get("result"), body

    def _await_own(self, run):
        """In a task that asks about its own run: wait until its record is there, once.

        It is written together with others, a few milliseconds after the task's code has started.
        """
        global _awaited
        task = _running_task()
        if task is None or task is _awaited or task.frame["run"] != str(run):
            return
        if task.frame.get("home") != (self.server or self.home):
            return
        _awaited = task
        end = monotonic() + _PATIENCE
        while not self.ask("tasks", run=run, ids=[int(task.frame["task"])])["tasks"] and monotonic() < end:
            sleep(0.002)

    def describe(self):
        """The store as ``get_metadata`` names it: ``local@`` and its folder, or ``service@`` and its server."""
        if self.server:
            return "service@" + self.server
        if self.home is None:
            try:
                self.ask("info")
            except MetaflowNotFound:
                return "local@" + _here()
        folder, name = os.path.split(self.home)
        return "local@" + (folder if name == ".levada" else self.home)


def _here():
    """The current folder. MetaflowNotFound if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise MetaflowNotFound("The current folder no longer exists, so no store is found from it.") from None


def _running_task():
    """The task that runs in this process, or None."""
    running = sys.modules.get("levada.running")
    return running.current._task if running is not None else None


def _running_home():
    """The folder of the store that the task of this process runs in, or None."""
    task = _running_task()
    return task.frame.get("home") if task is not None else None


def default_store():
    """The store of the run that this process is part of, else of LEVADA_SERVER, of LEVADA_HOME, or the nearest."""
    return _default_server() or _default_folder()


def _default_server():
    home = _running_home()
    if home:
        return Store(server=home) if _is_address(home) else None
    server = os.environ.get("LEVADA_SERVER")
    return Store(server=server) if server else None


def _default_folder():
    home = _running_home()
    if not home or _is_address(home):
        home = os.environ.get("LEVADA_HOME")
    # Whole, so that it means the same after a change of the folder, in the program and when it is loaded from a pickle.
    return Store(os.path.normpath(os.path.join(_here(), home)) if home and not os.path.isabs(home) else home or None)


def _is_address(home):
    return home.startswith(("http://", "https://"))


def store_named(text):
    """The store that ``metadata`` was given. ValueError if there is none.

    It is ``local@<dir>`` or a folder, ``service@<address>`` or an address; ``local`` or ``service`` alone is the
    folder, or the server, that is used where none is named.
    """
    if text == "local":
        return _default_folder()
    if text.rstrip("@/") == "service":  # an empty address would be no server's, but the default folder
        store = _default_server()
        if store is None:
            raise ValueError("No server is set; name one, metadata('service@<address>'), or set LEVADA_SERVER.")
        return store
    kind, found, rest = text.partition("@")
    if not found:
        kind, rest = ("service", text) if text.startswith("http") else ("local", text)
    if kind == "service":
        try:
            store = Store(server=rest.rstrip("/"))
            store.ask("info")
        except MetaflowException as error:
            raise ValueError("There is no store at %s: %s" % (rest, error)) from None
        return store
    if kind != "local":
        raise ValueError(
            "The metadata provider '%s' is not known; use 'local@<folder>' or 'service@<address>'." % kind
        )
    folder = os.path.abspath(os.path.expanduser(rest))
    for home in (os.path.join(folder, ".levada"), folder):
        try:
            if os.path.isdir(home) and Store(home).ask("info"):
                return Store(home)
        except MetaflowNotFound:
            pass
    raise ValueError("There is no store in %s: no folder .levada with runs." % folder)
