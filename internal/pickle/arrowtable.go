package pickle

import "strings"

// arrowTable is a table of polars' or pyarrow's, or a column of one.
type arrowTable struct {
	class     string // polars.DataFrame
	rows      int64
	count     int      // of all columns
	names     []string // of the first
	columns   []arrowColumn
	described bool // what columns it has is known
}

// tableOf returns the table that a value is, with its first columns, at most so many. One of polars' has a state that
// is bytes, in Arrow's format for streams; pyarrow pickles arrays. No element of it is looked at.
func tableOf(v Value, most int) (t arrowTable, ok bool) {
	o, isObject := v.(*Object)
	if !isObject {
		return t, false
	}
	switch name := o.Class().String(); name {
	case "polars.dataframe.frame.DataFrame", "polars.series.series.Series":
		t, ok = arrowStream(rawBytes(o.State), most)
		t.class = "polars." + o.Class().Name
		return t, ok
	case "pyarrow.lib.chunked_array", "pyarrow.lib._restore_array":
		column, ok := arrowColumnOf(o)
		return arrowTable{arrowClasses[name], column.length, 1, []string{""}, []arrowColumn{column}, true}, ok
	case "pyarrow.lib._reconstruct_table", "pyarrow.lib._reconstruct_record_batch":
		if len(o.Args) != 2 {
			return t, false
		}
		list, ok1 := o.Args[0].(*List)
		schema, ok2 := o.Args[1].(*Object)
		if !ok1 || !ok2 || len(schema.Args) == 0 {
			return t, false
		}
		fields, ok := schema.Args[0].(*List)
		if !ok || len(fields.Items) != len(list.Items) {
			return t, false
		}
		t = arrowTable{class: arrowClasses[name], count: len(list.Items), described: true}
		for i, item := range list.Items[:min(most, len(list.Items))] {
			data, ok := item.(*Object)
			if !ok {
				return t, false
			}
			column, ok := arrowColumnOf(data)
			if !ok || i > 0 && column.length != t.rows {
				return t, false
			}
			types := arrowTypes{mostArrowTypes}
			field := types.field(fields.Items[i])
			t.rows, t.names, t.columns = column.length, append(t.names, field.name), append(t.columns, column)
		}
		return t, true
	}
	return t, false
}

// arrowClasses are the classes of what pyarrow's functions make of a pickle.
var arrowClasses = map[string]string{
	"pyarrow.lib.chunked_array": "pyarrow.ChunkedArray", "pyarrow.lib._restore_array": "pyarrow.Array",
	"pyarrow.lib._reconstruct_table": "pyarrow.Table", "pyarrow.lib._reconstruct_record_batch": "pyarrow.RecordBatch",
}

// isColumn reports whether it is a column by itself, not a table.
func (t *arrowTable) isColumn() bool {
	return !strings.HasSuffix(t.class, "Frame") && !strings.HasSuffix(t.class, "Table") && !strings.HasSuffix(t.class, "Batch")
}

// frame is the table as a frame.
func (t *arrowTable) frame() *Frame {
	f := &Frame{Rows: t.rows, Columns: t.count, Names: t.names}
	for i := range t.columns {
		var show func(int64) string
		if t.columns[i].length == t.rows {
			if at := t.columns[i].values("null"); at != nil {
				show = func(i int64) string { return shown(at(i)) }
			}
		}
		f.Cells = append(f.Cells, show)
		f.Types = append(f.Types, t.columns[i].typ.String())
	}
	return f
}

// table prints the shape of a table, its columns and types, as those of a data frame of pandas' are.
func (p *printer) table(t *arrowTable) {
	p.str("<" + t.class)
	var types []string
	for i := range t.columns {
		types = append(types, t.columns[i].typ.String())
	}
	if t.isColumn() {
		p.str(" shape=" + shapeText([]int64{t.rows}))
		if len(t.names) > 0 && t.names[0] != "" {
			p.str(" name=")
			p.value(t.names[0])
		}
	} else {
		p.str(" shape=" + shapeText([]int64{t.rows, int64(t.count)}))
		names := make([]Value, len(t.names))
		for i, name := range t.names {
			names[i] = name
		}
		p.columns(names, t.count)
	}
	p.types(types, t.count > len(t.columns))
	p.str(">")
}
