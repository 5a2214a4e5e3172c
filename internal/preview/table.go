package preview

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/levadahq/levada/internal/pickle"
)

// array shows an array of numpy's or pandas', or an index.
func (p *Preview) array(v pickle.Value) bool {
	l, ok := pickle.ListingOf(v)
	if !ok {
		return false
	}
	p.Kind, p.Shape, p.DType = Array, l.Shape, l.DType
	p.Text, _ = cut(pickle.Repr(v, maxCell), maxText)
	if a, ok := pickle.ArrayOf(v); ok {
		p.sample(a)
		return true
	}
	p.list(l)
	return true
}

// list shows the first elements of an array that are no numbers.
func (p *Preview) list(l pickle.Listing) {
	p.Truncated = true
	if l.Show == nil || len(l.Shape) < 1 || len(l.Shape) > 2 {
		return
	}
	rows, columns := l.Shape[0], int64(1)
	if len(l.Shape) == 2 {
		p.TotalRows, columns = rows, l.Shape[1]
	}
	p.Truncated = rows > maxRows || columns > maxColumns
	for r := range min(rows, maxRows) {
		row := make([]string, min(columns, maxColumns))
		for c := range row {
			row[c] = cell(l.Show(r*columns + int64(c)))
		}
		p.Rows = append(p.Rows, row)
	}
}

// sample shows numbers of an array.
func (p *Preview) sample(a *pickle.Array) {
	n := a.Len()
	p.Values = make([]Float, min(n, maxValues))
	for i := range p.Values {
		at := i
		if n > maxValues {
			at = spread(i, n)
		}
		p.Values[i] = Float(a.Float(at))
	}
	p.Truncated = n > maxValues
	for i := range n {
		if a.Kind == 'f' && !Float(a.Float(i)).finite() {
			p.NotFinite++
		}
	}
	if len(a.Shape) == 1 {
		for i := range min(n, maxRows) {
			p.Rows = append(p.Rows, []string{element(a, i)})
		}
	}
	if len(a.Shape) != 2 {
		return
	}
	p.TotalRows = int64(a.Shape[0])
	for r := range min(a.Shape[0], maxRows) {
		row := make([]string, min(a.Shape[1], maxColumns))
		for c := range row {
			row[c] = element(a, r*a.Shape[1]+c)
		}
		p.Rows = append(p.Rows, row)
	}
}

// element is an element of an array as numpy shows it.
func element(a *pickle.Array, i int) string {
	if text := a.Text(i); text != "" {
		return text
	}
	return "nan"
}

// frame shows a table of pandas', polars' or pyarrow's, or a column of one.
func (p *Preview) frame(v pickle.Value) bool {
	f, ok := pickle.FrameOf(v, maxColumns)
	if !ok {
		return false
	}
	p.Kind, p.TotalRows = Table, f.Rows
	p.Shape = []int64{f.Rows, int64(f.Columns)}
	p.Text, _ = cut(pickle.Repr(v, maxDump), maxText)
	for _, name := range f.Names {
		p.Columns = append(p.Columns, cell(name))
	}
	for _, t := range f.Types {
		p.Types = append(p.Types, cell(t))
	}
	p.Truncated = f.Rows > maxRows || f.Columns > len(f.Names)
	for r := range min(f.Rows, maxRows) {
		row := make([]string, len(f.Names))
		for c := range row {
			if f.Cells[c] == nil { // a type of column that is not known
				row[c], p.Truncated = "…", true
				continue
			}
			row[c] = cell(f.Cells[c](r))
		}
		if f.Index != nil {
			p.Index = append(p.Index, cell(f.Index(r)))
		}
		p.Rows = append(p.Rows, row)
	}
	return true
}

func cell(text string) string {
	short, more := cut(text, maxCell)
	if more {
		short += "…"
	}
	return short
}

