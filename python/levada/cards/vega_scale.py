"""The scales of a Vega-Lite chart: from values to places and colours, with their ticks and labels."""

from math import ceil, floor, log10, sqrt
from re import compile as pattern

from .vega_data import Unsupported, instant, moment, nice_step, number

_COLOUR = pattern(r"#[0-9A-Fa-f]{3,8}\Z|[A-Za-z]{3,30}\Z|(rgb|rgba|hsl|hsla)\([0-9.,%/ ]{1,60}\)\Z|var\(--c\d\)\Z")
_FORMAT = pattern(r"([$]?)(,?)(?:\.(\d+))?(~?)([fedsrg%]?)\Z")
_SCHEMES = {
    "viridis": "440154 3b528b 21918c 5ec962 fde725",
    "magma": "000004 51127c b73779 fc8961 fcfdbf",
    "plasma": "0d0887 7e03a8 cc4778 f89540 f0f921",
    "inferno": "000004 57106e bc3754 f98e09 fcffa4",
    "blues": "dceaf5 9fc8e3 5b9fcd 2471b5 08306b",
    "greens": "e0f2dc aadca4 66bd6f 278f48 00441b",
    "oranges": "feead6 fdc38d fb8b3b de5405 7f2704",
    "reds": "fee3d6 fcae92 fb6b4b d42020 67000d",
    "purples": "ece9f4 c2c2df 948fc2 6950a1 3f007d",
    "greys": "eeeeee c6c6c6 939393 5d5d5d 1e1e1e",
    "redblue": "b2182b f4a582 f2f2f2 92c5de 2166ac",
    "blueorange": "134b85 7fb0d4 f2f2f2 f0a860 a34e0b",
    "redyellowgreen": "a50026 fdae61 fff6bd a6d96a 006837",
    "teals": "d5efe9 93d2c5 4fae9f 1b7f73 064a43",
}
#: How many colours there are for names; they come round again after that.
_NAMED = 10


def colour(text, default=None):
    """A colour as it may stand in a card, or the default: nothing else gets through."""
    return text if isinstance(text, str) and _COLOUR.match(text) else default


def short(value, spec=None):
    """A number as text: ``1,200``, ``0.25``, ``1.2M``, or as a d3 format such as ``.2f``, ``,``, ``.0%`` says."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return str(value)
    match = _FORMAT.match(spec) if isinstance(spec, str) else None
    if match and spec:
        dollar, comma, digits, trim, kind = match.groups()
        if kind == "s":
            return dollar + _si(value)
        digits = digits if digits is not None else ("0" if kind in ("d", "") else "1" if kind == "%" else "6")
        kind = {"d": "f", "": "f" if digits == "0" else "g", "r": "g"}.get(kind, kind)
        text = dollar + ("{:%s.%s%s}" % (comma, min(int(digits), 20), kind)).format(value)
        return text.rstrip("0").rstrip(".") if trim and "." in text else text
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return _si(value) if abs(value) >= 1e6 and abs(value) < 1e15 else "%.3g" % value
    text = f"{value:,.6g}" if abs(value) < 1e5 else f"{value:,.0f}"
    return text


def _si(value):
    for size, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return "%.4g%s" % (value / size, name)
    return "%.4g" % value


def label_of(value):
    """A discrete value as text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return short(value) if isinstance(value, float) else str(value)


class Band:
    """Places for names: each has a band of the same width."""

    discrete = True

    def __init__(self, values, start, end, padding):
        self.values = values
        self.step = (end - start) / max(len(values), 1)
        self.width = abs(self.step) * (1 - padding)
        self._places = {repr(value): start + (i + 0.5) * self.step for i, value in enumerate(values)}

    def place(self, value):
        """The middle of the band of a value, or None."""
        return self._places.get(repr(value))

    def ticks(self, spec=None):
        """The places with their labels."""
        return [(self.place(value), label_of(value)) for value in self.values]


