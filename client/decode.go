package client

import (
	"context"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/pickle"
)

// Holder has artifacts: a [Task], or a [Run], which has those at the end of its flow.
type Holder interface {
	Artifact(ctx context.Context, name string) (*Artifact, error)
}

// Get returns an artifact as a Go value; see [Decode]. ErrNotFound, ErrType.
func Get[T any](ctx context.Context, from Holder, name string) (T, error) {
	a, err := from.Artifact(ctx, name)
	if err != nil {
		var zero T
		return zero, err
	}
	return Decode[T](ctx, a)
}

// Decode returns the value of an artifact as a Go value. Nothing in it is executed. What fits what:
//
//	bool                          bool
//	int                           ints and floats that can hold it exactly, *big.Int
//	float                         float64; float32, rounded
//	str                           string
//	bytes, bytearray              []byte
//	list, tuple, set, deque       slices; arrays of that length; a set also map[T]struct{}
//	dict                          maps; structs
//	objects with attributes       structs: data classes and their like
//	datetime, date                time.Time; without a zone, in time.Local
//	timedelta                     time.Duration
//	Decimal, UUID, Path, Fraction string, and types with UnmarshalText; so are IP addresses
//	numpy scalars                 as the Python types; so are a Timestamp and a Timedelta of pandas
//	numpy arrays of numbers       slices nested as deep as the array has dimensions; [Array], of any shape
//	other arrays, series, indexes slices of what their elements fit; what is missing is nil, but NaN in floats
//	data frames                   [Table]; [][]string, of which the first is the names of columns: as CSV has them
//	None, NaT, NA                 nil pointers, slices, maps and interfaces
//
// The field of a struct takes the entry with its name, that of its `levada:"name"` or `json:"name"` tag, or its own
// name in any case; those of embedded structs are as encoding/json has them. Entries without a field, and fields
// without an entry, are left out. A pointer takes what its element takes. An empty interface takes bool, int64,
// *big.Int, float64, string, []byte, []any, map[string]any (map[any]any if keys are not all str), time.Time,
// time.Duration and, of arrays, [Array] of bool, int64, uint64 or float64.
//
// Of what programs in Go and other languages store, JSON is decoded by the same rules. What flows in Go wrote
// fits the flow's own types, too: with UnmarshalJSON, maps with ints as keys, `json:",string"`, and in
// structs time.Duration and []byte. Then:
//
//	file    []byte; string, if it is text
//	npy     as numpy arrays: slices, [Array]
//	csv     [Table]; [][]string, of which the first is the names of columns; string and []byte, the CSV itself
//	gob     the Go type that was stored, or one that encoding/gob takes for it: fields it does not have are left out
//	binary  types with UnmarshalBinary
//
// The flow's own flow.Array and flow.Table may be asked for, too. An empty interface takes an [Array] and a [Table],
// but no gob, unless it was one that was stored, and no binary: their bytes do not say what they are.
//
// ErrType if the value does not fit, with the place in it; so are values that only Python can make sense of, such as
// models. ErrCorrupt if the bytes are not what was stored.
func Decode[T any](ctx context.Context, a *Artifact) (T, error) {
	var v, zero T
	data, err := a.Bytes(ctx)
	if err != nil {
		return zero, err
	}
	what, err := decode(reflect.ValueOf(&v).Elem(), a.Codec, a.Type, data)
	var no misfit
	if errors.As(err, &no) {
		return zero, unfit("%s, which is %s: %s", a.Path(), what, no)
	}
	if err != nil {
		return zero, err
	}
	return v, nil
}

