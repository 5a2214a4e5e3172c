package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

var _ blob.Reclaimer = (*Bucket)(nil)

// Renew dates a key's file anew.
func (b *Bucket) Renew(ctx context.Context, key string) error {
	const op = "renew"
	if err := b.check(ctx, op, key); err != nil {
		return err
	}
	unlock, err := b.lock(false)
	if err == nil {
		defer unlock()
		err = b.renew(b.path(key))
	}
	return fault.Of(op, key, err)
}

// renew dates a stored file anew. The bucket is locked.
func (b *Bucket) renew(path string) error {
	err := os.Chtimes(path, time.Time{}, blob.Now())
	if errors.Is(err, fs.ErrPermission) {
		return b.replace(path) // only the owner of a file may date it
	}
	return err
}

// replace puts a copy of our own in the place of a file that belongs to somebody else.
func (b *Bucket) replace(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := b.create()
	if err != nil {
		return err
	}
	defer to.Close()
	_, err = io.Copy(to, from)
	if err == nil {
		err = finish(to)
	}
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		os.Remove(to.Name())
	}
	return err
}

// Reclaim calls f while nobody puts or renews.
func (b *Bucket) Reclaim(ctx context.Context, f func(blob.Deleter) error) error {
	if err := ctx.Err(); err != nil {
		return fault.Of("reclaim", b.root, err)
	}
	if _, err := os.Stat(b.root); errors.Is(err, fs.ErrNotExist) {
		return f(func(string, time.Time) (int64, error) { return 0, nil })
	}
	unlock, err := b.lock(true)
	if err != nil {
		return fault.Of("reclaim", b.root, err)
	}
	defer unlock()
	return f(func(key string, unless time.Time) (int64, error) {
		if err := b.check(ctx, "delete", key); err != nil {
			return 0, err
		}
		path := b.path(key)
		st, err := lookAnew(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !unless.IsZero() && !st.ModTime().Before(unless) {
			return 0, nil
		}
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fault.Of("delete", path, err)
		}
		return st.Size(), nil
	})
}

// lookAnew returns what the server of a network file system says of a file that is opened, where what this machine
// remembers of it may be a minute old.
func lookAnew(path string) (fs.FileInfo, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return os.Lstat(path) // another user's, which only he may read
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// lock locks the bucket: shared by those who put and renew, alone by one who deletes. The operating system gives the
// lock up when its process ends, however that ends. It is on a file, since network file systems tell other machines
// of no lock on a folder. Where the file system has no locks, sharing goes without, and nobody can have it alone.
func (b *Bucket) lock(alone bool) (unlock func(), err error) {
	path := filepath.Join(b.root, layout.Temporary, "lock")
	if err := b.makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, denied := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666) // NFS wants a file that may be written, to have it alone
	err = denied
	if errors.Is(denied, fs.ErrPermission) {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, err
	}
	if err := flock(f, alone); err != nil {
		f.Close()
		if !alone {
			return func() {}, nil
		}
		if denied != nil {
			return nil, denied
		}
		return nil, fault.New(fault.Unavailable, "the file system cannot lock files, so values that are about to be used cannot be told from those that nothing needs").
			On(path).Because(err).Do("Mount the file system with locks, or put the store on another one.")
	}
	return func() { f.Close() }, nil
}
