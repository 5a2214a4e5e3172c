package pickle

import (
	"encoding/binary"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Listing is an array of numpy's, a tensor, or an array or an index of pandas', of whatever elements.
type Listing struct {
	Shape []int64
	DType string               // "" if it is not known
	Show  func(i int64) string // an element, in the order of C; nil if they cannot be told
}

// ListingOf returns the array or index that a value is; not ok if it is none.
func ListingOf(v Value) (l Listing, ok bool) {
	o, isObject := v.(*Object)
	if !isObject {
		return l, false
	}
	var at func(i int64) Value
	if a, isArray := arrayOf(o); isArray {
		l.Shape, l.DType = a.shape, a.dtype
		at, _ = valuesOf(o, 0)
	} else if a, isTensor := tensorOf(o); isTensor {
		l.Shape, l.DType = a.shape, a.dtype
	} else {
		g, isList := gridOf(o)
		if !isList || strings.HasSuffix(Type(o), "Series") {
			return l, false
		}
		l.Shape, l.DType, at = g.shape, dtypeWithin(o), g.at
	}
	if at != nil {
		l.Show = func(i int64) string { return shown(at(i)) }
	}
	return l, true
}

// place is where the element lies that is number i as C orders them.
func (a *Array) place(i int) int {
	if !a.Fortran || len(a.Shape) < 2 {
		return i
	}
	at := 0
	for d := len(a.Shape) - 1; d >= 0; d-- { // the last index varies fastest in i, the first in the data
		index := i % a.Shape[d]
		i /= a.Shape[d]
		at = at + index*stride(a.Shape[:d])
	}
	return at
}

func stride(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// number is the array for reading its elements.
func (a *Array) number(i int) *numbers {
	b := a.Data[a.place(i)*a.Size:][:a.Size]
	n := &numbers{size: a.Size, descr: "<" + string(a.Kind), data: b}
	if a.Big {
		n.data = make([]byte, a.Size)
		for i := range b {
			n.data[len(b)-1-i] = b[i]
		}
	}
	return n
}

// Float returns element i, in the order of C, as a float64.
func (a *Array) Float(i int) float64 { return a.number(i).float() }

// Text returns element i, in the order of C, as text. A missing number is "".
func (a *Array) Text(i int) string { return a.number(i).text(0) }

func (n *numbers) float() float64 {
	var full [8]byte
	copy(full[:], n.data)
	u := binary.LittleEndian.Uint64(full[:])
	shift := 64 - 8*n.size
	switch {
	case n.descr[1] == 'i':
		return float64(int64(u<<shift) >> shift)
	case n.descr[1] == 'u' || n.descr[1] == 'b':
		return float64(u)
	case n.size == 4:
		return float64(math.Float32frombits(uint32(u)))
	case n.size == 2:
		return half(uint16(u))
	}
	return math.Float64frombits(u)
}

// Frame is a data frame of pandas' or polars', a table of pyarrow's, or a series or an array of Arrow's as one of a
// single column.
type Frame struct {
	Rows    int64
	Columns int                      // all of them
	Names   []string                 // of the first columns
	Types   []string                 // of each; "" if it is not known
	Cells   []func(row int64) string // of each; nil for a column whose elements cannot be told
	Index   func(row int64) string   // the label of a row; nil if rows have nothing but their numbers
}

// FrameOf returns the frame that a value is, with at most max columns; not ok if it is none.
func FrameOf(v Value, max int) (*Frame, bool) {
	if t, ok := tableOf(v, max); ok {
		return t.frame(), true
	}
	if r, ok := recordsOf(v); ok {
		return r.frame(max), true
	}
	o, ok := v.(*Object)
	if !ok {
		return nil, false
	}
	class := objectType(o)
	short := class[strings.LastIndexByte(class, '.')+1:]
	if !strings.HasPrefix(class, "pandas") || short != "DataFrame" && short != "Series" {
		return nil, false
	}
	axes, blocks, ok := manager(o.attr("_mgr"))
	if !ok || len(axes) == 0 {
		return nil, false
	}
	rows, count := columnLabels(axes[len(axes)-1])
	f := &Frame{Rows: count}
	if f.Rows < 0 {
		return nil, false
	}
	if !isCount(axes[len(axes)-1]) {
		f.Index = func(row int64) string { return rows(int(row)) }
	}
	if short == "Series" {
		name := ""
		if o.attr("_name") != nil {
			name = shown(o.attr("_name"))
		}
		f.Columns, f.Names, f.Cells = 1, []string{name}, make([]func(int64) string, 1)
		f.Types = []string{""}
		if len(blocks) == 1 {
			f.Types[0] = blockType(blocks[0])
			if show, n := elements(blocks[0]); n == f.Rows {
				f.Cells[0] = show
			}
		}
		return f, true
	}
	label, columns := columnLabels(axes[0])
	if len(axes) != 2 || columns < 0 || columns > 1<<20 {
		return nil, false
	}
	f.Columns = int(columns)
	for i := range min(f.Columns, max) {
		f.Names = append(f.Names, label(i))
	}
	f.Cells, f.Types = make([]func(int64) string, len(f.Names)), make([]string, len(f.Names))
	for _, b := range blocks {
		f.fill(b)
	}
	return f, true
}

// fill gives the columns of a block their type and what shows their elements.
func (f *Frame) fill(block Value) {
	o, ok := block.(*Object)
	if !ok || !strings.HasSuffix(o.Class().Name, "_unpickle_block") || len(o.Args) < 2 {
		return
	}
	places, ok := placesOf(o.Args[1])
	if !ok {
		return
	}
	show, n := elements(o.Args[0])
	readable := show != nil && f.Rows <= mostRows && n == f.Rows*int64(len(places))
	typ := blockType(block)
	for i, at := range places {
		if at < 0 || at >= int64(len(f.Cells)) {
			continue
		}
		f.Types[at] = typ
		if readable {
			f.Cells[at] = func(row int64) string { return show(int64(i)*f.Rows + row) }
		}
	}
}

// isCount reports whether an index is the numbers from 0 on, which pandas gives to rows that have no labels.
func isCount(index Value) bool {
	d, ok := indexData(index)
	if !ok {
		return false
	}
	seen := 0
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		if e.Key == Value("start") && e.Value == Value(int64(0)) || e.Key == Value("step") && e.Value == Value(int64(1)) {
			seen++
		}
	}
	return seen == 2
}

// columnLabels returns how many labels an index has, -1 if that is not known, and what shows them.
func columnLabels(index Value) (label func(i int) string, count int64) {
	at, count := labelsOf(index, 0)
	return func(i int) string { return shown(at(int64(i))) }, count
}

// labelsOf returns the labels of an index, and how many there are, -1 if that is not known. A label that cannot be told
// is shown as #2: its bare number would look like a label.
func labelsOf(index Value, depth int) (label func(i int64) Value, count int64) {
	count = indexLength(index)
	place := func(i int64) Value { return sight("#" + strconv.FormatInt(i, 10)) }
	if labels, ok := indexNames(index); ok {
		return func(i int64) Value { return labels[i] }, int64(len(labels))
	}
	d, ok := indexData(index)
	if !ok {
		return place, count
	}
	parts := map[string]Value{}
	for _, e := range d.Entries[:min(16, len(d.Entries))] {
		if key, ok := e.Key.(string); ok {
			parts[key] = e.Value
		}
	}
	if start, ok := parts["start"].(int64); ok { // a range
		step, _ := parts["step"].(int64)
		return func(i int64) Value { return start + i*step }, count
	}
	if at, n := valuesOf(parts["data"], depth+1); at != nil && n == count {
		return at, count
	}
	if closed, ok := parts["closed"].(string); ok {
		if at, n := intervals(parts["left"], parts["right"], closed, depth+1); at != nil && n == count {
			return at, count
		}
	}
	levels, ok1 := parts["levels"].(*List)
	codes, ok2 := parts["codes"].(*List)
	if !ok1 || !ok2 || depth > 0 || len(levels.Items) != len(codes.Items) || len(levels.Items) > 8 {
		return place, count
	}
	// A MultiIndex: each label is a tuple of labels of its levels.
	var names []func(i int64) string
	for k, level := range levels.Items {
		of, size := labelsOf(level, depth+1)
		n, ok := numbersOf(codes.Items[k])
		if !ok || len(n.shape) != 1 || n.shape[0] != count || n.descr[1] != 'i' {
			return place, count
		}
		names = append(names, func(i int64) string {
			code := n.int(i)
			if code < 0 || code >= size {
				return "nan" // none, as pandas shows it
			}
			return shown(of(code))
		})
	}
	return func(i int64) Value {
		var parts []string
		for _, name := range names {
			parts = append(parts, name(i))
		}
		return sight(strings.Join(parts, ", "))
	}, count
}

var npyHeader = regexp.MustCompile(`^\{'descr': '([<>|])([biuf])([1248])', 'fortran_order': (True|False), 'shape': \(((?:[0-9]{1,18}(?:, ?|,)?)*)\), ?\}\s*$`)

// ParseNPY reads an array of numbers in the format of numpy.save, versions 1 to 3; not ok if it is none.
func ParseNPY(file []byte) (a *Array, dtype string, ok bool) {
	if len(file) < 12 || string(file[:6]) != "\x93NUMPY" {
		return nil, "", false
	}
	size, start := int64(binary.LittleEndian.Uint16(file[8:])), int64(10)
	if file[6] > 1 {
		size, start = int64(binary.LittleEndian.Uint32(file[8:])), 12
	}
	if size > 1<<16 || start+size > int64(len(file)) {
		return nil, "", false
	}
	m := npyHeader.FindSubmatch(file[start : start+size])
	if m == nil {
		return nil, "", false
	}
	a = &Array{Kind: m[2][0], Size: int(m[3][0] - '0'), Big: m[1][0] == '>', Fortran: string(m[4]) == "True", Data: file[start+size:]}
	bytes := int64(a.Size)
	for text := range strings.SplitSeq(string(m[5]), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > math.MaxInt32*int64(1<<16) || n > 0 && bytes > math.MaxInt64/n {
			return nil, "", false
		}
		bytes *= n
		a.Shape = append(a.Shape, int(n))
	}
	if a.Kind == 'b' && a.Size != 1 || a.Kind == 'f' && a.Size == 1 || bytes != int64(len(a.Data)) {
		return nil, "", false
	}
	dtype = map[byte]string{'b': "bool", 'i': "int", 'u': "uint", 'f': "float"}[a.Kind]
	if a.Kind != 'b' {
		dtype += strconv.Itoa(8 * a.Size)
	}
	return a, dtype, true
}
