"""Writes values.jsonl: values as Python pickles them, with what a preview should show. Needs numpy, pandas, polars, pyarrow and torch."""

import base64
import collections
import datetime
import decimal
import json
import math
import pathlib
import pickle
import struct
import zlib
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import torch


class Thing:
    def __init__(self):
        self.name = "x"


def elements(a, rows, **more):
    return a, {"kind": "array", "shape": [len(rows)], "dtype": str(a.dtype), "rows": [[text] for text in rows], "truncated": False, **more}


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def text(x):
    """An element as it is shown."""
    return str(float(x) if isinstance(x, np.float16) else x)


def array(a, **more):
    flat = [float(x) for x in a.ravel(order="C")]
    want = {"kind": "array", "shape": list(a.shape), "dtype": str(a.dtype), "values": flat, **more}
    if a.ndim == 1:
        want["rows"] = [[text(x)] for x in a]
    if a.ndim == 2:
        want["rows"] = [[text(x) for x in row] for row in a]
        want["total_rows"] = a.shape[0]
    return a, want


grid = np.arange(6, dtype="float64").reshape(2, 3) / 4
frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2.5], "c": ["x", None, "z"], "d": [True, False, True], "e": [7, 8, 9]})
rows = [["1", "0.5", "x", "True", "7"], ["2", "NaN", "NaN", "False", "8"], ["3", "2.5", "z", "True", "9"]]
values = {
    "int": (7, {"kind": "number", "number": 7, "text": "7", "type": "int"}),
    "large int": (10**30, {"kind": "number", "number": 1e30, "text": str(10**30)}),
    "float": (0.1, {"kind": "number", "number": 0.1, "text": "0.1"}),
    "nan": (math.nan, {"kind": "number", "number": None, "text": "nan"}),
    "bool": (True, {"kind": "bool", "text": "True"}),
    "none": (None, {"kind": "none", "text": "None"}),
    "text": ("grüß dich\n", {"kind": "text", "text": "grüß dich\n", "type": "str"}),
    "half of a character": ("a\ud800b", {"kind": "text", "text": "a\ufffdb"}),
    "numpy int": (np.int32(-5), {"kind": "number", "number": -5, "type": "numpy.int32"}),
    "numpy float": (np.float32(0.5), {"kind": "number", "number": 0.5}),
    "numpy bool": (np.bool_(True), {"kind": "bool", "text": "True"}),
    "list": ([1, "a", None, [2.5]], {"kind": "json", "text": '[1,"a",null,[2.5]]'}),
    "empty list": ([], {"kind": "json", "text": "[]"}),
    "dict": ({"a": {"b": (1, 2)}}, {"kind": "json", "text": '{"a":{"b":[1,2]}}'}),
    "counter": (collections.Counter("aab"), {"kind": "json", "text": '{"a":2,"b":1}'}),
    "records": ([{"a": 1, "b": "x"}, {"a": 2.5, "c": None}],
                {"kind": "table", "columns": ["a", "b", "c"], "rows": [["1", "x", ""], ["2.5", "", "None"]], "total_rows": 2}),
    "date": (datetime.date(2024, 2, 29), {"kind": "text", "text": "2024-02-29"}),
    "decimal": (decimal.Decimal("1.50"), {"kind": "text", "text": "1.50"}),
    "path": (pathlib.PurePosixPath("/a/b"), {"kind": "text", "text": "/a/b"}),
    "bytes": (b"\x00\x01", {"kind": "bytes", "text": "00000000  00 01                                             |..|\n"}),
    "png": (png(), {"kind": "image", "media_type": "image/png"}),
    "png in a bytearray": (bytearray(png()), {"kind": "image", "media_type": "image/png"}),
    "svg": (b"<svg onload='alert(1)'/>", {"kind": "bytes"}),
    "object": (Thing(), {"kind": "object", "type": "__main__.Thing", "text": "<__main__.Thing name='x'>", "rows": [["name", "'x'"]], "length": 1}),
    "object of nothing": (object(), {"kind": "unknown", "text": "<object>"}),
    "array": array(np.array([1, -2, 3], dtype="int16")),
    "matrix": array(grid),
    "matrix in the order of Fortran": array(np.asfortranarray(grid)),
    "three dimensions": array(np.arange(24, dtype="uint8").reshape(2, 3, 4)),
    "three dimensions in the order of Fortran": array(np.asfortranarray(np.arange(24, dtype="uint8").reshape(2, 3, 4))),
    "big-endian": array(np.array([[1.5, -2]], dtype=">f4"), dtype=">f4"),
    "half": array(np.array([0.5, 65504], dtype="float16")),
    "bools": array(np.array([True, False])),
    "no elements": array(np.zeros((0, 3))),
    "no dimension": array(np.array(2.5)),
    "long array": (np.zeros(1200, dtype="uint8"), {"kind": "array", "shape": [1200], "truncated": True}),
    **{"span " + str(n): (span, {"kind": "text", "text": str(span)}) for n, span in enumerate(
        [datetime.timedelta(), datetime.timedelta(days=1, seconds=3725), datetime.timedelta(days=-2, microseconds=7), datetime.timedelta(days=-1)])},
    **{"time in a zone " + str(year): (time, {"kind": "text", "text": str(time)}) for year, time in (
        (year, datetime.datetime(year, 7, 2, 3, 4, 5, 6, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))) for year in (1890, 1944, 2024))},
    "numbers of numpy": ([np.float64(n / 4) for n in range(10)], {"kind": "array", "shape": [10], "values": [n / 4 for n in range(10)], "rows": [[str(n / 4)] for n in range(10)]}),
    "span of numpy": (np.timedelta64(36, "h"), {"kind": "text", "text": "1 days 12:00:00"}),
    "cells of numpy": (pd.Series([np.int64(3), np.float32(0.1), np.str_("a"), np.float64("nan"), np.bool_(True)], dtype=object),
                       {"kind": "table", "rows": [["3"], ["0.1"], ["a"], ["NaN"], ["True"]]}),
    "objects": elements(np.array(["a", None], dtype=object), ["a", "None"]),
    "texts": elements(np.array(["a", "bü"]), ["a", "bü"]),
    "days": elements(np.array(["2024-01-02", "NaT"], dtype="M8[D]"), ["2024-01-02", "NaT"]),
    "spans": elements(np.array([1, -1], dtype="m8[h]"), ["0 days 01:00:00", "-1 days +23:00:00"]),
    "times of two dimensions": (np.array([["2024-01-02T03:04:05"], ["NaT"]], dtype="M8[s]"),
                                {"kind": "array", "shape": [2, 1], "dtype": "datetime64[s]", "total_rows": 2, "rows": [["2024-01-02 03:04:05"], ["NaT"]], "truncated": False}),
    "many texts": (np.array(["a"] * 101), {"kind": "array", "shape": [101], "rows": [["a"]] * 100, "truncated": True}),
    "index of times": elements(pd.date_range("2024-01-02", periods=2, unit="s"), ["2024-01-02 00:00:00", "2024-01-03 00:00:00"]),
    "index of pairs": (pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), {"kind": "array", "shape": [2], "rows": [["a, 1"], ["b, 2"]], "truncated": False}),
    "index of intervals": (pd.interval_range(0, 2), {"kind": "array", "shape": [2], "rows": [["(0, 1]"], ["(1, 2]"]], "truncated": False}),
    "nullable": elements(pd.array([1, None], dtype="Int64"), ["1", "<NA>"], text="<pandas.arrays.IntegerArray shape=(2,) dtype=Int64>"),
    "categories": elements(pd.Categorical(["a", None]), ["a", "NaN"]),
    "periods": elements(pd.period_range("2024-01", periods=2, freq="M"), ["2024-01", "2024-02"]),
    "records of numpy": (np.rec.array([(1, 2.5)], dtype=[("x", "i4"), ("y", "f8")]), {"kind": "table", "columns": ["x", "y"], "types": ["int32", "float64"], "rows": [["1", "2.5"]], "shape": [1, 2], "truncated": False}),
    "masked array": (np.ma.array([1, 2], mask=[0, 1]), {"kind": "array", "shape": [2], "dtype": "int64", "values": None, "truncated": True}),
    "moment of numpy": (np.datetime64("2020-01-01T12:00"), {"kind": "text", "text": "2020-01-01T12:00"}),
    "moment of pandas": (pd.Timestamp("2020-01-01 12:00", tz="Europe/Berlin"), {"kind": "text", "text": "2020-01-01 12:00:00+01:00"}),
    "no moment": (pd.NaT, {"kind": "unknown", "text": "NaT"}),
    "frame with numbers as names": (pd.DataFrame({2019: [1], 2020: [2]}), {"kind": "table", "columns": ["2019", "2020"], "rows": [["1", "2"]]}),
    "frame with pairs as names": (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
                                  {"kind": "table", "columns": ["a, 1", "b, 2"], "rows": [["1", "2"]]}),
    "frame": (frame, {"kind": "table", "columns": list("abcde"), "rows": rows, "total_rows": 3, "shape": [3, 5]}),
    "long frame": (pd.DataFrame({"n": range(150)}), {"kind": "table", "columns": ["n"], "total_rows": 150, "truncated": True}),
    "frame with days": (pd.DataFrame({"n": [1], "day": pd.to_datetime(["2024-01-02"])}),
                        {"kind": "table", "columns": ["n", "day"], "rows": [["1", "2024-01-02 00:00:00"]], "truncated": False}),
    "frame of all types": (
        pd.DataFrame(
            {"zoned": pd.to_datetime(["2024-01-02 03:04:05.000001", None]).tz_localize("Europe/Berlin"), "kind": pd.Categorical(["x", None]),
             "day": pd.to_datetime(["2024-01-02", None]), "count": pd.array([7, None], dtype="Int64"), "took": pd.to_timedelta([-1, None], unit="h"),
             "text": pd.array(["a", None], dtype="string"), "any": [datetime.date(2024, 2, 29), None], "year": pd.Categorical([2020, 2021])},
            index=pd.Index(["r", "s"])),
        {"kind": "table", "shape": [2, 8], "index": ["r", "s"], "truncated": False,
         "rows": [["2024-01-02 03:04:05.000001+01:00", "x", "2024-01-02 00:00:00", "7", "-1 days +23:00:00", "a", "2024-02-29", "2020"],
                  ["NaT", "NaN", "NaT", "<NA>", "NaT", "<NA>", "None", "2021"]]}),
    "frame by day": (pd.DataFrame({"n": [1, 2]}, index=pd.date_range("2024-01-02", periods=2)),
                     {"kind": "table", "rows": [["1"], ["2"]], "index": ["2024-01-02 00:00:00", "2024-01-03 00:00:00"]}),
    "wide frame": (pd.DataFrame(np.zeros((2, 120))), {"kind": "table", "shape": [2, 120], "truncated": True, "index": None}),
    "empty frame": (pd.DataFrame(), {"kind": "table", "total_rows": 0, "shape": [0, 0]}),
    "series": (pd.Series([1.5, None], name="s"), {"kind": "table", "columns": ["s"], "rows": [["1.5"], ["NaN"]], "total_rows": 2, "index": None}),
    "series with labels": (pd.Series([1, 2], index=["a", "b"], name=7), {"kind": "table", "columns": ["7"], "index": ["a", "b"], "rows": [["1"], ["2"]]}),
    "series of moments": (pd.Series(pd.to_datetime(["2024-01-02", None])), {"kind": "table", "rows": [["2024-01-02 00:00:00"], ["NaT"]]}),
    "not finite": (np.array([1, math.nan, 3, math.inf]), {"kind": "array", "values": [1, None, 3, None], "not_finite": 2, "rows": [["1.0"], ["nan"], ["3.0"], ["inf"]]}),
    "list that is not finite": ([1, math.nan], {"kind": "array", "values": [1, None], "not_finite": 1, "rows": [["1"], ["nan"]]}),
    "long dict": ({str(i): i for i in range(10_000)}, {"kind": "json", "length": 10_000, "truncated": True}),
    "columns of Arrow": (
        pd.DataFrame({"when": pd.array([datetime.datetime(2024, 1, 2), None], dtype="timestamp[us][pyarrow]"), "few": pd.Series([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))}),
        {"kind": "table", "columns": ["when", "few"], "types": ["timestamp[us][pyarrow]", "list<item: int64>[pyarrow]"],
         "rows": [["2024-01-02 00:00:00", "[1, 2]"], ["<NA>", "<NA>"]], "truncated": False}),
    "frame of polars": (pl.DataFrame({"a": [1, None], "b": ["x", "y"]}),
                        {"kind": "table", "shape": [2, 2], "columns": ["a", "b"], "types": ["int64", "string_view"], "rows": [["1", "x"], ["null", "y"]],
                         "text": "<polars.DataFrame shape=(2, 2) columns=['a', 'b'] dtype=int64,string_view>", "truncated": False}),
    "series of polars": (pl.Series("s", range(150)), {"kind": "table", "shape": [150, 1], "total_rows": 150, "columns": ["s"], "truncated": True}),
    "table of pyarrow": (pa.table({"a": [0.5, None]}), {"kind": "table", "shape": [2, 1], "columns": ["a"], "types": ["double"], "rows": [["0.5"], ["null"]]}),
    "wide records": ([{"c%d" % i: i for i in range(60)}], {"kind": "table", "shape": [1, 60], "truncated": True}),
    "tensor": (torch.zeros(2, 3), {"kind": "array", "type": "torch.Tensor", "shape": [2, 3], "dtype": "float32", "rows": None, "values": None,
                                   "text": "<torch.Tensor shape=(2, 3) dtype=float32>", "truncated": True}),
}

with open(pathlib.Path(__file__).with_name("values.jsonl"), "w") as out:
    for name, (value, want) in values.items():
        for protocol in (2, 4, 5):
            data = base64.b64encode(pickle.dumps(value, protocol)).decode()
            out.write(json.dumps({"name": name, "protocol": protocol, "pickle": data, "want": want}) + "\n")
