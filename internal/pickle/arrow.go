package pickle

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// arrowColumn is a column that Apache Arrow lays out, in one array or more. What is read of it is checked, for whoever
// made it may have written anything.
type arrowColumn struct {
	typ    arrowType // of the elements
	length int64
	chunks []arrowArray
	plain  bool // its elements are read here, and its buffers are as long as they must be
}

// arrowArray is a part of a column. Its elements start after the first of its buffers, of which it may be a slice.
type arrowArray struct {
	typ     arrowType
	start   int64 // number of its first element within the column
	length  int64
	offset  int64 // of its first element in the buffers
	present []byte
	gaps    bool         // present has a bit for each element
	values  numbers      // of text and lists: where each ends, and the next begins
	texts   [][]byte     // what text and bytes lie in
	parts   []arrowArray // elements of a list, fields of a struct, values of a dictionary
	zone    *time.Location
}

const (
	mostArrowChunks   = 1 << 16
	mostArrowElements = 1 << 31
	// Of a column whose texts may lie over each other: a small one could be huge in total.
	mostArrowText = DefaultMemory
)

// arrowOf returns the column that an array of pandas' holds. It looks at no elements, so that it costs little.
func arrowOf(v Value) (arrowColumn, bool) {
	o, ok := v.(*Object)
	if !ok {
		return arrowColumn{}, false
	}
	switch short(o.Class().Name) {
	case "ArrowStringArray", "ArrowStringArrayNumpySemantics", "ArrowExtensionArray":
	default:
		return arrowColumn{}, false
	}
	data, ok := o.attr("_pa_array").(*Object)
	if !ok {
		data, ok = o.attr("_data").(*Object) // pandas before 2.1
	}
	if !ok {
		return arrowColumn{}, false
	}
	return arrowColumnOf(data)
}

// arrowColumnOf reads a chunked array of pyarrow's, or an array as one of a single chunk.
func arrowColumnOf(data *Object) (arrowColumn, bool) {
	parts := []Value{data}
	var column arrowColumn
	if data.Class().String() == "pyarrow.lib.chunked_array" {
		if len(data.Args) == 0 {
			return arrowColumn{}, false
		}
		list, ok := data.Args[0].(*List)
		if !ok || len(list.Items) > mostArrowChunks {
			return arrowColumn{}, false
		}
		parts = list.Items
		if len(data.Args) > 1 {
			column.typ = arrowTypeOf(data.Args[1])
		}
	}
	column.plain = true
	seen := map[*byte]bool{}
	for i, part := range parts {
		chunk, readable, ok := arrowChunkOf(part, seen)
		if !ok || !column.add(chunk, readable, i == 0) {
			return arrowColumn{}, false
		}
	}
	return column, true
}

// add adds a chunk to a column. It reports whether it may be one of it.
func (a *arrowColumn) add(chunk arrowArray, readable, first bool) bool {
	if !first && chunk.typ.String() != a.typ.String() || a.length+chunk.length > mostArrowElements {
		return false
	}
	chunk.start, a.typ = a.length, chunk.typ
	a.length += chunk.length
	a.plain = a.plain && readable
	if chunk.length > 0 {
		a.chunks = append(a.chunks, chunk)
	}
	return true
}

// arrowChunkOf reads an array of pyarrow's. seen has the buffers of the chunks before it: one that stood in many chunks
// would make a small pickle a huge column.
func arrowChunkOf(v Value, seen map[*byte]bool) (c arrowArray, readable, ok bool) {
	o, isObject := v.(*Object)
	if !isObject || o.Class().String() != "pyarrow.lib._restore_array" || len(o.Args) != 1 {
		return c, false, false
	}
	made, isTuple := o.Args[0].(*Tuple) // type, length, number of nulls, offset, buffers, parts, dictionary
	if !isTuple || len(made.Items) < 5 {
		return c, false, false
	}
	c, readable = arrowArrayOf(arrowTypeOf(made.Items[0]), made, seen)
	return c, readable, c.length >= 0
}

