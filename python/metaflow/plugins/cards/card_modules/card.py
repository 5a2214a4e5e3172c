"""The bases of cards and components under Metaflow's module path."""

from levada.cards import MetaflowCard as MetaflowCard, MetaflowCardComponent as MetaflowCardComponent
from levada.cards.component import with_default_component_id as with_default_component_id
