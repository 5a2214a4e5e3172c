package blobtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/fault"
)

func testReclaim(t *testing.T, b blob.Bucket) {
	r, ok := b.(blob.Reclaimer)
	if !ok {
		t.Skip("the bucket does not reclaim")
	}
	ctx := context.Background()
	reclaim := func(f func(d blob.Deleter)) {
		t.Helper()
		if err := r.Reclaim(ctx, func(d blob.Deleter) error { f(d); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, "Renew of nothing", r.Renew(ctx, "blobs/none"), fault.NotFound)
	for _, key := range []string{"old", "renewed", "put/again"} {
		put(t, b, key, "bytes")
	}
	moment := blob.Now()
	put(t, b, "new", "bytes")
	if err := r.Renew(ctx, "renewed"); err != nil {
		t.Fatal(err)
	}
	put(t, b, "put/again", "bytes")
	reclaim(func(d blob.Deleter) {
		for key, want := range map[string]int64{"old": 5, "renewed": 0, "put/again": 0, "new": 0, "none": 0} {
			if n, err := d(key, moment); err != nil || n != want {
				t.Errorf("deleting %s gives %d, %v, want %d", key, n, err, want)
			}
		}
		if _, err := d("../x", moment); !fault.Is(err, fault.Usage) {
			t.Errorf("deleting a bad key: %v", err)
		}
	})
	_, err := b.Stat(ctx, "old")
	wantKind(t, "Stat of what was deleted", err, fault.NotFound)
	wantBytes(t, b, "renewed", "bytes")
	wantBytes(t, b, "new", "bytes")
	put(t, b, "old", "again")
	wantBytes(t, b, "old", "again")
	reclaim(func(d blob.Deleter) {
		if n, err := d("new", time.Time{}); err != nil || n != 5 {
			t.Errorf("deleting a key of any age gives %d, %v", n, err)
		}
	})
}

// testRenewing has some rely on keys while another deletes all that is older than the work of any of them.
func testRenewing(t *testing.T, b blob.Bucket) {
	r, ok := b.(blob.Reclaimer)
	if !ok {
		t.Skip("the bucket does not reclaim")
	}
	ctx := context.Background()
	const workers, keys = 4, 3
	var began [workers]atomic.Pointer[time.Time] // nil: it does not work
	work := func(i int, key string) {
		now := blob.Now()
		began[i].Store(&now)
		defer began[i].Store(nil)
		err := r.Renew(ctx, key)
		if fault.Is(err, fault.NotFound) {
			err = b.Put(ctx, key, strings.NewReader("bytes"))
		}
		if err != nil {
			t.Error(err)
		}
		if got, err := get(b, key); err != nil || got != "bytes" {
			t.Errorf("%s is %q, %v, though it was renewed", key, got, err)
		}
	}
	var wg, sweeper sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for j := range 200 {
				work(i, fmt.Sprintf("k/%d", (i+j)%keys))
			}
		})
	}
	done := make(chan struct{})
	deleted := int64(0)
	sweep := func() error {
		return r.Reclaim(ctx, func(d blob.Deleter) error {
			unless := blob.Now()
			for i := range began {
				if at := began[i].Load(); at != nil && at.Before(unless) {
					unless = *at
				}
			}
			for i := range keys {
				n, err := d(fmt.Sprintf("k/%d", i), unless)
				if err != nil {
					return err
				}
				deleted += n
			}
			return nil
		})
	}
	sweeper.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := sweep(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Wait()
	close(done)
	sweeper.Wait()
	put(t, b, "k/0", "bytes")
	if err := sweep(); err != nil || deleted == 0 {
		t.Errorf("what nobody relies on any more is not deleted: %v", err)
	}
}
