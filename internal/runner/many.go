package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/worker"
)

// many is the process that runs the tasks of steps with InProcess, many at once. For tasks that take microseconds,
// everything here is done for many together: they are told to the process in one frame, its answers come in one frame,
// and the loop hears once of all whose records have become durable.
//
// A task's place is given up as soon as it has been told to the process, which does not run more at once than the run
// may; so the engine launches on, until maxTold tasks are on their way. The loop owns what is not said to be shared.
type many struct {
	r      *Runner
	proc   *worker.Process // nil before the first task and after the process has died
	batch  []*attempt      // launched, not told
	told   int             // to the process, and not recorded
	narrow func()          // ends the width that tasks on their way have; nil while there are none
	due    bool            // a flush is posted
	killed bool            // the process has been asked to end what it runs
	prints sync.WaitGroup  // streams, of this process and those before, that have not ended

	write sync.Mutex // guards writes to the socket

	mu    sync.Mutex // guards what follows
	tasks map[int64]*conversation
}

const (
	maxTold     = 2048    // tasks that are on their way at once
	maxToldBody = 8 << 20 // bytes of elements in the frame that tells of tasks
)

// runsInside reports whether a task is for the process that runs many.
func (r *Runner) runsInside(l *engine.Launch) bool { return l.Step.InProcess && l.Step.Exec == nil }

// launchInside takes on a task.
func (r *Runner) launchInside(l engine.Launch) {
	if r.many == nil {
		r.many = &many{r: r, tasks: map[int64]*conversation{}}
	}
	a := r.newAttempt(l)
	a.shared = true
	r.many.batch = append(r.many.batch, a)
	r.many.soon()
}

// soon lets what has been launched be told when the loop has done what it is at.
func (m *many) soon() {
	if !m.due {
		m.due = true
		m.r.post(m.flush)
	}
}

// flush tells the process of the tasks that have been launched. Each gives up its
// place, which lets the engine launch more.
func (m *many) flush() {
	m.due = false
	if m.killed { // what has not been told need not be
		batch := m.batch
		m.batch = nil
		for _, a := range batch {
			a.killed, a.exit = true, worker.Exit{Code: -1, Signal: int(syscall.SIGTERM)}
			a.complete()
		}
		return
	}
	n := 0
	for ; n < len(m.batch) && m.told+n < maxTold; n++ {
		a := m.batch[n]
		a.freePlace()
	}
	now := m.batch[:n:n]
	m.batch = m.batch[n:]
	if len(now) == 0 {
		return
	}
	if err := m.open(); err != nil {
		for _, a := range now {
			a.exit = lostTo(err)
			a.complete()
		}
		return
	}
	m.onTheirWay(len(now))
	for len(now) > 0 {
		n := m.together(now)
		if err := m.tell(now[:n]); err != nil {
			for _, a := range now[:n] {
				m.lose(a, err)
			}
		}
		now = now[n:]
	}
}

// onTheirWay counts tasks as told, or as recorded. As long as there are some, all processors are the engine's: what it
// does for each, the loop and the store's writer together, takes longer than such a task.
func (m *many) onTheirWay(n int) {
	m.told += n
	switch {
	case m.told > 0 && m.narrow == nil:
		m.narrow = widen()
	case m.told == 0 && m.narrow != nil:
		m.narrow()
		m.narrow = nil
	}
}

// together is how many tasks, from the first on, one frame tells of: they are alike, and it holds their elements.
func (m *many) together(all []*attempt) int {
	var items *foreachItems
	if f, ok := all[0].launch.Element(); ok {
		items, _ = m.r.openItems(f.Split) // who reads them tells of an error
	}
	room := int64(maxToldBody)
	for n, a := range all {
		if n > 0 && !alike(&all[0].launch, &a.launch) {
			return n
		}
		f, ok := a.launch.Element()
		if items == nil || !ok {
			continue
		}
		if size := items.Size(f.Index); size <= protocol.InlineLimit {
			room -= size
		}
		if room < 0 {
			return n // what is inline of one task alone is never too much
		}
	}
	return len(all)
}

// alike reports whether two tasks differ in no more than their places in one foreach. Of those that fall back,
// each is told how its own last attempt died.
func alike(a, b *engine.Launch) bool {
	return a.Step == b.Step && a.Base == b.Base && a.Scope == b.Scope && a.Iteration == b.Iteration &&
		!a.Fallback && !b.Fallback && a.Inputs == nil && b.Inputs == nil
}

