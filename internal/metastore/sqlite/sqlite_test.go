package sqlite_test

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/metastoretest"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

var ctx = context.Background()

func open(t testing.TB, folder string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(ctx, folder, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	metastoretest.Test(t, func(t *testing.T) metastore.Store {
		return open(t, t.TempDir(), sqlite.Options{})
	})
}

func TestMarks(t *testing.T) {
	metastoretest.Marks(t, open(t, t.TempDir(), sqlite.Options{}))
}

// TestMarksAreForgotten counts the marks that are left when writers go on, and when they stay away.
func TestMarksAreForgotten(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder, sqlite.Options{})
	create := func(writer string, batch int64, item int) {
		t.Helper()
		mark := &metastore.Mark{Writer: writer, Batch: batch, Item: item}
		if _, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{Mark: mark}); err != nil {
			t.Fatal(err)
		}
	}
	for batch := range int64(3) {
		for item := range 5 {
			create("a", batch+1, item)
		}
	}
	create("b", 1, 0)
	if n := sqlite.CountMarks(t, s); n != 6 {
		t.Errorf("%d marks are kept", n)
	}
	sqlite.AgeMarks(t, s, 2*metastore.MarksKept)
	s.Close()
	s = open(t, folder, sqlite.Options{})
	create("c", 1, 0)
	if n := sqlite.CountMarks(t, s); n != 1 {
		t.Errorf("%d marks are kept after two days", n)
	}
}

// TestCommonValues looks for values that more runs have than are listed.
func TestCommonValues(t *testing.T) {
	defer sqlite.SetFewValues(3)()
	metastoretest.Parameters(t, open(t, t.TempDir(), sqlite.Options{}))
}

func TestLikeTheModel(t *testing.T) {
	metastoretest.Compare(t, func(rt *rapid.T) (store, model metastore.Store) {
		s, err := sqlite.Open(ctx, t.TempDir(), sqlite.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		return s, mem.New()
	})
}
