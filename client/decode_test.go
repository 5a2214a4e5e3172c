package client

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/pickle"
)

// pickler is a Python that answers an expression a line with its pickle.
var pickler = sync.OnceValues(func() (ask func(string) (string, error), err error) {
	cmd := exec.Command("python3", "-uc", `import base64, collections, datetime, decimal, ipaddress, pickle, sys, types, uuid
for line in sys.stdin:
    print(base64.b64encode(pickle.dumps(eval(line), 5)).decode())`)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	answers := bufio.NewReader(out)
	return func(expression string) (string, error) { // it ends when its stdin does, with the tests
		if _, err := in.Write([]byte(expression + "\n")); err != nil {
			return "", err
		}
		return answers.ReadString('\n')
	}, cmd.Start()
})

// python returns what an expression is as a pickle.
func python(t *testing.T, expression string) pickle.Value {
	t.Helper()
	ask, err := pickler()
	if err != nil {
		t.Fatal(err)
	}
	text, err := ask(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return decodeBase64(t, strings.TrimSpace(text))
}

// vectors returns the lines of a file of pickles that package pickle is tested with.
func vectors(t testing.TB, name string) []string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "internal", "pickle", "testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func decodeBase64(t *testing.T, text string) pickle.Value {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pickle.Decode(data, pickle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fit puts a value into a type.
func fit[T any](value pickle.Value) (v T, err error) {
	err = put(reflect.ValueOf(&v).Elem(), value)
	return v, err
}

// fits checks that an expression of Python fits a type as a value.
func fits[T any](t *testing.T, expression string, want T) {
	t.Helper()
	got, err := fit[T](python(t, expression))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s gives %#v, %v; want %#v", expression, got, err, want)
	}
}

// misfits checks that an expression does not fit a type, and what is said of it.
func misfits[T any](t *testing.T, expression, want string) {
	t.Helper()
	if got, err := fit[T](python(t, expression)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s gives %#v, %v; want an error with %q", expression, got, err, want)
	}
}

