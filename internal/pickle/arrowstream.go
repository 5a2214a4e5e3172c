package pickle

import (
	"encoding/binary"
	"strings"
)

// arrowStream reads a table from Arrow's format for streams, as polars pickles one: messages with a description, which
// is a flatbuffer, and the buffers of arrays. It has the first columns of it, at most so many; not ok if it is no such
// stream. What stands in it is checked as it is read.
//
// The format is "Arrow Columnar Format", section "Serialization and Interprocess Communication". The numbers of kinds
// and fields here and below are the places in the unions and tables of its schemas, Message.fbs and Schema.fbs.
func arrowStream(data []byte, most int) (t arrowTable, ok bool) {
	dictionaries := map[int64]arrowArray{}
	of := map[int64]arrowType{} // the types of their values
	for range mostArrowChunks {
		message, body, rest, ok := arrowMessage(data)
		if !ok || message == nil {
			return t, ok && t.described
		}
		data = rest
		head := flat{message, 0}.pointed(0)
		header := head.table(2)
		switch kind := head.number(1, 1, 0); {
		case kind == 1: // a schema
			if t.described {
				return t, false
			}
			t.described = true
			fields := header.list(1)
			t.count = len(fields)
			for _, at := range fields[:min(most, len(fields))] {
				types := arrowTypes{mostArrowTypes}
				field := types.stored(header.pointed(at), of)
				t.names = append(t.names, field.name)
				t.columns = append(t.columns, arrowColumn{typ: field.typ, plain: true})
			}
		case kind == 2 && t.described: // a dictionary
			id := header.number(0, 8, 0)
			typ, known := of[id]
			if !known || header.number(2, 1, 0) != 0 { // more of one that was there before
				delete(dictionaries, id)
				continue
			}
			batch := newArrowBatch(header.table(1), body, nil)
			if array, ok := batch.array(typ); ok {
				dictionaries[id] = array
			}
		case kind == 3 && t.described: // rows
			batch := newArrowBatch(header, body, dictionaries)
			if batch.rows < 0 || t.rows+batch.rows > mostArrowElements {
				return t, false
			}
			t.rows += batch.rows
			for i := range t.columns {
				column := &t.columns[i]
				array, ok := batch.array(column.typ)
				if !ok || array.length != batch.rows {
					column.plain, batch.lost = false, true // nor is it known where those after it are
				}
				column.plain = column.plain && column.add(array, true, false)
			}
		default:
			return t, false
		}
	}
	return t, false
}

