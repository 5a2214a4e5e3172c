// Package runner carries a run from its first task to its end. It is the event loop around package engine: what happens
// (a process exits, a record is durable, somebody presses Ctrl-C) becomes an event for the engine, and the runner
// carries out the commands that the engine returns. The engine decides, the runner does.
//
// # One loop
//
// One goroutine, the loop, owns the state of the run. Everything else (reading a task's output, talking to it, hashing
// what it made, the store's writer) happens in goroutines that pass the loop a function to call. So what belongs to the
// loop needs no locks, and observers see events in one order.
//
// Conversations with tasks answer while the loop is busy with something else, so they share some state with it, under
// separate locks: the elements of foreaches (foreachLists), the layers of artifacts, and the tasks under way in one
// process (many.tasks). While the store is asked for one item, nobody who wants another has to wait.
//
// # The life of an attempt
//
//  1. The loop launches it, and its process runs.
//  2. Its conversation ends with the done frame; the values it sends are stored as they arrive.
//  3. Its process exits. That closes its socket, which frees its place at once.
//  4. When its output has been read to the end, it is recorded.
//  5. Only when that record is durable does the engine hear how the attempt ended. Nothing is acted on before it is
//     durable.
//
// # Killing
//
// To kill an attempt is to end it because the run wants that ([engine.Kill]): its process gets SIGTERM, and SIGKILL
// when the grace period has passed. After a second Ctrl-C, or when the store is lost, it gets SIGKILL at once. A fork
// server that does not respond any more is killed itself, with everything that it runs. So is the process of in-process
// tasks.
package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/tracing"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/internal/worker"
)

// grace is how long a task that is asked to end may take before it is killed.
const grace = 5 * time.Second

// stuckGrace is how long after that the fork servers are killed, and what they run with them: they are who
// kills a task, and they may be stopped or stuck themselves. What is said of the end of tasks meanwhile is
// waited for, on a machine with much else to do.
const stuckGrace = 3 * time.Second

// timeoutGrace is how long after its @timeout a task is killed that has not heard of it: code that does not return
// to the interpreter cannot be interrupted.
const timeoutGrace = 10 * time.Second

// cleanupTime is how long a step may go on that has heard of its timeout: it may have to put in
// order what it was about. One that goes on for ever has taken the exception for one of its own, as
// a loop does that passes over whatever fails.
const cleanupTime = 5 * time.Minute

// recordGrace is how long after an end that was asked for its run says that it waits for what has ended to be recorded.
const recordGrace = grace + stuckGrace + time.Second

// hardGrace is the same after an end that was demanded. The command ends soon after.
const hardGrace = time.Second

const (
	beatEvery     = 10 * time.Second
	lookEvery     = time.Second // for somebody who asks the run to end
	sampleEvery   = time.Second
	progressEvery = 100 * time.Millisecond
)

// Config is what a run needs.
type Config struct {
	Flow   *graph.Flow
	Graph  *graph.Graph
	Engine *engine.Engine // recovered, if the run resumes another
	Run    metastore.Run  // as created
	Store  metastore.Store
	Data   *datastore.Store
	Pool   *worker.Pool
	// Pythons are the interpreters of steps with an environment of their own.
	Pythons map[string]string
	Usage   *usage.Sampler
	// Cgroups, if not nil, gives each attempt a cgroup of its own, in which the kernel keeps its peak of memory.
	Cgroups *usage.Cgroups
	// Machine is what @resources requests are admitted against.
	Machine engine.Resources
	// GPUs are those of the machine, as attempts that are given some are told.
	GPUs []usage.GPU
	// Home is the store's folder, as clients in the tasks are told. May be empty.
	Home string
	// LogDir is where logs that are too long for the database go.
	LogDir string
	// Spin, if not nil, is told to the only task of the run.
	Spin       *protocol.Spin
	MaxLogSize int64 // bytes a stream that are kept; 0 is no limit
	Staging    string
	Project    *protocol.Project
	With       []protocol.Decorator // decorators added on the command line
	Triggers   []string             // runs, flow/run, that count as what started this one
	Programs   map[string]Program   // those that run steps, by step
	Watch      Observer
	Trace      *tracing.Trace  // nil if the run is not traced
	Errors     io.Writer       // for what exit hooks write to stderr
	Progress   bool            // whether Watch.Progress is called while the run goes on
	Hard       <-chan struct{} // closed: kill everything at once
	Now        func() time.Time
	Warnings   []string          // to be told when the run has started
	Carried    []metastore.Task  // taken over from the origin of a resumed run, without task 0
	Known      []datastore.Layer // of tasks of this run, which need not be read from the store
}

