// Package codepack takes the code of a run along: the source files of the
// flow's folder as one compressed archive, and the git commit they are at.
//
// A package is a tar archive, compressed with zstd, of the files whose names end
// in one of a list of suffixes. The same files give the same bytes and so the
// same hash: entries are sorted by path and carry no owner and no times, only
// whether a file may be executed. Left out are hidden files and folders,
// __pycache__, node_modules, site-packages, and virtual environments (folders
// with a pyvenv.cfg or a conda-meta).
//
// Taking the code must never end or delay a run. It is in two stages, both fast:
// [List] walks the folder, [Listing.Pack] reads and compresses; both are bounded
// by limits on directory entries and bytes. Beyond a limit there is no package
// but a note that names what is large and what to do. A file that cannot be read
// is left out and noted. Errors are for a cancelled context and a missing folder.
//
// A flow may name files and folders from elsewhere: see [Source]. Where the flow's
// folder has a file of the same name, that one is taken.
//
// Links to files are followed. So are links to folders, except to one that holds
// the link itself, but not further links below them, and only while they are
// small, each and together: a link is how data sets come into a project too.
package codepack

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/fault"
)

// DefaultSuffixes are the ends of names of the files that are taken.
const DefaultSuffixes = ".py,.R,.RDS"

// The limits that hold if [Options] names none.
const (
	DefaultMaxBytes   = 100 << 20
	DefaultMaxEntries = 20_000
)

// Options say what to take.
type Options struct {
	Dir        string   // the flow's folder
	Suffixes   []string // of file names; nil for [DefaultSuffixes]
	Include    []string // paths below Dir, with slashes, that are taken whatever their suffix, such as the flow's file
	Sources    []Source // from elsewhere
	MaxBytes   int64    // of all files together; 0 for [DefaultMaxBytes]
	MaxEntries int      // directory entries looked at; 0 for [DefaultMaxEntries]
}

// Source is a file or a folder from elsewhere that is taken along.
type Source struct {
	Path     string   // where it is
	Name     string   // in the package, with slashes
	Suffixes []string // of a folder's files; nil for [DefaultSuffixes]. A file is taken whatever its suffix
}

// maxNames is how many of the files and links that are left out a note names.
const maxNames = 5

// ParseSuffixes splits a list such as ".py,.sql".
func ParseSuffixes(list string) []string {
	out := []string{}
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// File is a file that a listing found.
type File struct {
	Path       string // in the package, with slashes
	Size       int64
	Executable bool

	at string // where it is
}

// Listing is what of a folder is to be packed.
type Listing struct {
	Files []File // sorted by path
	Bytes int64
	Note  string // why no package will be taken, or what was left out; usually empty
	Over  bool   // a limit was exceeded: there will be no package

	dir string // the flow's folder
	max int64
}

// Package is the code of a run.
type Package struct {
	Data  []byte // tar, zstd; nil if none was taken
	Files int
	Bytes int64  // of the files
	Note  string // why none was taken, or what was left out, for the user; usually empty
}

// Pack lists and packs in one go.
func Pack(ctx context.Context, o Options) (*Package, error) {
	l, err := List(ctx, o)
	if err != nil {
		return nil, err
	}
	return l.Pack(ctx)
}

// Pack reads the listed files and returns the package.
func (l *Listing) Pack(ctx context.Context) (*Package, error) {
	p := &Package{Note: l.Note}
	if l.Over {
		return p, nil
	}
	contents, notes, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	archive.Grow(int(l.Bytes) + 1024*(len(l.Files)+2))
	w := tar.NewWriter(&archive)
	for i, f := range l.Files {
		if contents[i] == nil {
			continue
		}
		mode := int64(0o644)
		if f.Executable {
			mode = 0o755
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: mode, Size: int64(len(contents[i]))}
		if err := w.WriteHeader(h); err != nil {
			notes = append(notes, f.Path+": "+err.Error())
			continue
		}
		if _, err := w.Write(contents[i]); err != nil {
			return nil, fault.Wrap(fault.Internal, "pack code", err)
		}
		p.Files++
		p.Bytes += int64(len(contents[i]))
		contents[i] = nil
	}
	if err := w.Close(); err != nil {
		return nil, fault.Wrap(fault.Internal, "pack code", err)
	}
	// One goroutine: the bytes must not depend on the machine.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "pack code", err)
	}
	p.Data = enc.EncodeAll(archive.Bytes(), nil)
	p.Note = join(p.Note, leftOut(notes))
	return p, nil
}

// leftOut is the note for files that cannot be read, each with the reason; "" if there are none.
func leftOut(files []string) string {
	if len(files) == 0 {
		return ""
	}
	slices.Sort(files)
	more := ""
	if n := len(files); n > maxNames {
		files, more = files[:maxNames], fmt.Sprintf(" and %d more", n-maxNames)
	}
	return "Left out of the code package: " + strings.Join(files, "; ") + more + "."
}

// reason is what is wrong with a file, without its name.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// read returns the contents of the listed files, nil for one that cannot be read.
func (l *Listing) read(ctx context.Context) (contents [][]byte, notes []string, err error) {
	contents = make([][]byte, len(l.Files))
	var mu sync.Mutex
	var wg sync.WaitGroup
	var next, total atomic.Int64
	total.Store(l.Bytes)
	for range min(4, runtime.GOMAXPROCS(0), 1+len(l.Files)/64) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(l.Files) {
					return
				}
				f := l.Files[i]
				b, err := readFile(f.at, f.Size)
				// A file may have grown since it was listed, but not without end.
				if err == nil && total.Add(int64(len(b))-f.Size) > 2*l.max {
					err = errors.New("it has grown")
				}
				if err != nil {
					mu.Lock()
					notes = append(notes, f.Path+": "+reason(err))
					mu.Unlock()
					continue
				}
				contents[i] = b
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, nil, fault.Wrap(fault.Interrupted, "pack code", err)
	}
	return contents, notes, nil
}

// readFile reads a file of an expected size; never nil without an error.
func readFile(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 0, size+1)
	for {
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			if int64(len(b)) > 2*size+1<<20 {
				return nil, errors.New("it grows while it is read")
			}
			b = append(b, 0)[:len(b)]
		}
	}
}

// overBytes is the note for a package that would be too large.
func (l *Listing) overBytes() string {
	largest := slices.Clone(l.Files)
	slices.SortStableFunc(largest, func(a, b File) int { return cmp.Compare(b.Size, a.Size) })
	var names []string
	for _, f := range largest[:min(3, len(largest))] {
		names = append(names, fmt.Sprintf("%s (%s)", f.Path, size(f.Size)))
	}
	return fmt.Sprintf("No code package was taken: the files in %s come to %s, the limit is %s. Largest: %s. "+
		"Move data out of the flow's folder, or include fewer kinds of file with --package-suffixes.",
		l.dir, size(l.Bytes), size(l.max), strings.Join(names, ", "))
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}
