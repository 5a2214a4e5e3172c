package service

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/usage"
)

// leaseTime is how long an engine that cannot be looked for may be silent before its run counts as died.
const leaseTime = 60 * time.Second

// metaflowLease is how long a run of Metaflow may be silent. It says that it goes on every few seconds (package
// metaflowapi), and never that it failed: if a task had failed for good, that is why it fell silent.
const metaflowLease = 30 * time.Second

// honest replaces the recorded status of a run whose engine is gone.
func (s *Service) honest(r metastore.Run) metastore.Run {
	if r.Status != metastore.RunRunning {
		return r
	}
	l := r.Lease
	if l.In(s.here()) {
		if !usage.Alive(l.PID, l.Start) {
			r.Status = metastore.RunDied
		}
		return r
	}
	// Another machine, or what may be one: a container has processes of its own,
	// and two machines may have the same name.
	lease, silent := leaseTime, metastore.RunDied
	if r.Info.Engine == metastore.EngineMetaflow {
		lease = metaflowLease
		if r.FailedTask >= 0 {
			silent = metastore.RunFailed
		}
	}
	if s.c.Now().Sub(l.Heartbeat) > lease {
		r.Status = silent
	}
	return r
}

// here is where this process looks for others.
func (s *Service) here() metastore.Place {
	return metastore.Place{Host: s.c.Host, Boot: s.c.Boot, Namespace: s.c.Namespace}
}

// mayReturn reports whether the engine of a run that is recorded as running may be alive although nothing is heard of
// it: it cannot be looked for, and was heard of a short while ago.
func (s *Service) mayReturn(r metastore.Run) bool {
	return r.Status == metastore.RunRunning && !r.Lease.In(s.here()) && s.c.Now().Before(r.Lease.MayReturn())
}

// Runs yields the runs that match, newest first, with honest statuses.
func (s *Service) Runs(ctx context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error] {
	want, limit := f.Statuses, f.Limit
	if slices.ContainsFunc(want, concluded) {
		// Which of these it is is found out below.
		f.Statuses = slices.DeleteFunc(slices.Clone(want), func(s metastore.RunStatus) bool { return s == metastore.RunDied })
		if !slices.Contains(f.Statuses, metastore.RunRunning) {
			f.Statuses = append(f.Statuses, metastore.RunRunning)
		}
		f.Limit = 0
	}
	return func(yield func(metastore.Run, error) bool) {
		n := 0
		for r, err := range s.c.Store.Runs(ctx, f) {
			if err == nil {
				r = s.honest(r)
				if len(want) > 0 && !slices.Contains(want, r.Status) {
					continue
				}
			}
			if !yield(r, err) || err != nil {
				return
			}
			if n++; limit > 0 && n >= limit {
				return
			}
		}
	}
}

// concluded reports whether a run that is recorded as running may turn out to have a status: it goes on, its engine is
// gone, or it fell silent after a failure.
func concluded(s metastore.RunStatus) bool {
	return s == metastore.RunRunning || s == metastore.RunDied || s == metastore.RunFailed
}

// LatestRun returns the newest run of a flow. NotFound if there is none.
func (s *Service) LatestRun(ctx context.Context, flow string) (metastore.Run, error) {
	for r, err := range s.Runs(ctx, metastore.RunFilter{Flows: metastore.Only(flow), Limit: 1}) {
		return r, err
	}
	return metastore.Run{}, fault.New(fault.NotFound, "%s has not been run in this store", flow).On(s.c.Name).
		Do("run it first, or go to the folder where it was run")
}

// RunByID returns a run. NotFound if there is none of this id.
func (s *Service) RunByID(ctx context.Context, id int64) (metastore.Run, error) {
	r, err := s.c.Store.Run(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return r, fault.New(fault.NotFound, "there is no run %d", id).On(s.c.Name).Do("`levada runs` lists the runs there are")
	}
	return s.honest(r), err
}

// RunOf returns the run that a pathspec names or is in. NotFound if there is none of
// this id, or it is a run of another flow.
func (s *Service) RunOf(ctx context.Context, p Pathspec) (metastore.Run, error) {
	r, err := s.RunByID(ctx, p.Run)
	if err == nil {
		err = p.In(r.Flow)
	}
	return r, err
}

// Steps counts a run's tasks by step.
func (s *Service) Steps(ctx context.Context, run int64) ([]metastore.StepCount, error) {
	return s.c.Store.Counts(ctx, run)
}

// TaskInfo is a task with its attempts.
type TaskInfo struct {
	Flow     string
	Task     metastore.Task
	Attempts []metastore.Attempt
	Over     bool // its run has ended: an attempt that is recorded as running died with its engine
}

// Latest returns the index of the attempt to look at unless another is named: the last.
func (t TaskInfo) Latest() int { return len(t.Attempts) - 1 }