func TestWhatFits(t *testing.T) {
	type point struct {
		X     float64
		Y     *int8  `json:"why"`
		Label string `levada:"name,omitempty" json:"other"`
		Skip  int    `json:"-"`
	}
	one := int8(1)
	fits(t, "True", true)
	fits(t, "-128", int8(-128))
	fits(t, "255", uint8(255))
	fits(t, "2**64 - 1", uint64(math.MaxUint64))
	fits(t, "2**64", *new(big.Int).Lsh(big.NewInt(1), 64))
	fits(t, "3", 3.0)
	fits(t, "1.5", float32(1.5))
	fits(t, "float('inf')", float32(math.Inf(1)))
	fits(t, "b'ab'", []byte("ab"))
	fits(t, "bytearray(b'ab')", []byte("ab"))
	fits(t, "(1, 2)", []int{1, 2})
	fits(t, "[1, 2]", [2]int64{1, 2})
	fits(t, "[1, 2]", []byte{1, 2})
	fits(t, "collections.deque([1, 2])", []int{1, 2})
	fits(t, "{3, 4}", map[int]struct{}{3: {}, 4: {}})
	fits(t, "{'a': [1], 'b': None}", map[string][]int{"a": {1}, "b": nil})
	fits(t, "{1: 'x', (2): 'y'}", map[int]string{1: "x", 2: "y"})
	fits(t, "collections.OrderedDict(a=1)", map[string]any{"a": int64(1)})
	fits(t, "{1: 2.5}", any(map[any]any{int64(1): 2.5}))
	fits(t, "{'x': 1, 'WHY': 3, 'why': 1, 'name': 'p', 'other': 'o', 'Skip': 7, 'inner': 7, 'more': 0}", point{X: 1, Y: &one, Label: "p"})
	fits(t, "types.SimpleNamespace(x=2.5, name='q')", point{X: 2.5, Label: "q"})
	fits[*int](t, "None", nil)
	fits[any](t, "None", nil)
	fits(t, "datetime.datetime(2026, 11, 23, 1, 2, 3, 4)", time.Date(2026, 11, 23, 1, 2, 3, 4000, time.Local))
	fits(t, "datetime.date(2026, 11, 23)", time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local))
	fits(t, "datetime.timedelta(days=-1, seconds=1)", -24*time.Hour+time.Second)
	fits(t, "decimal.Decimal('1.50')", "1.50")
	fits(t, "uuid.UUID(int=1)", "00000000-0000-0000-0000-000000000001")
	fits(t, "ipaddress.ip_address('10.0.0.1')", netip.MustParseAddr("10.0.0.1"))
	fits(t, "ipaddress.ip_address('::1')", netip.MustParseAddr("::1"))
	// Through UnmarshalText.
	if v, err := fit[big.Float](python(t, "decimal.Decimal('1.5')")); err != nil || v.String() != "1.5" {
		t.Errorf("Decimal gives %v, %v", &v, err)
	}
	zoned, err := fit[time.Time](python(t, "datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))"))
	if err != nil || !zoned.Equal(time.Date(2025, 12, 31, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("%v, %v", zoned, err)
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	misfits[int8](t, "128", "128 is outside of the range of int8")
	misfits[uint](t, "-1", "-1 is outside of the range of uint")
	misfits[int64](t, "2**63", "an int of 64 bits is outside of the range of int64")
	misfits[int](t, "1.0", "a value of the type float does not fit int")
	misfits[int](t, "True", "a value of the type bool does not fit int")
	misfits[float64](t, "2**53 + 1", "is not exact as float64")
	misfits[float32](t, "1e300", "is outside of the range of float32")
	misfits[string](t, "b'x'", "does not fit string")
	misfits[[]int](t, "[1, [2, 'x']]", "[1]: a value of the type list")
	misfits[[][]int](t, "[[1], [2, 'x']]", "[1][1]: a value of the type str does not fit int")
	misfits[[3]int](t, "[1]", "1 values do not fit [3]int")
	misfits[map[string]int](t, "{'a': 1.5}", "['a']: a value of the type float")
	misfits[struct{ A struct{ B int } }](t, "{'a': {'b': None}}", ".a.b: a value of the type NoneType")
	misfits[int](t, "None", "NoneType")
	misfits[time.Duration](t, "90", "does not fit time.Duration")
	misfits[any](t, "[x := [], x.append(x)][0]", "it contains itself")
	misfits[any](t, "complex(1, 2)", "is not plain data")
	misfits[map[any]any](t, "{(1, 2): 3}", "cannot be one in Go")
	misfits[struct{ A int }](t, "types.SimpleNamespace(b=1)", "does not fit struct")
}

// TestArrays reads arrays that numpy wrote, kept with the tests of package pickle.
func TestArrays(t *testing.T) {
	seen, frames := 0, 0
	for _, line := range vectors(t, "science") {
		var vector struct {
			Name, Data, Type string
			Repr             []string
		}
		if err := json.Unmarshal([]byte(line), &vector); err != nil {
			t.Fatal(err)
		}
		v := decodeBase64(t, vector.Data)
		if vector.Type == "pandas.DataFrame" || strings.HasSuffix(vector.Type, ".DataFrame") {
			frames++
			if _, err := fit[struct{ Columns []string }](v); err == nil {
				t.Errorf("%s fits a struct", vector.Name)
			}
			if _, err := fit[any](v); err == nil {
				t.Errorf("%s fits any", vector.Name)
			}
		}
		check := func(got any, err error, want any) {
			t.Helper()
			seen++
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s gives %#v, %v; want %#v", vector.Repr[0], got, err, want)
			}
		}
		switch vector.Repr[0] {
		case "<numpy.ndarray shape=(3,) dtype=int64>":
			want := []int64{0, 1, 2}
			got, err := fit[[]int64](v)
			check(got, err, want)
			floats, err := fit[[]float32](v)
			check(floats, err, []float32{0, 1, 2})
			anything, err := fit[any](v)
			check(anything, err, Array[int64]{[]int{3}, want})
			if got, err := fit[[][]int64](v); err == nil {
				t.Errorf("two dimensions from one: %v", got)
			}
			if got, err := fit[[]bool](v); err == nil {
				t.Errorf("bools from numbers: %v", got)
			}
		case "<numpy.ndarray shape=(2, 3) dtype=float32>", "<numpy.ndarray shape=(2, 3) dtype=float64>":
			rows, err := fit[[][]float64](v)
			if err != nil || len(rows) != 2 || len(rows[1]) != 3 {
				t.Errorf("%v, %v", rows, err)
				break
			}
			flat, err := fit[Array[float64]](v)
			check(flat, err, Array[float64]{[]int{2, 3}, append(append([]float64{}, rows[0]...), rows[1]...)})
		case "<numpy.ndarray shape=() dtype=float64>":
			_, err := fit[float64](v)
			check(nil, err, nil)
		case "<numpy.ndarray shape=(1,) dtype=bool>":
			got, err := fit[[1]bool](v)
			check(got, err, [1]bool{true})
		case "<numpy.ndarray shape=(1,) dtype=>i4>":
			_, err := fit[[]int32](v)
			check(nil, err, nil)
		case "<numpy.ndarray shape=(2,) dtype=object>":
			got, err := fit[[]any](v)
			check(got, err, []any{nil, map[string]any{}})
		case "<numpy.ndarray shape=(2,) dtype=<U2>":
			got, err := fit[[]string](v)
			check(got, err, []string{"ab", "c"})
		}
	}
	if seen == 0 || frames == 0 {
		t.Errorf("%d arrays, %d frames", seen, frames)
	}
}

