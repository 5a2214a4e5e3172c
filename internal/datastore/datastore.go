// Package datastore keeps values: the bytes of artifacts, foreach elements, code packages and definitions. A value is
// named by the SHA-256 of its uncompressed bytes, so the same bytes are stored once.
//
// # Where values are
//
// It depends on their size:
//
//   - up to metastore.InlineLimit bytes: in the artifact's record;
//   - up to [SmallLimit]: in the database;
//   - above: in the bucket, under "blobs/<2 hex>/<62 hex>" as they are or, if a sample shows that it pays,
//     zstd-compressed with ".zst" appended. (A file that is taken over goes to the bucket however small it is, unless
//     it fits in the record.)
//
// Reading verifies the hash. A mismatch is a fault of kind Corrupt that names the blob, never wrong bytes.
//
// A worker delivers large values as files in a staging folder on the bucket's file system, which are taken over by
// rename. A worker receives a large value as the path of the stored file, if that is not compressed. So a value of any
// size passes without a copy in the engine's memory.
//
// # What else is here
//
// [Layers] finds the artifacts that a task inherits. [Items] reads the elements of a foreach one by one.
// [Store.DeleteFiles] deletes blobs that no record refers to; collect.go explains why it never deletes one that
// somebody is about to refer to.
package datastore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
)

// SmallLimit is the size in bytes up to which a blob is kept in the database.
const SmallLimit = 64 << 10

// SmallBlobs reads the blobs that are kept in the database.
type SmallBlobs interface {
	// Blob returns the bytes of a blob, NotFound if it is not in the database.
	Blob(ctx context.Context, h metastore.Hash) ([]byte, error)
}

// Ref is how a record refers to stored bytes.
type Ref struct {
	Hash   metastore.Hash
	Size   int64  // of the plain bytes
	Inline []byte // the plain bytes if they are at most metastore.InlineLimit long, else nil
}

// Packing says whether a stored file may be compressed.
type Packing int

// The packings.
const (
	// MayCompress compresses bytes where a sample shows that it pays.
	MayCompress Packing = iota
	// Plain keeps bytes as they are, for files that are read in parts.
	Plain
)

// Store keeps values. All methods may be called concurrently.
type Store struct {
	small   SmallBlobs
	bucket  blob.Bucket
	staging string

	files verifier
}

// New returns a store of values over the database's blobs and a bucket. staging is
// the folder of unfinished files, on the same file system as the bucket's if that
// has one; it is created when first needed.
func New(small SmallBlobs, bucket blob.Bucket, staging string) *Store {
	return &Store{small: small, bucket: bucket, staging: staging}
}

// Apart returns the bytes that are in the Ref itself as a Blob, nil if there are
// none: not every record has room for them.
func (r Ref) Apart() *metastore.Blob {
	if r.Inline == nil {
		return nil
	}
	return &metastore.Blob{Hash: r.Hash, Data: r.Inline}
}

// Keep puts the bytes of an artifact where they belong by their number. It stores them in the bucket if they are many,
// and leaves the rest to the record that refers to them: see [Prepare].
func (s *Store) Keep(ctx context.Context, data []byte) (Ref, *metastore.Blob, error) {
	ref, blob := Prepare(data)
	if blob != nil || ref.Inline != nil {
		return ref, blob, nil
	}
	ref, err := s.Put(ctx, data)
	return ref, nil, err
}

// KeepApart is Keep for what is referred to by its hash alone, such as a card or
// a definition: few bytes are a Blob, too.
func (s *Store) KeepApart(ctx context.Context, data []byte) (Ref, *metastore.Blob, error) {
	ref, blob, err := s.Keep(ctx, data)
	if blob == nil {
		blob = ref.Apart()
	}
	return ref, blob, err
}

// Prepare says where bytes go. They are in the Ref itself if they are few, in a Blob
// to be put in the record that refers to them if there are at most [SmallLimit].
// If there are more, the Blob is nil too and they go to the bucket. Ref and Blob
// share memory with data.
func Prepare(data []byte) (Ref, *metastore.Blob) {
	ref := Ref{Hash: sha256.Sum256(data), Size: int64(len(data))}
	switch {
	case len(data) <= metastore.InlineLimit:
		ref.Inline = notNil(data)
		return ref, nil
	case len(data) <= SmallLimit:
		return ref, &metastore.Blob{Hash: ref.Hash, Data: data}
	}
	return ref, nil
}

