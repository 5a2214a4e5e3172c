"""Levada: write a workflow as a class, run every step as a process, find every result again.

::

    from levada import FlowSpec, step

    class Hello(FlowSpec):
        @step
        def start(self):
            self.greeting = "hello"
            self.next(self.end)

        @step
        def end(self):
            print(self.greeting)

    Hello()
"""

__version__ = "0.1.0"

from .decorators import (
    airflow_external_task_sensor,
    airflow_s3_key_sensor,
    batch,
    card,
    catch,
    conda,
    conda_base,
    environment,
    exit_hook,
    kubernetes,
    parallel,
    project,
    pypi,
    pypi_base,
    pytorch_parallel,
    resources,
    retry,
    schedule,
    secrets,
    step,
    timeout,
    trigger,
    trigger_on_finish,
)
from .flowspec import FlowSpec
from .parameters import JSONType, JSONTypeClass, Parameter
from .running import current

#: Names that few flows use, and the modules that have them: imported when they are asked for.
_LAZY = {
    "IncludeFile": "includefile",
    "Runner": "runner",
    "NBRunner": "notebook",
    "NBDeployer": "notebook",
    "Deployer": "deployer",
    "DeployedFlow": "deployer",
}

#: Names of the API that later versions will have; using one is an error that says so.
_LATER = frozenset(
    [
        "Config",
        "ConfigValue",
        "config_expr",
        "user_step_decorator",
        "UserStepDecorator",
        "StepMutator",
        "FlowMutator",
        "USER_SKIP_STEP",
        "S3",
        "parallel_map",
        "parallel_imap_unordered",
        "profile",
        "namespaced_event_name",
        "yaml_parser",
        "requirements_txt_parser",
        "pyproject_toml_parser",
        "conda_environment_yml_parser",
    ]
)

#: Names of the client, which is imported when one of them is asked for.
_CLIENT = frozenset(
    [
        "Metaflow",
        "Flow",
        "Run",
        "Step",
        "Task",
        "DataArtifact",
        "namespace",
        "get_namespace",
        "default_namespace",
        "metadata",
        "get_metadata",
        "default_metadata",
        "inspect_spin",
    ]
)

__all__ = [
    "FlowSpec",
    "IncludeFile",
    "JSONType",
    "JSONTypeClass",
    "Parameter",
    "airflow_external_task_sensor",
    "airflow_s3_key_sensor",
    "batch",
    "card",
    "catch",
    "conda",
    "conda_base",
    "current",
    "environment",
    "exit_hook",
    "kubernetes",
    "parallel",
    "project",
    "pypi",
    "pypi_base",
    "pytorch_parallel",
    "resources",
    "retry",
    "schedule",
    "secrets",
    "step",
    "timeout",
    "trigger",
    "trigger_on_finish",
]


def __getattr__(name):
    if name in _LAZY:
        return getattr(__import__(__name__ + "." + _LAZY[name], fromlist=[name]), name)
    if name in _CLIENT:
        from . import client

        return getattr(client, name)
    if name in _LATER:
        from .later import Later

        return Later(name)
    raise AttributeError("module '%s' has no attribute '%s'" % (__name__, name))
