package pickle

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
)

func decode(t testing.TB, data string) Value {
	t.Helper()
	v, err := Decode([]byte(data), Limits{})
	if err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return v
}

func TestReprIsCutOff(t *testing.T) {
	list := &List{}
	for i := range 1000 {
		list.Items = append(list.Items, int64(i))
	}
	for v, want := range map[Value]string{
		list:                                 "[0, 1, 2...",
		strings.Repeat("é", 50):              "'ééé...",
		strings.Repeat("x", 1<<20):           "'xxxxxxx...",
		"12345678":                           "'12345678'",
		"123456789":                          "'123456789'",
		"1234567890":                         "'1234567...",
		&Object{Func: &Global{"m", "Class"}}: "<m.Class>",
	} {
		if got := Repr(v, 11); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Repr(list, 2); got != ".." {
		t.Errorf("got %q", got)
	}
	if got := len(Repr(list, 0)); got < 4000 {
		t.Errorf("%d bytes without a limit", got)
	}
}

// laughs is the pickle of a list that holds one list ten times, which does so too, and so on.
func laughs(levels int) []byte {
	b := []byte("]q\x00")
	for range levels {
		b = append(b, "0]("...)
		b = append(b, bytes.Repeat([]byte("h\x00"), 10)...)
		b = append(b, "eq\x00"...)
	}
	return append(b, '.')
}

func TestHostile(t *testing.T) {
	counted := func(op byte, size int, n uint64) string {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], n)
		return string(op) + string(b[:size])
	}
	for what, data := range map[string]string{
		"empty":              "",
		"only stop":          ".",
		"no stop":            "\x80\x04N",
		"unknown op":         "\x80\x04\xff.",
		"future protocol":    "\x80\x09N.",
		"huge str":           string([]byte{0x8d}) + counted('x', 8, 1<<62)[1:],
		"huge bytes":         string([]byte{0x8e}) + counted('x', 8, math.MaxUint64)[1:],
		"huge bytearray":     string([]byte{0x96}) + counted('x', 8, 1<<40)[1:],
		"huge long":          string([]byte{0x8b}) + counted('x', 4, 1<<32-1)[1:],
		"memo not there":     "h\x00.",
		"memo far":           "j\xff\xff\xff\xff.",
		"pop nothing":        "0.",
		"pop under mark":     "N(R.",
		"append to None":     "NNa.",
		"append to nothing":  "Na.",
		"odd dict":           "}(Nu.",
		"mark missing":       "]e.",
		"tuple of nothing":   "\x85.",
		"reduce not tuple":   "NNR.",
		"newobj not tuple":   "NN\x81.",
		"global not text":    "NN\x93.",
		"bad utf-8":          "X\x01\x00\x00\x00\xff.",
		"half surrogate":     "X\x02\x00\x00\x00\xed\xa0.",
		"bad escape":         "V\\u12\n.",
		"bad literal":        "S'abc\n.",
		"bad int":            "Iabc\n.",
		"underscores":        "I1_0\n.",
		"bad float":          "Fabc\n.",
		"line without end":   "Iabc",
		"bad memo key":       "Np99999999999\n.",
		"stop under mark":    "N(.",
		"build nothing":      "Nb.",
		"obj of nothing":     "(o.",
		"very long name":     "c" + strings.Repeat("m", maxName) + "\nx\n.",
		"set gets a key":     "\x8f(NNu.",
		"short binary float": "G\x00.",
	} {
		v, err := Decode([]byte(data), Limits{})
		if !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: got %v, %v", what, v, err)
		}
	}
	if _, err := Decode([]byte("I"+strings.Repeat("9", maxDigits+1)+"\n."), Limits{}); !errors.Is(err, ErrLimit) {
		t.Errorf("many digits: %v", err)
	}
}

