"""A small host in Python: it starts real fork servers and drives real forked tasks, for tests and benchmarks.

It does what the page of the protocol asks of a host and nothing more: artifacts live in dicts, runs are what a test
makes of them. With ``record`` it keeps every frame of a conversation.
"""

import array
import base64
import hashlib
import json
import os
import pickle
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

PYTHON_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 20
_CONTEXT = ("flow", "run", "origin", "user", "namespace", "tags", "project", "staging", "inline_limit")


class Closed(Exception):
    """The worker closed a conversation."""


def dumps(value):
    return pickle.dumps(value, 5)


class Stored:
    """An artifact in the fake host: bytes and how they are encoded."""

    def __init__(self, data, codec="pickle", type="", path=None):
        self.data = data
        self.codec = codec
        self.type = type
        self.path = path  # if set, replies name it instead of sending the bytes

    @classmethod
    def of(cls, value):
        return cls(dumps(value), type=type(value).__name__)

    @property
    def hash(self):
        return hashlib.sha256(self.data).hexdigest()

    @property
    def value(self):
        return pickle.loads(self.data) if self.codec == "pickle" else self.data

    def describe(self, length=False):
        described = {"found": True, "codec": self.codec, "size": len(self.data), "hash": self.hash}
        described["type" if length else "value_type"] = self.type
        if self.path:
            described["path"] = self.path
        elif length:
            described["length"] = len(self.data)
        return described, b"" if self.path else self.data


class Conversation:
    """The host's end of a socket."""

    def __init__(self, sock, record=None):
        self.sock = sock
        self.buffer = bytearray()
        self.record = record
        self.passed = []  # descriptors that came along
        sock.settimeout(TIMEOUT)

    def fileno(self):
        return self.sock.fileno()

    def send(self, header, body=b"", fds=()):
        if self.record is not None:
            self.record.append({"from": "host", "header": header, "body": base64.b64encode(body).decode()})
        text = json.dumps(header).encode()
        data = struct.pack(">II", len(text), len(body)) + text + body
        if fds:
            sent = self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
            data = data[sent:]
        self.sock.sendall(data)

    def receive(self):
        self._fill(8)
        header_size, body_size = struct.unpack_from(">II", self.buffer)
        self._fill(8 + header_size + body_size)
        header = json.loads(bytes(self.buffer[8 : 8 + header_size]))
        body = bytes(self.buffer[8 + header_size : 8 + header_size + body_size])
        del self.buffer[: 8 + header_size + body_size]
        if self.record is not None:
            self.record.append({"from": "worker", "header": header, "body": base64.b64encode(body).decode()})
        return header, body

    def has_frame(self):
        if len(self.buffer) < 8:
            return False
        header_size, body_size = struct.unpack_from(">II", self.buffer)
        return len(self.buffer) >= 8 + header_size + body_size

    def _fill(self, size):
        while len(self.buffer) < size:
            data, passed, _, _ = socket.recv_fds(self.sock, 1 << 20, 4)
            if not data:
                raise Closed()
            self.buffer += data
            self.passed += passed

    def branch(self, answer):
        """Answer a process that the other side has forked, until that ends."""
        other = Conversation(socket.socket(fileno=self.passed.pop(0)))

        def serve():
            with other.sock:
                try:
                    while True:
                        header, _ = other.receive()
                        if header["type"] == "fork":
                            other.branch(answer)
                            continue
                        reply, body = answer(header)
                        other.send(dict(reply, type="reply", id=header["id"]), body)
                except (Closed, OSError):
                    pass

        threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.sock.close()
        for fd in self.passed:
            os.close(fd)
        self.passed.clear()


class Result:
    """How a task ended: the ``done`` frame, the artifacts, the elements, what it printed, how it exited."""

    def __init__(self):
        self.done = None
        self.body = b""
        self.artifacts = {}
        self.items = None
        self.metadata = []
        self.cards = []  # of each card frame: what it says of the card, its HTML, its data
        self.requests = []
        self.timeouts = []  # states of the timeout frames
        self.exited = None
        self.stdout = ""
        self.stderr = ""

    @property
    def ok(self):
        return bool(self.done and self.done.get("ok"))

    @property
    def next(self):
        return self.done["transition"]["next"]

    def values(self):
        return {name: stored.value for name, stored in self.artifacts.items()}

    def take(self, done, body):
        self.done, self.body = done, body
        start = 0
        for entry in done.get("artifacts") or ():
            data, start = self._bytes(entry, body, start)
            assert len(data) == entry["size"], entry
            self.artifacts[entry["name"]] = Stored(data, entry["codec"], entry["type"])
        if done.get("foreach"):
            data, start = self._bytes(done["foreach"], body, start)
            self.items = split_items(data, done["foreach"]["count"])
        assert start == len(body), (start, len(body))

    def take_card(self, header, body):
        found, start = {}, 0
        for entry in header["artifacts"]:
            data, start = self._bytes(entry, body, start)
            assert len(data) == entry["size"], entry
            found[entry["name"]] = data.decode()
        assert start == len(body), (start, len(body))
        data = json.loads(found["data"]) if "data" in found else None
        self.cards.append((header["card"], found.get("html"), data))

    @staticmethod
    def _bytes(entry, body, start):
        if "path" in entry:
            with open(entry["path"], "rb") as file:
                data = file.read()
            os.unlink(entry["path"])
            return data, start
        return body[start : start + entry["length"]], start + entry["length"]


