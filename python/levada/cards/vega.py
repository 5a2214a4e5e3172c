"""A Vega-Lite chart as a drawing in the page: SVG, made here, that needs no script and no network.

The part of Vega-Lite that reports are made of: bars, lines, areas, points, ticks, rules, rectangles, arcs and text;
alone, in layers or side by side; with aggregates, bins, time units, stacks, sorting, colours, axes, legends and
tooltips. docs/cards.md lists it. A chart that has something else is shown as its data and its description, with a
sentence that says what it is.
"""

from html import escape
from json import dumps

from .vega_data import Unsupported, binning, groups, number, rows_of, summarise, time_unit, transform, value_of

#: How many rows of a chart's data are listed below it.
_LISTED = 200
_AXES = ("x", "y")
#: The marks that are drawn → those that are another name for one of them.
MARKS = {"bar": "bar", "line": "line", "area": "area", "point": "point", "circle": "circle", "square": "square",
         "tick": "tick", "rule": "rule", "rect": "rect", "arc": "arc", "text": "text"}  # fmt: skip
_SIDEWAYS = ("hconcat", "vconcat", "concat")
_IGNORED = frozenset(("tooltip", "order", "detail", "key", "href", "url", "description"))
_SUMMABLE = (None, "count", "sum", "distinct", "valid", "missing")


def chart(spec, controls=True):
    """The HTML of a chart, whatever the description is."""
    try:
        if not isinstance(spec, dict):
            raise Unsupported("its description is no object")
        drawings, rows = _drawings(spec, spec.get("datasets") or {})
    except Unsupported as why:
        return _instead(spec, "This chart cannot be drawn in a card: %s." % why)
    except RecursionError:
        return _instead(None, "This chart cannot be drawn in a card: it is nested too deeply.")
    except Exception as error:
        return _instead(spec, "This chart could not be drawn: %s: %s" % (type(error).__name__, error))
    more = _listed(rows)
    if controls:
        more += _described(spec)
    return '<figure class="chart">%s%s</figure>\n' % ("".join(drawings), more)


def _instead(spec, why):
    """What is shown of a chart that is not drawn."""
    rows = []
    if isinstance(spec, dict):
        try:
            rows = rows_of(spec, [], spec.get("datasets") or {})
        except Unsupported:
            pass
    return '<figure class="chart"><p class="note">%s</p>%s%s</figure>\n' % (
        escape(why),
        _listed(rows, True),
        _described(spec),
    )


def _listed(rows, opened=False):
    from .page import html_of

    names = list(dict.fromkeys(name for row in rows[:_LISTED] for name in row))
    if not names:
        return ""
    data = [[row.get(name) for name in names] for row in rows[:_LISTED]]
    caption = "%d of %d rows" % (_LISTED, len(rows)) if len(rows) > _LISTED else None
    table = html_of({"type": "table", "columns": names, "data": data, "caption": caption})
    return "<details%s><summary>Data of the chart</summary>%s</details>" % (' open=""' if opened else "", table)


def _described(spec):
    if not spec:
        return ""
    text = dumps(_without_rows(spec), indent=2, default=repr, ensure_ascii=False)
    return (
        '<details><summary>Description of the chart</summary><pre class="code" tabindex="0">%s</pre></details>'
        % escape(text)
    )


def _without_rows(part):
    if isinstance(part, dict):
        return {key: "… %d rows" % len(value) if key == "values" and isinstance(value, list) and len(value) > 5
                else _without_rows(value) for key, value in part.items() if key != "datasets"}  # fmt: skip
    return [_without_rows(value) for value in part] if isinstance(part, list) else part


def _drawings(spec, datasets, around=None):
    for name in _SIDEWAYS:
        if name in spec:
            rows = rows_of(spec, around, datasets) if "data" in spec else around
            drawings, listed = [], []
            for part in spec[name]:
                more, rows_of_part = _drawings(dict(part), datasets, rows)
                drawings += more
                listed = listed or rows_of_part
            row = '<div class="columns" style="--columns:%d">%s</div>' if name != "vconcat" else "<!-- %d -->%s"
            return [row % (min(len(drawings), 12), "".join(drawings))], listed
    for name in ("facet", "repeat", "spec"):
        if name in spec:
            raise Unsupported("it is a %s" % ("facet" if name == "spec" else name))
    from .vega_plot import Plot

    units = list(_units(spec, around, {}, datasets))
    if not units:
        raise Unsupported("it has no mark")
    return [Plot(spec, units).svg()], units[0].listed


def _units(spec, rows, encoding, datasets):
    """The views of a chart that have a mark, in the order in which they are drawn."""
    if "data" in spec or "layer" not in spec:
        rows = rows_of(spec, rows, datasets)
    if spec.get("transform") and rows is not None:
        rows = transform(rows, spec["transform"])
    encoding = dict(encoding, **(spec.get("encoding") or {}))
    if "layer" in spec:
        for part in spec["layer"]:
            yield from _units(part, rows, encoding, datasets)
    elif "mark" in spec:
        yield Unit(spec["mark"], encoding, rows)


