package blob

import (
	"context"
	"time"
)

// Reclaimer is what a bucket can do besides, so that keys that nobody needs any more can be deleted while others
// put: those who rely on a key that is there already renew it, and what is deleted is looked at under a lock that
// keeps them out. How the two make a collection safe is told in package datastore.
type Reclaimer interface {
	// Renew makes the age of a key begin anew, as if it had been put just now. NotFound.
	Renew(ctx context.Context, key string) error
	// Reclaim calls f while nobody, in no process, renews or puts a key. They wait meanwhile, so f should be short.
	// Unavailable if the file system has no locks.
	Reclaim(ctx context.Context, f func(Deleter) error) error
}

// Deleter deletes a key unless it was put or renewed at or after a moment; with the zero Time it deletes it in any
// case. It returns the size of what it deleted, 0 if the key is too young or not there.
type Deleter func(key string, unless time.Time) (int64, error)

var began = time.Now()

// Now is the time that keys are dated with. Within a process it never goes back, whatever happens to the system's
// clock, so what a process put or renewed after it took a Now is never dated before that.
func Now() time.Time { return began.Add(time.Since(began)).Round(0) }
