package client

import (
	"encoding/binary"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"

	"github.com/levadahq/levada/internal/pickle"
)

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
	if isArray(t) {
		shape, data := to.Field(0), to.Field(1)
		shape.Set(reflect.ValueOf(append([]int{}, a.Shape...)))
		data.Set(reflect.MakeSlice(data.Type(), a.Len(), a.Len()))
		return d.numbers(data, a)
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

// frame puts a data frame, or an array of records, into a table. It is not done if the value is none.
func (d *decoder) frame(to reflect.Value, v pickle.Value) (done bool, err error) {
	data, why, ok := pickle.CSV(v, pickle.DefaultMemory)
	switch {
	case ok:
		return true, setCSV(to, data)
	case why.Why != "":
		return true, misfit(why.Why + "; " + why.Do)
	}
	return false, nil
}

// isArray tells of an Array, and of a struct with the same fields, such as flow.Array.
func isArray(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() == 2 && t.Field(0).Name == "Shape" && t.Field(0).Type == reflect.TypeFor[[]int]() &&
		t.Field(1).Name == "Data" && t.Field(1).Type.Kind() == reflect.Slice
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

// copyNumbers fills a slice from a place of an array's data on if its elements are those of the array: the usual
// case, many times as fast as one by one.
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
