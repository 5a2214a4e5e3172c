"""Components as one HTML file.

The file holds all it needs: its style, its pictures, a script of a few lines (sorting, copying). A policy in it forbids
everything else, so that nothing in a card can load from, or send to, anywhere. Whatever comes from users is escaped, or
rendered by code that escapes.
"""

from base64 import b64encode
from hashlib import sha256
from html import escape
from re import compile as pattern
from time import gmtime, strftime

from ..standard import library
from .markdown import is_picture, picture_url, to_html
from .style import SCRIPT, STYLE
from .values import duration_text

_CSS_NAME = pattern(r"-?[A-Za-z_][A-Za-z0-9_-]*\Z")
_LENGTH = pattern(r"\d{1,5}(\.\d+)?(px|em|rem|vh|%)?\Z")

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; "
    "form-action 'none'"
    % b64encode(sha256(SCRIPT.encode()).digest()).decode()
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Levada">
<title>%s</title>
<style>%s</style>
</head>
<body>
%s<script>%s</script>
</body>
</html>
"""


def page(document):
    """The HTML file of a document: ``title``, ``kicker`` (above it), ``facts``, ``live``, ``footer``, and
    ``components``.
    """
    title = document.get("title") or ""
    parts = []
    if title or document.get("kicker"):
        parts.append("<header>\n")
        if document.get("kicker"):
            parts.append('<p class="kicker">%s</p>\n' % escape(document["kicker"]))
        parts.append("<h1>%s</h1>\n" % escape(title))
        if document.get("live"):
            parts.append(
                '<p class="live"><span class="dot" aria-hidden="true"></span>%s</p>\n' % escape(document["live"])
            )
        facts = document.get("facts") or ()
        if facts:
            parts.append('<dl class="facts">\n')
            parts += [
                "<div><dt>%s</dt><dd>%s</dd></div>\n" % (escape(name), escape(str(value))) for name, value in facts
            ]
            parts.append("</dl>\n")
        parts.append("</header>\n")
    parts.append("<main>\n")
    parts += _sequence(document.get("components") or ())
    parts.append("</main>\n")
    if document.get("footer"):
        parts.append("<footer>%s</footer>\n" % escape(document["footer"]))
    name = document.get("name") or title or "Card"
    return _PAGE % (escape(_POLICY), escape(name), STYLE, "".join(parts), SCRIPT)


def _sequence(components):
    """Components one after another. Boxes that follow each other stand side by side."""
    tiles = []
    for component in components:
        kind = component.get("type") if isinstance(component, dict) else None
        if kind == "valueBox":
            tiles.append(html_of(component))
            continue
        if tiles:
            yield '<div class="tiles">\n%s</div>\n' % "".join(tiles)
            tiles = []
        yield html_of(component)
    if tiles:
        yield '<div class="tiles">\n%s</div>\n' % "".join(tiles)


def html_of(component):
    """The HTML of one rendered component. One that is malformed is shown as what it is, and takes nothing else down."""
    if isinstance(component, str):
        return "<p>%s</p>\n" % escape(component)
    if not isinstance(component, dict):
        return _log("This is no component: %r" % (component,))
    show = _SHOW.get(component.get("type"))
    if show is None:
        return _unknown(component)
    try:
        return show(component)
    except RecursionError:
        return _log("The component %s is nested too deeply to be shown." % component.get("type"))
    except Exception as error:
        return _log(
            "The component %s could not be shown: %s: %s" % (component.get("type"), type(error).__name__, error)
        )


def _unknown(component):
    with library():
        from json import dumps

    text = dumps(component, indent=2, default=repr, ensure_ascii=False)
    return _log("Levada does not know components of the type %r:\n\n%s" % (component.get("type"), text))


def _log(text):
    return '<pre class="log" tabindex="0">%s</pre>\n' % escape(text)


def _show_log(component):
    return _log(str(component.get("data", "")))


def _show_title(component):
    return "<h2>%s</h2>\n" % escape(str(component.get("text", "")))


def _show_subtitle(component):
    return '<p class="subtitle">%s</p>\n' % escape(str(component.get("text", "")))


def _show_text(component):
    text = str(component.get("text", ""))
    return "<p>%s</p>\n" % escape(text) if text else ""


def _show_heading(component):
    out = ""
    if component.get("title"):
        out += "<h2>%s</h2>\n" % escape(str(component["title"]))
    if component.get("subtitle"):
        out += '<p class="subtitle">%s</p>\n' % escape(str(component["subtitle"]))
    return out


def _show_page(component):
    return '<section class="sheet">\n%s%s</section>\n' % (
        _show_heading(component),
        "".join(_sequence(component.get("contents") or ())),
    )


def _show_section(component):
    body = "".join(_sequence(component.get("contents") or ()))
    if component.get("folded"):
        title = escape(str(component.get("title") or ""))
        return '<section class="sheet"><details><summary><h2>%s</h2></summary>\n%s</details></section>\n' % (
            title,
            body,
        )
    columns = component.get("columns")
    if isinstance(columns, int) and 1 < columns < 13:
        body = '<div class="columns" style="--columns:%d">\n%s</div>\n' % (columns, body)
    return '<section class="sheet">\n%s%s</section>\n' % (_show_heading(component), body)


def _show_markdown(component):
    source = component.get("source")
    return '<div class="prose">%s</div>\n' % to_html(str(source)) if source else ""


def _show_image(component):
    src, label = component.get("src"), component.get("label")
    src = picture_url(str(src).replace("base64, ", "base64,").strip())
    if not is_picture(src):
        return _log("The picture is not a data:image/ URL, and a card loads nothing from elsewhere.")
    alt = escape(str(label)) if label else "Picture without a description"
    caption = "<figcaption>%s</figcaption>" % escape(str(label)) if label else ""
    return '<figure><img src="%s" alt="%s">%s</figure>\n' % (escape(src), alt, caption)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_text(value, grouped=False):
    """A float in six digits, but none cut off before the point: ``0.333333``, ``1234567.89``, or ``1,234,567.89``."""
    if not 1e5 <= abs(value) < 1e15:
        return "%.6g" % value if abs(value) < 1e15 else str(value)
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return text if grouped else text.replace(",", "")


def _cell(value):
    """The inside of a cell."""
    if value is None:
        return '<span class="none">–</span>'
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return escape(number_text(value))
    if isinstance(value, int):
        return escape(str(value))
    if isinstance(value, dict) and value.get("type") in _SHOW:
        return html_of(value)
    if isinstance(value, (dict, list, tuple)):
        with library():
            from json import dumps

        return "<code>%s</code>" % escape(dumps(value, default=repr, ensure_ascii=False))
    return escape(str(value))


def _show_table(component):
    columns, rows = list(component.get("columns") or ()), list(component.get("data") or ())
    rows = [list(row) for row in rows]
    if component.get("vertical"):
        # Each column is a row of its own: names on the left.
        rows = [[name, *(row[i] if i < len(row) else None for row in rows)] for i, name in enumerate(columns)]
        body = "".join(
            '<tr><th scope="row">%s</th>%s</tr>\n'
            % (escape(str(row[0])), "".join("<td>%s</td>" % _cell(v) for v in row[1:]))
            for row in rows
        )
        return '<div class="scroll" tabindex="0"><table class="pairs">\n<tbody>\n%s</tbody></table></div>\n' % body
    rows = [row for row in rows if row]
    width = max([len(columns), *(len(row) for row in rows)], default=0)
    if not width:
        return '<p class="none">An empty table.</p>\n'
    numeric = [
        any(_is_number(row[i]) for row in rows if i < len(row))
        and all(row[i] is None or _is_number(row[i]) for row in rows if i < len(row))
        for i in range(width)
    ]
    styles = [' class="num"' if yes else "" for yes in numeric]
    out = ['<div class="scroll" tabindex="0"><table class="sortable">\n']
    if component.get("caption"):
        out.append("<caption>%s</caption>\n" % escape(str(component["caption"])))
    if columns:
        columns += [""] * (width - len(columns))
        heads = ('<th scope="col"%s>%s</th>' % (style, escape(str(name))) for name, style in zip(columns, styles))
        out.append("<thead><tr>%s</tr></thead>\n" % "".join(heads))
    out.append("<tbody>\n")
    for row in rows:
        row += [None] * (width - len(row)) if len(row) < width else []
        out.append(
            "<tr>%s</tr>\n" % "".join("<td%s>%s</td>" % (style, _cell(value)) for value, style in zip(row, styles))
        )
    if not rows:
        out.append('<tr><td colspan="%d" class="none">no rows</td></tr>\n' % width)
    return "".join(out) + "</tbody></table></div>\n"


def _show_artifacts(component):
    out = []
    for entry in component.get("data") or ():
        name = entry.get("name")
        head = '<th scope="row">%s</th>' % escape(str(name)) if name is not None else ""
        value = entry.get("data")
        if isinstance(value, dict) and value.get("type") in _SHOW:
            shown = html_of(value)
        elif entry.get("large_object"):
            shown = '<span class="none">%s</span>' % escape(str(value))
        else:
            shown = _value(value if isinstance(value, str) else repr(value))
        out.append(
            '<tr>%s<td><code class="type">%s</code></td><td>%s</td></tr>\n'
            % (head, escape(str(entry.get("type"))), shown)
        )
    named = any(entry.get("name") is not None for entry in component.get("data") or ())
    heads = ('<th scope="col">Name</th>' if named else "") + '<th scope="col">Type</th><th scope="col">Value</th>'
    return (
        '<div class="scroll" tabindex="0"><table class="values">\n<thead><tr>%s</tr></thead>\n'
        "<tbody>\n%s</tbody></table></div>\n"
        % (
            heads,
            "".join(out),
        )
    )


def _value(text):
    """A value's text; a long one is folded."""
    if len(text) <= 160 and "\n" not in text:
        return '<code class="value">%s</code>' % escape(text)
    first = text.split("\n", 1)[0][:100]
    return '<details class="value"><summary><code>%s …</code></summary><pre tabindex="0">%s</pre></details>' % (
        escape(first),
        escape(text),
    )


