package runner

import (
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/metastore"
)

// EventKind says what an [Event] tells.
type EventKind string

// The kinds of events, in about the order in which a run has them.
const (
	RunStarted   EventKind = "run_started"   // Run, Origin
	TaskCloned   EventKind = "task_cloned"   // a resume took over Task of Origin; once a task
	RunCloned    EventKind = "run_cloned"    // Count tasks of Origin were taken over
	Warning      EventKind = "warning"       // Text
	TaskStarted  EventKind = "task_started"  // Attempt > 0: a retry; Fallback
	LogLine      EventKind = "log"           // Text as printed, Stream
	Foreach      EventKind = "foreach"       // the task's transition has Count children
	TaskFinished EventKind = "task_finished" // ended well; Caught if @catch took an exception
	// TaskFailed: this attempt failed. Retrying says whether another follows, Refused that it is the task which wants
	// none; Text why, if no exception: "it was ended by a segmentation fault (signal 11)".
	TaskFailed  EventKind = "task_failed"
	TaskKilled  EventKind = "task_killed"  // ended by the engine
	Stopping    EventKind = "stopping"     // Count active tasks are being killed; Text is OnRequest if asked for
	HookLine    EventKind = "exit_hook"    // Text: a line that a function of @exit_hook printed, or that it failed
	RunFinished EventKind = "run_finished" // Status, Failure
)

// OnRequest is why a run stops that somebody asked to end, by Ctrl-C or from elsewhere.
const OnRequest = "interrupted"

// Event is one thing that happened in a run, for whoever watches it: the
// console, `--json`, later the server. Events come from one goroutine, in order.
type Event struct {
	Kind      EventKind            `json:"event"`
	Time      time.Time            `json:"time"`
	Flow      string               `json:"flow,omitempty"`
	Run       int64                `json:"run,omitempty"`
	Step      string               `json:"step,omitempty"`
	Task      int64                `json:"task,omitempty"`
	Attempt   int                  `json:"attempt"`
	PID       int                  `json:"pid,omitempty"`
	Stream    string               `json:"stream,omitempty"` // "stdout" or "stderr"
	Text      string               `json:"text,omitempty"`
	Count     int                  `json:"count,omitempty"`
	Origin    int64                `json:"origin,omitempty"`
	Fallback  bool                 `json:"fallback,omitempty"`
	Retrying  bool                 `json:"retrying,omitempty"`
	Refused   bool                 `json:"refused,omitempty"`
	Caught    bool                 `json:"caught,omitempty"`
	Status    metastore.RunStatus  `json:"status,omitempty"`
	Duration  float64              `json:"seconds,omitempty"` // of the attempt or the run
	Exception *metastore.Exception `json:"exception,omitempty"`
}

// Observer is told of a run while it goes on. Its methods are called from the
// runner's goroutine, which waits for them.
type Observer interface {
	// Event is called for each event.
	Event(e *Event)
	// Progress is called at most a few times a second, and once at the end, with a
	// snapshot of each step. It is what the live view shows.
	Progress(p Progress)
	// Hurry is called from another goroutine when somebody has asked the run to end: from then on no method may wait
	// for whoever reads what it prints.
	Hurry()
}

// Progress is a snapshot of a run.
type Progress struct {
	Run     int64
	Elapsed time.Duration
	Steps   []engine.StepProgress
}
