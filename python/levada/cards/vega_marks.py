"""The marks of a Vega-Lite chart as SVG."""

from html import escape
from math import cos, pi, sin, sqrt

from .vega_data import groups, number
from .vega_scale import Band, colour, label_of, short

_PLAIN = "var(--c0)"
_SYMBOL = 40  # square pixels of a point


def draw(plot, unit, x, y, width, height):
    """The marks of a unit, within axes."""
    return "<g>%s</g>\n" % "".join(_DRAW[unit.kind](_Pen(plot, unit, x, y, width, height)))


class _Pen:
    """What the drawing functions have in common: places, colours, sizes of one unit."""

    def __init__(self, plot, unit, x, y, width, height):
        self.plot, self.unit, self.x, self.y, self.width, self.height = plot, unit, x, y, width, height
        self.mark = unit.mark

    def at(self, name, row):
        """The place of a row along an axis; the middle if it has none, None if the value has no place."""
        scale = self.x if name[0] == "x" else self.y
        channel = self.unit.channels.get(name)
        size = self.width if name[0] == "x" else self.height
        if channel is None:
            return size / 2 if len(name) == 1 else None
        if not channel.varies and "datum" not in channel.given:
            value = channel.given.get("value")
            return size if value in ("width", "height") else number(value)
        if scale is None:
            return None
        if channel.end and len(name) == 1 and self.unit.kind not in ("bar", "rect"):
            value = number(channel.of(row))
            end = number(row.get(channel.end))
            return None if value is None else scale.place((value + end) / 2)
        return scale.place(channel.of(row))

    def pixels(self, scale, value):
        """A place for a number of a measure, which stacks have of their own."""
        return scale.place(value)

    def fill(self, row, default=_PLAIN, names=("fill", "color", "stroke")):
        """The colour of a row."""
        for name in names:
            channel = self.unit.channels.get(name)
            if channel is None:
                continue
            if channel.varies or "datum" in channel.given:
                return self.plot.colours.of(channel.of(row))
            return colour(channel.given.get("value"), default)
        for name in names:
            if name in self.mark:
                return colour(self.mark[name], default)
        return default

    def number_of(self, name, row, default, low=0, high=1):
        """A number that a channel or the mark gives; a field is spread from low to high."""
        channel = self.unit.channels.get(name)
        if channel is None or channel.given.get("value") is not None:
            value = number(
                (channel.given if channel is not None else self.mark).get("value" if channel is not None else name)
            )
            return default if value is None else value
        values = [v for v in (number(channel.of(one)) for one in self.unit.rows) if v is not None]
        value = number(channel.of(row))
        if value is None:
            return low
        top = max(max(values, default=1), 0)
        bottom = min(0, min(values, default=0)) if name == "size" else min(values, default=0)
        return low + (high - low) * ((value - bottom) / (top - bottom) if top > bottom else 1)

    def opacity(self, row, default=1.0):
        """Its opacity as an attribute, if it has one."""
        for name in ("opacity", "fillOpacity", "strokeOpacity"):
            if name in self.unit.channels or name in self.mark:
                default = self.number_of(name, row, default, 0.3, 0.9)
        return "" if default >= 1 else ' opacity="%.2f"' % max(default, 0)

    def dash(self):
        """The dashes of a line as an attribute."""
        dash = self.mark.get("strokeDash")
        if isinstance(dash, list) and dash and all(isinstance(n, (int, float)) for n in dash):
            return ' stroke-dasharray="%s"' % " ".join("%g" % n for n in dash)
        return ""

    def title(self, row):
        """The tooltip of a row."""
        return "<title>%s</title>" % self.unit.tooltip(row)

    def spread(self, row, name):
        """From where to where a row reaches along an axis: its band, its bin, or from zero."""
        unit, scale = self.unit, self.x if name == "x" else self.y
        channel = unit.channels.get(name)
        if channel is None or scale is None:
            whole = self.width if name == "x" else self.height
            thick = min(number(self.mark.get("size")) or 26, whole)
            return (0, whole) if unit.kind == "rect" else (whole / 2 - thick / 2, whole / 2 + thick / 2)
        if unit.stacked and channel is unit.measure:
            return scale.place(row["\0low"]), scale.place(row["\0high"])
        second = self.at(name + "2", row) if name + "2" in unit.channels else None
        first = self.at(name, row)
        if first is None:
            return None, None
        if second is not None:
            return first, second
        if isinstance(scale, Band):
            thick = min(scale.width, number(self.mark.get("size")) or scale.width)
            return first - thick / 2, first + thick / 2
        if channel.end:
            end = scale.place(row[channel.end])
            gap = 0.5 if abs(end - first) > 4 else 0
            return (first + gap, end - gap) if end > first else (first - gap, end + gap)
        if channel is unit.measure and unit.kind == "bar":
            return scale.place(scale.low if scale.kind == "log" or scale.low > 0 else min(0, scale.high)), first
        thick = number(self.mark.get("size")) or self._gap(name, scale, channel)
        return first - thick / 2, first + thick / 2

    def _gap(self, name, scale, channel):
        """How thick bars over numbers or times can be."""
        places = sorted({p for p in (scale.place(channel.of(row)) for row in self.unit.rows) if p is not None})
        gaps = [b - a for a, b in zip(places, places[1:]) if b - a > 0.5]
        return max(1.0, 0.8 * min(gaps)) if gaps else 12.0


