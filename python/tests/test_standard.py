"""Files of the user's that have names of the standard library's modules: each side gets its own."""

import os
import subprocess
import sys
import tempfile
import unittest

from support import FlowTest, Host

from levada.standard import library, shadowed

SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Modules that Python itself does not load before a program begins, and that the SDK uses in one way or another.
NAMES = (
    "copy", "datetime", "dis", "html", "inspect", "json", "linecache", "platform", "random", "select", "signal",
    "socket", "string", "subprocess", "tempfile", "textwrap", "token", "tokenize", "traceback", "types",
)  # fmt: skip

#: The modules of the user's own among them, as an expression.
THEIRS = "[n for n in %r if hasattr(__import__(n), 'MINE')]" % (NAMES,)

FLOW = """
    class F(FlowSpec):
        alpha = Parameter("alpha", default=1)
        conf = Parameter("conf", type=JSONType, default='{"a": [1]}')

        @card
        @retry
        @step
        def start(self):
            from metaflow.cards import Markdown, Table

            current.card.append(Markdown("# `x`"))
            current.card.append(Table([[1, {"a": 2}]]))
            self.x = self.conf
            self.next(self.broken)

        @catch(var="e")
        @step
        def broken(self):
            raise ValueError("as asked")
            self.next(self.slow)

        @catch(var="e")
        @timeout(seconds=0.2)
        @step
        def slow(self):
            while True:
                pass
            self.next(self.end)

        @step
        def end(self):
            self.theirs = THEIRS
            self.gone = self.nothing

    if __name__ == "__main__":
        F()
""".replace("THEIRS", THEIRS)


class Names(FlowTest):
    def test_flow(self):
        for before in ("", "import " + ", ".join(NAMES) + "\n"):
            with self.subTest(before):
                self._check(self.write(FLOW, head=before + "from metaflow import *\n"))

    def _check(self, path):
        folder = os.path.dirname(path)
        for name in NAMES:
            with open(os.path.join(folder, name + ".py"), "w") as file:
                file.write("MINE = 1\n")
        host = Host(path)
        self.addCleanup(host.close)
        self.assertEqual(host.described["type"], "definition")
        result = host.task("start", {"conf": {"a": [1]}, "alpha": 1})
        self.assertOk(result)
        self.assertNotIn("failed", result.stderr)
        for step, text in (("broken", "ValueError: as asked"), ("slow", "in slow\n")):
            result = host.task(step)
            self.assertOk(result)
            self.assertIn(text, result.done["exception"]["traceback"])
        result = host.task("end")
        self.assertFails(result, "no attribute 'nothing'", "self.gone = self.nothing")
        # Of what it has loaded before, Python itself gives every program the standard library's.
        plain = os.path.join(folder, "plain.py")
        with open(plain, "w") as file:
            file.write("print(%s)\n" % THEIRS)
        said = subprocess.run([sys.executable, plain], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(result.values()["theirs"], eval(said))


class Library(unittest.TestCase):
    def test_nothing_is_done_where_no_name_is_shadowed(self):
        path, modules = list(sys.path), dict(sys.modules)
        with library():
            self.assertEqual((sys.path, dict(sys.modules)), (path, modules))
        self.assertEqual((sys.path, dict(sys.modules)), (path, modules))

    def test_each_gets_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("wave", "this/x"):  # a folder without __init__.py comes after all modules
                os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                with open(os.path.join(folder, name + ".py"), "w") as file:
                    file.write("MINE = 1\n")
            sys.path.insert(0, folder)
            self.addCleanup(sys.path.remove, folder)
            self.assertNotIn("this", shadowed())
            import wave as theirs

            with library():
                import wave as first

                with library():
                    import wave as second
            import wave as again

            with library():
                import wave as third
            self.assertEqual(theirs.MINE, 1)
            self.assertIs(theirs, again)
            self.assertTrue(first.open)
            self.assertTrue(first is second is third)


class InterpreterTest(unittest.TestCase):
    def test_what_the_sdk_cannot_run_in_is_named(self):
        for pretend in ("sys.implementation.name = 'pypy'", "sys.version_info = (3, 8, 20)"):
            code = "import sys; sys.path.insert(0, %r); %s; import levada" % (SDK, pretend)
            ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
            said = ended.stderr.strip().split("\n")[-1]
            self.assertEqual(ended.returncode, 1)
            self.assertIn("Levada needs CPython 3.9 or later", said)
            self.assertIn("%s is %s" % (sys.executable, sys.version.split()[0]), said)


if __name__ == "__main__":
    unittest.main()
