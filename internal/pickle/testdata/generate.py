"""Writes test vectors for the decoder, one JSON object a line, to standard output.

python3 generate.py > vectors.jsonl             plain values, protocols 0 to 5
python3 generate.py science > science.jsonl     numpy and pandas, if they are installed
python3 generate.py arrow > arrow.jsonl         pandas whose columns pyarrow holds, if both are installed
python3 generate.py tables > tables.jsonl       tables of polars' and pyarrow's, models, figures, if all of these are installed
python3 generate.py tensors > tensors.jsonl     tensors of torch's, arrays of JAX's, pictures of Pillow's, if all of these are installed
python2 generate.py > python2.jsonl             what Python 2 writes

Each line: name, python (version), protocol, data (base64), repr, type, and json
for values that JSON can hold. "repr" is Python's own unless the case gives what is
to be shown in place of it: classes of this file cannot be imported by a decoder
that runs nothing, and what Python shows changes between versions.
"""
from __future__ import print_function

import base64
import collections
import datetime
import decimal
import fractions
import json
import pickle
import re
import sys
import uuid

PY2 = sys.version_info[0] == 2


class Plain(object):
    def __init__(self, **kw):
        self.__dict__.update(kw)


class Slots(object):
    __slots__ = ("a", "b")


class MyList(list):
    pass


class MyDict(dict):
    pass


class MyInt(int):
    pass


class MyError(Exception):
    pass


class WithArgs(object):
    def __init__(self, x=None):
        self.x = x

    def __reduce__(self):
        return (WithArgs, (self.x,))


class Keyword(object):
    def __new__(cls, **kw):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return ((1,), {"key": "v"})


Point = collections.namedtuple("Point", "x y")


class Outer(object):
    class Inner(object):
        pass


class MetaflowExceptionWrapper(Exception):
    def __init__(self, exc=None):
        self.exception, self.type, self.stacktrace = str(exc), "ValueError", None

    def __reduce__(self):
        return MetaflowExceptionWrapper, (None,), self.__dict__


