"""Two hundred tasks, and one that prints a lot."""

from metaflow import FlowSpec, step


class WideFlow(FlowSpec):
    @step
    def start(self):
        self.items = ["item-%03d" % i for i in range(200)]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.result = len(self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        for i in range(50_000):
            print("line", i)
        print("the needle is here")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    WideFlow()
