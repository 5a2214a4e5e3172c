"""``current``: what the running code may know of its task and run."""

from os import environ

from .standard import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .client import Run, Task
    from .events import Trigger
    from .tuples import Parallel

# What is known, or None and not an error, where no task runs.
_outside = dict.fromkeys((
    "flow_name", "run_id", "step_name", "task_id", "retry_count", "origin_run_id", "pathspec", "task", "run",
    "namespace", "username",
))  # fmt: skip
#: What tests of flows and programs around them say there is: by name, it takes precedence.
_given = {}
#: What of it was said before the task, by a module that is also used outside of runs: the task knows better.
_given_before = {}
_PROJECT = {
    "project_name": "name",
    "branch_name": "branch",
    "is_user_branch": "user_branch",
    "is_production": "production",
    "project_flow_name": "flow_name",
}


def _pathspec(frame):
    return "%s/%s/%s/%s" % (frame["flow"], frame["run"], frame["step"], frame["task"])


def _missing(name, why):
    return AttributeError("'current' has no attribute '%s' here: %s" % (name, why))


def _parallel(task):
    from .tuples import Parallel

    if not task.plans.has_parallel:
        raise _missing("parallel", "no step of the flow is run by num_parallel")
    gang = task.frame.get("parallel")
    if gang is None:
        return Parallel("127.0.0.1", 1, 0, None)
    return Parallel(gang["main_ip"], gang["num_nodes"], gang["node_index"], gang["control_task_id"])


def _is_parallel(task):
    if not task.plan.parallel:
        raise _missing("is_parallel", "the step is not marked with @parallel")
    return True


def _project(name, field):
    def read(task):
        project = task.frame.get("project")
        if project is None:
            raise _missing(name, "the flow has no @project")
        return project[field]

    return read


def _field(name):
    return lambda task: task.frame[name]


def _card(task):
    if task.plan.cards is None:
        raise _missing("card", "the step has no @card; write it above @step, or run with --with card")
    from .cards.publisher import collector

    return collector(task)


def _client(name, depth):
    def read(task):
        from . import client

        pathspec = "/".join(_pathspec(task.frame).split("/")[:depth])
        return getattr(client, name)(pathspec, _namespace_check=False)

    return read


def _trigger(task):
    runs = task.frame.get("triggers")
    if not runs:
        raise _missing("trigger", "no event started the run")
    from .client import Run
    from .events import Trigger

    return Trigger.from_runs([Run(pathspec, _namespace_check=False) for pathspec in runs])


def _own(name):
    """The attribute that is meant by ``name``: ``run_id`` where Metaflow keeps it, in ``_run_id``."""
    public = {"_is_running": "is_running_flow"}.get(name, name[1:])
    return public if name[:1] == "_" and public in _READ_ONLY else name


_ATTRIBUTES = {
    "flow_name": _field("flow"),
    "run_id": _field("run"),
    "step_name": _field("step"),
    "task_id": _field("task"),
    "retry_count": _field("attempt"),
    "origin_run_id": lambda task: task.frame.get("origin"),
    "pathspec": lambda task: _pathspec(task.frame),
    "namespace": lambda task: task.frame.get("namespace"),
    "username": lambda task: task.frame.get("user"),
    "tags": lambda task: set(task.frame.get("tags") or ()),
    "parameter_names": lambda task: sorted([*task.plans.parameters, *task.plans.configs]),
    "graph": lambda task: task.graph(),
    "graph_info": lambda task: task.graph(),
    **{name: _project(name, field) for name, field in _PROJECT.items()},
    "parallel": _parallel,
    "is_parallel": _is_parallel,
    "task": _client("Task", 4),
    "run": _client("Run", 2),
    "trigger": _trigger,
    "card": _card,
}


#: What cannot be set by its name, as in Metaflow; the rest of ``current`` anybody may add to.
_READ_ONLY = frozenset(_outside) | {"is_running_flow", "tags", "tempdir", "parameter_names", "graph", "graph_info"}


