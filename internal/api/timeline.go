package api

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// timelineStatuses are the statuses that rows of a timeline refer to by index.
var timelineStatuses = []Status{Running, Succeeded, Caught, Failed, Killed, Died}

// Timeline returns the attempts of a run, or what is new or changed of them. What a reader has seen is in the
// cursor: the largest id of a task, and the tasks that may still change with the attempt that was last told. So
// a look for news reads new tasks and those that were not over, however many the run has.
func (s *Service) Timeline(ctx context.Context, q TimelineRequest) (Timeline, error) {
	run, err := s.c.Cases.RunByID(ctx, q.Run) // first: of a run that is over, what is read after is all
	if err != nil {
		return Timeline{}, err
	}
	seen, err := parseSeen(q.Cursor)
	if err != nil {
		return Timeline{}, err
	}
	t := timeline{s: s, run: run, out: newTimeline(), left: seen.open, seen: seen.last}
	if len(seen.open) > 0 {
		ids := make([]int64, len(seen.open))
		for i, o := range seen.open {
			ids[i] = o.task
		}
		if _, err := t.read(ctx, metastore.TaskFilter{Run: q.Run, After: -1, IDs: ids}); err != nil {
			return Timeline{}, err
		}
	}
	size := q.Limit
	if size <= 0 {
		size = largestPage
	}
	size = pageSize(size)
	n, err := t.read(ctx, metastore.TaskFilter{Run: q.Run, Step: q.Step, After: seen.last, Limit: size})
	if err != nil {
		return Timeline{}, err
	}
	after := seenTasks{last: t.seen, open: t.open}.String()
	switch {
	case n == size:
		t.out.Next = after
	case run.Status == metastore.RunRunning:
		t.out.End = after
	}
	return t.out, nil
}

func newTimeline() Timeline {
	return Timeline{Steps: []string{}, Statuses: timelineStatuses, Rows: TimelineRows{
		Task: []int64{}, Step: []int{}, Attempt: []int{}, Status: []int{}, Started: []Time{}, Ended: []Time{}, Value: []string{},
	}}
}

// timeline is a timeline that is being made.
type timeline struct {
	s    *Service
	run  metastore.Run
	out  Timeline
	left []openTask // told before, in the order of ids; those that come are taken off
	seen int64      // the largest id of a task
	open []openTask
}

// read adds rows and returns of how many tasks they are.
func (t *timeline) read(ctx context.Context, f metastore.TaskFilter) (tasks int, err error) {
	var rows []metastore.TimelineRow // of one task
	for r, err := range t.s.c.Store.Timeline(ctx, f) {
		if err != nil {
			return tasks, err
		}
		if len(rows) > 0 && rows[0].Task != r.Task {
			if err := t.add(ctx, rows); err != nil {
				return tasks, err
			}
			tasks, rows = tasks+1, rows[:0]
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return tasks, nil
	}
	return tasks + 1, t.add(ctx, rows)
}

// add adds those attempts of a task that are news.
func (t *timeline) add(ctx context.Context, rows []metastore.TimelineRow) error {
	id, last := rows[0].Task, rows[len(rows)-1]
	t.seen = max(t.seen, id)
	told := openTask{n: -1}
	for len(t.left) > 0 && t.left[0].task <= id {
		if t.left[0].task == id {
			told = t.left[0]
		}
		t.left = t.left[1:]
	}
	over := t.run.Status != metastore.RunRunning
	for _, r := range rows {
		running := r.Status == metastore.AttemptRunning
		if r.N > told.n || r.N == told.n && r.N >= 0 && told.running && (!running || over) {
			t.row(r)
		}
	}
	if over {
		return nil
	}
	left := openTask{task: id, n: last.N, running: last.Status == metastore.AttemptRunning}
	if last.Status == metastore.AttemptFailed || last.Status == metastore.AttemptKilled {
		again, err := t.s.triedAgain(ctx, t.run, last.Step, last.N)
		if err != nil || !again {
			return err
		}
	} else if last.N >= 0 && !left.running {
		return nil
	}
	t.open = append(t.open, left)
	return nil
}

// row adds an attempt.
func (t *timeline) row(r metastore.TimelineRow) {
	step := slices.Index(t.out.Steps, r.Step)
	if step < 0 {
		step = len(t.out.Steps)
		t.out.Steps = append(t.out.Steps, r.Step)
	}
	status, ended := Status(r.Status), TimeOf(r.Ended)
	if status == Running && t.run.Status != metastore.RunRunning {
		status, ended = Died, endOf(t.run)
	}
	rows := &t.out.Rows
	rows.Task = append(rows.Task, r.Task)
	rows.Step = append(rows.Step, step)
	rows.Attempt = append(rows.Attempt, r.N)
	rows.Status = append(rows.Status, slices.Index(timelineStatuses, status))
	rows.Started = append(rows.Started, TimeOf(r.Started))
	rows.Ended = append(rows.Ended, ended)
	rows.Value = append(rows.Value, r.Value)
}

// seenTasks is what a reader of a timeline has seen.
type seenTasks struct {
	last int64
	open []openTask // in the order of ids
}

// openTask is a task that was not over, with the attempt that was last told of, -1 for none.
type openTask struct {
	task    int64
	n       int
	running bool
}

// String is the cursor: the last id, then for each open task its id and attempt, with an r if that ran: "120_7-0r_9-1".
func (s seenTasks) String() string {
	b := strconv.AppendInt(nil, s.last, 10)
	for _, o := range s.open {
		b = append(b, '_')
		b = strconv.AppendInt(b, o.task, 10)
		b = append(b, '-')
		if o.n >= 0 {
			b = strconv.AppendInt(b, int64(o.n), 10)
		}
		if o.running {
			b = append(b, 'r')
		}
	}
	return string(b)
}

func parseSeen(cursor string) (seenTasks, error) {
	if cursor == "" {
		return seenTasks{last: -1}, nil
	}
	s := seenTasks{}
	first, rest, more := strings.Cut(cursor, "_")
	number := func(text string) (int64, bool) {
		n, err := strconv.ParseInt(text, 10, 63)
		return n, err == nil && n >= -1
	}
	var ok bool
	if s.last, ok = number(first); !ok {
		return s, badSeen(cursor)
	}
	for more {
		var entry string
		entry, rest, more = strings.Cut(rest, "_")
		task, n, _ := strings.Cut(entry, "-")
		o := openTask{n: -1}
		n, o.running = strings.CutSuffix(n, "r")
		if o.task, ok = number(task); !ok || o.task > s.last || len(s.open) > 0 && o.task <= s.open[len(s.open)-1].task {
			return s, badSeen(cursor)
		}
		if n != "" {
			at, ok := number(n)
			if !ok || at < 0 || at > 1<<31 {
				return s, badSeen(cursor)
			}
			o.n = int(at)
		}
		s.open = append(s.open, o)
	}
	return s, nil
}

func badSeen(cursor string) error {
	return fault.New(fault.Usage, "%.60q is not a cursor that an earlier answer gave", cursor)
}
