"""The cards that there are under Metaflow's module path."""

from levada.cards import BlankCard, DefaultCard, ErrorCard, PageComponent  # noqa: F401
from levada.cards.builtin import TaskSpecCard  # noqa: F401
