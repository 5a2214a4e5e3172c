"""The drawing of a Vega-Lite chart: its scales, axes and legend, around its marks."""

from html import escape
from textwrap import wrap
from unicodedata import east_asian_width

from .vega_data import Unsupported, instant, number, value_of
from .vega_scale import Band, Linear, Palette, Ramp, Time, label_of, scheme_of, short

_WIDTH, _HEIGHT = 540, 270
_FLUID = ' style="width:100%;min-width:18rem;max-width:46rem"'
_SIZE = 12  # of labels
_LONGEST = 200  # of a label, in pixels
_TURN = 0.7072  # how far a label that is turned by 45 degrees goes to the left, and down, in parts of its length
_MOST_NAMES = 500


def _letter(c):
    """The width of a letter in parts of its size, rather too much: a page is drawn with whatever font there is."""
    if c in " .,:;'|!ijlIft()[]-/":
        return 0.38
    if c in "MWmw@%&…" or east_asian_width(c) in "WF":
        return 1.0
    return 0.72 if c.isupper() else 0.63


def _wide(text, size=_SIZE):
    return sum(map(_letter, text)) * size


def _fit(text, room, size=_SIZE):
    """A text, shortened if it is wider than the room there is."""
    if _wide(text, size) <= room:
        return text
    room -= _wide("…", size)
    end = 0
    while end < len(text) and room >= _letter(text[end]) * size:
        room -= _letter(text[end]) * size
        end += 1
    return text[:end].rstrip() + "…"


def _said(text, shown):
    """What stands in an element of text: one that is shortened has all of it as its tooltip."""
    return escape(shown) + ("<title>%s</title>" % escape(text) if shown != text else "")