def _boxes(pen, rounded):
    for row in pen.unit.rows:
        x1, x2 = pen.spread(row, "x")
        y1, y2 = pen.spread(row, "y")
        if None in (x1, x2, y1, y2):
            continue
        radius = number(pen.mark.get("cornerRadius")) or number(pen.mark.get("cornerRadiusEnd")) or rounded
        yield '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%g" fill="%s"%s>%s</rect>' % (
            min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1), radius, pen.fill(row), pen.opacity(row),
            pen.title(row),
        )  # fmt: skip


def _bars(pen):
    return _boxes(pen, 1.5)


def _rects(pen):
    return _boxes(pen, 0)


def _lines_of(pen):
    """The rows of each line, along its axis."""
    sideways = pen.unit.channels.get("y") is not None and not pen.unit.upright and pen.unit.kind == "area"
    axis = "y" if sideways else "x"
    for rows in groups(pen.unit.rows, [c.of for c in pen.unit.series]).values():
        order = next((c for c in pen.unit.extra if c.name == "order"), None)
        if order is not None:
            yield sorted(rows, key=lambda row: number(order.of(row)) or 0)
        else:
            yield sorted(rows, key=lambda row: (pen.at(axis, row) is None, pen.at(axis, row) or 0))


def _path(points, how):
    """A path through points; one that is None parts it."""
    out, last = [], None
    for point in points:
        if point is None or None in point:
            last = None
            continue
        if last is None:
            out.append("M%.1f %.1f" % point)
        elif how == "step-after":
            out.append("H%.1fV%.1f" % point)
        elif how == "step-before":
            out.append("V%.1fH%.1f" % (point[1], point[0]))
        elif how in ("step", "step-center"):
            out.append("H%.1fV%.1fH%.1f" % ((last[0] + point[0]) / 2, point[1], point[0]))
        else:
            out.append("L%.1f %.1f" % point)
        last = point
    return "".join(out)


def _lines(pen):
    how = pen.mark.get("interpolate")
    thick = number(pen.mark.get("strokeWidth")) or number(pen.mark.get("size")) or 2.2
    for rows in _lines_of(pen):
        stroke = pen.fill(rows[0], names=("stroke", "color"))
        points = [(pen.at("x", row), pen.at("y", row)) for row in rows]
        yield '<path d="%s" class="line" fill="none" stroke="%s" stroke-width="%g"%s%s/>' % (
            _path(points, how), stroke, thick, pen.dash(), pen.opacity(rows[0]))  # fmt: skip
        shown = 3 if pen.mark.get("point") else 0
        for row, point in zip(rows, points):
            if None not in point and (shown or len(rows) <= 400):
                yield '<circle cx="%.1f" cy="%.1f" r="%g" fill="%s"%s>%s</circle>' % (
                    *point, shown or 6, stroke, "" if shown else ' fill-opacity="0"', pen.title(row),
        )  # fmt: skip


