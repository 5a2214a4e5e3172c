"""Events and triggers under Metaflow's module path."""

from levada.events import MetaflowEvent, Trigger  # noqa: F401
