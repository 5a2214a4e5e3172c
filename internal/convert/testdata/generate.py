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
put("array of objects", np.array([{}, None], dtype=object), refused="ndarray")
put("frame of dates", pd.DataFrame({"t": pd.to_datetime(["2026-01-02"])}), refused="DataFrame")
loop = []
loop.append(loop)
put("loop", loop, refused="itself")
sys.stdout.flush()
