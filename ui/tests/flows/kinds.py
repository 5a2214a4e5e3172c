"""Artifacts of every kind."""
import base64, math, random, struct, time, zlib
from metaflow import FlowSpec, Parameter, card, step


def png(width, height):
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in (x * 255 // width, y * 255 // height, 160)) for y in range(height))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Model:
    def __init__(self):
        self.weights = [1.0, 2.0]


class KindsFlow(FlowSpec):
    alpha = Parameter("alpha", default=0.5)
    learning_rate = Parameter("learning-rate", default=0.01)

    @card
    @step
    def start(self):
        self.accuracy = 0.9 + self.alpha / 20 + random.random() / 50
        self.loss = 1 - self.accuracy
        self.epochs = 12
        self.done = True
        self.nothing = None
        self.name = "résumé of\nseveral lines"
        self.curve = [math.exp(-i / 20) + random.random() / 20 for i in range(100)]
        self.table = [{"name": "a%d" % i, "score": i / 7, "good": i % 2 == 0} for i in range(250)]
        self.config = {"layers": [64, 64], "optimizer": {"name": "adam", "betas": [0.9, 0.999]}}
        self.picture = png(160, 90)
        self.raw = bytes(range(200))
        self.model = Model()
        self.next(self.end)

    @step
    def end(self):
        print("accuracy", self.accuracy)


if __name__ == "__main__":
    KindsFlow()