class Channel:
    """One channel of an encoding: what it shows, and how."""

    def __init__(self, name, given):
        self.name = name
        self.given = given
        self.field = given.get("field")
        self.aggregate = given.get("aggregate")
        self.end = None  # the field of the upper end of a bin
        self.names = None  # those that a time unit has, in order
        if isinstance(self.aggregate, dict) or isinstance(self.field, dict):
            raise Unsupported(
                "its channel %s has %s"
                % (name, "an argmin or argmax" if isinstance(self.aggregate, dict) else "a repeated field")
            )
        self.source = self.field
        self.scale = given.get("scale") if isinstance(given.get("scale"), dict) else {}
        self.type = given.get("type")
        self.binned = bool(given.get("bin"))

    @property
    def varies(self):
        """Whether it differs from row to row."""
        return self.field is not None

    @property
    def discrete(self):
        """Whether its values are names."""
        return self.type in ("nominal", "ordinal")

    def of(self, row):
        """Its value in a row."""
        if self.field is not None:
            return value_of(row, self.field)
        return self.given.get("datum", self.given.get("value"))

    @property
    def title(self):
        """What an axis, a legend or a tooltip calls it; None for nothing."""
        guide = self.given.get("axis" if self.name in _AXES else "legend")
        if isinstance(guide, dict) and "title" in guide:
            return _joined(guide["title"])
        if "title" in self.given:
            return _joined(self.given["title"])
        if self.aggregate == "count":
            return "Count of records"
        source = self.source if self.source is not None else ""
        if self.aggregate:
            return "%s of %s" % (str(self.aggregate).capitalize(), source)
        unit = self.given.get("timeUnit")
        if unit:
            return "%s (%s)" % (source, unit.get("unit") if isinstance(unit, dict) else unit)
        return "%s (binned)" % source if self.binned and self.given.get("bin") != "binned" else source or None


def _joined(title):
    return " ".join(map(str, title)) if isinstance(title, list) else title


