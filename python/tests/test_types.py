"""What editors and type checkers see of the SDK without running it."""

import ast
import glob
import inspect
import os
import typing
import unittest

import support  # noqa: F401  puts the SDK on the path

import levada
import levada.cards
from levada import decorators, flowspec, running

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def tree(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return ast.parse(file.read())


def for_checkers(body):
    """The statements below each ``if TYPE_CHECKING`` of a module or class."""
    return [one for node in body if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING" for one in node.body]


def with_members(name, value):
    """A public name and, of a class, its public members, as pairs of name and value."""
    members = vars(value).items() if isinstance(value, type) else ()
    return [(name, value)] + [("%s.%s" % (name, member), one) for member, one in members if member[0] != "_"]


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

    def test_every_public_name_has_a_text(self):
        for module in (levada, levada.cards):
            for name in module.__all__:
                for path, value in with_members(name, getattr(module, name)):
                    if callable(value) or isinstance(value, (property, classmethod, staticmethod)):
                        self.assertTrue(getattr(value, "__func__", value).__doc__, path)

    def test_a_decorator_is_a_function_that_editors_can_read(self):
        functions = {one.name: one for one in tree("levada", "decorators.py").body if isinstance(one, ast.FunctionDef)}
        shown = {name: one for name, one in vars(decorators).items() if name[0] != "_" and hasattr(one, "decorator_class")}
        self.assertIn("retry", shown)
        for name, decorator in shown.items():
            self.assertEqual(ast.get_docstring(functions[name]), decorator.__doc__)
            attributes = inspect.signature(decorator).parameters.values()
            self.assertEqual({one.name: one.default for one in attributes}, decorator.decorator_class.defaults)
            self.assertLessEqual({one.kind for one in attributes}, {inspect.Parameter.KEYWORD_ONLY})

    def test_the_text_of_a_class_is_not_hidden_by_that_of_its_constructor(self):
        # Editors show that of __new__, where it has one.
        for name in levada.__all__:
            made = vars(getattr(levada, name)).get("__new__") if isinstance(getattr(levada, name), type) else None
            self.assertIsNone(made and made.__func__.__doc__, name)

    def test_the_arguments_of_a_class_are_not_hidden_either(self):
        # IPython asks inspect.
        for parameter in (levada.Parameter, levada.IncludeFile):
            self.assertEqual(
                list(inspect.signature(parameter).parameters), list(inspect.signature(parameter.__init__).parameters)[1:]
            )

    def test_objects_that_ipython_makes_without_their_constructors_have_no_keys(self):
        for cls in (levada.Metaflow, levada.Flow, levada.Run, levada.Step, levada.Task):
            self.assertEqual(object.__new__(cls)._ipython_key_completions_(), [], cls)

    def test_components_of_cards_may_be_used_where_all_has_to_have_types(self):
        # What has no annotation at all is an error in the code that calls it, in the strict mode of mypy.
        for name in levada.cards.__all__:
            one = getattr(levada.cards, name)
            if isinstance(one, type) and issubclass(one, levada.cards.MetaflowCardComponent):
                for member, value in vars(one).items():
                    if member in ("__init__", "update") or isinstance(value, classmethod):
                        self.assertTrue(typing.get_type_hints(getattr(one, member)), "%s.%s" % (name, member))
        self.assertTrue(typing.get_type_hints(levada.cards.get_cards))

    def test_a_start_pays_nothing_for_types(self):
        for module in (levada, decorators, flowspec, running):
            self.assertFalse(module.TYPE_CHECKING)
            self.assertFalse(hasattr(module, "Any"), module)


if __name__ == "__main__":
    unittest.main()