// Result is how a run ended.
type Result struct {
	Status     metastore.RunStatus
	FailedStep string
	FailedTask int64
	Problem    string
	Lost       bool // the run was removed while it went on, or its store: nothing goes on from it
}

// Runner runs one run.
type Runner struct {
	Config
	layers       *datastore.Layers
	ctx          context.Context // of the work in goroutines: ends when the loop does
	starts       context.Context // of processes that are being started: ends when all are killed
	cancelStarts func()          // ends starts

	calls    *mailbox
	active   map[engine.TaskID]*attempt
	lists    foreachLists
	started  time.Time
	stopping bool
	waiting  bool // it was told that the run waits for its records
	places   places
	finish   *engine.Finish
	sampling bool
	many     *many                    // nil before the first task that has no process of its own
	problems map[engine.TaskID]string // of tasks whose last attempt failed
	hints    map[engine.TaskID]string // what to do about it, of those that could not be started

	ooms ooms

	timeoutGrace time.Duration // but for tests, the constant

	fatal error // the store failed: nothing more can be recorded
}

// New prepares a run.
func New(c Config) *Runner {
	r := &Runner{
		Config: c,
		layers: datastore.NewLayers(c.Store),
		calls:  newMailbox(),
		active: make(map[engine.TaskID]*attempt),
		lists:  foreachLists{open: make(map[engine.TaskID]*foreachList)},

		problems: make(map[engine.TaskID]string), hints: make(map[engine.TaskID]string),
		ooms: ooms{kills: usage.OOMKills}, timeoutGrace: timeoutGrace,
		places: places{heldAtMost: heldAtMost},
	}
	for _, l := range c.Known {
		l.Run = c.Run.ID
		r.layers.Add(l)
	}
	return r
}

// post hands the loop a function to call. It may be called from any goroutine.
func (r *Runner) post(f func()) { r.calls.post(f) }

// Run carries the run to its end. Cancelling ctx interrupts it gently: tasks are asked to
// end and the run is marked. The error is not nil only if the run could not be recorded.
func (r *Runner) Run(ctx context.Context) (Result, error) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer narrow()()
	r.ctx = work
	r.starts, r.cancelStarts = context.WithCancel(work)
	r.started = r.Now()
	r.ooms.begin(r.started)
	r.Pool.SetContext(r.context())
	r.emit(&Event{Kind: RunStarted, Origin: r.Config.Run.Origin})
	for _, w := range r.Warnings {
		r.warn("%s", w)
	}
	if origin := r.Config.Run.Origin; origin != 0 {
		for _, t := range r.Carried {
			r.emit(&Event{Kind: TaskCloned, Step: t.Step, Task: t.ID, Origin: origin})
		}
		r.emit(&Event{Kind: RunCloned, Count: len(r.Carried), Origin: origin})
	}
	r.apply(engine.Started{})
	r.loop(ctx)
	r.cancelStarts() // whoever would have been killed has ended; hooks have all the time they need
	return r.end(ctx)
}

// loop calls what is posted until nothing runs any more.
func (r *Runner) loop(ctx context.Context) {
	sample := time.NewTicker(sampleEvery)
	defer sample.Stop()
	asked := make(chan struct{})
	go r.keepLease(asked)
	// It is not the loop that does this: it may be who waits for a fork server that takes nothing any more.
	defer context.AfterFunc(ctx, func() { r.killPoolLater(grace + stuckGrace) })()
	var progress <-chan time.Time
	if r.Progress {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		progress = t.C
	}
	interrupt, hard := ctx.Done(), r.Hard
	stop := func() {
		if interrupt != nil { // once, whoever asks
			interrupt = nil
			r.interrupt()
		}
	}
	var calls []func()
	for !r.over() {
		select {
		case <-r.calls.wake:
			calls = r.calls.take(calls)
			for _, f := range calls {
				f()
			}
		case <-interrupt:
			stop()
		case <-asked:
			asked = nil
			stop()
		case <-hard:
			hard = nil
			r.killNow()
			r.killPoolLater(hardGrace)
		case <-sample.C:
			r.ooms.forget(r.Now())
			r.sample()
		case <-progress:
			r.showProgress()
		}
	}
	if r.Progress {
		r.showProgress()
	}
}

// keepLease renews the run's lease, and closes asked when somebody has asked the run to end. It is not the loop that
// does so: that waits for a terminal that does not take its output, and the run must not be taken for dead meanwhile.
func (r *Runner) keepLease(asked chan<- struct{}) {
	beat, look := time.NewTicker(beatEvery), time.NewTicker(lookEvery)
	defer beat.Stop()
	defer look.Stop()
	id := r.Config.Run.ID
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-beat.C:
			r.beat()
		case <-look.C:
			if asked == nil {
				continue
			}
			// What cannot be read now is read a second later.
			if run, err := r.Store.Run(r.ctx, id); err == nil && !run.StopAsked.IsZero() {
				r.Watch.Hurry()
				r.killPoolLater(grace + stuckGrace)
				close(asked)
				asked = nil
			}
		}
	}
}

