"""The definition: what is read from the source of a flow."""

import json
import os
import shutil
import subprocess
import sys
import unittest

from support import FLOWS, FlowTest, Host


class Definition(FlowTest):
    @classmethod
    def setUpClass(cls):
        cls.path = os.path.join(FLOWS, "features.py")
        with open(cls.path) as file:
            lines = file.read().split("\n")
        cls.line = {line.strip(): number for number, line in enumerate(lines, 1)}
        cls.shared = Host(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.shared.close()

    def test_hello(self):
        self.assertEqual(self.shared.hello["protocol"], 1)
        self.assertRegex(self.shared.hello["sdk"], r"^python/\d")

    def test_flow(self):
        d = self.shared.definition
        self.assertEqual((d["version"], d["name"], d["language"]), (1, "Features", "python"))
        self.assertEqual(d["doc"], "Flow doc.\n\nMore.")
        self.assertEqual(d["line"], self.line["class Features(FlowSpec):"])
        self.assertEqual([one["name"] for one in d["decorators"]], ["project", "schedule"])
        self.assertEqual(d["decorators"][0]["attributes"], {"name": "proj", "branch": None, "production": False})
        self.assertEqual(d["decorators"][1]["line"], self.line["@schedule(daily=True)"])
        self.assertNotIn("fork_unsafe", d)

    def test_steps_in_source_order(self):
        names = [step["name"] for step in self.shared.definition["steps"]]
        self.assertEqual(names[:4], ["start", "middle", "one", "two"])
        self.assertEqual(names[-1], "end")

    def test_transitions(self):
        step = self.shared.step
        self.assertEqual(step("start")["next"]["kind"], "linear")
        self.assertEqual(step("start")["line"], self.line["def start(self):"])
        self.assertEqual(step("start")["doc"], "Step doc.")
        self.assertEqual(step("middle")["next"]["targets"], ["one", "two"])
        self.assertEqual(step("middle")["next"]["kind"], "split")
        self.assertEqual(step("both")["args"], 2)
        self.assertEqual(step("fan")["next"]["foreach"], "items")
        self.assertEqual(step("gang")["next"]["kind"], "parallel")
        switch = step("choose")["next"]
        self.assertEqual(switch["kind"], "switch")
        self.assertEqual(switch["condition"], "choice")
        self.assertEqual([case["key"] for case in switch["cases"]], ["x", "2", "-3"])
        self.assertNotIn("next", step("end"))

    def test_decorators_innermost_first(self):
        names = [one["name"] for one in self.shared.step("middle")["decorators"]]
        self.assertEqual(names, ["environment", "kubernetes", "card", "card", "resources", "retry"])
        retry = self.shared.step("middle")["decorators"][-1]
        self.assertEqual(retry["attributes"], {"times": 2, "minutes_between_retries": 2})
        self.assertEqual(retry["line"], self.line["@retry(times=2)"])

    def test_parameters(self):
        by_name = {one["name"]: one for one in self.shared.definition["parameters"]}
        self.assertEqual(by_name["alpha"]["type"], "float")
        self.assertEqual(by_name["alpha"]["default"], 0.5)
        self.assertEqual(by_name["alpha"]["help"], "a help")
        self.assertEqual(by_name["i"]["attribute"], "number")
        self.assertEqual(by_name["b"]["default"], False)
        self.assertEqual(by_name["data"]["default"], [1, {"a": 2}])
        self.assertEqual(by_name["words"]["separator"], ",")
        self.assertTrue(by_name["who"]["computed"])
        self.assertEqual(by_name["text"]["type"], "file")
        attributes = [one["attribute"] for one in self.shared.definition["parameters"]]
        self.assertEqual(attributes, sorted(attributes))

    def test_constants(self):
        self.assertEqual(
            self.shared.definition["constants"], [{"name": "CONST", "type": "dict"}, {"name": "LIMIT", "type": "int"}]
        )


class Transitions(FlowTest):
    def next_of(self, *lines):
        host = self.steps("\n".join(lines) or "pass")
        return host.step("s0")

    def test_names_that_are_known_before_the_run(self):
        for name in ("ITEMS", "self.NAME", "self.NAMES[0]", "'xs' if MANY else 'ys'", "self.cfg.over"):
            with self.subTest(name):
                host = self.steps(
                    "self.next(self.end, foreach=%s)" % name,
                    classbody="NAME = 'xs'\nNAMES = [NAME]\ncfg = Config('cfg', default_value={'over': 'xs'})",
                    head="from metaflow import *\nITEMS, MANY = 'xs', True\n",
                )
                found = host.step("s0")["next"]
                self.assertEqual((found["kind"], found.get("foreach")), ("foreach", "xs"), found)
        for name in ("self.later", "make()", "7"):
            self.assertEqual(self.next_of("self.next(self.end, foreach=%s)" % name)["next"]["kind"], "bad", name)

    def test_malformed(self):
        for call, problem in [
            ("self.next()", "no step"),
            ("self.next(foo)", "argument 1"),
            ("self.next(self.end, 'x')", "argument 2"),
            ("self.next(self.end, bar=1)", "'bar'"),
            ("self.next(self.end, foreach='a', num_parallel=2)", "cannot be used together"),
            ("self.next(self.end, foreach=a)", "quotes"),
            ("self.next(self.end, self.end, foreach='a')", "exactly one"),
            ("self.next({'a': self.end})", "condition"),
            ("self.next({a: self.end, 1: self.end}, condition='x')", "key"),
            ("self.next({1: other, 2: self.end}, condition='x')", "target"),
            ("self.next(self.end, condition='x')", "dict"),
            ("self.next(*self.all)", "*"),
        ]:
            with self.subTest(call):
                found = self.next_of(call)["next"]
                self.assertEqual(found["kind"], "bad")
                self.assertIn(problem, found["problem"])

    def test_switch_on_a_config(self):
        found = self.next_of("self.next({self.cfg.a: self.end, 'b': self.end}, condition='x')")["next"]
        self.assertEqual([case["key"] for case in found["cases"]], ["config:cfg.a", "b"])

    def test_missing_and_early(self):
        found = self.next_of("if self.x:", "    self.next(self.end)", "return")
        self.assertNotIn("next", found)
        self.assertEqual(found["early_next"], found["line"] + 2)
        self.assertNotIn("returned_next", found)
        found = self.next_of("if self.x:", "    return self.next(self.end)", "self.next(self.end)")
        self.assertEqual((found["next"]["kind"], found["early_next"]), ("linear", found["line"] + 2))

    def test_returned(self):
        found = self.next_of("return self.next(self.end)")
        self.assertNotIn("next", found)
        self.assertEqual(found["returned_next"], found["line"] + 1)

    def test_ends_in_other_call(self):
        self.assertNotIn("next", self.next_of("self.other.next(self.end)"))


class Sources(FlowTest):
    def test_inheritance_from_another_file(self):
        base = self.write("""
            class Base(FlowSpec):
                base_parameter = Parameter("base", default=1)
                BASE = 2

                @step
                def start(self):
                    self.next(self.middle)

                @step
                def middle(self):
                    self.next(self.end)
        """)
        host = self.host(
            """
            sys.path.insert(0, %r)
            from flow import Base

            class Child(Base):
                @step
                def middle(self):
                    self.extra = self.BASE + self.base_parameter
                    self.next(self.end)

                @step
                def end(self):
                    pass

            Child()
        """
            % os.path.dirname(base)
        )
        steps = {step["name"]: step for step in host.definition["steps"]}
        self.assertEqual(list(steps), ["start", "middle", "end"])
        self.assertEqual(steps["start"]["file"], base)
        self.assertNotIn("file", steps["middle"])
        self.assertEqual(host.definition["parameters"][0]["name"], "base")
        result = host.task("middle", {"base_parameter": 5})
        self.assertEqual(result.values(), {"extra": 7})

    def test_wrapped_by_a_plain_decorator(self):
        host = self.host("""
            import functools

            def noisy(function):
                @functools.wraps(function)
                def call(self):
                    print("before")
                    return function(self)
                return call

            class F(FlowSpec):
                @noisy
                @step
                def start(self):
                    self.next(self.end)

                @step
                def end(self):
                    pass

            F()
        """)
        self.assertEqual(host.step("start")["next"]["targets"], ["end"])
        result = host.task("start")
        self.assertEqual(result.stdout, "before\n")
        self.assertEqual(result.next, ["end"])

    def test_start_and_end_marks(self):
        host = self.host("""
            class F(FlowSpec):
                @step(start=True, end=True, node_info={"a": 1})
                def only(self):
                    pass

            F()
        """)
        self.assertEqual((host.step("only")["start"], host.step("only")["end"]), (True, True))

    def test_attributes_that_json_does_not_have(self):
        host = self.host("""
            def hook(): pass

            @exit_hook(on_success=[hook])
            class F(FlowSpec):
                @resources(cpu=float("nan"), memory={1: 2})
                @step
                def start(self):
                    pass

            F()
        """)
        json.dumps(host.definition, allow_nan=False)
        self.assertEqual(host.step("start")["decorators"][0]["attributes"]["cpu"], "nan")

    def test_main_guard_and_subclass_in_other_module(self):
        host = self.host("""
            class F(FlowSpec):
                @step
                def start(self):
                    pass

            if __name__ == "__main__":
                F()
        """)
        self.assertEqual(host.definition["name"], "F")


class Broken(FlowTest):
    def broken(self, source):
        return self.host(source).described

    def test_constructors_that_do_not_call_that_of_flowspec(self):
        body = "\n    @step\n    def start(self):\n        pass\n\nF()\n"
        for source, said in [
            ("class F(FlowSpec):\n    def __init__(self):\n        self.n = 1\n", "F defines __init__ (line 5)"),
            (
                "class Named:\n    def __init__(self, n=1):\n        self.n = n\n\nclass F(Named, FlowSpec):\n",
                "Named defines __init__ (line 5)",
            ),
            (
                "class B(FlowSpec):\n    def __init__(self):\n        pass\n\n"
                "class F(B):\n    def __init__(self):\n        super().__init__()\n",
                "B defines __init__ (line 5)",
            ),
        ]:
            with self.subTest(source):
                found = self.broken(source + body)
                self.assertEqual(found["type"], "broken")
                self.assertIn(said + " and does not call super().__init__(use_cli)", found["message"])

    def test_constructors_that_call_that_of_flowspec(self):
        host = self.host("""
            class B(FlowSpec):
                def __init__(self, use_cli=True):
                    self.n = 1
                    super().__init__(use_cli)

            class F(B):
                def __init__(self, use_cli=True):
                    self.m = 2
                    super().__init__(use_cli)

                @step
                def start(self):
                    print(self.n + self.m)

            B(use_cli=False)
            F()
        """)
        self.assertEqual(host.definition["name"], "F")

    def test_a_program_may_make_an_object_without_a_command_line(self):
        path = self.write("""
            class F(FlowSpec):
                def __init__(self):
                    self.n = 1
        """)
        done = subprocess.run(
            [sys.executable, "-c", "import flow; print(flow.F().n)"],
            cwd=os.path.dirname(path),
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path[:2])),
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.stdout, done.stderr), ("1\n", ""))

    def test_a_script_may_test_a_flow_of_its_own(self):
        path = self.write("""
            import unittest

            class Bare(FlowSpec):
                def __init__(self):
                    pass

                @step
                def start(self):
                    self.n = 1

            class BareTest(unittest.TestCase):
                def test_start(self):
                    bare = Bare()
                    bare.start()
                    self.assertEqual(bare.n, 1)

            if __name__ == "__main__":
                unittest.main()
        """)
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path[:2]), LEVADA_BIN=shutil.which("false"))
        for words in [], ["-v"]:
            done = subprocess.run([sys.executable, path, *words], env=environment, capture_output=True, text=True)
            self.assertIn("OK", done.stderr)

        # With a command, it is a flow that is to be run, and what runs flows says what is wrong with it.
        path = self.write("class F(FlowSpec):\n    def __init__(self):\n        pass\n\nF()\n")
        for words, code in ([], 0), (["run"], 1), (["--quiet", "run"], 1):
            done = subprocess.run([sys.executable, path, *words], env=environment, capture_output=True)
            self.assertEqual(done.returncode, code, words)


