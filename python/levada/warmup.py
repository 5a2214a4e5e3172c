"""Runs the code of a task a few times before the first fork.

Python adapts a function's bytecode while it runs, by writing to it. What has settled in the fork server needs not be
written to, and so not be copied, in each of its children.
"""

from _socket import AF_UNIX, SOCK_STREAM, socketpair

from . import running
from .artifacts import Staging, pack
from .definition import Plans, StepPlan
from .flowspec import FlowSpec
from .task import Task
from .wire import Channel

_ROUNDS = 12


class _Rehearsal(FlowSpec):
    """A flow whose steps do what most steps do."""

    def start(self):
        self.made = [self.index, self.input]
        self.changed = self.inherited
        self.next(self.start)

    def short(self):
        self.made = self.input * self.input
        self.next(self.start)


for _step in (_Rehearsal.start, _Rehearsal.short):
    _step.is_step = True
    _step.decorators = []


def warm_up():
    """Run the rehearsal. It touches no state that a task can see."""
    ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
    try:
        host, worker = Channel(ours.fileno()), Channel(theirs.fileno())
        described = {"args": 1, "next": {"targets": ["start"]}}
        plans = Plans(
            {name: StepPlan(name, getattr(_Rehearsal, name), described) for name in ("start", "short")}, {}, {}, {}
        )
        value, data = pack("inherited", "text", Staging("", "", 1 << 16))
        del value["name"]
        frame = {"type": "task", "flow": "_Rehearsal", "run": "0", "step": "start", "task": "0", "attempt": 0,
                 "retries": 0, "stack": [{"index": 0, "count": 1, "var": "x"}], "item": dict(value, inline=True),
                 "staging": "", "inline_limit": 1 << 16, "timeout": 0}  # fmt: skip
        _, number = pack("number", 7, Staging("", "", 1 << 16))
        short = dict(frame, step="short")
        for _ in range(_ROUNDS):
            worker._request = 0
            host.send(frame, [data])
            host.send(dict(value, type="reply", id=1, found=True, hash=""), [data])
            first, body = worker.receive()
            worker.busy = False
            Task(_Rehearsal(use_cli=False), plans, worker, first, body).run()
            while host.receive()[0]["type"] != "done":
                pass
            Task(_Rehearsal(use_cli=False), plans, worker, short, number).run()
            host.receive()
    finally:
        running.enter(None)
        ours.close()
        theirs.close()
