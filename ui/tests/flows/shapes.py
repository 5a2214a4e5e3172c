"""Values that are easily shown as what they are not, and a long log."""

import math
import sys

from metaflow import FlowSpec, step


class ShapesFlow(FlowSpec):
    @step
    def start(self):
        self.records = [{"c%d" % i: i for i in range(120)} for _ in range(5)]
        self.many = {str(i): i for i in range(10_000)}
        self.gaps = [1, math.nan, 3, math.inf]
        self.figure = 1234567.891
        self.huge = 2**200
        self.chosen = {3, 1}
        self.pair = (1, "a")
        self.single = (1,)
        self.nothing = set()
        self.blank = ""
        self.raw = bytes(range(256)) * 100
        self.a_name_that_is_so_long_that_it_pushes_what_comes_after_it_out_of_sight = 5
        self.next(self.end)

    @step
    def end(self):
        for i in range(6000):
            print("line", i, "x" * (i % 300), flush=i == 2999)
            if i == 2999:
                print("a warning", file=sys.stderr, flush=True)
        print("the last line")


if __name__ == "__main__":
    ShapesFlow()
