"""Values of artifacts."""

from collections.abc import Mapping
from functools import cache

from ..artifacts import unpack
from ..exceptions import DataException
from ..standard import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

#: How many values are fetched ahead, and of how many bytes each at most.
_AHEAD = 256
_SHORT = 1 << 16


def decode(name, described, data):
    """The value that a record and its bytes stand for."""
    if described["codec"] == "file" and described["type"] == "str" and not described.get("path"):
        return _text(data)
    try:
        return unpack(name, described, data)
    except UnicodeDecodeError:
        with open(described["path"], "rb") as file:
            return file.read()
    except DataException as error:
        cause = error.__cause__
        if cause is None:
            raise
        raise unreadable(type(cause), str(error) + _mend(cause)) from cause


def _mend(cause):
    """What to do about a value that this process cannot read, where that is known."""
    if isinstance(cause, ModuleNotFoundError):
        return ". Install the module, or put its folder on sys.path, then read again."
    if isinstance(cause, (AttributeError, ImportError)):
        return (
            ". Define or import what is missing under that name first, then read again: what the flow's own file "
            "defines is stored as part of __main__, so import it there (from flow import ...)."
        )
    return ""


def unreadable(kind, message):
    """A DataException that is an exception of ``kind``, too: Metaflow raises what unpickling raised, as it is."""
    return _unreadable_class(kind)(message)


@cache
def _unreadable_class(kind):
    def reduce(self):
        return unreadable, (kind, self.message)

    try:
        own = {"__doc__": DataException.__doc__, "__module__": DataException.__module__, "__reduce__": reduce}
        cls = type("DataException", (DataException, kind), own)
        cls("")
        return cls
    except TypeError:  # one that is not made of a message alone
        return DataException


def _text(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data  # an included file in another encoding


class Siblings:
    """The tasks of a page of a list. Who loads an artifact of a second one is going through them: the next come along.

    Only short values of tasks that have ended, and each is given out once.
    """

    def __init__(self, store, run, tasks):
        self._store = store
        self._run = run
        self._place = {task: place for place, task in enumerate(tasks)}
        self._tasks = tasks
        self._first = {}  # name -> the task that it was first asked of
        self._ready = {}  # task and name -> record and bytes

    def take(self, task, name):
        """Record and bytes of a value, or None: then it has to be asked for."""
        ready = self._ready.pop((task, name), None)
        if ready is None and self._first.setdefault(name, task) != task and task in self._place:
            self._fetch(self._place[task], name)
            ready = self._ready.pop((task, name), None)
        return ready

    def _fetch(self, start, name):
        refs = [
            {"task": task, "attempt": -1, "name": name}
            for task in self._tasks[start : start + _AHEAD]
            if (task, name) not in self._ready
        ]
        result, body = self._store.fetch("values", run=self._run, values=refs, max=_SHORT)
        at = 0
        for ref, value in zip(refs, result["values"]):
            if value["found"] and not value.get("large"):
                self._ready[ref["task"], name] = value, body[at : at + value["length"]]
            at += value["length"]


class OfTask(Mapping):
    """The artifacts of a task by name. What there is, is asked for when somebody wants to know it."""

    def __init__(self, task):
        self.task = task
        self._known = None

    def value(self, name):
        """The value of an artifact; AttributeError if there is none."""
        found = self.task._values([name])
        if name not in found:
            raise AttributeError("the task %s has no artifact '%s'" % (self.task.pathspec, name))
        return found[name]

    def _all(self):
        if self._known is None:
            self._known = {artifact.id: artifact for artifact in self.task}
        return self._known

    def __getitem__(self, name):
        return self._all()[name]

    def __iter__(self):
        return iter(self._all())

    def __len__(self):
        return len(self._all())

    def __repr__(self):
        return repr(self._all())

    def __getstate__(self):
        return {"task": self.task, "_known": None}


class MetaflowData:
    """The artifacts of a task as attributes. One is loaded when first touched; AttributeError if there is none."""

    def __init__(self, artifacts) -> None:
        # Metaflow's own attribute, by Metaflow's name: code out there reads it, also as vars(data)["_artifacts"].
        if not isinstance(artifacts, OfTask):
            artifacts = {artifact.id: artifact for artifact in artifacts}
        self._artifacts = artifacts

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_"):
            raise AttributeError(name)
        artifacts = self._artifacts
        if isinstance(artifacts, OfTask):
            value = self.__dict__[name] = artifacts.value(name)
            return value
        if name not in artifacts:
            raise AttributeError("there is no artifact '%s'" % name)
        return artifacts[name].data

    def __contains__(self, name):
        return name in self._artifacts

    def __dir__(self):
        return list(self._artifacts)

    def __str__(self):
        return "<MetaflowData: %s>" % ", ".join(self._artifacts)

    __repr__ = __str__

    def _repr_html_(self):
        if not isinstance(self._artifacts, OfTask):
            return None
        from . import html

        return html.of_data(self._artifacts.task)

    def __getstate__(self):
        return {"_artifacts": self._artifacts}

    def __setstate__(self, state):
        self.__dict__.update(state)
