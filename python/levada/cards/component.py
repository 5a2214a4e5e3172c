"""What a component is: something that a card shows, described as a dict that a page makes HTML of."""

from functools import wraps
from os import urandom


class MetaflowCardComponent:
    """Base of all components. A component of one's own overrides ``render``, and ``update`` if it can change."""

    #: Whether ``update`` changes what a card shows while the task runs.
    REALTIME_UPDATABLE = False
    _component_id = None

    @property
    def component_id(self):
        """The name of the component in its card: a string, or None as long as it is in no card."""
        return self._component_id

    @component_id.setter
    def component_id(self, value):
        if not isinstance(value, str):
            raise TypeError("the id of a component is a string, not %s" % type(value).__name__)
        self._component_id = value

    def update(self, *args, **kwargs) -> None:
        """Change what the component shows. NotImplementedError if it cannot."""
        raise NotImplementedError("%s cannot be updated" % type(self).__name__)

    def render(self):
        """What the component shows: a dict with a ``type``, or text."""
        raise NotImplementedError("%s has no render()" % type(self).__name__)

    def _described(self, kind, **fields):
        if self._component_id is None:
            self._component_id = new_id(type(self))
        return {"type": kind, **fields, "id": self._component_id}

    def _fixed(self):
        """What ``update`` of a component says that cannot be updated."""
        warn("%s cannot be updated. Put a new one into the card, or use current.card.clear()." % type(self).__name__)


class UserComponent(MetaflowCardComponent):
    """Base of the components that a step puts into its cards, Markdown and the others.

    A card gets the components of the step in one section if one of them is of these, else as they are: cards written
    for Metaflow expect that.
    """


def new_id(cls):
    """A name for a component of a class: ``markdown_3f9c21``."""
    return "%s_%s" % (cls.__name__.lower(), urandom(3).hex())


def with_default_component_id(render):
    """A ``render`` before which a component gets an id if it has none."""

    @wraps(render)
    def named(self, *args, **kwargs):
        if self.component_id is None:
            self.component_id = new_id(type(self))
        return render(self, *args, **kwargs)

    return named


def warn(text):
    """Say in the task's log that a card does not do what was asked of it."""
    from sys import stderr

    try:
        print("[@card WARNING] " + text, file=stderr)
    except (OSError, ValueError):
        pass  # the step has closed it


def trouble(text, component_id=None):
    """What stands in the place of a component that cannot be shown."""
    return {"type": "log", "data": text, "id": component_id or "logcomponent_" + urandom(3).hex()}


def rendered(component):
    """What a component shows, or what is wrong with it: a component never takes a card down."""
    try:
        shown = component.render()
    except (Exception, SystemExit):
        from sys import exc_info

        from ..failure import traceback_of

        return trouble(
            "Render failed of component named `%s`\n\n%s" % (type(component).__name__, traceback_of(exc_info()[1]))
        )
    if isinstance(shown, (dict, str)):
        return shown
    return trouble(
        "Component `%s` rendered %s instead of a dict or a string" % (type(component).__name__, type(shown).__name__)
    )
