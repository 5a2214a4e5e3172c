"""A foreach whose tasks keep a small model each: history for the client to read."""

from metaflow import FlowSpec, Parameter, step


class HistoryFlow(FlowSpec):
    """Trains n models."""

    n = Parameter("n", default=100)

    @step
    def start(self):
        """Say how many."""
        self.seeds = list(range(self.n))
        self.next(self.train, foreach="seeds")

    @step
    def train(self):
        """Keep a model."""
        self.model = {"seed": self.input, "weights": [self.input / (i + 1) for i in range(100)]}
        print("trained", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        """Keep the best."""
        self.model = max((i.model for i in inputs), key=lambda model: model["seed"])
        self.next(self.end)

    @step
    def end(self):
        """Nothing."""


if __name__ == "__main__":
    HistoryFlow()