// arrowMessage splits a message off a stream: its description, nil at the end of the stream, and its body.
func arrowMessage(data []byte) (message, body, rest []byte, ok bool) {
	if len(data) >= 4 && binary.LittleEndian.Uint32(data) == 1<<32-1 { // there since Arrow 0.15
		data = data[4:]
	}
	if len(data) == 0 {
		return nil, nil, nil, true
	}
	if len(data) < 4 {
		return nil, nil, nil, false
	}
	size := uint64(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if size == 0 {
		return nil, nil, nil, true
	}
	if size > uint64(len(data)) {
		return nil, nil, nil, false
	}
	message, data = data[:size], data[size:]
	length := flat{message, 0}.pointed(0).number(3, 8, 0)
	if length < 0 || length > int64(len(data)) {
		return nil, nil, nil, false
	}
	return message, data[:length], data[length:], true
}

// arrowBatch is a part of a table in a stream: rows of all columns, one after the other.
type arrowBatch struct {
	rows         int64
	nodes        []int64 // the lengths of arrays
	buffers      [][]byte
	many         []int64 // how many buffers texts lie in, of each array whose texts lie in many
	dictionaries map[int64]arrowArray
	lost         bool // it is not known where the next array is
}

func newArrowBatch(header flat, body []byte, dictionaries map[int64]arrowArray) *arrowBatch {
	b := &arrowBatch{rows: header.number(0, 8, 0), dictionaries: dictionaries}
	nodes, n := header.structs(1, 16) // length, number of nulls
	for i := range n {
		b.nodes = append(b.nodes, int64(binary.LittleEndian.Uint64(nodes[16*i:])))
	}
	buffers, n := header.structs(2, 16) // offset, length
	for i := range n {
		from, size := binary.LittleEndian.Uint64(buffers[16*i:]), binary.LittleEndian.Uint64(buffers[16*i+8:])
		if from > uint64(len(body)) || size > uint64(len(body))-from {
			b.lost = true
			break
		}
		b.buffers = append(b.buffers, body[from:from+size])
	}
	many, n := header.structs(4, 8)
	for i := range n {
		b.many = append(b.many, int64(binary.LittleEndian.Uint64(many[8*i:])))
	}
	b.lost = b.lost || header.at(3) != 0 // it is compressed, which polars does not do for a pickle
	return b
}

// array takes the next array, of a type. It is not ok if it cannot be read.
func (b *arrowBatch) array(typ arrowType) (a arrowArray, ok bool) {
	want := 2
	switch {
	case typ.kind == "null":
		want = 0
	case typ.kind == "struct", typ.kind == "fixed_size_list":
		want = 1
	case typ.isBytes():
		want = 3
	case typ.isView() && len(b.many) > 0:
		if b.many[0] < 0 || b.many[0] > int64(len(b.buffers)) {
			return a, false
		}
		want += int(b.many[0])
		b.many = b.many[1:]
	}
	a = arrowArray{typ: typ}
	if b.lost || !a.known() && typ.kind != "list" && typ.kind != "large_list" || len(b.nodes) == 0 || len(b.buffers) < want {
		b.lost = true
		return a, false
	}
	a.length = b.nodes[0]
	buffers := append([][]byte(nil), b.buffers[:want]...)
	b.nodes, b.buffers = b.nodes[1:], b.buffers[want:]
	if want > 0 && len(buffers[0]) == 0 {
		buffers[0] = nil
	}
	if a.length < 0 || a.length > mostArrowElements {
		return a, false
	}
	ok = true
	if typ.kind == "dictionary" {
		var values arrowArray
		if values, ok = b.dictionaries[typ.id]; ok {
			a.parts = []arrowArray{values}
		}
		return a, a.length == 0 || ok && a.fill(buffers)
	}
	for _, of := range typ.parts {
		part, fine := b.array(of.typ)
		a.parts, ok = append(a.parts, part), ok && fine
	}
	return a, ok && a.fill(buffers)
}

// stored reads a field of a schema, and notes the types of the values of dictionaries.
func (a *arrowTypes) stored(field flat, dictionaries map[int64]arrowType) arrowField {
	f := arrowField{name: clip(field.text(0))}
	if a.left--; a.left < 0 {
		return f
	}
	t, of := &f.typ, field.table(3)
	unit := func(place int, otherwise int64) string {
		return []string{"s", "ms", "us", "ns"}[of.number(place, 2, otherwise)&3]
	}
	bits := func(place int, otherwise int64) string {
		return map[int64]string{8: "8", 16: "16", 32: "32", 64: "64", 128: "128", 256: "256"}[of.number(place, 4, otherwise)]
	}
	switch kind := field.number(2, 1, 0); kind {
	case 2:
		t.kind = integerType(of)
	case 3:
		t.kind = []string{"halffloat", "float", "double", ""}[of.number(0, 2, 0)&3]
	case 7:
		t.kind, t.precision, t.scale = "decimal"+bits(2, 128), of.number(0, 4, 0), of.number(1, 4, 0)
	case 8:
		t.kind, t.unit = "date32", "day"
		if of.number(0, 2, 1) == 1 {
			t.kind, t.unit = "date64", "ms"
		}
	case 9:
		t.kind, t.unit = "time"+bits(1, 32), unit(0, 1)
	case 10:
		t.kind, t.unit, t.zone = "timestamp", unit(0, 0), clip(of.text(1))
	case 12, 13, 16, 21:
		t.kind = map[int64]string{12: "list", 13: "struct", 16: "fixed_size_list", 21: "large_list"}[kind]
		t.width = of.number(0, 4, 0) // of a list of fixed size
		parts := field.list(5)
		if len(parts) > a.left || kind != 13 && len(parts) != 1 {
			return arrowField{name: f.name}
		}
		for _, at := range parts {
			t.parts = append(t.parts, a.stored(field.pointed(at), dictionaries))
		}
	case 15:
		t.kind, t.width = "fixed_size_binary", of.number(0, 4, 0)
	case 18:
		t.kind, t.unit = "duration", unit(0, 1)
	default:
		t.kind = map[int64]string{1: "null", 4: "binary", 5: "string", 6: "bool", 19: "large_binary", 20: "large_string", 23: "binary_view", 24: "string_view"}[kind]
	}
	if field.at(4) != 0 { // what is stored are numbers of values that stand elsewhere
		encoding := field.table(4)
		id, indices := encoding.number(0, 8, 0), "int32"
		if encoding.at(1) != 0 {
			indices = integerType(encoding.table(1))
		}
		dictionaries[id] = f.typ
		f.typ = arrowType{kind: "dictionary", id: id, ordered: encoding.number(2, 1, 0) != 0, parts: []arrowField{{typ: arrowType{kind: indices}}, {typ: f.typ}}}
	}
	return f
}

func integerType(of flat) string {
	name := map[int64]string{8: "int8", 16: "int16", 32: "int32", 64: "int64"}[of.number(0, 4, 0)]
	if name != "" && of.number(1, 1, 0) == 0 {
		name = "u" + name
	}
	return name
}

// flat is a table in a flatbuffer, or a place in it. What is not there, or lies outside, is read as not given.
type flat struct {
	data  []byte
	place int
}

// inside reports whether so many bytes lie at a place.
func (f flat) inside(at, n int) bool { return at >= 0 && n >= 0 && at <= len(f.data)-n }

// pointed is the table that what lies at a place points to.
func (f flat) pointed(at int) flat {
	if f.inside(at, 4) {
		if to := at + int(binary.LittleEndian.Uint32(f.data[at:])); f.inside(to, 4) {
			return flat{f.data, to}
		}
	}
	return flat{}
}

// at is the place of a field of the table, 0 if it is not given.
func (f flat) at(field int) int {
	if !f.inside(f.place, 4) {
		return 0
	}
	places := f.place - int(int32(binary.LittleEndian.Uint32(f.data[f.place:])))
	entry := places + 4 + 2*field
	if !f.inside(places, 2) || !f.inside(entry, 2) || entry+2 > places+int(binary.LittleEndian.Uint16(f.data[places:])) {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(f.data[entry:]))
	if offset == 0 {
		return 0
	}
	return f.place + offset
}

// number is a field that is a number of so many bytes, or what it is if it is not given.
func (f flat) number(field, size int, otherwise int64) int64 {
	at := f.at(field)
	if at == 0 || !f.inside(at, size) {
		return otherwise
	}
	u := wordOf(f.data[at:at+size], '<')
	if size == 1 {
		return int64(u)
	}
	shift := 64 - 8*size
	return int64(u<<shift) >> shift
}

// table is a field that is a table.
func (f flat) table(field int) flat {
	if at := f.at(field); at != 0 {
		return f.pointed(at)
	}
	return flat{}
}

// structs are the bytes of a field that is a list of things of so many bytes, and how many there are.
func (f flat) structs(field, size int) (list []byte, n int) {
	from := f.table(field)
	if !from.inside(from.place, 4) {
		return nil, 0
	}
	n = int(binary.LittleEndian.Uint32(from.data[from.place:]))
	if n > len(from.data)/size || !from.inside(from.place+4, n*size) {
		return nil, 0
	}
	return from.data[from.place+4:][:n*size], n
}

// list is the places in a field that is a list of tables.
func (f flat) list(field int) (places []int) {
	_, n := f.structs(field, 4)
	from := f.table(field)
	for i := range n {
		places = append(places, from.place+4+4*i)
	}
	return places
}

// text is a field that is text.
func (f flat) text(field int) string {
	b, _ := f.structs(field, 1)
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
