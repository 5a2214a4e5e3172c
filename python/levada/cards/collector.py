"""``current.card``: the cards of the step that runs, and what it puts into them.

A step may have several cards. ``current.card`` itself stands for one of them, the *default editable card*; the others
are found by their ids. Nothing here raises for a card that is not there: a report must not fail the work it reports on.
"""

from re import compile as pattern
from uuid import uuid4

from .component import MetaflowCardComponent, UserComponent, new_id, rendered, warn
from .components import Markdown
from .exceptions import ComponentOverwriteNotSupportedException
from .values import is_frame

_ID = pattern(r"[a-zA-Z0-9_]+\Z")


def silent():
    """Whether warnings are to stay out of cards."""
    from os import environ

    return environ.get("METAFLOW_CARD_NO_WARNING", "").lower() not in ("", "0", "false")


def _wrapper(value):
    """The component that shows a value, as text."""
    if isinstance(value, str):
        return "Markdown(text)"
    if is_frame(value):
        return "Table.from_dataframe(frame)"
    if hasattr(value, "savefig"):
        return "Image.from_matplotlib(figure)"
    return "Artifact(value)"


class ComponentStore:
    """The components of one card, in order, each with an id."""

    def __init__(self, user_components=()):
        self._components = {}
        #: Counts changes of the list, as opposed to changes inside its components.
        self.changes = 0
        self.extend(user_components)

    def append(self, component, id=None):
        """Add a component at the end, under ``id`` if one is given (TypeError if that is no string).

        If there is one with this id, the new one takes its place.
        """
        if not isinstance(component, MetaflowCardComponent):
            text = (
                "a card takes components, such as Markdown or Table, not %s. It was left out; append %s."
                % (type(component).__name__, _wrapper(component))
            )
            warn(text)
            if not silent():
                self.append(Markdown("**Warning:** " + text))
            return
        if id is not None and not isinstance(id, str):
            raise TypeError("the id of a component is a string, not %s" % type(id).__name__)
        if id is None:
            id = component.component_id or new_id(type(component))
        component.component_id = id
        self._components[id] = component
        self.changes += 1

    def extend(self, components):
        """Add several components."""
        for component in components:
            self.append(component)

    def clear(self):
        """Take all components out."""
        self._components.clear()
        self.changes += 1

    def keys(self):
        """The ids, in order."""
        return list(self._components)

    def values(self):
        """The components, in order."""
        return list(self._components.values())

    def __getitem__(self, id):
        if id not in self._components:
            self._components[id] = MissingComponent(id)
            self.changes += 1
        return self._components[id]

    def __setitem__(self, id, component):
        if id in self._components:
            raise ComponentOverwriteNotSupportedException(id)
        self.append(component, id)

    def __delitem__(self, id):
        del self._components[id]
        self.changes += 1

    def __contains__(self, id):
        return id in self._components

    def __iter__(self):
        return iter(self.values())

    def __len__(self):
        return len(self._components)


class MissingComponent(MetaflowCardComponent):
    """Stands where a component was asked for that is not in the card."""

    REALTIME_UPDATABLE = True

    def __init__(self, id):
        self.component_id = id

    def update(self, *args, **kwargs):
        """Say that there is nothing to update."""
        warn("the card has no component with the id %r, so update() does nothing." % self.component_id)

    def render(self):
        """Nothing that is seen."""
        return self._described("text", text="")


class AttachedCard:
    """One ``@card`` of the step that runs."""

    def __init__(self, position, attributes):
        self.position = position
        self.attributes = attributes
        self.type = attributes.get("type") or "default"
        self.id = attributes.get("id")
        self.uuid = uuid4().hex
        self.components = ComponentStore()
        self.named = True  # its id names it alone
        self.published = None  # when, and what, was shown last
        self.data = None  # what refresh() was last given
        if self.id is not None and not (isinstance(self.id, str) and _ID.match(self.id)):
            warn("the card id %r is not made of letters, digits and underscores. The card has no id." % (self.id,))
            self.id = None
        self._card_class = None

    @property
    def card_class(self):
        """The class that the type names. UnknownCardType if there is none."""
        if self._card_class is None:
            from .registry import find

            self._card_class = find(self.type)
        return self._card_class

    @property
    def editable(self):
        """Whether the step may put components into it."""
        from .registry import UnknownCardType

        try:
            return bool(self.card_class.ALLOW_USER_COMPONENTS)
        except UnknownCardType:
            return False

    def shown(self):
        """The components as a card gets them: as they are shown now, those of Levada's kind in one section."""
        components = self.components.values()
        shown = [rendered(component) for component in components]
        in_section = any(isinstance(component, UserComponent) for component in components)
        return [{"type": "section", "contents": shown}] if in_section else shown

    def updated(self):
        """The components that can change while the task runs, as they are shown now, by id."""
        components = self.components.values()
        return {c.component_id: rendered(c) for c in components if c.REALTIME_UPDATABLE}


