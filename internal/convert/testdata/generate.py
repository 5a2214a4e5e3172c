"""Values of Python with the form in which other languages read them: python3 generate.py > values.jsonl

Needs numpy and pandas. Each line: what it is, its pickle, and the codec and the bytes that it becomes; or why it does not.
"""

import base64
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import ipaddress
import json
import pathlib
import pickle
import sys
import uuid
import zoneinfo

import numpy as np
import pandas as pd


def b64(data):
    return base64.b64encode(data).decode()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def put(name, value, codec=None, data=None, refused=None, protocols=(2, 4, 5)):
    for protocol in protocols:
        line = {"name": name, "protocol": protocol, "pickle": b64(pickle.dumps(value, protocol))}
        if refused:
            line["refused"] = refused
        else:
            line["codec"] = codec
            line["data"] = b64(data)
        print(json.dumps(line))


def plain(name, value):
    put(name, value, "json", json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


@dataclasses.dataclass
class Model:
    name: str


class Colour(enum.Enum):
    RED = 1


plain("numbers", [1, -2.5, 10**30, True, None])
plain("text", {"ä": "ü<", "": []})
plain("tuple", (1, ("a", [2])))
put("numpy scalar", {"x": np.float64(2.5), "n": np.int32(7)}, "json", b'{"x":2.5,"n":7}')
put("bytes", b"\x00\xff", "file", b"\x00\xff")
put("bytearray", bytearray(b"ab"), "file", b"ab")
for dtype in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"):
    put("array " + dtype, np.arange(6).astype(dtype).reshape(2, 3), "npy", npy(np.arange(6).astype(dtype).reshape(2, 3)))
put("array in Fortran's order", np.asfortranarray(np.arange(6).reshape(2, 3)), "npy", npy(np.asfortranarray(np.arange(6).reshape(2, 3))))
put("array of big-endian numbers", np.arange(3, dtype=">i4"), "npy", npy(np.arange(3, dtype="<i4")))
put("array without elements", np.zeros((0, 3)), "npy", npy(np.zeros((0, 3))))
put("array of one number", np.array(1.5), "npy", npy(np.array(1.5)))
put("array that is a view", np.arange(20)[::3], "npy", npy(np.ascontiguousarray(np.arange(20)[::3])))
frame = pd.DataFrame({"n": [1, 2], "x": [0.5, None], "s": ["a,b", None], "b": [True, False], "m": [3, 4]})
put("frame", frame, "csv", frame.to_csv(index=False).encode())
put("frame without rows", frame.iloc[:0], "csv", b"n,x,s,b,m\n")
put("frame of one type", pd.DataFrame(np.arange(6).reshape(3, 2), columns=["a", "b"]), "csv", b"a,b\n0,1\n2,3\n4,5\n")
put("frame of what CSV quotes", pd.DataFrame({"a,b": [",", '"', "\r\n", " x", "\\.", "x y", "\u2028x"]}, dtype=object), "csv", '"a,b"\n","\n""""\n"\r\n"\n" x"\n"\\."\nx y\n"\u2028x"\n'.encode())
put("frame of a column without a name", pd.DataFrame({"": [1]}), "csv", b'""\n1\n')
put("frame without columns", pd.DataFrame(), "csv", b"\n")
put("half of a character", {"a": ["ok", "x\udc80"]}, refused='it has a text at ["a"][1] with halves of characters')
put("half of a character in a key", {"\ud800": 1}, refused="with halves of characters")
put("half of a character in an array", np.array(["x\udc80"], dtype=object), refused="it has a text at [0] with halves of characters")
put("frame of halves of characters", pd.DataFrame({"t": pd.Series(["x\udc80"], dtype=object)}), refused='column "t" has the dtype object and holds text with halves of characters')
put("frame of huge numbers", pd.DataFrame({"n": pd.Series([2**70, 10**5000], dtype=object)}), refused='column "n" has the dtype object and holds an int of 16610 bits')
put("frame of large numbers", pd.DataFrame({"n": pd.Series([2**70, -1], dtype=object), "u": np.array([2**64 - 1, 0], dtype="u8")}), "csv", b"n,u\n1180591620717411303424,18446744073709551615\n-1,0\n")
put("huge number", [10**5000], refused="it has an int of 16610 bits at [0]")
put("set", {1, 2}, refused="set")
put("key", {1: 2}, refused="key 1")
texts = [decimal.Decimal("12.50"), fractions.Fraction(-1, 3), uuid.UUID(int=5), pathlib.PurePosixPath("/a/b"), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1")]
put("objects that are text", texts, "json", json.dumps([str(one) for one in texts], separators=(",", ":")).encode())
put("column of objects that are text", pd.DataFrame({"o": texts}), "csv", "".join(str(one) + "\n" for one in ["o", *texts]).encode())
put("data class", [Model("m")], refused="it has a __main__.Model at [0]")
put("enum", {"c": Colour.RED}, refused='it has a __main__.Colour at ["c"]')
put("complex number of numpy's", np.complex128(1j), refused="it is a numpy.complex128, and that is not plain data")
put("nan", [1.0, float("nan")], refused="NaN")
put("object", [1, io.StringIO], refused="at [1]")
text = np.asfortranarray(np.array([["a", "b"], ["c", None]], dtype=object))
put("frame of objects in Fortran's order", pd.DataFrame(text, columns=["p", "q"], dtype=object), "csv", b"p,q\na,b\nc,\n")
put("frame with pandas' missing text", pd.DataFrame({"n": [1, 2], "s": pd.array(["a", None], dtype="string")}), "csv", b"n,s\n1,a\n2,\n")
put("array of objects", np.array([{"a": 1}, None, "x"], dtype=object), "json", b'[{"a":1},null,"x"]')
put("array of odd objects", np.array([[1], [io.StringIO]], dtype=object), refused="at [1]")
put("array of complex numbers", np.array([1j]), refused="it is a numpy.ndarray, and its dtype, complex128, is none of plain data")
put("arrays in a dict", {"x": np.array([[1, 2], [3, 4]], dtype="i2"), "f": np.array([0.1], dtype="f4"), "none": np.zeros((2, 0))}, "json",
    json.dumps({"x": [[1, 2], [3, 4]], "f": [float(np.float32(0.1))], "none": [[], []]}, separators=(",", ":")).encode())
put("array of text", np.array([["a", "bü"], ["", "c"]], order="F"), "json", '[["a","bü"],["","c"]]'.encode())
put("record array", np.rec.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]), "csv", b"x,y\n1,2.0\n")
rows = [(True, -1, 2.5, "ä", "2026-01-02"), (False, 7, np.nan, "", "NaT")]
records = np.array(rows, dtype=[("b", "?"), ("i", ">i2"), ("f", "f4"), ("t", "U3"), ("d", "M8[D]")])
put("structured array", records, "csv", "b,i,f,t,d\nTrue,-1,2.5,ä,2026-01-02\nFalse,7,,,\n".encode())
put("structured array with room between", np.zeros(2, dtype={"names": ["y", "x"], "formats": ["i4", "u1"], "offsets": [4, 0], "itemsize": 12}), "csv", b"y,x\n0,0\n0,0\n")
put("structured array of objects", np.array([(1, "a"), (2, None)], dtype=[("n", "i4"), ("o", "O")]), "csv", b"n,o\n1,a\n2,\n")
put("structured array without rows", records[:0], "csv", b"b,i,f,t,d\n")
put("structured array of two dimensions", records.reshape(1, 2), refused="it is a numpy.ndarray, and its dtype, struct(b, i, f, t, d), is none of plain data")
put("structured array of bytes", np.array([(1, b"a", (1, 2))], dtype=[("n", "i4"), ("s", "S2"), ("v", "i4", 2)]), refused='column "s" has the dtype S2, column "v" has the dtype V8')
put("masked array", np.ma.array([1, 2], mask=[0, 1]), refused="it is a numpy.ma.MaskedArray, and its dtype, int64 with a mask, is none of plain data")
put("complex array in a dict", {"x": np.array([1j])}, refused='it has a numpy.ndarray with the dtype complex128 at ["x"]')


