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

from .standard import library

# A file of the user's may have the name of a module that one of these imports.
with library():
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

#: Names of the API that later versions will have; using one is an error that says so.
_LATER = frozenset(["S3"])

#: Names of the API that few flows use, by the module that has them. It is imported when one is asked for.
_LAZY = {
    "IncludeFile": "includefile",
    "Config": "configs",
    "ConfigValue": "configs",
    "config_expr": "configs",
    "yaml_parser": "config_parsers",
    "requirements_txt_parser": "config_parsers",
    "pyproject_toml_parser": "config_parsers",
    "conda_environment_yml_parser": "config_parsers",
    "user_step_decorator": "custom",
    "UserStepDecorator": "custom",
    "StepMutator": "custom",
    "FlowMutator": "custom",
    "USER_SKIP_STEP": "custom",
    "namespaced_event_name": "event_names",
    "package_sources": "packaging",
    "parallel_map": "multicore",
    "parallel_imap_unordered": "multicore",
    "profile": "profiling",
    "exec": "programs",
    "Runner": "runner",
    "NBRunner": "notebook",
    "NBDeployer": "notebook",
    "Deployer": "deployer",
    "DeployedFlow": "deployer",
}

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
__all__ += [name for name in _LAZY if name != "exec"]  # import * leaves Python's own alone
__all__ += sorted(_CLIENT)


def __getattr__(name):
    if name in _LAZY:
        from importlib import import_module

        with library():
            return getattr(import_module("." + _LAZY[name], __name__), name)
    if name in _CLIENT:
        with library():
            from . import client

        return getattr(client, name)
    if name in _LATER:
        from .later import Later

        return Later(name)
    raise AttributeError("module '%s' has no attribute '%s'" % (__name__, name))
