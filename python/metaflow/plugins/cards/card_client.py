"""Reading cards under Metaflow's module path."""

from levada.cards.client import Card as Card, CardContainer as CardContainer, get_cards as get_cards
