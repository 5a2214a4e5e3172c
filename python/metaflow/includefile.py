"""``IncludeFile`` under Metaflow's module path."""

from levada.includefile import IncludeFile  # noqa: F401
