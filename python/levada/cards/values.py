"""Values as cards show them: short, with their types, and without touching what is not there."""

from reprlib import Repr

_LONGEST = 4000
_short = Repr()
_short.maxdict = _short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = 20
_short.maxstring = _short.maxother = 1000
_short.maxlevel = 4


def type_of(value):
    """The name of a value's type, as users import it."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else "%s.%s" % (cls.__module__, cls.__qualname__)


def text_of(value, compressed=True):
    """The value as text: its repr, shortened where it is long."""
    try:
        cut = compressed and not is_frame(value) and not hasattr(value, "shape")
        text = _short.repr(value) if cut else repr(value)
    except Exception as error:
        return "<%s: its repr raised %s>" % (type_of(value), type(error).__name__)
    if compressed and len(text) > _LONGEST:
        half = _LONGEST // 2
        text = "%s … %d characters left out … %s" % (text[:half], len(text) - _LONGEST, text[-half:])
    return text


def plain_number(value):
    """The number of Python's that a number of numpy is. Anything else stays what it is."""
    item = getattr(value, "item", None)
    number = item() if item is not None and getattr(value, "shape", None) == () else value
    return value if type(number) is type(value) else number  # a longdouble's item is one, too


def describe(value, compressed=True):
    """The entry of a value in an ``artifacts``."""
    return {
        "type": type_of(value),
        "data": text_of(value, compressed),
        "large_object": False,
        "supported_type": False,
        "only_repr": True,
    }


def is_frame(value):
    """Whether a value is a data frame of pandas, polars or the like.

    Its class is asked: what is yet to be computed, such as a LazyFrame, would be computed to answer for itself.
    """
    cls = type(value)
    looks_like_one = (
        hasattr(cls, "columns") and hasattr(cls, "shape") and (hasattr(cls, "itertuples") or hasattr(cls, "rows"))
    )
    if not looks_like_one:
        return False
    shape = value.shape
    return isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[0], int)  # dask is yet to count its rows


def makes_a_frame(value):
    """The method of a value that makes a data frame of it; None if it has none."""
    cls = type(value)
    methods = ("compute", "toPandas", "collect", "to_pandas", "df") if hasattr(cls, "columns") else ("to_frame",)
    return next((name for name in methods if hasattr(cls, name)), None)


def rows_of(frame, max_rows=None, max_columns=None):
    """The headers and rows of a data frame, and what was left out, as a sentence or None."""
    count, width = frame.shape
    rows = count if max_rows is None else min(count, max_rows)
    columns = width if max_columns is None else min(width, max_columns)
    names = [str(name) for name in list(frame.columns)[:columns]]
    head = frame.head(rows)
    if hasattr(frame, "itertuples"):  # pandas
        index = [str(name) if name is not None else "" for name in frame.index.names]
        taken = head.iloc[:, :columns]
        headers = index + names
        body = []
        for row in taken.itertuples(index=True, name=None):
            first = row[0] if isinstance(row[0], tuple) else (row[0],)
            body.append([_plain(value) for value in (*first, *row[1:])])
    else:  # polars
        headers = names
        body = [[_plain(value) for value in row[:columns]] for row in head.rows()]
    note = None
    if rows < count or columns < width:
        note = "%d of %d rows, %d of %d columns" % (rows, count, columns, width)
    return headers, body, note


def _plain(value):
    """A cell of a data frame as a number, a bool, None or text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return None if value != value else value
    value = plain_number(value)
    if isinstance(value, (bool, int, float)):
        return None if value != value else value
    text = str(value)
    return None if text in ("NaT", "<NA>") else text


def size_text(size):
    """A number of bytes for people: ``1.4 MB``."""
    size = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return "%d %s" % (size, unit) if unit == "bytes" else "%.3g %s" % (size, unit)
        size /= 1000


def duration_text(seconds):
    """A time for people: ``12 ms``, ``1.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 1:
        return "%.3g ms" % (max(seconds, 0) * 1000)
    if seconds < 10:
        return "%.2g s" % seconds
    seconds = int(round(seconds))
    if seconds < 60:
        return "%d s" % seconds
    if seconds < 3600:
        return "%d min %d s" % divmod(seconds, 60)
    return "%d h %d min" % (seconds // 3600, seconds % 3600 // 60)
