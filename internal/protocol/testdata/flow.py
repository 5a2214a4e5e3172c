"""The flow of the recorded conversations."""

from levada import FlowSpec, JSONType, Parameter, catch, project, retry, step


@project(name="recorded")
class Recorded(FlowSpec):
    """A flow with one of each."""

    alpha = Parameter("alpha", default=1, help="a number")
    options = Parameter("options", type=JSONType, default={"a": [1]})
    label = Parameter("label", default=lambda context: "by " + context.user_name)
    LIMIT = 3

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
        print(self.greeting, self.index)
        self.square = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.square for one in inputs)
        self.merge_artifacts(inputs, include=["greeting"])
        self.next(self.fail)

    @catch(var="problem")
    @step
    def fail(self):
        self.before = True
        raise ValueError("boom")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Recorded()
