package pickle

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
)

// dtypeNames are numpy's scalar types that are classes in its module.
var dtypeNames = map[string]bool{
	"bool": true, "bool_": true, "int8": true, "int16": true, "int32": true, "int64": true,
	"uint8": true, "uint16": true, "uint32": true, "uint64": true, "float16": true, "float32": true,
	"float64": true, "longdouble": true, "complex64": true, "complex128": true, "str_": true, "bytes_": true,
	"datetime64": true, "timedelta64": true, "object_": true, "void": true,
}

// dtypeCode returns the code of a dtype, such as "f8", and its byte order.
func dtypeCode(v Value) (code string, order byte) {
	o, ok := v.(*Object)
	if !ok || o.Class().String() != "numpy.dtype" || len(o.Args) == 0 {
		return "", 0
	}
	switch of := o.Args[0].(type) {
	case string:
		code = of
	case *Global: // numpy.record or another class of structured scalars stands in place of the code
		code = "V"
	}
	if code == "" || len(code) > 20 {
		return "", 0
	}
	if state, ok := o.State.(*Tuple); ok && len(state.Items) > 1 {
		if s, ok := state.Items[1].(string); ok && len(s) == 1 {
			order = s[0]
		}
	}
	return code, order
}

// dtypeName returns the name of a dtype as numpy shows it; of one that is not known its class; "" if v is none.
func dtypeName(v Value) string {
	o, ok := v.(*Object)
	if !ok {
		return ""
	}
	code, order := dtypeCode(o)
	if code == "" {
		name := o.Class().Name // such as a type of another package
		if strings.HasSuffix(name, "_convert_to_stringdtype_kwargs") {
			return "StringDType()"
		}
		return clip(name[strings.LastIndexByte(name, '.')+1:])
	}
	kind, digits := code[0], code[1:]
	size, err := strconv.Atoi(digits)
	if err != nil && kind != 'V' {
		return code
	}
	prefix := ""
	if order == '>' {
		prefix = ">"
	}
	switch kind {
	case 'b':
		if size == 1 {
			return "bool"
		}
	case 'i', 'u', 'f', 'c':
		if prefix != "" {
			return prefix + code
		}
		return map[byte]string{'i': "int", 'u': "uint", 'f': "float", 'c': "complex"}[kind] + strconv.Itoa(size*8)
	case 'O':
		return "object"
	case 'U':
		return map[bool]string{true: ">U", false: "<U"}[order == '>'] + digits
	case 'S':
		return "S" + digits
	case 'M', 'm':
		unit := ""
		if u := dtypeUnit(o); u != "" {
			unit = "[" + u + "]"
		}
		if prefix != "" {
			return prefix + code + unit
		}
		return map[byte]string{'M': "datetime64", 'm': "timedelta64"}[kind] + unit
	case 'V':
		if names := dtypeFields(o); names != "" {
			return names
		}
		if size == 0 {
			return "void"
		}
	}
	return code
}

// dtypeUnit returns the unit of a datetime64 or timedelta64.
func dtypeUnit(o *Object) string {
	state, ok := o.State.(*Tuple)
	if !ok || len(state.Items) == 0 {
		return ""
	}
	pair, ok := state.Items[len(state.Items)-1].(*Tuple)
	if !ok || len(pair.Items) != 2 {
		return ""
	}
	unit, ok := pair.Items[1].(*Tuple)
	if !ok || len(unit.Items) < 2 {
		return ""
	}
	name := ""
	switch u := unit.Items[0].(type) {
	case Bytes:
		name = string(u[:min(10, len(u))])
	case string:
		name = u[:min(10, len(u))]
	}
	if n, ok := unit.Items[1].(int64); ok && n != 1 {
		name = strconv.FormatInt(n, 10) + name
	}
	return name
}

// dtypeFields returns the names of the fields of a structured dtype.
func dtypeFields(o *Object) string {
	state, ok := o.State.(*Tuple)
	if !ok || len(state.Items) < 4 {
		return ""
	}
	names, ok := state.Items[3].(*Tuple)
	if !ok || len(names.Items) == 0 {
		return ""
	}
	var list []string
	for _, item := range names.Items[:min(16, len(names.Items))] {
		name, ok := item.(string)
		if !ok {
			return ""
		}
		list = append(list, name[:min(len(name), 100)])
	}
	if len(names.Items) > len(list) {
		list = append(list, "...")
	}
	return "struct(" + strings.Join(list, ", ") + ")"
}

