package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"strings"
	"sync"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/queue"
)

// bounds of the queue: Record blocks while more is waiting than this.
var bounds = queue.Bounds{Most: 4096, Bytes: 64 << 20, Linger: DefaultLinger}

// write is one thing to be committed: a record, or a job such as the creation of
// a run.
type write struct {
	record metastore.Record
	job    func(*conn) error // if not nil, instead of record
}

// writer owns the writing connection. The goroutine of its queue uses it.
type writer struct {
	store *Store
	conn  *conn
	sql   recordStatements
	queue *queue.Queue[write]
	close func() error // commits what is queued and closes the connection

	batches map[string]int64 // at which batch writers with marks are; the goroutine's
}

func startWriter(s *Store, c *conn, o Options) *writer {
	w := &writer{store: s, conn: c}
	b := bounds
	if o.Linger != 0 {
		b.Linger = o.Linger
	}
	w.queue = queue.New(b, w.commit)
	w.close = sync.OnceValue(func() error {
		w.queue.Close()
		return c.close()
	})
	return w
}

// do queues a job and waits until it is committed or has failed.
func (w *writer) do(ctx context.Context, job func(*conn) error) error {
	result := make(chan error, 1)
	ok := w.queue.Add(write{
		record: metastore.Record{Done: func(err error) { result <- err }},
		job: func(c *conn) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return job(c)
		},
	}, 0, true)
	if !ok {
		return errClosed()
	}
	return <-result
}

// commit writes a batch in one transaction and tells every Done. A write that fails for a reason of its own, because it
// is there already, is told so, and the transaction is done again without it. Any other failure is the failure of all.
func (w *writer) commit(batch []write) {
	failed := make([]error, len(batch))
	if err := w.transact(batch, nil); err != nil {
		if isOwnFault(err) {
			err = w.transact(batch, failed)
		}
		if err != nil {
			for i := range failed {
				failed[i] = err
			}
		}
	}
	for i := range batch {
		if done := batch[i].record.Done; done != nil {
			err := failed[i]
			if batch[i].job == nil { // who has a job done knows what it is
				err = w.store.faultOf("record", err)
			}
			done(err)
		}
	}
}

// transact writes the batch. Without apart, whatever fails ends it. With it, a write that fails for a reason of its own
// is undone alone and its error noted there; that takes a savepoint for each, which is worth it only if one is to fail.
func (w *writer) transact(batch []write, apart []error) error {
	if err := w.store.Present(); err != nil {
		return err // what would be committed would not be durable
	}
	if err := insist(func() error { return w.begin() }); err != nil {
		return err
	}
	err := w.writeAll(batch, apart)
	if err == nil {
		_, err = w.conn.exec("COMMIT")
	}
	if err != nil {
		w.conn.script("ROLLBACK") // fails if SQLite has rolled back by itself
	}
	return err
}

func (w *writer) writeAll(batch []write, apart []error) error {
	if apart == nil {
		last := lastOfAttempt(batch)
		for i := range batch {
			if err := w.write(&batch[i], func(a *metastore.Attempt) bool { return last[keyOf(a)] > i }); err != nil {
				return err
			}
		}
		return nil
	}
	never := func(*metastore.Attempt) bool { return false } // the later record may be the one that fails
	for i := range batch {
		if _, err := w.conn.exec("SAVEPOINT one"); err != nil {
			return err
		}
		err := w.write(&batch[i], never)
		if err != nil {
			if !isOwnFault(err) {
				return err
			}
			apart[i] = err
			if _, err := w.conn.exec("ROLLBACK TO one"); err != nil {
				return err
			}
		}
		if _, err := w.conn.exec("RELEASE one"); err != nil {
			return err
		}
	}
	return nil
}

// write does a job, or inserts a record.
func (w *writer) write(x *write, superseded func(*metastore.Attempt) bool) error {
	if x.job != nil {
		return x.job(w.conn)
	}
	return w.insert(&x.record, superseded)
}

