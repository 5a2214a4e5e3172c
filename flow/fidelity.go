package flow

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
)

// This file sees to it that a value is never changed by being stored: that what the next step finds is what the
// last one left. Values of most types are kept by their form as they are, which their nature says; of the
// others, what has been written is read again and compared. A value that JSON would change is stored as gob if
// that keeps it, and else an error of the step.

// nature is what is known of how the values of a type fare as JSON.
type nature struct {
	plain bool // they come back as they were, if text in them is UTF-8
	text  bool // there may be text in them
	any   bool // there may be values in them whose type is not known beforehand
	deep  bool // they may be nested without end, for a type may lie in itself
}

var natures sync.Map // reflect.Type → nature

// natureOf looks through a type.
func natureOf(t reflect.Type) nature {
	if known, ok := natures.Load(t); ok {
		return known.(nature)
	}
	n := nature{plain: true}
	n.look(t, map[reflect.Type]bool{})
	natures.Store(t, n)
	return n
}

func (n *nature) look(t reflect.Type, seen map[reflect.Type]bool) {
	if seen[t] {
		n.deep = n.deep || t.Kind() > reflect.Complex128 && t.Kind() != reflect.String
		return
	}
	seen[t] = true
	if ownForm(t) {
		n.plain = false
		return
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	case reflect.String:
		n.text = true
		if t == reflect.TypeFor[json.Number]() { // JSON looks at its content
			n.plain = false
		}
	case reflect.Slice, reflect.Array:
		n.look(t.Elem(), seen)
	case reflect.Pointer:
		switch t.Elem().Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			// Null does not say which of the two is nil.
			n.plain = false
		}
		n.look(t.Elem(), seen)
	case reflect.Map:
		switch t.Key().Kind() {
		case reflect.Bool, reflect.Float32, reflect.Float64: // no JSON
			n.plain = false
		}
		n.look(t.Key(), seen)
		n.look(t.Elem(), seen)
	case reflect.Struct:
		names := map[string]bool{}
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				name = f.Name
			}
			if !f.IsExported() || f.Anonymous || name == "-" || options != "" || names[name] || !validName(name) {
				n.plain = false
			}
			names[name] = true
			n.look(f.Type, seen)
		}
	default:
		n.plain = false
		n.any = n.any || t.Kind() == reflect.Interface
	}
}

var (
	gobWriter     = reflect.TypeFor[gob.GobEncoder]()
	gobReader     = reflect.TypeFor[gob.GobDecoder]()
	textReader    = reflect.TypeFor[encoding.TextUnmarshaler]()
	jsonReader    = reflect.TypeFor[json.Unmarshaler]()
	formMethods   = []reflect.Type{jsonMarshaler, jsonReader, textMarshaler, textReader, binaryMarshaler, binaryReader, gobWriter}
	timeType      = reflect.TypeFor[time.Time]()
	rawType       = reflect.TypeFor[json.RawMessage]()
	interfaceType = reflect.TypeFor[any]()
)

// ownForm reports whether a type says itself how its values are written or read.
func ownForm(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	p := reflect.PointerTo(t)
	for _, m := range formMethods {
		if p.Implements(m) {
			return true
		}
	}
	return false
}

// difference is how a value would come back changed: where, what happens to it, and what to do about it.
type difference struct {
	at, what, do string
	never        bool // it must not be stored in another form either
}

func (d *difference) Error() string {
	at := d.at
	if len(at) > 400 { // nested so deep that nobody reads where
		at = strings.ToValidUTF8(at[:200]+" … "+at[len(at)-200:], "")
	}
	text := at + " " + d.what
	if d.at == "" {
		text = "it " + d.what
	}
	if d.do != "" {
		text += "; " + d.do
	}
	return text
}

// within says of a difference that it is in a part of the value.
func (d *difference) within(part string) *difference {
	d.at = part + d.at
	return d
}

