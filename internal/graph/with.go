package graph

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// AddedByWith is the Added of decorators that come from --with.
const AddedByWith = "--with"

// manyAtOnce is the decorator of which a step may have several.
const manyAtOnce = "card"

// AddDecorators adds the decorators of --with to every step that does not have
// one of the same name. Of several specs for one name the first wins. Cards are added
// all: a step may have several. On an error nothing has been added.
func (f *Flow) AddDecorators(specs []string) error {
	var added []Decorator
	for _, spec := range specs {
		d, err := ParseDecorator(spec)
		if err != nil {
			return err
		}
		d.Added = AddedByWith
		if d.Name == manyAtOnce || !hasDecorator(added, d.Name) {
			added = append(added, d)
		}
	}
	for i := range f.Steps {
		s := &f.Steps[i]
		given := s.Decorators
		s.Decorators = slices.Clone(given)
		for _, d := range added {
			if d.Name == manyAtOnce || !hasDecorator(given, d.Name) {
				s.Decorators = append(s.Decorators, d)
			}
		}
	}
	return nil
}

func hasDecorator(all []Decorator, name string) bool {
	return slices.ContainsFunc(all, func(d Decorator) bool { return d.Name == name })
}

// nextAttribute finds the commas of a decorator spec that separate attributes:
// those followed by a name and an equals sign. Others belong to a value. It is compiled when it is needed, which is
// rare, for the programs of flows in Go start often and have this package.
func nextAttribute() *regexp.Regexp { return regexp.MustCompile(`,\s*\w+=`) }

// ParseDecorator reads a decorator as --with takes it: "name" or
// "name:key=value,key=value". A value is JSON if it reads as such, else a
// number, else text.
func ParseDecorator(spec string) (Decorator, error) {
	name, rest, given := strings.Cut(strings.TrimSpace(spec), ":")
	d := Decorator{Name: strings.TrimSpace(strings.TrimPrefix(name, "@"))}
	if d.Name == "" {
		return Decorator{}, fault.New(fault.Usage, "it names no decorator").On("--with " + strconv.Quote(spec)).
			Do("write --with name or --with name:key=value, for example --with retry:times=2")
	}
	if !given || strings.TrimSpace(rest) == "" {
		return d, nil
	}
	d.Attributes = make(map[string]json.RawMessage)
	for _, segment := range splitAttributes(rest) {
		key, value, ok := strings.Cut(segment, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return Decorator{}, fault.New(fault.Usage, "%q is not of the form key=value", segment).On("--with "+strconv.Quote(spec)).
				Do("name the attribute, for example --with %s:key=%s", d.Name, strings.TrimLeft(segment, "="))
		}
		if _, twice := d.Attributes[key]; twice {
			return Decorator{}, fault.New(fault.Usage, "attribute %s is given twice", key).On("--with " + strconv.Quote(spec)).
				Do("keep one of them")
		}
		d.Attributes[key] = specValue(value)
	}
	return d, nil
}

// splitAttributes cuts the part of a spec behind the colon into key=value
// segments. A comma within a value that is JSON does not separate.
func splitAttributes(s string) []string {
	var segments []string
	begin := 0
	for _, cut := range nextAttribute().FindAllStringIndex(s, -1) {
		if cut[0] < begin || within(s[begin:cut[0]], s[begin:]) {
			continue
		}
		segments = append(segments, s[begin:cut[0]])
		begin = cut[0] + 1
	}
	return append(segments, s[begin:])
}

// within reports whether a segment would end within a JSON value that the text it begins goes on with.
func within(segment, text string) bool {
	_, value, _ := strings.Cut(segment, "=")
	value = unescape(value)
	if value == "" || !strings.ContainsRune(`{["`, rune(value[0])) || json.Valid([]byte(value)) {
		return false
	}
	_, rest, _ := strings.Cut(text, "=")
	var whole json.RawMessage
	return json.NewDecoder(strings.NewReader(unescape(rest))).Decode(&whole) == nil
}

// unescape takes back the quoting that a shell script may have needed.
func unescape(text string) string { return strings.TrimSpace(strings.ReplaceAll(text, `\"`, `"`)) }

// specValue is the JSON of a value in a spec.
func specValue(text string) json.RawMessage {
	if plain := unescape(text); json.Valid([]byte(plain)) {
		return json.RawMessage(plain)
	}
	number := strings.TrimSpace(text)
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		return json.RawMessage(strconv.FormatInt(n, 10))
	}
	if x, err := strconv.ParseFloat(number, 64); err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
		return json.RawMessage(strconv.FormatFloat(x, 'g', -1, 64))
	}
	quoted, err := json.Marshal(text)
	if err != nil { // a string always has a JSON form
		return json.RawMessage(`""`)
	}
	return quoted
}
