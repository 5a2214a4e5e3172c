"""What package_sources and package_suffixes take, and what they refuse."""

import unittest
from pathlib import Path

import support  # noqa: F401

from levada.exceptions import MetaflowException
from levada.packaging import package_sources, package_suffixes


def sources(*args, **kwargs):
    mutator = package_sources(*args, **kwargs)
    mutator.init(*args, **kwargs)
    return mutator


class Packaging(unittest.TestCase):
    def test_forms(self):
        for given, want in (
            ("a", [("a", None)]),
            (Path("a"), [("a", None)]),
            (("a", "b/./c"), [("a", "b/c")]),
            (["a", ("b", "c")], [("a", None), ("b", "c")]),
            ((path for path in (Path("a"), Path("b"))), [("a", None), ("b", None)]),
        ):
            self.assertEqual(sources(given).sources, want)
        self.assertEqual(sources("a", arcname="b").sources, [("a", "b")])
        self.assertEqual(sources("a", suffixes=" py, .md").suffixes, [".py", ".md"])

    def test_refused(self):
        for args, kwargs, want in (
            ((42,), {}, "42 is neither a path nor a pair"),
            (([("a", 1)],), {}, r"\('a', 1\) is neither a path nor a pair"),
            ((["a", None],), {}, "None is neither"),
            (("a",), {"suffixes": 5}, "@package_sources: suffixes are .*; 5 is no suffix"),
            (("a",), {"suffixes": [".py", None]}, "None is no suffix"),
            (("a",), {"arcname": "../b"}, "not a path inside of the package"),
        ):
            with self.subTest(want), self.assertRaisesRegex(MetaflowException, want):
                sources(*args, **kwargs)
        with self.assertRaisesRegex(MetaflowException, "@package_suffixes: suffixes are .*; 7 is no suffix"):
            package_suffixes(7).init(7)


if __name__ == "__main__":
    unittest.main()
