package flow

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"unicode"

	"github.com/levadahq/levada/internal/fault"
)

// plan is what is known of the flow's struct: its fields that are artifacts.
type plan struct {
	typ    reflect.Type
	fields []*field
	byName map[string]*field // by artifact
	byGo   map[string]*field // by the field's own name
}

// field is one artifact of the flow.
type field struct {
	goName string
	name   string // of the artifact
	index  []int
	place  int // in plan.fields
	typ    reflect.Type
	kind   form
	param  *param // nil if it is none
}

// newPlan reads the struct. Mistakes are told to the machine.
func newPlan(t reflect.Type, m *machine) *plan {
	p := &plan{typ: t, byName: map[string]*field{}, byGo: map[string]*field{}}
	if t.Kind() != reflect.Struct {
		m.problem("a flow is a struct, and %s is %s", t, fault.A(t.Kind().String()))
		return p
	}
	p.collect(t, nil, m)
	return p
}

func (p *plan) collect(t reflect.Type, at []int, m *machine) {
	for i := range t.NumField() {
		sf := t.Field(i)
		index := append(append([]int(nil), at...), i)
		name, tagged := sf.Tag.Lookup("flow")
		switch {
		case name == "-":
			continue
		case sf.Anonymous && sf.Type.Kind() == reflect.Struct && !tagged:
			p.collect(sf.Type, index, m)
			continue
		case !sf.IsExported():
			if sf.Anonymous && sf.Type.Kind() == reflect.Pointer {
				m.problem("what is in the embedded *%s of %s is not stored, because it is a pointer of a type that is not exported; embed it without the star, or tag it `flow:\"-\"`",
					sf.Type.Elem(), p.typ)
			}
			if tagged {
				m.problem("field %s.%s has a flow tag, but it is not exported, so it is not stored", p.typ, sf.Name)
			}
			if _, is := sf.Tag.Lookup("param"); is {
				m.problem("field %s.%s has a param tag, but it is not exported, so it is not a parameter; let its name begin with a capital letter", p.typ, sf.Name)
			}
			continue
		case name == "":
			name = snake(sf.Name)
		}
		f := &field{goName: sf.Name, name: name, index: index, place: len(p.fields), typ: sf.Type}
		if !validName(name) {
			m.problem("field %s.%s: %q cannot be the name of an artifact: use letters, digits and underscores", p.typ, sf.Name, name)
		}
		if other := p.byName[name]; other != nil {
			m.problem("fields %s and %s of %s are both stored as %s: give one another name with a flow tag", other.goName, sf.Name, p.typ, name)
		}
		var why string
		if f.kind, why = formOf(sf.Type); why != "" {
			m.problem("field %s.%s cannot be stored, because %s; let its name begin with a small letter, or tag it `flow:\"-\"`", p.typ, sf.Name, why)
		}
		if option, is := sf.Tag.Lookup("param"); is {
			f.param = newParam(p.typ.String(), f, option, sf.Tag, m)
		}
		p.fields = append(p.fields, f)
		p.byName[name] = f
		// The name means the outer one, as in Go.
		if other := p.byGo[sf.Name]; other == nil || len(index) < len(other.index) {
			p.byGo[sf.Name] = f
		}
	}
}

// field returns a field by its name in Go, nil if there is none.
func (p *plan) field(name string) *field { return p.byGo[name] }

// similar proposes the field that a wrong name may have meant.
func (p *plan) similar(name string) string {
	for _, f := range p.fields {
		if strings.EqualFold(f.goName, name) || f.name == name || strings.EqualFold(f.name, name) {
			return "; it has " + f.goName
		}
	}
	return ""
}

// artifact returns the name of the artifact of a field, "" if there is no such field.
func (p *plan) artifact(name string) string {
	if f := p.byGo[name]; f != nil {
		return f.name
	}
	return ""
}

// reads names the artifacts that a task reads before its step runs: all but files, and lists that a foreach around it
// goes through. With no task it names those of all tasks.
func (p *plan) reads(t *Task) []string {
	var names []string
	for _, f := range p.fields {
		if f.kind != asFile && (t == nil || !t.iterates(f.name)) {
			names = append(names, f.name)
		}
	}
	return names
}

