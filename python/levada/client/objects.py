"""The objects of the client: what runs left, as a tree.

``Metaflow`` has flows, a ``Flow`` runs, a ``Run`` steps, a ``Step`` tasks and a ``Task`` artifacts. Each can be made
from its pathspec, or reached from the object above: by iterating, which yields the newest first, and by index.
"""

from datetime import datetime

from ..exceptions import MetaflowInternalError, MetaflowInvalidPathspec, MetaflowNamespaceMismatch, MetaflowNotFound
from ..standard import TYPE_CHECKING
from . import scope
from .connection import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Union

#: Attempts that a task can have.
MAX_ATTEMPTS = 6
#: How many children are asked for first, and then at once.
_FIRST_PAGE = 100
_PAGE = 1000
#: The version of Metaflow whose format pickled objects have.
_PICKLE_VERSION = "2.12.27"


def when(micros) -> "Union[datetime, Any]":
    """A time of a record as naive local time; None for none."""
    return datetime.fromtimestamp(micros / 1e6) if micros else None


def number(text):
    """The number of a run or task that an id stands for; MetaflowNotFound if it can be none."""
    value = int(text) if text.isascii() and text.isdigit() else -1
    if value > 1 << 62 or str(value) != text:
        raise MetaflowNotFound("There is nothing with the id '%s': ids are numbers." % text)
    return value


def pages(store, method, key, **params):
    """The pages of a list, each a list of records. A page is asked for when it is needed."""
    limit, cursor = _FIRST_PAGE, ""
    while True:
        result = store.ask(method, cursor=cursor, limit=limit, **params)
        yield result[key]
        cursor, limit = result["next"], _PAGE
        if not cursor:
            return


def _is_made(one):
    """Whether its constructor has run: to complete ``Flow("A")["``, IPython asks an object that it makes without."""
    return hasattr(one, "_store")


class Metaflow:
    """All flows. ``Metaflow()["MyFlow"]`` is a flow, and iterating yields those in the current namespace."""

    def __init__(self) -> None:
        self._store = scope.current_store()
        #: The store, as ``get_metadata`` names it.
        self.metadata = self._store.describe()

    @property
    def flows(self) -> "list[Flow]":
        """The flows that have runs in the current namespace, newest first."""
        return list(self)

    def __iter__(self) -> "Iterator[Flow]":
        ns = scope.get_namespace()
        for record in self._records(ns):
            yield Flow._of(self._store, ns, True, [record["name"]], record)

    def _records(self, ns):
        if ns == "":  # to the store, this means all of them
            return []
        try:
            flows = self._store.ask("flows", namespace=ns or "")["flows"]
        except MetaflowNotFound:
            return []  # nothing has been run here
        return sorted(flows, key=lambda flow: flow["created"], reverse=True)

    def __getitem__(self, name: str) -> "Flow":
        return Flow(name)

    def __contains__(self, name):
        return _exists(Flow, name)

    def _ipython_key_completions_(self):
        return [flow.id for flow in self] if _is_made(self) else []

    def __str__(self):
        return "Metaflow()"

    __repr__ = __str__

    def _repr_html_(self):
        from . import html

        return html.of_all(self)


def _exists(cls, pathspec):
    try:
        cls(pathspec)
        return True
    except (MetaflowNotFound, MetaflowNamespaceMismatch):
        return False


