package worker_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/worker"
)

type writerFunc func(data []byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// TestPassToASlowReader: while it takes the first part, the time for the rest passes. Something that the process left
// behind holds the stream open.
func TestPassToASlowReader(t *testing.T) {
	r, w := pipe(t)
	said := bytes.Repeat([]byte("0123456789abcdef"), 60<<10/16)
	if _, err := w.Write(said); err != nil {
		t.Fatal(err)
	}
	var got []byte
	worker.Pass(writerFunc(func(data []byte) (int, error) {
		if got == nil {
			r.SetReadDeadline(time.Now())
		}
		got = append(got, data...)
		return len(data), nil
	}), r)
	if !bytes.Equal(got, said) {
		t.Errorf("of %d bytes %d came", len(said), len(got))
	}
}

// TestPassToNobody: a stream is read to its end though what is read cannot be written.
func TestPassToNobody(t *testing.T) {
	r, w := pipe(t)
	written := make(chan error, 1)
	go func() {
		_, err := w.Write(make([]byte, 1<<20))
		w.Close()
		written <- err
	}()
	worker.Pass(writerFunc(func([]byte) (int, error) { return 0, errors.New("the disk is full") }), r)
	if err := <-written; err != nil {
		t.Error(err)
	}
}