def _areas(pen):
    unit, how = pen.unit, pen.mark.get("interpolate")
    along, across = ("x", "y") if unit.upright else ("y", "x")
    scale = pen.y if unit.upright else pen.x
    for rows in _lines_of(pen):
        if unit.stacked:
            ends = [(scale.place(row["\0low"]), scale.place(row["\0high"])) for row in rows]
        elif across + "2" in unit.channels:
            ends = [(pen.at(across + "2", row), pen.at(across, row)) for row in rows]
        else:
            floor = None if scale is None or scale.discrete else scale.place(min(max(0, scale.low), scale.high))
            ends = [(floor, pen.at(across, row)) for row in rows]
        places = [pen.at(along, row) for row in rows]
        known = [(place, low, high) for place, (low, high) in zip(places, ends) if None not in (place, low, high)]
        if not known:
            continue
        turn = (lambda a, b: (a, b)) if unit.upright else (lambda a, b: (b, a))
        upper = _path([turn(place, high) for place, _, high in known], how)
        back = {"step-after": "step-before", "step-before": "step-after"}.get(how, how)
        lower = _path([turn(place, low) for place, low, _ in reversed(known)], back)
        fill = pen.fill(rows[0])
        faint = pen.opacity(rows[0], 1.0 if unit.stacked else 0.7)
        yield '<path d="%sL%sZ" fill="%s"%s/>' % (upper, lower[1:], fill, faint)
        if pen.mark.get("line"):
            yield '<path d="%s" fill="none" stroke="%s" stroke-width="2"/>' % (upper, fill)
        if len(rows) <= 400:
            for row, (place, _, high) in zip(rows, known):
                yield '<circle cx="%.1f" cy="%.1f" r="5" fill="%s" fill-opacity="0">%s</circle>' % (
                    *turn(place, high),
                    fill,
                    pen.title(row),
                )


def _points(pen):
    hollow = pen.unit.kind == "point" and not pen.mark.get("filled", False)
    if "fill" in pen.mark or "fill" in pen.unit.channels:
        hollow = False
    default = 0.75 if pen.unit.kind == "circle" or len(pen.unit.rows) > 300 else 1.0
    for row in pen.unit.rows:
        x, y = pen.at("x", row), pen.at("y", row)
        if x is None or y is None:
            continue
        size = max(pen.number_of("size", row, _SYMBOL, 12, 360), 1)
        ink = pen.fill(row)
        paint = 'fill="none" stroke="%s" stroke-width="1.7"' % ink if hollow else 'fill="%s"' % ink
        if pen.unit.kind == "square":
            side = sqrt(size)
            yield '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s%s>%s</rect>' % (
                x - side / 2, y - side / 2, side, side, paint, pen.opacity(row, default), pen.title(row),
        )  # fmt: skip
        else:
            yield '<circle cx="%.1f" cy="%.1f" r="%.1f" %s%s>%s</circle>' % (
                x,
                y,
                sqrt(size / pi),
                paint,
                pen.opacity(row, default),
                pen.title(row),
            )


def _ticks(pen):
    for row in pen.unit.rows:
        x, y = pen.at("x", row), pen.at("y", row)
        if x is None or y is None:
            continue
        upright = not isinstance(pen.x, Band) and pen.x is not None
        scale = pen.y if upright else pen.x
        half = (scale.width if isinstance(scale, Band) else 16) * 0.4
        line = (x, x, y - half, y + half) if upright else (x - half, x + half, y, y)
        yield '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"%s>%s</line>' % (
            *line, pen.fill(row), number(pen.mark.get("thickness")) or 1.5, pen.opacity(row), pen.title(row),
        )  # fmt: skip


def _rules(pen):
    fixed = not any(channel.varies for channel in pen.unit.channels.values())
    for row in pen.unit.rows[:1] or [{}] if fixed else pen.unit.rows:
        x1, y1 = (pen.at(name, row) if name in pen.unit.channels else None for name in ("x", "y"))
        x2, y2 = (pen.at(name, row) if name in pen.unit.channels else None for name in ("x2", "y2"))
        if x1 is None and y1 is None:
            continue
        if x1 is None:
            x1, x2 = 0, pen.width
        elif y1 is None:
            y1, y2 = 0, pen.height
        yield '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"%s%s>%s</line>' % (
            x1, x1 if x2 is None else x2, y1, y1 if y2 is None else y2,
            pen.fill(row, "var(--soft)", ("stroke", "color")),
            pen.number_of("strokeWidth", row, pen.number_of("size", row, 1.5, 1, 6), 1, 6), pen.dash(),
            pen.opacity(row), pen.title(row),
        )  # fmt: skip


