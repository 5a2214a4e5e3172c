// Package engine decides what happens next in a run. It is a pure state machine: [Engine.Apply] takes an event, what
// happened, and returns commands, what to do. It has no clock, no I/O, no goroutines and no context; package runner,
// around it, has those. The same events always give the same commands.
//
// # Scopes
//
// A step that splits opens a scope, identified by the task that opened it. The scope has a branch for each target of a
// static split, each element of a foreach, or each node of a gang. In a branch there is always exactly one thing: a
// task under way, a waiting task, or a scope opened by one of its tasks. When a branch reaches the join, the id of its
// last task is noted. When all branches have, the join becomes ready in the surrounding scope, and this scope is
// forgotten. Apart from that id, a finished task leaves nothing behind. A foreach is a cursor that creates a child when
// there is room for it, so a million children cost eight bytes each, and only once they have reached the join.
//
// # Order
//
// What is ready is launched in this order:
//
//  1. attempts that are repeated (retries and fallbacks), in order of readiness;
//  2. what was next in turn before but found no room;
//  3. single tasks and gangs, in order of readiness;
//  4. children of foreaches, in order of index: those of the deepest foreach first, and of two at the same depth those
//     of the older one.
//
// Single tasks come before new children, and inner children before outer ones, so that what was begun is finished
// before more is begun. So the number of branches that are begun but not joined is bounded by the number of workers
// (times the width of the static splits), not by the size of the foreach.
//
// # Admission
//
// An attempt holds a place, and what its step's @resources ask for, from its launch to [PlaceFreed]. Nothing is
// launched beyond Policy.MaxWorkers attempts or beyond Policy.Machine (a zero Machine is not checked). Whatever is next
// in turn but does not fit keeps its turn: until it fits, nothing but retries is launched. So nobody overtakes a big
// request, at the price of places that stay empty while it waits. A request larger than the machine is launched when
// nothing else runs, and nothing is launched beside it; [Oversized] reports that once per step. The same is true of a
// gang with more nodes than there are workers, the only case in which more than MaxWorkers attempts are alive.
//
// Cores and memory are counted. GPUs are given one by one (Launch.GPUs), because each has memory of its own: a request
// for part of one fits if one GPU has that part left, and a request for several if as many are free as a whole.
//
// # Attempts
//
// An attempt is over when two events have arrived, in either order: [PlaceFreed] (its place may be used again) and
// [Succeeded] or [Failed] (its record is durable). What follows a success becomes ready at Succeeded; a retry becomes
// ready when the attempt before it is over. A failure is final at Failed if no attempt is left: after NoRetry, after an
// exception in the last attempt of the user's code, or after the last fallback. There are fallbacks only with @catch,
// at most three within [MaxAttempts], if the last attempt of the user's code died without raising an exception. If it
// raised one, the SDK has caught it and the task succeeds.
//
// The nodes of a gang are launched together, fail together and are retried together, including those that had
// succeeded, with the same ids and the next attempt number. Their ids are noted in the scope when all of them have
// succeeded.
//
// After the first final failure, or Interrupted, every attempt that holds its place is sent [Kill] once and nothing
// more is launched; [Finish] follows when all attempts are over. An attempt that still succeeds meanwhile counts as
// succeeded.
//
// # Recovery
//
// Before [Started], the runner reports the tasks that an earlier engine recorded as [Recovered], in order of id. Since
// a task is launched after everything it depends on, its predecessors come before it. A task is carried over if it is
// what waits at its place (scope, branch, step and iteration) in the graph as it is now, and if its transition is legal
// now. All others are ignored, and their work is done again. A gang is carried over when all its nodes have been
// recovered, or not at all.
//
// With Policy.Only, one of the tasks that are then ready is run and nothing else, and the run is complete when that
// task has succeeded.
//
// # Misuse
//
// Apply never panics. An impossible event (a success of a task that is not running, a second Started) is a bug of the
// caller. It changes no task, [Engine.Err] returns the first one, and the run fails as after a final failure, with a
// Problem. After Finish, no event gives a command.
//
// The legal transitions of a run and of an attempt are the tables in states.go, drawn in STATES.md.
package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
)

// Engine is the state of one run. It must not be used by several goroutines at once.
type Engine struct {
	graph  *graph.Graph
	policy Policy
	state  runState
	err    error
	finish Finish // what to say at the end, once the run fails or is stopped
	next   TaskID // id of the next task launched

	live     map[TaskID]*task // tasks whose attempt is under way
	queue    queue            // what is ready
	used     usage            // what live processes take
	gpus     gpus             // what they leave of the GPUs
	steps    []StepProgress   // by Node.ID
	warned   []bool           // by Node.ID: Oversized was told
	recovery *recovery        // until Started
	commands []Command        // answer to the event being applied; reused
}