// arrowArrayOf reads what pyarrow keeps of an array of a type. If not even its length is known, it is -1.
func arrowArrayOf(typ arrowType, made *Tuple, seen map[*byte]bool) (c arrowArray, readable bool) {
	none := arrowArray{typ: typ, length: -1}
	if len(made.Items) < 5 {
		return none, false
	}
	var ok1, ok2, ok3 bool
	c.typ = typ
	c.length, ok1 = made.Items[1].(int64)
	c.offset, ok2 = made.Items[3].(int64)
	list, ok3 := made.Items[4].(*List)
	if !ok1 || !ok2 || !ok3 || c.length < 0 || c.length > mostArrowElements || c.offset < 0 || c.offset > mostArrowElements {
		return none, false
	}
	if len(list.Items) > mostArrowChunks {
		return c, false
	}
	buffers := make([][]byte, len(list.Items))
	for i, v := range list.Items {
		b, ok := arrowBuffer(v)
		if !ok {
			return c, c.length == 0
		}
		if buffers[i] = b; i == 0 || len(b) == 0 {
			continue
		}
		if seen != nil && seen[&b[0]] {
			return c, false
		}
	}
	if seen != nil {
		for _, b := range buffers[min(1, len(buffers)):] {
			if len(b) > 0 {
				seen[&b[0]] = true
			}
		}
	}
	part := func(typ arrowType, v Value, seen map[*byte]bool) bool {
		made, ok := v.(*Tuple)
		if !ok {
			return false
		}
		of, ok := arrowArrayOf(typ, made, seen)
		c.parts = append(c.parts, of)
		return ok
	}
	switch typ.kind {
	case "dictionary":
		if len(made.Items) < 7 || !part(typ.parts[1].typ, made.Items[6], nil) { // chunks may have one in common
			return c, false
		}
	case "list", "large_list", "fixed_size_list", "struct":
		var parts *List
		if len(made.Items) > 5 {
			parts, _ = made.Items[5].(*List)
		}
		if parts == nil || len(parts.Items) != len(typ.parts) {
			return c, false
		}
		for i, v := range parts.Items {
			if !part(typ.parts[i].typ, v, seen) {
				return c, false
			}
		}
	}
	return c, c.fill(buffers)
}

// fill takes the buffers of an array: which elements are present, the elements, and of text its bytes. It reports
// whether the array can be read.
func (c *arrowArray) fill(buffers [][]byte) bool {
	if c.length == 0 {
		return c.known() // whatever its buffers are
	}
	end := c.offset + c.length
	values := &c.typ
	want := 2
	switch {
	case c.typ.kind == "null":
		c.present, c.gaps = make([]byte, 0), false
		return true
	case c.typ.kind == "struct" || c.typ.kind == "fixed_size_list":
		want = 1
	case c.typ.kind == "dictionary":
		values = &c.typ.parts[0].typ
		descr := arrowNumbers[values.kind]
		if descr == "" || descr[1] != 'i' && descr[1] != 'u' || c.typ.parts[1].typ.kind == "dictionary" || len(c.parts) != 1 {
			return false
		}
	case c.typ.isBytes():
		want = 3
	case c.typ.isView():
		want = 2 // and what the texts lie in
	}
	if !c.known() || len(buffers) < want || len(buffers) > want && !c.typ.isView() {
		return false
	}
	c.present, c.gaps = buffers[0], buffers[0] != nil
	if c.gaps && int64(len(c.present)) < (end+7)/8 {
		return false
	}
	switch c.typ.kind {
	case "struct":
		for _, part := range c.parts {
			if part.length < end {
				return false
			}
		}
		return true
	case "fixed_size_list":
		return c.typ.width >= 0 && c.typ.width <= mostArrowElements && (c.typ.width == 0 || c.parts[0].length/c.typ.width >= end)
	case "bool":
		c.values.data = buffers[1]
		return int64(len(buffers[1])) >= (end+7)/8
	case "timestamp":
		c.zone = c.typ.location()
	}
	c.values = numbers{descr: arrowNumbers[values.kind], size: values.bytes(), data: buffers[1]}
	c.texts = buffers[2:]
	switch c.typ.kind {
	case "string", "large_string", "binary", "large_binary", "list", "large_list":
		end++
	}
	return int64(len(c.values.data))/int64(c.values.size) >= end
}

