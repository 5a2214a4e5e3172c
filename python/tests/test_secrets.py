"""``@secrets``: the backends, what is refused, and where values do not appear."""

import json
import os
import sys
import tempfile
import textwrap
import time
import types
import unittest
from unittest import mock
from urllib.parse import quote, quote_plus

from support import FlowTest

from levada import secret_backends
from levada.exceptions import MetaflowException
from levada.secret_backends import SecretsProvider, get_secret, masked, register


def fetched(*sources, **attributes):
    return secret_backends.fetch_all(dict(attributes, sources=sources))


class Sources(unittest.TestCase):
    def refused(self, source, text):
        with self.assertRaises(MetaflowException) as caught:
            get_secret(source)
        self.assertIn(text, str(caught.exception))

    def test_malformed(self):
        for source, text in [
            (5, "must be a string or a dict"),
            ({"type": "inline"}, "'id' must be a string"),
            ({"type": 5, "id": "x"}, "'type' must be a string"),
            ({"type": "inline", "id": "x", "options": "y"}, "'options' must be a dict"),
            ({"type": "inline", "id": "x", "option": {}}, "unknown key 'option'"),
            ("nothing.x", "Unknown secrets backend type nothing"),
        ]:
            with self.subTest(source):
                self.refused(source, text)

    def test_default_backend(self):
        with mock.patch.dict(os.environ, METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE="environment", VALUE="v"):
            self.assertEqual(get_secret("VALUE"), {"VALUE": "v"})
        self.refused("VALUE", "METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE")

    def test_file(self):
        for text, found in [
            ("A=1\n\n# no\nexport B = 'two words'\nC=x=y\n", {"A": "1", "B": "two words", "C": "x=y"}),
            ('{"A": "1"}', {"A": "1"}),
            ("", {}),
        ]:
            with self.subTest(text), tempfile.NamedTemporaryFile("w") as file:
                file.write(text)
                file.flush()
                self.assertEqual(get_secret("file." + file.name), found)

    def test_file_that_cannot_be_used(self):
        self.refused("file./nothing/here", "cannot be read: No such file")
        for text, problem in [("just-a-word", "line 1"), ('{"A": "sesame', "JSON"), ('{"A": 1}', "non string value of 'A'")]:
            with self.subTest(text), tempfile.NamedTemporaryFile("w") as file:
                file.write(text)
                file.flush()
                with self.assertRaises(MetaflowException) as caught:
                    get_secret("file." + file.name)
                self.assertIn(problem, str(caught.exception))
                self.assertNotIn("sesame", str(caught.exception))

    def test_environment(self):
        with mock.patch.dict(os.environ, TOKEN="t"):
            self.assertEqual(fetched("environment.TOKEN"), {"TOKEN": "t"})
            self.assertEqual(fetched({"type": "environment", "id": "TOKEN", "options": {"as": "OTHER"}}), {"OTHER": "t"})
        self.refused("environment.NOT_THERE", "'NOT_THERE' is not set")

    def test_override(self):
        source = {"type": "inline", "id": "x", "options": {"env_vars": {"PATH": "p"}}}
        with self.assertRaises(MetaflowException):
            fetched(source)
        self.assertEqual(fetched(source, allow_override=True), {"PATH": "p"})

    def test_backend_of_ones_own(self):
        @register
        class Mine(SecretsProvider):
            TYPE = "mine"

            def get_secret_as_dict(self, secret_id, options=None, role=None):
                return {"V": "%s %s %s" % (secret_id, options, role)}

        self.addCleanup(secret_backends._backends.pop, "mine")
        self.assertEqual(fetched({"type": "mine", "id": "a.b", "options": {"o": 1}}, role="r"), {"V": "a.b {'o': 1} r"})
        with self.assertRaises(MetaflowException):
            register(object)

    def test_installed_backend(self):
        with tempfile.TemporaryDirectory() as folder:
            info = os.path.join(folder, "vaults-1.0.dist-info")
            os.mkdir(info)
            with open(os.path.join(info, "METADATA"), "w") as file:
                file.write("Metadata-Version: 2.1\nName: vaults\nVersion: 1.0\n")
            with open(os.path.join(info, "entry_points.txt"), "w") as file:
                file.write("[levada.secrets]\nvault = vaults_for_test:Vault\n")
            with open(os.path.join(folder, "vaults_for_test.py"), "w") as file:
                file.write("class Vault:\n    TYPE = 'vault'\n    def get_secret_as_dict(self, i, o=None, r=None):\n        return {'I': i}\n")
            sys.path.insert(0, folder)
            self.addCleanup(sys.path.remove, folder)
            self.addCleanup(secret_backends._backends.pop, "vault", None)
            self.assertEqual(get_secret("vault.x"), {"I": "x"})

    def test_masked(self):
        sources = ["file.x", {"type": "inline", "id": "x", "options": {"env_vars": {"A": "sesame"}, "list": ["sesame"]}}]
        text = json.dumps(masked({"sources": sources, "role": "r"}))
        self.assertNotIn("sesame", text)
        self.assertIn('"A"', text)
        self.assertIn('"role": "r"', text)
        self.assertEqual(sources[1]["options"]["env_vars"], {"A": "sesame"})


