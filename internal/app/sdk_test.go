package app

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/levadahq/levada/python"
)

// What is not as it was unpacked is found, and unpacked again.
func TestDamagedSDK(t *testing.T) {
	files := fstest.MapFS{"levada/a.py": {Data: []byte("a = 1\n")}, "levada/b/c.py": {Data: []byte("c = 2\n")}, "levada/d.py": {Data: []byte("d\n")}}
	cache := t.TempDir()
	dir, err := unpackSDK(files, cache)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want ...string) {
		t.Helper()
		var paths []string
		for _, name := range want {
			paths = append(paths, filepath.Join(dir, filepath.FromSlash(name)))
		}
		if got, err := damagedSDK(files, dir); err != nil || !slices.Equal(got, paths) {
			t.Errorf("damaged are %v, %v, want %v", got, err, paths)
		}
	}
	check()
	if err := os.WriteFile(filepath.Join(dir, "levada", "a.py"), []byte("a = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if again, err := unpackSDK(files, cache); err != nil || again != dir {
		t.Errorf("a run unpacks to %s, %v", again, err)
	}
	check("levada/a.py") // runs do not look into files: that would take time
	if err := restoreSDK(files, cache); err != nil {
		t.Fatal(err)
	}
	check()
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("beside it is %v, %v", entries, err)
	}
}

// Of what lies among temporary files, some may be removed, and after a power cut files may be empty.
func TestSDKWithoutSomeFiles(t *testing.T) {
	files := fstest.MapFS{"levada/a.py": {Data: []byte("a = 1\n")}, "levada/b/c.py": {Data: []byte("c = 2\n")}}
	cache := t.TempDir()
	dir, err := unpackSDK(files, cache)
	if err != nil {
		t.Fatal(err)
	}
	for what, damage := range map[string]func() error{
		"an empty file":    func() error { return os.Truncate(filepath.Join(dir, "levada", "a.py"), 0) },
		"without a file":   func() error { return os.Remove(filepath.Join(dir, "levada", "b", "c.py")) },
		"without its mark": func() error { return os.Remove(filepath.Join(dir, complete)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(what, err)
		}
		if again, err := unpackSDK(files, cache); err != nil || again != dir {
			t.Errorf("%s: unpacked to %s, %v", what, again, err)
		}
		if damaged, err := damagedSDK(files, dir); err != nil || len(damaged) > 0 {
			t.Errorf("%s: damaged are %v, %v", what, damaged, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("beside it is %v, %v", entries, err)
	}
}

// TestManyUnpackTheSDK: those who have unpacked it use it while others are at it.
func TestManyUnpackTheSDK(t *testing.T) {
	files := fstest.MapFS{"levada/a.py": {Data: []byte("a = 1\n")}, "levada/b/c.py": {Data: []byte("c = 2\n")}}
	for range 40 {
		cache := t.TempDir()
		var all sync.WaitGroup
		var busy atomic.Int32
		for range 8 {
			busy.Add(1)
			all.Go(func() {
				dir, err := unpackSDK(files, cache)
				busy.Add(-1)
				if err != nil {
					t.Error(err)
				}
				for first := true; first || busy.Load() > 0; first = false {
					if _, err := os.Stat(filepath.Join(dir, "levada", "a.py")); err != nil {
						t.Error("it is gone while others unpack it: ", err)
						return
					}
				}
			})
		}
		all.Wait()
	}
}

// TestTheSDKIsHashedOnce: without a home that can be written to, a command asks for the folder again and again.
func TestTheSDKIsHashedOnce(t *testing.T) {
	dir := t.TempDir()
	n := testing.AllocsPerRun(10, func() {
		if _, err := sdkFolder(python.Files, dir); err != nil {
			t.Fatal(err)
		}
	})
	if n > 10 {
		t.Errorf("to name the folder takes %v allocations", n)
	}
}
