package flow

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/graph"
)

// param is a parameter: a field that the command line sets.
type param struct {
	option   string
	kind     string // as the definition names it
	help     string
	standard *string // default, as text
	required bool
	file     bool
	min, max *float64
	oneof    []string
}

// newParam reads the tags of a parameter. Mistakes are told to the machine.
func newParam(typ string, f *field, option string, tag reflect.StructTag, m *machine) *param {
	p := &param{option: cmp.Or(option, strings.ReplaceAll(f.name, "_", "-")), help: tag.Get("help"), kind: kindOf(f.typ)}
	wrong := func(format string, args ...any) {
		m.problem("parameter %s.%s: %s", typ, f.goName, fmt.Sprintf(format, args...))
	}
	flag := func(name string) bool {
		text, is := tag.Lookup(name)
		value, err := strconv.ParseBool(text)
		if is && err != nil {
			wrong("%s is %q, which is neither true nor false", name, text)
		}
		return value
	}
	limit := func(name string) *float64 {
		text, is := tag.Lookup(name)
		if !is {
			return nil
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || p.kind != "int" && p.kind != "float" {
			wrong("%s is %q; it is a number, for parameters that are numbers", name, text)
			return nil
		}
		return &n
	}
	if p.option == "help" { // other options that are taken are known to who checks the definition
		wrong("the option --help shows the help; give the parameter another one, as in `param:\"my-help\"`")
	}
	p.required, p.file = flag("required"), flag("file")
	p.min, p.max, p.oneof = limit("min"), limit("max"), strings.Fields(tag.Get("oneof"))
	if p.file {
		p.kind = "file"
		if f.typ.Kind() != reflect.String && f.kind != asBytes {
			wrong("a file is read into a string or a []byte, not %s", withArticle(f.typ))
		}
	}
	if text, is := tag.Lookup("default"); is {
		p.standard = &text
		if p.required {
			wrong("it has a default and is required: keep one of them")
		}
		if !p.file {
			if err := p.set(f, reflect.New(f.typ).Elem(), text); err != nil {
				wrong("the default: %v", err)
			}
		}
	}
	if p.kind == "json" && f.kind != asJSON {
		wrong("%s cannot be typed on a command line", withArticle(f.typ))
	}
	return p
}

// kindOf returns the type of a parameter as the definition names it.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration](), reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "str"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "str"
	}
	return "json"
}

// set gives the field the value that a text stands for.
func (p *param) set(f *field, v reflect.Value, text string) error {
	bad := func(what string) error { return fmt.Errorf("%q is not %s", text, what) }
	switch {
	case p.file:
		data, err := os.ReadFile(text)
		if err != nil {
			return fmt.Errorf("the file cannot be read: %w", err)
		}
		if v.Kind() == reflect.String {
			v.SetString(string(data))
		} else {
			v.SetBytes(data)
		}
		return nil
	case f.typ == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return bad("a duration, such as 1h30m")
		}
		v.SetInt(int64(d))
	case p.kind == "str" && f.typ.Kind() == reflect.String && !v.Addr().Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		v.SetString(text)
	case p.kind == "str":
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	case p.kind == "bool":
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "1", "true", "t", "yes", "y", "on":
			v.SetBool(true)
		case "0", "false", "f", "no", "n", "off":
			v.SetBool(false)
		default:
			return bad("true or false")
		}
	case p.kind == "float":
		n, err := strconv.ParseFloat(strings.TrimSpace(text), f.typ.Bits())
		if err != nil {
			return bad("a number")
		}
		v.SetFloat(n)
	case v.CanUint():
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, f.typ.Bits())
		if err != nil {
			return bad("a whole number in the range of " + f.typ.String())
		}
		v.SetUint(n)
	case v.CanInt():
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, f.typ.Bits())
		if err != nil {
			return bad("a whole number in the range of " + f.typ.String())
		}
		v.SetInt(n)
	default:
		err := decodeJSON(v, []byte(text), true) // a key that is misspelt must not be passed by
		if err == nil {
			err = notTaken([]byte(text), v)
		}
		if err == nil && !json.Valid([]byte(text)) {
			err = errors.New("there is more after its end")
		}
		if err != nil {
			return fmt.Errorf("%q is not JSON of a %s: %w", text, f.typ, err)
		}
	}
	return p.check(v, text)
}

// check holds a value against the limits of the parameter.
func (p *param) check(v reflect.Value, text string) error {
	var n float64
	switch {
	case v.CanInt():
		n = float64(v.Int())
	case v.CanUint():
		n = float64(v.Uint())
	case v.CanFloat():
		n = v.Float()
	}
	switch {
	case p.min != nil && !(n >= *p.min):
		return fmt.Errorf("%s is less than %v", text, *p.min)
	case p.max != nil && !(n <= *p.max):
		return fmt.Errorf("%s is more than %v", text, *p.max)
	case len(p.oneof) > 0 && !slices.Contains(p.oneof, text):
		return fmt.Errorf("%q is not one of %s", text, strings.Join(p.oneof, ", "))
	}
	return nil
}

// describe lists the parameters as the definition has them.
func (p *plan) describe() []graph.Parameter {
	var all []graph.Parameter
	for _, f := range p.fields {
		if f.param == nil {
			continue
		}
		d := graph.Parameter{Name: f.param.option, Attribute: f.name, Type: f.param.kind, Help: f.param.help, Required: f.param.required}
		if len(f.param.oneof) > 0 {
			d.Help = strings.TrimSpace(d.Help + " (one of " + strings.Join(f.param.oneof, ", ") + ")")
		}
		if text := f.param.standard; text != nil {
			d.Default, _ = json.Marshal(*text)
			v := reflect.New(f.typ).Elem()
			if d.Type != "str" && d.Type != "file" && f.param.set(f, v, *text) == nil {
				d.Default, _ = json.Marshal(v.Interface())
			}
		}
		all = append(all, d)
	}
	return all
}

// resolve sets the parameters of a state from the texts of the command line. The error is the user's mistake.
func (p *plan) resolve(state reflect.Value, texts map[string]any) (display map[string]string, err error) {
	display = map[string]string{}
	for _, f := range p.fields {
		if f.param == nil {
			continue
		}
		var text string
		switch given := texts[f.param.option].(type) {
		case string:
			text = given
		case []any: // a repeated option: the last one counts
			text, _ = given[len(given)-1].(string)
		case nil:
			if f.param.standard == nil {
				if f.param.required {
					return nil, &badOption{option: f.param.option}
				}
				continue
			}
			text = *f.param.standard
		}
		if err := f.param.set(f, state.FieldByIndex(f.index), text); err != nil {
			return nil, &badOption{f.param.option, err}
		}
		display[f.param.option] = text
	}
	if v, ok := state.Addr().Interface().(interface{ Validate() error }); ok {
		if err := validate(v); err != nil {
			return nil, err
		}
	}
	return display, nil
}

// validate calls the user's Validate. A panic of it is told as one of a step is, with the user's own frames.
func validate(v interface{ Validate() error }) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("Validate panicked: " + strings.TrimPrefix(strings.TrimSpace(failureOfPanic(p).Traceback), "panic: "))
		}
	}()
	return v.Validate()
}

// badOption is a mistake on the command line, in the words of the command line; without a cause the option is missing.
type badOption struct {
	option string
	cause  error
}

func (b *badOption) Error() string {
	if b.cause == nil {
		return "Missing option '--" + b.option + "'."
	}
	return "Invalid value for '--" + b.option + "': " + b.cause.Error()
}
