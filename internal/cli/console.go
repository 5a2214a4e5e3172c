package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
)

const (
	// manyClones is the number of cloned tasks from which on they are one line.
	manyClones = 100
	// manyTasks is the size from which on a fan-out is live progress on a terminal, not lines.
	manyTasks = 20
	// reportEvery is how often a run tells how far it is where there is no live progress.
	reportEvery = 300 * time.Second
)

// display shows a run while it goes on.
type display interface {
	runner.Observer
	// resuming tells that a resume has begun.
	resuming(at time.Time)
	// interrupted tells that somebody pressed Ctrl-C.
	interrupted(at time.Time)
	// close shows what is still to be shown. It returns false if nobody reads it, and it is given up.
	close() bool
}

// watcher is the display of a run that remembers how long the run took, for the summary.
type watcher struct {
	display
	seconds float64
}

// Event passes an event on.
func (w *watcher) Event(e *runner.Event) {
	if e.Kind == runner.RunFinished {
		w.seconds = e.Duration
	}
	w.display.Event(e)
}

// console prints a run as lines of text: time, task, text.
type console struct {
	out      *outlet // its lock guards the rest
	stamp    stamper
	style    style
	graph    *graph.Graph
	verbose  bool
	alone    bool           // one task is spun: it is the task that is told of, not the run
	live     *live          // nil where there is no terminal to draw on
	cloned   []runner.Event // the first, until it is known how many there are
	clones   int
	now      func() time.Time
	report   time.Duration // of the run, when the last overview was printed
	stopping bool          // the run is being ended
	pressed  bool          // by Ctrl-C
}

// style holds the escape sequences of a console's colours; empty ones on anything but a terminal.
type style struct{ faint, bold, good, bad, plain string }

func colours(on bool) style {
	if !on {
		return style{}
	}
	return style{faint: "\x1b[2m", bold: "\x1b[1m", good: "\x1b[32;1m", bad: "\x1b[31;1m", plain: "\x1b[0m"}
}

// Event prints the lines of an event. It is called from the runner's goroutine.
func (c *console) Event(e *runner.Event) {
	c.out.mu.Lock()
	c.event(e)
	c.out.appended()
	c.out.mu.Unlock()
}

// event appends the lines of an event to what waits.
func (c *console) event(e *runner.Event) {
	if c.live != nil {
		for _, done := range c.live.event(e) {
			c.summary(e, done)
		}
	}
	switch e.Kind {
	case runner.RunStarted:
		if c.alone {
			return
		}
		c.line(e.Time, c.style.bold, "Workflow starting (run-id ", strconv.FormatInt(e.Run, 10), "):")
		if e.Origin != 0 {
			c.line(e.Time, "", "Cloning ", e.Flow, "/", strconv.FormatInt(e.Origin, 10))
		}
	case runner.TaskCloned:
		c.clone(e)
	case runner.RunCloned:
		c.flushClones(e)
		c.line(e.Time, "", e.Flow, "/", strconv.FormatInt(e.Origin, 10), " cloned!")
	case runner.Warning:
		c.line(e.Time, c.style.bold, "Warning: ", e.Text)
	case runner.HookLine:
		c.out.buf = c.text(c.out.buf, "", []string{printable(e.Text)})
	case runner.LogLine:
		c.task(e, "", printable(e.Text))
	case runner.RunFinished:
		c.finished(e)
	case runner.Stopping:
		c.stop(e)
	default:
		c.lifecycle(e)
	}
}

// lifecycle prints what happens to a task.
func (c *console) lifecycle(e *runner.Event) {
	quiet := c.live != nil && c.live.covers(e.Step)
	switch e.Kind {
	case runner.TaskStarted:
		switch {
		case e.Fallback:
			c.task(e, c.style.bold, "Task fallback is starting to handle the failure.")
		case e.Attempt > 0:
			c.task(e, c.style.bold, "Task is starting (retry).")
		case !quiet:
			c.task(e, "", "Task is starting.")
		}
	case runner.Foreach:
		if quiet {
			return
		}
		c.task(e, "", "Foreach yields ", strconv.Itoa(e.Count), " child steps.")
	case runner.TaskFinished:
		if !quiet {
			c.task(e, "", "Task finished successfully.")
		}
	case runner.TaskFailed:
		c.taskFailed(e)
	case runner.TaskKilled:
		if !quiet {
			c.task(e, "", "[KILLED BY ORCHESTRATOR]")
		}
	}
}