// TestSeriesAndFrames reads values that package convert is tested with.
func TestSeriesAndFrames(t *testing.T) {
	_, file, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "internal", "convert", "testdata", "values.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		var vector struct{ Name, Pickle string }
		if err := json.Unmarshal([]byte(line), &vector); err != nil {
			t.Fatal(err)
		}
		values[vector.Name] = vector.Pickle
	}
	check := func(name string, got any, err error, want any) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %#v, %v; want %#v", name, got, err, want)
		}
	}
	value := func(name string) pickle.Value { return decodeBase64(t, values[name]) }

	table, err := fit[Table](value("frame"))
	check("frame", table, err, Table{[]string{"n", "x", "s", "b", "m"}, [][]string{{"1", "0.5", "a,b", "True", "3"}, {"2", "", "", "False", "4"}}})
	rows, err := fit[*[][]string](value("frame with numbers as names"))
	check("frame with numbers as names", rows, err, &[][]string{{"0", "1"}, {"1", "2"}})
	table, err = fit[Table](value("record array"))
	check("record array", table, err, Table{[]string{"x", "y"}, [][]string{{"1", "2.0"}}})
	if _, err := fit[Table](value("frame of odd types")); err == nil || !strings.Contains(err.Error(), `column "p" has the dtype period[W-SUN]`) {
		t.Errorf("a frame of odd types gives %v", err)
	}

	ints, err := fit[[]*int64](value("series of nullable ints"))
	if err != nil || len(ints) != 3 || *ints[0] != 1 || ints[1] != nil || *ints[2] != 1<<62 {
		t.Errorf("nullable ints give %v, %v", ints, err)
	}
	floats, err := fit[[]float64](value("series with a gap"))
	if err != nil || len(floats) != 2 || floats[0] != 0.5 || !math.IsNaN(floats[1]) {
		t.Errorf("a series with a gap gives %v, %v", floats, err)
	}
	texts, err := fit[[][]string](value("array of text"))
	check("array of text", texts, err, [][]string{{"a", "bü"}, {"", "c"}})
	labels, err := fit[any](value("index of text"))
	check("index of text", labels, err, []any{"a", "b"})
	times, err := fit[[]*time.Time](value("series of times in a zone"))
	if err != nil || len(times) != 2 || !times[0].Equal(time.Date(2026, 1, 2, 2, 4, 5, 500e6, time.UTC)) || times[1] != nil {
		t.Errorf("times in a zone give %v, %v", times, err)
	}
	spans, err := fit[[]any](value("series of spans"))
	check("series of spans", spans, err, []any{time.Duration(0), nil})

	if _, err := fit[[]int](value("series of nullable ints")); err == nil || !strings.Contains(err.Error(), "[1]: a value of the type NoneType does not fit int") {
		t.Errorf("what is missing as an int: %v", err)
	}
	if _, err := fit[[]string](value("series of times in a zone")); err == nil || !strings.Contains(err.Error(), "[0]: a value of the type datetime does not fit string") {
		t.Errorf("a time as text: %v", err)
	}
	for _, name := range []string{"index of pairs", "series of weeks", "huge range", "array of empty lists of the shape (1048576, 1048576, 16777216, 0)"} {
		if got, err := fit[any](value(name)); err == nil {
			t.Errorf("%s gives %#v", name, got)
		}
	}
}