class MetaflowObject:
    """What all objects have in common."""

    _KIND = "object"
    _FORM = ()
    _child_class = None

    def __init__(self, pathspec: "str | None" = None, attempt: "int | None" = None, _namespace_check=True):
        if pathspec is None:
            raise TypeError("%s needs a pathspec: %s" % (type(self).__name__, self._expected()))
        parts = str(pathspec).split("/")
        if len(parts) != len(self._FORM) or not all(parts):
            raise MetaflowInvalidPathspec(
                "'%s' does not name %s %s. Expected %s."
                % (pathspec, "an" if self._KIND[:1] in "aeiou" else "a", self._KIND, self._expected())
            )
        self._setup(scope.current_store(), scope.get_namespace() if _namespace_check else None, _namespace_check, parts)
        self._attempt = self._check_attempt(attempt)
        self._load()
        if _namespace_check:
            self._check_namespace()

    @classmethod
    def _of(cls, store, ns, check, parts, record, parent=None, attempt=None):
        """An object whose record is known."""
        self = cls.__new__(cls)
        self._setup(store, ns, check, parts)
        self._attempt = attempt
        self._record = record
        self._parent = parent
        return self

    def _setup(self, store, ns, check, parts):
        self._store = store
        self._ns = ns
        self._check = check
        self._parts = parts
        self._parent = None
        self._record = None

    @classmethod
    def _expected(cls):
        return "%s('%s')" % (cls.__name__, "/".join(cls._FORM))

    def _check_attempt(self, attempt):
        if attempt is None:
            return None
        if self._KIND not in ("task", "artifact"):
            raise MetaflowNotFound("A %s has no attempts; only tasks and artifacts do." % self._KIND)
        if type(attempt) is not int or not 0 <= attempt < MAX_ATTEMPTS:
            raise MetaflowNotFound("'%s' is not the number of an attempt: use 0 to %d." % (attempt, MAX_ATTEMPTS - 1))
        return attempt

    def _load(self):
        """Get the record of an object that was made from a pathspec. MetaflowNotFound."""
        try:
            self._record = self._fetch()
        except MetaflowNotFound as error:
            raise MetaflowNotFound("%s does not exist: %s" % (self, error)) from None
        if self._record is None:
            raise MetaflowNotFound("%s does not exist." % self)

    def _fetch(self):
        raise NotImplementedError

    def _check_namespace(self):
        if not self._within(self._ns):
            raise MetaflowNamespaceMismatch(self._ns, self)

    def _within(self, ns):
        return ns is None or ns in self.tags

    def _run_of(self):
        """The run that the object belongs to."""
        obj = self
        while not isinstance(obj, Run):
            obj = obj.parent
        return obj

    def _child(self, name, record, attempt=None):
        return self._child_class._of(self._store, self._ns, self._check, self._parts + [name], record, self, attempt)

    # Identity.

    @property
    def id(self) -> str:
        """The last part of the pathspec, text."""
        return self._parts[-1]

    @property
    def pathspec(self) -> str:
        """The name of the object, from the flow down."""
        return "/".join(self._parts)

    @property
    def path_components(self) -> "list[str]":
        """The parts of the pathspec, a new list."""
        return list(self._parts)

    @property
    def parent(self) -> "Any":
        """The object that this one belongs to; None for a flow."""
        if self._parent is None and len(self._parts) > 1:
            cls = _CLASSES[len(self._parts) - 2]
            parent = cls._of(self._store, self._ns, self._check, self._parts[:-1], None)
            parent._load()
            self._parent = parent
        return self._parent

    @property
    def _object(self):
        """The ids by the names that they have in Metaflow's records, which code out there reads."""
        return dict(zip(("flow_id", "run_number", "step_name", "task_id", "name"), self._parts))

    def __str__(self):
        if self._attempt is not None:
            return "%s('%s', attempt=%d)" % (type(self).__name__, self.pathspec, self._attempt)
        return "%s('%s')" % (type(self).__name__, self.pathspec)

    __repr__ = __str__

    def _repr_html_(self):
        from . import html

        return html.of(self)

    # Facts.

    @property
    def tags(self) -> "frozenset[str]":
        """All tags of the run."""
        return self.user_tags | self.system_tags

    @property
    def user_tags(self) -> "frozenset[str]":
        """The tags of the run that can be changed."""
        return frozenset(self._run_of()._record["tags"])

    @property
    def system_tags(self) -> "frozenset[str]":
        """The tags that the run was given by Levada."""
        return frozenset(self._run_of()._record["system_tags"])

    @property
    def created_at(self) -> "datetime":
        """When it was made: naive local time."""
        return when(self._record["created"])

    @property
    def origin_pathspec(self) -> "str | None":
        """What it was taken over from, in a resumed run; else None."""
        parent = self.parent
        origin = parent.origin_pathspec if parent is not None else None
        return None if origin is None else "%s/%s" % (origin, self.id)

    def is_in_namespace(self) -> bool:
        """Whether it is in the namespace that is current now."""
        return self._within(scope.get_namespace())

    # Children.

    def __iter__(self):
        return iter(())

    def _find(self, id):
        """The child with an id, or None."""
        return None

    def __getitem__(self, id):
        child = self._find(str(id))
        if child is None:
            raise KeyError(id)
        return child

    def __contains__(self, id):
        return self._find(str(id)) is not None

    def _ipython_key_completions_(self):
        return [child.id for child in self] if _is_made(self) else []

    # Pickling: only what names it. Loading looks it up again.

    def __getstate__(self):
        return {
            "version": _PICKLE_VERSION,
            "data": [self.pathspec, self._attempt, self._store.describe(), self._ns, self._check],
        }

    def __setstate__(self, state):
        if not isinstance(state, dict) or state.get("version") != _PICKLE_VERSION:
            raise MetaflowInternalError("This %s was pickled in an unknown format." % type(self).__name__)
        pathspec, attempt, store, ns, check = state["data"]
        self._setup(_store_of(store), ns, check, pathspec.split("/"))
        self._attempt = attempt
        self._load()
        if check:
            self._check_namespace()


