package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/preview"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/tracing"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/internal/worker"
)

// attempt is one attempt of a task while it lives. The loop owns it; the
// conversation goroutine reads launch and proc, which do not change.
type attempt struct {
	r      *Runner
	launch engine.Launch
	proc   *worker.Process
	rec    metastore.Attempt
	task   metastore.Task

	live     part // what has not ended
	gone     bool // the process has closed its socket or exited, or never came to be
	free     bool // the engine knows that its place is free
	exit     worker.Exit
	result   *result // of the conversation, nil without a done frame
	cards    keptCards
	killed   bool // the engine asked for its end
	late     bool // it outlived its timeout
	starved  bool // the kernel killed it because memory ran out
	waited   bool // a signal ended it, and whether the engine gets one too was waited for
	log      attemptLog
	series   *usage.Series
	cgroup   *usage.Cgroup // nil if it has none
	timers   []*time.Timer
	deadline *time.Timer // when the engine ends a step that has outlived its timeout; nil while it is not to
	news     news
	shared   bool           // it has no process of its own: see many
	talk     func()         // what holds the conversation; nil is converse
	span     tracing.SpanID // zero if the run is not traced
}

// part is something of an attempt that has an end of its own. When all have ended, the attempt is complete.
type part uint8

const (
	partStdout part = 1 << iota
	partStderr
	partTalk // the conversation
	partProcess

	allParts = partStdout | partStderr | partTalk | partProcess
)

// newAttempt makes the records of an attempt that is to be started.
func (r *Runner) newAttempt(l engine.Launch) *attempt {
	a := &attempt{r: r, launch: l, live: allParts, span: r.Trace.NewSpan(), news: news{begun: r.places.givenUp}}
	r.active[l.Task] = a
	now := r.Now()
	a.task = metastore.Task{
		Run: r.Config.Run.ID, ID: int64(l.Task), Step: l.Step.Name, Scope: int64(l.Scope), Index: l.Index,
		Iteration: l.Iteration, Base: int64(l.Base), Inputs: ids(l.Inputs), Created: now,
	}
	a.rec = metastore.Attempt{
		Run: r.Config.Run.ID, Task: int64(l.Task), N: l.Attempt, Status: metastore.AttemptRunning, Started: now, GPUs: a.gpus(),
	}
	a.log.init(r, &a.rec)
	return a
}

// launch starts an attempt.
func (r *Runner) launch(l engine.Launch) {
	if r.runsInside(&l) {
		r.launchInside(l)
		return
	}
	if l.Step.Exec != nil {
		r.launchProgram(l)
		return
	}
	a := r.newAttempt(l)
	a.showElement()
	first, err := r.firstFrame(a)
	if err != nil {
		r.stillborn(a, err)
		return
	}
	set := worker.Setting{Python: r.Pythons[l.Step.Name], Vars: l.Step.Environment}
	start := func() (*worker.Process, error) {
		return r.Pool.Start(r.starts, first, set, worker.Watch{
			Started: func(pid int) { r.post(func() { a.started(pid) }) },
			Exited:  func(e worker.Exit) { r.post(func() { a.exited(e) }) },
		})
	}
	if set.Plain() && !r.Pool.Spawns() {
		proc, err := start()
		a.attach(proc, err)
		return
	}
	// The first task of an environment of its own waits for an interpreter, and a program takes a moment to start;
	// the others need not.
	go func() {
		proc, err := start()
		r.post(func() { a.attach(proc, err) })
	}()
}

// showElement puts the short form of the element that the attempt works on into its record, if that is a matter of
// moments. The process tells more exactly how its language shows the element, but only if it lives to its end.
func (a *attempt) showElement() {
	f, ok := a.launch.Element()
	if !ok || a.launch.Inputs != nil {
		return
	}
	items, err := a.r.openItems(f.Split)
	if err != nil || items.Size(f.Index) > maxShown {
		return
	}
	if data, err := items.Read(f.Index); err == nil {
		a.rec.Value = preview.Element(items.codec, data)
	}
}

// maxShown is how many bytes an element has at most of which the engine makes a short form.
const maxShown = 4 << 10

// attach begins to read what a process says, once there is one.
func (a *attempt) attach(proc *worker.Process, err error) {
	if err != nil {
		a.r.stillborn(a, err)
		return
	}
	a.proc = proc
	go a.read(proc.Stdout, tasklog.Stdout, partStdout)
	go a.read(proc.Stderr, tasklog.Stderr, partStderr)
	if a.talk == nil {
		a.talk = a.converse
	}
	go a.talk()
	if a.gone { // its end was heard of first
		proc.Drain()
	}
	if a.killed {
		proc.Signal(syscall.SIGKILL)
	}
}

