package sqlite

import (
	"context"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// DiskIsFull tries whether there is room beside a file.
var DiskIsFull = diskIsFull

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
func Forget(s *Store) {
	s.counts, s.stepCounts, s.steps = blocks[metastore.TaskCount]{}, blocks[[]metastore.StepCount]{}, blocks[map[string]int]{}
}

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

// SetNetworked has every file system be one of a network, or none, until the function it returns is called.
func SetNetworked(all bool) (restore func()) {
	before := networked
	networked = func(string) bool { return all }
	return func() { networked = before }
}

// JournalMode returns how SQLite writes a store.
func JournalMode(t interface{ Fatal(...any) }, s *Store) string {
	c, err := s.readers.get()
	if err != nil {
		t.Fatal(err)
	}
	defer s.readers.put(c)
	mode, err := c.journalMode()
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

// Spill changes a store in a transaction that goes on until the function it returns is called, and is so large that
// SQLite has begun to write it into the database, which its journal can undo.
func Spill(t interface{ Fatal(...any) }, s *Store) (rollback func()) {
	c, err := dial(s.uri("mode", "rw"))
	if err == nil {
		err = c.useJournal()
	}
	if err == nil {
		err = c.script(`
			PRAGMA cache_size = 1;
			PRAGMA cache_spill = 1;
			BEGIN IMMEDIATE;
			DELETE FROM tasks;
			INSERT INTO blobs (hash, data) SELECT randomblob(32), randomblob(100000)
				FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT i FROM n);`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := c.script("ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		c.close()
	}
}
