package worker

import (
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
	s.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for err == nil { // until there is no more room
		_, err = s.conn.Write(make([]byte, 64<<10))
	}
	s.conn.SetWriteDeadline(time.Time{})
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
	case <-time.After(10 * time.Second):
		t.Error("the end was not heard of")
	}
	s.Kill()
	asking.Wait()
}
