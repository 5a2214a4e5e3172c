package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

// Whoever writes a file holds a lock on it. The operating system gives that up when its process ends, however that
// ends: one without a lock is abandoned, whatever its age, and may be removed beside those who write. Where there are
// no locks, and in versions before these, the name is another, and only the age of a file tells.
const (
	locked   = "part-"
	unlocked = "put-"
)

var _ blob.Sweeper = (*Bucket)(nil)

// create makes a file that is going to be written.
func (b *Bucket) create() (*os.File, error) {
	dir := filepath.Join(b.root, layout.Temporary)
	if err := b.makeFolder(dir); err != nil {
		return nil, err
	}
	for {
		f, err := os.CreateTemp(dir, locked+"*")
		if err != nil {
			return nil, err
		}
		if flock(f, true) != nil {
			f.Close()
			os.Remove(f.Name())
			return os.CreateTemp(dir, unlocked+"*")
		}
		if there(f) {
			return f, nil
		}
		f.Close() // it was taken for an abandoned one before it was locked
	}
}

// there reports whether an open file still has its name.
func there(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(mine, named)
}

// Parts lists the unfinished files.
func (b *Bucket) Parts(ctx context.Context) ([]blob.Part, error) {
	const op = "look for unfinished files"
	root := filepath.Join(b.root, layout.Temporary)
	if err := ctx.Err(); err != nil {
		return nil, fault.Of(op, root, err)
	}
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Of(op, root, err)
	}
	var parts []blob.Part
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !st.Mode().IsRegular() {
			continue // it has just gone, or is none of ours
		}
		p := blob.Part{Name: e.Name(), Bytes: st.Size(), Changed: st.ModTime()}
		switch {
		case strings.HasPrefix(e.Name(), locked):
			p.Writer = writer(filepath.Join(root, e.Name()))
		case !strings.HasPrefix(e.Name(), unlocked):
			continue
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// writer finds out whether somebody writes a file.
func writer(path string) blob.Writer {
	f, err := os.Open(path)
	if err != nil {
		return blob.Unknown
	}
	defer f.Close()
	switch ok, err := tryFlock(f, false); {
	case err != nil:
		return blob.Unknown
	case !ok:
		return blob.Alive
	}
	return blob.Gone
}

// Discard removes an unfinished file.
func (b *Bucket) Discard(ctx context.Context, p blob.Part) (bool, error) {
	const op = "remove an unfinished file"
	path := filepath.Join(b.root, layout.Temporary, filepath.Base(p.Name))
	if err := ctx.Err(); err != nil {
		return false, fault.Of(op, path, err)
	}
	// It may be complete, and thus read-only. Its writer has it alone, so trying to share it finds that out, for which
	// also NFS wants no more than a file that may be read.
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		if ok, err := tryFlock(f, false); err == nil && !ok {
			return false, nil
		}
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // somebody else did
	}
	return err == nil, fault.Of(op, path, err)
}
