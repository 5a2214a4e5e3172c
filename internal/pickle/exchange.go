package pickle

import (
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// PlainJSON returns a value as JSON if all of it is plain data: None, bools, numbers, str, lists, tuples and dicts
// whose keys are str, and numpy's scalars. Of any other, why says what it has and where.
func PlainJSON(v Value) (text []byte, why string) {
	look := plainness{state: map[any]bool{}}
	if why = look.at(v, "", 0); why != "" {
		return nil, why
	}
	text, _, err := ToJSON(v, 0)
	if err != nil {
		return nil, err.Error()
	}
	return text, ""
}

// plainness looks for what is not plain. A container is looked into once, however often it occurs.
type plainness struct {
	state map[any]bool // containers: false while they are looked into, true when they are found plain
}

// at says what of a value is not plain, "" if all is.
func (p *plainness) at(v Value, path string, depth int) string {
	where := ""
	if path != "" {
		where = " at " + path
	}
	switch v := v.(type) {
	case nil, bool, int64, *big.Int, string:
		return ""
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprintf("it has the number %v%s, which JSON does not have", v, where)
		}
		return ""
	case *List:
		return p.container(v, path, depth, func() string { return p.items(v.Items, path, depth) })
	case *Tuple:
		return p.container(v, path, depth, func() string { return p.items(v.Items, path, depth) })
	case *Dict:
		return p.container(v, path, depth, func() string {
			for _, e := range v.Entries {
				key, ok := e.Key.(string)
				if !ok {
					return "it has the key " + Repr(e.Key, 50) + where + ", which is not text"
				}
				if why := p.at(e.Value, path+"["+strconv.Quote(clip(key))+"]", depth+1); why != "" {
					return why
				}
			}
			return ""
		})
	case *Object:
		if _, x, ok := scalar(v); ok {
			return p.at(x, path, depth+1)
		}
	}
	if path == "" {
		return "that is not plain data"
	}
	return "it has a " + clip(Type(v)) + where
}

func (p *plainness) container(v any, path string, depth int, look func() string) string {
	if plain, known := p.state[v]; known {
		if plain {
			return ""
		}
		return "it contains itself at " + path
	}
	if depth > maxPlainDepth {
		return "it is nested too deeply"
	}
	p.state[v] = false
	why := look()
	p.state[v] = true
	return why
}

