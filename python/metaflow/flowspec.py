"""``FlowSpec`` under Metaflow's module path."""

from levada.exceptions import InvalidNextException  # noqa: F401
from levada.flowspec import FlowSpec  # noqa: F401
