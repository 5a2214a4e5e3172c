"""The large values that the artifact rows store: shared by the flow and by the plain program it is compared with.

Both kinds repeat a random block that is longer than the window of any compressor used here, so none of it
can be compressed. Making a value is no part of what is measured: if BENCH_MADE names a file, the
seconds that it took are written there.
"""

import os
import time

BLOCK = 16 << 20


def make(kind, mib):
    """Return a value of that many MiB: "bytes" or "numpy"."""
    began = time.monotonic()
    value = fill(kind, mib)
    if path := os.environ.get("BENCH_MADE"):
        with open(path, "w") as file:
            file.write(str(time.monotonic() - began))
    return value


def fill(kind, mib):
    repeats = (mib << 20) // BLOCK
    block = os.urandom(BLOCK)
    if kind == "bytes":
        return block * repeats
    import numpy

    return numpy.tile(numpy.frombuffer(block, dtype="uint64"), repeats)


def size(value):
    """Return the size of a value in bytes."""
    return getattr(value, "nbytes", None) or len(value)


def ends(value):
    """Return the first and last element, to see that a value came back whole without reading it all again."""
    return int(value[0]), int(value[-1])
