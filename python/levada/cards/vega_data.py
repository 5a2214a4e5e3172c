"""The data side of a Vega-Lite chart: where rows come from, what transforms and encodings make of them."""

from datetime import date, datetime, timedelta, timezone
from math import floor, isfinite, log10, sqrt
from re import compile as pattern


class Unsupported(Exception):
    """A chart has something that cards do not draw; the text says what."""


#: Rows that a chart may have: more make a file that no browser shows well.
MAX_ROWS = 20_000
_DIGITS = pattern(r"\d{4}(-\d{1,2}(-\d{1,2})?)?\Z")
_LATEST = 250_000_000_000_000  # milliseconds: before the year 9999, the last that Python has
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def rows_of(spec, inherited, datasets):
    """The rows of a view: its own data, or those around it."""
    data = spec.get("data")
    if data is None:
        if inherited is None:
            raise Unsupported("it has no data")
        return inherited
    if not isinstance(data, dict):
        raise Unsupported("its data is no object")
    values = data.get("values")
    if values is None and "name" in data:
        values = datasets.get(data["name"])
    if "url" in data:
        raise Unsupported("its data is at a URL, and a card loads nothing. Put the rows into data.values")
    if isinstance(values, dict):
        values = [values]
    if not isinstance(values, (list, tuple)):
        raise Unsupported("its data are no rows: data.values is a list")
    if len(values) > MAX_ROWS:
        raise Unsupported("it has %d rows, more than the %d that a card draws" % (len(values), MAX_ROWS))
    return [row if isinstance(row, dict) else {"data": row} for row in values]


def value_of(row, field):
    """The value of a field; a dot leads into a nested object."""
    if field in row:
        return row[field]
    if not isinstance(field, str):
        return None
    plain = field.replace("\\.", ".").replace("\\[", "[").replace("\\]", "]")
    if plain in row:
        return row[plain]
    value = row
    for part in field.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def number(value):
    """A value as a finite float, or None."""
    if isinstance(value, bool):
        return float(value)
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    return value if isfinite(value) else None


