package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
)

// PlainJSON returns a value as JSON if all of it is plain data: None, bools, numbers, str, times, lists, tuples, dicts
// whose keys are str, and arrays, series and indexes of these. Of any other, why says what it has and where.
//
// A time is written as in RFC 3339, a span of time as pandas writes it, what is missing in an array as null. In series
// and indexes of pandas' NaN is what is missing.
func PlainJSON(v Value) (text []byte, why Refusal) { return plainJSON(v, DefaultJSON) }

func plainJSON(v Value, max int) (text []byte, why Refusal) {
	look := plainness{took: map[any]int{}, left: max / 2}
	if why := look.at(v, "", 0); why != "" {
		if look.do != "" {
			look.do += ", in a step before"
		}
		return nil, Refusal{why, look.do}
	}
	w := jsonWriter{max: max, plain: true, exact: true, active: map[any]bool{}}
	switch err := w.value(v); {
	case errors.Is(err, ErrLimit):
		return nil, tooMuchJSON
	case err != nil:
		return nil, Refusal{Why: err.Error()}
	}
	return w.b, Refusal{}
}

// plainness looks for what is not plain. A container is looked into once, however often it occurs, and counts as often:
// those that share their parts can be a small pickle and any amount of JSON.
type plainness struct {
	took map[any]int // containers: how many elements each has with all that is in it, -1 while it is looked into
	left int         // how many more elements there may be: each takes at least two bytes of JSON
	do   string      // what to do with what is not plain, if that is known
}

// at says what of a value is not plain, "" if all is.
func (p *plainness) at(v Value, path string, depth int) string {
	where := ""
	if path != "" {
		where = " at " + path
	}
	switch v := v.(type) {
	case nil, bool, int64, absent, span:
		return ""
	case string:
		if !utf8.ValidString(v) {
			p.do = wholeText
			return "it has a text" + where + " with " + halves
		}
		return ""
	case *big.Int:
		if v.BitLen() > maxBits {
			p.do = "make it text, hex(value)"
			return "it has an int of " + strconv.Itoa(v.BitLen()) + " bits" + where
		}
		return ""
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			p.do = "put None in its place"
			return fmt.Sprintf("it has the number %v%s, which JSON does not have", v, where)
		}
		return ""
	case float32:
		return p.at(float64(v), path, depth)
	case moment:
		if _, ok := v.rfc3339(); !ok {
			p.do = "make it text, str(value)"
			return "it has " + outsideOfYears + where
		}
		return ""
	case *List:
		return p.container(v, path, depth, func() string { return p.items(v.Items, path, depth) })
	case *Tuple:
		return p.container(v, path, depth, func() string { return p.items(v.Items, path, depth) })
	case *Dict:
		return p.container(v, path, depth, func() string {
			if why := p.take(len(v.Entries)); why != "" {
				return why
			}
			for _, e := range v.Entries {
				key, ok := e.Key.(string)
				if !ok {
					p.do = "make its keys text, {str(key): value for key, value in a.items()}"
					return "it has the key " + Repr(e.Key, 50) + where + ", which is not text"
				}
				if !utf8.ValidString(key) {
					p.do = wholeText
					return "it has the key " + Repr(e.Key, 50) + where + " with " + halves
				}
				if why := p.at(e.Value, path+"["+strconv.Quote(clip(key))+"]", depth+1); why != "" {
					return why
				}
			}
			return ""
		})
	case *Object:
		if x, ok := single(v); ok {
			return p.at(x, path, depth+1)
		}
		if g, ok := gridOf(v); ok {
			return p.container(v, path, depth, func() string { return p.grid(g, v, path, depth) })
		}
	}
	if isNA(v) {
		return ""
	}
	p.do = instead(v)
	dtype := dtypeWithin(v)
	switch {
	case path == "" && dtype == "":
		return "that is not plain data"
	case path == "":
		return "its dtype, " + dtype + ", is none of plain data"
	case dtype == "":
		return "it has " + fault.A(clip(Type(v))) + where
	}
	return "it has " + fault.A(clip(Type(v))) + " with the dtype " + dtype + where
}

