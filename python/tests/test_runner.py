"""Runner and NBRunner, as far as they need no host."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import textwrap
import types
import unittest

from support import FlowTest

from levada import Runner
from levada.commandline import command_words, top_words
from levada.exceptions import MetaflowException
from levada.notebook import flow_source, names_of_other_cells, on_the_lines_of, without_magics
from levada.runner import Command, _Follower

SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFINITION = {
    "name": "F",
    "parameters": [
        {"name": "learning-rate", "attribute": "rate", "type": "float"},
        {"name": "n", "attribute": "n", "type": "int", "required": True},
        {"name": "on", "attribute": "on", "type": "bool"},
        {"name": "conf", "attribute": "conf", "type": "json"},
        {"name": "words", "attribute": "words", "type": "str", "separator": ";"},
    ],
}


class CommandLine(unittest.TestCase):
    def test_words(self):
        for command, values, want in (
            ("run", {"n": 1}, "run --n 1"),
            ("run", {"n": -1, "learning_rate": 1, "on": False}, "run --n -1 --learning-rate 1 --on False"),
            ("run", {"n": 1, "conf": {"a": [1, None]}}, 'run --n 1 --conf {"a": [1, null]}'),
            ("run", {"n": 1, "conf": "{}", "words": ["a", "b"]}, 'run --n 1 --conf "{}" --words a;b'),
            ("run", {"n": 1, "tags": ["x", "y"], "max_workers": 2}, "run --tag x --tag y --max-workers 2 --n 1"),
            ("run", {"n": 1, "user_namespace": "u", "learning_rate": None}, "run --namespace u --n 1"),
            ("resume", {"step_to_rerun": "a", "origin_run_id": "3"}, "resume --origin-run-id 3 a"),
            (
                "spin",
                {"pathspec": "a", "persist": True, "skip_decorators": False},
                "spin --persist --no-skip-decorators a",
            ),
        ):
            with self.subTest(values):
                self.assertEqual(" ".join(command_words(command, DEFINITION, values)), want)

    def test_shapes_of_parameters(self):
        shapes = [
            {"name": "flag", "type": "bool", "flag": "True"},
            {"name": "off", "type": "bool", "flag": "False"},
            {"name": "size", "type": "str", "flag": "big"},
            {"name": "count", "type": "int", "flag": "1"},
            {"name": "many", "type": "int", "many": True},
            {"name": "two", "type": "str", "arity": 2},
            {"name": "pairs", "type": "str", "arity": 2, "many": True},
        ]
        for values, want in (
            ({"flag": True, "off": False, "size": "big", "count": 2}, "run --flag --off --size --count --count"),
            ({"flag": False, "off": True, "size": "", "count": 0}, "run"),
            ({"many": [1, 2], "two": ["a", "b"]}, "run --many 1 --many 2 --two a b"),
            ({"pairs": [("a", "b"), ("c", "d")]}, "run --pairs a b --pairs c d"),
            ({"many": (), "pairs": []}, "run"),
        ):
            with self.subTest(values):
                self.assertEqual(" ".join(command_words("run", {"name": "F", "parameters": shapes}, values)), want)
        for values in ({"flag": 1}, {"count": "2"}, {"many": 1}, {"many": ["1"]}, {"two": ["a"]}, {"pairs": ["ab"]}):
            with self.subTest(values), self.assertRaises(TypeError):
                command_words("run", {"name": "F", "parameters": shapes}, values)

    def test_top(self):
        words = top_words({"pylint": False, "quiet": True, "decospecs": ["retry"], "config": [("c", "p.json")],
                           "config_value": [("d", {"a": 1})], "datastore_root": "/x", "branch": None})  # fmt: skip
        self.assertEqual(
            " ".join(words),
            '--no-pylint --quiet --with retry --config c p.json --config-value d {"a": 1} --datastore-root /x',
        )

    def test_refused(self):
        for values, error in (
            ({}, ValueError),
            ({"n": None}, ValueError),
            ({"n": "1"}, TypeError),
            ({"n": 1.5}, TypeError),
            ({"n": True}, TypeError),
            ({"n": 1, "on": 1}, TypeError),
            ({"n": 1, "learning-rate": 1}, ValueError),
            ({"n": 1, "rate": 1}, ValueError),
            ({"n": 1, "tags": "x"}, TypeError),
            ({"n": 1, "max_workers": "2"}, TypeError),
            ({"n": 1, "origin_run_id": "1"}, ValueError),
        ):
            with self.subTest(values), self.assertRaises(error):
                command_words("run", DEFINITION, values)


class Configs(FlowTest):
    def test_what_is_wrong_with_them_is_said_first(self):
        flow = """
            def read(text):
                raise KeyError("which")

            class F(FlowSpec):
                c = Config("c", default="nothing.json"PARSER)
                p = Parameter("p", default=c.n)
                q = Parameter("q", default=1, type=c.kind)

                @step
                def start(self):
                    self.next(self.end)

                @step
                def end(self):
                    pass

            F()
        """
        bad = self.write("", head="{")
        for parser, given, want in (
            ("", {}, "default configuration file 'nothing.json' could not be read for 'c'"),
            ("", {"config": [("c", "other.json")]}, "configuration file 'other.json' could not be read for 'c'"),
            ("", {"config": [("c", bad)]}, "configuration value for 'c' is not valid JSON"),
            (", parser=read", {"config": [("c", bad)]}, "no value for 'c': KeyError: 'which'"),
        ):
            with self.subTest(want):
                path = self.write(flow.replace("PARSER", parser))
                runner = Runner(path, show_output=False, cwd=os.path.dirname(path), **given)
                with self.assertRaises(RuntimeError) as raised:
                    runner.run(p=3)
                self.assertIn("Bad values passed for configuration options: " + want, str(raised.exception))


    def test_the_file_may_say_what_they_are(self):
        path = self.write("""
            import json
            os.environ["METAFLOW_FLOW_CONFIG_VALUE"] = json.dumps({"c": {"title": "size", "n": 3}})

            class F(FlowSpec):
                c = Config("c", default="nothing.json")
                size = Parameter(c.title, default=c.n)

                @step
                def start(self):
                    self.next(self.end)

                @step
                def end(self):
                    pass

            if __name__ == "__main__":
                F()
        """)
        runner = Runner(path, show_output=False, cwd=os.path.dirname(path))
        self.assertEqual([p["name"] for p in runner._definition["parameters"]], ["size"])
        self.assertIsNone(runner._incomplete)


class Output(FlowTest):
    FLOW = """
        print("x" * 200_000)
        sys.stderr.write("y" * 200_000)

        class F(FlowSpec):
            p = Parameter("p", default=1)

            @step
            def start(self):
                self.next(self.end)

            @step
            def end(self):
                pass

        END
    """

    def test_a_file_that_prints_a_lot_can_be_read(self):
        path = self.write(self.FLOW.replace("END", "F()"))
        code = "from levada import Runner; print(Runner(%r)._definition['parameters'][0]['name'])" % path
        read = subprocess.run([sys.executable, "-c", code], cwd=SDK, stdout=subprocess.PIPE, text=True, timeout=20)
        self.assertEqual(read.stdout, "p\n")

    def test_what_a_file_without_a_flow_prints_is_told(self):
        with self.assertRaises(MetaflowException) as raised:
            Runner(self.write(self.FLOW.replace("END", "sys.exit('no data')")))
        self.assertIn("No flow could be read from", str(raised.exception))
        self.assertGreater(len(str(raised.exception)), 400_000)
        self.assertTrue(str(raised.exception).endswith("no data"), str(raised.exception)[-80:])


class Streams(unittest.TestCase):
    def shown(self, times):
        """What is shown of a command that wrote the name of each stream to it, at these times."""
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as both:
            command = Command(["sh", "-c", "echo stdout; echo stderr >&2"], os.environ, None, folder)
            command.process.wait()
            for name, time in times.items():
                os.utime(command.log_files[name], (time, time))
            with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
                command.run(show=True)
            both.seek(0)
            return both.read().split()

    def test_what_was_written_first_is_shown_first(self):
        self.assertEqual(self.shown({"stdout": 1, "stderr": 2}), ["stdout", "stderr"])
        self.assertEqual(self.shown({"stdout": 2, "stderr": 1}), ["stderr", "stdout"])

    def test_what_a_run_says_of_itself_comes_first_where_the_clock_cannot_tell(self):
        self.assertEqual(self.shown({"stdout": 1, "stderr": 1}), ["stderr", "stdout"])

    def test_in_a_notebook_nothing_is_shown_as_an_error(self):
        sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: 1)
        self.addCleanup(sys.modules.pop, "IPython")
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as errors:
            command = Command(["sh", "-c", "echo stdout; echo stderr >&2"], os.environ, None, folder)
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                command.run(show=True)
            self.assertEqual(sorted(shown.getvalue().split()), ["stderr", "stdout"])
            self.assertEqual((errors.getvalue(), command.text("stderr")), ("", "stderr\n"))

    def test_why_a_run_failed_comes_last_where_the_clock_cannot_tell(self):
        with tempfile.TemporaryDirectory() as folder:
            followers = []
            for name in ("stdout", "stderr"):
                path = os.path.join(folder, name)
                with open(path, "w") as file:
                    file.write("\n")
                os.utime(path, (1, 1))
                followers.append(_Follower(name, path, sys.stdout))
                self.addCleanup(followers[-1].close)
            followers[0].show()
            self.assertEqual(sorted(followers, key=_Follower.turn), followers)


class Interruption(FlowTest):
    def test_it_comes_when_a_method_of_popen_has_returned(self):
        # In the middle of one, it left a lock locked, and the run that had ended was waited for without end.
        calls = """
            import os, signal
            from levada.runner import _undisturbed
            signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
            def method():
                os.kill(os.getpid(), signal.SIGINT)
                print("to the end")
            try:
                _undisturbed(method)
            except KeyboardInterrupt:
                print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        """
        line = [sys.executable, "-c", textwrap.dedent(calls)]
        process = subprocess.run(line, env=dict(os.environ, PYTHONPATH=SDK), capture_output=True, text=True)
        self.assertEqual(process.stdout, "to the end\nTrue\n", process.stderr[-2000:])

    def test_how_it_waited_is_not_told(self):
        # In a notebook, that buried what the run had said at last.
        path = self.write(Session.FLOW)
        binary = os.path.join(os.path.dirname(path), "levada")
        with open(binary, "w") as script:
            script.write("#!/bin/sh\nkill -INT $PPID\nexec tail -f /dev/null\n")
        os.chmod(binary, 0o755)
        run = """
            import signal, traceback
            from levada import Runner
            signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
            try:
                Runner(%r, env={"LEVADA_BIN": %r}).run()
            except KeyboardInterrupt as pressed:
                print([frame.name for frame in traceback.extract_tb(pressed.__traceback__)], pressed.__suppress_context__)
        """
        line = [sys.executable, "-c", textwrap.dedent(run) % (path, binary)]
        environment = dict(os.environ, PYTHONPATH=SDK)
        process = subprocess.run(line, env=environment, capture_output=True, text=True)
        self.assertEqual(process.stdout, "['<module>', 'run', '_block'] True\n", process.stderr[-2000:])


class Locale(FlowTest):
    def test_any_text_can_be_given_and_shown_where_the_locale_has_nothing_but_ascii(self):
        path = self.write(Session.FLOW.replace("pass", "p = Parameter('p', default='x')"))
        binary = os.path.join(os.path.dirname(path), "levada")
        with open(binary, "w") as script:
            script.write('#!/bin/sh\necho "$@ $WHO" >&2\n')
        os.chmod(binary, 0o755)
        run = """
            from levada import Runner
            try:
                Runner(%r, env={"WHO": "\\xe0"}).run(p="\\xe9")
            except RuntimeError as error:  # the program starts no run
                print(str(error).endswith("--p \\xe9 \\xe0\\n"))
        """
        ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        environment = dict(os.environ, PYTHONPATH=SDK, LEVADA_BIN=binary, **ascii_only)
        line = [sys.executable, "-c", textwrap.dedent(run) % path]
        process = subprocess.run(line, env=environment, capture_output=True, text=True)
        self.assertEqual(process.stdout, "True\n", process.stderr[-2000:])
        self.assertTrue(process.stderr.endswith("--p \\xe9 \\xe0\n"), process.stderr[-2000:])


CELL = '''from metaflow import FlowSpec, NBRunner, step
from metaflow.runner.nbrun import NBRunner as Other
import json as js, os
# a comment
LIMIT = 3
runner = NBRunner(F)
more = metaflow.NBRunner(F)
for kept in range(2):
    LIMIT += kept
result = runner.run()
print(result)
value = result.run.data
get_ipython().run_line_magic("matplotlib", "inline")

@decorated(
    "x"
)
class F(FlowSpec):
    # inside
    x = """two
