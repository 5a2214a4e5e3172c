"""A step that chooses its successor, and a step that follows itself until its result is good enough.

`--method newton` and `--method bisection` take different paths to the same square root; the path not taken never runs.
"""

from metaflow import FlowSpec, Parameter, step


class SwitchFlow(FlowSpec):
    """Find a square root, one task for each approximation."""

    number = Parameter("number", type=float, default=2.0, help="take the root of this number, at least 1")
    method = Parameter("method", default="newton", help="newton or bisection")
    tolerance = Parameter("tolerance", type=float, default=1e-3, help="stop when the square is as close as this")

    @step
    def start(self):
        self.low, self.high = 1.0, self.number
        self.guess = self.number
        self.tasks = 0
        self.way = self.method
        self.next({"newton": self.newton, "bisection": self.bisection}, condition="way")

    @step
    def newton(self):
        self.guess = (self.guess + self.number / self.guess) / 2
        self.judge()
        self.next({"again": self.newton, "good": self.report}, condition="verdict")

    @step
    def bisection(self):
        self.guess = (self.low + self.high) / 2
        if self.guess**2 < self.number:
            self.low = self.guess
        else:
            self.high = self.guess
        self.judge()
        self.next({"again": self.bisection, "good": self.report}, condition="verdict")

    @step
    def report(self):
        print(f"the root of {self.number:g} is about {self.guess:.6f}: {self.tasks} tasks by {self.way}")
        self.next(self.end)

    @step
    def end(self):
        pass

    def judge(self):
        """Count the task and say whether the guess is good enough: an ordinary method, not a step."""
        self.tasks += 1
        error = abs(self.guess**2 - self.number)
        self.verdict = "good" if error <= self.tolerance else "again"
        print(f"approximation {self.tasks}: {self.guess:.6f}")


if __name__ == "__main__":
    SwitchFlow()
