package pickle

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// arrowColumn is an array of pandas' whose elements Apache Arrow lays out, as pyarrow pickles it: text, numbers and bools are read.
// What is read of it is checked, for whoever made the pickle may have written anything.
type arrowColumn struct {
	typ    string // of the elements, as Arrow names it: large_string; "" if it is not known
	length int64
	chunks []arrowChunk
	plain  bool // its elements are read here, and its buffers are as long as they must be
}

// arrowChunk is a part of a column. Its elements start after the first of its buffers, of which it may be a slice.
type arrowChunk struct {
	start    int64 // number of its first element within the column
	length   int64
	offset   int64 // of its first element in the buffers
	present  []byte
	gaps     bool    // present has a bit for each element
	values   numbers // of text: where each ends, and the next begins
	text     []byte
	readable bool
}

const (
	mostArrowChunks   = 1 << 16
	mostArrowElements = 1 << 31
)

// arrowNumbers is how numbers of Arrow's types lie in memory, as numpy says it.
var arrowNumbers = map[string]string{
	"int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8", "uint8": "<u1", "uint16": "<u2", "uint32": "<u4", "uint64": "<u8",
	"halffloat": "<f2", "float": "<f4", "double": "<f8",
	"string": "<i4", "large_string": "<i8", // of text, where it ends
}

// isArrowText reports whether a type of Arrow's is text that lies in one buffer.
func isArrowText(typ string) bool { return typ == "string" || typ == "large_string" }

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
			column.typ = arrowType(data.Args[1])
		}
	}
	column.plain = true
	seen := map[*byte]bool{}
	for i, part := range parts {
		chunk, typ, ok := arrowChunkOf(part, seen)
		if !ok || i > 0 && typ != column.typ || column.length+chunk.length > mostArrowElements {
			return arrowColumn{}, false
		}
		chunk.start, column.typ = column.length, typ
		column.length += chunk.length
		column.plain = column.plain && chunk.readable
		if chunk.length > 0 {
			column.chunks = append(column.chunks, chunk)
		}
	}
	return column, true
}

// arrowType returns the name of a type of Arrow's, "" if it is not known here.
func arrowType(v Value) string {
	o, ok := v.(*Object)
	if !ok || o.Class().Module != "pyarrow.lib" {
		return ""
	}
	name := clip(o.Class().Name)
	switch name {
	case "type_for_alias":
		text, _ := shortText(o)
		return clip(text)
	case "timestamp", "duration", "time32", "time64": // which have a unit, and maybe a zone
		if len(o.Args) > 0 {
			unit, _ := o.Args[0].(string)
			name += "[" + clip(unit) + "]"
		}
	}
	return name
}

// arrowChunkOf reads an array of pyarrow's. seen has the buffers of the chunks before it: one that stood in many chunks would make a small pickle a
// huge column.
func arrowChunkOf(v Value, seen map[*byte]bool) (c arrowChunk, typ string, ok bool) {
	o, isObject := v.(*Object)
	if !isObject || o.Class().String() != "pyarrow.lib._restore_array" || len(o.Args) != 1 {
		return c, "", false
	}
	made, isTuple := o.Args[0].(*Tuple) // type, length, number of nulls, offset, buffers, ...
	if !isTuple || len(made.Items) < 5 {
		return c, "", false
	}
	typ = arrowType(made.Items[0])
	var ok1, ok2, ok3 bool
	c.length, ok1 = made.Items[1].(int64)
	c.offset, ok2 = made.Items[3].(int64)
	list, ok3 := made.Items[4].(*List)
	if !ok1 || !ok2 || !ok3 || c.length < 0 || c.length > mostArrowElements || c.offset < 0 || c.offset > mostArrowElements {
		return c, "", false
	}
	c.readable = c.fill(typ, list.Items, seen)
	return c, typ, true
}

