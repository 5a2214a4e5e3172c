"""Steps that other programs run, and values that other languages stored."""

import importlib.util
import io
import sys
import unittest
import unittest.mock

import support  # noqa: F401  puts the SDK on the path

from levada import exec as levada_exec
from levada import step
from levada.exceptions import DataException, MetaflowException
from levada.foreign import decode


class Exec(unittest.TestCase):
    def _attributes(self, *args, **keywords):
        @levada_exec(*args, **keywords)
        @step
        def run(self):
            pass

        return run.decorators[0].attributes

    def test_forms(self):
        self.assertEqual(
            self._attributes("./score.sh 'a b' -c", inputs=["x"], outputs=("y", "z")),
            {"command": ["./score.sh", "a b", "-c"], "inputs": ["x"], "outputs": ["y", "z"], "protocol": False},
        )
        self.assertEqual(self._attributes(["p", "a b"], protocol=True)["command"], ["p", "a b"])

    def test_mistakes(self):
        for args, keywords in (
            (("",), {}),
            (([],), {}),
            (([1],), {}),
            (("p",), {"inputs": "x"}),
            (("p",), {"outputs": [1]}),
        ):
            with self.assertRaises(MetaflowException):
                self._attributes(*args, **keywords)

    def test_it_is_not_in_all(self):
        import levada

        self.assertNotIn("exec", levada.__all__)  # import * must not hide Python's own


class Foreign(unittest.TestCase):
    def test_json(self):
        self.assertEqual(decode("x", "json", "main.Model", b'{"a": [1, null]}'), {"a": [1, None]})
        self.assertIs(type(decode("x", "json", "float64", b"3")), float)
        self.assertIs(type(decode("x", "json", "int", b"3")), int)
        self.assertEqual([type(one) for one in decode("x", "json", "[]float64", b"[1, 2.5]")], [float, float])

    def test_table(self):
        table = decode("x", "csv", "flow.Table", b'a,b\n1,"x,y"\n')
        if isinstance(table, list):
            self.assertEqual(table, [{"a": "1", "b": "x,y"}])
        else:
            self.assertEqual(table.to_dict("list"), {"a": [1], "b": ["x,y"]})

    def test_table_without_columns(self):
        self.assertEqual(len(decode("x", "csv", "flow.Table", b"\n")), 0)

    def test_table_without_pandas(self):
        without = unittest.mock.patch.dict(sys.modules, {"pandas": None})
        with without:
            self.assertEqual(decode("x", "csv", "flow.Table", b"a,b\n1,2\n"), [{"a": "1", "b": "2"}])
            self.assertEqual(decode("x", "csv", "flow.Table", b"\n"), [])
            with self.assertRaisesRegex(DataException, "'x' is a table that has the column 'a' more than once"):
                decode("x", "csv", "flow.Table", b"a,b,a\n1,2,3\n")

    def test_array(self):
        try:
            import numpy
        except ImportError:
            with self.assertRaisesRegex(DataException, "'x' is an array. To read it, this Python needs the package numpy"):
                decode("x", "npy", "flow.Array[float64]", b"")
            return
        file = io.BytesIO()
        numpy.save(file, numpy.arange(3))
        self.assertEqual(decode("x", "npy", "flow.Array[int64]", file.getvalue()).tolist(), [0, 1, 2])

    def test_what_cannot_be_read(self):
        latin = "'x', which another program stored as csv, could not be read: UnicodeDecodeError: .*\n.* CSV in UTF-8"
        with self.assertRaisesRegex(DataException, latin):
            decode("x", "csv", "csv", b"a\n\xe9\n")
        with self.assertRaisesRegex(DataException, "'x', which .* RecursionError: .*\nLet that program write JSON with fewer levels"):
            decode("x", "json", "json", b"[" * 100_000 + b"]" * 100_000)

    @unittest.skipUnless(importlib.util.find_spec("numpy"), "no numpy")
    def test_array_of_objects(self):
        import numpy

        file = io.BytesIO()
        numpy.save(file, numpy.array([{}]), allow_pickle=True)
        with self.assertRaisesRegex(DataException, "'x', which .* Object arrays cannot .*\nLet that program write an array of numbers"):
            decode("x", "npy", "npy", file.getvalue())

    def test_what_only_go_reads(self):
        with self.assertRaisesRegex(DataException, "'x' was stored by Go as a complex128, in a form that only Go reads"):
            decode("x", "gob", "complex128", b"")
        with self.assertRaisesRegex(DataException, "unknown codec 'new'"):
            decode("x", "new", "", b"")


if __name__ == "__main__":
    unittest.main()
