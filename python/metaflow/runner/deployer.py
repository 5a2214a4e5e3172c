"""``Deployer`` and deployed flows."""

from levada.deployer import DeployedFlow as DeployedFlow, Deployer as Deployer, TriggeredRun as TriggeredRun
