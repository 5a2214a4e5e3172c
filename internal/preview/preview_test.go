package preview

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// python pickles the values of expressions.
func python(t testing.TB, expressions ...string) [][]byte {
	t.Helper()
	script := "import pickle, sys, base64\n"
	for _, e := range expressions {
		script += "print(base64.b64encode(pickle.dumps(" + e + ", 4)).decode())\n"
	}
	out, err := exec.Command("python3", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, line := range strings.Fields(string(out)) {
		var data []byte
		if err := json.Unmarshal([]byte(`"`+line+`"`), &data); err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func TestPickles(t *testing.T) {
	cases := []struct {
		expression string
		want       string // of the preview as JSON
	}{
		{"1.5", `{"kind":"number","text":"1.5","number":1.5}`},
		{"-3", `{"kind":"number","text":"-3","number":-3}`},
		{"float('nan')", `{"kind":"number","text":"nan"}`},
		{"True", `{"kind":"bool","text":"true","number":1}`},
		{"None", `{"kind":"none","text":"None"}`},
		{"'über'", `{"kind":"text","text":"über"}`},
		{"[1, 2]", `{"kind":"json","json":[1,2]}`},
		{"{'a': [1, {'b': None}]}", `{"kind":"json","json":{"a":[1,{"b":null}]}}`},
		{"(1, {2})", `{"kind":"json","text":"(1, {2})","json":[1,[2]]}`},
		{"[{'b': 1, 'a': 'x'}, {'a': None}]", `{"kind":"table","columns":["a","b"],"rows":[["x","1"],["",""]],"total_rows":2}`},
		{"list(range(8))", `{"kind":"array","text":"list of 8 numbers","shape":[8],"values":[0,1,2,3,4,5,6,7]}`},
		{"b'\\x89PNG\\r\\n\\x1a\\n rest'", `{"kind":"image","text":"image/png, 13 bytes","media_type":"image/png"}`},
		{"b'plain'", `{"kind":"text","text":"plain"}`},
		{"object()", `{"kind":"unknown","text":"\u003cobject\u003e"}`},
	}
	var expressions []string
	for _, c := range cases {
		expressions = append(expressions, c.expression)
	}
	for i, data := range python(t, expressions...) {
		got, err := json.Marshal(Of("pickle", "some.Type", data))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != cases[i].want {
			t.Errorf("%s:\n got %s\nwant %s", cases[i].expression, got, cases[i].want)
		}
	}
}

func TestFloat(t *testing.T) {
	data := python(t, "2", "0.25", "True", "'2'", "[1]")
	for i, want := range []float64{2, 0.25, 1} {
		if got, ok := Float("pickle", data[i]); !ok || got != want {
			t.Errorf("%v, %v, want %v", got, ok, want)
		}
	}
	for _, d := range append(data[3:], nil, []byte("x")) {
		if got, ok := Float("pickle", d); ok {
			t.Errorf("%q is %v", d, got)
		}
	}
	if got, ok := Float("json", []byte("7.5")); !ok || got != 7.5 {
		t.Error(got, ok)
	}
}

func TestLimits(t *testing.T) {
	p := Of("file", "", []byte(strings.Repeat("x", 100_000)))
	if p.Kind != Text || len(p.Text) != maxText || !p.Truncated {
		t.Errorf("%v, %d bytes, %v", p.Kind, len(p.Text), p.Truncated)
	}
	if p = Of("pickle", "T", make([]byte, MaxInput+1)); p.Kind != Unknown || !p.Truncated {
		t.Errorf("%+v", p)
	}
	data := python(t, "[{'c%03d' % i: 'y' * 300 for i in range(100)}] * 200", "[0.5] * 100000")
	if p = Of("pickle", "list", data[0]); len(p.Rows) != maxRows || len(p.Columns) != maxColumns || p.TotalRows != 200 || !p.Truncated || len(p.Rows[0][0]) != maxCell {
		t.Errorf("%d rows, %d columns of %d", len(p.Rows), len(p.Columns), p.TotalRows)
	}
	if p = Of("pickle", "list", data[1]); len(p.Values) != maxSample || p.Shape[0] != 100_000 {
		t.Errorf("%d values of %v", len(p.Values), p.Shape)
	}
}

// Whatever the bytes are, there is a preview of bounded size that is valid JSON.
func FuzzOf(f *testing.F) {
	for _, data := range python(f, "1", "{'a': (1, 2)}", "[{'a': 1}]", "b'GIF89a'", "list(range(20))") {
		f.Add("pickle", data)
	}
	f.Add("json", []byte(`[{"a":1},{"b":[]}]`))
	f.Add("csv", []byte("a,b\n1,2\n"))
	f.Fuzz(func(t *testing.T, codec string, data []byte) {
		text, err := json.Marshal(Of(codec, "T", data))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 2<<20 {
			t.Fatalf("%d bytes of preview", len(text))
		}
		Float(codec, data)
		Raw(codec, data)
	})
}
