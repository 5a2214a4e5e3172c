package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Number is the type of an element of an [Array].
type Number interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool
}

// Array is an array of numbers with a shape, stored as numpy stores it: Python reads it as a numpy array, and a
// numpy array of the same type of element is read as an Array.
type Array[E Number] struct {
	Shape []int // lengths of the axes, the slowest first; empty for a single number
	Data  []E   // in the order of C: the last axis runs fastest
}

// NewArray returns an array of zeros.
func NewArray[E Number](shape ...int) Array[E] {
	n := 1
	for _, s := range shape {
		n *= s
	}
	return Array[E]{Shape: shape, Data: make([]E, n)}
}

// Offset returns the place in Data of the element with the given indices, one an axis.
func (a *Array[E]) Offset(indices ...int) int {
	if len(indices) != len(a.Shape) {
		panic(fmt.Sprintf("%d indices for an array of %d axes", len(indices), len(a.Shape)))
	}
	at := 0
	for axis, i := range indices {
		if i < 0 || i >= a.Shape[axis] {
			panic(fmt.Sprintf("index %d out of range for axis %d, which has %d elements", i, axis, a.Shape[axis]))
		}
		at = at*a.Shape[axis] + i
	}
	return at
}

// At returns the element with the given indices.
func (a *Array[E]) At(indices ...int) E { return a.Data[a.Offset(indices...)] }

// npyValue is what every Array can do.
type npyValue interface {
	appendNPY(b []byte) ([]byte, error)
	parseNPY(data []byte) error
}

// dtype is numpy's name of the element type.
func (a *Array[E]) dtype() string {
	t := reflect.TypeFor[E]()
	size := strconv.Itoa(int(t.Size()))
	order := "<"
	if t.Size() == 1 {
		order = "|"
	}
	switch k := t.Kind(); {
	case k == reflect.Bool:
		return "|b1"
	case k == reflect.Float32 || k == reflect.Float64:
		return "<f" + size
	case k >= reflect.Uint && k <= reflect.Uint64:
		return order + "u" + size
	default:
		return order + "i" + size
	}
}

const npyMagic = "\x93NUMPY"

// appendNPY appends the array in the format of numpy.save, version 1. Data that does not fill the shape is an error.
func (a *Array[E]) appendNPY(b []byte) ([]byte, error) {
	if n, err := elements(a.Shape); err != nil {
		return nil, err
	} else if n != len(a.Data) {
		return nil, fmt.Errorf("its shape %v says that it has %d elements, but Data has %d; make them agree", a.Shape, n, len(a.Data))
	}
	shape := ""
	for i, n := range a.Shape {
		if i > 0 {
			shape += " "
		}
		shape += strconv.Itoa(n) + ","
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", a.dtype(), strings.TrimSuffix(shape, map[bool]string{true: ",", false: ""}[len(a.Shape) > 1]))
	const prefix = len(npyMagic) + 4
	header += strings.Repeat(" ", 63-(prefix+len(header))%64) + "\n"
	b = append(append(b, npyMagic...), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	b = append(b, header...)
	return binary.Append(b, binary.LittleEndian, a.Data)
}

// elements returns how many elements an array of a shape has.
func elements(shape []int) (int, error) {
	n := 1
	for _, s := range shape {
		if s < 0 || s > 0 && n > math.MaxInt/s {
			return 0, fmt.Errorf("its shape %v is not possible", shape)
		}
		n *= s
	}
	return n, nil
}

// parseNPY reads what numpy.save wrote.
func (a *Array[E]) parseNPY(data []byte) error {
	h, rest, err := npyHeader(data)
	if err != nil {
		return err
	}
	if want := a.dtype(); h.descr != want {
		return fmt.Errorf("it is an array of %s, not of %s (%s)", h.descr, want, reflect.TypeFor[E]())
	}
	n, err := elements(h.shape)
	if err != nil {
		return err
	}
	size := int(reflect.TypeFor[E]().Size())
	if n != len(rest)/size || len(rest)%size != 0 {
		return fmt.Errorf("it has %d bytes of elements, which is not what its shape %v says", len(rest), h.shape)
	}
	values := make([]E, n)
	if _, err := binary.Decode(rest, binary.LittleEndian, values); err != nil {
		return err
	}
	if h.fortran && len(h.shape) > 1 {
		values = transposed(values, h.shape)
	}
	a.Shape, a.Data = h.shape, values
	return nil
}

// transposed brings elements whose first axis runs fastest into the order of C.
func transposed[E any](values []E, shape []int) []E {
	out := make([]E, len(values))
	index := make([]int, len(shape))
	for i := range out {
		from, stride := 0, 1
		for axis, n := range shape {
			from += index[axis] * stride
			stride *= n
		}
		out[i] = values[from]
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return out
}

type npyHead struct {
	descr   string
	fortran bool
	shape   []int
}

// npyHeader reads the head of an npy file and returns the bytes after it.
func npyHeader(data []byte) (npyHead, []byte, error) {
	var h npyHead
	bad := fmt.Errorf("it is not an npy file")
	if len(data) < 12 || !bytes.HasPrefix(data, []byte(npyMagic)) {
		return h, nil, bad
	}
	n, at := int(binary.LittleEndian.Uint16(data[8:])), 10
	if data[6] > 1 {
		n, at = int(binary.LittleEndian.Uint32(data[8:])), 12
	}
	if n < 0 || n > len(data)-at {
		return h, nil, bad
	}
	text := string(data[at : at+n])
	value := func(key string) string {
		_, after, _ := strings.Cut(text, "'"+key+"':")
		return strings.TrimSpace(after)
	}
	if descr := value("descr"); strings.HasPrefix(descr, "'") {
		h.descr, _, _ = strings.Cut(descr[1:], "'")
	}
	h.fortran = strings.HasPrefix(value("fortran_order"), "True")
	shape, ok := strings.CutPrefix(value("shape"), "(")
	shape, _, closed := strings.Cut(shape, ")")
	if h.descr == "" || !ok || !closed {
		return h, nil, bad
	}
	for part := range strings.SplitSeq(shape, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSuffix(part, "L"))
		if err != nil {
			return h, nil, bad
		}
		h.shape = append(h.shape, n)
	}
	return h, data[at+n:], nil
}
