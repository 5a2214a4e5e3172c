package runner

import (
	"context"
	"errors"
	"math/bits"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// TestAnEndThatIsHeardOfFirst: what a task left behind may hold its streams, and is not
// waited for, in whatever order the news comes.
func TestAnEndThatIsHeardOfFirst(t *testing.T) {
	k := newTalker(t)
	k.r.Now = time.Now
	a := k.r.newAttempt(k.tasks[0])
	stdout, held := pipe(t)
	stderr, conversation := closedPipe(t), closedPipe(t)
	defer held.Close()
	a.talk = func() { k.r.post(func() { a.ended(partTalk) }) }
	a.exited(worker.Exit{})
	a.attach(&worker.Process{Stdout: stdout, Stderr: stderr, Conn: conversation}, nil)
	late := time.After(time.Minute)
	several := func() bool { return bits.OnesCount8(uint8(a.live)) > 1 }
	for several() { // the last one is the end of the attempt, which needs an engine
		select {
		case <-k.r.calls.wake:
			for _, f := range k.r.calls.take(nil) {
				if several() {
					f()
				}
			}
		case <-late:
			t.Fatalf("parts %04b have not ended", a.live)
		}
	}
}

func pipe(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func closedPipe(t *testing.T) *os.File {
	near, far := pipe(t)
	far.Close()
	return near
}

// TestNothingIsBegunOnceTheRunIsGivenUp: what waits for the process of in-process tasks is given up, too.
func TestNothingIsBegunOnceTheRunIsGivenUp(t *testing.T) {
	m, _, _ := oneOfMany(t)
	r := m.r
	r.many, r.Watch, r.Engine = m, deaf{}, engine.New(r.Graph, engine.Policy{})
	r.starts, r.cancelStarts = context.WithCancel(t.Context())
	defer r.cancelStarts()
	waiting := m.tasks[3].a.launch
	waiting.Task = 9
	m.batch = []*attempt{r.newAttempt(waiting)}
	r.fail(errors.New("the disk is gone"))
	for r.active[9] != nil {
		<-r.calls.wake
		for _, f := range r.calls.take(nil) {
			f()
		}
	}
	if len(m.batch) > 0 || m.proc != nil {
		t.Error("it would be told to a process")
	}
}

// TestThePlaceOfAnAttempt: it is free when the process has closed its socket, which is a little before its end, and
// that is when the attempt has ended, so that no more are seen to run at once than may. But what it holds of a GPU's
// memory is free only at its end.
func TestThePlaceOfAnAttempt(t *testing.T) {
	for _, gpus := range [][]int{nil, {0}} {
		r := newTalker(t).r
		var seconds int64
		r.Now = func() time.Time { return time.Unix(seconds, 0) }
		r.Watch, r.Engine = deaf{}, engine.New(r.Graph, engine.Policy{})
		l := *r.Engine.Apply(engine.Started{})[0].(*engine.Launch)
		l.Step, l.GPUs = r.Graph.Lookup("end"), gpus
		a := r.newAttempt(l)
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		process := os.NewFile(uintptr(fds[1]), "process")
		done, err := protocol.AppendFrame(nil, map[string]any{"type": "done", "ok": true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		process.Write(done)
		process.Close()
		a.proc = &worker.Process{Conn: os.NewFile(uintptr(fds[0]), "engine")}
		seconds = 5
		a.converse()
		for _, f := range r.calls.take(nil) {
			f()
		}
		if a.free != (gpus == nil) {
			t.Errorf("GPUs %v: the socket is closed, the place is free: %v", gpus, a.free)
		}
		a.proc, seconds = nil, 7
		a.exited(worker.Exit{})
		if !a.free {
			t.Errorf("GPUs %v: the process is gone, and its place is not free", gpus)
		}
		if want := map[bool]int64{true: 5, false: 7}[gpus == nil]; a.rec.Ended.Unix() != want {
			t.Errorf("GPUs %v: it ended after %d seconds, not %d", gpus, a.rec.Ended.Unix(), want)
		}
	}
}
