"""Every form that a flow can have, in half a second: what the kill tests run.

Each task appends a line to the file that TRACE names when its code starts: run, step, place, attempt. Everything that
is stored depends on nothing but the code, so that two runs can be compared bit for bit.
"""

import hashlib
import os

from levada import FlowSpec, current, retry, step

TRACE = os.environ["TRACE"]


def noise(seed, size):
    """Bytes that cannot be compressed, the same in each run."""
    return hashlib.shake_128(seed.encode()).digest(size)


def trace(flow, turn=0):
    place = ",".join(str(index) for index, _, _ in flow.foreach_stack() or ())
    line = "%s %s[%s]#%d %d\n" % (current.run_id, current.step_name, place, turn, current.retry_count)
    fd = os.open(TRACE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, line.encode())
    os.close(fd)


class EverythingFlow(FlowSpec):
    @step
    def start(self):
        trace(self)
        self.small = {"a": 1, "b": [2, 3], "c": None}
        self.text = "a few hundred bytes " * 40
        self.middle = noise("middle", 20_000)
        self.large = noise("large", 300_000)
        self.groups = [{"label": "zero", "data": noise("zero", 90_000)}, {"label": "one", "data": b"1" * 1000}]
        self.next(self.group, foreach="groups")

    @step
    def group(self):
        trace(self)
        self.label = self.input["label"]
        self.digest = hashlib.sha256(self.input["data"]).hexdigest()
        self.members = list(range(3))
        self.next(self.member, foreach="members")

    @retry(times=2)
    @step
    def member(self):
        trace(self)
        self.half = [self.label, self.input]
        if self.input == 1 and current.retry_count == 0:
            raise RuntimeError("the first attempt fails")
        self.own = noise(self.label + str(self.input), 100_000 + self.input)
        self.place = (self.label, self.input)
        self.next(self.join_members)

    @step
    def join_members(self, inputs):
        trace(self)
        self.seen = [task.place for task in inputs]
        self.sizes = [len(task.own) for task in inputs]
        self.merge_artifacts(inputs, include=["label", "digest", "large"])
        assert self.seen == [(self.label, i) for i in range(3)], self.seen
        self.next(self.join_groups)

    @step
    def join_groups(self, inputs):
        trace(self)
        self.seen = [task.seen for task in inputs]
        self.names = [task.label for task in inputs]
        self.merge_artifacts(inputs, exclude=["label", "digest", "sizes"])
        assert self.names == ["zero", "one"], self.names
        self.next(self.split)

    @step
    def split(self):
        trace(self)
        self.next(self.left, self.right)

    @step
    def left(self):
        trace(self)
        self.wide = b"compressible, and a megabyte of it. " * 29_000
        self.left_only = len(self.large)
        self.next(self.join_branches)

    @step
    def right(self):
        trace(self)
        self.right_only = self.seen[0]
        self.next(self.join_branches)

    @step
    def join_branches(self, inputs):
        trace(self)
        self.merge_artifacts(inputs)
        self.branches = [inputs.left.left_only, inputs.right.right_only]
        self.turn = 0
        self.next(self.again)

    @step
    def again(self):
        trace(self, self.turn)
        self.turn += 1
        self.wide = self.wide + b"%d" % self.turn
        self.more = "yes" if self.turn < 3 else "no"
        self.next({"yes": self.again, "no": self.end}, condition="more")

    @step
    def end(self):
        trace(self)
        self.result = [self.seen, self.names, self.branches, self.turn, hashlib.sha256(self.wide + self.large).hexdigest()]
        print("result", self.result)


if __name__ == "__main__":
    EverythingFlow()
