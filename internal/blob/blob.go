// Package blob is the contract of a bucket: bytes by key. Implementations:
// blob/file (a folder), blob/mem (tests). Each passes blobtest.
//
// Keys are slash-separated words of [a-z0-9._-]. A key is written once and
// never modified: putting an existing key again is allowed and leaves the first
// bytes. A put is atomic: a reader, also after a crash, sees all of it or nothing.
package blob

import (
	"context"
	"io"
	"iter"
)

// Bucket stores bytes by key. All methods may be called concurrently.
type Bucket interface {
	// Put stores what r yields until io.EOF. It is durable when Put returns.
	Put(ctx context.Context, key string, r io.Reader) error
	// Open returns the bytes of a key. NotFound if there is none.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	// Stat returns the size in bytes. NotFound if there is none.
	Stat(ctx context.Context, key string) (int64, error)
	// List yields the keys that begin with prefix, in order.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
	// Delete removes a key; one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// FileTaker is what a bucket of local files can do besides: take over a
// finished file by rename, without copying it.
type FileTaker interface {
	// TakeFile moves the file at path, which must be on the same file system, to key. It
	// is durable when TakeFile returns.
	TakeFile(ctx context.Context, key, path string) error
}

// Locator is what a bucket of local files can do besides: tell where a key's bytes are.
type Locator interface {
	// Path returns the file that holds key's bytes. It may be read, never written. NotFound if there is none.
	Path(ctx context.Context, key string) (string, error)
}
