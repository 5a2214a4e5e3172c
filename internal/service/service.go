// Package service is Levada's use cases: open a flow, run it, resume it, look at recorded runs. The command line is a
// thin layer over it, and so is package api, on which the RPC and the server are built; none of them contains logic of
// its own.
//
// A [Service] is put together by package local, which opens a store, or remote, which reaches one on a server; package
// app adds the means to start workers. Between calls a service keeps no state except what is in the stores, so any
// number of processes may each have one on the same folder.
package service

import (
	"context"
	"io"
	"time"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/gobuild"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/interp"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/tracing"
	"github.com/levadahq/levada/internal/upkeep"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/internal/worker"
)

// Config is what a service is made of.
type Config struct {
	// Store and Data are nil for a service that only looks at flows.
	Store metastore.Store
	Data  *datastore.Store
	// Home is the store's folder; staged values and long logs are in it. Of a store on a server
	// it is a folder here with the same in it.
	Home string
	// Name is the store as people and clients name it, a server's address; empty is Home.
	Name string
	// Look brings a run's log here, or without a name its live cards, as they are now, and returns the folder they
	// are in; nil is the run's folder in Home.
	Look func(ctx context.Context, run int64, name string) (string, error)
	// Upkeep removes runs and collects where the store is; nil does it here.
	Upkeep Upkeep
	// Python finds the interpreter; asked is what the user named, possibly nothing.
	Python func(ctx context.Context, asked string) (string, error)
	// SDK returns the folder with the SDK's packages, unpacking them if need be.
	SDK func() (string, error)
	// Cache returns the folder for what can be made again, such as programs of flows in Go.
	Cache func() (string, error)
	// Environments is the folder where the environments of steps are kept.
	Environments string
	Environ      []string // of the command, for the tools that make environments
	// Interpreter finds the interpreter as Python does and tells all that is known of
	// it. It and Environment are for Examine.
	Interpreter func(ctx context.Context, asked string) (interp.Interpreter, error)
	Environment upkeep.Environment
	Machine     usage.Resources
	Tracing     *tracing.Options // nil: runs are not traced
	Cgroups     *usage.Cgroups   // nil: tasks have no cgroups of their own
	Version     string
	Host        string
	Boot        string // boot id of this machine, "" if processes cannot be told apart by their numbers
	Namespace   string // in which this process sees the numbers of processes, "" where there are none
	// Patience is how long the store waits for a server that is away; 0 if the store is here.
	Patience time.Duration
	Dir      string // working directory
	Now      func() time.Time
}

// Upkeep removes runs and frees what nobody needs, as package upkeep does.
type Upkeep interface {
	Remove(ctx context.Context, runs []int64, m upkeep.Mode) (upkeep.Collected, error)
	Collect(ctx context.Context, rules upkeep.Rules, m upkeep.Mode) (upkeep.Collected, error)
}

// Service is the use cases on one store.
type Service struct{ c Config }

// New returns a service.
func New(c Config) *Service {
	if c.Name == "" {
		c.Name = c.Home
	}
	s := &Service{c: c}
	if c.Look == nil {
		s.c.Look = func(_ context.Context, run int64, _ string) (string, error) {
			return layout.RunLogs(c.Home, run), nil
		}
	}
	if c.Upkeep == nil {
		s.c.Upkeep = s.upkeep()
	}
	return s
}

// Keeping is the upkeep of the store, for a server that does it for others.
func (s *Service) Keeping() Upkeep { return s.c.Upkeep }

// flow implements OpenFlow.
type flow struct {
	s        *Service
	src      FlowSource
	python   string
	pool     *worker.Pool
	graph    *graph.Graph
	problems []graph.Problem
	with     []protocol.Decorator
	made     *environments   // nil before the first run
	code     chan code       // one value: what the flow's folder holds
	program  gobuild.Program // zero for a flow in Python

	stopPacking context.CancelFunc // gives up what is being packed for code; nil if nothing is
}

// code is the code package of a flow's folder and where it came from.
type code struct {
	pack *codepack.Package
	git  codepack.GitStatus
	err  error
}

// Open starts the worker of a flow, reads its definition and checks it. A file that
// fails to import is a fault of kind UserCode: its traceback has gone to src.Stderr.
func (s *Service) Open(ctx context.Context, src FlowSource) (OpenFlow, error) {
	file, err := flowPath(s.c.Dir, src.File)
	if err != nil {
		return nil, err
	}
	f := &flow{s: s, src: src}
	f.src.File = file
	if gobuild.Is(file) {
		spec, err := s.openProgram(ctx, f)
		if err != nil {
			return nil, err
		}
		return f.start(ctx, spec)
	}
	if err := checkPython(file); err != nil {
		return nil, err
	}
	if f.python, err = s.c.Python(ctx, src.Python); err != nil {
		return nil, err
	}
	sdk, err := s.c.SDK()
	if err != nil {
		return nil, err
	}
	f.packLater(ctx, f.pythonCode())
	return f.start(ctx, worker.Spec{
		File: file, Module: src.Module, Python: f.python, SDK: sdk, Stdout: src.Stdout, Stderr: src.Stderr,
		HandedFD: src.HandedFD, HandedPID: src.HandedPID,
		Ask:   src.UserDecorators,
		Setup: func(name string) (*protocol.Setup, []byte, error) { return s.setup(ctx, f.src, name) },
		Heard: func(variables map[string]string) {
			if src.Heard != nil {
				src.Heard(variables, &f.src)
			}
		},
	})
}

// start starts the flow's worker and checks what it says of the flow.
func (f *flow) start(ctx context.Context, spec worker.Spec) (OpenFlow, error) {
	var err error
	if f.pool, err = worker.Open(ctx, spec); err != nil {
		return nil, orMissing(ctx, err, spec)
	}
	def := f.pool.Definition()
	f.packMore(ctx, def)
	if err := f.decorate(def); err != nil {
		f.Close()
		return nil, err
	}
	if spec.Program != "" {
		def.Mistakes = append(def.Mistakes, gobuild.Unreached(def.File)...)
	}
	f.graph, f.problems = graph.Compile(def)
	switch src := f.src; {
	case spec.Program != "":
	case src.Isolation != "":
		f.pool.Isolate(worker.Isolation(src.Isolation))
	default:
		f.pool.Isolate(worker.Fork)
		if def.ForkUnsafe != "" {
			f.pool.Isolate(worker.Spawn)
		}
	}
	return f, nil
}

// decorate adds the decorators of --with.
func (f *flow) decorate(def *graph.Flow) error {
	if len(f.src.With) == 0 {
		return nil
	}
	if f.pool.Asked() {
		return nil // its own process has added them
	}
	var err error
	if f.with, err = parseWith(f.src.With); err != nil {
		return err
	}
	return def.AddDecorators(f.src.With)
}

func (f *flow) Definition() *graph.Flow   { return f.pool.Definition() }
func (f *flow) Graph() *graph.Graph       { return f.graph }
func (f *flow) Problems() []graph.Problem { return f.problems }
func (f *flow) Close() error              { return f.pool.Close() }

func (f *flow) Defaults(ctx context.Context) (map[string]string, error) {
	project, err := Project(f.Definition(), RunOptions{User: f.src.User})
	if err != nil {
		project = nil // help is shown all the same; the run says what is wrong
	}
	return runner.Defaults(ctx, f.pool, runner.ParameterRequest{User: f.src.User, Project: project, Stdout: f.out(), Stderr: f.err()})
}

func (f *flow) out() io.Writer { return orDiscard(f.src.Stdout) }
func (f *flow) err() io.Writer { return orDiscard(f.src.Stderr) }

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
