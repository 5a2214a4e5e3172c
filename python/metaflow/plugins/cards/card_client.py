"""Reading cards under Metaflow's module path."""

from levada.cards.client import Card, CardContainer, get_cards  # noqa: F401
