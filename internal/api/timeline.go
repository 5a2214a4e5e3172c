package api

import (
	"context"
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

// Timeline is attempts in columns: of ten thousand tasks that is a tenth of what they are as objects. Steps and statuses are
// numbers, which are places in the lists of their names.
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

func (t *Timeline) add(task metastore.Task, a *Attempt) {
	if a == nil {
		a = &Attempt{N: -1, Status: Pending, Started: TimeOf(task.Created)}
	}
	r := &t.Rows
	r.Task, r.Step = append(r.Task, task.ID), append(r.Step, place(&t.Steps, task.Step))
	r.Attempt, r.Status = append(r.Attempt, a.N), append(r.Status, place(&t.Statuses, a.Status))
	r.Started, r.Ended, r.Value = append(r.Started, a.Started), append(r.Ended, a.Ended), append(r.Value, a.Value)
}

// Timeline returns a page of a run's timeline, without the task of the parameters. NotFound if there is no such run.
func (s *Service) Timeline(ctx context.Context, q TimelineRequest) (*Timeline, error) {
	run, err := s.c.Cases.RunByID(ctx, q.Run)
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
	t := newTimeline()
	tasks, err := s.tasksAfter(ctx, metastore.TaskFilter{Run: q.Run, Step: q.Step, After: after, Limit: size + 1})
	if err != nil {
		return nil, err
	}
	if len(tasks) > size {
		tasks = tasks[:size]
		t.Next = formatCursor(tasks[size-1].ID)
	}
	attempts, err := s.attemptsOf(ctx, run, tasks)
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		of := attempts[task.ID]
		if len(of) == 0 {
			t.add(task, nil)
		}
		for i := range of {
			t.add(task, &of[i])
		}
	}
	return t, nil
}

func (s *Service) tasksAfter(ctx context.Context, f metastore.TaskFilter) ([]metastore.Task, error) {
	var tasks []metastore.Task
	for t, err := range s.c.Store.Tasks(ctx, f) {
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// attemptsOf returns the attempts of tasks of a run, without their exceptions.
func (s *Service) attemptsOf(ctx context.Context, run metastore.Run, tasks []metastore.Task) (map[int64][]Attempt, error) {
	ids := make([]int64, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	of := make(map[int64][]Attempt, len(tasks))
	for a, err := range s.c.Store.AttemptsOf(ctx, run.ID, ids) {
		if err != nil {
			return nil, err
		}
		a.Exception = nil
		of[a.Task] = append(of[a.Task], attemptOf(a, run))
	}
	return of, nil
}

// Follower tells what is new of a run from one look to the next. It remembers the tasks that may still change and nothing of those
// that cannot, so a look costs what has happened since the last one. One goroutine at a time uses it.
type Follower struct {
	s      *Service
	run    int64
	begun  bool
	status Status
	last   int64           // the largest id of a task that was seen
	open   map[int64]*told // tasks that may still change

	counted time.Time     // when the steps were counted last
	pause   time.Duration // for how long they are not counted again
	stale   bool          // something has changed since
}

// told is what was told of a task.
type told struct {
	task     metastore.Task
	attempts int
	status   Status
}

// News is what is new of a run. Nil parts are as they were.
type News struct {
	Run   *Run
	Steps *StepsResult
	Rows  *Timeline
	Over  bool // the run has ended: only its tags may change
}

// Follow returns a follower of a run. What is there at its first look is not news, but the run itself.
func (s *Service) Follow(run int64) *Follower {
	return &Follower{s: s, run: run, open: make(map[int64]*told)}
}

// Look returns what is new at a time. NotFound if there is no such run (any more).
func (f *Follower) Look(ctx context.Context, now time.Time) (News, error) {
	before := f.status
	run, err := f.s.Run(ctx, RunRequest{Run: f.run}) // first: when it has ended, what is read after is all
	if err != nil {
		return News{}, err
	}
	news := News{Run: &run, Over: run.Status != Running}
	if f.begun && before != Running && news.Over {
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
		steps, err := f.s.Steps(ctx, StepsRequest{Run: f.run, Counts: true})
		if err != nil {
			return News{}, err
		}
		took := time.Since(now)
		news.Steps, f.counted, f.pause, f.stale = &steps, now, 10*took, false
		run.Tasks = steps.tasks()
	}
	f.begun, f.status = true, run.Status
	return news, nil
}

// tasks is how many tasks a run has, by the counts of its steps.
func (r StepsResult) tasks() *Counts {
	var sum Counts
	for _, st := range r.Steps {
		if c := st.Counts; c != nil && st.Name != service.ParametersStep {
			sum.Running, sum.Succeeded, sum.Failed = sum.Running+c.Running, sum.Succeeded+c.Succeeded, sum.Failed+c.Failed
			sum.Killed, sum.Died = sum.Killed+c.Killed, sum.Died+c.Died
		}
	}
	return &sum
}

// rows returns the rows that are new or have changed.
func (f *Follower) rows(ctx context.Context, run Run) (*Timeline, error) {
	record := metastore.Run{ID: run.ID, Status: metastore.RunStatus(run.Status), Ended: run.Ended.Time()}
	tasks, err := f.s.tasksAfter(ctx, metastore.TaskFilter{Run: f.run, After: f.last})
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		f.last = max(f.last, t.ID)
		f.open[t.ID] = &told{task: t, attempts: -1}
	}
	tasks = tasks[:0]
	for _, t := range f.open {
		tasks = append(tasks, t.task)
	}
	slices.SortFunc(tasks, func(a, b metastore.Task) int { return int(a.ID - b.ID) })
	attempts, err := f.s.attemptsOf(ctx, record, tasks)
	if err != nil {
		return nil, err
	}
	rows := newTimeline()
	for _, task := range tasks {
		of, known := attempts[task.ID], f.open[task.ID]
		status := Pending
		if len(of) > 0 {
			status = of[len(of)-1].Status
		}
		if len(of) != known.attempts || status != known.status {
			if len(of) == 0 {
				rows.add(task, nil)
			}
			for i := range of {
				if i >= known.attempts-1 { // those before were told when they ended
					rows.add(task, &of[i])
				}
			}
		}
		known.attempts, known.status = len(of), status
		if status.Good() || run.Status != Running {
			delete(f.open, task.ID)
		}
	}
	return rows, nil
}