def plain_cases():
    """Yields name, value, and optionally what is shown."""
    for n in (0, 1, -1, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, 2**63,
              -2**63, -2**63 - 1, 2**64, 10**50, -10**50, 256**255, -256**256, 7**600):
        yield "int", n
    for f in (0.0, -0.0, 1.0, 1.5, -2.25, 0.1, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308,
              1e22, 1e100, float("inf"), -float("inf"), float("nan"), 3.141592653589793):
        yield "float", f
    for b in (True, False, None):
        yield "constant", b
    for s in (u"", u"a", u"it's", u'say "hi"', u"""both ' and \"""", u"tab\tnl\nret\r nul\0 bell\a del\x7f back\\slash",
              u"h\u00e9llo \u4e16\u754c \U0001f600", u"\xa0\xad\u200b\u2028\ue000\ufeff\U000e0001", u"\u0301a", u"x" * 300, u"\\u0041"):
        if PY2:
            try:
                s.encode("ascii")
            except UnicodeError:
                continue  # its repr escapes them
        yield "str", s
    yield "bytes", b"" if not PY2 else bytearray()
    if PY2:
        yield "old str", "plain \x00 'text' \\", None
        yield "old str", b"\xff\xfe", "b'\\xff\\xfe'"
        yield "old long", 12 * 10**30, None
        yield "old long", long(5), "5"  # noqa: F821
        yield "unicode", u"h\u00e9", u"'h\u00e9'"
        yield "old class", collections.OrderedDict([("a", 1)]), "OrderedDict({'a': 1})"
        yield "range", xrange(3), "range(0, 3)"  # noqa: F821
    else:
        yield "str surrogate", "\ud800 and \udfff"
        yield "bytes", b"it's \x00\x7f\x80\xff \"x\" \n\\"
        yield "bytes", b"y" * 300
        yield "bytearray", bytearray(b"ab'c\xff")
        yield "bytearray", bytearray()
    yield "list", [1, [2, [3]], []]
    yield "list", list(range(1003))
    yield "tuple", ()
    yield "tuple", (1,)
    yield "tuple", (1, 2), "(1, 2)"
    yield "tuple", (1, u"a", None)
    yield "tuple", (1, 2, 3, (4, 5, 6, 7))
    yield "dict", {}
    yield "dict", {u"a": 1, u"b": [1.5, None, True]} if not PY2 else {u"a": 1}
    yield "dict", dict((i, str(i * i)) for i in range(1003)) if not PY2 else {1: 2}
    if PY2:
        yield "set", set([1]), "{1}"
        return
    yield "dict keys", {1: 2, (1, 2): 3, None: 4, 1.5: 5, b"x": 6}
    yield "set", set()
    yield "set", {1, 2, 3}
    yield "set", set(range(1003))
    yield "frozenset", frozenset()
    yield "frozenset", frozenset({"only"})
    yield "complex", 1 + 2j
    for c in (2j, -2j, complex(0.0, -0.0), complex(-0.0, 1), complex(1e20, -1.5), complex(float("nan"), float("inf"))):
        yield "complex", c
    yield "ellipsis", [Ellipsis, NotImplemented]
    yield "types", [int, dict, type(None), ValueError, datetime.datetime, collections.OrderedDict, decimal.Decimal]
    yield "functions", [len, base64.b64encode], "[<built-in function len>, <function base64.b64encode>]"
    yield "range", [range(3), range(1, 10, 2), range(5, 0, -1)]
    yield "slice", slice(1, None, 2) if sys.version_info >= (3, 0) else None
    shared = [1]
    yield "shared", [shared, shared, {"k": shared}]
    loop = [1]
    loop.append(loop)
    yield "loop list", loop
    loop2 = {"a": 1}
    loop2["self"] = loop2
    yield "loop dict", loop2
    loop3 = ([],)
    loop3[0].append(loop3)
    yield "loop tuple", loop3
    utc = datetime.timezone.utc
    hour = datetime.timezone(datetime.timedelta(hours=-5, minutes=30))
    yield "datetime", datetime.datetime(2024, 2, 29)
    yield "datetime", datetime.datetime(2024, 2, 29, 1, 2, 3)
    yield "datetime", datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=utc)
    yield "datetime", datetime.datetime(1, 1, 1, 0, 0, 0, 7, tzinfo=hour)
    yield "datetime", datetime.datetime(2024, 10, 27, 2, 30, fold=1)
    yield "datetime", datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(seconds=3600), "CET"))
    yield "date", datetime.date(2024, 2, 29)
    yield "time", [datetime.time(1, 2), datetime.time(1, 2, 3, 4), datetime.time(0, 0, tzinfo=utc), datetime.time(2, 0, fold=1)]
    yield "timedelta", [datetime.timedelta(), datetime.timedelta(days=-1, seconds=5), datetime.timedelta(microseconds=7)]
    yield "decimal", [decimal.Decimal("1.50"), decimal.Decimal("NaN"), decimal.Decimal("-1E+100")]
    yield "fraction", [fractions.Fraction(1, 3), fractions.Fraction(-7), fractions.Fraction(10**30, 7)]
    yield "uuid", uuid.UUID("12345678-1234-5678-1234-567812345678")
    yield "uuid", [uuid.UUID(int=0), uuid.UUID(int=1)]
    import pathlib

    yield "path", [pathlib.PurePosixPath("/a/b c"), pathlib.PurePosixPath("x/y.txt"), pathlib.PurePosixPath(""), pathlib.PurePosixPath("/")]
    yield "path", pathlib.PureWindowsPath("C:\\a\\b")
    yield "path", pathlib.Path("/tmp/x")
    yield "OrderedDict", collections.OrderedDict([("b", 1), ("a", 2)]), "OrderedDict({'b': 1, 'a': 2})"
    yield "OrderedDict", collections.OrderedDict()
    yield "defaultdict", collections.defaultdict(int, {"a": 1})
    yield "defaultdict", collections.defaultdict(None)
    yield "Counter", collections.Counter("abracadabra")
    yield "Counter", collections.Counter()
    yield "deque", collections.deque([1, 2, 3])
    yield "deque", collections.deque([1], maxlen=5)
    yield "exception", ValueError("bad", 1)
    yield "exception", [KeyError("x"), StopIteration()], "[KeyError('x'), <StopIteration>]"
    yield "MyError", MyError("mine"), "MyError('mine')"
    yield "Plain", Plain(x=1, y=[2]), "<__main__.Plain x=1 y=[2]>"
    yield "Plain", Plain(), "<__main__.Plain>"
    loop4 = Plain()
    loop4.me = loop4
    yield "loop object", loop4, "<__main__.Plain me=<...>>"
    slots = Slots()
    slots.a, slots.b = 1, 2
    yield "Slots", slots, "<__main__.Slots a=1 b=2>"
    yield "MyList", MyList([1, 2]), ("<__main__.MyList [1, 2]>", "MyList([1, 2])")
    yield "MyDict", MyDict(a=1), ("<__main__.MyDict {'a': 1}>", "MyDict({'a': 1})")
    yield "MyInt", MyInt(7), "MyInt(7)"
    yield "WithArgs", WithArgs([1]), "WithArgs([1])"
    yield "Keyword", Keyword(), ("Keyword(1, key='v')", "<__main__.Keyword>")
    yield "namedtuple", Point(1, 2), ("Point(1, 2)", "Point((1, 2))")
    yield "nested class", Outer.Inner(), "<__main__.Outer.Inner>"
    yield "nested class", Outer.Inner, "<class '__main__.Outer.Inner'>"
    yield "wrapper", MetaflowExceptionWrapper(ValueError("x")), (
        "<__main__.MetaflowExceptionWrapper (None) exception='x' type='ValueError' stacktrace=None>")
    import functools

    if not PY2:
        import array
        import ipaddress

        yield "array of numbers", array.array("d", [1.5, -2.0, float("inf")])
        yield "array of numbers", [array.array("b", [1, -2]), array.array("H", [65535]), array.array("q"), array.array("f", [0.5])]
        yield "pattern", [re.compile("a.b"), re.compile("x", re.I | re.M), re.compile(b"\x00", re.S)]
        yield "address", [ipaddress.ip_address("1.2.3.4"), ipaddress.ip_address("fe80::1"), ipaddress.ip_network("10.0.0.0/8")]
    yield "partial", functools.partial(len, 1), None
    try:
        import zoneinfo

        yield "zoneinfo", zoneinfo.ZoneInfo("UTC")
    except Exception:
        pass
    deep = []
    for _ in range(50):
        deep = [deep]
    yield "deep", deep


