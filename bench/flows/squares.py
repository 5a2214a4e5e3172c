"""A foreach whose tasks square a number, and a join that adds them up. BENCH_IMPORT names modules that the file imports."""

import os

from metaflow import FlowSpec, Parameter, step

for module in os.environ.get("BENCH_IMPORT", "").split():
    __import__(module)


class SquaresFlow(FlowSpec):
    n = Parameter("n", type=int, default=1000)

    @step
    def start(self):
        self.numbers = list(range(self.n))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
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
    SquaresFlow()
