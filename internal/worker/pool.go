// Package worker starts, feeds, watches and ends the processes that run user code.
//
// A [Pool] belongs to one flow file and provides a [Process] for each attempt of a task, in one of three ways:
//
//   - By default, a fork server ([Server]) imports the user's file once and forks a process for each task.
//   - Where forking is not safe, or on request (isolation "spawn"), each process is a fresh interpreter.
//   - A flow that is a program, such as one in Go, cannot fork, so each process is the program started again.
//
// Some settings must be in place before libraries load: environment variables, or another interpreter. Each distinct
// combination ([Setting]) has a fork server of its own, started when first needed.
//
// A process leads its own process group, so that it can be ended with everything it started, and so that Ctrl-C at the
// terminal reaches only the engine. When the engine dies, its fork servers see the end of their control socket and kill
// what they run.
package worker

import (
	"context"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
)

// Isolation is how a task gets a process of its own.
type Isolation string

// The ways of isolation.
const (
	Fork  Isolation = "fork"  // forked from an interpreter that has imported the flow
	Spawn Isolation = "spawn" // a fresh interpreter, or program, each
)

// Spec says how to start the workers of a flow.
type Spec struct {
	File string // the user's file, absolute
	// Of the file, where it is run as part of its package, by `python -m`; empty: the file is run by its path.
	Module string
	Python string // the interpreter; empty if the flow is a program
	SDK    string // folder that holds the SDK's packages
	// Program is the flow itself, if it is one: an executable file.
	Program string
	Args    []string  // of Program
	Stdout  io.Writer // for what the file prints while it is imported
	Stderr  io.Writer
	// Setup says what the description of the flow depends on, if its worker asks for that. Nil: nothing.
	Setup SetupFunc
	// Heard is told, before Setup is called, the variables of Levada's and Metaflow's in the worker's environment, of
	// which the user's file may have set some. May be nil.
	Heard func(variables map[string]string)
	// Ask has the worker ask for it even if the flow itself does not need it.
	Ask bool
	// HandedFD and HandedPID take over a fork server that runs already; 0 if there is none.
	HandedFD, HandedPID int
}

// SetupFunc returns what is known of a flow, by its name, before it is described: a frame and its body.
type SetupFunc func(flow string) (*protocol.Setup, []byte, error)

// Pool gives processes. Its methods may be called concurrently, but for Isolate and SetContext: these say how tasks are
// to be started, and are called before any is.
type Pool struct {
	spec      Spec
	isolation Isolation
	context   *protocol.Context // of the run whose tasks are started; nil before
	main      *Server
	setup     *protocol.Setup // as the first worker was told it
	again     SetupFunc       // for all processes but the first; nil if the flow does not ask

	mu    sync.Mutex
	seats map[string]*seat // by setting; "" is main's

	envMu sync.Mutex
	env   []string // of workers; nil before the first is started

	many atomic.Pointer[Process] // the last that was started for many tasks; nil before
}

// seat is the place of the fork server for one setting. Its lock is held while the server starts, which
// takes as long as the user's imports; nobody waits who wants another.
type seat struct {
	mu     sync.Mutex
	server *Server // nil before the first
}

// Setting is what of a process is settled before its first import. The zero value is the flow's own.
type Setting struct {
	Python string            // interpreter; empty: the flow's
	Vars   map[string]string // environment variables, added to those of the engine
}

// Plain reports whether it is the flow's own setting.
func (s Setting) Plain() bool { return s.Python == "" && len(s.Vars) == 0 }

// with adds variables to a setting.
func (s Setting) with(vars map[string]string) Setting {
	if len(vars) > 0 {
		all := maps.Clone(vars)
		maps.Copy(all, s.Vars)
		s.Vars = all
	}
	return s
}

// vars are the variables of a process. The programs of an interpreter's environment are
// found first, as where one is activated.
func (s Setting) vars() map[string]string {
	if s.Python == "" {
		return s.Vars
	}
	path, set := s.Vars["PATH"]
	if !set {
		path = os.Getenv("PATH")
	}
	vars := map[string]string{"PATH": filepath.Dir(s.Python) + string(os.PathListSeparator) + path}
	for name, value := range s.Vars {
		if name != "PATH" {
			vars[name] = value
		}
	}
	return vars
}

// key tells settings apart; "" is the flow's own.
func (s Setting) key() string {
	if s.Plain() {
		return ""
	}
	keys := make([]string, 0, len(s.Vars)+1)
	for k, v := range s.Vars {
		keys = append(keys, k+"="+v)
	}
	slices.Sort(keys)
	return strings.Join(append(keys, s.Python), "\x00")
}