def times(name, value, text):
    put(name, value, "json", json.dumps(text, separators=(",", ":")).encode())


instant = "2026-01-02T03:04:05.123456789"
days = {"Y": "2026-01-01", "M": "2026-01-01", "W": "2026-01-01", "D": "2026-01-02"}
clocks = {"h": "03:00:00", "m": "03:04:00", "s": "03:04:05", "ms": "03:04:05.123", "us": "03:04:05.123456", "ns": "03:04:05.123456789"}
for unit in list(days) + list(clocks):
    text = days[unit] if unit in days else "2026-01-02T" + clocks[unit]
    times("times in " + unit, np.array([instant, "NaT"], dtype="M8[%s]" % unit), [text, None])
    times("time in " + unit, {"t": np.datetime64(instant, unit)}, {"t": text})
times("times in 25 s", np.array([1, 2], dtype="M8[25s]"), ["1970-01-01T00:00:25", "1970-01-01T00:00:50"])
times("big-endian times", np.array([1], dtype=">M8[s]"), ["1970-01-01T00:00:01"])
times("times of two dimensions", np.array([["2026-01-02", "2026-01-03"], ["NaT", "0001-01-01"]], dtype="M8[D]", order="F"), [["2026-01-02", "2026-01-03"], [None, "0001-01-01"]])
times("one time", np.array("9999-12-31", dtype="M8[D]"), "9999-12-31")
times("no times", np.zeros((2, 0), dtype="M8[s]"), [[], []])
times("spans", np.array([90, -1, "NaT"], dtype="m8[m]"), ["0 days 01:30:00", "-1 days +23:59:00", None])
times("span", [np.timedelta64(1500, "ms"), np.timedelta64("NaT", "s")], ["0 days 00:00:01.500000", None])
put("time before the years", np.array(["0001-01-01", "0000-12-31"], dtype="M8[D]"), refused="it has a time outside of the years 1 to 9999 at [1]")
put("time after the years", [np.datetime64("10000-01-01", "s")], refused="it has a time outside of the years 1 to 9999 at [0]")
put("time far after the years", np.array([2**63 - 1], dtype="M8[s]"), refused="it has a time outside of the years 1 to 9999 at [0]")
put("times of a picosecond", np.array([1], dtype="M8[ps]"), refused="it is a numpy.ndarray, and its dtype, datetime64[ps], is none of plain data")
put("spans of months", np.array([1], dtype="m8[M]"), refused="it is a numpy.ndarray, and its dtype, timedelta64[M], is none of plain data")
berlin = "Europe/Berlin"
zoned = pd.Timestamp("2026-07-02 03:04:05.5", tz=berlin)
times("moments", {"n": pd.Timestamp("2026-01-02"), "z": zoned, "utc": zoned.tz_convert("UTC").as_unit("s"), "old": pd.Timestamp("1890-01-01", tz=berlin).as_unit("s"), "not": [pd.NaT, pd.NA]},
      {"n": "2026-01-02T00:00:00.000000", "z": "2026-07-02T03:04:05.500000+02:00", "utc": "2026-07-02T01:04:05+00:00", "old": "1889-12-31T23:06:32+00:00", "not": [None, None]})
