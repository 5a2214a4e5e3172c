"""Many tasks with values of all sizes, for several runs at once in one folder."""

import hashlib
import os

from levada import FlowSpec, step

SEED = os.environ.get("SEED", "")


class BigFlow(FlowSpec):
    @step
    def start(self):
        self.seed = SEED
        self.numbers = list(range(150))
        self.next(self.work, foreach="numbers")

    @step
    def work(self):
        key = ("%s %d" % (self.seed, self.input)).encode()
        self.own = hashlib.shake_128(key).digest((100, 1000, 100_000)[self.input % 3])
        self.shared = hashlib.shake_128(b"%d" % (self.input % 5)).digest(80_000)  # the same in all runs
        if self.input % 10 == 0:
            print(self.seed, self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.digest = hashlib.sha256(b"".join(task.own + task.shared for task in inputs)).hexdigest()
        self.next(self.end)

    @step
    def end(self):
        print("digest", self.digest)


if __name__ == "__main__":
    BigFlow()