def science_cases():
    import numpy as np
    import pandas as pd

    nd = "<numpy.ndarray shape=%s dtype=%s>"
    yield "array", np.arange(3), nd % ("(3,)", "int64")
    yield "array", np.zeros((2, 3), dtype="f4"), nd % ("(2, 3)", "float32")
    yield "array", np.zeros((2, 3), order="F"), nd % ("(2, 3)", "float64")
    yield "array", np.array(1.5), nd % ("()", "float64")
    yield "array", np.array(["ab", "c"]), nd % ("(2,)", "<U2")
    yield "array", np.array([None, {}], dtype=object), nd % ("(2,)", "object")
    yield "array", np.array([True]), nd % ("(1,)", "bool")
    yield "array", np.array([1], dtype=">i4"), nd % ("(1,)", ">i4")
    yield "array", np.array(["2024-01-01"], dtype="M8[ns]"), nd % ("(1,)", "datetime64[ns]")
    yield "array", np.array([1], dtype="m8[25s]"), nd % ("(1,)", "timedelta64[25s]")
    yield "array", np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]), nd % ("(2,)", "struct(a, b)")
    yield "array", np.zeros(4, dtype="c16"), nd % ("(4,)", "complex128")
    for x in (np.float64(1.5), np.float32(0.1), np.int8(-3), np.int64(2**40), np.uint64(2**64 - 1), np.bool_(True), np.str_("h\u00e9"), np.bytes_(b"x")):
        yield "scalar", x
    yield "array", np.array(["a"], dtype=">U2"), nd % ("(1,)", ">U2")
    yield "array", np.array([1], dtype=">M8[s]"), nd % ("(1,)", ">M8[s]")
    yield "array", np.array(["a"], dtype=np.dtypes.StringDType()), nd % ("(1,)", "StringDType()")
    yield "array", np.rec.array([(1, "a")], dtype=[("x", "i4"), ("y", "U3")]), "<numpy.rec.recarray shape=(1,) dtype=struct(x, y)>"
    yield "array", np.ma.array([1, 2, 3], mask=[0, 1, 0]), "<numpy.ma.MaskedArray shape=(3,) dtype=int64>"
    for x in (np.float16(0.1), np.float16(1.5), np.float16(6e-8), np.float16("nan"), np.complex64(0.1 + 2j), np.complex128(1 - 2.5j), np.complex128(3j),
              np.datetime64("2020"), np.datetime64("1965-11"), np.datetime64("2020-02-29"), np.datetime64("2020-01-01T12"), np.datetime64("2020-01-01T12:30"),
              np.datetime64("1969-12-31T23:59:59"), np.datetime64("1969-12-31T23:59:59.250"), np.datetime64("2020-01-01T12:00:00.000001"),
              np.datetime64(1, "ns"), np.datetime64("NaT", "s"), np.timedelta64(5, "m"), np.timedelta64(-3, "25s"), np.timedelta64("NaT", "D"), np.timedelta64(7)):
        yield "scalar", x
    yield "scalar", np.float16(65504), ("np.float16(65500.0)", "np.float16(6.55e+04)")  # numpy before 2.4, and since
    yield "scalar", np.longdouble(1.5), "<numpy.longdouble, readable only in Python>"
    record = np.array([(1, 2.5)], dtype=[("x", "i4"), ("y", "f8")])
    yield "scalar", record[0], "<numpy.void dtype=struct(x, y), readable only in Python>"
    yield "scalar", record.view(np.recarray)[0], "<numpy.record dtype=struct(x, y), readable only in Python>"
    yield "dtype", [np.dtype("f8"), np.dtype("O"), np.dtype("bool")], "[dtype('float64'), dtype('object'), dtype('bool')]"
    frame = "<%s shape=%s columns=%s dtype=%s>"
    df = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5]})
    name = "pandas.DataFrame" if pd.DataFrame.__module__ == "pandas" else "pandas.core.frame.DataFrame"
    yield "frame", df, frame % (name, "(3, 2)", "['a', 'b']", "int64,float64")
    yield "frame", df.set_index("a"), frame % (name, "(3, 1)", "['b']", "float64")
    yield "frame", pd.DataFrame(np.zeros((5, 4))), "<%s shape=(5, 4) dtype=float64>" % name
    yield "frame", df.set_index(pd.date_range("2024-01-01", periods=3)), frame % (name, "(3, 2)", "['a', 'b']", "int64,float64")
    sname = name.replace("DataFrame", "Series").replace("frame", "series")
    yield "series", df["b"], "<%s shape=(3,) name='b' dtype=float64>" % sname
    yield "series", pd.Series(["a", "b"], dtype="category"), "<%s shape=(2,) dtype=category>" % sname
    days = pd.Series(pd.to_datetime(["2024-01-02", "2024-01-03"]))
    for x, dtype in ((days, days.dtype), (days.dt.tz_localize("Europe/Berlin"), None), (days.dt.tz_localize("UTC"), None), (days - days[0], None),
                     (pd.Series([1, None], dtype="Int64"), None), (pd.Series([1, None], dtype="UInt8"), None), (pd.Series([1.5, None], dtype="Float32"), None),
                     (pd.Series([True, None], dtype="boolean"), None), (pd.Series(pd.period_range("2020-01", periods=2, freq="M")), None),
                     (pd.Series(pd.interval_range(0, 2)), "interval"), (pd.Series(pd.arrays.SparseArray([0.0, 1.0])), "Sparse[float64]")):
        yield "series", x, "<%s shape=(2,) dtype=%s>" % (sname, dtype or x.dtype)
    yield "categories", pd.Categorical(["a", "b"]), "<pandas.Categorical shape=(2,) dtype=category>"
    for x in (pd.date_range("2020-01-01", periods=3), pd.date_range("2020-01-01", periods=3, tz="UTC"), pd.timedelta_range("1D", periods=3),
              pd.period_range("2020-01", periods=3, freq="M"), pd.interval_range(0, 3), pd.CategoricalIndex(["a", "b", "a"]), pd.RangeIndex(1, 7, 2),
              pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("b", 3)])):
        yield "index", x, "<%s shape=(3,)>" % type_name(x)
    for x in (pd.Timestamp("2020-01-01 12:00"), pd.Timestamp("1965-01-01 12:00:00.25"), pd.Timestamp("2020-07-01 12:00", tz="Europe/Berlin"),
              pd.Timestamp("2020-01-01 12:00:00.123456789", tz="UTC"), pd.Timedelta("1D 2h"), pd.Timedelta("-1s"), pd.Timedelta("-25h 1us"), pd.Timedelta(1, "ns"),
              pd.Period("2020-01", "M"), pd.Period("2020-01-05", "D"), pd.Interval(0, 1.5, closed="left"), pd.NaT, pd.NA):
        yield "time", x
    yield "time", pd.Period("2020Q1", "Q"), "<pandas.Period freq=QuarterEnd ordinal=200>"


