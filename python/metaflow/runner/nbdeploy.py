"""``NBDeployer``."""

from levada.notebook import NBDeployer as NBDeployer, NBDeployerInitializationError as NBDeployerInitializationError
