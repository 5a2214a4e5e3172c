package remote

import (
	"context"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/queue"
	"github.com/levadahq/levada/internal/tasklog"
)

// bounds of the queue. A record waits for company for less long than in a store of this
// machine: the way to the server comes to that.
var bounds = queue.Bounds{Most: maxBatch, Bytes: maxBatchBytes, Linger: 4 * time.Millisecond}

// queued is a write with who waits for it.
type queued struct {
	write
	done func(written, error)
}

// recorder is the writing half of a client.
type recorder struct {
	c      *Client
	queue  *queue.Queue[queued]
	number int64 // of the last batch; the goroutine's
	end    func()
}

func newRecorder(c *Client) *recorder {
	r := &recorder{c: c}
	r.queue = queue.New(bounds, r.send)
	r.end = sync.OnceFunc(func() {
		r.queue.Close()
		c.close()
	})
	return r
}

// Flush sends what is queued.
func (r *recorder) Flush() { r.queue.Flush() }

// Record queues a record.
func (r *recorder) Record(rec metastore.Record) {
	done := rec.Done
	if done == nil {
		done = func(error) {}
	}
	q := queued{write: write{Record: &rec}, done: func(_ written, err error) {
		if err == nil {
			for _, b := range rec.Blobs {
				r.c.small.add(b.Hash, b.Data)
			}
		}
		done(err)
	}}
	if !r.queue.Add(q, rec.Size(), rec.Soon) {
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
	if !r.queue.Add(queued{write: w, done: func(w written, err error) { done <- result{w, err} }}, 0, true) {
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

// Close sends what is queued and ends the client.
func (r *recorder) Close() error {
	r.end()
	return nil
}

// send sends a batch until there is an answer, and tells who waits.
func (r *recorder) send(queue []queued) {
	r.number++
	b := batch{Session: r.c.session.ID, Number: r.number, Writes: make([]write, len(queue))}
	// Those whose log could not be carried over. They are sent all the same, since no record is to be missing before
	// others, but whoever waits for them is told.
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
			failed = r.c.told(w.Fault)
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
