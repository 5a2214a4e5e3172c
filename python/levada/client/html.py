"""How objects of the client look in a notebook: small tables, in the colours of the page around them."""

from datetime import datetime
from html import escape
from itertools import islice

from ..cards.values import duration_text
from ..exceptions import MetaflowException
from .objects import number, when
from .scope import get_namespace

_TABLE = "border-collapse:collapse;font-size:90%;margin:.3em 0"
_CELL = "text-align:left;padding:.15em .9em .15em 0;vertical-align:top;background:none;border:none"
_HEAD = _CELL + ";opacity:.65;font-weight:normal"
#: A word in a colour that can be read on white and on black.
_COLOURS = {
    "succeeded": "#2a9d4a", "caught": "#b8860b", "running": "#3b82d0", "failed": "#d64545", "died": "#d64545",
    "killed": "#d64545", "interrupted": "#b8860b",
}  # fmt: skip
_MAX_VALUE = 200
_MAX_ROWS = 50


def of(obj):
    """The HTML of an object."""
    return {"flow": _flow, "run": _run, "step": _step, "task": _task, "artifact": _artifact}[obj._KIND](obj)


def of_all(metaflow):
    """The HTML of ``Metaflow()``: the flows of the store that are in the namespace."""
    ns = get_namespace()
    where = _heading("Metaflow", metaflow.metadata)
    if ns is not None:
        where += "<div>in the namespace <code>%s</code>; <code>namespace(None)</code> shows all</div>" % _text(ns)
    rows = [
        (_text(flow["name"]), str(flow["runs"]), str(flow["latest"]), _moment(when(flow["created"])))
        for flow in metaflow._records(ns)
    ]
    return where + _listing(rows, ("flow", "runs", "newest run", "since"))


def of_data(task):
    """The HTML of a task's ``data``."""
    return _heading("MetaflowData", task.pathspec) + _artifacts(task)


def _text(value, limit=_MAX_VALUE):
    text = str(value)
    return escape(text if len(text) <= limit else text[: limit - 1] + "…")


def _status(status):
    return '<span style="color:%s">%s</span>' % (_COLOURS.get(status, "inherit"), escape(str(status)))


def _table(rows, head=None):
    """A table of cells that are HTML already."""
    html = ['<table style="%s">' % _TABLE]
    if head:
        html.append("<tr>%s</tr>" % "".join('<th style="%s">%s</th>' % (_HEAD, escape(cell)) for cell in head))
    for row in rows:
        html.append("<tr>%s</tr>" % "".join('<td style="%s">%s</td>' % (_CELL, cell) for cell in row))
    html.append("</table>")
    return "".join(html)


def _listing(rows, head):
    """A table of the first rows."""
    return _table(rows[:_MAX_ROWS], head) + ("<div>…</div>" if len(rows) > _MAX_ROWS else "")


def _facts(pairs):
    label = '<span style="opacity:.65">%s</span>'
    return _table([(label % escape(name), value) for name, value in pairs if value])


def _heading(kind, name):
    return "<div><b>%s</b> <code>%s</code></div>" % (kind, _text(name, 1000))


def _title(obj):
    return _heading(type(obj).__name__, obj.pathspec)


def _span(start, end):
    if not start:
        return ""
    return duration_text(max(0.0, ((end or datetime.now()) - start).total_seconds()))


def _moment(time):
    return escape(time.strftime("%Y-%m-%d %H:%M:%S")) if time else ""


def _tags(obj):
    return " ".join("<code>%s</code>" % _text(tag) for tag in sorted(obj.user_tags))


def _flow(flow):
    rows = []
    for run in flow:
        took = _span(run.created_at, run.finished_at)
        rows.append((_text(run.id), _status(run.status), _moment(run.created_at), took, _tags(run)))
        if len(rows) == 10:
            break
    return _title(flow) + _table(rows, ("run", "status", "started", "duration", "tags"))


