"""The steps of a flow as a drawing."""

from html import escape

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _PAD = 132, 44, 34, 46, 8
_KINDS = {"split-foreach": "foreach", "foreach": "foreach", "split-parallel": "gang", "split-static": "split",
          "split": "split", "split-switch": "switch", "join": "join"}  # fmt: skip


def drawing(steps, here=None):
    """The HTML of a drawing of ``steps``: name → ``type`` and ``next``, in an order in which no edge but a loop's
    leads back.
    """
    if not steps:
        return ""
    order = {name: i for i, name in enumerate(steps)}
    edges = [(name, after) for name, info in steps.items() for after in info.get("next") or () if after in order]
    level = dict.fromkeys(steps, 0)
    for name in steps:
        for before, after in edges:
            if before == name and order[after] > order[name]:
                level[after] = max(level[after], level[name] + 1)
    rows = {}
    for name in steps:
        rows.setdefault(level[name], []).append(name)
    widest = max(map(len, rows.values()))
    width = widest * (_WIDTH + _GAP_X) - _GAP_X + 2 * _PAD
    height = len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _PAD
    at = {}
    for row, names in rows.items():
        start = (width - (len(names) * (_WIDTH + _GAP_X) - _GAP_X)) / 2
        for i, name in enumerate(names):
            at[name] = (start + i * (_WIDTH + _GAP_X), _PAD + row * (_HEIGHT + _GAP_Y))
    loops = any(order[after] <= order[before] for before, after in edges)
    width += 40 if loops else 0
    out = [
        '<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s">'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M1 1 7 4 1 7"/></marker></defs>\n' % (width, height, width, height, escape(_spoken(steps, here)))
    ]
    for before, after in edges:
        out.append(
            '<path d="%s" marker-end="url(#arrow)"/>\n' % _edge(at[before], at[after], order[after] <= order[before])
        )
    for name, (x, y) in at.items():
        kind = _KINDS.get(steps[name].get("type"), "")
        middle = y + _HEIGHT / 2 + (-3 if kind else 5)
        out.append('<g%s><title>%s</title><rect x="%g" y="%g" width="%d" height="%d" rx="9"/>' % (
            ' class="here"' if name == here else "", escape(name), x, y, _WIDTH, _HEIGHT))  # fmt: skip
        out.append(
            '<text x="%g" y="%g" text-anchor="middle" font-size="14">%s</text>'
            % (x + _WIDTH / 2, middle, escape(_short(name)))
        )
        if kind:
            out.append(
                '<text class="kind" x="%g" y="%g" text-anchor="middle" font-size="11">%s</text>'
                % (x + _WIDTH / 2, middle + 15, kind)
            )
        out.append("</g>\n")
    return '<div class="dag" tabindex="0">%s</svg></div>\n' % "".join(out)


def _edge(a, b, back):
    x1, y1 = a[0] + _WIDTH / 2, a[1] + _HEIGHT
    x2, y2 = b[0] + _WIDTH / 2, b[1] - 2
    if back:  # around the right side
        side = max(a[0], b[0]) + _WIDTH + 28
        return "M%g %g C%g %g %g %g %g %g" % (
            a[0] + _WIDTH,
            a[1] + _HEIGHT * 0.65,
            side,
            a[1] + _HEIGHT,
            side,
            b[1],
            b[0] + _WIDTH + 2,
            b[1] + _HEIGHT * 0.35,
        )
    bend = (y2 - y1) / 2
    return "M%g %g C%g %g %g %g %g %g" % (x1, y1, x1, y1 + bend, x2, y2 - bend, x2, y2)


def _short(name):
    return name if len(name) <= 17 else name[:16] + "…"


def _spoken(steps, here):
    parts = ["%s leads to %s" % (name, ", ".join(info["next"])) for name, info in steps.items() if info.get("next")]
    return "The steps of the flow: %s.%s" % (
        "; ".join(parts) or ", ".join(steps),
        " This is %s." % here if here else "",
    )
