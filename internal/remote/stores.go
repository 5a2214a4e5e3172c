package remote

import (
	"context"
	"iter"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// The arguments of calls that have more than one, with the same fields for all.
type (
	taskArgs struct {
		Run, Task int64
		Attempt   int
		Name      string
	}
	tasksArgs struct {
		Run   int64
		Tasks []int64
	}
	childrenArgs struct {
		Run, Task int64
		Steps     []string
	}
	siblingsArgs struct {
		Run, Task int64
		Step      string
	}
	lastArgs struct {
		Step string
		Runs []int64
	}
	inheritedArgs struct {
		Tasks []metastore.TaskID
		Types []string
	}
	deleteArgs struct {
		Hashes []metastore.Hash
		Unless metastore.RunSet
	}
	beatArgs struct { // also of AskStop
		Run int64
		At  time.Time
	}
	tagsArgs struct {
		Run         int64
		Remove, Add []string
	}
)

type none = struct{}

// stores mounts the metastore but for what goes through the queue. [Store] has the
// other half of each call, in the same order.
func (h *Handler) stores() {
	s := h.c.Store
	post(h, "Run", s.Run)
	list(h, "Runs", s.Runs)
	post(h, "Task", func(ctx context.Context, a taskArgs) (metastore.Task, error) { return s.Task(ctx, a.Run, a.Task) })
	list(h, "Tasks", s.Tasks)
	post(h, "Attempts", func(ctx context.Context, a taskArgs) ([]metastore.Attempt, error) {
		return s.Attempts(ctx, a.Run, a.Task)
	})
	list(h, "Finished", s.Finished)
	post(h, "Artifacts", func(ctx context.Context, a taskArgs) ([]metastore.Artifact, error) {
		return s.Artifacts(ctx, a.Run, a.Task, a.Attempt)
	})
	post(h, "Artifact", func(ctx context.Context, a taskArgs) (metastore.Artifact, error) {
		return s.Artifact(ctx, a.Run, a.Task, a.Attempt, a.Name)
	})
	post(h, "Scopes", s.Scopes)
	post(h, "Blob", s.Blob)
	post(h, "Log", func(ctx context.Context, a taskArgs) ([]byte, error) { return s.Log(ctx, a.Run, a.Task, a.Attempt) })
	post(h, "Counts", s.Counts)
	post(h, "TaskCounts", s.TaskCounts)
	post(h, "Widths", s.Widths)

	post(h, "Flows", s.Flows)
	post(h, "Names", func(ctx context.Context, _ struct{}) (metastore.Names, error) { return s.Names(ctx) })
	post(h, "Steps", s.Steps)
	list(h, "AttemptsOf", func(ctx context.Context, a tasksArgs) iter.Seq2[metastore.Attempt, error] {
		return s.AttemptsOf(ctx, a.Run, a.Tasks)
	})
	list(h, "ArtifactsOf", func(ctx context.Context, a tasksArgs) iter.Seq2[metastore.TaskArtifact, error] {
		return s.ArtifactsOf(ctx, a.Run, a.Tasks)
	})
	post(h, "ScopesOf", func(ctx context.Context, a tasksArgs) ([]metastore.Scope, error) {
		return s.ScopesOf(ctx, a.Run, a.Tasks)
	})
	list(h, "Cards", func(ctx context.Context, a tasksArgs) iter.Seq2[metastore.TaskCard, error] {
		return s.Cards(ctx, a.Run, a.Tasks)
	})
	list(h, "Timeline", s.Timeline)
	post(h, "Siblings", func(ctx context.Context, a siblingsArgs) (metastore.Siblings, error) {
		return s.Siblings(ctx, a.Run, a.Step, a.Task)
	})
	post(h, "LastTasks", func(ctx context.Context, a lastArgs) (map[int64]int64, error) {
		return s.LastTasks(ctx, a.Step, a.Runs)
	})
	list(h, "Inherited", func(ctx context.Context, a inheritedArgs) iter.Seq2[metastore.InheritedArtifact, error] {
		return s.Inherited(ctx, a.Tasks, a.Types)
	})
	post(h, "Changes", func(ctx context.Context, _ none) (int64, error) { return s.Changes(ctx) })
	list(h, "Children", func(ctx context.Context, a childrenArgs) iter.Seq2[metastore.Task, error] {
		return s.Children(ctx, a.Run, a.Task, a.Steps)
	})

	post(h, "Remove", func(ctx context.Context, runs []int64) (none, error) { return none{}, s.Remove(ctx, runs) })
	list(h, "References", s.References)
	list(h, "SmallValues", func(ctx context.Context, _ none) iter.Seq2[metastore.SmallValue, error] { return s.SmallValues(ctx) })
	post(h, "DeleteBlobs", func(ctx context.Context, a deleteArgs) (int64, error) { return s.DeleteBlobs(ctx, a.Hashes, a.Unless) })
	list(h, "Logs", func(ctx context.Context, _ none) iter.Seq2[metastore.LogEntry, error] { return s.Logs(ctx) })
	list(h, "Carried", func(ctx context.Context, _ none) iter.Seq2[metastore.CarriedLog, error] { return s.Carried(ctx) })

	post(h, "Size", func(ctx context.Context, _ none) (int64, error) { return s.Size(ctx) })
	post(h, "Shrink", func(ctx context.Context, alone bool) (none, error) { return none{}, s.Shrink(ctx, alone) })
	post(h, "Check", s.Check)
	list(h, "LogRecords", func(ctx context.Context, _ none) iter.Seq2[metastore.LogRecord, error] { return s.LogRecords(ctx) })
	post(h, "Beat", func(ctx context.Context, a beatArgs) (none, error) {
		return none{}, s.Beat(ctx, a.Run, h.c.heard(a.At))
	})
	post(h, "AskStop", func(ctx context.Context, a beatArgs) (none, error) { return none{}, s.AskStop(ctx, a.Run, a.At) })
	post(h, "ChangeTags", func(ctx context.Context, a tagsArgs) ([]string, error) {
		return s.ChangeTags(ctx, a.Run, a.Remove, a.Add)
	})
}

// Store is the metastore of a server.
type Store struct {
	c *Client
	*recorder
}

var _ metastore.Store = (*Store)(nil)

// Run returns a run.
func (s *Store) Run(ctx context.Context, id int64) (metastore.Run, error) {
	return ask[metastore.Run](ctx, s.c, "Run", id)
}

// Runs yields runs.
func (s *Store) Runs(ctx context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error] {
	return askAll[metastore.Run](ctx, s.c, "Runs", f)
}

// Task returns a task.
func (s *Store) Task(ctx context.Context, run, task int64) (metastore.Task, error) {
	return ask[metastore.Task](ctx, s.c, "Task", taskArgs{Run: run, Task: task})
}

// Tasks yields tasks.
func (s *Store) Tasks(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.Task, error] {
	return askAll[metastore.Task](ctx, s.c, "Tasks", f)
}

// Attempts returns the attempts of a task.
func (s *Store) Attempts(ctx context.Context, run, task int64) ([]metastore.Attempt, error) {
	return ask[[]metastore.Attempt](ctx, s.c, "Attempts", taskArgs{Run: run, Task: task})
}

// Finished yields the tasks that ended well.
func (s *Store) Finished(ctx context.Context, run int64) iter.Seq2[metastore.FinishedTask, error] {
	return askAll[metastore.FinishedTask](ctx, s.c, "Finished", run)
}

// Artifacts returns what an attempt set.
func (s *Store) Artifacts(ctx context.Context, run, task int64, attempt int) ([]metastore.Artifact, error) {
	return ask[[]metastore.Artifact](ctx, s.c, "Artifacts", taskArgs{Run: run, Task: task, Attempt: attempt})
}

// Artifact returns one of them.
func (s *Store) Artifact(ctx context.Context, run, task int64, attempt int, name string) (metastore.Artifact, error) {
	return ask[metastore.Artifact](ctx, s.c, "Artifact", taskArgs{run, task, attempt, name})
}

// Scopes returns the scopes of a run.
func (s *Store) Scopes(ctx context.Context, run int64) ([]metastore.Scope, error) {
	return ask[[]metastore.Scope](ctx, s.c, "Scopes", run)
}

// Blob returns a small value, from memory if this client stored or read it lately.
func (s *Store) Blob(ctx context.Context, h metastore.Hash) ([]byte, error) {
	if data, ok := s.c.small.get(h); ok {
		return data, nil
	}
	data, err := ask[[]byte](ctx, s.c, "Blob", h)
	if err == nil {
		s.c.small.add(h, data)
	}
	return data, err
}

// Log returns a log.
func (s *Store) Log(ctx context.Context, run, task int64, attempt int) ([]byte, error) {
	return ask[[]byte](ctx, s.c, "Log", taskArgs{Run: run, Task: task, Attempt: attempt})
}

// Counts counts a run's tasks.
func (s *Store) Counts(ctx context.Context, run int64) ([]metastore.StepCount, error) {
	return ask[[]metastore.StepCount](ctx, s.c, "Counts", run)
}

// TaskCounts counts the tasks of runs.
func (s *Store) TaskCounts(ctx context.Context, runs []int64) (map[int64]metastore.TaskCount, error) {
	return ask[map[int64]metastore.TaskCount](ctx, s.c, "TaskCounts", runs)
}

// Widths tells how wide the foreaches and gangs of runs are.
func (s *Store) Widths(ctx context.Context, runs []int64) (map[int64][]metastore.StepWidth, error) {
	return ask[map[int64][]metastore.StepWidth](ctx, s.c, "Widths", runs)
}

// Flows returns the flows.
func (s *Store) Flows(ctx context.Context, tag string) ([]metastore.FlowSummary, error) {
	return ask[[]metastore.FlowSummary](ctx, s.c, "Flows", tag)
}

// Names returns the users that have runs, and the tags that users gave them.
func (s *Store) Names(ctx context.Context) (metastore.Names, error) {
	return ask[metastore.Names](ctx, s.c, "Names", struct{}{})
}

// Steps returns the steps of a run.
func (s *Store) Steps(ctx context.Context, run int64) ([]metastore.StepSpan, error) {
	return ask[[]metastore.StepSpan](ctx, s.c, "Steps", run)
}

// AttemptsOf yields the attempts of tasks.
func (s *Store) AttemptsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.Attempt, error] {
	return askAll[metastore.Attempt](ctx, s.c, "AttemptsOf", tasksArgs{run, tasks})
}