def arrow_cases():
    import pandas as pd
    import pyarrow as pa

    array = "<pandas.arrays.Arrow%s shape=(%d,) dtype=%s>"
    frame = "<pandas.DataFrame shape=%s columns=%s dtype=%s>"
    series = "<pandas.Series shape=(%d,)%s dtype=%s>"
    texts = ["a", "b\u00e9", None, "", 'say "hi", twice', "\U0001f600"]
    df = pd.DataFrame({"name": texts, "n": range(6)})
    yield "arrow frame", df, frame % ("(6, 2)", "['name', 'n']", "str,int64")
    yield "arrow frame", df.iloc[1:4], frame % ("(3, 2)", "['name', 'n']", "str,int64")
    yield "arrow frame", pd.DataFrame({"empty": []}, dtype="str"), frame % ("(0, 1)", "['empty']", "str")
    yield "arrow frame", pd.DataFrame({"gap": [None, "x", None]}, dtype="str"), frame % ("(3, 1)", "['gap']", "str")
    yield "arrow frame", pd.DataFrame({"x": [1, 2]}, index=["r", "s"]), frame % ("(2, 1)", "['x']", "int64")
    yield "arrow frame", pd.DataFrame({"c": pd.Categorical(["u", "v", "u", None])}), frame % ("(4, 1)", "['c']", "category")
    pairs = pd.DataFrame({"x": [1.5, 2.5]}, index=pd.MultiIndex.from_tuples([("p", 1), ("q", 2)]))
    yield "arrow frame", pairs, frame % ("(2, 1)", "['x']", "float64")
    many = pd.DataFrame(dict((kind, pd.array([1, None, 0], dtype=kind + "[pyarrow]")) for kind in ("int8", "int64", "uint64", "float", "double", "bool", "string")))
    yield "arrow frame", many, frame % ("(3, 7)", list(many.columns), ",".join(map(str, many.dtypes)))
    yield "arrow series", df["name"], series % (6, " name='name'", "str")
    yield "arrow series", pd.Series(texts, dtype="string"), series % (6, "", "string")
    when = pd.Series(pd.to_datetime(["2024-01-02", None])).astype("timestamp[ns][pyarrow]")
    yield "arrow series", when, series % (2, "", "timestamp[ns][pyarrow]")
    for frame_of, types in ((plain_columns(pd, pa), True), (columns_with_parts(pd, pa), False)):
        dtypes = ",".join(dict.fromkeys(map(str, frame_of.dtypes)))
        count = len(frame_of.columns)
        if count > 8:  # no more types are named
            dtypes = ",".join(list(dict.fromkeys(map(str, frame_of.dtypes)))[:8]) + ",..."
        yield "arrow frame" if types else "arrow parts", frame_of, frame % ("(3, %d)" % count, list(frame_of.columns), dtypes)
        half = frame_of.iloc[1:]
        yield "arrow frame" if types else "arrow parts", half, frame % ("(2, %d)" % count, list(half.columns), dtypes)
    yield "arrow index", pd.Index(["a", None, "c"]), "<pandas.Index shape=(3,)>"
    yield "arrow array", pd.array(texts, dtype="str"), array % ("StringArray", 6, "str")
    yield "arrow array", pd.array([1, None], dtype="int64[pyarrow]"), array % ("ExtensionArray", 2, "int64[pyarrow]")
    # What pandas does not write by itself, but older versions do: slices, and more than one chunk.
    sliced = pa.array(["skipped"] * 9 + texts).slice(9)
    for data in (sliced, pa.chunked_array([["a", None], [], ["b"]])):
        column = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array(data) if isinstance(data, pa.ChunkedArray) else data))
        yield "arrow series", column, series % (len(data), "", "string[pyarrow]")


