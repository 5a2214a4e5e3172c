"""Tasks that do not keep to the worker protocol. Each talks nonsense at its first attempt and behaves at its second.

What they send goes past the SDK, straight to the socket, which they find among their descriptors.
"""

import json
import os
import socket
import stat
import struct
import sys
import time

from levada import FlowSpec, current, retry, step


def conversation():
    """The task's socket."""
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                return socket.socket(fileno=os.dup(fd))
        except OSError:
            pass
    raise AssertionError("no socket among the descriptors")


def frame(header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">II", len(header), len(body)) + header + body


def hang():
    """Wait for the engine to do something about it."""
    time.sleep(60)
    os._exit(44)


def leave():
    os._exit(0)


def sent(data, then=hang):
    def act(flow):
        conversation().sendall(data)
        then()

    return act


def done(then=leave, **fields):
    """A done frame that would be good, but for some fields."""
    message = {"type": "done", "ok": True, "transition": {"next": ["join"]}, "artifacts": []}
    message.update(fields)
    body = message.pop("body", b"")
    return sent(frame(message, body), then)


def value(**fields):
    entry = {"name": "x", "codec": "pickle", "type": "int", "size": 5, "length": 5}
    entry.update(fields)
    return [entry]


FIVE = b"\x80\x05K\x05."


def staged(make):
    """A done frame whose value is at a path in the staging folder, made by a function."""

    def act(flow):
        path = os.path.join(flow._levada.frame["staging"], "%s-evil-%d" % (current.task_id, os.getpid()))
        make(path)
        done(artifacts=value(path=path))(flow)

    return act


def outside(path):
    return done(artifacts=value(path=path))


def relative(flow):
    folder = flow._levada.frame["staging"]
    done(artifacts=value(path=folder + "/../../../../../../../../../../etc/passwd"))(flow)


def asked(*requests, then=None):
    """Requests; every one must be answered, and then the task goes on as if nothing had been."""

    def act(flow):
        s = conversation()
        for i, request in enumerate(requests):
            s.sendall(frame(dict(request, id=i)))
            size, length = struct.unpack(">II", s.recv(8, socket.MSG_WAITALL))
            reply = json.loads(s.recv(size, socket.MSG_WAITALL))
            s.recv(length, socket.MSG_WAITALL)
            assert reply["type"] == "reply" and reply["id"] == i, reply
            print("reply to", request.get("type"), json.dumps(reply)[:200])

    return act


def flood(flow):
    """Thousands of requests; nobody reads the replies."""
    s = conversation()
    s.setblocking(False)
    data = frame({"type": "names", "id": 1}) * 100
    sent = 0
    until = time.monotonic() + 1
    while sent < 5000 and time.monotonic() < until:
        try:
            s.sendall(data)
            sent += 100
        except BlockingIOError:
            break
    leave()


def flood_metadata(flow):
    s = conversation()
    for _ in range(2000):
        s.sendall(frame({"type": "metadata", "entries": [{"name": "n", "value": "v" * 100, "type": "t", "tags": []}]}))


def twice(flow):
    s = conversation()
    good = frame({"type": "done", "ok": True, "transition": {"next": ["join"]}, "artifacts": value(), }, FIVE)
    s.sendall(good + frame({"type": "done", "ok": False, "exception": {"type": "T", "message": "no", "traceback": ""}}) + good)
    leave()


def then_more(flow):
    """A megabyte after the last frame, which nobody reads."""
    s = conversation()
    s.sendall(frame({"type": "done", "ok": True, "transition": {"next": ["join"]}, "artifacts": []}))
    try:
        s.sendall(b"x" * (8 << 20))
    except OSError:
        pass
    leave()


def half_closed(flow):
    conversation().shutdown(socket.SHUT_WR)


def symlink(path):
    os.symlink("/etc/passwd", path)


def fifo(path):
    os.mkfifo(path)


def folder(path):
    os.mkdir(path)


def nothing(path):
    pass


def device(path):
    os.symlink("/dev/zero", path)


