"""``FlowMutator`` under Metaflow's module path."""

from levada.custom import FlowMutator  # noqa: F401