class Linear:
    """Places for numbers."""

    discrete = False
    parse = staticmethod(number)

    def __init__(self, low, high, start, end, kind="linear", nice=True, count=5):
        self.kind = kind
        if kind == "log":
            if low <= 0:
                raise Unsupported("it has a log scale with values that are not above 0")
            if nice:
                low, high = 10.0 ** floor(log10(low)), 10.0 ** ceil(log10(high))
            if low == high:
                high = low * 10
        else:
            if low == high:
                low, high = (low - 0.5, high + 0.5) if low else (0.0, 1.0)
            if nice and kind == "linear":
                step = nice_step(high - low, count)
                low, high = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
        self.low, self.high, self.start, self.end, self.count = low, high, start, end, count
        self._turn = {"log": log10, "sqrt": lambda v: sqrt(abs(v)) * (1 if v >= 0 else -1)}.get(kind, float)
        self._from, self._to = self._turn(low), self._turn(high)
        if self._from == self._to:  # so close that they cannot be told apart
            self._to = self._from + 1

    def part(self, value):
        """Where a value lies between the ends: 0 to 1."""
        if self.kind == "log" and value <= 0:
            return None
        return (self._turn(value) - self._from) / (self._to - self._from)

    def place(self, value):
        """The place of a value, or None."""
        value = self.parse(value)
        part = None if value is None else self.part(value)
        return None if part is None else self.start + part * (self.end - self.start)

    def _values(self):
        if self.kind == "log":
            low, high = floor(log10(self.low) + 1e-9), ceil(log10(self.high) - 1e-9)
            values = [10.0**n for n in range(low, high + 1, max(1, (high - low) // 6))]
            if high - low <= 2:
                values = sorted({*values, *(f * 10.0**n for n in range(low, high) for f in (2, 5))})
            return [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]
        step = nice_step(self.high - self.low, self.count)
        first = ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, floor(self.high / step + 1e-9) + 1)]

    def ticks(self, spec=None):
        """The places with their labels."""
        values = [float("%.12g" % v) for v in self._values()]
        return [(self.place(v), short(v, spec)) for v in values]


_STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400]
_MONTH = 30.44 * 86400


class Time(Linear):
    """Places for times."""

    parse = staticmethod(instant)

    def __init__(self, low, high, start, end, count=6):
        super().__init__(low, high, start, end, nice=False, count=count)

    def ticks(self, spec=None):
        """The places with their labels: years, months, days or hours, as the span asks for."""
        span = self.high - self.low
        fit = next((step for step in _STEPS if span / step <= self.count), None)
        if fit:
            first = ceil(self.low / fit)
            seconds = [n * fit for n in range(first, floor(self.high / fit) + 1)]
            form = "%H:%M:%S" if fit < 60 else "%H:%M" if fit < 86400 else "%b %d"
            if 60 <= fit < 86400 and span > 86400:
                form = "%b %d %H:%M"
        else:
            months = next(
                n
                for n in (1, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 12000)
                if span / (n * _MONTH) <= self.count or n == 12000
            )
            begin, seconds = moment(self.low), []
            place = -(-(begin.year * 12 + begin.month - 1) // months) * months
            while place // 12 < 9999:
                at = instant("%04d-%02d-01" % (place // 12, place % 12 + 1))
                if at > self.high:
                    break
                if at >= self.low:
                    seconds.append(at)
                place += months
            form = "%Y" if months >= 12 else "%b %Y"
        if isinstance(spec, str) and "%" in spec:
            form = spec
        return [(self.start + self.part(s) * (self.end - self.start), moment(s).strftime(form)) for s in seconds]


class Ramp:
    """Colours for numbers."""

    discrete = False

    def __init__(self, low, high, scheme=None, colours=None, reverse=False, parse=number):
        stops = [c for c in (colours or ()) if isinstance(c, str) and c.startswith("#") and len(c) == 7]
        if len(stops) < 2:
            stops = ["#" + part for part in _SCHEMES.get(scheme, _SCHEMES["teals"]).split()]
        if reverse:
            stops.reverse()
        self.stops, self.low, self.high, self.parse = stops, low, high if high > low else low + 1, parse

    def of(self, value):
        """The colour of a value."""
        value = self.parse(value)
        if value is None:
            return "var(--line)"
        at = min(max((value - self.low) / (self.high - self.low), 0), 1) * (len(self.stops) - 1)
        n = min(int(at), len(self.stops) - 2)
        a, b = self.stops[n], self.stops[n + 1]
        mix = (round(int(a[i : i + 2], 16) * (1 - at + n) + int(b[i : i + 2], 16) * (at - n)) for i in (1, 3, 5))
        return "#%02x%02x%02x" % tuple(mix)


class Palette:
    """Colours for names."""

    discrete = True

    def __init__(self, values, colours=None):
        self.values = values
        given = [colour(c, "var(--c8)") for c in colours or ()]
        self._colours = {
            repr(v): given[i % len(given)] if given else "var(--c%d)" % (i % _NAMED) for i, v in enumerate(values)
        }

    def of(self, value):
        """The colour of a name."""
        return self._colours.get(repr(value), "var(--c8)")


def scheme_of(scale):
    """The name of the colour scheme that a scale asks for, or None."""
    scheme = scale.get("scheme")
    scheme = scheme.get("name") if isinstance(scheme, dict) else scheme
    return scheme.split("-")[0] if isinstance(scheme, str) else None