def _run(run):
    record = run._now()
    given = sorted((record.get("parameters") or {}).items())
    parameters = ", ".join("%s=%s" % (escape(name), _text(value, 60)) for name, value in given)
    facts = _facts(
        [
            ("status", _status(record["status"])),
            ("started", _moment(run.created_at)),
            ("duration", _span(run.created_at, run.finished_at)),
            ("parameters", parameters),
            ("tags", _tags(run)),
            ("resumes", _text(run.origin_pathspec or "")),
            ("problem", _text(run.problem, 1000)),
        ]
    )
    steps = [step for step in run._steps(counts=True) if not step["name"].startswith("_")]
    rows = [(_text(step["name"]), *_counts(step["counts"])) for step in steps]
    return _title(run) + facts + _table(rows, ("step", "tasks", "", "duration"))


def _counts(counts):
    names = ("succeeded", "running", "failed", "killed", "died")
    state = ", ".join("%d %s" % (counts[name], _status(name)) for name in names if counts[name])
    ended = None if counts["running"] else when(counts["ended"])
    return str(sum(counts[name] for name in names)), state, _span(when(counts["started"]), ended)


def _step(step):
    rows = [_task_row(task) for task in islice(step, _MAX_ROWS + 1)]
    return _title(step) + _listing(rows, ("task", "index", "value", "status", "duration"))


def _task_row(task):
    attempt = task._looked_at()
    return (
        _text(task.id),
        "" if task.index is None else str(task.index),
        _text(attempt.get("value", "") if attempt else ""),
        _status(task.status or "waiting"),
        _attempt_span(attempt),
    )


def _attempt_span(attempt):
    return _span(when(attempt["started"]), when(attempt["ended"])) if attempt else ""


def _task(task):
    attempt = task._looked_at() or {}
    exception = task.exception
    facts = _facts(
        [
            ("status", _status(task.status or "waiting")),
            ("attempt", str(task.current_attempt)),
            ("duration", _attempt_span(task._looked_at())),
            ("index", "" if task.index is None else "%d: %s" % (task.index, _text(attempt.get("value", "")))),
            ("memory", "%.1f MB" % (attempt["peak_memory"] / 1e6) if attempt.get("peak_memory") else ""),
            ("exception", _text("%s: %s" % (exception.type, exception.exception), 1000) if exception else ""),
        ]
    )
    return _title(task) + facts + _artifacts(task)


def _artifacts(task):
    """The artifacts of a task. What they look like is asked for: none is loaded."""
    records = [record for record in task._listed()["artifacts"] if not record["name"].startswith("_")]
    rows = [
        ("<code>%s</code>" % _text(record["name"]), _text(record["type"]), _bytes(record["size"]), _look(task, record))
        for record in records[: _MAX_ROWS + 1]
    ]
    return _listing(rows, ("artifact", "type", "size", "value"))


def _look(task, record):
    """What the value of an artifact looks like, in a few words; "" if that takes long to tell, or nothing is known."""
    if record["size"] > _MAX_LOOKED_AT:
        return ""
    try:
        run = number(task.path_components[1])
        seen = task._store.ask("preview", run=run, task=number(task.id), attempt=task._given(), name=record["name"])
    except MetaflowException:
        return ""  # who loads it is told why
    return "" if seen["kind"] == "bytes" else _text(seen["text"], 80)


def _bytes(size):
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return ("%d&nbsp;%s" if unit == "B" else "%.1f&nbsp;%s") % (size, unit)
        size /= 1000


#: Values whose pickles are larger are not loaded to be shown.
_MAX_SHOWN = 64 << 20
#: In a list, where there may be many, the values of smaller ones are told.
_MAX_LOOKED_AT = 1 << 20


def _artifact(artifact):
    head = _title(artifact) + "<div>%s, %s</div>" % (_text(artifact.type), _bytes(artifact.size))
    if artifact.size > _MAX_SHOWN:
        return head
    try:
        value = artifact.data
        own = getattr(type(value), "_repr_html_", None)
        shown = own(value) if own is not None else _picture(value)
        if not isinstance(shown, str):
            shown = '<pre style="white-space:pre-wrap">%s</pre>' % _text(repr(value), 4000)
    except Exception as error:
        shown = "<pre>%s</pre>" % _text("%s: %s" % (type(error).__name__, error), 1000)
    return head + shown


def _picture(value):
    """The HTML of a picture: the bytes of one, or one of PIL's. None of all else."""
    if not isinstance(value, bytes) and not hasattr(type(value), "_repr_png_"):
        return None
    from ..cards.components import Image

    image = Image(value).render()
    return '<img src="%s" style="max-width:100%%">' % image["src"] if image["type"] == "image" else None