// dtypeWithin returns the dtype of the elements of an array, a series or an index, "" if the value is none.
func dtypeWithin(v Value) string {
	o, ok := v.(*Object)
	if !ok {
		return ""
	}
	if a, ok := arrayOf(o); ok {
		if a.masked {
			return a.name() + " with a mask"
		}
		return a.name()
	}
	if d, ok := indexData(o); ok {
		for _, e := range d.Entries[:min(16, len(d.Entries))] {
			if e.Key == Value("data") {
				return blockType(e.Value)
			}
		}
		return ""
	}
	if _, blocks, ok := manager(o.attr("_mgr")); ok && len(blocks) == 1 && short(objectType(o)) == "Series" {
		return blockType(blocks[0])
	}
	if name := objectType(o); strings.HasPrefix(name, "pandas.") && (strings.HasSuffix(name, "Array") || strings.HasSuffix(name, ".Categorical")) {
		return extensionType(o)
	}
	return ""
}

func (p *plainness) container(v any, path string, depth int, look func() string) string {
	switch took, known := p.took[v]; {
	case known && took < 0:
		return "it contains itself at " + path
	case known:
		return p.take(took)
	case depth > maxPlainDepth:
		return "it is nested too deeply"
	}
	p.took[v] = -1
	before := p.left
	why := look()
	p.took[v] = before - p.left
	return why
}

// take counts elements. It says so if there are more than JSON has room for.
func (p *plainness) take(n int) string {
	if p.left -= n; p.left < 0 {
		p.do = storeOtherwise
		return tooMuchJSON.Why
	}
	return ""
}

func (p *plainness) items(items []Value, path string, depth int) string {
	if why := p.take(len(items)); why != "" {
		return why
	}
	for i, item := range items {
		if clearlyPlain(item) {
			continue
		}
		if why := p.at(item, path+"["+strconv.Itoa(i)+"]", depth+1); why != "" {
			return why
		}
	}
	return ""
}

// grid looks at the elements of an array.
func (p *plainness) grid(g grid, o *Object, path string, depth int) string {
	n, ok := g.size(int64(p.left))
	if !ok {
		n = int64(p.left) + 1
	}
	if why := p.take(int(n)); why != "" {
		return why
	}
	for i := range n {
		v := g.at(i)
		if clearlyPlain(v) {
			continue
		}
		at := path + "[" + strconv.FormatInt(i, 10) + "]"
		if _, unknown := v.(sight); unknown {
			p.do = instead(o)
			return "its element at " + at + " can be read only in Python"
		}
		if why := p.at(v, at, depth+1); why != "" {
			return why
		}
	}
	return ""
}

// clearlyPlain reports whether a value is plain without a look at where it is, as most elements are.
func clearlyPlain(v Value) bool {
	switch v := v.(type) {
	case nil, bool, int64, absent, span:
		return true
	case string:
		return utf8.ValidString(v)
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case moment:
		_, ok := v.time()
		return ok && !v.zoned
	}
	return false
}

const maxPlainDepth = 500

