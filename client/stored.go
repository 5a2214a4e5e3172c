package client

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/gobtype"
	"github.com/levadahq/levada/internal/pickle"
)

// Table is a table of text, which flows in Go, and in other languages, store as CSV.
type Table struct {
	Columns []string
	Rows    [][]string // each as long as Columns
}

// settled returns what pointers lead to, made where they lead to nothing.
func settled(to reflect.Value) reflect.Value {
	for to.Kind() == reflect.Pointer {
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		to = to.Elem()
	}
	return to
}

func isAny(t reflect.Type) bool { return t.Kind() == reflect.Interface && t.NumMethod() == 0 }

// setFile puts bytes that are the value itself.
func setFile(to reflect.Value, data []byte) error {
	if utf8.Valid(data) && settled(to).Kind() == reflect.String {
		return put(to, string(data))
	}
	return put(to, pickle.Bytes(data))
}

// setNPY puts an array of numbers, as numpy.save writes it.
func setNPY(to reflect.Value, data []byte) error {
	a, _, ok := pickle.ParseNPY(data)
	if !ok {
		return misfit("its elements are not numbers")
	}
	return newDecoder().array(settled(to), nil, a)
}

// setCSV puts a table.
func setCSV(to reflect.Value, data []byte) error {
	to = settled(to)
	if k := to.Kind(); k == reflect.String || k == reflect.Slice && to.Type().Elem().Kind() == reflect.Uint8 {
		return setFile(to, data)
	}
	records, err := csvRecords(data)
	if err != nil {
		return misfit(err.Error())
	}
	var table Table
	if len(records) > 0 {
		table = Table{records[0], records[1:]}
	}
	for _, v := range []any{table, records} { // flow.Table is such a struct, too
		if v := reflect.ValueOf(v); v.CanConvert(to.Type()) {
			to.Set(v.Convert(to.Type()))
			return nil
		}
	}
	return misfit("a table does not fit " + to.Type().String())
}

// emptied makes an empty array or table of one that a flow in Go stored, whose form is null.
func emptied(to reflect.Value, typ string) bool {
	t := to.Type()
	if strings.HasPrefix(typ, "flow.Array[") && isArray(t) || typ == "flow.Table" && t.ConvertibleTo(reflect.TypeFor[Table]()) {
		to.SetZero()
		return true
	}
	return false
}

// csvRecords reads CSV. Cells are as they are, with their line ends, of which encoding/csv would make others.
func csvRecords(data []byte) ([][]string, error) {
	var records [][]string
	for text := string(data); text != ""; {
		var record []string
		for more := true; more; {
			var cell string
			if strings.HasPrefix(text, `"`) {
				var b strings.Builder
				for again := true; again; {
					before, after, closed := strings.Cut(text[1:], `"`)
					if !closed {
						return nil, errors.New("a quote in the CSV is not closed")
					}
					b.WriteString(before)
					if text, again = after, strings.HasPrefix(after, `"`); again {
						b.WriteByte('"')
					}
				}
				cell = b.String()
			} else {
				end := strings.IndexAny(text, ",\n")
				if end < 0 {
					end = len(text)
				}
				if end > 0 && text[end-1] == '\r' && !strings.HasPrefix(text[end:], ",") {
					end--
				}
				cell, text = text[:end], text[end:]
				if strings.Contains(cell, `"`) {
					return nil, errors.New("in the CSV, there is a quote in a cell that does not begin with one")
				}
				if record == nil && cell == "" && !strings.HasPrefix(text, ",") { // an empty line
					_, text, _ = strings.Cut(text, "\n")
					break
				}
			}
			record = append(record, cell)
			if text, more = strings.CutPrefix(text, ","); more {
				continue
			}
			rest := strings.TrimPrefix(text, "\r")
			if rest != "" && rest[0] != '\n' {
				return nil, errors.New("in the CSV, there is text behind a quote that ends a cell")
			}
			text = strings.TrimPrefix(rest, "\n")
		}
		if record == nil {
			continue
		}
		if len(records) > 0 && len(record) != len(records[0]) {
			return nil, fmt.Errorf("row %d of the CSV has %d cells, and there are %d columns", len(records), len(record), len(records[0]))
		}
		records = append(records, record)
	}
	return records, nil
}

var registerGobs = sync.OnceFunc(gobtype.RegisterPlain)

// setGob puts what only Go reads. The type has to be there already: a gob does not
// say which it is, unless it was in an any.
func setGob(to reflect.Value, typ string, data []byte) (err error) {
	defer func() { // methods of the caller's may be called
		if p := recover(); p != nil {
			err = misfit(fmt.Sprintf("reading the gob panics: %v", p))
		}
	}()
	registerGobs()
	read := func(to reflect.Value) error { return gob.NewDecoder(bytes.NewReader(data)).DecodeValue(to) }
	if typ == "interface {}" {
		var v any
		if err := read(reflect.ValueOf(&v)); err != nil {
			return misfit("the gob cannot be read: " + err.Error())
		}
		to = settled(to)
		if t := reflect.TypeOf(v); t == nil || !t.AssignableTo(to.Type()) {
			return misfit(fmt.Sprintf("the gob has a %T, which does not fit %s", v, to.Type()))
		}
		to.Set(reflect.ValueOf(v))
		return nil
	}
	if isAny(settled(to).Type()) {
		return misfit("a gob is read into a type that is known: ask for that")
	}
	if err := read(to.Addr()); err != nil {
		return misfit("the gob does not fit " + to.Type().String() + ": " + err.Error())
	}
	return nil
}

// setBinary puts what a method MarshalBinary wrote.
func setBinary(to reflect.Value, data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = misfit(fmt.Sprintf("UnmarshalBinary panics: %v", p))
		}
	}()
	to = settled(to)
	u, ok := to.Addr().Interface().(encoding.BinaryUnmarshaler)
	if !ok {
		return misfit("binary is what a type's MarshalBinary wrote, and " + to.Type().String() + " has no UnmarshalBinary")
	}
	if err := u.UnmarshalBinary(slices.Clone(data)); err != nil {
		return misfit(err.Error())
	}
	return nil
}
