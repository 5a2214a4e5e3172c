"""Transitions, foreaches, joins and what a step can know of itself."""

import os
import unittest

from support import FLOWS, FlowTest, Host, Input, dumps


def foreach(*indexes, count=3, var="items"):
    return [{"split": "fan", "step": "body", "var": var, "count": count, "index": i, "gang": False} for i in indexes]


class Features(FlowTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = Host(os.path.join(FLOWS, "features.py"))

    @classmethod
    def tearDownClass(cls):
        cls.shared.close()

    def test_foreach(self):
        split = self.shared.task("fan")
        self.assertOk(split)
        self.assertEqual(split.done["transition"], {"next": ["body"], "fan": 3})
        self.assertEqual(split.done["foreach"]["var"], "items")
        self.assertEqual(split.items, [dumps(10), dumps(20), dumps(30)])
        body = self.shared.task("body", stack=foreach(1), item=split.items[1])
        self.assertOk(body)
        self.assertEqual(body.done["value"], "20")
        self.assertEqual(body.values()["got"], (20, 1, [(1, 3, 20)], "<flow Features step body[1] (input: 20)>"))
        gather = self.shared.join("gather", [{"got": i} for i in "abc"])
        self.assertEqual(gather.values(), {"out": ["a", "b", "c"], "stack": (None, None, [])})

    def test_inner_join(self):
        gather = self.shared.join("gather", [{"got": 1}], stack=foreach(0, count=2), item=dumps("a"))
        self.assertEqual(gather.values()["stack"], ("a", 0, [(0, 2, "a")]))

    def test_nested(self):
        body = self.shared.task("body", stack=foreach(1, 2), item=dumps("in"), items={0: "out"})
        self.assertEqual(body.values()["got"][2], [(1, 3, "out"), (2, 3, "in")])

    def test_large_item_is_asked_for(self):
        fields = {"stack": foreach(0), "items": {0: "x" * 50}}
        body = self.shared.task("body", **fields)
        self.assertEqual(body.values()["got"][0], None)
        frame = self.shared.frame("body", stack=foreach(0))
        frame["item"] = {"inline": False}
        from fakehost import Answers

        result = self.shared.talk(frame, b"", Answers({}, [], {0: "x" * 50}, {}, 1))
        self.assertEqual(result.values()["got"][0], "x" * 50)
        self.assertEqual(result.values()["got"][3], "<flow Features step body[0] (input: %s...)>" % ("x" * 20))
        self.assertEqual(result.done["value"], "x" * 30)
        self.assertEqual([one["type"] for one in result.requests], ["get_item"])

    def test_gang(self):
        gang = self.shared.task("gang")
        self.assertEqual(gang.done["transition"], {"next": ["node"], "fan": 3})
        self.assertNotIn("foreach", gang.done)
        stack = [{"split": "gang", "step": "node", "var": None, "count": 3, "index": 2, "gang": True}]
        parallel = {"main_ip": "127.0.0.1", "num_nodes": 3, "node_index": 2, "control_task_id": "9"}
        node = self.shared.task("node", stack=stack, parallel=parallel)
        self.assertOk(node)
        self.assertEqual(node.values()["seen"], (("127.0.0.1", 3, 2, "9"), True, 2, 2, [(2, None, 2)]))

    def test_switch(self):
        for choice, target in (("x", "left"), (2, "right"), (-3, "choose")):
            result = self.shared.task("choose", {"choice": choice})
            self.assertEqual(result.done["transition"], {"next": [target]})
        result = self.shared.task("choose", {"choice": "2"})
        self.assertFails(result, "RuntimeError", "'choice'", "'2'", "'x', 2, -3")

    def test_split_and_end(self):
        self.assertEqual(self.shared.task("middle").done["transition"], {"next": ["one", "two"]})
        self.assertEqual(self.shared.task("end").done["transition"], {"next": []})


class Elements(FlowTest):
    def test_kinds_of_iterables(self):
        for value, elements in [
            ("(1, 'a', None)", [1, "a", None]),
            ("'xyz'", ["x", "y", "z"]),
            ("range(3)", [0, 1, 2]),
            ("{'k': 1, 'l': 2}", ["k", "l"]),
            ("{7}", [7]),
            ("{'k': 1}.items()", [("k", 1)]),
        ]:
            host = self.steps("self.v = %s\nself.w = 1\nself.next(self.end, foreach='v')" % value)
            result = host.task("s0")
            if "items" in value:  # elements are fine, but the artifact itself cannot be pickled
                self.assertFails(result, "'v'")
                continue
            self.assertOk(result)
            self.assertEqual(result.items, [dumps(element) for element in elements])

    def test_large_elements_are_staged(self):
        host = self.steps("self.v = ['x' * 200000, 'y' * 200000, 'z']\nself.next(self.end, foreach='v')")
        result = host.task("s0")
        self.assertOk(result)
        self.assertIn("path", result.done["foreach"])
        self.assertEqual(result.items[2], dumps("z"))

    def test_inherited_variable(self):
        host = self.steps("self.next(self.end, foreach='v')")
        result = host.task("s0", {"v": [1, 2]})
        self.assertOk(result)
        self.assertEqual(len(result.items), 2)


class InvalidNext(FlowTest):
    def test_all(self):
        cases = [
            ("self.next(self.end, bar=1)", "'bar'"),
            ("self.next(self.end)\nself.next(self.end)", "twice"),
            ("self.next(self.end, condition='x')", "dict"),
            ("self.next({}, condition='x')", "dict"),
            ("self.next({1: self.end}, condition=3)", "string"),
            ("self.next({1: self.end}, condition='x', foreach='y')", "condition"),
            ("self.next({1: self.end}, condition='x')", "'x'"),
            ("self.chosen = 1\nself.next({1: self.end}, condition='chosne')", "Did you mean 'chosen'?"),
            ("self.items = [1]\nself.next(self.end, foreach='itms')", "Did you mean 'items'?"),
            ("self.next({1: self.end})", "condition"),
            ("self.next('end')", "argument 1"),
            ("self.next(self.end, self.helper)", "'helper'"),
            ("self.next(self.end, foreach=3)", "string"),
            ("self.next(self.end, self.s0, foreach='x')", "exactly one"),
            ("self.next(self.end, foreach='x')", "'x'"),
            ("self.x = 5\nself.next(self.end, foreach='x')", "'x' cannot be iterated: 'int' object is not iterable"),
            ("self.x = (i for i in [])\nself.next(self.end, foreach='x')", "'x'"),
            ("self.x = []\nself.next(self.end, foreach='x')", "zero splits"),
            ("self.next()", "no step"),
            ("self.next(self.end, num_parallel=0)", "at least 1"),
            ("self.next(self.end, num_parallel=2, foreach='x')", "cannot be combined"),
        ]
        host = self.steps(*(body for body, _ in cases), classbody="def helper(self): pass")
        for number, (_, text) in enumerate(cases):
            with self.subTest(cases[number][0]):
                result = host.task("s%d" % number)
                self.assertFails(result, "Invalid self.next() transition detected on line", "s%d" % number, text)
                self.assertTrue(result.done["exception"]["type"].endswith("InvalidNextException"))

    def test_no_next(self):
        host = self.steps("if 1: return\nself.next(self.end)")
        self.assertFails(host.task("s0"), "'s0'", "without calling self.next()", "end")

    def test_an_artifact_that_hides_a_step(self):
        host = self.steps(
            "setattr(self, 's1', 4)\nself.next(self.end)",  # clients find it
            "setattr(self, 's0', 4)\nself.next(self.s0)",
            "@catch(var='problem')\nsetattr(self, 'merge_artifacts', 4)\nself.next(self.end)",
            "self.s0 = lambda: 1\nself.next(self.end)",
            classbody="end_is_last = 1",
        )
        self.assertOk(host.task("s0"))
        self.assertFails(host.task("s1"), "go to the step 's0', but self.s0 has been set to a value")
        result = host.task("s2")
        self.assertOk(result)
        self.assertIn("which every flow has", result.done["exception"]["message"])
        self.assertOk(host.task("s3"))  # functions are no artifacts


class Joins(FlowTest):
    BODY = """
        JOIN
        assert len(inputs) == 2
        assert inputs.a.x == 1 and inputs.b.x == 2
        assert [i.x for i in inputs] == [1, 2] == [i.x for i in inputs[:]]
        assert inputs[-1].x == 2 and inputs[0] is inputs.a
        assert inputs[1].P == 9 and inputs[1].C == 3
        assert not hasattr(inputs[0], "y") and inputs[1].y == 5
        assert "y" in dir(inputs[1])
        for wrong in (lambda: inputs[2], lambda: inputs.c, lambda: inputs[0].y):
            try:
                wrong()
            except (IndexError, AttributeError):
                pass
            else:
                assert False
        try:
            inputs[0].x = 3
        except AttributeError as e:
            assert "read-only" in str(e)
        else:
            assert False
        assert isinstance(inputs[0], F) and str(inputs[0]) == "<flow F step a>"
        assert inputs[0].index is None and inputs[0].input is None
        self.next(self.end)
    """

    def test_static(self):
        host = self.steps(self.BODY, classbody="P = Parameter('p', default=1)\nC = 3")
        inputs = [Input({"x": 1, "P": 9}, "a"), Input({"x": 2, "P": 9, "y": 5}, "b")]
        result = host.join("s0", inputs, {"a": [0], "b": [1]}, {"P": 9})
        self.assertOk(result)
        self.assertEqual(result.artifacts, {})

    def test_any_name_may_be_that_of_a_step(self):
        host = self.steps("JOIN\nself.v = [inputs.value.x, inputs.info.x, inputs.is_static.x]\nself.next(self.end)")
        names = ["value", "info", "is_static"]
        inputs = [Input({"x": i}, name) for i, name in enumerate(names)]
        result = host.join("s0", inputs, {name: [i] for i, name in enumerate(names)})
        self.assertEqual(result.values(), {"v": [0, 1, 2]})

    def test_foreach(self):
        host = self.steps("""
            JOIN
            assert inputs.body.x == 2499 and inputs.body.index == 2499
            self.total = sum(i.x for i in inputs)
            self.last = inputs[-1].x
            self.indexes = [i.index for i in inputs[3:5]]
            self.next(self.end)
        """)
        result = host.join("s0", [{"x": i} for i in range(2500)])
        self.assertOk(result)
        self.assertEqual(result.values(), {"total": sum(range(2500)), "last": 2499, "indexes": [3, 4]})
        kinds = [request["type"] for request in result.requests]
        self.assertLess(len(kinds), 14)

    def test_input_of_an_input(self):
        host = self.steps("JOIN\nself.v = [i.input for i in inputs]\nself.next(self.end)")
        graph = {"steps": {"split": {"type": "split-foreach", "matching_join": "s0", "foreach_artifact": "l"}}}
        inputs = [Input({"l": ["a", "b"]}, "body", i) for i in range(2)]
        self.assertEqual(host.join("s0", inputs, graph=graph).values(), {"v": ["a", "b"]})
        inputs = [Input({"l": {1: "x", 0: "y"}}, "body", i) for i in range(2)]  # its keys are positions
        self.assertEqual(host.join("s0", inputs, graph=graph).values(), {"v": ["y", "x"]})
        inputs = [Input({"l": {2: "x", 0: "y"}}, "body", i) for i in range(2)]  # by its keys, as they come
        self.assertEqual(host.join("s0", inputs, graph=graph).values(), {"v": [2, 0]})

    def test_what_an_input_has_not(self):
        host = self.steps("JOIN\nself.v = [i.nope for i in inputs]\nself.next(self.end)")
        result = host.join("s0", [Input({"a": 1}, "body", 0)])
        self.assertFails(result, "AttributeError: The input body of flow", "has no attribute 'nope'")
        self.assertNotIn("InputTask", result.stderr)

    def test_input_of_many_inputs(self):
        host = self.steps("JOIN\nself.v = [i.input for i in inputs]\nself.next(self.end)")
        graph = {"steps": {"split": {"type": "split-foreach", "matching_join": "s0", "foreach_artifact": "l"}}}
        own = Input({"l": ["a", "b", "changed"]}, "body", 2)
        result = host.join("s0", [Input({}, "body", 0, "a"), Input({}, "body", 1, "b"), own], graph=graph)
        self.assertEqual(result.values(), {"v": ["a", "b", "changed"]})
        kinds = [request["type"] for request in result.requests]
        self.assertEqual(kinds.count("get_inputs"), 1, kinds)  # of the one that has made its list anew

    def test_merge(self):
        host = self.steps(
            "JOIN\nself.c = 0\nself.merge_artifacts(inputs, exclude=['d'])\nself.got = (self.a, self._p)\n"
            "assert not hasattr(self, 'd')\nself.next(self.end)",
            "JOIN\nassert not hasattr(self, 'a')\nself.merge_artifacts(list(inputs), include=['a'])\n"
            "assert self.a == 1\nself.next(self.end)",
            "JOIN\ntry:\n    self.merge_artifacts(inputs)\nfinally:\n    assert not hasattr(self, 'a')",
            "JOIN\nself.merge_artifacts(inputs, include=['nope'])",
            "JOIN\nself.merge_artifacts(inputs, include=['a'], exclude=['b'])",
            "self.merge_artifacts([])",
        )
        inputs = [Input({"a": 1, "c": 1, "d": 1, "_p": 3}, "x"), Input({"a": 1, "c": 2, "d": 2}, "y")]
        steps = {"x": [0], "y": [1]}
        result = host.join("s0", inputs, steps)
        self.assertOk(result)
        self.assertEqual(result.values(), {"c": 0, "got": (1, 3)})
        self.assertEqual(sorted(result.base), ["_p", "a"])
        self.assertOk(host.join("s1", inputs, steps))
        result = host.join("s2", inputs, steps)
        self.assertFails(result, "Unhandled artifacts in merge", "c, d")
        self.assertFails(host.join("s3", inputs, steps), "Missing artifacts in merge", "nope")
        self.assertFails(host.join("s4", inputs, steps), "include or exclude")
        self.assertFails(host.task("s5"), "join", "s5")


class Current(FlowTest):
    def test_all(self):
        host = self.steps(
            """
            c = current
            self.seen = [c.is_running_flow, c.flow_name, c.run_id, c.step_name, c.task_id, c.retry_count,
                c.origin_run_id, c.pathspec, c.namespace, c.username, c.tags, c.parameter_names, c.graph["x"],
                c.graph_info["x"], c.project_name, c.branch_name, c.is_user_branch, c.is_production,
                c.project_flow_name, c.tempdir]
            assert "flow_name" in c and "origin_run_id" in c and "nope" not in c and c.get("nope", 4) == 4
            assert c.get("parallel") is None and not hasattr(c, "is_parallel") and not hasattr(c, "trigger")
            try:
                c.run_id = 3
            except AttributeError:
                pass
            else:
                assert False
            assert not hasattr(c, "card")
            self.next(self.end)
            """,
            "current.card.append(1)",
            classbody="P = Parameter('p', default=1)\nassert current.flow_name is None and not current.is_running_flow",
            env={"METAFLOW_TEMPDIR": "/x"},
        )
        project = {"name": "p", "branch": "user.t", "user_branch": True, "production": False, "flow_name": "p.user.t.F"}
        result = host.task("s0", graph={"x": 1}, attempt=1, retries=1, origin="7", tags=["t"], project=project)
        self.assertOk(result)
        self.assertEqual(
            result.values()["seen"],
            [True, "F", "1", "s0", "1", 1, "7", "F/1/s0/1", "user:tester", "tester", {"t"}, ["P"], 1, 1,
             "p", "user.t", True, False, "p.user.t.F", "/x"],
        )  # fmt: skip
        self.assertEqual([request["type"] for request in result.requests], ["graph"])
        self.assertFails(host.task("s1"), "AttributeError: 'current' has no attribute 'card' here: the step has no @card;")


if __name__ == "__main__":
    unittest.main()
