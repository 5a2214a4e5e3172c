"""Runs and steps."""

from ..exceptions import MetaflowNotFound, MetaflowTaggingError
from ..standard import TYPE_CHECKING
from .data import Siblings
from .objects import MetaflowObject, number, pages, when

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any, Union

    from ..events import Trigger
    from .code import MetaflowCode
    from .data import MetaflowData
    from .task import Task


class Run(MetaflowObject):
    """A run and its steps, newest first: ``Run("MyFlow/12")``. A step is found by its name: ``run["train"]``.

    What can change while the run goes on (``status``, ``finished``, ``successful``) is asked for anew until it ends.
    """

    _KIND = "run"
    _FORM = ("FlowName", "RunID")

    if TYPE_CHECKING:

        def __getitem__(self, id: str) -> "Step":
            """The step with this name."""
            ...

    def _fetch(self):
        record = self._store.ask("run", run=number(self.id))
        return record if record["flow"] == self._parts[0] else None

    def _now(self):
        """The record, as it is now."""
        if self._record["status"] == "running":
            tags = self._record["tags"]
            self._record = self._fetch() or self._record
            self._record["tags"] = tags  # as they were when this object was made, or last changed through it
        return self._record

    # How it is.

    @property
    def status(self) -> str:
        """``running``, ``succeeded``, ``failed``, ``interrupted``, or ``died``: its engine has gone without a word."""
        return self._now()["status"]

    @property
    def successful(self) -> bool:
        """Whether it has succeeded."""
        return self.status == "succeeded"

    @property
    def finished(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status != "running"

    @property
    def finished_at(self) -> "Union[datetime, Any]":
        """When it ended: naive local time. Of a run that died, when it was last seen alive. None while it runs."""
        return when(self._now()["ended"]) if self.finished else None

    @property
    def problem(self) -> str:
        """Why it did not succeed, in a line; empty if there is nothing to say."""
        known = self._now().get("problem", "")
        if not known and self.status == "died":
            return "the process that ran it on %s is gone" % self._record["host"]
        task = None if known else self.failed_task
        if task is None:
            return known
        raised = task.exception
        what = "%s: %s" % (raised.type.rpartition(".")[2], raised.exception) if raised else "it " + task.status
        return "step %s, task %s: %s" % (task.parent.id, task.id, what)

    @property
    def failed_task(self) -> "Union[Task, Any]":
        """The task whose failure ended the run, or None."""
        id = self._now()["failed_task"]
        if id < 0:
            return None
        found = self._store.ask("tasks", run=number(self.id), ids=[id])["tasks"]
        return self[found[0]["step"]]._child(str(id), found[0]) if found else None

    @property
    def origin_pathspec(self) -> "str | None":
        """The run that this one resumes, or None."""
        origin = self._record.get("origin")
        return "%s/%d" % (self._parts[0], origin) if origin else None

    # What it has.

    def steps(self, *tags) -> "Iterator[Step]":
        """The steps, newest first. With tags: none, unless the run has them all."""
        if not self.tags.issuperset(tags):
            return
        for record in reversed(self._steps()):
            if not record["name"].startswith("_"):
                yield self._child(record["name"], record)

    def __iter__(self) -> "Iterator[Step]":
        return self.steps()

    def _steps(self, counts=False):
        return self._store.ask("steps", run=number(self.id), counts=counts)["steps"]

    def _find(self, id):
        for record in self._steps():
            if record["name"] == id:
                return self._child(id, record)
        return None

    def _graph(self):
        """The graph of the flow, as ``_graph_info`` has it."""
        graph = self.__dict__.get("_graph_info")
        if graph is None:
            graph = self._graph_info = self._store.ask("graph", run=number(self.id))["graph"]
        return graph

    @property
    def end_task(self) -> "Union[Task, Any]":
        """The task of the last step, or None if it has not started."""
        end = self._find(self._graph()["end_step"])
        return end.task if end is not None else None

    @property
    def data(self) -> "Union[MetaflowData, Any]":
        """The artifacts of the last step, or None if it has not started."""
        task = self.end_task
        return task.data if task is not None else None

    @property
    def parameters(self) -> "dict[str, Any]":
        """The parameters of the run: their values by attribute."""
        task = self["_parameters"].task
        return task._values([parameter["name"] for parameter in self._graph()["parameters"]])

    @property
    def code(self) -> "Union[MetaflowCode, Any]":
        """The code that was kept with the run, or None."""
        if not self._record.get("code"):
            return None
        from .code import MetaflowCode

        return MetaflowCode(self)

    @property
    def trigger(self) -> "Union[Trigger, Any]":
        """What started the run if it was an event: None, since only schedulers record it. See ``current.trigger``."""
        return None

    # Tags.

    def add_tag(self, tag) -> None:
        """Add a tag, or several."""
        self.replace_tags([], tag)

    def add_tags(self, tags) -> None:
        """Add tags. A tag that the run has already is left as it is."""
        self.replace_tags([], tags)

    def remove_tag(self, tag) -> None:
        """Remove a tag, or several."""
        self.replace_tags(tag, [])

    def remove_tags(self, tags) -> None:
        """Remove tags. A tag that the run does not have is no error; a system tag is: MetaflowTaggingError."""
        self.replace_tags(tags, [])

    def replace_tag(self, tag_to_remove, tag_to_add) -> None:
        """Remove a tag and add another, at once."""
        self.replace_tags(tag_to_remove, tag_to_add)

    def replace_tags(self, tags_to_remove, tags_to_add) -> None:
        """Remove tags and then add tags, at once."""
        remove, add = _tag_list(tags_to_remove), _tag_list(tags_to_add)
        if not remove and not add:
            raise MetaflowTaggingError("No tag is given. Name at least one to add or to remove.")
        self._record.update(self._store.ask("tags", run=number(self.id), remove=remove, add=add))


def _tag_list(tags):
    if isinstance(tags, str):
        return [tags]
    try:
        tags = list(tags)
    except TypeError:
        raise MetaflowTaggingError("Tags are text, or a list of texts, not %s." % type(tags).__name__) from None
    for tag in tags:
        if not isinstance(tag, str):
            raise MetaflowTaggingError("A tag is text, not %s." % type(tag).__name__)
    return tags


class Step(MetaflowObject):
    """A step of a run and its tasks, newest first: ``Step("MyFlow/12/train")``."""

    _KIND = "step"
    _FORM = ("FlowName", "RunID", "StepName")

    if TYPE_CHECKING:

        def __getitem__(self, id: str) -> "Task":
            """The task with this id."""
            ...

    def _fetch(self):
        run = self.parent
        for record in run._steps():
            if record["name"] == self.id:
                return record
        return None

    @property
    def task(self) -> "Union[Task, Any]":
        """The newest task, or None."""
        for record in self._tasks(limit=1)["tasks"]:
            return self._child(str(record["id"]), record)
        return None

    def _tasks(self, **params):
        return self._store.ask("tasks", run=number(self._parts[1]), step=self.id, **params)

    def tasks(self, *tags) -> "Iterator[Task]":
        """The tasks, newest first. With tags: none, unless the run has them all."""
        if not self.tags.issuperset(tags):
            return
        run = number(self._parts[1])
        for page in pages(self._store, "tasks", "tasks", run=run, step=self.id):
            siblings = Siblings(self._store, run, [record["id"] for record in page if record["finished"]])
            for record in page:
                task = self._child(str(record["id"]), record)
                task._siblings = siblings
                yield task

    def __iter__(self) -> "Iterator[Task]":
        return self.tasks()

    def _find(self, id):
        try:
            found = self._tasks(ids=[number(id)])["tasks"]
        except MetaflowNotFound:
            return None
        return self._child(id, found[0]) if found else None

    @property
    def control_task(self) -> "Union[Task, Any]":
        """The task that leads a gang, or None if the step is none."""
        return next(self.control_tasks(), None)

    def control_tasks(self, *tags) -> "Iterator[Task]":
        """The tasks that lead the gangs of the step."""
        for task in self.tasks(*tags):
            stack = task._record.get("stack")
            if stack and stack[-1].get("gang") and stack[-1]["index"] == 0:
                yield task

    @property
    def counts(self) -> "dict[str, int]":
        """How many tasks are ``running``, ``succeeded``, ``failed``, ``killed`` and ``died``: a dict."""
        counts = self._counts()
        return {name: counts[name] for name in ("running", "succeeded", "failed", "killed", "died")}

    def _counts(self):
        for record in self._run_of()._steps(counts=True):
            if record["name"] == self.id:
                return record["counts"]
        raise MetaflowNotFound("%s no longer exists." % self)

    @property
    def finished_at(self) -> "Union[datetime, Any]":
        """When the last of its tasks ended: naive local time. None while one runs."""
        counts = self._counts()
        return None if counts["running"] else when(counts["ended"])

    @property
    def environment_info(self) -> "Union[dict[str, Any], Any]":
        """Where its tasks ran, a dict."""
        task = self.task
        return task.environment_info if task is not None else None

    @property
    def parent_steps(self) -> "Iterator[Step]":
        """The steps right before this one in the graph that have tasks in this run."""
        steps = self._run_of()._graph()["steps"]
        return self._neighbours([name for name, step in steps.items() if self.id in step["next"]])

    @property
    def child_steps(self) -> "Iterator[Step]":
        """The steps right after this one in the graph that have tasks in this run."""
        step = self._run_of()._graph()["steps"].get(self.id)
        return self._neighbours(step["next"] if step else [])

    def _neighbours(self, names):
        run = self._run_of()
        known = {record["name"]: record for record in run._steps()}
        for name in names:
            if name in known:
                yield run._child(name, known[name])
