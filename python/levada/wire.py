"""Frames of the worker protocol over a descriptor: two lengths, a JSON header, a body.

The page ``internal/protocol/README.md`` is the contract. Reads and writes go straight to the descriptor: a task
lives for a few hundred microseconds, and a socket object would be one more thing to make.
"""

from _struct import Struct
from _thread import allocate_lock, get_ident
from json import JSONDecoder, JSONEncoder
from json.encoder import c_make_encoder, encode_basestring_ascii
from os import close, getpid, read, write

#: Version of the protocol that this side speaks.
PROTOCOL = 1

_MAX_HEADER = 16 << 20
_MAX_BODY = 64 << 20
_CHUNK = 1 << 16
_FORK_WAITS = 5  # seconds for another thread that asks the host something
_lengths = Struct(">II")
_pack = _lengths.pack
unpack_lengths = _lengths.unpack_from
_encoder = JSONEncoder(separators=(",", ":"), check_circular=False)
_scan = JSONDecoder().scan_once

# The json module makes an encoder for each call and looks for white space with a regular expression. Both touch
# memory that a fresh fork would have to copy, so the parts of it are used directly.
if c_make_encoder is not None:
    _make = c_make_encoder(
        None, _encoder.default, encode_basestring_ascii, None, _encoder.key_separator, _encoder.item_separator,
        False, False, True,
    )  # fmt: skip

    def encode(header):
        """A header as JSON text."""
        return "".join(_make(header, 0))

else:
    encode = _encoder.encode


def decode(text):
    """The value of a JSON text that starts without white space."""
    try:
        return _scan(text, 0)[0]
    except StopIteration:
        raise ValueError("no JSON value") from None


class ConversationEnded(Exception):
    """The other side closed the socket, or sent what is not a frame."""


class RequestFailed(Exception):
    """Whoever was asked answered with an error: ``kind``, ``message`` and, maybe, ``hint``."""

    def __init__(self, error):
        self.kind = error.get("kind", "internal error")
        self.message = error.get("message", "")
        self.hint = error.get("hint", "")
        super().__init__(self.message + (" (%s)" % self.hint if self.hint else ""))

    def explained(self):
        """The exception of which the message is enough; this one if it is a bug, where the traceback is needed."""
        if self.kind == "internal error":
            return self
        from .exceptions import DataException

        lines = [self.message] + ([self.hint] if self.hint else [])
        if self.kind == "corrupt":
            lines.append("`levada doctor` shows which task stored it, and how to make it again.")
        return DataException("\n".join(line[:1].upper() + line[1:] for line in lines))


def frame(header, body=b""):
    """The bytes of a frame."""
    return pack_frame(encode(header).encode(), body)


def pack_frame(text, body=b""):
    """The bytes of a frame whose header is encoded already."""
    return _pack(len(text), len(body)) + text + body


