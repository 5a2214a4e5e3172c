package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
)

func reserveOf(folder string) int64 {
	st, err := os.Stat(filepath.Join(folder, layout.Reserve))
	if err != nil {
		return -1
	}
	return st.Size()
}

// TestReserve: what frees space is done again in the room of the reserve, which is there again afterwards. That the
// disk is full is told by the operation here; TestFreeingAFullDisk has a real one.
func TestReserve(t *testing.T) {
	ctx, folder := context.Background(), t.TempDir()
	s := mustOpen(t, folder, Options{Reserve: true})
	if _, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{}); err != nil {
		t.Fatal(err)
	}
	full := fault.New(fault.NoSpace, "the disk is full")
	calls := 0
	frees := func() error {
		if calls++; reserveOf(folder) >= 0 {
			return full
		}
		return nil
	}
	if err := s.freeing(ctx, frees); err != nil || calls != 2 || reserveOf(folder) != -1 {
		t.Errorf("a store that goes on, such as a server's: %v, %d calls, reserve of %d bytes", err, calls, reserveOf(folder))
	}
	if err := s.Shrink(ctx, false); err != nil || reserveOf(folder) != reserveSize || s.spent.Load() {
		t.Errorf("when space was given back: %v, reserve of %d bytes", err, reserveOf(folder))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s, calls = mustOpen(t, folder, Options{Spend: true}), 0
	if err := s.freeing(ctx, frees); err != nil || calls != 2 || reserveOf(folder) != -1 {
		t.Errorf("one that may: %v, %d calls, reserve of %d bytes", err, calls, reserveOf(folder))
	}
	if err := s.freeing(ctx, func() error { return full }); err != full {
		t.Errorf("with the reserve spent: %v", err)
	}
	if err := s.Remove(ctx, []int64{1}); err != nil {
		t.Errorf("removing a run frugally: %v", err)
	}
	if err := s.Shrink(ctx, true); err != nil {
		t.Errorf("shrinking frugally: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if reserveOf(folder) != reserveSize {
		t.Errorf("afterwards the reserve has %d bytes", reserveOf(folder))
	}
}

// TestFullDiskHint: only who records a run is told to resume it. SQLite itself says that it
// is full, of a database that may not grow.
func TestFullDiskHint(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, t.TempDir(), Options{})
	defer s.Close()
	grow := func(c *conn) error {
		return c.script("PRAGMA max_page_count = 1; CREATE TABLE large (x); INSERT INTO large VALUES (zeroblob(1000000))")
	}
	for op, resume := range map[string]bool{"remove runs": false, "delete values": false, "change tags": false, "end run": true} {
		err := s.do(ctx, op, grow)
		if !fault.Is(err, fault.NoSpace) || resultCode(err) != lib.SQLITE_FULL {
			t.Fatalf("%s: %v", op, err)
		}
		if hint := fault.HintOf(err); !strings.Contains(hint, "Free some space") || strings.Contains(hint, "resume") != resume {
			t.Errorf("%s: %q", op, hint)
		}
	}
}