class Redacted(unittest.TestCase):
    KEY = "-----BEGIN KEY-----\nMIIEvQ+IBADANBg/kqhk==\n  two words\n\n-----END KEY-----\n"

    def redacted(self, text, *values):
        with mock.patch.object(secret_backends, "_values", set()):
            secret_backends._remember(values)
            return secret_backends.redacted(text)

    def test_several_lines(self):
        key = self.KEY
        group = "  | ValueError: %s" % key.strip().replace("\n", "\n  | ")
        for text in (key, key.strip(), key.replace("\n", "\r\n"), textwrap.indent(key, "    "), textwrap.indent(key, "\t"),
                     textwrap.dedent(key), " ".join(key.split()), group, repr(key), repr({"k": [key]}), repr(key.encode()),
                     repr(repr(key)), json.dumps(key), json.dumps({"k": json.dumps(key)}), quote(key), quote_plus(key),
                     quote(key, safe=""), quote(json.dumps(key)), quote(quote(key))):  # fmt: skip
            with self.subTest(text):
                found = self.redacted("<%s>" % text, key)
                self.assertEqual(found.count("***"), 1, found)
                self.assertFalse(set(found) & set("MQw"), found)

    def test_a_value_with_escapes_of_its_own(self):
        self.assertEqual(self.redacted("<%s>" % self.KEY, json.dumps(self.KEY)[1:-1]), "<***>")

    def test_a_line_of_a_key_alone(self):
        self.assertEqual(self.redacted("line 2: MIIEvQ+IBADANBg/kqhk==!", self.KEY), "line 2: ***!")

    def test_odd_characters(self):
        value = "it's \"ä\"\\\\€ \U0001f600\t\x1b[1m/&"
        for text in (value, repr(value), ascii(value), repr(value.encode()), json.dumps(value), quote(value),
                     repr(repr(value)), json.dumps(value, ensure_ascii=False), repr("'\"" + value)):  # fmt: skip
            with self.subTest(text):
                self.assertIn("***", self.redacted(text, value))
        for value in ("100%25 %41 %2541", "C:\\new\\table", "%5Cnotice\\", "ab\\\nc d"):
            for text in (value, repr(value), json.dumps(value), quote(value), quote(quote(value)), quote(repr(value))):
                with self.subTest(text):
                    self.assertIn("***", self.redacted(text, value))
        self.assertEqual(self.redacted("C:\\topsecret", "topsecret"), "C:\\***")
        self.assertEqual(self.redacted("surrogate '\\udc80abc'", "\udc80abc"), "surrogate '***'")

    def test_what_is_innocent_stays(self):
        for text, value in (
            ("a + b, a | b, axb", "a.b.c"),
            ("nothing", "  \n "),
            ("no way", "no\n"),
            ("two words", self.KEY),
            ("{\n}\n----------------\nlocalhost", "{\n----------------\nlocalhost\n}"),
            ("n\\nn", "nnnn"),
            ("inte st", "test"),
        ):
            with self.subTest(text):
                self.assertEqual(self.redacted(text, value), text)

    def test_a_value_in_another(self):
        self.assertEqual(self.redacted("sesame sesame-street", "sesame", "sesame-street"), "*** ***")

    def test_no_text_takes_long(self):
        nested = json.dumps(json.dumps({str(n): "letters" for n in range(40)}))
        words = " ".join(map(str, range(10_000, 20_000)))
        began = time.monotonic()
        for value, text in (
            (nested, json.dumps(nested)[:-9]),
            ("cmd" + " \\\n -x" * 40, repr("cmd" + " \\\\\n -x" * 39)),
            ("+secret", "secret" + " " * 100_000),
            (words, words[:-1] + words),
            ("a " * 30_000 + "b", "a " * 30_000),
            ("\\" * 50 + "'", "\\" * 100_000),
            (" \\n" * 50 + "x", "\\n" * 100_000),
            ("a\n|" * 9 + "b", "a\n | " * 50_000),
            ("%25secret", "%25" * 100_000),
            (self.KEY * 50, self.KEY * 49),
        ):
            self.redacted(text, value)
        self.assertLess(time.monotonic() - began, 5)


