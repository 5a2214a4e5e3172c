package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/runner"
)

// live is the progress of a run's large fan-outs, as it is shown on a terminal:
// events and snapshots in, lines out. It draws nothing and reads no clock.
type live struct {
	graph *graph.Graph
	style style
	steps []liveStep // of the graph, in its order
	ended bool
}

// liveStep is what is known of one step.
type liveStep struct {
	node    *graph.Node
	covered bool // its tasks are told by progress instead of by lines
	fan     int  // children of its foreaches so far, if it opens them
	now     engine.StepProgress
	tally   tally
	history []sample // as far back as the rate is taken over, oldest first
}

// sample is how many tasks were done at a time of the run.
type sample struct {
	at   time.Duration
	done int
}

// tally counts what became of a step's tasks, from the events.
type tally struct {
	step                      string
	total                     int
	finished, failed, stopped int
	first, last               time.Time
}

// The rate of a step is that of the last rateWindow, or of the longer time in which rateTasks
// tasks were done: of slow tasks, a short time tells nothing.
const (
	rateWindow = 10 * time.Second
	rateTasks  = 30
	rateEvery  = 500 * time.Millisecond // between samples, or the 50th part of the time they span
)

func newLive(g *graph.Graph, style style) *live {
	l := &live{graph: g, style: style, steps: make([]liveStep, len(g.Nodes))}
	for i, n := range g.Nodes {
		l.steps[i].node = n
		l.steps[i].tally.step = n.Name
	}
	return l
}

// covers reports whether the tasks of a step are told by progress.
func (l *live) covers(step string) bool {
	s := l.step(step)
	return s != nil && s.covered
}

func (l *live) step(name string) *liveStep {
	if n := l.graph.Lookup(name); n != nil {
		return &l.steps[n.ID]
	}
	return nil
}

// event takes in an event and returns the tallies of the steps that are over with it.
func (l *live) event(e *runner.Event) (over []tally) {
	if e.Kind == runner.RunFinished {
		l.ended = true
		return l.over(nil)
	}
	s := l.step(e.Step)
	if s == nil {
		return nil
	}
	switch e.Kind {
	case runner.Foreach:
		s.fan += e.Count
		if s.fan >= manyTasks {
			l.cover(s.node)
		}
	case runner.TaskStarted:
		if s.tally.first.IsZero() {
			s.tally.first = e.Time
		}
		if s.node.Split != nil && !s.covered {
			over = l.over(s.node.Split)
		}
	case runner.TaskFinished:
		s.tally.finished++
		s.tally.last = e.Time
	case runner.TaskFailed:
		if !e.Retrying {
			s.tally.failed++
		}
		s.tally.last = e.Time
	case runner.TaskKilled:
		s.tally.stopped++
		s.tally.last = e.Time
	}
	return over
}

// cover has the tasks of all steps in the scope that a step opens told by progress.
func (l *live) cover(opener *graph.Node) {
	for i := range l.steps {
		if within(l.steps[i].node, opener) {
			l.steps[i].covered = true
		}
	}
}

// within reports whether a step is in the scope that another opens, at any depth.
func within(n, opener *graph.Node) bool {
	for scope := n.Scope; scope != nil; scope = scope.Scope {
		if scope == opener {
			return true
		}
	}
	return false
}

// over returns the tallies of the covered steps in a scope, or everywhere, and forgets
// them: a scope that opens again, in a loop, begins anew.
func (l *live) over(opener *graph.Node) []tally {
	var all []tally
	for i := range l.steps {
		s := &l.steps[i]
		if !s.covered || opener != nil && !within(s.node, opener) {
			continue
		}
		if t := s.tally; t.finished+t.failed+t.stopped > 0 {
			t.total = max(s.total(), t.finished+t.failed+t.stopped)
			all = append(all, t)
		}
		s.covered, s.tally, s.history = false, tally{step: s.node.Name}, nil
	}
	if opener != nil {
		l.steps[opener.ID].fan = 0
	}
	return all
}

// progress takes in a snapshot.
func (l *live) progress(p runner.Progress) {
	for _, now := range p.Steps {
		s := l.step(now.Step)
		if s == nil {
			continue
		}
		s.now = now
		// A resumed run has fan-outs that no event told of.
		if scope := s.node.Scope; !s.covered && scope != nil && !s.tally.first.IsZero() &&
			(scope.Kind == graph.Foreach || scope.Kind == graph.Parallel) && s.open() >= manyTasks {
			l.cover(scope)
		}
		s.remember(p.Elapsed)
	}
}

// open is the number of a step's tasks that are not over.
func (s *liveStep) open() int { return s.now.Waiting + s.now.Running }

// total is the number of tasks that a step has, as far as is known.
func (s *liveStep) total() int {
	return s.open() + s.now.Done + s.now.Failed + s.now.Stopped
}

