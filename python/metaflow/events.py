"""Events and triggers under Metaflow's module path."""

from levada.events import MetaflowEvent as MetaflowEvent, Trigger as Trigger
