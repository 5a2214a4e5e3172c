"""Values of Python with the form in which other languages read them: python3 generate.py > values.jsonl

Needs numpy and pandas. Each line: what it is, its pickle, and the codec and the bytes that it becomes; or why it does not.
"""

import base64
import io
import json
import pickle
import sys

import numpy as np
import pandas as pd


def b64(data):
    return base64.b64encode(data).decode()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def put(name, value, codec=None, data=None, refused=None):
    for protocol in (2, 4, 5):
        line = {"name": name, "protocol": protocol, "pickle": b64(pickle.dumps(value, protocol))}
        if refused:
            line["refused"] = refused
        else:
            line["codec"] = codec
            line["data"] = b64(data)
        print(json.dumps(line))


def plain(name, value):
    put(name, value, "json", json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


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
put("set", {1, 2}, refused="set")
put("key", {1: 2}, refused="key 1")
put("nan", [1.0, float("nan")], refused="NaN")
put("object", [1, io.StringIO], refused="at [1]")
text = np.asfortranarray(np.array([["a", "b"], ["c", None]], dtype=object))
put("frame of objects in Fortran's order", pd.DataFrame(text, columns=["p", "q"], dtype=object), "csv", b"p,q\na,b\nc,\n")
put("frame with pandas' missing text", pd.DataFrame({"n": [1, 2], "s": pd.array(["a", None], dtype="string")}), "csv", b"n,s\n1,a\n2,\n")
put("array of objects", np.array([{}, None], dtype=object), refused="it is a numpy.ndarray: an array goes only if its dtype is a bool, an integer or a float of up to 64 bits, and this one has the dtype object")
put("array of complex numbers", np.array([1j]), refused="has the dtype complex128")
put("array of days", np.array(["2020-01-01"], dtype="M8[D]"), refused="has the dtype datetime64[D]")
put("record array", np.rec.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]), refused="it is a numpy.rec.recarray: an array goes only if its dtype is a bool, an integer or a float of up to 64 bits, and this one has the dtype struct(x, y)")
put("masked array", np.ma.array([1, 2], mask=[0, 1]), refused="an array goes only if no element of it may be missing")
put("series", pd.Series([1, 2]), refused="it is a pandas.Series: a series does not go by itself (its dtype is int64)")
put("index", pd.date_range("2020-01-01", periods=2), refused="it is a pandas.DatetimeIndex: an index does not go by itself")
put("moment", {"t": pd.Timestamp("2020-01-01")}, refused='it has a pandas.Timestamp at ["t"]')
put("frame of dates", pd.DataFrame({"n": [1], "t": np.array(["2026-01-02"], dtype="M8[ns]")}), refused='it is a pandas.DataFrame: column "t" has the dtype datetime64[ns]')
odd = pd.DataFrame({"c": pd.Categorical(["x"]), "i": pd.array([None], dtype="Int64"), "o": pd.Series([[1]], dtype=object), "n": [1]})
put("frame of several types", odd, refused='column "c" has the dtype category, column "i" has the dtype Int64, column "o" has the dtype object and holds a list')
put("frame of many types", pd.DataFrame({"c%d" % i: [1j] for i in range(7)}), refused='column "c4" has the dtype complex128, and 2 more columns are not plain either')
put("frame with numbers as names", pd.DataFrame([[1, 2]]), refused="the names of its columns are not all text")
loop = []
loop.append(loop)
put("loop", loop, refused="itself")
sys.stdout.flush()
