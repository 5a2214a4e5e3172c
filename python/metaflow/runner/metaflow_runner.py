"""``Runner`` and what it returns."""

from levada.runner import (
    ExecutingProcess as ExecutingProcess,
    ExecutingRun as ExecutingRun,
    ExecutingTask as ExecutingTask,
    Runner as Runner,
)
