"""The values of a run: conversion, defaults, and what the user is told."""

import os
import unittest

from support import FlowTest

FLOW = """
class F(FlowSpec):
    %s

    @step
    def start(self):
        pass

F()
"""


class Parameters(FlowTest):
    def parameters(self, declaration, values=None, **fields):
        host = self.host(FLOW % declaration)
        self.assertEqual(host.described["type"], "definition", host.described)
        return host.parameters(values, **fields)

    def value(self, declaration, text=None):
        result = self.parameters("p = " + declaration, {} if text is None else {"p": text})
        self.assertOk(result)
        return result.values()["p"]

    def usage(self, declaration, text, message):
        result = self.parameters("p = " + declaration, {} if text is None else {"p": text})
        self.assertEqual(result.done, {"type": "usage", "message": message, "parameter": "p"})
        self.assertEqual(result.exited["code"], 1)

    def test_conversion(self):
        for declaration, text, value in [
            ("Parameter('p', type=int)", "5", 5),
            ("Parameter('p', type=int)", ["4", "5"], 5),
            ("Parameter('p', type=int)", None, None),
            ("Parameter('p', default=1)", "7", 7),
            ("Parameter('p', default=1.5)", "2", 2.0),
            ("Parameter('p', type=float, default=1)", None, 1.0),
            ("Parameter('p', default=True)", "no", False),
            ("Parameter('p', type=bool)", "T", True),
            ("Parameter('p')", "", ""),
            ("Parameter('p', type=JSONType)", '{"a": [1]}', {"a": [1]}),
            ("Parameter('p', type=JSONType, default=[1])", None, [1]),
            ("Parameter('p', type=JSONType, default='[2]')", None, [2]),
            ("Parameter('p', separator=',')", "a,b", ["a", "b"]),
            ("Parameter('p', separator=',')", "", ""),
            ("Parameter('p', separator=',', default='a,b')", None, ["a", "b"]),
            ("Parameter('p', default=lambda ctx: 5, type=int)", None, 5),
            ("Parameter('p', required=True, default='x')", None, "x"),
            ("Parameter('p', default=lambda c: '/'.join(map(str, c)))", None, "F/tester/p/"),
        ]:
            with self.subTest("%s %r" % (declaration, text)):
                found = self.value(declaration, text)
                if value == "F/tester/p/":
                    self.assertTrue(found.startswith("F/tester/p/<function"), found)
                    self.assertTrue(found.endswith("/local/{}"), found)
                    continue
                self.assertEqual((found, type(found)), (value, type(value)))

    def test_usage(self):
        self.usage("Parameter('p', type=int)", "abc", "Invalid value for '--p': abc is not a valid integer")
        self.usage("Parameter('p', type=float)", "abc", "Invalid value for '--p': abc is not a valid float")
        self.usage("Parameter('p', type=bool)", "abc", "Invalid value for '--p': abc is not a valid boolean")
        self.usage("Parameter('p', type=JSONType)", "{", "Invalid value for '--p': { is not a valid JSON object")
        self.usage("Parameter('p', required=True)", None, "Missing option '--p'.")
        self.usage(
            "IncludeFile('p')", "/nope", "Invalid value for '--p': the file '/nope' cannot be read: "
            "No such file or directory",
        )  # fmt: skip
        self.usage(
            "IncludeFile('p')",
            "s3://x",
            "Invalid value for '--p': s3://x is not a local file. Only local files can be included.",
        )

    def test_functions_that_fail(self):
        for function, text in [
            ("lambda c: True", "ParameterFieldTypeMismatch"),
            ("lambda c: '5'", "ParameterFieldTypeMismatch"),
            ("lambda c: 1 // 0", "ParameterFieldFailed"),
        ]:
            result = self.parameters("p = Parameter('p', type=int, default=%s)" % function)
            self.assertFalse(result.ok)
            self.assertIn(text, result.done["exception"]["type"])
            self.assertIn("'p'", result.stderr)
        self.assertIn("ZeroDivisionError", result.done["exception"]["message"])

    def test_constants_name_and_display(self):
        result = self.parameters(
            "a = Parameter('a-b', default=1); C = 2; _lock = __import__('threading').Lock(); _p = 3; x = [1]"
        )
        self.assertOk(result)
        self.assertEqual(result.values(), {"a": 1, "C": 2, "name": "F", "_p": 3, "x": [1]})
        self.assertEqual(result.done["display"], {"a-b": "1"})

    def test_files(self):
        small, large = self.write("ab", head=""), self.write("x" * 300000, head="")
        result = self.parameters(
            "a = IncludeFile('a'); b = IncludeFile('b', is_text=False, default=%r)" % large, {"a": small}
        )
        self.assertOk(result)
        self.assertEqual((result.artifacts["a"].data, result.artifacts["b"].data), (b"ab", b"x" * 300000))
        self.assertEqual((result.artifacts["a"].codec, result.artifacts["a"].type), ("file", "str"))
        self.assertEqual(result.artifacts["b"].type, "bytes")
        self.assertIn("Including file %s of size 2B" % small, result.stderr)
        self.assertEqual(result.done["display"], {"a": small, "b": large})
        self.assertTrue(os.path.exists(large))

    def test_lines_of_files(self):
        from levada import IncludeFile

        self.assertEqual(IncludeFile("a").decode(b"a\r\nb\rc\n"), "a\nb\nc\n")
        self.assertEqual(IncludeFile("a", parser=str.splitlines).decode(b"a\r\nb"), ["a", "b"])
        self.assertEqual(IncludeFile("a", is_text=False).decode(b"a\r\n"), b"a\r\n")

    def test_defaults_for_help(self):
        host = self.host(
            FLOW % "a = Parameter('a', default=lambda c: 'x'); b = Parameter('b', default=lambda c: 1 // 0)"
        )
        result = host.defaults()
        self.assertEqual(result.done, {"type": "defaults", "display": {"a": "x"}})

    def test_options_of_click(self):
        for declaration, text, value in [
            ("Parameter('p', is_flag=True, default=False)", None, False),
            ("Parameter('p', is_flag=True, default=False)", "True", True),
            ("Parameter('p', is_flag=True)", None, False),
            ("Parameter('p', is_flag=True, type=bool)", "1", True),
            ("Parameter('p', is_flag=True, default=True)", "False", False),
            ("Parameter('p', flag_value='big')", None, None),
            ("Parameter('p', flag_value='big')", "big", "big"),
            ("Parameter('p', flag_value=5, type=int)", "5", 5),
            ("Parameter('p', multiple=True)", None, ()),
            ("Parameter('p', multiple=True)", "a", ("a",)),
            ("Parameter('p', multiple=True)", ["a", "b"], ("a", "b")),
            ("Parameter('p', multiple=True, default=[1])", ["2"], (2,)),
            ("Parameter('p', multiple=True, default=[1])", None, (1,)),
            ("Parameter('p', multiple=True, default=lambda c: ['x', 'y'])", None, ("x", "y")),
            ("Parameter('p', nargs=2, type=int)", None, ()),
            ("Parameter('p', nargs=2, type=int)", ["1", "2"], (1, 2)),
            ("Parameter('p', nargs=2, type=int)", ["1", "2", "3", "4"], (3, 4)),
            ("Parameter('p', nargs=2, default=(1, 2))", None, (1, 2)),
            ("Parameter('p', nargs=2, multiple=True, type=int)", ["1", "2", "3", "4"], ((1, 2), (3, 4))),
            ("Parameter('p', nargs=2, multiple=True, default=[(1, 2)])", None, ((1, 2),)),
            ("Parameter('p', type=(str, int))", ["1", "2"], ("1", 2)),
            ("Parameter('p', type=[str, int], default=('a', '3'))", None, ("a", 3)),
            ("Parameter('p', type=(str, bool), multiple=True)", ["1", "1", "0", "0"], (("1", True), ("0", False))),
            ("Parameter('p', count=True)", None, 0),
            ("Parameter('p', count=True, default=2)", None, 2),
            ("Parameter('p', count=True)", ["1", "1"], 2),
            ("Parameter('p', count=True)", "3", 3),
            ("Parameter('p', callback=lambda ctx, param, value: (param.name, value))", "a", ("p", "a")),
            ("Parameter('p', callback=lambda ctx, param, value: value + 1, default=1)", None, 2),
            ("Parameter('p', callback=lambda ctx, param, value: value.upper(), separator=',')", "a,b", ["A", "B"]),
            ("Parameter('p', default='x', prompt=False, is_eager=True, hidden=True)", None, "x"),
        ]:
            with self.subTest("%s %r" % (declaration, text)):
                found = self.value(declaration, text)
                self.assertEqual((found, type(found)), (value, type(value)))
        self.usage("Parameter('p', multiple=True, type=int)", ["1", "x"],
                   "Invalid value for '--p': x is not a valid integer")  # fmt: skip
        self.usage("Parameter('p', nargs=2, default=['a'])", None,
                   "Invalid value for '--p': 2 values are expected, not ['a']")  # fmt: skip
        self.usage("Parameter('p', type=(str, int))", ["1", "x"],
                   "Invalid value for '--p': x is not a valid integer")  # fmt: skip
        self.usage("Parameter('p', multiple=True, required=True)", None, "Missing option '--p'.")
        failed = self.parameters("p = Parameter('p', callback=lambda ctx, param, value: 1 // 0)")
        self.assertIn("ParameterFieldFailed", failed.done["exception"]["type"])

    def test_what_the_definition_says_of_options(self):
        def described(declaration):
            parameter = self.host(FLOW % ("p = " + declaration)).definition["parameters"][0]
            return {key: parameter[key] for key in parameter if key not in ("name", "attribute", "type", "line")}

        self.assertEqual(described("Parameter('p', is_flag=True, default=False)"), {"flag": "True", "default": False})
        self.assertEqual(described("Parameter('p', count=True)"), {"flag": "1"})
        self.assertEqual(described("Parameter('p', nargs=2, multiple=True)"), {"arity": 2, "many": True})
        self.assertEqual(
            described("Parameter('p', type=(str, float, JSONType))"),
            {"arity": 3, "metavar": "<TEXT FLOAT JSON>..."},
        )
        self.assertEqual(
            described("Parameter('p', envvar='X', show_envvar=True, metavar='WORD', hidden=True, help='h')"),
            {"variables": ["X"], "metavar": "WORD", "hidden": True, "help": "h  [env var: X]"},
        )
        self.assertEqual(
            described("Parameter('p', default=1, show_default='one')"),
            {"default": 1, "hide_default": True, "help": "[default: (one)]"},
        )

    def test_what_functions_know_of_the_project(self):
        names = ("project_name", "branch_name", "is_user_branch", "is_production", "project_flow_name", "flow_name")
        declaration = "p = Parameter('p', default=lambda c: repr([getattr(current, n) for n in %r]))" % (names,)
        project = {"name": "a", "branch": "user.b", "user_branch": True, "production": False, "flow_name": "a.user.b.F"}
        result = self.parameters(declaration, project=project)
        self.assertEqual(result.values()["p"], "['a', 'user.b', True, False, 'a.user.b.F', 'F']")
        declaration = "p = Parameter('p', default=lambda c: str(hasattr(current, 'project_name')))"
        self.assertEqual(self.parameters(declaration).values()["p"], "False")

    def test_click_types(self):
        source = (
            """
class Choice:
    name = "choice"
    def convert(self, value, param, ctx):
        if value not in ("a", "b"):
            raise ValueError("%s is not one of a, b" % value)
        return value

"""
            + FLOW % "p = Parameter('p', type=Choice())"
        )
        host = self.host(source)
        self.assertEqual(host.parameters({"p": "a"}).values()["p"], "a")
        self.assertEqual(host.parameters({"p": "c"}).done["message"], "Invalid value for '--p': c is not one of a, b")
        pair = source.replace("p = Parameter('p', type=Choice())", "p = Parameter('p', type=Tuple())").replace(
            "class F(", "class Tuple:\n    is_composite = True\n    types = [Choice(), int]\n\nclass F("
        )
        self.assertEqual(self.host(pair).parameters({"p": ["b", "2"]}).values()["p"], ("b", 2))


    def test_a_runner_gives_each_value_its_type(self):
        from levada.commandline import command_words

        described = self.host(FLOW % "p = Parameter('p', type=(str, int))").definition
        self.assertEqual(command_words("run", described, {"p": ("a", 1)}), ["run", "--p", "a", "1"])

    def test_a_parameter_called_name_has_its_own_value(self):
        self.assertEqual(self.value("Parameter('name', default='ada')"), "ada")
        values = self.parameters("name = Parameter('name', default='ada')").values()
        self.assertEqual(values["name"], "ada")
        self.assertEqual(self.parameters("p = Parameter('p', default=1)").values()["name"], "F")
        self.assertEqual(self.parameters("name = 'x'").values()["name"], "x")

    def test_a_default_that_cannot_be(self):
        result = self.parameters("p = IncludeFile('p', default='/nothing')", {})
        self.assertIn("This is its default. Give another value with --p", result.done["message"])
        self.assertNotIn("default", self.parameters("p = IncludeFile('p')", {"p": "/nothing"}).done["message"])


