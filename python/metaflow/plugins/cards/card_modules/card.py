"""The bases of cards and components under Metaflow's module path."""

from levada.cards import MetaflowCard, MetaflowCardComponent  # noqa: F401
from levada.cards.component import with_default_component_id  # noqa: F401
