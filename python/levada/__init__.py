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

import sys

if sys.version_info < (3, 9) or sys.implementation.name != "cpython":
    raise ImportError(
        "Levada needs CPython 3.9 or later; name one with --python or LEVADA_PYTHON. %s is %s"
        % (sys.executable, " ".join(sys.version.split()))
    )

from .standard import TYPE_CHECKING, library

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

#: Without exec: import * leaves Python's own alone.
__all__ = [
    "Config",
    "ConfigValue",
    "DataArtifact",
    "DeployedFlow",
    "Deployer",
    "Flow",
    "FlowMutator",
    "FlowSpec",
    "IncludeFile",
    "JSONType",
    "JSONTypeClass",
    "Metaflow",
    "NBDeployer",
    "NBRunner",
    "Parameter",
    "Run",
    "Runner",
    "Step",
    "StepMutator",
    "Task",
    "USER_SKIP_STEP",
    "UserStepDecorator",
    "airflow_external_task_sensor",
    "airflow_s3_key_sensor",
    "batch",
    "card",
    "catch",
    "conda",
    "conda_base",
    "conda_environment_yml_parser",
    "config_expr",
    "current",
    "default_metadata",
    "default_namespace",
    "environment",
    "exit_hook",
    "get_metadata",
    "get_namespace",
    "inspect_spin",
    "kubernetes",
    "metadata",
    "namespace",
    "namespaced_event_name",
    "package_sources",
    "parallel",
    "parallel_imap_unordered",
    "parallel_map",
    "profile",
    "project",
    "pypi",
    "pypi_base",
    "pyproject_toml_parser",
    "pytorch_parallel",
    "requirements_txt_parser",
    "resources",
    "retry",
    "schedule",
    "secrets",
    "step",
    "timeout",
    "trigger",
    "trigger_on_finish",
    "user_step_decorator",
    "yaml_parser",
]

if TYPE_CHECKING:  # what __getattr__ finds
    from typing import Any

    from .client import (
        DataArtifact,
        Flow,
        Metaflow,
        Run,
        Step,
        Task,
        default_metadata,
        default_namespace,
        get_metadata,
        get_namespace,
        inspect_spin,
        metadata,
        namespace,
    )
    from .config_parsers import (
        conda_environment_yml_parser,
        pyproject_toml_parser,
        requirements_txt_parser,
        yaml_parser,
    )
    from .configs import Config, ConfigValue, config_expr
    from .custom import USER_SKIP_STEP, FlowMutator, StepMutator, UserStepDecorator, user_step_decorator
    from .deployer import DeployedFlow, Deployer
    from .event_names import namespaced_event_name
    from .includefile import IncludeFile
    from .multicore import parallel_imap_unordered, parallel_map
    from .notebook import NBDeployer, NBRunner
    from .packaging import package_sources
    from .profiling import profile
    from .programs import exec as exec
    from .runner import Runner

    S3: Any

if not TYPE_CHECKING:  # which would take it as a promise that there is any name

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


def __dir__():
    return sorted({*globals(), *_LAZY, *_CLIENT})
