"""The bases of cards and components under Metaflow's module path."""

from levada.cards import MetaflowCard, MetaflowCardComponent  # noqa: F401