class Clouds(unittest.TestCase):
    """The clouds' packages are stood in for: what is tested is what they are asked and what becomes of the answer."""

    def module(self, name, **contents):
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        patch = mock.patch.dict(sys.modules, {name: module})
        patch.start()
        self.addCleanup(patch.stop)
        return module

    def aws(self, answer, asked):
        class Client:
            def __init__(self, service, **arguments):
                asked.append((service, arguments))

            def get_secret_value(self, SecretId):
                asked.append(SecretId)
                if isinstance(answer, Exception):
                    raise answer
                return answer

            def assume_role(self, RoleArn, RoleSessionName):
                asked.append(RoleArn)
                return {"Credentials": {"AccessKeyId": "k", "SecretAccessKey": "s", "SessionToken": "t"}}

        self.module("boto3", client=Client)

    def test_aws(self):
        asked = []
        self.aws({"Name": "db/main", "SecretString": '{"USER_NAME": "u", "PORT": 5}'}, asked)
        self.assertEqual(get_secret("aws-secrets-manager.db/main"), {"USER_NAME": "u", "PORT": "5"})
        self.assertEqual(asked, [("secretsmanager", {}), "db/main"])

    def test_aws_text_binary_region_and_role(self):
        asked = []
        self.aws({"Name": "db/main", "SecretString": "word"}, asked)
        self.assertEqual(get_secret("aws-secrets-manager.db/main"), {"db_main": "word"})
        source = {"type": "aws-secrets-manager", "id": "arn:aws:secretsmanager:eu-west-1:1:secret:x", "options": {"env_var_name": "P"}}
        self.assertEqual(get_secret(source), {"P": "word"})
        self.assertEqual(asked[-2], ("secretsmanager", {"region_name": "eu-west-1"}))
        get_secret(dict(source, options={"region": "r"}, role="arn:role"))
        self.assertEqual(asked[-4:-1], [("sts", {"region_name": "r"}), "arn:role", ("secretsmanager", {
            "region_name": "r", "aws_access_key_id": "k", "aws_secret_access_key": "s", "aws_session_token": "t"})])  # fmt: skip
        self.aws({"Name": "b", "SecretBinary": b"\x00\x01"}, asked)
        self.assertEqual(get_secret("aws-secrets-manager.b"), {"b": "AAE="})

    def test_aws_failure(self):
        self.aws(KeyError("no such secret"), [])
        with self.assertRaises(MetaflowException) as caught:
            get_secret("aws-secrets-manager.x")
        self.assertIn("'x' of AWS Secrets Manager could not be read: KeyError", str(caught.exception))

    def test_gcp(self):
        asked = []

        class Client:
            def access_secret_version(self, request):
                asked.append(request["name"])
                return types.SimpleNamespace(payload=types.SimpleNamespace(data=b"word"))

        self.module("google")
        self.module("google.cloud")
        self.module("google.cloud.secretmanager", SecretManagerServiceClient=Client)
        self.assertEqual(get_secret("gcp-secret-manager.projects/p/secrets/a-b"), {"a_b": "word"})
        with mock.patch.dict(os.environ, METAFLOW_GCP_SECRET_MANAGER_PREFIX="projects/q/secrets/"):
            get_secret({"type": "gcp-secret-manager", "id": "s", "options": {"version": 3}})
            get_secret("gcp-secret-manager.s/versions/4")
        self.assertEqual(asked, ["projects/p/secrets/a-b/versions/latest", "projects/q/secrets/s/versions/3", "projects/q/secrets/s/versions/4"])
        with self.assertRaises(MetaflowException) as caught:
            get_secret("gcp-secret-manager.s")
        self.assertIn("METAFLOW_GCP_SECRET_MANAGER_PREFIX", str(caught.exception))

    def test_azure(self):
        asked = []

        class Client:
            def __init__(self, vault_url, credential):
                asked.append((vault_url, credential))

            def get_secret(self, name, version):
                asked.append((name, version))
                return types.SimpleNamespace(value='{"A": "b"}')

        for name in ("azure", "azure.keyvault"):
            self.module(name)
        self.module("azure.keyvault.secrets", SecretClient=Client)
        self.module("azure.identity", DefaultAzureCredential=lambda: "credential")
        self.assertEqual(get_secret("az-key-vault.https://v/secrets/my-secret/7"), {"my_secret": '{"A": "b"}'})
        with mock.patch.dict(os.environ, METAFLOW_AZURE_KEY_VAULT_PREFIX="https://w/"):
            self.assertEqual(get_secret({"type": "az-key-vault", "id": "s", "options": {"json": True}}), {"A": "b"})
        self.assertEqual(asked, [("https://v", "credential"), ("my-secret", "7"), ("https://w", "credential"), ("s", None)])

    def test_a_missing_package_is_named(self):
        for source, module, package in [
            ("aws-secrets-manager.x", "boto3", "boto3"),
            ("gcp-secret-manager.x", "google.cloud.secretmanager", "google-cloud-secret-manager"),
            ("az-key-vault.x", "azure.keyvault.secrets", "azure-keyvault-secrets"),
        ]:
            with self.subTest(source), mock.patch.dict(sys.modules, {module: None}), self.assertRaises(MetaflowException) as caught:
                get_secret(source)
            self.assertIn("pip install %s" % package, str(caught.exception))