// known reports whether elements of the type are read here.
func (c *arrowArray) known() bool {
	switch c.typ.kind {
	case "null", "bool", "struct", "fixed_size_list", "dictionary":
		return true
	case "timestamp", "duration", "time32", "time64":
		return unitParts[c.typ.unit] != 0
	case "fixed_size_binary":
		return c.typ.width > 0 && c.typ.width <= mostArrowElements
	}
	return c.typ.bytes() > 0
}

// arrowBuffer returns the bytes of a buffer, nil if there is no buffer.
func arrowBuffer(v Value) (b []byte, ok bool) {
	if v == nil {
		return nil, true
	}
	o, isObject := v.(*Object)
	if !isObject || o.Class().String() != "pyarrow.lib.py_buffer" || len(o.Args) != 1 {
		return nil, false
	}
	switch o.Args[0].(type) {
	case Bytes, *ByteArray:
		if b = rawBytes(o.Args[0]); b == nil {
			b = []byte{}
		}
		return b, true
	}
	return nil, false
}

// bit is a bit of a bitmap of Arrow's.
func bit(b []byte, i int64) bool { return b[i/8]>>(i%8)&1 != 0 }

// mostCellText is how much is shown of an element that has parts.
const mostCellText = 1000

// at returns the chunk of element i and its place in it. It is not ok if there is no such element, or none can be read.
func (a *arrowColumn) at(i int64) (c *arrowArray, place int64, ok bool) {
	if !a.plain || i < 0 || i >= a.length {
		return nil, 0, false
	}
	c = &a.chunks[sort.Search(len(a.chunks), func(k int) bool { return a.chunks[k].start > i })-1]
	return c, i - c.start, true
}

// cell returns element i as text; of a number that is NaN it is "". A missing one has none. It is not ok if the element
// is broken.
func (a *arrowColumn) cell(i int64) (text string, missing, ok bool) {
	c, i, ok := a.at(i)
	if !ok {
		return "", false, false
	}
	return c.cell(i)
}

func (c *arrowArray) cell(i int64) (text string, missing, ok bool) {
	if c.missing(i) {
		return "", true, true
	}
	at := c.offset + i
	switch {
	case c.typ.isText():
		b, ok := c.bytes(i)
		return string(b), false, ok && utf8.Valid(b)
	case c.typ.kind == "dictionary":
		code := c.values.int(at)
		if code < 0 || code >= c.parts[0].length {
			return "", false, false
		}
		return c.parts[0].cell(code)
	case c.typ.kind == "bool":
		return map[bool]string{true: "True", false: "False"}[bit(c.values.data, at)], false, true
	case !c.typ.isPlain():
		w := printer{max: mostCellText}
		ok := c.print(&w, i)
		return string(w.b), false, ok
	case strings.HasPrefix(c.typ.kind, "decimal"):
		return c.decimal(at), false, true
	case c.values.descr[1] == 'f' || c.typ.unit == "":
		return c.values.text(at), false, true
	}
	if text = c.time(c.values.int(at)); text == "" {
		text = strconv.FormatInt(c.values.int(at), 10)
	}
	return text, false, true
}

// missing reports whether an element is not there.
func (c *arrowArray) missing(i int64) bool {
	return c.typ.kind == "null" || c.gaps && !bit(c.present, c.offset+i)
}

// print prints an element that is a part of another as Python does, and times as they are.
func (c *arrowArray) print(w *printer, i int64) (ok bool) {
	if c.missing(i) {
		w.str("None")
		return true
	}
	at := c.offset + i
	list := func(from, to int64) bool {
		if from < 0 || to < from || to > c.parts[0].length {
			return false
		}
		w.str("[")
		for i := from; i < to && !w.full(); i++ {
			if i > from {
				w.str(", ")
			}
			if !c.parts[0].print(w, i) {
				return false
			}
		}
		w.str("]")
		return true
	}
	switch c.typ.kind {
	case "string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary":
		b, ok := c.bytes(i)
		switch b = b[:min(len(b), w.max)]; {
		case c.typ.isText():
			w.b = appendText(w.b, strings.ToValidUTF8(string(b), "\uFFFD"), w.max)
		default:
			w.b = appendBytes(w.b, b, false, w.max)
		}
		return ok
	case "list", "large_list":
		return list(c.values.int(at), c.values.int(at+1))
	case "fixed_size_list":
		return list(at*c.typ.width, (at+1)*c.typ.width)
	case "struct":
		w.str("{")
		for k, part := range c.parts {
			if w.full() {
				return true
			}
			if k > 0 {
				w.str(", ")
			}
			w.b = appendText(w.b, c.typ.parts[k].name, w.max)
			w.str(": ")
			if !part.print(w, at) {
				return false
			}
		}
		w.str("}")
		return true
	case "dictionary":
		code := c.values.int(at)
		return code >= 0 && code < c.parts[0].length && c.parts[0].print(w, code)
	}
	text, _, ok := c.cell(i)
	if text == "" {
		text = "nan"
	}
	w.str(text)
	return ok
}

