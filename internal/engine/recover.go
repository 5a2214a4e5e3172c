package engine

import (
	"cmp"
	"math"
	"slices"

	"github.com/levadahq/levada/internal/graph"
)

// recovery is what the engine knows only until the run starts, to find out
// whether a recovered task fits.
type recovery struct {
	scopes   map[TaskID]*scope // open scopes
	waiting  map[place]unit    // what is ready, without children of foreaches
	rerun    []bool            // by Node.ID: recovered tasks are ignored
	unknown  string            // Rerun, if it is not a step
	complete bool              // the end step was recovered
	seq      int
}

// place is where in a run there is exactly one thing at a time.
type place struct {
	scope TaskID
	index int
}

// gangPlace is the index of a gang as a whole in the scope of its nodes.
const gangPlace = -1

func (t *task) place() place { return place{t.scope.id(), t.index} }

func newRecovery(g *graph.Graph, rerun string) *recovery {
	r := &recovery{
		scopes:  make(map[TaskID]*scope),
		waiting: make(map[place]unit),
		rerun:   make([]bool, len(g.Nodes)),
	}
	if rerun == "" {
		return r
	}
	n := g.Lookup(rerun)
	if n == nil {
		r.unknown = rerun
		return r
	}
	r.rerun[n.ID] = true
	for _, after := range g.Descendants(rerun) {
		r.rerun[after.ID] = true
	}
	return r
}

// wait notes what is ready at a place.
func (r *recovery) wait(p place, u unit) {
	r.seq++
	u.seq = r.seq
	r.waiting[p] = u
}

// recovered carries a task over if it fits.
func (e *Engine) recovered(ev Recovered) {
	if ev.Task < 1 || ev.Task == math.MaxInt64 {
		return
	}
	e.next = max(e.next, ev.Task+1)
	n := e.graph.Lookup(ev.Step)
	if n == nil || e.recovery.rerun[n.ID] || e.wrong(n, ev.Transition) != "" {
		return
	}
	if s := e.recovery.scopes[ev.Scope]; s != nil && s.node.Kind == graph.Parallel {
		e.recoverNode(s, n, ev)
		return
	}
	if t := e.recovery.claim(Place{Step: ev.Step, Scope: ev.Scope, Index: ev.Index, Iteration: ev.Iteration}); t != nil {
		t.id = ev.Task
		e.carry(n, t.id)
		e.follow(t, ev.Transition)
	}
}

// claim takes the task that waits at a place; nil if there is none.
func (r *recovery) claim(p Place) *task {
	t := r.find(p)
	if t == nil {
		return nil
	}
	at := place{p.Scope, p.Index}
	if _, waits := r.waiting[at]; waits {
		delete(r.waiting, at)
	} else { // a child that its foreach has not made yet
		t.scope.taken.add(p.Index)
		t.scope.left--
	}
	return t
}

// find returns the task that waits at a place; nil if there is none. Nodes of gangs are not found.
func (r *recovery) find(p Place) *task {
	if u, waits := r.waiting[place{p.Scope, p.Index}]; waits {
		if u.task == nil || u.task.node.Name != p.Step || u.task.iteration != p.Iteration {
			return nil
		}
		return u.task
	}
	s := r.scopes[p.Scope]
	if s == nil || s.node.Kind != graph.Foreach || s.node.Out[0].Name != p.Step || p.Iteration != 0 || p.Index < 0 || p.Index >= s.count || s.taken.has(p.Index) {
		return nil
	}
	return &task{node: s.node.Out[0], scope: s, index: p.Index, base: s.split}
}

// recoverNode notes a recovered node of a gang, and carries the gang over when all have come.
func (e *Engine) recoverNode(s *scope, n *graph.Node, ev Recovered) {
	g := e.recovery.waiting[place{s.split, gangPlace}].gang
	if g == nil || n != g.node || ev.Iteration != 0 || ev.Index < 0 || ev.Index >= s.count {
		return
	}
	if first := ev.Task - TaskID(ev.Index); first != g.first { // nodes of another launch do not count
		g.first, g.recovered, g.succeeded = first, nil, 0
	}
	if g.recovered.has(ev.Index) {
		return
	}
	g.recovered.add(ev.Index)
	if g.succeeded++; g.succeeded < s.count {
		return
	}
	delete(e.recovery.waiting, place{s.split, gangPlace})
	for index := range s.count {
		e.carry(n, g.first+TaskID(index))
		e.arrive(s, index, g.first+TaskID(index))
	}
}

// carry counts a recovered task and tells of it.
func (e *Engine) carry(n *graph.Node, id TaskID) {
	progress := &e.steps[n.ID]
	progress.Waiting--
	progress.Done++
	progress.Carried++
	e.tell(Carry{Task: id})
}

// started queues what waits after recovery, in the order in which it became ready.
func (e *Engine) started() {
	r := e.recovery
	e.recovery = nil
	if r.unknown != "" {
		e.fail(Finish{Outcome: FailedRun, Task: NoTask,
			Problem: "There is no step " + r.unknown + " to run again from. Name one of the flow's steps."})
		return
	}
	if e.policy.Only != nil {
		t := r.find(*e.policy.Only)
		e.queue = queue{}
		if t == nil {
			e.fail(Finish{Outcome: FailedRun, Task: NoTask, Step: e.policy.Only.Step,
				Problem: "What comes before step " + e.policy.Only.Step + " has not been run, or does not fit the flow as it is now."})
			return
		}
		e.queue.singles.push(unit{task: t})
		return
	}
	if r.complete {
		e.move(causeEndSucceeded)
		return
	}
	units := make([]unit, 0, len(r.waiting))
	for _, u := range r.waiting {
		units = append(units, u)
	}
	slices.SortFunc(units, func(a, b unit) int { return cmp.Compare(a.seq, b.seq) })
	for _, u := range units {
		if u.gang != nil {
			u.gang.recovered, u.gang.succeeded = nil, 0
		}
		e.queue.singles.push(u)
	}
}
