"""Named tuples under Metaflow's module path."""

from levada.tuples import ForeachFrame as ForeachFrame
