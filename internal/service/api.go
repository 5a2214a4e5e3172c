package service

import (
	"context"
	"io"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
)

// FlowSource says which flow to open and how to start the process that has it.
type FlowSource struct {
	File string // the user's file, a Go package's folder, or a program
	// What the file is to Python where it was started as `python -m package.flow`; empty: the file is.
	Module    string
	Program   string   // what a Go package was built as already; empty builds it
	Python    string   // interpreter asked for with --python; empty finds one
	Isolation string   // "fork", "spawn" or empty: fork where it is safe
	With      []string // --with specs, added to every step
	// UserDecorators says that With may name decorators of the user's, which only the flow's own process can find.
	UserDecorators bool
	User           string
	// ConfigFiles and ConfigValues are what the user gave for configs, by name: a path, a text or a JSON object.
	ConfigFiles  map[string]string
	ConfigValues map[string]any
	// Origin names the run that is resumed, whose configs the flow gets, when the flow's name is known; nil for none.
	Origin func(ctx context.Context, flow string) (int64, error)
	// Heard is told the variables of Levada's and Metaflow's that there are when the flow's file has been
	// imported, which may set some, and changes what depends on them: With, User, ConfigFiles,
	// ConfigValues, Environment and Rebuild. May be nil.
	Heard func(variables map[string]string, src *FlowSource)
	// Lenient opens a flow for help: what is wrong with configs is left out.
	Lenient bool
	// Environment is how packages are provided: empty or "pypi", "conda": as the steps' decorators say; "uv": by the uv
	// project that the working directory is in; "local": by the interpreter, whatever decorators say.
	Environment string
	// Rebuild resolves environments anew.
	Rebuild bool
	// Tell is told of what takes time before the run begins, the making of environments. May be nil.
	Tell func(format string, args ...any)
	// CodeSuffixes selects the files of the code package; nil is the default.
	CodeSuffixes []string
	// HandedFD is the control socket of a fork server that is running already (a flow
	// started as `python flow.py`), 0 if there is none; HandedPID is its process.
	HandedFD, HandedPID int
	// Stdout and Stderr receive what the user's file prints while it is imported.
	Stdout, Stderr io.Writer
}

// OpenFlow is a flow whose definition has been read and compiled and whose worker
// stands ready. Close ends the worker.
type OpenFlow interface {
	Definition() *graph.Flow
	// Graph is nil if Problems is not empty.
	Graph() *graph.Graph
	// Problems are what the checks found, worst first.
	Problems() []graph.Problem
	// Defaults returns the defaults of the parameters as text, computed ones evaluated, for help.
	Defaults(ctx context.Context) (map[string]string, error)
	Close() error
}

// RunOptions are the choices of one run.
type RunOptions struct {
	Parameters  map[string][]string // parameter name → text as given; several for a repeated option
	Tags        []string
	MaxWorkers  int   // 0: the cores, at least 2
	MaxSplits   int   // 0: no limit
	MaxLogSize  int64 // bytes a stream of an attempt that are kept; 0: no limit
	Namespace   string
	User        string
	Identity    string // the tag that says whose run it is: user:NAME, or production:TOKEN; empty is User's
	Runtime     string // where it runs, for the tag runtime:…; empty is "dev"
	Branch      string // of @project
	Production  bool
	Owner       string   // whose branch of @project it is, if it is nobody else's; empty is User's
	Triggers    []string // runs, "Flow/12", that count as what started this one, for @trigger_on_finish
	CommandLine []string
	// OnRun is called with the run's id before its first task starts.
	OnRun func(id int64) error
	// Watch is told of everything that happens.
	Watch runner.Observer
	// Progress asks for Watch.Progress while the run goes on.
	Progress bool
	// Hard, when closed, kills everything at once: the second Ctrl-C.
	Hard <-chan struct{}
}

// ResumeOptions are the choices of a resume besides those of a run.
type ResumeOptions struct {
	RunOptions
	Origin int64  // 0: the flow's latest run
	Step   string // rerun this step and all after it; empty: only what is missing
}

// SpinOptions are the choices of a spin besides those of a run, of which parameters, --with and workers do not matter.
type SpinOptions struct {
	RunOptions
	// Task names the task to run again: "train" of the latest run, "12/train", "12/train/3", with or without "MyFlow/".
	Task string
	// SkipDecorators leaves out all decorators of the step, those of its environment included.
	SkipDecorators bool
	// Artifacts is the file of a Python module whose dictionary ARTIFACTS replaces inputs; empty for none.
	Artifacts string
	// Persist stores what the step makes.
	Persist bool
	// OnTask is called with the task's run, step and id before it starts, and the task that it repeats.
	OnTask func(run int64, step string, task int64, of Pathspec) error
}

// RunResult is how a run ended.
type RunResult struct {
	Run    int64
	Status metastore.RunStatus
	// FailedStep and FailedTask name the task whose failure ended the run.
	FailedStep string
	FailedTask int64
	Problem    string
	Lost       bool // the run was removed while it went on, or its store: nothing goes on from it
}

// Pathspec names a run, step or task: "Flow/12/start/3", "12/start", "12".
type Pathspec struct {
	Flow string // empty if not given
	Run  int64
	Step string // empty: the whole run
	Task int64  // -1: all tasks of the step
}