class Unit:
    """A view with one mark: its rows, after aggregates, bins and stacks, and its channels."""

    def __init__(self, mark, encoding, rows):
        self.mark = dict(mark) if isinstance(mark, dict) else {"type": mark}
        kind = self.mark.get("type")
        if kind not in MARKS:
            raise Unsupported("it has the mark %r" % (kind,))
        self.kind = kind
        self.listed = rows
        self.rows = rows
        self.channels = {}
        self.extra = []  # channels that only tooltips and groups use
        for name, given in encoding.items():
            self._take(name, given)
        self._derive()
        self._aggregate()
        for channel in self._all():
            if channel.type is None:
                channel.type = self._type_of(channel)
            elif channel.type == "geojson":
                raise Unsupported("it is a map")
        self.stacked = None
        if kind in ("bar", "area"):
            self._stack()

    def _take(self, name, given):
        if name in ("row", "column", "facet"):
            raise Unsupported("it is a facet")
        if name.startswith(("longitude", "latitude")):
            raise Unsupported("it is a map")
        if name in ("radius", "radius2", "theta2", "xOffset", "yOffset") and given is not None:
            raise Unsupported("it has the channel %s" % name)
        for one in given if isinstance(given, list) else [given]:
            if not isinstance(one, dict):
                continue
            condition = one.get("condition")
            if condition is not None:
                one = _chosen(one, condition)
            channel = Channel(name, one)
            if name in _IGNORED:
                if channel.varies or channel.aggregate:
                    self.extra.append(channel)
            else:
                self.channels[name] = channel

    def _all(self):
        return [*self.channels.values(), *self.extra]

    def _derive(self):
        """Add what bins and time units make."""
        for i, channel in enumerate(self._all()):
            how = channel.given.get("bin")
            if how and how != "binned" and channel.field is not None:
                find, step = binning(self.rows, channel.field, how)
                start, end = "\0bin%d" % i, "\0end%d" % i
                self.rows = [dict(row, **dict(zip((start, end), find(row)))) for row in self.rows]
                if channel.discrete:
                    self.rows = [dict(row, **{start: _span(row[start], row[end])}) for row in self.rows]
                    channel.names = _spans(self.rows, start, end)
                else:
                    channel.end = end
                channel.field = start
                channel.type = channel.type or "quantitative"
            unit = channel.given.get("timeUnit")
            if unit and channel.field is not None:
                find, channel.names = time_unit(unit)
                name = "\0time%d" % i
                self.rows = [dict(row, **{name: find(value_of(row, channel.field))}) for row in self.rows]
                channel.field = name
                channel.type = "ordinal" if channel.names else channel.type or "temporal"

    def _aggregate(self):
        summed = [channel for channel in self._all() if channel.aggregate]
        if not summed:
            return
        kept = [channel for channel in self._all() if not channel.aggregate and channel.varies]
        rows = []
        for group in groups(self.rows, [channel.of for channel in kept]).values():
            row = dict(group[0])
            for i, channel in enumerate(summed):
                row["\0sum%d" % i] = summarise(channel.aggregate, group, channel.source)
            rows.append(row)
        for i, channel in enumerate(summed):
            channel.field = "\0sum%d" % i
            channel.type = channel.type or "quantitative"
        self.rows = rows

    def _type_of(self, channel):
        if channel.name in ("x2", "y2"):
            return self.channels[channel.name[0]].type if channel.name[0] in self.channels else "quantitative"
        if not channel.varies:
            value = channel.of({})
            return "quantitative" if number(value) is not None and not isinstance(value, str) else "nominal"
        values = [channel.of(row) for row in self.rows]
        numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        return "quantitative" if numbers and len(numbers) == sum(v is not None for v in values) else "nominal"

    @property
    def series(self):
        """The channels whose values part the rows into lines, areas and stacks."""
        names = ("color", "fill", "stroke", "strokeDash", "opacity", "size")
        parted = [self.channels[name] for name in names if name in self.channels and self.channels[name].varies]
        return [c for c in parted if c.discrete] + [c for c in self.extra if c.name == "detail"]

    @property
    def upright(self):
        """Whether bars and areas stand on the x axis, as opposed to the y axis."""
        x, y = self.channels.get("x"), self.channels.get("y")
        if self.mark.get("orient") in ("vertical", "horizontal"):
            return self.mark["orient"] == "vertical"
        if y is None or x is None:
            return x is None if self.kind == "bar" and (x or y) is not None and not (x or y).discrete else y is not None
        if x.discrete != y.discrete:
            return x.discrete
        if x.end or y.end:
            return bool(x.end)
        if (x.type == "temporal") != (y.type == "temporal"):
            return x.type == "temporal"
        return not (x.aggregate and not y.aggregate)

    @property
    def measure(self):
        """The channel along which bars and areas extend, or None."""
        return self.channels.get("y" if self.upright else "x")

    def _stack(self):
        measure, along = self.measure, self.channels.get("x" if self.upright else "y")
        if measure is None or measure.discrete or not measure.varies or measure.type == "temporal" or measure.end:
            return
        if ("y2" if self.upright else "x2") in self.channels or measure.aggregate not in _SUMMABLE:
            return
        how = measure.given.get("stack", "zero")
        how = {True: "zero", False: None}.get(how, how) if isinstance(how, (bool, str)) else None
        series = self.series
        if how is None or (not series and how == "zero") or measure.scale.get("type") == "log":
            return
        order = {key: i for i, key in enumerate(sorted(groups(self.rows, [c.of for c in series]), key=repr))}

        def place(row):
            return order[next(iter(groups([row], [c.of for c in series])))]

        rows = []
        for group in groups(self.rows, [along.of] if along is not None else []).values():
            group = sorted(group, key=place)
            sizes = [number(measure.of(row)) or 0.0 for row in group]
            total = sum(map(abs, sizes)) or 1.0
            up, down = (-total / 2, 0.0) if how == "center" else (0.0, 0.0)
            for row, size in zip(group, sizes):
                size = size / total if how == "normalize" else size
                low, high = (up, up + size) if size >= 0 else (down + size, down)
                up, down = (high, down) if size >= 0 else (up, low)
                rows.append(dict(row, **{"\0low": low, "\0high": high}))
        self.rows, self.stacked = rows, how

    def tooltip(self, row):
        """What is said of a row when the pointer is over it, and to those who do not see."""
        from .vega_scale import label_of, short

        chosen = [c for c in self.extra if c.name == "tooltip"] or [c for c in self.channels.values() if c.varies]
        lines = []
        for channel in chosen:
            value = channel.of(row)
            if channel.end:
                value = _span(row.get(channel.field), row.get(channel.end))
            elif channel.type == "temporal":
                value = moment_text(value)
            elif channel.type == "quantitative":
                value = short(number(value), channel.given.get("format")) if number(value) is not None else value
            lines.append("%s: %s" % (channel.title or channel.name, label_of(value)))
        return escape("\n".join(dict.fromkeys(lines)))


def moment_text(value):
    """A time as text, without what is midnight."""
    from .vega_data import instant, moment

    seconds = instant(value)
    if seconds is None:
        return value
    return moment(seconds).strftime("%Y-%m-%d %H:%M:%S").replace(" 00:00:00", "")


def _chosen(given, condition):
    """A channel that depends on a selection, as it is when nothing is selected yet: everything counts as selected."""
    conditions = condition if isinstance(condition, list) else [condition]
    for one in conditions:
        if not isinstance(one, dict) or "test" in one:
            raise Unsupported("it has a condition that is an expression")
    return {**{k: v for k, v in given.items() if k not in ("condition", "value")}, **conditions[0]}


def _span(low, high):
    from .vega_scale import short

    return None if low is None else "%s – %s" % (short(float("%.12g" % low)), short(float("%.12g" % high)))


def _spans(rows, start, end):
    return list(dict.fromkeys(row[start] for row in sorted(rows, key=lambda row: (row[end] is None, row[end] or 0))))
