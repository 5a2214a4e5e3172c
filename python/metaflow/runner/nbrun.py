"""``NBRunner``."""

from levada.notebook import NBRunner, NBRunnerInitializationError  # noqa: F401
