"""User decorators and mutators: what they do to the definition, and in tasks."""

import tempfile
import unittest

from support import FlowTest

HEAD = "from levada import *\nfrom levada.mutable import MutableStep\nimport os\n"

STEPS = """
    @step
    def end(self):
        pass

F()
"""


class Decorated(FlowTest):
    def flow(self, before, decorators, body="self.next(self.end)", setup=None, more=""):
        lines = "".join("    %s\n" % line for line in decorators)
        source = "%s\nclass F(FlowSpec):\n%s    @step\n    def start(self):\n        %s\n%s%s" % (before, lines, body, more, STEPS)
        return self.host(source, HEAD, setup=setup)

    def test_definition(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs, attributes):\n    yield\n"
        host = self.flow(before, ["@deco(k=1, f=len)", "@retry"])
        self.assertEqual(
            [(one["name"], one["line"]) for one in host.step("start")["decorators"]], [("retry", 10), ("__main__.deco", 9)]
        )
        self.assertEqual(host.step("start")["decorators"][1]["attributes"], {"k": 1, "f": "len"})

    def test_the_traceback_has_the_users_frames_alone(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs):\n    yield\n"
        result = self.flow(before, ["@deco", "@deco"], "1 / 0").task("start")
        self.assertFails(result, "ZeroDivisionError")
        self.assertEqual([line for line in result.stderr.split("\n") if "custom.py" in line], [])
        self.assertNotIn("yield", result.stderr)

    def test_a_switch_is_taken_as_it_is_written(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs):\n    flow.choice = 2\n    yield {}\n"
        more = "    @step\n    def other(self):\n        self.next(self.end)\n"
        body = "self.next({1: self.other, 2: self.end}, condition='choice')"
        result = self.flow(before, ["@deco"], body, more=more).task("start")
        self.assertOk(result)
        self.assertEqual(result.next, ["end"])

    def test_a_switch_without_the_case(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs):\n    flow.choice = 3\n    yield {}\n"
        body = "self.next({1: self.end, 2: self.start}, condition='choice')"
        self.assertFails(self.flow(before, ["@deco"], body).task("start"), "not one of the cases")

    def test_a_gang_needs_its_size(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs, attributes):\n    yield attributes\n"
        body = "self.next(self.end, num_parallel=3)"
        self.assertFails(self.flow(before, ["@deco"], body).task("start"), "must give its size")
        result = self.flow(before, ["@deco(num_parallel=2)"], body).task("start")
        self.assertEqual(result.done["transition"], {"next": ["end"], "fan": 2})

    def test_what_post_step_may_return(self):
        before = """
class Deco(UserStepDecorator):
    def init(self, *args, **kwargs):
        self.said = kwargs["said"]
    def post_step(self, step_name, flow, exception=None):
        return eval(self.said)
"""
        for said, ok, text in [
            ("None", True, ""),
            ("(None, None)", True, ""),
            ("(None, {'foreach': 'x'})", True, ""),
            ("(None, {})", True, ""),
            ("(None, True)", True, ""),
            ("(None, False)", True, ""),
            ("(None, 'x')", False, "Deco) returned (None, 'x') after the step 'start'"),
            ("()", False, "returned () after the step"),
            ("(exception,)", False, "returned (ValueError('first'),) after the step"),
            ("(None, None, None)", False, "a tuple of two"),
            ("KeyError('other')", False, "KeyError"),
            ("(KeyError('other'), None)", False, "KeyError"),
            ("5", False, "returned 5 after the step"),
        ]:
            with self.subTest(said):
                result = self.flow(before, ['@Deco(said="%s")' % said], "self.x = [1, 2]; raise ValueError('first')\n        self.next(self.end)").task("start")
                if ok:
                    self.assertOk(result)
                    self.assertEqual(result.done["transition"].get("fan", 0), 2 if "foreach" in said else 0)
                else:
                    self.assertFails(result, text)
                if "returned" in text:
                    self.assertIn("ValueError: first", result.stderr)

    def test_what_a_generator_may_yield(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs):\n    yield 5\n"
        self.assertFails(self.flow(before, ["@deco"]).task("start"), "yielded 5")

    def test_arguments_need_init(self):
        host = self.flow("class Deco(UserStepDecorator): pass", ["@Deco(k=1)"])
        self.assertEqual(host.described["type"], "broken")
        self.assertIn("init", host.described["message"])

    def test_with(self):
        before = "@user_step_decorator\ndef deco(step_name, flow, inputs, attributes):\n    print(attributes)\n    yield\n"
        with_ = [{"name": "deco", "attributes": {"k": 1}}, {"name": "retry", "attributes": {"times": 1}}, {"name": "retry"}]
        host = self.flow(before, ["@retry(times=2)"], setup={"with": with_})
        # Nothing of the flow asks.
        self.assertNotIn("asks", host.hello)
        host = self.host(
            before + "class F(FlowSpec):\n    @retry(times=2)\n    @step\n    def start(self):\n        self.next(self.end)\n" + STEPS,
            HEAD, setup={"with": with_}, env={"LEVADA_SETUP": "1"},
        )  # fmt: skip
        found = {step["name"]: [(d["name"], d.get("added"), d["attributes"]) for d in step["decorators"]] for step in host.definition["steps"]}
        added = ("__main__.deco", "--with", {"k": 1})
        self.assertEqual(found["start"], [("retry", None, {"times": 2, "minutes_between_retries": 2}), added])
        self.assertEqual(found["end"], [("retry", "--with", {"times": 1, "minutes_between_retries": 2}), added])
        self.assertEqual(host.task("end").stdout, "{'k': 1}\n")

    def test_names_that_are_not_known(self):
        for name, text in [("nothing", "no step decorator 'nothing'"), ("no.thing", "Could not import"), ("os.path", "os.path")]:
            with self.subTest(name):
                host = self.host(
                    "class F(FlowSpec):\n    @step\n    def start(self): pass\nF()\n", HEAD,
                    setup={"with": [{"name": name}]}, env={"LEVADA_SETUP": "1"},
                )  # fmt: skip
                self.assertEqual(host.described["type"], "broken")
                self.assertIn(text, host.described["message"])