// decode puts what is stored into a Go value. what is the type that it has there.
func decode(to reflect.Value, codec, typ string, data []byte) (what string, err error) {
	what = typ + ", stored as " + codec
	switch codec {
	case "pickle":
		value, err := pickle.Decode(data, pickle.Limits{})
		if err != nil {
			return "", wrap(err)
		}
		return pickle.Type(value), put(to, value)
	case "json":
		value, err := fromJSON(data)
		if err != nil {
			return "", err
		}
		if value == nil && emptied(to, typ) {
			return "", nil
		}
		d := newDecoder()
		d.json, d.own = true, typ != "json"
		d.asGo = d.own && (strings.Contains(typ, "time.Duration") || strings.Contains(typ, "[]uint8"))
		return pickle.Type(plainNumber(value)), d.put(to, value)
	case "file":
		return "bytes", setFile(to, data)
	case "npy":
		return what, setNPY(to, data)
	case "csv":
		return what, setCSV(to, data)
	case "gob":
		return what, setGob(to, typ, data)
	case "binary":
		return what, setBinary(to, data)
	}
	return what, misfit("this version of the client does not know the form")
}

func newDecoder() *decoder { return &decoder{room: maxDecoded, active: map[any]bool{}} }

// put puts a value of Python into a Go value.
func put(to reflect.Value, value pickle.Value) error { return newDecoder().put(to, value) }

func (d *decoder) put(to reflect.Value, value pickle.Value) error {
	if err := d.set(to, value); err != nil {
		return misfit(strings.Join(d.at, "") + err.Error())
	}
	return nil
}

const (
	maxDecoded = 1 << 26 // values of one artifact, which may share parts that become many
	maxDepth   = 1000
)

// decoder puts plain values of Python into Go values.
type decoder struct {
	at     []string // where in the value it is, for errors
	room   int
	depth  int
	active map[any]bool // containers that are being decoded
	fields map[reflect.Type]map[string]field

	json bool // it is JSON
	own  bool // and a flow in Go wrote it
	// And a number may be a time.Duration, text the base64 of bytes: it is the value of such a type, or in a struct.
	asGo bool
}

// misfit is what is wrong with a value.
type misfit string

func (m misfit) Error() string { return string(m) }

func (d *decoder) no(to reflect.Type, v pickle.Value) error {
	return misfit("a value of the type " + pickle.Type(v) + " does not fit " + to.String())
}

var (
	bigType      = reflect.TypeFor[big.Int]()
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[[]byte]()
)

// inside decodes a part of a value, and remembers where it is while that goes on.
func (d *decoder) inside(place string, to reflect.Value, v pickle.Value) error {
	d.at = append(d.at, place)
	err := d.set(to, v)
	if err != nil {
		if d.at[len(d.at)-1] == place {
			d.at[len(d.at)-1] = place + ": "
		}
		return err
	}
	d.at = d.at[:len(d.at)-1]
	return nil
}