// TestTimesOfPackages reads times and spans of time of numpy's and pandas'.
func TestTimesOfPackages(t *testing.T) {
	berlin := time.FixedZone("", 7200)
	times := map[string]time.Time{
		"np.datetime64('2020')":                                     time.Date(2020, 1, 1, 0, 0, 0, 0, time.Local),
		"np.datetime64('1965-11')":                                  time.Date(1965, 11, 1, 0, 0, 0, 0, time.Local),
		"np.datetime64('2020-02-29')":                               time.Date(2020, 2, 29, 0, 0, 0, 0, time.Local),
		"np.datetime64('2020-01-01T12','h')":                        time.Date(2020, 1, 1, 12, 0, 0, 0, time.Local),
		"np.datetime64('1970-01-01T00:00:00.000000001')":            time.Date(1970, 1, 1, 0, 0, 0, 1, time.Local),
		"Timestamp('1965-01-01 12:00:00.250000')":                   time.Date(1965, 1, 1, 12, 0, 0, 250e6, time.Local),
		"Timestamp('2020-07-01 12:00:00+0200', tz='Europe/Berlin')": time.Date(2020, 7, 1, 12, 0, 0, 0, berlin),
	}
	spans := map[string]time.Duration{
		"np.timedelta64(5,'m')":          5 * time.Minute,
		"np.timedelta64(-3,'25s')":       -75 * time.Second,
		"Timedelta('-1 days +23:59:59')": -time.Second,
	}
	seen := map[string]bool{}
	for _, line := range vectors(t, "science") {
		var vector struct {
			Data string
			Repr []string
		}
		if err := json.Unmarshal([]byte(line), &vector); err != nil {
			t.Fatal(err)
		}
		shown := vector.Repr[0]
		if want, ok := times[shown]; ok {
			seen[shown] = true
			v := decodeBase64(t, vector.Data)
			if got, err := fit[time.Time](v); err != nil || !got.Equal(want) {
				t.Errorf("%s gives %v, %v; want %v", shown, got, err, want)
			}
			if got, err := fit[any](v); err != nil || !got.(time.Time).Equal(want) {
				t.Errorf("%s gives %v, %v; want %v", shown, got, err, want)
			}
		}
		if want, ok := spans[shown]; ok {
			seen[shown] = true
			if got, err := fit[time.Duration](decodeBase64(t, vector.Data)); err != nil || got != want {
				t.Errorf("%s gives %v, %v; want %v", shown, got, err, want)
			}
		}
		if shown == "np.datetime64('NaT','s')" || shown == "np.timedelta64('NaT','D')" {
			seen[shown] = true
			v := decodeBase64(t, vector.Data)
			if got, err := fit[*time.Time](v); err != nil || got != nil {
				t.Errorf("%s gives %v, %v; want nil", shown, got, err)
			}
			if got, err := fit[time.Time](v); err == nil {
				t.Errorf("%s gives %v", shown, got)
			}
		}
	}
	if len(seen) != len(times)+len(spans)+2 {
		t.Errorf("only %v are there", seen)
	}
}

