"""The components under Metaflow's module path."""

from levada.cards import (  # noqa: F401
    Artifact,
    Error,
    EventsTimeline,
    Image,
    JSONViewer,
    Markdown,
    ProgressBar,
    PythonCode,
    Table,
    ValueBox,
    VegaChart,
    YAMLViewer,
)
from levada.cards.component import MetaflowCardComponent as UserComponent  # noqa: F401
from levada.cards.component import with_default_component_id  # noqa: F401
