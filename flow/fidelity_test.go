package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/protocol"
)

// The types of values that are stored and read again below.
type (
	plainStruct struct {
		A int
		B string `json:"bee"`
		C []float32
		D map[string]int64
		E *plainStruct
		F [3]byte
	}
	omitting struct {
		A float64        `json:",omitempty"`
		B []int          `json:"b,omitempty"`
		C map[string]int `json:",omitzero"`
		D *string        `json:",omitempty"`
		E int            `json:",string"`
		F time.Time      `json:",omitzero"`
	}
	closed struct {
		Open   int
		hidden int
		lazy   map[string]int `flow:"-"`
	}
	dashed struct {
		A      int
		Secret string `json:"-"`
	}
	inBoth   struct{ Name string }
	shadowed struct {
		inBoth
		Name string
	}
	embedding struct {
		inBoth
		*plainStruct
		X any
	}
	AlsoBoth struct{ Name string }
	InBoth   struct{ Name string }
	twins    struct { // JSON has neither Name
		InBoth
		AlsoBoth
	}
	deep    struct{ P **int }
	lossy   struct{ n int }
	tagged  struct{ N int }
	lenient struct{ N, Cache int }
)

func (l lossy) MarshalJSON() ([]byte, error)  { return json.Marshal(l.n / 2 * 2) }
func (l *lossy) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &l.n) }
func (l tagged) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "n%d", l.N), nil }
func (l *tagged) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "n%d", &l.N)
	return err
}
func (l lenient) MarshalJSON() ([]byte, error)  { return json.Marshal(l.N) }
func (l *lenient) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &l.N) }
func (l lenient) Equal(o lenient) bool          { return l.N == o.N }

var roundTripped = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int8](), reflect.TypeFor[int64](), reflect.TypeFor[uint64](),
	reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[complex64](), reflect.TypeFor[complex128](), reflect.TypeFor[string](),
	reflect.TypeFor[[]byte](), reflect.TypeFor[[4]byte](), reflect.TypeFor[[][]byte](), reflect.TypeFor[[]string](), reflect.TypeFor[[2]float64](),
	reflect.TypeFor[map[string]string](), reflect.TypeFor[map[int]float64](), reflect.TypeFor[map[float64]int](), reflect.TypeFor[map[[2]int]string](),
	reflect.TypeFor[map[tagged]int](), reflect.TypeFor[map[bool][]int](), reflect.TypeFor[any](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](),
	reflect.TypeFor[map[string][]any](), reflect.TypeFor[*int](), reflect.TypeFor[**int](), reflect.TypeFor[*[]int](), reflect.TypeFor[[]*string](),
	reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Time](), reflect.TypeFor[[]time.Time](), reflect.TypeFor[time.Duration](),
	reflect.TypeFor[plainStruct](), reflect.TypeFor[omitting](), reflect.TypeFor[closed](), reflect.TypeFor[dashed](), reflect.TypeFor[shadowed](),
	reflect.TypeFor[embedding](), reflect.TypeFor[twins](), reflect.TypeFor[deep](), reflect.TypeFor[[]lossy](), reflect.TypeFor[tagged](),
	reflect.TypeFor[json.Number](), reflect.TypeFor[map[string]json.Number](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[url.URL](),
	reflect.TypeFor[Array[float64]](), reflect.TypeFor[Table](), reflect.TypeFor[struct{ A, B any }](), reflect.TypeFor[struct{ P *any }](),
}

