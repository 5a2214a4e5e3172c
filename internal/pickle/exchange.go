package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
		return "it has a " + clip(Type(v)) + where
	}
	return "it has a " + clip(Type(v)) + " with the dtype " + dtype + where
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

// CSV returns a data frame of pandas' or polars', a table of pyarrow's, or an array of records of numpy's, as a CSV
// file whose first line names the columns. Its elements are numbers, bools, text, times or missing, in plain columns,
// nullable ones, categories or Arrow's. ok is false if v is none, or has other columns: why then names them, their
// types and what to do; it is "" if v is no table. An index is left out, and elements are written, as by pandas'
// to_csv(index=False).
//
// A table that takes more than max bytes is refused: a small pickle can hold a huge one, whose elements are one text.
func CSV(v Value, max int) (file []byte, why Refusal, ok bool) {
	t, why, ok := csvTableOf(v, max)
	if !ok || why.Why != "" {
		return nil, why, false
	}
	if why := t.refused(); why.Why != "" {
		return nil, why, false
	}
	file = t.appendLine(file, func(b []byte, c int) []byte { return append(b, t.columns[c].name...) })
	for row := range t.rows {
		file = t.appendLine(file, func(b []byte, c int) []byte { return t.columns[c].append(b, row) })
		if len(file) > max {
			return nil, tooMuchCSV, false
		}
	}
	return file, why, true
}

// appendLine writes a line of CSV.
func (t *csvTable) appendLine(b []byte, cell func(b []byte, column int) []byte) []byte {
	begin := len(b)
	for c := range t.columns {
		if c > 0 {
			b = append(b, ',')
		}
		from := len(b)
		b = quoted(cell(b, c), from)
	}
	if len(b) == begin && len(t.columns) == 1 { // a line of nothing would be skipped by whoever reads it
		b = append(b, `""`...)
	}
	return append(b, '\n')
}

// quoted puts quotes around the cell that begins at a place, if readers would take it for something else.
func quoted(b []byte, from int) []byte {
	cell := b[from:]
	if first, _ := utf8.DecodeRune(cell); !bytes.ContainsAny(cell, ",\"\r\n") && !unicode.IsSpace(first) && string(cell) != `\.` {
		return b
	}
	text := strings.ReplaceAll(string(cell), `"`, `""`)
	return append(append(append(b[:from], '"'), text...), '"')
}

// csvTable is a table that becomes CSV.
type csvTable struct {
	rows    int64
	columns []csvColumn
	left    int    // bytes that its text may still take
	do      string // what to do instead, if that is not to be said of its columns
}

// csvColumn is a column of it.
type csvColumn struct {
	name, dtype string
	append      func(b []byte, row int64) []byte // the text of an element; nil if not all have one
	holds       string                           // what has none, if more of it is known than the dtype
}

// csvTableOf returns the table that a value is, of at most max bytes; why says what prevents it. It is not ok if the
// value is none.
func csvTableOf(v Value, max int) (t *csvTable, why Refusal, ok bool) {
	if a, isTable := tableOf(v, math.MaxInt); isTable && !a.isColumn() {
		t = &csvTable{rows: a.rows, left: max, do: instead(v) + ", in a step before"}
		for i := range a.columns {
			t.columns = append(t.columns, csvColumn{name: a.names[i], dtype: a.columns[i].typ.String()})
			if a.columns[i].length == a.rows {
				t.fill(int64(i), a.columns[i].values("null"))
			}
		}
		return t, why, true
	}
	if r, isTable := recordsOf(v); isTable {
		t = &csvTable{rows: r.rows, left: max, do: "make it a data frame with such columns as text, pandas.DataFrame(array), in a step before"}
		for i, f := range r.fields {
			t.columns = append(t.columns, csvColumn{name: f.name, dtype: f.dtype})
			if f.numbers != nil {
				t.columns[i].append = f.numbers.append
			} else {
				t.fill(int64(i), f.values)
			}
		}
		return t, why, true
	}
	o, isObject := v.(*Object)
	if !isObject || !strings.HasSuffix(objectType(o), ".DataFrame") {
		return nil, why, false
	}
	axes, blocks, ok := manager(o.attr("_mgr"))
	if !ok || len(axes) != 2 {
		return nil, unreadable, true
	}
	names, why := columnNames(axes[0], max)
	if why.Why != "" {
		return nil, why, true
	}
	t = &csvTable{rows: indexLength(axes[1]), columns: make([]csvColumn, len(names)), left: max}
	if t.rows < 0 || t.rows > mostRows {
		return nil, unreadable, true
	}
	if len(names) == 0 {
		// Lines of nothing, which are skipped by whoever reads them, and of which a pickle may claim any number.
		t.rows = 0
	}
	for i, name := range names {
		t.columns[i].name = name
	}
	for _, b := range blocks {
		if !t.block(b) {
			return nil, unreadable, true
		}
	}
	return t, why, true
}

