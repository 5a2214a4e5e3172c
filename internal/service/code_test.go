package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore/mem"
)

// TestThePackageThatWasBegunIsNotTaken: a large folder is packed for longer than its flow takes to say what else belongs
// to its code.
func TestThePackageThatWasBegunIsNotTaken(t *testing.T) {
	dir, source := t.TempDir(), filepath.Join(t.TempDir(), "source.py")
	for i := range 500 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("module%d.py", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(source, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f := &flow{s: New(Config{Store: mem.New()}), src: FlowSource{File: filepath.Join(dir, "module0.py")}}
	f.packLater(context.Background(), f.pythonCode())
	begun := f.code
	f.packMore(context.Background(), &graph.Flow{Package: &graph.Package{
		Sources: []graph.PackageSource{{Path: source, Name: "source.py"}},
	}})
	if c := <-f.code; c.pack.Files != 501 {
		t.Errorf("the run keeps %d files, want 501", c.pack.Files)
	}
	select {
	case <-begun: // given up, or done just before
	case c := <-f.code:
		t.Errorf("another package, of %d files, is given for the code", c.pack.Files)
	}
}