MUTATOR = """
class S(StepMutator):
    def init(self, *args):
        self.args = args
    def pre_mutate(self, step):
        print("S", self.args)

class Other(FlowMutator):
    def pre_mutate(self, flow):
        print("other")

@user_step_decorator
def deco(step_name, flow, inputs, attributes):
    yield

class M(FlowMutator):
    def pre_mutate(self, flow):
        s = flow.start
        %s
    def mutate(self, flow):
        s = flow.start
        %s

@M
class F(FlowSpec):
    p = Parameter("p-name", default=1)
    c = Config("c", default_value={"a": 1})
    @timeout(seconds=9)
    @step
    def start(self):
        pass

F()
"""


class Mutated(FlowTest):
    def ask(self, *expressions, phase="early"):
        """What the expressions give, evaluated in one phase of a mutator."""
        lines = ["open(os.environ['SAID'], 'a').write(repr((%s)) + '\\n')" % one for one in expressions]


        with tempfile.NamedTemporaryFile() as file:
            host = self.host(
                MUTATOR % tuple("\n        ".join(lines) if phase == one else "pass" for one in ("early", "late")),
                HEAD, setup={}, env={"SAID": file.name},
            )  # fmt: skip
            self.definition = host.described
            return file.read().decode().split("\n")[:-1]

    def test_duplicates(self):
        self.assertEqual(
            self.ask(
                "s.add_decorator(retry, deco_kwargs={'times': 1}) is None",
                "s.add_decorator(retry, deco_kwargs={'times': 2}) is None",
                "s.add_decorator('retry:times=3', duplicates=s.OVERRIDE) is None",
                "s.get_decorator_specs('retry')[0][3]['times']",
                "s.add_decorator('card:id=a') is None, s.add_decorator('card:id=b') is None",
                "[spec[0] for spec in s.decorator_specs]",
                "s.remove_decorator('card', deco_kwargs={'id': 'b'}), s.remove_decorator('card', deco_kwargs={'id': 'b'})",
                "[spec[3]['id'] for spec in s.get_decorator_specs('card')]",
            ),
            [
                "False", "True", "False", "3", "(False, False)", "['timeout', 'retry', 'card', 'card']", "(True, False)", "['a']",
            ],
        )  # fmt: skip

    def test_user_decorators_and_mutators(self):
        self.assertEqual(
            self.ask(
                "s.add_decorator(deco, deco_kwargs={'k': 1}) is None, s.add_decorator(deco) is None",
                "s.add_decorator(S, [1, 2]) is None",
                "flow.add_decorator(Other) is None, flow.has_decorator('Other'), flow.has_decorator('__main__.Other')",
                "[spec[:3] for spec in s.decorator_specs]",
                "s.flow.start.has_decorator('deco')",
            ),
            [
                "(False, True)", "False", "(False, True, True)",
                "[('timeout', 'levada.decorators.timeout', []), ('deco', '__main__.deco', []), ('S', '__main__.S', [1, 2])]", "True",
            ],
        )  # fmt: skip

    def test_parameters_and_configs(self):
        self.assertEqual(
            self.ask(
                "list(flow.configs), flow.c.a, flow.p.name, [name for name, _ in flow.parameters]",
                "flow.add_parameter('q', Parameter('q', default=2)), flow.q.attribute",
                "flow.remove_parameter('p-name'), flow.remove_parameter('c'), [name for name, _ in flow.parameters]",
            ),
            ["([('c', {'a': 1})], 1, 'p-name', ['p'])", "(None, 'q')", "(True, False, ['q'])"],
        )
        self.assertEqual([one["name"] for one in self.definition["definition"]["parameters"]], ["q"])

    def test_what_each_phase_refuses(self):
        for phase, expression, text in [
            ("late", "s.add_decorator(S)", "Adding step mutator '__main__.S' from __main__.M is only allowed in the `pre_mutate`"),
            ("late", "flow.add_parameter('x', Parameter('x'))", "Adding parameter 'x'"),
            ("late", "flow.remove_parameter('p-name')", "Removing parameter"),
            ("late", "flow.add_decorator('schedule')", "Adding flow-decorator 'schedule'"),
            ("late", "flow.remove_decorator('project')", "Removing flow-decorator 'project'"),
            ("early", "flow.remove_decorator('M')", "cannot be removed"),
            ("early", "flow.add_parameter('p', Parameter('p'))", "already has a class member 'p'"),
            ("early", "flow.add_parameter('x', 5)", "Only a Parameter"),
            ("early", "s.add_decorator('nothing')", "no step decorator 'nothing'"),
            ("early", "s.add_decorator(project)", "cannot be added to a step"),
            ("early", "flow.add_decorator(retry)", "cannot be added to a flow"),
            ("early", "s.add_decorator('retry:times=1', deco_kwargs={'times': 1})", "has arguments in its text"),
            ("early", "s.add_decorator(retry, [1])", "no positional arguments"),
            ("early", "s.add_decorator(retry, deco_kwargs={'zip': 1})", "does not support the attribute 'zip'"),
            ("early", "s.add_decorator(timeout, duplicates=s.ERROR)", "twice"),
            ("early", "s.add_decorator(timeout, duplicates=7)", "IGNORE, ERROR or OVERRIDE"),
            ("early", "s.add_decorator('retry:times')", "not of the form key=value"),
            ("early", "flow.nothing", "no step, parameter or config 'nothing'"),
        ]:
            with self.subTest(expression):
                self.assertEqual(self.ask(expression, phase=phase), [])
                self.assertEqual(self.definition["type"], "broken")
                self.assertIn(text, self.definition["message"])

    def test_late_changes_of_steps(self):
        self.assertEqual(self.ask("s.add_decorator('retry:times=1') is None, s.remove_decorator('timeout')", phase="late"), ["(False, True)"])
        found = self.definition["definition"]["steps"][0]["decorators"]
        self.assertEqual([one["name"] for one in found], ["retry"])


if __name__ == "__main__":
    unittest.main()
