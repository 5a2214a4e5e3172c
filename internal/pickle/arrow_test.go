package pickle

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
)

// arrowTexts is the pickle of an array of pandas' with text that Arrow lays out: its length, the offset of its first
// element, and its buffers.
func arrowTexts(length, offset, ends, text string) string {
	return arrowPickle("X\x06\x00\x00\x00string", length, offset, "", ends, text)
}

// arrowPickle is the pickle of an array of pandas' that Arrow lays out: the name of its type, its length, the offset of
// its first element, what comes after its buffers, and these.
func arrowPickle(typ, length, offset, more string, buffers ...string) string {
	text := "\x80\x03cpandas.arrays\nArrowStringArray\n)\x81}X\x09\x00\x00\x00_pa_array" + arrowChunk("cpyarrow.lib\ntype_for_alias\n("+typ+"tR", length, offset, more, buffers...)
	return text + "sb."
}

// arrowChunk is the call that makes an array of pyarrow's.
func arrowChunk(typ, length, offset, more string, buffers ...string) string {
	return "cpyarrow.lib\n_restore_array\n(" + arrowTuple(typ, length, offset, more, buffers...) + "tR"
}

func arrowTuple(typ, length, offset, more string, buffers ...string) string {
	text := "(" + typ + length + "I0\n" + offset + "(N"
	for _, b := range buffers {
		text += "cpyarrow.lib\npy_buffer\n(" + b + "tR"
	}
	return text + "l" + more + "t"
}

// words are numbers of 32 bits, as Arrow has them.
func words(list ...int32) string {
	var b []byte
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return string(b)
}

// showAll shows some cells and labels of a frame, and the elements of an array.
func showAll(v Value) {
	if f, ok := FrameOf(v, 10); ok {
		for _, row := range []int64{0, 1, f.Rows - 1} {
			if row < 0 || row >= f.Rows {
				continue
			}
			for _, cell := range f.Cells {
				if cell != nil {
					cell(row)
				}
			}
			if f.Index != nil {
				f.Index(row)
			}
		}
	}
	if show, n := elements(v); show != nil && n > 0 {
		show(0)
		show(n - 1)
	}
}

