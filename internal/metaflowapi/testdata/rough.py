"""A flow for the tests that fails, or stays, where the environment says so."""

import os
import time

from metaflow import FlowSpec, step


class Rough(FlowSpec):
    @step
    def start(self):
        self.before = "kept"
        self.next(self.middle)

    @step
    def middle(self):
        if os.environ["DO"] == "fail":
            raise KeyError("missing")
        if os.environ["DO"] == "stay":
            time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Rough()
