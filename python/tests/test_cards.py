"""What components are described as, and what their descriptions look like as HTML."""

import contextlib
import io
import json
import os
import re
import sys
import types
import unittest
from datetime import date
from html.parser import HTMLParser
from unittest import mock
from urllib.parse import unquote

import support  # noqa: F401

from levada.cards import yaml
from levada.cards.collector import AttachedCard, CardComponentCollector, ComponentStore
from levada.cards.component import rendered
from levada.cards.exceptions import ComponentOverwriteNotSupportedException
from levada.cards.markdown import to_html
from levada.cards.page import html_of, number_text, page
from levada.cards.values import text_of
from metaflow.cards import (
    Artifact,
    Error,
    EventsTimeline,
    Image,
    JSONViewer,
    Markdown,
    MetaflowCardComponent,
    PageComponent,
    ProgressBar,
    PythonCode,
    Table,
    ValueBox,
    VegaChart,
    YAMLViewer,
)

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
VOID = {"meta", "br", "hr", "img"}


class Number:
    """A number as numpy has them."""

    shape = ()

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


class Checked(HTMLParser):
    """Reads HTML and keeps what there is in it; every element must be closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, "not closed: %s" % self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, "</%s> closes %s" % (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


class CardTest(unittest.TestCase):
    maxDiff = None

    def shown(self, component):
        """The elements of a component's HTML. No element and no attribute in it may do anything."""
        html = html_of(rendered(component) if isinstance(component, MetaflowCardComponent) else component)
        checked = Checked(html)
        for tag, attributes in checked.elements:
            self.assertNotIn(tag, ("script", "iframe", "object", "embed", "form", "link", "base", "style"), html)
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on"), html)
                if name in ("src", "href", "xlink:href"):
                    self.assertRegex(value, r"^(data:image/|https?://|mailto:|#)", html)
        return checked

    def text(self, component):
        return " ".join("".join(self.shown(component).text).split())


