package tasklog

import (
	"bufio"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/levadahq/levada/internal/fault"
)

// Tail reads the log in a file while it grows: each call of [Tail.Lines] goes on where the one before ended.
type Tail struct {
	Path string
	at   int64  // bytes that have been read, all of whole records
	sum  uint32 // their checksum
	ms   int64  // time of the last record
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
		in := &source{r: bufio.NewReaderSize(f, 64<<10), sum: t.sum}
		if t.at == 0 {
			if ok, err := readHeader(in); !ok {
				if err != nil {
					yield(Line{}, named(err, t.Path))
				}
				return
			}
			t.at, t.sum = in.n, in.sum
		}
		start, text := t.at-in.n, []byte(nil)
		for {
			l, ms, more, err := readRecord(in, t.ms, &text)
			if err != nil {
				yield(Line{}, named(err, t.Path))
				return
			}
			if !more {
				return
			}
			t.at, t.sum, t.ms = start+in.n, in.sum, ms
			if !yield(l, nil) {
				return
			}
		}
	}
}

// named is an error of a log with where that is.
func named(err error, where string) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Subject == "" {
		known.Subject = where
	}
	return err
}

// source is what a log is read from. It counts the bytes that are read, and sums them up.
type source struct {
	r interface {
		io.Reader
		io.ByteReader
	}
	n   int64
	sum uint32
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n, s.sum = s.n+int64(n), crc32.Update(s.sum, castagnoli, p[:n])
	return n, err
}

func (s *source) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.n, s.sum = s.n+1, crc32.Update(s.sum, castagnoli, []byte{b})
	}
	return b, err
}
