package pickle

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultRepr is the limit of [Repr] if none is given.
const DefaultRepr = 1 << 20

const (
	maxDepth = 100   // of containers in containers that are printed
	maxBits  = 14285 // of ints that are printed: 4300 digits, as in Python
)

// Repr returns a value as Python's repr shows it, cut off with "..." if that
// takes more than maxBytes. What Python would show with an address, and what
// only the class's own code could show, is shown as its class with its arguments
// and state: <module.Class a=1 b=2>. Arrays and data frames are shown by their
// shape and types.
func Repr(v Value, maxBytes int) string {
	if maxBytes <= 0 {
		maxBytes = DefaultRepr
	}
	p := printer{max: maxBytes, active: map[any]bool{}}
	p.value(v)
	if len(p.b) <= maxBytes {
		return string(p.b)
	}
	if maxBytes <= 3 {
		return "..."[:maxBytes]
	}
	cut := maxBytes - 3
	for cut > 0 && !utf8.RuneStart(p.b[cut]) {
		cut--
	}
	return string(p.b[:cut]) + "..."
}

// printer writes values until it is full. Each thing that it prints adds at
// least a byte, so what it does is bounded however values contain one another.
type printer struct {
	b      []byte
	max    int
	depth  int
	active map[any]bool // containers that are being printed
}

func (p *printer) full() bool { return len(p.b) > p.max }

func (p *printer) str(s string) {
	if room := p.max + 1 - len(p.b); room > 0 {
		p.b = append(p.b, s[:min(room, len(s))]...)
	}
}

func (p *printer) value(v Value) {
	if p.full() {
		return
	}
	switch v := v.(type) {
	case nil:
		p.str("None")
	case bool:
		if v {
			p.str("True")
		} else {
			p.str("False")
		}
	case int64:
		p.b = strconv.AppendInt(p.b, v, 10)
	case *big.Int:
		if v.BitLen() > maxBits {
			p.str("<int of " + strconv.Itoa(v.BitLen()) + " bits>")
		} else {
			p.str(v.String())
		}
	case float64:
		p.b = appendFloat(p.b, v, 64)
	case string:
		p.b = appendText(p.b, v, p.max)
	case Bytes:
		p.b = appendBytes(p.b, v, false, p.max)
	case *ByteArray:
		p.str("bytearray(")
		p.b = appendBytes(p.b, v.Data, true, p.max)
		p.str(")")
	case *Global:
		p.global(v)
	case *List:
		p.nest(v, "[...]", func() { p.list("[", v.Items, "]") })
	case *Tuple:
		p.nest(v, "(...)", func() { p.tuple(v.Items) })
	case *Set:
		p.nest(v, "{...}", func() { p.set(v) })
	case *Dict:
		p.nest(v, "{...}", func() { p.dict(v) })
	case *Object:
		p.nest(v, "<...>", func() { p.object(v) })
	default:
		p.str(fmt.Sprintf("<%T>", v))
	}
}

// nest prints a container, or what stands for it if it is inside itself or too deep.
func (p *printer) nest(v any, self string, print func()) {
	if p.active[v] || p.depth >= maxDepth {
		p.str(self)
		return
	}
	p.active[v] = true
	p.depth++
	print()
	p.depth--
	delete(p.active, v)
}

func (p *printer) list(open string, items []Value, end string) {
	p.str(open)
	for i, item := range items {
		if p.full() {
			return
		}
		if i > 0 {
			p.str(", ")
		}
		p.value(item)
	}
	p.str(end)
}

func (p *printer) tuple(items []Value) {
	if len(items) == 1 {
		p.list("(", items, ",)")
		return
	}
	p.list("(", items, ")")
}

func (p *printer) set(s *Set) {
	switch {
	case s.Frozen && len(s.Items) == 0:
		p.str("frozenset()")
	case s.Frozen:
		p.list("frozenset({", s.Items, "})")
	case len(s.Items) == 0:
		p.str("set()")
	default:
		p.list("{", s.Items, "}")
	}
}

func (p *printer) dict(d *Dict) {
	entries := d.Entries
	switch d.Class {
	case "":
		p.entries(entries)
		return
	case "defaultdict":
		p.str("defaultdict(")
		p.value(d.Factory)
		p.str(", ")
		p.entries(entries)
		p.str(")")
		return
	case "Counter":
		entries = mostCommon(entries)
	}
	p.str(d.Class + "(")
	if len(entries) > 0 {
		p.entries(entries)
	}
	p.str(")")
}

func (p *printer) entries(entries []Entry) {
	p.str("{")
	for i, e := range entries {
		if p.full() {
			return
		}
		if i > 0 {
			p.str(", ")
		}
		p.value(e.Key)
		p.str(": ")
		p.value(e.Value)
	}
	p.str("}")
}

