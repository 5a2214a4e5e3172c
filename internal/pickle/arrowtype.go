package pickle

import (
	"fmt"
	"strings"
	"time"
)

// arrowType is the type of the elements of an array of Arrow's.
type arrowType struct {
	kind             string // its name without what it is made with: timestamp; "" if it is not known here
	unit             string // of times: s, ms, us or ns
	zone             string // of a timestamp, "" without
	precision, scale int64  // of a decimal
	width            int64  // of what has a fixed size: bytes, or elements of a list
	parts            []arrowField
	ordered          bool  // of a dictionary
	id               int64 // of a dictionary in a stream
}

// arrowField is a type that another is made with: the elements of a list, a field of a struct, indices and values of a
// dictionary.
type arrowField struct {
	name string
	typ  arrowType
}

// mostArrowTypes is how many types a type may be made with: one that stood in others many times would make a small
// pickle a huge type.
const mostArrowTypes = 64

// arrowNumbers is how the elements of Arrow's types lie in memory, as numpy says it. Those of text and lists are where
// an element ends.
var arrowNumbers = map[string]string{
	"int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8", "uint8": "<u1", "uint16": "<u2", "uint32": "<u4", "uint64": "<u8",
	"halffloat": "<f2", "float": "<f4", "double": "<f8",
	"timestamp": "<i8", "duration": "<i8", "date32": "<i4", "date64": "<i8", "time32": "<i4", "time64": "<i8",
	"string": "<i4", "large_string": "<i8", "binary": "<i4", "large_binary": "<i8", "list": "<i4", "large_list": "<i8",
}

// isText reports whether elements are text.
func (t *arrowType) isText() bool {
	return t.kind == "string" || t.kind == "large_string" || t.kind == "string_view"
}

// isView reports whether elements are text or bytes that lie anywhere in many buffers.
func (t *arrowType) isView() bool { return t.kind == "string_view" || t.kind == "binary_view" }

// isBytes reports whether elements are bytes, or text, in one buffer.
func (t *arrowType) isBytes() bool {
	switch t.kind {
	case "string", "large_string", "binary", "large_binary":
		return true
	}
	return false
}

// isPlain reports whether elements have a text of their own, such as pandas' to_csv writes: no bytes, and nothing that
// has parts.
func (t *arrowType) isPlain() bool {
	switch {
	case t.kind == "dictionary":
		return t.parts[1].typ.isPlain()
	case strings.Contains(t.kind, "binary"), strings.Contains(t.kind, "list"):
		return false
	}
	return t.isText() || t.kind == "bool" || t.bytes() > 0
}

// isNumber reports whether elements are numbers and nothing else, such as a date.
func (t *arrowType) isNumber() bool {
	switch t.kind {
	case "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "halffloat", "float", "double":
		return true
	}
	return false
}

// bytes is how large an element is, 0 if all are not of one size that is known.
func (t *arrowType) bytes() int {
	switch t.kind {
	case "decimal32":
		return 4
	case "decimal64":
		return 8
	case "decimal128", "string_view", "binary_view":
		return 16
	case "decimal256":
		return 32
	case "fixed_size_binary":
		return int(t.width)
	}
	if descr := arrowNumbers[t.kind]; descr != "" {
		return int(descr[2] - '0')
	}
	return 0
}

// String returns the type as Arrow writes it, "" if it is not known.
func (t *arrowType) String() string {
	switch t.kind {
	case "timestamp":
		if t.zone != "" {
			return "timestamp[" + t.unit + ", tz=" + t.zone + "]"
		}
	case "decimal32", "decimal64", "decimal128", "decimal256":
		return fmt.Sprintf("%s(%d, %d)", t.kind, t.precision, t.scale)
	case "list", "large_list", "struct":
		return t.kind + t.partsText()
	case "fixed_size_list":
		return fmt.Sprintf("%s%s[%d]", t.kind, t.partsText(), t.width)
	case "fixed_size_binary":
		return fmt.Sprintf("%s[%d]", t.kind, t.width)
	case "dictionary":
		ordered := 0
		if t.ordered {
			ordered = 1
		}
		return fmt.Sprintf("dictionary<values=%s, indices=%s, ordered=%d>", t.parts[1].typ.String(), t.parts[0].typ.String(), ordered)
	}
	if t.unit != "" {
		return t.kind + "[" + t.unit + "]"
	}
	return t.kind
}

