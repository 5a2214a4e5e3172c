"""The classes of cards that cards of one's own derive from."""

from levada.cards import MetaflowCard, MetaflowCardComponent  # noqa: F401