def split_items(data, count):
    """The elements of an items file."""
    lengths = struct.unpack("<%dQ" % count, data[len(data) - 8 * count :]) if count else ()
    items, start = [], 0
    for length in lengths:
        items.append(data[start : start + length])
        start += length
    assert start == len(data) - 8 * count
    return items


class Host:
    """A fork server, and what a host does with it."""

    def __init__(self, flow_file, env=None, args=(), record=None, cwd=None, setup=None, body=b""):
        self.record = record
        self.staging = tempfile.mkdtemp(prefix="levada-test-")
        self.flow_file = flow_file
        ours, theirs = socket.socketpair()
        environment = dict(os.environ, PYTHONPATH=PYTHON_DIR, LEVADA_CONTROL_FD=str(theirs.fileno()))
        environment.update(env or {})
        self.process = subprocess.Popen(
            [sys.executable, flow_file, *args],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
        )
        theirs.close()
        self.control = Conversation(ours, record)
        self.ids = 0
        self.tasks = 0
        self.exits = {}
        self.pids = {}
        try:
            self.hello, _ = self.control.receive()
            if self.hello.get("asks"):
                self.control.send(dict(setup or {}, type="setup", user="tester"), body)
            self.described, self.values = self.control.receive()
        except Closed:
            self.control.close()
            shutil.rmtree(self.staging, ignore_errors=True)
            raise RuntimeError(self.process.communicate()[1].decode()) from None
        self.definition = self.described.get("definition")
        self.context = None  # what it was told that tasks have in common
        self.conversations = []  # of all processes; they are closed at the end
        self.ahead = False  # whether processes are forked before they are told what to do

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Stop the fork server; return its exit code."""
        try:
            self.control.send({"type": "stop"})
        except OSError:
            pass
        self.control.close()
        for conversation in self.conversations:
            conversation.close()
        out, err = self.process.communicate(timeout=TIMEOUT)
        self.stderr = err.decode()
        shutil.rmtree(self.staging, ignore_errors=True)
        return self.process.returncode

    def step(self, name):
        return next(step for step in self.definition["steps"] if step["name"] == name)

    # Processes.

    def fork(self, stdout=None, stderr=None, first=None, body=b""):
        """Have a process forked; return its id and the host's end of its conversation.

        Without ``first``, what the process is to do, it waits for that on its own socket.
        """
        self.ids += 1
        ours, theirs = socket.socketpair()
        files = [open(os.devnull, "wb") if file is None else file for file in (stdout, stderr)]
        frame = {"type": "fork", "id": self.ids}
        if first is not None:
            frame["first"] = self._short(first)
        self.control.send(frame, body, [theirs.fileno(), files[0].fileno(), files[1].fileno()])
        theirs.close()
        for file, given in zip(files, (stdout, stderr)):
            if given is None:
                file.close()
        conversation = Conversation(ours, self.record)
        self.conversations.append(conversation)
        return self.ids, conversation

    def _short(self, first):
        """A first frame without what the fork server knows of all tasks."""
        if first["type"] != "task":
            return first
        self.tell(first)
        return {name: value for name, value in first.items() if self.context.get(name, self) != value}

    def tell(self, first):
        """Tell the fork server what a first frame says of all tasks, once."""
        if self.context is None:
            self.context = {name: first[name] for name in _CONTEXT}
            self.control.send({"type": "context", "context": self.context})

    def control_frame(self):
        """Read one frame of the control conversation, and keep what it says."""
        header, _ = self.control.receive()
        if header["type"] == "forked":
            self.pids[header["id"]] = header["pid"]
        elif header["type"] == "exited":
            self.exits[header["id"]] = header
        return header

    def wait_exit(self, id):
        while id not in self.exits:
            self.control_frame()
        return self.exits[id]

    def kill(self, id, number=signal.SIGTERM):
        self.control.send({"type": "kill", "id": id, "signal": int(number)})

    # Conversations.

    def talk(self, first, body=b"", answer=None, before_exit=None):
        """Fork a process, hold its conversation, return its Result."""
        result = Result()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            if self.ahead:
                first = self._short(first)
                id, conversation = self.fork(out, err)
                while id not in self.pids:
                    self.control_frame()
                conversation.send(first, body)
            else:
                id, conversation = self.fork(out, err, first, body)
            try:
                while result.done is None:
                    header, data = conversation.receive()
                    kind = header["type"]
                    if kind == "done":
                        result.take(header, data)
                    elif kind in ("usage", "defaults"):
                        result.done = header
                    elif kind == "card":
                        result.take_card(header, data)
                    elif kind == "metadata":
                        result.metadata += header["entries"]
                    elif kind == "fork":
                        conversation.branch(answer)
                    elif kind == "timeout":
                        result.timeouts.append(header["state"])
                    else:
                        result.requests.append(header)
                        reply, reply_body = answer(header)
                        conversation.send(dict(reply, type="reply", id=header["id"]), reply_body)
            except (Closed, ConnectionResetError):
                pass
            finally:
                conversation.close()
            if before_exit:
                before_exit(id)
            result.exited = self.wait_exit(id)
            out.seek(0)
            err.seek(0)
            result.stdout, result.stderr = out.read().decode(), err.read().decode()
        return result

    def parameters(self, values=None, **fields):
        frame = {"type": "parameters", "values": values or {}, "user": "tester", "ds_type": "local", "project": None}
        return self.talk(dict(frame, staging=self.staging, **fields))

    def defaults(self):
        return self.talk({"type": "defaults"})

    def frame(self, step, **fields):
        """The first frame of a task."""
        self.tasks += 1
        frame = {
            "type": "task",
            "flow": self.definition["name"],
            "run": "1",
            "step": step,
            "task": str(self.tasks),
            "attempt": 0,
            "retries": 0,
            "fallback": False,
            "origin": None,
            "user": "tester",
            "namespace": "user:tester",
            "tags": [],
            "project": None,
            "stack": [],
            "item": None,
            "join": None,
            "iteration": 0,
            "parallel": None,
            "staging": self.staging,
            "inline_limit": 1 << 18,
            "timeout": 0,
        }
        frame.update(fields)
        return frame

    def task(self, step, base=None, inputs=None, item=None, items=None, graph=None, page=500, **fields):
        """Run one attempt of a task. ``base``: inherited artifacts; ``inputs``: those of each input of a join."""
        base = {name: as_stored(value) for name, value in (base or {}).items()}
        body = b""
        if item is not None:
            fields["item"], body = {"codec": "pickle", "inline": True}, item
        answer = Answers(base, inputs or [], items or {}, graph or {}, page)
        result = self.talk(self.frame(step, **fields), body, answer)
        result.base = answer.base
        return result

    def join(self, step, inputs, steps=None, base=None, **fields):
        """Run a join over ``inputs``: dicts of artifacts, or Inputs with step and index."""
        inputs = [one if isinstance(one, Input) else Input(one, "body", i) for i, one in enumerate(inputs)]
        return self.task(step, base, inputs, join={"count": len(inputs), "steps": steps}, **fields)


class Input:
    """One input of a join. ``item`` is the element that it worked on, if the host finds that without the input's list."""

    def __init__(self, artifacts, step, index=None, item=None):
        self.artifacts = {name: as_stored(value) for name, value in artifacts.items()}
        self.step = step
        self.index = index
        self.item = None if item is None else as_stored(item)


