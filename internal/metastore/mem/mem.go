// Package mem is a metadata store in memory, for tests.
package mem

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Store is a metadata store in memory. All methods may be called concurrently.
type Store struct {
	mu        sync.Mutex
	runs      []*metastore.Run // in the order of their ids
	last      int64            // the largest id that was given
	changes   int64            // how often something was written
	tasks     map[int64]map[int64]metastore.Task
	attempts  map[taskKey][]metastore.Attempt // in order
	artifacts map[attemptKey]map[string]metastore.Artifact
	cards     map[attemptKey]map[int]metastore.Card // by position
	logs      map[attemptKey][]byte
	scopes    map[int64]map[int64]metastore.Scope
	blobs     map[metastore.Hash][]byte
	names     map[int64]map[string]int64 // tasks of a run by name
	notes     map[int64][]metastore.Note // of a run, in order
	lastNote  int64
	marks     map[string]marks // by writer

	queue chan func()
	done  chan struct{}
	close sync.RWMutex // held for reading while something is sent to queue
	ended bool
}

type taskKey struct{ run, task int64 }

type attemptKey struct {
	taskKey
	n int
}

var (
	_ metastore.Store = (*Store)(nil)
	_ metastore.Guest = (*Store)(nil)
)

// New returns an empty store. Close ends its goroutine.
func New() *Store {
	s := &Store{
		tasks:     make(map[int64]map[int64]metastore.Task),
		attempts:  make(map[taskKey][]metastore.Attempt),
		artifacts: make(map[attemptKey]map[string]metastore.Artifact),
		cards:     make(map[attemptKey]map[int]metastore.Card),
		logs:      make(map[attemptKey][]byte),
		scopes:    make(map[int64]map[int64]metastore.Scope),
		blobs:     make(map[metastore.Hash][]byte),
		names:     make(map[int64]map[string]int64),
		notes:     make(map[int64][]metastore.Note),
		marks:     make(map[string]marks),
		queue:     make(chan func(), 1024),
		done:      make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		for f := range s.queue {
			f()
		}
	}()
	return s
}

// send queues f for the store's goroutine. It reports false if the store is closed.
func (s *Store) send(f func()) bool {
	s.close.RLock()
	defer s.close.RUnlock()
	if s.ended {
		return false
	}
	s.queue <- f
	return true
}

// Close writes what is queued and ends the store's goroutine.
func (s *Store) Close() error {
	s.close.Lock()
	if !s.ended {
		s.ended = true
		close(s.queue)
	}
	s.close.Unlock()
	<-s.done
	return nil
}

// Record queues r.
func (s *Store) Record(r metastore.Record) {
	done := r.Done
	if done == nil {
		done = func(error) {}
	}
	if !s.send(func() { done(s.write(func() error { return s.insert(r) })) }) {
		go done(errClosed())
	}
}

// Flush does nothing: nothing waits for company here.
func (s *Store) Flush() {}

// do runs a job in its turn and waits for it.
func (s *Store) do(ctx context.Context, job func() error) error {
	result := make(chan error, 1)
	ok := s.send(func() {
		if err := ctx.Err(); err != nil {
			result <- fault.Wrap(fault.Interrupted, "write", err)
			return
		}
		result <- s.write(job)
	})
	if !ok {
		return errClosed()
	}
	return <-result
}

func (s *Store) write(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	return f()
}

// marks are those of a writer's last batch: by item, the run that was created.
type marks struct {
	batch int64
	items map[int]int64
}

// marked returns the run that was created with a mark, and whether the mark is there.
func (s *Store) marked(m *metastore.Mark) (run int64, there bool) {
	if m == nil || s.marks[m.Writer].batch != m.Batch {
		return 0, false
	}
	run, there = s.marks[m.Writer].items[m.Item]
	return run, there
}

func (s *Store) mark(m *metastore.Mark, run int64) {
	if m == nil {
		return
	}
	if s.marks[m.Writer].batch != m.Batch {
		s.marks[m.Writer] = marks{m.Batch, make(map[int]int64)}
	}
	s.marks[m.Writer].items[m.Item] = run
}