// notNil makes sure that no bytes are an empty slice, which is how a record holds them.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Put stores bytes in the bucket. They are durable when it returns.
func (s *Store) Put(ctx context.Context, data []byte) (Ref, error) {
	ref := Ref{Hash: sha256.Sum256(data), Size: int64(len(data))}
	if there, err := s.Settle(ctx, ref); err != nil || there {
		return ref, err
	}
	pays, err := compressible(bytes.NewReader(data), ref.Size)
	if err != nil {
		return Ref{}, err
	}
	key := keyOf(ref.Hash)
	if pays {
		key += compressedSuffix
		if data, err = compressed(data); err != nil {
			return Ref{}, err
		}
	}
	return ref, s.bucket.Put(ctx, key, bytes.NewReader(data))
}

// keyOf returns the key under which plain bytes are stored.
func keyOf(h metastore.Hash) string {
	x := hex.EncodeToString(h[:])
	return valuesPrefix + x[:2] + "/" + x[2:]
}

const (
	valuesPrefix     = layout.Values + "/"
	compressedSuffix = ".zst"
)

// stored is what the bucket has of a blob.
type stored struct {
	key        string // "" if nothing
	size       int64  // of the stored bytes
	compressed bool
}

// Settler is what a bucket on another machine can do besides: say whether it has a blob as
// [Store.Settle] does, where the bytes are.
type Settler interface {
	Settle(ctx context.Context, ref Ref) (bool, error)
}

// Settle reports whether the bucket has a blob already, and then makes sure that it stays for whoever relies on it now.
// A copy that is damaged does not count: it is deleted, so that storing the bytes again mends it. To know that, it is
// read, which is what whoever asks for it next need not do then.
func (s *Store) Settle(ctx context.Context, ref Ref) (bool, error) {
	if b, ok := s.bucket.(Settler); ok {
		return b.Settle(ctx, ref)
	}
	for {
		old, err := s.find(ctx, ref.Hash)
		if err != nil || old.key == "" {
			return false, err
		}
		err = s.verify(ctx, ref.Hash, old)
		if err == nil {
			err = s.renew(ctx, ref.Hash, old)
		}
		switch {
		case fault.Is(err, fault.NotFound): // it was collected just now
			return false, nil
		case !fault.Is(err, fault.Corrupt):
			return err == nil, err
		}
		if err := s.drop(ctx, ref.Hash, old); err != nil {
			return false, err
		}
	}
}