// fill draws a value.
func fill(t *rapid.T, v reflect.Value, depth int) {
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
	switch v.Type() {
	case timeType:
		berlin := time.FixedZone("Europe/Berlin", 3600)
		odd := time.FixedZone("", 3600+28)
		now := time.Now().Round(0) // what the monotonic clock says is not kept
		if alwaysUTC(now) {
			now = now.UTC() // as it comes back
		}
		v.Set(reflect.ValueOf([]time.Time{{}, now, time.Unix(1, 2).UTC(), time.Unix(1, 2).In(now.Location()), time.Unix(1, 2).In(berlin), time.Unix(1, 0).In(odd),
			time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)}[pick(7)]))
		return
	case reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf([]netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%eth0")}[pick(3)]))
		return
	case reflect.TypeFor[url.URL]():
		u, _ := url.Parse([]string{"", "http://u:p@h/a%2Fb?q#f", "mailto:a@b"}[pick(3)])
		v.Set(reflect.ValueOf(*u))
		return
	case reflect.TypeFor[json.Number]():
		v.SetString([]string{"", "1", "1.50", "123456789012345678901234567890", "x"}[pick(5)])
		return
	case reflect.TypeFor[Array[float64]]():
		a := []Array[float64]{{}, NewArray[float64](), NewArray[float64](2, 0), {Shape: []int{2}, Data: []float64{1, math.Copysign(0, -1)}}, {Shape: []int{2}}}[pick(5)]
		v.Set(reflect.ValueOf(a))
		return
	case reflect.TypeFor[lossy]():
		v.Set(reflect.ValueOf(lossy{pick(5)}))
		return
	case reflect.TypeFor[closed]():
		v.Set(reflect.ValueOf(closed{Open: pick(2), hidden: pick(2)}))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(pick(2) == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, 1<<53 + 1, math.MinInt64})).Draw(t, "int") >> (64 - v.Type().Bits()))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint") >> (64 - v.Type().Bits()))
	case reflect.Float32, reflect.Float64:
		f := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 3, 1e21, 1e300, math.Inf(1), math.Inf(-1)})).Draw(t, "float")
		v.SetFloat(f)
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex([]complex128{0, 1i, complex(math.Copysign(0, -1), 0), complex(1, math.Inf(1))}[pick(4)])
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "<ä&\u2028>", "\xff", "a\xc3", "\ufffd", "\x00"})).Draw(t, "text"))
	case reflect.Pointer:
		if depth < 3 && pick(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n := pick(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			for i := range v.Len() {
				fill(t, v.Index(i), depth+1)
			}
		}
		if rows, is := v.Interface().([][]string); is && len(rows) > 0 {
			for i := range rows {
				rows[i] = rows[0]
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), depth+1)
		}
	case reflect.Map:
		if n := pick(4); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n - 1 {
				k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fill(t, k, depth+1)
				fill(t, e, depth+1)
				v.SetMapIndex(k, e)
			}
		}
	case reflect.Interface:
		of := []reflect.Type{
			nil, reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[uint64](), reflect.TypeFor[float64](),
			reflect.TypeFor[float32](), reflect.TypeFor[string](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[[]int](),
			reflect.TypeFor[plainStruct](), reflect.TypeFor[time.Time](), reflect.TypeFor[[]byte](), reflect.TypeFor[json.Number](), reflect.TypeFor[*int](),
			reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[int](),
		}
		if x := of[pick(len(of))]; x != nil && depth < 4 {
			e := reflect.New(x).Elem()
			fill(t, e, depth+1)
			v.Set(e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(t, v.Field(i), depth+1)
			}
		}
	default:
		t.Fatalf("no values of %s", v.Type())
	}
}

// The property that all of this is about: a value comes back as it was, or it is an error to store it.
func TestValuesComeBackOrAreRefused(t *testing.T) {
	kept := map[reflect.Type]int{}
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom(roundTripped).Draw(t, "type")
		v := reflect.New(typ).Elem()
		fill(t, v, 0)
		back, err := throughStore(typ, v)
		if err != nil {
			if text := err.Error(); !strings.Contains(text, "the artifact x, ") || !strings.Contains(text, "cannot be stored") {
				t.Fatalf("%#v: %v", v, err)
			}
			return
		}
		kept[typ]++
		if x := v.Interface(); !reflect.DeepEqual(back.Interface(), x) {
			if tab, is := x.(Table); is && len(tab.Columns)+len(tab.Rows) == 0 || is && len(tab.Rows) == 0 {
				return // no rows are no rows
			}
			t.Fatalf("%s: %#v came back as %#v", typ, x, back.Interface())
		}
	})
	for _, typ := range roundTripped {
		if kept[typ] == 0 {
			t.Logf("no value of %s was kept", typ)
		}
	}
}