// bytes returns the bytes of an element that is text or bytes. It is not ok if they are not there.
func (c *arrowArray) bytes(i int64) (b []byte, ok bool) {
	at := c.offset + i
	switch {
	case c.typ.isView():
		view := c.values.data[16*at:][:16]
		n := int64(int32(binary.LittleEndian.Uint32(view)))
		if n >= 0 && n <= 12 { // which lies in the view itself
			return view[4:][:n], true
		}
		k, from := int64(int32(binary.LittleEndian.Uint32(view[8:]))), int64(int32(binary.LittleEndian.Uint32(view[12:])))
		if n < 0 || k < 0 || k >= int64(len(c.texts)) || from < 0 || from+n > int64(len(c.texts[k])) {
			return nil, false
		}
		return c.texts[k][from:][:n], true
	case c.typ.kind == "fixed_size_binary":
		return c.values.data[at*c.typ.width:][:c.typ.width], true
	}
	// Also a missing text has its place: if it might begin before the one before it ends, texts could overlap, and be
	// huge in total.
	from, to := c.values.int(at), c.values.int(at+1)
	if from < 0 || to < from || to > int64(len(c.texts[0])) {
		return nil, false
	}
	return c.texts[0][from:to], true
}

// int reads an integer.
func (n *numbers) int(i int64) int64 {
	b := n.data[i*int64(n.size):][:n.size]
	u := wordOf(b, '<')
	if shift := 64 - 8*n.size; n.descr[1] == 'i' {
		return int64(u<<shift) >> shift
	}
	return int64(u)
}

// time writes a time, a date, a time of the day or a span of time as pandas does, "" if the year is no common one.
func (c *arrowArray) time(n int64) string {
	parts := unitParts[c.typ.unit]
	switch c.typ.kind {
	case "date32":
		return momentText(time.Unix(n*86400, 0).UTC(), "2006-01-02")
	case "date64":
		return momentText(time.UnixMilli(n).UTC(), "2006-01-02")
	case "timestamp":
		return moment{n, c.typ.unit, c.zone, c.typ.zone != ""}.text()
	case "duration":
		return spanText(n/parts, n%parts*(1e9/parts))
	case "time32", "time64":
		if n >= 0 && n < 86400*parts {
			at := time.Unix(n/parts, n%parts*(1e9/parts)).UTC()
			return at.Format("15:04:05" + fractionLayout(int64(at.Nanosecond())))
		}
	}
	return ""
}

// decimal writes a decimal number as Python does.
func (c *arrowArray) decimal(at int64) string {
	size := int64(c.values.size)
	n, ok := twosComplement(c.values.data[at*size:][:size]).(*big.Int)
	if !ok {
		n = big.NewInt(twosComplement(c.values.data[at*size:][:size]).(int64))
	}
	sign, digits := "", new(big.Int).Abs(n).String()
	if n.Sign() < 0 {
		sign = "-"
	}
	before := int64(len(digits)) - c.typ.scale // digits before the point
	switch {
	case c.typ.scale == 0:
		return sign + digits
	case c.typ.scale < 0 || before <= -6: // Python writes an exponent
		exponent := before - 1
		if len(digits) > 1 {
			digits = digits[:1] + "." + digits[1:]
		}
		if exponent < 0 {
			return sign + digits + "E" + strconv.FormatInt(exponent, 10)
		}
		return sign + digits + "E+" + strconv.FormatInt(exponent, 10)
	case before <= 0:
		return sign + "0." + strings.Repeat("0", int(-before)) + digits
	}
	return sign + digits[:before] + "." + digits[before:]
}