lines"""

def helper():
    return LIMIT

async_result = await runner.async_run()
F()
'''


class Cell(unittest.TestCase):
    def test_what_defines_the_flow_is_kept(self):
        source = flow_source(CELL, "F")
        compile(source, "flow.py", "exec")
        for kept in ("from metaflow import FlowSpec, step", "import json as js, os", "LIMIT = 3", "LIMIT += kept", '@decorated(\n    "x"\n)',
                     "# inside", 'x = """two\nlines"""', "def helper", 'if __name__ == "__main__":\n    F()'):  # fmt: skip
            self.assertIn(kept, source)
        for gone in ("NBRunner", "runner", "more", "result", "get_ipython", "await", "print"):
            self.assertNotIn(gone, source)
        self.assertEqual(source.count("F()"), 1)

    def test_what_is_kept_stays_on_its_line(self):
        cell = CELL.splitlines()
        for number, line in enumerate(flow_source(CELL, "F").splitlines()[: len(cell) - 2]):
            if line not in ("pass", "") and "import" not in line:
                self.assertEqual(line, cell[number])

    def test_statements_that_share_lines(self):
        cell = 'é = 1; NBRunner(\n    F\n).nbrun(); x = "\x0c"\nfrom metaflow import (\n    step,\n    NBRunner,\n)\ny = 2'
        want = 'é = 1; pass; x = "\x0c"\n\n\nfrom metaflow import step\n\n\n\ny = 2'
        self.assertEqual(flow_source(cell, "F").split("\n\n\nif __name__")[0], want)

    def test_lines_of_a_magic_that_ipython_joins(self):
        for cell, made, want in (
            ("!a \\\n  b\n%c \\\n  d\nx\ny", "A\nC\nx\ny\n", "A\nC\n\n\nx\ny\n"),
            ("  x\n  !a \\\n    b\n  y", "x\nA\ny\n", "x\nA\n\ny\n"),
            ("  x\n  !a", "x\nA\n", "x\nA\n"),
        ):
            with self.subTest(cell):
                self.assertEqual(on_the_lines_of(cell, made), want)

    def test_names_that_only_other_cells_define(self):
        cell = """
            import os
            from metaflow import NBRunner
            def helper(self, a, *, b=DEFAULT):
                global made
                made = os.getpid() + LIMIT
                return [a for a in self.x if made]
            class F(FlowSpec):
                size = 3
                n = Parameter("n", default=size)
                @step
                def start(self):
                    self.x = helper(self, LIMIT) or run or print(undefined)
            run = NBRunner(F).nbrun()
        """
        cell = textwrap.dedent(cell)
        known = {"a", "b", "DEFAULT", "FlowSpec", "LIMIT", "Parameter", "os", "made", "run", "size", "step", "unused"}
        self.assertEqual(
            names_of_other_cells(flow_source(cell, "F"), cell, known), ["DEFAULT", "FlowSpec", "LIMIT", "Parameter", "step"]
        )
        self.assertEqual(names_of_other_cells("from os import *\nLIMIT", "", {"LIMIT"}), [])

    def test_magics_at_its_beginning_are_left_out(self):
        for cell, want in (
            ("x = 1\n%time y = 2\n", "x = 1\n%time y = 2\n"),
            ("%%time\nx = 1\n", "\nx = 1\n"),
            ("\n %%capture out --no-stderr\n\n%%time\nx = 1", "\n\n\n\nx = 1"),
            ("%%writefile x.py\nx = 1\n", ""),
            ("%%time\n%%script bash\nx = 1\n", ""),
            ("%%", ""),
        ):
            with self.subTest(cell):
                self.assertEqual(without_magics(cell), want)


class Session(FlowTest):
    """A flow's file that is run in a process that has to go on, as IPython's %run does."""

    FLOW = "class F(FlowSpec):\n    pass\n\nif __name__ == '__main__':\n    F()\n"
    RUN = """
        import runpy, sys, types

        sys.modules["NAME"] = types.SimpleNamespace(get_ipython=lambda: 1, running_in_notebook=lambda: True)
        sys.argv[:] = ["FILE", "run", "--n", "1"]
        try:
            runpy.run_path("FILE", run_name="__main__")
        except SystemExit as exit:
            print("and on", exit.code)
    """

    def session(self, name):
        file = self.write(self.FLOW)
        binary = os.path.join(os.path.dirname(file), "levada")
        with open(binary, "w") as script:
            script.write('#!/bin/sh\necho "$1 $3 $4 $5"\nexit 4\n')
        os.chmod(binary, 0o755)
        run = textwrap.dedent(self.RUN).replace("FILE", file).replace("NAME", name)
        environment = dict(os.environ, PYTHONPATH=SDK, LEVADA_BIN=binary)
        return subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True)

    def test_the_flow_runs_beside_it(self):
        process = self.session("IPython")
        self.assertEqual((process.stdout, process.returncode), ("flow run --n 1\nand on 4\n", 0), process.stderr)

    def test_a_notebook_has_no_command_line(self):
        process = self.session("marimo")
        self.assertEqual(process.stdout, "")
        self.assertIn("NBRunner(F).nbrun()", process.stderr)


if __name__ == "__main__":
    unittest.main()
