package sqlite_test

import (
	"context"
	"testing"

	"github.com/levadahq/levada/internal/metastore"
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
