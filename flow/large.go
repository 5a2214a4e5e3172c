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
)

// File is an artifact of any size that stays on the disk: it is never read into memory as a whole, and a task
// that does not open it pays nothing. The zero File is none. Make one with [Task.NewFile] or [Task.TakeFile]. In Python it is bytes.
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

func openStored(path string) (io.ReadCloser, error) { return os.Open(path) }

// bytesOf makes a reader of bytes.
func bytesOf(data []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(data)) }

// Table is a table of text: what a CSV file holds. In Python it is a pandas DataFrame, or, without pandas, a list of
// dicts; a DataFrame of plain columns that Python wrote is read as a Table.
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

func (t *Table) encode() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if len(t.Columns) > 0 {
		w.Write(t.Columns)
	}
	for i, row := range t.Rows {
		if len(row) != len(t.Columns) {
			return nil, fmt.Errorf("row %d has %d values, and there are %d columns", i+1, len(row), len(t.Columns))
		}
		w.Write(row)
		if len(row) == 1 && row[0] == "" { // a line of nothing would be skipped by whoever reads it
			w.Flush()
			b.Truncate(b.Len() - 1)
			b.WriteString("\"\"\n")
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (t *Table) decode(data []byte) error {
	all, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return err
	}
	*t = Table{}
	if len(all) > 0 {
		t.Columns, t.Rows = all[0], all[1:]
	}
	return nil
}
