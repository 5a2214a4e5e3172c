"""Cards: reports of what a task did, each one HTML file. See docs/cards.md."""

from ..standard import library

with library():
    from .builtin import BlankCard, DefaultCard, ErrorCard
    from .card import MetaflowCard
    from .component import MetaflowCardComponent
    from .components import Artifact, Error, Image, Markdown, PageComponent, ProgressBar, PythonCode, Table, VegaChart
    from .viewers import EventsTimeline, JSONViewer, ValueBox, YAMLViewer

__all__ = [
    "Artifact",
    "BlankCard",
    "DefaultCard",
    "Error",
    "ErrorCard",
    "EventsTimeline",
    "Image",
    "JSONViewer",
    "Markdown",
    "MetaflowCard",
    "MetaflowCardComponent",
    "PageComponent",
    "ProgressBar",
    "PythonCode",
    "Table",
    "ValueBox",
    "VegaChart",
    "YAMLViewer",
    "get_cards",
]


def __getattr__(name):
    if name == "get_cards":
        with library():
            from .client import get_cards

        return get_cards
    raise AttributeError("module '%s' has no attribute '%s'" % (__name__, name))
