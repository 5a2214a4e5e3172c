"""What templates of cards become."""

import io
import unittest

import support  # noqa: F401

from levada.cards.mustache import render as fill_in


class Mustache(unittest.TestCase):
    DATA = {
        "a": "<b>&\"'", "zero": 0, "none": None, "off": False, "list": [1, {"x": 3}], "rows": [{"k": 1}, {"k": 2}],
        "deep": {"x": "y", "in": {"z": [5, 6]}},
    }  # fmt: skip

    def test_templates(self):
        # What Metaflow's makes of them.
        for template, text in (
            ("{{a}} {{{a}}} {{& a }}", "&lt;b&gt;&amp;&quot;' <b>&\"' <b>&\"'"),
            ("{{zero}}|{{none}}|{{off}}|{{missing}}|", "0||False||"),
            ("{{#list}}[{{.}}{{x}}]{{/list}}", "[1][{'x': 3}3]"),
            ("{{#rows}}{{k}}{{zero}},{{/rows}}{{^rows}}none{{/rows}}{{^off}}off{{/off}}", "10,20,off"),
            ("{{deep.x}} {{deep.in.z.1}} {{deep.no.z}}", "y 6 "),
            ("{{#deep}}{{x}}{{#in}}{{#z}}{{.}};{{/z}}{{/in}}{{/deep}}", "y5;6;"),
            ("a\n{{! note }}\n<ul>\n  {{#rows}}\n  <li>{{k}}\n  {{/rows}}\n", "a\n<ul>\n  <li>1\n  <li>2\n"),
            ("if (a) { b = {c: {d: 1}}; }", "if (a) { b = {c: {d: 1}}; }"),
        ):
            with self.subTest(template):
                self.assertEqual(fill_in(template, self.DATA), text)
        self.assertEqual(fill_in(io.StringIO("{{a}}"), {"a": 1}), "1")

    def test_sections_that_do_not_match(self):
        for template in ("{{#a}}", "{{/a}}", "{{#a}}{{/b}}"):
            with self.subTest(template), self.assertRaises(ValueError):
                fill_in(template, {})


if __name__ == "__main__":
    unittest.main()
