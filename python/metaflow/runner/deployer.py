"""``Deployer`` and deployed flows."""

from levada.deployer import DeployedFlow, Deployer, TriggeredRun  # noqa: F401