// records shows a list of dicts with text as keys as a table.
func (p *Preview) records(list *pickle.List) bool {
	if len(list.Items) == 0 {
		return false
	}
	var columns []string // in the order in which they come
	known := map[string]bool{}
	for _, item := range list.Items[:min(len(list.Items), maxRows)] {
		d, ok := item.(*pickle.Dict)
		if !ok || len(d.Entries) == 0 {
			return false
		}
		for _, e := range d.Entries {
			key, ok := e.Key.(string)
			if !ok {
				return false
			}
			if !known[key] {
				known[key] = true
				columns = append(columns, key)
			}
		}
	}
	p.Kind, p.TotalRows = Table, int64(len(list.Items))
	p.Shape = []int64{p.TotalRows, int64(len(columns))}
	p.Truncated = len(columns) > maxColumns || len(list.Items) > maxRows
	columns = columns[:min(len(columns), maxColumns)]
	for _, name := range columns {
		p.Columns = append(p.Columns, cell(name))
	}
	for _, item := range list.Items[:min(len(list.Items), maxRows)] {
		row := make([]string, len(columns))
		for _, e := range item.(*pickle.Dict).Entries[:min(len(item.(*pickle.Dict).Entries), 4*maxColumns)] {
			if c := slices.Index(columns, e.Key.(string)); c >= 0 {
				row[c] = cellOf(e.Value)
			}
		}
		p.Rows = append(p.Rows, row)
	}
	p.Text, _ = cut(pickle.Repr(list, maxDump), maxText)
	return true
}

// cellOf is a value in a table: text as it is, anything else as Python's repr shows it.
func cellOf(v pickle.Value) string {
	if text, ok := v.(string); ok {
		return cell(text)
	}
	if x, ok := pickle.Scalar(v); ok {
		v = x
	}
	if text, ok := pickle.Text(v); ok {
		return cell(text)
	}
	return cell(pickle.Repr(v, maxCell))
}

// json shows JSON, which is what values of flows in Go are stored as.
func (p *Preview) json(data []byte) {
	v, err := parseJSON(data)
	if err != nil {
		p.file(data, "")
		return
	}
	p.value(v)
	switch p.Kind {
	case None:
		p.Text = "null"
	case Bool, Number, JSON:
		if text := bytes.TrimSpace(data); len(text) <= maxText {
			p.Text, p.Truncated = string(text), false // as it was written
		}
	}
}

// maxNesting is how deep JSON may be nested that is looked into.
const maxNesting = 100

// parseJSON reads JSON as the values that a pickle has, so that both are shown in the same way.
func parseJSON(data []byte) (pickle.Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value")
	}
	return v, nil
}

func readJSON(d *json.Decoder, depth int) (pickle.Value, error) {
	if depth > maxNesting {
		return nil, errors.New("it is nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		f, err := t.Float64()
		if err != nil {
			return math.Inf(1), nil
		}
		return f, nil
	case json.Delim:
		if t == '[' {
			list := &pickle.List{}
			for d.More() {
				v, err := readJSON(d, depth+1)
				if err != nil {
					return nil, err
				}
				list.Items = append(list.Items, v)
			}
			_, err := d.Token()
			return list, err
		}
		dict := &pickle.Dict{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readJSON(d, depth+1)
			if err != nil {
				return nil, err
			}
			dict.Entries = append(dict.Entries, pickle.Entry{Key: key, Value: v})
		}
		_, err := d.Token()
		return dict, err
	case string, bool, nil:
		return t, nil
	}
	return nil, errors.New("it is not JSON")
}

// csv shows a table whose first line names the columns.
func (p *Preview) csv(data []byte) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	p.Kind = Table
	columns := int64(0)
	for n := int64(-1); ; n++ {
		record, err := r.Read()
		if err != nil {
			p.TotalRows = max(n, 0)
			if !errors.Is(err, io.EOF) {
				p.Truncated = true
			}
			break
		}
		row := make([]string, min(len(record), maxColumns))
		for i := range row {
			row[i] = cell(record[i])
		}
		p.Truncated = p.Truncated || len(record) > maxColumns
		switch {
		case n < 0:
			p.Columns, columns = row, int64(len(record))
		case n < maxRows:
			p.Rows = append(p.Rows, row)
		}
	}
	p.Truncated = p.Truncated || p.TotalRows > maxRows
	p.Shape = []int64{p.TotalRows, columns}
	p.Text = strconv.FormatInt(p.TotalRows, 10) + " rows"
}

// npy shows a file as numpy.save writes it.
func (p *Preview) npy(data []byte) {
	a, dtype, ok := pickle.ParseNPY(data)
	if !ok {
		p.dump(data)
		return
	}
	p.Kind, p.DType = Array, dtype
	for _, n := range a.Shape {
		p.Shape = append(p.Shape, int64(n))
	}
	p.sample(a)
	p.Text = "<array shape=" + shapeText(p.Shape) + " dtype=" + dtype + ">"
}

func shapeText(shape []int64) string {
	text := "("
	for i, n := range shape {
		if i > 0 {
			text += ", "
		}
		text += strconv.FormatInt(n, 10)
	}
	if len(shape) == 1 {
		text += ","
	}
	return text + ")"
}
