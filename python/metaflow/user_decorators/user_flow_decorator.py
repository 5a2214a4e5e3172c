"""``FlowMutator`` under Metaflow's module path."""

from levada.custom import FlowMutator as FlowMutator

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