// ArtifactsOf yields what tasks set.
func (s *Store) ArtifactsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.TaskArtifact, error] {
	return askAll[metastore.TaskArtifact](ctx, s.c, "ArtifactsOf", tasksArgs{run, tasks})
}

// ScopesOf returns the scopes that tasks opened.
func (s *Store) ScopesOf(ctx context.Context, run int64, splits []int64) ([]metastore.Scope, error) {
	return ask[[]metastore.Scope](ctx, s.c, "ScopesOf", tasksArgs{run, splits})
}

// Cards yields the cards of tasks.
func (s *Store) Cards(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.TaskCard, error] {
	return askAll[metastore.TaskCard](ctx, s.c, "Cards", tasksArgs{run, tasks})
}

// Timeline yields what a chart shows.
func (s *Store) Timeline(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.TimelineRow, error] {
	return askAll[metastore.TimelineRow](ctx, s.c, "Timeline", f)
}

// LastTasks returns the last tasks of a step.
func (s *Store) LastTasks(ctx context.Context, step string, runs []int64) (map[int64]int64, error) {
	return ask[map[int64]int64](ctx, s.c, "LastTasks", lastArgs{step, runs})
}

// Inherited yields the artifacts that tasks have.
func (s *Store) Inherited(ctx context.Context, tasks []metastore.TaskID, types []string) iter.Seq2[metastore.InheritedArtifact, error] {
	return askAll[metastore.InheritedArtifact](ctx, s.c, "Inherited", inheritedArgs{tasks, types})
}

