package upkeep_test

import (
	"testing"

	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/upkeep"
)

// TestValuesOfAStoreWithoutRuns has values and no run: a database that was lost, and a new one in
// its place. They stay, and doctor tells.
func TestValuesOfAStoreWithoutRuns(t *testing.T) {
	w := newWorld(t, t.TempDir(), mem.New())
	_, err := w.store.Data.Put(ctx, contentOf(1, 1, 200_000))
	w.ok(err)
	files := func() (n int) {
		for _, err := range w.store.Data.Files(ctx) {
			w.ok(err)
			n++
		}
		return n
	}
	problem := false
	w.ok(w.store.Examine(ctx, upkeep.Examination{Repair: true, Tell: func(f upkeep.Finding) {
		problem = problem || f.Check == "leftovers" && f.Level == upkeep.Problem && f.Hint != ""
	}}))
	if !problem || files() != 1 {
		t.Errorf("doctor tells of it: %v; %d files are left", problem, files())
	}
	for _, dry := range []bool{true, false} {
		c, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{Dry: dry})
		if w.ok(err); c.Unclaimed == 0 || c.Unneeded != 0 || files() != 1 {
			t.Errorf("dry %v: %+v, %d files are left", dry, c, files())
		}
	}
	c, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{Force: true})
	if w.ok(err); c.Unclaimed != 0 || c.Unneeded == 0 || files() != 0 {
		t.Errorf("with force: %+v, %d files are left", c, files())
	}
}
