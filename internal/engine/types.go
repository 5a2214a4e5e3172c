package engine

import "github.com/levadahq/levada/internal/graph"

// TaskID numbers the tasks of a run in the order of their launch. Task 0 is the
// run's parameters task; the start step is task 1 of a fresh run.
type TaskID int64

// NoTask is the absence of a task.
const NoTask TaskID = -1

// MaxAttempts is the largest number of attempts of a task, fallbacks included.
const MaxAttempts = 6

// Frame is one level of a task's foreach stack, outermost first.
type Frame struct {
	Split TaskID // the task that opened the scope
	Step  string // its step
	Var   string // attribute iterated; empty for a gang
	Count int    // number of siblings
	Index int    // this task's place among them
	Gang  bool   // opened by num_parallel
}

// Launch asks for one attempt of a task.
type Launch struct {
	Task     TaskID
	Step     *graph.Node
	Attempt  int  // counted from 0
	Retries  int  // attempts the user's code is given beyond the first
	Fallback bool // the user's code died without raising on its last attempt: only record @catch's outcome

	// Scope is the split task whose branch this task is in, NoTask at top level;
	// Index is the branch. Static splits, foreaches and gangs all open scopes.
	Scope TaskID
	Index int

	// Stack holds the foreach and gang frames around the task (static splits are not in it).
	Stack []Frame

	// Base is the task whose artifacts this one inherits: its predecessor, or
	// task 0 for a join and for the start step.
	Base TaskID
	// Inputs are the tasks that a join joins, in the order of their branches. Nil unless Step is a join.
	Inputs []TaskID
	// Joins is the split task whose scope a join closes, NoTask unless Step is a join.
	Joins TaskID

	// Iteration counts from 0 the times a recursive switch step has run in a row; 0 for other steps.
	Iteration int

	// GPUs are those of the machine that the attempt is given, counted from 0. Nil if its step asks for none, or the
	// machine has none.
	GPUs []int
}

// Element returns the element of the innermost foreach that the task works on. A node of a gang works on none; a join
// works on that of the foreach around what it joins.
func (l *Launch) Element() (Frame, bool) {
	n := len(l.Stack)
	if n == 0 || l.Stack[n-1].Gang {
		return Frame{}, false
	}
	return l.Stack[n-1], true
}

// Node returns the place in its gang of a task that is a node of one.
func (l *Launch) Node() (Frame, bool) {
	n := len(l.Stack)
	if n == 0 || !l.Stack[n-1].Gang {
		return Frame{}, false
	}
	return l.Stack[n-1], true
}

// Event is something that happened to a run. Each is applied once, in the order it happened.
type Event interface{ event() }

type (
	// Recovered tells of a task that an earlier engine (or the origin of a
	// resumed run) finished well. They come before Started, in the order of their ids.
	Recovered struct {
		Task       TaskID
		Step       string
		Scope      TaskID
		Index      int
		Iteration  int
		Transition graph.Transition
	}
	// Started begins the run: the parameters task is recorded.
	Started struct{}
	// PlaceFreed tells that an attempt takes no place any more: its process has done its part, or it is one of many
	// that run in a process which bounds itself how many run at once. The engine sends no Kill for it from then on;
	// when the run ends early, the runner ends what still lives of attempts whose places are free.
	PlaceFreed struct {
		Task    TaskID
		Attempt int
	}
	// Succeeded tells that an attempt ended well and its record is durable.
	Succeeded struct {
		Task       TaskID
		Attempt    int
		Transition graph.Transition
	}
	// Failed tells that an attempt failed and its record is durable.
	Failed struct {
		Task    TaskID
		Attempt int
		// Raised is false if the process died without an exception reaching the SDK.
		Raised bool
		// NoRetry is true if the task asked not to be retried (exit code 202).
		NoRetry bool
	}
	// Interrupted asks the run to stop: somebody pressed Ctrl-C.
	Interrupted struct{}
)

func (Recovered) event()   {}
func (Started) event()     {}
func (PlaceFreed) event()  {}
func (Succeeded) event()   {}
func (Failed) event()      {}
func (Interrupted) event() {}

// Command is what the engine wants done.
type Command interface{ command() }

type (
	// Kill asks that an attempt's processes be ended: another task failed for good, the run was
	// interrupted, or another node of its gang failed and the gang will be tried again.
	Kill struct {
		Task    TaskID
		Attempt int
	}
	// Oversized warns, once a step, that its request is larger than the machine, so its tasks run alone.
	Oversized struct {
		Step      string
		Requested Resources // by all nodes together if it is a gang
	}
	// Carry tells that a recovered task fits the graph, so the new run takes it over.
	Carry struct{ Task TaskID }
	// Finish ends the run: nothing is running any more.
	Finish struct {
		Outcome Outcome
		// Task is the task whose failure ended the run, NoTask if none did.
		Task TaskID
		Step string
		// Problem says what is wrong if the failure is not a task's own: a transition that
		// the definition does not have, a fan-out above the limit.
		Problem string
	}
)

func (*Launch) command()   {}
func (Carry) command()     {}
func (Kill) command()      {}
func (Oversized) command() {}
func (Finish) command()    {}

// Outcome is how a run ended.
type Outcome int

// The outcomes of a run.
const (
	Completed Outcome = iota
	FailedRun
	Stopped // by Interrupted
)

// Resources is what a task asks for or a machine has. Zero means nothing asked.
type Resources struct {
	CPU    float64 // cores
	GPU    float64 // of a machine: how many it has, a whole number
	Memory int64   // MB
}

// Policy is what a run is allowed to do.
type Policy struct {
	MaxWorkers int       // attempts whose processes live at once; at least 1
	MaxSplits  int       // largest fan-out of one foreach or gang; 0 is no limit
	Machine    Resources // what @resources requests are admitted against; zero is not checked
	// FirstTask is the id of the first task launched; 1 for a fresh run, one more
	// than the origin's largest id for a resumed one.
	FirstTask TaskID
	// Rerun names the step that a resume runs again with everything after it; empty for none.
	// Recovered tasks of those steps are ignored.
	Rerun string
	// Only, if not nil, is the one place whose task runs: the run is complete when that task has ended well, whatever
	// follows it in the graph. What comes before it is told as Recovered.
	Only *Place
}

// Place is where in a run a task belongs.
type Place struct {
	Step      string
	Scope     TaskID
	Index     int
	Iteration int
}
