"""A flow that goes on for as long as the test lets it, and prints."""

import os
import time

from metaflow import FlowSpec, Parameter, resources, step


class SlowFlow(FlowSpec):
    until = Parameter("until", help="The flow ends when this file is there")

    @step
    def start(self):
        self.next(self.work)

    @resources(cpu=1, memory=200)
    @step
    def work(self):
        kept = bytearray(20_000_000)
        tick = 0
        while not os.path.exists(self.until):
            print("tick", tick, flush=True)
            tick += 1
            time.sleep(0.1)
        print("done after", tick, "and", len(kept))
        self.ticks = tick
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SlowFlow()
