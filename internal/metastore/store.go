// Package metastore is the contract of the store that keeps what is known about runs: their tasks, attempts, artifact
// records, tags and short logs. It keeps records, not values; values above a small size are blobs (package datastore).
//
// There are two implementations: metastore/sqlite, the embedded default, and metastore/mem, for tests. Both pass
// metastoretest. Consumers ask for the narrow interface that they need ([Reader], [Recorder], [Forgetter], [Keeper]);
// the wiring passes the whole [Store].
//
// # Writing
//
// A run has one writer, the runner of its engine. Everything about a task is queued as [Record] values. The store
// commits many of them at a time (group commit) and calls each one's Done when it is durable. The records of one store
// are committed in the order in which they were queued, so a record is never durable without those before it. Readers
// never block the writer and see only what is committed.
//
// # Values
//
// Times are kept to the microsecond and are returned in UTC. Empty slices are returned as nil, except for Inline: an
// artifact of no bytes has an empty one.
//
// # Errors
//
// Errors are *fault.Error: NotFound for an id that does not exist, Conflict for one that already does, NoSpace,
// Permission, Corrupt, Interrupted for a context that ended, Internal.
package metastore

import (
	"context"
	"iter"
	"time"
)

// Store is everything a metadata store can do.
type Store interface {
	Reader
	Browser
	Recorder
	Forgetter
	Keeper
	// Close commits what is queued and releases the store.
	Close() error
}

// Recorder is the writing half of a store.
type Recorder interface {
	// CreateRun gives the run an id, counted up from 1 per store, and commits it with
	// what it begins with. run.ID is ignored.
	CreateRun(ctx context.Context, run Run, begin Beginning) (int64, error)
	// Record queues r. It blocks only while the queue is full.
	Record(r Record)
	// Flush commits what is queued now instead of waiting for more to share the
	// commit with. It does not wait for the commit.
	Flush()
	// EndRun sets the final status; everything queued before is committed with it.
	EndRun(ctx context.Context, id int64, end RunEnd) error
	// Beat renews the lease of a running run.
	Beat(ctx context.Context, id int64, at time.Time) error
	// AskStop notes that the run is asked to end, for its engine to see in Run.StopAsked. It is
	// asked once: a later time does not count.
	AskStop(ctx context.Context, id int64, at time.Time) error
	// ChangeTags removes and then adds user tags of a run and returns the result, sorted.
	ChangeTags(ctx context.Context, id int64, remove, add []string) ([]string, error)
}

// Beginning is what a run has from its first moment on.
type Beginning struct {
	// First holds the records of the parameters task of a fresh run. The store fills in their
	// Run fields; it does not call their Done, since CreateRun says how it went.
	First []Record
	// From and Tasks name the run and the tasks that a resumed run takes over, task 0
	// included: tasks, their last good attempt, artifact and card records, scopes. They keep their
	// ids. The tasks' Origin is the run they really ran in. Logs stay where they are, with
	// that run. The new run must have an Origin. NotFound if that run or one of the
	// tasks is not there, or has no good attempt.
	From  int64
	Tasks []int64
	// Mark, if not nil, names the creation: if the store has the mark, CreateRun
	// returns the run that was created with it.
	Mark *Mark `json:"-"`
}

// Mark names a write, so that one which is asked for again, since nobody knows whether it was done, is not
// done twice: the store keeps the mark with what was written, and a write whose mark it has is done. A write
// that only looks the same has another mark.
//
// A writer makes its writes in batches and goes on to the next when it knows of all of one what became of
// it. So a store may forget the marks of a writer when it gets one of a later batch, and those of a writer
// of which it has heard nothing for a day.
type Mark struct {
	Writer string
	Batch  int64
	Item   int // of the batch
}

// MarksKept is for how long the marks of a writer are kept at least, unless it goes on.
const MarksKept = 24 * time.Hour

// Record is one queued write. Nil parts are left alone. Artifacts, Cards and Log belong to
// Attempt and need one. A record is written whole or not at all; one that cannot be
// written (Conflict) does not take others with it. The store does not check that the
// run exists, and keeps the record's memory until Done: it must not be changed.
type Record struct {
	Task      *Task      // insert
	Attempt   *Attempt   // insert, or replace the same attempt
	Artifacts []Artifact // of Attempt; insert, or replace those of the same name
	Blobs     []Blob     // small values; storing one again mends one whose bytes were damaged
	Scope     *Scope     // insert
	Cards     []Card     // of Attempt; insert, or replace those of the same position
	Log       []byte     // the attempt's log (package tasklog), replaces an earlier one
	Notes     []Note     // insert; they name their tasks themselves
	// Mark, if not nil, names the record: if the store has the mark, it was written, and is not written again.
	Mark *Mark `json:"-"`
	// Done, if not nil, is called once from the store's own goroutine when the record is
	// durable or has failed. It must not block.
	Done func(error) `json:"-"`
	// Soon asks for a commit without waiting for company.
	Soon bool
}

// In returns a copy of the record with its run filled in.
func (r Record) In(run int64) Record {
	if r.Task != nil {
		t := *r.Task
		t.Run = run
		r.Task = &t
	}
	if r.Attempt != nil {
		a := *r.Attempt
		a.Run = run
		r.Attempt = &a
	}
	if r.Scope != nil {
		s := *r.Scope
		s.Run = run
		r.Scope = &s
	}
	return r
}