func arrowVectors(t *testing.T) []vector {
	text, err := os.ReadFile("testdata/arrow.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return parseVectors(t, text)
}

func TestArrowFrames(t *testing.T) {
	frames, files := 0, 0
	for _, v := range arrowVectors(t) {
		value := decode(t, string(v.bytes(t)))
		if v.Cells == nil {
			continue
		}
		frames++
		f, ok := FrameOf(value, 100)
		if !ok || len(f.Cells) != len(v.Cells) {
			t.Errorf("%s: not a frame of %d columns", v.Repr[0], len(v.Cells))
			continue
		}
		for c, want := range v.Cells {
			show := f.Cells[c]
			if (show == nil) != (want == nil) {
				t.Errorf("%s: column %d: can be told: %v", v.Repr[0], c, show != nil)
				continue
			}
			if show == nil {
				continue
			}
			got := []string{}
			for row := range f.Rows {
				got = append(got, show(row))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: column %d: %q, not %q", v.Repr[0], c, got, want)
			}
		}
		if v.CSV == "" {
			continue
		}
		files++
		if file, why, ok := CSV(value, DefaultMemory); !ok || string(file) != v.CSV {
			t.Errorf("%s: CSV is %q, not %q: %v", v.Repr[0], file, v.CSV, why)
		}
	}
	if frames < 40 || files < 20 {
		t.Errorf("only %d frames and %d files", frames, files)
	}
}

func TestArrowIndex(t *testing.T) {
	for _, v := range arrowVectors(t) {
		value := decode(t, string(v.bytes(t)))
		if v.Name == "arrow index" {
			label, n := columnLabels(value)
			if n != 3 || label(0) != "a" || label(1) != "NaN" || label(2) != "c" {
				t.Errorf("%d labels, first %q", n, label(0))
			}
			// A name that is missing is no text, and is said to be so.
			if _, why := columnNames(value, DefaultMemory); why != unnamed {
				t.Errorf("refused with %v", why)
			}
		}
		if !strings.Contains(v.Repr[0], "columns=['x']") {
			continue
		}
		if f, ok := FrameOf(value, 9); !ok || f.Index(0) != "r" && f.Index(0) != "p, 1" {
			t.Errorf("%s: rows without their labels", v.Repr[0])
		}
	}
}

func TestArrowTextOfBrokenPickles(t *testing.T) {
	good, text := "C\x10"+words(0, 2, 4, 6), "C\x06abcdef"
	for _, c := range []struct {
		name, length, offset, ends, text string
		want                             []string // nil if there is no text
	}{
		{"whole", "I3\n", "I0\n", good, text, []string{"ab", "cd", "ef"}},
		{"slice", "I2\n", "I1\n", good, text, []string{"cd", "ef"}},
		{"nothing", "I0\n", "I0\n", "C\x00", "C\x00", []string{}},
		{"too long", "I4\n", "I0\n", good, text, nil},
		{"slice too long", "I3\n", "I1\n", good, text, nil},
		{"huge", "I9223372036854775807\n", "I0\n", good, text, nil},
		{"huge offset", "I1\n", "I9223372036854775807\n", good, text, nil},
		{"negative", "I-1\n", "I0\n", good, text, nil},
		{"negative offset", "I1\n", "I-1\n", good, text, nil},
		{"length that is text", "X\x01\x00\x00\x003", "I0\n", good, text, nil},
		{"text cut short", "I3\n", "I0\n", good, "C\x05abcde", nil},
		{"backwards", "I3\n", "I0\n", "C\x10" + words(0, 6, 0, 6), text, nil},
		{"before the start", "I3\n", "I0\n", "C\x10" + words(-2, 2, 4, 6), text, nil},
		{"beyond the end", "I3\n", "I0\n", "C\x10" + words(0, 2, 4, 1<<31-1), text, nil},
		{"no UTF-8", "I3\n", "I0\n", good, "C\x06abc\xffef", nil},
		{"a buffer that is none", "I3\n", "I0\n", "I7\n", text, nil},
	} {
		checkElements(t, c.name, arrowTexts(c.length, c.offset, c.ends, c.text), c.want)
	}
}

// checkElements compares what is shown of the elements of a pickled column. want is nil if none can be told.
func checkElements(t *testing.T, name, data string, want []string) {
	t.Helper()
	show, n := elements(decode(t, data))
	if want == nil {
		if show != nil {
			t.Errorf("%s: %d elements, not none", name, n)
		}
		return
	}
	got := []string{}
	for i := range n {
		got = append(got, show(i))
	}
	if show == nil || !slices.Equal(got, want) {
		t.Errorf("%s: %q, not %q", name, got, want)
	}
}

// aliasOf is a type without parts, by name.
func aliasOf(name string) string {
	return "cpyarrow.lib\ntype_for_alias\n(X" + words(int32(len(name))) + name + "tR"
}

// raw is a buffer of so many bytes.
func raw(b string) string { return "B" + words(int32(len(b))) + b }

func TestArrowElementsOfBrokenPickles(t *testing.T) {
	texts := arrowTuple(aliasOf("string"), "I2\n", "I0\n", "(lN", raw(words(0, 1, 2)), raw("xy"))
	dictionary := "cpyarrow.lib\ndictionary\n(" + aliasOf("int8") + aliasOf("string") + "I00\ntR"
	list := "cpyarrow.lib\nlist_\n(" + aliasOf("int8") + "tR"
	items := "(" + arrowTuple(aliasOf("int8"), "I3\n", "I0\n", "(lN", raw("\x01\x02\x03")) + "lN"
	view := func(n, buffer, from int32) string { return words(n) + "abcd" + words(buffer, from) }
	moment := "cpyarrow.lib\ntimestamp\n(X" + words(2) + "usX" + words(7) + "../../etR"
	for _, c := range []struct {
		name, chunk string
		want        []string // nil if there are no elements
	}{
		{"dictionary", arrowChunk(dictionary, "I3\n", "I0\n", "(l"+texts, raw("\x01\x00\x01")), []string{"y", "x", "y"}},
		{"number that no value has", arrowChunk(dictionary, "I3\n", "I0\n", "(l"+texts, raw("\x01\x02\x01")), nil},
		{"negative number", arrowChunk(dictionary, "I3\n", "I0\n", "(l"+texts, raw("\x01\xff\x01")), nil},
		{"dictionary without values", arrowChunk(dictionary, "I3\n", "I0\n", "(lN", raw("\x01\x00\x01")), nil},
		{"list", arrowChunk(list, "I2\n", "I0\n", items, raw(words(0, 1, 3))), []string{"[1]", "[2, 3]"}},
		{"list beyond its elements", arrowChunk(list, "I2\n", "I0\n", items, raw(words(0, 1, 4))), []string{"[1]", "…"}},
		{"list that ends before it begins", arrowChunk(list, "I2\n", "I0\n", items, raw(words(2, 1, 3))), []string{"…", "[2, 3]"}},
		{"list without elements", arrowChunk(list, "I2\n", "I0\n", "(lN", raw(words(0, 1, 3))), nil},
		{"view", arrowChunk(aliasOf("string_view"), "I2\n", "I0\n", "(lN", raw(view(13, 0, 1)+words(2)+"hi          "), raw("0123456789abcdef")), []string{"123456789abcd", "hi"}},
		{"view beyond its text", arrowChunk(aliasOf("string_view"), "I1\n", "I0\n", "(lN", raw(view(13, 0, 4)), raw("0123456789abcdef")), nil},
		{"view of text that is not there", arrowChunk(aliasOf("string_view"), "I1\n", "I0\n", "(lN", raw(view(13, 1, 0)), raw("0123456789abcdef")), nil},
		{"view of less than nothing", arrowChunk(aliasOf("string_view"), "I1\n", "I0\n", "(lN", raw(view(-1, 0, 0)), raw("0123456789abcdef")), nil},
		// What a small pickle has over and over would be huge in total.
		{"views of one text", arrowChunk(aliasOf("string_view"), "I300\n", "I0\n", "(lN", raw(strings.Repeat(view(1<<20, 0, 0), 300)), raw(strings.Repeat("x", 1<<20))), nil},
		{"times", arrowChunk(moment, "I2\n", "I0\n", "(lN", raw(words(1, 0, -1, 1<<31-1))), []string{"1970-01-01 00:00:00.000001+00:00", "9223372036854775807"}},
		{"times cut short", arrowChunk(moment, "I2\n", "I0\n", "(lN", raw(words(1, 0, 1))), nil},
		{"a unit that is none", arrowChunk(aliasOf("duration[weeks]"), "I1\n", "I0\n", "(lN", raw(words(1, 0))), nil},
		{"a type that is not known", arrowChunk(aliasOf("interval"), "I1\n", "I0\n", "(lN", raw(words(1, 0))), nil},
	} {
		data := "\x80\x03cpandas.arrays\nArrowExtensionArray\n)\x81}X\x09\x00\x00\x00_pa_array" + c.chunk + "sb."
		checkElements(t, c.name, data, c.want)
	}
}

// The same buffer in many chunks would make a small pickle a huge table.
func TestArrowChunksThatShareABuffer(t *testing.T) {
	one := arrowTexts("I1\n", "I0\n", "C\x08"+words(0, 2), "C\x02ab")
	from, to := strings.Index(one, "cpyarrow.lib\n_restore_array"), len(one)-len("sb.")
	chunk := one[from:to]
	for name, c := range map[string]struct {
		chunks string
		want   int64
	}{"two chunks": {chunk + chunk, 2}, "one twice": {chunk + "q\x01h\x01", 0}} {
		o := decode(t, one[:from]+"cpyarrow.lib\nchunked_array\n(("+c.chunks+"ltR"+one[to:])
		if show, n := elements(o); n != c.want || (show == nil) != (c.want == 0) {
			t.Errorf("%s: %d elements, not %d", name, n, c.want)
		}
	}
}

// A type that is made with others, but has none, is not known: its elements would be looked for in parts that are not
// there.
func TestArrowTypesWithoutTheirParts(t *testing.T) {
	call := func(name, arguments string) string { return "cpyarrow.lib\n" + name + "\n(" + arguments + "tR" }
	for name, typ := range map[string]string{
		"dictionary": call("dictionary", ""), "dictionary of indices": call("dictionary", aliasOf("int8")), "dictionary by name": aliasOf("dictionary"),
		"list": call("list", ""), "list by name": aliasOf("list"), "large list": call("large_list", ""),
		"fixed list": call("fixed_size_list", ""), "fixed list by name": aliasOf("fixed_size_list[2]"),
	} {
		for _, length := range []string{"I0\n", "I1\n"} {
			for _, more := range []string{"", "(lN", "(l" + arrowTuple(aliasOf("string"), "I0\n", "I0\n", "(lN")} {
				chunk := arrowChunk(typ, length, "I0\n", more, raw(words(0, 0)))
				v := decode(t, "\x80\x03cpandas.arrays\nArrowExtensionArray\n)\x81}X\x09\x00\x00\x00_pa_array"+chunk+"sb.")
				showAll(v)
				if got := Repr(v, 0); !strings.HasSuffix(got, "dtype=unknown[pyarrow]>") {
					t.Errorf("%s: %s", name, got)
				}
				showAll(decode(t, "\x80\x03"+chunk+"."))
			}
		}
	}
}

func TestAdviceForText(t *testing.T) {
	for dtype, want := range map[string]string{
		"str": ".astype(object)", "string": ".astype(object)", "large_string[pyarrow]": ".astype(object)", "string_view[pyarrow]": ".tolist()", "timestamp[ns][pyarrow]": ".astype(str)",
		"datetime64[us]": ".astype(str)", "Int64": `.astype("float64")`,
	} {
		if got := plainColumn(dtype); got != want {
			t.Errorf("%s: %s, not %s", dtype, got, want)
		}
	}
}