// TestFrozenDict: what Python 3.15 writes for frozendict(a=frozendict(), b=[1]).
func TestFrozenDict(t *testing.T) {
	v, err := Decode([]byte("\x80\x05\x8c\x08builtins\x8c\nfrozendict\x93}(\x8c\x01a\x8c\x08builtins\x8c\nfrozendict\x93}\x85\x81\x8c\x01b]K\x01au\x85\x81."), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if repr := Repr(v, 100); repr != "frozendict({'a': frozendict(), 'b': [1]})" || Type(v) != "frozendict" {
		t.Errorf("%s, a %s", repr, Type(v))
	}
	if text, why := PlainJSON(v); string(text) != `{"a":{},"b":[1]}` {
		t.Errorf("%s, %+v", text, why)
	}
}

func TestLimits(t *testing.T) {
	for what, data := range map[string]string{
		"lists":  strings.Repeat("]", 1000) + ".",
		"nones":  strings.Repeat("N", 10_000) + ".",
		"marks":  "N" + strings.Repeat("(", 100_000) + ".",
		"memo":   "N" + strings.Repeat("\x94", 10_000) + ".",
		"text":   "X\x00\x00\x01\x00" + strings.Repeat("x", 1<<16) + ".",
		"tuples": "(" + strings.Repeat("N", 1000) + "t" + strings.Repeat("2\x85", 2000) + ".",
		// One list that many calls copy.
		"copies": "(" + strings.Repeat("NN\x86", 300) + "lq\x00" + strings.Repeat("0ccollections\nOrderedDict\nh\x00\x85R", 300) + ".",
		"latin1": "X\x00\x10\x00\x00" + strings.Repeat("x", 4096) + "q\x00" + strings.Repeat("0c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R", 30) + ".",
	} {
		if _, err := Decode([]byte(data), Limits{Memory: 60_000}); !errors.Is(err, ErrLimit) || !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Decode([]byte("N."), Limits{Input: 1}); !errors.Is(err, ErrLimit) {
		t.Error("input limit")
	}
}

// TestMemoryLimitHolds measures what a value near the limit really takes.
func TestMemoryLimitHolds(t *testing.T) {
	const limit = 32 << 20
	for what, one := range map[string]string{
		"lists": "]", "dicts": "}", "sets": "\x8f", "tuples of one": "N\x85", "objects": ")\x81", "globals": "c\n\n",
		"floats": "G\x3f\xf0\x00\x00\x00\x00\x00\x01", "longs": "\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09", "memo": "r\xff\xff\xff\x00",
		"text": "X\x01\x00\x00\x00a",
	} {
		data := "N" + strings.Repeat(one, 4<<20/len(one)) + "."
		if what == "memo" {
			var b strings.Builder
			for i := range 1 << 20 {
				b.WriteString("r")
				b.Write(binary.LittleEndian.AppendUint32(nil, uint32(i)))
			}
			data = "N" + b.String() + "."
		}
		if what == "objects" {
			data = "N" + strings.Repeat("N)\x81", 1<<20) + "."
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		v, err := Decode([]byte(data), Limits{Memory: limit})
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Logf("%s: within the limit", what)
		}
		runtime.KeepAlive(v)
		// Growing slices leave their old arrays behind.
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 6*limit {
			t.Errorf("%s: took %d MiB with a limit of %d", what, taken>>20, limit>>20)
		}
	}
}

func TestShared(t *testing.T) {
	v := decode(t, string(laughs(30)))
	if got := Repr(v, 100); len(got) != 100 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := Repr(v, 0); len(got) != DefaultRepr {
		t.Errorf("%d bytes", len(got))
	}
	if _, _, err := ToJSON(v, 1<<20); !errors.Is(err, ErrLimit) {
		t.Errorf("JSON: %v", err)
	}
	// Deeper than anyone's stack.
	deep := strings.Repeat("]", 1_000_000) + strings.Repeat("a", 999_999) + "."
	v, err := Decode([]byte(deep), Limits{Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	if got := Repr(v, 0); !strings.Contains(got, "[...]") {
		t.Errorf("%.300s", got)
	}
	if _, _, err := ToJSON(v, 0); err == nil {
		t.Error("JSON of a million levels")
	}
	// Things that contain themselves in every place that is looked at when printing.
	for _, data := range []string{
		"cnumpy\ndtype\n(Vf8\ntRq\x00(K\x03V<\nNh\x00\x85NNNtb.",
		"cnumpy\ndtype\n(VV8\ntRq\x00(K\x03V<\nNh\x00\x85NNNtb.",
		"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x85Rq\x00(K\x01h\x00h\x00h\x00h\x00tb.",
		"cpandas.core.frame\nDataFrame\n)\x81q\x00}(V_mgr\nh\x00u(h\x00h\x00tb.",
		"cpandas\nDataFrame\n)\x81q\x00}V_mgr\ncpandas\nBlockManager\n(cp\n_unpickle_block\n\x85]\x86Rsb.",
		"cdatetime\ndatetime\n(C\x0a\x07\xe8\x01\x01\x00\x00\x00\x00\x00\x00cdatetime\ntimezone\n)Rq\x00tR.",
		"cfunctools\npartial\nN\x85Rq\x00(h\x00h\x00\x85}Nt(b.",
		"cfunctools\npartial\nN\x85Rq\x00(h\x00h\x00\x85}Ntb.",
	} {
		v, err := Decode([]byte(data), Limits{})
		if err != nil {
			continue // the fuzzer's seed all the same
		}
		_, _ = Repr(v, 0), Type(v)
		_, _, _ = ToJSON(v, 0)
	}
}

func TestToJSON(t *testing.T) {
	loop := &List{}
	loop.Items = []Value{loop}
	tests := []struct {
		v     Value
		want  string
		plain bool
	}{
		{nil, "null", true},
		{&List{Items: []Value{int64(1), 1.0, 1e22, true, "<é\n>"}}, `[1,1.0,1e+22,true,"<é\n>"]`, true},
		{&Dict{Entries: []Entry{{"b", nil}, {"a", &List{}}}}, `{"b":null,"a":[]}`, true},
		{new(big.Int).Lsh(big.NewInt(1), 70), "1180591620717411303424", true},
		{&Tuple{Items: []Value{int64(1)}}, "[1]", false},
		{math.NaN(), "null", false},
		{Bytes("hi"), `"aGk="`, false},
		{&Dict{Entries: []Entry{{int64(1), "a"}, {&Tuple{Items: []Value{int64(1), int64(2)}}, "b"}}}, `{"1":"a","(1, 2)":"b"}`, false},
		{&Object{Func: &Global{"m", "C"}, Args: []Value{int64(1)}}, `{"type":"m.C","repr":"C(1)"}`, false},
		{&Global{"builtins", "int"}, `{"type":"type","repr":"<class 'int'>"}`, false},
		{&Object{Func: &Global{"decimal", "Decimal"}, Args: []Value{"1.50"}}, `"1.50"`, false},
		{&Object{Func: &Global{"fractions", "Fraction"}, Args: []Value{int64(1), int64(3)}}, `"1/3"`, false},
		{&Object{Func: &Global{"datetime", "datetime"}, Args: []Value{Bytes("\x07\xe8\x02\x1d\x01\x02\x03\x00\x00\x07"),
			&Object{Func: &Global{"datetime", "timezone"}, Args: []Value{&Object{Func: &Global{"datetime", "timedelta"}, Args: []Value{int64(-1), int64(68400), int64(0)}}}}}},
			`"2024-02-29 01:02:03.000007-05:00"`, false},
	}
	for _, test := range tests {
		got, plain, err := ToJSON(test.v, 0)
		if err != nil || string(got) != test.want || plain != test.plain {
			t.Errorf("%s: got %s, plain=%v, %v; want %s, %v", Repr(test.v, 100), got, plain, err, test.want, test.plain)
		}
	}
	if _, _, err := ToJSON(loop, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("a list in itself: %v", err)
	}
	if _, _, err := ToJSON("long text", 5); !errors.Is(err, ErrLimit) {
		t.Errorf("over the limit: %v", err)
	}
}

func TestGet(t *testing.T) {
	o := &Object{State: &Tuple{Items: []Value{&Dict{Entries: []Entry{{"a", int64(1)}}}, &Dict{Entries: []Entry{{"b", int64(2)}}}}}}
	for name, want := range map[string]Value{"a": int64(1), "b": int64(2), "c": nil} {
		if got, ok := o.Get(name); got != want || ok != (want != nil) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

type named string

func TestEncode(t *testing.T) {
	long := make([]int, 2500)
	for i := range long {
		long[i] = i * i * i
	}
	n := 7
	var none *int
	values := []any{
		nil, true, false, 0, 255, 256, 65535, 65536, -1, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64, uint64(math.MaxUint64),
		new(big.Int).Lsh(big.NewInt(1), 63), new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 63)), new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(255), 64)),
		new(big.Int).Lsh(big.NewInt(-3), 3000), big.NewInt(5),
		0.5, float32(0.25), math.Inf(-1), 1e300, "", "héllo \x00 😀", strings.Repeat("x", 300), named("n"), []byte("\x00\xff"), bytes.Repeat([]byte("b"), 300),
		[]any{1, "a", nil, []string{"x"}}, long, [2]bool{true, false}, map[string]any{"b": 1, "a": []int{2}}, map[int]string{2: "b", 1: "a"}, &n, none,
		&List{[]Value{int64(1)}}, &Tuple{[]Value{int64(1)}}, &Set{Items: []Value{int64(1)}}, &Set{Items: []Value{int64(1)}, Frozen: true},
		&Dict{Entries: []Entry{{&Tuple{}, Bytes("x")}}}, &ByteArray{[]byte("x")},
		"\xed\xa0\x80",
	}
	data, err := Encode(values)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Decode(data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Decode(again, Limits{})
	if err != nil || Repr(w, 0) != Repr(v, 0) {
		t.Errorf("encoding what was decoded gives something else: %v", err)
	}
	python := load(t, data)
	var ascii strings.Builder
	for _, r := range Repr(v, 0) {
		switch {
		case r < 0x80:
			ascii.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&ascii, "\\x%02x", r)
		case r < 0x10000:
			fmt.Fprintf(&ascii, "\\u%04x", r)
		default:
			fmt.Fprintf(&ascii, "\\U%08x", r)
		}
	}
	if python != ascii.String() {
		t.Errorf("Python reads\n%s\nwe show\n%s", python, ascii.String())
	}

	type self []any
	loop := self{nil}
	loop[0] = loop
	shared := strings.Repeat("x", 1000)
	if _, err := encode([]any{shared, shared, shared, shared}, 2000); !errors.Is(err, ErrLimit) {
		t.Errorf("over the limit: %v", err)
	}
	for _, bad := range []any{make(chan int), struct{ A int }{1}, "\xff", map[float64]int{1: 1}, loop, &Object{Func: &Global{"a", "b"}}, &Global{"a", "b"}, &Dict{Class: "Counter"}} {
		if got, err := Encode(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%T: %q, %v", bad, got, err)
		}
	}
}

func TestEncodeNested(t *testing.T) {
	many := map[string]map[string][]byte{}
	for i := range 2100 {
		many[fmt.Sprintf("Flow/1/step/%d", i)] = map[string][]byte{"x": []byte("K\x07.")}
	}
	tests := []struct {
		values map[string]map[string][]byte
		want   string
	}{
		{nil, "{}"},
		{map[string]map[string][]byte{"a": {}}, "{'a': {}}"},
		{map[string]map[string][]byte{
			"Flow/1/start/1": {"x": []byte("I1\n."), "big": append([]byte("\x80\x04X\x00\x02\x00\x00"+strings.Repeat("y", 512)), '.')},
			"Flow/1/end/2":   {"x": []byte("cdatetime\ndate\n(K\x01K\x02K\x03tR.")},
		}, "{'Flow/1/end/2': {'x': datetime.date(1, 2, 3)}, 'Flow/1/start/1': {'big': '" + strings.Repeat("y", 512) + "', 'x': 1}}"},
		{many, ""},
	}
	for _, test := range tests {
		var b bytes.Buffer
		if err := EncodeNested(&b, test.values); err != nil {
			t.Fatal(err)
		}
		v, err := Decode(b.Bytes(), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := v.(*Dict); !ok || len(d.Entries) != len(test.values) {
			t.Errorf("we read %s", Repr(v, 200))
		}
		got := load(t, b.Bytes())
		if test.want == "" {
			if n := strings.Count(got, "{'x': 7}"); n != len(test.values) {
				t.Errorf("%d values of %d", n, len(test.values))
			}
			continue
		}
		if got != test.want {
			t.Errorf("Python reads %s, want %s", got, test.want)
		}
	}
	fail := errors.New("disk full")
	if err := EncodeNested(failing{fail}, many); !errors.Is(err, fail) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

var _ io.Writer = failing{}

func FuzzDecode(f *testing.F) {
	seen := map[string]bool{}
	for _, v := range readVectors(f) {
		if data := v.bytes(f); len(data) < 1500 && !seen[v.Name+v.Data] {
			seen[v.Name+v.Data] = true
			f.Add(data)
		}
	}
	f.Add(laughs(12))
	f.Add([]byte(arrowTexts("I2\n", "I1\n", "C\x10"+words(0, 2, 4, 6), "C\x06abcdef")))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data, Limits{Memory: 1 << 20})
		if err != nil {
			if !fault.Is(err, fault.Corrupt) && !errors.Is(err, ErrLimit) {
				t.Errorf("a fault of another kind: %v", err)
			}
			return
		}
		text := Repr(v, 5000)
		if len(text) > 5000 || text == "" {
			t.Errorf("repr of %d bytes", len(text))
		}
		if Type(v) == "" {
			t.Error("no type")
		}
		if text, _, err := ToJSON(v, 100_000); err == nil && len(text) == 0 {
			t.Error("empty JSON")
		}
		showAll(v)
		CSV(v, 1<<20)
		if text, why := plainJSON(v, 1<<20); why.Why == "" && !json.Valid(text) {
			t.Errorf("no JSON: %q", text)
		}
		again, err := encode(v, 1<<20)
		if err != nil {
			return
		}
		w, err := Decode(again, Limits{})
		if err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v", err)
		}
		if second := Repr(w, 5000); second != text && !strings.Contains(text, "nan") {
			t.Errorf("first %s\nthen %s", text, second)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	ints := make([]any, 1_000_000)
	for i := range ints {
		ints[i] = i
	}
	many, err := Encode(ints)
	if err != nil {
		b.Fatal(err)
	}
	small, err := Encode(map[string]any{"a": 1, "b": []string{"x", "y"}})
	if err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string][]byte{"million ints": many, "small": small, "64 MiB of bytes": mustEncode(b, make([]byte, 64<<20))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for range b.N {
				v, err := Decode(data, Limits{})
				if err != nil {
					b.Fatal(err)
				}
				Repr(v, 200)
			}
		})
	}
}

