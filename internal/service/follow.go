package service

import (
	"context"
	"iter"
	"path/filepath"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
	"github.com/levadahq/levada/internal/tasklog"
)

// LogLine is a line of a task's log with the attempt that printed it.
type LogLine struct {
	Task    TaskInfo
	Attempt int
	tasklog.Line
}

// Follow yields what the tasks that a pathspec names have printed and then what they print, also those that start
// meanwhile, until no more can come: until the task has ended, or the run if more tasks than one are named. It looks
// for news at every tick. Attempt -1 is all attempts. A context that ends ends it without an error.
func (s *Service) Follow(ctx context.Context, p Pathspec, attempt int, tick <-chan time.Time) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		f := follower{s: s, p: p, attempt: attempt, open: map[int64]*followed{}}
		for {
			more, err := f.look(ctx, yield)
			if err != nil && ctx.Err() == nil {
				yield(LogLine{}, err)
			}
			if !more || err != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
		}
	}
}

// follower is what Follow remembers from one look to the next.
type follower struct {
	s       *Service
	p       Pathspec
	attempt int
	seen    Seen
	found   bool                // there was a task that was asked for
	open    map[int64]*followed // tasks that may have more to say
}

// followed is a task whose log is followed.
type followed struct {
	task metastore.Task
	at   int           // attempts that have been read to their end
	tail *tasklog.Tail // of the attempt that is being read; nil if it has no file so far
}

// look yields what is new and reports whether more may come.
func (f *follower) look(ctx context.Context, yield func(LogLine, error) bool) (more bool, err error) {
	// The run first: when it has ended, what is read after is all.
	run, err := f.s.RunOf(ctx, f.p)
	if err != nil {
		return false, err
	}
	ended := run.Status != metastore.RunRunning
	if err := f.find(ctx, ended); err != nil {
		return false, err
	}
	if !f.found && ended && f.p.Step != "" {
		return false, f.s.noTask(ctx, f.p)
	}
	ids := make([]int64, 0, len(f.open))
	for id := range f.open {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	attempts := map[int64][]metastore.Attempt{}
	for a, err := range f.s.c.Store.AttemptsOf(ctx, f.p.Run, ids) {
		if err != nil {
			return false, err
		}
		attempts[a.Task] = append(attempts[a.Task], a)
	}
	for _, id := range ids {
		t := f.open[id]
		info := TaskInfo{Flow: run.Flow, Task: t.task, Attempts: attempts[id]}
		goOn, err := f.read(ctx, t, info, yield)
		if err != nil || !goOn {
			return false, err
		}
		if ended || f.finished(info) {
			delete(f.open, id)
		}
	}
	return !ended && (f.p.Task < 0 || !f.found || len(f.open) > 0), nil
}

// find takes up tasks that have not been seen. Of a run that goes on it looks at the tasks of all steps: their ids say
// which are still to come.
func (f *follower) find(ctx context.Context, ended bool) error {
	filter := metastore.TaskFilter{Run: f.p.Run, After: f.seen.After(ended)}
	switch {
	case f.p.Task >= 0:
		filter.IDs = []int64{f.p.Task}
	case ended:
		filter.Step = f.p.Step
	}
	for t, err := range f.s.c.Store.Tasks(ctx, filter) {
		if err != nil {
			return err
		}
		if !f.seen.Add(t.ID) || f.p.Step != "" && t.Step != f.p.Step || f.p.Step == "" && t.ID == 0 {
			continue
		}
		f.found = true
		f.open[t.ID] = &followed{task: t}
	}
	return nil
}

// finished reports whether nothing more can come of a task while its run goes on.
func (f *follower) finished(t TaskInfo) bool {
	if len(t.Attempts) == 0 {
		return false
	}
	last := t.Attempts[t.Latest()]
	switch {
	case f.attempt >= 0:
		return last.N > f.attempt || last.N == f.attempt && last.Status != metastore.AttemptRunning
	case last.Status == metastore.AttemptFailed:
		return false // it may be tried again
	}
	return last.Status != metastore.AttemptRunning
}

// read yields what is new in the log of one task. It returns false when the reader has had enough.
func (f *follower) read(ctx context.Context, t *followed, info TaskInfo, yield func(LogLine, error) bool) (bool, error) {
	for ; t.at < len(info.Attempts); t.at, t.tail = t.at+1, nil {
		a := info.Attempts[t.at]
		if f.attempt >= 0 && a.N != f.attempt {
			continue
		}
		running := a.Status == metastore.AttemptRunning
		lines := f.s.Log(ctx, info, a.N)
		path, err := f.s.logFile(ctx, info, a)
		if err != nil {
			return false, err
		}
		if path != "" && (running || t.tail != nil) {
			if t.tail == nil {
				t.tail = &tasklog.Tail{Path: path}
			}
			lines = t.tail.Lines()
		} else if running {
			return true, nil
		}
		for l, err := range lines {
			if err != nil {
				return false, err
			}
			if !yield(LogLine{info, a.N, l}, nil) {
				return false, nil
			}
		}
		if running {
			return true, nil
		}
	}
	return true, nil
}

// logRun is the run that has the logs of a task: one that was carried over by a resume has them where it ran.
func logRun(t TaskInfo) int64 {
	if t.Task.Origin != 0 {
		return t.Task.Origin
	}
	return t.Task.Run
}

// logFile is the path of the file with the log of an attempt, "" if that is in the database.
func (s *Service) logFile(ctx context.Context, t TaskInfo, a metastore.Attempt) (string, error) {
	name := a.LogFile
	if _, ok := mfdata.PlaceOfLog(name); ok {
		return "", nil
	}
	if name == "" && a.Status == metastore.AttemptRunning {
		name = tasklog.FileName(t.Task.ID, a.N)
	}
	if name == "" {
		return "", nil
	}
	if name != filepath.Base(name) || name == ".." { // a record may come from anywhere, and is not to name other files
		return "", fault.New(fault.Corrupt, "the record of task %d of run %d names a file that cannot be its log: %q", t.Task.ID, t.Task.Run, name)
	}
	dir, err := s.c.Look(ctx, logRun(t), name)
	return filepath.Join(dir, name), err
}
