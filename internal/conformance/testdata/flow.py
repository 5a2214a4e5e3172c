"""The flow of the conformance kit, in Python."""

from levada import FlowSpec, Parameter, retry, step


class Conformance(FlowSpec):
    alpha = Parameter("alpha", default=1, help="a number")

    @step
    def start(self):
        self.greeting = "hello %d" % self.alpha
        self.numbers = [1, 2]
        self.next(self.fan)

    @step
    def fan(self):
        self.numbers.append(30)
        self.next(self.body, foreach="numbers")

    @retry(times=1)
    @step
    def body(self):
        print(self.greeting)
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.merge_artifacts(inputs, exclude=["square"])
        self.next(self.fail)

    @step
    def fail(self):
        self.before = True
        raise ValueError("boom")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Conformance()