// Changes tells whether something was written.
func (s *Store) Changes(ctx context.Context) (int64, error) {
	return ask[int64](ctx, s.c, "Changes", none{})
}

// Children yields the tasks that follow one.
func (s *Store) Children(ctx context.Context, run, task int64, steps []string) iter.Seq2[metastore.Task, error] {
	return askAll[metastore.Task](ctx, s.c, "Children", childrenArgs{run, task, steps})
}

// Siblings tells where a task is among those of its step.
func (s *Store) Siblings(ctx context.Context, run int64, step string, task int64) (metastore.Siblings, error) {
	return ask[metastore.Siblings](ctx, s.c, "Siblings", siblingsArgs{run, task, step})
}

// Remove removes runs.
func (s *Store) Remove(ctx context.Context, runs []int64) error {
	_, err := ask[none](ctx, s.c, "Remove", runs)
	return err
}

// References yields what records refer to.
func (s *Store) References(ctx context.Context, of metastore.RunSet) iter.Seq2[metastore.Reference, error] {
	return askAll[metastore.Reference](ctx, s.c, "References", of)
}

// SmallValues yields the small values.
func (s *Store) SmallValues(ctx context.Context) iter.Seq2[metastore.SmallValue, error] {
	return askAll[metastore.SmallValue](ctx, s.c, "SmallValues", none{})
}

