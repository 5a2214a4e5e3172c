package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// oneOfMany is a process of many tasks that a test plays: the task 3 has been told.
func oneOfMany(t *testing.T) (m *many, near *worker.Process, far *os.File) {
	t.Helper()
	k := newTalker(t)
	k.r.Now = time.Now
	m = &many{r: k.r, tasks: map[int64]*conversation{}}
	m.tasks[3] = &conversation{r: k.r, a: k.r.newAttempt(k.tasks[0])}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far = &worker.Process{Conn: os.NewFile(uintptr(fds[0]), "near")}, os.NewFile(uintptr(fds[1]), "far")
	t.Cleanup(func() { near.Conn.Close(); far.Close() })
	return m, near, far
}

func say(t *testing.T, to *os.File, header any, body ...[]byte) {
	t.Helper()
	frame, err := protocol.AppendFrame(nil, header, body...)
	if err == nil {
		_, err = to.Write(frame)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAQuestionOfAProcessThatIsGivenUp: it is answered by who listens to it, whatever process runs by then.
func TestAQuestionOfAProcessThatIsGivenUp(t *testing.T) {
	m, near, far := oneOfMany(t)
	go m.listen(near)
	say(t, far, map[string]any{"type": "names", "id": 7, "task": "3"})
	var reply protocol.Reply
	if _, err := protocol.ReadFrame(far, &reply); err != nil || reply.ID != 7 || len(reply.Names) != 2 {
		t.Errorf("%+v, %v", reply, err)
	}
}

// TestALogIsNotReadAheadOfTheLoop: what the loop has not taken stays with the process.
func TestALogIsNotReadAheadOfTheLoop(t *testing.T) {
	m, near, far := oneOfMany(t)
	m.r.Watch = deaf{}
	const lines = 20 * maxUntold
	go func() {
		for range lines {
			say(t, far, map[string]any{"type": "log", "task": "3", "text": "line\n"})
		}
		far.Close()
	}()
	ended := make(chan struct{})
	go func() { m.listen(near); close(ended) }()
	held := func() int {
		m.r.calls.mu.Lock()
		defer m.r.calls.mu.Unlock()
		return len(m.r.calls.calls)
	}
	for held() < maxUntold {
		runtime.Gosched()
	}
	log := &m.r.active[3].log
	for log.lines < lines {
		<-m.r.calls.wake
		calls := m.r.calls.take(nil)
		if len(calls) > maxUntold {
			t.Fatalf("%d pieces of the log waited for the loop", len(calls))
		}
		for _, f := range calls {
			f()
		}
	}
	<-ended
}

type deaf struct{}

func (deaf) Event(*Event)      {}
func (deaf) Progress(Progress) {}
func (deaf) Hurry()            {}

// TestTasksOfAFrameThatCannotBeUsedAreNotForgotten: they end with their process, or the run would wait for them.
func TestTasksOfAFrameThatCannotBeUsedAreNotForgotten(t *testing.T) {
	first := json.RawMessage(`{"type":"done","ok":true,"transition":{"next":["join"]},"artifacts":[{"name":"x","codec":"json","type":"int"}]}`)
	for what, c := range map[string]struct {
		f    protocol.FromMany
		body string
	}{
		"too short":      {protocol.FromMany{First: first, Tasks: []int64{3}, Sizes: []int{5}, Began: []int64{1}, Ended: []int64{2}}, "123"},
		"too long":       {protocol.FromMany{First: first, Tasks: []int64{3}, Sizes: []int{2}, Began: []int64{1}, Ended: []int64{2}}, "123"},
		"another's task": {protocol.FromMany{First: first, Tasks: []int64{3, 4}, Sizes: []int{1, 1}, Began: []int64{1, 1}, Ended: []int64{2, 2}}, "12"},
		"twice":          {protocol.FromMany{First: first, Tasks: []int64{3, 3}, Sizes: []int{1, 1}, Began: []int64{1, 1}, Ended: []int64{2, 2}}, "12"},
	} {
		m, _, _ := oneOfMany(t)
		if err := m.dones(&c.f, []byte(c.body)); err == nil {
			t.Errorf("%s: it was taken", what)
		}
		if m.tasks[3] == nil {
			t.Errorf("%s: the task is forgotten", what)
		}
	}
}

// TestASplitThatEndsWithOthersIsRecorded: what it opens, too.
func TestASplitThatEndsWithOthersIsRecorded(t *testing.T) {
	m, _, _ := oneOfMany(t)
	split := *m.tasks[3].a.launch.Step
	for kind, name := range scopeKinds {
		if name == "split" {
			split.Kind = kind
		}
	}
	m.tasks[3].a.launch.Step = &split
	first := json.RawMessage(`{"type":"done","ok":true,"transition":{"next":["a","b"]},"artifacts":[]}`)
	if err := m.dones(&protocol.FromMany{First: first, Tasks: []int64{3}, Began: []int64{1}, Ended: []int64{2}}, nil); err != nil {
		t.Fatal(err)
	}
	store := &keeper{Store: m.r.Store}
	m.r.Store = store
	m.batch = []*attempt{nil} // something else is on its way
	m.r.calls.take(nil)[0]()
	if len(store.records) != 1 || store.records[0].Scope == nil || store.records[0].Scope.Count != 2 {
		t.Errorf("recorded: %+v", store.records)
	}
}

// keeper keeps records to itself.
type keeper struct {
	metastore.Store
	records []metastore.Record
}

func (k *keeper) Record(r metastore.Record) { k.records = append(k.records, r) }

// TestAnAnswerThatNoFrameHolds: who asks is told so.
func TestAnAnswerThatNoFrameHolds(t *testing.T) {
	k := newTalker(t)
	run, err := k.r.Store.CreateRun(context.Background(), metastore.Run{Flow: "Test", Status: metastore.RunRunning}, metastore.Beginning{
		First: []metastore.Record{{
			Task:      &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
			Attempt:   &metastore.Attempt{Status: metastore.AttemptSucceeded, Transition: []byte("{}")},
			Artifacts: []metastore.Artifact{{Name: strings.Repeat("x", protocol.MaxHeader), Codec: "json"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	k.r.Config.Run.ID = run
	in, far, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a := &attempt{r: k.r, launch: engine.Launch{Task: 3, Step: k.tasks[0].Step, Base: 0}, proc: &worker.Process{Conn: out}}
	go func() {
		(&conversation{r: k.r, a: a, in: bufio.NewReader(in), out: out}).run()
		out.Close()
	}()
	say(t, far, map[string]any{"type": "names", "id": 9})
	var reply protocol.Reply
	if _, err := protocol.ReadFrame(answers, &reply); err != nil || reply.ID != 9 || reply.Error == nil || !strings.Contains(reply.Error.Message, "above the protocol's limit") {
		t.Errorf("%+v, %v", reply, err)
	}
	far.Close()
}
