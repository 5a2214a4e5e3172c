"""Cards and their components under Metaflow's name."""

from levada.cards import *  # noqa: F403
from levada.cards import __all__  # noqa: F401
from levada.standard import TYPE_CHECKING

if TYPE_CHECKING:
    from levada.cards.client import get_cards as get_cards