// insert writes a record unless its mark says that it was. superseded tells whether a later record
// of the transaction has the same attempt.
func (w *writer) insert(r *metastore.Record, superseded func(*metastore.Attempt) bool) error {
	if r.Mark != nil {
		if there, err := w.marked(w.conn, *r.Mark, 0); err != nil || there {
			return err
		}
	}
	return w.sql.insert(r, r.Attempt != nil && superseded(r.Attempt))
}

// isOwnFault reports whether err is about what was written alone, not about the store: a constraint, a fault from a
// job, a context that ended, a value that cannot be encoded.
func isOwnFault(err error) bool { return isConstraint(err) || resultCode(err) == 0 }

func (w *writer) begin() error {
	if err := w.sql.prepare(w.conn); err != nil {
		return err
	}
	_, err := w.conn.exec("BEGIN IMMEDIATE")
	return err
}

type attemptKey struct {
	run, task int64
	n         int
}

func keyOf(a *metastore.Attempt) attemptKey { return attemptKey{a.Run, a.Task, a.N} }

// lastOfAttempt returns the index of the last write of each attempt that is
// written more than once in the batch, so that the row of an attempt that starts
// and ends within it is written once. Nil if there is none.
func lastOfAttempt(batch []write) map[attemptKey]int {
	running := 0
	for i := range batch {
		if a := batch[i].record.Attempt; a != nil && a.Status == metastore.AttemptRunning {
			running++
		}
	}
	if running == 0 {
		return nil
	}
	last := make(map[attemptKey]int, running)
	for i := range batch {
		a := batch[i].record.Attempt
		if a == nil {
			continue
		}
		if _, ok := last[keyOf(a)]; ok || a.Status == metastore.AttemptRunning {
			last[keyOf(a)] = i
		}
	}
	return last
}

// recordStatements are the statements that write records.
type recordStatements struct {
	task, attempt, plain, artifact, card, scope, blob, note, log *statement
}

