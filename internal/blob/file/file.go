// Package file is a bucket in a folder: the bytes of key "a/b" are in the file
// a/b. Bytes are written to a temporary file in the folder .tmp, made durable and
// then linked to their name, so a name never shows half of a file. Stored files
// are read-only.
package file

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

// Bucket is a bucket in a folder. All methods may be called concurrently, also by
// several processes with the same folder.
type Bucket struct {
	root string
	// durable has the folders that are known to survive a power cut.
	durable sync.Map
}

var (
	_ blob.Bucket    = (*Bucket)(nil)
	_ blob.FileTaker = (*Bucket)(nil)
	_ blob.Locator   = (*Bucket)(nil)
)

// New returns the bucket in a folder. The folder is created by the first Put.
func New(folder string) *Bucket { return &Bucket{root: folder} }

// Put stores what r yields.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader) error {
	const op = "store"
	if err := b.check(ctx, op, key); err != nil {
		return err
	}
	f, err := b.create()
	if err != nil {
		return fault.Of(op, key, err)
	}
	defer f.Close()
	from := &source{ctx: ctx, r: r}
	if _, err := io.Copy(f, from); err != nil {
		os.Remove(f.Name())
		if from.err != nil {
			return from.err
		}
		return fault.Of(op, f.Name(), err)
	}
	return b.keep(op, key, f)
}

// TakeFile moves the file at path to key.
func (b *Bucket) TakeFile(ctx context.Context, key, path string) error {
	const op = "take over file"
	if err := b.check(ctx, op, key); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fault.Of(op, path, err)
	}
	defer f.Close()
	return b.keep(op, key, f)
}

// keep makes a finished file durable and moves it to key.
func (b *Bucket) keep(op, key string, f *os.File) error {
	target := b.path(key)
	err := b.makeFolder(filepath.Dir(target))
	if err == nil {
		err = finish(f)
	}
	if err == nil {
		err = b.moveNew(f.Name(), target)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(target))
	}
	if err != nil {
		if filepath.Dir(f.Name()) == filepath.Join(b.root, layout.Temporary) {
			os.Remove(f.Name())
		}
		return fault.Of(op, target, err)
	}
	return nil
}

// finish dates a file that is complete, makes it read-only and durable.
func finish(f *os.File) error {
	err := os.Chtimes(f.Name(), time.Time{}, blob.Now())
	if err == nil {
		err = f.Chmod(0o444)
	}
	if err == nil {
		err = f.Sync()
	}
	return err
}

// moveNew renames a file unless there is one of the new name, in which case it renews that and removes the
// file.
func (b *Bucket) moveNew(from, to string) error {
	unlock, err := b.lock(false)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		err := os.Link(from, to)
		switch {
		case err == nil:
			return os.Remove(from)
		case errors.Is(err, fs.ErrExist):
		case errors.Is(err, fs.ErrNotExist):
			return err
		default:
			// A file system without hard links: there, two who store different bytes under
			// one key at the same moment may replace each other's.
			if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
				return os.Rename(from, to)
			}
		}
		switch err := b.renew(to); {
		case err == nil:
			return os.Remove(from)
		case !errors.Is(err, fs.ErrNotExist): // deleted just now: its place is free
			return err
		}
	}
}

// makeFolder creates a folder of the bucket and makes it durable.
func (b *Bucket) makeFolder(path string) error {
	if _, ok := b.durable.Load(path); ok {
		return nil
	}
	err := os.Mkdir(path, 0o777)
	if errors.Is(err, fs.ErrNotExist) {
		if err := b.makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o777)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Even if it was there: another process may have made it a moment ago.
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	b.durable.Store(path, true)
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Open returns the bytes of a key; they are an *os.File.
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	const op = "open"
	if err := b.check(ctx, op, key); err != nil {
		return nil, err
	}
	f, err := os.Open(b.path(key))
	if err != nil {
		return nil, fault.Of(op, key, err)
	}
	if st, err := f.Stat(); err != nil || st.IsDir() {
		f.Close()
		return nil, fault.Of(op, key, cmp.Or(err, fs.ErrNotExist))
	}
	return f, nil
}

// Stat returns the size of a key's bytes.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	const op = "look up"
	if err := b.check(ctx, op, key); err != nil {
		return 0, err
	}
	st, err := os.Stat(b.path(key))
	if err == nil && st.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, fault.Of(op, key, err)
	}
	return st.Size(), nil
}

// Path returns the file that holds a key's bytes.
func (b *Bucket) Path(ctx context.Context, key string) (string, error) {
	if _, err := b.Stat(ctx, key); err != nil {
		return "", err
	}
	return b.path(key), nil
}

// Delete removes a key.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	const op = "delete"
	if err := b.check(ctx, op, key); err != nil {
		return err
	}
	if err := os.Remove(b.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Of(op, key, err)
	}
	return nil
}

// List yields the keys that begin with prefix.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		b.list(ctx, "", prefix, yield)
	}
}

// list yields the keys in the folder dir ("" or ending in a slash) and tells
// whether to go on.
func (b *Bucket) list(ctx context.Context, dir, prefix string, yield func(string, error) bool) bool {
	err := ctx.Err()
	var entries []fs.DirEntry
	if err == nil {
		entries, err = os.ReadDir(b.path(dir))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		yield("", fault.Of("list", b.path(dir), err))
		return false
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."), e.Type()&fs.ModeSymlink != 0: // no bucket makes a link, and it may lead nowhere
		case e.IsDir():
			names = append(names, name+"/") // with the slash they sort as their keys do
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		key := dir + name
		isDir := strings.HasSuffix(name, "/")
		switch {
		case isDir && (strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key)):
			if !b.list(ctx, key, prefix, yield) {
				return false
			}
		case !isDir && strings.HasPrefix(key, prefix):
			if !yield(key, nil) {
				return false
			}
		}
	}
	return true
}

func (b *Bucket) path(key string) string { return filepath.Join(b.root, filepath.FromSlash(key)) }

func (b *Bucket) check(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return fault.Of(op, key, err)
	}
	return blob.CheckKey(key)
}

// source reads from r as long as ctx lasts and keeps r's error apart from the
// errors of writing.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = fault.Of("store", "", err)
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
