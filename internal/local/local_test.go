package local

import (
	"os"
	"path/filepath"
	"strings"
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

// TestValuesWithoutADatabase opens a store whose database was lost: no new one is made, in
// which the values would belong to no run.
func TestValuesWithoutADatabase(t *testing.T) {
	home := filepath.Join(t.TempDir(), ".levada")
	value := filepath.Join(home, "blobs", "ab", "cd")
	if err := os.MkdirAll(filepath.Dir(value), 0o755); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(home, "levada.db")
	open := func() error {
		for _, a := range []Access{Read, Change, Create} {
			s, err := Open(t.Context(), Where{Path: home, Access: a})
			if err == nil {
				s.Close()
				return nil
			}
			if !fault.Is(err, fault.Corrupt) || fault.HintOf(err) == "" {
				t.Errorf("access %d: %v", a, err)
			}
		}
		return fault.New(fault.Corrupt, "refused")
	}
	for _, size := range []int{-1, 0} {
		if err := os.WriteFile(value, []byte("value"), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Remove(db)
		if size == 0 {
			if err := os.WriteFile(db, nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if open() == nil {
			t.Errorf("a database of %d bytes: it is opened", size)
		}
		if st, err := os.Stat(db); err == nil && st.Size() > 0 {
			t.Errorf("a database was made")
		}
		os.Remove(value)
		s, err := Open(t.Context(), Where{Path: home, Access: Create})
		if err != nil {
			t.Fatalf("without values: %v", err)
		}
		s.Close()
	}
}

// TestLinkToNothing has a link in the place of a store, which leads to nothing or to a file.
func TestLinkToNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, ".levada")
	for _, to := range []string{file, filepath.Join(dir, "nothing")} {
		os.Remove(link)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		for _, where := range []Where{{Dir: dir, Access: Create}, {Dir: dir}, {Path: link, Access: Create}, {Path: link}} {
			if _, err := Open(t.Context(), where); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "link to "+to) || fault.HintOf(err) == "" {
				t.Errorf("link to %s, %+v: %v", to, where, err)
			}
		}
	}
	if _, err := Open(t.Context(), Where{Path: file, Access: Create}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a file: %v", err)
	}
}