class Components(CardTest):
    def described(self, component):
        shown = component.render()
        self.assertIsInstance(shown.pop("id"), str)
        return shown

    def test_floats(self):
        for value, text, grouped in (
            (1 / 3, "0.333333", "0.333333"),
            (1234567.89, "1234567.89", "1,234,567.89"),
            (16777217.0, "16777217", "16,777,217"),
            (-150000.0, "-150000", "-150,000"),
            (1e-9, "1e-09", "1e-09"),
            (1e20, "1e+20", "1e+20"),
            (float("nan"), "nan", "nan"),
        ):
            self.assertEqual((number_text(value), number_text(value, grouped=True)), (text, grouped))

    def test_markdown(self):
        self.assertEqual(self.described(Markdown("  a\n  b")), {"type": "markdown", "source": "\na\nb"})
        self.assertEqual(self.described(Markdown("# T")), {"type": "markdown", "source": "# T"})
        self.assertEqual(self.described(Markdown()), {"type": "markdown", "source": None})
        self.assertEqual(html_of(Markdown().render()), "")
        changed = Markdown("a")
        changed.update("b")
        self.assertEqual(self.text(changed), "b")

    def test_table(self):
        class Other:
            pass

        class Long(Number):
            """One that Python has no number for: a longdouble."""

            def item(self):
                return Long(self.value)

        row = [1, 2.5, "a", True, None, {"a": 1}, [1], (Number(2),), Long(1), b"x"]
        shown = self.described(Table([row], headers=["h"]))
        self.assertEqual(shown["data"], [[1, 2.5, "a", True, None, {"a": 1}, [1], (2,), "<object>", "<object>"]])
        self.assertEqual((shown["columns"], shown["vertical"]), (["h"], False))
        self.assertEqual(self.described(Table([1, 2]))["data"], [[]])
        self.assertIn("An empty table", self.text(Table()))
        html = self.shown(Table([[1, Markdown("**x**")], [22, "y"]], headers=["n", HOSTILE]))
        self.assertEqual([a["scope"] for a in html.all("th")], ["col", "col"])
        self.assertEqual([a.get("class") for a in html.all("td")], ["num", None, "num", None])
        self.assertEqual(len(html.all("strong")), 1)
        uneven = self.shown(Table([[1], [1, 2, 3]], headers=["a"]))
        self.assertEqual((len(uneven.all("td")), len(uneven.all("th"))), (6, 3))

    def test_data_frame(self):
        class Index:
            names = [None]

        class Head:
            def __init__(self, frame, count):
                self.iloc = self
                self.rows, self.count, self.width = frame.rows, count, 2

            def __getitem__(self, key):
                self.width = key[1].stop
                return self

            def itertuples(self, index, name):
                return [(i, *row[: self.width]) for i, row in enumerate(self.rows[: self.count])]

        class Frame:
            columns, index = ["a", "b"], Index()
            rows = [(i, float("nan")) for i in range(150)]
            shape = (150, 2)
            itertuples = None

            def head(self, count):
                return Head(self, count)

        shown = self.described(Table.from_dataframe(Frame()))
        self.assertEqual((shown["columns"], len(shown["data"]), shown["data"][1]), (["", "a", "b"], 100, [1, 1, None]))
        self.assertEqual(shown["caption"], "100 of 150 rows, 2 of 2 columns")
        self.assertEqual(len(self.described(Table.from_dataframe(Frame(), truncate=False))["data"]), 150)
        self.assertEqual(self.described(Table.from_dataframe(7))["data"], [[]])

    def test_what_has_no_shape_is_no_frame(self):
        """Its class is that of a frame, but it is empty so far."""

        class Sheet:
            columns, rows, shape = (), (), None

        class Cube(Sheet):
            shape = ()

        for value in (Sheet(), Cube()):
            self.assertIn("object at", text_of(value))
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(self.described(Table.from_dataframe(value))["data"], [[]])
            self.assertIn("a data frame is needed", said.getvalue())

    def test_frame_that_is_yet_to_be_computed(self):
        """It is not asked for what it would have to compute, and which may fail."""

        class Lazy:
            def collect(self):
                raise OSError("gone")

            columns = property(collect)

        class Partitioned:
            columns, itertuples = ["a"], None
            shape = (object(), 1)  # a number that is yet to be counted

            def compute(self):
                raise OSError("gone")

        for value, method in ((Lazy(), "collect"), (Partitioned(), "compute")):
            self.assertIn("object at", text_of(value))
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(self.described(Table.from_dataframe(value))["data"], [[]])
            self.assertIn("Table.from_dataframe: a data frame is needed, not ", said.getvalue())
            self.assertIn(".%s. %s() makes one of it." % (type(value).__name__, method), said.getvalue())

    def test_image(self):
        png = b"\x89PNG\r\n\x1a\n123"
        shown = self.described(Image(png, "A <label>"))
        self.assertEqual(shown, {"type": "image", "src": "data:image/png;base64,iVBORw0KGgoxMjM=", "label": "A <label>"})
        html = self.shown(Image(png, "A <label>"))
        self.assertEqual(html.all("img")[0]["alt"], "A <label>")
        self.assertTrue(self.shown(Image(png)).all("img")[0]["alt"])
        for bad in (None, b"zzz", "http://example.org/x.png", 3, "javascript:alert(1)"):
            shown = Image(bad).render()
            self.assertEqual(shown["type"], "log")
            self.assertTrue(shown["data"].startswith("[IMAGE_RENDER FAIL]: "), shown)
        for bad in (Image.from_pil_image(3), Image.from_matplotlib(3)):
            self.assertTrue(bad.render()["data"].startswith("[IMAGE_RENDER FAIL]: "))
        for head, kind in ((b"\xff\xd8\xff", "jpeg"), (b"GIF89a", "gif"), (b"RIFF0000WEBP", "webp")):
            self.assertIn("image/" + kind, Image(head).render()["src"])
        hostile = {"type": "image", "src": 'data:image/png;base64,AA" onerror="alert(1)', "label": None}
        self.assertFalse(self.shown(hostile).all("img"))

    def test_svg_that_is_written_down(self):
        svg = '<svg xmlns="http://www.w3.org/2000/svg"><text fill="#f00" y="50%">\u00e9 %41</text></svg>'
        for kind in ("svg+xml", "svg+xml;utf8", "svg+xml;charset=utf-8"):
            (picture,) = self.shown(Image("data:image/%s,%s" % (kind, svg))).all("img")
            head, _, source = picture["src"].partition(",")
            self.assertEqual(head, "data:image/" + kind)
            self.assertEqual(unquote(source), svg.replace("%41", "A"))
            self.assertNotRegex(source, '[<>#"]')

    def test_image_of_others(self):
        class Picture:
            mode = "RGB"

            def save(self, out, format):
                out.write(b"\x89PNG\r\n\x1a\npil")

        class PictureForPrint:
            mode = "CMYK"

            def save(self, out, format):
                raise OSError("cannot write mode CMYK as PNG")

            def convert(self, mode):
                return Picture()

        class Figure:
            def savefig(self, out, format, bbox_inches):
                out.write(b"\x89PNG\r\n\x1a\nfigure")

        class Axes:
            def get_figure(self):
                return Figure()

        for image in (Image.from_pil_image(Picture()), Image(PictureForPrint()), Image.from_matplotlib(Figure()), Image.from_matplotlib(Axes()), Image(Figure())):
            self.assertEqual(image.render()["type"], "image")
        image = Image.from_pil_image(Picture())
        self.assertTrue(image.REALTIME_UPDATABLE)
        before = image.render()["src"]
        image.update(Axes(), "new")
        self.assertNotEqual(image.render()["src"], before)
        self.assertEqual(image.render()["label"], "new")
        fixed = Image(b"GIF89a")
        self.assertFalse(fixed.REALTIME_UPDATABLE)
        before = fixed.render()["src"]
        fixed.update(b"GIF89b")
        self.assertEqual(fixed.render()["src"], before)

    def test_array(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("no numpy")
        from base64 import b64decode
        from zlib import decompress

        src = Image(numpy.array([[0.0, 1.0], [0.5, 0.25]])).render()["src"]
        data = b64decode(src.split(",")[1])
        at = data.index(b"IDAT") + 4
        self.assertEqual(decompress(data[at:-16]), b"\0\x00\xff\0\x80\x40")
        self.assertEqual(Image(numpy.zeros((2, 3, 3), "uint8")).render()["type"], "image")
        self.assertEqual(Image(numpy.zeros((2, 3, 7))).render()["type"], "log")
        with_nan = Image(numpy.array([[numpy.nan, 1.0], [0.5, 0.25]])).render()["src"]
        self.assertEqual(with_nan, src)
        self.assertEqual(Image(numpy.eye(2, dtype="int8")).render(), dict(Image(numpy.eye(2)).render(), id=mock.ANY))

    def test_value_box(self):
        shown = self.described(ValueBox("t", 3, "s", "success", "+3"))
        self.assertEqual(shown, {"type": "valueBox", "value": 3, "title": "t", "subtitle": "s", "theme": "success", "change_indicator": "+3"})
        for bad, error in (
            ({"value": None}, ValueError), ({}, ValueError), ({"value": "  "}, ValueError), ({"value": []}, TypeError),
            ({"value": "x" * 101}, ValueError), ({"value": 1e16}, ValueError), ({"value": 1, "title": ""}, ValueError),
            ({"value": 1, "title": 3}, TypeError), ({"value": 1, "title": "x" * 201}, ValueError),
            ({"value": 1, "subtitle": "x" * 301}, ValueError), ({"value": 1, "change_indicator": "x" * 201}, ValueError),
            ({"value": 1, "theme": "9 x"}, ValueError), ({"value": 1, "theme": 'a" onclick="x'}, ValueError),
        ):
            with self.assertRaises(error, msg=bad):
                ValueBox(**bad)
        box = ValueBox("t", 1)
        with self.assertRaises(TypeError):
            box.update(value=[])
        box.update(value=2, theme="danger")
        self.assertEqual(self.described(box), {"type": "valueBox", "value": 2, "title": "t", "theme": "danger"})
        html = page({"components": [rendered(ValueBox("a", 1234567)), rendered(ValueBox("b", 2)), rendered(Markdown("x"))]})
        self.assertEqual(html.count('<div class="tiles">'), 1)
        self.assertIn("1,234,567", html)

    def test_progress_bar(self):
        self.assertEqual(self.described(ProgressBar()), {"type": "progressBar", "max": 100, "value": 0})
        bar = ProgressBar(10, "rows", 3, "k", {"a": 1})
        bar.update(4, {"b": 2})
        self.assertEqual(self.described(bar), {"type": "progressBar", "max": 10, "value": 4, "label": "rows", "unit": "k", "details": {"b": 2}})
        attributes = self.shown(bar).all("progress")[0]
        self.assertEqual((attributes["max"], attributes["value"], attributes["aria-label"]), ("10", "4", "rows: 4 of 10 k"))
        self.assertNotIn("value", self.shown(ProgressBar("?", HOSTILE, None)).all("progress")[0])
        self.assertEqual(self.shown(ProgressBar(10, value=99)).all("progress")[0]["value"], "10")
        bar = self.described(ProgressBar(Number(10), value=Number(3), metadata={"loss": Number(0.5)}))
        self.assertEqual(bar, {"type": "progressBar", "max": 10, "value": 3, "details": {"loss": 0.5}})
        self.assertNotIn("max", self.shown(ProgressBar(float("inf"), value=1)).all("progress")[0])

    def test_code(self):
        def function():
            return "<b>"  # it

        self.assertIn("def function", self.described(PythonCode(function))["data"])
        self.assertEqual(self.described(PythonCode(code_string="x = 1")), {"type": "pythonCode", "data": "x = 1"})
        self.assertEqual(PythonCode().render()["type"], "log")
        self.assertEqual(rendered(PythonCode(len))["type"], "log")  # has no source
        for source in ("x = '''\n<b>", "def f(:\n  <i>", "", "if x:\n\ty\n  z", "f'{a}<b>'\n", "é = 'ü' # ß\n", "\\"):
            html = self.shown(PythonCode(code_string=source))
            self.assertEqual("".join(html.text).strip(), source.rstrip("\n").strip())

    def test_code_of_a_method(self):
        html = self.shown(PythonCode(code_string="    @step\n    def end(self):\n        pass\n"))
        self.assertIn("@step\ndef end(self):\n    pass", "".join(html.text))

    def test_timeline_of_one_event(self):
        line = EventsTimeline("T")
        line.update({"n": 1})
        self.assertIn("1 event ", "".join(self.shown(line).text))

    def test_timeline(self):
        line = EventsTimeline("T", max_events=2)
        for i in range(3):
            event = {"n": i}
            line.update(event, "success", "high", {"m": Markdown("p%d" % i)})
            self.assertIn("timestamp", event)
        shown = self.described(line)
        self.assertEqual([event["metadata"]["n"] for event in shown["events"]], [2, 1])
        self.assertEqual(shown["events"][0]["payloads"]["m"]["source"], "\np2")
        self.assertEqual(shown["config"], {"show_stats": True, "show_relative_time": True, "max_events": 2})
        stats = line.get_stats()
        self.assertEqual((stats["total_events"], stats["displayed_events"], stats["finished"]), (3, 2, False))
        line.update({}, finished=True)
        self.assertTrue(line.get_stats()["finished"])
        with self.assertRaises(TypeError):
            line.update({}, payloads={"x": Table()})
        with self.assertRaises(ValueError):
            line.update({}, style_theme="9 x")
        self.assertEqual(line.get_stats()["total_events"], 4)
        empty = {"total_events": 0, "displayed_events": 0, "last_update": None, "first_event": None, "finished": False}
        self.assertEqual(EventsTimeline().get_stats(), empty)
        self.shown(line)
        self.assertIn("the last 2 shown", self.text(line))

    def test_viewers(self):
        shown = self.described(JSONViewer({"a": [1, object]}, max_height="300px", title="t"))
        self.assertEqual(shown["json_string"], '{\n  "a": [\n    1,\n    "<class \'object\'>"\n  ]\n}')
        self.assertEqual((shown["title"], shown["max_height"], shown["collapsible"], shown["show_copy_button"]), ("t", "300px", True, True))
        self.assertEqual(self.described(YAMLViewer({}))["title"], "YAML")
        self.assertIn("data-copy", html_of(rendered(JSONViewer({}))))
        self.assertNotIn("data-copy", html_of(rendered(JSONViewer({}, show_copy_button=False))))
        self.assertNotIn("expression", html_of(rendered(JSONViewer({}, max_height="1px;x:expression(1)"))))

    def test_what_json_and_yaml_do_not_have(self):
        data = {(1, date(2026, 1, 2)): [{date(2026, 1, 2): Number(0.5)}], Number(3): {1}, None: ()}
        text = self.described(JSONViewer(data))["json_string"]
        day = repr(date(2026, 1, 2))
        self.assertEqual(json.loads(text), {"(1, %s)" % day: [{day: 0.5}], "3": "{1}", "null": []})
        self.assertEqual(self.described(YAMLViewer({Number(3): Number(0.5)}))["yaml_string"], "3: 0.5\n")
        data = {}
        data["self"] = data
        self.assertEqual(self.described(JSONViewer(data))["json_string"], "{'self': {...}}")
        self.assertEqual(self.described(YAMLViewer(data))["yaml_string"], "{'self': {...}}")

    def test_messages_name_public_classes(self):
        if sys.version_info < (3, 10):
            self.skipTest("this Python names no class")
        for cls in (Artifact, Error, Image, JSONViewer, Markdown, ProgressBar, PythonCode, Table, ValueBox, VegaChart, YAMLViewer):
            for method in ("__init__", "update"):
                with self.subTest(cls=cls, method=method):
                    owner = getattr(cls, method).__qualname__.partition(".")[0]
                    self.assertIn(owner, (cls.__name__, "MetaflowCardComponent"))
        with self.assertRaisesRegex(TypeError, r"^JSONViewer\.__init__\(\) got an unexpected"):
            JSONViewer({}, collapsed=True)

    def test_yaml(self):
        data = {"a": [1, {"b": "c: d", "e": [[], {}]}], "n": None, "t": True, "yes": "no", "x": "it's", "l": "a\nb", "f": 1.5, "i": float("inf"), "s": "", "num": "12"}
        text = yaml.dump(data)
        try:
            from yaml import safe_load
        except ImportError:
            self.assertIn("a:\n- 1\n- b: 'c: d'\n  e:\n  - []\n  - {}\n", text)
            self.assertIn('\'n\': null\nt: true\n\'yes\': \'no\'\nx: "it\'s"\nl: "a\\nb"\nf: 1.5\ni: .inf\ns: ""\nnum: \'12\'\n', text)
        else:
            self.assertEqual(safe_load(text), data)

    def test_error_and_others(self):
        self.assertEqual(self.described(Error(ValueError("x"), "T")), {"type": "log", "data": "T\n\nValueError('x')"})
        shown = self.described(Artifact({"a": 1}, "n"))["data"]
        self.assertEqual(shown, [{"type": "dict", "data": "{'a': 1}", "large_object": False, "supported_type": False, "only_repr": True, "name": "n"}])
        self.assertLess(len(self.described(Artifact("x" * 10**6))["data"][0]["data"]), 5000)
        self.assertEqual(PageComponent("a", "b", [Markdown("x")]).render()["contents"][0]["source"], "\nx")
        self.assertEqual(PageComponent().render(), {"type": "page", "contents": []})

        class Broken(MetaflowCardComponent):
            def render(self):
                raise KeyError("x")

        class Odd(MetaflowCardComponent):
            def render(self):
                return 7

        class Bad:
            def __repr__(self):
                raise ValueError

        self.assertIn("Render failed of component named `Broken`", rendered(Broken())["data"])
        self.assertEqual(rendered(Odd())["type"], "log")
        self.assertIn("its repr raised ValueError", self.text(Artifact(Bad(), compressed=False)))
        self.assertIn("Bad instance", self.text(Artifact(Bad())))

    def test_hostile_text_stays_text(self):
        line = EventsTimeline(HOSTILE)
        line.update({HOSTILE: HOSTILE}, priority=HOSTILE, payloads={HOSTILE: Markdown(HOSTILE)})
        chart = {"title": HOSTILE, "data": {"values": [{HOSTILE: HOSTILE, "b": 1}]}, "mark": {"type": "bar", "color": HOSTILE},
                 "encoding": {"x": {"field": HOSTILE, "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}, "color": {"field": HOSTILE}}}
        for component in (
            Markdown(HOSTILE), Table([[HOSTILE]], [HOSTILE]), Artifact(HOSTILE, HOSTILE), Error(ValueError(HOSTILE), HOSTILE),
            ProgressBar(10, HOSTILE, 3, HOSTILE, {HOSTILE: HOSTILE}), ValueBox(HOSTILE[:90], HOSTILE[:90], HOSTILE, None, HOSTILE),
            PythonCode(code_string=HOSTILE), JSONViewer({HOSTILE: HOSTILE}, title=HOSTILE), YAMLViewer({HOSTILE: HOSTILE}, title=HOSTILE),
            line, VegaChart(chart), VegaChart({HOSTILE: HOSTILE}), Image(b"GIF89a", HOSTILE), PageComponent(HOSTILE, HOSTILE, [HOSTILE, 7, {"type": HOSTILE}]),
            {"type": "section", "title": HOSTILE, "contents": [{"type": "title", "text": HOSTILE}]}, {"type": "dag", "data": {HOSTILE: {"next": [HOSTILE]}}, "step": HOSTILE},
        ):
            with self.subTest(component=component):
                self.assertIn("alert(1)", self.text(component))

    def test_malformed_descriptions_are_shown_as_what_they_are(self):
        for component in (None, 7, [], {}, {"type": "nosuch"}, {"type": "table", "data": 7}, {"type": "artifacts", "data": [3]},
                          {"type": "eventsTimeline", "events": [None]}, {"type": "dag", "data": {"a": None}}, {"type": "vegaChart", "spec": 3, "options": None}):
            with self.subTest(component=component):
                self.shown(component)
        deep = {"type": "section", "contents": []}
        for _ in range(3000):
            deep = {"type": "section", "contents": [deep]}
        self.assertIn("nested too deeply", html_of(deep))


class Page(CardTest):
    def test_page_is_whole_and_closed(self):
        html = page({"title": HOSTILE, "kicker": HOSTILE, "facts": [(HOSTILE, HOSTILE)], "live": HOSTILE, "footer": HOSTILE,
                     "components": [rendered(Markdown("# T\ntext"))]})
        checked = Checked(html)
        self.assertEqual(len(checked.all("script")), 1)
        self.assertEqual(len(checked.all("h1")), 1)
        self.assertEqual(len(checked.all("main")), 1)
        self.assertEqual(checked.all("html")[0], {"lang": "en"})
        policy = next(a["content"] for a in checked.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe-inline'; script", policy.replace("style-src 'unsafe-inline'", ""))
        from base64 import b64encode
        from hashlib import sha256

        script = html[html.index("<script>") + 8 : html.index("</script>")]
        self.assertIn("sha256-" + b64encode(sha256(script.encode()).digest()).decode(), policy)
        self.assertIsNone(re.search(r"(src|href)=\"(?!data:)", html))
        self.assertNotIn("url(", html)
        self.assertNotIn("@import", html)


class MarkdownTest(CardTest):
    def check(self, text, html):
        self.assertEqual(to_html(text).replace("\n", ""), html)
        Checked(to_html(text))

    def test_blocks(self):
        self.check("# a\n## b ##", "<h2>a</h2><h3>b</h3>")
        self.check("a\nb\n\nc", "<p>ab</p><p>c</p>")
        self.check("a  \nb", "<p>a<br>b</p>")
        self.check("T\n===\nU\n---", "<h2>T</h2><h3>U</h3>")
        self.check("---\n***", "<hr><hr>")
        self.check("> a\nb\n\nc", "<blockquote><p>ab</p></blockquote><p>c</p>")
        self.check("```\n<a>\n```", '<pre tabindex="0"><code>&lt;a&gt;</code></pre>')
        self.check("    x\n    y", '<pre tabindex="0"><code>xy</code></pre>')
        self.check("```py\nif x: 1\n", '<pre tabindex="0"><code><span class="k">if</span> x: <span class="n">1</span></code></pre>')

    def test_lists(self):
        self.check("- a\n- b", "<ul><li>a</li><li>b</li></ul>")
        self.check("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>')
        self.check("- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>")
        self.check("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>")
        self.check("- a\n\n  b\n\nc", "<ul><li><p>a</p><p>b</p></li></ul><p>c</p>")
        self.check("- [x] a\n- [ ] b", "<ul><li>☑ a</li><li>☐ b</li></ul>")
        self.check("text\n- a", "<p>text</p><ul><li>a</li></ul>")
        self.check("1986. A year", '<ol start="1986"><li>A year</li></ol>')
        self.check("in\n1986. A year", "<p>in1986. A year</p>")
        self.check("-", "<ul><li></li></ul>")

    def test_inline(self):
        self.check("*a* **b** _c_ __d__ ***e***", "<p><em>a</em> <strong>b</strong> <em>c</em> <strong>d</strong> <strong><em>e</em></strong></p>")
        self.check("2 * 3 * 4 a_b_c ~~x~~", "<p>2 * 3 * 4 a_b_c <del>x</del></p>")
        self.check("**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>")
        self.check("*a **b* c**", "<p><em>a **b</em> c**</p>")
        self.check("`a < b` ``x`y``", "<p><code>a &lt; b</code> <code>x`y</code></p>")
        self.check("\\*a\\* \\", "<p>*a* \\</p>")
        self.check("x ** ** ****", "<p>x ** ** ****</p>")
        link = '<a href="%s" target="_blank" rel="noopener noreferrer">%s</a>'
        self.check("[a *b*](https://x.y/z_1 'T')", '<p><a href="https://x.y/z_1" title="T" target="_blank" rel="noopener noreferrer">a <em>b</em></a></p>')
        self.check("see https://x.y/a_b?c=1&d=2.", "<p>see %s.</p>" % (link % (("https://x.y/a_b?c=1&amp;d=2",) * 2)))
        self.check("a &amp; b&nbsp;&#60;&#x3e; &nope; &notin &notit; a&b;", "<p>a &amp; b\xa0&lt;&gt; &amp;nope; &amp;notin &amp;notit; a&amp;b;</p>")
        self.check("`&amp;` one<br>two<br/>three<BR>four", "<p><code>&amp;amp;</code> one<br>two<br>three<br>four</p>")
        self.check("[t](#part)", '<p><a href="#part">t</a></p>')

    def test_what_could_do_harm_is_text(self):
        for text in ("[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](data:text/html,<script>)", "[x]( vbscript:x)", "[x](//evil.org)",
                     "![x](http://evil.org/a.png)", "![x](data:text/html;base64,AAAA)", "<javascript:alert(1)>", "[x](https://a\" onclick=\"alert(1))",
                     "[x](<javascript:a>)", "[x](java\nscript:alert(1))", "![a\" onerror=\"x](data:image/png;base64,AAAA)", "<img src=x onerror=alert(1)>", "<https://x\" onclick=\"a>",
                     "![x](data:image/svg+xml,<svg onload=alert(1)>)", "a\x00b", "[" * 500, "*" * 3000, "`" * 3000, "> " * 200 + "x", "- " * 200 + "x", "![" * 300 + "](x)" * 300):
            with self.subTest(text=text[:40]):
                self.shown(Markdown(text))

    def test_table(self):
        html = self.shown(Markdown("| a | b |\n|---|--:|\n| 1 | x\\|y | z |\n| **2** |\n\nafter"))
        self.assertEqual([a.get("class") for a in html.all("th")], [None, "num"])
        self.assertEqual(len(html.all("td")), 4)
        self.assertIn("x|y", "".join(html.text))
        self.check("a | b\nc", "<p>a | bc</p>")

    def test_long_texts_take_no_time(self):
        from time import process_time

        start = process_time()
        for text in ("*a " * 20000, "`a " * 20000, "[a](" * 20000, "<" * 50000, "- a\n" * 20000, "> a\n" * 20000, "_a_" * 20000, "![[" * 5000):
            to_html(text)
        self.assertLess(process_time() - start, 15)


class Store(unittest.TestCase):
    def test_components(self):
        store = ComponentStore()
        store.append(Markdown("a"), id="x")
        store.append(Markdown("b"))
        store.append("no component")
        self.assertEqual(len(store), 3)  # the warning is seen in the card
        self.assertIn("not str. It was left out; append Markdown(text).", list(store)[2].render()["source"])
        self.assertRegex(store.keys()[1], r"^markdown_[0-9a-f]{6}$")
        self.assertIn("x", store)
        with self.assertRaises(TypeError):
            store.append(Markdown("c"), id=7)
        with self.assertRaises(ComponentOverwriteNotSupportedException):
            store["x"] = Markdown("d")
        store["nosuch"].update("warns")
        self.assertIn("nosuch", store)
        del store["x"]
        store["x"] = Markdown("e")
        self.assertEqual([type(c).__name__ for c in store], ["Markdown", "Markdown", "MissingComponent", "Markdown"])
        store.clear()
        self.assertEqual((store.keys(), store.values(), list(store)), ([], [], []))

    def test_what_is_appended_takes_the_place_of_the_one_with_its_id(self):
        store = ComponentStore()
        store["later"].update("warns")
        for text in ("a", "b"):
            store.append(Markdown(text), id="x")
        store.append(Markdown("c"), id="later")
        self.assertEqual(store.keys(), ["later", "x"])
        self.assertEqual([component.render()["source"].strip() for component in store], ["c", "b"])


class Warnings(unittest.TestCase):
    def test_a_closed_stderr_fails_nothing(self):
        gone = io.StringIO()
        gone.close()
        with mock.patch("sys.stderr", gone):
            ComponentStore().append("text")


class Collector(unittest.TestCase):
    def collector(self, *attributes):
        self.cards = [AttachedCard(i, a) for i, a in enumerate(attributes)]
        return CardComponentCollector(self.cards, None)

    def test_asking_for_a_card_does_not_go_on_for_ever(self):
        collector = self.collector({"id": "a"}, {})
        self.assertTrue("a" in collector and "b" not in collector)
        with self.assertRaises(TypeError):
            list(collector)

    def appended(self):
        return [len(card.components) for card in self.cards]

    def test_which_card_is_meant(self):
        for attributes, want in (
            ([{}], [1]),
            ([{"id": "a"}], [1]),
            ([{"id": "a"}, {}], [0, 1]),
            ([{"type": "taskspec_card"}, {"id": "a"}], [0, 1]),
            ([{"id": "a", "customize": True}, {}], [1, 0]),
        ):
            with self.subTest(attributes=attributes):
                self.collector(*attributes).append(Markdown("x"))
                self.assertEqual(self.appended(), want)

    def test_when_none_is_meant(self):
        collector = self.collector({"id": "a"}, {"id": "b"})
        collector.append(Markdown("x"))
        collector.extend([Markdown("y")])
        self.assertEqual(self.appended(), [1, 1])  # a warning in each, once
        self.assertIsNone(collector.components)
        os.environ["METAFLOW_CARD_NO_WARNING"] = "1"
        try:
            self.collector({}, {}).append(Markdown("x"))
            self.assertEqual(self.appended(), [0, 0])
        finally:
            del os.environ["METAFLOW_CARD_NO_WARNING"]

    def test_by_id(self):
        collector = self.collector({"id": "a"}, {"id": "b", "type": "blank"}, {"id": "not good"}, {"id": "c"}, {"id": "c"})
        collector["a"].append(Markdown("x"), id="m")
        collector["b"] = [Markdown("1"), Markdown("2")]
        collector["b"] = "no list"
        self.assertEqual(len(collector["a"].components), 1)
        self.assertEqual(list(collector["b"]), self.cards[1].components.values())
        self.assertEqual(collector["nosuch"], [])
        self.assertEqual(collector["c"], [])
        collector["nosuch"] = [Markdown("x")]
        self.assertIsNone(self.cards[2].id)
        self.assertEqual(len(collector.get()), 5)
        self.assertEqual(len(collector.get("blank")), 1)
        collector["b"].clear()
        self.assertEqual(self.appended(), [1, 0, 0, 0, 0])


class Imports(unittest.TestCase):
    def test_paths(self):
        import metaflow
        from metaflow.plugins.cards.card_client import Card, CardContainer, get_cards  # noqa: F401
        from metaflow.plugins.cards.card_modules.basic import DefaultCard, ErrorCard  # noqa: F401
        from metaflow.plugins.cards.card_modules.card import MetaflowCard  # noqa: F401
        from metaflow.plugins.cards.card_modules.components import Markdown as Other
        from metaflow.plugins.cards.exception import CardNotPresentException  # noqa: F401

        self.assertIs(Other, Markdown)
        self.assertIs(metaflow.cards.Markdown, Markdown)

    def test_tasks_without_cards_import_nothing_of_them(self):
        import subprocess

        code = "import sys, levada, levada.forkserver; sys.exit(any('cards' in name for name in sys.modules))"
        env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self.assertEqual(subprocess.run([sys.executable, "-c", code], env=env).returncode, 0)

    def test_altair(self):
        module = types.ModuleType("altair.vegalite")
        chart = type("Chart", (), {"to_dict": lambda self: {"mark": "bar"}, "__module__": "altair.vegalite"})
        self.assertEqual(VegaChart.from_altair_chart(chart()).render()["spec"], {"mark": "bar", "width": "container"})
        with self.assertRaises(ValueError):
            VegaChart.from_altair_chart({"mark": "bar"})
        self.assertIsNotNone(module)


if __name__ == "__main__":
    unittest.main()
