"""The classes of cards that cards of one's own derive from."""

from levada.cards import MetaflowCard as MetaflowCard, MetaflowCardComponent as MetaflowCardComponent
from levada.submodules import modules_of

__getattr__ = modules_of(__name__)
