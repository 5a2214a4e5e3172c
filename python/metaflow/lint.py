"""The exception of an invalid graph under Metaflow's module path."""

from levada.exceptions import LintWarn  # noqa: F401

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