def instant(value):
    """A time as seconds since 1970, or None. Numbers are milliseconds, as in JavaScript."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value / 1000 if abs(value) <= _LATEST else None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=timezone.utc)
    elif isinstance(value, dict) and "year" in value:
        try:
            moment = datetime(
                value["year"],
                value.get("month", 1),
                value.get("date", 1),
                value.get("hours", 0),
                value.get("minutes", 0),
                tzinfo=timezone.utc,
            )
        except (TypeError, ValueError):
            return None
    else:
        moment = _parsed(str(value).strip())
    return None if moment is None else (moment - EPOCH).total_seconds()


def _parsed(text):
    if _DIGITS.match(text):
        parts = [int(part) for part in text.split("-")] + [1, 1]
        try:
            return datetime(*parts[:3], tzinfo=timezone.utc)
        except ValueError:
            return None
    if text.endswith("Z"):
        text = text[:-1] + "+00:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.strptime(text, "%Y/%m/%d")
        except ValueError:
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def moment(seconds):
    """The time that is so many seconds after 1970."""
    return EPOCH + timedelta(seconds=seconds)


# Transforms.


def transform(rows, steps):
    """Rows after the transforms of a view."""
    for step in steps or ():
        if "filter" in step:
            test = _predicate(step["filter"])
            rows = [row for row in rows if test(row)]
        elif "aggregate" in step:
            rows = _aggregate(rows, step.get("groupby") or [], step["aggregate"])
        elif "fold" in step:
            key, value = (list(step.get("as") or ()) + ["key", "value"])[:2] if step.get("as") else ("key", "value")
            rows = [dict(row, **{key: name, value: value_of(row, name)}) for row in rows for name in step["fold"]]
        elif "bin" in step and "field" in step:
            start, end = _bin_names(step.get("as"), step["field"])
            find, _ = binning(rows, step["field"], step["bin"])
            rows = [dict(row, **dict(zip((start, end), find(row)))) for row in rows]
        else:
            raise Unsupported("it has the transform %s" % ", ".join(sorted(map(str, step))))
    return rows


def _bin_names(names, field):
    if isinstance(names, list):
        return (names + ["%s_end" % field])[:2]
    return (names or "bin_%s" % field), "%s_end" % (names or field)


def _predicate(test):
    if not isinstance(test, dict):
        raise Unsupported("it has the expression %r" % (test,))
    if "and" in test:
        tests = [_predicate(part) for part in test["and"]]
        return lambda row: all(part(row) for part in tests)
    if "or" in test:
        tests = [_predicate(part) for part in test["or"]]
        return lambda row: any(part(row) for part in tests)
    if "not" in test:
        inner = _predicate(test["not"])
        return lambda row: not inner(row)
    field = test.get("field")
    for name, compare in _COMPARE.items():
        if field is not None and name in test:
            return lambda row, compare=compare, limit=test[name]: _compared(compare, value_of(row, field), limit)
    raise Unsupported("it has a filter that is no comparison of a field")


def _compared(compare, value, limit):
    try:
        return compare(value, limit)
    except TypeError:
        return False


_COMPARE = {
    "equal": lambda value, limit: value == limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "oneOf": lambda value, limit: value in limit,
    "range": lambda value, limit: limit[0] <= value <= limit[1],
    "valid": lambda value, limit: (value is not None and value == value) == limit,
}


def summarise(name, rows, field):
    """An aggregate of the rows of a group."""
    if name == "count":
        return len(rows)
    values = [value_of(row, field) for row in rows]
    if name == "distinct":
        return len({repr(value) for value in values})
    if name in ("missing", "valid"):
        missing = sum(value is None or value != value for value in values)
        return missing if name == "missing" else len(values) - missing
    numbers = sorted(n for n in map(number, values) if n is not None)
    if name not in _AGGREGATES:
        raise Unsupported("it has the aggregate %r" % (name,))
    return _AGGREGATES[name](numbers) if numbers else None


def _quantile(part):
    def find(numbers):
        at = part * (len(numbers) - 1)
        low = floor(at)
        high = min(low + 1, len(numbers) - 1)
        return numbers[low] + (numbers[high] - numbers[low]) * (at - low)

    return find


def _mean(numbers):
    return sum(numbers) / len(numbers)


def _variance(numbers):
    middle = _mean(numbers)
    return sum((n - middle) ** 2 for n in numbers) / (len(numbers) - 1) if len(numbers) > 1 else 0.0


_AGGREGATES = {
    "sum": sum,
    "mean": _mean,
    "average": _mean,
    "median": _quantile(0.5),
    "q1": _quantile(0.25),
    "q3": _quantile(0.75),
    "min": min,
    "max": max,
    "variance": _variance,
    "stdev": lambda numbers: sqrt(_variance(numbers)),
    "stderr": lambda numbers: sqrt(_variance(numbers) / len(numbers)),
}


def groups(rows, keys):
    """The rows by the values of several functions of them, in the order of first sight."""
    found = {}
    for row in rows:
        found.setdefault(tuple(_hashable(key(row)) for key in keys), []).append(row)
    return found


def _hashable(value):
    return repr(value) if isinstance(value, (dict, list)) else value


def _aggregate(rows, by, wanted):
    out = []
    for group in groups(rows, [lambda row, name=name: value_of(row, name) for name in by]).values():
        made = {name: value_of(group[0], name) for name in by}
        for part in wanted:
            name = part.get("as") or "%s_%s" % (part["op"], part.get("field", ""))
            made[name] = summarise(part["op"], group, part.get("field"))
        out.append(made)
    return out


def nice_step(span, count):
    """A step of 1, 2 or 5 times a power of ten that divides a span into about ``count`` parts."""
    if span <= 0:
        return 1.0
    raw = span / max(count, 1)
    power = 10.0 ** floor(log10(raw))
    for factor in (1, 2, 5, 10):
        if raw <= factor * power * 1.0001:
            return factor * power
    return 10 * power


def binning(rows, field, how):
    """A function from a row to the ends of its bin, and the step."""
    how = how if isinstance(how, dict) else {}
    values = [n for n in (number(value_of(row, field)) for row in rows) if n is not None]
    low, high = how.get("extent") or (min(values, default=0.0), max(values, default=1.0))
    step = number(how.get("step")) or nice_step(high - low, how.get("maxbins", 10))

    def find(row):
        value = number(value_of(row, field))
        if value is None:
            return (None, None)
        place = floor(value / step + 1e-9)
        if value == high and value == place * step and high > low:
            place -= 1  # the last bin holds its upper end
        return (place * step, (place + 1) * step)

    return find, step


_UNITS = ("year", "month", "date", "hours", "minutes", "seconds")
_PARTS = {
    "month": (
        lambda t: t.month,
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        1,
    ),
    "day": (lambda t: (t.weekday() + 1) % 7, ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"], 0),
    "hours": (lambda t: t.hour, ["%02d:00" % hour for hour in range(24)], 0),
    "date": (lambda t: t.day, [str(day) for day in range(1, 32)], 1),
    "quarter": (lambda t: (t.month + 2) // 3, ["Q1", "Q2", "Q3", "Q4"], 1),
}


def time_unit(unit):
    """What a time unit makes of a time: seconds since 1970 of its beginning, or the name of its part; and whether it
    is the latter.
    """
    unit = unit.get("unit") if isinstance(unit, dict) else unit
    unit = str(unit)
    unit = unit[3:] if unit.startswith("utc") else unit
    if unit in _PARTS:
        part, names, first = _PARTS[unit]

        def name(value):
            seconds = instant(value)
            return None if seconds is None else names[part(moment(seconds)) - first]

        return name, names
    rest, kept = unit, 0
    while kept < len(_UNITS) and rest.startswith(_UNITS[kept]):
        rest, kept = rest[len(_UNITS[kept]) :], kept + 1
    if rest or not kept:
        raise Unsupported("it has the time unit %r" % unit)

    def begin(value):
        seconds = instant(value)
        if seconds is None:
            return None
        t = moment(seconds)
        whole = (t.year, t.month, t.day, t.hour, t.minute, t.second)
        return (
            instant(datetime(*(whole[i] if i < kept else 1 if i < 3 else 0 for i in range(6)), tzinfo=timezone.utc))
            * 1000
        )

    return begin, None
