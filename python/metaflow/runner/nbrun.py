"""``NBRunner``."""

from levada.notebook import NBRunner as NBRunner, NBRunnerInitializationError as NBRunnerInitializationError