// scalarType returns the name of a dtype's scalar type.
func scalarType(v Value) string {
	name := strings.TrimLeft(dtypeName(v), "<>")
	code, _ := dtypeCode(v)
	switch {
	case name == "" || code == "":
		return "generic"
	case code[0] == 'U':
		return "str_"
	case code[0] == 'S':
		return "bytes_"
	case code[0] == 'V':
		if class, ok := v.(*Object).Args[0].(*Global); ok { // record
			return clip(class.Name)
		}
		return "void"
	case code[0] == 'M':
		return "datetime64"
	case code[0] == 'm':
		return "timedelta64"
	}
	switch code { // their width is that of the machine, and their names are not
	case "f16":
		return "longdouble"
	case "c32":
		return "clongdouble"
	}
	if name == code { // big-endian: the scalar's class does not say so
		if size, err := strconv.Atoi(code[1:]); err == nil {
			if long := map[byte]string{'i': "int", 'u': "uint", 'f': "float", 'c': "complex"}[code[0]]; long != "" {
				return long + strconv.Itoa(8*size)
			}
		}
	}
	return name
}

// array is what is known of a numpy array.
type array struct {
	class  string
	shape  []int64
	dtype  string
	masked bool // some elements are not to be seen; their bytes are there all the same
}

// name is the dtype, or says that it is not known.
func (a array) name() string {
	if a.dtype == "" {
		return "unknown"
	}
	return a.dtype
}

// text is how an array is shown.
func (a array) text() string {
	return "<" + clip(a.class) + " shape=" + shapeText(a.shape) + " dtype=" + a.name() + ">"
}

// arrayOf reads an array's shape and type.
func arrayOf(v Value) (array, bool) {
	o, ok := v.(*Object)
	if !ok {
		return array{}, false
	}
	switch o.Class().String() {
	case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ma.core._mareconstruct":
		state, ok := o.State.(*Tuple)
		if !ok || len(state.Items) < 3 {
			return array{}, false
		}
		shape, ok := shapeOf(state.Items[1])
		return array{objectType(o), shape, dtypeName(state.Items[2]), o.Class().Name == "_mareconstruct"}, ok
	case "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer":
		if len(o.Args) < 3 {
			return array{}, false
		}
		shape, ok := shapeOf(o.Args[2])
		return array{"numpy.ndarray", shape, dtypeName(o.Args[1]), false}, ok
	}
	return array{}, false
}

func shapeOf(v Value) ([]int64, bool) {
	t, ok := v.(*Tuple)
	if !ok || len(t.Items) > 64 {
		return nil, false
	}
	shape := make([]int64, len(t.Items))
	for i, item := range t.Items {
		if shape[i], ok = item.(int64); !ok {
			return nil, false
		}
	}
	return shape, true
}

