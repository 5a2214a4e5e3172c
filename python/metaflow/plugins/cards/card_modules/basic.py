"""The cards that there are, and what they are composed of, under Metaflow's module path."""

from levada.cards import (
    BlankCard as BlankCard,
    DefaultCard as DefaultCard,
    ErrorCard as ErrorCard,
    PageComponent as PageComponent,
)
from levada.cards.blocks import (
    ArtifactsComponent as ArtifactsComponent,
    DagComponent as DagComponent,
    DefaultComponent as DefaultComponent,
    ErrorComponent as ErrorComponent,
    ImageComponent as ImageComponent,
    LogComponent as LogComponent,
    MarkdownComponent as MarkdownComponent,
    PythonCodeComponent as PythonCodeComponent,
    SectionComponent as SectionComponent,
    SubTitleComponent as SubTitleComponent,
    TableComponent as TableComponent,
    TextComponent as TextComponent,
    TitleComponent as TitleComponent,
    read_file as read_file,
)
from levada.cards.builtin import TaskSpecCard as TaskSpecCard

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
