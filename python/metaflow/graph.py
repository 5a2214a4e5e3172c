"""The classes of Metaflow's graph: not public there, not there here. ``current.graph`` describes a flow's graph."""

from levada.later import names_of

__getattr__ = names_of(__name__)
