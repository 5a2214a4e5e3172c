"""A run that fails halfway on purpose, to be mended and resumed: the tasks that finished are not run again.

Run it and watch step `weigh` fail for one crate; then mend the scale and resume: `SCALE=mended levada resume examples/resume_me.py`.
"""

import os
import time

from metaflow import FlowSpec, current, step


class ResumeMeFlow(FlowSpec):
    """Weigh three crates with a scale that is broken until it is mended."""

    @step
    def start(self):
        self.crates = {"apples": 18, "bananas": 21, "custard apples": 16}
        self.names = list(self.crates)
        print("unloading: this takes long in real life, and happens once")
        self.next(self.weigh, foreach="names")

    @step
    def weigh(self):
        weight = self.crates[self.input]
        if weight > 20 and os.environ.get("SCALE") != "mended":
            time.sleep(1)  # the scale thinks about it, while the other crates are weighed
            raise RuntimeError(f"{self.input} are too heavy for the scale; mend it: SCALE=mended levada resume examples/resume_me.py")
        self.weight = weight
        self.weighed_in = current.run_id
        print(f"{self.input}: {weight} kg")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(task.weight for task in inputs)
        runs = [task.weighed_in for task in inputs]
        self.carried_over = sum(run == current.origin_run_id for run in runs)
        self.next(self.end)

    @step
    def end(self):
        print(f"{self.total} kg in all; {self.carried_over} weights were carried over from an earlier run")


if __name__ == "__main__":
    ResumeMeFlow()
