"""Tasks and artifacts."""

import pickle
from collections import namedtuple
from datetime import datetime, timezone

from ..exceptions import DataException, MetaflowExceptionWrapper, MetaflowNotFound
from ..standard import TYPE_CHECKING
from .data import MetaflowData, OfTask, decode
from .objects import MetaflowObject, number, when

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

    from .code import MetaflowCode

#: One thing known of a task. ``created_at`` is in milliseconds since 1970.
Metadata = namedtuple("Metadata", ["name", "value", "created_at", "type", "task"])

_GOOD = ("succeeded", "caught")
_MANY = 1000


def _value(entry):
    """The value of an entry: text, but of ``foreach-stack`` a list."""
    if entry["name"] != "foreach-stack":
        return entry["value"]
    from ast import literal_eval

    return literal_eval(entry["value"])


#: What Metaflow keeps as private artifacts that code out there reads, and Levada in its records: how it is found there.
_RECORDED = {
    "_graph_info": lambda task: task._run_of()._graph(),
    "_foreach_stack": lambda task: task._foreach_stack(),
}


def _record_with(name, value):
    """The record of an artifact that is none, together with its value."""
    from hashlib import sha256

    pickled = pickle.dumps(value)
    kind = type(value).__name__
    return {"name": name, "pickled": pickled, "size": len(pickled), "hash": sha256(pickled).hexdigest(), "type": kind}