LINEAR = {
    "garbage": sent(b"GET / HTTP/1.1\r\nHost: levada\r\n\r\n" * 10),
    "noise": sent(os.urandom(4096)),
    "huge_header": sent(b"\xff" * 8),
    "huge_body": sent(struct.pack(">II", 2, 1 << 31) + b"{}"),
    "false_header": sent(struct.pack(">II", 16 << 20, 0) + b"{", leave),
    "false_body": sent(struct.pack(">II", 15, 64 << 20) + b'{"type":"done"}', leave),
    "empty_header": sent(struct.pack(">II", 0, 0)),
    "list": sent(frame(b"[]")),
    "null": sent(frame(b"null")),
    "string": sent(frame(b'"done"')),
    "not_json": sent(frame(b'{"type": "done", "ok": }')),
    "no_type": asked({"typ": "get"}),
    "type_number": sent(frame(b'{"type": 5}')),
    "ok_string": sent(frame(b'{"type": "done", "ok": "yes"}')),
    "float_length": sent(frame({"type": "done", "artifacts": value(length=1.5)})),
    "huge_number": sent(frame(b'{"type": "get", "id": 1e400}')),
    "deep": sent(frame(b'{"type":' + b"[" * 1_000_000)),
    "deep_ignored": sent(frame(b'{"a":' + b'[' * 100_000 + b"]" * 100_000 + b',"type":"done"}')),
    "unknown": asked({"type": "nothing known"}, {"type": ""}, {"type": "done "}, {"type": "usage"}, {"type": "defaults"}),
    "passwd": outside("/etc/passwd"),
    "relative": relative,
    "empty_folder": outside("../staging"),
    "staging_itself": lambda flow: outside(flow._levada.frame["staging"])(flow),
    "nul": outside("/tmp/\0x"),
    "symlink": staged(symlink),
    "device": staged(device),
    "fifo": staged(fifo),
    "folder": staged(folder),
    "nothing": staged(nothing),
    "beyond": done(artifacts=value(length=1 << 40)),
    "beyond_by_one": done(artifacts=value(length=6), body=FIVE),
    "negative": done(artifacts=value(length=-1), body=FIVE),
    "no_name": done(artifacts=value(name=""), body=FIVE),
    "no_codec": done(artifacts=value(codec=""), body=FIVE),
    "left_over": done(artifacts=value(), body=FIVE + b"more"),
    "same_name": done(artifacts=value() + value(length=0), body=FIVE),
    "odd_names": done(artifacts=value(name="../../x") + value(name="a\nb\0c", length=0) + value(name="n" * 100_000, length=0), body=FIVE),
    "many": done(artifacts=[value(name="n%d" % i, length=0)[0] for i in range(20_000)]),
    "sizes": done(artifacts=value(size=-(1 << 62)), body=FIVE),
    "wrong_step": done(transition={"next": ["end"]}),
    "no_step": done(transition={"next": ["nowhere"]}),
    "nowhere": done(transition={"next": []}),
    "both": done(transition={"next": ["join", "end"]}),
    "no_transition": done(transition=None),
    "odd_transition": done(transition={"next": "join"}),
    "fan": done(transition={"next": ["join"], "fan": 5}),
    "negative_fan": done(transition={"next": ["join"], "fan": -5}),
    "foreach": done(foreach={"var": "x", "count": 3, "codec": "pickle", "length": 0}),
    "caught": done(ok=False, caught=True),
    "long_value": done(value="v" * 1_000_000),
    "long_exception": done(ok=False, exception={"type": "T" * 1000, "message": "m" * 1_000_000, "traceback": "t\n" * 1_000_000}),
    "not_utf8": sent(frame(b'{"type":"done","ok":false,"exception":{"type":"\xff\xfe","message":"\xc3\x28","traceback":"\xed\xa0\x80"}}'), leave),
    "twice": twice,
    "then_more": then_more,
    "half_closed": half_closed,
    "flood": flood,
    "flood_metadata": flood_metadata,
    "get": asked({"type": "get"}, {"type": "get", "name": "no such"}, {"type": "get", "name": "\0" * 1000}, {"type": "get", "name": "manners"}),
    "get_item": asked(*({"type": "get_item", "level": n} for n in (0, 1, -1, 1 << 62, -(1 << 62)))),
    "get_inputs": asked(*({"type": "get_inputs", "name": "x", "from": a, "count": b} for a in (0, -1, 1 << 62, -(1 << 62)) for b in (0, -1, 1 << 62))),
    "input_info": asked(*({"type": "input_info", "from": a, "count": b} for a in (0, -1, 1 << 62, -(1 << 62)) for b in (0, -1, 1 << 62))),
    "input_names": asked(*({"type": "input_names", "index": n} for n in (0, -1, 1 << 62))),
    "merge": asked({"type": "merge"}, {"type": "merge", "include": ["a"]}, {"type": "merge", "exclude": ["a"], "own": ["b"]}),
}


