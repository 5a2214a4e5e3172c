// Package worker starts, feeds, watches and ends the processes that run user code.
//
// A [Pool] belongs to one flow file. It gives a [Process] for each attempt of a
// task, in one of two ways. By default a fork server ([Server]) imports the user's
// file once and forks for each task. Where forking is not safe, or on request
// (isolation "spawn"), each process is a fresh interpreter. Environment variables
// that must be there before libraries load give each distinct set of them a fork
// server of its own, started when first needed.
//
// A process leads its own process group, so that it can be ended with all that it
// started, and so that Ctrl-C at the terminal reaches the engine alone. When the
// engine dies, its fork servers see the end of their control socket and kill what
// they run.
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
	Spawn Isolation = "spawn" // a fresh interpreter each
)

// Spec says how to start the workers of a flow.
type Spec struct {
	File   string    // the user's file, absolute
	Python string    // the interpreter
	SDK    string    // folder that holds the SDK's packages
	Stdout io.Writer // for what the file prints while it is imported
	Stderr io.Writer
	// Setup says what the description of the flow depends on, if its worker asks for that. Nil: nothing.
	Setup SetupFunc
	// Ask has the worker ask for it even if the flow itself does not need it.
	Ask bool
	// HandedFD and HandedPID take over a fork server that runs already; 0 if there is none.
	HandedFD, HandedPID int
}

// SetupFunc returns what is known of a flow, by its name, before it is described: a frame and its body.
type SetupFunc func(flow string) (*protocol.Setup, []byte, error)

// Pool gives processes. All methods may be called concurrently.
type Pool struct {
	spec      Spec
	isolation Isolation
	context   *protocol.Context // of the run whose tasks are started; nil before
	main      *Server
	setup     *protocol.Setup // as the first worker was told it
	again     SetupFunc       // for all processes but the first; nil if the flow does not ask

	mu    sync.Mutex
	seats map[string]*seat // by environment set; "" is main's
}

// seat is the place of the fork server for one set of variables. Its lock is held while the server starts, which
// takes as long as the user's imports; nobody waits who wants another.
type seat struct {
	mu     sync.Mutex
	server *Server // nil before the first
}

// Open starts or takes over the flow's fork server and reads the definition.
func Open(ctx context.Context, spec Spec) (*Pool, error) {
	p := &Pool{spec: spec, isolation: Fork, seats: make(map[string]*seat)}
	s, err := p.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	p.main, p.seats[""] = s, &seat{server: s}
	if s.asked {
		// What the first has found out is certain for the others: a file may be another one by then.
		first := p.setup
		first.ConfigFiles, first.ConfigValues, first.Configs = nil, nil, s.configs
		p.again = func(string) (*protocol.Setup, []byte, error) { return first, s.values, nil }
	}
	return p, nil
}

// open starts a fork server with additional environment variables.
func (p *Pool) open(ctx context.Context, vars map[string]string) (*Server, error) {
	var s *Server
	var err error
	if p.spec.HandedFD > 0 && vars == nil && p.main == nil {
		s, err = newServer(p.spec.File, os.NewFile(uintptr(p.spec.HandedFD), "control"), nil, p.spec.HandedPID)
	} else {
		s, err = p.startServer(vars)
	}
	if err != nil {
		return nil, err
	}
	cmd := s.cmd
	stop := context.AfterFunc(ctx, func() {
		s.conn.Close()
		if cmd != nil {
			cmd.Process.Kill() // it may be in the middle of a long import
		}
	})
	err = s.handshake(p.tell)
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

func (p *Pool) startServer(vars map[string]string) (*Server, error) {
	near, far, err := controlPair()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	cmd := p.command(vars, append(p.asks(), "LEVADA_CONTROL_FD=3")...)
	// When the engine dies, a fork server ends what it runs, because its control socket ends; SIGTERM is for one that still imports.
	cmd.SysProcAttr = leader(syscall.SIGTERM)
	cmd.ExtraFiles = []*os.File{far}
	cmd.Stdout, cmd.Stderr = p.spec.Stdout, p.spec.Stderr
	if err := cmd.Start(); err != nil {
		near.Close()
		return nil, (&fault.Error{Kind: fault.Unavailable, Op: "start Python", Subject: p.spec.Python, Cause: err}).
			Do("name the interpreter with --python or LEVADA_PYTHON")
	}
	return newServer(p.spec.File, near, cmd, cmd.Process.Pid)
}

// command prepares an interpreter that runs the user's file.
func (p *Pool) command(vars map[string]string, extra ...string) *exec.Cmd {
	cmd := exec.Command(p.spec.Python, p.spec.File)
	path := p.spec.SDK
	if old := os.Getenv("PYTHONPATH"); old != "" && !slices.Contains(filepath.SplitList(old), path) {
		path += string(os.PathListSeparator) + old
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "LEVADA_CONTROL_FD=") || strings.HasPrefix(kv, "LEVADA_TASK_FD=") ||
			strings.HasPrefix(kv, "LEVADA_SETUP=") || strings.HasPrefix(kv, "LEVADA_WORKER_")
	})
	env = append(env, "PYTHONPATH="+path)
	if exe, err := os.Executable(); err == nil && os.Getenv("LEVADA_BIN") == "" {
		env = append(env, "LEVADA_BIN="+exe) // for clients in the tasks, and for flows that tasks start
	}
	for k, v := range vars {
		env = append(env, k+"="+v)
	}
	cmd.Env = append(env, extra...)
	return cmd
}

