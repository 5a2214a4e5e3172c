"""``current`` under Metaflow's module path."""

from levada.running import Current, current  # noqa: F401
from levada.tuples import Parallel  # noqa: F401