func (q *recordStatements) prepare(c *conn) error {
	if q.log != nil {
		return nil
	}
	for _, p := range []struct {
		s   **statement
		sql string
	}{
		{&q.task, `INSERT INTO tasks (run, id, step, scope, idx, iteration, base, inputs, origin, created)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&q.attempt, `INSERT OR REPLACE INTO attempts (run, task, n, status, pid, started, ended, exit_code, signal,
			user_cpu, system_cpu, peak_memory, memory_source, complete, log_lines, log_bytes, log_file, value,
			transition, exception, series, gpus)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		// Of an attempt that went well in a process of many, most columns are
		// known: each that is not bound is time saved.
		{&q.plain, `INSERT OR REPLACE INTO attempts (run, task, n, pid, started, ended, complete, value, transition,
			status, exit_code, signal, user_cpu, system_cpu, peak_memory, memory_source, log_lines, log_bytes, log_file)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'succeeded', 0, 0, 0, 0, 0, '', 0, 0, '')`},
		{&q.artifact, `INSERT OR REPLACE INTO artifacts (run, task, attempt, name, hash, size, codec, type, inline)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&q.card, `INSERT OR REPLACE INTO cards (run, task, attempt, position, type, id, uuid, html, size, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&q.scope, `INSERT INTO scopes (run, split, step, kind, var, count, parent, idx, items)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&q.blob, `INSERT INTO blobs (hash, data) VALUES (?, ?)
			ON CONFLICT (hash) DO UPDATE SET data = excluded.data WHERE data <> excluded.data`},
		{&q.note, `INSERT INTO notes (run, task, kind, name, value, type, user, tags, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&q.log, `INSERT OR REPLACE INTO logs (run, task, attempt, data) VALUES (?, ?, ?, ?)`},
	} {
		s, err := c.prepare(p.sql)
		if err != nil {
			return err
		}
		*p.s = s
	}
	return nil
}

// insert writes a record. The row of a superseded attempt is left to a later
// record of the same transaction.
func (q *recordStatements) insert(r *metastore.Record, superseded bool) error {
	if r.Attempt == nil && (len(r.Artifacts) > 0 || len(r.Cards) > 0 || r.Log != nil) {
		return fault.New(fault.Internal, "a record has artifacts, cards or a log but no attempt")
	}
	if t := r.Task; t != nil {
		if _, err := q.task.exec(t.Run, t.ID, t.Step, t.Scope, int64(t.Index), int64(t.Iteration), t.Base,
			nonEmpty(packIDs(t.Inputs)), t.Origin, micros(t.Created)); err != nil {
			return err
		}
	}
	for i := range r.Blobs {
		b := &r.Blobs[i]
		if _, err := q.blob.exec(b.Hash[:], notNil(b.Data)); err != nil {
			return err
		}
	}
	if r.Scope != nil {
		s := r.Scope
		if _, err := q.scope.exec(s.Run, s.Split, s.Step, s.Kind, s.Var, int64(s.Count), s.Parent, int64(s.Index),
			nullableHash(&s.Items)); err != nil {
			return err
		}
	}
	for i := range r.Notes {
		if err := q.insertNote(&r.Notes[i]); err != nil {
			return err
		}
	}
	if r.Attempt == nil {
		return nil
	}
	a := r.Attempt
	switch {
	case superseded:
	case isPlain(a):
		if _, err := q.plain.exec(a.Run, a.Task, int64(a.N), int64(a.PID), micros(a.Started), micros(a.Ended),
			bit(a.Complete), a.Value, nonEmpty(a.Transition)); err != nil {
			return err
		}
	default:
		exception, err := packException(a.Exception)
		if err != nil {
			return err
		}
		if _, err := q.attempt.exec(a.Run, a.Task, int64(a.N), string(a.Status), int64(a.PID), micros(a.Started), micros(a.Ended),
			int64(a.ExitCode), int64(a.Signal), a.UserCPU.Microseconds(), a.SystemCPU.Microseconds(), a.PeakMemory,
			a.MemorySource, bit(a.Complete), a.LogLines, a.LogBytes, a.LogFile, a.Value,
			nonEmpty(a.Transition), exception, nonEmpty(a.Series), strings.Join(a.GPUs, ",")); err != nil {
			return err
		}
	}
	for i := range r.Artifacts {
		f := &r.Artifacts[i]
		if _, err := q.artifact.exec(a.Run, a.Task, int64(a.N), f.Name, f.Hash[:], f.Size, f.Codec, f.Type, nullable(f.Inline)); err != nil {
			return err
		}
	}
	for i := range r.Cards {
		c := &r.Cards[i]
		if _, err := q.card.exec(a.Run, a.Task, int64(a.N), int64(c.Position), c.Type, c.ID, c.UUID, c.HTML[:], c.Size, nullableHash(&c.Data)); err != nil {
			return err
		}
	}
	if r.Log != nil {
		if _, err := q.log.exec(a.Run, a.Task, int64(a.N), r.Log); err != nil {
			return err
		}
	}
	return nil
}

// isPlain reports whether an attempt has nothing in the columns that are not bound for one that is plain.
func isPlain(a *metastore.Attempt) bool {
	return a.Status == metastore.AttemptSucceeded && a.ExitCode == 0 && a.Signal == 0 && a.UserCPU == 0 && a.SystemCPU == 0 &&
		a.PeakMemory == 0 && a.MemorySource == "" && a.LogLines == 0 && a.LogBytes == 0 && a.LogFile == "" &&
		a.Exception == nil && len(a.Series) == 0 && len(a.GPUs) == 0
}

func packException(e *metastore.Exception) (driver.Value, error) {
	if e == nil {
		return nil, nil
	}
	b, err := json.Marshal(e)
	return string(b), err
}

// notNil gives an empty blob, not NULL, for no bytes.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