// timeoutState is what the process says of its step's timeout. It ends the step itself; the engine kills it where
// that cannot be, or takes for ever. What comes before the step, such as its imports, and what comes after it,
// such as storing what it made, has no limit.
func (a *attempt) timeoutState(state string) {
	limit := a.launch.Step.Timeout
	var left time.Duration
	switch {
	case limit <= 0:
		return
	case state == protocol.TimeoutBegun:
		left = limit + a.r.timeoutGrace
	case state == protocol.TimeoutHeard:
		left = cleanupTime
	case state != protocol.TimeoutOver:
		return // whatever that means, it is no reason to wait for ever
	}
	if a.deadline != nil {
		a.deadline.Stop()
		a.deadline = nil
	}
	if left > 0 {
		a.deadline = a.later(left, a.killLate)
	}
}

// killLate ends an attempt that has outlived its timeout.
func (a *attempt) killLate() {
	a.late = true
	a.signal(syscall.SIGKILL)
}

// stillborn records an attempt whose process could not be started as failed.
func (r *Runner) stillborn(a *attempt, err error) {
	a.live = 0
	a.exit, a.gone = lostTo(err), true
	r.post(a.complete)
}

// lostTo is the end of a process that never came to be.
func lostTo(err error) worker.Exit {
	return worker.Exit{Code: -1, Lost: err.Error(), Hint: fault.HintOf(err)}
}

// started is called when the process runs.
func (a *attempt) started(pid int) {
	a.rec.PID = pid
	rec := metastore.Record{Attempt: new(a.rec)}
	if a.launch.Attempt == 0 {
		rec.Task = new(a.task)
	}
	a.r.Store.Record(rec)
	a.emitStart()
}

// confine makes a cgroup for the attempt, where there may be one, and returns the file through
// which its process enters it. Without it, the memory is measured in another way.
func (a *attempt) confine() string {
	if a.r.Cgroups == nil || a.shared {
		return ""
	}
	g, err := a.r.Cgroups.Create(fmt.Sprintf("levada.%d.%d.%d", a.rec.Run, a.rec.Task, a.rec.N))
	if err != nil {
		return ""
	}
	a.cgroup = g
	return filepath.Join(g.Dir(), "cgroup.procs")
}

// exited is called when the end of the process is told of.
func (a *attempt) exited(e worker.Exit) {
	a.exit, a.gone = e, true
	a.giveUpPlace()
	a.over()
	if a.proc != nil { // else attach does it
		a.proc.Drain()
	}
	a.ended(partProcess)
}

// giveUpPlace tells the engine that the attempt's place is free: at once when the process of one that went well has
// closed its socket or is gone, for what is ready then depends on nothing that this one did. The place of one that
// failed is kept until its record is durable, because its failure may mean that nothing more is to be started.
func (a *attempt) giveUpPlace() {
	if a.gone && !a.free && a.result != nil && a.result.ok {
		a.over()
		a.freePlace()
	}
}

func (a *attempt) freePlace() {
	a.free = true
	if !a.shared {
		a.r.places.giveUp(a)
	}
	a.r.apply(engine.PlaceFreed{Task: a.launch.Task, Attempt: a.launch.Attempt})
}

// over notes when the attempt has ended: when its place is free, for what takes it begins then, or else with its process.
func (a *attempt) over() {
	if a.rec.Ended.IsZero() {
		a.rec.Ended = a.r.Now()
	}
}

// ended notes that a part has ended.
func (a *attempt) ended(p part) {
	if a.live == 0 {
		return // it is complete already
	}
	if a.live &^= p; a.live == 0 {
		a.complete()
	}
}

// complete records an attempt of which nothing lives any more.
func (a *attempt) complete() {
	r := a.r
	a.over()
	for _, t := range a.timers { // it has not outlived its timeout, even if that is over before it is recorded
		t.Stop()
	}
	if a.endedBySignal() && !a.killed && !a.waited {
		a.waited = true
		a.later(echo, a.complete)
		return
	}
	if a.proc != nil {
		a.proc.Close()
	}
	if a.result != nil && a.result.note != "" {
		a.log.add(a, r.Now(), tasklog.Stderr, []byte(a.result.note+"\n"))
	}
	if a.rec.PID == 0 {
		a.tell() // there will be no news that its process runs
	}
	if res := a.result; res != nil && res.err != nil {
		// The process did its part, its values could not be stored.
		delete(r.active, a.launch.Task)
		r.fail(res.err)
		return
	}
	a.judge()
	a.tellLoss()
	rec := a.record()
	rec.Done = func(err error) { r.post(func() { a.settled(err) }) }
	rec.Soon = r.Engine.Idle()
	r.Store.Record(rec)
}

