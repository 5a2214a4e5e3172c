package pickle

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
)

// maxEncodeDepth is how deep lists and dicts may be nested in what is encoded.
const maxEncodeDepth = 500

// batch is how many items are added to a list or dict at once, as Python does:
// the reader holds so many on its stack.
const batch = 1000

// MaxEncode is how many bytes [Encode] writes, give or take one text: what it is
// given may hold one text in many places.
const MaxEncode = 1 << 30

// Encode returns the pickle, of protocol 4, of a plain value: the Values nil,
// bool, int64, *big.Int, float64, string, Bytes, *ByteArray, *List, *Tuple, *Set
// and plain *Dict, and Go's other integers and floats, []byte, slices, arrays,
// maps (in the order of their keys, which must be strings, integers or bools) and
// pointers to them, nil as None. It fails with a fault of kind Invalid for other
// values, for text that is not UTF-8, and for what is nested too deeply, and with
// [ErrLimit] for what takes more than [MaxEncode]. A *List,
// *Tuple, *Set or *Dict that stands in several places is written once, and may
// contain itself; Go's own slices and maps may not.
func Encode(v any) ([]byte, error) { return encode(v, MaxEncode) }

func encode(v any, limit int) ([]byte, error) {
	e := encoder{b: []byte{0x80, 4}, limit: limit}
	if err := e.value(v, 0); err != nil {
		return nil, fault.Wrap(fault.Invalid, "pickle", err)
	}
	return append(e.b, '.'), nil
}

type encoder struct {
	b     []byte
	limit int
	memo  map[any]uint32 // containers that are written
}

// again writes a reference to a container that is written already.
func (e *encoder) again(v any) bool {
	n, ok := e.memo[v]
	switch {
	case !ok:
		return false
	case n < 1<<8:
		e.b = append(e.b, 'h', byte(n))
	default:
		e.b = binary.LittleEndian.AppendUint32(append(e.b, 'j'), n)
	}
	return true
}

// made remembers the container that stands last in the pickle.
func (e *encoder) made(v any) {
	if e.memo == nil {
		e.memo = map[any]uint32{}
	}
	e.memo[v] = uint32(len(e.memo))
	e.b = append(e.b, 0x94)
}

// closed ends a container that is made when its items are there. If it contains
// itself it was written among them: then that one is taken.
func (e *encoder) closed(v any, op byte) {
	if _, ok := e.memo[v]; ok {
		e.b = append(e.b, '1') // POP_MARK
		e.again(v)
		return
	}
	e.b = append(e.b, op)
	e.made(v)
}

func (e *encoder) value(v any, depth int) error {
	switch v.(type) {
	case *List, *Tuple, *Set, *Dict:
		if e.again(v) {
			return nil
		}
	}
	if len(e.b) > e.limit {
		return ErrLimit
	}
	if depth > maxEncodeDepth {
		return fmt.Errorf("the value contains itself or is nested too deeply")
	}
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, 'N')
	case bool:
		e.b = append(e.b, map[bool]byte{false: 0x89, true: 0x88}[v])
	case int64:
		e.int(v)
	case *big.Int:
		if v == nil {
			e.b = append(e.b, 'N')
			return nil
		}
		e.bigInt(v)
	case float64:
		e.b = append(e.b, 'G')
		e.b = binary.BigEndian.AppendUint64(e.b, math.Float64bits(v))
	case string:
		return e.text(v)
	case Bytes:
		e.b = appendBinary(e.b, v)
	case *ByteArray:
		e.b = appendGlobal(e.b, "builtins", "bytearray")
		e.b = appendBinary(e.b, v.Data)
		e.b = append(e.b, 0x85, 'R')
	case *List:
		e.b = append(e.b, ']')
		e.made(v)
		return e.items(len(v.Items), 'e', func(i int) error { return e.value(v.Items[i], depth+1) })
	case *Set:
		if v.Frozen {
			e.b = append(e.b, '(')
			for _, item := range v.Items {
				if err := e.value(item, depth+1); err != nil {
					return err
				}
			}
			e.closed(v, 0x91)
			return nil
		}
		e.b = append(e.b, 0x8f)
		e.made(v)
		return e.items(len(v.Items), 0x90, func(i int) error { return e.value(v.Items[i], depth+1) })
	case *Tuple:
		e.b = append(e.b, '(')
		for _, item := range v.Items {
			if err := e.value(item, depth+1); err != nil {
				return err
			}
		}
		e.closed(v, 't')
	case *Dict:
		if v.Class != "" {
			return fmt.Errorf("%s cannot be written", fault.A(v.Class))
		}
		e.b = append(e.b, '}')
		e.made(v)
		return e.items(len(v.Entries), 'u', func(i int) error {
			if err := e.value(v.Entries[i].Key, depth+1); err != nil {
				return err
			}
			return e.value(v.Entries[i].Value, depth+1)
		})
	default:
		return e.reflected(reflect.ValueOf(v), depth)
	}
	return nil
}

// reflected encodes values of Go types other than those of [Value].
func (e *encoder) reflected(v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.Bool:
		return e.value(v.Bool(), depth)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.int(v.Int())
		return nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return e.value(unsigned(v.Uint()), depth)
	case reflect.Float32, reflect.Float64:
		return e.value(v.Float(), depth)
	case reflect.String:
		return e.text(v.String())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return e.value(nil, depth)
		}
		switch v.Interface().(type) {
		case *Object, *Global:
			return fmt.Errorf("%s cannot be written", fault.A(Type(v.Interface())))
		}
		return e.value(v.Elem().Interface(), depth+1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			e.b = appendBinary(e.b, v.Bytes())
			return nil
		}
		fallthrough
	case reflect.Array:
		e.b = append(e.b, ']')
		return e.items(v.Len(), 'e', func(i int) error { return e.value(v.Index(i).Interface(), depth+1) })
	case reflect.Map:
		keys := v.MapKeys()
		if err := sortKeys(keys); err != nil {
			return err
		}
		e.b = append(e.b, '}')
		return e.items(len(keys), 'u', func(i int) error {
			if err := e.value(keys[i].Interface(), depth+1); err != nil {
				return err
			}
			return e.value(v.MapIndex(keys[i]).Interface(), depth+1)
		})
	}
	return fmt.Errorf("a Go value of type %s cannot be written", v.Type())
}