// task is a task that waits or is under way.
type task struct {
	id        TaskID // 0 until it is launched for the first time
	node      *graph.Node
	scope     *scope // nil at top level
	index     int
	base      TaskID
	inputs    []TaskID
	closes    *scope // of a join: the scope whose branches it joins; nil of other steps
	iteration int
	attempt   int
	state     attemptState
	killed    bool  // Kill was sent for this attempt
	gpus      []int // that this attempt was given; its own until its place is free
	gang      *gang // nil if it is not a node of one
}

// New returns the engine of a run that has not started.
func New(g *graph.Graph, p Policy) *Engine {
	p.MaxWorkers = max(p.MaxWorkers, 1)
	p.FirstTask = max(p.FirstTask, 1)
	e := &Engine{
		graph:  g,
		policy: p,
		next:   p.FirstTask,
		live:   make(map[TaskID]*task),
		gpus:   newGPUs(p.Machine),
		steps:  make([]StepProgress, len(g.Nodes)),
		warned: make([]bool, len(g.Nodes)),
	}
	for i, n := range g.Nodes {
		e.steps[i].Step = n.Name
	}
	e.recovery = newRecovery(g, p.Rerun)
	e.ready(&task{node: g.Start})
	return e
}

// Apply takes an event and returns the commands it gives. The slice is valid
// until the next Apply; a Launch in it, with its slices, belongs to the caller.
func (e *Engine) Apply(ev Event) []Command {
	clear(e.commands)
	e.commands = e.commands[:0]
	switch ev := ev.(type) {
	case Recovered:
		if e.move(causeRecovered) {
			e.recovered(ev)
		}
	case Started:
		if e.move(causeStarted) {
			e.started()
		}
	case PlaceFreed:
		if t := e.attempt(causePlaceFreed, ev.Task, ev.Attempt); t != nil {
			e.placeFreed(t)
		}
	case Succeeded:
		if t := e.attempt(causeSucceeded, ev.Task, ev.Attempt); t != nil {
			e.succeeded(t, ev.Transition)
		}
	case Failed:
		if t := e.attempt(causeFailed, ev.Task, ev.Attempt); t != nil {
			e.failed(t, ev)
		}
	case Interrupted:
		e.interrupted()
	default:
		e.illegal("an event of type %T is not known", ev)
	}
	e.proceed()
	return e.commands
}

// Waits reports whether a task is ready at a place. It is asked before Started.
func (e *Engine) Waits(p Place) bool { return e.recovery != nil && e.recovery.find(p) != nil }

// Err returns the first misuse of the engine, nil if there was none.
func (e *Engine) Err() error { return e.err }

// proceed launches what fits, and ends the run if nothing is under way.
func (e *Engine) proceed() {
	if e.state == running {
		e.launchReady()
	}
	if len(e.live) > 0 || e.state == recovering || e.state == ended {
		return
	}
	finish := e.finish
	if e.state == running {
		finish = Finish{Outcome: FailedRun, Task: NoTask, Problem: "Nothing is left to run, but the last step was not reached. This is a bug in levada; please report it."}
	}
	e.move(causeIdle)
	e.tell(finish)
}

// tell adds a command to the answer.
func (e *Engine) tell(c Command) { e.commands = append(e.commands, c) }

// move makes the run's move for a cause, and reports whether it is a legal one.
func (e *Engine) move(cause runCause) bool {
	to, legal := e.state.after(cause)
	if !legal {
		e.illegal("%s cannot come while the run is %s", cause, e.state)
		return false
	}
	e.state = to
	return true
}

// attempt finds the task that an event is about and makes the move of its
// attempt. It returns nil if there is no such attempt or no such move.
func (e *Engine) attempt(cause attemptCause, id TaskID, attempt int) *task {
	if !e.move(causeAttempt) {
		return nil
	}
	t := e.live[id]
	if t == nil || t.attempt != attempt {
		e.illegal("%s of task %d attempt %d, which is not under way", cause, id, attempt)
		return nil
	}
	to, legal := t.state.after(cause)
	if !legal {
		e.illegal("%s of task %d attempt %d, which is %s", cause, id, attempt, t.state)
		return nil
	}
	t.state = to
	return t
}

// placeFreed gives back the place of an attempt.
func (e *Engine) placeFreed(t *task) {
	e.used.release(t.node)
	e.gpus.giveBack(t.node.Resources.GPU, t.gpus)
	t.gpus = nil
	e.settle(t)
}