// record makes the record of an attempt of which is known how it ended.
func (a *attempt) record() metastore.Record {
	r := a.r
	rec := metastore.Record{Attempt: new(a.rec), Log: a.log.close()}
	rec.Attempt.LogFile, rec.Attempt.LogLines, rec.Attempt.LogBytes = a.log.file, a.log.lines, a.log.bytes
	if (a.rec.PID == 0 || a.shared) && a.launch.Attempt == 0 {
		rec.Task = new(a.task) // it never started, so it is not recorded yet
	}
	if res := a.result; res != nil {
		rec.Artifacts, rec.Blobs, rec.Scope = res.artifacts, res.blobs, res.scope
		// What it has is nothing, not what it inherits.
		rec.Attempt.Complete = res.complete || r.Spin != nil && !r.Spin.Persist
	}
	if r.Spin != nil && !r.Spin.Persist {
		rec.Artifacts, rec.Blobs, rec.Scope = nil, nil, nil
	}
	rec.Cards, rec.Blobs = a.cards.records, append(rec.Blobs, a.cards.blobs...)
	if err := a.log.problem(); err != nil {
		r.warn("%v", err)
	}
	return rec
}

// judge fills in how the attempt ended.
func (a *attempt) judge() {
	r, rec, e := a.r, &a.rec, a.exit
	rec.ExitCode, rec.Signal, rec.UserCPU, rec.SystemCPU = e.Code, e.Signal, e.UserCPU, e.SystemCPU
	rec.PeakMemory, rec.MemorySource = e.MaxRSS, "maxrss"
	if a.series != nil {
		if peak := a.series.Peak(); peak > 0 {
			rec.PeakMemory, rec.MemorySource = peak, a.series.Source()
		}
		rec.Series = a.series.Encode()
	}
	a.starved = e.Signal == int(syscall.SIGKILL) && a.result == nil && !a.killed && !a.late && a.memoryRanOut()
	if a.starved {
		a.exit.Hint = r.moreMemory()
	}
	if a.cgroup != nil {
		if peak, err := a.cgroup.Peak(); err == nil && peak > 0 { // 0: the process did not enter it
			rec.PeakMemory, rec.MemorySource = peak, "cgroup"
		}
		a.cgroup.Remove()
	}
	rec.Status = metastore.AttemptFailed
	res := a.result
	if a.shared && (res == nil || !res.ok) {
		a.showElement() // of those that end well, the process has told; for each of many it would be too much
	}
	if res == nil {
		switch {
		case a.killed:
			rec.Status = metastore.AttemptKilled
		case a.late:
			rec.Exception = a.unsaid(typeTimeout)
		case e.Lost != "":
			rec.Exception = a.unsaid(typeLost)
		case a.starved:
			rec.Exception = a.unsaid(typeStarved)
		}
		return
	}
	rec.Exception = res.exception
	if res.value != "" {
		rec.Value = res.value
	}
	switch {
	case res.ok && res.caught:
		rec.Status = metastore.AttemptCaught
	case res.ok:
		rec.Status = metastore.AttemptSucceeded
	case a.killed:
		rec.Status = metastore.AttemptKilled
	}
	if res.ok {
		rec.Transition, _ = json.Marshal(res.transition)
	}
}

// memoryRanOut reports whether the kernel has killed the process because memory ran out. The task's own cgroup knows.
// Without one, the run's ooms have to do.
func (a *attempt) memoryRanOut() bool {
	if a.cgroup != nil {
		if n := a.cgroup.OOMKills(); n >= 0 {
			return n > 0
		}
	}
	return a.r.ooms.one()
}

// strangerEnded reports whether a signal of somebody else asked the process to end: it did so as if it was interrupted.
// To @catch it died, as of any other signal.
func (a *attempt) strangerEnded() bool {
	return !a.killed && a.result != nil && a.result.exception != nil && a.result.exception.Type == typeInterrupted
}

// endedBySignal reports whether the process ended because a signal asked it to.
func (a *attempt) endedBySignal() bool {
	switch syscall.Signal(a.exit.Signal) {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP:
		return true
	}
	return a.strangerEnded()
}

