"""``Runner`` and what it returns."""

from levada.runner import ExecutingProcess, ExecutingRun, ExecutingTask, Runner  # noqa: F401