// Open starts or takes over the flow's fork server and reads the definition.
func Open(ctx context.Context, spec Spec) (*Pool, error) {
	p := &Pool{spec: spec, isolation: Fork, seats: make(map[string]*seat)}
	s, err := p.open(ctx, Setting{})
	if err != nil {
		return nil, err
	}
	p.main, p.seats[""] = s, &seat{server: s}
	if s.spawns {
		p.isolation = Spawn
	}
	if s.asked {
		// What the first has found out is certain for the others: a file may be another one by then.
		first := p.setup
		first.ConfigFiles, first.ConfigValues, first.Configs = nil, nil, s.configs
		p.again = func(string) (*protocol.Setup, []byte, error) { return first, s.values, nil }
	}
	return p, nil
}

// open starts a fork server with a setting.
func (p *Pool) open(ctx context.Context, set Setting) (*Server, error) {
	var s *Server
	var err error
	if p.spec.HandedFD > 0 && set.Plain() && p.main == nil {
		s, err = newServer(p.spec.File, os.NewFile(uintptr(p.spec.HandedFD), "control"), nil, p.spec.HandedPID)
	} else {
		s, err = p.startServer(set)
	}
	if err != nil {
		return nil, err
	}
	s.program = p.spec.Program != ""
	cmd := s.cmd
	stop := context.AfterFunc(ctx, func() {
		s.conn.Close()
		if cmd != nil {
			cmd.Process.Kill() // it may be in the middle of a long import
		}
	})
	heard := p.spec.Heard
	if p.main != nil {
		heard = nil // the first has told
	}
	err = s.handshake(p.tell, heard)
	if !stop() && err != nil {
		err = fault.Wrap(fault.Interrupted, "import the flow", context.Cause(ctx))
	}
	if err != nil {
		s.conn.Close()
		if s.cmd != nil {
			s.cmd.Process.Kill()
			s.cmd.Wait()
		}
		return nil, err
	}
	go s.serve()
	return s, nil
}

// tell is what a worker that asks is told.
func (p *Pool) tell(flow string) (*protocol.Setup, []byte, error) {
	if p.again != nil {
		return p.again(flow)
	}
	var body []byte
	p.setup = &protocol.Setup{}
	if p.spec.Setup != nil {
		var err error
		if p.setup, body, err = p.spec.Setup(flow); err != nil {
			return nil, nil, err
		}
	}
	p.setup.Type = "setup"
	return p.setup, body, nil
}

// asks is the variable that has a worker ask, or nothing.
func (p *Pool) asks() []string {
	if p.again != nil || p.main == nil && p.spec.Ask {
		return []string{"LEVADA_SETUP=1"}
	}
	return nil
}

func (p *Pool) startServer(set Setting) (*Server, error) {
	near, far, err := controlPair()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	cmd := p.command(set, append(p.asks(), protocol.ControlSocket+"=3")...)
	// When the engine dies, a fork server ends what it runs, because its control socket
	// ends; SIGTERM is for one that still imports.
	cmd.SysProcAttr = leader(syscall.SIGTERM)
	cmd.ExtraFiles = []*os.File{far}
	cmd.Stdout, cmd.Stderr = p.spec.Stdout, p.spec.Stderr
	if err := cmd.Start(); err != nil {
		near.Close()
		if why, _ := refused(err); why != "" {
			return nil, noProcess(err)
		}
		if p.spec.Program != "" {
			return nil, (&fault.Error{Kind: fault.Unavailable, Op: "start the flow", Subject: p.spec.Program, Cause: err}).
				Do("build it for this machine: `levada run` does so when it is given the package's folder")
		}
		return nil, (&fault.Error{Kind: fault.Unavailable, Op: "start Python", Subject: p.python(set), Cause: err}).
			Do("name the interpreter with --python or LEVADA_PYTHON")
	}
	return newServer(p.spec.File, near, cmd, cmd.Process.Pid)
}

// command prepares a worker that runs the user's file.
func (p *Pool) command(set Setting, extra ...string) *exec.Cmd {
	program := p.program(set)
	cmd := exec.Command(program.Path, program.Args...)
	cmd.Env = append(program.Env, extra...)
	return cmd
}

// program is what runs the user's file: an interpreter, or the file itself.
func (p *Pool) program(set Setting) Program {
	program := Program{Path: p.spec.Program, Args: p.spec.Args, Env: p.Environment(set.vars()), Socket: protocol.TaskSocket}
	if program.Path == "" {
		program.Path, program.Args = p.python(set), []string{p.spec.File}
		if p.spec.Module != "" {
			program.Args = []string{"-m", p.spec.Module}
		}
	}
	return program
}

