package flow

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/protocol"
)

// File is an artifact of any size that stays on the disk: it is never read into memory as a whole, and a task
// that does not open it pays nothing. The zero File is none. Make one with [Task.NewFile] or
// [Task.TakeFile]. In Python it is bytes.
type File struct{ *fileState }

type fileState struct {
	staged string                        // a new file, still this task's
	open   func() (io.ReadCloser, error) // one that is stored
}

// ErrNoFile is the error of opening a File that nobody has made.
var ErrNoFile = errors.New("the file has not been made")

// Open opens the file for reading.
func (f File) Open() (io.ReadCloser, error) {
	switch {
	case f.fileState == nil:
		return nil, ErrNoFile
	case f.staged != "":
		return os.Open(f.staged)
	}
	return f.open()
}

// ReadAll returns the file's content.
func (f File) ReadAll() ([]byte, error) {
	src, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return io.ReadAll(src)
}

// NewFile makes a file of what write writes, straight into the store's own folder: it is not copied again.
func (t *Task) NewFile(write func(w io.Writer) error) (File, error) {
	path := t.stage()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	err = errors.Join(write(w), w.Flush())
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
		return File{}, err
	}
	return File{&fileState{staged: path}}, nil
}

// TakeFile takes over a file: it is gone from where it was. On the same disk it is only renamed.
func (t *Task) TakeFile(path string) (File, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return File{}, err
	}
	if !st.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s is not a regular file", path)
	}
	staged := t.stage()
	if os.Rename(path, staged) == nil {
		return File{&fileState{staged: staged}}, nil
	}
	src, err := os.Open(path) // another disk
	if err != nil {
		return File{}, err
	}
	defer src.Close()
	f, err := t.NewFile(func(w io.Writer) error { _, err := io.Copy(w, src); return err })
	if err != nil {
		return File{}, err
	}
	return f, os.Remove(path)
}

// fileCodecs are the codecs that a File is asked for with: JSON is that of a field that a step has emptied.
var fileCodecs = []string{protocol.CodecFile, protocol.CodecJSON}

// noFile is the error of opening what is stored as JSON.
func noFile(name string, data []byte) error {
	if string(data) == "null" {
		return ErrNoFile
	}
	return fmt.Errorf("the artifact %s is plain data, which is not read as a flow.File; give the field another type", name)
}

func openStored(path string) (io.ReadCloser, error) { return os.Open(path) }

// bytesOf makes a reader of bytes.
func bytesOf(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }

// Table is a table of text: what a CSV file holds. In Python it is a pandas DataFrame, or, without pandas, a list of
// dicts; a DataFrame of plain columns that Python wrote is read as a Table.
//
// No rows and rows that are nil are the same to it.
type Table struct {
	Columns []string
	Rows    [][]string // each as long as Columns
}

// Column returns the values of a column, nil if there is no such column.
func (t *Table) Column(name string) []string {
	for i, c := range t.Columns {
		if c == name {
			values := make([]string, len(t.Rows))
			for j, row := range t.Rows {
				values[j] = row[i]
			}
			return values
		}
	}
	return nil
}

// Floats returns the values of a column as numbers. An error names the first that is none.
func (t *Table) Floats(name string) ([]float64, error) {
	texts := t.Column(name)
	if texts == nil && len(t.Rows) > 0 {
		return nil, fmt.Errorf("the table has no column %q; it has %q", name, t.Columns)
	}
	values := make([]float64, len(texts))
	for i, text := range texts {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("column %s, row %d: %q is not a number", name, i+1, text)
		}
		values[i] = v
	}
	return values, nil
}

// encode writes the table as CSV. Cells are written as they are, with their line ends and whatever bytes they have.
func (t *Table) encode() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	write := func(cells []string) {
		w.Write(cells)
		if len(cells) == 1 && cells[0] == "" { // a line of nothing would be skipped by whoever reads it
			w.Flush()
			b.Truncate(b.Len() - 1)
			b.WriteString("\"\"\n")
		}
	}
	if len(t.Columns) > 0 {
		write(t.Columns)
	} else if len(t.Rows) > 0 {
		return nil, fmt.Errorf("it has %d rows, and no columns; name them in Columns", len(t.Rows))
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return nil, fmt.Errorf("row %d has %d cells, which is not the number of its columns, %d", i+1, len(row), len(t.Columns))
		}
		write(row)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// decode reads CSV. It takes what encoding/csv takes, whose reader would make \n of \r\n within a cell.
func (t *Table) decode(data []byte) error {
	*t = Table{}
	line := 1
	for len(data) > 0 {
		began := line
		record, rest, err := csvRecord(data)
		if err != nil {
			return fmt.Errorf("the CSV is wrong in the record on line %d: %w", began, err)
		}
		line += bytes.Count(data[:len(data)-len(rest)], []byte("\n"))
		data = rest
		switch {
		case record == nil: // an empty line
		case t.Columns == nil:
			t.Columns = record
		case len(record) != len(t.Columns):
			return fmt.Errorf("the CSV is wrong in the record on line %d: it has %d cells, and there are %d columns", began, len(record), len(t.Columns))
		default:
			t.Rows = append(t.Rows, record)
		}
	}
	return nil
}

// csvRecord cuts a record from the beginning of CSV, nil for an empty line.
func csvRecord(data []byte) (record []string, rest []byte, err error) {
	for first := true; ; first = false {
		cell, ended := "", false
		if len(data) > 0 && data[0] == '"' {
			if cell, data, err = csvQuoted(data[1:]); err != nil {
				return nil, nil, err
			}
			switch {
			case len(data) == 0:
				ended = true
			case data[0] == ',':
				data = data[1:]
			case data[0] == '\n':
				data, ended = data[1:], true
			case bytes.HasPrefix(data, []byte("\r\n")):
				data, ended = data[2:], true
			default:
				return nil, nil, errors.New("after the quote that ends a cell comes neither a comma nor the end of the line")
			}
		} else {
			n := bytes.IndexAny(data, ",\n")
			ended = n < 0 || data[n] == '\n'
			bare := data
			if n < 0 {
				data = nil
			} else {
				bare, data = data[:n], data[n+1:]
			}
			if ended {
				bare = bytes.TrimSuffix(bare, []byte("\r"))
			}
			if first && ended && len(bare) == 0 {
				return nil, data, nil
			}
			if bytes.IndexByte(bare, '"') >= 0 {
				return nil, nil, errors.New("there is a quote in a cell that does not begin with one")
			}
			cell = string(bare)
		}
		if record = append(record, cell); ended {
			return record, data, nil
		}
	}
}

// csvQuoted reads a cell up to the quote that ends it.
func csvQuoted(data []byte) (cell string, rest []byte, err error) {
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], '"')
		if n < 0 {
			return "", nil, errors.New("a quote that begins a cell has none that ends it")
		}
		at += n
		if at+1 == len(data) || data[at+1] != '"' {
			return strings.ReplaceAll(string(data[:at]), `""`, `"`), data[at+1:], nil
		}
		at += 2
	}
}
