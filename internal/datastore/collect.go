package datastore

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Who stores a value relies on it before any record refers to it: the file is put, or found there and renewed, then the
// record is committed. In between, no reference protects it. What does is that its engine lives:
//
//  1. An engine makes itself known before it stores its first value, with the moment at which it began (blob.Now; a
//     folder in the staging folder named by both) and takes that back after its last commit.
//  2. What it puts or renews is dated with the same clock, so not before that moment.
//  3. Files are deleted in a time when nobody puts or renews (blob.Reclaimer). In it the collector asks, in this order:
//     which engines live, then what records refer to, then deletes of its candidates those that are older than every
//     living engine and that no record refers to.
//
// Let an engine rely on a file. If it put or renewed it after the time of the deletion, it put it anew or found
// that it was still there. If before, then it had made itself known by then. Either it is still known when the
// collector asks: then the file is not older than it and stays. Or it is not: then it has committed all that it
// ever will, and the collector, which asks for references after that, finds them; or it died before it could
// commit, and nobody relies on the file. A process that is killed leaves no lock behind, and in the staging folder
// the name of a process that does not live.
//
// Values in the database need none of this: they travel in the record that refers to them, so both are committed at
// once, and are deleted in a transaction that looks for references first. Elements of a foreach, definitions and code
// packages are stored like artifacts and protected like them. A resumed run refers, from the commit that creates it, to
// all that it takes over; if its origin is removed before that, the commit fails and there is no run.
//
// The collector may be killed at any point: records go before what they refer to, so what is left is at most something
// that nobody refers to, for the next collection. Two collectors at once delete the same files or find them gone.

// File is a stored file of a blob.
type File struct {
	Hash metastore.Hash
	Size int64 // as stored
	// Stored is when it was put or last renewed; zero if the bucket does not tell.
	Stored time.Time
	key    string
}