func shapeText(shape []int64) string {
	var parts []string
	for _, n := range shape {
		if n < 0 {
			parts = append(parts, "?")
			continue
		}
		parts = append(parts, strconv.FormatInt(n, 10))
	}
	if len(parts) == 1 {
		return "(" + parts[0] + ",)"
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// numpy returns how to print one of numpy's objects, nil if it is not known.
func (p *printer) numpy(o *Object) func() {
	if a, ok := arrayOf(o); ok {
		return func() { p.str(a.text()) }
	}
	if name, v, ok := scalar(o); ok {
		return func() {
			if truth, ok := v.(bool); ok {
				p.str(map[bool]string{false: "np.False_", true: "np.True_"}[truth])
				return
			}
			p.str("np." + name)
			switch v := v.(type) {
			case float64:
				p.str("(")
				if name == "float16" {
					p.str(halfText(v))
				} else {
					p.b = appendFloat(p.b, v, map[string]int{"float32": 32, "float64": 64}[name])
				}
			default:
				p.str("(")
				p.value(v)
			}
			p.str(")")
		}
	}
	if dtype, b, ok := scalarBytes(o); ok {
		if text := scalarText(dtype, b); text != "" {
			return func() { p.str(text) }
		}
		// Its type is told, but not its bytes, which would say nothing to anybody.
		return func() {
			p.str("<" + clip(objectType(o)))
			if name := dtypeName(dtype); strings.HasPrefix(name, "struct") {
				p.str(" dtype=" + name)
			}
			p.str(", readable only in Python>")
		}
	}
	return nil
}

// scalarBytes returns the dtype and the bytes of a numpy scalar.
func scalarBytes(o *Object) (dtype *Object, b Bytes, ok bool) {
	switch o.Class().String() {
	case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar":
	default:
		return nil, nil, false
	}
	if len(o.Args) != 2 {
		return nil, nil, false
	}
	dtype, ok1 := o.Args[0].(*Object)
	b, ok2 := o.Args[1].(Bytes)
	return dtype, b, ok1 && ok2
}

// scalarText returns the repr of a scalar that is no single plain value: a complex number, a
// time or a span of time; "" of any other.
func scalarText(dtype *Object, b []byte) string {
	code, order := dtypeCode(dtype)
	if code == "" {
		return ""
	}
	switch {
	case code == "c8" && len(b) == 8:
		re, im := math.Float32frombits(uint32(wordOf(b[:4], order))), math.Float32frombits(uint32(wordOf(b[4:], order)))
		return "np.complex64(" + complexOf(float64(re), float64(im), 32) + ")"
	case code == "c16" && len(b) == 16:
		return "np.complex128(" + complexOf(math.Float64frombits(wordOf(b[:8], order)), math.Float64frombits(wordOf(b[8:], order)), 64) + ")"
	case code == "M8" && len(b) == 8:
		unit := dtypeUnit(dtype)
		switch text := moment64(int64(wordOf(b, order)), unit); {
		case text == "":
			return ""
		case unit == "h" || unit != "" && unit[0] <= '9' || text == "NaT" && unit != "generic" && unit != "": // the text alone would not tell
			return "np.datetime64('" + text + "','" + unit + "')"
		default:
			return "np.datetime64('" + text + "')"
		}
	case code == "m8" && len(b) == 8:
		unit, value := dtypeUnit(dtype), strconv.FormatInt(int64(wordOf(b, order)), 10)
		if int64(wordOf(b, order)) == math.MinInt64 {
			value = "'NaT'"
		}
		if unit == "generic" || unit == "" {
			return "np.timedelta64(" + value + ")"
		}
		return "np.timedelta64(" + value + ",'" + unit + "')"
	}
	return ""
}

// wordOf reads an unsigned integer of at most 8 bytes.
func wordOf(b []byte, order byte) uint64 {
	var full [8]byte
	copy(full[:], b)
	if order == '>' {
		slices.Reverse(full[:len(b)])
	}
	return binary.LittleEndian.Uint64(full[:])
}

func complexOf(re, im float64, bits int) string {
	part := func(f float64) string { return strings.TrimSuffix(string(appendFloat(nil, f, bits)), ".0") }
	imaginary := part(im) + "j"
	if re == 0 && !math.Signbit(re) {
		return imaginary
	}
	if imaginary[0] != '-' {
		imaginary = "+" + imaginary
	}
	return part(re) + imaginary
}

// halfText is the shortest text that is nearer to a number of 16 bits than to any other of them.
func halfText(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 {
		return string(appendFloat(nil, f, 64))
	}
	_, exp := math.Frexp(f)
	gap := math.Ldexp(1, max(exp-11, -24)) // between it and the next larger one
	if fraction, _ := math.Frexp(math.Abs(f)); fraction == 0.5 {
		gap /= 2 // the next smaller one is nearer
	}
	for digits := 1; digits <= 5; digits++ {
		short, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', digits, 64), 64)
		if math.Abs(short-f) < gap/2 {
			return string(appendFloat(nil, short, 64))
		}
	}
	return string(appendFloat(nil, f, 64))
}

// scalar returns the value of a numpy scalar.
func scalar(v Value) (name string, value Value, ok bool) {
	o, isObject := v.(*Object)
	if !isObject || len(o.Args) != 2 {
		return "", nil, false
	}
	switch o.Class().String() {
	case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar":
	default:
		return "", nil, false
	}
	b, isBytes := o.Args[1].(Bytes)
	code, order := dtypeCode(o.Args[0])
	if !isBytes || code == "" {
		return "", nil, false
	}
	var full [8]byte
	name = scalarType(o.Args[0])
	switch {
	case code[0] == 'U' && len(b) <= 1<<16 && len(b)%4 == 0:
		return name, wideText(b, order), true
	case code[0] == 'S':
		return name, Bytes(strings.TrimRight(string(b[:min(len(b), 1<<16)]), "\x00")), true
	case len(b) > 8 || len(b) == 0:
		return "", nil, false
	}
	copy(full[:], b)
	if order == '>' {
		slices.Reverse(full[:len(b)])
	}
	n := binary.LittleEndian.Uint64(full[:])
	shift := 64 - 8*len(b)
	switch code {
	case "b1":
		return name, n != 0, true
	case "i1", "i2", "i4", "i8":
		return name, int64(n<<shift) >> shift, true
	case "u1", "u2", "u4", "u8":
		return name, unsigned(n), true
	case "f2":
		return name, half(uint16(n)), len(b) == 2
	case "f4":
		return name, float64(math.Float32frombits(uint32(n))), len(b) == 4
	case "f8":
		return name, math.Float64frombits(n), len(b) == 8
	}
	return "", nil, false
}

// wideText reads text of four bytes a character, which may end in zeros.
func wideText(b []byte, order byte) string {
	var text []byte
	for i := 0; i < len(b); i += 4 {
		r := rune(uint32Of(b[i:i+4], order) & 0x1fffff)
		text = appendRune(text, r)
	}
	return strings.TrimRight(string(text), "\x00")
}

func uint32Of(b []byte, order byte) uint32 {
	if order == '>' {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}
