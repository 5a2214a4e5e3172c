"""A foreach of six, of which two tasks run at once for as long as the test lets them."""

import os
import time

from metaflow import FlowSpec, Parameter, step


class GrowingFlow(FlowSpec):
    until = Parameter("until", help="The tasks end when this file is there")

    @step
    def start(self):
        self.items = list("abcdef")
        self.next(self.work, foreach="items")

    @step
    def work(self):
        while not os.path.exists(self.until):
            time.sleep(0.1)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GrowingFlow()
