package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

func TestOpen(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	below := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, where := range []Where{{Dir: below}, {Dir: below, Access: Change}, {Dir: below, Path: filepath.Join(dir, "named")}} {
		if s, err := Open(ctx, where); !fault.Is(err, fault.NotFound) {
			t.Errorf("%+v: %v, %v", where, s, err)
		}
	}
	if entries, err := os.ReadDir(below); err != nil || len(entries) > 0 {
		t.Errorf("looking has made %v, %v", entries, err)
	}
	made, err := Open(ctx, Where{Dir: dir, Access: Create})
	if err != nil || !made.Created || made.Config.Home != filepath.Join(dir, ".levada") {
		t.Fatalf("%+v, %v", made, err)
	}
	defer made.Close()
	gone := made.Gone()
	if _, err := made.Config.Store.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{}); err != nil {
		t.Fatal(err)
	}
	read, err := Open(ctx, Where{Dir: below}) // found above
	if err != nil || read.Created || read.Config.Home != made.Config.Home {
		t.Fatalf("%+v, %v", read, err)
	}
	defer read.Close()
	if _, err := read.Config.Store.ChangeTags(ctx, 1, nil, []string{"x"}); !fault.Is(err, fault.Permission) {
		t.Errorf("a store for reading is changed: %v", err)
	}
	change, err := Open(ctx, Where{Path: made.Config.Home, Access: Change})
	if err != nil {
		t.Fatal(err)
	}
	defer change.Close()
	if tags, err := change.Config.Store.ChangeTags(ctx, 1, nil, []string{"x"}); err != nil || len(tags) != 1 {
		t.Errorf("%v, %v", tags, err)
	}
	if gone() {
		t.Error("it is gone while it is there")
	}
	if err := os.Remove(filepath.Join(made.Config.Home, "levada.db")); err != nil {
		t.Fatal(err)
	}
	if !gone() {
		t.Error("it is there when it is gone")
	}
}