func mustEncode(b *testing.B, v any) []byte {
	data, err := Encode(v)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func TestDecodeDoesNotKeepPlaces(t *testing.T) {
	// A tuple's items must not change when the stack is used again.
	v := decode(t, "(K\x01K\x02K\x03t(K\x09K\x08K\x07t\x86.")
	if got := Repr(v, 0); got != "((1, 2, 3), (9, 8, 7))" {
		t.Error(got)
	}
	if !reflect.DeepEqual(decode(t, "N."), nil) {
		t.Error("None")
	}
}

// What @catch stores of an exception is shown as the exception was, whoever stored it.
func TestCaughtExceptions(t *testing.T) {
	state := "}(X\x09\x00\x00\x00exceptionX\x10\x00\x00\x00division by zeroX\x04\x00\x00\x00typeX\x1a\x00\x00\x00builtins.ZeroDivisionErrorX\x0a\x00\x00\x00stacktraceNub."
	for name, text := range map[string]string{
		"Levada":   "\x80\x02clevada.exceptions\nMetaflowExceptionWrapper\n)\x81" + state,
		"Metaflow": "\x80\x02cmetaflow.exception\nMetaflowExceptionWrapper\nN\x85R" + state,
	} {
		if got := Repr(decode(t, text), 0); got != "ZeroDivisionError('division by zero')" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