class Current:
    """The task that runs in this process. There is one instance: ``current``."""

    __slots__ = ("_task",)

    if TYPE_CHECKING:  # what _ATTRIBUTES has, as it is in a task
        flow_name: str
        """The name of the flow."""
        run_id: str
        """The id of the run."""
        step_name: str
        """The name of the step."""
        task_id: str
        """The id of the task."""
        retry_count: int
        """The number of the attempt, from 0."""
        origin_run_id: "str | None"
        """The id of the run that this one resumes; None if it resumes none."""
        pathspec: str
        """What the Client finds the task by: ``MyFlow/12/train/3``."""
        namespace: str
        """The namespace of the run."""
        username: str
        """The name of the user who started the run."""
        tags: "set[str]"
        """The tags of the run."""
        parameter_names: "list[str]"
        """The names of the flow's parameters and configs."""
        graph: "dict[str, Any]"
        """The steps of the flow, and how they follow each other."""
        graph_info: "dict[str, Any]"
        """Another name of ``graph``."""
        project_name: str
        """The name of the @project."""
        branch_name: str
        """The branch of the @project."""
        is_user_branch: bool
        """Whether the branch of the @project is the user's own."""
        is_production: bool
        """Whether the run is one of production."""
        project_flow_name: str
        """The name of the flow with project and branch in front."""
        parallel: "Parallel"
        """The gang that the task belongs to: ``main_ip``, ``num_nodes``, ``node_index``, ``control_task_id``."""
        is_parallel: bool
        """True in a step with @parallel."""
        task: "Task"
        """The task, as the Client has it."""
        run: "Run"
        """The run, as the Client has it."""
        trigger: "Trigger"
        """The events that started the run."""
        card: "Any"
        """The step's card: ``current.card.append(…)``, of several ``current.card["id"]``."""

    def __init__(self):
        Current._task.__set__(self, None)

    def __getattr__(self, name: str) -> "Any":
        if _given:
            if name in _given:
                return _given[name]
            if name == "pathspec" and "run_id" in _given:
                parts = [getattr(self, part) for part in ("flow_name", "run_id", "step_name", "task_id")]
                return None if None in parts else "/".join(parts)
        task = self._task
        if task is not None:
            read = _ATTRIBUTES.get(name)
            if read is not None:
                try:
                    return read(task)
                except AttributeError:
                    if name not in _given_before:
                        raise
            if name in _given_before:
                return _given_before[name]
        elif name in _outside:
            return _outside[name]
        elif name == "graph":
            raise RuntimeError("The graph is known only while a task runs.")
        if _own(name) != name:
            return getattr(self, _own(name))
        raise AttributeError("'current' has no attribute '%s' here" % name)

    def __setattr__(self, name, value):
        if name in _READ_ONLY:
            raise AttributeError(
                "'%s' of 'current' cannot be set. A test gives it a value with current._update_env({'%s': ...})."
                % (name, name)
            )
        _given[_own(name)] = value

    def __delattr__(self, name):
        name = _own(name)
        if name not in _given and name not in _given_before:
            raise AttributeError("'current' has no attribute '%s' that was set" % name)
        _given.pop(name, None)
        _given_before.pop(name, None)

    def _update_env(self, env):
        """Add attributes, or give some other values, as tests of flows do."""
        _given.update(env)

    def _set_env(
        self,
        flow=None,
        run_id=None,
        step_name=None,
        task_id=None,
        retry_count=None,
        origin_run_id=None,
        namespace=None,
        username=None,
        metadata_str=None,
        is_running=True,
        tags=None,
    ):
        """Pretend that a task runs, as tests do of what reads ``current``."""
        if flow is not None:
            _given["flow_name"] = flow.name
        _given.update(
            run_id=run_id,
            step_name=step_name,
            task_id=task_id,
            retry_count=retry_count,
            origin_run_id=origin_run_id,
            namespace=namespace,
            username=username,
            tags=tags,
            is_running_flow=is_running,
        )

    def __contains__(self, name):
        return getattr(self, name, None) is not None

    def __dir__(self):
        return sorted(set(object.__dir__(self)) | set(_ATTRIBUTES))

    def get(self, key: str, default: "Any" = None) -> "Any":
        """The attribute ``key``, or ``default`` if it does not exist here."""
        return getattr(self, key, default)

    @property
    def is_running_flow(self) -> bool:
        """Whether this process runs a task."""
        return _given.get("is_running_flow", self._task is not None)

    @property
    def tempdir(self) -> str:
        """Folder for temporary files: METAFLOW_TEMPDIR, or the working directory."""
        return _given.get("tempdir") or _given_before.get("tempdir") or environ.get("METAFLOW_TEMPDIR", ".")


#: The task that runs in this process.
current = Current()


_set = Current._task.__set__


def enter_resolution(flow_name, project):
    """Tell ``current`` what functions that compute defaults may know, before there is a run: flow and project."""
    _outside["flow_name"] = flow_name
    if project is not None:
        _outside.update((name, project[field]) for name, field in _PROJECT.items())


def enter(task):
    """Make ``task`` the one that ``current`` speaks of."""
    if _given:
        _given_before.update(_given)
        _given.clear()
    _set(current, task)
