package worker

import (
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/protocol"
)

// TestNewsOfAServerThatDoesNotRead tells of an end while the server takes nothing of what others have to say to it.
func TestNewsOfAServerThatDoesNotRead(t *testing.T) {
	near, far, err := controlPair()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	s, err := newServer("flow.py", near, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	go s.serve()
	exited := make(chan Exit, 1)
	p, err := s.Start(First{}, Watch{Exited: func(e Exit) { exited <- e }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	fill(t, s.conn)
	var asking sync.WaitGroup
	asking.Go(func() { p.Signal(syscall.SIGTERM) })
	for s.talk.TryLock() {
		s.talk.Unlock()
		runtime.Gosched()
	}
	frame, err := protocol.AppendFrame(nil, protocol.FromWorker{Type: "exited", ID: p.ID, Code: 7})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write(frame); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-exited:
		if e.Code != 7 {
			t.Errorf("exit %+v", e)
		}
	case <-time.After(time.Minute):
		t.Error("the end was not heard of")
	}
	s.Kill()
	asking.Wait()
}

// fill writes to a socket until there is no more room.
func fill(t *testing.T, c *net.UnixConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{64 << 10, 1} {
		for err = nil; err == nil; {
			if e := raw.Write(func(fd uintptr) bool { _, err = syscall.Write(int(fd), make([]byte, size)); return true }); e != nil {
				t.Fatal(e)
			}
		}
		if err != syscall.EAGAIN {
			t.Fatal(err)
		}
	}
}