func (c *console) taskFailed(e *runner.Event) {
	switch {
	case strings.Contains(e.Text, "segmentation fault"):
		c.task(e, c.style.bad, "Task failed with a segmentation fault.")
	case e.Text != "":
		c.task(e, c.style.bad, "Task failed: ", strings.TrimSuffix(e.Text, "."), ".")
	default:
		c.task(e, c.style.bad, "Task failed.")
	}
	if e.Refused && !c.alone {
		c.task(e, c.style.bad, "This failed task will not be retried.")
	}
}

// stop prints that the active tasks are being ended.
func (c *console) stop(e *runner.Event) {
	if c.stopping || c.alone {
		return
	}
	c.stopping = true
	switch {
	case c.pressed: // it has been said
	case e.Kind == runner.Stopping && e.Text == runner.OnRequest:
		c.line(e.Time, c.style.bold, "Workflow interrupted: the run was cancelled. The active tasks are asked to end.")
	default:
		c.line(e.Time, c.style.bad, "Workflow failed.")
	}
	c.line(e.Time, "", "Terminating ", strconv.Itoa(e.Count), " active tasks...")
}

func (c *console) finished(e *runner.Event) {
	switch {
	case c.alone && e.Status == metastore.RunSucceeded:
		c.line(e.Time, c.style.good, "Task finished successfully.")
	case c.alone && e.Status == metastore.RunFailed:
		c.line(e.Time, c.style.bad, "Task failed.")
	case e.Status == metastore.RunSucceeded:
		c.line(e.Time, c.style.good, "Done!")
	case e.Status != metastore.RunInterrupted:
		c.stop(e)
	}
	if c.live != nil {
		c.live.end()
	}
}

// clone keeps a cloned task until it is known how many there are.
func (c *console) clone(e *runner.Event) {
	c.clones++
	switch {
	case c.verbose:
		c.cloneLine(e)
	case c.clones <= manyClones:
		c.cloned = append(c.cloned, *e)
	default:
		c.cloned = nil
	}
}

func (c *console) flushClones(e *runner.Event) {
	for i := range c.cloned {
		c.cloneLine(&c.cloned[i])
	}
	c.cloned = nil
	count := max(c.clones, e.Count)
	if !c.verbose && count > manyClones {
		c.line(e.Time, "", "Cloning ", strconv.Itoa(count), " previously run tasks (--verbose lists them).")
	}
}

func (c *console) cloneLine(e *runner.Event) {
	c.task(e, "", "Cloning previously run task ", strconv.FormatInt(e.Origin, 10), "/", e.Step, "/", strconv.FormatInt(e.Task, 10))
}

// Progress passes a snapshot to the live block. Without one, it is told in a few lines now and then.
func (c *console) Progress(p runner.Progress) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.live != nil {
		c.live.progress(p)
		c.out.appended()
		return
	}
	if p.Elapsed-c.report >= reportEvery {
		c.report = p.Elapsed
		c.overview(p)
		c.out.appended()
	}
}

// Hurry lets the run go on without its reader.
func (c *console) Hurry() { c.out.hurry() }

// overview prints what runs, what waits and what has not begun.
func (c *console) overview(p runner.Progress) {
	var running, waiting int
	var busy, idle []string
	for _, s := range p.Steps {
		running += s.Running
		waiting += s.Waiting
		switch {
		case s.Running > 0:
			busy = append(busy, fmt.Sprintf("%s (%d running; %d done)", s.Step, s.Running, s.Done))
		case s.Waiting+s.Done+s.Failed+s.Stopped == 0:
			idle = append(idle, s.Step)
		}
	}
	at := c.now()
	c.line(at, c.style.bold, countOf(running, "task is", "tasks are"), " running", listOf(busy), ".")
	c.line(at, c.style.bold, countOf(waiting, "task is", "tasks are"), " waiting in the queue.")
	if len(idle) > 0 {
		c.line(at, c.style.bold, countOf(len(idle), "step has", "steps have"), " not started", listOf(idle), ".")
	}
}

