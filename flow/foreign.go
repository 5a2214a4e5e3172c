package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// encoding/json passes by what a type cannot hold without a word: null for a number leaves it zero, what is too much
// for an array is dropped, and a whole number is rounded to the float64 next to it. Of what this SDK has written none
// of that can be, for the types are the same. What other programs wrote is looked through for it.

// notTaken finds the first place in JSON of another program that was not read as it is into a value.
func notTaken(data []byte, v reflect.Value) error {
	if !bytes.Contains(data, []byte("null")) && !hasArray(v.Type(), map[reflect.Type]bool{}) && !longWhole(data) {
		return nil
	}
	var x any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&x); err != nil {
		return err
	}
	if lost := taken(x, v); lost != nil {
		return lost
	}
	return nil
}

// taken compares what JSON says with what was read of it.
func taken(x any, v reflect.Value) *difference {
	for v.IsValid() && v.Kind() == reflect.Pointer && !v.IsNil() && !ownForm(v.Type()) {
		v = v.Elem()
	}
	if !v.IsValid() || v.Kind() == reflect.Interface || ownForm(v.Type()) && v.Type() != timeType {
		return nil // it holds anything, or says itself what it holds
	}
	switch x := x.(type) {
	case nil:
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			return nil
		}
		return &difference{what: fmt.Sprintf("is null (in Python None), which %s cannot hold", withArticle(v.Type())), do: "give it the type *" + v.Type().String()}
	case json.Number:
		if text := x.String(); v.Kind() == reflect.Float64 && !strings.ContainsAny(text, ".eE") && strconv.FormatFloat(v.Float(), 'f', -1, 64) != text && text != "-0" {
			return &difference{what: "is the whole number " + text + ", which a float64 cannot hold", do: "give it a type of whole numbers"}
		}
	case []any:
		if k := v.Kind(); k != reflect.Slice && k != reflect.Array {
			return nil
		}
		if len(x) != v.Len() {
			return &difference{what: fmt.Sprintf("has %d elements, and %s has %d", len(x), withArticle(v.Type()), v.Len()), do: "use a slice"}
		}
		for i, e := range x {
			if d := taken(e, v.Index(i)); d != nil {
				return d.within(fmt.Sprintf("[%d]", i))
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(x)) {
			var e reflect.Value
			switch {
			case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
				e = v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key()))
			case v.Kind() == reflect.Struct:
				e = member(v, key)
			}
			if d := taken(x[key], e); d != nil {
				return d.within("[" + strconv.Quote(key) + "]")
			}
		}
	}
	return nil
}

// member returns the field that JSON has a name for, as far as it is a field of the struct itself.
func member(v reflect.Value, key string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		if f.IsExported() && !f.Anonymous && strings.EqualFold(name, key) && f.Tag.Get("json") != "-" {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// hasArray reports whether there are arrays in a type.
func hasArray(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Array:
		return true
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return hasArray(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if hasArray(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// longWhole reports whether there may be a whole number in JSON that a float64 cannot hold: one of 16 digits and more.
func longWhole(data []byte) bool {
	run, fraction := 0, false
	for i, c := range data {
		switch {
		case c >= '0' && c <= '9':
			run++
			if run >= 16 && !fraction && (i+1 == len(data) || !bytes.ContainsRune([]byte("0123456789.eE"), rune(data[i+1]))) {
				return true
			}
		default:
			run, fraction = 0, c == '.'
		}
	}
	return false
}
