package sqlite_test

import (
	"context"
	"testing"
	"time"

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

// TestRemovedInPieces removes all runs as those are removed that have very many tasks.
func TestRemovedInPieces(t *testing.T) {
	defer sqlite.SetRemovedAtOnce(-1)()
	metastoretest.Removing(t, func(t *testing.T) metastore.Store { return open(t, t.TempDir(), sqlite.Options{}) })
	metastoretest.Few(t, 15)
	t.Run("LikeTheModel", TestLikeTheModel)
}

// TestOthersRecordWhileARunIsRemoved has another store on the same file record while a run with many tasks goes.
func TestOthersRecordWhileARunIsRemoved(t *testing.T) {
	defer sqlite.SetRemovedAtOnce(1000)()
	folder := t.TempDir()
	s, other := open(t, folder, sqlite.Options{}), open(t, folder, sqlite.Options{})
	create := func() int64 {
		t.Helper()
		id, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	large, running := create(), create()
	const tasks = 20_000
	for i := range int64(tasks) {
		r := oneTask(large, i)
		r.Log = []byte("log")
		s.Record(r)
	}
	if err := s.EndRun(ctx, large, metastore.RunEnd{Status: metastore.RunSucceeded}); err != nil {
		t.Fatal(err)
	}
	removed := make(chan error)
	began := time.Now()
	go func() { removed <- s.Remove(ctx, []int64{large}) }()
	var longest time.Duration
	for id := int64(1); ; id++ {
		asked := time.Now()
		done := make(chan error, 1)
		r := oneTask(running, id)
		r.Soon, r.Done = true, func(err error) { done <- err }
		other.Record(r)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			longest = max(longest, time.Since(asked))
			continue
		case err := <-removed:
			if err != nil {
				t.Fatal(err)
			}
			<-done
			longest = max(longest, time.Since(asked))
		}
		break
	}
	if took := time.Since(began); longest > took/2 {
		t.Errorf("who records waited for %v while a run was removed, which took %v", longest, took)
	}
	h, err := s.Check(ctx, false)
	if err != nil || h.Orphans > 0 {
		t.Errorf("%+v, %v", h, err)
	}
	for l, err := range s.Logs(ctx) {
		t.Fatalf("a log is left: %+v, %v", l, err)
	}
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