func (p *plainness) items(items []Value, path string, depth int) string {
	for i, item := range items {
		switch item.(type) {
		case nil, bool, int64, string: // most are, and need no path
			continue
		}
		if why := p.at(item, path+"["+strconv.Itoa(i)+"]", depth+1); why != "" {
			return why
		}
	}
	return ""
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
func (n *numbers) text(i int64) string {
	b := n.data[i*int64(n.size):][:n.size]
	var full [8]byte
	copy(full[:], b)
	u := binary.LittleEndian.Uint64(full[:])
	shift := 64 - 8*n.size
	switch n.descr[1] {
	case 'b':
		return map[bool]string{true: "True", false: "False"}[u != 0]
	case 'i':
		return strconv.FormatInt(int64(u<<shift)>>shift, 10)
	case 'u':
		return strconv.FormatUint(u, 10)
	}
	f := math.Float64frombits(u)
	switch n.size {
	case 4:
		f = float64(math.Float32frombits(uint32(u)))
	case 2:
		f = half(uint16(u))
	}
	switch {
	case math.IsNaN(f):
		return "" // a missing value, as pandas writes it
	case math.IsInf(f, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
	}
	return string(appendFloat(nil, f, map[int]int{2: 32, 4: 32, 8: 64}[n.size]))
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

// CSV returns a pandas data frame with plain columns (numbers, bools, text) as a CSV file whose first line names the
// columns. ok is false if v is none, or has other columns: why then names them, their types and what to do; it is "" if
// v is no frame. The index is left out, as it is by to_csv(index=False).
func CSV(v Value) (file []byte, why Refusal, ok bool) {
	o, isObject := v.(*Object)
	if !isObject || !strings.HasSuffix(objectType(o), ".DataFrame") {
		return nil, why, false
	}
	axes, blocks, ok := manager(o.attr("_mgr"))
	if !ok || len(axes) != 2 {
		return nil, unreadable, false
	}
	names, why := columnNames(axes[0])
	rows := indexLength(axes[1])
	if why.Why != "" {
		return nil, why, false
	}
	if rows < 0 || rows > mostRows {
		return nil, unreadable, false
	}
	if len(names) == 0 {
		// Lines of nothing, which are skipped by whoever reads them, and of which a pickle may claim any number.
		rows = 0
	}
	columns := make([]func(row int64) string, len(names))
	plain := true
	for _, b := range blocks {
		plain = fillColumns(b, columns, rows) && plain
	}
	if !plain || slices.ContainsFunc(columns, func(c func(int64) string) bool { return c == nil }) {
		return nil, notPlain(names, blocks, columns), false
	}
	var out strings.Builder
	w := csv.NewWriter(&out)
	w.Write(names)
	record := make([]string, len(names))
	for i := range rows {
		for c := range columns {
			record[c] = columns[c](i)
		}
		if len(record) == 1 && record[0] == "" { // a line of nothing would be skipped by whoever reads it
			w.Flush()
			out.WriteString("\"\"\n")
			continue
		}
		w.Write(record)
	}
	w.Flush()
	return []byte(out.String()), why, true
}

// mostRows is how many rows a frame may have: more than any pickle holds, and so few that
// the number of its cells does not overflow.
const mostRows = 1 << 40

// columnNames returns the labels of the columns as text, or why there is no text of them.
func columnNames(index Value) ([]string, Refusal) {
	labels, ok := firstLabels(index, math.MaxInt)
	if !ok {
		if holdsText(index) {
			return nil, unreadableNames
		}
		return nil, unnamed
	}
	var names []string
	for _, l := range labels {
		text, ok := l.(string)
		if !ok {
			return nil, unnamed
		}
		names = append(names, text)
	}
	return names, Refusal{}
}

// holdsText reports whether the labels of an index may be text although they are not at hand.
func holdsText(index Value) bool {
	d, ok := indexData(index)
	if !ok {
		return false
	}
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		if o, ok := e.Value.(*Object); ok && e.Key == Value("data") {
			switch dtype := blockType(o); dtype {
			case "str", "string", "category", "object":
				return true
			default:
				return strings.Contains(dtype, "string") || strings.HasPrefix(dtype, "unknown[") // of Arrow
			}
		}
	}
	return false
}

// fillColumns gives the columns of a block a function that writes their elements.
func fillColumns(block Value, columns []func(int64) string, rows int64) bool {
	o, ok := block.(*Object)
	if !ok || !strings.HasSuffix(o.Class().Name, "_unpickle_block") || len(o.Args) < 2 {
		return false
	}
	places, ok := placesOf(o.Args[1])
	if !ok {
		return false
	}
	take := func(at int64, f func(int64) string) bool {
		if at < 0 || at >= int64(len(columns)) {
			return false
		}
		columns[at] = f
		return true
	}
	if n, ok := numbersOf(o.Args[0]); ok {
		if len(n.shape) != 2 || n.shape[0] != int64(len(places)) || n.shape[1] != rows {
			return false
		}
		for i, at := range places {
			first, step := int64(i)*rows, int64(1)
			if n.fortran {
				first, step = int64(i), int64(len(places))
			}
			if !take(at, func(row int64) string { return n.text(first + row*step) }) {
				return false
			}
		}
		return true
	}
	if a, ok := arrowOf(o.Args[0]); ok {
		if len(places) != 1 || a.length != rows || !a.typ.isPlain() || !a.whole() {
			return false
		}
		return take(places[0], func(row int64) string {
			text, _, _ := a.cell(row) // a missing one is "", as to_csv writes it
			return text
		})
	}
	cells, ok := objectsOf(o.Args[0])
	if !ok || int64(len(cells)) != rows*int64(len(places)) {
		return false
	}
	for i, at := range places {
		if !take(at, func(row int64) string { return cells[int64(i)*rows+row] }) {
			return false
		}
	}
	return true
}

// objectsOf returns the elements of an array of text and missing values, in the order of C.
func objectsOf(v Value) ([]string, bool) {
	a, ok := dataArray(v, 0)
	if !ok {
		return nil, false
	}
	state, ok := a.State.(*Tuple)
	if !ok || len(state.Items) < 5 {
		return nil, false
	}
	items, ok := state.Items[4].(*List)
	if !ok { // the list is in the order of C, also of an array that is not
		return nil, false
	}
	cells := make([]string, len(items.Items))
	for i, item := range items.Items {
		switch item := item.(type) {
		case nil:
		case string:
			cells[i] = item
		case bool:
			cells[i] = map[bool]string{true: "True", false: "False"}[item]
		case int64:
			cells[i] = strconv.FormatInt(item, 10)
		case float64:
			if !math.IsNaN(item) {
				cells[i] = string(appendFloat(nil, item, 64))
			}
		default:
			if !isNA(item) {
				return nil, false
			}
		}
	}
	return cells, true
}

// placesOf returns which columns of the frame a block holds.
func placesOf(v Value) ([]int64, bool) {
	if o, ok := v.(*Object); ok {
		if n, ok := numbersOf(o); ok && len(n.shape) == 1 && n.descr == "<i8" {
			places := make([]int64, n.shape[0])
			for i := range places {
				places[i] = int64(binary.LittleEndian.Uint64(n.data[8*i:]))
			}
			return places, true
		}
		if o.Class().Name == "slice" && len(o.Args) == 3 {
			from, ok1 := o.Args[0].(int64)
			to, ok2 := o.Args[1].(int64)
			step, ok3 := o.Args[2].(int64)
			if o.Args[2] == nil {
				step, ok3 = 1, true
			}
			if !ok1 || !ok2 || !ok3 || step <= 0 || to < from || to-from > 1<<20 {
				return nil, false
			}
			var places []int64
			for i := from; i < to && i >= from; i += step { // a large step may overflow
				places = append(places, i)
			}
			return places, true
		}
	}
	return nil, false
}