// Asked reports whether the flow was told the setup, and so has put the decorators of --with on its steps itself.
func (p *Pool) Asked() bool { return p.main.asked }

// Definition is the flow as the SDK described it.
func (p *Pool) Definition() *graph.Flow { return p.main.definition }

// Isolate chooses how tasks get their processes. The default is Fork.
func (p *Pool) Isolate(i Isolation) { p.isolation = i }

// Isolation tells how tasks get their processes.
func (p *Pool) Isolation() Isolation { return p.isolation }

// Start starts a process with the given first frame. vars are environment variables
// that must be there before anything is imported; usually nil.
func (p *Pool) Start(ctx context.Context, first First, vars map[string]string, watch Watch) (*Process, error) {
	if p.isolation == Spawn {
		return p.spawn(first, vars, watch)
	}
	s, err := p.server(ctx, vars)
	if err != nil {
		return nil, err
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

// StartHere starts a process from the flow's own fork server, whatever the isolation is: for
// work that is not a task, such as resolving parameters.
func (p *Pool) StartHere(first First, watch Watch) (*Process, error) {
	return p.main.Start(first, watch)
}

// server returns the fork server for a set of variables. One that has died is replaced.
func (p *Pool) server(ctx context.Context, vars map[string]string) (*Server, error) {
	key := envKey(vars)
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
	s, err := p.open(ctx, vars)
	if err != nil {
		return nil, err
	}
	if p.context != nil {
		s.SetContext(p.context)
	}
	st.server = s
	return s, nil
}

func envKey(vars map[string]string) string {
	if len(vars) == 0 {
		return ""
	}
	keys := make([]string, 0, len(vars))
	for k, v := range vars {
		keys = append(keys, k+"="+v)
	}
	slices.Sort(keys)
	return strings.Join(keys, "\x00")
}

// spawn starts a fresh interpreter for one task.
func (p *Pool) spawn(first First, vars map[string]string, watch Watch) (*Process, error) {
	proc, far, err := newProcess(0)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "start a process", err)
	}
	proc.watch = watch
	task, out, errs := os.NewFile(uintptr(far.task), "task"), os.NewFile(uintptr(far.stdout), "stdout"), os.NewFile(uintptr(far.stderr), "stderr")
	defer func() { task.Close(); out.Close(); errs.Close() }()
	cmd := p.command(vars, append(p.asks(), "LEVADA_TASK_FD=3")...)
	cmd.SysProcAttr = leader(syscall.SIGKILL)
	cmd.ExtraFiles = []*os.File{task}
	cmd.Stdout, cmd.Stderr = out, errs
	if t, ok := first.Header.(*protocol.Task); ok {
		whole := *t
		whole.Context = p.context
		first.Header = &whole
	}
	var frame []byte
	if p.again != nil {
		setup, body, _ := p.again("")
		if frame, err = protocol.AppendFrame(nil, setup, body); err != nil {
			proc.Close()
			return nil, err
		}
	}
	if frame, err = protocol.AppendFrame(frame, first.Header, first.Body); err != nil {
		proc.Close()
		return nil, err
	}
	if _, err := proc.Conn.Write(frame); err != nil {
		proc.Close()
		return nil, fault.Wrap(fault.Internal, "write first frame", err)
	}
	if err := cmd.Start(); err != nil {
		proc.Close()
		return nil, fault.Wrap(fault.Unavailable, "start Python", err)
	}
	pid := cmd.Process.Pid
	var gone sync.Mutex // held while the process is reaped, so that no signal reaches a reused pid
	dead := false
	proc.kill = func(sig syscall.Signal) {
		gone.Lock()
		defer gone.Unlock()
		if !dead {
			syscall.Kill(-pid, sig)
		}
	}
	proc.started(pid)
	go func() {
		waitExited(pid)
		gone.Lock()
		dead = true
		syscall.Kill(-pid, syscall.SIGKILL) // what it left behind in its group
		cmd.Wait()
		gone.Unlock()
		proc.exited(exitOf(cmd.ProcessState))
	}()
	return proc, nil
}

func exitOf(st *os.ProcessState) Exit {
	e := Exit{Code: st.ExitCode(), UserCPU: st.UserTime(), SystemCPU: st.SystemTime()}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		e.Code, e.Signal = -1, int(ws.Signal())
	}
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		e.MaxRSS = maxRSSBytes(ru)
	}
	return e
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