// echo is how long it is not decided that a task failed which a signal has ended. Who stops a service or a batch job
// signals all its processes, so this one may be about to get the signal too: then the run is interrupted.
const echo = 250 * time.Millisecond

// tellLoss writes why the attempt was lost to its log, if that would be empty otherwise: it is where one looks first.
func (a *attempt) tellLoss() {
	var why string
	switch {
	case a.log.lines > 0 || a.rec.Exception == nil:
		return
	case a.exit.Lost != "":
		why = a.rec.Exception.Traceback
	case a.result != nil && a.result.nonsense != "" || a.strangerEnded():
		why = a.why()
	}
	for line := range strings.Lines(why) {
		text := strings.TrimSuffix(line, "\n")
		a.log.keep(tasklog.Line{Time: a.rec.Ended, Stream: tasklog.Stderr, Text: []byte("[levada] " + text), Newline: true})
	}
}

// The types of exceptions that no process raised, or that mean something here.
const (
	typeTimeout     = "timeout"
	typeLost        = "Lost"
	typeStarved     = "OutOfMemory"
	typeInterrupted = "KeyboardInterrupt"
)

// unsaid is the exception of an attempt that could not raise one, and of which exit
// code and signal do not tell why it failed.
func (a *attempt) unsaid(kind string) *metastore.Exception {
	text := a.why()
	more := "\n"
	if a.exit.Hint != "" {
		more = "\n" + a.exit.Hint + "\n"
	}
	return &metastore.Exception{Type: kind, Message: text, Traceback: text + more}
}

// settled is called when the attempt's record is durable, or cannot be made so.
func (a *attempt) settled(err error) {
	r := a.r
	delete(r.active, a.launch.Task)
	if err != nil {
		r.fail(err)
		return
	}
	a.cards.settle(r.LogDir)
	a.trace()
	if r.fatal != nil {
		return
	}
	id, n := a.launch.Task, a.launch.Attempt
	if res := a.result; res != nil && res.ok {
		delete(r.problems, id)
		delete(r.hints, id)
		r.layers.Add(datastore.Layer{Run: r.Config.Run.ID, Task: int64(id), Base: a.task.Base, Complete: res.complete, Own: res.artifacts})
		if res.items != nil {
			r.keepItems(id, res.items)
		}
		if fan := res.transition.Fan; fan > 0 && a.launch.Step.Kind == graph.Foreach {
			a.emit(&Event{Kind: Foreach, Count: fan})
		}
		a.emit(&Event{Kind: TaskFinished, Caught: res.caught, Duration: a.seconds()})
		r.apply(engine.Succeeded{Task: id, Attempt: n, Transition: res.transition})
	} else {
		r.problems[id] = a.rec.Problem()
		if a.exit.Hint != "" {
			r.hints[id] = a.exit.Hint
		}
		failed := engine.Failed{Task: id, Attempt: n, Raised: a.result != nil && !a.strangerEnded()}
		failed.NoRetry = a.exit.Code == exitNoRetry || a.result != nil && a.result.noRetry
		a.emitFailure(failed)
		r.apply(failed)
		if !a.free {
			r.apply(engine.PlaceFreed{Task: id, Attempt: n})
		}
	}
	if a.launch.Joins != engine.NoTask {
		r.closeItems(a.launch.Joins)
	}
}

// trace adds the attempt to the run's trace.
func (a *attempt) trace() {
	if a.r.Trace == nil {
		return
	}
	why := ""
	if a.rec.Status == metastore.AttemptFailed {
		why = a.why()
	}
	a.r.Trace.Attempt(a.span, a.launch.Step.Name, &a.rec, why)
}

// exitNoRetry is the exit code with which a task asks not to be tried again.
const exitNoRetry = 202

// emitFailure tells of a failure before the engine hears of it.
func (a *attempt) emitFailure(f engine.Failed) {
	if a.rec.Status == metastore.AttemptKilled {
		a.emit(&Event{Kind: TaskKilled, Duration: a.seconds()})
		return
	}
	willing := f
	willing.NoRetry = false
	retrying := a.r.Engine.Again(f)
	a.emit(&Event{
		Kind: TaskFailed, Text: a.why(), Retrying: retrying, Refused: !retrying && a.r.Engine.Again(willing),
		Duration: a.seconds(), Exception: a.rec.Exception,
	})
}

