"""What Metaflow has inside and Levada has not: importing it says so."""

import contextlib
import importlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, SDK)

import metaflow  # noqa: E402
from levada.absent import _INSTEAD  # noqa: E402


class Absent(unittest.TestCase):
    def test_an_import_says_what_to_do_instead(self):
        for name, instead in _INSTEAD.items():
            if name in ("_vendor", "cli", "plugins.cards.card_modules.basic"):
                name += ".nosuch"  # of these there is a part
            module, _, last = ("metaflow." + name).rpartition(".")
            statement = "from %s import %s" % (module, last)
            with self.subTest(statement), self.assertRaises(ModuleNotFoundError) as caught:
                exec(statement)
            self.assertEqual(
                str(caught.exception), "metaflow.%s is not in Levada: %s. See docs/compatibility.md" % (name, instead)
            )

    def test_what_published_flows_and_packages_import(self):
        for statement, instead in (
            ("from metaflow import checkpoint", "it comes from a package that extends Metaflow"),
            ("from metaflow import Checkpoint, huggingface_hub", "it comes from a package that extends Metaflow"),
            ("from metaflow import FlowSpec, step, nim, current, card", "it comes from a package that extends Metaflow"),
            ("from metaflow.profilers import gpu_profile", "it comes from a package that extends Metaflow"),
            ("from metaflow import torchrun", "@pytorch_parallel sets up"),
            ("from metaflow.metadata_provider.metadata import MetaDatum", "MetaDatum is in metaflow.metadata_provider"),
            ("from metaflow.plugins.cards.card_decorator import CardDecorator", "derive from UserStepDecorator"),
            ("from metaflow.plugins.cards.card_modules.basic import TaskInfoComponent", "derive from MetaflowCardComp"),
            ("from metaflow.plugins.cards.card_modules.test_cards import TestEditableCard", "Metaflow's own tests"),
            ("from metaflow.plugins.datastores.local_storage import LocalStorage", "with the Client"),
            ("from metaflow.plugins.frameworks.pytorch import setup_torch_distributed", "@pytorch_parallel"),
            ("from metaflow.plugins.gcp.gs_utils import parse_gs_full_path", "in the cloud come later"),
            ("from metaflow.plugins.pypi.conda_environment import CondaEnvironment", "docs/environments.md"),
            ("from metaflow.version import metaflow_version", "metaflow.__version__ has it"),
        ):
            with self.subTest(statement), self.assertRaisesRegex(ImportError, instead):
                exec(statement)

    def test_what_an_installed_package_adds_is_named(self):
        root = tempfile.mkdtemp(prefix="levada-extension-", dir="/tmp")
        self.addCleanup(shutil.rmtree, root)
        for path, text in (
            ("plugins/mfextinit_acme.py", 'STEP_DECORATORS_DESC = [\n    ("telegram", ".wire.Telegram"),\n]\n'),
            ("plugins/wire.py", "import nosuchmodule\nclass Telegram:\n    name = 'wire_\xe9'\n"),
            ("toplevel/toplevel.py", "from ..plugins.wire import Morse, Baudot\ndef keyed(): pass\n"),
        ):
            path = os.path.join(root, "metaflow_extensions", "acme", path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        sys.path.insert(0, root)
        self.addCleanup(sys.path.remove, root)
        for name in ("telegram", "Baudot", "keyed"):
            with self.subTest(name), self.assertRaises(ImportError) as caught:
                exec("from metaflow import %s" % name)
            said = str(caught.exception)
            self.assertIn("metaflow.%s is not in Levada: it comes from %s/metaflow_ext" % (name, root), said)
            self.assertIn("derive from UserStepDecorator", said)
        with self.assertRaisesRegex(ImportError, "cannot import name 'tele'"):
            exec("from metaflow import tele")
        self.assertFalse(hasattr(metaflow, "telegram"))
        self.assertNotIn("metaflow_extensions", sys.modules)

    def test_names_are_listed_before_they_are_asked_for(self):
        for package in ("metaflow", "levada"):
            code = "import %s as p; print({'Flow', 'Runner', 'IncludeFile', 'step', 'namespace'} - set(dir(p)))" % package
            code += "; print([name for name in dir(p) if not hasattr(p, name)])"
            said = subprocess.check_output([sys.executable, "-c", code], cwd=SDK, text=True)
            self.assertEqual(said, "set()\n[]\n")

    def test_an_attribute_says_it_too(self):
        with self.assertRaisesRegex(AttributeError, r"metaflow.metaflow_environment is not in Levada: Task\(...\)"):
            metaflow.metaflow_environment.platform  # noqa: B018
        self.assertFalse(hasattr(metaflow, "checkpoint"))
        with self.assertRaisesRegex(AttributeError, "module 'metaflow' has no attribute 'nosuch'"):
            metaflow.nosuch  # noqa: B018

    def test_every_form_of_import(self):
        for statement in (
            "import metaflow.plugins.kubernetes",
            "import metaflow.plugins.kubernetes.kubernetes_decorator",
            "from metaflow.plugins.kubernetes.kubernetes_decorator import KubernetesDecorator",
            "from metaflow.plugins import kubernetes",
        ):
            with self.subTest(statement), self.assertRaisesRegex(ImportError, "clusters come later"):
                exec(statement)
        with self.assertRaisesRegex(ImportError, "metaflow.cli.main is not in Levada"):
            from metaflow.cli import main  # noqa: F401

    def test_modules_are_attributes_without_an_import(self):
        code = "import metaflow, sys; print(metaflow.%s)"
        for name in ("client.core.MetaflowData", "runner.metaflow_runner.ExecutingRun", "plugins.cards.card_modules.card", "multicore_utils.parallel_map",
                     "plugins.timeout_decorator.TimeoutException", "user_decorators.mutable_flow.MutableFlow", "plugins.datatools.s3.s3"):  # fmt: skip
            with self.subTest(name):
                subprocess.run([sys.executable, "-c", code % name], cwd=SDK, check=True, stdout=subprocess.DEVNULL)
        for name in ("kubernetes", "nosuch", "__wrapped__"):
            self.assertFalse(hasattr(metaflow.plugins, name))

    def test_the_module_itself_has_no_such_name(self):
        decorators = importlib.import_module("metaflow.decorators")
        self.assertFalse(hasattr(decorators, "extract_step_decorator_from_decospec"))
        self.assertFalse(hasattr(metaflow, "tracing"))

    def test_what_nobody_has_is_told_by_python(self):
        with self.assertRaisesRegex(ImportError, "^cannot import name 'stepp' from 'metaflow.decorators'"):
            from metaflow.decorators import stepp  # noqa: F401
        with self.assertRaisesRegex(ImportError, "^No module named 'metaflow.nosuch'"):
            import metaflow.nosuch  # noqa: F401
        self.assertIsNone(importlib.util.find_spec("metaflow.nosuch"))

    def test_click_is_the_package(self):
        if importlib.util.find_spec("click") is None:
            with self.assertRaisesRegex(ImportError, "install the package itself"):
                from metaflow._vendor import click
        else:
            import click as theirs

            from metaflow._vendor import click

            self.assertIs(click, theirs)

    def test_echo_always(self):
        from metaflow.cli import echo_always

        with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()) as out:
            echo_always("the *run*\n1", indent=True, fg="red", highlight="green")
            echo_always("one", err=False, nl=False)
        self.assertEqual((err.getvalue(), out.getvalue()), ("    the run\n    1\n", "one"))

    def test_to_ask_whether_there_is_a_module_is_no_mistake(self):
        self.assertIsNone(importlib.util.find_spec("metaflow.checkpoint"))
        with self.assertRaisesRegex(ModuleNotFoundError, "is not in Levada"):
            importlib.import_module("metaflow.checkpoint")

    def test_a_component_gets_an_id(self):
        from metaflow.plugins.cards.card_modules.components import UserComponent, with_default_component_id

        class Own(UserComponent):
            @with_default_component_id
            def render(self):
                return {"type": "text", "id": self.component_id}

        own = Own()
        self.assertRegex(own.render()["id"], "^own_")
        self.assertEqual(own.render()["id"], own.component_id)

    def test_a_setting_of_ones_own(self):
        from metaflow.metaflow_config import from_conf

        os.environ["METAFLOW_OF_MINE"] = "7"
        self.addCleanup(os.environ.pop, "METAFLOW_OF_MINE")
        self.assertEqual((from_conf("OF_MINE"), from_conf("OF_MINE", 5), from_conf("OTHER", 5)), ("7", 7, 5))

        def never(variable, value):
            raise ValueError(variable + value)

        with self.assertRaisesRegex(ValueError, "METAFLOW_OF_MINE7"):
            from_conf("OF_MINE", validate_fn=never)


if __name__ == "__main__":
    unittest.main()
