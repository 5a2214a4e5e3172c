package pickle

import (
	"math"
	"time"
)

// single returns what an object is that stands for one plain value: what a scalar of numpy's holds, a time, a span of
// time, or what is missing, of Python's own, numpy's and pandas'; and the text of those of Python's objects that text
// is enough to make again: decimals, fractions, UUIDs, paths and addresses.
func single(o *Object) (v Value, ok bool) {
	if _, x, ok := scalar(o); ok {
		return x, true
	}
	if dtype, b, ok := scalarBytes(o); ok && len(b) == 8 {
		code, order := dtypeCode(dtype)
		return counted(code, int64(wordOf(b, order)), dtypeUnit(dtype), nil)
	}
	switch objectType(o) {
	case "pandas.api.typing.NaTType":
		return absent("NaT"), true
	case "pandas.Timestamp": // count of units, freq, zone, unit
		if len(o.Args) > 2 {
			n, isInt := o.Args[0].(int64)
			v, ok = counted("M8", n, unitOf(o.Args, 3), o.Args[2])
			return v, ok && isInt
		}
	case "pandas.Timedelta": // count of units, unit
		if len(o.Args) > 0 {
			n, isInt := o.Args[0].(int64)
			v, ok = counted("m8", n, unitOf(o.Args, 1), nil)
			return v, ok && isInt
		}
	case "datetime.datetime":
		t, ok := Moment(o, time.UTC)
		return moment{t.UnixMicro(), "us", t.Location(), len(o.Args) > 1 && o.Args[1] != nil}, ok
	case "datetime.date", "datetime.time", "decimal.Decimal", "fractions.Fraction", "uuid.UUID", "ipaddress.IPv4Address", "ipaddress.IPv6Address":
		return strOf(o)
	case "datetime.timedelta":
		d, ok := delta(o)
		const most = 1e9 // days, and more than Python has
		if !ok || d[0] > most || d[0] < -most || d[1] < 0 || d[1] >= 86400 || d[2] < 0 || d[2] >= 1e6 {
			return nil, false
		}
		return span{d[0]*86400 + d[1], d[2] * 1000}, true
	}
	return pathText(o)
}

// counted returns a time, for the code M8, or a span of time, for m8, that is counted in a unit; zone is nil without
// one.
func counted(code string, n int64, unit string, zone Value) (Value, bool) {
	name, _ := splitUnit(unit)
	switch {
	case code != "M8" && code != "m8":
		return nil, false
	case n == math.MinInt64:
		return absent("NaT"), true
	case code == "m8":
		s, ok := spanIn(n, unit)
		return s, ok
	case zone == nil:
		return moment{n, unit, time.UTC, false}, layouts[name] != ""
	}
	return moment{n, unit, namedZone(zone), true}, layouts[name] != ""
}

// unitOf returns the unit of a time of pandas': the argument with that place is numpy's number of it. Before pandas 2
// there were only nanoseconds, and no such argument.
func unitOf(args []Value, place int) string {
	for unit, parts := range unitParts {
		if parts == partsOf(args, place) {
			return unit
		}
	}
	return ""
}

// grid is an array, a series or an index as JSON has it: lists of lists.
type grid struct {
	shape []int64
	at    func(i int64) Value // the elements in the order of C
}

// gridOf returns the elements of an array of numpy's, of an array, series or index of pandas', or of a column of
// polars' or pyarrow's. It is not ok if the value is none, or its elements cannot be told. NaN, which is how pandas has
// what is missing, is missing but in arrays of numpy's.
func gridOf(o *Object) (g grid, ok bool) {
	g, ok = listing(o)
	if _, isArray := arrayOf(o); isArray || !ok {
		return g, ok
	}
	at := g.at
	g.at = func(i int64) Value {
		switch v := at(i).(type) {
		case float32:
			if v != v {
				return absent("NaN")
			}
			return v
		case float64:
			if math.IsNaN(v) {
				return absent("NaN")
			}
			return v
		default:
			return v
		}
	}
	return g, true
}

// listing is the same with NaN as it is.
func listing(o *Object) (g grid, ok bool) {
	if a, isArray := arrayOf(o); isArray {
		at, _ := valuesOf(o, 0)
		return grid{a.shape, at}, at != nil
	}
	var at func(i int64) Value
	n := int64(-1)
	if t, isTable := tableOf(o, 1); isTable {
		if t.isColumn() && len(t.columns) == 1 && t.columns[0].length == t.rows {
			n, at = t.rows, t.columns[0].values("null")
		}
	} else if isIndex(o) {
		at, n = labelsOf(o, 0)
	} else if _, blocks, isFrame := manager(o.attr("_mgr")); !isFrame {
		at, n = valuesOf(o, 0)
	} else if short(objectType(o)) == "Series" && len(blocks) == 1 {
		at, n = valuesOf(blocks[0], 0)
	}
	return grid{[]int64{n}, at}, at != nil && n >= 0
}

// size returns how many elements there are. It is not ok if they, or the lists that they are in, are more than most:
// a small pickle may claim any number of empty lists.
func (g grid) size(most int64) (n int64, ok bool) {
	n = 1
	for _, length := range g.shape {
		switch {
		case length == 0:
			return 0, true
		case length > most/n:
			return 0, false
		}
		n *= length
	}
	return n, true
}