// Files yields the files of all blobs.
func (s *Store) Files(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for key, err := range s.bucket.List(ctx, valuesPrefix) {
			if err != nil {
				yield(File{}, err)
				return
			}
			h, ok := hashOf(key)
			if !ok {
				continue
			}
			f := File{Hash: h, key: key}
			f.Size, f.Stored, err = s.stat(ctx, key)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// Hashes yields the blobs that have a file, one that has two twice. Unlike with Files, none of these is looked at.
func (s *Store) Hashes(ctx context.Context) iter.Seq2[metastore.Hash, error] {
	return func(yield func(metastore.Hash, error) bool) {
		for key, err := range s.bucket.List(ctx, valuesPrefix) {
			if h, ok := hashOf(key); (ok || err != nil) && !yield(h, err) {
				return
			}
		}
	}
}

func (s *Store) stat(ctx context.Context, key string) (int64, time.Time, error) {
	l, ok := s.bucket.(blob.Locator)
	if !ok {
		size, err := s.bucket.Stat(ctx, key)
		return size, time.Time{}, err
	}
	path, err := l.Path(ctx, key)
	if err != nil {
		return 0, time.Time{}, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0, time.Time{}, fault.Of("look up", path, err)
	}
	return st.Size(), st.ModTime(), nil
}

// hashOf is the inverse of keyOf, for compressed files too.
func hashOf(key string) (h metastore.Hash, ok bool) {
	x := strings.TrimSuffix(strings.ReplaceAll(strings.TrimPrefix(key, valuesPrefix), "/", ""), compressedSuffix)
	b, err := hex.DecodeString(x)
	if err != nil || len(b) != len(h) {
		return h, false
	}
	copy(h[:], b)
	return h, key == keyOf(h) || key == keyOf(h)+compressedSuffix
}

// CheckKey returns a fault of kind Usage if a key is none that a value can have. A bucket may be a folder in which
// other things lie, so whoever names keys from outside names only these.
func CheckKey(key string) error {
	if _, ok := hashOf(key); !ok {
		return fault.New(fault.Usage, "%q is not the key of a value", strings.ToValidUTF8(key, "?")).
			Do("name a value by its hash, as %s01/23… with 64 digits, and %s behind it if it is compressed", valuesPrefix, compressedSuffix)
	}
	return nil
}

// Guard says what must stay: what is needed, and what was stored at or after a moment, if that is not zero. It is asked
// while nobody stores, for a few files at a time.
type Guard func(ctx context.Context) (needed map[metastore.Hash]bool, young time.Time, err error)

// deleteAtOnce is how many files are deleted while those who store wait.
const deleteAtOnce = 500

// DeleteFiles deletes those of the files that the guard does not protect and returns how many bytes they had on
// disk. Of a file that may not be deleted it tells stuck, and goes on. Unavailable if the bucket cannot delete while
// others use it.
func (s *Store) DeleteFiles(ctx context.Context, files []File, guard Guard, stuck func(File, error)) (freed int64, err error) {
	r, ok := s.bucket.(blob.Reclaimer)
	if !ok {
		return 0, fault.New(fault.Unavailable, "this store of values cannot be cleaned up")
	}
	for len(files) > 0 {
		some := files[:min(deleteAtOnce, len(files))]
		files = files[len(some):]
		err := r.Reclaim(ctx, func(remove blob.Deleter) error {
			needed, young, err := guard(ctx)
			if err != nil {
				return err
			}
			for _, f := range some {
				if needed[f.Hash] {
					continue
				}
				n, err := remove(f.key, young)
				switch {
				case fault.Is(err, fault.Permission):
					stuck(f, err)
				case err != nil:
					return err
				}
				freed += n
			}
			return nil
		})
		if err != nil {
			return freed, err
		}
	}
	return freed, nil
}

// Parts lists the values that somebody began to put into the bucket, as far as that can tell.
func (s *Store) Parts(ctx context.Context) ([]blob.Part, error) {
	if b, ok := s.bucket.(blob.Sweeper); ok {
		return b.Parts(ctx)
	}
	return nil, nil
}

// Discard removes one unless somebody is known to write it, and reports whether it did.
func (s *Store) Discard(ctx context.Context, p blob.Part) (bool, error) {
	if b, ok := s.bucket.(blob.Sweeper); ok {
		return b.Discard(ctx, p)
	}
	return false, nil
}

// Sweep removes what processes that were killed had half put. It may be called at
// any time; what cannot be removed stays.
func (s *Store) Sweep(ctx context.Context) {
	parts, _ := s.Parts(ctx)
	for _, p := range parts {
		if p.Writer == blob.Gone {
			_, _ = s.Discard(ctx, p)
		}
	}
}

// renew keeps a blob that somebody relies on now from being taken for an old one. NotFound if it has just been deleted.
func (s *Store) renew(ctx context.Context, h metastore.Hash, at stored) error {
	r, ok := s.bucket.(blob.Reclaimer)
	if !ok {
		return nil
	}
	err := r.Renew(ctx, at.key)
	if err == nil && !at.compressed {
		s.trust(ctx, h) // the date is not its content
	}
	return err
}

// Copies says what there is of a blob.
type Copies struct {
	Right   int      // copies that are what was stored
	Damaged []string // where those are that are not
	Unread  []string // why others could not be read, and where they are
	mend    []stored // damaged files
	row     bool     // the one in the database is damaged
}

// note counts a copy by the error of looking at it. It returns that only if it is about who looks.
func (c *Copies) note(err error, where func() string) (damaged bool, _ error) {
	switch {
	case err == nil:
		c.Right++
	case fault.Is(err, fault.Corrupt):
		c.Damaged = append(c.Damaged, where())
		return true, nil
	case fault.Is(err, fault.Interrupted):
		return false, err
	case !fault.Is(err, fault.NotFound):
		c.Unread = append(c.Unread, err.Error())
	}
	return false, nil
}

// Inspect looks for the copies of a blob and reads them.
func (s *Store) Inspect(ctx context.Context, h metastore.Hash) (c Copies, err error) {
	_, err = s.smallBlob(ctx, h)
	if c.row, err = c.note(err, func() string { return "the database" }); err != nil {
		return c, err
	}
	err = s.inspectFiles(ctx, h, &c, true)
	return c, err
}

// Look is Inspect without reading files, and without the database.
func (s *Store) Look(ctx context.Context, h metastore.Hash) (c Copies, err error) {
	err = s.inspectFiles(ctx, h, &c, false)
	return c, err
}

func (s *Store) inspectFiles(ctx context.Context, h metastore.Hash, c *Copies, read bool) error {
	for _, suffix := range []string{"", compressedSuffix} {
		at := stored{key: keyOf(h) + suffix, compressed: suffix != ""}
		_, err := s.bucket.Stat(ctx, at.key)
		if err == nil && read {
			err = s.verifyNow(ctx, h, at)
		}
		damaged, err := c.note(err, func() string { return s.where(ctx, at.key) })
		if err != nil {
			return err
		}
		if damaged {
			c.mend = append(c.mend, at)
		}
	}
	return nil
}

// verifyNow reads a file even if it was found right before.
func (s *Store) verifyNow(ctx context.Context, h metastore.Hash, at stored) error {
	src, err := s.read(ctx, h, at)
	if err != nil {
		return err
	}
	defer src.Close()
	_, err = io.CopyBuffer(io.Discard, onlyReader{ctx, src}, make([]byte, chunk))
	return err
}

// Mend replaces the damaged copies of a blob of which another is right: damaged files are deleted, what is to be
// recorded again in the database is returned. It does nothing if no copy is right.
func (s *Store) Mend(ctx context.Context, h metastore.Hash, c Copies) (*metastore.Blob, error) {
	if c.Right == 0 {
		return nil, nil
	}
	for _, at := range c.mend {
		if err := s.drop(ctx, h, at); err != nil {
			return nil, err
		}
	}
	if !c.row {
		return nil, nil
	}
	src, _, err := s.open(ctx, h)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	data, err := io.ReadAll(io.LimitReader(src, SmallLimit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > SmallLimit {
		return nil, fault.New(fault.Corrupt, "a value of this size does not belong into the database").On(fmt.Sprintf("blob %x", h))
	}
	return &metastore.Blob{Hash: h, Data: data}, nil
}