// beat renews the lease once.
func (r *Runner) beat() {
	switch err := r.Store.Beat(r.ctx, r.Config.Run.ID, r.Now()); {
	case err == nil || r.ctx.Err() != nil:
	case fault.Is(err, fault.NotFound):
		// The run was removed, or its whole store: nothing of what its tasks still do can be kept.
		r.post(func() { r.fail(err) })
	default:
		r.post(func() { r.warn("the run's heartbeat could not be written: %v", err) })
	}
}

// over reports whether the run has ended and nothing of it lives.
func (r *Runner) over() bool {
	return (r.finish != nil || r.fatal != nil) && len(r.active) == 0
}

// apply tells the engine what happened and does what it answers. Once the run is given up nothing
// can be recorded, so nothing more is begun.
func (r *Runner) apply(ev engine.Event) {
	if r.fatal == nil {
		r.do(r.Engine.Apply(ev))
	}
}

func (r *Runner) do(commands []engine.Command) {
	for _, c := range commands {
		switch c := c.(type) {
		case *engine.Launch:
			r.launch(*c)
		case engine.Kill:
			r.kill(c.Task)
		case engine.Oversized:
			r.warn("step %s asks for more than this machine has (%s); its tasks run one at a time", c.Step, lacking(c.Requested, r.Machine))
		case engine.Finish:
			r.finish = &c
		}
	}
	if r.many != nil && r.Engine.Ending() {
		r.many.kill()
	}
}

// workers is how many tasks may run at once.
func (r *Runner) workers() int { return max(r.Config.Run.Info.MaxWorkers, 1) }

// interrupt is Ctrl-C.
func (r *Runner) interrupt() {
	r.emit(&Event{Kind: Stopping, Count: len(r.active), Text: OnRequest})
	r.stopping = true
	r.apply(engine.Interrupted{})
	if r.storeAway() != "" {
		r.tellWaiting()
	}
	time.AfterFunc(recordGrace, func() { r.post(r.tellWaiting) })
}

// waiter is a store that may have to be waited for, such as one on a server.
type waiter interface {
	// Waits says for what writes wait that cannot be done now, and how long at most; ""
	// if nothing is known to be in their way.
	Waits() string
}

func (r *Runner) storeAway() string {
	if w, ok := r.Store.(waiter); ok {
		return w.Waits()
	}
	return ""
}

// tellWaiting says, once, why a run does not end whose end was asked for: what happened is still to be recorded.
func (r *Runner) tellWaiting() {
	if r.waiting || r.fatal != nil {
		return
	}
	r.waiting = true
	why := r.storeAway()
	if why != "" {
		why += ". "
	}
	r.warn("%sThe run ends as soon as the results of its tasks are recorded. A second Ctrl-C or SIGTERM ends it at once; a resume then runs again what is not recorded yet", why)
}

// recordEnd records how the run ended. If somebody asks for its end meanwhile, or has
// done so, and it takes long, it says so.
func (r *Runner) recordEnd(parent context.Context, end metastore.RunEnd) error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		done <- r.Store.EndRun(ctx, r.Config.Run.ID, end)
	}()
	asked := parent.Done()
	var late <-chan time.Time
	for {
		select {
		case err := <-done:
			return err
		case <-asked:
			asked, late = nil, time.After(time.Second)
		case <-late:
			r.tellWaiting()
		}
	}
}

// killNow kills all attempts without asking them first.
func (r *Runner) killNow() {
	for _, a := range r.active {
		a.killed = true
		a.signal(syscall.SIGKILL)
	}
	if r.many != nil && r.many.proc != nil {
		r.many.proc.Signal(syscall.SIGKILL)
	}
}

// kill kills one attempt.
func (r *Runner) kill(id engine.TaskID) {
	a := r.active[id]
	if a == nil || a.killed {
		return
	}
	// Without an end in sight it is a node of a gang, of which another failed: all are tried again.
	if r.Engine.Ending() && !r.stopping {
		r.stopping = true
		r.emit(&Event{Kind: Stopping, Count: len(r.active)})
	}
	a.killed = true
	a.terminate()
	if r.Engine.Ending() {
		a.later(grace+stuckGrace, r.killPool)
	}
}

// killPool kills all fork servers with what they run, the process of many tasks, and what is being started.
func (r *Runner) killPool() {
	r.cancelStarts()
	go r.Pool.Kill()
}

