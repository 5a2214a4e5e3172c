package worker

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/usage"
)

// Server is a running fork server: a process that has imported the user's file and
// forks a process for each task. All methods may be called concurrently.
type Server struct {
	file string
	conn *net.UnixConn
	in   *bufio.Reader
	cmd  *exec.Cmd // nil if the server was handed over
	pid  int

	oomKills int64 // as they were when it was started

	program    bool // the flow is a program, not a Python file
	definition *graph.Flow
	asked      bool                   // it was told a setup
	configs    []protocol.ConfigBytes // the values of the flow's configs
	values     []byte
	spawns     bool // it starts no processes: each task is the program started again

	// Whoever tells the server something has talk, and keeps it while a server does not listen; it is taken
	// before mu. What is known of the server's processes has a lock of its own, over which nothing is
	// written, so that news of them is always heard.
	talk sync.Mutex
	mu   sync.Mutex // guards the fields below, and of processes watch, given and end

	next    int64
	running map[int64]*Process
	idle    []*Process // of them, those that wait for something to do, the oldest first
	down    string     // why no more processes can be had; empty while all is well
	gone    chan struct{}
}

// oomKills is another function in tests.
var oomKills = usage.OOMKills

// ahead is how many processes are forked before there is something to do for them, so that a task that may start needs
// not wait for a fork. A flow of a few steps would only pay for processes that it never uses; so it begins after some.
const (
	ahead      = 2
	aheadAfter = 8
)

// newServer takes over the host's end of a control socket.
func newServer(file string, f *os.File, cmd *exec.Cmd, pid int) (*Server, error) {
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "open control socket", err)
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fault.New(fault.Usage, "the descriptor handed over is not a Unix socket")
	}
	return &Server{
		file: file, conn: uc, in: bufio.NewReaderSize(uc, 64<<10), cmd: cmd, pid: pid,
		running: make(map[int64]*Process), gone: make(chan struct{}), oomKills: oomKills(),
	}, nil
}

// handshake reads the first two frames: hello, which may tell of variables, and the definition. Between
// them, a worker that asks is told the setup.
func (s *Server) handshake(setup SetupFunc, heard func(map[string]string)) error {
	var hello, def protocol.FromWorker
	if _, err := protocol.ReadFrame(s.in, &hello); err != nil {
		return s.noFlow(err)
	}
	if hello.Type != "hello" || hello.Protocol != protocol.Version {
		return fault.New(fault.Unavailable, "the worker speaks protocol %d, this binary speaks %d", hello.Protocol, protocol.Version).
			On(s.file).Do("use the SDK that belongs to this binary: unset PYTHONPATH or set LEVADA_BIN to the matching one")
	}
	s.spawns = hello.Spawn
	if heard != nil && len(hello.Variables) > 0 {
		heard(hello.Variables)
	}
	if hello.Asks {
		if err := s.tell(setup, hello.Flow); err != nil {
			return err
		}
	}
	body, err := protocol.ReadFrame(s.in, &def)
	if err != nil {
		return s.noFlow(err)
	}
	s.configs, s.values = def.Configs, body
	switch def.Type {
	case "usage":
		return fault.New(fault.Usage, "%s", def.Message)
	case "broken":
		broken := &BrokenFlow{File: s.file, Message: def.Message, Headline: def.Headline, Traceback: def.Traceback}
		if def.Line > 0 {
			broken.File, broken.Line = def.File, def.Line
		}
		return broken
	}
	if def.Type != "definition" {
		return fault.New(fault.Unavailable, "the worker sent %q instead of the flow's definition", def.Type).On(s.file)
	}
	s.definition = new(graph.Flow)
	if err := json.Unmarshal(def.Definition, s.definition); err != nil {
		return fault.Wrap(fault.Unavailable, "read the flow's definition", err)
	}
	if v := s.definition.Version; v != graph.DefinitionVersion {
		return fault.New(fault.Unavailable, "the definition has version %d, this binary reads %d", v, graph.DefinitionVersion).On(s.file)
	}
	return nil
}

// tell sends the setup to a worker that asks for it.
func (s *Server) tell(setup SetupFunc, flow string) error {
	frame, body, err := setup(flow)
	if err != nil {
		return err
	}
	data, err := protocol.AppendFrame(nil, frame, body)
	if err != nil {
		return err
	}
	s.asked = true
	s.conn.Write(data) // an error shows as the end of the conversation
	return nil
}

