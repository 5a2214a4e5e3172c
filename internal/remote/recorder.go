package remote

import (
	"context"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
)

// linger is how long a record waits for company, as in a store of this machine.
const linger = 4 * time.Millisecond

// batchFull is the number of queued writes that need not wait for more.
const batchFull = 512

// queued is a write with who waits for it.
type queued struct {
	write
	size int
	done func(written, error)
}

// recorder is the writing half of a client: a queue, and a goroutine that sends what is in it.
type recorder struct {
	c      *Client
	wake   chan struct{}
	ended  chan struct{}
	number int64 // of the last batch; the goroutine's

	mu     sync.Mutex
	room   sync.Cond
	queue  []queued
	bytes  int
	oldest time.Time
	urgent bool
	closed bool
}

func newRecorder(c *Client) *recorder {
	r := &recorder{c: c, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	r.room.L = &r.mu
	go r.run()
	return r
}

// add queues a write. It reports false if the recorder is closed.
func (r *recorder) add(q queued, urgent bool) bool {
	r.mu.Lock()
	for !r.closed && len(r.queue) > 0 && (len(r.queue) >= maxBatch || r.bytes+q.size > maxBatchBytes) {
		r.room.Wait()
	}
	if r.closed {
		r.mu.Unlock()
		return false
	}
	if len(r.queue) == 0 {
		r.oldest = time.Now()
	}
	r.queue = append(r.queue, q)
	r.bytes += q.size
	r.urgent = r.urgent || urgent
	call := len(r.queue) == 1 || r.hurry()
	r.mu.Unlock()
	if call {
		r.call()
	}
	return true
}

// hurry reports whether to send at once. r.mu is held.
func (r *recorder) hurry() bool {
	return r.urgent || r.closed || len(r.queue) >= batchFull || r.bytes > maxBatchBytes/2
}

func (r *recorder) call() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Flush sends what is queued.
func (r *recorder) Flush() {
	r.mu.Lock()
	r.urgent = r.urgent || len(r.queue) > 0
	r.mu.Unlock()
	r.call()
}

// Record queues a record.
func (r *recorder) Record(rec metastore.Record) {
	done := rec.Done
	if done == nil {
		done = func(error) {}
	}
	size := 0
	for i := range rec.Blobs {
		size += len(rec.Blobs[i].Data)
	}
	for i := range rec.Artifacts {
		size += len(rec.Artifacts[i].Inline) + 128
	}
	size += len(rec.Log) + 256
	q := queued{write: write{Record: &rec}, size: size, done: func(_ written, err error) {
		if err == nil {
			for _, b := range rec.Blobs {
				r.c.small.add(b.Hash, b.Data)
			}
		}
		done(err)
	}}
	if !r.add(q, rec.Soon) {
		go done(errClosed())
	}
}

// do queues a write and waits for what became of it.
func (r *recorder) do(ctx context.Context, w write) (written, error) {
	if err := ctx.Err(); err != nil {
		return written{}, fault.Wrap(fault.Interrupted, "write", err)
	}
	type result struct {
		written
		err error
	}
	done := make(chan result, 1)
	if !r.add(queued{write: w, done: func(w written, err error) { done <- result{w, err} }}, true) {
		return written{}, errClosed()
	}
	res := <-done
	return res.written, res.err
}

// CreateRun creates a run.
func (r *recorder) CreateRun(ctx context.Context, run metastore.Run, begin metastore.Beginning) (int64, error) {
	w, err := r.do(ctx, write{Create: &create{run, begin}})
	return w.Run, err
}

// EndRun ends a run. How a run ended is worth all patience: a context that ends meanwhile does not end the wait.
func (r *recorder) EndRun(ctx context.Context, id int64, e metastore.RunEnd) error {
	_, err := r.do(ctx, write{End: &end{id, e}})
	return err
}

// AskStop asks for the end of a run.
func (r *recorder) AskStop(ctx context.Context, id int64, at time.Time) error {
	_, err := r.do(ctx, write{Stop: &beatArgs{id, at}})
	return err
}

// ChangeTags changes the tags of a run.
func (r *recorder) ChangeTags(ctx context.Context, id int64, remove, add []string) ([]string, error) {
	w, err := r.do(ctx, write{Tags: &tags{id, remove, add}})
	return w.Tags, err
}

// Close sends what is queued and ends the client.
func (r *recorder) Close() error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.room.Broadcast()
	r.mu.Unlock()
	r.call()
	<-r.ended
	if first {
		r.c.close()
	}
	return nil
}

func (r *recorder) run() {
	defer close(r.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		queue, wait, closed := r.take()
		switch {
		case len(queue) > 0:
			r.send(queue)
		case closed:
			return
		case wait > 0:
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-r.wake:
			}
		default:
			<-r.wake
		}
	}
}

// take takes what is to be sent now, else how long to wait for company.
func (r *recorder) take() (queue []queued, wait time.Duration, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.urgent = false
		return nil, 0, r.closed
	}
	if !r.hurry() {
		if wait := linger - time.Since(r.oldest); wait > 0 {
			return nil, wait, false
		}
	}
	queue, r.queue = r.queue, nil
	r.bytes, r.urgent = 0, false
	r.room.Broadcast()
	return queue, 0, false
}

// send sends a batch until there is an answer, and tells who waits.
func (r *recorder) send(queue []queued) {
	r.number++
	b := batch{Session: r.c.session.ID, Number: r.number, Writes: make([]write, len(queue))}
	// Those whose log could not be carried over. They are sent all the same, since no record is to be missing before others, but
	// whoever waits for them is told.
	lost := make(map[int]error)
	for i := range queue {
		b.Writes[i] = queue[i].write
		if rec := b.Writes[i].Record; rec != nil && rec.Attempt != nil && rec.Attempt.Status != metastore.AttemptRunning {
			if err := r.c.mirror.finish(*rec.Attempt); err != nil {
				lost[i] = err
			}
		}
	}
	answer, err := r.deliver(b)
	for i := range queue {
		w, failed := written{}, err
		if err == nil {
			w = answer[i]
			failed = w.Fault.unpack()
		}
		if failed == nil {
			failed = lost[i]
		}
		if failed == nil && w.Run != 0 {
			r.c.mirror.begin(w.Run)
		}
		if rec := queue[i].Record; rec != nil && rec.Attempt != nil && failed == nil {
			if rec.Attempt.LogFile != "" {
				r.c.mirror.forget(rec.Attempt.Run, tasklog.FileName(rec.Attempt.Task, rec.Attempt.N))
			}
		}
		queue[i].done(w, failed)
	}
}

func (r *recorder) deliver(b batch) ([]written, error) {
	ctx := context.Background()
	if err := r.c.register(ctx); err != nil {
		return nil, err
	}
	var answer []written
	err := r.c.patiently(ctx, func(again bool) error {
		b.Again = again
		var err error
		answer, err = askOnce[[]written](ctx, r.c, "write", b)
		return err
	})
	if err == nil && len(answer) != len(b.Writes) {
		err = fault.New(fault.Internal, "the server answered %d writes of %d", len(answer), len(b.Writes)).On(r.c.url)
	}
	return answer, err
}

func errClosed() error {
	return fault.New(fault.Internal, "the store is closed")
}
