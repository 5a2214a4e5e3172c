package runner_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	memstore "github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/internal/worker"
)

// testBench is a runner with real processes and stores in memory.
type testBench struct {
	store  *memstore.Store
	data   *datastore.Store
	pool   *worker.Pool
	graph  *graph.Graph
	policy engine.Policy
	events []runner.Event
	run    int64
	watch  runner.Observer // nil is the bench itself
}

func (b *testBench) Event(e *runner.Event)    { b.events = append(b.events, *e) }
func (b *testBench) Progress(runner.Progress) {}
func (b *testBench) Hurry()                   {}

func newBench(t *testing.T, source string) *testBench {
	t.Helper()
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatalf("the tests need python3: %v", err)
	}
	sdk, err := filepath.Abs("../../python")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "flow.py")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	pool, err := worker.Open(context.Background(), worker.Spec{
		File: file, Python: strings.TrimSpace(string(python)), SDK: sdk, Stdout: os.Stderr, Stderr: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	g, problems := graph.Compile(pool.Definition())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	store := memstore.New()
	return &testBench{
		store: store, data: datastore.New(store, mem.New(), t.TempDir()), pool: pool, graph: g,
		policy: engine.Policy{MaxWorkers: 2},
	}
}

// begin resolves the parameters, creates a run and carries it to its end.
func (b *testBench) begin(t *testing.T, ctx context.Context, hard <-chan struct{}) runner.Result {
	t.Helper()
	staging := t.TempDir()
	params, err := runner.ResolveParameters(ctx, b.pool, b.data, runner.ParameterRequest{User: "u", Staging: staging, Stdout: os.Stderr, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	first := metastore.Record{
		Task: &metastore.Task{Step: "_parameters", Scope: -1, Base: -1}, Artifacts: params.Artifacts, Blobs: params.Blobs,
		Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded, Transition: []byte("{}")},
	}
	return b.carry(t, ctx, hard, metastore.Run{}, metastore.Beginning{First: []metastore.Record{first}}, engine.New(b.graph, b.policy))
}

func (b *testBench) carry(t *testing.T, ctx context.Context, hard <-chan struct{}, run metastore.Run, begin metastore.Beginning, e *engine.Engine) runner.Result {
	t.Helper()
	run.Flow, run.Status, run.User = b.graph.Flow.Name, metastore.RunRunning, "u"
	id, err := b.store.CreateRun(ctx, run, begin)
	if err != nil {
		t.Fatal(err)
	}
	run.ID, b.run, b.events = id, id, nil
	watch := b.watch
	if watch == nil {
		watch = b
	}
	res, err := runner.New(runner.Config{
		Flow: b.graph.Flow, Graph: b.graph, Engine: e, Run: run, Store: b.store, Data: b.data, Pool: b.pool,
		Usage: usage.NewSampler(), LogDir: t.TempDir(), Staging: t.TempDir(), Watch: watch, Hard: hard, Now: time.Now,
	}).Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// kinds lists what was told of a task, in order.
func (b *testBench) kinds(task int64) (kinds []runner.EventKind) {
	for _, e := range b.events {
		if e.Task == task && e.Step != "" {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

const fanFlow = `
import os
from levada import FlowSpec, step, retry

class Fan(FlowSpec):
    @step
    def start(self):
        self.xs = [1, 2, 3]
        self.keep = "kept"
        self.next(self.body, foreach="xs")

    @retry(times=1)
    @step
    def body(self):
        from levada import current
        print("at once")
        if self.input == 2 and (current.retry_count == 0 or os.path.exists(%q)):
            raise ValueError("no")
        self.y = self.input * 10
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ys = [i.y for i in inputs]
        self.keep = inputs[0].keep
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Fan()
`

func quoted(source, path string) string { return strings.Replace(source, "%q", `"`+path+`"`, 1) }

func TestARunFromStartToEnd(t *testing.T) {
	b := newBench(t, quoted(fanFlow, "/does/not/exist"))
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Fatalf("%+v", res)
	}
	want := []runner.EventKind{runner.TaskStarted, runner.LogLine, runner.TaskFailed, runner.TaskStarted, runner.LogLine, runner.TaskFinished}
	for task := range int64(10) {
		kinds := slices.DeleteFunc(b.kinds(task), func(k runner.EventKind) bool { return k == runner.LogLine })
		if len(kinds) == 4 { // the task that was tried again
			if got := b.kinds(task); got[0] != want[0] || kinds[1] != runner.TaskFailed || kinds[3] != runner.TaskFinished {
				t.Errorf("task %d: %v", task, got)
			}
		}
	}
	for i, e := range b.events {
		if e.Kind == runner.LogLine && e.PID == 0 {
			t.Errorf("event %d, a line, came before its task's start: %+v", i, e)
		}
	}
	var steps []string
	for f, err := range b.store.Finished(context.Background(), b.run) {
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, f.Task.Step)
		if f.Task.Step == "join" && len(f.Task.Inputs) != 3 {
			t.Errorf("the join has the inputs %v", f.Task.Inputs)
		}
		if f.Task.ID > 0 && (f.Attempt.PID == 0 || f.Attempt.PeakMemory == 0 || f.Attempt.Ended.Before(f.Attempt.Started)) {
			t.Errorf("attempt %+v", f.Attempt)
		}
	}
	if got := strings.Join(steps, " "); got != "_parameters start body body body join end" {
		t.Errorf("tasks: %s", got)
	}
	layers := datastore.NewLayers(b.store)
	if _, found, err := layers.Find(context.Background(), b.run, 6, "keep"); !found || err != nil {
		t.Errorf("the end step does not have what the join kept: %v", err)
	}
}

func TestAFailedRunIsResumed(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, quoted(fanFlow, broken))
	ctx := context.Background()
	res := b.begin(t, ctx, nil)
	if res.Status != metastore.RunFailed || res.FailedStep != "body" {
		t.Fatalf("%+v", res)
	}
	origin := b.run
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	e, carried, err := runner.Recover(ctx, b.graph, b.policy, b.store, origin)
	if err != nil {
		t.Fatal(err)
	}
	begin := metastore.Beginning{From: origin}
	for _, task := range carried {
		begin.Tasks = append(begin.Tasks, task.ID)
	}
	if res := b.carry(t, ctx, nil, metastore.Run{Origin: origin}, begin, e); res.Status != metastore.RunSucceeded {
		t.Fatalf("%+v", res)
	}
	for _, task := range carried {
		if slices.Contains(b.kinds(task.ID), runner.TaskStarted) {
			t.Errorf("task %d was taken over and ran again", task.ID)
		}
	}
}

const endlessFlow = `
import signal, time
from levada import FlowSpec, step

class Endless(FlowSpec):
    @step
    def start(self):
        if %s:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
        time.sleep(1000)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Endless()
`

// atReady calls do when a task has printed something.
type atReady struct {
	*testBench
	do func()
}

func (a atReady) Event(e *runner.Event) {
	a.testBench.Event(e)
	if e.Kind == runner.LogLine && e.Text == "ready" {
		a.do()
	}
}

func TestInterrupt(t *testing.T) {
	for name, c := range map[string]struct {
		deaf string
		hard bool
	}{"gentle": {"False", false}, "at once": {"True", true}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, strings.Replace(endlessFlow, "%s", c.deaf, 1))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			hard := make(chan struct{})
			id, err := b.store.CreateRun(ctx, metastore.Run{Flow: "Endless", Status: metastore.RunRunning}, metastore.Beginning{First: []metastore.Record{{
				Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
				Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			watch := atReady{b, func() {
				cancel()
				if c.hard {
					close(hard)
				}
			}}
			res, err := runner.New(runner.Config{
				Flow: b.graph.Flow, Graph: b.graph, Engine: engine.New(b.graph, b.policy), Run: metastore.Run{ID: id, Flow: "Endless"},
				Store: b.store, Data: b.data, Pool: b.pool, Usage: usage.NewSampler(), LogDir: t.TempDir(), Staging: t.TempDir(),
				Watch: watch, Hard: hard, Now: time.Now,
			}).Run(ctx)
			if err != nil || res.Status != metastore.RunInterrupted {
				t.Fatalf("%+v, %v", res, err)
			}
			at, err := b.store.Attempts(context.Background(), id, 1)
			if err != nil || len(at) != 1 || at[0].Status != metastore.AttemptKilled {
				t.Errorf("attempts %+v, %v", at, err)
			}
			if c.hard && at[0].Signal != 9 {
				t.Errorf("it was ended by signal %d, want 9", at[0].Signal)
			}
		})
	}
}

// awayStore is a store whose server is away when the run ends, until that is told.
type awayStore struct {
	metastore.Store
	ending func()
	told   chan struct{}
}

func (awayStore) Waits() string { return "the server is away; it is waited for, for at most 1m more" }

func (s awayStore) EndRun(ctx context.Context, id int64, e metastore.RunEnd) error {
	s.ending()
	<-s.told
	return s.Store.EndRun(ctx, id, e)
}

// whoHears is told why a run waits.
type whoHears struct {
	atReady
	told chan struct{}
}

func (w whoHears) Event(e *runner.Event) {
	w.atReady.Event(e)
	if e.Kind == runner.Warning && strings.Contains(e.Text, "for at most 1m more. The run ends as soon as") {
		close(w.told)
	}
}

// TestAnEndThatIsWaitedForIsTold asks runs to end that cannot record their end, since the server of their store is
// away: while a task runs, and when only the end is to be recorded.
func TestAnEndThatIsWaitedForIsTold(t *testing.T) {
	for name, late := range map[string]bool{"a task runs": false, "nothing runs": true} {
		t.Run(name, func(t *testing.T) {
			source, want := strings.Replace(endlessFlow, "%s", "False", 1), metastore.RunInterrupted
			if late {
				source, want = strings.Replace(source, "time.sleep(1000)", "", 1), metastore.RunSucceeded
			}
			b := newBench(t, source)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			id, err := b.store.CreateRun(ctx, metastore.Run{Flow: "Endless", Status: metastore.RunRunning}, metastore.Beginning{First: []metastore.Record{{
				Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
				Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			atReadiness, atEnd := cancel, func() {}
			if late {
				atReadiness, atEnd = func() {}, cancel
			}
			told := make(chan struct{})
			res, err := runner.New(runner.Config{
				Flow: b.graph.Flow, Graph: b.graph, Engine: engine.New(b.graph, b.policy), Run: metastore.Run{ID: id, Flow: "Endless"},
				Store: awayStore{b.store, atEnd, told}, Data: b.data, Pool: b.pool, Usage: usage.NewSampler(), LogDir: t.TempDir(), Staging: t.TempDir(),
				Watch: whoHears{atReady{b, atReadiness}, told}, Now: time.Now,
			}).Run(ctx)
			if err != nil || res.Status != want {
				t.Fatalf("%+v, %v", res, err)
			}
		})
	}
}

const slowEndFlow = `
import os, time
from levada import FlowSpec, step

ends = %q
end = os._exit

def slowly(code):
    time.sleep(0.1)  # as giving back much memory takes
    with open(ends, "a") as f:
        f.write(".")
    end(code)

os._exit = slowly

class SlowEnd(FlowSpec):
    @step
    def start(self):
        self.xs = list(range(4))
        self.next(self.work, foreach="xs")

    @step
    def work(self):
        with open(ends) as f:
            ended = len(f.read())
        assert ended >= self.index + 1, "%%d tasks had ended" %% ended
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

SlowEnd()
`

func TestATaskKeepsItsPlaceWhileItLives(t *testing.T) {
	b := newBench(t, strings.ReplaceAll(quoted(slowEndFlow, filepath.Join(t.TempDir(), "ends")), "%%", "%"))
	b.policy.MaxWorkers = 1
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Errorf("the run %s: the next task was started while the one before still ran", res.Status)
	}
}

const largeElements = `
from levada import FlowSpec, step

class LargeElements(FlowSpec):
    @step
    def start(self):
        self.xs = list(range(20))
        self.next(self.split, foreach="xs")

    @step
    def split(self):
        self.ys = [bytes(2_000_000), b""]
        self.next(self.work, foreach="ys")

    @step
    def work(self):
        self.size = len(self.input)
        self.next(self.inner)

    @step
    def inner(self, inputs):
        self.sizes = [i.size for i in inputs]
        assert self.sizes == [2_000_000, 0], self.sizes
        self.next(self.outer)

    @step
    def outer(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

LargeElements()
`

// Tasks ask for their elements while other foreach begin and end.
func TestElementsOfManyForeachAtOnce(t *testing.T) {
	b := newBench(t, largeElements)
	b.policy.MaxWorkers = 8
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Errorf("the run %s", res.Status)
	}
}

const slowImport = `
import os, time
from levada import FlowSpec, environment, step

mark = %q
if os.environ.get("SLOW"):
    while not os.path.exists(mark):  # until the other branch has run
        time.sleep(0.01)

class SlowImport(FlowSpec):
    @step
    def start(self):
        self.next(self.slow, self.plain)

    @environment(vars={"SLOW": "1"})
    @step
    def slow(self):
        self.next(self.join)

    @step
    def plain(self):
        open(mark, "w").close()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

SlowImport()
`

func TestAnEnvironmentThatImportsHoldsUpNobody(t *testing.T) {
	b := newBench(t, quoted(slowImport, filepath.Join(t.TempDir(), "mark")))
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Errorf("the run %s", res.Status)
	}
}

const leftBehind = `
import os, subprocess
from levada import FlowSpec, Parameter, step

def compute(context):
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)  # it holds stdout and stderr
    with open(%q, "w") as f:
        f.write(str(child.pid))
    return "x"

class LeftBehind(FlowSpec):
    p = Parameter("p", default=compute)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

LeftBehind()
`

func TestParametersDoNotWaitForWhatTheyStarted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	b := newBench(t, quoted(leftBehind, file))
	t.Cleanup(func() {
		if text, err := os.ReadFile(file); err == nil {
			if pid, err := strconv.Atoi(string(text)); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Errorf("the run %s", res.Status)
	}
}
