"""``FlowMutator`` under Metaflow's module path."""

from levada.custom import FlowMutator  # noqa: F401

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
