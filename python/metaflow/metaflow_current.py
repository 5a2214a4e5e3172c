"""``current`` under Metaflow's module path."""

from levada.running import Current as Current, current as current
from levada.tuples import Parallel as Parallel