class Task(MetaflowObject):
    """A task and its artifacts: ``Task("MyFlow/12/train/3")``.

    An artifact is found by its name: ``task["model"]``; its value is ``task.data.model``. With ``attempt`` the object
    speaks of that attempt, else of the last. What can change is asked for anew until the task has ended.
    """

    _KIND = "task"
    _FORM = ("FlowName", "RunID", "StepName", "TaskID")
    _siblings = None  # the page of a list that it came with

    if TYPE_CHECKING:

        def __getitem__(self, id: str) -> "DataArtifact":
            """The artifact with this name."""
            ...

    def _fetch(self):
        _ = self.parent  # which is not found if the run is one of another flow
        found = self._store.ask("tasks", run=number(self._parts[1]), step=self._parts[2], ids=[number(self.id)])
        return found["tasks"][0] if found["tasks"] else None

    def _now(self):
        """The record, as it is now."""
        if not self._record["finished"]:
            self._record = self._fetch() or self._record
        return self._record

    def _looked_at(self):
        """The attempt that the object speaks of; None if there is none."""
        attempts = self._now()["attempts"]
        if self._attempt is None:
            return attempts[-1] if attempts else None
        return next((attempt for attempt in attempts if attempt["n"] == self._attempt), None)

    # How it is.

    @property
    def status(self) -> str:
        """``running``, ``succeeded``, ``caught`` (by @catch), ``failed``, ``killed`` or ``died``; None before that."""
        attempt = self._looked_at()
        return attempt["status"] if attempt else None

    @property
    def successful(self) -> bool:
        """Whether the step's code ran without an exception; one that @catch took counts as an exception."""
        return self.status == "succeeded"

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or not, and will not be tried again."""
        if self._attempt is not None:
            attempt = self._looked_at()
            return attempt is not None and attempt["status"] != "running"
        return self._now()["finished"]

    @property
    def finished_at(self) -> "Union[datetime, Any]":
        """When it ended: naive local time. None before that."""
        attempt = self._looked_at()
        return when(attempt["ended"]) if attempt and self.finished else None

    @property
    def exception(self) -> "Any":
        """The exception that it failed with, or None; one that @catch took is in an artifact."""
        attempt = self._looked_at()
        if attempt is None or attempt["status"] in _GOOD or not attempt.get("exception"):
            return None
        raised = attempt["exception"]
        wrapper = MetaflowExceptionWrapper()
        kind = raised["type"]
        wrapper.type = kind if "." in kind else "builtins." + kind  # as @catch has it
        wrapper.exception, wrapper.stacktrace = raised["message"], raised["traceback"]
        return wrapper

    @property
    def current_attempt(self) -> int:
        """The number of the attempt that the object speaks of, from 0."""
        if self._attempt is not None:
            return self._attempt
        attempt = self._looked_at()
        return attempt["n"] if attempt else 0

    @property
    def index(self) -> "int | None":
        """Its place in the innermost foreach, from 0; None outside of one."""
        stack = self._record.get("stack")
        return stack[-1]["index"] if stack else None

    @property
    def runtime_name(self) -> "Union[str, Any]":
        """Where it ran, from the tag ``runtime:``."""
        return next((tag[len("runtime:") :] for tag in self.system_tags if tag.startswith("runtime:")), None)

    @property
    def origin_pathspec(self) -> "str | None":
        """The task that was taken over, in a resumed run; None if it ran in this one."""
        origin = self._record.get("origin")
        return "%s/%d/%s/%s" % (self._parts[0], origin, self._parts[2], self.id) if origin else None

    # Artifacts.

    @property
    def data(self) -> "Union[MetaflowData, Any]":
        """The artifacts: ``task.data.model`` loads one when it is first touched."""
        # The type is not evaluated in IPython, see TYPE_CHECKING, so it completes artifacts.
        return MetaflowData(OfTask(self))

    @property
    def artifacts(self) -> "Any":
        """The public artifacts, as a namedtuple of DataArtifact."""
        found = list(self)
        return namedtuple("MetaflowArtifacts", [artifact.id for artifact in found], rename=True)(*found)

    def __iter__(self) -> "Iterator[DataArtifact]":
        listed = self._listed()
        for record in listed["artifacts"]:
            if not record["name"].startswith("_"):
                yield self._artifact(record, listed)

    def _listed(self, names=None):
        return self._store.ask(
            "artifacts", run=number(self._parts[1]), tasks=[number(self.id)], attempt=self._attempt, names=names
        )["tasks"][0]

    def _artifact(self, record, listed):
        record["created"] = listed["ended"]
        return self._child(record["name"], record, self._attempt)

    def _find(self, id):
        listed = self._listed([id])
        for record in listed["artifacts"]:
            return self._artifact(record, listed)
        if id in _RECORDED:
            return self._artifact(_record_with(id, _RECORDED[id](self)), listed)
        return None

    def _foreach_stack(self):
        """The foreaches around it, outermost first: of the outer ones the records do not have the element."""
        from ..tuples import ForeachFrame

        steps = self._run_of()._graph()["steps"]
        stack = self._record.get("stack") or []
        elements = self.metadata_dict.get("foreach-stack") or [""] * len(stack)
        return [
            ForeachFrame(
                step=steps[frame["step"]]["next"][0],
                var=frame.get("var"),
                num_splits=frame["count"],
                index=frame["index"],
                value=element.partition("=")[2] or None,
            )
            for frame, element in zip(stack, elements)
        ]

    def _values(self, names):
        """The values of artifacts by name; those that are not there are left out."""
        if len(names) == 1 and self._siblings is not None and self._attempt is None:
            ready = self._siblings.take(number(self.id), names[0])
            if ready is not None:
                return {names[0]: decode(names[0], *ready)}
        found, wanted = {}, list(names)
        while wanted:
            refs = [{"task": number(self.id), "attempt": self._given(), "name": name} for name in wanted]
            result, body = self._read("values", wanted, values=refs, local=True)
            at = 0
            for name, value in zip(wanted, result["values"]):
                if not value["found"]:
                    continue
                data = body[at : at + value["length"]]
                at += value["length"]
                if value.get("large"):
                    data = self._read("open_value", [name], **refs[wanted.index(name)])[1]
                found[name] = decode(name, value, data)
            wanted = wanted[len(result["values"]) :]
        return found

    def _read(self, method, names, **params):
        """What the store answers about values. An error says whose they are, too, not only in which file they lie."""
        try:
            return self._store.fetch(method, run=number(self._parts[1]), **params)
        except (DataException, MetaflowNotFound) as error:
            error.message = "'%s' of %s could not be read: %s" % ("', '".join(names), self.pathspec, error.message)
            raise

    def _given(self):
        return -1 if self._attempt is None else self._attempt

    # What it wrote.

    def loglines(self, stream, as_unicode=True, meta_dict=None) -> "Iterator[tuple[datetime, Any]]":
        """The lines that it wrote to ``stdout`` or ``stderr``: pairs of naive UTC time and text without the newline."""
        text, time = [], None
        for record, part in self._log(stream):
            text.append(part)
            time = time or record["time"]
            if record["newline"]:
                yield _line(time, text, as_unicode)
                text, time = [], None
        if text:
            yield _line(time, text, as_unicode)

    def _log(self, stream):
        cursor = ""
        while True:
            run, task = number(self._parts[1]), number(self.id)
            result, body = self._store.fetch(
                "log", run=run, task=task, attempt=self._given(), stream=stream, cursor=cursor
            )
            at = 0
            for record in result["lines"]:
                yield record, body[at : at + record["length"]]
                at += record["length"]
            cursor = result["next"]
            if not cursor:
                return

    def _text(self, stream):
        return "".join(line + "\n" for _, line in self.loglines(stream))

    @property
    def stdout(self) -> str:
        """What it wrote to stdout; empty if nothing."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """What it wrote to stderr; empty if nothing."""
        return self._text("stderr")

    def _size(self, stream):
        return sum(len(part) + record["newline"] for record, part in self._log(stream))

    @property
    def stdout_size(self) -> int:
        """The bytes that it wrote to stdout."""
        return self._size("stdout")

    @property
    def stderr_size(self) -> int:
        """The bytes that it wrote to stderr."""
        return self._size("stderr")

    # What is known of it.

    @property
    def metadata(self) -> "list[Metadata]":
        """All that is known of it by name, of all attempts unless one is given: a list of Metadata."""
        found = self._store.ask("metadata", run=number(self._parts[1]), task=number(self.id), attempt=self._attempt)[
            "metadata"
        ]
        return [Metadata(m["name"], _value(m), m["created"] // 1000, m["type"], self) for m in found]

    @property
    def metadata_dict(self) -> "dict[str, Any]":
        """The latest value of each name in ``metadata``."""
        return {m.name: m.value for m in sorted(self.metadata, key=lambda m: m.created_at)}

    @property
    def code(self) -> "Union[MetaflowCode, Any]":
        """The code that was kept with the run, or None."""
        return self._run_of().code

    @property
    def environment_info(self) -> "dict[str, Any]":
        """Where it ran: versions, interpreter, machine, script. A dict."""
        run = self._run_of()._record
        return {
            "flow_name": run["flow"],
            "script": run["flow_file"].rpartition("/")[2],
            "username": run["user"],
            "host": run["host"],
            "runtime": self.runtime_name,
            "python_version": run["runtime"],
            "interpreter": run.get("interpreter", ""),
            "levada_version": run["levada"],
            "isolation": run.get("isolation", ""),
            "git_commit": run.get("git_commit", ""),
        }

    # Its neighbours.

    def _related(self):
        return self._store.ask("related", run=number(self._parts[1]), task=number(self.id))

    def _pathspecs(self, which):
        for task in self._related()[which]:
            yield "%s/%s/%s/%d" % (self._parts[0], self._parts[1], task["step"], task["id"])

    @property
    def parent_task_pathspecs(self) -> "Iterator[str]":
        """The pathspecs of the tasks right before this one."""
        return self._pathspecs("parents")

    @property
    def child_task_pathspecs(self) -> "Iterator[str]":
        """The pathspecs of the tasks right after this one."""
        return self._pathspecs("children")

    @property
    def parent_tasks(self) -> "Iterator[Task]":
        """The tasks right before this one: one, or the inputs of a join in their order."""
        return self._neighbours("parents")

    @property
    def child_tasks(self) -> "Iterator[Task]":
        """The tasks right after this one, in the order of their branches."""
        return self._neighbours("children")

    def _neighbours(self, which):
        related, run, steps = self._related()[which], self._run_of(), {}
        for start in range(0, len(related), _MANY):
            ids = [task["id"] for task in related[start : start + _MANY]]
            found, cursor = {}, ""
            while True:
                result = self._store.ask("tasks", run=number(run.id), ids=ids, cursor=cursor)
                found.update((record["id"], record) for record in result["tasks"])
                cursor = result["next"]
                if not cursor:
                    break
            for id in ids:
                record = found.get(id)
                if record is None:
                    continue
                if record["step"] not in steps:
                    steps[record["step"]] = run[record["step"]]
                yield steps[record["step"]]._child(str(id), record)


def _line(micros, parts, as_unicode):
    text = b"".join(parts)
    time = datetime.fromtimestamp(micros / 1e6, timezone.utc).replace(tzinfo=None)
    return time, text.decode(errors="replace") if as_unicode else text


class DataArtifact(MetaflowObject):
    """An artifact of a task: ``DataArtifact("MyFlow/12/train/3/model")``. Its value is ``data``."""

    _KIND = "artifact"
    _FORM = ("FlowName", "RunID", "StepName", "TaskID", "ArtifactName")

    def _fetch(self):
        task = self.parent
        if self._attempt is not None:
            task = self._parent = Task._of(
                self._store, self._ns, self._check, self._parts[:-1], task._record, task._parent, self._attempt
            )
        found = task._find(self.id)
        return found._record if found is not None else None

    @property
    def data(self) -> "Any":
        """The value: what the task assigned. Loaded anew each time."""
        if "pickled" in self._record:
            return pickle.loads(self._record["pickled"])
        found = self.parent._values([self.id])
        if self.id not in found:
            raise MetaflowNotFound("%s no longer exists." % self)
        return found[self.id]

    @property
    def size(self) -> int:
        """The bytes that it takes: those of its pickle, or of an included file."""
        return self._record["size"]

    @property
    def sha(self) -> str:
        """The hash of these bytes: SHA-256 in hexadecimal."""
        return self._record["hash"]

    @property
    def type(self) -> str:
        """The type of the value, by name; known without loading it."""
        return self._record["type"]

    @property
    def finished_at(self) -> "Union[datetime, Any]":
        """When the attempt that has it ended: naive local time."""
        return self.created_at
