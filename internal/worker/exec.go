package worker

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/protocol"
)

// Program is a program that the host starts for one task.
type Program struct {
	Path string   // absolute
	Args []string // without the program's name
	Dir  string   // working folder; "" for the engine's own
	Env  []string // whole
	// Socket is the variable with the number of the inherited socket, for a program that speaks the protocol.
	Socket string
}

// startProgram starts a process of its own for a program. If it speaks, it finds the frames of speech on its socket.
func startProgram(p Program, speech []byte, watch Watch) (*Process, error) {
	proc, far, err := newProcess()
	if err != nil {
		return nil, noProcess(err)
	}
	proc.watch = watch
	defer far.close()
	if len(speech) > 0 {
		if err := proc.tell(speech); err != nil {
			proc.Close()
			return nil, fault.Wrap(fault.Internal, "write first frame", err)
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		proc.Close()
		return nil, noProcess(err)
	}
	defer null.Close()
	env, files := p.Env, []uintptr{null.Fd(), uintptr(far.stdout), uintptr(far.stderr)}
	if p.Socket != "" {
		env = append(slices.Clip(env), p.Socket+"=3")
		files = append(files, uintptr(far.task))
	}
	// Not os/exec: it would make every environment anew and start goroutines, for each of very many tasks.
	pid, err := syscall.ForkExec(p.Path, append([]string{p.Path}, p.Args...), &syscall.ProcAttr{
		Dir: p.Dir, Env: env, Files: files, Sys: leader(syscall.SIGKILL),
	})
	if err != nil {
		proc.Close()
		return nil, notStarted(p.Path, err)
	}
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
		exit := reap(pid)
		gone.Unlock()
		proc.exited(exit)
	}()
	return proc, nil
}

// notStarted says why a program could not be started. What the system says is of little help where the file is there.
func notStarted(path string, cause error) error {
	if why, _ := refused(cause); why != "" {
		return noProcess(cause)
	}
	e := &fault.Error{Kind: fault.Unavailable, Op: "start a process", Subject: path, Cause: cause}
	_, missing := os.Stat(path)
	switch {
	case errors.Is(cause, syscall.ENOENT) && missing == nil:
		e.Cause = errors.New("its first line names an interpreter that does not exist")
	case errors.Is(cause, syscall.ENOEXEC):
		e.Cause = errors.New("it is not a program of this system; a script begins with a line such as #!/bin/sh")
	}
	return e.Do("make sure that the file exists and is executable")
}

// tell writes to the process's socket as much as it holds at once, and the rest when somebody reads it.
func (p *Process) tell(frame []byte) error {
	if len(frame) <= socketHolds {
		_, err := p.Conn.Write(frame)
		return err
	}
	go p.Conn.Write(frame) // an error shows as the end of the conversation
	return nil
}

// socketHolds is how many bytes a socket surely takes that nobody reads yet.
const socketHolds = 32 << 10

// reap waits for a process that has ended and says how.
func reap(pid int) Exit {
	var status syscall.WaitStatus
	var ru syscall.Rusage
	for {
		_, err := syscall.Wait4(pid, &status, 0, &ru)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return Exit{Code: -1, Lost: "its end was not seen: " + err.Error()}
		}
		break
	}
	e := Exit{Code: status.ExitStatus(), UserCPU: since(ru.Utime), SystemCPU: since(ru.Stime), MaxRSS: maxRSSBytes(&ru)}
	if status.Signaled() {
		e.Code, e.Signal = -1, int(status.Signal())
	}
	return e
}

// Exec starts a program for a task. If it speaks, it is told the first frame whole.
func (p *Pool) Exec(program Program, first *First, watch Watch) (*Process, error) {
	var speech []byte
	if first != nil {
		var err error
		if speech, err = protocol.AppendFrame(nil, p.whole(first.Header), first.Body); err != nil {
			return nil, err
		}
	}
	return startProgram(program, speech, watch)
}

// whole adds to a task what all tasks of the run have in common.
func (p *Pool) whole(header any) any {
	if t, ok := header.(*protocol.Task); ok {
		whole := *t
		whole.Context = p.context
		return &whole
	}
	return header
}

// Spawns reports whether each task is a program that the host starts, which takes
// so long that nobody should wait for it.
func (p *Pool) Spawns() bool { return p.isolation == Spawn }

// Environment is the environment of a worker: the engine's own, with the SDK on Python's path, and vars.
func (p *Pool) Environment(vars map[string]string) []string {
	p.envMu.Lock()
	defer p.envMu.Unlock()
	if p.env == nil {
		path := p.spec.SDK
		if old := os.Getenv("PYTHONPATH"); old != "" && !slices.Contains(filepath.SplitList(old), path) {
			path += string(os.PathListSeparator) + old
		}
		for _, kv := range os.Environ() {
			name, _, _ := strings.Cut(kv, "=")
			switch {
			case name == "PYTHONPATH" && path != "", slices.Contains(handed, name), strings.HasPrefix(name, "LEVADA_WORKER_"):
			default:
				p.env = append(p.env, kv)
			}
		}
		if path != "" {
			p.env = append(p.env, "PYTHONPATH="+path)
		}
		if exe, err := os.Executable(); err == nil && os.Getenv("LEVADA_BIN") == "" {
			p.env = append(p.env, "LEVADA_BIN="+exe) // for clients in the tasks, and for flows that tasks start
		}
	}
	if len(vars) == 0 {
		return slices.Clip(p.env)
	}
	if path := vars["PYTHONPATH"]; path != "" && p.spec.SDK != "" && !slices.Contains(filepath.SplitList(path), p.spec.SDK) {
		vars = maps.Clone(vars)
		vars["PYTHONPATH"] = p.spec.SDK + string(os.PathListSeparator) + path
	}
	env := slices.DeleteFunc(slices.Clone(p.env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		_, set := vars[name]
		return set
	})
	for k, v := range vars {
		env = append(env, k+"="+v)
	}
	return env
}

// Output is where goes what belongs to no task: what the flow prints while it is loaded, or in a process of many tasks.
func (p *Pool) Output() (stdout, stderr io.Writer) { return p.spec.Stdout, p.spec.Stderr }

// handed are the variables that are for one process and no other.
var handed = []string{
	protocol.ControlSocket, protocol.TaskSocket, protocol.ManySocket, "LEVADA_SETUP", "LEVADA_PROGRAM", "LEVADA_STARTED_AS",
	"LEVADA_NOTEBOOK_FLOW",
}

// Many starts the flow's program for many tasks at once.
func (p *Pool) Many(watch Watch) (*Process, error) {
	m, err := startProgram(Program{Path: p.spec.Program, Args: p.spec.Args, Env: p.Environment(nil), Socket: protocol.ManySocket}, nil, watch)
	if err == nil {
		p.many.Store(m)
	}
	return m, err
}