// badText finds text that is not UTF-8 in a value of a plain type. JSON would put other characters into its place.
func badText(v reflect.Value) *difference {
	if !natureOf(v.Type()).text {
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return notUTF8()
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return badText(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if d := badText(v.Index(i)); d != nil {
				return d.within(fmt.Sprintf("[%d]", i))
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if badText(entries.Key()) != nil {
				return lostKey(entries.Key())
			}
			if d := badText(entries.Value()); d != nil {
				return d.within("[" + keyText(entries.Key()) + "]")
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if d := badText(v.Field(i)); d != nil {
				return d.within("." + v.Type().Field(i).Name)
			}
		}
	}
	return nil
}

func notUTF8() *difference {
	return &difference{what: "is text that is not UTF-8, which JSON would change", do: "keep bytes in a []byte"}
}

func lostKey(k reflect.Value) *difference {
	d := &difference{what: "has the key " + keyText(k) + ", which would not come back"}
	if k.Kind() == reflect.String && !utf8.ValidString(k.String()) {
		d.what, d.do = "has the key "+keyText(k)+", which is not UTF-8 and would be changed by JSON", "make a key of it that is text"
	}
	return d
}

func keyText(k reflect.Value) string {
	switch k.Kind() {
	case reflect.String:
		return strconv.Quote(k.String())
	case reflect.Struct, reflect.Pointer, reflect.Interface, reflect.Array:
		return withArticle(k.Type())
	}
	return fmt.Sprint(k)
}

// comparison compares a value with what it would come back as.
type comparison struct {
	gob      bool   // what has been written is a gob, which keeps more than JSON
	fallback bool   // and only because JSON would change it
	culprit  string // if it is not empty, of the types within an any that would become others only this one counts
}

// differ returns the first difference between a value and what it would come back as, nil if there is none.
func (c comparison) differ(a, b reflect.Value) *difference {
	switch {
	case !a.IsValid() && !b.IsValid():
		return nil
	case !a.IsValid() || !b.IsValid():
		return &difference{what: fmt.Sprintf("is %s and would come back as %s", worded(a), worded(b))}
	case a.Type() != b.Type() && c.culprit != "" && c.culprit != strings.TrimLeft(a.Type().String(), "*"):
		return nil
	case a.Type() != b.Type():
		return &difference{what: fmt.Sprintf("is %s within an any, and would come back as %s", withArticle(a.Type()), withArticle(b.Type())),
			do: "make it that, or give the field a type that says what is in it"}
	case ownForm(a.Type()) && a.CanInterface():
		return differOwn(a, b)
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return differNil(a, b, "use a nil pointer instead")
		}
		return c.differ(a.Elem(), b.Elem())
	case reflect.Interface:
		return c.differ(a.Elem(), b.Elem())
	case reflect.Struct:
		return c.differStruct(a, b)
	case reflect.Slice, reflect.Map:
		if a.IsNil() != b.IsNil() {
			return differNil(a, b, "leave out omitempty, or make no difference between the two")
		}
		if a.Len() != b.Len() {
			return &difference{what: fmt.Sprintf("has %d elements and would come back with %d", a.Len(), b.Len())}
		}
	}
	switch a.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range a.Len() {
			if d := c.differ(a.Index(i), b.Index(i)); d != nil {
				return d.within(fmt.Sprintf("[%d]", i))
			}
		}
		return nil
	case reflect.Map:
		var first *difference // that of the first key: the order of a map is any
		least := ""
		for entries := a.MapRange(); entries.Next(); {
			var d *difference
			key := keyText(entries.Key())
			if y := b.MapIndex(entries.Key()); !y.IsValid() {
				d = lostKey(entries.Key())
			} else if d = c.differ(entries.Value(), y); d != nil {
				d.within("[" + key + "]")
			}
			if d != nil && (first == nil || key < least) {
				first, least = d, key
			}
		}
		return first
	}
	if same(a, b) {
		return nil
	}
	if a.Kind() == reflect.String && !utf8.ValidString(a.String()) {
		return notUTF8()
	}
	return &difference{what: fmt.Sprintf("is %v and would come back as %v", a, b)}
}

// differNil compares values of which at least one is nil.
func differNil(a, b reflect.Value, do string) *difference {
	if a.IsNil() == b.IsNil() {
		return nil
	}
	return &difference{what: fmt.Sprintf("is %s and would come back as %s", worded(a), worded(b)), do: do}
}

func worded(v reflect.Value) string {
	switch {
	case !v.IsValid():
		return "nil"
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return "a pointer to something"
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && !v.IsNil():
		return "empty and not nil"
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice || v.Kind() == reflect.Map:
		return "nil"
	}
	return withArticle(v.Type())
}

