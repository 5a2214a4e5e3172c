package sqlite

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

// SQLite needs room to delete: a transaction is written to the log before it changes the database. So that a full disk
// can be freed with the store's own means, a file without use lies in its folder. Who frees space and has no room for
// that gives it up, and makes it again at the end: when the store is closed and, so that a server that lives on has
// one, when the space has been given back.
const (
	reserveSize = 512 << 10
	ample       = 2 << 20 // free space with which a reserve is made in a store that has none
	// With which one is made again in a store that goes on: what it writes needs room, too.
	enough = 2 * reserveSize
)

// frugal is how many pages of log are enough to move them into the database, once the reserve is what there is room in.
const frugal = 32

func (s *Store) reserve() string { return filepath.Join(filepath.Dir(s.path), layout.Reserve) }

// makeReserve makes the reserve if it is not there and so much is free, and reports whether there is
// one. A store without one works as well.
func (s *Store) makeReserve(least int64) (made bool) {
	if st, err := os.Lstat(s.reserve()); err == nil && st.Size() >= reserveSize {
		return true
	}
	if free, ok := freeSpace(s.path); !ok || free < least {
		return false
	}
	if os.WriteFile(s.reserve(), incompressible(reserveSize), 0o666) != nil {
		os.Remove(s.reserve())
		return false
	}
	return true
}

// incompressible returns bytes that a file system which compresses cannot make smaller.
func incompressible(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// spendReserve gives the reserve up and reports whether there was one.
func (s *Store) spendReserve() bool {
	if os.Remove(s.reserve()) != nil {
		return false
	}
	s.spent.Store(true)
	return true
}

// freeing does what frees space. If there is no room for that, it is done again in the room of the reserve.
func (s *Store) freeing(ctx context.Context, f func() error) error {
	err := f()
	// Another who frees space in this store may have spent it: then there is room now.
	if !fault.Is(err, fault.NoSpace) || !s.spendReserve() && !s.spent.Load() {
		return err
	}
	if err := s.do(ctx, "prepare to free space", func(c *conn) error { return c.script(frugalPragmas) }); err != nil {
		return err
	}
	return f()
}

// restoreReserve makes a reserve again that was spent, as soon as there is room, and ends the thrift.
func (s *Store) restoreReserve(ctx context.Context) error {
	if !s.spent.Load() || !s.makeReserve(enough) {
		return nil
	}
	s.spent.Store(false)
	return s.do(ctx, "go on with space", func(c *conn) error { return c.script(amplePragmas) })
}
