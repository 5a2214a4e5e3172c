"""``current.card`` under Metaflow's module path."""

from levada.cards.collector import CardComponentCollector, CardComponentManager, ComponentStore  # noqa: F401
