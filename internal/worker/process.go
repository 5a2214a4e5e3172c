package worker

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is one process that runs user code. Its owner reads Stdout and Stderr to their
// end, talks on Conn, and calls Close when the process has exited and all are read.
type Process struct {
	ID     int64
	Conn   *os.File // the host's end of the task conversation
	Stdout *os.File
	Stderr *os.File

	watch Watch
	kill  func(sig syscall.Signal)
	pid   atomic.Int64

	// Of a fork server's process, guarded by that:
	given bool  // somebody watches it; one that was forked ahead waits for that
	end   *Exit // how it ended, once it has
}

// First is what a process is told first: the header and the body of a frame.
type First struct {
	Header any // *protocol.Task and its like
	Body   []byte
}

// Watch is what the owner of a process wants to hear of it. The functions are called from
// the worker's goroutines and must not block. Started may be nil.
type Watch struct {
	Started func(pid int) // it runs; not called for a process that never came to be
	Exited  func(e Exit)  // it is gone; called exactly once
}

// Exit is how a process ended.
type Exit struct {
	Code      int // -1 if ended by a signal
	Signal    int // 0 if it exited
	UserCPU   time.Duration
	SystemCPU time.Duration
	MaxRSS    int64 // bytes; counts pages shared with the fork server
	// Lost is why nobody saw the process end: the fork server died, the process could not be started.
	Lost string
	Hint string // with Lost: what to do about it; may be empty
}

// PID is the process id, 0 while it is not known.
func (p *Process) PID() int { return int(p.pid.Load()) }

// Signal sends a signal to the process and all of its process group. Nothing happens if it is gone.
func (p *Process) Signal(sig syscall.Signal) { p.kill(sig) }

// Close releases the host's descriptors.
func (p *Process) Close() {
	p.Conn.Close()
	p.Stdout.Close()
	p.Stderr.Close()
}

// How long a process that has ended is heard on if something that it started, and that left its process group, holds
// its streams open. Its conversation is heard longer: what it said last decides how it ended.
const (
	drainGrace    = 250 * time.Millisecond
	lastWordGrace = 5 * time.Second
)

// Drain bounds the reading of what a process that has ended has left to say.
func (p *Process) Drain() {
	p.DrainOutput()
	p.Conn.SetDeadline(time.Now().Add(lastWordGrace))
}

// DrainOutput is Drain for what it has printed.
func (p *Process) DrainOutput() {
	end := time.Now().Add(drainGrace)
	p.Stdout.SetReadDeadline(end)
	p.Stderr.SetReadDeadline(end)
}

// Pass hands on what a process prints on one of its streams, to the stream's end or until [Process.DrainOutput] bounds
// it. However slowly w takes it, nothing is lost that was printed before the process ended. If w fails, what follows is
// dropped: it is no reason to hold up the process.
func Pass(w io.Writer, stream *os.File) {
	_, err := io.Copy(w, stream)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // perhaps while w took something: then there may be more
		w.Write(held(stream))
	case err != nil:
		io.Copy(io.Discard, stream)
	}
}

// held takes out what a pipe holds, without waiting for more.
func held(pipe *os.File) []byte {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return nil
	}
	pipe.SetReadDeadline(time.Time{}) // a deadline that is over forbids to read what is there, too
	buf := make([]byte, maxHeld)
	all := buf[:0]
	for len(all) < maxHeld {
		n := 0
		err = raw.Read(func(fd uintptr) bool {
			n, _ = syscall.Read(int(fd), buf[len(all):])
			return true
		})
		if err != nil || n <= 0 {
			break
		}
		all = buf[:len(all)+n]
	}
	return all
}

// maxHeld is how many bytes a pipe holds at most, as far as an ordinary user can make it.
const maxHeld = 1 << 20

func (p *Process) started(pid int) {
	p.pid.Store(int64(pid))
	if p.watch.Started != nil {
		p.watch.Started(pid)
	}
}

func (p *Process) exited(e Exit) { p.watch.Exited(e) }

// ends are the far ends of a process's three streams, to be handed to it.
type ends struct{ task, stdout, stderr int }

func (e ends) close() {
	syscall.Close(e.task)
	syscall.Close(e.stdout)
	syscall.Close(e.stderr)
}

// newProcess makes the streams of a process. The host's ends are non-blocking, the far ends block; all close on exec.
func newProcess() (*Process, ends, error) {
	var fds [6]int
	opened := 0
	fail := func(err error) (*Process, ends, error) {
		for _, fd := range fds[:opened] {
			syscall.Close(fd)
		}
		return nil, ends{}, err
	}
	for _, make := range []func() ([2]int, error){socketPair, pipe, pipe} {
		pair, err := make()
		if err != nil {
			return fail(err)
		}
		fds[opened], fds[opened+1] = pair[0], pair[1]
		opened += 2
	}
	for _, fd := range []int{fds[0], fds[2], fds[4]} {
		if err := syscall.SetNonblock(fd, true); err != nil {
			return fail(os.NewSyscallError("fcntl", err))
		}
	}
	p := &Process{
		Conn:   os.NewFile(uintptr(fds[0]), "task"),
		Stdout: os.NewFile(uintptr(fds[2]), "stdout"),
		Stderr: os.NewFile(uintptr(fds[4]), "stderr"),
	}
	return p, ends{fds[1], fds[3], fds[5]}, nil
}