func TestArrayLayouts(t *testing.T) {
	matrix := &pickle.Array{Shape: []int{2, 3}, Kind: 'u', Size: 1, Data: []byte{1, 2, 3, 4, 5, 6}}
	set := func(a *pickle.Array, to any) error {
		d := decoder{room: 1000, active: map[any]bool{}}
		return d.array(reflect.ValueOf(to).Elem(), nil, a)
	}
	var rows [][]uint8
	if err := set(matrix, &rows); err != nil || !reflect.DeepEqual(rows, [][]uint8{{1, 2, 3}, {4, 5, 6}}) {
		t.Errorf("%v, %v", rows, err)
	}
	matrix.Fortran = true
	if err := set(matrix, &rows); err != nil || !reflect.DeepEqual(rows, [][]uint8{{1, 3, 5}, {2, 4, 6}}) {
		t.Errorf("Fortran order: %v, %v", rows, err)
	}
	var flat Array[uint16]
	if err := set(matrix, &flat); err != nil || !reflect.DeepEqual(flat.Data, []uint16{1, 3, 5, 2, 4, 6}) || flat.At(1, 0) != 2 || flat.At(0, 2) != 5 {
		t.Errorf("Fortran order: %v, %v", flat, err)
	}
	var numbers []float64
	if err := set(&pickle.Array{Shape: []int{2}, Kind: 'f', Size: 2, Big: true, Data: []byte{0x3e, 0, 0xc0, 0}}, &numbers); err != nil || !reflect.DeepEqual(numbers, []float64{1.5, -2}) {
		t.Errorf("halves: %v, %v", numbers, err)
	}
	var small []int8
	if err := set(&pickle.Array{Shape: []int{1}, Kind: 'i', Size: 2, Data: []byte{0, 1}}, &small); err == nil {
		t.Errorf("256 in an int8: %v", small)
	}
	if err := set(&pickle.Array{Shape: []int{1 << 40, 0}, Kind: 'i', Size: 2}, &rows); err == nil {
		t.Error("a trillion empty rows are made")
	}
	defer func() {
		if recover() == nil {
			t.Error("an index outside of the array gives something")
		}
	}()
	flat.At(2, 0)
}

// FuzzDecode has no pickle panic or take more than it may, whatever it is put into.
func FuzzDecode(f *testing.F) {
	for _, file := range []string{"vectors", "science", "python2"} {
		for _, line := range vectors(f, file) {
			var vector struct{ Data string }
			if err := json.Unmarshal([]byte(line), &vector); err != nil {
				f.Fatal(err)
			}
			if data, err := base64.StdEncoding.DecodeString(vector.Data); err == nil && len(data) < 1500 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := pickle.Decode(data, pickle.Limits{Memory: 1 << 20})
		if err != nil {
			return
		}
		small := func(to any) {
			d := decoder{room: 10_000, active: map[any]bool{}}
			_ = d.set(reflect.ValueOf(to).Elem(), v)
		}
		small(new(any))
		small(new(map[string][]int))
		small(new([][]float32))
		small(new(struct {
			A time.Time
			B *struct{ C []byte }
			X Array[uint8]
		}))
		small(new(Array[float64]))
		small(new(big.Int))
		small(new(map[any]struct{}))
	})
}

// Base and the types below are as those of a flow in Go may be.
type Base struct {
	ID   int
	Kind string
}

type hidden struct{ Deep string }

type More struct {
	Note string `json:"note"`
	ID   string
}

type level int