func (t *arrowType) partsText() string {
	var list []string
	for _, part := range t.parts {
		list = append(list, part.name+": "+part.typ.String())
	}
	return "<" + strings.Join(list, ", ") + ">"
}

// location is the zone of a timestamp, UTC if it has none or one that is not known here: the moment is the same.
func (t *arrowType) location() *time.Location {
	if at, err := time.Parse("-07:00", t.zone); err == nil {
		return at.Location()
	}
	if t.zone != "" && t.zone != "Local" {
		if zone, err := time.LoadLocation(t.zone); err == nil {
			return zone
		}
	}
	return time.UTC
}

// arrowTypes reads types; left is how many more a type may be made with.
type arrowTypes struct{ left int }

// arrowTypeOf reads a type of pyarrow's.
func arrowTypeOf(v Value) arrowType {
	types := arrowTypes{mostArrowTypes}
	return types.of(v)
}

// of reads a type of pyarrow's. One that is not known here has at most its name; one that has not the parts that it is
// made with has none.
func (a *arrowTypes) of(v Value) arrowType {
	t := a.named(v)
	if len(t.parts) < map[string]int{"list": 1, "large_list": 1, "fixed_size_list": 1, "dictionary": 2}[t.kind] {
		return arrowType{}
	}
	return t
}

func (a *arrowTypes) named(v Value) arrowType {
	var t arrowType
	o, ok := v.(*Object)
	if a.left--; !ok || a.left < 0 || o.Class().Module != "pyarrow.lib" {
		return t
	}
	text := func(i int) string {
		if i < len(o.Args) {
			s, _ := o.Args[i].(string)
			return s[:min(len(s), 100)]
		}
		return ""
	}
	number := func(i int) int64 {
		if i < len(o.Args) {
			n, _ := o.Args[i].(int64)
			return n
		}
		return 0
	}
	unknown := arrowType{kind: clip(o.Class().Name)} // whose elements are not read
	switch t.kind = unknown.kind; t.kind {
	case "type_for_alias": // such as int64, date32[day]
		t.kind, t.unit, _ = strings.Cut(text(0), "[")
		t.unit = strings.TrimSuffix(t.unit, "]")
		return t
	case "timestamp":
		t.unit, t.zone = text(0), text(1)
	case "decimal32", "decimal64", "decimal128", "decimal256":
		t.precision, t.scale = number(0), number(1)
	case "binary":
		t.kind, t.width = "fixed_size_binary", number(0)
	case "list_", "large_list":
		if len(o.Args) == 0 {
			return unknown
		}
		item := a.field(o.Args[0])
		t.kind, t.parts = strings.TrimSuffix(t.kind, "_"), []arrowField{item}
		if len(o.Args) > 1 {
			t.kind, t.width = "fixed_size_list", number(1)
		}
	case "struct":
		if len(o.Args) == 0 {
			return unknown
		}
		list, ok := o.Args[0].(*List)
		if !ok || len(list.Items) > a.left {
			return unknown
		}
		for _, item := range list.Items {
			t.parts = append(t.parts, a.field(item))
		}
	case "dictionary":
		if len(o.Args) < 2 {
			return unknown
		}
		t.parts = []arrowField{{typ: a.of(o.Args[0])}, {typ: a.of(o.Args[1])}}
		t.ordered = len(o.Args) > 2 && o.Args[2] == Value(true)
	}
	return t
}

// field reads a field of pyarrow's: a name and a type, or only a type.
func (a *arrowTypes) field(v Value) arrowField {
	o, ok := v.(*Object)
	if !ok || o.Class().String() != "pyarrow.lib.field" || len(o.Args) < 2 {
		return arrowField{"item", a.of(v)}
	}
	name, _ := o.Args[0].(string)
	return arrowField{clip(name), a.of(o.Args[1])}
}
