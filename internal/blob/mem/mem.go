// Package mem is a bucket in memory, for tests.
package mem

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
)

// Bucket is a bucket in memory. All methods may be called concurrently.
type Bucket struct {
	mu    sync.Mutex
	bytes map[string][]byte
	dates map[string]time.Time

	reclaiming sync.Mutex // held by Reclaim, Put and Renew; taken before mu
}

var (
	_ blob.Bucket    = (*Bucket)(nil)
	_ blob.Reclaimer = (*Bucket)(nil)
)

// New returns an empty bucket.
func New() *Bucket { return &Bucket{bytes: make(map[string][]byte), dates: make(map[string]time.Time)} }

// Put stores what r yields.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b.reclaiming.Lock()
	defer b.reclaiming.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.bytes[key]; !ok {
		b.bytes[key] = data
	}
	b.dates[key] = blob.Now()
	return nil
}

// Renew dates a key anew.
func (b *Bucket) Renew(ctx context.Context, key string) error {
	b.reclaiming.Lock()
	defer b.reclaiming.Unlock()
	if _, err := b.get(ctx, key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dates[key] = blob.Now()
	return nil
}

// Reclaim calls f while nobody puts or renews.
func (b *Bucket) Reclaim(ctx context.Context, f func(blob.Deleter) error) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Interrupted, "reclaim", err)
	}
	b.reclaiming.Lock()
	defer b.reclaiming.Unlock()
	return f(func(key string, unless time.Time) (int64, error) {
		if err := check(ctx, key); err != nil {
			return 0, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		data, ok := b.bytes[key]
		if !ok || !unless.IsZero() && !b.dates[key].Before(unless) {
			return 0, nil
		}
		delete(b.bytes, key)
		return int64(len(data)), nil
	})
}

// Open returns the bytes of a key.
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	data, err := b.get(ctx, key)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Stat returns the size of a key's bytes.
func (b *Bucket) Stat(ctx context.Context, key string) (int64, error) {
	data, err := b.get(ctx, key)
	return int64(len(data)), err
}

func (b *Bucket) get(ctx context.Context, key string) ([]byte, error) {
	if err := check(ctx, key); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.bytes[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "it is not in the bucket").On(key)
	}
	return data, nil
}

// List yields the keys that begin with prefix, as they were when it began.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		b.mu.Lock()
		keys := slices.Sorted(maps.Keys(b.bytes))
		b.mu.Unlock()
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				yield("", fault.Wrap(fault.Interrupted, "list", err))
				return
			}
			if strings.HasPrefix(key, prefix) && !yield(key, nil) {
				return
			}
		}
	}
}

// Delete removes a key.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := check(ctx, key); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.bytes, key)
	return nil
}

func check(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Interrupted, "use bucket", err)
	}
	return blob.CheckKey(key)
}
