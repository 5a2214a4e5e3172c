package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
)

// DefaultCacheSize is the bound of the values that are kept of servers on this machine.
const DefaultCacheSize = 10 << 30

// cache keeps values that were sent or fetched, as files by key, and beside them what
// engines of this machine write while they run:
//
//	values/blobs/ab/cdef…   what was sent or fetched
//	home/12ab…              for each server, what engines write that record there: staging and logs, as in a store
//	incoming/               values on their way
//
// It is shared by all processes of the user; keys are hashes of the content, so it does not matter who put a value
// there, and which server it is from. When it is larger than its bound, what was not used for longest goes. A file that
// a task reads at that moment stays readable: its name goes, not it.
type cache struct {
	dir, home string
	limit     int64

	mu    sync.Mutex
	grown int64 // bytes that came since it was last looked at
}

func openCache(dir, server string, limit int64) (*cache, error) {
	if limit <= 0 {
		limit = DefaultCacheSize
	}
	name := sha256.Sum256([]byte(server))
	c := &cache{dir: dir, home: filepath.Join(dir, "home", hex.EncodeToString(name[:8])), limit: limit}
	for _, d := range []string{filepath.Join(dir, "values"), filepath.Join(dir, "incoming"), c.home} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fault.Of("make the cache of the server's values", d, err)
		}
	}
	return c, nil
}

func (c *cache) path(key string) string {
	return filepath.Join(c.dir, "values", filepath.FromSlash(key))
}

func (c *cache) temporary() (*os.File, error) {
	f, err := os.CreateTemp(filepath.Join(c.dir, "incoming"), "value-*")
	if err != nil {
		return nil, fault.Of("keep a value on its way", c.dir, err)
	}
	return f, nil
}

// find returns where a value is, and notes that it is used. An empty file is what a loss of power may leave of one.
func (c *cache) find(key string) (string, bool) {
	path := c.path(key)
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 {
		return "", false
	}
	// The access time: the other one is part of what tells that a file was verified.
	if now := time.Now(); now.Sub(accessed(st)) > time.Minute {
		_ = os.Chtimes(path, now, st.ModTime())
	}
	return path, true
}

// take moves a file, which must be on the same file system, to the cache. Its bytes are on the disk before it has its
// name there: after a loss of power, a part of it would be taken for the value. It replaces what others fetched
// meanwhile, which is the same.
func (c *cache) take(key, path string) error {
	st, err := synced(path)
	if err != nil {
		return fault.Of("keep a value", path, err)
	}
	to := c.path(key)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fault.Of("keep a value", to, err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		return fault.Of("keep a value", path, err)
	}
	if err := os.Rename(path, to); err != nil {
		return fault.Of("keep a value", to, err)
	}
	c.mu.Lock()
	c.grown += st.Size()
	trim := c.grown > c.limit/20
	if trim {
		c.grown = 0
	}
	c.mu.Unlock()
	if trim {
		c.trim()
	}
	return nil
}

// sent is take for a file that was sent to the server. What is there under its key is kept if it is the same, since
// others may be reading it. If not, it is damaged, or the server had the key with other bytes before: what the server
// has will be fetched.
func (c *cache) sent(key, path string) error {
	same, err := sameBytes(c.path(key), path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.take(key, path)
	case err != nil || !same:
		_ = os.Remove(c.path(key))
	}
	return fault.Of("keep a value", path, os.Remove(path))
}

// sameBytes reports whether two files have the same bytes. They are read as far as they are the same.
func sameBytes(one, other string) (bool, error) {
	var files [2]*os.File
	var sizes [2]int64
	for i, path := range []string{one, other} {
		f, err := os.Open(path)
		if err != nil {
			return false, err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return false, err
		}
		files[i], sizes[i] = f, st.Size()
	}
	if sizes[0] != sizes[1] {
		return false, nil
	}
	var parts [2][]byte
	for i := range parts {
		parts[i] = make([]byte, 256<<10)
	}
	for left := sizes[0]; left > 0; {
		n := min(left, int64(len(parts[0])))
		for i, f := range files {
			if _, err := io.ReadFull(f, parts[i][:n]); err != nil {
				return false, err
			}
		}
		if !bytes.Equal(parts[0][:n], parts[1][:n]) {
			return false, nil
		}
		left -= n
	}
	return true, nil
}

// synced returns what is known of a file whose bytes are on the disk then.
func synced(path string) (fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return f.Stat()
}

// kept is a file of the cache.
type kept struct {
	path string
	size int64
	used time.Time
}

// trim removes what was not used for longest until the cache is within its bound.
func (c *cache) trim() {
	var files []kept
	var sum int64
	_ = filepath.WalkDir(filepath.Join(c.dir, "values"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has just gone
		}
		if st, err := d.Info(); err == nil && st.Mode().IsRegular() {
			files = append(files, kept{path, st.Size(), accessed(st)})
			sum += st.Size()
		}
		return nil
	})
	if sum <= c.limit {
		return
	}
	slices.SortFunc(files, func(a, b kept) int { return a.used.Compare(b.used) })
	now := time.Now()
	for _, f := range files {
		// A value that came just now is about to be used.
		if sum <= c.limit*9/10 || now.Sub(f.used) < justUsed {
			break
		}
		if os.Remove(f.path) == nil {
			sum -= f.size
		}
	}
}

// justUsed is for how long a value is not removed after its last use, however full the cache
// is: a task may have been told its path.
const justUsed = 5 * time.Minute

// abandoned is after what time what nobody has touched is what a dead process left.
const abandoned = 24 * time.Hour

// close leaves the cache within its bound, and without what dead processes left: values on their way, and logs of runs
// that nobody could end, whose folders living ones keep touching.
func (c *cache) close() {
	c.mu.Lock()
	grown := c.grown
	c.mu.Unlock()
	if grown > 0 {
		c.trim()
	}
	for _, left := range []string{"incoming/*", "home/*/" + layout.Logs + "/*"} {
		paths, _ := fs.Glob(os.DirFS(c.dir), left)
		for _, path := range paths {
			path = filepath.Join(c.dir, path)
			if st, err := os.Stat(path); err == nil && time.Since(st.ModTime()) > abandoned {
				os.RemoveAll(path)
			}
		}
	}
}
