"""Cards: a report that shows the training while it goes on, and one that compares the results.

Look at them with `levada card server` while it runs, or with `levada card view report` afterwards. `--epochs 2000` makes it
last long enough to watch.
"""

import random

from metaflow import FlowSpec, Parameter, card, current, step
from metaflow.cards import Artifact, Markdown, ProgressBar, Table, ValueBox, VegaChart


def loss_chart(history):
    """The loss of each epoch, one line a learning rate."""
    return {
        "title": "Loss by epoch",
        "data": {"values": history},
        "mark": "line",
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative"},
            "y": {"field": "loss", "type": "quantitative", "title": "mean squared error"},
            "color": {"field": "rate", "type": "nominal", "title": "learning rate"},
        },
    }


class CardsFlow(FlowSpec):
    """Fit a line to noisy points with gradient descent, at several learning rates."""

    epochs = Parameter("epochs", default=60, help="passes over the points")

    @step
    def start(self):
        rng = random.Random(7)
        self.points = [(x / 100, 3 * x / 100 + 1 + rng.gauss(0, 0.3)) for x in range(200)]
        self.rates = [0.02, 0.1, 0.3]
        self.next(self.train, foreach="rates")

    @card(type="blank", id="training", options={"title": "Training"}, refresh_interval=1)
    @step
    def train(self):
        self.rate = self.input
        self.slope, self.intercept, self.history = 0.0, 0.0, []
        progress = ProgressBar(max=self.epochs, label="Epochs")
        chart = VegaChart(loss_chart([]))
        current.card["training"].append(Markdown(f"Learning rate **{self.rate}**"))
        current.card["training"].append(progress)
        current.card["training"].append(chart)
        for epoch in range(self.epochs):
            errors = [self.slope * x + self.intercept - y for x, y in self.points]
            n = len(errors)
            self.slope -= self.rate * sum(2 * e * x for e, (x, _) in zip(errors, self.points)) / n
            self.intercept -= self.rate * sum(2 * e for e in errors) / n
            loss = sum(e * e for e in errors) / n
            self.history.append({"epoch": epoch, "loss": loss, "rate": str(self.rate)})
            progress.update(epoch + 1, {"loss": round(loss, 4)})
            chart.update(loss_chart(self.history))
            current.card["training"].refresh()
        self.loss = loss
        self.next(self.report)

    @card
    @step
    def report(self, inputs):
        best = min(inputs, key=lambda one: one.loss)
        self.slope, self.intercept = best.slope, best.intercept
        current.card.append(Markdown(f"# A line through {len(best.points)} points\nTrained for {self.epochs} epochs."))
        current.card.append(ValueBox("Best learning rate", best.rate, theme="success"))
        current.card.append(ValueBox("Loss", round(best.loss, 4), "mean squared error"))
        current.card.append(ValueBox("Slope", round(best.slope, 3), "the points were made with 3"))
        current.card.append(VegaChart(loss_chart([row for one in inputs for row in one.history])))
        rows = [[one.rate, round(one.loss, 4), round(one.slope, 3), round(one.intercept, 3)] for one in inputs]
        current.card.append(Table(rows, headers=["rate", "loss", "slope", "intercept"]))
        self.next(self.end)

    @card(type="blank")
    @step
    def end(self):
        current.card.append(Artifact({"slope": self.slope, "intercept": self.intercept}, name="model"))
        print(f"y = {self.slope:.2f} x + {self.intercept:.2f}")


if __name__ == "__main__":
    CardsFlow()
