package sqlite

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
)

// A store that was made before it could be shrunk in pieces is written anew once, and only if that is asked for.
func TestShrinkOldStore(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	c, err := dial("file:" + filepath.Join(folder, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.script("PRAGMA journal_mode = WAL;" + migrations()[0] + "PRAGMA application_id = 1281717860; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, folder, Options{})
	var hashes []metastore.Hash
	fill := func() {
		t.Helper()
		hashes = nil
		done := make(chan error, 100)
		for i := range byte(100) {
			h := metastore.Hash{i, 1}
			hashes = append(hashes, h)
			s.Record(metastore.Record{Blobs: []metastore.Blob{{Hash: h, Data: bytes.Repeat([]byte{i}, 50_000)}}, Done: func(err error) { done <- err }})
		}
		for range 100 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	size := func(rebuild bool) int64 {
		t.Helper()
		if _, err := s.DeleteBlobs(ctx, hashes, metastore.RunSet{}); err != nil {
			t.Fatal(err)
		}
		if err := s.Shrink(ctx, rebuild); err != nil {
			t.Fatal(err)
		}
		n, err := s.Size(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const large, small = 4 << 20, 1 << 20
	fill()
	if n := size(false); n < large {
		t.Errorf("%d bytes: it was written anew without being asked to", n)
	}
	if n := size(true); n > small {
		t.Errorf("%d bytes after it was written anew", n)
	}
	fill()
	if n := size(false); n > small {
		t.Errorf("%d bytes: it still cannot be shrunk in pieces", n)
	}
	h, err := s.Check(ctx, true)
	if err != nil || len(h.Damage) > 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

// Whoever reads an older state keeps it, and the file is shrunk later.
func TestShrinkBesideAReader(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, t.TempDir(), Options{})
	for range 3 {
		if _, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{}); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for _, err := range s.Runs(ctx, metastore.RunFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 1 {
			if err := s.Remove(ctx, []int64{1, 2, 3}); err != nil {
				t.Fatal(err)
			}
			if err := s.Shrink(ctx, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen != 3 {
		t.Errorf("the reader saw %d runs of 3", seen)
	}
}
