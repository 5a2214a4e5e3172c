"""Charts: what is drawn, checked by the shapes in the SVG, and what is said of what is not drawn."""

import random
import re
import unittest
from datetime import date, datetime
from xml.etree import ElementTree

import support  # noqa: F401

from levada.cards import vega_data
from levada.cards.vega import chart
from levada.cards.vega_scale import Linear, Ramp, Time, colour, short

ROWS = [{"a": "x", "b": 10, "k": "p"}, {"a": "y", "b": 30, "k": "p"}, {"a": "x", "b": 20, "k": "q"}]


class ChartTest(unittest.TestCase):
    maxDiff = None

    def draw(self, spec, **fields):
        """The SVG elements of a chart that has to be drawn."""
        spec = dict({"data": {"values": ROWS}}, **spec, **fields)
        html = chart(spec)
        self.assertIn("<svg", html, re.sub("<[^>]*>", " ", html))
        return self.parse(html)

    def parse(self, html):
        self.html = html
        return ElementTree.fromstring(html)

    def marks(self, root, tag, cls=None):
        return [e for e in root.iter(tag) if e.find("title") is not None]

    def titles(self, root, tag):
        return [e.find("title").text for e in self.marks(root, tag)]

    def texts(self, root):
        return [e.text for e in root.iter("text")]

    def refused(self, spec, text):
        html = chart(spec)
        self.parse(html)
        self.assertNotIn("<svg", html)
        self.assertIn(text, html)


def enc(**channels):
    return {name: {"field": value[0], "type": {"n": "nominal", "q": "quantitative", "o": "ordinal", "t": "temporal"}[value[1]]} if isinstance(value, str) else value
            for name, value in channels.items()}  # fmt: skip


class Bars(ChartTest):
    def test_bars_are_as_high_as_their_values(self):
        root = self.draw({"mark": "bar", "encoding": enc(x="an", y="bq")}, data={"values": ROWS[:2]})
        low, high = (float(bar.get("height")) for bar in self.marks(root, "rect"))
        self.assertAlmostEqual(high / low, 3, places=1)
        self.assertEqual(self.titles(root, "rect"), ["a: x\nb: 10", "a: y\nb: 30"])
        svg = root.find(".//svg")
        self.assertEqual(svg.get("role"), "img")
        self.assertIn("Bar chart of b, a", svg.get("aria-label"))

    def test_stacks(self):
        root = self.draw({"mark": "bar", "encoding": enc(x="an", y="bq", color="kn")})
        bars = {bar.find("title").text: bar for bar in self.marks(root, "rect")}
        lower, upper = bars["a: x\nb: 10\nk: p"], bars["a: x\nb: 20\nk: q"]
        self.assertAlmostEqual(float(upper.get("y")) + float(upper.get("height")), float(lower.get("y")), places=0)
        self.assertEqual((lower.get("fill"), upper.get("fill")), ("var(--c0)", "var(--c1)"))
        self.assertTrue({"p", "q", "k"} <= set(self.texts(root)))
        flat = self.draw({"mark": "bar", "encoding": dict(enc(x="an", color="kn"), y={"field": "b", "type": "quantitative", "stack": None})})
        bottoms = {round(float(bar.get("y")) + float(bar.get("height"))) for bar in self.marks(flat, "rect")}
        self.assertEqual(len(bottoms), 1)
        whole = self.draw({"mark": "bar", "encoding": dict(enc(x="an", color="kn"), y={"field": "b", "type": "quantitative", "stack": "normalize"})})
        self.assertIn("100%", self.texts(whole))

    def test_negative_values_go_down(self):
        root = self.draw({"mark": "bar", "encoding": enc(x="an", y="bq")}, data={"values": [{"a": 1, "b": -5}, {"a": 2, "b": 5}]})
        down, up = self.marks(root, "rect")
        self.assertAlmostEqual(float(up.get("y")) + float(up.get("height")), float(down.get("y")), places=0)

    def test_lying_bars(self):
        root = self.draw({"mark": "bar", "encoding": enc(y="an", x="bq")}, data={"values": ROWS[:2]})
        low, high = (float(bar.get("width")) for bar in self.marks(root, "rect"))
        self.assertAlmostEqual(high / low, 3, places=1)

    def test_sorting(self):
        for sort, want in (("ascending", "xyz"), ("descending", "zyx"), ("-y", "yzx"), ("y", "xzy"), (["z", "x"], "zxy"), (None, "zxy"),
                           ({"field": "b", "order": "descending"}, "yzx"), ({"encoding": "y"}, "xzy")):
            root = self.draw({"mark": "bar", "encoding": {"x": {"field": "a", "type": "nominal", "sort": sort}, "y": {"field": "b", "type": "quantitative"}}},
                             data={"values": [{"a": "z", "b": 2}, {"a": "x", "b": 1}, {"a": "y", "b": 3}]})  # fmt: skip
            at = {bar.find("title").text[3]: float(bar.get("x")) for bar in self.marks(root, "rect")}
            self.assertEqual("".join(sorted(at, key=at.get)), want, sort)

    def test_histogram(self):
        values = [{"v": v} for v in (0, 1, 1, 2, 9, 10)]
        root = self.draw({"mark": "bar", "encoding": {"x": {"field": "v", "bin": {"step": 5}}, "y": {"aggregate": "count"}}}, data={"values": values})
        self.assertEqual(self.titles(root, "rect"), ["v (binned): 0 – 5\nCount of records: 4", "v (binned): 5 – 10\nCount of records: 2"])
        named = self.draw({"mark": "bar", "encoding": {"x": {"field": "v", "bin": {"step": 5}, "type": "ordinal"}, "y": {"aggregate": "count"}}}, data={"values": values})
        self.assertIn("0 – 5", self.texts(named))

    def test_time_units(self):
        values = [{"t": "2024-01-03", "v": 1}, {"t": "2024-01-20T10:00:00Z", "v": 3}, {"t": "2024-02-01", "v": 5}]
        spec = {"mark": "bar", "encoding": {"x": {"field": "t", "timeUnit": "yearmonth"}, "y": {"field": "v", "aggregate": "mean"}}}
        root = self.draw(spec, data={"values": values})
        self.assertEqual(self.titles(root, "rect"), ["t (yearmonth): 2024-01-01\nMean of v: 2", "t (yearmonth): 2024-02-01\nMean of v: 5"])
        spec["encoding"]["x"]["timeUnit"] = "month"
        self.assertIn("Feb", self.texts(self.draw(spec, data={"values": values})))


