"""Where a value cannot be pickled."""

import threading
import unittest
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from pickle import PickleBuffer

import support  # noqa: F401

from levada.whereabouts import at, where

Pair = namedtuple("Pair", "left right")


@dataclass
class Model:
    layers: list = field(default_factory=list)
    name: str = "m"


class Slotted:
    __slots__ = ("lock", "unset")

    def __init__(self):
        self.lock = threading.Lock()


class Stateful:
    """Leaves its lock out, and what it keeps instead cannot be pickled either."""

    def __init__(self):
        self.lock = threading.Lock()

    def __getstate__(self):
        return {"made": lambda: 1}


class Mapping(dict):
    def __init__(self):
        super().__init__(fine=1)
        self.lock = threading.Lock()


class Whereabouts(unittest.TestCase):
    def test_places(self):
        lock = threading.Lock()
        for value, place in [
            (lock, "x"),
            (lambda: 1, "x"),
            (threading, "x"),
            ({"a": [lock]}, "x['a'][0]"),
            ([1, 2, (3, {"k": lock})], "x[2][1]['k']"),
            ({1: {2: lambda: 1}}, "x[1][2]"),
            (Model([1, lock]), "x.layers[1]"),
            ({"m": Model(name=lock)}, "x['m'].name"),
            ([Slotted()], "x[0].lock"),
            (Pair(1, lock), "x[1]"),
            (OrderedDict(a=1, b=lock), "x['b']"),
            ({"a": Stateful()}, "x['a']"),
            (Mapping(), "x.lock"),
            ({lambda: 1: 1}, "x, in its key <function>"),
            ([PickleBuffer(bytes(1 << 20)), bytearray(1 << 20), lock], "x[2]"),
            ({"k" * 100: lock}, "x[<str>]"),
            ([(i for i in ())], "x[0]"),
        ]:
            with self.subTest(place):
                self.assertEqual(where("x", value), place)

    def test_for_a_message(self):
        self.assertEqual(at("state", {"a": [threading.Lock()]}), ", at state['a'][0]")
        self.assertEqual(at("state", threading.Lock()), "")

    def test_sets(self):
        self.assertRegex(where("x", [{1, threading.Lock()}]), r"^x\[0\], in its element <")

    def test_cycles_and_depth(self):
        value = []
        value.append(value)
        value.append({"again": value, "lock": threading.Lock()})
        self.assertEqual(where("x", value), "x[1]['lock']")
        deep = threading.Lock()
        for _ in range(500):
            deep = [deep]
        self.assertEqual(where("x", deep), "x" + "[0]" * 50)

    def test_many_parts(self):
        value = [[i] for i in range(20_000)] + [threading.Lock()]
        self.assertEqual(where("x", {"many": value}), "x['many']")

    def test_attributes_are_not_computed(self):
        class Computed:
            @property
            def lock(self):
                raise AssertionError("a property was read")

            def __getattr__(self, name):
                raise AssertionError("__getattr__ was called for " + name)

            def __reduce__(self):
                raise TypeError("no")

        self.assertEqual(where("x", [Computed()]), "x[0]")


if __name__ == "__main__":
    unittest.main()
