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
