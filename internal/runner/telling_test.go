package runner_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
)

const threeOfOne = `
from levada import FlowSpec, step

class ThreeOfOne(FlowSpec):
    @step
    def start(self):
        self.xs = [1, 2, 3]
        self.next(self.work, foreach="xs")

    @step
    def work(self):
        print("at work")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

ThreeOfOne()
`

// lateStore says that the ends of the step work are durable when it is told to.
type lateStore struct {
	metastore.Store
	mu      sync.Mutex
	work    map[int64]bool // its tasks
	waiting []func(error)
	count   int // of those that wait when all are said to be durable
}

func (s *lateStore) Record(r metastore.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Task != nil && r.Task.Step == "work" {
		s.work[r.Task.ID] = true
	}
	if r.Done != nil && s.work[r.Attempt.Task] {
		s.waiting = append(s.waiting, r.Done)
		r.Done = func(error) {}
	}
	s.Store.Record(r)
	if len(s.waiting) == s.count {
		s.durable()
	}
}

func (s *lateStore) durable() {
	for _, done := range s.waiting {
		done(nil)
	}
	s.waiting = nil
}

// toldOfWork runs threeOfOne, a task at a time, and returns what is told of the step work.
func toldOfWork(t *testing.T, s *lateStore, heldAtMost time.Duration, hear func(kinds []runner.EventKind)) (kinds []runner.EventKind) {
	t.Helper()
	b := newBench(t, threeOfOne)
	b.policy.MaxWorkers = 1
	s.Store, s.work = b.store, map[int64]bool{}
	config := b.bare(t)
	config.Store, config.Watch = s, listener(func(e *runner.Event) {
		if e.Step == "work" {
			kinds = append(kinds, e.Kind)
			hear(kinds)
		}
	})
	r := runner.New(config)
	r.SetHeldAtMost(heldAtMost)
	if res, err := r.Run(context.Background()); err != nil || res.Status != metastore.RunSucceeded {
		t.Fatal(res.Status, err)
	}
	return kinds
}

// listener is an observer of events.
type listener func(*runner.Event)

func (l listener) Event(e *runner.Event)  { l(e) }
func (listener) Progress(runner.Progress) {}
func (listener) Hurry()                   {}

// Tasks take the places of others before the ends of those are durable. They are told of after it.
func TestOneTaskAtATimeIsTold(t *testing.T) {
	one := []runner.EventKind{runner.TaskStarted, runner.LogLine, runner.TaskFinished}
	kinds := toldOfWork(t, &lateStore{count: 3}, time.Minute, func([]runner.EventKind) {})
	if want := slices.Concat(one, one, one); !slices.Equal(kinds, want) {
		t.Errorf("what is told is %v, want %v", kinds, want)
	}
}

// A store that cannot be reached for a while does not keep what tasks print from those who look.
func TestTasksAreToldOfWhileTheStoreIsAway(t *testing.T) {
	s := &lateStore{count: -1}
	toldOfWork(t, s, time.Millisecond, func(kinds []runner.EventKind) {
		if len(kinds) == 6 && !slices.Contains(kinds, runner.TaskFinished) { // all that the three have to say
			go func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.durable()
			}()
			s.count = 1
		}
	})
}
