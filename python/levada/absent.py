"""Modules and names of Metaflow's inside that Levada does not have, and what to do instead.

``from metaflow.decorators import x`` looks for a module ``metaflow.decorators.x`` if ``x`` is not there, as long as
``metaflow.decorators`` has a ``__path__``: that is why modules of which names are listed here have an empty one.
"""

from .standard import library

_CLI = "the commands of a flow are Levada's own (docs/cli.md); start a flow with Runner"
_GRAPH = "a step's decorators are in current.graph, and a mutator can change them"
_STORE = "read the artifacts of a task with the Client: Flow, Run, Task"
_DECORATOR = "derive from UserStepDecorator, StepMutator or FlowMutator instead"
_RUNTIME = "the engine runs tasks; watch a run with Runner or the Client"
_LATER = "schedulers and clusters come later"
_CLOUD = "stores in the cloud come later; use a library of the cloud's own"
_ENVIRONMENT = "how steps get their packages is in docs/environments.md"
_SECRET = "get_secret of metaflow.plugins.secrets reads a secret"
_PACKAGE = "every run keeps its code: Run(...).code"
_CARDS = "derive from MetaflowCardComponent, or describe what a card shows with the components of metaflow.cards"
_NOTHING = "nothing in Levada needs it"
_EXTENSION = "it comes from a package that extends Metaflow, and Levada has no such extensions"
_CHECKPOINT = _EXTENSION + "; a step that @retry runs again can go on from a file that it wrote"

#: By the name without ``metaflow.``; one stands for what is in it, too.
_INSTEAD = {
    "Checkpoint": _CHECKPOINT,
    "R": "Levada runs steps in Python and Go",
    "_vendor": "it is a copy of other packages: install the package itself, and import it by its own name",
    "checkpoint": _CHECKPOINT,
    "cli": _CLI,
    "cli_args": _CLI,
    "cli_components": _CLI,
    "client.filecache": "the Client reads values in place and caches nothing",
    "clone_util": _RUNTIME,
    "cmd": _CLI,
    "cmd_with_io": "use subprocess",
    "datastore.FlowDataStore": _STORE,
    "datastore.TaskDataStoreSet": _STORE,
    "datastore.artifacts": _STORE,
    "datastore.content_addressed_store": _STORE,
    "datastore.datastore_set": _STORE,
    "datastore.datastore_storage": _STORE,
    "datastore.flow_datastore": _STORE,
    "datastore.inputs": "the inputs of a join are the step's second argument",
    "datastore.spin_datastore": _STORE,
    "datastore.task_datastore": _STORE,
    "debug": "levada doctor checks the store, the Python and the SDK",
    "decorators.add_decorator_options": _CLI,
    "decorators.extract_step_decorator_from_decospec": "MutableStep.add_decorator takes the text of a decorator",
    "deepspeed": _EXTENSION,
    "delete_model": _CHECKPOINT,
    "event_logger": _NOTHING,
    "extension_support": "what extensions can do is in docs/compatibility.md",
    "huggingface_hub": _EXTENSION + "; call huggingface_hub.snapshot_download in the step",
    "includefile.FilePathClass": "an IncludeFile is read when the run starts, and stored as the bytes of the file",
    "lint.linter": "levada check says what is wrong with a flow",
    "load_model": _CHECKPOINT,
    "meta_files": _PACKAGE,
    "metadata_provider.heartbeat": _RUNTIME,
    "metadata_provider.metadata": "MetaDatum is in metaflow.metadata_provider",
    "metadata_provider.util": _STORE,
    "metaflow_config_funcs": "metaflow.metaflow_config has the settings, and from_conf",
    "metaflow_environment": "Task(...).environment_info describes the environment of a run",
    "metaflow_git": "Task(...).metadata_dict has the commit",
    "metaflow_ray": _EXTENSION,
    "mflog": "read logs with Task(...).stdout, or loglines",
    "model": _CHECKPOINT,
    "monitor": _NOTHING,
    "mpi": _EXTENSION,
    "ollama": _EXTENSION,
    "package": _PACKAGE,
    "packaging_sys": _PACKAGE,
    "parameters.DelayedEvaluationParameter": "a function as the default of a Parameter is called when a run starts",
    "parameters.deploy_time_eval": "a function as the default of a Parameter is called when a run starts",
    "plugins.DATASTORES": _STORE,
    "plugins.ENVIRONMENTS": _ENVIRONMENT,
    "plugins.FLOW_DECORATORS": _DECORATOR,
    "plugins.STEP_DECORATORS": _DECORATOR,
    "plugins.airflow": _LATER,
    "plugins.argo": _LATER + "; ArgoEvent is in metaflow.integrations",
    "plugins.aws.aws_utils": _CLOUD,
    "plugins.aws.batch": _LATER,
    "plugins.aws.secrets_manager": _SECRET,
    "plugins.aws.step_functions": _LATER,
    "plugins.azure": _CLOUD,
    "plugins.cards.card_cli": _CLI,
    "plugins.cards.card_creator": _CARDS,
    "plugins.cards.card_datastore": "get_cards of metaflow.cards finds and reads cards",
    "plugins.cards.card_decorator": _DECORATOR,
    "plugins.cards.card_modules.basic": _CARDS,
    "plugins.cards.card_modules.convert_to_native_type": _CARDS,
    "plugins.cards.card_modules.json_viewer": "JSONViewer and YAMLViewer are in metaflow.cards",
    "plugins.cards.card_modules.renderer_tools": _CARDS,
    "plugins.cards.card_modules.test_cards": "it is of Metaflow's own tests",
    "plugins.cards.card_resolver": "get_cards of metaflow.cards finds and reads cards",
    "plugins.cards.card_server": "`levada card server` shows the cards of a run",
    "plugins.cards.metadata": _STORE,
    "plugins.datastores": _STORE,
    "plugins.datatools.local": "use open() for files, or assign what is in them to self",
    "plugins.datatools.s3.s3op": _CLOUD,
    "plugins.datatools.s3.s3tail": _CLOUD,
    "plugins.datatools.s3.s3util": _CLOUD,
    "plugins.debug_logger": _NOTHING,
    "plugins.debug_monitor": _NOTHING,
    "plugins.env_escape": _NOTHING,
    "plugins.events_decorator": _DECORATOR,
    "plugins.exit_hook": _DECORATOR,
    "plugins.frameworks": "@pytorch_parallel of metaflow sets up what PyTorch needs",
    "plugins.gcp": _CLOUD,
    "plugins.kubernetes": _LATER,
    "plugins.logs_cli": _CLI,
    "plugins.metadata_providers": "metadata of metaflow chooses where the Client looks",
    "plugins.namespaced_events": "namespaced_event_name is in metaflow",
    "plugins.package_cli": _CLI,
    "plugins.parsers": "yaml_parser is in metaflow",
    "plugins.pypi.bootstrap": _ENVIRONMENT,
    "plugins.pypi.conda_decorator": _DECORATOR,
    "plugins.pypi.conda_environment": _ENVIRONMENT,
    "plugins.pypi.micromamba": _ENVIRONMENT,
    "plugins.pypi.pip": _ENVIRONMENT,
    "plugins.pypi.pip_patcher": _ENVIRONMENT,
    "plugins.pypi.pypi_decorator": _DECORATOR,
    "plugins.pypi.pypi_environment": _ENVIRONMENT,
    "plugins.pypi.utils": _ENVIRONMENT,
    "plugins.secrets.inline_secrets_provider": _SECRET,
    "plugins.secrets.secrets_decorator": _SECRET,
    "plugins.secrets.secrets_func": _SECRET,
    "plugins.secrets.secrets_spec": _SECRET,
    "plugins.secrets.utils": _SECRET,
    "plugins.storage_executor": _NOTHING,
    "plugins.tag_cli": _CLI,
    "plugins.test_unbounded_foreach_decorator": "it is of Metaflow's own tests",
    "plugins.uv": _ENVIRONMENT,
    "procpoll": "use select or selectors",
    "pylint_wrapper": "levada check says what is wrong with a flow",
    "runner.deployer_impl": _LATER,
    "runner.subprocess_manager.SubprocessManager": "use Runner",
    "runner.utils": "use Runner",
    "runtime.NativeRuntime": _RUNTIME,
    "sidecar": _NOTHING,
    "slurm": _EXTENSION,
    "system": _NOTHING,
    "tagging_util": "Run(...).add_tags checks the tags",
    "task": _RUNTIME,
    "tensorflow_parallel": _EXTENSION,
    "torchrun": _EXTENSION + "; @pytorch_parallel sets up what torch.distributed needs",
    "tracing": "Levada hands TRACEPARENT to tasks",
    "user_configs.config_options": _CLI,
    "user_decorators.common": _DECORATOR,
    "user_decorators.user_flow_decorator.FlowMutatorMeta": "use issubclass with FlowMutator",
    "util.get_latest_run_id": "use Flow(...).latest_run",
    "util.write_latest_run_id": "use --run-id-file",
    "vendor": _NOTHING,
    "version": "metaflow.__version__ has it",
}

