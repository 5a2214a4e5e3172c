"""A flow whose training fails for one of its models."""
import time
from metaflow import FlowSpec, Parameter, card, current, resources, retry, step


def loss_of(rate):
    if rate > 0.3:
        raise ValueError("the loss is not a number: the learning rate %s is too large" % rate)
    return 1 / (1 + rate)


class BrokenFlow(FlowSpec):
    rates = Parameter("rates", default="0.1,0.2,0.4", help="Learning rates")

    @step
    def start(self):
        self.list = [float(r) for r in self.rates.split(",")]
        self.next(self.train, foreach="list")

    @retry(times=1)
    @resources(cpu=1, memory=500)
    @step
    def train(self):
        print("\x1b[1;34mtraining\x1b[0m with the rate", self.input)
        self.loss = loss_of(self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.best = min(i.loss for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BrokenFlow()