def _show_code(component):
    with library():
        from textwrap import dedent

    from .code import highlight

    code = dedent(str(component.get("data", ""))).rstrip("\n")  # that of a method has the indentation of its class
    return '<pre class="code" tabindex="0"><code>%s</code></pre>\n' % highlight(code)


def _show_progress(component):
    label = str(component.get("label") or "Progress")
    most, value = component.get("max"), component.get("value")
    unit = " %s" % component["unit"] if component.get("unit") else ""
    details = component.get("details")
    known = _is_number(most) and 0 < most < float("inf") and _is_number(value)
    text = "%s%s" % (_amount(value), unit)
    if known:
        text = "%s of %s%s" % (_amount(value), _amount(most), unit)
    attributes = ' max="%s" value="%s"' % (most, max(0, min(value, most))) if known else ""
    extra = '<p class="note">%s</p>' % _details(details) if details else ""
    return (
        '<div class="progress"><div class="line"><span>%s</span><span class="amount">%s</span></div>'
        '<progress aria-label="%s"%s>%s</progress>%s</div>\n'
    ) % (escape(label), escape(text), escape("%s: %s" % (label, text)), attributes, escape(text), extra)


def _amount(value):
    if isinstance(value, float):
        return "%.4g" % value if abs(value) < 1e4 else "%.0f" % value
    return str(value)