// succeeded notes a success and makes ready what follows it.
func (e *Engine) succeeded(t *task, tr graph.Transition) {
	e.steps[t.node.ID].Running--
	e.steps[t.node.ID].Done++
	if e.state == running {
		if problem := e.wrong(t.node, tr); problem != "" {
			e.fail(Finish{Outcome: FailedRun, Task: t.id, Step: t.node.Name, Problem: problem})
		} else if e.policy.Only != nil {
			e.reachedEnd()
		} else if t.gang != nil {
			e.nodeSucceeded(t.gang)
		} else {
			e.follow(t, tr)
		}
	}
	e.settle(t)
}

// Again reports whether another attempt will follow if the engine is told of a failure now.
func (e *Engine) Again(f Failed) bool {
	t := e.live[f.Task]
	return e.state == running && t != nil && t.attempt == f.Attempt && t.again(f)
}

// failed notes a failure, and decides whether it is final.
func (e *Engine) failed(t *task, ev Failed) {
	progress := &e.steps[t.node.ID]
	progress.Running--
	switch {
	case e.state != running:
		progress.Stopped++
	case !t.again(ev):
		progress.Failed++
		e.fail(Finish{Outcome: FailedRun, Task: t.id, Step: t.node.Name})
	default:
		progress.Waiting++
		if t.gang != nil {
			e.nodeFailed(t.gang)
		}
	}
	e.settle(t)
}

// again decides whether another attempt follows a failed one.
func (t *task) again(f Failed) bool {
	if t.gang != nil && t.gang.failed && !f.NoRetry {
		return true // decided by the node that failed first
	}
	return TriedAgain(t.node, f)
}

// maxFallbacks is how many fallbacks a task has at most.
const maxFallbacks = 3

// TriedAgain is the rule by which a run that goes on tries a task of a step again that failed. It is the only one:
// whoever wants to know whether another attempt follows asks here, or, in the run itself, [Engine.Again].
func TriedAgain(step *graph.Node, f Failed) bool {
	switch {
	case f.NoRetry:
		return false
	case f.Attempt < step.Retries:
		return true
	case f.Attempt == step.Retries && f.Raised:
		return false // the SDK would have caught it
	}
	fallbacks := f.Attempt - step.Retries // made so far
	return step.Catch && fallbacks < maxFallbacks && f.Attempt+1 < MaxAttempts
}

// settle forgets an attempt that is over, and makes the next one ready if it was lost.
func (e *Engine) settle(t *task) {
	if t.state != won && t.state != lost {
		return
	}
	delete(e.live, t.id)
	switch {
	case e.state != running:
	case t.gang != nil:
		e.nodeOver(t.gang)
	case t.state == lost:
		t.renew()
		e.queue.retries.push(unit{task: t})
	}
}

// renew prepares a task for its next attempt.
func (t *task) renew() {
	t.state, _ = t.state.after(causeTriedAgain)
	t.attempt++
	t.killed = false
}

// fail ends the run because of a failure: f is what to say when all is over.
func (e *Engine) fail(f Finish) {
	if !e.move(causeFailedForGood) {
		return
	}
	e.finish = f
	e.halt()
}

// interrupted stops the run because somebody asked for it.
func (e *Engine) interrupted() {
	before := e.state
	if !e.move(causeInterrupted) {
		return
	}
	if e.state == stopping && before != stopping {
		e.finish = Finish{Outcome: Stopped, Task: NoTask}
	}
	e.halt()
}

// halt forgets what is ready and kills what holds a place.
func (e *Engine) halt() {
	e.queue = queue{}
	e.recovery = nil
	for _, id := range slices.Sorted(maps.Keys(e.live)) {
		e.kill(e.live[id])
	}
}

// kill sends Kill for an attempt that holds its place, once.
func (e *Engine) kill(t *task) {
	if t.killed || !t.state.placed() {
		return
	}
	t.killed = true
	e.tell(Kill{Task: t.id, Attempt: t.attempt})
}

// illegal notes a misuse of the engine and lets the run fail.
func (e *Engine) illegal(format string, args ...any) {
	err := fault.New(fault.Internal, format, args...)
	if e.err == nil {
		e.err = err
	}
	if _, legal := e.state.after(causeFailedForGood); legal {
		e.fail(Finish{Outcome: FailedRun, Task: NoTask,
			Problem: fmt.Sprintf("The engine was told something that cannot be: %s. This is a bug in levada; please report it.", err.Message)})
	}
}
