// Package cli is Levada's command line, as a value that tests build and run:
// [Main] takes an [Env] with everything it may touch and returns the exit code.
//
// # Two forms, one parser
//
// A flow is started as `levada run flow.py --alpha 1` or, in Metaflow's form,
// as `python flow.py run --alpha 1`, which execs `levada flow flow.py run
// --alpha 1`. The first form is normalised into the second ([normalise]), so
// there is one grammar: top-level options, a command, the command's options and
// arguments. After the command, top-level options are accepted too, unless a
// parameter of the flow has the same name.
//
// The parser is a page of our own (scan.go, options.go) and not cobra: a flow's
// parameters are options that are only known after the flow has been opened, with an
// interpreter and decorators that other options name. So the command line is
// read twice, first leniently for those, then strictly with the flow's parameters, and
// its rules and messages are Click's (`--not-quiet` pairs, values that begin
// with a dash, environment forms of every option), which pflag does not have.
//
// # Commands
//
// A command is a row in [commands]: a name, how to make its [action]. An action
// is a struct of options: options() binds each to a field, run does the work. The
// tables of options are read by the parser, by --help, by the environment
// forms and by the test that compares docs/cli.md with them; nothing is said twice.
//
// # Output
//
// What a run prints goes through one of three observers of runner events: the
// console (text, console.go), with a live block of progress on a terminal (live.go, pure;
// screen.go, drawing), or JSON lines (jsonlines.go). Contents are on stdout,
// everything about them on stderr.
//
// # Ctrl-C
//
// The first signal cancels the command's context: a run stops its tasks
// gently. The second, or SIGQUIT, closes the hard channel and Main returns 130 at once.
package cli

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
)

// Env is everything that the command line touches outside of itself.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Environ holds the environment as "NAME=value".
	Environ []string
	// Dir is the current folder.
	Dir string
	// Now is the clock; its location is the zone of printed times.
	Now func() time.Time
	// After calls f after some time, as time.AfterFunc does, unless it is stopped before.
	After func(d time.Duration, f func()) (stop func() bool)
	// Version is Levada's version.
	Version string
	// Terminal says which streams are terminals, and how wide.
	Terminal Terminal
	// Signals yields interrupts and requests to end. May be nil.
	Signals <-chan os.Signal
	// User is the name of the operating system's user, used where the environment names none.
	User string
	// Browse shows a file or a URL in the user's browser. May be nil.
	Browse func(what string) error
	// Open opens the service on a store.
	Open func(ctx context.Context, where Home) (Store, error)

	variables map[string]string // Environ as a map, made when first needed
}

// Terminal describes the terminal, if there is one.
type Terminal struct {
	Stdout, Stderr bool // whether the stream is a terminal
	// Size returns the columns and rows of the terminal now. May be nil.
	Size func() (columns, rows int)
}

// Need says what a command wants of the store.
type Need int

// What a command wants of the store.
const (
	NoStore       Need = iota // it only looks at a flow
	ExistingStore             // it reads; a missing store is a NotFound fault
	ChangeStore               // it changes what is there; a missing store is a NotFound fault
	CreateStore               // it runs; a missing store is made
)

// Home says where the store is.
type Home struct {
	Dir  string // current folder: a store is looked for in it and in the folders above, and made in it
	Path string // the store itself, from --datastore-root or LEVADA_HOME; empty looks for one from Dir
	Need Need
	// Server is the address of a server that has the store, from --server or LEVADA_SERVER. Path is empty then.
	Server string
	Tell   func(string) // is told that the server is away, and that it is back
	// Flow is the flow's file that the command line names. What cannot be one is an error, and makes no store.
	Flow string
}

// Store is an opened service.
type Store struct {
	Service Service
	API     *api.Service // answers about what the store holds; nil without one
	// Metaflow makes what answers Metaflow, for the server; nil without a store that can.
	Metaflow func() http.Handler
	// Records makes what answers those who record here from other machines; nil where the store is on a server itself.
	Records func(*slog.Logger) http.Handler
	Path    string      // of the store, or the address of its server; empty without one
	Remote  bool        // it is on a server
	Created bool        // it was made just now
	Gone    func() bool // it would not be opened any more: it was deleted, replaced, or another one is nearer
	// Present returns a fault if it is no longer where it was, so that nothing can
	// be kept in it; nil where that cannot be.
	Present func() error
	Close   func() error
}

// Service is the part of service.Service that the commands use.
type Service interface {
	Flows
	History
	Records
	Reports
	Upkeep
	Sources
}

// Reports reads the cards of tasks.
type Reports interface {
	Cards(ctx context.Context, p service.Pathspec) ([]service.Card, error)
	CardHTML(ctx context.Context, c service.Card) (io.ReadCloser, error)
}