class Channel:
    """One side of a conversation over a blocking stream socket."""

    __slots__ = ("fd", "pid", "busy", "pending", "_buffer", "_request", "_lock", "_thread", "_branches",
                 "is_fork")  # fmt: skip

    def __init__(self, fd):
        self.fd = fd
        #: The process that talks. Others, which it forked, would only garble what it says.
        self.pid = getpid()
        #: True while bytes are under way. A signal handler that finds it leaves in ``pending`` a function that raises
        #: its exception, instead of raising it in the middle of a frame.
        self.busy = False
        self.pending = None
        self._buffer = b""
        self._request = 0
        self._lock = allocate_lock()  # steps may read artifacts from several threads
        self._thread = get_ident()
        #: Whether this is a process that the step has forked: it asks, and the task alone tells.
        self.is_fork = False
        self._branches = None  # thread that forks -> the descriptor that is to be the new process's

    def send(self, header, parts=()):
        """Send a frame whose body is ``parts`` one after another."""
        text = encode(header).encode()
        size = 0
        for part in parts:
            size += len(part)
        head = _pack(len(text), size) + text
        if size <= _CHUNK:
            self.write(b"".join((head, *parts)) if parts else head)
            return
        self.write(head)
        for part in parts:
            self.write(part)

    def write(self, data):
        """Send the bytes of a frame."""
        sent = write(self.fd, data)
        if sent < len(data):
            view = memoryview(data)
            while sent < len(view):
                sent += write(self.fd, view[sent:])

    def receive(self):
        """The next frame: header and body. ConversationEnded at the end."""
        buffer = self._buffer
        while len(buffer) < 8:
            buffer += self._read()
        header_size, body_size = unpack_lengths(buffer)
        if header_size > _MAX_HEADER or body_size > _MAX_BODY:
            raise ConversationEnded("a frame longer than the protocol allows")
        start = 8 + header_size
        end = start + body_size
        if len(buffer) < end:
            buffer = self._read_up_to(buffer, end)
        self._buffer = buffer[end:]
        try:
            header = decode(buffer[8:start].decode())
        except ValueError as error:
            raise ConversationEnded("a header that is not JSON: %s" % error) from None
        if type(header) is not dict or "type" not in header:
            raise ConversationEnded("a header without a type")
        return header, buffer[start:end] if body_size else b""

    def _read(self):
        data = read(self.fd, _CHUNK)
        if not data:
            raise ConversationEnded("the host closed the conversation")
        return data

    def _read_up_to(self, buffer, end):
        chunks = [buffer]
        have = len(buffer)
        while have < end:
            data = read(self.fd, max(_CHUNK, end - have))
            if not data:
                raise ConversationEnded("the host closed the conversation")
            chunks.append(data)
            have += len(data)
        return b"".join(chunks)

    def tell(self, header, parts=(), asks=False):
        """Send a frame, from any thread, while the step runs; return what comes back if it ``asks``, else None.

        No other thread talks meanwhile. No signal breaks it off: what its handler would have raised is raised after.
        """
        if getpid() != self.pid or self.is_fork and not asks:
            return None
        # Signal handlers run in the first thread; they have to wait only for what that thread says.
        first = get_ident() == self._thread
        outer = self.busy
        if first:
            self.busy = True
        try:
            with self._lock:
                if asks:
                    self._request += 1
                    header["id"] = self._request
                self.send(header, parts)
                answer = self.receive() if asks else None
        finally:
            if first:
                self.busy = outer
        if self.pending is not None and first and not outer:
            end, self.pending = self.pending, None
            end()
        return answer

    def ask(self, header):
        """Send a request; return header and body of the reply. DataException if the host could not answer."""
        if getpid() != self.pid:
            raise RuntimeError(
                "this process, which the step has started, has no connection to the host, and cannot read artifacts: "
                "read what it needs before it is started"
            )
        reply, body = self.tell(header, asks=True)
        if reply["type"] != "reply" or reply.get("id") != header["id"]:
            raise ConversationEnded("an answer to another question")
        if reply.get("error"):
            raise RequestFailed(reply["error"]).explained()
        return reply, body

    # A process that the step forks may read artifacts, too. Two that talk over one socket would garble what both say,
    # so each has its own, which is made before the fork: the host is passed the other end.

    def before_fork(self):
        """Before this process forks another: open a conversation for that."""
        if getpid() != self.pid:
            return
        from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket, socketpair
        from _struct import pack

        if self._branches is None:
            self._branches = {}
        if not self._lock.acquire(True, _FORK_WAITS):
            return  # by somebody who does not let go
        try:
            ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
            here = socket(fileno=self.fd)
            try:
                here.sendmsg([frame({"type": "fork"})], [(SOL_SOCKET, SCM_RIGHTS, pack("i", theirs.fileno()))])
                self._branches[get_ident()] = ours.detach()
            finally:
                here.detach()
        except OSError:
            pass  # no descriptors are left, or the host is gone: who asks is told
        finally:
            self._lock.release()

    def after_fork(self, is_child):
        """After it, in both processes."""
        branch = (self._branches or {}).pop(get_ident(), -1)
        if not is_child:
            if branch >= 0:
                close(branch)
            return
        self.is_fork = True
        self._lock = allocate_lock()  # another thread may have held it
        self._thread = get_ident()
        self.busy, self.pending = False, None
        if branch >= 0:
            self._branches = None
            self.fd, self.pid, self._buffer, self._request = branch, getpid(), b"", 0