// snake writes a name in Go's form as Python would: HTTPPort is http_port.
func snake(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 {
			before, after := r[i-1], i+1 < len(r) && unicode.IsLower(r[i+1])
			if before != '_' && (!unicode.IsUpper(before) || after) {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func validName(name string) bool {
	for i, c := range name {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || !unicode.IsDigit(c)) {
			return false
		}
	}
	return name != ""
}

// form is how values of a type are stored.
type form uint8

const (
	asJSON form = iota
	asBytes
	asBinary // encoding.BinaryMarshaler
	asGob
	asNPY
	asCSV
	asFile // stays where it is until somebody opens it
)

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	binaryMarshaler = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryReader    = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	arrayValue      = reflect.TypeFor[npyValue]()
)

// formOf chooses the form of a type, or says why its values cannot be stored.
func formOf(t reflect.Type) (f form, why string) {
	switch {
	case t == reflect.TypeFor[File]():
		return asFile, ""
	case t == reflect.TypeFor[Table]():
		return asCSV, ""
	case reflect.PointerTo(t).Implements(arrayValue):
		return asNPY, ""
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !t.Implements(jsonMarshaler):
		return asBytes, ""
	case (t.Implements(binaryMarshaler) || reflect.PointerTo(t).Implements(binaryMarshaler)) && reflect.PointerTo(t).Implements(binaryReader) &&
		!t.Implements(jsonMarshaler) && !t.Implements(textMarshaler):
		return asBinary, ""
	}
	s := survey{seen: map[reflect.Type]bool{}}
	s.look(t)
	switch {
	case s.never != "":
		return asJSON, s.never
	case s.notJSON:
		return asGob, ""
	}
	return asJSON, ""
}

// survey looks through a type for what cannot be stored at all, or not as JSON.
type survey struct {
	seen    map[reflect.Type]bool
	notJSON bool
	never   string
}

func (s *survey) look(t reflect.Type) {
	if s.seen[t] || s.never != "" {
		return
	}
	s.seen[t] = true
	pointer := reflect.PointerTo(t)
	if t.Implements(jsonMarshaler) || t.Implements(textMarshaler) || pointer.Implements(jsonMarshaler) || pointer.Implements(textMarshaler) {
		return
	}
	if pointer.Implements(binaryMarshaler) {
		s.notJSON = true // gob asks for it
		return
	}
	if pointer.Implements(gobWriter) && pointer.Implements(gobReader) { // gob asks for them, whatever the type holds
		within := survey{seen: maps.Clone(s.seen)}
		within.parts(t)
		s.notJSON = s.notJSON || within.notJSON || within.never != ""
		return
	}
	if t == reflect.TypeFor[File]() {
		s.never = "a flow.File is a field of its own, not a part of another value"
		return
	}
	s.parts(t)
}

// parts looks at what a type is made of.
func (s *survey) parts(t reflect.Type) {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Uintptr:
		s.never = "it holds " + fault.A(t.Kind().String()) + " (" + t.String() + ")"
	case reflect.Complex64, reflect.Complex128:
		s.notJSON = true
	case reflect.Interface:
		if t.NumMethod() > 0 {
			s.never = "it holds an interface (" + t.String() + "), and nobody could tell which type to read"
		}
	case reflect.Pointer, reflect.Slice, reflect.Array:
		s.look(t.Elem())
	case reflect.Map:
		switch t.Key().Kind() {
		case reflect.Bool, reflect.Float32, reflect.Float64, reflect.Struct, reflect.Array, reflect.Pointer, reflect.Interface, reflect.Complex64, reflect.Complex128:
			if !t.Key().Implements(textMarshaler) {
				s.notJSON = true
			}
		}
		s.look(t.Key())
		s.look(t.Elem())
	case reflect.Struct:
		open := 0
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous {
				open++
				s.look(f.Type)
			}
		}
		if open == 0 && t.NumField() > 0 {
			s.never = t.String() + " has no exported field"
		}
	}
}