utc = datetime.timezone.utc
summer, winter = (datetime.datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo(berlin), fold=fold) for fold in (0, 1))
times("Python's times", [datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.datetime(1, 1, 1, tzinfo=utc), datetime.date(2026, 1, 2), datetime.time(3, 4, 5), datetime.timedelta(days=-1, seconds=1)],
      ["2026-01-02T03:04:05.000000", "0001-01-01T00:00:00.000000+00:00", "2026-01-02", "03:04:05", "-1 days +00:00:01"])
put("hour that comes twice", [summer, winter], "json", b'["2026-10-25T02:30:00.000000+02:00","2026-10-25T02:30:00.000000+01:00"]', protocols=(4, 5))  # before, a pickle does not tell
moments = pd.Series(pd.to_datetime(["2026-01-02 03:04:05.5", None])).astype("M8[ms]")
times("series of times", moments, ["2026-01-02T03:04:05.500", None])
times("series of times in a zone", moments.dt.tz_localize(berlin), ["2026-01-02T03:04:05.500+01:00", None])
times("series of spans", moments - moments[0], ["0 days 00:00:00", None])
times("series of categories", pd.Series(pd.Categorical(["lo", None, "hi", "lo"])), ["lo", None, "hi", "lo"])
times("series of categories of times", pd.Series(pd.Categorical(moments)), ["2026-01-02T03:04:05.500", None])
times("series of ranges", pd.cut(pd.Series([1, 5, None]), [0, 2, 9]), ["(0, 2]", "(2, 9]", None])
times("series of nullable ints", pd.Series([1, None, 2**62], dtype="Int64"), [1, None, 2**62])
times("series of nullable floats", pd.Series([1.5, None], dtype="Float32"), [1.5, None])
times("series of nullable bools", pd.Series([True, None, False], dtype="boolean"), [True, None, False])
times("series of text", pd.Series(["a", None], dtype="string"), ["a", None])
times("series of objects", pd.Series([1, "a", None, float("nan"), pd.NA, moments[0], [True]], dtype=object), [1, "a", None, None, None, "2026-01-02T03:04:05.500", [True]])
times("series", pd.Series([1, 2], index=["x", "y"]), [1, 2])
times("series with a gap", pd.Series([0.5, None]), [0.5, None])
put("series with an infinity", pd.Series([0.5, float("inf")]), refused="it has the number +Inf at [1], which JSON does not have")
put("series of complex numbers", pd.Series([1j]), refused="it is a pandas.Series, and its dtype, complex128, is none of plain data")
for freq in ("Y", "Y-JUN", "Q", "Q-NOV", "M", "2M", "D", "h", "min", "s"):
    periods = pd.Series(pd.period_range("1969-12-05", periods=3, freq=freq)).replace({pd.Period("1970-01", "M"): pd.NaT} if freq == "M" else {})
    times("series of periods of " + freq, periods, [None if p is pd.NaT else str(p) for p in periods])