class Labels(ChartTest):
    LONG = "a category with quite a long name "

    def place(self, svg):
        """From where to where texts go from left to right, and from top to bottom, in a font of usual width."""
        def at(text):
            found = re.findall(r"translate\(([-0-9.]+),([-0-9.]+)\)", text.get("transform", ""))
            return [float(n) for n in found[0]] if found else [float(text.get("x")), float(text.get("y"))]

        for group in svg:
            dx, dy = at(group) if group.tag == "g" and group.get("transform") else (0, 0)
            for text in [group] if group.tag == "text" else group.iter("text"):
                x, y = at(text) if group is not text or text.get("x") else (0, 0)
                wide = 0.57 * len(text.text) * float(text.get("font-size", 12))
                before = {"end": wide, "middle": wide / 2}.get(text.get("text-anchor"), 0)
                turn = re.findall(r"rotate\(-(\d+)\)", text.get("transform", ""))
                along, down = {"45": (0.7071, 0.7071), "90": (0, 1)}[turn[0]] if turn else (1, 0)
                yield text, dx + x - before * along, dx + x + (wide - before) * along, dy + y - (wide - before) * down, dy + y + before * down

    def check(self, spec, values):
        root = self.draw(spec, data={"values": values})
        svg = root.find(".//svg")
        _, _, wide, tall = (float(n) for n in svg.get("viewBox").split())
        for text, left, right, top, bottom in self.place(svg):
            self.assertTrue(left >= -2 and right <= wide + 2 and top >= -2 and bottom <= tall + 2, (text.text, left, right, top, bottom, wide, tall))
        return root

    def test_labels_have_room(self):
        values = [{"a": self.LONG + str(i), "b": i * 1e9} for i in range(12)]
        for some in (values, values[:3], values[:1]):
            for spec in ({}, {"width": 120}, {"title": self.LONG * 6}):
                for encoding in (enc(x="an", y="bq"), enc(x="bq", y="an"), enc(x="an", y="aq"), enc(x="an", y="bq", color="an"),
                                 enc(x={"field": "a", "type": "nominal", "axis": {"labelAngle": 0}}, y={"field": "b", "title": self.LONG * 6, "type": "quantitative"}),
                                 enc(x={"field": "b", "type": "quantitative", "axis": {"format": ",.4f"}}, y={"field": "b", "type": "quantitative", "axis": {"format": ",.4f"}})):  # fmt: skip
                    self.check({"mark": "bar", "encoding": encoding, **spec}, some)
        self.check({"mark": "arc", "encoding": enc(theta="bq", color="an")}, values)
        self.check({"mark": "line", "encoding": enc(x="at", y="bq")}, [{"a": "2024-%02d-28" % (i + 1), "b": i} for i in range(12)])

    def test_what_is_shortened_is_there_to_point_at(self):
        root = self.draw({"mark": "bar", "encoding": enc(x="bq", y="an")}, data={"values": [{"a": self.LONG * 2, "b": 1}, {"a": "short", "b": 2}]})
        said = {text.text: text.find("title").text for text in root.iter("text") if text.find("title") is not None}
        self.assertEqual(list(said.values()), [self.LONG * 2])
        self.assertTrue(list(said)[0].endswith("…"))

    def test_one_long_name_has_the_width_of_its_bar(self):
        root = self.draw({"mark": "bar", "encoding": enc(x="an", y="bq")}, data={"values": [{"a": self.LONG + "and more", "b": 1}]})
        self.assertIn(self.LONG + "and more", self.texts(root))

    def test_a_long_title_has_more_lines(self):
        root = self.draw({"mark": "bar", "encoding": enc(x="an", y="bq"), "title": self.LONG * 3})
        lines = [text.text for text in root.iter("text") if text.get("class") == "title"]
        self.assertGreater(len(lines), 1)
        self.assertEqual(" ".join(lines), (self.LONG * 3).strip())


