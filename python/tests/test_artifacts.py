"""Artifacts: what is stored, what is fetched, what is sent again."""

import importlib.util
import os
import pickle
import unittest

from support import FLOWS, FlowTest, Host, Stored

BIG = 400_000


class Storing(FlowTest):
    def test_new_ones(self):
        host = Host(os.path.join(FLOWS, "features.py"))
        self.addCleanup(host.close)
        result = host.task("start")
        self.assertOk(result)
        # Functions are dropped; class-level private values are not the task's.
        self.assertEqual(set(result.artifacts), {"a", "point", "_hidden"})
        self.assertIn(b"__main__", result.artifacts["point"].data)
        self.assertEqual(result.artifacts["point"].type, "__main__.Point")
        again = host.task("middle", result.artifacts)
        self.assertOk(again)
        self.assertEqual(again.artifacts, {})
        self.assertEqual(len(again.cards), 2)
        self.assertEqual(host.task("one", result.artifacts).requests, [])

    @unittest.skipUnless(importlib.util.find_spec("numpy"), "no numpy")
    def test_arrays_can_be_written_to_again(self):
        host = self.steps("""
            import numpy
            whole = numpy.arange(6.0)
            self.view = whole[2:]
            self.view.flags.writeable = whole.flags.writeable = False
            self.lent = numpy.frombuffer(b"abcd", "u1")
            self.inside = {"x": [self.view]}
            self.next(self.s1)
        """, """
            self.view -= 1
            self.lent[0] = 7
            self.inside["x"][0] += 1
            assert self.view.tolist() == [1, 2, 3, 4] and self.inside["x"][0].tolist() == [3, 4, 5, 6], self.view
            self.next(self.end)
        """)  # fmt: skip
        first = host.task("s0")
        self.assertOk(first)
        self.assertOk(host.task("s1", first.artifacts))

    def test_class_of_the_flow_file_round_trips(self):
        host = self.steps(
            "self.p = P(); self.p.x = 3\nself.next(self.s1)",
            "assert type(self.p) is P and self.p.x == 3\nself.next(self.end)",
            classbody="pass\nglobal P\nclass P: pass",
        )
        first = host.task("s0")
        self.assertOk(first)
        self.assertOk(host.task("s1", first.artifacts))

    def test_inherited(self):
        host = self.steps("""
            assert self.n == 1 and hasattr(self, "l") and not hasattr(self, "nope")
            assert not hasattr(self, "nope")
            self.l.append(4)
            assert "untouched" not in dir(self) and "n" in dir(self)  # as in Metaflow: what was read
            assert self._current_step == "s0" and not hasattr(self, "_artifacts")
            try:
                self.nope
            except AttributeError as e:
                assert "F" in str(e) and "nope" in str(e)
            self.next(self.end)
        """)
        result = host.task("s0", {"n": 1, "l": [1], "untouched": 5})
        self.assertOk(result)
        self.assertEqual(result.values(), {"l": [1, 4]})
        asked = [request["name"] for request in result.requests if request["type"] == "get"]
        self.assertEqual(asked, ["n", "l", "nope", "_artifacts"])

    def test_replaced_and_deleted(self):
        host = self.steps("""
            try:
                del self.n
            except AttributeError:
                pass
            self.n
            del self.n
            assert self.n == 1
            self.m = 2
            self.k = 1
            del self.k
            self.next(self.end)
        """)
        result = host.task("s0", {"n": 1, "m": 1})
        self.assertOk(result)
        self.assertEqual(result.values(), {"m": 2})

    def test_large_ones_go_through_staging(self):
        host = self.steps("self.big = os.urandom(%d); self.l = ['x' * %d, 1]\nself.next(self.end)" % (BIG, BIG))
        result = host.task("s0")
        self.assertOk(result)
        paths = [entry["path"] for entry in result.done["artifacts"]]
        self.assertEqual([os.path.basename(path) for path in paths], ["1-0-0", "1-0-1"])
        self.assertEqual(result.body, b"")
        self.assertEqual(len(result.artifacts["big"].value), BIG)
        self.assertEqual(result.artifacts["l"].value, ["x" * BIG, 1])
        self.assertEqual(os.listdir(host.staging), [])

    def test_one_whose_pickle_changes_by_being_loaded(self):
        """As that of a view of an array: nobody has changed it, so it is what was inherited."""
        host = self.steps(
            "self.p = P(1); self.q = P(1)\nself.next(self.s1)",
            "self.p.x; self.q.x = 2\nself.next(self.end)",
            classbody=(
                "pass\nglobal P\nclass P:\n    def __init__(self, x): self.x, self.new = x, True\n"
                "    def __setstate__(self, state): self.x, self.new = state['x'], False\n"
                "P.__module__, P.__qualname__ = '__main__', 'P'"
            ),
        )
        made = host.task("s0")
        self.assertOk(made)
        result = host.task("s1", made.artifacts)
        self.assertOk(result)
        self.assertEqual(set(result.artifacts), {"q"})

    def test_large_ones_are_sent_again_only_if_changed(self):
        host = self.steps("len(self.same); self.other.append(1)\nself.next(self.end)")
        base = {"same": ["x" * BIG], "other": ["y" * BIG]}
        result = host.task("s0", base)
        self.assertOk(result)
        self.assertEqual(set(result.artifacts), {"other"})
        self.assertEqual(result.artifacts["other"].value[1], 1)

    def test_large_ones_are_read_from_a_path(self):
        host = self.steps("self.size = len(self.big[0])\nself.next(self.end)")
        path = os.path.join(host.staging, "big")
        data = pickle.dumps([b"z" * BIG], 5)
        with open(path, "wb") as file:
            file.write(data)
        result = host.task("s0", {"big": Stored(data, path=path)})
        self.assertOk(result)
        self.assertEqual(result.values(), {"size": BIG})
        os.unlink(path)

    def test_buffers(self):
        host = self.steps(
            """
            import array
            self.small = bytearray(b"abc")
            self.big = bytearray(%d)
            self.pb = array.array("d", range(100000))
            self.next(self.end)
        """
            % BIG
        )
        result = host.task("s0")
        self.assertOk(result)
        self.assertEqual(result.artifacts["small"].value, b"abc")
        self.assertEqual(result.artifacts["big"].value, bytearray(BIG))
        self.assertEqual(result.artifacts["pb"].value[99999], 99999)


