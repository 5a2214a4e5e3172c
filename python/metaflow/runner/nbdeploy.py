"""``NBDeployer``."""

from levada.notebook import NBDeployer, NBDeployerInitializationError  # noqa: F401
