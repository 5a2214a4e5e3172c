package tasklog

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/levadahq/levada/internal/fault"
)

// Tail reads the log in a file while it grows: each call of [Tail.Lines] goes on where the one before ended.
type Tail struct {
	Path string
	at   int64 // bytes that have been read, all of whole records
	ms   int64 // time of the last record
}

// Lines yields what has been written since; nothing if there is no file yet. A record that is not whole yet is
// left for the next call.
func (t *Tail) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		f, err := os.Open(t.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err == nil {
			defer f.Close()
			_, err = f.Seek(t.at, io.SeekStart)
		}
		if err != nil {
			yield(Line{}, unreadable(err))
			return
		}
		in := &counting{r: bufio.NewReaderSize(f, 64<<10)}
		if t.at == 0 {
			if ok, err := readHeader(in); !ok {
				if err != nil {
					yield(Line{}, t.fault(err))
				}
				return
			}
			t.at = in.n
		}
		start, text := t.at-in.n, []byte(nil)
		for {
			l, ms, more, err := readRecord(in, t.ms, &text)
			if err != nil {
				yield(Line{}, t.fault(err))
				return
			}
			if !more {
				return
			}
			t.at, t.ms = start+in.n, ms
			if !yield(l, nil) {
				return
			}
		}
	}
}

// fault is an error of the log with the name of its file.
func (t *Tail) fault(err error) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Subject == "" {
		known.Subject = t.Path
	}
	return err
}

// counting counts the bytes that are read.
type counting struct {
	r *bufio.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counting) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
