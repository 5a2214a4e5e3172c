"""The components under Metaflow's module path."""

from levada.cards import (
    Artifact as Artifact,
    Error as Error,
    EventsTimeline as EventsTimeline,
    Image as Image,
    JSONViewer as JSONViewer,
    Markdown as Markdown,
    ProgressBar as ProgressBar,
    PythonCode as PythonCode,
    Table as Table,
    ValueBox as ValueBox,
    VegaChart as VegaChart,
    YAMLViewer as YAMLViewer,
)
from levada.cards.component import UserComponent as UserComponent
from levada.cards.component import with_default_component_id as with_default_component_id
