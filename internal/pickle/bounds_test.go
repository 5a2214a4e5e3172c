package pickle

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
)

// tuple is a tuple of numbers.
func tuple(items ...int64) *Tuple {
	t := &Tuple{}
	for _, n := range items {
		t.Items = append(t.Items, n)
	}
	return t
}

// dtypeWith is a dtype of numpy's, with the unit of times.
func dtypeWith(code, unit string) *Object {
	state := &Tuple{Items: []Value{int64(4), "<", nil, nil, nil, int64(-1), int64(-1), int64(0)}}
	if unit != "" {
		state.Items = append(state.Items, &Tuple{Items: []Value{&Dict{}, &Tuple{Items: []Value{Bytes(unit), int64(1), int64(1), int64(1)}}}})
	}
	return &Object{Func: &Global{"numpy", "dtype"}, Args: []Value{code, false, true}, State: state}
}

// arrayWith is an array of numpy's.
func arrayWith(dtype *Object, data string, shape ...int64) *Object {
	return &Object{Func: &Global{"numpy._core.numeric", "_frombuffer"}, Args: []Value{Bytes(data), dtype, tuple(shape...), "C"}}
}

// dictOf is a dict with names and their values.
func dictOf(items ...any) *Dict {
	d := &Dict{}
	for i := 0; i < len(items); i += 2 {
		d.Entries = append(d.Entries, Entry{items[i], items[i+1]})
	}
	return d
}

// indexWith is an index of pandas' that is made from what a dict has.
func indexWith(class string, items ...any) *Object {
	return &Object{Func: &Global{"pandas.core.indexes.base", "_new_Index"}, Args: []Value{&Global{"pandas", class}, dictOf(items...)}}
}

// categorical is an array of pandas' with numbers of categories.
func categorical(codes, categories *Object) *Object {
	dtype := &Object{Func: &Global{"pandas", "CategoricalDtype"}, State: dictOf("categories", categories)}
	return &Object{
		Func: &Global{"pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"}, Args: []Value{&Global{"pandas", "Categorical"}, int64(0), nil},
		State: &Tuple{Items: []Value{dtype, codes}},
	}
}

// objectsWith is an array of numpy's of any objects.
func objectsWith(items ...Value) *Object {
	state := &Tuple{Items: []Value{int64(1), tuple(int64(len(items))), dtypeWith("O8", ""), false, &List{items}}}
	return &Object{Func: &Global{"numpy._core.multiarray", "_reconstruct"}, Args: []Value{&Global{"numpy", "ndarray"}}, State: state}
}

// frameWith is a data frame of blocks of one column each.
func frameWith(rows int64, columns ...*Object) *Object {
	var names, blocks []Value
	for i, column := range columns {
		names = append(names, fmt.Sprint("c", i))
		place := &Object{Func: &Global{"builtins", "slice"}, Args: []Value{int64(i), int64(i) + 1, int64(1)}}
		blocks = append(blocks, &Object{Func: &Global{"pandas._libs.internals", "_unpickle_block"}, Args: []Value{column, place, int64(2)}})
	}
	axes := &List{[]Value{indexWith("Index", "data", objectsWith(names...)), indexWith("RangeIndex", "start", int64(0), "stop", rows, "step", int64(1))}}
	manager := &Object{Func: &Global{"pandas.core.internals.managers", "BlockManager"}, Args: []Value{&Tuple{blocks}, axes}}
	return &Object{Func: &Global{"pandas", "DataFrame"}, State: dictOf("_mgr", manager)}
}

// A small pickle may claim a huge value: whatever it takes is refused before it is taken.
func TestLittleThatClaimsToBeMuch(t *testing.T) {
	times := dtypeWith("M8", "ns")
	long := objectsWith(strings.Repeat("x", 1<<20))
	flags := arrayWith(dtypeWith("b1", ""), strings.Repeat("\x00", 1<<20), 1<<20)
	codes := arrayWith(dtypeWith("i1", ""), strings.Repeat("\x00", 1<<20), 1<<20)
	nothing := decode(t, "\x80\x03cpandas.arrays\nArrowExtensionArray\n)\x81}X\x09\x00\x00\x00_pa_array"+
		arrowChunk(aliasOf("null"), "I2147483648\n", "I0\n", "(lN")+"sb.").(*Object)
	var shared, same, columns []Value
	for range 10_000 {
		shared = append(shared, &Object{Func: &Global{"pandas.arrays", "BooleanArray"}, State: dictOf("_data", flags, "_mask", flags)})
		same = append(same, long)
		columns = append(columns, categorical(codes, indexWith("Index", "data", long)))
	}
	var blocks []*Object
	for _, c := range columns[:1000] {
		blocks = append(blocks, c.(*Object))
	}
	for name, v := range map[string]*Object{
		"empty lists":                   arrayWith(times, "", 1<<40, 0),
		"empty lists in a list":         arrayWith(times, "", 1, 1<<31, 0),
		"as many as overflow":           arrayWith(times, "", 1<<32, 1<<32, 0),
		"as many as overflow to none":   arrayWith(times, "", 1<<33, 1<<31),
		"less than none":                arrayWith(times, "", -1, 0),
		"empty lists of numbers":        arrayWith(dtypeWith("f8", ""), "", 1<<40, 0),
		"many of nothing":               arrayWith(dtypeWith("U0", ""), "", 1<<40),
		"a range":                       indexWith("RangeIndex", "start", int64(0), "stop", int64(math.MaxInt64), "step", int64(1)),
		"one category":                  categorical(codes, indexWith("Index", "data", long)),
		"categories of a range":         categorical(arrayWith(dtypeWith("i1", ""), "\x00\x01", 2), indexWith("RangeIndex", "start", int64(0), "stop", int64(1)<<60, "step", int64(1))),
		"one array in many":             objectsWith(shared...),
		"one text in many":              objectsWith(same...),
		"nothing":                       nothing,
		"frame of one category":         frameWith(1<<20, categorical(codes, indexWith("Index", "data", long))),
		"frame of one text":             frameWith(10_000, objectsWith(same...)),
		"frame of one array":            frameWith(1<<20, blocks...),
		"frame of nothing":              frameWith(1<<31, nothing),
		"frame of rows without columns": frameWith(1 << 39),
	} {
		const most = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		text, _ := plainJSON(v, most)
		file, _, _ := CSV(v, most)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 32*most {
			t.Errorf("%s: %d MiB", name, took>>20)
		}
		if len(text) > 0 && name != "categories of a range" || len(file) > 1 {
			t.Errorf("%s: JSON of %d bytes, CSV of %d", name, len(text), len(file))
		}
	}
}
