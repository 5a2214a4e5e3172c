package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpellings(t *testing.T) {
	for typed, want := range map[string][]string{
		"true":                {"true", "True"},
		"off":                 {"off", "False"},
		"null":                {"null", "None"},
		"None":                {"None"},
		"abc":                 {"abc"},
		"0.5":                 {"0.5"},
		"1e-3":                {"1e-3", "0.001"},
		"1e-5":                {"1e-5", "1e-05"},
		"1e20":                {"1e20", "1e+20"},
		"07":                  {"07", "7", "7.0"},
		"1":                   {"1", "True", "1.0"},
		"inf":                 {"inf"},
		`"a"`:                 {`"a"`, "a"},
		`{"a,b":[1,2],"c":0}`: {`{"a,b":[1,2],"c":0}`, `{"a,b": [1, 2], "c": 0}`},
		"[1":                  {"[1"},
		"[1] [2]":             {"[1] [2]"},
		// What is not ASCII is recorded of flows in Python as it is, and was escaped before;
		// a flow in Go may have been given either.
		`["Zürich","\ud83d\ude00",1e3,-0]`: {
			`["Zürich","\ud83d\ude00",1e3,-0]`, `["Zürich", "😀", 1000.0, 0]`, `["Z\u00fcrich", "\ud83d\ude00", 1000.0, 0]`, `["Zürich","😀",1e3,-0]`, `["Zürich", "😀", 1e3, -0]`,
		},
		`{"ä": "\u007f\/<\u003e\"\n"}`: {
			`{"ä": "\u007f\/<\u003e\"\n"}`, "{\"ä\": \"\u007f/<>\\\"\\n\"}", `{"\u00e4": "\u007f/<>\"\n"}`, "{\"ä\":\"\u007f/<>\\\"\\n\"}",
		},
		`[{"a":1,"b":{},"a":[]},true,null]`: {`[{"a":1,"b":{},"a":[]},true,null]`, `[{"a": [], "b": {}}, true, null]`, `[{"a":[],"b":{}},true,null]`},
		"":                                  {""},
	} {
		if diff := cmp.Diff(want, valueSpellings(typed)); diff != "" {
			t.Errorf("%s: %s", typed, diff)
		}
	}
	got := spelled(map[string]string{"long_name": "1e-3", "x": "a"})
	want := []map[string]string{
		{"long_name": "1e-3", "x": "a"}, {"long_name": "0.001", "x": "a"}, {"long-name": "1e-3", "x": "a"}, {"long-name": "0.001", "x": "a"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := spelled(nil); len(got) != 1 {
		t.Errorf("no parameters: %v", got)
	}
}