class InTasks(FlowTest):
    FLOW = """
        class F(FlowSpec):
            @secrets(sources=[{"type": "inline", "id": "x", "options": {"env_vars": {"WORD": "sesame"}}}])
            @step
            def start(self):
                self.length = len(os.environ["WORD"])
                %s
                self.next(self.end)

            @step
            def end(self):
                print(os.environ.get("WORD"))

        F()
    """

    def test_one_step_alone(self):
        host = self.host(self.FLOW % "pass")
        self.assertEqual(host.task("start").values(), {"length": 6})
        self.assertEqual(host.task("end").stdout, "None\n")

    def test_the_definition_has_no_value(self):
        host = self.host(self.FLOW % "pass")
        self.assertNotIn("sesame", json.dumps(host.described))

    def test_what_is_said_of_a_failure_has_no_value(self):
        host = self.host(self.FLOW % "raise ValueError('open ' + os.environ['WORD'])")
        result = host.task("start")
        self.assertFails(result, "open ***")
        self.assertNotIn("sesame", json.dumps(result.done) + result.stderr)

    def test_what_is_said_of_a_failure_has_no_value_of_several_lines(self):
        for failure in (
            "raise KeyError(os.environ['WORD'])",
            "from metaflow.exception import MetaflowException; raise MetaflowException(os.environ['WORD'])",
            "import textwrap; raise ValueError(textwrap.indent(os.environ['WORD'], '  '))",
            "raise ValueError(os.environ['WORD'].encode())",
        ):
            with self.subTest(failure):
                result = self.host((self.FLOW % failure).replace('"sesame"', r'"open\nsesame"')).task("start")
                self.assertFails(result, "***")
                self.assertNotIn("sesame", json.dumps(result.done) + result.stderr)

    def test_with(self):
        host = self.host("class F(FlowSpec):\n    @step\n    def start(self): print(os.environ['WORD'])\nF()\n")
        added = {"name": "secrets", "attributes": {"sources": [{"type": "inline", "id": "x", "options": {"env_vars": {"WORD": "w"}}}]}}
        result = host.task("start", **{"with": [added]})
        self.assertOk(result)
        self.assertEqual(result.stdout, "w\n")


if __name__ == "__main__":
    unittest.main()
