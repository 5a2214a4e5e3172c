package preview_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/pickle"
	"github.com/levadahq/levada/internal/preview"
)

// vector is a line of testdata/values.jsonl, see testdata/generate.py.
type vector struct {
	Name     string
	Protocol int
	Pickle   []byte
	Want     map[string]json.RawMessage // fields of the preview
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/values.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for line := range bytes.Lines(text) {
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func pickled(data []byte) preview.Value {
	return preview.Value{Codec: "pickle", Size: int64(len(data)), Data: data}
}

// fields are those of a preview, as JSON makes them.
func fields(t testing.TB, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPythonsValues(t *testing.T) {
	for _, v := range vectors(t) {
		got, want := fields(t, preview.Make(pickled(v.Pickle))), fields(t, v.Want)
		for name, w := range want {
			if list, ok := w.([]any); got[name] == nil && (w == float64(0) || ok && len(list) == 0) {
				continue // left out
			}
			if d := cmp.Diff(w, got[name]); d != "" {
				t.Errorf("%s, protocol %d: %s (-want +got):\n%s", v.Name, v.Protocol, name, d)
			}
		}
	}
}

// A long list of numbers is a curve; what is no number in it, or a short one, makes it a list.
func TestNumbers(t *testing.T) {
	list := func(n int, more ...any) any {
		items := make([]any, 0, n+len(more))
		for i := range n {
			items = append(items, i)
		}
		return append(items, more...)
	}
	for name, test := range map[string]struct {
		value  any
		kind   preview.Kind
		values int
	}{
		"long":      {list(5000, 0.5), preview.Array, 1000},
		"as is":     {list(10), preview.Array, 10},
		"short":     {list(9), preview.JSON, 0},
		"with text": {list(50, "x"), preview.JSON, 0},
	} {
		data, err := pickle.Encode(test.value)
		if err != nil {
			t.Fatal(err)
		}
		p := preview.Make(pickled(data))
		if p.Kind != test.kind || len(p.Values) != test.values {
			t.Errorf("%s: %s of %d", name, p.Kind, len(p.Values))
		}
		if test.values == 1000 && (p.Values[999] != 0.5 || p.Values[0] != 0 || !p.Truncated) {
			t.Errorf("%s: %v to %v", name, p.Values[0], p.Values[999])
		}
	}
}

func TestOtherCodecs(t *testing.T) {
	npy := "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }" + strings.Repeat(" ", 60) + "\n" +
		"\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x00\x40"
	for name, test := range map[string]struct {
		codec, typ, data string
		want             map[string]any
	}{
		"int":        {"json", "int", "12", map[string]any{"kind": "number", "number": 12.0, "text": "12"}},
		"float":      {"json", "float64", "1e3", map[string]any{"kind": "number", "number": 1000.0, "text": "1e3"}},
		"bool":       {"json", "bool", "true", map[string]any{"kind": "bool", "text": "true"}},
		"null":       {"json", "*int", "null", map[string]any{"kind": "none", "text": "null"}},
		"text":       {"json", "string", `"a\nb"`, map[string]any{"kind": "text", "text": "a\nb"}},
		"object":     {"json", "main.T", `{"b": 1,  "a":[]}`, map[string]any{"kind": "json", "text": `{"b": 1,  "a":[]}`}},
		"records":    {"json", "[]main.T", `[{"a":1},{"a":"x"}]`, map[string]any{"kind": "table", "columns": []any{"a"}, "total_rows": 2.0}},
		"not JSON":   {"json", "int", "{", map[string]any{"kind": "text", "text": "{"}},
		"too deep":   {"json", "T", strings.Repeat("[", 1000), map[string]any{"kind": "text"}},
		"text file":  {"file", "str", "hello", map[string]any{"kind": "text", "text": "hello"}},
		"empty file": {"file", "bytes", "", map[string]any{"kind": "bytes", "text": ""}},
		"jpeg":       {"file", "bytes", "\xff\xd8\xff\xe0rest", map[string]any{"kind": "image", "media_type": "image/jpeg"}},
		"gif":        {"file", "bytes", "GIF89a...", map[string]any{"kind": "image", "media_type": "image/gif"}},
		"webp":       {"file", "bytes", "RIFF\x00\x00\x00\x00WEBPVP8 ", map[string]any{"kind": "image", "media_type": "image/webp"}},
		"wave":       {"file", "bytes", "RIFF\x00\x00\x00\x00WAVE", map[string]any{"kind": "bytes"}},
		"npy":        {"npy", "ndarray", npy, map[string]any{"kind": "array", "shape": []any{2.0}, "dtype": "float64", "values": []any{1.5, 2.0}, "text": "<array shape=(2,) dtype=float64>"}},
		"not npy":    {"npy", "ndarray", npy[:len(npy)-1], map[string]any{"kind": "bytes"}},
		"csv":        {"csv", "table", "a,b\n1,\"x\ny\"\n2\n", map[string]any{"kind": "table", "columns": []any{"a", "b"}, "rows": []any{[]any{"1", "x\ny"}, []any{"2"}}, "total_rows": 2.0}},
		"gob":        {"gob", "main.T", "\x03\xff\x00", map[string]any{"kind": "unknown", "text": "<main.T, stored as gob>"}},
	} {
		got := fields(t, preview.Make(preview.Value{Codec: test.codec, Type: test.typ, Size: int64(len(test.data)), Data: []byte(test.data)}))
		for field, want := range test.want {
			if d := cmp.Diff(want, got[field]); d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, field, d)
			}
		}
	}
}

func TestOnlyTheBeginning(t *testing.T) {
	large := preview.Make(preview.Value{Codec: "pickle", Type: "numpy.ndarray", Size: 1 << 40, Data: []byte("\x80\x05")})
	if large.Kind != preview.Unknown || large.Text != "<numpy.ndarray, too large to be shown>" || !large.Truncated {
		t.Errorf("%+v", large)
	}
	text := preview.Make(preview.Value{Codec: "file", Type: "str", Size: 1 << 40, Data: []byte("grü"[:3])})
	if text.Kind != preview.Text || !text.Truncated || !strings.HasPrefix(text.Text, "gr") {
		t.Errorf("%+v", text)
	}
	image := preview.Make(preview.Value{Codec: "file", Type: "bytes", Size: 1 << 40, Data: []byte("\x89PNG\r\n\x1a\n")})
	if image.Kind != preview.Image {
		t.Errorf("%+v", image)
	}
}

func TestImageBytes(t *testing.T) {
	for _, v := range vectors(t) {
		data, media := preview.ImageBytes(pickled(v.Pickle))
		if isImage := strings.HasPrefix(v.Name, "png"); isImage != (media == "image/png") || isImage != bytes.HasPrefix(data, []byte("\x89PNG")) {
			t.Errorf("%s: %q, %d bytes", v.Name, media, len(data))
		}
	}
}

func TestFloat(t *testing.T) {
	text, err := json.Marshal([]preview.Float{1.5, preview.Float(math.NaN()), preview.Float(math.Inf(1))})
	if err != nil || string(text) != "[1.5,null,null]" {
		t.Errorf("%s, %v", text, err)
	}
	var back []preview.Float
	if err := json.Unmarshal(text, &back); err != nil || back[0] != 1.5 || back[1] == back[1] {
		t.Errorf("%v, %v", back, err)
	}
}

// FuzzMake holds previews of anything to their bounds.
func FuzzMake(f *testing.F) {
	codecs := []string{"pickle", "json", "file", "npy", "csv", "gob", "items", ""}
	for _, v := range vectors(f) {
		f.Add(uint8(0), "", v.Pickle)
	}
	for i, text := range []string{"", `[{"a":[1,{"b":null}]}]`, "\x89PNG\r\n\x1a\n", "\x93NUMPY\x01\x00\x02\x00{}", "a,\"b\n1,2\n"} {
		f.Add(uint8(i), "bytes", []byte(text))
	}
	f.Fuzz(func(t *testing.T, codec uint8, typ string, data []byte) {
		v := preview.Value{Codec: codecs[int(codec)%len(codecs)], Type: typ, Size: int64(len(data)), Data: data}
		p := preview.Make(v)
		if _, err := json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		if p.Kind == "" || len(p.Text) > 70_000 || !utf8.ValidString(p.Text) && p.Type == typ && utf8.ValidString(typ) {
			t.Fatalf("kind %q, %d bytes of text", p.Kind, len(p.Text))
		}
		if len(p.Columns) > 50 || len(p.Rows) > 100 || len(p.Values) > 1000 || len(p.Shape) > 64 {
			t.Fatalf("%d columns, %d rows, %d values, %d dimensions", len(p.Columns), len(p.Rows), len(p.Values), len(p.Shape))
		}
		for _, row := range p.Rows {
			if len(row) > 50 {
				t.Fatalf("a row of %d cells", len(row))
			}
		}
		image, media := preview.ImageBytes(v)
		if (media != "") != (len(image) > 0) || len(image) > len(data) {
			t.Fatalf("%q: %d bytes of an image", media, len(image))
		}
		if p.Kind == preview.Image && media == "" && v.Codec != "json" {
			t.Fatal("an image without bytes")
		}
	})
}
