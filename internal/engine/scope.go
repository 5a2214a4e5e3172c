package engine

import (
	"slices"

	"github.com/levadahq/levada/internal/graph"
)

// scope is what a split task opened, until its join is ready.
type scope struct {
	split  TaskID
	node   *graph.Node // step of the split task
	parent *scope      // scope that the split task is in; nil at top level
	index  int         // its branch there
	stack  []Frame     // its foreach stack; shared, never changed
	count  int         // branches

	inputs  []TaskID // last task of each branch that arrived, 0 of others; grown as they arrive
	arrived int

	cursor int    // of a foreach: the next child to make
	left   int    // of a foreach: children not yet made
	taken  bitset // of a foreach: children that were recovered
}

// open makes the scope of a split task.
func (e *Engine) open(t *task, count int) *scope {
	s := &scope{split: t.id, node: t.node, parent: t.scope, index: t.index, stack: t.stack(), count: count}
	if r := e.recovery; r != nil {
		r.scopes[s.split] = s
	}
	return s
}

// follow makes ready what comes after a task that ended well. The transition is a legal one.
func (e *Engine) follow(t *task, tr graph.Transition) {
	n := t.node
	switch n.Kind {
	case graph.End:
		e.reachedEnd()
	case graph.Split:
		s := e.open(t, len(n.Out))
		for i, head := range n.Out {
			e.ready(&task{node: head, scope: s, index: i, base: t.id})
		}
	case graph.Foreach:
		s := e.open(t, tr.Fan)
		s.left = s.count
		e.steps[n.Out[0].ID].Waiting += s.count
		e.queue.addForeach(s)
	case graph.Parallel:
		s := e.open(t, tr.Fan)
		e.steps[n.Out[0].ID].Waiting += s.count
		e.readyGang(&gang{node: n.Out[0], scope: s})
	case graph.Switch:
		target := e.graph.Lookup(tr.Next[0])
		if target == n {
			e.ready(&task{node: n, scope: t.scope, index: t.index, base: t.id, iteration: t.iteration + 1})
		} else {
			e.goOn(t, target)
		}
	default:
		e.goOn(t, n.Out[0])
	}
}

// goOn makes the step ready that a task leads to within its branch, or lets the branch arrive at its join.
func (e *Engine) goOn(t *task, to *graph.Node) {
	if to.Kind == graph.Join {
		e.arrive(t.scope, t.index, t.id)
		return
	}
	e.ready(&task{node: to, scope: t.scope, index: t.index, base: t.id})
}

// arrive notes that a branch got to the join, and makes the join ready when all have.
func (e *Engine) arrive(s *scope, index int, last TaskID) {
	if more := index + 1 - len(s.inputs); more > 0 {
		s.inputs = append(s.inputs, make([]TaskID, more)...)
	}
	s.inputs[index] = last
	s.arrived++
	if s.arrived < s.count {
		return
	}
	if r := e.recovery; r != nil {
		delete(r.scopes, s.split)
	}
	e.ready(&task{node: s.node.Join, scope: s.parent, index: s.index, inputs: s.inputs, closes: s})
}

// ready queues a task whose predecessors have all succeeded.
func (e *Engine) ready(t *task) {
	e.steps[t.node.ID].Waiting++
	if r := e.recovery; r != nil {
		r.wait(t.place(), unit{task: t})
		return
	}
	e.queue.singles.push(unit{task: t})
}

// reachedEnd notes that the end step succeeded.
func (e *Engine) reachedEnd() {
	if e.recovery != nil {
		e.recovery.complete = true
	}
	e.finish = Finish{Outcome: Completed, Task: NoTask}
	e.move(causeEndSucceeded)
}

// stack is the foreach stack of a task: that of the task which opened its scope,
// with a frame for the scope unless it is a static split.
func (t *task) stack() []Frame {
	s := t.scope
	if s == nil {
		return nil
	}
	if s.node.Kind == graph.Split {
		return s.stack
	}
	stack := make([]Frame, len(s.stack)+1)
	copy(stack, s.stack)
	stack[len(s.stack)] = Frame{
		Split: s.split, Step: s.node.Name, Var: s.node.Next.Foreach,
		Count: s.count, Index: t.index, Gang: s.node.Kind == graph.Parallel,
	}
	return slices.Clip(stack)
}

// id is the name of a scope, NoTask of none.
func (s *scope) id() TaskID {
	if s == nil {
		return NoTask
	}
	return s.split
}

// launch is the command that starts the task's attempt.
func (t *task) launch() *Launch {
	return &Launch{
		Task: t.id, Step: t.node, Attempt: t.attempt, Retries: t.node.Retries, Fallback: t.attempt > t.node.Retries,
		Scope: t.scope.id(), Index: t.index, Stack: t.stack(), Base: t.base, Inputs: t.inputs, Joins: t.closes.id(), Iteration: t.iteration,
		GPUs: slices.Clone(t.gpus),
	}
}

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

func (b *bitset) add(i int) {
	if more := i/64 + 1 - len(*b); more > 0 {
		*b = append(*b, make([]uint64, more)...)
	}
	(*b)[i/64] |= 1 << (i % 64)
}