// open starts the process, unless it runs.
func (m *many) open() error {
	if m.proc != nil {
		return nil
	}
	heard := make(chan struct{}) // everything that the process said
	var proc *worker.Process
	proc, err := m.r.Pool.Many(worker.Watch{Exited: func(e worker.Exit) {
		go func() {
			<-heard
			proc.DrainOutput()
			m.r.post(func() { m.exited(proc, e) }) // what is left then was not done
		}()
	}})
	if err != nil {
		return err
	}
	m.proc = proc
	out, errs := m.r.Pool.Output()
	m.pass(out, proc.Stdout)
	m.pass(errs, proc.Stderr)
	go func() {
		m.listen(proc)
		close(heard)
	}()
	frame, err := protocol.AppendFrame(nil, protocol.ToWorker{Type: "context", Context: m.r.context(), Workers: m.r.workers()})
	if err == nil {
		err = m.send(proc, frame)
	}
	return err
}

// pass hands on what the process prints. The stream is closed here alone: a terminal may be slow to take what is left
// in it when the process has ended.
func (m *many) pass(w io.Writer, stream *os.File) {
	m.prints.Go(func() {
		worker.Pass(w, stream)
		stream.Close()
	})
}

// send writes a frame to a process: the one that runs, or, as long as it is listened to, the one before.
func (m *many) send(proc *worker.Process, frame []byte) error {
	m.write.Lock()
	defer m.write.Unlock()
	_, err := proc.Conn.Write(frame)
	return err
}

// tell gives tasks that are alike to the process.
func (m *many) tell(all []*attempt) error {
	first, err := m.r.firstFrame(all[0])
	if err != nil {
		return err
	}
	t := first.Header.(*protocol.Task)
	t.Environment = nil // the process has one environment for all its tasks
	f := protocol.Many{Type: "tasks", First: t, Base: int64(all[0].launch.Base)}
	var items *foreachItems
	if n := len(t.Stack); n > 0 && t.Item != nil {
		if items, err = m.r.openItems(all[0].launch.Stack[n-1].Split); err != nil {
			return err
		}
	}
	var body [][]byte
	m.mu.Lock()
	for _, a := range all {
		a.rec.PID = m.proc.PID()
		m.tasks[int64(a.launch.Task)] = &conversation{a: a, r: m.r, proc: m.proc}
	}
	m.mu.Unlock()
	for _, a := range all {
		f.Tasks = append(f.Tasks, int64(a.launch.Task))
		f.Attempts = append(f.Attempts, a.launch.Attempt)
		index := 0
		if n := len(a.launch.Stack); n > 0 {
			index = a.launch.Stack[n-1].Index
		}
		f.Indices = append(f.Indices, index)
		if items == nil {
			continue
		}
		if items.Size(index) > protocol.InlineLimit {
			f.Items = append(f.Items, -1)
			continue
		}
		item, err := items.Read(index)
		if err != nil {
			return err
		}
		f.Items, body = append(f.Items, len(item)), append(body, item)
	}
	for _, a := range all {
		a.news.told = true // of so many, none waits for others
		a.emit(&Event{Kind: TaskStarted, Fallback: a.launch.Fallback})
	}
	frame, err := protocol.AppendFrame(nil, f, body...)
	if err != nil {
		return err
	}
	return m.send(m.proc, frame)
}

// listen takes in what the process says until it ends. It runs in a goroutine of its own.
func (m *many) listen(proc *worker.Process) {
	in := bufio.NewReaderSize(proc.Conn, 256<<10)
	untold := make(chan struct{}, maxUntold) // what the tasks log waits for the loop, and then they wait for us
	for {
		var f protocol.FromMany
		body, err := protocol.ReadFrame(in, &f)
		if err != nil {
			if fault.Is(err, fault.Invalid) {
				proc.Signal(syscall.SIGKILL) // nothing it says can be trusted
			}
			return
		}
		if f.Type == "dones" {
			if err := m.dones(&f, body); err != nil {
				m.r.post(func() {
					if bad, ok := errors.AsType[*nonsense](err); ok {
						m.r.warn("what the process of in-process tasks says cannot be used (%v), so it was killed", bad)
					} else {
						m.r.fail(err)
					}
				})
				proc.Signal(syscall.SIGKILL)
				return
			}
			continue
		}
		id, _ := strconv.ParseInt(f.Task, 10, 64)
		m.mu.Lock()
		c := m.tasks[id]
		m.mu.Unlock()
		if c == nil {
			continue
		}
		switch f.Type {
		case "done":
			m.forget(id)
			res := c.done(&f.FromTask, body)
			c.close()
			m.r.post(func() { m.done(c.a, res) })
		case "log":
			select {
			case untold <- struct{}{}:
			case <-m.r.ctx.Done():
				return // nobody takes it any more
			}
			a, now, text := c.a, m.r.Now(), []byte(f.Text)
			m.r.post(func() {
				<-untold
				a.log.add(a, now, tasklog.Stderr, text)
			})
		default:
			frame, err := c.reply(&f.FromTask)
			if err != nil || m.send(proc, frame) != nil {
				return
			}
		}
	}
}