// TriedAgain tells, from its record, whether an attempt that did not end well is followed by another while its run goes
// on. A process that asked for no other without saying so by its exit code is not known here: its run ends next.
func TriedAgain(step *graph.Node, a *metastore.Attempt) bool {
	raised := a.Exception != nil && !slices.Contains([]string{typeTimeout, typeLost, typeStarved, typeInterrupted}, a.Exception.Type)
	return engine.TriedAgain(step, engine.Failed{Attempt: a.N, Raised: raised, NoRetry: a.ExitCode == exitNoRetry})
}

// why says how the process ended if no exception tells.
func (a *attempt) why() string {
	switch {
	case a.result != nil && a.result.nonsense != "":
		return a.result.nonsense
	case a.strangerEnded():
		return "it was interrupted, by a signal from outside of the run or by its own code (KeyboardInterrupt)"
	case a.result != nil && a.result.exception != nil && a.result.exception.Type == typeInterrupted:
		return "it was interrupted (KeyboardInterrupt)" // of this one no traceback is printed
	case a.result != nil && a.result.exception != nil:
		return ""
	case a.late:
		return fmt.Sprintf("it did not end within its timeout of %s and was killed", a.launch.Step.Timeout)
	case a.exit.Lost != "":
		return a.exit.Lost
	case a.starved:
		return "memory ran out, and the kernel killed it (signal 9)"
	case a.exit.Signal == int(syscall.SIGSEGV):
		return "it was ended by a segmentation fault (signal 11)"
	case a.exit.Signal == int(syscall.SIGKILL):
		return "it was killed (signal 9), by somebody or because memory ran out"
	case a.exit.Signal != 0:
		return fmt.Sprintf("it was ended by signal %d (%s)", a.exit.Signal, syscall.Signal(a.exit.Signal))
	default:
		return fmt.Sprintf("its process exited with code %d before the step was done", a.exit.Code)
	}
}

func (a *attempt) seconds() float64 { return a.rec.Ended.Sub(a.rec.Started).Seconds() }

func (a *attempt) signal(sig syscall.Signal) {
	if a.proc != nil {
		a.proc.Signal(sig)
	}
}

// terminate asks the process to end, and ends it if it does not.
func (a *attempt) terminate() {
	a.signal(syscall.SIGTERM)
	a.later(grace, func() { a.signal(syscall.SIGKILL) })
}

// later calls f in the loop after d, unless the attempt is complete by then.
func (a *attempt) later(d time.Duration, f func()) *time.Timer {
	t := time.AfterFunc(d, func() {
		a.r.post(func() {
			if a.r.active[a.launch.Task] == a {
				f()
			}
		})
	})
	a.timers = append(a.timers, t)
	return t
}

// maxUntold is how many pieces of a stream, of at most maxLine bytes each, may wait for the loop. A task that prints
// faster than the terminal, or a paused pager, takes it has to wait. It is more than a pipe holds: when the loop hears
// of the process's end, all that was read before has been told, and what is left in the pipe is read without waiting.
const maxUntold = 32

// read takes over what a stream says, line by line, until it ends.
func (a *attempt) read(f *os.File, s tasklog.Stream, p part) {
	untold := make(chan struct{}, maxUntold)
	post := func(data []byte) {
		untold <- struct{}{}
		now := a.r.Now()
		a.r.post(func() {
			<-untold
			a.log.add(a, now, s, data)
		})
	}
	buf := make([]byte, 0, 4<<10)
	for {
		if len(buf) == cap(buf) {
			if cap(buf) < maxLine {
				grown := make([]byte, len(buf), 4*cap(buf))
				copy(grown, buf)
				buf = grown
			} else {
				post(buf) // a line longer than we hold is passed on in parts
				buf = make([]byte, 0, maxLine)
			}
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		if n > 0 {
			buf = buf[:len(buf)+n]
			if end := bytes.LastIndexByte(buf, '\n') + 1; end > 0 {
				rest := append(make([]byte, 0, max(4<<10, cap(buf)/2)), buf[end:]...)
				post(buf[:end])
				buf = rest
			}
		}
		if err != nil {
			break // the far end closed, or the deadline after the exit passed
		}
	}
	if len(buf) > 0 {
		post(buf)
	}
	a.r.post(func() { a.ended(p) })
}

func ids(tasks []engine.TaskID) []int64 {
	if tasks == nil {
		return nil
	}
	out := make([]int64, len(tasks))
	for i, t := range tasks {
		out[i] = int64(t)
	}
	return out
}
