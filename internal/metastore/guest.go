package metastore

import (
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"
)

// EngineMetaflow is the RunInfo.Engine of runs that Metaflow runs and records here.
const EngineMetaflow = "metaflow"

// Guest is what a store offers beside [Recorder] to engines other than Levada's own, which count their tasks here, may
// have names for runs and tasks, and say of a task whatever they like.
type Guest interface {
	// NamedRun returns the run of a flow that has a name (RunInfo.Name). NotFound.
	// CreateRun is a Conflict if there is one.
	NamedRun(ctx context.Context, flow, name string) (int64, error)
	// Describe replaces what is known of where a run came from; its name stays. The
	// zero Hash leaves the definition as it is.
	Describe(ctx context.Context, run int64, info RunInfo, definition Hash) error
	// AddTask commits a task with the next id of its run: 0 for the parameters, and counted up from 1 for others. t.ID
	// is ignored but for being 0 or not. A name, unless it is empty, is one that no other task of the run has, else
	// Conflict, as is a second task 0. NotFound if there is no such run.
	AddTask(ctx context.Context, t Task, name string) (int64, error)
	// NamedTask returns the task of a run that has a name. NotFound.
	NamedTask(ctx context.Context, run int64, name string) (int64, error)
	// TaskNames returns the names of those tasks of a run that have one, nil for all.
	TaskNames(ctx context.Context, run int64, tasks []int64) (map[int64]string, error)
	// Notes yields what was noted of some tasks of a run, nil for all, by task and in the order in which it was.
	Notes(ctx context.Context, run int64, tasks []int64, kind string) iter.Seq2[Note, error]
}

// Note is something that the engine of a run said of a task.
type Note struct {
	ID        int64 // given by the store, rising
	Run, Task int64
	Kind      string // which of the things that an engine notes it is
	Name      string
	Value     string
	Type      string
	User      string
	Tags      []string
	At        time.Time
}

// NoteMetadata is the kind of notes that are shown as a task's metadata. Their Value is JSON.
const NoteMetadata = "metadata"

// NoteText is a value of JSON for comparing and showing: a text as it is, anything else as JSON.
func NoteText(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	return value
}

// NoteAttempt is the attempt that a note with these tags is about: the number in "attempt_id:N", 0 if there is none.
func NoteAttempt(tags []string) int {
	for _, tag := range tags {
		if text, ok := strings.CutPrefix(tag, "attempt_id:"); ok {
			if n, err := strconv.Atoi(text); err == nil && n >= 0 {
				return n
			}
		}
	}
	return 0
}
