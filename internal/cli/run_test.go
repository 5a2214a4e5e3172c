package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
)

// story makes the events of a run out of events and sends them to whoever watches.
func story(events ...*runner.Event) func(context.Context, service.RunOptions) {
	return func(_ context.Context, o service.RunOptions) {
		for _, e := range events {
			o.Watch.Event(e)
		}
	}
}

func with(e *runner.Event, change func(*runner.Event)) *runner.Event {
	change(e)
	return e
}

func log(step string, task int64, ms int, text string) *runner.Event {
	return with(event(runner.LogLine, step, task, ms), func(e *runner.Event) { e.Text, e.Stream = text, "stdout" })
}

// goodRun is a run of testFlow that ends well.
func goodRun() []*runner.Event {
	return []*runner.Event{
		event(runner.RunStarted, "", 0, 0),
		event(runner.TaskStarted, "start", 1, 7),
		log("start", 1, 8, "    indented \t"),
		with(event(runner.Foreach, "start", 1, 9), func(e *runner.Event) { e.Count = 2 }),
		event(runner.TaskFinished, "start", 1, 10),
		event(runner.TaskStarted, "train", 2, 999),
		with(event(runner.TaskFailed, "train", 2, 1000), func(e *runner.Event) { e.Retrying = true }),
		with(event(runner.TaskStarted, "train", 2, 1001), func(e *runner.Event) { e.Attempt = 1 }),
		with(event(runner.TaskStarted, "train", 2, 1002), func(e *runner.Event) { e.Attempt, e.Fallback = 2, true }),
		with(event(runner.Warning, "", 0, 1003), func(e *runner.Event) { e.Text = "low on disk" }),
		event(runner.TaskFinished, "train", 2, 1004),
		with(event(runner.RunFinished, "", 0, 1100), func(e *runner.Event) { e.Status, e.Duration = metastore.RunSucceeded, 1.1 }),
	}
}

func TestRunPrints(t *testing.T) {
	p := newProgram(t)
	p.service.during = story(goodRun()...)
	if code := p.run(t, "run", "flow.py"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.err.String())
	}
	wantText(t, "stdout", p.out.String(), strings.ReplaceAll(`2026-11-22 12:00:00.000 Workflow starting (run-id 12):
2026-11-22 12:00:00.007 [12/start/1 (pid 101)] Task is starting.
2026-11-22 12:00:00.008 [12/start/1 (pid 101)]     indented TAB
2026-11-22 12:00:00.009 [12/start/1 (pid 101)] Foreach yields 2 child steps.
2026-11-22 12:00:00.010 [12/start/1 (pid 101)] Task finished successfully.
2026-11-22 12:00:00.999 [12/train/2 (pid 102)] Task is starting.
2026-11-22 12:00:01.000 [12/train/2 (pid 102)] Task failed.
2026-11-22 12:00:01.001 [12/train/2 (pid 102)] Task is starting (retry).
2026-11-22 12:00:01.002 [12/train/2 (pid 102)] Task fallback is starting to handle the failure.
2026-11-22 12:00:01.003 Warning: low on disk
2026-11-22 12:00:01.004 [12/train/2 (pid 102)] Task finished successfully.
2026-11-22 12:00:01.100 Done!
`, "TAB", "\t"))
	wantText(t, "stderr", p.err.String(), `Levada 1.2.3 executing TrainFlow for user:ann
Validating your flow...
    The graph looks good!
`)
	if p.run(t, "run", "flow.py", "--quiet"); p.err.Len() > 0 {
		t.Errorf("with --quiet, stderr has %s", p.err.String())
	}
}

// TestOverview has a long run tell now and then how far it is.
func TestOverview(t *testing.T) {
	p := newProgram(t)
	p.service.during = func(_ context.Context, o service.RunOptions) {
		for _, at := range []time.Duration{time.Second, 301 * time.Second, 302 * time.Second} {
			o.Watch.Progress(snapshot(at, engine.StepProgress{Step: "start", Done: 1},
				engine.StepProgress{Step: "train", Running: 3, Done: 7, Waiting: 1}, engine.StepProgress{Step: "join"}, engine.StepProgress{Step: "end"}))
		}
	}
	p.run(t, "run", "flow.py", "--quiet")
	wantText(t, "stdout", p.out.String(), `2026-11-22 12:00:00.000 3 tasks are running: train (3 running; 7 done).
2026-11-22 12:00:00.000 1 task is waiting in the queue.
2026-11-22 12:00:00.000 2 steps have not started: join, end.
`)
}