// throughStore stores a value and reads it as the next step does.
func throughStore(typ reflect.Type, v reflect.Value) (reflect.Value, error) {
	f := &field{name: "x", goName: "X", typ: typ}
	f.kind, _ = formOf(typ)
	back := reflect.New(typ).Elem()
	if zero(v) {
		return back, nil // it is not stored
	}
	e, err := f.encode(v)
	if err != nil {
		return back, err
	}
	if err := f.decode(back, &plan{typ: reflect.TypeFor[struct{}]()}, protocol.Value{Found: true, Codec: e.codec, Type: e.typ}, e.data); err != nil {
		panic(fmt.Sprintf("%#v was stored as %q, which cannot be read: %v", v, e.data, err))
	}
	return back, nil
}

func stored[T any](x T) (encoded, error) {
	typ := reflect.TypeFor[T]()
	f := &field{name: "x", goName: "X", typ: typ}
	f.kind, _ = formOf(typ)
	return f.encode(reflect.ValueOf(&x).Elem())
}

// How values are stored of which it is not plain, and what is said of those that cannot be.
func TestWhatIsSaidOfValuesThatCannotBeKept(t *testing.T) {
	berlin := time.FixedZone("Berlin", 3600)
	one, nothing := 1, (*int)(nil)
	ring := map[string]any{}
	ring["me"] = ring
	type nan struct {
		N     float64
		Quiet string `json:"-" flow:"-"`
	}
	for _, c := range []struct {
		encode func() (encoded, error)
		want   string // the codec and the data, or what the error says
	}{
		{func() (encoded, error) { return stored[any](map[string]any{"i": 3, "f": 3.0, "n": 0.0, "e": 1e21}) }, `json {"e":1e+21,"f":3.0,"i":3,"n":0.0}`},
		{func() (encoded, error) { return stored[any](math.Copysign(0, -1)) }, `json -0.0`},
		{func() (encoded, error) { return stored("a\xff") }, "gob"},
		{func() (encoded, error) { return stored(map[string]int{"a\xff": 1}) }, "gob"},
		{func() (encoded, error) { return stored[any](map[string]any{"id": int64(1)}) }, "gob"},
		{func() (encoded, error) { return stored([]any{uint64(1 << 63), []any{1}, map[string]any{"a": nil}}) }, "gob"},
		{func() (encoded, error) { return stored([]float64{math.NaN()}) }, "gob"},
		{func() (encoded, error) { return stored(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)) }, "json"},
		{func() (encoded, error) { return stored(big.NewInt(0)) }, "json 0"},
		{func() (encoded, error) { return stored(*big.NewInt(-12)) }, "json -12"},
		{func() (encoded, error) { return stored(big.NewFloat(0.1)) }, "gob"},
		{func() (encoded, error) { return stored(regexp.MustCompile("a+(b|c)")) }, `json "a+(b|c)"`},
		{func() (encoded, error) { return stored(struct{ Lock struct{ sync.Mutex } }{}) }, `json {"Lock":{}}`},
		{func() (encoded, error) { return stored(lenient{N: 1, Cache: 5}) }, "json 1"},
		{func() (encoded, error) { return stored(json.RawMessage(`{"a": 1}`)) }, `json {"a":1}`},
		{func() (encoded, error) { return stored(closed{lazy: map[string]int{}}) }, `json {"Open":0}`},
		{func() (encoded, error) { return stored(nan{Quiet: "x", N: 1}) }, `json {"N":1}`},
		{func() (encoded, error) { return stored(shadowed{inBoth{"a"}, "b"}) }, "X.inBoth.Name is not zero, and would be lost, for JSON has another field of this name; give it a name of its own"},
		{func() (encoded, error) { return stored(twins{InBoth{"a"}, AlsoBoth{"b"}}) }, "gob"},
		{func() (encoded, error) { return stored(&Failure{Type: "x", permanent: true}) }, `json {"type":"x","message":"","traceback":"","attempt":0}`},

		{func() (encoded, error) { return stored(nan{Quiet: "x", N: math.NaN()}) }, "X.Quiet is tagged not to be stored, but a gob"},
		{func() (encoded, error) { return stored([]dashed{{}, {Secret: "s"}}) }, "X[1].Secret is not zero, and would be lost, for it is tagged `json:\"-\"`"},
		{func() (encoded, error) { return stored(map[string]closed{"k": {hidden: 1}}) }, `X["k"].hidden is not zero, and would be lost, for its name begins with a small letter; export it, or tag it`},
		{func() (encoded, error) {
			return stored(map[string]any{"a": int64(1), "b": time.Unix(1, 0), "c": []string{"x"}})
		}, "gob"},
		{func() (encoded, error) {
			return stored(map[string]any{"a": int64(1), "b": &plainStruct{}, "c": plainStruct{}, "d": []string{"x"}})
		},
			`X["b"] is a *flow.plainStruct within an any, and would come back as a map[string]interface {}`},
		{func() (encoded, error) { return stored([]any{1, plainStruct{}}) }, "X[1] is a flow.plainStruct within an any, and would come back as a map[string]interface {}"},
		{func() (encoded, error) { return stored(time.Unix(1, 0).In(berlin)) }, `the artifact x, a time.Time, cannot be stored as it is: X is a time in the location "Berlin", and would come back with no more than its offset; store its UTC()`},
		{func() (encoded, error) { return stored(&nothing) }, "X is a pointer to something and would come back as nil"},
		{func() (encoded, error) { return stored(omitting{B: []int{}}) }, "X.B is empty and not nil and would come back as nil; leave out omitempty"},
		{func() (encoded, error) { return stored([]lossy{{1}}) }, "X[0] is {1} and would come back as {0}, after flow.lossy's own methods have written and read it; correct them, or"},
		{func() (encoded, error) { return stored(Array[float64]{Shape: []int{3}, Data: []float64{1}}) }, "its shape [3] says that it has 3 elements, but Data has 1"},
		{func() (encoded, error) { return stored[any](ring) }, "it is nested too deep, or holds itself"},
		{func() (encoded, error) { return stored(embedding{plainStruct: &plainStruct{}}) }, "cannot be read again"},
		{func() (encoded, error) { return stored(panicky{&one}) }, "panic while it was written: oh"},
	} {
		e, err := c.encode()
		got := e.codec + " " + string(e.data)
		if err != nil {
			got = err.Error()
			if !strings.HasPrefix(got, "the artifact x, ") {
				t.Errorf("no artifact in %q", got)
			}
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q instead of %q", got, c.want)
		}
	}
}

