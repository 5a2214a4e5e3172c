"""Stores values of every size, most of them the same in every run, so that what one run needs is what others have made."""

import os
import random

from levada import FlowSpec, step


def data(seed, size):
    return random.Random(seed).randbytes(size)


class ChurnFlow(FlowSpec):
    @step
    def start(self):
        self.shared = data("shared", 200_000)  # a file, by all runs
        self.zipped = b"levada " * 30_000  # a file that is compressed
        self.small = data("small", 3_000)  # in the database, by all runs
        self.some = data(int(os.environ.get("SEED", "0")) % 3, 100_000)
        self.own = data(random.random(), 100_000)
        self.items = [data(i, 4_000) for i in range(24)]  # a file of foreach elements
        self.next(self.work, foreach="items")

    @step
    def work(self):
        if self.index == 17 and os.environ.get("BREAK"):
            raise ValueError("broken on purpose")
        self.out = data(self.index % 5, 70_000)
        if self.index % 8 == 0:
            print("a long log\n" * 5_000)  # a file
        else:
            print("a short log")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.outs = [task.out[:10] for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        assert self.outs == [data(i % 5, 70_000)[:10] for i in range(24)]


if __name__ == "__main__":
    ChurnFlow()