// whole reports whether all elements can be read that have no parts.
func (a *arrowColumn) whole() bool {
	if !a.plain {
		return false
	}
	coded, kind := a.typ.kind == "dictionary", &a.typ
	if coded {
		kind = &kind.parts[1].typ
	}
	if !a.typ.isPlain() || !coded && !kind.isText() {
		return true // nothing but the sizes of the buffers could be wrong, or it is said where it is
	}
	total := int64(0)
	for k := range a.chunks {
		c := &a.chunks[k]
		for i := range c.length {
			of, at, missing := c, i, c.missing(i)
			if coded && !missing {
				of, at = &c.parts[0], c.values.int(c.offset+i)
				if at < 0 || at >= of.length {
					return false
				}
			}
			if !kind.isText() || missing && !c.typ.isBytes() {
				continue
			}
			b, ok := of.bytes(at)
			if !ok || !missing && !utf8.Valid(b) {
				return false
			}
			if c.typ.isBytes() {
				continue // none lies over another
			}
			if total += int64(len(b)); total > mostArrowText {
				return false
			}
		}
	}
	return true
}

// labels returns the first elements as labels of an index, at most so many: text, NaN for what is missing. It is not ok
// if they are no text.
func (a *arrowColumn) labels(most int) ([]Value, bool) {
	if !a.plain || !a.typ.isText() {
		return nil, false
	}
	var labels []Value
	for i := range min(a.length, int64(most)) {
		text, missing, ok := a.cell(i)
		switch {
		case !ok:
			return nil, false
		case missing:
			labels = append(labels, math.NaN())
		default:
			labels = append(labels, text)
		}
	}
	return labels, true
}

// values returns the elements of a column, of which a missing one is gap. It is nil if they cannot be read.
func (a *arrowColumn) values(gap absent) func(i int64) Value {
	if !a.whole() {
		return nil
	}
	return func(i int64) Value {
		c, place, ok := a.at(i)
		if !ok {
			return sight("…")
		}
		if v := c.value(place); v != nil {
			return v
		}
		return gap
	}
}

// value returns an element, nil if it is missing.
func (c *arrowArray) value(i int64) Value {
	if c.missing(i) {
		return nil
	}
	at := c.offset + i
	switch kind := c.typ.kind; {
	case kind == "bool":
		return bit(c.values.data, at)
	case kind == "timestamp":
		return moment{c.values.int(at), c.typ.unit, c.zone, c.typ.zone != ""}
	case kind == "dictionary":
		code := c.values.int(at)
		if code < 0 || code >= c.parts[0].length {
			return sight("…")
		}
		return c.parts[0].value(code)
	case kind == "duration":
		parts := unitParts[c.typ.unit]
		return span{c.values.int(at) / parts, c.values.int(at) % parts * (1e9 / parts)}
	case c.typ.isNumber():
		return c.values.value(at)
	}
	text, _, ok := c.cell(i)
	switch {
	case !ok:
		return sight("…")
	case !c.typ.isPlain(), c.typ.unit != "" && c.time(c.values.int(at)) == "":
		return sight(text)
	}
	return text
}

// ofArrow returns the elements of a column of pandas' that Arrow lays out.
func ofArrow(o *Object, a arrowColumn) (at func(i int64) Value, n int64) {
	gap := absent("<NA>")
	if textType(o) == "str" && a.typ.isText() && !strings.HasPrefix(short(o.Class().Name), "ArrowExtension") {
		gap = "NaN"
	}
	if at = a.values(gap); at == nil {
		return nil, 0
	}
	return at, a.length
}

// textType returns the dtype of an array of text: str, or string if what is missing in it is NA and not NaN.
func textType(o *Object) string {
	d, ok := dtypeIn(o, "StringDtype")
	if !ok || len(d.Args) == 0 {
		return "str"
	}
	if slices.ContainsFunc(d.Args, func(v Value) bool { f, ok := v.(float64); return ok && math.IsNaN(f) }) {
		return "str"
	}
	return "string"
}