class Others(ChartTest):
    def test_lines(self):
        root = self.draw({"mark": {"type": "line", "point": True, "strokeDash": [4, 2]}, "encoding": enc(x="bq", y="bq", color="kn")})
        paths = [p for p in root.iter("path") if p.get("fill") == "none"]
        self.assertEqual([p.get("stroke") for p in paths], ["var(--c0)", "var(--c1)"])
        self.assertEqual(paths[0].get("stroke-dasharray"), "4 2")
        self.assertEqual(len(self.marks(root, "circle")), 3)
        gap = self.draw({"mark": "line", "encoding": enc(x="aq", y="bq")}, data={"values": [{"a": 1, "b": 1}, {"a": 2, "b": None}, {"a": 3, "b": 2}, {"a": 4, "b": 3}]})
        self.assertEqual(next(p for p in gap.iter("path")).get("d").count("M"), 2)
        for how, letter in (("step-after", "H"), ("step-before", "V"), ("step", "H"), ("monotone", "L")):
            self.assertIn(letter, next(p for p in self.draw({"mark": {"type": "line", "interpolate": how}, "encoding": enc(x="bq", y="bq")}).iter("path")).get("d"))

    def test_areas(self):
        root = self.draw({"mark": "area", "encoding": enc(x="bq", y="bq")})
        self.assertTrue(next(root.iter("path")).get("d").endswith("Z"))
        band = self.draw({"mark": {"type": "area", "opacity": 0.3}, "encoding": dict(enc(x="bq", y="bq"), y2={"datum": 5})})
        self.assertEqual(next(band.iter("path")).get("opacity"), "0.30")

    def test_points(self):
        root = self.draw({"mark": "point", "encoding": enc(x="bq", y="bq", size="bq", color="bq")})
        radii = [float(c.get("r")) for c in self.marks(root, "circle")]
        self.assertLess(radii[0], radii[1])
        self.assertTrue(all(c.get("stroke").startswith("#") for c in self.marks(root, "circle")))
        self.assertEqual(len(self.marks(self.draw({"mark": "square", "encoding": enc(x="an", y="bq")}), "rect")), 3)
        self.assertEqual(len(self.marks(self.draw({"mark": "tick", "encoding": enc(x="bq", y="an")}), "line")), 3)

    def test_heatmap_with_text(self):
        root = self.draw({"encoding": enc(x="an", y="kn"), "layer": [{"mark": "rect", "encoding": enc(color="bq")}, {"mark": "text", "encoding": enc(text="bq")}]})
        self.assertEqual(len(self.marks(root, "rect")), 3)
        self.assertEqual(sorted(e.text for e in self.marks(root, "text")), ["10", "20", "30"])

    def test_pie(self):
        root = self.draw({"mark": {"type": "arc", "innerRadius": 20}, "encoding": dict(enc(color="an"), theta={"field": "b", "aggregate": "sum"})})
        self.assertEqual(self.titles(root, "path"), ["a: x\nSum of b: 30", "a: y\nSum of b: 30"])
        self.assertEqual(len(self.marks(self.draw({"mark": "arc", "encoding": enc(theta="bq")}, data={"values": [{"b": 3}]}), "path")), 1)

    def test_rule_and_text_of_constants(self):
        root = self.draw({"layer": [
            {"mark": "circle", "encoding": enc(x="bq", y="bq")},
            {"mark": {"type": "rule", "color": "red"}, "encoding": {"y": {"datum": 15}}},
            {"mark": {"type": "text", "text": "here", "align": "left"}, "encoding": {"y": {"datum": 15}}},
        ]})  # fmt: skip
        rule = self.marks(root, "line")[0]
        self.assertEqual((rule.get("stroke"), rule.get("y1")), ("red", rule.get("y2")))
        self.assertIn("here", self.texts(root))

    def test_scales(self):
        root = self.draw({"mark": "point", "encoding": dict(enc(x="bq"), y={"field": "b", "type": "quantitative", "scale": {"type": "log"}})})
        self.assertTrue({"10", "100"} <= set(self.texts(root)))
        root = self.draw({"mark": "point", "encoding": dict(enc(x="bq"), y={"field": "b", "type": "quantitative", "scale": {"domain": [0, 1000]}, "axis": {"format": "$,.1f", "title": "Cost"}})})
        self.assertTrue({"$1,000.0", "Cost"} <= set(self.texts(root)))
        root = self.draw({"mark": "point", "encoding": dict(enc(x="bq"), y={"field": "b", "type": "quantitative", "axis": None})})
        self.assertEqual(self.texts(root).count("b"), 1)  # the title of the other axis
        root = self.draw({"mark": "point", "encoding": dict(enc(x="bq", y="bq"), color={"field": "k", "scale": {"domain": ["q", "p"], "range": ["#ff0000", "url(x)"]}, "legend": None})})
        self.assertEqual([c.get("stroke") for c in self.marks(root, "circle")], ["var(--c8)", "var(--c8)", "#ff0000"])
        self.assertNotIn("p", self.texts(root))

    def test_data(self):
        for spec in ({"data": {"name": "d"}, "datasets": {"d": ROWS}}, {"data": {"values": ROWS}}):
            self.assertEqual(len(self.marks(self.draw(dict({"mark": "bar", "encoding": enc(x="an", y="bq")}, **spec)), "rect")), 3)
        root = self.draw({"mark": "tick", "encoding": enc(x={"field": "data", "type": "quantitative"})}, data={"values": [1, 2]})
        self.assertEqual(len(self.marks(root, "line")), 2)
        root = self.draw({"mark": "point", "encoding": enc(x={"field": "o.p", "type": "quantitative"}, y={"field": "a\\.b", "type": "quantitative"})}, data={"values": [{"o": {"p": 3}, "a.b": 4}]})
        self.assertEqual(self.titles(root, "circle"), ["o.p: 3\na\\.b: 4"])
        times = [{"t": date(2024, 1, 1), "v": 1}, {"t": datetime(2024, 1, 2, 12), "v": 2}, {"t": 1704240000000, "v": 3}, {"t": "nonsense", "v": 4}, {"t": "2024/01/05", "v": 5}]
        self.assertEqual(len(self.marks(self.draw({"mark": "circle", "encoding": enc(x="tt", y="vq")}, data={"values": times}), "circle")), 4)

    def test_transforms(self):
        def titles(*steps):
            root = self.draw({"mark": "bar", "encoding": enc(x="an", y="bq"), "transform": list(steps)})
            return len(self.marks(root, "rect"))

        self.assertEqual(titles({"filter": {"field": "b", "gt": 15}}), 2)
        self.assertEqual(titles({"filter": {"not": {"field": "a", "equal": "x"}}}), 1)
        self.assertEqual(titles({"filter": {"or": [{"field": "a", "oneOf": ["y"]}, {"field": "b", "range": [5, 12]}]}}), 2)
        self.assertEqual(titles({"filter": {"and": [{"field": "b", "lt": "text"}]}}), 0)
        root = self.draw({"mark": "bar", "encoding": enc(x="an", y={"field": "n", "type": "quantitative"}), "transform": [{"aggregate": [{"op": "max", "field": "b", "as": "n"}], "groupby": ["a"]}]})
        self.assertEqual(self.titles(root, "rect"), ["a: x\nn: 20", "a: y\nn: 30"])
        root = self.draw({"mark": "bar", "encoding": enc(x={"field": "key", "type": "nominal"}, y={"field": "value", "type": "quantitative"}), "transform": [{"fold": ["u", "v"]}]}, data={"values": [{"u": 1, "v": 2}]})
        self.assertEqual(self.titles(root, "rect"), ["key: u\nvalue: 1", "key: v\nvalue: 2"])

    def test_aggregates(self):
        numbers = [{"v": v} for v in (1, 2, 3, 10)]
        for name, want in (("sum", 16), ("mean", 4), ("average", 4), ("median", 2.5), ("min", 1), ("max", 10), ("count", 4), ("q1", 1.75), ("q3", 4.75), ("valid", 4), ("distinct", 4)):
            self.assertEqual(vega_data.summarise(name, numbers, "v"), want, name)
        self.assertAlmostEqual(vega_data.summarise("stdev", numbers, "v"), 4.0825, places=4)
        self.assertIsNone(vega_data.summarise("mean", [], "v"))

    def test_side_by_side(self):
        part = {"mark": "bar", "encoding": enc(x="an", y="bq")}
        for name in ("hconcat", "vconcat", "concat"):
            self.assertEqual(len(list(self.draw({name: [part, part]}).iter("svg"))), 2)

    def test_selections_count_as_all(self):
        root = self.draw({"params": [{"name": "p", "select": "interval"}], "mark": "circle",
                          "encoding": dict(enc(x="bq", y="bq"), color={"condition": {"param": "p", "field": "k", "type": "nominal"}, "value": "grey"})})  # fmt: skip
        self.assertEqual(len({c.get("fill") for c in self.marks(root, "circle")}), 2)


