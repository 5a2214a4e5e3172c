"""What the client looks at: the current namespace and the current store."""

import os

from ..identity import own_namespace
from .connection import default_store, store_named

_UNSET = object()
_namespace = _UNSET
_store = None


def namespace(ns: "str | None") -> "str | None":
    """Look at the runs of ``ns`` only; None looks at all runs. Returns the namespace that is current now.

    A run is in a namespace if that text is among its tags: ``user:ann`` is a tag of every run that ann started, and any
    tag of your own serves as well.
    """
    global _namespace
    _namespace = ns
    return ns


def get_namespace() -> "str | None":
    """The current namespace: at first that of the user, and in a task that of its run."""
    global _namespace
    if _namespace is _UNSET:
        _namespace = _default()
    return _namespace


def default_namespace() -> "str | None":
    """Go back to the namespace of the user; return it."""
    return namespace(_default())


def _default():
    from ..running import current

    task = current._task
    return (task.frame.get("namespace") if task is not None else None) or own_namespace()


def metadata(ms: str) -> str:
    """Look into another store: ``"local@<folder>"``, or only the folder that holds ``.levada``.

    ``"service@<address>"``, or only the address, is that of a ``levada server``. ``"local"`` and ``"service"`` alone
    are the folder and the server that are used where none is named.

    Returns what is current now. Objects that exist go on looking where they came from. ValueError if there is no store.
    """
    global _store
    _store = store_named(ms)
    return _store.describe()


def get_metadata() -> str:
    """The current store: ``local@<folder>`` or ``service@<address>``."""
    return current_store().describe()


def default_metadata() -> str:
    """Go back to the store of this run, of LEVADA_SERVER, of LEVADA_HOME, or the nearest; return it."""
    global _store
    _store = None
    return get_metadata()


def current_store():
    """The store that new objects look into."""
    return _store or default_store()


def inspect_spin(datastore_root=".") -> None:
    """Look at what ``spin`` left. In Metaflow that is a store of its own; here it is in the store of the runs.

    So this is ``metadata(datastore_root)``, and by default changes nothing. Lists leave out what was spun; the pathspec
    that ``spin`` printed names it. ValueError if there is no store.
    """
    if datastore_root == ".":
        return
    try:
        metadata(datastore_root)
    except ValueError:
        # The flows of the folder may keep their runs where LEVADA_HOME or LEVADA_SERVER says, which is looked into.
        if not (os.path.isdir(datastore_root) and (os.environ.get("LEVADA_HOME") or os.environ.get("LEVADA_SERVER"))):
            raise
