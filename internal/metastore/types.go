package metastore

import (
	"time"
)

// RunStatus is what is recorded of a run's life. "died" is never recorded: it is
// what readers conclude of a running run whose engine's process is gone.
type RunStatus string

// The recorded statuses of a run, and Died, which is concluded.
const (
	RunRunning     RunStatus = "running"
	RunSucceeded   RunStatus = "succeeded"
	RunFailed      RunStatus = "failed"
	RunInterrupted RunStatus = "interrupted"
	RunDied        RunStatus = "died"
)

// Run is one run of a flow.
type Run struct {
	ID         int64
	Flow       string
	Status     RunStatus
	User       string
	Created    time.Time
	Ended      time.Time // zero while running
	Origin     int64     // run that this one resumes, 0 if none
	FailedTask int64     // task whose failure ended the run; -1 if none
	Problem    string    // why the run ended if not well: one line
	Tags       []string  // user tags, sorted
	SystemTags []string  // sorted
	Lease      Lease     // who runs it
	StopAsked  time.Time // when somebody asked for its end, for its engine to see; zero if nobody did
	Definition Hash      // blob with the graph.Flow JSON
	Code       Hash      // blob with the code package (tar, zstd); zero if none was taken
	Info       RunInfo
}

// LastSign is when a run ended or, of one that could not say so, when it was last heard of: at its last heartbeat, or
// when something was last recorded of its tasks, which its counts tell. It is zero if nothing was heard of it.
func (r Run) LastSign(of TaskCount) time.Time {
	switch {
	case !r.Ended.IsZero():
		return r.Ended
	case of.Last.After(r.Lease.Heartbeat):
		return of.Last
	}
	return r.Lease.Heartbeat
}

// RunInfo is where a run came from, so that a result can be traced to its code.
type RunInfo struct {
	Host        string            `json:"host"`
	CommandLine []string          `json:"command_line"`
	WorkingDir  string            `json:"working_dir"`
	FlowFile    string            `json:"flow_file"`
	GitCommit   string            `json:"git_commit,omitempty"`
	GitDirty    bool              `json:"git_dirty,omitempty"`
	Language    string            `json:"language"`
	Runtime     string            `json:"runtime"` // version of the language, "3.11.7"
	Interpreter string            `json:"interpreter,omitempty"`
	SDK         string            `json:"sdk"`
	Levada      string            `json:"levada"` // version of the binary
	MaxWorkers  int               `json:"max_workers,omitempty"`
	Isolation   string            `json:"isolation,omitempty"` // "fork" or "spawn"
	Namespace   string            `json:"namespace,omitempty"`
	Project     string            `json:"project,omitempty"`
	Branch      string            `json:"branch,omitempty"`
	Resumed     string            `json:"resumed,omitempty"`    // step given to resume
	Parameters  map[string]string `json:"parameters,omitempty"` // as given or defaulted, for display
	// Name is what a run is also called, unique in its flow, and Engine what runs it; both
	// are empty for Levada's own. See [Guest].
	Name   string `json:"name,omitempty"`
	Engine string `json:"engine,omitempty"`
	// Foreign is set of a run that was recorded through a server by somebody of whom the server
	// could not tell that it is its own user.
	Foreign bool `json:"foreign,omitempty"`
	// Spin is the task that this run ran again, alone: "MyFlow/12/train/3". Such runs are listed only on request.
	Spin string `json:"spin,omitempty"`
	// Environments are those of steps that do not run in Interpreter.
	Environments []Environment `json:"environments,omitempty"`
}

// Environment is a virtual environment that steps of a run had.
type Environment struct {
	Steps    []string `json:"steps"`
	Python   string   `json:"python"`   // version of its interpreter
	Packages []string `json:"packages"` // "name==version", sorted
	Lock     string   `json:"lock"`     // name of the lock, the same for the same packages
}

// Lease says which process runs a run and when it last said so.
type Lease struct {
	Host string
	Boot string // boot id of that host; a pid is only meaningful with it
	PID  int
	// Start is when that process started, in clock ticks since boot, so that a
	// reused pid is not taken for it; 0 if unknown.
	Start     int64
	Heartbeat time.Time
	// Namespace is that of the pid on that host, as package usage tells it; "" where there
	// are none, and in leases of older versions.
	Namespace string
	// Patience is how long the engine waits for the server that it records on, before it gives
	// up; 0 if it records in a store of its own.
	Patience time.Duration
}

// Place is where the numbers of processes mean something: a host from one start to the
// next, and in it a namespace of processes.
type Place struct {
	Host      string
	Boot      string // "" if processes cannot be told apart there
	Namespace string
}

