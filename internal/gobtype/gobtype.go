// Package gobtype finds what encoding/gob silently drops: fields that are in a gob but not in the type that it is read
// into. gob matches fields by name and skips those it does not find, so a renamed field would come back as zero.
//
// The package is pure.
package gobtype

import (
	"encoding"
	"encoding/gob"
	"errors"
	"reflect"
	"time"
)

// Lost returns where a gob has a field that a type has no place for, such as "Model.Layers.Rate"; "" if it has none. Of
// types within an interface nothing is known before they are read, and what
// cannot be understood is left to gob to tell.
func Lost(data []byte, t reflect.Type) string {
	r := &reader{data: data}
	types := map[int]wire{}
	for r.err == nil && len(r.data) > 0 {
		message := &reader{data: r.bytes()}
		id := message.int()
		if r.err != nil || message.err != nil {
			return ""
		}
		if id >= 0 { // a value: the types that it needs came before it
			return lost(types, id, t, map[pair]bool{})
		}
		types[-id] = message.wire()
		if message.err != nil {
			return ""
		}
	}
	return ""
}

// wire is a type as a gob describes it; basic types and those that write themselves have none of the parts.
type wire struct {
	key, elem int
	fields    []field
}

type field struct {
	name string
	id   int
}

// pair is a type of the gob and the one it is read into, which need not be compared twice.
type pair struct {
	id int
	t  reflect.Type
}

func lost(types map[int]wire, id int, t reflect.Type, seen map[pair]bool) string {
	for t.Kind() == reflect.Pointer && !readsItself(t) {
		if seen[pair{id, t}] { // a pointer to its own type
			return ""
		}
		seen[pair{id, t}] = true
		t = t.Elem()
	}
	w, described := types[id]
	if !described || readsItself(t) || seen[pair{id, t}] {
		return ""
	}
	seen[pair{id, t}] = true
	switch t.Kind() {
	case reflect.Struct:
		for _, f := range w.fields {
			sf, found := t.FieldByName(f.name)
			if !found || len(sf.Index) > 1 || !sf.IsExported() {
				return f.name
			}
			if inner := lost(types, f.id, sf.Type, seen); inner != "" {
				return f.name + "." + inner
			}
		}
	case reflect.Map:
		if inner := lost(types, w.key, t.Key(), seen); inner != "" {
			return inner
		}
		return lost(types, w.elem, t.Elem(), seen)
	case reflect.Slice, reflect.Array:
		return lost(types, w.elem, t.Elem(), seen)
	}
	return ""
}

// readsItself reports whether a method reads the type, so that its fields are not the gob's.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[gob.GobDecoder]()) || p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// reader reads the parts of a gob. After an error it returns zeros.
type reader struct {
	data []byte
	err  error
}

var errShort = errors.New("the gob ends too early")

// take returns the next n bytes.
func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.data)) {
		r.err, r.data = errShort, nil
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

// uint reads a number: a byte below 128, or its bytes, the highest first, after their negated count.
func (r *reader) uint() uint64 {
	first := r.take(1)
	if r.err != nil || first[0] < 128 {
		if r.err != nil {
			return 0
		}
		return uint64(first[0])
	}
	n := uint64(0)
	count := uint64(-int8(first[0]))
	if count > 8 {
		r.err, r.data = errShort, nil
	}
	for _, b := range r.take(count) {
		n = n<<8 | uint64(b)
	}
	return n
}

// int reads a number whose lowest bit is its sign.
func (r *reader) int() int {
	u := r.uint()
	if u&1 == 1 {
		return int(^(u >> 1))
	}
	return int(u >> 1)
}

func (r *reader) bytes() []byte { return r.take(r.uint()) }

// structure calls read with the number of each field that is there, counted from 1.
func (r *reader) structure(read func(number uint64)) {
	for number := uint64(0); ; {
		delta := r.uint()
		if r.err != nil || delta == 0 {
			return
		}
		number += delta
		read(number)
	}
}

// wire reads the description of a type: one of array, slice, struct, map, and
// three kinds of types that write themselves.
func (r *reader) wire() (w wire) {
	r.structure(func(kind uint64) {
		r.structure(func(part uint64) {
			switch {
			case part == 1: // its name and number
				r.structure(func(common uint64) {
					if common == 1 {
						r.bytes()
					} else {
						r.int()
					}
				})
			case kind == 3:
				for n := r.uint(); n > 0 && r.err == nil; n-- {
					var f field
					r.structure(func(part uint64) {
						if part == 1 {
							f.name = string(r.bytes())
						} else {
							f.id = r.int()
						}
					})
					w.fields = append(w.fields, f)
				}
			case kind == 4 && part == 2:
				w.key = r.int()
			case kind == 4 || part == 2:
				w.elem = r.int()
			default:
				r.int() // the length of an array
			}
		})
	})
	return w
}

// RegisterPlain tells gob of types that are often within an any; it knows numbers, text and slices of them by itself.
// Whoever writes values and whoever reads them have to tell it of the same. Once is enough.
func RegisterPlain() {
	for _, x := range []any{
		map[string]any{}, []any{}, []map[string]any{}, time.Time{}, time.Duration(0), []time.Time{}, map[string]string{}, map[string]int{},
		map[string]float64{}, map[string]bool{}, map[string][]string{}, [][]int{}, [][]float64{}, [][]string{},
	} {
		func() {
			defer func() { recover() }() // the program has told of it under another name
			gob.Register(x)
		}()
	}
}
