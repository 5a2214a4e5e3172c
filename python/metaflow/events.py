"""Events. ``Trigger`` and ``current.trigger`` come with a later version."""

from collections import namedtuple

from levada.later import Later

#: An event that started a run.
MetaflowEvent = namedtuple("MetaflowEvent", "name id timestamp type")
Trigger = Later("metaflow.events.Trigger")
