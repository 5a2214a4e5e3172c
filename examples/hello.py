"""The smallest useful flow: three steps, one artifact that travels through them.

Every step runs in a process of its own, and whatever it assigns to `self` is stored and waits for the next step.
"""

from levada import FlowSpec, step  # `from metaflow import FlowSpec, step` does the same


class HelloFlow(FlowSpec):
    """Greet somebody in three steps."""

    @step
    def start(self):
        self.greeting = "Hello"
        self.next(self.middle)

    @step
    def middle(self):
        self.greeting = self.greeting + ", world"
        self.next(self.end)

    @step
    def end(self):
        print(self.greeting + "!")


if __name__ == "__main__":
    HelloFlow()
