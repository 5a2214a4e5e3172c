"""Many artifacts that every task of a foreach inherits, and of which it changes one."""

from metaflow import FlowSpec, Parameter, step


class InheritedFlow(FlowSpec):
    n = Parameter("n", type=int, default=1000, help="tasks")
    artifacts = Parameter("artifacts", type=int, default=1000, help="inherited by each")

    @step
    def start(self):
        for i in range(self.artifacts):
            setattr(self, f"a{i}", i)
        self.numbers = list(range(self.n))
        self.next(self.change, foreach="numbers")

    @step
    def change(self):
        self.a0 = self.input + 1
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(task.a0 for task in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == self.n * (self.n + 1) // 2, self.total


if __name__ == "__main__":
    InheritedFlow()
