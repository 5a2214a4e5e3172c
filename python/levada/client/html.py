"""How objects of the client look in a notebook: small tables, in the colours of the page around them."""

from datetime import datetime
from html import escape

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


def _facts(pairs):
    label = '<span style="opacity:.65">%s</span>'
    return _table([(label % escape(name), value) for name, value in pairs if value])


def _title(obj):
    return "<div><b>%s</b> <code>%s</code></div>" % (type(obj).__name__, escape(obj.pathspec))


def duration(seconds):
    """A time span for people."""
    if seconds < 60:
        return "%.1fs" % seconds
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return "%dh %02dm %02ds" % (hours, minutes, seconds) if hours else "%dm %02ds" % (minutes, seconds)


def _span(start, end):
    if not start:
        return ""
    return duration(max(0.0, ((end or datetime.now()) - start).total_seconds()))


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
    from .objects import when

    names = ("succeeded", "running", "failed", "killed", "died")
    state = ", ".join("%d %s" % (counts[name], _status(name)) for name in names if counts[name])
    ended = None if counts["running"] else when(counts["ended"])
    return str(sum(counts[name] for name in names)), state, _span(when(counts["started"]), ended)


def _step(step):
    rows, more = [], False
    for task in step:
        if len(rows) == _MAX_ROWS:
            more = True
            break
        rows.append(_task_row(task))
    table = _table(rows, ("task", "index", "value", "status", "duration"))
    return _title(step) + table + ("<div>…</div>" if more else "")


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
    from .objects import when

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
    rows = [
        ("<code>%s</code>" % _text(record["name"]), _text(record["type"]), _bytes(record["size"]))
        for record in task._listed()["artifacts"]
        if not record["name"].startswith("_")
    ]
    return _title(task) + facts + _table(rows[:_MAX_ROWS], ("artifact", "type", "size"))


def _bytes(size):
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return ("%d %s" if unit == "B" else "%.1f %s") % (size, unit)
        size /= 1000


#: Values whose pickles are larger are not loaded to be shown.
_MAX_SHOWN = 64 << 20


def _artifact(artifact):
    head = _title(artifact) + "<div>%s, %s</div>" % (_text(artifact.type), _bytes(artifact.size))
    if artifact.size > _MAX_SHOWN:
        return head
    try:
        value = artifact.data
        own = getattr(type(value), "_repr_html_", None)
        shown = own(value) if own is not None else None
        if not isinstance(shown, str):
            shown = '<pre style="white-space:pre-wrap">%s</pre>' % _text(repr(value), 4000)
    except Exception as error:
        shown = "<pre>%s</pre>" % _text("%s: %s" % (type(error).__name__, error), 1000)
    return head + shown
