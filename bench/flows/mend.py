"""A foreach whose last task fails until the environment variable BENCH_MENDED is set.

Once it is, that task leaves the time of its start in the file that BENCH_STAMP names.
"""

import os
import time

from metaflow import FlowSpec, Parameter, step


class MendFlow(FlowSpec):
    n = Parameter("n", type=int, default=1000)

    @step
    def start(self):
        self.numbers = list(range(self.n))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        if self.input == self.n - 1:
            if "BENCH_MENDED" not in os.environ:
                raise RuntimeError("not mended yet")
            with open(os.environ["BENCH_STAMP"], "w") as file:
                file.write(str(time.time()))
        self.result = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(task.result for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == (self.n - 1) * self.n * (2 * self.n - 1) // 6, self.total


if __name__ == "__main__":
    MendFlow()