def _details(details):
    if isinstance(details, dict):
        return " · ".join("%s: %s" % (escape(str(name)), escape(_amount(value))) for name, value in details.items())
    return escape(str(details))


def _show_value_box(component):
    theme = component.get("theme")
    classes = "tile" + (" theme-%s" % theme if isinstance(theme, str) and _CSS_NAME.match(theme) else "")
    value = component.get("value")
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:,}" if abs(value) >= 10000 else str(value)
    elif isinstance(value, float):
        value = number_text(value, grouped=True)
    out = '<div class="%s">' % classes
    for name in ("title", "value", "change_indicator", "subtitle"):
        text = value if name == "value" else component.get(name)
        if text is not None:
            change = ""
            if name == "change_indicator":
                change = (
                    " up" if str(text).lstrip()[:1] in "+↑▲" else " down" if str(text).lstrip()[:1] in "-−–↓▼" else ""
                )
            out += '<p class="%s%s">%s</p>' % (
                {"change_indicator": "change"}.get(name, name),
                change,
                escape(str(text)),
            )
    return out + "</div>\n"


def instant_text(seconds):
    """A time since 1970 as people read it: ``2026-03-01 12:00:00 UTC``."""
    try:
        return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(seconds))
    except (OverflowError, ValueError, OSError, TypeError):
        return str(seconds)