def as_stored(value):
    return value if isinstance(value, Stored) else Stored.of(value)


class Answers:
    """Answers a task's requests."""

    def __init__(self, base, inputs, items, graph, page):
        self.base = base
        self.inputs = inputs
        self.items = items
        self._graph = graph
        self.page = page

    def __call__(self, request):
        return getattr(self, request["type"])(request)

    def get(self, request):
        stored = self.base.get(request["name"])
        return ({"found": False}, b"") if stored is None else stored.describe()

    def names(self, request):
        return ({"names": sorted(self.base)} if self.base else {}), b""

    def get_item(self, request):
        stored = self.items.get(request["level"])
        return ({"found": False}, b"") if stored is None else as_stored(stored).describe()

    def get_inputs(self, request):
        return self._page(request, lambda one: one.artifacts.get(request["name"]))

    def get_input_items(self, request):
        return self._page(request, lambda one: one.item)

    def _page(self, request, find):
        values, parts = [], []
        last = request["from"] + min(request["count"], self.page)
        for stored in map(find, self.inputs[request["from"] : last]):
            described, data = ({"found": False}, b"") if stored is None else stored.describe(length=True)
            values.append(described)
            parts.append(data)
        return {"values": values}, b"".join(parts)

    def input_names(self, request):
        return {"names": sorted(self.inputs[request["index"]].artifacts), "pathspec": "x"}, b""

    def input_info(self, request):
        found = []
        for i in range(request["from"], min(request["from"] + request["count"], len(self.inputs))):
            one = self.inputs[i]
            found.append(
                {"task": str(i), "step": one.step, "index": one.index or 0, "pathspec": "F/1/%s/%d" % (one.step, i)}
            )
        return {"inputs": found}, b""

    def merge(self, request):
        found, conflicts = {}, set()
        for one in self.inputs:
            for name, stored in one.artifacts.items():
                if name in request["own"] or name in self.base or name in request["exclude"]:
                    continue
                if request["include"] is not None and name not in request["include"]:
                    continue
                if name in found and found[name].hash != stored.hash:
                    conflicts.add(name)
                found[name] = stored
        missing = [n for n in request["include"] or () if n not in found and n not in request["own"]]
        if not conflicts and not missing:
            self.base.update(found)
        return {"merged": sorted(self.base), "conflicts": sorted(conflicts), "missing": missing}, b""

    def graph(self, request):
        return {"graph": self._graph}, b""


def wait_readable(conversation, seconds=TIMEOUT):
    return bool(select.select([conversation], [], [], seconds)[0])