class Refused(FlowTest):
    def test_unpicklable(self):
        host = self.steps(
            "import threading\nself.ok = 1\nself.lock = threading.Lock()\nself.next(self.end)",
            "def f():\n    class C: pass\n    return C()\nself.c = f()\nself.next(self.end)",
            "self.me = {'x': [1, self]}\nself.next(self.end)",
            "JOIN\nself.them = [inputs[0]]\nself.next(self.end)",
        )
        result = host.task("s0")
        self.assertFails(result, "Cannot pickle artifact", "lock")
        self.assertTrue(result.done["exception"]["type"].endswith("UnpicklableArtifactException"))
        self.assertEqual(result.values(), {"ok": 1})
        result = host.task("s1")
        self.assertFails(result, "Data store error", "'c'", "pickle")
        result = host.task("s2")
        self.assertFails(result, "The artifact 'me' cannot be stored, at me['x'][1]: Flows can't be serialized")
        self.assertEqual(result.stderr.count("Flows can't be serialized"), 1)
        self.assertFails(host.join("s3", [{}]), "The artifact 'them'", "them[0]: Flows can't be serialized")

    def test_staged_files_of_a_failed_attempt(self):
        host = self.steps("self.big = 'x' * 400000\nimport threading\nself.l = threading.Lock()\nself.next(self.end)")
        result = host.task("s0")
        self.assertFails(result, "Cannot pickle artifact")
        self.assertEqual(set(result.artifacts), {"big"})
        self.assertEqual(os.listdir(host.staging), [])

    def test_more_than_fits_into_a_frame(self):
        host = self.steps("for i in range(170): setattr(self, 'a%d' % i, b'%3d' % i * 80000)\nself.next(self.end)")
        result = host.task("s0")
        self.assertOk(result)
        self.assertLess(len(result.body), 34 << 20)
        self.assertEqual(result.artifacts["a169"].value, b"169" * 80000)

    def test_read_only(self):
        host = self.steps(
            "self.P = 1",
            "self.C = 1",
            "del self.C",
            "self.C['a'] = 5; self._c = 6; self.helper = 5; assert self.P == 3\nself.next(self.end)",
            classbody="P = Parameter('p', default=1)\nC = {}\n_c = 5\ndef helper(self): pass\n",
        )
        for name in ("s0", "s1", "s2"):
            self.assertFails(host.task(name, {"P": 3}), "AttributeError", "not modifiable")
        result = host.task("s3", {"P": 3})
        self.assertOk(result)
        self.assertEqual(result.values(), {"_c": 6, "helper": 5})

    def test_partial_artifacts_of_a_failed_attempt(self):
        host = self.steps("self.before = 1\nraise ValueError('boom')")
        result = host.task("s0")
        self.assertFails(result, "ValueError: boom")
        self.assertEqual(result.values(), {"before": 1})

    def test_unreadable(self):
        host = self.steps("self.x")
        self.assertFails(host.task("s0", {"x": Stored(b"garbage")}), "Data store error", "'x'")

    def test_damaged(self):
        class Damaged(Stored):
            def describe(self, length=False):
                return {"error": self.data}, b""

        host = self.steps("self.x")
        error = {"kind": "corrupt", "message": "read the artifact x: the bytes are not those that were stored",
                 "hint": "restore them"}  # fmt: skip
        result = host.task("s0", {"x": Damaged(error)})
        self.assertFails(
            result,
            "    Data store error:\n    Read the artifact x: the bytes are not those that were stored\n"
            "    Restore them\n    `levada doctor` shows which task stored it, and how to make it again.\n",
        )
        self.assertNotIn("Traceback", result.stderr)
        result = host.task("s0", {"x": Damaged({"kind": "internal error", "message": "odd"})})
        self.assertFails(result, "Internal error", "Traceback", "RequestFailed: odd")


class Files(FlowTest):
    def test_included_files(self):
        host = self.steps(
            "assert self.t == 'h\\u00e9', self.t\nassert self.b == b'\\x00'\nassert self.n == 3\nself.next(self.end)",
            classbody="""
                t = IncludeFile("t")
                b = IncludeFile("b", is_text=False)
                n = IncludeFile("n", parser=len)
            """,
        )
        result = host.task(
            "s0",
            {
                "t": Stored("h\u00e9".encode(), "file", "str"),
                "b": Stored(b"\0", "file", "bytes"),
                "n": Stored(b"abc", "file", "str"),
            },
        )
        self.assertOk(result)
        self.assertEqual(result.artifacts, {})


if __name__ == "__main__":
    unittest.main()