func (m *many) forget(id int64) {
	m.mu.Lock()
	delete(m.tasks, id)
	m.mu.Unlock()
}

// done records an attempt that had something of its own to say.
func (m *many) done(a *attempt, res *result) {
	m.onTheirWay(-1)
	a.result, a.gone = res, true
	if res != nil && !res.ok {
		a.exit.Code = 1
	}
	a.complete()
	m.soon()
}

// dones stores what attempts made that ended well and alike, and has them recorded. An
// error that is no [nonsense] is the store's.
func (m *many) dones(f *protocol.FromMany, body []byte) error {
	first, err := wholeDones(f)
	if err != nil {
		return err
	}
	all, err := m.claim(f.Tasks)
	if err != nil {
		return err
	}
	ended := &endedTogether{m: m, began: f.Began, ended: f.Ended}
	if err := ended.keep(all, first, f, body); err != nil {
		m.giveBack(all)
		return err
	}
	for _, c := range all {
		c.close()
	}
	m.r.post(ended.record)
	return nil
}

// wholeDones checks that a frame holds what it says, and returns what its tasks have in common.
func wholeDones(f *protocol.FromMany) (*protocol.Done, error) {
	var first protocol.Done
	if err := json.Unmarshal(f.First, &first); err != nil {
		return nil, &nonsense{err.Error()}
	}
	n, width := len(f.Tasks), len(first.Artifacts)
	if len(f.Sizes) != n*width || len(f.Began) != n || len(f.Ended) != n || len(f.Short) != 0 && len(f.Short) != n || first.Transition == nil {
		return nil, &nonsense{fmt.Sprintf("a frame of %d tasks does not hold what it says", n)}
	}
	return &first, nil
}

// claim takes over tasks that have ended.
func (m *many) claim(tasks []int64) ([]*conversation, error) {
	all := make([]*conversation, 0, len(tasks))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range tasks {
		c := m.tasks[id]
		if c == nil {
			m.put(all)
			return nil, &nonsense{fmt.Sprintf("task %d is not one of its own", id)}
		}
		delete(m.tasks, id)
		all = append(all, c)
	}
	return all, nil
}

// giveBack undoes a claim: these tasks are lost with their process.
func (m *many) giveBack(all []*conversation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(all)
}

// put adds conversations. The caller holds the lock.
func (m *many) put(all []*conversation) {
	for _, c := range all {
		m.tasks[int64(c.a.launch.Task)] = c
	}
}

// endedTogether are attempts that ended well, whose records are on their way to the disk.
type endedTogether struct {
	m            *many
	attempts     []*attempt
	results      []result
	transition   []byte  // JSON
	began, ended []int64 // microseconds since the epoch
	left         atomic.Int64
	failed       atomic.Pointer[error]
}

// keep stores the values of all, which lie in body, and makes their results.
func (e *endedTogether) keep(all []*conversation, first *protocol.Done, f *protocol.FromMany, body []byte) error {
	tr := graph.Transition{Next: first.Transition.Next, Fan: first.Transition.Fan}
	var err error
	if e.transition, err = json.Marshal(tr); err != nil {
		return err
	}
	e.left.Store(int64(len(all)))
	e.attempts, e.results = make([]*attempt, len(all)), make([]result, len(all))
	one := protocol.FromTask{Artifacts: first.Artifacts}
	sizes := f.Sizes
	for i, c := range all {
		length := 0
		for j := range one.Artifacts {
			size := sizes[j]
			if size < 0 || size > len(body)-length {
				return &nonsense{"artifact " + one.Artifacts[j].Name + " is longer than the frame"}
			}
			one.Artifacts[j].Length = size
			length += size
		}
		res := &e.results[i]
		res.ok, res.transition = true, tr
		if f.Short != nil {
			res.value = shortValue(f.Short[i])
		}
		if err := c.keep(res, &one, body[:length:length]); err != nil {
			return err
		}
		e.attempts[i], sizes, body = c.a, sizes[len(one.Artifacts):], body[length:]
	}
	return nothingLeft(body)
}

