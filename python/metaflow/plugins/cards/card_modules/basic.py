"""The cards that there are under Metaflow's module path."""

from levada.cards import BlankCard, DefaultCard, ErrorCard, PageComponent  # noqa: F401
from levada.cards.builtin import TaskSpecCard  # noqa: F401

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