// fill takes the buffers of a chunk: which elements are present, the elements, and of text its bytes. It reports whether it can be read.
func (c *arrowChunk) fill(typ string, list []Value, seen map[*byte]bool) bool {
	descr := arrowNumbers[typ]
	want := 2
	if isArrowText(typ) {
		want = 3
	}
	if descr == "" && typ != "bool" || len(list) != want {
		return false
	}
	if c.length == 0 {
		return true // whatever its buffers are
	}
	buffers := make([][]byte, want)
	for i, v := range list {
		b, ok := arrowBuffer(v)
		if !ok || i > 0 && len(b) > 0 && seen[&b[0]] {
			return false
		}
		buffers[i] = b
	}
	for _, b := range buffers[1:] {
		if len(b) > 0 {
			seen[&b[0]] = true
		}
	}
	c.present, c.gaps = buffers[0], list[0] != nil
	c.values = numbers{descr: descr, data: buffers[1]}
	end := c.offset + c.length
	if c.gaps && int64(len(c.present)) < (end+7)/8 {
		return false
	}
	if typ == "bool" {
		return int64(len(c.values.data)) >= (end+7)/8
	}
	c.values.size = int(descr[2] - '0')
	if isArrowText(typ) {
		c.text = buffers[2]
		end++
	}
	return int64(len(c.values.data)) >= end*int64(c.values.size)
}

// arrowBuffer returns the bytes of a buffer, none if there is no buffer.
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
		return rawBytes(o.Args[0]), true
	}
	return nil, false
}

// bit is a bit of a bitmap of Arrow's.
func bit(b []byte, i int64) bool { return b[i/8]>>(i%8)&1 != 0 }

// cell returns element i as text; of a number that is NaN it is "". A missing one has none. It is not ok if the element is broken.
func (a *arrowColumn) cell(i int64) (text string, missing, ok bool) {
	b, c, missing, ok := a.bytes(i)
	switch {
	case missing || !ok:
		return "", missing, ok
	case isArrowText(a.typ):
		return string(b), false, true
	case a.typ == "bool":
		return map[bool]string{true: "True", false: "False"}[bit(c.values.data, c.offset+i-c.start)], false, true
	}
	return c.values.text(c.offset + i - c.start), false, true
}

// bytes returns the chunk of element i, and of text its bytes.
func (a *arrowColumn) bytes(i int64) (b []byte, c *arrowChunk, missing, ok bool) {
	if !a.plain || i < 0 || i >= a.length {
		return nil, nil, false, false
	}
	c = &a.chunks[sort.Search(len(a.chunks), func(k int) bool { return a.chunks[k].start > i })-1]
	at := c.offset + i - c.start
	missing = c.gaps && !bit(c.present, at)
	if !isArrowText(a.typ) {
		return nil, c, missing, true
	}
	// Also a missing text has its place: if it might begin before the one before it ends, texts could overlap, and be huge in total.
	from, to := c.values.end(at), c.values.end(at+1)
	if from < 0 || to < from || to > int64(len(c.text)) {
		return nil, nil, false, false
	}
	b = c.text[from:to]
	return b, c, missing, missing || utf8.Valid(b)
}

// end reads a place in a buffer of text.
func (n *numbers) end(i int64) int64 {
	if n.size == 4 {
		return int64(int32(binary.LittleEndian.Uint32(n.data[4*i:])))
	}
	return int64(binary.LittleEndian.Uint64(n.data[8*i:]))
}

// whole reports whether all elements can be read.
func (a *arrowColumn) whole() bool {
	if !a.plain {
		return false
	}
	for i := range a.length {
		if !isArrowText(a.typ) {
			break // nothing but the sizes of the buffers could be wrong
		}
		if _, _, _, ok := a.bytes(i); !ok {
			return false
		}
	}
	return true
}

// labels returns the first elements as labels of an index, at most so many: text, NaN for what is missing. It is not ok if they are no text.
func (a *arrowColumn) labels(most int) ([]Value, bool) {
	if !a.plain || !isArrowText(a.typ) {
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

// ofArrow shows the elements of a column that Arrow lays out.
func ofArrow(o *Object, a arrowColumn) (show func(i int64) string, n int64) {
	if !a.whole() {
		return nil, 0
	}
	gap := "<NA>"
	if textType(o) == "str" && isArrowText(a.typ) && !strings.HasPrefix(short(o.Class().Name), "ArrowExtension") {
		gap = "NaN"
	}
	return func(i int64) string {
		text, missing, _ := a.cell(i)
		switch {
		case missing:
			return gap
		case text == "" && !isArrowText(a.typ):
			return "NaN"
		}
		return text
	}, a.length
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