// TestARunThatCouldNotBeRecorded still says how to go on.
func TestARunThatCouldNotBeRecorded(t *testing.T) {
	p := newProgram(t)
	p.service.result = service.RunResult{Run: 12, Status: metastore.RunFailed, FailedTask: -1}
	p.service.runErr = fault.New(fault.NoSpace, "no space left on device")
	if code := p.run(t, "run", "flow.py", "--quiet", "--json"); code != 1 || !strings.Contains(p.out.String(), `"problem":"no space left on device"`) {
		t.Errorf("exit code %d\n%s", code, p.out.String())
	}
	wantText(t, "stderr", p.err.String(), "    Disk full:\n    no space left on device\n\n    Go on with:   levada resume flow.py --origin-run-id 12\n")
}

// TestSlowImport has a flow's file take longer to be imported than one waits gladly.
func TestSlowImport(t *testing.T) {
	at := func(terminal bool, args ...string) string {
		p := newProgram(t)
		p.env.Terminal.Stderr = terminal
		p.env.After = func(d time.Duration, f func()) (stop func() bool) {
			p.service.opening = func(context.Context) { f() }
			return func() bool { return false }
		}
		if code := p.run(t, args...); code != 0 {
			t.Errorf("exit code %d\n%s", code, p.err.String())
		}
		return p.err.String()
	}
	if got := at(true, "run", "flow.py"); !strings.HasPrefix(got, "Importing flow.py...\nLevada ") {
		t.Errorf("on a terminal:\n%s", got)
	}
	if got := at(true, "run", "train"); !strings.HasPrefix(got, "Building train...\n") {
		t.Errorf("a flow in Go:\n%s", got)
	}
	for _, got := range []string{at(false, "run", "flow.py"), at(true, "run", "flow.py", "--quiet")} {
		if strings.Contains(got, "Importing") {
			t.Errorf("nobody waits before it:\n%s", got)
		}
	}
}