put("series of weeks", pd.Series(pd.period_range("2026-01", periods=2, freq="W")), refused="it is a pandas.Series, and its dtype, period[W-SUN], is none of plain data")
for closed in ("left", "right", "both", "neither"):
    ranges = pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1.5), None, (2, 3)], closed=closed))
    times("series of intervals with " + closed, ranges, [str(ranges[0]), None, str(ranges[2])])
times("index of intervals", pd.interval_range(0, 2), ["(0, 1]", "(1, 2]"])
times("index", {"i": pd.date_range("2020-01-01", periods=2, unit="s")}, {"i": ["2020-01-01T00:00:00", "2020-01-02T00:00:00"]})
times("range", pd.RangeIndex(1, 7, 2), [1, 3, 5])
times("index of text", pd.Index(["a", "b"]), ["a", "b"])
put("huge range", pd.RangeIndex(2**60), refused="it is a pandas.RangeIndex, and it takes more than 64 MiB as JSON")
put("index of pairs", pd.MultiIndex.from_tuples([("a", 1)]), refused="it is a pandas.MultiIndex, and its element at [0] can be read only in Python")
put("frame in a dict", {"f": frame}, refused='it has a pandas.DataFrame at ["f"]')
typed = pd.DataFrame({"t": moments, "z": moments.dt.tz_localize(berlin), "took": moments - moments[0], "c": pd.Categorical(["x", None]), "i": pd.array([None, 3], dtype="Int64"),
                      "b": pd.array([True, None], dtype="boolean"), "o": pd.Series([moments[0], datetime.date(2026, 1, 2)], dtype=object), "r": pd.cut([1, 5], [0, 2, 9]), "p": pd.period_range("2026-01", periods=2, freq="M")})