def table_cases():
    """Yields name, value, what is shown, and of tables the columns: name, type, cells."""
    import polars as pl
    import pyarrow as pa
    import pydantic

    day, clock = datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5)
    words = ["x", "a text that is longer than twelve", None]
    columns = [
        ("a", [1, None, 3], "int64", "1 null 3"), ("f", [1.5, float("nan"), None], "double", "1.5 NaN null"), ("s", words, "string_view", "|".join(["x", words[1], "null"])),
        ("b", [True, None, False], "bool", "True null False"), ("d", [day, None, day], "date32[day]", "2024-01-02 null 2024-01-02"),
        ("t", [clock, None, clock], "timestamp[us]", "2024-01-02 03:04:05|null|2024-01-02 03:04:05"),
        ("z", pl.Series([clock, None, clock]).dt.replace_time_zone("Europe/Berlin"), "timestamp[us, tz=Europe/Berlin]", "2024-01-02 03:04:05+01:00|null|2024-01-02 03:04:05+01:00"),
        ("l", [[1], [2, None], None], "large_list<item: int64>", "[1]|[2, None]|null"), ("c", pl.Series(["x", None, "x"], dtype=pl.Categorical), "dictionary<values=string_view, indices=uint32, ordered=0>", "x null x"),
        ("e", pl.Series(["lo", "hi", None], dtype=pl.Enum(["lo", "hi"])), "dictionary<values=string_view, indices=uint8, ordered=1>", "lo hi null"),
        ("m", pl.Series([decimal.Decimal("1.50"), None, decimal.Decimal("-0.05")]), "decimal128(38, 2)", "1.50 null -0.05"),
        ("r", [{"q": 1, "w": "it's"}, {"q": None, "w": None}, None], "struct<q: int64, w: string_view>", "{'q': 1, 'w': \"it's\"}|{'q': None, 'w': None}|null"),
        ("u", pl.Series([1, 2, 255], dtype=pl.UInt8), "uint8", "1 2 255"), ("took", [datetime.timedelta(1), None, datetime.timedelta(0, 1)], "duration[us]", "1 days 00:00:00|null|0 days 00:00:01"),
        ("o", [datetime.time(1, 2, 3), None, None], "time64[ns]", "01:02:03 null null"), ("y", [b"ab", None, b"\0"], "binary_view", "b'ab'|null|b'\\x00'"), ("n", [None] * 3, "null", "null null null"),
        ("p", pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int64, 2)), "fixed_size_list<item: int64>[2]", "[1, 2]|null|[3, 4]"),
    ]
    told = [[name, typ, cells.split("|" if "|" in cells else " ")] for name, _, typ, cells in columns]
    names = [name for name, _, _ in told]
    frame = pl.DataFrame(dict((name, values) for name, values, _, _ in columns))
    shown = "<polars.DataFrame shape=(%d, 18) columns=" + repr(names) + " dtype=" + ",".join(typ for _, typ, _ in told[:8]) + ",...>"
    yield "polars", frame, shown % 3, told
    yield "polars", frame[1:], shown % 2, [[name, typ, cells[1:]] for name, typ, cells in told]
    yield "polars", frame[:0], shown % 0, [[name, typ, []] for name, typ, _ in told]
    twice = pl.concat([frame, frame], rechunk=False)
    yield "polars", twice, shown % 6, [[name, typ, cells * 2] for name, typ, cells in told]
    yield "polars", pl.DataFrame(), "<polars.DataFrame shape=(0, 0) columns=[]>", []
    yield "polars", frame["s"], "<polars.Series shape=(3,) name='s' dtype=string_view>", [told[2]]
    lazy = frame.lazy()
    yield "lazy", lazy, "<polars.lazyframe.frame.LazyFrame, %d bytes, readable only in Python>" % len(lazy.__getstate__())

    parts = pa.chunked_array([[1, None], [3]])
    table = pa.table({"a": parts, "s": words, "z": pa.array([clock, None, clock], pa.timestamp("us", "UTC")), "c": pa.array(["x", None, "x"]).dictionary_encode()})
    of = [["a", "int64", ["1", "null", "3"]], ["s", "string", ["x", words[1], "null"]], ["z", "timestamp[us, tz=UTC]", ["2024-01-02 03:04:05+00:00", "null", "2024-01-02 03:04:05+00:00"]],
          ["c", "dictionary<values=string, indices=int32, ordered=0>", ["x", "null", "x"]]]  # fmt: skip
    shown = "<pyarrow.%s shape=(%d, 4) columns=['a', 's', 'z', 'c'] dtype=" + ",".join(typ for _, typ, _ in of) + ">"
    yield "pyarrow", table, shown % ("Table", 3), of
    yield "pyarrow", table.slice(1, 2), shown % ("Table", 2), [[name, typ, cells[1:]] for name, typ, cells in of]
    yield "pyarrow", table.combine_chunks().to_batches()[0], shown % ("RecordBatch", 3), of
    yield "pyarrow", parts, "<pyarrow.ChunkedArray shape=(3,) dtype=int64>", [["", *of[0][1:]]]

    class Model(pydantic.BaseModel):
        model_config = {"extra": "allow"}
        rate: float = 0.1
        layers: list = [64, 32]
        _seen: int = 7

    Model.__qualname__ = "Model"
    globals()["Model"] = Model
    yield "pydantic", Model(), "<__main__.Model rate=0.1 layers=[64, 32] _seen=7>"
    yield "pydantic", Model(rate=1, more="m"), "<__main__.Model rate=1.0 layers=[64, 32] more='m' _seen=7>"

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield "figure", plt.subplots(1, 2, figsize=(5, 3))[0]


