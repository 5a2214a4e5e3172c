package datastore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
)

// Bytes returns the bytes of an artifact. Corrupt if they are not what was stored,
// NotFound if they are nowhere.
func (s *Store) Bytes(ctx context.Context, a metastore.Artifact) ([]byte, error) {
	if a.Inline == nil {
		return s.Blob(ctx, a.Hash)
	}
	if sha256.Sum256(a.Inline) != a.Hash {
		return nil, corrupt(a.Hash, "the record of artifact "+a.Name)
	}
	if ref, ok := Elsewhere(a); ok {
		return ref.Value(a.Size)
	}
	return a.Inline, nil
}

// Elsewhere returns where the bytes of an artifact are if Metaflow keeps them: the record then has that in place of the
// bytes, and Size is the number of the bytes, 0 if that is not known. An artifact whose bytes look like a reference is
// not taken for one, since its Size is that of what is in its record.
func Elsewhere(a metastore.Artifact) (mfdata.Reference, bool) {
	if a.Inline == nil || a.Size == int64(len(a.Inline)) {
		return mfdata.Reference{}, false
	}
	return mfdata.ParseReference(a.Inline)
}

// Blob returns the bytes with a hash, wherever they are. Corrupt if they are not
// what was stored, NotFound if they are nowhere.
func (s *Store) Blob(ctx context.Context, h metastore.Hash) ([]byte, error) {
	data, err := s.smallBlob(ctx, h)
	if !fault.Is(err, fault.NotFound) {
		return data, err
	}
	err = twice(func() error {
		src, size, err := s.open(ctx, h)
		if err != nil {
			return err
		}
		defer src.Close()
		buf := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
		_, err = buf.ReadFrom(src)
		data = buf.Bytes()
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// errGivenUp is why bytes are there no more, in a bucket that keeps copies.
var errGivenUp = errors.New("it was a copy, which is removed now")

// giveUp removes a copy, if it is one, that err finds to be damaged.
func (s *Store) giveUp(key string, err error) error {
	var f *fault.Error
	c, ok := s.bucket.(blob.Cache)
	if !ok || !fault.Is(err, fault.Corrupt) || !errors.As(err, &f) || !c.GiveUp(key) {
		return err
	}
	return f.Because(errGivenUp).Do("try again: it is fetched anew; if that is damaged, too, run `levada doctor` in the server's folder")
}

// twice calls f once more if it met a copy that was given up.
func twice(f func() error) error {
	err := f()
	if errors.Is(err, errGivenUp) {
		err = f()
	}
	return err
}

// smallBlob returns bytes from the database.
func (s *Store) smallBlob(ctx context.Context, h metastore.Hash) ([]byte, error) {
	data, err := s.small.Blob(ctx, h)
	if err == nil && sha256.Sum256(data) != h {
		return nil, corrupt(h, "the database")
	}
	return data, err
}

// Reader returns a reader of the bytes with a hash, wherever they are. It verifies
// while it reads: in place of io.EOF it gives a fault of kind Corrupt if what it
// gave is not what was stored. NotFound if the bytes are nowhere.
func (s *Store) Reader(ctx context.Context, h metastore.Hash) (io.ReadCloser, error) {
	src, _, err := s.open(ctx, h)
	if !fault.Is(err, fault.NotFound) {
		return src, err
	}
	data, err := s.smallBlob(ctx, h)
	if fault.Is(err, fault.NotFound) {
		return nil, missing(h)
	}
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Open returns a reader of the bytes of an artifact, like [Store.Reader].
func (s *Store) Open(ctx context.Context, a metastore.Artifact) (io.ReadCloser, error) {
	if a.Inline == nil {
		return s.Reader(ctx, a.Hash)
	}
	data, err := s.Bytes(ctx, a)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Size returns how many bytes are stored of a blob: compressed ones, where they are. NotFound.
func (s *Store) Size(ctx context.Context, h metastore.Hash) (int64, error) {
	data, err := s.smallBlob(ctx, h)
	if !fault.Is(err, fault.NotFound) {
		return int64(len(data)), err
	}
	at, err := s.find(ctx, h)
	if err == nil && at.key == "" {
		err = missing(h)
	}
	return at.size, err
}

// open returns a verifying reader of a blob in the bucket and about how large it is.
func (s *Store) open(ctx context.Context, h metastore.Hash) (io.ReadCloser, int64, error) {
	at, err := s.find(ctx, h)
	if err != nil {
		return nil, 0, err
	}
	if at.key == "" {
		return nil, 0, missing(h)
	}
	src, err := s.read(ctx, h, at)
	return src, at.size, err
}

// read returns a verifying reader of what the bucket has of a blob.
func (s *Store) read(ctx context.Context, h metastore.Hash, at stored) (io.ReadCloser, error) {
	raw, err := s.bucket.Open(ctx, at.key)
	if err != nil {
		return nil, err
	}
	v := &verifying{
		raw: raw, plain: raw, hash: sha256.New(), want: h, where: s.where(ctx, at.key),
		damaged: func(err error) error { return s.giveUp(at.key, err) },
	}
	if at.compressed {
		if v.plain, err = decompressing(raw); err != nil {
			raw.Close()
			return nil, err
		}
	}
	return v, nil
}

// verifying is a reader that compares what it has read with a hash at the end.
type verifying struct {
	raw   io.Closer     // the stored bytes
	plain io.ReadCloser // the same as raw, or what decompresses it
	hash  hash.Hash
	want  metastore.Hash
	where string

	damaged func(err error) error // is told that it is not what was stored
}

func (v *verifying) Read(p []byte) (int, error) {
	n, err := v.plain.Read(p)
	v.hash.Write(p[:n])
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		if unread(err) {
			return n, fault.Of("read value", v.where, err)
		}
		return n, v.damaged(corrupt(v.want, v.where).Because(err)) // it does not decompress
	case sum(v.hash) != v.want:
		return n, v.damaged(corrupt(v.want, v.where))
	}
	return n, io.EOF
}

// unread reports whether an error says that bytes could not be read: by the operating system, or by a bucket, which
// says so with a fault. Others say that what was read cannot be right.
func unread(err error) bool {
	var path *os.PathError
	var known *fault.Error
	return errors.As(err, &path) || errors.As(err, &known)
}

func (v *verifying) Close() error {
	err := v.plain.Close()
	if v.plain != v.raw {
		err = errors.Join(err, v.raw.Close())
	}
	return err
}

// File returns the path of the file that holds the bytes with a hash, verified, if
// they are stored plain in a file. If plain is false they must be read with Reader.
// Corrupt if the file's bytes are not what was stored, NotFound if they are nowhere
// in the bucket. The file must not be written to.
func (s *Store) File(ctx context.Context, h metastore.Hash) (path string, plain bool, err error) {
	err = twice(func() (err error) {
		path, plain, err = s.file(ctx, h)
		return err
	})
	return path, plain, err
}

func (s *Store) file(ctx context.Context, h metastore.Hash) (path string, plain bool, err error) {
	at, err := s.find(ctx, h)
	if err != nil {
		return "", false, err
	}
	if at.key == "" {
		return "", false, missing(h)
	}
	l, ok := s.bucket.(blob.Locator)
	if !ok || at.compressed {
		return "", false, nil
	}
	path, err = l.Path(ctx, at.key)
	if err != nil {
		return "", false, err
	}
	if err := s.files.verify(ctx, h, path); err != nil {
		return "", false, s.giveUp(at.key, err)
	}
	return path, true, nil
}

// trust remembers that a plain file that this process has just stored is right.
func (s *Store) trust(ctx context.Context, h metastore.Hash) {
	if l, ok := s.bucket.(blob.Locator); ok {
		if path, err := l.Path(ctx, keyOf(h)); err == nil {
			s.files.trust(h, path)
		}
	}
}
