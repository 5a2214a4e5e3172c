"""The standard library's modules, where a file of the user's has the same name.

A folder with a ``traceback.py`` or a ``select.py`` is the user's right: their code is to get theirs, and the SDK the
one that it was written for.
"""

import os
import sys
from importlib.machinery import BuiltinImporter, PathFinder
from importlib.util import module_from_spec


def load(name):
    """A module of the standard library that is nobody else's: it is not in ``sys.modules``."""
    library = os.path.dirname(os.__file__)
    spec = BuiltinImporter.find_spec(name) or PathFinder.find_spec(
        name, [library, os.path.join(library, "lib-dynload")]
    )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wait4_with(resource):
    """``os.wait4``, which looks for the module ``resource`` by name, with the one that it means."""

    def wait4(pid, options):
        theirs = sys.modules.get("resource")
        sys.modules["resource"] = resource
        try:
            return os.wait4(pid, options)
        finally:
            sys.modules["resource"] = theirs

    return wait4