// killPoolLater does so after d, unless the run is over by then. It may be called from any goroutine.
func (r *Runner) killPoolLater(d time.Duration) {
	timer := time.AfterFunc(d, r.killPool)
	context.AfterFunc(r.starts, func() { timer.Stop() })
}

// fail gives the run up: what has happened cannot be recorded.
func (r *Runner) fail(err error) {
	if r.fatal != nil {
		return
	}
	r.fatal = err
	if r.many != nil {
		r.many.kill()
	}
	r.killNow()
	r.killPoolLater(stuckGrace)
}

// end seals the run and calls its exit hooks.
func (r *Runner) end(parent context.Context) (Result, error) {
	if r.many != nil {
		r.many.close()
	}
	res := Result{Status: metastore.RunFailed, FailedTask: -1}
	if f := r.finish; f != nil && r.fatal == nil {
		switch f.Outcome {
		case engine.Completed:
			res.Status = metastore.RunSucceeded
		case engine.Stopped:
			res.Status = metastore.RunInterrupted
			res.Problem = "interrupted"
		default:
			res.FailedStep, res.FailedTask, res.Problem = f.Step, int64(f.Task), f.Problem
		}
	}
	if r.fatal != nil {
		res.Problem = r.fatal.Error()
	}
	end := metastore.RunEnd{Status: res.Status, Ended: r.Now(), FailedTask: res.FailedTask, Problem: res.Problem}
	if why := r.problems[engine.TaskID(res.FailedTask)]; why != "" && end.Problem == "" {
		// Whoever watches has been told by the task; whoever reads of the run later wants
		// to know it without asking for the task.
		end.Problem = fmt.Sprintf("step %s, task %d: %s", res.FailedStep, res.FailedTask, why)
	}
	if hint := r.hints[engine.TaskID(res.FailedTask)]; hint != "" && res.Problem == "" {
		res.Problem = hint // why it failed, its task has told
	}
	err := r.recordEnd(parent, end)
	lost := fault.Is(err, fault.NotFound) // which is why, then, whatever failed before
	if r.fatal != nil && !lost {
		err = r.fatal
	} else if err != nil {
		// However its tasks ended: whoever reads of the run later does not find that.
		res = Result{Status: metastore.RunFailed, FailedTask: -1, Problem: err.Error(), Lost: lost}
		end.Status, end.FailedTask, end.Problem = res.Status, res.FailedTask, res.Problem
	}
	if r.many != nil {
		r.many.waitForPrints(parent, res.Status == metastore.RunInterrupted)
	}
	// Not what comes after that: prints to a slow terminal, hooks.
	took := end.Ended.Sub(r.started).Seconds()
	if err == nil && r.Spin == nil { // hooks tell of runs, not of a task that is tried alone
		r.exitHooks(parent, res.Status)
	}
	if untold := r.Trace.End(end, r.Hard); untold != "" {
		r.warn("%s", untold)
	}
	os.Remove(r.LogDir) // fails unless it was made for live cards alone
	r.places.tellAll()
	r.emit(&Event{Kind: RunFinished, Status: res.Status, Step: res.FailedStep, Task: max(res.FailedTask, 0),
		Text: res.Problem, Duration: took})
	return res, err
}

func (r *Runner) emit(e *Event) {
	if e.Time.IsZero() {
		e.Time = r.Now()
	}
	e.Flow, e.Run = r.Config.Run.Flow, r.Config.Run.ID
	r.Watch.Event(e)
}

func (r *Runner) warn(format string, args ...any) {
	r.emit(&Event{Kind: Warning, Text: fmt.Sprintf(format, args...)})
}

func (r *Runner) showProgress() {
	r.Watch.Progress(Progress{Run: r.Config.Run.ID, Elapsed: r.Now().Sub(r.started), Steps: r.Engine.Progress()})
}

// moreMemory says what to do when memory ran out.
func (r *Runner) moreMemory() string {
	have := ""
	if r.Machine.Memory > 0 {
		have = fmt.Sprintf(" than the %d MB it has", r.Machine.Memory)
	}
	return "give the machine or the container more memory" + have + ", or run fewer tasks at once with --max-workers or @resources(memory=...)"
}

// lacking says what of a request the machine does not have.
func lacking(want, have engine.Resources) string {
	s := ""
	add := func(what string, w, h float64) {
		if w > h {
			if s != "" {
				s += ", "
			}
			s += what + " " + strconv.FormatFloat(w, 'f', -1, 64) + " of " + strconv.FormatFloat(h, 'f', -1, 64)
		}
	}
	add("cpu", want.CPU, have.CPU)
	add("gpu", want.GPU, have.GPU)
	add("memory", float64(want.Memory), float64(have.Memory))
	if want.Memory > have.Memory {
		s += " MB"
	}
	return s
}