func countOf(n int, one, many string) string {
	switch n {
	case 0:
		return "No " + many
	case 1:
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func listOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ")
}

func (c *console) resuming(at time.Time) {
	c.out.mu.Lock()
	c.line(at, "", "Gathering required information to resume run (this may take a bit of time)...")
	c.out.appended()
	c.out.mu.Unlock()
}

func (c *console) interrupted(at time.Time) {
	c.out.mu.Lock()
	c.pressed = true
	c.line(at, c.style.bold, "Workflow interrupted. The active tasks are asked to end; press Ctrl-C again to stop at once.")
	c.out.flush()
	c.out.mu.Unlock()
}

func (c *console) close() bool {
	c.out.mu.Lock()
	if c.live != nil {
		c.live.end()
	}
	c.out.mu.Unlock()
	return c.out.close()
}

// summary appends the line that a fan-out leaves of its live progress.
func (c *console) summary(e *runner.Event, t tally) {
	c.line(e.Time, "", "[", strconv.FormatInt(e.Run, 10), "/", t.step, "] ", t.String())
}

// line appends a line about the run.
func (c *console) line(at time.Time, style string, parts ...string) {
	b := c.time(c.out.buf, at)
	c.out.buf = c.text(b, style, parts)
}

// task appends a line about or of a task: "time [run/step/task (pid N)] text".
func (c *console) task(e *runner.Event, style string, parts ...string) {
	b := c.time(c.out.buf, e.Time)
	b = append(b, c.style.faint...)
	b = append(b, '[')
	b = strconv.AppendInt(b, e.Run, 10)
	b = append(b, '/')
	b = append(b, e.Step...)
	b = append(b, '/')
	b = strconv.AppendInt(b, e.Task, 10)
	if e.PID != 0 {
		b = append(b, " (pid "...)
		b = strconv.AppendInt(b, int64(e.PID), 10)
		b = append(b, ')')
	}
	b = append(b, ']')
	b = append(b, c.style.plain...)
	b = append(b, ' ')
	c.out.buf = c.text(b, style, parts)
}

func (c *console) time(b []byte, at time.Time) []byte {
	b = append(b, c.style.faint...)
	b = c.stamp.append(b, at)
	b = append(b, c.style.plain...)
	return append(b, ' ')
}

func (c *console) text(b []byte, style string, parts []string) []byte {
	b = append(b, style...)
	for _, p := range parts {
		b = append(b, p...)
	}
	if style != "" {
		b = append(b, c.style.plain...)
	}
	return append(b, '\n')
}

// printable is a line of a task as it may be printed: behind what says whose it is. A carriage return would overwrite
// that, on a terminal and in a notebook. So of a progress bar its last state is left. The log has all of it.
func printable(text string) string {
	text = strings.TrimRight(text, "\r")
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		text = text[i+1:]
	}
	return text
}

// stamper formats times as "2006-01-02 15:04:05.000". Within a second only the
// milliseconds are formatted.
type stamper struct {
	zone   *time.Location
	second int64
	prefix []byte
}

func (s *stamper) append(b []byte, at time.Time) []byte {
	if second := at.Unix(); second != s.second || len(s.prefix) == 0 {
		s.second = second
		s.prefix = at.In(s.zone).AppendFormat(s.prefix[:0], "2006-01-02 15:04:05.")
	}
	ms := at.Nanosecond() / int(time.Millisecond)
	b = append(b, s.prefix...)
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}

// watch chooses the display of a run and connects it to the run and to Ctrl-C.
func (s *session) watch(o *service.RunOptions) *watcher {
	var d display
	if s.global.json {
		lines := newJSONLines(s.env.Stdout)
		lines.out.failed = s.unprinted
		d = lines
	} else {
		c := s.newConsole()
		c.out.failed = s.unprinted
		d = c
	}
	w := &watcher{display: d}
	o.Progress = !s.global.json
	o.Watch = w
	o.Hard = s.interrupt.hard
	s.interrupt.tell(func() {
		w.interrupted(s.env.Now())
		w.Hurry()
	})
	s.watched.Store(w)
	return w
}

// newConsole returns the console for the session's terminal or file.
func (s *session) newConsole() *console {
	env := s.env
	c := &console{
		out:   newOutlet(env.Stdout),
		stamp: stamper{zone: env.Now().Location()}, now: env.Now,
		style: colours(env.colour(env.Terminal.Stdout)),
		graph: s.flow.Graph(), verbose: s.global.verbose,
	}
	if env.drawable() && !c.verbose {
		c.live = newLive(c.graph, c.style)
		screen := &screen{size: env.Terminal.Size}
		c.out.draw = func(lines []byte) []byte { return c.drawn(screen, lines) }
	}
	return c
}

// drawn returns what to write to a terminal: the lines, and the live block anew under them.
func (c *console) drawn(screen *screen, lines []byte) []byte {
	columns, rows := screen.measure()
	block := c.live.lines(columns-1, max(1, rows-1))
	c.out.every = flushEvery
	if len(block) > 0 {
		c.out.every = redrawEvery
	}
	return screen.draw(lines, block)
}
