"""Components that show numbers, events and structured data."""

from re import compile as pattern
from time import time

from ..standard import library
from .component import UserComponent, rendered
from .components import Artifact, Image, Markdown, PythonCode
from .values import plain_number

_CSS_NAME = pattern(r"-?[A-Za-z_][A-Za-z0-9_-]*\Z")


class ValueBox(UserComponent):
    """One number or short text, large: a metric with its title, what it means, and how it changed.

    ``theme`` is one of default, success, warning, danger and bg-gradient-indigo-purple, or a CSS class name.
    """

    REALTIME_UPDATABLE = True

    def __init__(self, title=None, value: object = "", subtitle=None, theme=None, change_indicator=None) -> None:
        self._fields = {}
        self._set(_value(value), title, subtitle, theme, change_indicator)

    def update(self, title=None, value=None, subtitle=None, theme=None, change_indicator=None) -> None:
        """Change what is given; None leaves a field as it is."""
        self._set(None if value is None else _value(value), title, subtitle, theme, change_indicator)

    def _set(self, value, title, subtitle, theme, change_indicator):
        new = {
            "value": value,
            "title": _text("title", title, 200),
            "subtitle": _text("subtitle", subtitle, 300),
            "theme": _theme(theme),
            "change_indicator": _text("change_indicator", change_indicator, 200),
        }
        self._fields.update({name: field for name, field in new.items() if field is not None})

    def render(self):
        """The box as a ``valueBox``."""
        return self._described("valueBox", **self._fields)


def _value(value):
    if value is None:
        raise ValueError("Value cannot be None: give a text or a number")
    value = plain_number(value)
    if not isinstance(value, (str, int, float)):
        raise TypeError("Value is a text or a number, not %s" % type(value).__name__)
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("String value cannot be empty or whitespace only")
        if len(value) > 100:
            raise ValueError("String value is longer than 100 characters: %d" % len(value))
    elif abs(value) > 1e15:
        raise ValueError("Numeric value is beyond 1e15: %r" % value)
    return value


def _text(name, value, limit):
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError("%s is a text, not %s" % (name, type(value).__name__))
    if not value.strip():
        raise ValueError("%s cannot be empty or whitespace only" % name)
    if len(value) > limit:
        raise ValueError("%s is longer than %d characters: %d" % (name, limit, len(value)))
    return value


def _theme(theme):
    if theme is None:
        return None
    if not isinstance(theme, str):
        raise TypeError("Theme is a text, not %s" % type(theme).__name__)
    if not _CSS_NAME.match(theme):
        raise ValueError("Theme must be a valid CSS class name, got %r" % theme)
    return theme


class EventsTimeline(UserComponent):
    """What happened, newest first: each ``update`` adds an event. The card keeps the last ``max_events``."""

    REALTIME_UPDATABLE = True

    def __init__(self, title=None, max_events=100) -> None:
        self._title = title
        self._max = max_events
        self._events = []
        self._total = 0
        self._first = self._last = None
        self._finished = False

    def update(self, event_data, style_theme=None, priority=None, payloads=None, finished=None) -> None:
        """Add an event: a dict of texts and numbers. A ``timestamp`` is added to it if it has none.

        ``style_theme`` colours it: default, success, warning, error, info, primary, secondary, tool_call, ai_response,
        or a CSS class name (ValueError for what is none). ``payloads`` are components shown inside, by name: ValueBox,
        Image, Markdown, Artifact, PythonCode, JSONViewer, YAMLViewer (TypeError for others). ``finished`` says that no
        more come.
        """
        for name, payload in (payloads or {}).items():
            if not isinstance(payload, _PAYLOADS):
                raise TypeError(
                    "the payload %r is of the type %s, which an event cannot show" % (name, type(payload).__name__)
                )
        event = {"metadata": event_data, "payloads": dict(payloads or {}), "event_id": "event_%d" % self._total}
        if _theme(style_theme) is not None:
            event["style_theme"] = style_theme
        if priority is not None:
            event["priority"] = priority
        event_data.setdefault("timestamp", time())
        event["received_at"] = self._last = time()
        if self._first is None:
            self._first = self._last
        self._total += 1
        self._events.insert(0, event)
        del self._events[self._max :]
        if finished is not None:
            self._finished = bool(finished)

    def get_stats(self) -> "dict[str, object]":
        """How many events there were and when."""
        stats = {
            "total_events": self._total,
            "displayed_events": len(self._events),
            "last_update": self._last,
            "first_event": self._first,
            "finished": self._finished,
        }
        if self._total > 1 and self._last > self._first:
            stats["total_runtime_seconds"] = self._last - self._first
            stats["events_per_minute"] = round(self._total / (self._last - self._first) * 60, 1)
        return stats

    def render(self):
        """The events as an ``eventsTimeline``."""
        events = [
            dict(event, payloads={name: rendered(part) for name, part in event["payloads"].items()})
            for event in self._events
        ]
        config = {"show_stats": True, "show_relative_time": True, "max_events": self._max}
        shown = self._described("eventsTimeline", events=events, config=config, stats=self.get_stats())
        if self._title is not None:
            shown["title"] = self._title
        return shown


class _Viewer(UserComponent):
    """What JSONViewer and YAMLViewer have in common."""

    REALTIME_UPDATABLE = True

    def _show(self, data, collapsible, max_height, show_copy_button, title):
        self._data = data
        self._options = {"collapsible": collapsible, "show_copy_button": show_copy_button, "title": title or self._name}
        if max_height is not None:
            self._options["max_height"] = max_height

    def render(self):
        """The data as text, with how to show it."""
        kind = self._name.lower()
        try:
            text = self._encode(self._data)
        except (ValueError, RecursionError):  # it contains itself
            text = repr(self._data)
        return self._described(kind + "Viewer", **{kind + "_string": text}, **self._options)


class JSONViewer(_Viewer):
    """Structured data as JSON. What JSON does not have is shown as its repr."""

    _name = "JSON"

    # Each class has these of its own, for Python's messages name the class that has the method.
    def __init__(self, data, collapsible=True, max_height=None, show_copy_button=True, title=None) -> None:
        self._show(data, collapsible, max_height, show_copy_button, title)

    def update(self, data) -> None:
        """Show other data."""
        self._data = data

    def _encode(self, data):
        with library():
            from json import dumps

        try:
            return dumps(data, indent=2, default=_in_json, ensure_ascii=False)
        except TypeError:
            return dumps(_with_keys_of_json(data), indent=2, default=_in_json, ensure_ascii=False)


def _in_json(value):
    """What JSON has for a value that it does not have."""
    number = plain_number(value)
    return repr(value) if number is value else number


def _with_keys_of_json(data):
    """The data with keys that JSON can have: pandas, for one, makes dicts with dates and tuples as keys."""
    if isinstance(data, dict):
        return {
            key if isinstance(key, (str, int, float, type(None))) else _in_json(key): _with_keys_of_json(value)
            for key, value in data.items()
        }
    return [_with_keys_of_json(value) for value in data] if isinstance(data, (list, tuple)) else data


class YAMLViewer(_Viewer):
    """Structured data as YAML. What YAML does not have is shown as its repr."""

    _name = "YAML"

    def __init__(self, data, collapsible=True, max_height=None, show_copy_button=True, title=None) -> None:
        self._show(data, collapsible, max_height, show_copy_button, title)

    def update(self, data) -> None:
        """Show other data."""
        self._data = data

    def _encode(self, data):
        from .yaml import dump

        return dump(data)


_PAYLOADS = (ValueBox, Image, Markdown, Artifact, PythonCode, JSONViewer, YAMLViewer)