class Declarations(FlowTest):
    def test_mistakes(self):
        from levada.exceptions import MetaflowException
        from levada.parameters import Parameter

        with self.assertRaises(MetaflowException):
            Parameter("p", type=int, separator=",")
        with self.assertRaises(MetaflowException):
            Parameter("p", required=lambda: True)

    def test_options_that_cannot_be(self):
        from levada import IncludeFile, Parameter
        from levada.exceptions import MetaflowException

        for arguments, text in [
            ({"prompt": True}, "has prompt=True, which Levada does not have: a run asks for nothing when it starts"),
            ({"allow_from_autoenv": False}, "has allow_from_autoenv=False, which Levada does not have"),
            ({"nargs": -1}, "has nargs=-1"),
            ({"nargs": 2, "default": "ab"}, "takes several values, so its default is a list of them, not 'ab'"),
            ({"count": True, "is_flag": True}, "has is_flag and count, but can have only one of them"),
            ({"multiple": True, "separator": ","}, "has multiple and separator, but can have only one of them"),
            ({"callback": "f"}, "has callback='f', which is not a function"),
            ({"type": (str, int), "nargs": 3}, "has nargs=3 and a type for 2 values"),
            ({"type": (str, int), "is_flag": True}, "has is_flag and a tuple as its type, but can have only one of them"),
            ({"param_decls": ["-p"]}, "has no argument 'param_decls'"),
        ]:
            with self.subTest(text), self.assertRaisesRegex(MetaflowException, "'p' " + text):
                Parameter("p", **arguments)
        with self.assertRaisesRegex(MetaflowException, "'p' has multiple, which an IncludeFile cannot have"):
            IncludeFile("p", multiple=True)

    def test_outside_of_a_run(self):
        from levada import FlowSpec, Parameter

        class F(FlowSpec):
            p = Parameter("p", default=1)

        flow = F(use_cli=False)
        self.assertEqual(str(flow), "<flow F>")
        self.assertIsNone(flow.index)
        self.assertEqual(flow.name, "F")
        with self.assertRaises(AttributeError):
            flow.nope


if __name__ == "__main__":
    unittest.main()
