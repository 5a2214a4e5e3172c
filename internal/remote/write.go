package remote

import (
	"context"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
)

// batch is what travels of a client's queue at once.
type batch struct {
	Session string
	Number  int64 // counted from 1 by session
	Again   bool  // it was sent before, and no answer came; servers that do not mark what they write need to know
	Writes  []write
}

// write is one write of a batch. One field is set.
type write struct {
	Record *metastore.Record `cbor:",omitempty"`
	Create *create           `cbor:",omitempty"`
	End    *end              `cbor:",omitempty"`
}

type create struct {
	Run   metastore.Run
	Begin metastore.Beginning
}

type end struct {
	Run int64
	End metastore.RunEnd
}

// written is what became of a write.
type written struct {
	Fault *wireFault `cbor:",omitempty"`
	Run   int64      `cbor:",omitempty"` // that was created
}

// writer is what the server keeps of a client that writes.
type writer struct {
	mu     sync.Mutex // held while a batch is handled
	number int64      // of the last batch that was
	answer []written
	used   time.Time      // under Handler.mu
	runs   map[int64]bool // runs that records of this client may go to, of one that is not known
}

// forgetWriters is after what time the last answer of a client that says nothing is
// forgotten. Clients give up much earlier.
const forgetWriters = 24 * time.Hour

func (h *Handler) writer(session string) *writer {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	w := h.writers[session]
	if w == nil {
		for id, old := range h.writers {
			if now.Sub(old.used) > forgetWriters {
				delete(h.writers, id)
			}
		}
		w = &writer{}
		h.writers[session] = w
	}
	w.used = now
	return w
}

// forget forgets a client that has nothing more to write.
func (h *Handler) forget(session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.writers, session)
}

// write handles a batch, once.
func (h *Handler) write(ctx context.Context, b batch) ([]written, error) {
	if b.Session == "" || b.Number <= 0 {
		return nil, fault.New(fault.Usage, "a batch without a session or a number")
	}
	w := h.writer(b.Session)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case b.Number == w.number:
		return w.answer, nil
	case b.Number < w.number:
		return nil, fault.New(fault.Conflict, "batch %d of a client came after its batch %d", b.Number, w.number)
	}
	p := peerOfRequest(ctx)
	if p == gone {
		return nil, errGone
	}
	// It is handled to its end also if the client goes away: then it is sent again, and this answer is waiting.
	answer := h.apply(context.WithoutCancel(ctx), b, w, p == own)
	w.number, w.answer = b.Number, answer
	return answer, nil
}

// apply passes a batch on to the store, in order, and returns when all of it is durable or has failed. known
// says that it is of the server's own user.
func (h *Handler) apply(ctx context.Context, b batch, w *writer, known bool) []written {
	answer := make([]written, len(b.Writes))
	failed := make([]error, len(b.Writes))
	var pending sync.WaitGroup
	for i := range b.Writes {
		mark := &metastore.Mark{Writer: b.Session, Batch: b.Number, Item: i}
		switch x := &b.Writes[i]; {
		case x.Record != nil:
			if !known {
				if failed[i] = h.foreign(ctx, w, x.Record); failed[i] != nil {
					break
				}
			}
			pending.Add(1)
			x.Record.Mark = mark
			x.Record.Done = func(err error) { failed[i] = err; pending.Done() }
			h.c.Store.Record(*x.Record)
		case x.Create != nil:
			for j := range x.Create.Begin.First {
				if !known && failed[i] == nil {
					failed[i] = notMetaflows(&x.Create.Begin.First[j])
				}
			}
			if failed[i] != nil {
				break
			}
			x.Create.Begin.Mark = mark
			x.Create.Run.Info.Foreign = !known
			x.Create.Run.Lease.Heartbeat = h.c.heard(x.Create.Run.Lease.Heartbeat)
			answer[i].Run, failed[i] = h.c.Store.CreateRun(ctx, x.Create.Run, x.Create.Begin)
		case x.End != nil:
			if !known {
				if failed[i] = h.isForeign(ctx, x.End.Run); failed[i] != nil {
					break
				}
			}
			failed[i] = h.c.Store.EndRun(ctx, x.End.Run, x.End.End)
		default:
			failed[i] = fault.New(fault.Usage, "a write that writes nothing")
		}
	}
	h.c.Store.Flush()
	pending.Wait()
	for i, err := range failed {
		h.note(err)
		answer[i].Fault = packFault(err)
	}
	return answer
}

// foreign makes sure that a record of a client that is not known goes to a run of such a client. What tasks left is
// read as Python does by whoever resumes a run, so nobody else may add to the runs of the server's user.
func (h *Handler) foreign(ctx context.Context, w *writer, rec *metastore.Record) error {
	if err := notMetaflows(rec); err != nil {
		return err
	}
	var runs []int64
	if rec.Task != nil {
		runs = append(runs, rec.Task.Run)
	}
	if rec.Attempt != nil {
		runs = append(runs, rec.Attempt.Run)
	}
	if rec.Scope != nil {
		runs = append(runs, rec.Scope.Run)
	}
	for i := range rec.Notes {
		runs = append(runs, rec.Notes[i].Run)
	}
	for _, id := range runs {
		if w.runs[id] {
			continue
		}
		if err := h.isForeign(ctx, id); err != nil {
			return err
		}
		if w.runs == nil {
			w.runs = make(map[int64]bool)
		}
		w.runs[id] = true
	}
	return nil
}

// isForeign is nil if a run is of a client that is not known.
func (h *Handler) isForeign(ctx context.Context, id int64) error {
	run, err := h.c.Store.Run(ctx, id)
	if err == nil && !run.Info.Foreign {
		err = fault.New(fault.Permission, "run %d belongs to the server's own user, and only that user can add to it", id)
	}
	return err
}

// mayAdd is nil if whoever makes a request may add files to a run.
func (h *Handler) mayAdd(ctx context.Context, run int64) error {
	switch peerOfRequest(ctx) {
	case own:
		return nil
	case gone:
		return errGone
	}
	return h.isForeign(ctx, run)
}

// notMetaflows refuses a record that says of a datastore of Metaflow that something is there:
// it would say on whose word that is read.
func notMetaflows(rec *metastore.Record) error {
	there := false
	if rec.Attempt != nil {
		_, there = mfdata.PlaceOfLog(rec.Attempt.LogFile)
	}
	for i := range rec.Artifacts {
		_, other := datastore.Elsewhere(rec.Artifacts[i])
		there = there || other
	}
	if there {
		return fault.New(fault.Permission, "only Metaflow can report what is in a datastore of Metaflow")
	}
	return nil
}
