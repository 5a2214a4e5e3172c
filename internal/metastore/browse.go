package metastore

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Browser is what clients ask of a store beside [Reader]: overviews, and what many tasks
// have, each in one query.
type Browser interface {
	// Flows returns the flows that have runs with a tag, which is how a run is in a namespace,
	// sorted by name. An empty tag is all runs.
	Flows(ctx context.Context, tag string) ([]FlowSummary, error)
	// Names returns the users that have runs, and the tags that users gave them.
	Names(ctx context.Context) (Names, error)
	// Steps returns the steps that a run has tasks of, in the order of their first tasks.
	Steps(ctx context.Context, run int64) ([]StepSpan, error)
	// AttemptsOf yields the attempts of some tasks of a run, by task and number.
	AttemptsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[Attempt, error]
	// ArtifactsOf yields what the last good attempts of some tasks of a run set themselves,
	// by task and name.
	ArtifactsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[TaskArtifact, error]
	// ScopesOf returns the scopes that some tasks of a run opened, in the order of the tasks.
	ScopesOf(ctx context.Context, run int64, splits []int64) ([]Scope, error)
	// Cards yields the cards of some tasks of a run, nil for all, by task, attempt and position.
	Cards(ctx context.Context, run int64, tasks []int64) iter.Seq2[TaskCard, error]
	// Timeline yields what a chart shows of tasks, by task and attempt. The filter's Limit
	// counts tasks; it is always in rising order.
	Timeline(ctx context.Context, f TaskFilter) iter.Seq2[TimelineRow, error]
	// LastTasks returns the task with the largest id of a step in each of some runs, of those that have one.
	LastTasks(ctx context.Context, step string, runs []int64) (map[int64]int64, error)
	// Inherited yields the artifacts that some tasks have, their own and what they inherit, by run, task and name, each
	// as its nearest record has it, if its type is one of those named. It is for short values of many runs: a value
	// that is not in its record comes without.
	Inherited(ctx context.Context, tasks []TaskID, types []string) iter.Seq2[InheritedArtifact, error]
	// Changes returns a number that stays the same as long as nothing is
	// committed, by whomever. It costs next to nothing.
	Changes(ctx context.Context) (int64, error)
	// Children yields the tasks of the named steps that follow a task: that join it, or else
	// have it as their Base. They come in the order of their ids.
	Children(ctx context.Context, run, task int64, steps []string) iter.Seq2[Task, error]
	// Siblings tells where a task of a run is among those of its step. It reads none of them.
	Siblings(ctx context.Context, run int64, step string, task int64) (Siblings, error)
}

// FlowSummary is a flow with its runs counted.
type FlowSummary struct {
	Name    string
	Runs    int
	Latest  int64     // the newest of them
	Created time.Time // of the oldest of them
}

// Names are what runs can be asked for by, each sorted, and of the first ListedNames. A tag that the newest run
// with it has from Levada alone is left out.
type Names struct{ Users, Tags []string }

// StepSpan is a step of a run with its first and last task.
type StepSpan struct {
	Step        string
	First, Last int64
	Created     time.Time // of the first task
}

// TimelineRow is an attempt with the step of its task. A task without attempts has one row, with N -1.
type TimelineRow struct {
	Task           int64
	Step           string
	N              int
	Status         AttemptStatus
	Started, Ended time.Time
	Value          string
}

// Siblings is where a task is among those of its step, in the order of their ids.
type Siblings struct {
	Before, After  int   // how many there are
	Previous, Next int64 // -1: none
}

// TaskID names a task.
type TaskID struct{ Run, Task int64 }

// InheritedArtifact is an artifact record with the task that has it, which need not be the one that set it.
type InheritedArtifact struct {
	TaskID
	Artifact
}

// TaskArtifact is an artifact record with the task that set it.
type TaskArtifact struct {
	Task int64
	Artifact
}

// TaskCard is a card with the attempt that made it.
type TaskCard struct {
	Task    int64
	Attempt int
	Card
}

// Follows reports whether a task comes right after another: it joins it, or else inherits from it.
func Follows(t Task, before int64) bool {
	if len(t.Inputs) > 0 {
		return slices.Contains(t.Inputs, before)
	}
	return t.Base == before
}
