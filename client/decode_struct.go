package client

import (
	"encoding"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/pickle"
)

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
		if err := d.inside(place, key, d.keyFor(t.Key(), e.Key)); err != nil {
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

// keyFor returns what a key of JSON, which is text, is for a map whose keys are ints.
func (d *decoder) keyFor(t reflect.Type, key pickle.Value) pickle.Value {
	text, ok := key.(string)
	if !d.json || !ok || t.Kind() < reflect.Int || t.Kind() > reflect.Uintptr || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return key
	}
	if n, ok := new(big.Int).SetString(text, 10); ok && n.String() == text && len(text) < 100 {
		if n.IsInt64() {
			return n.Int64()
		}
		return n
	}
	return key
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
	fields, ok := d.fields[to.Type()]
	if !ok {
		fields = fieldsOf(to.Type())
		if d.fields == nil {
			d.fields = map[reflect.Type]map[string]field{}
		}
		d.fields[to.Type()] = fields
	}
	if d.own && !d.asGo {
		d.asGo = true
		defer func() { d.asGo = false }()
	}
	found := 0
	for _, e := range entries {
		name, ok := e.Key.(string)
		if !ok {
			continue
		}
		f, ok := fields[name]
		if !ok {
			if f, ok = fields[foldMark+strings.ToLower(name)]; !ok {
				continue
			}
		}
		value := e.Value
		if text, isText := value.(string); isText && f.quoted && d.json {
			inner, err := fromJSON([]byte(text))
			if err != nil {
				return misfit("." + name + ": the text " + strconv.Quote(text) + " has no value in it")
			}
			value = inner
		}
		if err := d.inside("."+name, f.in(to), value); err != nil {
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

// field is a field of a struct, or of one that is embedded in it.
type field struct {
	name   string
	index  []int
	tagged bool // the name is from a tag
	quoted bool // `json:",string"`
}

// in returns the field of a struct.
func (f field) in(to reflect.Value) reflect.Value {
	for _, i := range f.index {
		to = settled(to).Field(i)
	}
	return to
}

// fieldsOf returns the fields of a struct by the names that they take. Those of embedded structs
// are as encoding/json has them: one that is less deep hides others of its name; of several as
// deep, the only one with a tag counts, or none.
func fieldsOf(t reflect.Type) map[string]field {
	byName := map[string][]field{}
	var names []string
	addFields(t, nil, map[reflect.Type]bool{}, func(f field) {
		if byName[f.name] == nil {
			names = append(names, f.name)
		}
		byName[f.name] = append(byName[f.name], f)
	})
	fields := make(map[string]field, 2*len(names))
	for _, name := range names {
		all := byName[name]
		slices.SortStableFunc(all, func(a, b field) int {
			if c := len(a.index) - len(b.index); c != 0 || a.tagged == b.tagged {
				return c
			} else if a.tagged {
				return -1
			}
			return 1
		})
		f := all[0]
		if len(all) > 1 && len(all[1].index) == len(f.index) && all[1].tagged == f.tagged {
			continue
		}
		fields[name] = f
		fold := foldMark + strings.ToLower(name)
		if known, ok := fields[fold]; !f.tagged && (!ok || len(known.index) >= len(f.index)) {
			fields[fold] = f
		}
	}
	return fields
}

// addFields finds the fields of a struct and of those that are embedded in it. at is its
// place, around the structs that it is in.
func addFields(t reflect.Type, at []int, around map[reflect.Type]bool, add func(field)) {
	if around[t] {
		return
	}
	around[t] = true
	defer delete(around, t)
	for i := range t.NumField() {
		f := t.Field(i)
		jsonTag := f.Tag.Get("json")
		name, tagged := f.Tag.Lookup("levada")
		if !tagged {
			name = jsonTag
		}
		name, _, _ = strings.Cut(name, ",")
		_, options, _ := strings.Cut(jsonTag, ",")
		index := append(slices.Clone(at), i)
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		isStruct := f.Anonymous && embedded.Kind() == reflect.Struct
		switch {
		case name == "-":
		case !f.IsExported() && (!isStruct || f.Type.Kind() == reflect.Pointer): // a pointer could not be set
		case isStruct && name == "" && embedded != timeType && embedded != bigType:
			addFields(embedded, index, around, add)
		case !f.IsExported():
		case name != "":
			add(field{name, index, true, slices.Contains(strings.Split(options, ","), "string")})
		default:
			add(field{f.Name, index, false, slices.Contains(strings.Split(options, ","), "string")})
		}
	}
}