// DeleteBlobs deletes small values.
func (s *Store) DeleteBlobs(ctx context.Context, hashes []metastore.Hash, unless metastore.RunSet) (int64, error) {
	s.c.small.forget()
	return ask[int64](ctx, s.c, "DeleteBlobs", deleteArgs{hashes, unless})
}

// Logs yields the logs in the database.
func (s *Store) Logs(ctx context.Context) iter.Seq2[metastore.LogEntry, error] {
	return askAll[metastore.LogEntry](ctx, s.c, "Logs", none{})
}

// Carried yields the logs that resumed runs need.
func (s *Store) Carried(ctx context.Context) iter.Seq2[metastore.CarriedLog, error] {
	return askAll[metastore.CarriedLog](ctx, s.c, "Carried", none{})
}

// Size returns the size of the server's store.
func (s *Store) Size(ctx context.Context) (int64, error) {
	return ask[int64](ctx, s.c, "Size", none{})
}

// Shrink shrinks the server's store.
func (s *Store) Shrink(ctx context.Context, alone bool) error {
	_, err := ask[none](ctx, s.c, "Shrink", alone)
	return err
}

// Check checks the server's store.
func (s *Store) Check(ctx context.Context, thorough bool) (metastore.Health, error) {
	return ask[metastore.Health](ctx, s.c, "Check", thorough)
}

// LogRecords yields what attempts say of their logs.
func (s *Store) LogRecords(ctx context.Context) iter.Seq2[metastore.LogRecord, error] {
	return askAll[metastore.LogRecord](ctx, s.c, "LogRecords", none{})
}

// Beat renews a lease. It is the one call that does not wait for a server that is away, nor
// tells of it: the next beat does as well.
func (s *Store) Beat(ctx context.Context, id int64, at time.Time) error {
	return s.c.beat(ctx, beatArgs{id, at})
}

// AskStop asks for the end of a run. It does not go through the queue: like a change of tags, it says what is to be, so
// it may be sent twice, and whoever asks may stop waiting.
func (s *Store) AskStop(ctx context.Context, id int64, at time.Time) error {
	_, err := ask[none](ctx, s.c, "AskStop", beatArgs{id, at})
	return err
}

// ChangeTags changes the tags of a run.
func (s *Store) ChangeTags(ctx context.Context, id int64, remove, add []string) ([]string, error) {
	return ask[[]string](ctx, s.c, "ChangeTags", tagsArgs{id, remove, add})
}
