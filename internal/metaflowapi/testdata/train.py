"""A flow for the tests: a foreach in which one task fails at its first attempt, and a join whose exception is caught."""

import sys

from metaflow import FlowSpec, Parameter, catch, current, retry, step


class Train(FlowSpec):
    alpha = Parameter("alpha", default=0.5)
    width = Parameter("width", default=3)

    @step
    def start(self):
        print("started with", self.alpha)
        print("a warning", file=sys.stderr)
        self.names = ["n%d" % i for i in range(self.width)]
        self.large = "x" * 100_000
        self.next(self.work, foreach="names")

    @retry(times=1, minutes_between_retries=0)
    @step
    def work(self):
        if self.input == "n1" and current.retry_count == 0:
            raise ValueError("not at once")
        self.score = len(self.input) * 2
        self.next(self.join)

    @catch(var="problem", print_exception=False)
    @step
    def join(self, inputs):
        self.total = sum(i.score for i in inputs)
        if self.total:
            raise RuntimeError("after all that matters")
        self.next(self.end)

    @step
    def end(self):
        print("total", self.total)


if __name__ == "__main__":
    Train()
