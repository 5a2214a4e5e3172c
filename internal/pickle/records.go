package pickle

import "strconv"

// records is an array of numpy's of one dimension whose elements have named fields: a table, as pandas.DataFrame sees
// it.
type records struct {
	rows   int64
	fields []recordField
}

// recordField is one field of all records.
type recordField struct {
	name, dtype string
	numbers     *numbers              // if that is what it has
	values      func(row int64) Value // else; nil if they cannot be told
}

// recordsOf reads the array of records that a value is; not ok if it is none.
func recordsOf(v Value) (r records, ok bool) {
	if a, isArray := arrayOf(v); !isArray || a.masked || len(a.shape) != 1 {
		return r, false
	}
	o := v.(*Object)
	a := bytesIn(o)
	state, _ := a.dtype.State.(*Tuple) // version, order, subarray, names, fields, size, alignment, flags
	if code, _ := dtypeCode(a.dtype); code == "" || code[0] != 'V' || state == nil || len(state.Items) < 6 {
		return r, false
	}
	names, ok1 := state.Items[3].(*Tuple)
	fields, ok2 := state.Items[4].(*Dict)
	size, ok3 := state.Items[5].(int64)
	if !ok1 || !ok2 || !ok3 || len(names.Items) == 0 || len(names.Items) != len(fields.Entries) {
		return r, false
	}
	if r.rows = a.shape[0]; r.rows < 0 {
		return r, false
	}
	for i, e := range fields.Entries { // in the order of the names
		name, isText := e.Key.(string)
		field, _ := e.Value.(*Tuple)
		if !isText || names.Items[i] != Value(name) || field == nil || len(field.Items) < 2 {
			return r, false
		}
		dtype, ok1 := field.Items[0].(*Object)
		at, ok2 := field.Items[1].(int64)
		if !ok1 || !ok2 {
			return r, false
		}
		f := recordField{name: name, dtype: dtypeName(dtype), values: r.objects(o, i)}
		if array := r.column(a.data, size, at, dtype); array != nil && f.values == nil {
			if n, ok := numbersOf(array); ok {
				f.numbers = &n
			} else {
				f.values, _ = ofNumpy(array)
			}
		}
		r.fields = append(r.fields, f)
	}
	return r, true
}

// frame returns the table with at most max columns.
func (r *records) frame(max int) *Frame {
	f := &Frame{Rows: r.rows, Columns: len(r.fields)}
	for _, field := range r.fields[:min(max, len(r.fields))] {
		f.Names, f.Types = append(f.Names, field.name), append(f.Types, field.dtype)
		values := field.values
		if n := field.numbers; n != nil {
			values = n.value
		}
		var cell func(row int64) string
		if values != nil {
			cell = func(row int64) string { return shown(values(row)) }
		}
		f.Cells = append(f.Cells, cell)
	}
	return f
}

// objects returns the values of a field of records that have objects, which a pickle has as a list of tuples.
func (r *records) objects(o *Object, field int) func(row int64) Value {
	state, ok := o.State.(*Tuple)
	if !ok || len(state.Items) < 5 {
		return nil
	}
	list, ok := state.Items[4].(*List)
	if !ok || int64(len(list.Items)) != r.rows {
		return nil
	}
	return func(row int64) Value {
		if t, ok := list.Items[row].(*Tuple); ok && field < len(t.Items) {
			return t.Items[field]
		}
		return sight("?")
	}
}

// column returns a field that begins at a byte of each record of a size as an array, nil if it does not fit.
func (r *records) column(data Bytes, size, at int64, dtype *Object) *Object {
	code, _ := dtypeCode(dtype)
	if len(code) < 2 {
		return nil
	}
	width, err := strconv.ParseInt(code[1:], 10, 32)
	if code[0] == 'U' {
		width *= 4
	}
	if err != nil || width <= 0 || at < 0 || at > size-width {
		return nil
	}
	// Each is at most as large as the data is, so that their product does not overflow.
	if n := int64(len(data)); r.rows > n || r.rows > 0 && size > n || r.rows*size != n {
		return nil
	}
	column := make(Bytes, 0, r.rows*width)
	for row := range r.rows {
		column = append(column, data[row*size+at:][:width]...)
	}
	return &Object{Func: &Global{"numpy._core.numeric", "_frombuffer"}, Args: []Value{column, dtype, &Tuple{Items: []Value{r.rows}}, "C"}}
}
