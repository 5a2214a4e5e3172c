package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/blobtest"
	"github.com/levadahq/levada/internal/blob/file"
)

func TestBucket(t *testing.T) {
	blobtest.Test(t, func(t *testing.T) blob.Bucket {
		return file.New(filepath.Join(t.TempDir(), "not", "there", "yet"))
	})
}

func TestNothingIsLeftOver(t *testing.T) {
	root := t.TempDir()
	b := file.New(root)
	for range 3 {
		if err := b.Put(context.Background(), "k", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(filepath.Join(root, ".tmp"))
	if err != nil || len(left) != 1 || left[0].Name() != "lock" {
		t.Errorf("temporary files: %v, %v", left, err)
	}
}

func TestStoredFilesAreReadOnly(t *testing.T) {
	b := file.New(t.TempDir())
	if err := b.Put(context.Background(), "k", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	path, err := b.Path(context.Background(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o444 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}
