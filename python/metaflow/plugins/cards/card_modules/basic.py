"""The cards that there are under Metaflow's module path."""

from levada.cards import (
    BlankCard as BlankCard,
    DefaultCard as DefaultCard,
    ErrorCard as ErrorCard,
    PageComponent as PageComponent,
)
from levada.cards.builtin import TaskSpecCard as TaskSpecCard

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
