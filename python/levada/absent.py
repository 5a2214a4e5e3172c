"""Modules and names of Metaflow's inside that Levada does not have, and what to do instead.

``from metaflow.decorators import x`` looks for a module ``metaflow.decorators.x`` if ``x`` is not there, as long as
``metaflow.decorators`` has a ``__path__``: that is why modules of which names are listed here have an empty one.
"""

_CLI = "the commands of a flow are Levada's own (docs/cli.md); start a flow with Runner"
_GRAPH = "a step's decorators are in current.graph, and a mutator can change them"
_STORE = "read the artifacts of a task with the Client: Flow, Run, Task"
_DECORATOR = "derive from UserStepDecorator, StepMutator or FlowMutator instead"
_RUNTIME = "the engine runs tasks; watch a run with Runner or the Client"
_LATER = "schedulers and clusters come later"
_PACKAGE = "every run keeps its code: Run(...).code"
_CARDS = "derive from MetaflowCardComponent, or describe what a card shows with the components of metaflow.cards"
_NOTHING = "nothing in Levada needs it"

#: By the name without ``metaflow.``; one stands for what is in it, too.
_INSTEAD = {
    "R": "Levada runs steps in Python and Go",
    "_vendor": "it is a copy of other packages: install the package itself, and import it by its own name",
    "cli": _CLI,
    "cli_args": _CLI,
    "cli_components": _CLI,
    "client.filecache": "the Client reads values in place and caches nothing",
    "clone_util": _RUNTIME,
    "cmd": _CLI,
    "cmd_with_io": "use subprocess",
    "datastore.FlowDataStore": _STORE,
    "datastore.TaskDataStoreSet": _STORE,
    "datastore.datastore_set": _STORE,
    "datastore.flow_datastore": _STORE,
    "datastore.inputs": "the inputs of a join are the step's second argument",
    "datastore.task_datastore": _STORE,
    "debug": "levada doctor checks the store, the Python and the SDK",
    "decorators.add_decorator_options": _CLI,
    "decorators.extract_step_decorator_from_decospec": "MutableStep.add_decorator takes the text of a decorator",
    "event_logger": _NOTHING,
    "extension_support": "what extensions can do is in docs/compatibility.md",
    "includefile.FilePathClass": "an IncludeFile is read when the run starts, and stored as the bytes of the file",
    "lint.linter": "levada check says what is wrong with a flow",
    "meta_files": _PACKAGE,
    "metadata_provider.heartbeat": _RUNTIME,
    "metaflow_config_funcs": "metaflow.metaflow_config has the settings, and from_conf",
    "metaflow_environment": "Task(...).environment_info describes the environment of a run",
    "metaflow_git": "Task(...).metadata_dict has the commit",
    "mflog": "read logs with Task(...).stdout, or loglines",
    "monitor": _NOTHING,
    "package": _PACKAGE,
    "packaging_sys": _PACKAGE,
    "parameters.DelayedEvaluationParameter": "a function as the default of a Parameter is called when a run starts",
    "parameters.deploy_time_eval": "a function as the default of a Parameter is called when a run starts",
    "plugins.DATASTORES": _STORE,
    "plugins.ENVIRONMENTS": "how steps get their packages is in docs/environments.md",
    "plugins.FLOW_DECORATORS": _DECORATOR,
    "plugins.STEP_DECORATORS": _DECORATOR,
    "plugins.airflow": _LATER,
    "plugins.argo": _LATER + "; ArgoEvent is in metaflow.integrations",
    "plugins.aws.batch": _LATER,
    "plugins.aws.step_functions": _LATER,
    "plugins.cards.card_modules.basic.DefaultComponent": _CARDS,
    "plugins.kubernetes": _LATER,
    "plugins.pypi.conda_decorator": _DECORATOR,
    "plugins.pypi.pypi_decorator": _DECORATOR,
    "plugins.secrets.secrets_decorator": "get_secret of metaflow.plugins.secrets reads a secret",
    "plugins.storage_executor": _NOTHING,
    "procpoll": "use select or selectors",
    "pylint_wrapper": "levada check says what is wrong with a flow",
    "runner.subprocess_manager.SubprocessManager": "use Runner",
    "runner.utils": "use Runner",
    "runtime.NativeRuntime": _RUNTIME,
    "sidecar": _NOTHING,
    "tagging_util": "Run(...).add_tags checks the tags",
    "task": _RUNTIME,
    "tracing": "Levada hands TRACEPARENT to tasks",
    "user_configs.config_options": _CLI,
    "user_decorators.common": _DECORATOR,
    "user_decorators.user_flow_decorator.FlowMutatorMeta": "use issubclass with FlowMutator",
    "util.get_latest_run_id": "use Flow(...).latest_run",
    "util.write_latest_run_id": "use --run-id-file",
}


def refuse(name):
    """Raise ModuleNotFoundError if Metaflow has the module or name ``metaflow.<name>``; return if it is not known."""
    known = name
    while known and known not in _INSTEAD:
        known = known.rpartition(".")[0]
    if known:
        # Without the error's attribute "name": "from ... import" replaces an error that has the name it looks for.
        raise ModuleNotFoundError(
            "metaflow.%s is not in Levada: %s. See docs/compatibility.md" % (name, _INSTEAD[known])
        )
