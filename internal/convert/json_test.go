package convert_test

import (
	"testing"

	"github.com/levadahq/levada/internal/convert"
)

// What is wrong with JSON is told with its place and with what to write instead.
func TestNotJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": NaN}`:         `line 1, column 7: JSON has no NaN: write null, or a text such as "NaN"`,
		"[1,\n -Infinity]":   `line 2, column 2: JSON has no -Infinity: write null, or a text such as "-Infinity"`,
		`["ü", nan]`:         `line 1, column 7: JSON has no nan: write null, or a text such as "nan"`,
		"inf":                `line 1, column 1: JSON has no inf: write null, or a text such as "inf"`,
		`[True]`:             `line 1, column 2: JSON has no True: write true`,
		`[None`:              `line 1, column 2: JSON has no None: write null`,
		"\ufeff{}":           "it begins with a byte order mark: write UTF-8 without one",
		"\xff\xfe{\x00}\x00": "it is UTF-16: write UTF-8",
		"":                   "it is empty",
		`{'a': 1}`:           "line 1, column 2: names and texts have double quotes in JSON",
		"[1,\n]":             "line 2, column 1: invalid character ']' looking for beginning of value",
		"[1, 2":              "line 1, column 6: unexpected end of JSON input",
		"[]\nx":              "line 2, column 1: invalid character 'x' after top-level value",
		"\n":                 "line 2, column 1: unexpected end of JSON input",
	} {
		if err := convert.NotJSON([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if err := convert.NotJSON([]byte(` {"NaN": ["-Infinity", true, null]}`)); err != nil {
		t.Error(err)
	}
}
