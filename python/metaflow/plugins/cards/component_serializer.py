"""``current.card`` under Metaflow's module path."""

from levada.cards.collector import (
    CardComponentCollector as CardComponentCollector,
    CardComponentManager as CardComponentManager,
    ComponentStore as ComponentStore,
)
