package codepack

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"

	"github.com/levadahq/levada/internal/fault"
)

// The limits of [Unpack], which no package of [Pack] with the default limits exceeds.
const (
	maxUnpackBytes = 4 << 30
	maxUnpackFiles = 1_000_000
)

// Entry is a file of a package. Its bytes are read from it before the next entry is asked for.
type Entry struct {
	io.Reader
	Path       string // below the folder, with slashes, clean
	Size       int64
	Executable bool
}

// Walk yields the files of a package, in the order of their paths. A path that leads out of the folder, an entry
// that is not a file, more than a package can hold, and what is not a package are faults of kind Corrupt.
func Walk(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		dec, err := decompress(r)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer dec.Close()
		WalkTar(dec)(yield)
	}
}

// WalkTar is [Walk] for what [Tar] gives.
func WalkTar(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		tr := tar.NewReader(r)
		files, left := 0, int64(maxUnpackBytes)
		for {
			h, err := tr.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Entry{}, corrupt("", err))
				return
			}
			name := path.Clean(h.Name)
			if h.Typeflag != tar.TypeReg || name == "." || !filepath.IsLocal(filepath.FromSlash(name)) {
				yield(Entry{}, corrupt(h.Name, errors.New("it is not a file below the folder")))
				return
			}
			if files++; files > maxUnpackFiles || h.Size > left {
				yield(Entry{}, corrupt(h.Name, errTooLarge))
				return
			}
			left -= h.Size
			in := &entryReader{r: tr, name: name}
			if !yield(Entry{Reader: in, Path: name, Size: h.Size, Executable: h.Mode&0o100 != 0}, nil) {
				return
			}
		}
	}
}

// Unpack writes the files of a package below dir, which is made if it is not
// there, and returns how many there were. Files that exist are replaced. Nothing
// is written outside dir, whatever the package says: see [Walk] for what is refused.
func Unpack(r io.Reader, dir string) (int, error) { return Write(Walk(r), dir) }

// Fresh says whether dir is one to unpack into: Conflict if there is something in it. It need not be there.
func Fresh(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return fault.New(fault.Conflict, "the folder is not empty").On(dir).Do("name one that is empty or does not exist; nothing is overwritten")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Of("unpack code", dir, err)
	}
	return nil
}

// Write is [Unpack] for files that come from [Walk] or [WalkTar].
func Write(all iter.Seq2[Entry, error], dir string) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, fault.Of("unpack code", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, fault.Of("unpack code", dir, err)
	}
	defer root.Close()
	var files int
	for e, err := range all {
		if err != nil {
			return files, err
		}
		files++
		if err := unpackFile(root, e); err != nil {
			var fe *fault.Error
			if errors.As(err, &fe) {
				return files, err
			}
			return files, fault.Of("unpack code", filepath.Join(dir, e.Path), err)
		}
	}
	return files, nil
}

func unpackFile(root *os.Root, e Entry) error {
	local := filepath.FromSlash(e.Path)
	if parent := filepath.Dir(local); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	mode := os.FileMode(0o644)
	if e.Executable {
		mode = 0o755
	}
	// Not written through what is there: it may be a link, or shared by one.
	if err := root.Remove(local); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, e)
	return errors.Join(err, f.Close())
}

// entryReader makes a failure to read what it is, to tell it from a failure to write.
type entryReader struct {
	r    io.Reader
	name string
}

func (r *entryReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = corrupt(r.name, err)
	}
	return n, err
}

func corrupt(name string, err error) error {
	e := fault.New(fault.Corrupt, "the code package cannot be read").Because(err)
	e.Op, e.Subject = "unpack code", name
	return e
}
