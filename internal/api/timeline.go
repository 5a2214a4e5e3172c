package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// TimelineRequest asks for the attempts of a run's tasks as rows, in the order of tasks.
type TimelineRequest struct {
	Run    int64  `json:"run"`
	Step   string `json:"step"` // empty for all steps
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"` // tasks
}

// Timeline is attempts in columns: of ten thousand tasks that is a tenth of what they are as objects. Steps and
// statuses are numbers, which are places in the lists of their names.
type Timeline struct {
	Steps    []string `json:"steps"`
	Statuses []Status `json:"statuses"`
	Rows     Rows     `json:"rows"`
	Next     string   `json:"next"`
}

// Rows is the columns of a timeline, all of one length.
type Rows struct {
	Task    []int64  `json:"task"`
	Step    []int    `json:"step"`
	Attempt []int    `json:"attempt"` // -1 for a task of which none has started
	Status  []int    `json:"status"`
	Started []Time   `json:"started"`
	Ended   []Time   `json:"ended"`
	Value   []string `json:"value"` // short form of the foreach element
}

// Pending is the status, in a timeline, of a task of which no attempt has started.
const Pending Status = "pending"

func newTimeline() *Timeline {
	return &Timeline{Steps: []string{}, Statuses: []Status{}, Rows: Rows{
		Task: []int64{}, Step: []int{}, Attempt: []int{}, Status: []int{}, Started: []Time{}, Ended: []Time{}, Value: []string{},
	}}
}

func place[T comparable](list *[]T, v T) int {
	at := slices.Index(*list, v)
	if at < 0 {
		at = len(*list)
		*list = append(*list, v)
	}
	return at
}

func (t *Timeline) add(r metastore.TimelineRow, run Run) {
	status, ended := Status(r.Status), TimeOf(r.Ended)
	switch {
	case r.N < 0:
		status = Pending
	case status == Running && run.Status != Running:
		status, ended = Died, run.Ended
	}
	rows := &t.Rows
	rows.Task, rows.Step = append(rows.Task, r.Task), append(rows.Step, place(&t.Steps, r.Step))
	rows.Attempt, rows.Status = append(rows.Attempt, r.N), append(rows.Status, place(&t.Statuses, status))
	rows.Started, rows.Ended, rows.Value = append(rows.Started, TimeOf(r.Started)), append(rows.Ended, ended), append(rows.Value, r.Value)
}

// Timeline returns a page of a run's timeline, without the task of the parameters. NotFound if there is no such run.
func (s *Service) Timeline(ctx context.Context, q TimelineRequest) (*Timeline, error) {
	run, err := s.Run(ctx, RunRequest{Run: q.Run})
	if err != nil {
		return nil, err
	}
	after, err := parseCursor(q.Cursor, 0)
	if err != nil {
		return nil, err
	}
	size := largestPage
	if q.Limit > 0 {
		size = min(q.Limit, largestPage)
	}
	t, tasks, last := newTimeline(), 0, int64(0)
	for r, err := range s.c.Store.Timeline(ctx, metastore.TaskFilter{Run: q.Run, Step: q.Step, After: after, Limit: size + 1}) {
		if err != nil {
			return nil, err
		}
		if r.Task != last {
			if tasks == size {
				t.Next = formatCursor(last)
				break
			}
			tasks, last = tasks+1, r.Task
		}
		t.add(r, run)
	}
	return t, nil
}

// Follower tells what is new of a run from one look to the next. It remembers the tasks that may still change and
// nothing of those that cannot, so a look costs what has happened since the last one. One goroutine at a time uses it.
type Follower struct {
	s      *Service
	run    int64
	begun  bool
	status Status
	seen   service.Seen
	open   map[int64]told // tasks that may still change

	counted time.Time     // when the steps were counted last
	pause   time.Duration // for how long they are not counted again
	stale   bool          // something has changed since
}

// told is what was told of a task.
type told struct {
	attempt int // the last one; -1 for none
	status  Status
}

// News is what is new of a run. Nil parts are as they were.
type News struct {
	Run   *Run
	Steps *StepsResult
	Rows  *Timeline
	Over  bool // the run has ended, or seems to have died
}

