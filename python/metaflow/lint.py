"""The exception of an invalid graph under Metaflow's module path."""

from levada.exceptions import LintWarn  # noqa: F401