// record records the attempts. What they have logged is recorded with them; the loop owns it.
func (e *endedTogether) record() {
	r := e.m.r
	for i, a := range e.attempts {
		a.result = &e.results[i]
		a.rec.Status, a.rec.Transition, a.rec.Value = metastore.AttemptSucceeded, e.transition, a.result.value
		a.rec.Started, a.rec.Ended = time.UnixMicro(e.began[i]), time.UnixMicro(e.ended[i])
		rec := a.record()
		rec.Done = e.durable
		r.Store.Record(rec)
	}
	e.m.onTheirWay(-len(e.attempts))
	e.m.soon()
	if len(e.m.batch) == 0 {
		r.Store.Flush() // nothing else is on its way that they could wait for
	}
}

// durable counts a record. It is called by the store's writer.
func (e *endedTogether) durable(err error) {
	if err != nil {
		e.failed.Store(&err)
	}
	if e.left.Add(-1) == 0 {
		e.m.r.post(e.settled)
	}
}

// settled tells the engine that the attempts have ended.
func (e *endedTogether) settled() {
	var err error
	if failed := e.failed.Load(); failed != nil {
		err = *failed
	}
	for _, a := range e.attempts {
		a.settled(err)
	}
}

// exited gives up what a process had not done when it ended.
func (m *many) exited(proc *worker.Process, e worker.Exit) {
	proc.Conn.Close()
	if m.proc == proc {
		m.proc = nil
	}
	m.mu.Lock()
	lost := m.tasks
	m.tasks = map[int64]*conversation{}
	m.mu.Unlock()
	for _, c := range lost {
		c.close()
		if e.Lost == "" && e.Signal == 0 {
			e.Lost = fmt.Sprintf("the process that ran %s exited with code %d", itAnd(len(lost)-1), e.Code)
		}
		c.a.exit = e
		m.onTheirWay(-1)
		c.a.complete()
	}
	m.soon()
}

// itAnd names a task and n others.
func itAnd(n int) string {
	switch n {
	case 0:
		return "it"
	case 1:
		return "it and another task"
	}
	return fmt.Sprintf("it and %d others", n)
}

// lose gives up one attempt that could not be told.
func (m *many) lose(a *attempt, why error) {
	m.mu.Lock()
	_, there := m.tasks[int64(a.launch.Task)]
	delete(m.tasks, int64(a.launch.Task))
	m.mu.Unlock()
	if there || a.rec.Ended.IsZero() {
		a.exit = lostTo(why)
		m.onTheirWay(-1)
		a.complete()
	}
}

// kill kills all attempts that the process runs, or is to run: it is asked to end
// them, and gets SIGKILL if that takes long.
func (m *many) kill() {
	if m.killed {
		return
	}
	m.killed = true
	for _, a := range m.r.active {
		if a.shared {
			a.killed = true
		}
	}
	m.soon()
	proc := m.proc
	if proc == nil {
		return
	}
	time.AfterFunc(grace, func() { proc.Signal(syscall.SIGKILL) }) // first: who takes nothing keeps us until then
	if frame, err := protocol.AppendFrame(nil, protocol.Many{Type: "cancel"}); err == nil {
		m.send(proc, frame) // an error means that the process has ended by itself
	}
}

// close ends the process when the run is over.
func (m *many) close() {
	if proc := m.proc; proc != nil {
		m.proc = nil
		proc.Conn.Close() // it sees the end of the conversation
		time.AfterFunc(grace, func() { proc.Signal(syscall.SIGKILL) })
	}
}

// waitForPrints waits until what the process has printed is handed on. When the run was interrupted, or is while this
// waits, a terminal that takes nothing holds up nobody for long.
func (m *many) waitForPrints(parent context.Context, interrupted bool) {
	passed := make(chan struct{})
	go func() {
		m.prints.Wait()
		close(passed)
	}()
	asked := parent.Done()
	var late <-chan time.Time
	if interrupted {
		late = time.After(printGrace)
	}
	for {
		select {
		case <-passed:
			return
		case <-asked:
			asked, late = nil, time.After(printGrace)
		case <-late:
			return
		case <-m.r.Hard:
			return
		}
	}
}

// printGrace is how long a run that was interrupted waits for a terminal to take what was printed.
const printGrace = 3 * time.Second