def _store_of(text):
    from .connection import store_named

    try:
        return store_named(text)
    except ValueError as error:
        raise MetaflowNotFound(str(error)) from None


class Flow(MetaflowObject):
    """A flow and its runs, newest first: ``Flow("MyFlow")``. A run is found by its id: ``flow["12"]``."""

    _KIND = "flow"
    _FORM = ("FlowName",)

    if TYPE_CHECKING:

        def __getitem__(self, id: str) -> "Run":
            """The run with this id."""
            ...

    def _fetch(self):
        return {"name": self.id} if self._runs(None, limit=1)["runs"] else None

    @property
    def created_at(self) -> "datetime":
        """When its first run was made: naive local time."""
        if "created" not in self._record:
            for flow in self._store.ask("flows", namespace="")["flows"]:
                if flow["name"] == self.id:
                    self._record = flow
        return when(self._record.get("created"))

    def _within(self, ns):
        return ns is None or bool(self._runs(ns, limit=1)["runs"])

    def _runs(self, ns, **params):
        if ns == "":  # to the store, this means all of them
            return {"runs": []}
        return self._store.ask("runs", flow=self.id, namespace=ns or "", **params)

    @property
    def user_tags(self) -> "frozenset[str]":
        """Nothing: tags are those of runs."""
        return frozenset()

    system_tags = user_tags

    @property
    def latest_run(self) -> "Union[Run, Any]":
        """The newest run in the namespace, or None."""
        return self._newest()

    @property
    def latest_successful_run(self) -> "Union[Run, Any]":
        """The newest run in the namespace that has succeeded, or None."""
        return self._newest(status="succeeded")

    def _newest(self, **params):
        for record in self._runs(self._ns, limit=1, **params)["runs"]:
            return self._child(str(record["id"]), record)
        return None

    def runs(self, *tags) -> "Iterator[Run]":
        """The runs in the namespace that have all of these tags, newest first."""
        for tag in tags:
            if not isinstance(tag, str):
                raise TypeError("A tag is text, not %s; give several tags as several arguments." % type(tag).__name__)
        if self._ns == "":
            return
        found = pages(self._store, "runs", "runs", flow=self.id, namespace=self._ns or "", tags=list(tags))
        for page in found:
            for record in page:
                yield self._child(str(record["id"]), record)

    def __iter__(self) -> "Iterator[Run]":
        return self.runs()

    def _find(self, id):
        run = Run._of(self._store, self._ns, self._check, self._parts + [id], None, self)
        try:
            run._load()
        except MetaflowNotFound:
            return None
        return run if not self._check or run._within(self._ns) else None

    def _ipython_key_completions_(self):
        if not _is_made(self):
            return []
        return [str(run["id"]) for run in self._runs(self._ns, limit=_FIRST_PAGE)["runs"]]


from .run import Run, Step  # noqa: E402
from .task import DataArtifact, Task  # noqa: E402

Flow._child_class = Run
Run._child_class = Step
Step._child_class = Task
Task._child_class = DataArtifact
_CLASSES = (Flow, Run, Step, Task, DataArtifact)

__all__ = ["DataArtifact", "Flow", "Metaflow", "MetaflowObject", "Run", "Step", "Store", "Task"]