func (l *level) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"high"`:
		*l = 2
	case "null":
		*l = -1
	default:
		return errors.New("no level: " + string(b))
	}
	return nil
}

// readsJSON checks that JSON that a flow in Go wrote for a type fits a type as a value.
func readsJSON[T any](t *testing.T, text, typ string, want T) {
	t.Helper()
	var got T
	if _, err := decode(reflect.ValueOf(&got).Elem(), "json", typ, []byte(text)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s gives %+v, %v; want %+v", text, got, err, want)
	}
}

func refusesJSON[T any](t *testing.T, text, typ, want string) {
	t.Helper()
	var got T
	if _, err := decode(reflect.ValueOf(&got).Elem(), "json", typ, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s gives %+v, %v; want an error with %q", text, got, err, want)
	}
}

func TestEmbeddedStructs(t *testing.T) {
	type model struct {
		Base
		hidden
		Name string
	}
	readsJSON(t, `{"ID":7,"Kind":"k","Deep":"d","Name":"n"}`, "main.M", model{Base{7, "k"}, hidden{"d"}, "n"})
	fits(t, "{'id': 7, 'deep': 'd', 'name': 'n'}", model{Base{ID: 7}, hidden{"d"}, "n"})
	fits(t, "types.SimpleNamespace(id=7, name='n')", model{Base: Base{ID: 7}, Name: "n"})
	refusesJSON[model](t, `{"ID":"seven"}`, "main.M", ".ID: a value of the type str does not fit int")
	type pointed struct{ *Base }
	readsJSON(t, `{"ID":7}`, "main.M", pointed{&Base{ID: 7}})
	readsJSON(t, `{"x":7}`, "main.M", pointed{})
	type hides struct {
		Base
		ID float64
	}
	readsJSON(t, `{"ID":7.5,"Kind":"k"}`, "main.M", hides{Base{Kind: "k"}, 7.5})
	type both struct { // ID is ambiguous, so that it is neither's
		Base
		More
	}
	readsJSON(t, `{"ID":7,"Kind":"k","note":"n"}`, "main.M", both{Base{Kind: "k"}, More{Note: "n"}})
	type named struct {
		Base `json:"base"`
	}
	readsJSON(t, `{"base":{"ID":7},"ID":8}`, "main.M", named{Base{ID: 7}})
	type ring struct {
		*Base
		Next *ring
	}
	readsJSON(t, `{"ID":1,"Next":{"ID":2}}`, "main.M", ring{&Base{ID: 1}, &ring{&Base{ID: 2}, nil}})
	type dated struct{ time.Time }
	fits(t, "{'time': datetime.date(2026, 11, 23)}", dated{time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local)})
}

func TestJSONOfGo(t *testing.T) {
	type model struct {
		Took  time.Duration
		Raw   []byte
		Parts map[string][]byte
		ByDay map[int]string
		Count int64 `json:",string"`
		Level level
		None  level
		Text  json.RawMessage
		N     json.Number
		Any   any
	}
	text := `{"Took":60000000000,"Raw":"cmF3","Parts":{"a":"cmF3"},"ByDay":{"-1":"mon"},"Count":"12","Level":"high","None":null,"Text":{"a":[1]},"N":12,"Any":3}`
	readsJSON(t, text, "main.M", model{time.Minute, []byte("raw"), map[string][]byte{"a": []byte("raw")}, map[int]string{-1: "mon"}, 12, 2, -1,
		json.RawMessage(`{"a":[1]}`), "12", int64(3)})
	exact := `{"z":0.10,"a":[0.12345678901234567890123,1e2,null,true,"\u2028<"],"m":{}}`
	readsJSON(t, `{"Text":`+exact+`}`, "main.M", model{Text: json.RawMessage(`{"z":0.10,"a":[0.12345678901234567890123,1e2,null,true,"\u2028\u003c"],"m":{}}`)})
	readsJSON(t, `0.12345678901234567890123`, "json.Number", json.Number("0.12345678901234567890123"))
	readsJSON(t, `60000000000`, "time.Duration", time.Minute)
	readsJSON(t, `["cmF3"]`, "[][]uint8", [][]byte{[]byte("raw")})
	readsJSON(t, `{"18446744073709551615":1}`, "map[uint64]int", map[uint64]int{math.MaxUint64: 1})
	readsJSON(t, `"high"`, "main.level", level(2))
	refusesJSON[any](t, strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000), "main.M", "nested too deeply")
	refusesJSON[any](t, `[1,`, "main.M", "EOF")
	refusesJSON[any](t, `{"a":1]`, "main.M", "")
	refusesJSON[level](t, `"low"`, "main.level", "no level")
	refusesJSON[model](t, `{"Raw":"?"}`, "main.M", ".Raw: the text is not the base64")
	refusesJSON[model](t, `{"Count":"x"}`, "main.M", ".Count")
	refusesJSON[map[int8]int](t, `{"300":1}`, "map[int]int", "300 is outside")
	refusesJSON[map[int]int](t, `{"x":1}`, "map[string]int", "str does not fit int")
	// What says nothing of nanoseconds and base64 is not taken for them, and what does not fit is not made to.
	refusesJSON[time.Duration](t, `90`, "int", "does not fit time.Duration")
	refusesJSON[struct{ Took time.Duration }](t, `{"Took":90}`, "json", "does not fit time.Duration")
	refusesJSON[[]byte](t, `"cmF3"`, "string", "does not fit []uint8")
	refusesJSON[struct{ A int }](t, `{"A":null}`, "main.M", "NoneType")
	refusesJSON[struct{ A float64 }](t, `{"A":9007199254740993}`, "main.M", "not exact")
}
