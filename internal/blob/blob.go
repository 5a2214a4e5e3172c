// Package blob is the contract of a bucket: bytes by key. Implementations are blob/file (a folder) and blob/mem (for
// tests); both pass blobtest.
//
// Keys are slash-separated words of [a-z0-9._-] that do not begin with a dot (see [CheckKey]); no key is a folder of
// another. A key is written once and never modified: putting an existing key again is allowed and keeps the first
// bytes. A put is atomic: a reader sees all of it or nothing, even after a crash.
//
// Errors are *fault.Error: NotFound, NoSpace, Permission, Usage for a bad key, Interrupted for a context that ended,
// Internal. An error of the reader given to Put is returned as it is.
package blob

import (
	"context"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// Bucket stores bytes by key. All methods may be called concurrently.
type Bucket interface {
	// Put stores what r yields until io.EOF. It is durable when Put returns.
	Put(ctx context.Context, key string, r io.Reader) error
	// Open returns the bytes of a key. NotFound if there is none.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Stat returns the size in bytes. NotFound if there is none.
	Stat(ctx context.Context, key string) (int64, error)
	// List yields the keys that begin with prefix, in the order of their bytes. It stops at
	// the first error, which it yields last.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
	// Delete removes a key; one that is not there is no error. Unavailable if
	// keys are deleted only where the bucket is.
	Delete(ctx context.Context, key string) error
}

// FileTaker is what a bucket of local files can do besides: take over a
// finished file by rename, without copying it.
type FileTaker interface {
	// TakeFile moves the file at path, which must be on the same file system, to key. It
	// is durable when TakeFile returns. If the key is there already the file is removed.
	TakeFile(ctx context.Context, key, path string) error
}

// Locator is what a bucket of local files can do besides: tell where a key's bytes are.
type Locator interface {
	// Path returns the file that holds key's bytes. It may be read, never written. NotFound if there is none.
	Path(ctx context.Context, key string) (string, error)
}

// Cache is what a bucket can do besides that keeps copies of bytes that are elsewhere: give one up that is damaged.
type Cache interface {
	// GiveUp removes the copy of a key, so that who asks next gets the bytes anew, and reports whether there was one.
	GiveUp(key string) bool
}

// Sweeper is what a bucket can do besides that writes values where they have no key yet: tell what lies there,
// and remove what nobody is going to finish.
type Sweeper interface {
	// Parts lists the values that somebody began to put.
	Parts(ctx context.Context) ([]Part, error)
	// Discard removes one unless somebody is known to write it, and reports whether it did.
	Discard(ctx context.Context, p Part) (bool, error)
}

// Part is a value that somebody began to put.
type Part struct {
	Name    string // within the bucket
	Bytes   int64
	Changed time.Time // when it was last written to
	Writer  Writer
}

// Writer is what is known of who puts a value.
type Writer int

// What is known of who puts a value.
const (
	Unknown Writer = iota // nothing
	Alive
	Gone
)

// CheckKey returns a fault of kind Usage if key cannot be a key.
func CheckKey(key string) error {
	for word := range strings.SplitSeq(key, "/") {
		if word == "" || word[0] == '.' || strings.ContainsFunc(word, notInKey) {
			return fault.New(fault.Usage, "%q cannot be a key of a bucket", key)
		}
	}
	return nil
}

func notInKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
}
