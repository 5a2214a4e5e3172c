"""The exception of a failed task under Metaflow's module path."""

from levada.exceptions import TaskFailed as TaskFailed

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
