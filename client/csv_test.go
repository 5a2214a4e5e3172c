package client

import (
	"encoding/csv"
	"reflect"
	"strings"
	"testing"
)

func TestCSV(t *testing.T) {
	for text, want := range map[string][][]string{
		"":                           nil,
		"\n\r\n\r":                   nil,
		"a":                          {{"a"}},
		"a,b\r\n\n1,\r\n":            {{"a", "b"}, {"1", ""}},
		"a\n\"\"\nx\n":               {{"a"}, {""}, {"x"}},
		"a,b\n,\n\"x\",\"y\"\r\n":    {{"a", "b"}, {"", ""}, {"x", "y"}},
		"a\n\"1\r\n2\n\"\"q\"\"\"\n": {{"a"}, {"1\r\n2\n\"q\""}},
		"a\rb\n":                     {{"a\rb"}},
	} {
		if got, err := csvRecords([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"\"a": "not closed", "\"a\"b": "behind a quote", "a\"b": "does not begin", "a,b\n1\n": "row 1 of the CSV has 1 cells",
	} {
		if got, err := csvRecords([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %q, %v; want an error with %q", text, got, err, want)
		}
	}
}

// FuzzCSV compares with encoding/csv, but for line ends within cells.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n1,\"x\"\"\"\n\n,\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := csvRecords([]byte(text))
		if strings.Contains(text, "\r") {
			return
		}
		want, errWant := csv.NewReader(strings.NewReader(text)).ReadAll()
		if (err != nil) != (errWant != nil) || err == nil && len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %q, %v; want %q, %v", text, got, err, want, errWant)
		}
	})
}