// Size is about how many bytes the record has: what queues are bounded by.
func (r *Record) Size() int {
	const flat = 128 // what a part has beside its long fields
	n := 2*flat + len(r.Log)
	if r.Task != nil {
		n += 8 * len(r.Task.Inputs)
	}
	if a := r.Attempt; a != nil {
		n += len(a.Series) + len(a.Transition)
		if e := a.Exception; e != nil {
			n += len(e.Message) + len(e.Traceback)
		}
	}
	for i := range r.Artifacts {
		n += flat + len(r.Artifacts[i].Inline)
	}
	for i := range r.Blobs {
		n += len(r.Blobs[i].Data)
	}
	for i := range r.Notes {
		n += flat + len(r.Notes[i].Value)
	}
	return n + flat*len(r.Cards)
}

// Blob is a small value kept in the database.
type Blob struct {
	Hash Hash
	Data []byte
}

// RunEnd is how a run ended.
type RunEnd struct {
	Status     RunStatus
	Ended      time.Time
	FailedTask int64 // -1 if none
	Problem    string
}

// Reader is the reading half of a store. Iterators stop at the first error, which they yield last.
type Reader interface {
	Run(ctx context.Context, id int64) (Run, error)
	// Runs yields the runs that match, newest (largest id) first.
	Runs(ctx context.Context, f RunFilter) iter.Seq2[Run, error]
	Task(ctx context.Context, run, task int64) (Task, error)
	// Tasks yields a run's tasks in the order of their ids, rising unless the filter says otherwise.
	Tasks(ctx context.Context, f TaskFilter) iter.Seq2[Task, error]
	// Attempts returns the attempts of a task in order; none is not an error.
	Attempts(ctx context.Context, run, task int64) ([]Attempt, error)
	// Finished yields each task that ended well with its good attempt, in the order of ids.
	Finished(ctx context.Context, run int64) iter.Seq2[FinishedTask, error]
	// Artifacts returns what one attempt set itself, sorted by name.
	Artifacts(ctx context.Context, run, task int64, attempt int) ([]Artifact, error)
	// Artifact returns one of them. NotFound if the attempt did not set it.
	Artifact(ctx context.Context, run, task int64, attempt int, name string) (Artifact, error)
	// Scopes returns what the run's splits opened, in the order of the split tasks.
	Scopes(ctx context.Context, run int64) ([]Scope, error)
	// Blob returns a small value. Its bytes are not checked against the hash. NotFound.
	Blob(ctx context.Context, h Hash) ([]byte, error)
	// Log returns the log of an attempt, NotFound if none is kept in the database.
	Log(ctx context.Context, run, task int64, attempt int) ([]byte, error)
	// Counts returns for each step of a run how many tasks it has by the status of
	// their last attempt, in order of first task.
	Counts(ctx context.Context, run int64) ([]StepCount, error)
	// TaskCounts returns how many tasks each of the runs has by the status of their last attempt. Task 0 is not
	// counted, and a run without tasks is not in the map.
	TaskCounts(ctx context.Context, runs []int64) (map[int64]TaskCount, error)
	// Widths tells of each step of the runs that opened foreaches or gangs how wide they are together, and of those
	// runs how many tasks each step has, by name of step. A run that opened none is not in the map.
	Widths(ctx context.Context, runs []int64) (map[int64][]StepWidth, error)
}

// RunFilter selects runs. Zero fields do not select.
type RunFilter struct {
	Flows    []string    // any of them
	Users    []string    // any of them
	Statuses []RunStatus // any of them, as recorded
	Tags     []string    // all of them, user or system
	Before   int64       // only ids below this one
	Spun     bool        // those that spun a task, too
	// Search is what one types to find a run: words, each the beginning of its id, or a part of its flow, its user, a
	// tag, or, in the newest SearchedParameters runs, of the value of a parameter, of a long one its first
	// SearchedValue characters. The case of letters does not matter: see Words and Cases. A NUL is in none of them.
	Search string
	// Parameters are values as RunInfo.Parameters shows them.
	Parameters map[string]string
	// CreatedAfter and CreatedBefore bound the time of creation: not before the one, before the other.
	CreatedAfter, CreatedBefore time.Time
	Limit                       int
}

// The bounds of a search, so that it stays fast whatever the store holds: how many runs, the newest, have their
// parameters looked at, how much of them, and how many different flows, users and tags, in the order of the alphabet.
const (
	SearchedParameters = 5000
	SearchedValue      = 256
	SearchedNames      = 20_000
)

// ListedNames is how many different users and tags [Browser.Names] looks at, in the order of the alphabet.
const ListedNames = 2000

// Only is the choice of one thing, none if it is empty.
func Only[T ~string](v T) []T {
	if v == "" {
		return nil
	}
	return []T{v}
}

// TaskFilter selects tasks of a run.
type TaskFilter struct {
	Run   int64
	Step  string
	After int64 // only ids above this one; use -1 for all, task 0 included
	// Before, unless it is 0, admits only ids below it.
	Before int64
	// IDs, unless it is nil, admits only these.
	IDs    []int64
	Newest bool // in falling order of ids
	Limit  int
}

// FinishedTask is a task with the attempt that made it good.
type FinishedTask struct {
	Task    Task
	Attempt Attempt
}

// TaskCount counts a run's tasks by the status of their last attempt; caught counts as succeeded.
type TaskCount struct {
	Running, Succeeded, Failed, Killed int
	Caught                             int       // of those that succeeded
	Last                               time.Time // when a last attempt began or ended last
}

// Total is the number of tasks that were started.
func (c TaskCount) Total() int { return c.Running + c.Succeeded + c.Failed + c.Killed }

// StepWidth is what a step's tasks opened, and how many tasks it has.
type StepWidth struct {
	Step   string
	Opened int // elements of foreaches and nodes of gangs
	Tasks  int
}

// StepCount counts a step's tasks.
type StepCount struct {
	Step                               string
	Running, Succeeded, Failed, Killed int       // caught counts as succeeded
	Caught                             int       // of those that succeeded
	First, Last                        time.Time // first start and last end of any attempt
}
