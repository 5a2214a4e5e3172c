"""The task that a card is made of, as the card's ``render`` sees it.

A card is made in the task's own process, before the task is recorded as ended. So this is no Task of the Client, which
reads records, but has its names: artifacts as items and as ``data``, the pathspec, times, tags. What it does not have
itself, it asks the Client for.
"""

from time import time

from .. import __version__
from ..artifacts import type_name, unpack
from ..standard import library

_UNSET = object()


class ArtifactView:
    """One artifact: ``data`` is its value, read when first asked for."""

    def __init__(self, task, name, value=_UNSET, described=None, body=None):
        self._task, self.id, self._value = task, name, value
        self._described, self._body = described, body
        self.artifact_name = name
        #: Bytes of the pickled value, None if that is not known without pickling it.
        self.size = described.get("size") if described else None
        #: The type's name.
        self.type = (described.get("value_type") or "") if described else type_name(value)
        self.sha = described.get("hash") if described else None
        self.pathspec = "%s/%s" % (task.pathspec, name)
        self.created_at = self.finished_at = task.created_at

    @property
    def data(self):
        """The value."""
        if self._value is _UNSET:
            if self._described.get("fifo"):  # a pipe is read once; the flow reads it like any inherited artifact
                self._value = getattr(self._task._flow, self.id)
            else:
                decode = getattr(self._task._task.plans.parameters.get(self.id), "decode", None)
                self._value = unpack(self.id, self._described, self._body, decode)
            self._described = self._body = None
        return self._value

    def __repr__(self):
        return "DataArtifact('%s')" % self.pathspec


class _Data:
    """The artifacts as attributes."""

    def __init__(self, task):
        self.__dict__["_view"] = task

    def __getattr__(self, name):
        artifact = None if name[:2] == "__" else self._view.artifact(name)
        if artifact is None:
            raise AttributeError("the task has no artifact '%s'" % name)
        return artifact.data

    @property
    def _artifacts(self):
        return {artifact.id: artifact for artifact in self._view}

    def __contains__(self, name):
        return self._view.artifact(name) is not None

    def __dir__(self):
        return self._view.names()


class TaskView:
    """A task in whose process a card is made."""

    def __init__(self, task, started, ended=None):
        frame = task.frame
        self._task, self._flow = task, task.flow
        self._artifacts = {}
        self._names = None
        self.flow_name, self.run_id, self.step_name = frame["flow"], frame["run"], frame["step"]
        self.id = frame["task"]
        #: ``Flow/run/step/task``.
        self.pathspec = "%s/%s/%s/%s" % (frame["flow"], frame["run"], frame["step"], frame["task"])
        self.path_components = self.pathspec.split("/")
        #: When it began, in seconds since 1970, and the time of the card.
        self.started, self.now = started, ended or time()
        self.current_attempt = frame["attempt"]
        self.user = frame.get("user")
        self.user_tags = frozenset(frame.get("tags") or ())
        self.tags = self.user_tags
        self.system_tags = frozenset()
        #: Whether it has done its part; the record of that comes after the card.
        self.finished = self.successful = ended is not None
        self.sdk_version = __version__
        #: The names of the flow's parameters.
        self.parameter_names = list(task.plans.parameters)
        self.stdout = self.stderr = ""
        self.code = None
        self.index = task.index()
        caught = task.flow.__dict__.get("_catch_exception")
        self.exception = caught
        if caught is not None:
            self.successful = False

    @property
    def created_at(self):
        """When the attempt began."""
        with library():
            from datetime import datetime

        return datetime.fromtimestamp(self.started)

    @property
    def finished_at(self):
        """When the step's code ended, None while it runs."""
        with library():
            from datetime import datetime

        return datetime.fromtimestamp(self.now) if self.finished else None

    @property
    def foreach(self):
        """Where it stands in its foreaches, as text: ``3 of 10``."""
        parts = []
        for frame in self._task.stack:
            name = frame.get("var") or "node"
            parts.append("%s %d of %d" % (name, frame["index"] + 1, frame["count"]))
        return ", ".join(parts)

    def names(self):
        """The names of all artifacts, sorted."""
        if self._names is None:
            from ..artifacts import BEHAVIOUR

            own = {
                n
                for n, v in self._flow.__dict__.items()
                if n[:2] != "__" and n != "_levada" and not isinstance(v, BEHAVIOUR)
            }
            self._names = sorted(own | set(self._task.names()) | set(self.parameter_names))
        return self._names

    def artifact(self, name):
        """One artifact, or None. Its value is not read before it is asked for."""
        if name not in self._artifacts:
            self._artifacts[name] = self._find(name)
        return self._artifacts[name]

    def _find(self, name):
        value = self._flow.__dict__.get(name, _UNSET)
        if value is _UNSET:
            value = self._task._shared.get(name, _UNSET)
        if value is not _UNSET:
            return ArtifactView(self, name, value)
        reply, body = self._task.channel.ask({"type": "get", "name": name})
        return ArtifactView(self, name, described=reply, body=body) if reply["found"] else None

    @property
    def data(self):
        """The artifacts as attributes: ``task.data.model``."""
        return _Data(self)

    @property
    def artifacts(self):
        """The artifacts by name, as attributes of a tuple."""
        from collections import namedtuple

        found = {name: self.artifact(name) for name in self.names() if name.isidentifier() and name[0] != "_"}
        return namedtuple("MetaflowArtifacts", list(found))(**found)

    def source(self):
        """The source of the step, or ``""`` where it cannot be read."""
        with library():
            from inspect import getsource
            from textwrap import dedent

        try:
            return dedent(getsource(getattr(type(self._flow), self.step_name)))
        except (OSError, TypeError, AttributeError):
            return ""

    def __iter__(self):
        return (self.artifact(name) for name in self.names())

    def __getitem__(self, name):
        artifact = self.artifact(name)
        if artifact is None:
            raise KeyError(name)
        return artifact

    def __contains__(self, name):
        return self.artifact(name) is not None

    def __getattr__(self, name):
        if name[:1] == "_":
            raise AttributeError(name)
        from .. import Task

        return getattr(Task(self.pathspec, _namespace_check=False), name)

    def __repr__(self):
        return "Task('%s')" % self.pathspec