def harmless(flow):
    pass


def items(*parts, lengths=None):
    lengths = [len(part) for part in parts] if lengths is None else lengths
    return b"".join(parts) + struct.pack("<%dQ" % len(lengths), *lengths)


def split(body, count, fan=None, length=None, **fields):
    """The done frame of a foreach."""
    entry = {"var": "two", "count": count, "codec": "pickle", "length": len(body) if length is None else length}
    entry.update(fields)
    return done(transition={"next": ["child"], "fan": count if fan is None else fan}, foreach=entry, body=body)


def split_at(make):
    def act(flow):
        path = os.path.join(flow._levada.frame["staging"], "%s-evil-%d" % (current.task_id, os.getpid()))
        make(path)
        split(b"", 2, length=0, path=path)(flow)

    return act


def write_zeros(path):
    with open(path, "wb") as file:
        file.write(b"\0" * 100_001)


GOOD = items(FIVE, FIVE)

SPLITS = {
    "more_than_there_are": split(GOOD, 3),
    "fewer_than_there_are": split(GOOD, 1),
    "other_fan": split(GOOD, 2, fan=3),
    "large_fan": split(GOOD, 2, fan=1 << 40),
    "no_fan": split(GOOD, 2, fan=0),
    "negative_count": split(GOOD, -2),
    "large_count": split(GOOD, 1 << 62),
    "empty": split(b"", 0),
    "wrong_length": split(GOOD, 2, length=1),
    "negative_length": split(GOOD, 2, length=-1),
    "wrong_lengths": split(items(FIVE, lengths=[1 << 63]), 1),
    "short": split(b"123", 1),
    "no_items": done(transition={"next": ["child"], "fan": 2}),
    "fan_alone": done(transition={"next": ["child"], "fan": 1 << 31}),
    "items_passwd": split(b"", 2, length=0, path="/etc/passwd"),
    "items_nothing": split_at(nothing),
    "items_folder": split_at(folder),
    "items_fifo": split_at(fifo),
    "items_symlink": split_at(symlink),
    "items_zeros": split_at(write_zeros),
}


def engine_descriptors():
    with open("/proc/%d/stat" % os.getppid()) as file:
        engine = int(file.read().rsplit(")", 1)[1].split()[1])
    return len(os.listdir("/proc/%d/fd" % engine))


def chosen(table):
    return [name for name in os.environ["MANNERS"].split(",") if name in table] or ["none"]


class HostileFlow(FlowSpec):
    @step
    def start(self):
        self.before = engine_descriptors()
        self.manners = chosen(LINEAR)
        self.next(self.attack, foreach="manners")

    @retry(times=1)
    @step
    def attack(self):
        print("manner:", self.input, flush=True)
        if current.retry_count == 0:
            LINEAR.get(self.input, harmless)(self)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs, include=["before"])
        self.next(self.splits)

    @step
    def splits(self):
        self.manners = chosen(SPLITS)
        self.next(self.attack_split, foreach="manners")

    @retry(times=1)
    @step
    def attack_split(self):
        print("manner:", self.input, flush=True)
        self.two = [1, 2]
        if current.retry_count == 0:
            SPLITS.get(self.input, harmless)(self)
        self.next(self.child, foreach="two")

    @step
    def child(self):
        self.got = self.input
        self.next(self.join_children)

    @step
    def join_children(self, inputs):
        self.got = [task.got for task in inputs]
        self.next(self.join_splits)

    @step
    def join_splits(self, inputs):
        assert all(task.got == [1, 2] for task in inputs), [task.got for task in inputs]
        self.count = len(inputs)
        self.next(self.join_requests_open)

    @step
    def join_requests_open(self):
        self.next(self.one, self.other)

    @step
    def one(self):
        self.number = 1
        self.next(self.requests)

    @step
    def other(self):
        self.number = 2
        self.next(self.requests)

    @step
    def requests(self, inputs):
        print("manner: requests of a join", flush=True)
        for name in ("get_inputs", "input_info", "input_names", "merge", "get", "get_item"):
            LINEAR[name](self)
        asked(*({"type": "get_inputs", "name": "number", "from": a, "count": b} for a in (0, 1, 2, -1, 1 << 62) for b in (0, -1, 2, 1 << 62)))(self)
        self.numbers = [task.number for task in inputs]
        assert self.numbers == [1, 2]
        self.next(self.end)

    @step
    def end(self):
        print("all well:", engine_descriptors())


if __name__ == "__main__":
    HostileFlow()
