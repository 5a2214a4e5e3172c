package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
)

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
		return "", fault.A(clip(Type(v)))
	default:
		if isNA(v) {
			return "", ""
		}
		return "", fault.A(clip(Type(v)))
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
