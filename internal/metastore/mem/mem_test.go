package mem_test

import (
	"testing"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/metastoretest"
)

func TestMarks(t *testing.T) {
	s := mem.New()
	defer s.Close()
	metastoretest.Marks(t, s)
}

func TestStore(t *testing.T) {
	metastoretest.Test(t, func(t *testing.T) metastore.Store {
		s := mem.New()
		t.Cleanup(func() { s.Close() })
		return s
	})
}
