package datastore

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"sync"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// verifier verifies that files hold the bytes with a hash. It remembers the files
// that did, so that a file is read again only if it was changed since. The zero
// value is ready to use.
type verifier struct {
	mu       sync.Mutex
	right    map[metastore.Hash]identity
	checking map[metastore.Hash]chan struct{} // closed when the check is over
}

// identity is what changes when a file's content is changed by ordinary means.
type identity struct {
	device, inode uint64
	size          int64
	modified      int64 // nanoseconds
	changed       int64 // nanoseconds
}

// maxRemembered bounds what a verifier remembers.
const maxRemembered = 1 << 14

// trust remembers that the file at path is right.
func (v *verifier) trust(h metastore.Hash, path string) {
	if st, err := os.Stat(path); err == nil {
		v.remember(h, identityOf(st))
	}
}

func (v *verifier) remember(h metastore.Hash, id identity) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.right == nil || len(v.right) >= maxRemembered {
		v.right = make(map[metastore.Hash]identity)
	}
	v.right[h] = id
}

// verify returns a fault of kind Corrupt if the file at path does not hold the bytes
// with hash h. Of those who ask for the same file at once, one reads it.
func (v *verifier) verify(ctx context.Context, h metastore.Hash, path string) error {
	for {
		st, err := os.Stat(path)
		if err != nil {
			return fault.Of("read value", path, err)
		}
		v.mu.Lock()
		if id, ok := v.right[h]; ok && id == identityOf(st) {
			v.mu.Unlock()
			return nil
		}
		other := v.checking[h]
		if other == nil {
			if v.checking == nil {
				v.checking = make(map[metastore.Hash]chan struct{})
			}
			over := make(chan struct{})
			v.checking[h] = over
			v.mu.Unlock()

			err := v.check(ctx, h, path)
			v.mu.Lock()
			delete(v.checking, h)
			v.mu.Unlock()
			close(over)
			return err
		}
		v.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return fault.Of("read value", path, ctx.Err())
		}
	}
}

func (v *verifier) check(ctx context.Context, h metastore.Hash, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.Of("read value", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fault.Of("read value", path, err)
	}
	got := sha256.New()
	if _, err := io.CopyBuffer(got, onlyReader{ctx, f}, make([]byte, min(chunk, st.Size()+1))); err != nil {
		return fault.Of("read value", path, err)
	}
	if sum(got) != h {
		return corrupt(h, path)
	}
	v.remember(h, identityOf(st))
	return nil
}