// drop deletes a copy that was found to be damaged, unless it is right by now: somebody else may have found the same,
// stored the bytes again and rely on them. So it is looked at once more, at a moment when nobody stores.
func (s *Store) drop(ctx context.Context, h metastore.Hash, at stored) error {
	r, ok := s.bucket.(blob.Reclaimer)
	if !ok {
		return s.bucket.Delete(ctx, at.key)
	}
	err := r.Reclaim(ctx, func(remove blob.Deleter) error {
		err := s.verify(ctx, h, at)
		if fault.Is(err, fault.Corrupt) {
			_, err = remove(at.key, time.Time{})
		}
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case fault.Is(err, fault.Unavailable): // the file system has no locks
		return s.bucket.Delete(ctx, at.key)
	}
	return err
}

// verify returns a fault of kind Corrupt if what the bucket has of a blob is not what was stored.
func (s *Store) verify(ctx context.Context, h metastore.Hash, at stored) error {
	if l, ok := s.bucket.(blob.Locator); ok && !at.compressed {
		path, err := l.Path(ctx, at.key)
		if err != nil {
			return err
		}
		return s.files.verify(ctx, h, path) // remembers it for those who read it next
	}
	return s.verifyNow(ctx, h, at)
}

// find looks a blob up in the bucket.
func (s *Store) find(ctx context.Context, h metastore.Hash) (stored, error) {
	for _, suffix := range []string{"", compressedSuffix} {
		key := keyOf(h) + suffix
		size, err := s.bucket.Stat(ctx, key)
		if err == nil {
			return stored{key, size, suffix != ""}, nil
		}
		if !fault.Is(err, fault.NotFound) {
			return stored{}, err
		}
	}
	return stored{}, nil
}

// PutFile takes over the file at path, which must be complete and in the staging
// folder: stores its bytes unless they are already, and removes it. They are
// durable when it returns. The file must not be written to any more.
func (s *Store) PutFile(ctx context.Context, path string, p Packing) (Ref, error) {
	const op = "store file"
	f, err := os.Open(path)
	if err != nil {
		return Ref{}, fault.Of(op, path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Ref{}, fault.Of(op, path, err)
	}
	if st.Size() <= metastore.InlineLimit {
		data, err := io.ReadAll(f)
		if err == nil {
			err = os.Remove(path)
		}
		ref, _ := Prepare(data)
		return ref, fault.Of(op, path, err)
	}
	pays := false
	if p == MayCompress {
		if pays, err = compressible(f, st.Size()); err != nil {
			return Ref{}, fault.Of(op, path, err)
		}
	}
	var ref Ref
	if pays {
		ref, err = s.putCompressed(ctx, f)
	} else {
		ref, err = s.putPlain(ctx, f)
	}
	if err != nil {
		return Ref{}, fault.Of(op, path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Ref{}, fault.Of(op, path, err)
	}
	return ref, nil
}

// putPlain stores a file's bytes as they are. The disk is made to write them
// while they are hashed.
func (s *Store) putPlain(ctx context.Context, f *os.File) (Ref, error) {
	synced := make(chan error, 1)
	go func() { synced <- f.Sync() }()
	h := sha256.New()
	size, err := io.CopyBuffer(h, onlyReader{ctx, f}, make([]byte, chunk))
	if err := cmp.Or(<-synced, err); err != nil {
		return Ref{}, err
	}
	ref := Ref{Hash: sum(h), Size: size}
	if err := s.take(ctx, keyOf(ref.Hash), f.Name(), ref); err != nil {
		return Ref{}, err
	}
	return ref, nil
}

// putCompressed stores a file's bytes compressed. They are hashed meanwhile.
func (s *Store) putCompressed(ctx context.Context, f *os.File) (Ref, error) {
	// Beside the file, so that whoever removes what a dead engine left of it removes this too.
	out, err := os.CreateTemp(filepath.Dir(f.Name()), "compressed-*")
	if err != nil {
		return Ref{}, err
	}
	defer os.Remove(out.Name()) // fails if it was taken
	defer out.Close()
	h, size, err := compress(out, onlyReader{ctx, f})
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{Hash: h, Size: size}
	if err := s.take(ctx, keyOf(ref.Hash)+compressedSuffix, out.Name(), ref); err != nil {
		return Ref{}, err
	}
	return ref, nil
}

// take gives a finished file to the bucket unless it has the blob already.
func (s *Store) take(ctx context.Context, key, path string, ref Ref) error {
	if there, err := s.Settle(ctx, ref); err != nil || there {
		return err
	}
	err := errors.ErrUnsupported
	if t, ok := s.bucket.(blob.FileTaker); ok {
		err = t.TakeFile(ctx, key, path)
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EXDEV) {
		err = s.copyFile(ctx, key, path)
	}
	if err == nil && key == keyOf(ref.Hash) {
		s.trust(ctx, ref.Hash)
	}
	return err
}

func (s *Store) copyFile(ctx context.Context, key, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.bucket.Put(ctx, key, f)
}

// stage creates a file in the staging folder.
func (s *Store) stage(what string) (*os.File, error) {
	f, err := os.CreateTemp(s.staging, what+"-*")
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(s.staging, 0o777); err != nil {
			return nil, err
		}
		f, err = os.CreateTemp(s.staging, what+"-*")
	}
	return f, err
}

// chunk is the size in bytes of what is read at once of a large file.
const chunk = 1 << 20

// onlyReader reads as long as a context lasts. It hides the file's other methods,
// so that io.CopyBuffer uses its buffer.
type onlyReader struct {
	ctx context.Context
	r   io.Reader
}

func (r onlyReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func sum(h hash.Hash) (sum metastore.Hash) {
	h.Sum(sum[:0])
	return sum
}

// corrupt is the fault that stored bytes are not what was stored.
func corrupt(h metastore.Hash, where string) *fault.Error {
	f := fault.New(fault.Corrupt, "the stored bytes are not those that were stored").On(fmt.Sprintf("blob %x in %s", h, where)).
		Do("The disk is failing, or something other than Levada changed them. Restore them from a backup, or run the step that made them again.")
	f.Op = "read value"
	return f
}

// missing is the fault that bytes are nowhere.
func missing(h metastore.Hash) error {
	f := fault.New(fault.NotFound, "the bytes are not in the store").On(fmt.Sprintf("blob %x", h)).
		Do("a file of the store was deleted; `levada doctor` shows what needs it")
	f.Op = "read value"
	return f
}

// where names a key for a person: its file if it has one.
func (s *Store) where(ctx context.Context, key string) string {
	if l, ok := s.bucket.(blob.Locator); ok {
		if path, err := l.Path(ctx, key); err == nil {
			return filepath.Clean(path)
		}
	}
	return key
}
