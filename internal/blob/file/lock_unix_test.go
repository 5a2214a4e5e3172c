//go:build unix && !solaris && !aix

package file

import (
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/usertest"
)

// TestDiscardACompleteFile keeps a file that its writer has made read-only and is about to give its name.
func TestDiscardACompleteFile(t *testing.T) {
	if usertest.AsNobody(t) { // to root, nothing is read-only
		return
	}
	b := New(t.TempDir())
	f, err := b.create()
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(f); err != nil {
		t.Fatal(err)
	}
	part := blob.Part{Name: filepath.Base(f.Name())}
	if ok, err := b.Discard(t.Context(), part); ok || err != nil || !there(f) {
		t.Errorf("removing a file that is about to get its name: %t, %v", ok, err)
	}
	f.Close()
	if ok, err := b.Discard(t.Context(), part); !ok || err != nil {
		t.Errorf("removing it when its writer is gone: %t, %v", ok, err)
	}
}