def tensor_cases():
    """Yields name, value and what is shown."""
    import jax
    import PIL.Image
    import torch

    for dtype in (
        "float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex128",
        "complex64", "uint16", "float8_e4m3fn",
    ):  # fmt: skip
        tensor = torch.ones((2, 3), dtype=getattr(torch, dtype))
        yield "tensor", tensor, "<torch.Tensor shape=(2, 3) dtype=%s>" % dtype
    yield "tensor", torch.tensor(1.5), "<torch.Tensor shape=() dtype=float32>"
    yield "tensor", tensor[:, :1], "<torch.Tensor shape=(2, 1) dtype=float8_e4m3fn>"
    weights = torch.nn.Linear(3, 2).state_dict()
    yield "weights", weights, "OrderedDict({'weight': <torch.Tensor shape=(2, 3) dtype=float32>, 'bias': <torch.Tensor shape=(2,) dtype=float32>})"
    yield "parameter", torch.nn.Parameter(torch.ones(2)), "<torch.nn.parameter.Parameter shape=(2,) dtype=float32>"
    yield "jax", jax.numpy.ones((2, 3)), "<jax.Array shape=(2, 3) dtype=float32>"
    yield "jax", jax.numpy.int32(7), "<jax.Array shape=() dtype=int32>"
    yield "picture", PIL.Image.new("RGB", (4, 2)), "<PIL.Image.Image image mode=RGB size=4x2>"
    yield "picture", PIL.Image.new("P", (4, 2)), "<PIL.Image.Image image mode=P size=4x2>"


