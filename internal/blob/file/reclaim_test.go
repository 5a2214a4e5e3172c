package file

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/layout"
)

// A file that belongs to somebody else cannot be dated; a copy of our own takes its place.
func TestReplace(t *testing.T) {
	b := New(t.TempDir())
	if err := b.Put(t.Context(), "a/b", strings.NewReader("bytes")); err != nil {
		t.Fatal(err)
	}
	path := b.path("a/b")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.replace(path); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || os.SameFile(before, after) || !after.ModTime().After(long.Add(time.Minute)) || after.Mode().Perm() != 0o444 {
		t.Errorf("it is %v, %v; it was %v", after, err, before)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, []byte("bytes")) {
		t.Errorf("it holds %q, %v", data, err)
	}
	if left, err := filepath.Glob(filepath.Join(b.root, layout.Temporary, "p*")); err != nil || len(left) > 0 {
		t.Errorf("unfinished files are left: %v, %v", left, err)
	}
	if err := b.replace(b.path("a/none")); !os.IsNotExist(err) {
		t.Errorf("replacing nothing: %v", err)
	}
}

// TestLockFile looks from outside at the lock of who stores and of who deletes: it is on a file, of which network file
// systems tell other machines, and which may be locked alone since it is open for writing.
func TestLockFile(t *testing.T) {
	b := New(t.TempDir())
	path := filepath.Join(b.root, layout.Temporary, "lock")
	free := func(alone bool) bool {
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ok, err := tryFlock(f, alone)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	unlock, err := b.lock(false)
	if err != nil {
		t.Fatal(err)
	}
	if free(true) || !free(false) {
		t.Error("who stores does not share the lock")
	}
	unlock()
	if !free(true) {
		t.Error("who stored keeps the lock")
	}
	if err := b.Reclaim(t.Context(), func(blob.Deleter) error {
		if free(false) {
			t.Error("who deletes does not have the lock alone")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