// noFlow explains why a worker ended without describing a flow. Its own words, a
// traceback of the import usually, have already gone to stderr.
func (s *Server) noFlow(cause error) error {
	// It lives, and would not end by itself.
	if fault.Is(cause, fault.Invalid) && !errors.Is(cause, io.ErrUnexpectedEOF) {
		return fault.New(fault.UserCode, "the file wrote to Levada's own socket while it was imported").On(s.file).Because(cause)
	}
	if s.cmd != nil && s.program {
		s.conn.Close()
		err := s.cmd.Wait()
		s.cmd = nil
		how := "with code 0"
		if err != nil {
			how = "(" + err.Error() + ")"
		}
		return fault.New(fault.UserCode, "the program ended %s before it described a flow", how).On(s.file).
			Do("let its main function call Main of the flow, before anything that ends the program")
	}
	if s.cmd != nil {
		s.conn.Close()
		err := s.cmd.Wait()
		s.cmd = nil
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
				if ws.Signal() == syscall.SIGKILL && s.oomKills >= 0 && oomKills() > s.oomKills {
					return fault.New(fault.UserCode, "memory ran out while Python imported the flow, and the kernel killed it").On(s.file).
						Do("give the machine or the container more memory, or load large data in the steps that need it")
				}
				return fault.New(fault.UserCode, "Python was ended by signal %d (%s) while it imported the flow", ws.Signal(), ws.Signal()).On(s.file)
			}
			return fault.New(fault.UserCode, "the flow could not be imported (exit code %d); Python's own message is above", exit.ExitCode()).On(s.file)
		}
		if err == nil {
			return fault.New(fault.UserCode, "the file ended without starting a flow").On(s.file).
				Do("end it with the name of the flow class and parentheses, e.g.:  if __name__ == \"__main__\":\n    MyFlow()")
		}
	}
	return fault.Wrap(fault.UserCode, "start the flow's worker", cause)
}

// BrokenFlow is the error of a flow that its SDK cannot describe. Headline is for the line above the message; it may be
// empty. Line, 0 if it is not known, is where in File the mistake is.
type BrokenFlow struct {
	File, Message, Headline, Traceback string
	Line                               int
}

// Error returns the message.
func (b *BrokenFlow) Error() string { return b.Message }

// Unwrap says what kind of fault it is.
func (b *BrokenFlow) Unwrap() error { return fault.New(fault.UserCode, "%s", b.Message) }

// serve reads the control socket until the server is gone.
func (s *Server) serve() {
	defer close(s.gone)
	why := "its fork server ended: it was killed, or memory ran out"
	for {
		var m protocol.FromWorker
		if _, err := protocol.ReadFrame(s.in, &m); err != nil {
			if fault.Is(err, fault.Invalid) {
				why = "the fork server sent something that cannot be read: " + err.Error()
			}
			break
		}
		s.mu.Lock()
		p := s.running[m.ID]
		s.mu.Unlock()
		if p == nil {
			continue
		}
		switch m.Type {
		case "forked":
			s.forked(p, m.PID)
		case "exited":
			e := Exit{
				Code: m.Code, Signal: m.Signal, MaxRSS: m.MaxRSS, Lost: m.Message,
				UserCPU: seconds(m.UTime), SystemCPU: seconds(m.STime),
			}
			if why, hint := refused(syscall.Errno(m.Errno)); m.Errno != 0 && why != "" {
				e.Lost, e.Hint = why, hint
			}
			s.exited(p, e)
		}
	}
	s.lose(why)
}

// forked notes that a process runs, and tells whom it was given to.
func (s *Server) forked(p *Process, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.pid.Store(int64(pid))
	if p.given {
		p.started(pid)
	}
}

// exited notes how a process ended, and tells whom it was given to.
func (s *Server) exited(p *Process, e Exit) {
	s.mu.Lock()
	delete(s.running, p.ID)
	p.end = &e
	if i := slices.Index(s.idle, p); i >= 0 { // nobody has heard of it
		s.idle = slices.Delete(s.idle, i, i+1)
		p.Close()
	}
	given := p.given
	s.mu.Unlock()
	if given {
		p.exited(e)
	}
}

// give gives a process to whoever watches it, and tells what is known of it by then.
func (s *Server) give(p *Process, watch Watch) {
	s.mu.Lock()
	p.watch, p.given = watch, true
	if pid := p.PID(); pid != 0 { // else the news of it is still to come
		p.started(pid)
	}
	end := p.end
	s.mu.Unlock()
	if end != nil {
		p.exited(*end)
	}
}

// lose gives up all processes of a server that is gone.
func (s *Server) lose(why string) {
	s.mu.Lock()
	if s.down == "" {
		s.down = why
	}
	lost := slices.Collect(maps.Values(s.running))
	s.mu.Unlock()
	s.conn.Close()
	for _, p := range lost {
		// The kernel ends tasks with their fork server where it can (Linux); elsewhere they are ended here.
		if pid := p.PID(); pid > 1 {
			syscall.Kill(-pid, syscall.SIGKILL)
		}
		s.exited(p, Exit{
			Code: -1, Signal: int(syscall.SIGKILL), Lost: why,
			Hint: "the system's log (`dmesg`) shows whether memory ran out; if it did, run fewer tasks at once with --max-workers",
		})
	}
}

// SetContext tells the server what the tasks it is going to fork have in common.
func (s *Server) SetContext(c *protocol.Context) {
	s.talk.Lock()
	defer s.talk.Unlock()
	s.write(protocol.ToWorker{Type: "context", Context: c})
	for p := s.takeIdle(); p != nil; p = s.takeIdle() { // these know what was told before
		s.write(protocol.ToWorker{Type: "kill", ID: p.ID, Signal: int(syscall.SIGKILL)})
		p.Close()
	}
}