// Flows opens and runs flows.
type Flows interface {
	Open(ctx context.Context, src service.FlowSource) (service.OpenFlow, error)
	Run(ctx context.Context, flow service.OpenFlow, o service.RunOptions) (service.RunResult, error)
	Resume(ctx context.Context, flow service.OpenFlow, o service.ResumeOptions) (service.RunResult, error)
	Spin(ctx context.Context, flow service.OpenFlow, o service.SpinOptions) (service.RunResult, error)
}

// History finds runs, compares them and changes their tags.
type History interface {
	Runs(ctx context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error]
	Summaries(ctx context.Context, f metastore.RunFilter) iter.Seq2[service.RunSummary, error]
	FlowSummaries(ctx context.Context, tag string) ([]metastore.FlowSummary, error)
	LatestRun(ctx context.Context, flow string) (metastore.Run, error)
	RunByID(ctx context.Context, id int64) (metastore.Run, error)
	RunOf(ctx context.Context, p service.Pathspec) (metastore.Run, error)
	Steps(ctx context.Context, run int64) ([]metastore.StepCount, error)
	Compare(ctx context.Context, paths [2]service.Pathspec) (*service.Diff, error)
	Cancel(ctx context.Context, run int64) error
	ChangeTags(ctx context.Context, run int64, namespace string, remove, add []string) (metastore.Run, error)
}

// Sources reads what runs keep of their flows.
type Sources interface {
	Code(ctx context.Context, run metastore.Run) iter.Seq2[codepack.Entry, error]
	UnpackCode(ctx context.Context, run metastore.Run, dir string) (int, error)
	Definition(ctx context.Context, run metastore.Run) (*graph.Flow, error)
}

// Records reads what tasks left: logs and artifacts.
type Records interface {
	Tasks(ctx context.Context, p service.Pathspec) iter.Seq2[service.TaskInfo, error]
	Log(ctx context.Context, t service.TaskInfo, attempt int) iter.Seq2[tasklog.Line, error]
	Follow(ctx context.Context, p service.Pathspec, attempt int, tick <-chan time.Time) iter.Seq2[service.LogLine, error]
	Artifacts(ctx context.Context, t service.TaskInfo, attempt int) ([]metastore.Artifact, error)
	Value(ctx context.Context, a metastore.Artifact) ([]byte, error)
	Preview(ctx context.Context, a metastore.Artifact, max int) (string, error)
	Loops(ctx context.Context, run int64) (*service.Loops, error)
}

// Main runs one command line, without the program's name, and returns the exit code.
func Main(ctx context.Context, env Env, args []string) int {
	s := newSession(&env)
	ctx = s.interrupt.watch(ctx, env.Signals)
	defer s.interrupt.stop()

	done := make(chan int, 1)
	go func() { done <- s.execute(ctx, args) }()
	select {
	case code := <-done:
		select {
		case <-s.interrupt.hard: // it is what ended the command
			return exitStopped
		default:
			return code
		}
	case <-s.interrupt.hard:
	}
	// The tasks are being killed; the command gets a moment to notice.
	select {
	case <-done:
	case <-time.After(hardGrace):
	}
	return exitStopped
}

// hardGrace is how long a command may take to return after the second Ctrl-C.
const hardGrace = 2 * time.Second

// getenv returns the value of an environment variable and whether it is set. The last one wins.
func (e *Env) getenv(name string) (string, bool) {
	if e.variables == nil {
		e.variables = make(map[string]string, len(e.Environ))
		for _, entry := range e.Environ {
			if key, value, ok := strings.Cut(entry, "="); ok {
				e.variables[key] = value
			}
		}
	}
	value, ok := e.variables[name]
	return value, ok
}

// setenv gives an environment variable a value.
func (e *Env) setenv(name, value string) {
	e.getenv(name) // so that the map is there
	e.variables[name] = value
}

// variable returns the value of an environment variable, "" if it is not set.
func (e *Env) variable(name string) string {
	value, _ := e.getenv(name)
	return value
}

// colour reports whether a stream gets colours.
func (e *Env) colour(terminal bool) bool {
	return terminal && e.variable("NO_COLOR") == "" && e.variable("TERM") != "dumb"
}

// drawable reports whether what stdout shows can be drawn anew. What a cell of a notebook runs, as `!levada run`, has a
// terminal to write to, but the notebook only ever adds lines. IPython says that no pager would work there.
func (e *Env) drawable() bool {
	term := e.variable("TERM")
	notebook := term == "xterm-color" && e.variable("GIT_PAGER") == "cat"
	return e.Terminal.Stdout && e.Terminal.Size != nil && term != "dumb" && !notebook
}

// width returns the width to lay text out for.
func (e *Env) width() int {
	if e.Terminal.Size != nil {
		if columns, _ := e.Terminal.Size(); columns > 0 {
			return columns
		}
	}
	return 100
}
