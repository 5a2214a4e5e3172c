"""The definition: what is read from the source of a flow."""

import json
import os
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
            ("self.next(self.end, foreach='a', num_parallel=2)", "exclude"),
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

    def test_reserved_and_duplicate_parameters(self):
        for declaration, text in [
            ('p = Parameter("run_id")', "reserved"),
            ('p = Parameter("max-workers")', "reserved"),
            ('p = Parameter("x"); q = Parameter("X")', "twice"),
        ]:
            with self.subTest(declaration):
                found = self.broken(
                    "class F(FlowSpec):\n    %s\n\n    @step\n    def start(self):\n        pass\n\nF()\n" % declaration
                )
                self.assertEqual(found["type"], "broken")
                self.assertIn(text, found["message"])

    def test_timeout_without_duration(self):
        found = self.broken("""
            class F(FlowSpec):
                @timeout
                @step
                def start(self):
                    pass

            F()
        """)
        self.assertEqual(found["type"], "broken")
        self.assertIn("start", found["message"])

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


class ImportTime(FlowTest):
    def fails(self, source, *texts):
        with self.assertRaises(RuntimeError) as caught:
            Host(self.write(source))
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def test_decorators(self):
        step = "\n    @step\n    def start(self):\n        pass\n"
        self.fails(
            "class F(FlowSpec):\n    @step\n    @retry\n    def start(self): pass\n", "BadStepDecorator", "retry"
        )
        self.fails("class F(FlowSpec):\n    @retry(3)\n" + step[1:], "BadStepDecorator")
        self.fails("class F(FlowSpec):\n    @retry\n    @retry(times=1)" + step, "DuplicateStepDecorator")
        self.fails("class F(FlowSpec):\n    @retry(tries=1)" + step, "InvalidDecoratorAttribute", "tries", "times")
        self.fails("class F(FlowSpec):\n    @retry(time=1)" + step, "Did you mean 'times'?")
        self.fails("@project(name='x')\nclass F: pass\n", "BadFlowDecorator")
        self.fails(
            "@project(name='x')\nclass A(FlowSpec): pass\n@project(name='x')\nclass F(A): pass\n",
            "DuplicateFlowDecorator",
        )

    def test_arguments_of_parameters(self):
        step = "\n    @step\n    def start(self):\n        pass\n"
        wrong = "class F(FlowSpec):\n    a = Parameter('a', defualt=3)"
        self.fails(wrong + step, "'a' has no argument 'defualt'", "Did you mean 'default'?")
        self.fails("class F(FlowSpec):\n    a = IncludeFile('a', istext=False)" + step, "Did you mean 'is_text'?")

    def test_names_for_later(self):
        self.fails("from metaflow import S3\nS3('F/1')\n", "'S3' is not available")
        self.fails("from metaflow import nonsense\n", "ImportError")


if __name__ == "__main__":
    unittest.main()