// mostCommon sorts the entries of a Counter as its repr does.
func mostCommon(entries []Entry) []Entry {
	if len(entries) > 1000 {
		return entries
	}
	for _, e := range entries {
		if _, ok := e.Value.(int64); !ok {
			return entries
		}
	}
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int {
		x, y := a.Value.(int64), b.Value.(int64)
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return sorted
}

// classes are the classes whose names do not begin with a capital letter.
var classes = map[string]bool{
	"datetime.datetime": true, "datetime.date": true, "datetime.time": true, "datetime.timedelta": true,
	"datetime.timezone": true, "collections.deque": true, "collections.defaultdict": true,
	"array.array": true, "functools.partial": true, "numpy.ndarray": true, "numpy.dtype": true,
}

var builtinClasses = " bool bytearray bytes classmethod complex dict ellipsis enumerate filter float frozenset int list map " +
	"memoryview object property range reversed set slice staticmethod str super tuple type zip "

func isClass(g *Global) bool {
	name := g.Name[strings.LastIndexByte(g.Name, '.')+1:]
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(name, "_"))
	return unicode.IsUpper(first) || classes[g.String()] ||
		g.Module == "builtins" && strings.Contains(builtinClasses, " "+g.Name+" ") ||
		g.Module == "numpy" && dtypeNames[name]
}

func (p *printer) global(g *Global) {
	switch {
	case g.Module == "builtins" && (g.Name == "Ellipsis" || g.Name == "NotImplemented"):
		p.str(g.Name)
	case isNA(g):
		p.str("<NA>")
	case isClass(g):
		p.str("<class '" + clip(g.String()) + "'>")
	case g.Module == "builtins":
		p.str("<built-in function " + clip(g.Name) + ">")
	default:
		p.str("<function " + clip(g.String()) + ">")
	}
}

// clip bounds a name, so that repeating it costs no more than its length.
func clip(s string) string { return s[:min(len(s), 1000)] }

// object prints an object: as its class would if that is known, otherwise its
// class, arguments and state.
func (p *printer) object(o *Object) {
	if f := p.special(o); f != nil {
		f()
		return
	}
	if text := caughtText(o); text != "" {
		p.str(text)
		return
	}
	class := Type(o)
	if o.State == nil && len(o.Items) == 0 && len(o.Entries) == 0 && len(o.Args) > 0 {
		g := o.Class()
		if isClass(g) { // exceptions, named tuples, enums, ...
			class = g.Name[strings.LastIndexByte(g.Name, '.')+1:]
		}
		p.str(clip(class))
		p.str("(")
		p.arguments(o)
		p.str(")")
		return
	}
	p.str("<")
	p.str(clip(class))
	if len(o.Args) > 0 {
		p.str(" (")
		p.arguments(o)
		p.str(")")
	}
	if states := o.states(); len(states) > 0 {
		for _, d := range states {
			p.attributes(d)
		}
	} else if o.State != nil {
		p.str(" ")
		p.value(o.State)
	}
	if len(o.Items) > 0 {
		p.list(" [", o.Items, "]")
	}
	if len(o.Entries) > 0 {
		p.str(" ")
		p.entries(o.Entries)
	}
	p.str(">")
}

func (p *printer) arguments(o *Object) {
	for i, arg := range o.Args {
		if p.full() {
			return
		}
		if i > 0 {
			p.str(", ")
		}
		p.value(arg)
	}
	if o.Kwargs == nil {
		return
	}
	for i, e := range o.Kwargs.Entries {
		if p.full() {
			return
		}
		if i > 0 || len(o.Args) > 0 {
			p.str(", ")
		}
		p.name(e.Key)
		p.str("=")
		p.value(e.Value)
	}
}

func (p *printer) attributes(d *Dict) {
	for _, e := range d.Entries {
		if p.full() {
			return
		}
		p.str(" ")
		p.name(e.Key)
		p.str("=")
		p.value(e.Value)
	}
}

// name prints the name of an attribute or argument.
func (p *printer) name(key Value) {
	s, ok := key.(string)
	if !ok || len(s) > 1000 || strings.ContainsFunc(s, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		p.value(key)
		return
	}
	p.str(s)
}

// Type returns the name of a value's type with its module: "int", "numpy.ndarray".
func Type(v Value) string {
	switch v := v.(type) {
	case nil, absent:
		return "NoneType"
	case moment:
		return "datetime"
	case span:
		return "timedelta"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case Bytes:
		return "bytes"
	case *ByteArray:
		return "bytearray"
	case *List:
		return "list"
	case *Tuple:
		return "tuple"
	case *Set:
		if v.Frozen {
			return "frozenset"
		}
		return "set"
	case *Dict:
		switch v.Class {
		case "":
			return "dict"
		case "frozendict":
			return v.Class
		}
		return "collections." + v.Class
	case *Global:
		switch {
		case v.Module == "builtins" && v.Name == "Ellipsis":
			return "ellipsis"
		case v.Module == "builtins" && v.Name == "NotImplemented":
			return "NotImplementedType"
		case isNA(v):
			return "pandas.api.typing.NAType"
		case isClass(v):
			return "type"
		case v.Module == "builtins":
			return "builtin_function_or_method"
		}
		return "function"
	case *Object:
		return objectType(v)
	}
	return fmt.Sprintf("%T", v)
}
