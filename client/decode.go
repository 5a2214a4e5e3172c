package client

import (
	"context"
	"encoding"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

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
//	Decimal, UUID, Path, Fraction string, and types with UnmarshalText
//	numpy scalars                 as the Python types
//	numpy arrays of numbers       slices nested as deep as the array has dimensions; [Array], of any shape
//	None                          nil pointers, slices, maps and interfaces
//
// The field of a struct takes the entry with its name, that of its `levada:"name"` or `json:"name"` tag, or its own name in any
// case; entries without a field, and fields without an entry, are left out. A pointer takes what its element takes. An empty
// interface takes bool, int64, *big.Int, float64, string, []byte, []any, map[string]any (map[any]any if keys are not
// all str), time.Time, time.Duration and, of arrays, [Array] of bool, int64, uint64 or float64. Artifacts in JSON are decoded
// by the same rules, and files are a string or []byte.
//
// ErrType if the value does not fit, with the place in it; so are values that only Python can make sense of, such as data
// frames and models. ErrCorrupt if the bytes are not what was stored.
func Decode[T any](ctx context.Context, a *Artifact) (T, error) {
	var v T
	data, err := a.Bytes(ctx)
	if err != nil {
		return v, err
	}
	var value pickle.Value
	switch a.Codec {
	case "pickle":
		if value, err = pickle.Decode(data, pickle.Limits{}); err != nil {
			return v, wrap(err)
		}
	case "json":
		if value, err = fromJSON(data); err != nil {
			return v, err
		}
	default:
		value = pickle.Bytes(data)
		if utf8.Valid(data) && reflect.TypeFor[T]().Kind() == reflect.String {
			value = string(data)
		}
	}
	if v, err = fit[T](value); err != nil {
		return v, unfit("%s, which is %s: %s", a.Path(), pickle.Type(value), err)
	}
	return v, nil
}

// fit puts a value into a type.
func fit[T any](value pickle.Value) (T, error) {
	var v, zero T
	d := decoder{room: maxDecoded, active: map[any]bool{}}
	if err := d.set(reflect.ValueOf(&v).Elem(), value); err != nil {
		return zero, misfit(strings.Join(d.at, "") + err.Error())
	}
	return v, nil
}

// Array is an array of numbers of any shape, as numpy has it.
type Array[T bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64] struct {
	Shape []int // the length of each dimension; empty for a single number
	Data  []T   // row after row: the last index varies fastest
}

// At returns the element with an index for each dimension. It panics if there is none.
func (a Array[T]) At(index ...int) T {
	if len(index) != len(a.Shape) {
		panic("levada: an array of " + strconv.Itoa(len(a.Shape)) + " dimensions is indexed by " + strconv.Itoa(len(index)) + " numbers")
	}
	at := 0
	for i, n := range index {
		if n < 0 || n >= a.Shape[i] {
			panic("levada: index " + strconv.Itoa(n) + " is outside of a dimension of " + strconv.Itoa(a.Shape[i]))
		}
		at = at*a.Shape[i] + n
	}
	return a.Data[at]
}

func (a *Array[T]) place(shape []int, n int) reflect.Value {
	a.Shape, a.Data = append([]int{}, shape...), make([]T, n)
	return reflect.ValueOf(a.Data)
}

// shaped is any *Array.
type shaped interface {
	place(shape []int, n int) reflect.Value
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
	if v == nil {
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

func (d *decoder) mapping(to reflect.Value, v pickle.Value) error {
	t := to.Type()
	var entries []pickle.Entry
	switch x := v.(type) {
	case *pickle.Dict:
		entries = x.Entries
	case *pickle.Set:
		if t.Elem() != reflect.TypeFor[struct{}]() {
			return d.no(t, v)
		}
		for _, item := range x.Items {
			entries = append(entries, pickle.Entry{Key: item})
		}
	default:
		return d.no(t, v)
	}
	if err := d.enter(v); err != nil {
		return err
	}
	defer d.leave(v)
	m := reflect.MakeMapWithSize(t, min(len(entries), 1<<16))
	for _, e := range entries {
		place := "[" + pickle.Repr(e.Key, 40) + "]"
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if err := d.inside(place, key, e.Key); err != nil {
			return err
		}
		if key.Kind() == reflect.Interface && !key.IsNil() && !key.Elem().Comparable() {
			return misfit("the key " + pickle.Repr(e.Key, 40) + " cannot be one in Go")
		}
		if _, set := v.(*pickle.Set); !set {
			if err := d.inside(place, value, e.Value); err != nil {
				return err
			}
		}
		m.SetMapIndex(key, value)
	}
	to.Set(m)
	return nil
}

// record puts the entries of a dict, or the attributes of an object, into the fields of a struct.
func (d *decoder) record(to reflect.Value, v pickle.Value) error {
	var entries []pickle.Entry
	switch x := v.(type) {
	case *pickle.Dict:
		entries = x.Entries
	case *pickle.Object:
		attributes, ok := x.Attributes()
		if !ok {
			return d.no(to.Type(), v)
		}
		entries = attributes
	default:
		return d.no(to.Type(), v)
	}
	if err := d.enter(v); err != nil {
		return err
	}
	defer d.leave(v)
	fields := fieldsOf(to.Type())
	found := 0
	for _, e := range entries {
		name, ok := e.Key.(string)
		if !ok {
			continue
		}
		i, ok := fields[name]
		if !ok {
			if i, ok = fields[foldMark+strings.ToLower(name)]; !ok {
				continue
			}
		}
		if err := d.inside("."+name, to.Field(i), e.Value); err != nil {
			return err
		}
		found++
	}
	if _, object := v.(*pickle.Object); object && found == 0 && len(entries) > 0 {
		return d.no(to.Type(), v) // it is something else altogether: a data frame, a model
	}
	return nil
}

// foldMark begins the names of fields that match in any case.
const foldMark = "\x00"

// fieldsOf returns the fields of a struct by the names that they take.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, tagged := f.Tag.Lookup("levada")
		if !tagged {
			name = f.Tag.Get("json")
		}
		name, _, _ = strings.Cut(name, ",")
		switch {
		case !f.IsExported(), name == "-":
		case name != "":
			fields[name] = i
		default:
			fields[foldMark+strings.ToLower(f.Name)] = i
		}
	}
	return fields
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

// array puts an array of numbers into nested slices, an Array or an empty interface.
func (d *decoder) array(to reflect.Value, v pickle.Value, a *pickle.Array) error {
	t := to.Type()
	if t.Kind() == reflect.Interface && t.NumMethod() == 0 {
		var natural reflect.Value
		switch a.Kind {
		case 'b':
			natural = reflect.ValueOf(&Array[bool]{})
		case 'i':
			natural = reflect.ValueOf(&Array[int64]{})
		case 'u':
			natural = reflect.ValueOf(&Array[uint64]{})
		default:
			natural = reflect.ValueOf(&Array[float64]{})
		}
		if err := d.array(natural.Elem(), v, a); err != nil {
			return err
		}
		to.Set(natural.Elem())
		return nil
	}
	if s, ok := to.Addr().Interface().(shaped); ok {
		return d.numbers(s.place(a.Shape, a.Len()), a)
	}
	depth := 0
	for e := t; e.Kind() == reflect.Slice || e.Kind() == reflect.Array; e = e.Elem() {
		depth++
	}
	if depth == 0 && len(a.Shape) == 0 {
		return d.number(to, a, 0)
	}
	if depth != len(a.Shape) {
		return misfit("an array of " + strconv.Itoa(len(a.Shape)) + " dimensions does not fit " + t.String())
	}
	return d.nested(to, a, 0, 0, stridesOf(a))
}

// nested puts one dimension of an array into a slice of slices. at is the place of its first element.
func (d *decoder) nested(to reflect.Value, a *pickle.Array, dimension, at int, strides []int) error {
	n := a.Shape[dimension]
	if d.room -= n; d.room < 0 {
		return misfit("it has too many values")
	}
	switch {
	case to.Kind() == reflect.Slice:
		to.Set(reflect.MakeSlice(to.Type(), n, n))
	case to.Len() != n:
		return misfit(strconv.Itoa(n) + " values do not fit " + to.Type().String())
	}
	if dimension == len(a.Shape)-1 {
		if strides[dimension] == 1 && copyNumbers(to, a, at) {
			return nil
		}
		for i := range n {
			if err := d.number(to.Index(i), a, at+i*strides[dimension]); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range n {
		if err := d.nested(to.Index(i), a, dimension+1, at+i*strides[dimension], strides); err != nil {
			return err
		}
	}
	return nil
}

// copyNumbers fills a slice from a place of an array's data on if its elements are those of the array: the usual case, many
// times as fast as one by one.
func copyNumbers(to reflect.Value, a *pickle.Array, at int) bool {
	if a.Big || !to.CanInterface() {
		return false
	}
	data := a.Data[at*a.Size:]
	switch list := to.Interface().(type) {
	case []float64:
		if a.Kind == 'f' && a.Size == 8 {
			for i := range list {
				list[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
			}
			return true
		}
	case []float32:
		if a.Kind == 'f' && a.Size == 4 {
			for i := range list {
				list[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			}
			return true
		}
	case []int64:
		if a.Kind == 'i' && a.Size == 8 {
			for i := range list {
				list[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
			}
			return true
		}
	case []int32:
		if a.Kind == 'i' && a.Size == 4 {
			for i := range list {
				list[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
			}
			return true
		}
	case []uint8:
		if a.Kind == 'u' && a.Size == 1 {
			copy(list, data)
			return true
		}
	}
	return false
}

// stridesOf returns how many elements each index of an array steps over in its data.
func stridesOf(a *pickle.Array) []int {
	strides := make([]int, len(a.Shape))
	step := 1
	for i := range a.Shape {
		at := len(a.Shape) - 1 - i
		if a.Fortran {
			at = i
		}
		strides[at] = step
		step *= a.Shape[at]
	}
	return strides
}

// numbers puts all elements into a flat slice, the last index fastest.
func (d *decoder) numbers(to reflect.Value, a *pickle.Array) error {
	if !a.Fortran && copyNumbers(to, a, 0) {
		return nil
	}
	strides := stridesOf(a)
	index := make([]int, len(a.Shape))
	for i := range to.Len() {
		at := 0
		for j, n := range index {
			at += n * strides[j]
		}
		if err := d.number(to.Index(i), a, at); err != nil {
			return err
		}
		for j := len(index) - 1; j >= 0; j-- {
			if index[j]++; index[j] < a.Shape[j] {
				break
			}
			index[j] = 0
		}
	}
	return nil
}

// number puts the element at a place of an array's data into a number.
func (d *decoder) number(to reflect.Value, a *pickle.Array, at int) error {
	raw := a.Data[at*a.Size : (at+1)*a.Size]
	var full [8]byte
	copy(full[:], raw)
	if a.Big {
		slices.Reverse(full[:a.Size])
	}
	bits := binary.LittleEndian.Uint64(full[:])
	shift := 64 - 8*a.Size
	switch a.Kind {
	case 'b':
		return d.plain(to, bits != 0)
	case 'i':
		return d.plain(to, int64(bits<<shift)>>shift)
	case 'u':
		if bits > math.MaxInt64 {
			return d.plain(to, new(big.Int).SetUint64(bits))
		}
		return d.plain(to, int64(bits))
	}
	switch a.Size {
	case 2:
		return d.plain(to, half(uint16(bits)))
	case 4:
		return d.plain(to, float64(math.Float32frombits(uint32(bits))))
	}
	return d.plain(to, math.Float64frombits(bits))
}

// plain sets the common cases without the detours of set.
func (d *decoder) plain(to reflect.Value, v pickle.Value) error {
	if f, ok := v.(float64); ok && to.Kind() == reflect.Float64 {
		to.SetFloat(f)
		return nil
	}
	d.room++ // counted with its dimension
	return d.set(to, v)
}

// half returns a number of 16 bits as IEEE 754 has them.
func half(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&31), float64(bits&1023)
	if bits&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// fromJSON returns a JSON value as what the same value would be in Python.
func fromJSON(data []byte) (pickle.Value, error) {
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, &failure{err, ErrCorrupt}
	}
	return plainJSON(v), nil
}

func plainJSON(v any) pickle.Value {
	switch v := v.(type) {
	case json.Number:
		if len(v) <= 10_000 { // longer ones take more than linear time
			if n, ok := new(big.Int).SetString(string(v), 10); ok && n.IsInt64() {
				return n.Int64()
			} else if ok {
				return n
			}
		}
		f, _ := v.Float64()
		return f
	case []any:
		list := &pickle.List{Items: make([]pickle.Value, len(v))}
		for i, item := range v {
			list.Items[i] = plainJSON(item)
		}
		return list
	case map[string]any:
		dict := &pickle.Dict{}
		for key, item := range v {
			dict.Entries = append(dict.Entries, pickle.Entry{Key: key, Value: plainJSON(item)})
		}
		return dict
	}
	return v
}