class NotDrawn(ChartTest):
    def test_what_is_not_drawn_is_told(self):
        part = {"data": {"values": ROWS}, "encoding": enc(x="an", y="bq")}
        for spec, text in (
            (None, "its description is no object"),
            ({}, "it has no data"),
            ({"data": {"url": "http://example.org/data.csv"}, "mark": "bar"}, "a card loads nothing"),
            (dict(part, mark="geoshape"), "the mark &#x27;geoshape&#x27;"),
            (dict(part, mark="boxplot"), "the mark &#x27;boxplot&#x27;"),
            (dict(part, mark="bar", encoding=dict(enc(x="an"), row={"field": "k"})), "it is a facet"),
            ({"data": {"values": ROWS}, "facet": {"field": "a"}, "spec": {}}, "it is a facet"),
            ({"data": {"values": ROWS}, "repeat": ["a"], "spec": {}}, "it is a repeat"),
            (dict(part, mark="bar", transform=[{"calculate": "datum.b * 2", "as": "c"}]), "the transform as, calculate"),
            (dict(part, mark="bar", transform=[{"filter": "datum.b > 2"}]), "the expression"),
            (dict(part, mark="bar", encoding=enc(x="an", y={"field": "b", "aggregate": "nosuch"})), "the aggregate"),
            (dict(part, mark="bar", encoding=enc(x="an", y={"field": "b", "type": "quantitative", "scale": {"type": "symlog"}})), "a scale of the type symlog"),
            (dict(part, mark="bar", data={"values": [{"a": i, "b": 1} for i in range(600)]}), "more than the 500 that fit"),
            (dict(part, mark="arc"), "theta is not encoded"),
        ):
            with self.subTest(text=text):
                self.refused(spec, text)

    def test_its_data_and_description_are_shown(self):
        root = self.parse(chart({"data": {"values": ROWS}, "mark": "geoshape", "title": "<T>"}))
        self.assertEqual(len(list(root.iter("tr"))), 4)
        self.assertIn("&lt;T&gt;", self.html)

    def test_whatever_comes_something_is_shown(self):
        rng = random.Random(5)
        drawn = 0
        fields = ["a", "b", "k", "nosuch", "", None, 3, {"repeat": "x"}]
        types = ["nominal", "quantitative", "ordinal", "temporal", "geojson", None, 7]
        values = [None, 1, -1.5, "x", "2024-01-01", True, [], {}, float("nan"), float("inf"), 10**30, "<b>", ""]
        for _ in range(1500):
            def channel():
                made = {"field": rng.choice(fields), "type": rng.choice(types)}
                for name, some in (("aggregate", ["sum", "count", "mean", {}, "zzz"]), ("bin", [True, {"maxbins": 3}, {"step": 0}, "binned"]), ("timeUnit", ["year", "month", "zzz"]),
                                   ("scale", [None, {"type": "log"}, {"domain": [3]}, {"domain": [5, 1]}, {"zero": False}, {"range": ["#fff", "x"]}, {"scheme": "viridis"}, 7]),
                                   ("sort", [None, "x", "-y", [], {}, "descending", 3]), ("stack", [None, "zero", "center", "normalize", 4]), ("axis", [None, {}, {"labelAngle": -45}, 3]),
                                   ("value", values), ("datum", values), ("title", ["t", None, ["a", "b"], 5]), ("legend", [None, {}])):
                    if rng.random() < 0.15:
                        made[name] = rng.choice(some)
                if rng.random() < 0.1:
                    del made["field"]
                return rng.choice([made, made, made, made, {"value": rng.choice(values)}, None, 7, [made]])

            def unit():
                names = ["x", "y", "x2", "y2", "color", "size", "opacity", "theta", "text", "tooltip", "detail", "order", "shape"]
                mark = rng.choice(["bar", "line", "area", "point", "circle", "square", "tick", "rule", "rect", "arc", "text", "zzz", None])
                return {"mark": rng.choice([mark, {"type": mark, "color": rng.choice(values), "size": rng.choice(values), "innerRadius": rng.choice(values)}]),
                        "encoding": {name: channel() for name in names if rng.random() < (0.8 if name in "xy" else 0.2)}}  # fmt: skip

            rows = [{name: rng.choice(values) for name in "abk"} for _ in range(rng.randrange(8))]
            spec = dict(rng.choice([unit(), {"layer": [unit(), unit()]}]), data={"values": rows}, width=rng.choice([None, 10, -5, "container", {"step": 3}, 1e9]), height=rng.choice([None, 0, 7, "x"]))
            html = chart(spec)
            try:
                ElementTree.fromstring(html)
            except ElementTree.ParseError as error:
                at = int(str(error).split("column ")[1])
                line = html.split("\n")[int(str(error).split("line ")[1].split(",")[0]) - 1]
                self.fail("%s: %s" % (error, line[max(0, at - 200) : at + 100]))
            drawn += "<svg" in html
            broken = [value for value in re.findall(r' (?!aria-label)[a-z0-9-]+="([^"]*)"', html) if re.search(r"\b(nan|inf|None)\b", value)]
            self.assertEqual(broken, [], spec)
        self.assertGreater(drawn, 200)


