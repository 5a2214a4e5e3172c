"""A real search: a small neural network is trained for every point of a grid, each judged by cross-validation.

One foreach goes over the grid, a nested one over the folds; the join picks the best, which is then trained on all training
data and judged once on points that nothing before has seen. Uses numpy where it is installed and plain Python where not.
"""

import math
import random

from metaflow import FlowSpec, Parameter, step

try:
    import numpy
except ImportError:
    numpy = None


class HyperparameterSearchFlow(FlowSpec):
    """Learn to tell two interleaved half-moons apart."""

    points = Parameter("points", type=int, default=400, help="size of the data set")
    noise = Parameter("noise", type=float, default=0.2, help="how blurred the moons are")
    folds = Parameter("folds", type=int, default=3, help="parts of the training data in cross-validation")
    epochs = Parameter("epochs", type=int, default=60, help="passes over the training data")
    seed = Parameter("seed", type=int, default=7, help="for data, split and first weights")

    @step
    def start(self):
        data = two_moons(self.points, self.noise, random.Random(self.seed))
        held_out = len(data) // 4
        self.test, self.train = data[:held_out], data[held_out:]
        self.grid = [
            {"hidden": hidden, "rate": rate, "decay": decay}
            for hidden in (1, 4, 8)
            for rate in (0.05, 0.5)
            for decay in (0.0, 0.001)
        ]
        print(f"{len(self.train)} points to train with, {len(self.test)} held out, {len(self.grid)} candidates")
        self.next(self.candidate, foreach="grid")

    @step
    def candidate(self):
        self.settings = self.input
        self.fold = list(range(self.folds))
        self.next(self.validate, foreach="fold")

    @step
    def validate(self):
        """Train on all folds but one, count the right answers on that one."""
        part = self.input
        seen = [sample for i, sample in enumerate(self.train) if i % self.folds != part]
        unseen = [sample for i, sample in enumerate(self.train) if i % self.folds == part]
        network = train(self.settings, seen, self.epochs, self.seed)
        self.score = accuracy(network, unseen)
        self.next(self.average)

    @step
    def average(self, inputs):
        scores = [task.score for task in inputs]
        self.mean = sum(scores) / len(scores)
        self.worst = min(scores)
        self.merge_artifacts(inputs, include=["settings", "train", "test"])  # a join inherits nothing unasked
        self.next(self.choose)

    @step
    def choose(self, inputs):
        self.results = [(task.mean, task.worst, task.settings) for task in inputs]
        # Of equally good candidates take the one with the smallest network, then the steadiest.
        self.best = max(self.results, key=lambda r: (round(r[0], 6), -r[2]["hidden"], r[1]))[2]
        self.merge_artifacts(inputs, include=["train", "test"])
        self.next(self.evaluate)

    @step
    def evaluate(self):
        network = train(self.best, self.train, self.epochs, self.seed)
        self.weights = network.weights()
        self.train_accuracy = accuracy(network, self.train)
        self.test_accuracy = accuracy(network, self.test)
        common = sum(label for _, label in self.test) / len(self.test)
        self.chance = max(common, 1 - common)
        self.next(self.end)

    @step
    def end(self):
        print("hidden  rate  decay  mean   worst")
        for mean, worst, settings in self.results:
            mark = "  best" if settings == self.best else ""
            print(f"{settings['hidden']:<7} {settings['rate']:<5} {settings['decay']:<6} {mean:<6.3f} {worst:.3f}{mark}")
        print(f"training points: {self.train_accuracy:.1%} right")
        print(f"held-out points: {self.test_accuracy:.1%} right; always guessing the more frequent moon: {self.chance:.1%}")


def two_moons(count, noise, rng):
    """Make points of two interleaved half-circles, as ((x, y), label) in random order."""
    data = []
    for i in range(count):
        label, angle = i % 2, rng.uniform(0, math.pi)
        x, y = (1 - math.cos(angle), 0.5 - math.sin(angle)) if label else (math.cos(angle), math.sin(angle))
        data.append(((x + rng.gauss(0, noise), y + rng.gauss(0, noise)), label))
    rng.shuffle(data)
    return data


