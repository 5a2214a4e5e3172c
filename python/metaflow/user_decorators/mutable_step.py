"""``MutableStep`` under Metaflow's module path."""

from levada.mutable import MutableStep  # noqa: F401
