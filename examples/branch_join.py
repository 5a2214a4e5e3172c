"""Two steps that run at the same time on the same data, and a join that brings their results together.

The join reads each branch by its name, and merge_artifacts takes over whatever the branches agree on.
"""

from metaflow import FlowSpec, step


class BranchJoinFlow(FlowSpec):
    """Describe a week of temperatures by its middle and by its spread."""

    unit = "°C"

    @step
    def start(self):
        self.temperatures = [11.5, 13.0, 12.5, 15.0, 19.5, 17.0, 12.5]
        self.next(self.middle, self.spread)

    @step
    def middle(self):
        ordered = sorted(self.temperatures)
        self.median = ordered[len(ordered) // 2]
        self.mean = sum(ordered) / len(ordered)
        self.method = "middle"
        self.next(self.describe)

    @step
    def spread(self):
        self.range = max(self.temperatures) - min(self.temperatures)
        self.method = "spread"
        self.next(self.describe)

    @step
    def describe(self, inputs):
        # Both branches set `method`, to different values: a conflict, unless we settle it first.
        self.method = [inputs.middle.method, inputs.spread.method]
        # The rest is unambiguous: `temperatures` is the same on both sides, `median`, `mean` and `range` come from one.
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.temperatures)} days, described by {' and '.join(self.method)}")
        print(f"median {self.median:.1f} {self.unit}, mean {self.mean:.1f} {self.unit}, range {self.range:.1f} {self.unit}")


if __name__ == "__main__":
    BranchJoinFlow()
