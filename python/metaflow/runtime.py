"""The exception of a failed task under Metaflow's module path."""

from levada.exceptions import TaskFailed  # noqa: F401
