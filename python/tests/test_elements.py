"""Elements of foreaches: what a step may do to them, and what is kept of it."""

import pickle
import unittest

from support import FlowTest, dumps


def foreach(index, own=False, var="items", count=3):
    frame = {"split": "fan", "step": "s0", "var": var, "count": count, "index": index, "gang": False}
    return [{**frame, "own": True} if own else frame]


class Elements(FlowTest):
    def run_step(self, body, items, index=1, own=False, **fields):
        """Run a step for one element of a list; only what it asks for is loaded."""
        host = self.steps(body + "\nself.next(self.end)")
        if type(items) in (list, tuple):
            fields.setdefault("item", dumps(list(items)[index]))
        result = host.task("s0", {"items": items}, stack=foreach(index, own), **fields)
        self.assertOk(result)
        return result

    def asked(self, result):
        return [request["type"] for request in result.requests]

    def test_what_is_only_read_costs_nothing(self):
        result = self.run_step("self.got = self.input['a']", [{"a": n} for n in range(3)])
        self.assertEqual(self.asked(result), [])
        self.assertEqual(result.values(), {"got": 1})

    def test_changed_in_place(self):
        result = self.run_step("self.input['b'] = 5", [{"a": n} for n in range(3)])
        self.assertEqual(result.values(), {"items": [{"a": 0}, {"a": 1, "b": 5}, {"a": 2}]})

    def test_large_and_changed_in_place(self):
        items = [{"a": bytes([n]) * (1 << 19)} for n in range(3)]
        unchanged = self.run_step("self.got = len(self.input['a'])", items)
        self.assertEqual(unchanged.values(), {"got": 1 << 19})
        changed = self.run_step("self.input['b'] = 5", items)
        self.assertEqual(changed.values()["items"], [items[0], {**items[1], "b": 5}, items[2]])

    def test_the_list_has_the_element(self):
        look = "self.input['b'] = 5\nself.same = self.input is self.items[self.index]\nself.seen = self.items[1]"
        result = self.run_step(look, [{"a": n} for n in range(3)])
        self.assertEqual(result.values()["same"], True)
        self.assertEqual(result.values()["seen"], {"a": 1, "b": 5})
        turned = self.run_step("self.items[1]['b'] = 5\nself.seen = self.input", [{"a": n} for n in range(3)])
        self.assertEqual(turned.values()["seen"], {"a": 1, "b": 5})

    def test_a_list_that_is_only_looked_at_is_not_stored_again(self):
        # Elements that share a key are another pickle than elements that do not. What is large is only sent if it changed.
        key = "a key that all have" * (1 << 15)
        for items in ([{key: n} for n in range(3)], tuple({key: n} for n in range(3))):
            result = self.run_step("self.same = self.input is self.items[1]", items)
            self.assertEqual(result.values(), {"same": True})

    def test_a_dict_by_positions(self):
        result = self.run_step("self.input['b'] = 5", {1: {"a": 1}, 0: {"a": 0}}, item=dumps({"a": 1}))
        self.assertEqual(result.values(), {"items": {1: {"a": 1, "b": 5}, 0: {"a": 0}}})

    def test_a_tuple(self):
        result = self.run_step("self.input['b'] = 5", tuple({"a": n} for n in range(3)))
        self.assertEqual(result.values(), {"items": ({"a": 0}, {"a": 1, "b": 5}, {"a": 2})})

    def test_a_list_made_anew(self):
        result = self.run_step("self.got = self.input", ["new 0", "new 1"], own=True, item=dumps("old"))
        self.assertEqual(result.values()["got"], "new 1")
        here = self.run_step("self.items = 'xyz'\nself.got = self.input", [1, 2, 3])
        self.assertEqual(here.values(), {"items": "xyz", "got": "y"})

    def test_a_name_that_has_another_meaning_by_now(self):
        for other in ("None", "[]", "{1, 2, 3}"):
            result = self.run_step("self.items = %s\nself.got = self.input" % other, [1, 2, 3])
            self.assertEqual(result.values()["got"], 2)

    def test_a_list_set_after_the_element_was_changed_counts(self):
        result = self.run_step("self.input['b'] = 5\nself.items = [1, 2]", [{"a": n} for n in range(3)])
        self.assertEqual(result.values(), {"items": [1, 2]})

    def test_what_has_no_positions(self):
        result = self.run_step("self.input.append(1)", {"k": 0}, item=dumps([]))
        self.assertEqual(result.values(), {"items": {"k": 0}})
        self.assertIn("changed self.input in place, and the change cannot be stored. The foreach goes through 'items'", result.stderr)
        gone = self.steps("self.input.append(1)\nself.next(self.end)").task("s0", stack=foreach(1), item=dumps([]))
        self.assertOk(gone)
        self.assertIn("the change cannot be stored", gone.stderr)

    def test_what_cannot_be_pickled_any_more(self):
        host = self.steps("self.input['lock'] = __import__('threading').Lock()\nself.next(self.end)")
        items = [{"a": 1}, {"a": 2}]
        result = host.task("s0", {"items": items}, stack=foreach(1), item=dumps(items[1]))
        self.assertFails(result, "items[1]", "lock")

    def test_types_of_a_series(self):
        host = self.steps(
            """
            import sys, types
            class Series(list):
                array = property(lambda self: [float(n) for n in self])
            Series.__module__ = "pandas.core"
            self.items = Series([1, 2])
            self.next(self.end, foreach="items")
            self.items = [1, 2]
            """
        )
        self.assertEqual([pickle.loads(item) for item in host.task("s0").items], [1.0, 2.0])

    def test_a_table_is_no_list(self):
        host = self.steps(
            """
            class Table(dict):
                columns = ["a"]
                to_dict = None
            self.items = Table(a=1)
            self.next(self.end, foreach="items")
            """
        )
        self.assertFails(host.task("s0"), "the foreach variable 'items' is a table", 'self.items = table.to_dict("records")')


if __name__ == "__main__":
    unittest.main()