// same compares values that are not made of others.
func same(a, b reflect.Value) bool {
	float := func(x, y float64) bool {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	switch {
	case a.CanInt():
		return a.Int() == b.Int()
	case a.CanUint():
		return a.Uint() == b.Uint()
	case a.CanFloat():
		return float(a.Float(), b.Float())
	case a.CanComplex():
		x, y := a.Complex(), b.Complex()
		return float(real(x), real(y)) && float(imag(x), imag(y))
	case a.Kind() == reflect.Bool:
		return a.Bool() == b.Bool()
	case a.Kind() == reflect.String:
		return a.String() == b.String()
	}
	return a.Pointer() == b.Pointer() // functions, channels
}

func (c comparison) differStruct(a, b reflect.Value) *difference {
	t := a.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		x, y, part := a.Field(i), b.Field(i), "."+f.Name
		unwanted, noJSON := f.Tag.Get("flow") == "-", f.Tag.Get("json") == "-" && (!c.gob || c.fallback)
		if unwanted || noJSON {
			// What is tagged so may be a secret: it must not get into a gob by the way.
			if c.gob && !zero(y) {
				return &difference{at: part, what: "is tagged not to be stored, but a gob, which the value has to be stored as, does not know of such tags",
					do: "empty it before the step ends"}
			}
			if !unwanted && !zero(x) {
				return &difference{at: part, never: true, what: "is not zero, and would be lost, for it is tagged `json:\"-\"`",
					do: "give it a name in JSON, or tag it `json:\"-\" flow:\"-\"` if the steps after this one need not have it"}
			}
			continue
		}
		d := c.differ(x, y)
		switch {
		case d == nil:
			continue
		case !f.IsExported() && !f.Anonymous:
			d = &difference{what: "is not zero, and would be lost, for its name begins with a small letter",
				do: "export it, or tag it `flow:\"-\"` if the steps after this one need not have it"}
		case zero(y) && d.at == "" && !c.gob && f.Tag.Get("json") == "" && d.do == "":
			d = &difference{what: "is not zero, and would be lost, for JSON has another field of this name", do: "give it a name of its own with a json tag"}
		}
		return d.within(part)
	}
	return nil
}

// differOwn compares values of a type that has methods to write or to read them.
func differOwn(a, b reflect.Value) *difference {
	switch a.Type() {
	case timeType:
		return differTime(a.Interface().(time.Time), b.Interface().(time.Time))
	case rawType: // what counts of it is the JSON, not its spaces; nil is null
		x, errX := asJSONBytes(a)
		y, errY := asJSONBytes(b)
		if errX == nil && errY == nil && bytes.Equal(x, y) {
			return nil
		}
	default:
		if alike(a, b) {
			return nil
		}
	}
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return nil
	}
	return &difference{what: fmt.Sprintf("is %s and would come back as %s, after %s's own methods have written and read it", shown(a), shown(b), a.Type()),
		do: "correct them, or give the type a method Equal that says when two are alike"}
}

// shown writes a value as its type would, and not more than a line of it.
func shown(v reflect.Value) string {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	text := fmt.Sprint(v.Interface())
	if s, ok := p.Interface().(fmt.Stringer); ok {
		text = s.String()
	}
	r := []rune(text)
	if len(r) > 80 {
		return string(r[:80]) + "..."
	}
	return text
}

// alike asks a type's own method Equal, or Cmp of the whole numbers and fractions of math/big, which have no Equal.
func alike(a, b reflect.Value) bool {
	t := a.Type()
	x, y := reflect.New(t), reflect.New(t) // a method may have a pointer receiver
	x.Elem().Set(a)
	y.Elem().Set(b)
	m := x.MethodByName("Equal")
	if !m.IsValid() && t.PkgPath() == "math/big" && t.Name() != "Float" {
		m = x.MethodByName("Cmp")
	}
	if !m.IsValid() || m.Type().NumIn() != 1 || m.Type().NumOut() != 1 {
		return false
	}
	switch m.Type().In(0) {
	case x.Type():
	case t:
		y = y.Elem()
	default:
		return false
	}
	result := m.Call([]reflect.Value{y})[0]
	return result.Kind() == reflect.Bool && result.Bool() || result.Kind() == reflect.Int && result.Int() == 0
}

// differTime compares times. What the monotonic clock said of one is no part of its value.
func differTime(a, b time.Time) *difference {
	a = a.Round(0)
	switch {
	case reflect.DeepEqual(a, b):
		return nil
	case a.Equal(b) && b.Location() == time.UTC && a.Location() == time.Local && alwaysUTC(a):
		return nil // the local time of a machine that knows UTC alone is UTC
	case a.Equal(b):
		return &difference{what: fmt.Sprintf("is a time in the location %q, and would come back with no more than its offset", a.Location()),
			do: "store its UTC() or its Local(), and the name of the location beside it if it is needed"}
	}
	return &difference{what: fmt.Sprintf("is the time %s and would come back as %s", a, b), do: "store its UTC()"}
}

// alwaysUTC reports whether the location of a time never had and never has another offset than none.
func alwaysUTC(t time.Time) bool {
	start, end := t.ZoneBounds()
	_, offset := t.Zone()
	return offset == 0 && start.IsZero() && end.IsZero()
}