// In reports whether the process of a lease can be looked for by its number by who is at a place. If not, whether it
// lives is told by its heartbeats alone: a number that means another process there, or none, says nothing.
func (l Lease) In(p Place) bool { return p.Boot != "" && p == Place{l.Host, l.Boot, l.Namespace} }

// Patience is for how long an engine waits for a server that is away, unless it was told otherwise.
const Patience = 15 * time.Minute

// MayReturn is until when the engine of a run that cannot be looked for may come back after it fell silent: its machine
// slept, was paused, or had no connection. What it needs is kept until then.
func (l Lease) MayReturn() time.Time { return l.Heartbeat.Add(max(Patience, l.Patience)) }

// Task is one task of a run: a step with its place in the graph.
type Task struct {
	Run       int64
	ID        int64
	Step      string
	Scope     int64   // split task whose branch it is in, -1 at top level
	Index     int     // branch
	Iteration int     // of a recursive switch
	Base      int64   // task whose artifacts it inherits, -1 for task 0
	Inputs    []int64 // tasks a join joins, in order; nil for other tasks
	Origin    int64   // run in which it really ran if it was carried over, 0 if it ran here
	Created   time.Time
}

// Scope is what a split opens: the branches of a static split, the children of
// a foreach, the nodes of a gang. A task's foreach stack follows from its Scope
// and the scopes around that.
type Scope struct {
	Run    int64
	Split  int64  // the split task; names the scope
	Step   string // its step
	Kind   string // "split", "foreach", "gang"
	Var    string // attribute iterated by a foreach
	Count  int    // branches
	Parent int64  // scope around it, -1 at top level
	Index  int    // branch of the parent scope that the split task is in
	Items  Hash   // blob with the elements, each readable alone; zero if there is none
}

// AttemptStatus is what is recorded of an attempt.
type AttemptStatus string

// The statuses of an attempt. Caught is a success whose exception @catch took.
const (
	AttemptRunning   AttemptStatus = "running"
	AttemptSucceeded AttemptStatus = "succeeded"
	AttemptCaught    AttemptStatus = "caught"
	AttemptFailed    AttemptStatus = "failed"
	AttemptKilled    AttemptStatus = "killed" // by the engine, because of another task or of Ctrl-C
)

// Attempt is one try at a task.
type Attempt struct {
	Run, Task  int64
	N          int // counted from 0
	Status     AttemptStatus
	PID        int
	Started    time.Time
	Ended      time.Time // zero while running
	ExitCode   int       // -1 if it was ended by a signal
	Signal     int       // 0 if it exited
	UserCPU    time.Duration
	SystemCPU  time.Duration
	PeakMemory int64 // bytes
	// MemorySource is "cgroup", "pss", "rss" (without shared pages) or "maxrss" (which
	// counts pages shared with the fork server).
	MemorySource string
	GPUs         []string // that it was given, as CUDA_VISIBLE_DEVICES names them
	Transition   []byte   // graph.Transition as JSON; nil unless it ended well
	Value        string   // short form of the foreach element it worked on, at most 30 characters
	// Complete says that its artifacts are all that the task has: what it inherits is recorded again,
	// so that no reader need look at the Base.
	Complete  bool
	Exception *Exception
	Series    []byte // CPU and memory samples; nil for tasks under a second. See package usage's format.
	LogFile   string // key of the log in the blob store; empty if it is in the database or there is none
	LogLines  int64
	LogBytes  int64
}

// Exception is what the user's code raised.
type Exception struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
}

// Hash is the SHA-256 of plain bytes. The zero Hash means none.
type Hash [32]byte

// Artifact is the record of one artifact that an attempt set itself: what it
// inherited is found through its task's Base.
type Artifact struct {
	Name   string
	Hash   Hash
	Size   int64  // of the plain bytes
	Codec  string // how the bytes are to be read: one of the protocol's list of codecs, or "items"
	Type   string // the value's type as its language names it: "int", "numpy.ndarray"
	Inline []byte // the plain bytes if they are at most InlineLimit long, else nil
}

// Card is one card that an attempt made of itself: a report, as an HTML file.
type Card struct {
	Position int    // among the cards of its step, from 0
	Type     string // what kind of card it is: "default", "blank" or one of the user's
	ID       string // by which the step names it, empty if it does not
	UUID     string // 32 hexadecimal digits that no other card has
	HTML     Hash   // blob with the file
	Size     int64  // of the file, in bytes
	Data     Hash   // blob with what the step last gave to its readers, JSON; zero if nothing
}

// InlineLimit is the size in bytes up to which an artifact's bytes travel in its
// record: for a value that small, a content-addressed blob would cost more than it saves.
const InlineLimit = 256