// set puts v into to.
func (d *decoder) set(to reflect.Value, v pickle.Value) error {
	if d.room--; d.room < 0 {
		return misfit("it has too many values")
	}
	t := to.Type()
	if d.json {
		if done, err := d.unmarshalJSON(to, v); done {
			return err
		}
		v = plainNumber(v)
	}
	if v == nil || pickle.Missing(v) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			to.SetZero()
			return nil
		}
		return d.no(t, v)
	}
	switch t {
	case bigType:
		return d.bigInt(to, v)
	case timeType:
		moment, ok := pickle.Moment(v, time.Local)
		if text, isText := v.(string); !ok && isText { // as JSON has times
			var err error
			moment, err = time.Parse(time.RFC3339Nano, text)
			ok = err == nil
		}
		if !ok {
			return d.no(t, v)
		}
		to.Set(reflect.ValueOf(moment))
		return nil
	case durationType:
		if span, ok := pickle.Duration(v); ok {
			to.SetInt(int64(span))
			return nil
		}
		if n, ok := v.(int64); ok && d.asGo {
			to.SetInt(n)
			return nil
		}
		return d.no(t, v) // a bare number would not say of what
	}
	if scalar, ok := pickle.Scalar(v); ok {
		v = scalar
	}
	if t.Kind() == reflect.Pointer {
		if to.IsNil() {
			to.Set(reflect.New(t.Elem()))
		}
		return d.set(to.Elem(), v)
	}
	if array, ok := pickle.ArrayOf(v); ok {
		return d.array(to, v, array)
	}
	if _, isObject := v.(*pickle.Object); isObject {
		if t.ConvertibleTo(reflect.TypeFor[Table]()) || t.ConvertibleTo(reflect.TypeFor[[][]string]()) {
			if done, err := d.frame(to, v); done {
				return err
			}
		}
		if list, ok := pickle.ListOf(v, d.room); ok {
			v = list
		}
	}
	if done, err := d.unmarshal(to, v); done {
		return err
	}
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return d.no(t, v)
		}
		natural, err := d.natural(v)
		if err == nil && natural != nil {
			to.Set(reflect.ValueOf(natural))
		}
		return err
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			to.SetBool(b)
			return nil
		}
	case reflect.String:
		if s, ok := v.(string); ok {
			to.SetString(s)
			return nil
		}
		if s, ok := pickle.Text(v); ok {
			if _, isTime := pickle.Moment(v, time.UTC); !isTime {
				to.SetString(s)
				return nil
			}
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		switch n := v.(type) {
		case int64:
			if to.OverflowInt(n) {
				return misfit(strconv.FormatInt(n, 10) + " is outside of the range of " + t.String())
			}
			to.SetInt(n)
			return nil
		case *big.Int:
			return misfit("an int of " + strconv.Itoa(n.BitLen()) + " bits is outside of the range of " + t.String())
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		switch n := v.(type) {
		case int64:
			if n < 0 || to.OverflowUint(uint64(n)) {
				return misfit(strconv.FormatInt(n, 10) + " is outside of the range of " + t.String())
			}
			to.SetUint(uint64(n))
			return nil
		case *big.Int:
			if !n.IsUint64() || to.OverflowUint(n.Uint64()) {
				return misfit("an int of " + strconv.Itoa(n.BitLen()) + " bits is outside of the range of " + t.String())
			}
			to.SetUint(n.Uint64())
			return nil
		}
	case reflect.Float32, reflect.Float64:
		return d.float(to, v)
	case reflect.Slice, reflect.Array:
		return d.list(to, v)
	case reflect.Map:
		return d.mapping(to, v)
	case reflect.Struct:
		return d.record(to, v)
	}
	return d.no(t, v)
}

// unmarshalJSON gives JSON to types that read it themselves, and reads what encoding/json writes in its own way.
func (d *decoder) unmarshalJSON(to reflect.Value, v pickle.Value) (done bool, err error) {
	t := to.Type()
	if t == timeType || t == bigType || t.Kind() == reflect.Pointer {
		return false, nil
	}
	if n, ok := v.(json.Number); ok && t == reflect.TypeOf(n) {
		to.SetString(string(n))
		return true, nil
	}
	if u, ok := to.Addr().Interface().(json.Unmarshaler); ok {
		text, err := toJSON(nil, v)
		if err == nil {
			err = u.UnmarshalJSON(text)
		}
		if err != nil {
			return true, misfit(err.Error())
		}
		return true, nil
	}
	if text, ok := v.(string); ok && d.asGo && t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		if _, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return false, nil
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return true, misfit("the text is not the base64 of a " + t.String())
		}
		to.Set(reflect.ValueOf(data).Convert(t))
		return true, nil
	}
	return false, nil
}

// unmarshal gives text to types that read it themselves.
func (d *decoder) unmarshal(to reflect.Value, v pickle.Value) (done bool, err error) {
	u, ok := to.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		return false, nil
	}
	text, ok := v.(string)
	if !ok {
		if text, ok = pickle.Text(v); !ok {
			return false, nil
		}
	}
	if err := u.UnmarshalText([]byte(text)); err != nil {
		return true, misfit(err.Error())
	}
	return true, nil
}

func (d *decoder) bigInt(to reflect.Value, v pickle.Value) error {
	n := to.Addr().Interface().(*big.Int)
	if scalar, ok := pickle.Scalar(v); ok {
		v = scalar
	}
	switch v := v.(type) {
	case int64:
		n.SetInt64(v)
	case *big.Int:
		n.Set(v)
	default:
		return d.no(to.Type(), v)
	}
	return nil
}