class Scales(unittest.TestCase):
    def test_ticks(self):
        self.assertEqual([t for _, t in Linear(0, 97, 0, 100).ticks()], ["0", "20", "40", "60", "80", "100"])
        self.assertEqual([t for _, t in Linear(0.1, 0.32, 0, 100).ticks()], ["0.1", "0.15", "0.2", "0.25", "0.3", "0.35"])
        self.assertAlmostEqual(Linear(5, 5, 0, 100).place(5), 50)
        self.assertIsNone(Linear(1, 100, 0, 100, "log").place(0))
        day = 86400
        for span, want in ((3 * 3600, "00:00"), (5 * day, "Jan 01"), (400 * day, "Jan 1970"), (4000 * day, "1970")):
            self.assertIn(want, [t for _, t in Time(0, span, 0, 600).ticks()], span)

    def test_formats(self):
        for value, form, want in ((1234.5, None, "1,234.5"), (0.12345678, None, "0.123457"), (2.5e6, None, "2.5M"), (1e-7, None, "1e-07"), (0.256, ".0%", "26%"), (0.256, ".1%", "25.6%"),
                                  (1234.5, ",.2f", "1,234.50"), (1234.5, "$,.0f", "$1,234"), (3.0, "d", "3"), (12345, "s", "12.35k"), (1.5, "nonsense", "1.5"), ("x", ".2f", "x"), (0, None, "0")):
            self.assertEqual(short(value, form), want, (value, form))

    def test_colours(self):
        for good in ("#fff", "#a1b2c3", "steelblue", "rgb(1, 2, 3)", "hsla(1,2%,3%,.5)"):
            self.assertEqual(colour(good), good)
        for bad in ("url(x)", "red;}", "expression(1)", 'red" onload="x', None, 3, "var(--x)", "#zz"):
            self.assertIsNone(colour(bad))
        ramp = Ramp(0, 10, "viridis")
        self.assertEqual((ramp.of(0), ramp.of(10), ramp.of(-5), ramp.of(None)), ("#440154", "#fde725", "#440154", "var(--line)"))


if __name__ == "__main__":
    unittest.main()
