"""Configs: how they are read, what stands for them in a class body, what a second process is told."""

import os
import pickle
import subprocess
import sys
import tempfile
import textwrap
import unittest

from support import FlowTest

from levada import config_parsers
from levada.configs import Config, ConfigValue, Delayed, config_expr, is_delayed, resolve
from levada.exceptions import MetaflowException

HEAD = "from levada import *\nimport os\n"

FLOW = """
    class F(FlowSpec):
        c = Config("c", default_value={"n": 1, "deep": {"k": [1, 2]}})
        p = Parameter("p", default=c.n, type=int)
        q = Parameter("q", default=["a", c["deep"].k])
        constant = c.deep.k

        @environment(vars={"N": c.n})
        @step
        def start(self):
            print(self.c.n, self.c.deep.k, self.constant)
            self.next(self.end)

        @step
        def end(self):
            pass

    F()
"""


class Values(unittest.TestCase):
    def test_nothing_changes_a_value(self):
        value = ConfigValue({"a": {"b": 1}})
        for name in ("update", "pop", "popitem", "setdefault", "clear"):
            with self.assertRaises(TypeError):
                getattr(value, name)("a")
        with self.assertRaises(TypeError):
            value |= {"x": 1}
        self.assertEqual(value, {"a": {"b": 1}})

    def test_plain_form(self):
        plain = ConfigValue({"a": [{"b": ({"c": 1},)}]}).to_dict()
        self.assertIs(type(plain), dict)
        self.assertIs(type(plain["a"][0]), dict)
        self.assertIs(type(plain["a"][0]["b"][0]), dict)

    def test_pickles_to_itself(self):
        value = pickle.loads(pickle.dumps(ConfigValue({"a": {"b": 1}})))
        self.assertEqual((type(value), value.a.b), (ConfigValue, 1))


class Expressions(unittest.TestCase):
    def test_values(self):
        config = Config("c")
        values = {"c": ConfigValue({"n": 2, "deep": {"k": "v", "default": 3}})}
        for expression, value in [
            (config.n, 2),
            (config["deep"]["k"], "v"),
            (config.deep.k, "v"),
            (config.deep.default, 3),
            (config_expr("c.n * FACTOR"), 20),
            (config_expr("c").deep.k, "v"),
            ({"a": [config.n, (config.n,)]}, {"a": [2, (2,)]}),
            ({**config.deep, "more": 1}, {"k": "v", "default": 3, "more": 1}),
            (config, values["c"]),
            (config.get("n", 5), 2),
            (config.get("nothing", 5), 5),
            (config.deep.get("nothing"), None),
            (config.get("deep").k, "v"),
            (config.get("nothing", {"a": config.n}), {"a": 2}),
            (config.deep[config.get("key", "k")], "v"),
        ]:
            with self.subTest(repr(expression)):
                self.assertTrue(is_delayed(expression))
                self.assertEqual(resolve(expression, values), value)

    def test_no_value(self):
        for expression, text in [
            (Config("c").nothing, "there is no nothing"),
            (Config("c")["nothing"], "there is no 'nothing'"),
            (config_expr("nobody.x"), "nobody"),
            (config_expr("1 +"), "SyntaxError"),
            ({**Config("c").n}, "not a mapping"),
            (Config("c").get("deep", 1).k, "c.get('deep', 1).k has no value"),
            (Config("c").get("deep", Config("c").nothing), "The config expression c.nothing has no value"),
        ]:
            with self.subTest(repr(expression)), self.assertRaises(MetaflowException) as caught:
                resolve(expression, {"c": ConfigValue({"n": 2})})
            self.assertIn(text, str(caught.exception))

    def test_a_config_is_no_sequence(self):
        # It has items by key, so Python would try 0, 1, 2 ... for ever.
        for expression in (Config("c"), Config("c").list):
            with self.assertRaises(TypeError):
                list(expression)

    def test_what_asks_for_special_names_gets_none(self):
        self.assertFalse(hasattr(Config("c"), "__wrapped__"))
        self.assertFalse(hasattr(Delayed("c", {}), "__call__"))


FACTOR = 10


class Parsers(unittest.TestCase):
    def test_versions(self):
        parse = config_parsers.requirements_txt_parser
        for line, name, version in [
            ("a", "a", ""),
            ("a==1.0", "a", "1.0"),
            ("a == 1.0", "a", "1.0"),
            ("a===1", "a", "===1"),
            ("A.b-c_d>=1,<2", "A.b-c_d", "<2,>=1"),
            ("a[y,x]~=1", "a[x,y]", "~=1"),
            ("a (>=1)", "a", ">=1"),
            ("a @ https://x/y", "a@https://x/y", ""),
        ]:
            with self.subTest(line):
                self.assertEqual(parse(line)["packages"], {name: version})

    def test_refused(self):
        for line in ("-e .", "a b", "a>=", "a=1", "a; x", "==1", "a[x", "a==1 b"):
            with self.subTest(line), self.assertRaises(config_parsers.ParserValueError):
                config_parsers.requirements_txt_parser(line)

    def test_a_missing_package_is_named(self):
        code = "import sys; sys.modules['yaml'] = None; from levada import yaml_parser; yaml_parser('a: 1')"
        path = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        done = subprocess.run([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=path), capture_output=True, text=True)
        self.assertIn("pip install pyyaml", done.stderr)