// Start gives a process that does what first says: one that was forked ahead of need, or a new one.
func (s *Server) Start(first First, watch Watch) (*Process, error) {
	s.talk.Lock()
	defer s.talk.Unlock()
	p := s.wake(first)
	if p == nil {
		var err error
		if p, err = s.fork(first); err != nil {
			return nil, err
		}
	}
	s.give(p, watch)
	for range s.spares() {
		spare, err := s.fork(First{})
		if err != nil {
			break // the next task will say why
		}
		s.keepIdle(spare)
	}
	return p, nil
}

// spares is how many processes should be forked ahead of need by now.
func (s *Server) spares() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next <= aheadAfter {
		return 0
	}
	return max(ahead-len(s.idle), 0)
}

// keepIdle keeps a process until there is something to do for it.
func (s *Server) keepIdle(p *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.end != nil {
		p.Close()
		return
	}
	s.idle = append(s.idle, p)
}

// takeIdle takes the process that has waited longest for something to do, nil if there is none.
func (s *Server) takeIdle() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	p := s.idle[0]
	s.idle = s.idle[1:]
	return p
}

// wake tells a process that was forked ahead what it is for. It returns nil if there is none. The caller has talk.
func (s *Server) wake(first First) *Process {
	for p := s.takeIdle(); p != nil; p = s.takeIdle() {
		frame, err := protocol.AppendFrame(nil, first.Header, first.Body)
		if err == nil {
			_, err = p.Conn.Write(frame)
		}
		if err == nil {
			return p
		}
		p.Close() // somebody killed it
	}
	return nil
}

// fork asks for a process. With an empty first it waits for its first frame. The caller has talk.
func (s *Server) fork(first First) (*Process, error) {
	p, far, err := newProcess()
	if err != nil {
		return nil, noProcess(err)
	}
	defer far.close()
	p.kill = func(sig syscall.Signal) { s.send(protocol.ToWorker{Type: "kill", ID: p.ID, Signal: int(sig)}) }
	if err := s.enter(p); err != nil {
		p.Close()
		return nil, err
	}
	frame, err := protocol.AppendFrame(nil, protocol.ToWorker{Type: "fork", ID: p.ID, First: first.Header}, first.Body)
	if err == nil {
		var n int
		n, _, err = s.conn.WriteMsgUnix(frame, syscall.UnixRights(far.task, far.stdout, far.stderr), nil)
		if err == nil && n < len(frame) {
			_, err = s.conn.Write(frame[n:])
		}
		err = fault.Wrap(fault.Unavailable, "ask the fork server for a process", err)
	}
	if err != nil {
		s.mu.Lock()
		delete(s.running, p.ID)
		s.mu.Unlock()
		p.Close()
		return nil, err
	}
	return p, nil
}

// enter gives a process its number, and has the news of it heard.
func (s *Server) enter(p *Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != "" {
		return fault.New(fault.Unavailable, "%s", s.down).On(s.file)
	}
	s.next++
	p.ID = s.next
	s.running[p.ID] = p
	return nil
}

func (s *Server) send(m protocol.ToWorker) {
	s.talk.Lock()
	defer s.talk.Unlock()
	s.write(m)
}

// write sends a frame. The caller has talk.
func (s *Server) write(m protocol.ToWorker) {
	if frame, err := protocol.AppendFrame(nil, m); err == nil {
		s.conn.Write(frame) // an error shows as the end of the conversation
	}
}

// Kill ends the server and what it runs, though it may not listen any more: it was stopped, or is stuck. It may be
// called while others wait for the server to take what they say, and ends their wait.
func (s *Server) Kill() {
	s.slay()
	s.conn.Close() // serve sees the end of the conversation, and gives up all processes
}

// slay kills the server's process. It is our child, also if it was handed over:
// its number is its own until it is reaped.
func (s *Server) slay() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
	} else if s.pid > 1 {
		syscall.Kill(s.pid, syscall.SIGKILL)
	}
}

// Close ends the server and what it runs.
func (s *Server) Close() error {
	s.conn.SetWriteDeadline(time.Now().Add(stopGrace)) // one that is stuck takes nothing
	s.send(protocol.ToWorker{Type: "stop"})
	s.conn.CloseWrite()
	select {
	case <-s.gone:
	case <-time.After(stopGrace):
		if s.cmd == nil { // one that was handed over is not waited for
			s.slay()
		}
	}
	s.conn.Close()
	if s.cmd == nil {
		return nil
	}
	done := make(chan struct{})
	go func() { s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopGrace):
		s.slay()
		<-done
	}
	return nil
}

// stopGrace is how long a worker may take to end when told to.
const stopGrace = 2 * time.Second

func since(t syscall.Timeval) time.Duration { return time.Duration(t.Nano()) }

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }
