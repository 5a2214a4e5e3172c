"""Makes a step's cards: while it runs, as often as it asks, and when it has ended.

A card is made in the process of the task, which has all that it may show. It goes to the host as a ``card`` frame, each
time whole; what came last stands. Nothing that goes wrong here fails the task: what a card could not show is shown on
an error card.
"""

import sys
from _signal import ITIMER_REAL, SIG_DFL, SIGALRM, setitimer, signal
from os import getpid
from threading import current_thread, main_thread
from time import monotonic, time

from ..standard import library
from .card import MetaflowCard
from .collector import AttachedCard, CardComponentCollector
from .component import warn
from .registry import UnknownCardType

_DEFAULT_TIMEOUT, _DEFAULT_INTERVAL = 45, 5


class RenderTimeout(BaseException):
    """Making a card took too long. Not an Exception, so that a card's own ``except`` does not swallow it."""


class RenderFailed(Exception):
    """A card could not be made: a headline, and the text that explains it."""

    def __init__(self, headline, text):
        super().__init__(headline)
        self.headline, self.text = headline, text


class Publisher:
    """The cards of the task that runs in this process."""

    def __init__(self, task):
        self.task = task
        self.started = time()
        self.cards = [AttachedCard(i, attributes) for i, attributes in enumerate(task.plan.cards)]
        self.collector = CardComponentCollector(self.cards, self)
        self._renders = 0

    # While the step runs.

    def refresh(self, card, data=None, force=False):
        """Show a card as it is now, unless that was done a moment ago."""
        if self.task.channel.is_fork or getpid() != self.task.channel.pid:
            warn("a process that the step has started cannot refresh a card: call refresh() in the step itself.")
            return
        card.data = data  # the finished card is told it, even if this refresh comes too soon
        now = monotonic()
        interval = _seconds(card.attributes.get("refresh_interval"), _DEFAULT_INTERVAL)
        if card.published is not None and not force and now - card.published["at"] < interval:
            return
        if data is not None and not _is_json(data):
            warn("refresh(data=…) takes what JSON has, not %s. It was left out." % type(data).__name__)
            card.data = None
        try:
            cls = card.card_class
        except UnknownCardType:
            return  # said when the step has ended
        if not cls.RUNTIME_UPDATABLE:
            return
        try:
            self._publish(card, cls, now)
        except (Exception, SystemExit) as error:
            warn("the card '%s' could not be refreshed: %s: %s" % (card.type, type(error).__name__, error))

    def _publish(self, card, cls, now):
        from .taskview import TaskView

        before = card.published
        changes = card.components.changes
        view = TaskView(self.task, self.started)
        anew = before is None or before["changes"] != changes or cls.RELOAD_POLICY == MetaflowCard.RELOAD_POLICY_ALWAYS
        self._renders += 1
        payload = self._payload(card, "render_runtime" if anew else "refresh", "runtime-%d" % self._renders)
        instance = self._instance(card, cls)
        instance.runtime_data = payload
        token = before["token"] if before else None
        if cls.RELOAD_POLICY == MetaflowCard.RELOAD_POLICY_ONCHANGE:
            new = str(instance.reload_content_token(view, payload))
            anew = anew or new != token
            token = new
        elif anew or token is None:
            token = payload["render_seq"]
        card.published = {"at": now, "changes": changes, "token": token}
        html = self._attempt(card, lambda: instance.render_runtime(view, payload), view) if anew else None
        try:
            data = instance.refresh(view, payload)
        except NotImplementedError:
            data = None
        if data is not None and not _is_json(data):
            data = None
        if html is not None:
            html = html.replace(MetaflowCard.RELOAD_POLICY_TOKEN, token)
        self._send(card, html, {"reload_token": token, "data": data, "created_on": time()}, live=True)

    # When the step has ended.

    def finish(self):
        """Make and send all cards."""
        from .taskview import TaskView

        view = TaskView(self.task, self.started, time())
        for card in self.cards:
            try:
                html = self._final(card, view)
                if html is not None:
                    html = html.replace(MetaflowCard.RELOAD_POLICY_TOKEN, "final")
                    self._send(card, html, self._last_data(card, view), live=False)
            except OSError:
                raise  # the host is gone
            except (Exception, SystemExit) as error:
                _complain("%s: %s" % (type(error).__name__, error))
                self.task.channel.tell({"type": "card", "card": self._about(card, False), "artifacts": []})

    def _last_data(self, card, view):
        """What readers get of a card that was refreshed, now that the step has ended; None of one that never was."""
        if card.published is None:
            return None
        payload = self._payload(card, "refresh", "final")
        try:
            data = self._instance(card, card.card_class).refresh(view, payload)
        except NotImplementedError:
            return None
        return {"reload_token": "final", "data": data, "created_on": time()} if _is_json(data) else None

    def _payload(self, card, mode, sequence):
        """What a card is told of the step's state: the argument ``data`` of its methods."""
        return {
            "user": card.data,
            "components": card.updated(),
            "render_seq": sequence,
            "component_update_ts": time(),
            "mode": mode,
        }

    def _final(self, card, view):
        def make():
            instance = self._instance(card, card.card_class)
            instance.runtime_data = self._payload(card, "render", "final")
            return instance.render(view)

        return self._attempt(card, make, view)

    def _instance(self, card, cls):
        """A card of a class. Its constructor gets what it names."""
        options = card.attributes.get("options") or {}
        graph = self.task.graph()
        steps = graph.get("steps") or {}
        arguments = {"options": options, "components": card.shown(), "graph": steps, "flow": self.task.flow}
        # Cards of packages that have not changed for years do not know of it, and Metaflow cannot make them any more.
        if not _names(cls.__init__, "flow", anything=True):
            del arguments["flow"]
        if _names(cls.__init__, "graph_info"):
            arguments["graph_info"] = {name: graph.get(name) for name in ("steps", "start_step", "end_step")}
        try:
            return cls(**arguments)
        except TypeError as error:
            raise RenderFailed(
                "The card '%s' does not take these arguments" % card.type,
                "%s\n\noptions: %r\n\nThe constructor of a card takes options, components, graph, flow and **kwargs."
                % (error, options),
            ) from error

    def _attempt(self, card, make, view):
        """The HTML that ``make`` makes, or that of an error card if there is to be one, else None."""
        limit = _seconds(card.attributes.get("timeout"), _DEFAULT_TIMEOUT)
        try:
            try:
                html = _in_time(make, limit)
            except RenderTimeout:
                raise RenderFailed(
                    "The card '%s' took too long" % card.type,
                    "It was not made within %g seconds. Give it more time with @card(timeout=…), or show less." % limit,
                ) from None
            if html is None:
                raise RenderFailed(
                    "The card '%s' shows nothing" % card.type, "No information rendered: render() returned None."
                )
            if not isinstance(html, str):
                raise RenderFailed(
                    "The card '%s' is no HTML" % card.type,
                    "render() returned %s instead of a str." % type(html).__name__,
                )
            return html
        except RenderFailed as failure:
            headline, text = failure.headline, failure.text
        except UnknownCardType as unknown:
            headline, text = "There is no card type '%s'" % card.type, str(unknown)
        except (Exception, SystemExit) as error:
            from ..failure import traceback_of

            headline, text = "The card '%s' could not be made" % card.type, traceback_of(error)
        _complain(text)
        if not card.attributes.get("save_errors", True):
            return None
        from .builtin import ErrorCard

        return ErrorCard({"headline": headline, "error": text, "card_type": card.type}).render(view)

    # To the host.

    def _about(self, card, live):
        return {"position": card.position, "type": card.type, "id": card.id or "", "uuid": card.uuid, "live": live}

    def _send(self, card, html, data, live):
        entries, parts = [], []
        if html is not None:
            self._pack("html", "file", "str", html.encode("utf-8", "replace"), entries, parts)
        if data is not None:
            self._pack("data", "json", "dict", _json(data).encode(), entries, parts)
        self.task.channel.tell({"type": "card", "card": self._about(card, live), "artifacts": entries}, parts)

    def _pack(self, name, codec, kind, data, entries, parts):
        from ..artifacts import Spill

        spill = Spill(self.task.staging)
        spill.write(data)
        data = spill.finish()
        entry = {"name": name, "codec": codec, "type": kind, "size": spill.size}
        if data is None:
            entry["path"] = spill.path
        else:
            entry["length"] = len(data)
            parts.append(data)
        entries.append(entry)


def _names(function, parameter, anything=False):
    """Whether a function has a parameter of this name; with ``anything``, or takes it as one of **kwargs."""
    with library():
        from inspect import signature

    try:
        parameters = signature(function).parameters
    except (TypeError, ValueError):
        return anything
    return parameter in parameters or anything and any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _is_json(value):
    try:
        _json(value)
        return True
    except (TypeError, ValueError, RecursionError):
        return False


def _json(value):
    """The JSON of a value. NaN and infinities, which JSON does not have, are null, as in JavaScript."""
    with library():
        from json import dumps

    try:
        return dumps(value, allow_nan=False)
    except ValueError:
        return dumps(_finite(value, dumps), allow_nan=False)


def _finite(value, dumps):
    if isinstance(value, dict):  # a key is text in JSON, where it may be any number
        return {dumps(key) if isinstance(key, float) else key: _finite(part, dumps) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part, dumps) for part in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def _seconds(value, default):
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return default


def _in_time(make, limit):
    """What ``make`` returns. RenderTimeout if it takes longer; code that does not return to Python cannot be
    stopped.
    """
    if limit <= 0 or current_thread() is not main_thread():
        return make()

    def late(signum, frame):
        raise RenderTimeout

    left, _ = setitimer(ITIMER_REAL, 0)  # that of @timeout, while the step runs
    began = monotonic()
    before = signal(SIGALRM, late)
    setitimer(ITIMER_REAL, limit, 1.0)
    try:
        return make()
    finally:
        setitimer(ITIMER_REAL, 0)
        signal(SIGALRM, SIG_DFL if before is None else before)
        if left:
            setitimer(ITIMER_REAL, max(left - (monotonic() - began), 0.001))


def _complain(text):
    try:
        print("Card render failed with error : %s" % text.rstrip(), file=sys.stderr)
    except Exception:
        pass  # stderr is gone


_publisher = None


def begin(task):
    """Take up the cards of a task that begins."""
    global _publisher
    _publisher = Publisher(task)
    return _publisher


def collector(task):
    """``current.card`` of a task. AttributeError if its step has no card."""
    if not task.plan.cards or _publisher is None:
        raise AttributeError("card")
    return _publisher.collector


def finish():
    """Make and send the cards of the task that has done its part."""
    if _publisher is not None:
        _publisher.finish()
