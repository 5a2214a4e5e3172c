package flow

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// What encoding/json would pass by without a word in values of other programs is told.
func TestWhatATypeCannotHoldIsTold(t *testing.T) {
	type row struct {
		A int
		B *int
		C float64 `json:"see"`
		T time.Time
	}
	for _, c := range []struct {
		data string
		into any
		want string // "" if it can be held
	}{
		{`null`, new(int), "it is null (in Python None), which an int cannot hold; give it the type *int"},
		{`null`, new(*int), ""},
		{`null`, new([]int), ""},
		{`null`, new(any), ""},
		{`"null"`, new(string), ""},
		{`[1,null]`, new([]int), "[1] is null"},
		{`[1,null,"x"]`, new([]any), ""},
		{`{"a":{"k":[null]}}`, new(map[string]map[string][]float64), `["a"]["k"][0] is null (in Python None), which a float64 cannot hold`},
		{`[{"A":1,"B":null,"C":null}]`, new([]row), ""},
		{`{"T":null}`, new(row), `["T"] is null (in Python None), which a time.Time cannot hold; give it the type *time.Time`},
		{`{"T":"2026-01-02T03:04:05Z"}`, new(row), ""},
		{`[{"A":1},{"a":null}]`, new([]row), `[1]["a"] is null`},
		{`{"other":null,"A":1}`, new(row), ""},
		{`[1,2,3]`, new([2]int), "has 3 elements, and a [2]int has 2; use a slice"},
		{`[1]`, new([2]int), "has 1 elements"},
		{`[[1,2]]`, new([][2]int), ""},
		{`9007199254740993`, new(float64), "is the whole number 9007199254740993, which a float64 cannot hold; give it a type of whole numbers"},
		{`{"see":9007199254740993}`, new(row), `["see"] is the whole number`},
		{`9007199254740992`, new(float64), ""},
		{`-9007199254740993`, new(int64), ""},
		{`[0.12345678901234567,1e300,1234567890123456.5,10000000000000000]`, new([]float64), ""},
	} {
		err := decodeJSON(reflect.ValueOf(c.into).Elem(), []byte(c.data), false)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s into %T: %v instead of %q", c.data, c.into, err, c.want)
		}
	}
}