class CardComponentManager:
    """One card of the step: what ``current.card["id"]`` is."""

    def __init__(self, attached, publisher):
        self._attached = attached
        self._publisher = publisher

    def append(self, component, id=None):
        """Add a component, under ``id`` if one is given."""
        self._attached.components.append(component, id)

    def extend(self, components):
        """Add several components."""
        self._attached.components.extend(components)

    def clear(self):
        """Take all components out."""
        self._attached.components.clear()

    def refresh(self, data=None, force=False):
        """Show the card as it is now, while the task runs; at most once in ``refresh_interval`` seconds, unless
        forced.
        """
        self._publisher.refresh(self._attached, data, force)

    @property
    def components(self):
        """The components, by id and in order."""
        return self._attached.components

    def __iter__(self):
        return iter(self._attached.components)


class CardComponentCollector:
    """``current.card``."""

    def __init__(self, cards, publisher):
        self._cards = cards
        self._publisher = publisher
        self._warned = False
        self._by_id = {}
        self._default = None
        self._sort_out()

    def _sort_out(self):
        """Find which card goes by which id, and which one is meant when none is named."""
        seen = {}
        for card in self._cards:
            if card.id is not None:
                seen.setdefault(card.id, []).append(card)
        for id, cards in seen.items():
            if len(cards) == 1:
                self._by_id[id] = cards[0]
                continue
            warn("%d cards of the step have the id %r, so current.card[%r] finds none of them." % (len(cards), id, id))
            for card in cards:
                card.named = False
        editable = [card for card in self._cards if card.editable]
        without = [card for card in editable if card.id is None]
        custom = [card for card in editable if card.attributes.get("customize")]
        if len(custom) == 1:
            self._default = custom[0]
        elif len(editable) == 1:
            self._default = editable[0]
        elif len(without) == 1:
            self._default = without[0]

    def _manager(self, card):
        return CardComponentManager(card, self._publisher)

    def _the_default(self, what):
        """The default editable card, or None with a warning: in the log, and once in each card."""
        if self._default is not None:
            return self._default
        if not self._warned:
            self._warned = True
            text = (
                "current.card.%s does nothing: it is not clear which card it means. Give each @card of the "
                "step an id and "
                "write current.card['id'].%s, or mark one with @card(customize=True)." % (what, what)
            )
            warn(text)
            self._put_warning(text)
        return None

    def _put_warning(self, text):
        if silent():
            return
        for card in self._cards:
            card.components.append(Markdown("**Warning:** " + text))

    def append(self, component, id=None):
        """Add a component to the default editable card, under ``id`` if one is given."""
        card = self._the_default("append")
        if card is not None:
            card.components.append(component, id)

    def extend(self, components):
        """Add several components to the default editable card."""
        card = self._the_default("extend")
        if card is not None:
            card.components.extend(components)

    def clear(self):
        """Take all components out of the default editable card."""
        card = self._the_default("clear")
        if card is not None:
            card.components.clear()

    def refresh(self, data=None, force=False):
        """Show the default editable card as it is now, while the task runs.

        Calls within ``refresh_interval`` seconds of the last one that had an effect do nothing, unless ``force`` is
        set. ``data`` is given to the card as it is (it has to be JSON); see ``MetaflowCard.refresh``.
        """
        card = self._the_default("refresh")
        if card is not None:
            self._publisher.refresh(card, data, force)

    @property
    def components(self):
        """The components of the default editable card, by id and in order; None if it is not clear which one is
        meant.
        """
        card = self._the_default("components")
        return None if card is None else card.components

    def get(self, type=None):
        """The cards of a type, or all."""
        return [self._manager(card) for card in self._cards if type is None or card.type == type]

    #: Cards have ids, not numbers: Python would try 0, 1, 2 ... for ever.
    __iter__ = None

    def __contains__(self, id):
        return id in self._by_id

    def __getitem__(self, id):
        card = self._by_id.get(id)
        if card is None:
            warn("the step has no card with the id %r; what is put there is lost." % (id,))
            return []
        return self._manager(card)

    def __setitem__(self, id, components):
        card = self._by_id.get(id)
        if card is None:
            warn("the step has no card with the id %r; what is put there is lost." % (id,))
            return
        if not isinstance(components, (list, tuple)):
            warn("current.card[%r] is set to a list of components, not to %s." % (id, type(components).__name__))
            return
        card.components.clear()
        card.components.extend(components)

    def __len__(self):
        return len(self._cards)