def train(settings, samples, epochs, seed):
    """Fit a network by stochastic gradient descent, in batches of eight."""
    rng = random.Random(seed)
    network = (PlainNetwork if numpy is None else NumpyNetwork)(settings["hidden"], rng)
    order = list(samples)
    for _ in range(epochs):
        rng.shuffle(order)
        for first in range(0, len(order), 8):
            network.learn(order[first : first + 8], settings["rate"], settings["decay"])
    return network


def accuracy(network, samples):
    """Return the share of samples whose label the network guesses."""
    guesses = network.guess([point for point, _ in samples])
    return sum(guess == label for guess, (_, label) in zip(guesses, samples)) / len(samples)


def first_weights(hidden, rng):
    """Return hidden weights (x, y, bias) and output weights (one a hidden unit, then the bias): the same for both networks."""
    inner = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(hidden)]
    outer = [rng.gauss(0, 1) / math.sqrt(hidden) for _ in range(hidden)] + [0.0]
    return inner, outer


class PlainNetwork:
    """Two inputs, one hidden layer of tanh units, one logistic output: in plain Python."""

    def __init__(self, hidden, rng):
        self.inner, self.outer = first_weights(hidden, rng)

    def forward(self, point):
        x, y = point
        units = [math.tanh(a * x + b * y + c) for a, b, c in self.inner]
        return units, sigmoid(sum(w * u for w, u in zip(self.outer, units)) + self.outer[-1])

    def learn(self, samples, rate, decay):
        """Take one step down the gradient of the mean cross-entropy of the samples."""
        inner = [[0.0, 0.0, 0.0] for _ in self.inner]
        outer = [0.0] * len(self.outer)
        for (x, y), label in samples:
            units, probability = self.forward((x, y))
            error = probability - label
            outer[-1] += error
            for k, unit in enumerate(units):
                outer[k] += error * unit
                back = error * self.outer[k] * (1 - unit * unit)
                gradient = inner[k]
                gradient[0] += back * x
                gradient[1] += back * y
                gradient[2] += back
        n = len(samples)
        self.inner = [[w - rate * (g / n + decay * w) for w, g in zip(*rows)] for rows in zip(self.inner, inner)]
        self.outer = [w - rate * (g / n + decay * w) for w, g in zip(self.outer, outer)]

    def guess(self, points):
        return [int(self.forward(point)[1] > 0.5) for point in points]

    def weights(self):
        return {"inner": self.inner, "outer": self.outer}


class NumpyNetwork:
    """The same network with numpy: the same weights, up to rounding."""

    def __init__(self, hidden, rng):
        inner, outer = first_weights(hidden, rng)
        self.inner, self.outer = numpy.array(inner), numpy.array(outer)

    def forward(self, points):
        points = numpy.column_stack([points, numpy.ones(len(points))])
        units = numpy.column_stack([numpy.tanh(points @ self.inner.T), numpy.ones(len(points))])
        return points, units, 1 / (1 + numpy.exp(-(units @ self.outer)))

    def learn(self, samples, rate, decay):
        """Take one step down the gradient of the mean cross-entropy of the samples."""
        labels = numpy.array([label for _, label in samples])
        points, units, probabilities = self.forward([point for point, _ in samples])
        errors = (probabilities - labels) / len(samples)
        back = numpy.outer(errors, self.outer[:-1]) * (1 - units[:, :-1] ** 2)
        self.inner, self.outer = (
            self.inner - rate * (back.T @ points + decay * self.inner),
            self.outer - rate * (units.T @ errors + decay * self.outer),
        )

    def guess(self, points):
        return [int(p > 0.5) for p in self.forward(points)[2]]

    def weights(self):
        return {"inner": self.inner.tolist(), "outer": self.outer.tolist()}


def sigmoid(z):
    """Return the logistic function of z, safe for large negative z."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


if __name__ == "__main__":
    HyperparameterSearchFlow()
