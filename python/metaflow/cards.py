"""Cards and their components under Metaflow's name."""

from levada.cards import *  # noqa: F403
from levada.cards import __all__  # noqa: F401
