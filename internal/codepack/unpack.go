package codepack

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/fault"
)

// The limits of [Unpack], which no package of [Pack] with the default limits exceeds.
const (
	maxUnpackBytes = 4 << 30
	maxUnpackFiles = 1_000_000
)

// Unpack writes the files of a package below dir, which is made if it is not
// there, and returns how many there were. Files that exist are replaced. Nothing
// is written outside dir, whatever the package says: a path that leads out of it,
// and an entry that is not a file, is a fault of kind Corrupt.
func Unpack(r io.Reader, dir string) (int, error) {
	dec, err := decompress(r)
	if err != nil {
		return 0, err
	}
	defer dec.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, writeFault(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, writeFault(dir, err)
	}
	defer root.Close()
	tr := tar.NewReader(dec)
	var files int
	left := int64(maxUnpackBytes)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return files, corrupt("", err)
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || name == "." || !filepath.IsLocal(filepath.FromSlash(name)) {
			return files, corrupt(h.Name, errors.New("it is not a file below the folder"))
		}
		if files++; files > maxUnpackFiles || h.Size > left {
			return files, corrupt(h.Name, errTooLarge)
		}
		left -= h.Size
		if err := unpackFile(root, name, h, tr); err != nil {
			var fe *fault.Error
			if errors.As(err, &fe) {
				return files, err
			}
			return files, writeFault(filepath.Join(dir, name), err)
		}
	}
}

func decompress(r io.Reader) (*zstd.Decoder, error) {
	dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "unpack code", err)
	}
	return dec, nil
}

// Tar returns a package as a plain tar archive, for readers without zstd. Closing it closes r.
func Tar(r io.ReadCloser) (io.ReadCloser, error) {
	dec, err := decompress(r)
	if err != nil {
		r.Close()
		return nil, err
	}
	return &plainTar{dec: dec, src: r}, nil
}

type plainTar struct {
	dec *zstd.Decoder
	src io.Closer
	n   int64
}

func (t *plainTar) Read(p []byte) (int, error) {
	n, err := t.dec.Read(p)
	if t.n += int64(n); t.n > maxUnpackBytes {
		return 0, corrupt("", errTooLarge)
	}
	if err != nil && err != io.EOF {
		err = corrupt("", err)
	}
	return n, err
}

func (t *plainTar) Close() error {
	t.dec.Close()
	return t.src.Close()
}

func unpackFile(root *os.Root, name string, h *tar.Header, r io.Reader) error {
	local := filepath.FromSlash(name)
	if parent := filepath.Dir(local); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	mode := os.FileMode(0o644)
	if h.Mode&0o100 != 0 {
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
	in := &readErr{r: r}
	_, err = io.Copy(f, in)
	err = errors.Join(err, f.Close())
	if in.err != nil {
		return corrupt(name, in.err)
	}
	return err
}

// readErr remembers that reading failed, to tell it from a failure to write.
type readErr struct {
	r   io.Reader
	err error
}

func (r *readErr) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func corrupt(name string, err error) error {
	e := fault.New(fault.Corrupt, "the code package cannot be read").Because(err)
	e.Op, e.Subject = "unpack code", name
	return e
}

func writeFault(path string, err error) error {
	kind := fault.Internal
	switch {
	case errors.Is(err, os.ErrPermission):
		kind = fault.Permission
	case isNoSpace(err):
		kind = fault.NoSpace
	}
	return &fault.Error{Kind: kind, Op: "unpack code", Subject: path, Cause: err}
}
