"""Values that were stored by other languages than Python."""

from .exceptions import DataException
from .standard import library


def decode(name, codec, kind, data):
    """The value of an artifact with a codec that is not Python's own; ``data`` are its bytes."""
    if codec in _READERS:
        read, wanted = _READERS[codec]
        try:
            return read(name, kind, data)
        except DataException:
            raise
        except Exception as error:
            raise DataException(
                "The artifact '%s', which another program stored as %s, could not be read: %s: %s\n"
                "Let that program write %s."
                % (name, codec, type(error).__name__, error, wanted)
            ) from None
    if codec in ("gob", "binary"):
        raise DataException(
            "The artifact '%s' was stored by Go as a %s, in a form that only Go reads (%s), so Python cannot read it. "
            "Languages can exchange plain data, bytes, arrays and tables: let the Go step convert it to one of these."
            % (name, kind, codec)
        )
    raise DataException("The artifact '%s' has the unknown codec '%s'." % (name, codec))


def _json(name, kind, data):
    with library():
        from json import loads

    return _numbers(loads(data), kind)


def _numbers(value, kind):
    """A value with Go's floats as floats: as JSON, those that are whole look like integers."""
    if kind in _FLOATS and type(value) is int:
        return float(value)
    if kind in _LISTS_OF_FLOATS and type(value) is list:
        return [float(one) if type(one) is int else one for one in value]
    return value


_FLOATS = ("float64", "float32")
_LISTS_OF_FLOATS = ("[]float64", "[]float32")


def _array(name, kind, data):
    try:
        from numpy import load
    except ImportError:
        raise DataException(
            "The artifact '%s' is an array. To read it, this Python needs the package numpy: pip install numpy" % name
        ) from None
    from io import BytesIO

    return load(BytesIO(data), allow_pickle=False)


def _table(name, kind, data):
    text = bytes(data).decode()
    from io import StringIO

    try:
        from pandas import DataFrame, read_csv
    except ImportError:
        return _dicts(name, StringIO(text))
    if not text.strip("\r\n"):
        return DataFrame()  # a table without columns, which read_csv does not take for one
    return read_csv(StringIO(text))


def _dicts(name, file):
    """The rows of a table as dicts, which cannot have a key twice."""
    from csv import DictReader

    rows = DictReader(file)
    columns = rows.fieldnames or []
    for i, column in enumerate(columns):
        if column in columns[:i]:
            raise DataException(
                "The artifact '%s' is a table that has the column '%s' more than once. A list of dicts would lose one: "
                "to read it, this Python needs the package pandas: pip install pandas" % (name, column)
            )
    return list(rows)


#: How each form is read, and what to write so that it can be.
_READERS = {
    "json": (_json, "JSON with fewer levels of nesting"),
    "npy": (_array, "an array of numbers or text, not of objects"),
    "csv": (_table, "CSV in UTF-8, with a line of names and as many values in each line"),
}