// NPY returns a numpy array of numbers as a file in the format of numpy.save, version 1; ok is false if v is none.
func NPY(v Value) (file []byte, ok bool) {
	a, ok := numbersOf(v)
	if !ok {
		return nil, false
	}
	shape := shapeText(a.shape)
	if len(a.shape) == 0 {
		shape = "()"
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", a.descr, map[bool]string{true: "True", false: "False"}[a.fortran], shape)
	const prefix = 10
	header += strings.Repeat(" ", 63-(prefix+len(header))%64) + "\n"
	file = append([]byte("\x93NUMPY"), 1, 0)
	file = binary.LittleEndian.AppendUint16(file, uint16(len(header)))
	return append(append(file, header...), a.data...), true
}

// numbers is a numpy array of numbers with its elements.
type numbers struct {
	shape   []int64
	descr   string // "<f8"
	size    int    // of an element
	fortran bool
	data    []byte
}

// numbersOf reads an array of bools, integers or floats whose elements are at hand.
// Its bytes are as long as its shape says.
func numbersOf(v Value) (numbers, bool) {
	o, ok := v.(*Object)
	if !ok {
		return numbers{}, false
	}
	var shape, dtype, data Value
	fortran := false
	switch o.Class().String() {
	case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct":
		state, ok := o.State.(*Tuple)
		if !ok || len(state.Items) < 5 {
			return numbers{}, false
		}
		shape, dtype, data = state.Items[1], state.Items[2], state.Items[4]
		fortran, _ = state.Items[3].(bool)
	case "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer":
		if len(o.Args) < 3 {
			return numbers{}, false
		}
		data, dtype, shape = o.Args[0], o.Args[1], o.Args[2]
		if len(o.Args) > 3 {
			fortran = o.Args[3] == Value("F")
		}
	default:
		return numbers{}, false
	}
	n := numbers{fortran: fortran}
	if n.shape, ok = shapeOf(shape); !ok {
		return numbers{}, false
	}
	switch data := data.(type) {
	case Bytes:
		n.data = data
	case *ByteArray:
		n.data = data.Data
	default:
		return numbers{}, false
	}
	code, order := dtypeCode(dtype)
	if len(code) != 2 || !strings.ContainsRune("biuf", rune(code[0])) {
		return numbers{}, false
	}
	n.size = int(code[1] - '0')
	switch {
	case n.size == 1:
		n.descr = "|" + code
	case order == '>':
		// Go reads the order that nearly all have.
		n.descr = "<" + code
		n.data = slices.Clone(n.data)
		for i := 0; i+n.size <= len(n.data); i += n.size {
			slices.Reverse(n.data[i : i+n.size])
		}
	default:
		n.descr = "<" + code
	}
	count := int64(1)
	for _, s := range n.shape {
		if s < 0 || s > 0 && count > int64(len(n.data)+1)/s+1 {
			return numbers{}, false
		}
		count *= s
	}
	return n, slices.Contains([]int{1, 2, 4, 8}, n.size) && count*int64(n.size) == int64(len(n.data))
}

// text writes one element of an array.
func (n *numbers) text(i int64) string { return string(n.append(nil, i)) }

// append writes one element of an array as pandas' to_csv does.
func (n *numbers) append(b []byte, i int64) []byte {
	u := wordOf(n.data[i*int64(n.size):][:n.size], '<')
	shift := 64 - 8*n.size
	switch n.descr[1] {
	case 'b':
		if u != 0 {
			return append(b, "True"...)
		}
		return append(b, "False"...)
	case 'i':
		return strconv.AppendInt(b, int64(u<<shift)>>shift, 10)
	case 'u':
		return strconv.AppendUint(b, u, 10)
	}
	f, bits := math.Float64frombits(u), 64
	switch n.size {
	case 4:
		f, bits = float64(math.Float32frombits(uint32(u))), 32
	case 2:
		f, bits = half(uint16(u)), 32
	}
	if math.IsNaN(f) {
		return b // a missing value
	}
	return appendFloat(b, f, bits)
}

// value returns one element of an array: a bool, an int64, a *big.Int, a float64, or a float32 if it has fewer bits.
func (n *numbers) value(i int64) Value {
	b := n.data[i*int64(n.size):][:n.size]
	u := wordOf(b, '<')
	shift := 64 - 8*n.size
	switch n.descr[1] {
	case 'b':
		return u != 0
	case 'i':
		return int64(u<<shift) >> shift
	case 'u':
		return unsigned(u)
	}
	switch n.size {
	case 4:
		return math.Float32frombits(uint32(u))
	case 2:
		return float32(half(uint16(u)))
	}
	return math.Float64frombits(u)
}

// half returns the value of a number of 16 bits.
func half(h uint16) float64 {
	sign, exp, frac := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h>>15 != 0 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}
