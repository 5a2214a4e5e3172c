package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/usertest"
	"github.com/levadahq/levada/python"
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

// TestAHomeThatCannotBeWrittenTo: in containers, users without an entry in passwd are often given / as their home.
func TestAHomeThatCannotBeWrittenTo(t *testing.T) {
	if usertest.AsNobody(t) {
		return
	}
	t.Setenv("LEVADA_CACHE", "")
	home := t.TempDir()
	cache := func(home string) string { return (&app{environ: []string{"HOME=" + home}}).cache() }
	own := cache(home)
	if filepath.Dir(own) == os.TempDir() {
		t.Errorf("a home that can be written to is not used, but %s", own)
	}
	if _, err := unpackSDK(python.Files, own); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(own, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(own, 0o755)
	if got := cache(home); got != own {
		t.Errorf("where the SDK is, the cache is %s, want %s", got, own)
	}
	for _, home := range []string{"/", "/nonexistent", "/proc"} {
		got := cache(home)
		if _, err := unpackSDK(python.Files, got); err != nil {
			t.Errorf("with the home %s: %v", home, err)
		}
	}
}