# What people's flows import of Outerbounds' packages and of others that extend Metaflow.
for _name in (
    "Snowflake", "anaconda", "anaconda_base", "app_deploy", "apps", "artifact_store_from", "assume_role",
    "coreweave_checkpoints", "dbt", "get_aws_client", "gpu_profile", "llamacpp", "modal", "nebius_checkpoints",
    "nim", "nvct", "nvidia", "profilers", "pyspark", "s3_proxy", "snowpark", "vllm", "with_artifact_store",
):  # fmt: skip
    _INSTEAD[_name] = _EXTENSION


def instead(name):
    """What to do instead of using the module or name ``metaflow.<name>``; "" if Metaflow has no such name.

    Metaflow has what packages add to it, too.
    """
    known = name
    while known and known not in _INSTEAD:
        known = known.rpartition(".")[0]
    why = _INSTEAD[known] if known else _added(name)
    return why and "metaflow.%s is not in Levada: %s. See docs/compatibility.md" % (name, why)


def refuse(name):
    """Raise ModuleNotFoundError if Metaflow has the module or name ``metaflow.<name>``; return if it is not known."""
    why = instead(name)
    if why:
        # Without the error's attribute "name": "from ... import" replaces an error that has the name it looks for.
        raise ModuleNotFoundError(why)


def _added(name):
    """What to say of a name that an installed package adds to ``metaflow``; empty if none does."""
    if not name.isidentifier():
        return ""
    with library():
        import os
        import re
        from glob import escape, glob
        from importlib.util import find_spec

    # Where such packages list what they add. They are not imported: that fails without Metaflow.
    named = re.compile(r"""(['"])%s\1|\b(class|def|import) (.*\W)?%s\b""" % (name, name))
    spec = find_spec("metaflow_extensions")
    for root in (spec.submodule_search_locations if spec is not None else None) or ():
        for part in ("plugins", "toplevel"):
            for path in sorted(glob(os.path.join(escape(root), "*", part, "*.py"))):
                with open(path, errors="replace") as file:
                    if any(map(named.search, file)):
                        return "it comes from %s, which extends Metaflow, and Levada has no such extensions; %s" % (
                            os.path.dirname(os.path.dirname(path)),
                            _DECORATOR,
                        )
    return ""
