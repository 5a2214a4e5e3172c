// Package queue collects writes, so that many of them share a commit or a request.
package queue

import (
	"sync"
	"time"
)

// Full is the number of waiting writes that need not wait for more.
const Full = 512

// Bounds say how much may wait, and for how long.
type Bounds struct {
	Most   int           // in number: Add blocks while there are so many
	Bytes  int           // in bytes: Add blocks while there would be more; half of it does not wait for more
	Linger time.Duration // for which a write waits for company
}

// Queue is a queue with the goroutine that hands on what is in it. All methods may be called at the same time.
type Queue[T any] struct {
	bounds Bounds
	handle func([]T)

	wake chan struct{} // there may be something to do; capacity 1
	done chan struct{} // the goroutine has ended

	mu     sync.Mutex
	room   sync.Cond // the queue was emptied
	queue  []T
	bytes  int       // in the queue
	oldest time.Time // when the queue's first came
	urgent bool      // hand on without waiting for company
	closed bool
}

// New starts a queue. handle gets what is in it, in order, some at a time. It must not keep the slice.
func New[T any](b Bounds, handle func([]T)) *Queue[T] {
	q := &Queue[T]{bounds: b, handle: handle, wake: make(chan struct{}, 1), done: make(chan struct{})}
	q.room.L = &q.mu
	go q.run()
	return q
}

// Add queues a write of about so many bytes; one that is urgent takes along what is there at once. It blocks only while
// the queue is full, and reports false if it is closed.
func (q *Queue[T]) Add(x T, bytes int, urgent bool) bool {
	q.mu.Lock()
	for !q.closed && len(q.queue) > 0 && (len(q.queue) >= q.bounds.Most || q.bytes+bytes > q.bounds.Bytes) {
		q.room.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return false
	}
	if len(q.queue) == 0 {
		q.oldest = time.Now()
	}
	q.queue = append(q.queue, x)
	q.bytes += bytes
	q.urgent = q.urgent || urgent
	// The goroutine needs a call only if it may be asleep over an empty queue, or
	// if there is now a reason to go on at once.
	call := len(q.queue) == 1 || q.hurry()
	q.mu.Unlock()
	if call {
		q.call()
	}
	return true
}

// Flush hands on what is there now instead of waiting for more. It does not wait for that.
func (q *Queue[T]) Flush() {
	q.mu.Lock()
	q.urgent = q.urgent || len(q.queue) > 0
	q.mu.Unlock()
	q.call()
}

// Close takes no more, and returns when all that is queued was handled.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.room.Broadcast()
	q.mu.Unlock()
	q.call()
	<-q.done
}

// hurry reports whether not to wait for company. q.mu is held.
func (q *Queue[T]) hurry() bool {
	return q.urgent || q.closed || len(q.queue) >= Full || q.bytes > q.bounds.Bytes/2
}

func (q *Queue[T]) call() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue[T]) run() {
	defer close(q.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []T
	for {
		wait, closed := q.take(&batch)
		switch {
		case len(batch) > 0:
			q.handle(batch)
			clear(batch) // let go of what it had
			batch = batch[:0]
		case closed:
			return
		case wait > 0:
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-q.wake:
			}
		default:
			<-q.wake
		}
	}
}

// take moves what is to be handled now from the queue into batch. If that is
// nothing, it returns how long to wait for company, zero for an empty queue.
func (q *Queue[T]) take(batch *[]T) (wait time.Duration, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		q.urgent = false
		return 0, q.closed
	}
	if !q.hurry() {
		if wait := q.bounds.Linger - time.Since(q.oldest); wait > 0 {
			return wait, false
		}
	}
	*batch, q.queue = q.queue, (*batch)[:0]
	q.bytes, q.urgent = 0, false
	q.room.Broadcast()
	return 0, false
}
