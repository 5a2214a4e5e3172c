"""``Deployer``: deploy flows to schedulers. The schedulers come with later versions; each says so by its name."""

import os

from .exceptions import NotAvailable

#: The schedulers that Metaflow deploys to, as attributes of a Deployer and by their names.
_SCHEDULERS = {"argo_workflows": "Argo Workflows", "step_functions": "AWS Step Functions"}


class Deployer:
    """Deploys the flow of a file: ``Deployer("flow.py").argo_workflows().create()``.

    The arguments are those of ``Runner``. FileNotFoundError if there is no such file. This version has no scheduler to
    deploy to: choosing one is an error that names it.
    """

    def __init__(
        self, flow_file, show_output=True, profile=None, env=None, cwd=None, file_read_timeout=3600, **kwargs
    ) -> None:
        self.flow_file = os.path.abspath(flow_file)
        if not os.path.isfile(self.flow_file):
            raise FileNotFoundError("There is no flow file %s" % self.flow_file)
        self.show_output = show_output
        self.profile = profile
        self.env = env
        self.cwd = cwd
        self.file_read_timeout = file_read_timeout
        self.top_level_kwargs = kwargs

    def argo_workflows(self, name=None):
        """Deploy to Argo Workflows: not available in this version."""
        raise _missing("argo_workflows")

    def step_functions(self, name=None):
        """Deploy to AWS Step Functions: not available in this version."""
        raise _missing("step_functions")


def _missing(scheduler):
    return NotAvailable(
        "Deployment to %s" % _SCHEDULERS[scheduler],
        "Until then, start `levada run` from a scheduler such as cron, or use Runner in your program.",
    )


def _scheduler(impl):
    name = (impl or os.environ.get("METAFLOW_DEFAULT_FROM_DEPLOYMENT_IMPL") or "argo-workflows").replace("-", "_")
    if name not in _SCHEDULERS:
        raise ValueError("There is no scheduler '%s': it is one of %s" % (impl, ", ".join(_SCHEDULERS)))
    return name


class DeployedFlow:
    """A flow that is deployed. There are none in this version: every way to one is an error."""

    @classmethod
    def from_deployment(cls, identifier, metadata=None, impl=None):
        """The deployed flow of that name: not available in this version. ValueError for an unknown scheduler."""
        raise _missing(_scheduler(impl))

    @classmethod
    def list_deployed_flows(cls, flow_name=None, impl=None):
        """All deployed flows: not available in this version."""
        raise _missing(_scheduler(impl))

    @classmethod
    def get_triggered_run(cls, identifier, run_id, metadata=None, impl=None):
        """A run of a deployed flow: not available in this version."""
        raise _missing(_scheduler(impl))

    @classmethod
    def from_argo_workflows(cls, identifier, metadata=None):
        """A flow on Argo Workflows: not available in this version."""
        raise _missing("argo_workflows")

    @classmethod
    def from_step_functions(cls, identifier, metadata=None):
        """A flow on AWS Step Functions: not available in this version."""
        raise _missing("step_functions")

    @classmethod
    def list_argo_workflows(cls, flow_name=None):
        """The flows on Argo Workflows: not available in this version."""
        raise _missing("argo_workflows")

    @classmethod
    def list_step_functions(cls, flow_name=None):
        """The flows on AWS Step Functions: not available in this version."""
        raise _missing("step_functions")

    @classmethod
    def get_triggered_argo_workflows_run(cls, identifier, run_id, metadata=None):
        """A run on Argo Workflows: not available in this version."""
        raise _missing("argo_workflows")

    @classmethod
    def get_triggered_step_functions_run(cls, identifier, run_id, metadata=None):
        """A run on AWS Step Functions: not available in this version."""
        raise _missing("step_functions")


class TriggeredRun:
    """A run that a deployment started. There are none in this version."""
