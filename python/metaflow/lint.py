"""The exception of an invalid graph under Metaflow's module path."""

from levada.exceptions import LintWarn as LintWarn

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
