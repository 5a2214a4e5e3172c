"""Reading the cards of tasks."""

from html import escape

from ..standard import library
from .exceptions import CardNotPresentException, IncorrectArgumentException, IncorrectPathspecException

_SANDBOX = "allow-scripts allow-popups allow-popups-to-escape-sandbox"


class Card:
    """One card of a task. In a notebook it shows itself, in a frame of its own that reaches nothing of the notebook."""

    def __init__(self, task, record):
        self._store = task._store
        self._record = record
        self._html = None
        parts = task.path_components
        #: What kind of card it is.
        self.type = record["type"]
        #: The id that the step gave it, None if it has none.
        self.id = record.get("id") or None
        #: 32 hexadecimal digits that no other card has.
        self.hash = record["uuid"]
        #: Whether its task still ran when it was found: it may change, and ``get`` then gives what it looks like now.
        self.live = record["live"]
        #: Whether its task was taken over by the resumed run from another.
        self.from_resumed = bool(record.get("origin"))
        #: The task in the run where it really ran, None if it was not taken over.
        self.origin_pathspec = "/".join([parts[0], str(record["origin"]), *parts[2:]]) if self.from_resumed else None
        name = "%s-%s" % (self.type, self.hash) if self.id is None else "%s-%s-%s" % (self.type, self.id, self.hash)
        #: A name for the card in its store.
        self.path = "%s/cards/%s.html" % (task.pathspec, name)

    def get(self) -> str:
        """The card as HTML."""
        if self._html is None:
            found = self._store.fetch("open_card", run=self._record["run"], task=self._record["task"], uuid=self.hash)
            html = found[1].decode("utf-8", "replace")
            if self.live:
                return html
            self._html = html
        return self._html

    def get_data(self):
        """What the step last gave to readers with ``refresh``: ``{"reload_token", "data", "created_on"}``, or None."""
        record = self._record
        found = self._store.ask("cards", run=record["run"], step=record["step"], task=record["task"], data=True)
        for card in found["cards"]:
            if card["uuid"] == self.hash:
                return card.get("data")
        return None

    def view(self) -> None:
        """Open the card in the browser."""
        import os
        import webbrowser

        with library():
            from tempfile import mkdtemp

        path = os.path.join(mkdtemp(prefix="levada-card-"), "card.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.get())
        webbrowser.open("file://" + path)

    def _repr_html_(self):
        # The frame has an origin of its own: what is in the card cannot reach the page around it.
        return (
            '<iframe sandbox="%s" srcdoc="%s" title="Card %s" style="width:100%%;height:42rem;border:0"></iframe>'
        ) % (_SANDBOX, escape(self.get()), escape(self.type))

    def __str__(self):
        return "<Card at '%s'>" % self.path

    __repr__ = __str__


class CardContainer:
    """The cards of a task that were asked for, as a sequence that does not change."""

    def __init__(self, cards, task):
        self._cards = tuple(cards)
        self._task = task

    @property
    def from_resumed(self):
        """Whether the task was taken over from another run."""
        return any(card.from_resumed for card in self._cards)

    @property
    def origin_pathspec(self):
        """The task in the run where it really ran, or None."""
        return next((card.origin_pathspec for card in self._cards), None)

    def __len__(self):
        return len(self._cards)

    def __iter__(self):
        return iter(self._cards)

    def __getitem__(self, index):
        return self._cards[index]

    def _repr_html_(self):
        parts = []
        for i, card in enumerate(self._cards):
            name = card.type if card.id is None else "%s, %s" % (card.type, card.id)
            parts.append("<h4>Card %d: %s</h4>%s" % (i, escape(name), card._repr_html_()))
        return "".join(parts) or "<p>No cards.</p>"

    def __str__(self):
        return "CardContainer(%s)" % ", ".join(map(str, self._cards))

    __repr__ = __str__


def get_cards(task, id=None, type=None, follow_resumed=True) -> "CardContainer":
    """The cards of a task: a ``Task`` or its pathspec, ``Flow/run/step/task``; a pathspec sets the namespace to None.

    ``id`` and ``type`` choose among them. A task that a resumed run took over has the cards of the task that ran; with
    ``follow_resumed=False`` it has none. CardNotPresentException if the task has no card at all,
    IncorrectArgumentException and IncorrectPathspecException for what is no task, MetaflowNotFound for one that does
    not exist.
    """
    from ..client import Task, namespace

    if isinstance(task, str):
        if len(task.split("/")) != 4:
            raise IncorrectPathspecException(task)
        namespace(None)
        task = Task(task)
    elif not isinstance(task, Task):
        raise IncorrectArgumentException(task.__class__.__name__)
    run, step, number = task.path_components[1:]
    found = task._store.ask("cards", run=int(run), step=step, task=int(number))["cards"]
    cards = [Card(task, record) for record in found]
    if not follow_resumed:
        cards = [card for card in cards if not card.from_resumed]
    if not cards:
        why = "A step has some with @card, or in a run --with card." if task.finished else "It still runs: look again."
        raise CardNotPresentException("The task %s has no cards. %s" % (task.pathspec, why))
    chosen = [card for card in cards if (id is None or card.id == id) and (type is None or card.type == type)]
    return CardContainer(chosen, task)
