"""``MutableStep`` under Metaflow's module path."""

from levada.mutable import MutableStep as MutableStep
