package convert_test

import (
	"strings"
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
		"[NULL]":             "line 1, column 2: JSON has no NULL: write null",
		// A word that is no value there is not to be replaced.
		"true false":    "line 1, column 6: invalid character 'f' after top-level value",
		"{true: 1}":     "line 1, column 2: invalid character 't' looking for beginning of object key string",
		"[-true]":       "line 1, column 3: invalid character 't' in numeric literal",
		"\"is None\n\"": `line 1, column 9: invalid character '\n' in string literal`,
		`["it is true`:  "line 1, column 13: unexpected end of JSON input",
		`["don\'t"]`:    `line 1, column 7: invalid character '\'' in string escape code`,
	} {
		if err := convert.NotJSON([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	long := strings.Repeat("-", 1<<20) + "nan"
	if err := convert.NotJSON([]byte(long)); err == nil || len(err.Error()) > 200 {
		t.Errorf("a word of a megabyte is repeated: %.200v", err)
	}
	if err := convert.NotJSON([]byte(` {"NaN": ["-Infinity", true, null]}`)); err != nil {
		t.Error(err)
	}
}