// remember adds a sample to the history and drops what is too old for the rate.
func (s *liveStep) remember(at time.Duration) {
	h, now := s.history, sample{at, s.now.Done - s.now.Carried}
	if !s.covered || s.total() == 0 {
		return
	}
	if n := len(h); n > 0 && at-h[n-1].at < max(rateEvery, (at-h[0].at)/50) {
		return
	}
	for len(h) > 1 && at-h[1].at >= rateWindow && now.done-h[1].done >= rateTasks {
		h = h[1:]
	}
	s.history = append(h, now)
}

// rate is how many tasks a second were done lately, 0 if that is not known yet.
func (s *liveStep) rate() float64 {
	if len(s.history) < 2 {
		return 0
	}
	first, last := s.history[0], s.history[len(s.history)-1]
	seconds := (last.at - first.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(last.done-first.done) / seconds
}

// end takes the block away.
func (l *live) end() { l.ended = true }

// lines returns the block: a line for each covered step that has tasks, none wider
// than width, at most rows.
func (l *live) lines(width, rows int) []string {
	if l.ended || width < 1 {
		return nil
	}
	var shown []*liveStep
	name := 0
	for i := range l.steps {
		s := &l.steps[i]
		if s.covered && s.total() > 0 {
			shown = append(shown, s)
			name = max(name, textWidth(s.node.Name))
		}
	}
	// The last steps are where the work is.
	shown = shown[max(0, len(shown)-rows):]
	name = min(name, max(8, width/4))
	lines := make([]string, len(shown))
	for i, s := range shown {
		lines[i] = s.line(name, width)
	}
	return lines
}

// line is a step's line. What does not fit is left out, the bar first.
func (s *liveStep) line(name, width int) string {
	total, done := s.total(), s.now.Done
	parts := []string{
		pad(cut(s.node.Name, name), name),
		fmt.Sprintf("%*d/%d done", len(strconv.Itoa(total)), done, total),
		strconv.Itoa(s.now.Running) + " running",
	}
	if s.now.Failed > 0 {
		parts = append(parts, strconv.Itoa(s.now.Failed)+" failed")
	}
	if s.now.Waiting > 0 {
		parts = append(parts, strconv.Itoa(s.now.Waiting)+" waiting")
	}
	if rate := s.rate(); rate > 0 {
		parts = append(parts, rateText(rate))
		if left := s.open(); left > 0 {
			parts = append(parts, durationText(time.Duration(float64(left)/rate*float64(time.Second)))+" left")
		}
	}
	const gap = "  "
	text := strings.Join(parts, gap)
	if room := width - textWidth(text) - len(gap); room >= 10 {
		parts[0] += gap + bar(done, total, min(room, 30))
		text = strings.Join(parts, gap)
	}
	return cut(text, width)
}

// bar draws done of total in width columns.
func bar(done, total, width int) string {
	full := 0
	if total > 0 {
		full = min(done*width/total, width)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func rateText(perSecond float64) string {
	switch {
	case perSecond >= 10:
		return strconv.FormatFloat(perSecond, 'f', 0, 64) + "/s"
	case perSecond >= 1:
		return strconv.FormatFloat(perSecond, 'f', 1, 64) + "/s"
	case perSecond*60 >= 1:
		return strconv.FormatFloat(perSecond*60, 'f', 1, 64) + "/min"
	}
	return strconv.FormatFloat(perSecond*3600, 'f', 1, 64) + "/h"
}

// durationText is a duration for people: "0.04s", "1.5s", "12s", "3m 20s", "2h 05m", "3d 4h".
func durationText(d time.Duration) string {
	seconds := d.Seconds()
	whole := int64(math.Round(seconds))
	switch {
	case seconds < 0:
		return "0s"
	case seconds < 0.995:
		return strconv.FormatFloat(seconds, 'f', 2, 64) + "s"
	case seconds < 9.95:
		return strconv.FormatFloat(seconds, 'f', 1, 64) + "s"
	case whole < 60:
		return strconv.FormatInt(whole, 10) + "s"
	case whole < 3600:
		return fmt.Sprintf("%dm %02ds", whole/60, whole%60)
	case whole < 86400:
		return fmt.Sprintf("%dh %02dm", whole/3600, whole/60%60)
	}
	return fmt.Sprintf("%dd %dh", whole/86400, whole/3600%24)
}

// String is the line that a fan-out leaves.
func (t tally) String() string {
	took := durationText(t.last.Sub(t.first))
	if t.failed+t.stopped == 0 && t.finished >= t.total {
		return fmt.Sprintf("%d tasks finished successfully in %s.", t.finished, took)
	}
	text := fmt.Sprintf("%d of %d tasks finished successfully", t.finished, t.total)
	if t.failed > 0 {
		text += fmt.Sprintf(", %d failed", t.failed)
	}
	if t.stopped > 0 {
		text += fmt.Sprintf(", %d stopped", t.stopped)
	}
	return text + " in " + took + "."
}