// zero reports whether a value is zero to the last bit: minus zero is not.
func zero(v reflect.Value) bool {
	if !v.IsZero() {
		return false
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		return !math.Signbit(v.Float())
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		return !math.Signbit(real(c)) && !math.Signbit(imag(c))
	case reflect.Array:
		switch v.Type().Elem().Kind() {
		case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.Array, reflect.Struct:
			for i := range v.Len() {
				if !zero(v.Index(i)) {
					return false
				}
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !zero(v.Field(i)) {
				return false
			}
		}
	}
	return true
}

func withArticle(t reflect.Type) string {
	name := t.String()
	if t == interfaceType {
		name = "any"
	}
	return fault.A(name)
}

// maxDepth is how deep a value may be nested: what encoding/json reads.
const maxDepth = 10000

// tooDeep reports whether a value is nested too deep, or holds itself. With
// written, only what JSON would look at counts.
func tooDeep(v reflect.Value, depth int, written bool) bool {
	if depth > maxDepth {
		return true
	}
	if written && ownForm(v.Type()) {
		return false
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && tooDeep(v.Elem(), depth+1, written)
	case reflect.Slice, reflect.Array:
		if k := v.Type().Elem().Kind(); k <= reflect.Complex128 || k == reflect.String {
			return false
		}
		for i := range v.Len() {
			if tooDeep(v.Index(i), depth+1, written) {
				return true
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if tooDeep(entries.Value(), depth+1, written) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); written && (!f.IsExported() && !f.Anonymous || f.Tag.Get("json") == "-") {
				continue
			}
			if tooDeep(v.Field(i), depth+1, written) {
				return true
			}
		}
	}
	return false
}

// eachAny has a function change each value that lies in an any within v. With fresh, v is a copy at its top alone, and
// what is below it is copied before it is changed.
func eachAny(v reflect.Value, fresh bool, depth int, change func(x any, depth int) (any, error)) error {
	t := v.Type()
	if !natureOf(t).any || ownForm(t) {
		return nil
	}
	if depth > maxDepth {
		return errDeep
	}
	depth++
	switch t.Kind() {
	case reflect.Interface:
		if v.IsNil() || t.NumMethod() > 0 {
			return nil
		}
		x, err := change(v.Elem().Interface(), depth)
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if fresh {
			p := reflect.New(t.Elem())
			p.Elem().Set(v.Elem())
			v.Set(p)
		}
		return eachAny(v.Elem(), fresh, depth, change)
	case reflect.Slice, reflect.Array:
		if fresh && t.Kind() == reflect.Slice && !v.IsNil() {
			s := reflect.MakeSlice(t, v.Len(), v.Len())
			reflect.Copy(s, v)
			v.Set(s)
		}
		for i := range v.Len() {
			if err := eachAny(v.Index(i), fresh, depth, change); err != nil {
				return err
			}
		}
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		m := reflect.MakeMapWithSize(t, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			e := reflect.New(t.Elem()).Elem()
			e.Set(entries.Value())
			if err := eachAny(e, fresh, depth, change); err != nil {
				return err
			}
			m.SetMapIndex(entries.Key(), e)
		}
		v.Set(m)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
				if err := eachAny(v.Field(i), fresh, depth, change); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

var errDeep = fmt.Errorf("it is nested too deep, or holds itself: at most %d levels can be stored", maxDepth)

// wholeFloat is a float64 without a fraction within an any, which JSON would write like an int.
type wholeFloat float64

// MarshalJSON writes the number so that it can be told from an int.
func (f wholeFloat) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f), 'f', 1, 64), nil
}

// markFloats copies a value of an any, with marks at the floats that JSON would write like an int.
func markFloats(x any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	switch x := x.(type) {
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1e21 { // from there on it is written with an exponent
			return wholeFloat(x), nil
		}
	case []any:
		if x == nil {
			return x, nil
		}
		list := make([]any, len(x))
		for i, e := range x {
			var err error
			if list[i], err = markFloats(e, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		if x == nil {
			return x, nil
		}
		m := make(map[string]any, len(x))
		for k, e := range x {
			var err error
			if m[k], err = markFloats(e, depth+1); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	return x, nil
}

// settleNumbers gives the numbers in what was read into an any their types.
func settleNumbers(x any, _ int) (any, error) {
	var err error
	switch x := x.(type) {
	case json.Number:
		return settled(x)
	case []any:
		for i, e := range x {
			if x[i], err = settleNumbers(e, 0); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k, e := range x {
			if x[k], err = settleNumbers(e, 0); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

func settled(n json.Number) (any, error) {
	if text := n.String(); !strings.ContainsAny(text, ".eE") && text != "-0" {
		i, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("the number %s, which is to be read into an any, is too large for an int; give the field a type that holds it, such as uint64, *big.Int or json.Number", text)
		}
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("the number %s, which is to be read into an any, is too large for a float64; give the field a type that holds it", n)
	}
	return f, nil
}