def arrow_column(pd, pa, values, typ):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, typ)])))


def plain_columns(pd, pa):
    """Columns of the types of Arrow's whose elements have a text of their own."""
    when = [datetime.datetime(2024, 1, 2, 3, 4, 5), None, datetime.datetime(1969, 12, 31, 23, 59, 59, 250000)]
    money = [decimal.Decimal("1.50"), None, decimal.Decimal("-12345.67")]
    words = ["a", None, "a text that is longer than twelve"]
    columns = {
        "s": (when, pa.timestamp("ms")), "us": (when, pa.timestamp("us")), "ns": (when, pa.timestamp("ns")),
        "utc": (when, pa.timestamp("us", "UTC")), "berlin": (when, pa.timestamp("us", "Europe/Berlin")), "east": (when, pa.timestamp("us", "+05:30")),
        "date32": ([datetime.date(2024, 2, 29), None, datetime.date(1931, 1, 1)], pa.date32()), "date64": ([datetime.date(2024, 2, 29), None, None], pa.date64()),
        "time": ([datetime.time(1, 2, 3, 4), None, datetime.time(23, 59)], pa.time64("us")),
        "took": ([datetime.timedelta(1, 2), None, datetime.timedelta(seconds=-1)], pa.duration("us")),
        "decimal128": (money, pa.decimal128(12, 2)), "decimal256": (money, pa.decimal256(50, 2)), "decimal64": (money, pa.decimal64(12, 2)),
        "tiny": ([decimal.Decimal("0.0000001"), None, decimal.Decimal("0.05")], pa.decimal128(12, 9)), "round": ([decimal.Decimal(7), None, decimal.Decimal(-70)], pa.decimal128(12, 0)),
        "dictionary": (["x", None, "x"], pa.dictionary(pa.int8(), pa.string())), "large": (words, pa.large_string()),
    }
    return pd.DataFrame(dict((name, arrow_column(pd, pa, *of)) for name, of in columns.items()))