class Described(FlowTest):
    def flow(self, source=FLOW, **setup):
        return self.host(source, HEAD, setup=setup, body=setup.pop("body", b""))

    def test_flows_without_do_not_ask(self):
        host = self.host("class F(FlowSpec):\n    @step\n    def start(self): pass\nF()\n", HEAD)
        self.assertNotIn("asks", host.hello)

    def test_flows_without_load_nothing_of_it(self):
        modules = ["configs", "custom", "mutable", "prepare", "secret_backends", "exit_hooks", "client", "events", "config_parsers"]
        source = """
            class F(FlowSpec):
                @retry
                @step
                def start(self):
                    import sys
                    print([name for name in %r if "levada." + name in sys.modules])
            F()
        """
        head = "from metaflow import FlowSpec, retry, step\n"
        self.assertEqual(self.host(source % modules, head).task("start").stdout, "[]\n")

    def test_definition_and_tasks(self):
        host = self.flow(config_values={"c": '{"n": 5, "deep": {"k": [3]}}'})
        self.assertEqual((host.hello["asks"], host.hello["flow"]), (True, "F"))
        self.assertEqual(host.definition["configs"], [{"name": "c", "attribute": "c"}])
        self.assertEqual(host.step("start")["decorators"][0]["attributes"], {"vars": {"N": 5}})
        parameters = {one["name"]: one for one in host.definition["parameters"]}
        self.assertEqual((parameters["p"]["default"], parameters["q"]["default"]), (5, ["a", [3]]))
        result = host.task("start")
        self.assertOk(result)
        self.assertEqual(result.stdout, "5 [3] [3]\n")
        self.assertEqual(result.artifacts, {})

    def test_values_are_artifacts_of_the_run(self):
        host = self.flow()
        values = host.parameters().values()
        self.assertEqual(values["c"], {"n": 1, "deep": {"k": [1, 2]}})
        self.assertIs(type(values["c"]), dict)
        self.assertEqual((values["p"], values["constant"]), (1, [1, 2]))

    def test_another_process_gets_the_same_values(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"n": 7, "deep": {"k": 0}}')
            file.flush()
            host = self.flow(config_files={"c": file.name})
        entries = host.described["configs"]
        # The file is gone.
        other = self.flow(configs=entries, body=host.values)
        self.assertEqual(other.definition["configs"], host.definition["configs"])
        self.assertEqual(other.task("start").stdout, "7 0 0\n")

    def test_a_run_that_is_resumed_needs_no_file(self):
        source = FLOW.replace('default_value={"n": 1, "deep": {"k": [1, 2]}}', "required=True")
        data = pickle.dumps({"n": 2, "deep": {"k": 1}})
        host = self.flow(source, configs=[{"name": "c", "length": len(data)}], body=data)
        self.assertEqual(host.task("start").stdout, "2 1 1\n")

    def test_usage(self):
        source = FLOW.replace('default_value={"n": 1, "deep": {"k": [1, 2]}}', "required=True")
        for setup, text in [
            ({}, "missing configuration for 'c'"),
            ({"config_files": {"c": "/nothing"}}, "configuration file '/nothing' could not be read for 'c'"),
            ({"config_values": {"c": "{"}}, "configuration value for 'c' is not valid JSON"),
            ({"config_values": {"c": "[1]"}}, "not a JSON object but list"),
            ({"config_values": {"d": "{}"}}, "invalid choice: d. (choose from c)"),
            ({"config_files": {"c": "/x"}, "config_values": {"c": "{}"}}, "both a value and a file"),
        ]:
            with self.subTest(text):
                host = self.flow(source, **setup)
                self.assertEqual(host.described["type"], "usage")
                self.assertIn(text, host.described["message"])

    def test_help_of_a_flow_that_lacks_a_value(self):
        source = FLOW.replace('default_value={"n": 1, "deep": {"k": [1, 2]}}', "required=True, help='text'")
        host = self.flow(source, lenient=True)
        self.assertEqual(host.definition["configs"][0]["help"], "text")
        self.assertEqual(len(host.definition["parameters"]), 2)

    def test_two_of_a_name(self):
        host = self.flow("class F(FlowSpec):\n    a = Config('x')\n    b = Config('x')\n    @step\n    def start(self): pass\nF()\n")
        self.assertEqual(host.described["type"], "broken")
        self.assertIn("two configs with the name 'x'", host.described["message"])

    def test_inherited(self):
        source = textwrap.dedent(FLOW).replace("class F(FlowSpec)", "class Base(FlowSpec)").replace("F()", "class F(Base): pass\nF()")
        self.assertEqual(self.flow(source).task("start").stdout, "1 [1, 2] [1, 2]\n")

    def test_what_users_code_raises_is_shown(self):
        source = FLOW.replace("default_value=", "parser=lambda text: 1 / 0, default_value=")
        host = self.flow(source)
        self.assertEqual(host.described["type"], "broken")
        host.close()
        self.assertIn("ZeroDivisionError", host.stderr)
        self.assertIn("<lambda>", host.stderr)
        self.assertNotIn("levada/configs.py", host.stderr.split("<lambda>")[0])


if __name__ == "__main__":
    unittest.main()
