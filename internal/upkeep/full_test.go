package upkeep_test

import (
	"context"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/upkeep"
)

// crowded is a store whose database has no room to delete many values at once, and none
// at all while there are files of values.
type crowded struct {
	metastore.Store
	files func() int
}

func (c *crowded) DeleteBlobs(ctx context.Context, hashes []metastore.Hash, unless metastore.RunSet) (int64, error) {
	if c.files() > 0 || len(hashes) > 1 {
		return 0, fault.New(fault.NoSpace, "the disk is full")
	}
	return c.Store.DeleteBlobs(ctx, hashes, unless)
}

// TestCollectingOnAFullDisk: files go although rows cannot, and make room for them.
func TestCollectingOnAFullDisk(t *testing.T) {
	meta := &crowded{Store: mem.New()}
	w := newWorld(t, t.TempDir(), meta)
	meta.files = func() (n int) {
		for _, err := range w.store.Data.Files(ctx) {
			w.ok(err)
			n++
		}
		return n
	}
	run := w.start("F", 0)
	for content := range byte(6) {
		w.work(run, []int{1000, 200_000}, content, "said", content%2 == 0)
	}
	w.ok(w.store.Meta.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: w.store.Now(), FailedTask: -1}))
	if meta.files() == 0 {
		t.Fatal("no value is in a file")
	}
	if _, err := w.store.Collect(ctx, upkeep.Rules{Keep: 0}, upkeep.Mode{}); err != nil {
		t.Fatal(err)
	}
	for v, err := range meta.SmallValues(ctx) {
		w.ok(err)
		t.Errorf("the value %x is left", v.Hash)
	}
	if n := meta.files(); n > 0 {
		t.Errorf("%d files are left", n)
	}
}

// cramped is a store whose database cannot be made smaller for want of room.
type cramped struct{ metastore.Store }

func (c *cramped) Shrink(context.Context, bool) error {
	return fault.New(fault.NoSpace, "the disk is full")
}

// TestShrinkingOnAFullDisk: what was removed and freed is no failure because the database stays as large as it is.
func TestShrinkingOnAFullDisk(t *testing.T) {
	w := newWorld(t, t.TempDir(), &cramped{mem.New()})
	run := w.start("F", 0)
	w.work(run, []int{200_000}, 1, "", false)
	w.ok(w.store.Meta.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: w.store.Now(), FailedTask: -1}))
	got, err := w.store.Remove(ctx, []int64{run}, upkeep.Mode{})
	if w.ok(err); len(got.Runs) != 1 || got.Freed < 100_000 {
		t.Errorf("%+v", got)
	}
}
