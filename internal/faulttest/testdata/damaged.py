"""Values of every size in one step; the steps after it read them. The last step fails while STOP is set."""

import hashlib
import os

from levada import FlowSpec, step


class DamagedFlow(FlowSpec):
    @step
    def start(self):
        self.plain = hashlib.shake_128(b"plain").digest(200_000)
        self.packed = b"this can be compressed, " * 20_000
        self.row = hashlib.shake_128(b"row").digest(20_000)
        self.inline = "a few bytes"
        self.elements = [hashlib.shake_128(b"%d" % i).digest(40_000) for i in range(3)]
        self.few = [1, 2]
        self.next(self.each, foreach="elements")

    @step
    def each(self):
        if os.environ.get("STOP"):
            raise RuntimeError("stopped")
        self.digest = hashlib.sha256(self.input).hexdigest()
        self.sizes = [len(self.plain), len(self.packed), len(self.row), len(self.inline)]
        self.digests = [hashlib.sha256(x).hexdigest() for x in (self.plain, self.packed, self.row, self.inline.encode())]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.all = [(task.digest, task.digests) for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("result", hashlib.sha256(repr(self.all).encode()).hexdigest())


if __name__ == "__main__":
    DamagedFlow()
