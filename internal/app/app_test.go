package app

import (
	"os"
	"path/filepath"
	"testing"
)

func TestACacheThatOthersCanWriteIsNotUsed(t *testing.T) {
	parent := t.TempDir()
	mine := filepath.Join(parent, "mine")
	for range 2 { // made, then found
		if got, own := cacheIn(parent, "mine"); got != mine || own {
			t.Errorf("the cache is %s, %v, want %s", got, own, mine)
		}
	}
	if err := os.Chmod(mine, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(parent, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine", "link"} {
		got, own := cacheIn(parent, name)
		st, err := os.Lstat(got)
		if err != nil || !own || got == filepath.Join(parent, name) || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: the cache is %s, %v, %v", name, got, st, err)
		}
	}
}
