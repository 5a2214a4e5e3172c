package flow

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What numpy writes is read, and what is written is what numpy writes.
func TestArraysOfNumpy(t *testing.T) {
	text, err := os.ReadFile("../internal/convert/testdata/values.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		var v struct{ Name, Codec, Data string }
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		if v.Codec != "npy" {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(v.Data)
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := npyHeader(data)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		read := false
		for _, a := range []npyValue{
			new(Array[float64]), new(Array[float32]), new(Array[int8]), new(Array[int16]), new(Array[int32]), new(Array[int64]),
			new(Array[uint8]), new(Array[uint16]), new(Array[uint32]), new(Array[uint64]), new(Array[bool]),
		} {
			if a.parseNPY(data) != nil {
				continue
			}
			read = true
			n++
			if got, err := a.appendNPY(nil); err != nil || !h.fortran && !bytes.Equal(got, data) {
				t.Errorf("%s is written as %q, and by numpy as %q", v.Name, got, data)
			}
			if i, ok := a.(*Array[int64]); ok && h.fortran && !reflect.DeepEqual(i.Data, []int64{0, 1, 2, 3, 4, 5}) {
				t.Errorf("%s: %v", v.Name, i.Data)
			}
		}
		if !read {
			t.Errorf("%s is read as none of the types: %s", v.Name, h.descr)
		}
	}
	if n < 30 {
		t.Errorf("only %d arrays", n)
	}
}

func TestArraysSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := NewArray[float32](rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")...)
		for i := range a.Data {
			a.Data[i] = rapid.Float32().Draw(t, "element")
		}
		var b Array[float32]
		data, err := a.appendNPY(nil)
		if err == nil {
			err = b.parseNPY(data)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Shape, b.Shape) || !slices.Equal(a.Data, b.Data) {
			t.Fatalf("%v came back as %v", a, b)
		}
	})
}

func FuzzNPY(f *testing.F) {
	a := NewArray[float64](2, 3)
	data, err := a.appendNPY(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var a Array[float64]
		if a.parseNPY(data) == nil && len(a.Data)*8 > len(data) {
			t.Errorf("%d elements of %d bytes", len(a.Data), len(data))
		}
	})
}

func TestTablesSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.OneOf(rapid.StringMatching(`[ -~äö",\r\n]{0,5}`), rapid.SampledFrom([]string{"", "\r\n", "\r", "\n", `"`, `""`, "a\r\nb", `\.`, "\ufeff", "\x00", "\xff", " a "}))
		width := rapid.IntRange(1, 4).Draw(t, "columns")
		a := Table{Columns: rapid.SliceOfN(cell, width, width).Draw(t, "names")}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			a.Rows = append(a.Rows, rapid.SliceOfN(cell, width, width).Draw(t, "row"))
		}
		data, err := a.encode()
		if err != nil {
			t.Fatal(err)
		}
		var b Table
		if err := b.decode(data); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%q came back as %q from %q", a, b, data)
		}
	})
}

// What other programs write is read as Go's own reader reads it.
func TestTablesOfOthers(t *testing.T) {
	for text, want := range map[string][][]string{
		"":                           nil,
		"a,b\n1,2\n":                 {{"a", "b"}, {"1", "2"}},
		"a,b\r\n1,2\r\n":             {{"a", "b"}, {"1", "2"}},
		"a,b\n\n1,2":                 {{"a", "b"}, {"1", "2"}},
		"a\n\"\"\n\"x\"\"y\"\n":      {{"a"}, {""}, {`x"y`}},
		"a,b\r\n\"1\r\n2\",\r\n\r\n": {{"a", "b"}, {"1\r\n2", ""}},
		"a,\"b\"\r\n,\"\"\n":         {{"a", "b"}, {"", ""}},
		"a,b\r,c\n1,2,3":             {{"a", "b\r", "c"}, {"1", "2", "3"}},
		"\"a\nb\",c\n 1, \"2\"\n":    nil, // a quote within a bare cell
		"a,b\n1\n":                   nil,
		"a\n\"1":                     nil,
		"a\n\"1\"2\n":                nil,
	} {
		var got Table
		err := got.decode([]byte(text))
		switch {
		case want == nil && text != "":
			if err == nil || !strings.Contains(err.Error(), "line ") {
				t.Errorf("%q: %v, %q", text, err, got)
			}
		case err != nil:
			t.Errorf("%q: %v", text, err)
		case want != nil && !reflect.DeepEqual(append([][]string{got.Columns}, got.Rows...), want):
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

func TestRowsWithoutColumnsAreNotLost(t *testing.T) {
	for _, table := range []Table{{Rows: [][]string{{}, {}}}, {Columns: []string{"a"}, Rows: [][]string{{"1", "2"}}}} {
		if _, err := table.encode(); err == nil {
			t.Errorf("%q is written", table)
		}
	}
}

func TestNamesOfArtifacts(t *testing.T) {
	for name, want := range map[string]string{
		"A": "a", "LearningRate": "learning_rate", "HTTPPort": "http_port", "UserID": "user_id", "X2Y": "x2_y", "NTrees": "n_trees",
		"Already_Split": "already_split", "Größe": "größe",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
