"""Three ways in which a step can go wrong, and the decorators that keep the run going.

A flaky step is tried again, a hopeless one is caught and leaves its exception as an artifact, an endless one is cut off.
"""

import time

from metaflow import FlowSpec, catch, current, retry, step, timeout


class RetryCatchFlow(FlowSpec):
    """Survive a flaky, a hopeless and an endless step."""

    @step
    def start(self):
        self.next(self.flaky, self.hopeless, self.endless)

    @retry(times=2, minutes_between_retries=0)
    @step
    def flaky(self):
        # Each attempt starts afresh, from the same inputs, and knows how many there were before it.
        if current.retry_count < 2:
            raise ConnectionError(f"attempt {current.retry_count} got no answer")
        self.answer = f"answered at attempt {current.retry_count}"
        self.next(self.join)

    @catch(var="problem", print_exception=False)
    @retry(times=1, minutes_between_retries=0)
    @step
    def hopeless(self):
        self.progress = "set before the error, so it is kept"
        self.ratio = 1 / 0
        self.next(self.join)

    @catch(var="problem", print_exception=False)
    @timeout(seconds=1)
    @step
    def endless(self):
        time.sleep(60)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.answer = inputs.flaky.answer
        self.progress = inputs.hopeless.progress
        self.has_ratio = hasattr(inputs.hopeless, "ratio")
        self.hopeless_problem = inputs.hopeless.problem
        self.endless_problem = inputs.endless.problem
        self.next(self.end)

    @step
    def end(self):
        print(f"flaky: {self.answer}")
        print(f"hopeless: {self.hopeless_problem.type.split('.')[-1]}: {self.hopeless_problem.exception}")
        print(f"hopeless: {self.progress}; ratio exists: {self.has_ratio}")
        print(f"endless: {self.endless_problem.type.split('.')[-1]}")


if __name__ == "__main__":
    RetryCatchFlow()
