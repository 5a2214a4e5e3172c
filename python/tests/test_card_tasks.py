"""Cards of tasks: made by real forked tasks, sent to a host."""

import json
import unittest

from support import HEAD, FlowTest

CARDS = HEAD + "from metaflow.cards import *\n"
GRAPH = {
    "start_step": "s0", "end_step": "end",
    "steps": {"s0": {"type": "linear", "next": ["end"]}, "end": {"type": "end", "next": []}},
}  # fmt: skip


class CardTasks(FlowTest):
    def run_step(self, body, classes="", classbody="", base=None, **fields):
        host = self.steps(body, classbody=classbody, head=CARDS + classes)
        result = host.task("s0", base=base or {}, graph=GRAPH, **fields)
        self.final = {card["position"]: (card, html, data) for card, html, data in result.cards if not card["live"]}
        self.live = [(card, html, data) for card, html, data in result.cards if card["live"]]
        return result

    def test_default_card(self):
        result = self.run_step(
            """
            @card
            self.mine = "<own & value>"
            self.big = list(range(100000))
            current.card.append(Markdown("# Hello"))
            self.next(self.end)
            """,
            base={"inherited": {"a": 1}, "_hidden": 1, "name": "F"},
            tags=["gold"],
            stack=[{"split": "9", "step": "x", "var": "xs", "count": 10, "index": 2}],
        )
        self.assertOk(result)
        card, html, data = self.final[0]
        self.assertEqual({k: v for k, v in card.items() if k != "uuid"}, {"position": 0, "type": "default", "id": "", "live": False})
        self.assertRegex(card["uuid"], "^[0-9a-f]{32}$")
        self.assertIsNone(data)
        for text in ("<h2>Hello</h2>", "&lt;own &amp; value&gt;", "{&#x27;a&#x27;: 1}", ">mine<", ">big<", ">inherited<", "gold", "xs 3 of 10", "This is s0.", "Code of the step"):
            self.assertIn(text, html)
        self.assertNotIn("_hidden", html)
        self.assertNotIn("</span> self.name", html)
        self.assertLess(len(html), 40_000)
        self.assertEqual(sorted(result.values()), ["big", "mine"])  # what a card reads is not set by the step

    def test_several_cards_in_the_order_of_the_source(self):
        result = self.run_step(
            """
            @card(id="first")
            @card(type="blank", id="second", options={"title": "A title"})
            @card(type="taskspec_card")
            @card(type="default_json", id="json")
            current.card["second"].append(Markdown("text"))
            self.next(self.end)
            """
        )
        self.assertOk(result)
        self.assertEqual([(c["type"], c["id"]) for c, _, _ in self.final.values()], [("default", "first"), ("blank", "second"), ("taskspec_card", ""), ("default_json", "json")])
        self.assertIn("<h1>A title</h1>", self.final[1][1])
        self.assertIn("<p>text</p>", self.final[1][1])
        self.assertEqual(self.final[2][1], "F/1/s0/1")
        self.assertEqual(json.loads(self.final[3][1])["title"], "s0")

    def test_with_adds_cards(self):
        host = self.steps(
            """
            @card(type="blank")
            print(len(current.card.get()))
            self.next(self.end)
            """,
            head=CARDS,
        )
        added = [{"name": "card", "attributes": {}}, {"name": "card", "attributes": {"type": "blank", "id": "x"}}]
        result = host.task("s0", graph=GRAPH, **{"with": added})
        self.assertOk(result)
        self.assertEqual(result.stdout, "3\n")
        self.assertEqual([(c["position"], c["type"], c["id"]) for c, _, _ in result.cards], [(0, "blank", ""), (1, "default", ""), (2, "blank", "x")])

    def test_only_steps_with_cards_have_them(self):
        host = self.steps("@card\nself.next(self.s1)", "print('card' in current)\nself.next(self.end)", head=CARDS)
        result = host.task("s1")
        self.assertOk(result)
        self.assertEqual((result.stdout, result.cards, result.requests), ("False\n", [], []))

    def test_failed_step_makes_no_card(self):
        result = self.run_step("@card\nraise ValueError('x')\nself.next(self.end)")
        self.assertFails(result, "ValueError: x")
        self.assertEqual(result.cards, [])
        result = self.run_step("@card\nself.x = lambda: 1\nself.y = (i for i in [])\nself.next(self.end)")
        self.assertFails(result)
        self.assertEqual(result.cards, [])

    def test_caught_step_makes_its_card(self):
        result = self.run_step("@catch(var='problem')\n@card\ncurrent.card.append(Markdown('so far'))\nraise ValueError('boom')\nself.next(self.end)")
        self.assertTrue(result.done["caught"])
        self.assertIn("so far", self.final[0][1])
        self.assertIn("@catch took", self.final[0][1])

    def test_cards_that_cannot_be_made(self):
        result = self.run_step(
            """
            @card(type="nosuch")
            @card(type="raises", options={"x": 1})
            @card(type="none")
            @card(type="number")
            @card(type="strict")
            @card(type="slow", timeout=0.2)
            @card(type="exits")
            @card(type="raises", save_errors=False)
            @card(type="blank", id="whole")
            self.next(self.end)
            """,
            classes="""
import time
class Raises(MetaflowCard):
    type = "raises"
    def render(self, task): raise ValueError("<on purpose>")
class Nothing(MetaflowCard):
    type = "none"
    def render(self, task): return None
class Number(MetaflowCard):
    type = "number"
    def render(self, task): return 7
class Strict(MetaflowCard):
    type = "strict"
    def __init__(self, options): pass
    def render(self, task): return "x"
class Slow(MetaflowCard):
    type = "slow"
    def render(self, task):
        try:
            time.sleep(30)
        except Exception:
            return "swallowed"
class Exits(MetaflowCard):
    type = "exits"
    def render(self, task): raise RuntimeError
""",
        )
        self.assertOk(result)
        self.assertEqual(sorted(self.final), [0, 1, 2, 3, 4, 5, 6, 8])
        for position, text in enumerate(("There is no card type &#x27;nosuch&#x27;", "&lt;on purpose&gt;", "render() returned None", "render() returned int", "constructor of a card", "within 0.2 seconds", "RuntimeError")):
            self.assertIn(text, self.final[position][1])
        self.assertNotIn("levada/cards", self.final[1][1])  # the user's frames, not ours
        self.assertEqual(result.stderr.count("Card render failed with error : "), 8)

    def test_a_card_that_does_not_know_of_the_flow(self):
        result = self.run_step(
            "@card(type='old')\n@card(type='open')\nself.next(self.end)",
            classes="""
class Old(MetaflowCard):
    type = "old"
    def __init__(self, options={}, components=[], graph=None): self.graph = graph
    def render(self, task): return "old %s" % sorted(self.graph)
class Open(MetaflowCard):
    type = "open"
    def __init__(self, options={}, **kwargs): self.given = kwargs
    def render(self, task): return "open %s" % sorted(self.given)
""",
        )
        self.assertOk(result)
        self.assertEqual(result.stderr, "")
        self.assertEqual(self.final[0][1], "old ['end', 's0']")
        self.assertEqual(self.final[1][1], "open ['components', 'flow', 'graph']")

    def test_sys_exit_in_a_card(self):
        result = self.run_step(
            "@card(type='leaves')\n@card(type='blank')\nself.next(self.end)",
            classes="import sys\nclass Leaves(MetaflowCard):\n    type = 'leaves'\n    def render(self, task): sys.exit(3)\n",
        )
        self.assertOk(result)
        self.assertEqual(sorted(self.final), [0, 1])
        self.assertEqual(result.exited["code"], 0)

    def test_refresh(self):
        result = self.run_step(
            """
            @card(type="blank", refresh_interval=1000)
            @card(type="blank", id="often", refresh_interval=0)
            @card(type="taskspec_card", id="fixed")
            bar = ProgressBar(3)
            current.card.append(bar, "bar")
            current.card.refresh({"n": 1})
            bar.update(1)
            current.card.refresh()
            bar.update(2)
            current.card.refresh(object(), force=True)
            current.card["often"].refresh()
            current.card["often"].refresh()
            current.card["fixed"].refresh(force=True)
            bar.update(3)
            self.next(self.end)
            """
        )
        self.assertOk(result)
        self.assertEqual([card["position"] for card, _, _ in self.live], [0, 0, 1, 1])
        self.assertEqual([data["data"]["bar"]["value"] for _, _, data in self.live[:2]], [0, 2])
        self.assertIn("0 of 3", self.live[0][1])
        self.assertIn("while it ran", self.live[0][1])
        self.assertIn("3 of 3", self.final[0][1])
        self.assertNotIn("while it ran", self.final[0][1])
        self.assertEqual((self.final[0][2]["reload_token"], self.final[0][2]["data"]["bar"]["value"]), ("final", 3))
        self.assertIn("takes what JSON has, not object", result.stderr)
        uuids = {(card["position"], card["uuid"]) for card, _, _ in result.cards}
        self.assertEqual(len(uuids), 3)

    def test_refresh_with_nan(self):
        result = self.run_step(
            """
            @card(type="blank", refresh_interval=0)
            current.card.append(ValueBox("loss", float("nan")), "loss")
            current.card.append(ProgressBar(3, metadata={"rates": (float("inf"), 1.5), float("nan"): 3}), "bar")
            current.card.refresh()
            self.next(self.end)
            """
        )
        self.assertOk(result)
        for _, _, data in (*self.live, self.final[0]):
            self.assertEqual((data["data"]["loss"]["value"], data["data"]["bar"]["details"]), (None, {"rates": [None, 1.5], "NaN": 3}))

    def test_refresh_of_ones_own(self):
        result = self.run_step(
            """
            @card(type="own", refresh_interval=0)
            for i in range(4):
                current.card.refresh({"i": i // 2})
            current.card.append(Markdown("x"))
            current.card.refresh({"i": 1})
            self.next(self.end)
            """,
            classes="""
class Own(MetaflowCard):
    type = "own"
    ALLOW_USER_COMPONENTS = RUNTIME_UPDATABLE = True
    RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ONCHANGE
    def __init__(self, options={}, components=[], graph=None, flow=None, graph_info=None, **kwargs):
        self.start = graph_info["start_step"]
    def render(self, task): return "final [METAFLOW_RELOAD_TOKEN] " + task.pathspec
    def render_runtime(self, task, data): return "live [METAFLOW_RELOAD_TOKEN] %s %s" % (self.start, data["user"])
    def refresh(self, task, data): return data["user"]
    def reload_content_token(self, task, data): return "t%d" % data["user"]["i"]
""",
        )
        self.assertOk(result)
        self.assertEqual([html for _, html, _ in self.live], ["live t0 s0 {'i': 0}", None, "live t1 s0 {'i': 1}", None, "live t1 s0 {'i': 1}"])
        self.assertEqual([data["data"] for _, _, data in self.live], [{"i": 0}, {"i": 0}, {"i": 1}, {"i": 1}, {"i": 1}])
        self.assertEqual(self.final[0][1], "final final F/1/s0/1")

    def test_runtime_data_of_the_finished_card(self):
        result = self.run_step(
            """
            @card(type="told")
            @card(type="told", id="b")
            for i in range(3):
                current.card["b"].refresh({"i": i})
            self.next(self.end)
            """,
            classes="""
class Told(MetaflowCard):
    type = "told"
    RUNTIME_UPDATABLE = True
    def render(self, task): return "%(mode)s %(user)s %(render_seq)s" % self.runtime_data
    def render_runtime(self, task, data): return "live"
""",
        )
        self.assertOk(result)
        self.assertEqual(sorted(final[1] for final in self.final.values()), ["render None final", "render {'i': 2} final"])

    def test_refresh_elsewhere(self):
        result = self.run_step(
            """
            @card(refresh_interval=0)
            import threading
            current.card.refresh()
            thread = threading.Thread(target=current.card.refresh)
            thread.start()
            thread.join()
            pid = os.fork()
            if not pid:
                current.card.refresh()
                os._exit(0)
            os.waitpid(pid, 0)
            self.next(self.end)
            """
        )
        self.assertOk(result)
        self.assertEqual(len(self.live), 2)
        self.assertIn("a process that the step has started cannot refresh a card", result.stderr)

    def test_timeout_of_the_step_stays(self):
        result = self.run_step("@card(refresh_interval=0)\n@timeout(seconds=1)\ncurrent.card.refresh()\ntime.sleep(20)\nself.next(self.end)")
        self.assertFails(result, "timed out")

    def test_large_cards_are_staged(self):
        result = self.run_step("@card(type='blank')\ncurrent.card.append(Markdown('word ' * 200000))\nself.next(self.end)")
        self.assertOk(result)
        self.assertGreater(len(self.final[0][1]), 1_000_000)

    def test_task_view(self):
        result = self.run_step(
            """
            @card(type="view")
            self.x = [1]
            self.next(self.end)
            """,
            classes="""
class View(MetaflowCard):
    type = "view"
    def render(self, task):
        return repr([task.pathspec, task.id, task.data.x, task["y"].data, task["x"].data, "z" in task, task.data.p, sorted(a.id for a in task), sorted(task.artifacts._fields),
                     task.successful, task.finished, task.exception, task.current_attempt, sorted(task.tags), "x" in task.data, hasattr(task.data, "z"), task["y"].size > 0])
""",
            classbody="p = Parameter('p', default=5)",
            base={"y": "inherited", "p": 5},
            tags=["t"],
            attempt=1,
        )
        self.assertOk(result)
        self.assertEqual(
            self.final[0][1],
            repr(["F/1/s0/1", "1", [1], "inherited", [1], False, 5, ["p", "x", "y"], ["p", "x", "y"], True, True, None, 1, ["t"], True, False, True]),
        )


if __name__ == "__main__":
    unittest.main()