func sortKeys(keys []reflect.Value) error {
	if len(keys) == 0 {
		return nil
	}
	switch k := keys[0]; {
	case k.Kind() == reflect.String:
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	case k.CanInt():
		slices.SortFunc(keys, func(a, b reflect.Value) int { return compare(a.Int(), b.Int()) })
	case k.CanUint():
		slices.SortFunc(keys, func(a, b reflect.Value) int { return compare(a.Uint(), b.Uint()) })
	case k.Kind() == reflect.Bool:
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			if a.Bool() == b.Bool() {
				return 0
			} else if b.Bool() {
				return -1
			}
			return 1
		})
	default:
		return fmt.Errorf("a Go map with keys of type %s cannot be written", k.Type())
	}
	return nil
}

func compare[T int64 | uint64](a, b T) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

// items encodes n items in batches that end in op.
func (e *encoder) items(n int, op byte, one func(int) error) error {
	for i := 0; i < n; {
		e.b = append(e.b, '(')
		for end := min(n, i+batch); i < end; i++ {
			if err := one(i); err != nil {
				return err
			}
		}
		e.b = append(e.b, op)
	}
	return nil
}

func (e *encoder) int(n int64) {
	switch {
	case n >= 0 && n < 1<<8:
		e.b = append(e.b, 'K', byte(n))
	case n >= 0 && n < 1<<16:
		e.b = append(e.b, 'M', byte(n), byte(n>>8))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		e.b = append(e.b, 'J')
		e.b = binary.LittleEndian.AppendUint32(e.b, uint32(n))
	default:
		e.b = append(e.b, 0x8a, 8)
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(n))
	}
}

func (e *encoder) bigInt(n *big.Int) {
	if n.IsInt64() {
		e.int(n.Int64())
		return
	}
	// Two's complement with room for the sign, shortest first byte last.
	size := n.BitLen()/8 + 1
	m := n
	if n.Sign() < 0 {
		m = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size)*8))
	}
	b := m.FillBytes(make([]byte, size))
	slices.Reverse(b)
	if size < 256 {
		e.b = append(e.b, 0x8a, byte(size))
	} else {
		e.b = append(e.b, 0x8b)
		e.b = binary.LittleEndian.AppendUint32(e.b, uint32(size))
	}
	e.b = append(e.b, b...)
}

func (e *encoder) text(s string) error {
	if !utf8.ValidString(s) && !validText([]byte(s)) {
		return fmt.Errorf("text that is not UTF-8 cannot be written: %.20q", s)
	}
	e.b = appendString(e.b, s)
	return nil
}

func appendString(b []byte, s string) []byte {
	switch {
	case len(s) < 1<<8:
		b = append(b, 0x8c, byte(len(s)))
	case int64(len(s)) < 1<<32:
		b = append(b, 'X')
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	default:
		b = append(b, 0x8d)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	}
	return append(b, s...)
}

// appendBinaryHead appends the start of a bytes object of n bytes.
func appendBinaryHead(b []byte, n int) []byte {
	switch {
	case n < 1<<8:
		return append(b, 'C', byte(n))
	case int64(n) < 1<<32:
		return binary.LittleEndian.AppendUint32(append(b, 'B'), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0x8e), uint64(n))
}

func appendBinary(b, data []byte) []byte { return append(appendBinaryHead(b, len(data)), data...) }

func appendGlobal(b []byte, module, name string) []byte {
	return append(appendString(appendString(b, module), name), 0x93)
}

// EncodeNested writes the pickle of {path: {name: value}} from values that are
// pickled already, in the order of the paths and names. The values are not read:
// the pickle calls pickle.loads on each, so that whoever loads it gets the values
// themselves, of whatever classes and by whatever protocol. Nothing but w's errors
// is returned.
func EncodeNested(w io.Writer, values map[string]map[string][]byte) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var small []byte
	flush := func(b []byte) { // an error of the writer stays until Flush
		out.Write(b)
		small = b[:0]
	}
	flush([]byte{0x80, 4, '}'})
	loads := appendGlobal(nil, "pickle", "loads")
	loads = append(loads, 0x94) // put into place 0 of the memo
	for i, path := range slices.Sorted(maps.Keys(values)) {
		if i%batch == 0 {
			if i > 0 {
				small = append(small, 'u')
			}
			small = append(small, '(')
		}
		small = append(appendString(small, strings.ToValidUTF8(path, "\uFFFD")), '}', '(')
		for _, name := range slices.Sorted(maps.Keys(values[path])) {
			data := values[path][name]
			small = appendString(small, strings.ToValidUTF8(name, "\uFFFD"))
			if loads != nil {
				small = append(small, loads...)
				loads = nil
			} else {
				small = append(small, 'h', 0)
			}
			flush(appendBinaryHead(small, len(data)))
			out.Write(data)
			small = append(small, 0x85, 'R')
		}
		flush(append(small, 'u'))
	}
	if len(values) > 0 {
		small = append(small, 'u')
	}
	flush(append(small, '.'))
	return out.Flush()
}