// Times of today are JSON, wherever the machine is, but where JSON would take summer time from them.
func TestTimesOfNow(t *testing.T) {
	now := time.Now()
	e, err := stored(now)
	if _, offset := now.Zone(); err != nil || (e.codec == "json") != (offset != 0 || alwaysUTC(now)) {
		t.Errorf("%v is stored as %s: %v", now, e.codec, err)
	}
}

type panicky struct{ P *int }

func (p panicky) MarshalJSON() ([]byte, error) { panic(errors.New("oh")) }

// Numbers within an any are read as what they are written as, also if Python has written them.
func TestNumbersWithinAnAny(t *testing.T) {
	var got struct{ X map[string]any }
	err := decodeJSON(reflect.ValueOf(&got).Elem(), []byte(`{"X":{"i":9007199254740993,"f":2.0,"l":[1,-0,1e3],"m":{"a":-9223372036854775808}}}`), false)
	want := map[string]any{"i": 9007199254740993, "f": 2.0, "l": []any{1, math.Copysign(0, -1), 1e3}, "m": map[string]any{"a": math.MinInt64}}
	if err != nil || !reflect.DeepEqual(got.X, want) {
		t.Errorf("%v, %#v", err, got.X)
	}
	err = decodeJSON(reflect.ValueOf(&got).Elem(), []byte(`{"X":{"big":18446744073709551615}}`), false)
	if err == nil || !strings.Contains(err.Error(), "the number 18446744073709551615, which is to be read into an any, is too large for an int; give the field a type") {
		t.Error(err)
	}
}
