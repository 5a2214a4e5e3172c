package api

import (
	"context"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
)

// Tasks returns a page of tasks with their attempts and their places in foreaches. NotFound if
// there is no such run.
func (s *Service) Tasks(ctx context.Context, q TasksRequest) (TasksResult, error) {
	run, err := s.c.Cases.RunByID(ctx, q.Run)
	if err == nil && q.Status != "" {
		err = checkStatus("task", taskStatuses, q.Status)
	}
	if err != nil {
		return TasksResult{}, err
	}
	size := pageSize(q.Limit)
	res := TasksResult{Tasks: []Task{}}
	cursor := q.Cursor
	for {
		page, next, err := s.taskPage(ctx, run, q, cursor, size+1)
		if err != nil {
			return TasksResult{}, err
		}
		room := pageBytes
		for _, t := range page {
			if q.Status != "" && (t.Latest() == nil || t.Latest().Status != q.Status) {
				continue
			}
			if len(res.Tasks) == size || len(res.Tasks) > 0 && room < 0 {
				res.Next = formatCursor(res.Tasks[len(res.Tasks)-1].ID)
				return res, nil
			}
			res.Tasks = append(res.Tasks, t)
			for _, a := range t.Attempts {
				if a.Exception != nil {
					room -= len(a.Exception.Message) + len(a.Exception.Traceback)
				}
			}
		}
		if next == "" {
			return res, nil
		}
		cursor = next
	}
}

// taskPage reads tasks from a cursor on. next is empty at the end.
func (s *Service) taskPage(ctx context.Context, run metastore.Run, q TasksRequest, cursor string, limit int) (page []Task, next string, err error) {
	f := metastore.TaskFilter{Run: q.Run, Step: q.Step, IDs: q.IDs, After: -1, Newest: !q.Oldest, Limit: limit}
	if cursor != "" {
		at, err := parseCursor(cursor, 0)
		if err != nil {
			return nil, "", err
		}
		switch {
		case q.Oldest:
			f.After = at
		case at == 0:
			return nil, "", nil // nothing is before the first task
		default:
			f.Before = at
		}
	}
	var tasks []metastore.Task
	for t, err := range s.c.Store.Tasks(ctx, f) {
		if err != nil {
			return nil, "", err
		}
		tasks = append(tasks, t)
	}
	if len(tasks) == limit {
		next = formatCursor(tasks[limit-1].ID)
	}
	page, err = s.tasksOf(ctx, run, tasks)
	return page, next, err
}

// tasksOf adds to tasks of a run what is known of them.
func (s *Service) tasksOf(ctx context.Context, run metastore.Run, tasks []metastore.Task) ([]Task, error) {
	if len(tasks) == 0 {
		return nil, nil
	}
	dated := []metastore.Run{run}
	if _, err := s.date(ctx, dated); err != nil {
		return nil, err
	}
	run = dated[0]
	ids := make([]int64, len(tasks))
	place := make(map[int64]int, len(tasks))
	page := make([]Task, len(tasks))
	for i, t := range tasks {
		ids[i], place[t.ID] = t.ID, i
		page[i] = Task{
			Run: t.Run, ID: t.ID, Step: t.Step, Created: TimeOf(t.Created), Origin: t.Origin, Iteration: t.Iteration, Attempts: []Attempt{},
		}
	}
	for a, err := range s.c.Store.AttemptsOf(ctx, run.ID, ids) {
		if err != nil {
			return nil, err
		}
		t := &page[place[a.Task]]
		t.Attempts = append(t.Attempts, attemptOf(a, run))
	}
	for i := range page {
		var err error
		if page[i].Finished, err = s.finished(ctx, run, &page[i]); err != nil {
			return nil, err
		}
	}
	return page, s.addStacks(ctx, run.ID, tasks, page)
}

// finished reports whether a task ended, well or not, and will not be tried again.
func (s *Service) finished(ctx context.Context, run metastore.Run, t *Task) (bool, error) {
	last := t.Latest()
	switch {
	case last == nil:
		return false, nil
	case run.Status != metastore.RunRunning || last.Status.Good():
		return true, nil
	case last.Status == Running:
		return false, nil
	}
	g, err := s.graph(ctx, run)
	if err != nil {
		return false, err
	}
	step := g.Lookup(t.Step)
	failed := metastore.Attempt{N: last.N, ExitCode: last.ExitCode}
	if e := last.Exception; e != nil {
		failed.Exception = &metastore.Exception{Type: e.Type}
	}
	return step == nil || !runner.TriedAgain(step, &failed), nil
}

func attemptOf(a metastore.Attempt, run metastore.Run) Attempt {
	at := Attempt{
		N: a.N, Status: Status(a.Status), PID: a.PID, Started: TimeOf(a.Started), Ended: TimeOf(a.Ended),
		ExitCode: a.ExitCode, Signal: a.Signal, UserCPU: a.UserCPU.Seconds(), SystemCPU: a.SystemCPU.Seconds(),
		PeakMemory: a.PeakMemory, MemorySource: a.MemorySource, GPUs: a.GPUs, Value: a.Value, LogLines: a.LogLines, LogBytes: a.LogBytes,
	}
	if a.Status == metastore.AttemptRunning && run.Status != metastore.RunRunning {
		at.Status, at.Ended = Died, TimeOf(run.Ended)
	}
	if e := a.Exception; e != nil {
		at.Exception = &Exception{Type: e.Type, Message: e.Message, Traceback: e.Traceback}
	}
	return at
}

// addStacks says in which foreaches and gangs tasks are.
func (s *Service) addStacks(ctx context.Context, run int64, tasks []metastore.Task, page []Task) error {
	var ask []int64
	for _, t := range tasks {
		if t.Scope >= 0 {
			ask = append(ask, t.Scope)
		}
	}
	scopes := make(map[int64]metastore.Scope)
	for len(ask) > 0 {
		found, err := s.c.Store.ScopesOf(ctx, run, ask)
		if err != nil {
			return err
		}
		ask = nil
		for _, c := range found {
			scopes[c.Split] = c
		}
		for _, c := range found {
			if _, known := scopes[c.Parent]; c.Parent >= 0 && !known && c.Parent < c.Split {
				ask = append(ask, c.Parent)
			}
		}
	}
	for i, t := range tasks {
		at, index := t.Scope, t.Index
		for at >= 0 {
			c, ok := scopes[at]
			if !ok {
				break
			}
			if c.Kind != "split" {
				page[i].Stack = append(page[i].Stack, Frame{
					Step: c.Step, Task: c.Split, Var: c.Var, Index: index, Count: c.Count, Gang: c.Kind == "gang",
				})
			}
			at, index = c.Parent, c.Index
		}
		slices.Reverse(page[i].Stack)
	}
	return nil
}