// insert writes a record, all of it or nothing.
func (s *Store) insert(r metastore.Record) error {
	if _, there := s.marked(r.Mark); there {
		return nil
	}
	if r.Attempt == nil && (len(r.Artifacts) > 0 || len(r.Cards) > 0 || r.Log != nil) {
		return fault.New(fault.Internal, "a record has artifacts, cards or a log but no attempt")
	}
	if t := r.Task; t != nil {
		if _, ok := s.tasks[t.Run][t.ID]; ok {
			return conflict("run %d, task %d", t.Run, t.ID)
		}
	}
	if c := r.Scope; c != nil {
		if _, ok := s.scopes[c.Run][c.Split]; ok {
			return conflict("run %d, scope %d", c.Run, c.Split)
		}
	}
	s.mark(r.Mark, 0)
	if r.Task != nil {
		putIn(s.tasks, r.Task.Run, r.Task.ID, cloneTask(*r.Task))
	}
	if r.Scope != nil {
		putIn(s.scopes, r.Scope.Run, r.Scope.Split, *r.Scope)
	}
	for _, b := range r.Blobs {
		s.blobs[b.Hash] = append([]byte{}, b.Data...)
	}
	for _, n := range r.Notes {
		s.note(n)
	}
	if r.Attempt == nil {
		return nil
	}
	s.putAttempt(*r.Attempt)
	key := attemptKey{taskKey{r.Attempt.Run, r.Attempt.Task}, r.Attempt.N}
	for _, a := range r.Artifacts {
		putIn(s.artifacts, key, a.Name, cloneArtifact(a))
	}
	for _, c := range r.Cards {
		putIn(s.cards, key, c.Position, c)
	}
	if r.Log != nil {
		s.logs[key] = append([]byte{}, r.Log...)
	}
	return nil
}

func (s *Store) putAttempt(a metastore.Attempt) {
	key := taskKey{a.Run, a.Task}
	list := s.attempts[key]
	i, ok := slices.BinarySearchFunc(list, a.N, func(x metastore.Attempt, n int) int { return cmp.Compare(x.N, n) })
	if ok {
		list[i] = cloneAttempt(a)
		return
	}
	s.attempts[key] = slices.Insert(list, i, cloneAttempt(a))
}

func putIn[K, L comparable, V any](m map[K]map[L]V, k K, l L, v V) {
	if m[k] == nil {
		m[k] = make(map[L]V)
	}
	m[k][l] = v
}