func (d *decoder) float(to reflect.Value, v pickle.Value) error {
	switch n := v.(type) {
	case float64:
		if to.OverflowFloat(n) {
			return misfit(strconv.FormatFloat(n, 'g', -1, 64) + " is outside of the range of " + to.Type().String())
		}
		to.SetFloat(n)
		return nil
	case int64:
		to.SetFloat(float64(n))
		if f := to.Float(); f < -(1<<63) || f >= 1<<63 || int64(f) != n {
			return misfit(strconv.FormatInt(n, 10) + " is not exact as " + to.Type().String())
		}
		return nil
	case *big.Int:
		return misfit("an int of " + strconv.Itoa(n.BitLen()) + " bits is not exact as " + to.Type().String())
	}
	return d.no(to.Type(), v)
}

// enter notes that a container is being decoded; leave takes that back.
func (d *decoder) enter(v any) error {
	if d.active[v] {
		return misfit("it contains itself")
	}
	if d.depth++; d.depth > maxDepth {
		return misfit("it is nested too deeply")
	}
	d.active[v] = true
	return nil
}

func (d *decoder) leave(v any) {
	d.depth--
	delete(d.active, v)
}

// items returns the elements of a sequence or set.
func items(v pickle.Value) ([]pickle.Value, bool) {
	switch v := v.(type) {
	case *pickle.List:
		return v.Items, true
	case *pickle.Tuple:
		return v.Items, true
	case *pickle.Set:
		return v.Items, true
	case *pickle.Object:
		if v.Class().String() == "collections.deque" {
			return v.Items, true
		}
	}
	return nil, false
}

func (d *decoder) list(to reflect.Value, v pickle.Value) error {
	t := to.Type()
	if t.Kind() == reflect.Slice && t.ConvertibleTo(bytesType) {
		switch b := v.(type) {
		case pickle.Bytes:
			to.Set(reflect.ValueOf(slices.Clone([]byte(b))).Convert(t))
			return nil
		case *pickle.ByteArray:
			to.Set(reflect.ValueOf(slices.Clone(b.Data)).Convert(t))
			return nil
		}
	}
	list, ok := items(v)
	if !ok {
		return d.no(t, v)
	}
	if t.Kind() == reflect.Array && t.Len() != len(list) {
		return misfit(strconv.Itoa(len(list)) + " values do not fit " + t.String())
	}
	if err := d.enter(v); err != nil {
		return err
	}
	defer d.leave(v)
	if t.Kind() == reflect.Slice {
		to.Set(reflect.MakeSlice(t, len(list), len(list)))
	}
	for i, item := range list {
		if err := d.inside("["+strconv.Itoa(i)+"]", to.Index(i), item); err != nil {
			return err
		}
	}
	return nil
}

// natural returns the Go value that an empty interface takes.
func (d *decoder) natural(v pickle.Value) (any, error) {
	switch x := v.(type) {
	case bool, int64, float64, string, *big.Int:
		return x, nil
	case pickle.Bytes:
		return slices.Clone([]byte(x)), nil
	case *pickle.ByteArray:
		return slices.Clone(x.Data), nil
	case *pickle.Dict:
		for _, e := range x.Entries {
			if _, ok := e.Key.(string); !ok {
				return into[map[any]any](d, v)
			}
		}
		return into[map[string]any](d, v)
	}
	if _, ok := items(v); ok {
		return into[[]any](d, v)
	}
	if t, ok := pickle.Moment(v, time.Local); ok {
		return t, nil
	}
	if span, ok := pickle.Duration(v); ok {
		return span, nil
	}
	if text, ok := pickle.Text(v); ok {
		return text, nil
	}
	return nil, misfit("a value of the type " + pickle.Type(v) + " is not plain data")
}

func into[T any](d *decoder, v pickle.Value) (any, error) {
	var to T
	err := d.set(reflect.ValueOf(&to).Elem(), v)
	return to, err
}