// Tasks yields the tasks that a pathspec names. NotFound if it names none.
func (s *Service) Tasks(ctx context.Context, p Pathspec) iter.Seq2[TaskInfo, error] {
	return func(yield func(TaskInfo, error) bool) {
		run, err := s.RunOf(ctx, p)
		if err != nil {
			yield(TaskInfo{}, err)
			return
		}
		filter := metastore.TaskFilter{Run: p.Run, Step: p.Step, After: -1, Limit: tasksTogether}
		if p.Task >= 0 {
			filter.IDs = []int64{p.Task}
		}
		found := false
		for {
			page, err := s.taskPage(ctx, run.Flow, filter)
			if err != nil {
				yield(TaskInfo{}, err)
				return
			}
			for _, t := range page {
				t.Over = run.Status != metastore.RunRunning
				if p.Step == "" && t.Task.ID == 0 {
					continue // the parameters, unless they are asked for
				}
				found = true
				if !yield(t, nil) {
					return
				}
			}
			if len(page) < tasksTogether {
				break
			}
			filter.After = page[len(page)-1].Task.ID
		}
		if !found && p.Step != "" {
			yield(TaskInfo{}, s.noTask(ctx, p))
		}
	}
}

// tasksTogether is how many tasks are read together with their attempts.
const tasksTogether = 500

// taskPage reads tasks with their attempts.
func (s *Service) taskPage(ctx context.Context, flow string, f metastore.TaskFilter) ([]TaskInfo, error) {
	var page []TaskInfo
	var ids []int64
	for t, err := range s.c.Store.Tasks(ctx, f) {
		if err != nil {
			return nil, err
		}
		page, ids = append(page, TaskInfo{Flow: flow, Task: t}), append(ids, t.ID)
	}
	i := 0
	for a, err := range s.c.Store.AttemptsOf(ctx, f.Run, ids) {
		if err != nil {
			return nil, err
		}
		for page[i].Task.ID != a.Task { // both are in the order of tasks
			i++
		}
		page[i].Attempts = append(page[i].Attempts, a)
	}
	return page, nil
}

// noTask says what of a pathspec does not exist and what does.
func (s *Service) noTask(ctx context.Context, p Pathspec) error {
	steps, err := s.c.Store.Counts(ctx, p.Run)
	if err != nil {
		return err
	}
	names := ""
	for _, st := range steps {
		if st.Step == p.Step && p.Task >= 0 {
			return fault.New(fault.NotFound, "step %s of run %d has no task %d", p.Step, p.Run, p.Task).
				Do("`levada tasks %d/%s` lists those that it has", p.Run, p.Step)
		}
		if st.Step == ParametersStep {
			continue
		}
		if names != "" {
			names += ", "
		}
		names += st.Step
	}
	if names == "" {
		return fault.New(fault.NotFound, "run %d has not started any step", p.Run)
	}
	return fault.New(fault.NotFound, "run %d has no tasks of a step %s", p.Run, p.Step).Do("it has tasks of: %s", names)
}

// attempt finds an attempt of a task; -1 is the latest.
func (s *Service) attempt(t TaskInfo, n int) (metastore.Attempt, error) {
	for i := len(t.Attempts) - 1; i >= 0; i-- {
		if n < 0 || t.Attempts[i].N == n {
			return t.Attempts[i], nil
		}
	}
	return metastore.Attempt{}, fault.New(fault.NotFound, "task %d of step %s has no attempt %d", t.Task.ID, t.Task.Step, n)
}

// Log yields the lines of an attempt's log; attempt -1 is the latest. A task that was
// carried over by a resume has its log where it ran.
func (s *Service) Log(ctx context.Context, t TaskInfo, attempt int) iter.Seq2[tasklog.Line, error] {
	return func(yield func(tasklog.Line, error) bool) {
		if len(t.Attempts) == 0 && attempt < 0 {
			return
		}
		a, err := s.attempt(t, attempt)
		if err != nil {
			yield(tasklog.Line{}, err)
			return
		}
		if place, ok := mfdata.PlaceOfLog(a.LogFile); ok {
			place.Log()(yield)
			return
		}
		path, err := s.logFile(ctx, t, a)
		if err != nil {
			yield(tasklog.Line{}, err)
			return
		}
		lines := tasklog.ReadFile(path)
		if path == "" {
			data, err := s.c.Store.Log(ctx, logRun(t), t.Task.ID, a.N)
			if err != nil && !fault.Is(err, fault.NotFound) {
				yield(tasklog.Line{}, err)
				return
			}
			lines, path = tasklog.Read(data), "the database"
		}
		if a.Status != metastore.AttemptRunning {
			lines = tasklog.Whole(lines, a.LogLines, path)
		}
		lines(yield)
	}
}

// Artifacts returns all artifacts of an attempt, inherited ones included, sorted by
// name; attempt -1 is the latest.
func (s *Service) Artifacts(ctx context.Context, t TaskInfo, attempt int) ([]metastore.Artifact, error) {
	if len(t.Attempts) == 0 && attempt < 0 {
		return nil, nil
	}
	a, err := s.attempt(t, attempt)
	if err != nil {
		return nil, err
	}
	return datastore.NewLayers(s.c.Store).OfAttempt(ctx, t.Task, a)
}

// Value returns the encoded bytes of an artifact. Corrupt if they are not what was stored.
func (s *Service) Value(ctx context.Context, a metastore.Artifact) ([]byte, error) {
	return s.c.Data.Bytes(ctx, a)
}