put("frame of several types", typed, "csv", b"""t,z,took,c,i,b,o,r,p
2026-01-02 03:04:05.500000,2026-01-02 03:04:05.500000+01:00,0 days 00:00:00,x,,True,2026-01-02 03:04:05.500000,"(0, 2]",2026-01
,,,,3,,2026-01-02,"(2, 9]",2026-02
""")
both = pd.DataFrame({"t": moments, "u": moments})
put("frame of times", both, "csv", b"t,u\n2026-01-02 03:04:05.500000,2026-01-02 03:04:05.500000\n,\n")
put("frame of a time after the years", pd.DataFrame({"t": np.array(["10000-01-01"], dtype="M8[s]")}), refused='it is a pandas.DataFrame: column "t" has the dtype datetime64[s] and holds a time outside of the years 1 to 9999')
odd = pd.DataFrame({"p": pd.period_range("2026-01", periods=1, freq="W"), "o": pd.Series([[1]], dtype=object), "n": [1]})
put("frame of odd types", odd, refused='column "p" has the dtype period[W-SUN], column "o" has the dtype object and holds a list')
put("frame of many types", pd.DataFrame({"c%d" % i: [1j] for i in range(7)}), refused='column "c4" has the dtype complex128, and 2 more columns are not plain either')
put("frame with numbers as names", pd.DataFrame([[1, 2]]), "csv", b"0,1\n1,2\n")
put("frame with years as names", pd.DataFrame([[1, 2]], columns=[2024, 2025]), "csv", b"2024,2025\n1,2\n")
put("frame with odd names", pd.DataFrame([[1, 2, 3, 4, 5]], columns=["a", 1, 1.5, pd.Timestamp("2026-01-02"), True]), "csv", b"a,1,1.5,2026-01-02 00:00:00,True\n1,2,3,4,5\n")
put("frame with times as names", pd.DataFrame([[1, 2]], columns=pd.date_range("2026-01-01", periods=2)), "csv", b"2026-01-01 00:00:00,2026-01-02 00:00:00\n1,2\n")
put("frame with categories as names", pd.DataFrame([[1, 2]], columns=pd.CategoricalIndex(["x", "y"])), "csv", b"x,y\n1,2\n")
put("frame with a name twice", pd.DataFrame([[1, 2]], columns=["a", "a"]), "csv", b"a,a\n1,2\n")
put("frame with names that fall together", pd.DataFrame([[1, 2]], columns=["1", 1]), refused="its columns '1' and 1 would have the same name")
put("frame without a name", pd.DataFrame([[1, 2]], columns=["a", None]), refused="the names of its columns are not all text, numbers or times")
put("frame with lists as names", pd.DataFrame([[1, 2]], columns=pd.Index([("a",), "b"], dtype=object)), refused="the names of its columns are not all text, numbers or times")
put("frame with half of a character in a name", pd.DataFrame([[1, 2]], columns=pd.Index(["a", "x\udc80"], dtype=object)), refused="one of its columns has a name with halves of characters")
put("frame with names on two levels", pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "min"), ("a", "max")])), refused="its columns are named on several levels")


class Made:
    """Pickles what a function would make of arguments, without calling it."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


for shape in ((2**40, 0), (1, 2**31, 0), (2**20, 2**20, 2**24, 0)):
    made = Made(np.array([1]).__reduce_ex__(5)[0], b"", np.dtype("M8[ns]"), shape, "C")
    put("array of empty lists of the shape %s" % (shape,), made, refused="its dtype, datetime64[ns], is none of plain data")
made = Made(np.array([1]).__reduce_ex__(5)[0], b"", np.dtype("M8[ns]"), (2**30, 0), "C")
put("array of a thousand million empty lists", made, refused="it takes more than 64 MiB as JSON")
long = pd.DataFrame({"c": pd.Categorical.from_codes(np.zeros(10000, dtype="i1"), ["x" * 50000])})
put("frame of one long category", long, refused="its text is too large for CSV", protocols=(5,))
loop = []
loop.append(loop)
put("loop", loop, refused="itself")
sys.stdout.flush()