class Plot:
    """One drawing."""

    def __init__(self, spec, units):
        self.spec, self.units = spec, units
        self.colours = self._colour_scale()
        self.pie = all(unit.kind == "arc" for unit in units)
        if not self.pie and any(unit.kind == "arc" for unit in units):
            self.pie = all(unit.kind in ("arc", "text") for unit in units)
            if not self.pie:
                raise Unsupported("it has arcs together with other marks")

    # Scales.

    def channels(self, name):
        """The units that have a channel, with it."""
        return [(unit, unit.channels[name]) for unit in self.units if name in unit.channels]

    def _first(self, name):
        found = self.channels(name)
        return next((channel for _, channel in found if channel.varies), found[0][1] if found else None)

    def _names(self, channels, name):
        """The values of a discrete scale, in order."""
        given = next((c.scale["domain"] for _, c in channels if isinstance(c.scale.get("domain"), list)), None)
        if given:
            return given
        found = {}
        for unit, channel in channels:
            for row in unit.rows if channel.varies else [{}]:
                value = channel.of(row)
                found.setdefault(repr(value), value)
        values = list(found.values())
        if len(values) > _MOST_NAMES:
            raise Unsupported(
                "it has %d different values on one scale, more than the %d that fit" % (len(values), _MOST_NAMES)
            )
        for _, channel in channels:
            if channel.names:
                known = {value: i for i, value in enumerate(channel.names)}
                return sorted(values, key=lambda value: known.get(value, len(known)))
        unit, channel = next(
            ((u, c) for u, c in channels if c.given.get("sort", "ascending") != "ascending"), channels[0]
        )
        return _sorted(values, unit, channel)

    def _extent(self, name, channels):
        """The lowest and highest value of a continuous scale, and the parser of its values."""
        parse = instant if any(c.type == "temporal" for _, c in channels) else number
        values, zero = [], parse is number
        for unit, channel in channels:
            if unit.stacked and channel is unit.measure:
                values += [row[key] for row in unit.rows for key in ("\0low", "\0high")]
            elif channel.varies:
                values += [parse(channel.of(row)) for row in unit.rows]
            else:
                values.append(parse(channel.of({})))
            if channel.end:
                values += [row[channel.end] for row in unit.rows]
            values += _margins(unit, channel, parse)
            zero = zero and not channel.end and channel.given.get("bin") != "binned"
            second = unit.channels.get(name + "2")
            if second is not None and ("datum" in second.given or second.varies):
                values += [parse(second.of(row)) for row in unit.rows]
        values = [value for value in values if value is not None]
        low, high = (min(values), max(values)) if values else (0, 1)
        given = next((c.scale.get("domain") for _, c in channels if isinstance(c.scale.get("domain"), list)), None)
        wanted = [c.scale["zero"] for _, c in channels if "zero" in c.scale]
        if given:
            ends = [end for end in map(parse, given) if end is not None]
            if len(ends) < 2:
                raise Unsupported("its scale has a domain that is no range")
            return min(ends), max(ends), False
        if (wanted[0] if wanted else zero) and self._kind(channels) != "log":
            low, high = min(low, 0), max(high, 0)
        for key, end in (("domainMin", "low"), ("domainMax", "high")):
            for _, c in channels:
                limit = parse(c.scale[key]) if c.scale.get(key) is not None else None
                if limit is not None:
                    low, high = (limit, high) if end == "low" else (low, limit)
        return low, high, all(c.scale.get("nice", True) is not False for _, c in channels)

    @staticmethod
    def _kind(channels):
        kinds = {c.scale.get("type") for _, c in channels} - {None, "time", "utc", "band", "point", "ordinal"}
        kind = kinds.pop() if kinds else "linear"
        if kind not in ("linear", "log", "sqrt"):
            raise Unsupported("it has a scale of the type %s" % kind)
        return kind

    def _scale(self, name, start, end):
        channels = self.channels(name)
        channels = [pair for pair in channels if pair[1].varies or "datum" in pair[1].given] or channels
        if not channels or not any(c.varies or "datum" in c.given for _, c in channels):
            return None
        if any(c.scale.get("reverse") for _, c in channels):
            start, end = end, start
        if any(c.discrete for _, c in channels):
            filled = any(unit.kind == "rect" for unit, _ in channels)
            if name == "y":
                start, end = end, start  # the first name is on top
            return Band(self._names(channels, name), start, end, 0.0 if filled else 0.2)
        low, high, nice = self._extent(name, channels)
        if any(c.type == "temporal" for _, c in channels):
            return Time(low, high, start, end, max(2, int(abs(end - start) // 90)))
        return Linear(
            low,
            high,
            start,
            end,
            self._kind(channels),
            nice,
            max(2, int(abs(end - start) // (70 if name == "x" else 50))),
        )

    def _colour_scale(self):
        channels = [
            pair
            for name in ("color", "fill", "stroke")
            for pair in self.channels(name)
            if pair[1].varies or "datum" in pair[1].given
        ]
        if not channels:
            return None
        channel = channels[0][1]
        scale = channel.scale
        colours = scale.get("range") if isinstance(scale.get("range"), list) else None
        if channel.discrete:
            return Palette(self._names(channels, "color"), colours)
        low, high, _ = self._extent("color", [pair for pair in channels if not pair[1].discrete])
        if not isinstance(scale.get("domain"), list):
            parse = instant if channel.type == "temporal" else number
            values = [v for unit, c in channels for v in (parse(c.of(row)) for row in unit.rows) if v is not None]
            low, high = (min(values), max(values)) if values else (0, 1)
        parse = instant if channel.type == "temporal" else number
        return Ramp(
            low,
            high,
            scheme_of(scale),
            colours,
            bool(scale.get("reverse")) or channel.given.get("sort") == "descending",
            parse,
        )

    # The drawing.

    def svg(self):
        """The chart as an SVG element."""
        from .vega_marks import draw, pie

        spec = self.spec
        title = spec.get("title")
        title = title.get("text") if isinstance(title, dict) else title
        title = " ".join(map(str, title)) if isinstance(title, list) else title
        given = number(spec.get("width")) if not isinstance(spec.get("width"), (dict, str)) else None
        y_band, height = (
            self._scale("y", 1, 0),
            number(spec.get("height")) if not isinstance(spec.get("height"), (dict, str)) else None,
        )
        if height is None:
            height = _HEIGHT
            if isinstance(y_band, Band) and not self.pie:
                height = (
                    max(60, min(len(y_band.values), 60) * 26) if len(y_band.values) <= 60 else len(y_band.values) * 14
                )
        height = min(max(height, 20), 4000)
        left, labels_y = self._left(y_band, height)
        whole = _WIDTH if given is None else min(max(given, 40), 4000) + left + 16
        width = whole - left - 16
        x = None if self.pie else self._scale("x", 0, width)
        margin, more = left, 0 if x is None else self._overhang(x, width) - left
        if more > 0:
            left += more
            whole, width = (whole, width - more) if given is None else (whole + more, width)
            x = self._scale("x", 0, width)
        titles = self._heading(title, whole)
        head = 10 + (7 + 19 * len(titles) if titles else 0)
        legend, legend_height = self._legend(left, whole)
        top = head + legend_height
        y = None if self.pie else self._scale("y", height, 0)
        bottom, axis_x = (8, "") if self.pie else self._axis_x(x, left, width, height)
        axis_y = "" if self.pie else self._axis_y(y, width, height, margin, labels_y)
        marks = "".join(
            pie(self, unit, width, height) if self.pie else draw(self, unit, x, y, width, height) for unit in self.units
        )
        tall = top + height + bottom
        out = ['<svg viewBox="0 0 %g %g" width="%g" height="%g" role="img" aria-label="%s"%s>\n' % (
            whole, tall, whole, tall, escape(self._spoken(title)), "" if given is not None else _FLUID)]  # fmt: skip
        for i, line in enumerate(titles):
            out.append('<text class="title" x="0" y="%d" font-size="15">%s</text>\n' % (17 + 19 * i, line))
        out.append('<g class="legend" transform="translate(0,%g)">%s</g>\n' % (head, legend) if legend else "")
        out.append('<g transform="translate(%g,%g)">\n%s%s%s</g>\n</svg>' % (left, top, axis_x, axis_y, marks))
        return '<div class="scroll" tabindex="0">%s</div>' % "".join(out)

    @staticmethod
    def _heading(title, whole):
        """The lines of the title of a chart, as they stand in their elements."""
        text = " ".join(str(title or "").split())
        lines = wrap(text, max(10, int(whole / (15 * 0.66))))
        if len(lines) > 3:  # more would be no title any more
            lines = lines[:2] + [" ".join(lines[2:])]
        return [_said(line, _fit(line, max(whole, 60), 15.5)) for line in lines]

    def _spoken(self, title):
        kinds = list(dict.fromkeys(unit.kind for unit in self.units))
        shown = [
            c.title
            for name in ("y", "x", "theta", "color")
            for c in [self._first(name)]
            if c is not None and c.varies and c.title
        ]
        said = self.spec.get("description")
        text = "%s chart%s" % (
            " and ".join(kinds).capitalize(),
            " of " + ", ".join(map(str, dict.fromkeys(shown))) if shown else "",
        )
        return ". ".join(str(part) for part in (title, said, text) if part)

    def _guide(self, name):
        """What a chart says of an axis: a dict, or None for no axis."""
        for _, channel in self.channels(name):
            if "axis" in channel.given:
                guide = channel.given["axis"]
                return guide if guide is None or isinstance(guide, dict) else {}
        return {}

    def _title(self, name):
        titles = [c.title for _, c in self.channels(name) if (c.varies or "title" in c.given) and c.title]
        return ", ".join(map(str, dict.fromkeys(titles)))

    def _ticks(self, name, scale):
        guide = self._guide(name)
        if scale is None or guide is None or guide.get("labels") is False:
            return []
        form = guide.get("format")
        normal = any(unit.stacked == "normalize" and c is unit.measure for unit, c in self.channels(name))
        return [(at, text) for at, text in scale.ticks(form or (".0%" if normal else None)) if at is not None]

    def _left(self, scale, height):
        guide = self._guide("y")
        if scale is None or guide is None:
            return 8, []
        scale = self._scale("y", height, 0)
        ticks = [(at, text, _fit(text, _LONGEST)) for at, text in self._ticks("y", scale)]
        longest = max((_wide(shown) for _, _, shown in ticks), default=0)
        return 12 + longest + (22 if self._title("y") else 0), ticks

    def _axis_y(self, scale, width, height, left, ticks):
        guide = self._guide("y")
        if scale is None or guide is None:
            return ""
        out = ['<g class="axis" font-size="%d">' % _SIZE]
        every = max(1, int(len(ticks) * (_SIZE + 2) // max(height, 1)))
        for at, text, shown in ticks[::every]:
            if not scale.discrete and guide.get("grid", True):
                out.append('<line class="grid" x1="0" x2="%g" y1="%.1f" y2="%.1f"/>' % (width, at, at))
            out.append('<text x="-7" y="%.1f" dy=".35em" text-anchor="end">%s</text>' % (at, _said(text, shown)))
        if scale.discrete:
            out.append('<line class="domain" x1="0" x2="0" y1="0" y2="%g"/>' % height)
        title = self._title("y")
        if title:
            out.append(
                '<text transform="translate(%.1f,%.1f) rotate(-90)" text-anchor="middle" font-weight="600">%s</text>'
                % (-left + 13, height / 2, _said(title, _fit(title, max(height, 60))))
            )
        return "".join(out) + "</g>\n"

    def _labels_x(self, scale, width):
        """The labels of the axis at the bottom: those that are shown, whether they are turned, the room for one."""
        guide = self._guide("x")
        if guide is None:
            return [], False, 0
        ticks = self._ticks("x", scale)
        longest = max((_wide(text) for _, text in ticks), default=0)
        room = width / max(len(ticks), 1)
        angle = number(guide.get("labelAngle"))
        # A name that has some room stands upright, and is shortened if need be: that is easier to read.
        turned = scale.discrete and longest > room - 4 and room < 120 if angle is None else bool(angle % 180)
        every = 1
        if turned:
            every = max(1, -(-int(len(ticks) * (_SIZE + 3)) // max(int(width), 1)))
        elif not scale.discrete and longest > room - 6:
            every = 2
        return ticks[::every], turned, room * every

    def _overhang(self, scale, width):
        """The room that turned labels take to the left of the drawing; some are rather shortened."""
        ticks, turned, _ = self._labels_x(scale, width)
        if not turned:
            return 0
        need = max((min(_wide(text), _LONGEST) * _TURN + 8 - at for at, text in ticks), default=0)
        return min(need, _LONGEST / 2)

    def _axis_x(self, scale, left, width, height):
        guide = self._guide("x")
        if scale is None or guide is None:
            return 10, ""
        out = ['<g class="axis" font-size="%d">' % _SIZE]
        ticks, turned, room = self._labels_x(scale, width)
        drop = 0 if turned else _SIZE + 8
        for at, text in ticks:
            if not scale.discrete and guide.get("grid", True):
                out.append('<line class="grid" x1="%.1f" x2="%.1f" y1="0" y2="%g"/>' % (at, at, height))
            if turned:
                shown = _fit(text, min((left + at - 2) / _TURN, _LONGEST))
                drop = max(drop, _wide(shown) * _TURN + 20)
                out.append(
                    '<text transform="translate(%.1f,%.1f) rotate(-45)" text-anchor="end">%s</text>'
                    % (at + 4, height + 14, _said(text, shown))
                )
            else:
                shown = _fit(text, max(room - 6, 24) if scale.discrete else width)
                half = _wide(shown) / 2
                at = max(min(at, width + 14 - half), half - left)
                out.append(
                    '<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>' % (at, height + 17, _said(text, shown))
                )
        out.append('<line class="domain" x1="0" x2="%g" y1="%g" y2="%g"/>' % (width, height, height))
        title = self._title("x")
        if title:
            drop += 20
            out.append(
                '<text x="%.1f" y="%.1f" text-anchor="middle" font-weight="600">%s</text>'
                % (width / 2, height + drop, _said(title, _fit(title, max(width, 60))))
            )
        return (drop if ticks or title else 0) + 8, "".join(out) + "</g>\n"

    def _legend(self, left, whole):
        channel = next(
            (
                c
                for name in ("color", "fill", "stroke")
                for _, c in self.channels(name)
                if c.varies or "datum" in c.given
            ),
            None,
        )
        if self.colours is None or channel is None or channel.given.get("legend", {}) is None:
            return "", 0
        title = str(channel.title or "")
        out, x, y = [], 0.0, 12.0
        if title:
            out.append('<text x="0" y="%g" font-size="%d" font-weight="600">%s</text>' % (y, _SIZE, escape(title)))
            x = _wide(title) + 16
        if isinstance(self.colours, Ramp):
            ramp = self.colours
            ends = [_end_text(ramp, value) for value in (ramp.low, ramp.high)]
            out.append('<text x="%.1f" y="%g" font-size="%d">%s</text>' % (x, y, _SIZE, escape(ends[0])))
            x += _wide(ends[0]) + 8
            for i in range(24):
                at = ramp.low + (ramp.high - ramp.low) * i / 23
                out.append(
                    '<rect x="%.1f" y="%g" width="5.2" height="10" fill="%s"/>'
                    % (x + i * 5, y - 9, ramp.of(at * 1000 if ramp.parse is instant else at))
                )
            out.append('<text x="%.1f" y="%g" font-size="%d">%s</text>' % (x + 128, y, _SIZE, escape(ends[1])))
            return "".join(out), 26
        for value in self.colours.values[:60]:
            text = label_of(value)
            shown = _fit(text, min(1.4 * _LONGEST, whole - 32))
            room = _wide(shown) + 32
            if x and x + room > whole:
                x, y = 0.0, y + 19
            out.append(
                '<rect x="%.1f" y="%g" width="11" height="11" rx="2.5" fill="%s"/>'
                % (x, y - 10, self.colours.of(value))
            )
            out.append('<text x="%.1f" y="%g" font-size="%d">%s</text>' % (x + 17, y, _SIZE, _said(text, shown)))
            x += room
        return "".join(out), y + 14


def _margins(unit, channel, parse):
    """The values half a bar before the first and after the last bar that stands on a number or a time."""
    if (
        unit.kind != "bar"
        or channel is unit.measure
        or channel.end
        or not channel.varies
        or channel.name not in ("x", "y")
    ):
        return []
    found = sorted({value for value in (parse(channel.of(row)) for row in unit.rows) if value is not None})
    if len(found) < 2 or channel.name + "2" in unit.channels:
        return []
    half = min(b - a for a, b in zip(found, found[1:])) / 2
    return [found[0] - half, found[-1] + half]


def _end_text(ramp, value):
    if ramp.parse is instant:
        from .vega import moment_text

        return str(moment_text(value * 1000))
    return short(float("%.4g" % value))


def _sorted(values, unit, channel):
    """The values of a discrete channel in the order that it asks for."""
    how = channel.given.get("sort", "ascending")
    if how is None:
        return values
    if isinstance(how, list):
        known = {repr(value): i for i, value in enumerate(how)}
        return sorted(values, key=lambda value: known.get(repr(value), len(known)))
    natural = sorted(
        values,
        key=lambda v: (v is None, not isinstance(v, (int, float)), v if isinstance(v, (int, float)) else 0, str(v)),
    )
    if how in ("ascending", "descending"):
        return natural[::-1] if how == "descending" else natural
    down = False
    if isinstance(how, str):
        down = how[0] == "-"
        by = unit.channels.get(how.lstrip("-"))
        measure = by.of if by is not None else None
    elif isinstance(how, dict):
        down = how.get("order") == "descending"
        by = unit.channels.get(how.get("encoding"))
        measure = (
            by.of
            if by is not None
            else (lambda row: value_of(row, how["field"]))
            if how.get("field")
            else lambda row: 1
        )
    else:
        measure = None
    if measure is None:
        return natural
    sums = {}
    for row in unit.rows:
        key = repr(channel.of(row))
        sums[key] = sums.get(key, 0) + (number(measure(row)) or 0)
    return sorted(natural, key=lambda v: sums.get(repr(v), 0), reverse=down)