// TestInterruptedImport has Ctrl-C end Python while it imports the flow.
func TestInterruptedImport(t *testing.T) {
	p := newProgram(t)
	p.service.opening = func(ctx context.Context) {
		p.signals <- os.Interrupt
		<-ctx.Done()
	}
	p.service.openErr = fault.New(fault.UserCode, "the flow could not be imported")
	if code := p.run(t, "run", "flow.py"); code != 1 || p.err.String() != "Aborted!\n" {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

func failedRun() []*runner.Event {
	return []*runner.Event{
		event(runner.RunStarted, "", 0, 0),
		event(runner.TaskStarted, "start", 1, 7),
		log("start", 1, 8, "ValueError: boom"),
		event(runner.TaskFailed, "start", 1, 9),
		with(event(runner.Stopping, "", 0, 10), func(e *runner.Event) { e.Count = 1 }),
		event(runner.TaskKilled, "train", 2, 11),
		with(event(runner.RunFinished, "", 0, 12), func(e *runner.Event) { e.Status = metastore.RunFailed }),
	}
}

func TestFailedRun(t *testing.T) {
	p := newProgram(t)
	p.service.during = story(failedRun()...)
	p.service.result = service.RunResult{Run: 12, Status: metastore.RunFailed, FailedStep: "start", FailedTask: 1}
	if code := p.run(t, "run", "flow.py", "--quiet"); code != 1 {
		t.Errorf("exit code %d", code)
	}
	wantText(t, "stdout", p.out.String(), `2026-11-22 12:00:00.000 Workflow starting (run-id 12):
2026-11-22 12:00:00.007 [12/start/1 (pid 101)] Task is starting.
2026-11-22 12:00:00.008 [12/start/1 (pid 101)] ValueError: boom
2026-11-22 12:00:00.009 [12/start/1 (pid 101)] Task failed.
2026-11-22 12:00:00.010 Workflow failed.
2026-11-22 12:00:00.010 Terminating 1 active tasks...
2026-11-22 12:00:00.011 [12/train/2 (pid 102)] [KILLED BY ORCHESTRATOR]
`)
	wantText(t, "stderr", p.err.String(), `    Step failure:
    Step start (task-id 1) failed.

    See its log:  levada logs 12/start/1
    Go on with:   levada resume flow.py --origin-run-id 12
`)
	p.run(t, "flow", "flow.py", "--quiet", "run")
	if got := p.err.String(); !strings.Contains(got, "python flow.py logs 12/start/1\n") || !strings.Contains(got, "python flow.py resume --origin-run-id 12\n") {
		t.Errorf("hints of Metaflow's form:\n%s", got)
	}
}

func TestWaysToFail(t *testing.T) {
	for _, tc := range []struct {
		event *runner.Event
		want  []string
	}{
		{with(event(runner.TaskFailed, "train", 2, 0), func(e *runner.Event) {
			e.Text, e.Refused = "it was ended by a segmentation fault (signal 11)", true
		}),
			[]string{"Task failed with a segmentation fault.", "This failed task will not be retried."}},
		{with(event(runner.TaskFailed, "train", 2, 0), func(e *runner.Event) { e.Text, e.Attempt = "it was killed (signal 9)", 3 }),
			[]string{"Task failed: it was killed (signal 9)."}},
		{with(event(runner.TaskFailed, "train", 2, 0), func(e *runner.Event) { e.Retrying = true }), []string{"Task failed."}},
	} {
		p := newProgram(t)
		p.service.during = story(tc.event)
		p.run(t, "run", "flow.py")
		var got []string
		for line := range strings.Lines(p.out.String()) {
			_, text, _ := strings.Cut(strings.TrimSpace(line), "] ")
			got = append(got, text)
		}
		if strings.Join(got, "|") != strings.Join(tc.want, "|") {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestJSONOfARun(t *testing.T) {
	p := newProgram(t)
	p.service.during = story(failedRun()...)
	p.service.result = service.RunResult{Run: 12, Status: metastore.RunFailed, FailedStep: "start", FailedTask: 1}
	if code := p.run(t, "run", "flow.py", "--json"); code != 1 {
		t.Errorf("exit code %d", code)
	}
	var kinds []string
	var last map[string]any
	for line := range strings.Lines(p.out.String()) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		kinds = append(kinds, last["event"].(string))
	}
	if want := "run_started task_started log task_failed stopping task_killed run_finished summary"; strings.Join(kinds, " ") != want {
		t.Errorf("events %q", kinds)
	}
	if last["status"] != "failed" || last["exit_code"] != 1.0 || last["failed_step"] != "start" || last["failed_task"] != 1.0 || last["run"] != 12.0 {
		t.Errorf("summary %v", last)
	}
}

func TestJSONOfWhatNeverRan(t *testing.T) {
	for _, args := range [][]string{{"run", "flow.py", "--json", "--x", "1"}, {"run", "flow.py", "--json", "--tag", ""}} {
		p := newProgram(t)
		code := p.run(t, args...)
		var got struct {
			Event    string
			ExitCode int `json:"exit_code"`
			Error    struct{ Kind, Message string }
		}
		if err := json.Unmarshal(p.out.Bytes(), &got); err != nil || got.Event != "error" || got.ExitCode != code || got.Error.Message == "" {
			t.Errorf("%q: code %d, %v: %s", args, code, err, p.out.String())
		}
	}
}

func TestRunFiles(t *testing.T) {
	p := newProgram(t)
	if code := p.run(t, "run", "flow.py", "--run-id-file", "id", "--runner-attribute-file", "attributes"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.err.String())
	}
	id, _ := os.ReadFile(filepath.Join(p.env.Dir, "id"))
	attributes, _ := os.ReadFile(filepath.Join(p.env.Dir, "attributes"))
	if string(id) != "12" || string(attributes) != `{"run_id":"12","flow_name":"TrainFlow","metadata":"local@/store"}` {
		t.Errorf("%q %q", id, attributes)
	}
	if code := p.run(t, "run", "flow.py", "--run-id-file", "no/such/folder"); code != 1 || !strings.Contains(p.err.String(), "--run-id-file") {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

func TestTags(t *testing.T) {
	many := []string{"run", "flow.py"}
	for range 51 {
		many = append(many, "--tag", "x")
	}
	for _, args := range [][]string{{"run", "flow.py", "--tag", ""}, {"run", "flow.py", "--tag", strings.Repeat("é", 501)}, many} {
		p := newProgram(t)
		if code := p.run(t, args...); code != 1 || !strings.Contains(p.err.String(), "    Tagging error:\n") || p.service.ran != nil {
			t.Errorf("exit code %d\n%s", code, p.err.String())
		}
	}
	p := newProgram(t)
	if code := p.run(t, "run", "flow.py", "--tag", strings.Repeat("é", 500)); code != 0 {
		t.Errorf("500 characters: %s", p.err.String())
	}
}

func TestNothingRunsWithProblems(t *testing.T) {
	p := newProgram(t)
	p.service.flow.Steps[1].Next.Targets = []string{"jion"}
	p.service.flow.Steps[2].Args = 1
	for _, args := range [][]string{{"run", "flow.py"}, {"resume", "flow.py"}, {"check", "flow.py"}, {"show", "flow.py"}} {
		code := p.run(t, args...)
		if code != 1 || p.service.ran != nil || p.out.Len() > 0 {
			t.Errorf("%q: exit code %d\n%s", args, code, p.out.String())
		}
		if got := p.err.String(); !strings.Contains(got, "    Validity checker found an issue in file /src/flow.py on line 9:\n    ") {
			t.Errorf("stderr:\n%s", got)
		}
	}
	p.run(t, "check", "flow.py", "--json")
	var got struct {
		Valid    bool
		Problems []jsonProblem
	}
	if err := json.Unmarshal(p.out.Bytes(), &got); err != nil || got.Valid || len(got.Problems) == 0 || got.Problems[0].Line != 9 {
		t.Errorf("%v: %s", err, p.out.String())
	}
}

func TestErrorsOfTheService(t *testing.T) {
	for _, tc := range []struct {
		err  error
		code int
		want string
	}{
		{fault.New(fault.Usage, "Invalid value for '--alpha': x is not a valid float"), 2, "Error: Invalid value for '--alpha': x is not a valid float\n"},
		{fault.New(fault.NoSpace, "the disk is full").On("/store").Do("make room"), 1, "    Disk full:\n    /store: the disk is full\n    make room\n\n"},
		{errors.New("odd"), 1, "    Internal error:\n    odd\n    This is a bug in Levada."},
		{fault.New(fault.Interrupted, "stopped"), 1, "Aborted!\n"},
		{&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}, 1, ""},
	} {
		p := newProgram(t)
		p.service.runErr, p.service.result = tc.err, service.RunResult{}
		if code := p.run(t, "run", "flow.py", "--quiet"); code != tc.code || !strings.HasSuffix(p.err.String(), tc.want) && !strings.HasPrefix(p.err.String(), tc.want) || tc.want == "" && p.err.Len() > 0 {
			t.Errorf("%v: exit code %d\n%s", tc.err, code, p.err.String())
		}
	}
}

// A run that was removed while it went on cannot be resumed, so nobody is told to. One
// that could not be recorded to its end can.
func TestARunThatWasRemoved(t *testing.T) {
	for _, err := range []error{
		fault.New(fault.NotFound, "the run was removed").On("run 12").Do("Run the flow again."),
		fault.New(fault.NoSpace, "the disk is full").On("levada.db").Do("Free some space."),
	} {
		p := newProgram(t)
		p.service.during = story(event(runner.RunStarted, "", 0, 0))
		p.service.result, p.service.runErr = service.RunResult{Run: 12, Status: metastore.RunFailed, FailedTask: -1, Lost: fault.Is(err, fault.NotFound)}, err
		if code := p.run(t, "run", "flow.py", "--quiet"); code != 1 {
			t.Errorf("%v: exit code %d", err, code)
		}
		got := p.err.String()
		if !strings.Contains(got, fault.HintOf(err)) || strings.Contains(got, "resume") == fault.Is(err, fault.NotFound) {
			t.Errorf("%v: said is\n%s", err, got)
		}
	}
}

func TestAPanicIsABugReport(t *testing.T) {
	p := newProgram(t)
	p.service.during = func(context.Context, service.RunOptions) { panic("index out of range") }
	code := p.run(t, "run", "flow.py", "--quiet")
	if got := p.err.String(); code != 1 || !strings.Contains(got, "This is a bug in Levada") || strings.Contains(got, "goroutine") {
		t.Errorf("exit code %d\n%s", code, got)
	}
}

func TestFirstInterruptIsGentle(t *testing.T) {
	p := newProgram(t)
	p.service.result = service.RunResult{Run: 12, Status: metastore.RunInterrupted, FailedTask: -1}
	p.service.during = func(ctx context.Context, o service.RunOptions) {
		o.Watch.Event(event(runner.RunStarted, "", 0, 0))
		p.signals <- os.Interrupt
		<-ctx.Done()
		o.Watch.Event(with(event(runner.Stopping, "", 0, 10), func(e *runner.Event) { e.Count = 3 }))
		o.Watch.Event(with(event(runner.RunFinished, "", 0, 12), func(e *runner.Event) { e.Status = metastore.RunInterrupted }))
	}
	if code := p.run(t, "run", "flow.py", "--quiet"); code != 1 {
		t.Errorf("exit code %d", code)
	}
	wantText(t, "stdout", p.out.String(), `2026-11-22 12:00:00.000 Workflow starting (run-id 12):
2026-11-22 12:00:00.000 Workflow interrupted. The active tasks are asked to end; press Ctrl-C again to stop at once.
2026-11-22 12:00:00.010 Terminating 3 active tasks...
`)
	wantText(t, "stderr", p.err.String(), "Aborted!\n    Go on with:   levada resume flow.py --origin-run-id 12\n")
}

func TestQuitIsImmediate(t *testing.T) {
	p := newProgram(t)
	p.service.result = service.RunResult{Run: 12, Status: metastore.RunInterrupted, FailedTask: -1}
	p.service.during = func(ctx context.Context, o service.RunOptions) {
		o.Watch.Event(event(runner.RunStarted, "", 0, 0))
		p.signals <- syscall.SIGQUIT
		<-o.Hard
		<-ctx.Done()
	}
	if code := p.run(t, "run", "flow.py", "--quiet"); code != 130 {
		t.Errorf("exit code %d", code)
	}
	wantText(t, "stdout", p.out.String(), "2026-11-22 12:00:00.000 Workflow starting (run-id 12):\n")
	wantText(t, "stderr", p.err.String(), "Quit: everything is ended at once.\nAborted!\n    Go on with:   levada resume flow.py --origin-run-id 12\n")
}

func TestSecondInterruptIsImmediate(t *testing.T) {
	p := newProgram(t)
	p.service.during = func(ctx context.Context, o service.RunOptions) {
		p.signals <- syscall.SIGTERM
		<-ctx.Done()
		p.signals <- os.Interrupt
		<-o.Hard
	}
	if code := p.run(t, "run", "flow.py"); code != 130 {
		t.Errorf("exit code %d", code)
	}
}

func TestResume(t *testing.T) {
	clone := func(task int64) *runner.Event {
		return with(event(runner.TaskCloned, "train", task, 20), func(e *runner.Event) { e.Origin, e.PID = 7, 0 })
	}
	started := with(event(runner.RunStarted, "", 0, 1), func(e *runner.Event) { e.Origin = 7 })
	cloned := func(n int) *runner.Event {
		return with(event(runner.RunCloned, "", 0, 30), func(e *runner.Event) { e.Origin, e.Count = 7, n })
	}
	p := newProgram(t)
	p.service.runs = []metastore.Run{{ID: 7, Flow: "TrainFlow"}, {ID: 5, Flow: "Other"}}
	p.service.during = story(started, clone(2), clone(3), cloned(2))
	if code := p.run(t, "resume", "flow.py", "train", "--tag", "x"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.err.String())
	}
	if o := p.service.resumed; o.Origin != 7 || o.Step != "train" || len(o.Tags) != 1 || o.Parameters != nil {
		t.Errorf("options %+v", o)
	}
	wantText(t, "stdout", p.out.String(), `2026-11-22 12:00:00.000 Gathering required information to resume run (this may take a bit of time)...
2026-11-22 12:00:00.001 Workflow starting (run-id 12):
2026-11-22 12:00:00.001 Cloning TrainFlow/7
2026-11-22 12:00:00.020 [12/train/2] Cloning previously run task 7/train/2
2026-11-22 12:00:00.020 [12/train/3] Cloning previously run task 7/train/3
2026-11-22 12:00:00.030 TrainFlow/7 cloned!
`)

	many := []*runner.Event{started}
	for i := range 250 {
		many = append(many, clone(int64(i+2)))
	}
	p.service.during = story(append(many, cloned(250))...)
	p.run(t, "resume", "flow.py")
	wantText(t, "stdout", p.out.String(), `2026-11-22 12:00:00.000 Gathering required information to resume run (this may take a bit of time)...
2026-11-22 12:00:00.001 Workflow starting (run-id 12):
2026-11-22 12:00:00.001 Cloning TrainFlow/7
2026-11-22 12:00:00.030 Cloning 250 previously run tasks (--verbose lists them).
2026-11-22 12:00:00.030 TrainFlow/7 cloned!
`)
	if p.run(t, "resume", "flow.py", "--verbose"); strings.Count(p.out.String(), "\n") != 254 {
		t.Errorf("--verbose: %d lines", strings.Count(p.out.String(), "\n"))
	}
}

func TestResumeOfNothing(t *testing.T) {
	p := newProgram(t)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"resume", "flow.py"}, "    Invalid command:\n    A previous run id was not found. Specify --origin-run-id.\n"},
		{[]string{"resume", "flow.py", "--origin-run-id", "9"}, "    Invalid command:\n    there is no run 9\n"},
		{[]string{"resume", "flow.py", "trian"}, "    The flow has no step 'trian'. Its steps are: start, train, join, end.\n"},
	} {
		if code := p.run(t, tc.args...); code != 1 || !strings.Contains(p.err.String(), tc.want) || p.service.resumed != nil {
			t.Errorf("%q: exit code %d\n%s", tc.args, code, p.err.String())
		}
	}
	p.service.runs = []metastore.Run{{ID: 5, Flow: "Other"}}
	if code := p.run(t, "resume", "flow.py", "--origin-run-id", "5"); code != 1 || !strings.Contains(p.err.String(), "    Invalid command:\n    run 5 is a run of Other, not of TrainFlow\n") {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

func TestShow(t *testing.T) {
	p := newProgram(t)
	p.run(t, "show", "flow.py")
	wantText(t, "stdout", p.out.String(), graph.Text(mustCompile(t)))
	if !strings.Contains(p.err.String(), "Trains a model.") {
		t.Errorf("stderr: %s", p.err.String())
	}
	p.run(t, "show", "flow.py", "--format", "mermaid")
	wantText(t, "stdout", p.out.String(), graph.Mermaid(mustCompile(t)))
	p.run(t, "flow", "flow.py", "output-dot")
	wantText(t, "stdout", p.out.String(), graph.Dot(mustCompile(t)))
	if p.run(t, "show", "flow.py", "--json"); !json.Valid(p.out.Bytes()) {
		t.Errorf("stdout: %s", p.out.String())
	}
	p.run(t, "flow", "flow.py", "output-raw", "--json")
	var raw struct {
		Graph     map[string]any
		Structure []any `json:"graph_structure"`
	}
	if err := json.Unmarshal(p.out.Bytes(), &raw); err != nil || len(raw.Graph) != 4 || len(raw.Structure) == 0 {
		t.Errorf("%v: %s", err, p.out.String())
	}
	p.run(t, "flow", "flow.py", "output-raw")
	wantText(t, "stdout", p.out.String(), `[end end (flow.py line 14)]
    in_funcs=join
    num_args=1
[join join (flow.py line 11)]
    in_funcs=train
    out_funcs=end
    num_args=2
[start foreach (flow.py line 5)]
    out_funcs=train
    matching_join=join
    foreach_param=items
    num_args=1
[train linear (flow.py line 8)]
    in_funcs=start
    out_funcs=join
    split_parents=start
    decorators=retry
    num_args=1
`)
}

func TestVersionAndHelp(t *testing.T) {
	p := newProgram(t)
	for _, args := range [][]string{{"version"}, {"--version"}} {
		if code := p.run(t, args...); code != 0 || p.out.String() != "levada 1.2.3\n" {
			t.Errorf("%q: exit code %d, %q", args, code, p.out.String())
		}
	}
	if p.run(t, "flow", "flow.py", "version"); p.err.String() != "1.2.3\n" || p.out.Len() > 0 {
		t.Errorf("stderr %q", p.err.String())
	}
	for _, args := range [][]string{{}, {"--help"}, {"help"}, {"-h"}, {"flow", "flow.py", "--help"}, {"flow", "flow.py", "help"}} {
		if code := p.run(t, args...); code != 0 || !strings.Contains(p.out.String(), "Commands:") || !strings.Contains(p.out.String(), "130") {
			t.Errorf("%q: exit code %d\n%s%s", args, code, p.out.String(), p.err.String())
		}
	}
}

func TestHelpOfAFlow(t *testing.T) {
	p := newProgram(t)
	if code := p.run(t, "flow", "flow.py", "run", "--help"); code != 0 {
		t.Fatal(p.err.String())
	}
	head, _, _ := strings.Cut(p.out.String(), "\nOptions:")
	wantText(t, "help", head, `Usage: flow.py run [OPTIONS]

  Run a flow.

Parameters of TrainFlow:
  --alpha FLOAT   Learning rate.  [default: 0.1]
  --hy-phen TEXT
  --monitor TEXT  Shadows a top-level option.
  --when TEXT     [default: today]
`)
	if p.home.Need != NoStore {
		t.Error("help made a store")
	}
}

func mustCompile(t *testing.T) *graph.Graph {
	t.Helper()
	g, problems := graph.Compile(testFlow())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return g
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}