// mostRows is how many rows a frame may have: more than any pickle holds, and so few that
// the number of its cells does not overflow.
const mostRows = 1 << 40

// columnNames returns the labels of the columns as text, or why there is no text of them. Numbers, which pandas gives
// to columns without names, and times become the text that they have as elements. All of it takes at most max bytes.
func columnNames(index Value, max int) ([]string, Refusal) {
	label, n := labelsOf(index, 0)
	switch {
	case n == 0: // of whatever it is
		return nil, Refusal{}
	case short(Type(index)) == "MultiIndex":
		return nil, namedInLevels
	case n > mostNames:
		return nil, unreadable
	}
	var names []string
	named := map[string]Value{}
	for i := range n {
		l := label(i)
		text, holds := csvText(l)
		if max -= len(text) + 1; max < 0 {
			return nil, tooMuchCSV
		}
		_, isText := l.(string)
		switch _, unknown := l.(sight); {
		case unknown && holdsText(index):
			return nil, unreadableNames
		case isText && holds != "":
			return nil, Refusal{"one of its columns has a name with " + halves, unnamed.Do}
		case holds != "" || text == "" && !isText:
			return nil, unnamed
		}
		if other, taken := named[text]; taken && Repr(other, 50) != Repr(l, 50) { // equal ones are the frame's own affair
			why := fmt.Sprintf("its columns %s and %s would have the same name", Repr(other, 50), Repr(l, 50))
			return nil, Refusal{why, "rename one of them, frame.rename(columns={...}), in a step before"}
		}
		names, named[text] = append(names, text), l
	}
	if n < 0 {
		return nil, unnamed
	}
	return names, Refusal{}
}

// mostNames is how many columns a frame may have: a pickle may claim any number that has numbers as names.
const mostNames = 1 << 20

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

// block gives the columns of a block of pandas' their types and texts. It reports whether it is one that is known.
func (t *csvTable) block(block Value) bool {
	o, ok := block.(*Object)
	if !ok || !strings.HasSuffix(o.Class().Name, "_unpickle_block") || len(o.Args) < 2 {
		return false
	}
	places, ok := placesOf(o.Args[1])
	if !ok || slices.ContainsFunc(places, func(at int64) bool { return at < 0 || at >= int64(len(t.columns)) }) {
		return false
	}
	for _, at := range places {
		t.columns[at].dtype = blockType(block)
	}
	count := int64(len(places))
	if n, ok := numbersOf(o.Args[0]); ok {
		if len(n.shape) != 2 || n.shape[0] != count || n.shape[1] != t.rows {
			return false
		}
		for i, at := range places {
			first, step := int64(i)*t.rows, int64(1)
			if n.fortran {
				first, step = int64(i), count
			}
			t.columns[at].append = func(b []byte, row int64) []byte { return n.append(b, first+row*step) }
		}
		return true
	}
	values, n := valuesOf(o.Args[0], 0)
	if values == nil || n != t.rows*count {
		return true // which is said with the dtypes
	}
	for i, at := range places {
		t.fill(at, func(row int64) Value { return values(int64(i)*t.rows + row) })
	}
	return true
}

// fill gives a column its texts, if all of its elements have one.
func (t *csvTable) fill(at int64, values func(row int64) Value) {
	c := &t.columns[at]
	if values == nil {
		return
	}
	for row := range t.rows {
		text, holds := csvText(values(row))
		if t.left -= len(text) + 1; t.left < 0 || holds != "" {
			c.holds = holds
			return
		}
	}
	c.append = func(b []byte, row int64) []byte { text, _ := csvText(values(row)); return append(b, text...) }
}

// csvText writes an element as pandas' to_csv does; holds names one that has no text.
func csvText(v Value) (text, holds string) {
	switch v := v.(type) {
	case nil, absent:
		return "", ""
	case float32:
		if v != v {
			return "", ""
		}
	case float64:
		if math.IsNaN(v) {
			return "", ""
		}
	case sight:
		return "", "elements that only Python can read"
	case moment:
		if _, ok := v.time(); !ok {
			return "", outsideOfYears
		}
	case *big.Int:
		if v.BitLen() > maxBits {
			return "", "an int of " + strconv.Itoa(v.BitLen()) + " bits"
		}
	case string:
		if !utf8.ValidString(v) {
			return "", "text with " + halves
		}
	case bool, int64, span:
	case *Object:
		if x, ok := single(v); ok {
			return csvText(x)
		}
		return "", "a " + clip(Type(v))
	default:
		if isNA(v) {
			return "", ""
		}
		return "", "a " + clip(Type(v))
	}
	return shown(v), ""
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
