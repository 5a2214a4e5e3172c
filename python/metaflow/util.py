"""Helpers under Metaflow's module path."""

from levada.identity import own_namespace as resolve_identity  # noqa: F401
from levada.identity import user_name as get_username  # noqa: F401