// python is the interpreter of a setting.
func (p *Pool) python(set Setting) string {
	if set.Python != "" {
		return set.Python
	}
	return p.spec.Python
}

// Asked reports whether the flow was told the setup, and so has put the decorators of --with on its steps itself.
func (p *Pool) Asked() bool { return p.main.asked }

// Definition is the flow as the SDK described it.
func (p *Pool) Definition() *graph.Flow { return p.main.definition }

// Isolate chooses how tasks get their processes, before there are any. The default is Fork.
func (p *Pool) Isolate(i Isolation) { p.isolation = i }

// Isolation tells how tasks get their processes.
func (p *Pool) Isolation() Isolation { return p.isolation }

// Start starts a process with the given first frame in a setting.
func (p *Pool) Start(ctx context.Context, first First, set Setting, watch Watch) (*Process, error) {
	if p.isolation == Spawn {
		return p.spawn(first, set, watch)
	}
	s, err := p.server(ctx, set)
	if err != nil {
		return nil, err
	}
	if p.main.definition.ForkUnsafe == "" && s.definition.ForkUnsafe != "" {
		return p.spawn(first, set, watch) // a library that only this interpreter has makes forking unsafe
	}
	return s.Start(first, watch)
}

// SetContext tells what the tasks of the run that begins have in common. It must be called before
// any of them is started.
func (p *Pool) SetContext(c *protocol.Context) {
	p.context = c
	p.each(func(s *Server) { s.SetContext(c) })
}

// each calls f with all servers. It waits for those that start.
func (p *Pool) each(f func(*Server)) {
	p.mu.Lock()
	seats := slices.Collect(maps.Values(p.seats))
	p.mu.Unlock()
	for _, st := range seats {
		st.mu.Lock()
		if st.server != nil {
			f(st.server)
		}
		st.mu.Unlock()
	}
}

// StartHere starts a process for work that is not a task, such as resolving parameters: from the flow's own fork server,
// also where tasks are to be fresh interpreters, unless that is because nothing may be forked.
func (p *Pool) StartHere(ctx context.Context, first First, watch Watch) (*Process, error) {
	if p.main.spawns || p.isolation == Spawn && p.main.definition.ForkUnsafe != "" {
		return p.spawn(first, Setting{}, watch)
	}
	s, err := p.server(ctx, Setting{})
	if err != nil {
		return nil, err
	}
	return s.Start(first, watch)
}

// server returns the fork server for a setting. One that has died is replaced.
func (p *Pool) server(ctx context.Context, set Setting) (*Server, error) {
	key := set.key()
	p.mu.Lock()
	st := p.seats[key]
	if st == nil {
		st = new(seat)
		p.seats[key] = st
	}
	p.mu.Unlock()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.server != nil {
		select {
		case <-st.server.gone:
		default:
			return st.server, nil
		}
	}
	s, err := p.open(ctx, set)
	if err != nil {
		return nil, err
	}
	if p.context != nil {
		s.SetContext(p.context)
	}
	st.server = s
	return s, nil
}

// spawn starts a fresh worker for one task.
func (p *Pool) spawn(first First, set Setting, watch Watch) (*Process, error) {
	if t, ok := first.Header.(*protocol.Task); ok {
		set = set.with(t.Environment)
	}
	program := p.program(set)
	program.Env = append(program.Env, p.asks()...)
	var speech []byte
	if p.again != nil {
		setup, body, err := p.again("")
		if err != nil {
			return nil, err
		}
		if speech, err = protocol.AppendFrame(nil, setup, body); err != nil {
			return nil, err
		}
	}
	speech, err := protocol.AppendFrame(speech, p.whole(first.Header), first.Body)
	if err != nil {
		return nil, err
	}
	return startProgram(program, speech, watch)
}

// Kill ends all fork servers and what they run, and the process of many tasks, at once, those that do not listen any
// more too. It waits for those that start: the context that they were started with has to have ended.
func (p *Pool) Kill() {
	if m := p.many.Load(); m != nil {
		m.Signal(syscall.SIGKILL)
	}
	p.each((*Server).Kill)
}

// Close ends all workers and what they run.
func (p *Pool) Close() error {
	var wg sync.WaitGroup
	p.each(func(s *Server) { wg.Go(func() { s.Close() }) })
	wg.Wait()
	return nil
}

// controlPair makes the two ends of a control socket.
func controlPair() (near, far *os.File, err error) {
	fds, err := socketPair()
	if err != nil {
		return nil, nil, fault.Wrap(fault.Unavailable, "open control socket", err)
	}
	return os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control"), nil
}