class ImportTime(FlowTest):
    def fails(self, source, *texts, headline="", line=None):
        """The file is refused, and the host is told why, and on which line of it."""
        path = self.write(source)
        host = Host(path)
        self.addCleanup(host.close)
        told = host.described
        self.assertEqual(told["type"], "broken")
        self.assertEqual((told["headline"], told["file"]), (headline, path))
        for text in texts:
            self.assertIn(text, told["message"])
        if line:
            with open(path) as file:
                self.assertEqual(file.readlines()[told["line"] - 1].strip(), line)

    def test_decorators(self):
        step = "\n    @step\n    def start(self):\n        pass\n"
        syntax, twice = {"headline": "Syntax error"}, {"headline": "Duplicate decorators"}
        unknown = {"headline": "Unknown decorator attribute"}
        self.fails("class F(FlowSpec):\n    @step\n    @retry\n    def start(self): pass\n", "retry", "@step is", **syntax)
        self.fails(
            "class F(FlowSpec):\n    @retry(3)\n" + step[1:], "was given 3", "@retry(times=3)", line="@retry(3)", **syntax
        )
        self.fails("class F(FlowSpec):\n    @parallel(3)\n" + step[1:], "It takes no attributes.", **syntax)
        self.fails("class F(FlowSpec):\n    @step('x')\n    def start(self): pass\n", "'x'", **syntax)
        self.fails("class F(FlowSpec):\n    @retry\n    @retry(times=1)" + step, "twice", line="@retry", **twice)
        self.fails("class F(FlowSpec):\n    @retry(tries=1)" + step, "tries", "times", line="@retry(tries=1)", **unknown)
        self.fails("class F(FlowSpec):\n    @retry(time=1)" + step, "Did you mean 'times'?", **unknown)
        self.fails("@project(name='x')\nclass F: pass\n", "above the class of a flow", line="@project(name='x')", **syntax)
        self.fails("@retry\nclass F(FlowSpec): pass\n", "above a step, not above a class, here 'F'", line="@retry", **syntax)
        self.fails("@project('x')\nclass F(FlowSpec): pass\n", "@project(name='x')", **syntax)
        self.fails("@project(name='x')\nclass A(FlowSpec): pass\n@project(name='x')\nclass F(A): pass\n", **twice)

    def test_arguments_of_parameters(self):
        step = "\n    @step\n    def start(self):\n        pass\n"
        for declared, *texts in [
            ("Parameter('a', defualt=3)", "'a' has no argument 'defualt'", "Did you mean 'default'?"),
            ("IncludeFile('a', istext=False)", "Did you mean 'is_text'?"),
            ("Config('a', defualt=3)", "'a' has no argument 'defualt'", "Did you mean 'default'?"),
            ("Parameter(default=3)", "begins with its name", 'alpha = Parameter("alpha", ...)'),
            ("Config()", "begins with its name"),
            ("Parameter('a', type='int')", "type=int"),
        ]:
            with self.subTest(declared):
                self.fails("class F(FlowSpec):\n    a = %s%s" % (declared, step), *texts, line="a = " + declared)

    def test_other_exceptions_have_their_traceback(self):
        for source, said in [
            ("from metaflow import S3\nS3('F/1')\n", "'S3' is not available"),
            ("from metaflow import nonsense\n", "ImportError"),
        ]:
            with self.assertRaises(RuntimeError) as caught:
                Host(self.write(source))
            self.assertIn(said, str(caught.exception))
            self.assertIn("Traceback", str(caught.exception))

    def test_by_hand_the_file_and_line_are_told_without_a_traceback(self):
        path = self.write("class F(FlowSpec):\n    @retry(3)\n    @step\n    def start(self): pass\n\nF()\n")
        done = subprocess.run(
            [sys.executable, path, "run"],
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path[:2])),
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("    Syntax error in file %s on line 5:\n    The decorator 'retry' was" % path, done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class Mistakes(FlowTest):
    """What Python lets pass, and the definition tells the host of."""

    def mistakes(self, source):
        return self.host(source + "\nF()\n").definition.get("mistakes", [])

    def flow(self, start, classbody="", end="pass", foreach=""):
        return (
            "class F(FlowSpec):\n    %s\n    @step\n    def start(self):\n        %s\n        self.next(self.train%s)\n"
            "    @step\n    def train(self%s):\n        self.next(self.end)\n    @step\n    def end(self):\n        %s\n"
            % (classbody or "pass", start, foreach, "", end)
        )

    def test_decorators_for_schedulers(self):
        for decorator, text, warning in [
            ('@trigger(event="a", events=["b"])', "@trigger has both event and events. Keep one of them.", False),
            ("@trigger", "@trigger names no event. Write event='data_arrived', or events=['data_arrived', ...].", False),
            ("@trigger(event=5)", "@trigger has 5 as an event. Write a text, or a dict: {'name': 'data_arrived'}.", False),
            ('@trigger(event={"parameters": {}})',
             "@trigger has a dict without 'name'. Write {'name': 'data_arrived'}.", False),
            ('@trigger(events=["a", {"name": "a"}])', "@trigger names the event 'a' twice. Keep one of them.", False),
            ('@trigger(event={"name": "a", "prameters": {}})',
             "@trigger has a dict with the key 'prameters', which is not allowed there. Did you mean 'parameters'? It "
             "may have name, parameters.", True),
            ('@trigger(event={"name": "a", "parameters": {"rates": "x"}})',
             "@trigger gives a value to the parameter 'rates', which the flow does not have. Did you mean 'rate'?", True),
            ('@trigger(event={"name": "a", "parameters": ["rate", ("zz", "x")]})',
             "@trigger gives a value to the parameter 'zz', which the flow does not have.", True),
            ('@trigger_on_finish(flows="A")',
             "@trigger_on_finish has flows='A', which is not a list. Write flows=['OtherFlow'], or flow='OtherFlow'.",
             False),
            ('@trigger_on_finish(flow="a.B")',
             "@trigger_on_finish names the flow 'a.B'. Write the flow's name alone, or all of it: "
             "'project.branch.Flow'.", False),
            ("@schedule(daily=False)",
             "@schedule names no time, so the flow would never start. Write daily=True, or cron='0 6 * * ? *'.", True),
            ("@schedule", None, False),
            ('@trigger(event=namespaced_event_name("x"))', None, False),
            ('@trigger(event={"name": lambda c: "x", "parameters": [("rate", "x")]})', None, False),
            ('@trigger_on_finish(flows=["A", "a.b.C", {"name": "D", "project": "p"}])', None, False),
        ]:  # fmt: skip
            with self.subTest(decorator):
                source = decorator + "\nclass F(FlowSpec):\n    rate = Parameter('rate')\n"
                source += "    @step\n    def start(self):\n        pass\n"
                want = {"message": text, "line": 4, **({"warning": True} if warning else {})}
                self.assertEqual(self.mistakes(source), [want] if text else [])

    def test_artifacts_that_are_called_like_a_step(self):
        for statement in [
            "self.train = 1",
            "self.train, self.test = 1, 2",
            "[x, (*self.train, y)] = [1, (2, 3)]",
            "self.train: int = 1",
            "self.train += 1",
            "for self.train in []: pass",
            "\n        if 1:\n            with open('x') as self.train: pass",
        ]:
            with self.subTest(statement):
                (found,) = self.mistakes(self.flow(statement))
                self.assertEqual(found["step"], "start")
                self.assertIn("Step start sets self.train, but train is a step", found["message"])
                self.assertIn("self.train_value", found["message"])
                self.assertNotIn("warning", found)
        # A flow can go on where the step does not go on to it.
        (found,) = self.mistakes(self.flow("self.end = 1"))
        self.assertEqual((found["line"], found["warning"]), (8, True))

    def test_what_is_no_artifact_called_like_a_step(self):
        for statement in ["train = 1", "x = self.train", "self.train.x = 1", "self.train: int", "self.x = self.train"]:
            with self.subTest(statement):
                self.assertEqual(self.mistakes(self.flow(statement)), [])
        # Nobody comes after the last step: what it sets is read by clients.
        self.assertEqual(self.mistakes(self.flow("pass", end="self.end = self.train = 1")), [])

    def test_artifacts_that_are_called_like_something_of_every_flow(self):
        for name in ["input", "index", "next", "foreach_stack", "merge_artifacts", "script_name"]:
            with self.subTest(name):
                (found,) = self.mistakes(self.flow("self.%s = 1" % name))
                self.assertIn("sets self.%s, which every flow has" % name, found["message"])
        self.assertEqual(self.mistakes(self.flow("self.name = self.cmd = 1")), [])
        own = "@property\n    def index(self): return 1\n    @index.setter\n    def index(self, value): pass"
        self.assertEqual(self.mistakes(self.flow("self.index = 1", classbody=own)), [])

    def test_parameters_that_hide_what_steps_need(self):
        (found,) = self.mistakes(self.flow("pass", 'next = Parameter("next")'))
        self.assertIn("The parameter next hides self.next", found["message"])
        self.assertIn('the option stays --next: next_value = Parameter("next", ...)', found["message"])
        self.assertEqual(found["line"], 5)
        (found,) = self.mistakes(self.flow("pass", 'next = Config("n", default_value={})'))
        self.assertIn("--config n: next_value", found["message"])
        (found,) = self.mistakes(self.flow("pass", "next = 5"))
        self.assertIn("class variable next", found["message"])

    def test_parameters_that_hide_an_element(self):
        for declared in ['input = Parameter("input")', 'index = Config("index", default_value={})']:
            with self.subTest(declared):
                (found,) = self.mistakes(self.flow("pass", declared, foreach=", foreach='x'"))
                self.assertIn("in the foreach that step start opens", found["message"].replace("of the", "in the"))
                self.assertEqual(self.mistakes(self.flow("pass", declared)), [])
        self.assertEqual(self.mistakes(self.flow("pass", "input = 'all'", foreach=", foreach='x'")), [])

    def test_methods_that_are_meant_to_be_steps(self):
        flow = self.flow("pass")
        for source, name, line, said in [
            (flow.replace("    @step\n    def start", "    def start"), "start", 6, "calls self.next, but has no @step"),
            (flow.replace("    @step\n    def train", "    def train"), "train", 10, "Write @step above it."),
            (flow.replace("    @step\n    def end", "    def end"), "end", 13, "has no @step, so it is not a step"),
            (flow + "    def also(self):\n        self.next({1: self.end}, condition='x')\n", "also", 16, "calls self.next"),
            (flow + "class G(F):\n    def end(self):\n        super().end()\nF = G\n", "end", 17, "has no @step"),
            (
                "def hide(f):\n    return lambda self: f(self)\n" + flow.replace("    @step", "    @hide\n    @step", 1),
                "start", 10, "Let that decorator use functools.wraps.",
            ),
        ]:  # fmt: skip
            with self.subTest(name + said):
                (found,) = self.mistakes(source)
                self.assertEqual((found["step"], found["line"]), (name, line))
                self.assertIn("Method %s (line %d) " % (name, line), found["message"])
                self.assertIn(said, found["message"])
                self.assertEqual(found.get("warning", False), name == "also")  # nothing leads to it: the flow can run

    def test_methods_that_are_no_steps(self):
        flow = self.flow("if self.x: self.go()")
        for source in [
            flow + "    def go(self):\n        self.next(self.end)\n",  # a step calls it
            flow + "    def go(self, step):\n        self.next(step)\n",
            flow + "    def go(self):\n        next(self.end)\n",
            flow.replace("def start", "def begin").replace("@step", "@step(start=True)", 1) + "    def start(self): pass\n",
            "class F(FlowSpec):\n    @step\n    def main(self): pass\n    def start(self): pass\n    def end(self): pass\n",
            flow + "    start_all = end_all = lambda self: 1\n",
            "class A(FlowSpec):\n    def end(self): raise NotImplementedError\n" + flow.replace("FlowSpec", "A"),
        ]:
            with self.subTest(source):
                self.assertEqual(self.mistakes(source), [])

    def test_early_transitions_to_nowhere(self):
        for statement in [
            "if 1: self.next(self.none)",
            "self.next(self.end, self.none); return",
            "return self.next(self.none)",
        ]:
            with self.subTest(statement):
                (found,) = self.mistakes(self.flow(statement))
                self.assertEqual((found["step"], found["line"]), ("start", 8))
                self.assertIn("Step start goes on to none on line 8, which is not a step", found["message"])
        for statement in ["if 1: self.next(self.end)", "self.x = self.end; self.next(self.x); return"]:
            with self.subTest(statement):
                self.assertEqual(self.mistakes(self.flow(statement)), [])

    def test_steps_that_are_no_ordinary_functions(self):
        for source, line, said in [
            (self.flow("pass").replace("def start", "async def start"), 7, 'is an "async def"'),
            (self.flow("x = yield 1"), 8, "has a yield on line 8"),
            (self.flow("for i in (yield from ()): pass"), 8, "has a yield on line 8"),
        ]:
            with self.subTest(said):
                (found,) = self.mistakes(source)
                self.assertEqual((found["step"], found["line"]), ("start", line))
                self.assertIn(said + ", but a step is an ordinary function", found["message"])
        wrapped = (
            "import asyncio, functools\ndef sync(f):\n    @functools.wraps(f)\n"
            "    def run(self): asyncio.run(f(self))\n    return run\n"
        )
        for source in [
            self.flow("def numbers(): yield 1"),
            wrapped + self.flow("pass").replace("    @step\n    def", "    @step\n    @sync\n    async def", 1),
        ]:
            self.assertEqual(self.mistakes(source), [])

    def test_steps_that_are_defined_twice(self):
        (found,) = self.mistakes(self.flow("pass") + "    @step\n    def train(self):\n        self.next(self.end)\n")
        self.assertEqual((found["step"], found["line"], found["warning"]), ("train", 17, True))
        self.assertIn("defined twice, on line 11 and on line 17", found["message"])
        override = "class G(F):\n    @step\n    def train(self):\n        self.next(self.end)\nF = G\n"
        self.assertEqual(self.mistakes(self.flow("pass") + override), [])

    def test_defaults_that_do_not_fit(self):
        for declared, said in [
            ("Parameter('a', type=int, default='x')", "x is not a valid integer"),
            ("Parameter('a', type=bool, default='maybe')", "maybe is not a valid boolean"),
            ("Parameter('a', type=JSONType, default='{')", "{ is not a valid JSON object"),
            ("Parameter('a', type=float, default=[1])", "[1] is not a valid float"),
        ]:
            with self.subTest(declared):
                (found,) = self.mistakes(self.flow("pass", "a = " + declared))
                self.assertIn("The default of the parameter a does not fit its type: " + said, found["message"])
                self.assertEqual(found["line"], 5)
        for declared in ["Parameter('a', type=int, default='5')", "IncludeFile('a', default='nothing')"]:
            self.assertEqual(self.mistakes(self.flow("pass", "a = " + declared)), [])


if __name__ == "__main__":
    unittest.main()