// Follow returns a follower of a run. What is there at its first look is not news, but the run itself.
func (s *Service) Follow(run int64) *Follower {
	f := &Follower{s: s, run: run, open: make(map[int64]told)}
	f.seen.Add(0) // the task of the parameters has no row
	return f
}

// Look returns what is new at a time. NotFound if there is no such run (any more).
func (f *Follower) Look(ctx context.Context, now time.Time) (News, error) {
	before := f.status
	run, err := f.s.Run(ctx, RunRequest{Run: f.run}) // first: when it has ended, what is read after is all
	if err != nil {
		return News{}, err
	}
	news := News{Run: &run, Over: run.Status != Running}
	if f.begun && before == run.Status && news.Over {
		return news, nil // nothing of its tasks can be new
	}
	rows, err := f.rows(ctx, run)
	if err != nil {
		return News{}, err
	}
	if f.begun && len(rows.Rows.Task) > 0 {
		news.Rows, f.stale = rows, true
	}
	if (f.stale || !f.begun) && (news.Over || now.Sub(f.counted) >= f.pause) {
		// Counting takes longer the more tasks there are, so it gets a tenth of the time at most.
		steps, waiting, err := f.s.steps(ctx, StepsRequest{Run: f.run, Counts: true})
		if err != nil {
			return News{}, err
		}
		took := time.Since(now)
		news.Steps, f.counted, f.pause, f.stale = &steps, now, 10*took, false
		run.Tasks = steps.tasks()
		run.Tasks.Waiting = waiting.all(run.Tasks.Tasks())
	}
	f.begun, f.status = true, run.Status
	return news, nil
}

// tasks is how many tasks a run has, by the counts of its steps.
func (r StepsResult) tasks() *Counts {
	var sum Counts
	for _, st := range r.Steps {
		if c := st.Counts; c != nil && st.Name != service.ParametersStep {
			sum.Running, sum.Succeeded, sum.Caught = sum.Running+c.Running, sum.Succeeded+c.Succeeded, sum.Caught+c.Caught
			sum.Failed, sum.Killed, sum.Died = sum.Failed+c.Failed, sum.Killed+c.Killed, sum.Died+c.Died
		}
	}
	return &sum
}

// rows returns the rows that are new or have changed.
func (f *Follower) rows(ctx context.Context, run Run) (*Timeline, error) {
	rows := newTimeline()
	ids := slices.Sorted(maps.Keys(f.open))
	if len(ids) > 0 {
		if err := f.read(ctx, run, metastore.TaskFilter{Run: f.run, After: -1, IDs: ids}, rows); err != nil {
			return nil, err
		}
	}
	return rows, f.read(ctx, run, metastore.TaskFilter{Run: f.run, After: f.seen.After(run.Status != Running)}, rows)
}

// read reads tasks and adds what is new of them.
func (f *Follower) read(ctx context.Context, run Run, filter metastore.TaskFilter, to *Timeline) error {
	var of []metastore.TimelineRow // of one task
	for r, err := range f.s.c.Store.Timeline(ctx, filter) {
		if err != nil {
			return err
		}
		if len(of) > 0 && of[0].Task != r.Task {
			f.tell(run, of, to)
			of = of[:0]
		}
		of = append(of, r)
	}
	if len(of) > 0 {
		f.tell(run, of, to)
	}
	return nil
}

// tell adds what is new of the attempts of a task.
func (f *Follower) tell(run Run, of []metastore.TimelineRow, to *Timeline) {
	id, last := of[0].Task, of[len(of)-1]
	known, ok := f.open[id]
	if !ok {
		if !f.seen.Add(id) {
			return // all of it has been told
		}
		known = told{attempt: -2} // not even that there is such a task
	}
	status := Status(last.Status)
	if status == Running && run.Status != Running {
		status = Died
	}
	if last.N != known.attempt || status != known.status {
		for _, r := range of {
			if r.N >= known.attempt { // those before were told when they ended
				to.add(r, run)
			}
		}
	}
	if last.N >= 0 && status.Good() { // all else may change: a run that seems to have died may only have been silent
		delete(f.open, id)
		return
	}
	f.open[id] = told{last.N, status}
}