_LABEL = (
    '<text x="%.1f" y="%.1f" dy="%gem" text-anchor="%s" font-size="%g" class="mark" style="fill:%s"%s>%s%s</text>'
)
_ANCHOR = {"left": "start", "right": "end", "center": "middle"}


def _text_of(pen, row):
    channel = pen.unit.channels.get("text")
    if channel is None:
        return str(pen.mark.get("text", ""))
    value = channel.of(row)
    value = " ".join(map(str, value)) if isinstance(value, list) else value
    form = channel.given.get("format")
    if channel.type == "quantitative" and number(value) is not None:
        return short(float("%.12g" % number(value)), form)
    return "" if value is None else label_of(value)


def _texts(pen):
    fixed = not any(channel.varies for channel in pen.unit.channels.values())
    for row in pen.unit.rows[:1] or [{}] if fixed else pen.unit.rows:
        x, y = pen.at("x", row), pen.at("y", row)
        if x is None or y is None:
            continue
        shift = {"top": 0.8, "bottom": -0.2, "alphabetic": 0}.get(pen.mark.get("baseline"), 0.35)
        yield _LABEL % (
            x + (number(pen.mark.get("dx")) or 0), y + (number(pen.mark.get("dy")) or 0),
            shift,
            _ANCHOR.get(pen.mark.get("align"), "middle"), min(number(pen.mark.get("fontSize")) or 12, 200),
            pen.fill(row, "var(--ink)", ("color", "fill")), pen.opacity(row), escape(_text_of(pen, row)),
            pen.title(row),
        )  # fmt: skip


def pie(plot, unit, width, height):
    """Arcs around the middle of the drawing, or texts on them."""
    from .vega_data import Unsupported

    theta = unit.channels.get("theta")
    if theta is None or not theta.varies:
        raise Unsupported("its arcs have no angle: theta is not encoded")
    pen = _Pen(plot, unit, None, None, width, height)
    rows = [row for row in unit.rows if (number(theta.of(row)) or 0) > 0]
    total = sum(number(theta.of(row)) for row in rows) or 1
    parts = unit.series
    rows.sort(key=lambda row: [_rank(plot, c.of(row)) for c in parts])
    outer = number(unit.mark.get("outerRadius")) or min(width, height) / 2 - 4
    outer = min(outer, min(width, height) / 2 - 2)
    inner = min(number(unit.mark.get("innerRadius")) or 0, outer - 2)
    out, angle = [], -pi / 2
    for row in rows:
        turn = 2 * pi * number(theta.of(row)) / total
        if unit.kind == "text":
            reach = number(unit.mark.get("radius")) or outer * 0.7
            x, y = width / 2 + reach * cos(angle + turn / 2), height / 2 + reach * sin(angle + turn / 2)
            ink = pen.fill(row, "var(--ink)", ())
            out.append(_LABEL % (x, y, 0.35, "middle", 12, ink, "", escape(_text_of(pen, row)), ""))
        else:
            out.append('<path d="%s" fill="%s" stroke="var(--sheet)" stroke-width="1.5"%s>%s</path>' % (
                _slice(width / 2, height / 2, inner, outer, angle, turn), pen.fill(row), pen.opacity(row),
                pen.title(row),
            ))  # fmt: skip
        angle += turn
    return "<g>%s</g>\n" % "".join(out)


def _rank(plot, value):
    values = getattr(plot.colours, "values", None) or []
    return next((i for i, known in enumerate(values) if known == value), len(values))


def _slice(x, y, inner, outer, start, turn):
    turn = min(turn, 2 * pi - 1e-4)  # a whole circle begins where it ends, which is no arc
    large = 1 if turn > pi else 0

    def arc(radius, begin, end, way):
        """From one angle to another: where it begins, and the curve."""
        ends = [(x + radius * cos(angle), y + radius * sin(angle)) for angle in (begin, end)]
        return "%.2f %.2f" % ends[0] + "A%.2f %.2f 0 %d %d %.2f %.2f" % (radius, radius, large, way, *ends[1])

    back = "%.2f %.2f" % (x, y) if inner <= 0 else arc(inner, start + turn, start, 0)
    return "M%sL%sZ" % (arc(outer, start, start + turn, 1), back)


_DRAW = {
    "area": _areas,
    "bar": _bars,
    "circle": _points,
    "line": _lines,
    "point": _points,
    "rect": _rects,
    "rule": _rules,
    "square": _points,
    "text": _texts,
    "tick": _ticks,
}
