"""``profile``: how long a block of code takes."""

import sys
from contextlib import contextmanager
from time import perf_counter

from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def profile(label: str, stats_dict: "dict[str, int] | None" = None) -> "Iterator[None]":
    """Measure the block of the ``with`` statement.

    Prints when it begins and how many milliseconds it took; or, given a dict, adds them to ``stats_dict[label]``.
    """
    if stats_dict is None:
        print("PROFILE: %s starting" % label)
    start = perf_counter()
    try:
        yield
    finally:
        took = int((perf_counter() - start) * 1000)
        if stats_dict is None:
            print("PROFILE: %s completed in %dms" % (label, took))
            sys.stdout.flush()
        else:
            stats_dict[label] = stats_dict.get(label, 0) + took
