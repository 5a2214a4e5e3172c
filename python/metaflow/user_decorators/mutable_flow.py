"""``MutableFlow`` under Metaflow's module path."""

from levada.mutable import MutableFlow as MutableFlow
