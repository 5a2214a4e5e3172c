package sqlite

import (
	"context"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// SetFewValues changes how many runs with a value are few, until the function it returns is called.
func SetFewValues(n int64) (restore func()) {
	before := fewValues
	fewValues = n
	return func() { fewValues = before }
}

// CountMarks returns how many marks a store keeps.
func CountMarks(t interface{ Fatal(...any) }, s *Store) (n int64) {
	n, err := s.number(context.Background(), `SELECT count(*) FROM marks`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// AgeMarks makes the marks of a store older.
func AgeMarks(t interface{ Fatal(...any) }, s *Store, by time.Duration) {
	err := s.do(context.Background(), "age marks", func(c *conn) error {
		_, err := c.exec(`UPDATE marks SET at = at - ?`, by.Microseconds())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Forget has a store count anew.
func Forget(s *Store) { s.counts, s.steps = blocks[metastore.TaskCount]{}, blocks[map[string]int]{} }

// SetRemovedAtOnce changes how many tasks are removed in one transaction, until the function it returns is called.
func SetRemovedAtOnce(n int64) (restore func()) {
	before := removedAtOnce
	removedAtOnce = n
	return func() { removedAtOnce = before }
}

// SetBlockSize changes how many tasks are counted together, until the function it returns is called.
func SetBlockSize(n int64) (restore func()) {
	before := blockSize
	blockSize = n
	return func() { blockSize = before }
}