def _show_timeline(component):
    title = str(component.get("title") or "Events")
    stats, events = component.get("stats") or {}, component.get("events") or ()
    total = stats.get("total_events", len(events))
    facts = ["%s event%s" % (total, "" if total == 1 else "s")]
    if stats.get("displayed_events", 0) < stats.get("total_events", 0):
        facts.append("the last %d shown" % stats["displayed_events"])
    if stats.get("events_per_minute"):
        facts.append("%s a minute" % number_text(stats["events_per_minute"], grouped=True))
    if stats.get("total_runtime_seconds"):
        facts.append("over %s" % duration_text(stats["total_runtime_seconds"]))
    facts.append("finished" if stats.get("finished") else "going on")
    out = [
        '<section class="timeline"><h3>%s</h3><p class="note">%s</p>\n<ol reversed>\n'
        % (escape(title), escape(" · ".join(facts)))
    ]
    for event in events:
        theme = event.get("style_theme")
        classes = ' class="theme-%s"' % theme if isinstance(theme, str) and _CSS_NAME.match(theme) else ""
        data = event.get("metadata")
        data = dict(data) if isinstance(data, dict) else {"event": data}
        stamp = data.pop("timestamp", event.get("received_at"))
        when = instant_text(stamp) if _is_number(stamp) else str(stamp)
        out.append('<li%s><p class="when">%s%s</p>\n' % (
            classes, escape(when),
            ' <span class="chip">%s</span>' % escape(str(event["priority"])) if event.get("priority") else "",
        ))  # fmt: skip
        out.append('<dl class="fields">%s</dl>\n' % "".join(
            "<div><dt>%s</dt><dd>%s</dd></div>" % (escape(str(name)), _cell(value)) for name, value in data.items()
        ))  # fmt: skip
        payloads = event.get("payloads") or {}
        if payloads:
            out.append("<details><summary>%s</summary>\n" % escape(", ".join(map(str, payloads))))
            for name, payload in payloads.items():
                out.append("<h4>%s</h4>\n%s" % (escape(str(name)), html_of(payload)))
            out.append("</details>\n")
        out.append("</li>\n")
    return "".join(out) + "</ol></section>\n"


def _viewer(component, text):
    height = component.get("max_height")
    height = "%spx" % height if _is_number(height) else str(height) if height is not None else None
    style = ' style="max-height:%s"' % height if height is not None and _LENGTH.match(height) else ""
    copy = " data-copy" if component.get("show_copy_button") else ""
    title = escape(str(component.get("title") or ""))
    body = '<pre class="code" tabindex="0"%s%s><code>%s</code></pre>' % (style, copy, escape(text.rstrip("\n")))
    if component.get("collapsible"):
        return '<details class="viewer" open><summary>%s</summary>%s</details>\n' % (title, body)
    return '<figure class="viewer"><figcaption>%s</figcaption>%s</figure>\n' % (title, body)


def _show_json(component):
    return _viewer(component, str(component.get("json_string", "")))


def _show_yaml(component):
    return _viewer(component, str(component.get("yaml_string", "")))


def _show_vega(component):
    with library():
        from .vega import chart

    controls = component.get("options", {}).get("actions", True)
    return chart(component.get("spec"), controls)


def _show_dag(component):
    with library():
        from .dag import drawing

    return drawing(component.get("data") or {}, component.get("step"))


_SHOW = {
    "artifacts": _show_artifacts,
    "dag": _show_dag,
    "eventsTimeline": _show_timeline,
    "heading": _show_heading,
    "image": _show_image,
    "jsonViewer": _show_json,
    "log": _show_log,
    "markdown": _show_markdown,
    "page": _show_page,
    "progressBar": _show_progress,
    "pythonCode": _show_code,
    "section": _show_section,
    "subtitle": _show_subtitle,
    "table": _show_table,
    "text": _show_text,
    "title": _show_title,
    "valueBox": _show_value_box,
    "vegaChart": _show_vega,
    "yamlViewer": _show_yaml,
}
