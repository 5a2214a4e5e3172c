"""A foreach over a list whose items are large, and all different."""

import os

from metaflow import FlowSpec, Parameter, step


class ItemsFlow(FlowSpec):
    n = Parameter("n", type=int, default=1000)
    size = Parameter("size", type=int, default=100_000, help="bytes an item")

    @step
    def start(self):
        filling = os.urandom(self.size)
        self.values = [i.to_bytes(8, "big") + filling[8:] for i in range(self.n)]
        self.next(self.read, foreach="values")

    @step
    def read(self):
        self.number = int.from_bytes(self.input[:8], "big")
        assert len(self.input) == self.size and self.number == self.index
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(task.number for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == (self.n - 1) * self.n // 2, self.total


if __name__ == "__main__":
    ItemsFlow()