def columns_with_parts(pd, pa):
    """Columns of the types of Arrow's whose elements are shown, but have no text of their own."""
    columns = {
        "list": ([[1, 2], None, []], pa.list_(pa.int64())), "large": ([["it's", None], None, ["x"]], pa.large_list(pa.string())),
        "fixed": ([[0.5, 1.5], None, [2.0, float("nan")]], pa.list_(pa.float64(), 2)), "nested": ([[[1], None], None, [[2, 3]]], pa.list_(pa.list_(pa.int8()))),
        "struct": ([{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}], pa.struct([("a", pa.int64()), ("b", pa.string())])),
        "binary": ([b"\x00'", None, b"ab"], pa.binary()), "four": ([b"abcd", None, b"\xff\xff\xff\xff"], pa.binary(4)), "null": ([None] * 3, pa.null()),
        "view": (["a", None, "a text that is longer than twelve"], pa.string_view()),  # which pandas has no CSV of
    }
    return pd.DataFrame(dict((name, arrow_column(pd, pa, *of)) for name, of in columns.items()))


def cells(value):
    """What is shown of the cells of a frame, column for column."""
    import pandas as pd

    def text(x):
        if hasattr(x, "tolist"):  # of a list pandas makes an array
            x = x.tolist()
        return str(x) if isinstance(x, (list, dict)) else "<NA>" if x is pd.NA or x is None else "NaN" if pd.isna(x) else str(x)

    columns = [value] if isinstance(value, pd.Series) else [value[name] for name in value.columns]
    return [[text(x) for x in c] for c in columns]


def type_name(value):
    cls = type(value)
    module = cls.__module__
    return cls.__name__ if module in ("builtins", "__builtin__") else module + "." + getattr(cls, "__qualname__", cls.__name__)


def is_json(value):
    try:
        json.dumps(value, ensure_ascii=False).encode()
        return value == json.loads(json.dumps(value, allow_nan=False)) and "(" not in repr(value) and not isinstance(value, dict) or (
            type(value) is dict and all(isinstance(k, str) and is_json(v) for k, v in value.items()))
    except Exception:
        return False


def main():
    cases = science_cases() if "science" in sys.argv else arrow_cases() if "arrow" in sys.argv else table_cases() if "tables" in sys.argv else tensor_cases() if "tensors" in sys.argv else plain_cases()
    for case in cases:
        name, value = case[0], case[1]
        shown = case[2] if len(case) > 2 and case[2] is not None else None
        if shown is None:
            shown = repr(value)
            if PY2:
                shown = re.sub(r"\bu(['\"])", r"\1", shown)
            if PY2 and shown.endswith("L"):
                shown = shown[:-1]
        shown = [shown] if not isinstance(shown, tuple) else list(shown)
        for protocol in reversed(range(pickle.HIGHEST_PROTOCOL + 1)):
            if "arrow" in sys.argv and protocol in (1, 3) or ("tables" in sys.argv or "tensors" in sys.argv) and protocol not in (2, 4, 5) or name == "figure" and protocol < 5:
                continue  # they differ little from their neighbours
            if protocol < 4:  # which have no place for it
                shown = [s.replace(", fold=1", "") for s in shown]
            try:
                data = pickle.dumps(value, protocol)
            except Exception:
                continue  # not every value can be written by every protocol
            line = {
                "name": name, "python": "%d.%d" % sys.version_info[:2], "protocol": protocol,
                "data": base64.b64encode(data).decode(), "repr": shown, "type": type_name(value),
            }
            if not PY2 and type(value) in (int, float, str, bool, list, dict, type(None)) and is_json(value):
                line["json"] = json.dumps(value)
            if type_name(value) in ("pandas.DataFrame", "pandas.Series") and "arrow" in sys.argv:
                line["cells"] = cells(value)
                if type_name(value) == "pandas.DataFrame" and "category" not in shown[0] and case[0] != "arrow parts":
                    line["csv"] = value.to_csv(index=False)
            if len(case) > 3:
                line["columns"] = case[3]
            print(json.dumps(line, sort_keys=True))


if __name__ == "__main__":
    main()