// CreateRun adds a run with what it begins with.
func (s *Store) CreateRun(ctx context.Context, run metastore.Run, begin metastore.Beginning) (int64, error) {
	var id int64
	err := s.do(ctx, func() error {
		if run, there := s.marked(begin.Mark); there {
			id = run
			return nil
		}
		if s.namedRun(run.Flow, run.Info.Name) != 0 {
			return conflict("run %s/%s", run.Flow, run.Info.Name)
		}
		s.last++
		id = s.last
		run := cloneRun(run)
		run.ID = id
		run.Tags, run.SystemTags = tagSet(run.Tags), tagSet(run.SystemTags)
		s.runs = append(s.runs, &run)
		err := s.carry(id, begin)
		for _, r := range begin.First {
			if err == nil {
				err = s.insert(r.In(id))
			}
		}
		if err != nil {
			s.forget(id)
			return err
		}
		s.mark(begin.Mark, id)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// forget takes back the newest run, so that CreateRun is all or nothing.
func (s *Store) forget(id int64) {
	s.runs = s.runs[:len(s.runs)-1]
	s.last--
	for task := range s.tasks[id] {
		for _, a := range s.attempts[taskKey{id, task}] {
			delete(s.artifacts, attemptKey{taskKey{id, task}, a.N})
			delete(s.cards, attemptKey{taskKey{id, task}, a.N})
			delete(s.logs, attemptKey{taskKey{id, task}, a.N})
		}
		delete(s.attempts, taskKey{id, task})
	}
	delete(s.tasks, id)
	delete(s.scopes, id)
}

// carry copies the tasks that a resumed run takes over.
func (s *Store) carry(to int64, begin metastore.Beginning) error {
	if len(begin.Tasks) > 0 {
		if _, err := s.run(begin.From); err != nil {
			return err
		}
	}
	for _, id := range tagSet(begin.Tasks) {
		from := taskKey{begin.From, id}
		t, ok := s.tasks[begin.From][id]
		good, ok2 := lastGood(s.attempts[from])
		if !ok || !ok2 {
			return fault.New(fault.NotFound, "the task has not ended well").On(fmt.Sprintf("run %d, task %d", begin.From, id))
		}
		t = cloneTask(t)
		t.Run, t.Origin = to, cmp.Or(t.Origin, begin.From)
		putIn(s.tasks, to, id, t)
		good.Run = to
		s.putAttempt(good)
		for name, a := range s.artifacts[attemptKey{from, good.N}] {
			putIn(s.artifacts, attemptKey{taskKey{to, id}, good.N}, name, a)
		}
		for position, c := range s.cards[attemptKey{from, good.N}] {
			putIn(s.cards, attemptKey{taskKey{to, id}, good.N}, position, c)
		}
		if c, ok := s.scopes[begin.From][id]; ok {
			c.Run = to
			putIn(s.scopes, to, id, c)
		}
	}
	return nil
}

func lastGood(attempts []metastore.Attempt) (metastore.Attempt, bool) {
	for _, a := range slices.Backward(attempts) {
		if a.Status == metastore.AttemptSucceeded || a.Status == metastore.AttemptCaught {
			return a, true
		}
	}
	return metastore.Attempt{}, false
}

// EndRun sets the final status of a run.
func (s *Store) EndRun(ctx context.Context, id int64, end metastore.RunEnd) error {
	return s.change(ctx, id, func(r *metastore.Run) {
		r.Status, r.Ended, r.FailedTask, r.Problem = end.Status, instant(end.Ended), end.FailedTask, end.Problem
	})
}

// AskStop notes that a run is asked to end.
func (s *Store) AskStop(ctx context.Context, id int64, at time.Time) error {
	return s.change(ctx, id, func(r *metastore.Run) {
		if r.StopAsked.IsZero() {
			r.StopAsked = instant(at)
		}
	})
}

// Beat renews the lease of a run.
func (s *Store) Beat(ctx context.Context, id int64, at time.Time) error {
	return s.change(ctx, id, func(r *metastore.Run) { r.Lease.Heartbeat = instant(at) })
}

// ChangeTags removes and then adds user tags of a run.
func (s *Store) ChangeTags(ctx context.Context, id int64, remove, add []string) ([]string, error) {
	var tags []string
	err := s.change(ctx, id, func(r *metastore.Run) {
		kept := slices.DeleteFunc(r.Tags, func(tag string) bool { return slices.Contains(remove, tag) })
		r.Tags = tagSet(append(kept, add...))
		tags = slices.Clone(r.Tags)
	})
	return tags, err
}

func (s *Store) change(ctx context.Context, id int64, f func(*metastore.Run)) error {
	return s.do(ctx, func() error {
		r, err := s.run(id)
		if err == nil {
			f(r)
		}
		return err
	})
}

func (s *Store) run(id int64) (*metastore.Run, error) {
	i, ok := slices.BinarySearchFunc(s.runs, id, func(r *metastore.Run, id int64) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil, notFound("run %d", id)
	}
	return s.runs[i], nil
}

func errClosed() error { return fault.New(fault.Internal, "the store is closed") }

func notFound(format string, args ...any) error {
	return fault.New(fault.NotFound, "it is not in the store").On(fmt.Sprintf(format, args...))
}

func conflict(format string, args ...any) error {
	return fault.New(fault.Conflict, "the record exists already").On(fmt.Sprintf(format, args...))
}

// tagSet returns the elements of list, sorted, each once; nil if there are none.
func tagSet[T cmp.Ordered](list []T) []T {
	return orNil(slices.Compact(slices.Sorted(slices.Values(list))))
}

func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// instant is a time as the store keeps it.
func instant(t time.Time) time.Time {
	if t.IsZero() || t.UnixMicro() == 0 {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

func cloneRun(r metastore.Run) metastore.Run {
	r.Created, r.Ended, r.Lease.Heartbeat, r.StopAsked = instant(r.Created), instant(r.Ended), instant(r.Lease.Heartbeat), instant(r.StopAsked)
	r.Tags, r.SystemTags = orNil(slices.Clone(r.Tags)), orNil(slices.Clone(r.SystemTags))
	r.Info.CommandLine = orNil(slices.Clone(r.Info.CommandLine))
	if r.Info.Parameters = maps.Clone(r.Info.Parameters); len(r.Info.Parameters) == 0 {
		r.Info.Parameters = nil
	}
	return r
}

func cloneTask(t metastore.Task) metastore.Task {
	t.Inputs, t.Created = orNil(slices.Clone(t.Inputs)), instant(t.Created)
	return t
}

func cloneAttempt(a metastore.Attempt) metastore.Attempt {
	a.Started, a.Ended = instant(a.Started), instant(a.Ended)
	a.UserCPU, a.SystemCPU = a.UserCPU.Truncate(time.Microsecond), a.SystemCPU.Truncate(time.Microsecond)
	a.Transition, a.Series = orNil(slices.Clone(a.Transition)), orNil(slices.Clone(a.Series))
	if a.GPUs = slices.Clone(a.GPUs); len(a.GPUs) == 0 {
		a.GPUs = nil
	}
	if a.Exception != nil {
		e := *a.Exception
		a.Exception = &e
	}
	return a
}

func cloneArtifact(a metastore.Artifact) metastore.Artifact {
	a.Inline = slices.Clone(a.Inline)
	return a
}
