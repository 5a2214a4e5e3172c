"""What editors and type checkers see of the SDK without running it."""

import ast
import glob
import os
import unittest

import support  # noqa: F401  puts the SDK on the path

import levada
from levada import decorators, flowspec, running

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def tree(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return ast.parse(file.read())


def for_checkers(body):
    """The statements below each ``if TYPE_CHECKING`` of a module or class."""
    return [one for node in body if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING" for one in node.body]


class TypesTest(unittest.TestCase):
    def test_both_packages_say_that_they_have_types(self):
        for package in ("levada", "metaflow"):
            self.assertTrue(os.path.isfile(os.path.join(ROOT, package, "py.typed")), package)

    def test_every_name_that_is_imported_when_it_is_asked_for_is_declared(self):
        imports = [one for one in for_checkers(tree("levada", "__init__.py").body) if isinstance(one, ast.ImportFrom)]
        declared = {alias.name: one.module for one in imports if one.level for alias in one.names}
        self.assertEqual(declared, {**levada._LAZY, **dict.fromkeys(levada._CLIENT, "client")})

    def test_star_import_has_all_names_in_a_list_that_can_be_read(self):
        lists = [one for one in tree("levada", "__init__.py").body if isinstance(one, ast.Assign) and one.targets[0].id == "__all__"]
        names = ast.literal_eval(lists[0].value)
        self.assertEqual(names, levada.__all__)
        self.assertEqual(names, sorted(names))
        missing = ({*levada._LAZY, *levada._CLIENT} - {"exec"}) - set(names)
        self.assertEqual(missing, set())
        for name in names:
            self.assertIsNotNone(getattr(levada, name), name)

    def test_what_current_knows_is_declared_with_a_text(self):
        current = next(one for one in tree("levada", "running.py").body if isinstance(one, ast.ClassDef))
        lines = for_checkers(current.body)
        declared = {line.target.id: text for line, text in zip(lines[::2], lines[1::2])}
        self.assertEqual(list(declared), list(running._ATTRIBUTES))
        for name, text in declared.items():
            self.assertIsInstance(ast.literal_eval(text.value), str, name)

    def test_the_package_metaflow_gives_on_what_it_imports(self):
        # In a package with types, "import A" is private, "import A as A" is not.
        for path in glob.glob(os.path.join(ROOT, "metaflow", "**", "*.py"), recursive=True):
            with open(path) as file:
                lines = file.read().split("\n")
            for one in ast.parse("\n".join(lines)).body:
                if isinstance(one, ast.ImportFrom) and one.module.startswith("levada"):
                    used = " ".join(lines[one.end_lineno :])
                    private = [a.name for a in one.names if not a.asname and a.name[0] not in "*_" and a.name not in used]
                    self.assertEqual(private, [], path)

    def test_a_start_pays_nothing_for_types(self):
        for module in (levada, decorators, flowspec, running):
            self.assertFalse(module.TYPE_CHECKING)
            self.assertFalse(hasattr(module, "Any"), module)


if __name__ == "__main__":
    unittest.main()
