package engine

import "github.com/levadahq/levada/internal/graph"

// unit is what is launched as one: a task or a gang.
type unit struct {
	task *task
	gang *gang
	seq  int // order of readiness while recovering
}

// node returns the step of the unit and the number of its attempts.
func (u unit) node() (n *graph.Node, count int) {
	if u.gang != nil {
		return u.gang.node, u.gang.scope.count
	}
	return u.task.node, 1
}

// queue holds what is ready, in the order that the package comment tells.
type queue struct {
	retries   fifo[unit]
	held      unit // next in turn; zero if nobody was found to have no room
	singles   fifo[unit]
	foreaches []fifo[*scope] // by depth; some of them may have no child left
}

// addForeach queues the children of a foreach.
func (q *queue) addForeach(s *scope) {
	depth := s.node.Depth
	for len(q.foreaches) <= depth {
		q.foreaches = append(q.foreaches, fifo[*scope]{})
	}
	q.foreaches[depth].push(s)
}

// first returns the unit that is next in turn.
func (q *queue) first() (unit, bool) {
	if q.retries.len() > 0 {
		return q.retries.first(), true
	}
	if q.held == (unit{}) {
		q.held = q.draw()
	}
	return q.held, q.held != unit{}
}

// pop removes the unit that first returned.
func (q *queue) pop() {
	if q.retries.len() > 0 {
		q.retries.pop()
		return
	}
	q.held = unit{}
}

// draw takes the next unit from those that are not retries. It is zero if there is none.
func (q *queue) draw() unit {
	if q.singles.len() > 0 {
		u := q.singles.first()
		q.singles.pop()
		return u
	}
	for depth := len(q.foreaches) - 1; depth >= 0; depth-- {
		for level := &q.foreaches[depth]; level.len() > 0; level.pop() {
			if s := level.first(); s.left > 0 {
				return unit{task: s.child()}
			}
		}
	}
	return unit{}
}

// child makes the next child of a foreach that has one left.
func (s *scope) child() *task {
	for s.taken.has(s.cursor) {
		s.cursor++
	}
	t := &task{node: s.node.Out[0], scope: s, index: s.cursor, base: s.split}
	s.cursor++
	s.left--
	return t
}

// usage is what the attempts whose processes live take.
type usage struct {
	slots  int
	cpu    float64
	memory float64
	alone  bool // nothing may be launched beside what lives
}

// launchReady launches what is ready as long as the next in turn fits.
func (e *Engine) launchReady() {
	for e.used.slots < e.policy.MaxWorkers {
		u, ok := e.queue.first()
		if !ok || !e.fits(u) {
			return
		}
		e.queue.pop()
		e.launch(u)
	}
}

// fits decides whether there is room for a unit. There always is when nothing lives.
func (e *Engine) fits(u unit) bool {
	if e.used.slots == 0 {
		return true
	}
	n, count := u.node()
	return !e.used.alone && e.used.slots+count <= e.policy.MaxWorkers && e.admits(n, count, e.used, e.gpus)
}

// admits reports whether the machine has what attempts of a step ask for, where some is used and some GPUs are free.
func (e *Engine) admits(n *graph.Node, count int, used usage, free gpus) bool {
	m := e.policy.Machine
	if m == (Resources{}) {
		return true
	}
	used = used.with(n, count)
	return used.cpu <= m.CPU+slack && used.memory <= float64(m.Memory)+slack && free.room(n.Resources.GPU, count)
}

// slack is how much more than the machine has is admitted, because sums of fractions are a little off.
const slack = 1e-6

// launch starts a unit, for which there is room.
func (e *Engine) launch(u unit) {
	n, count := u.node()
	oversized := !e.admits(n, count, usage{}, newGPUs(e.policy.Machine))
	if oversized && !e.warned[n.ID] {
		e.warned[n.ID] = true
		e.tell(Oversized{Step: n.Name, Requested: Resources{
			CPU: n.Resources.CPU * float64(count), GPU: needed(n.Resources.GPU, count), Memory: n.Resources.Memory * int64(count),
		}})
	}
	e.used = e.used.with(n, count)
	if oversized || count > e.policy.MaxWorkers {
		e.used.alone = true
	}
	if u.gang != nil {
		for _, t := range u.gang.members() {
			e.launchTask(t)
		}
		return
	}
	e.launchTask(u.task)
}

func (e *Engine) launchTask(t *task) {
	if t.id == 0 {
		t.id = e.next
		e.next++
	}
	t.state, _ = t.state.after(causeLaunched)
	t.gpus, _ = e.gpus.take(t.node.Resources.GPU)
	e.live[t.id] = t
	e.steps[t.node.ID].Waiting--
	e.steps[t.node.ID].Running++
	e.tell(t.launch())
}

// with returns the usage with some more attempts of a step.
func (u usage) with(n *graph.Node, count int) usage {
	u.slots += count
	u.cpu += n.Resources.CPU * float64(count)
	u.memory += float64(n.Resources.Memory) * float64(count)
	return u
}

// release gives back what one attempt of a step took.
func (u *usage) release(n *graph.Node) {
	if u.slots--; u.slots == 0 {
		*u = usage{} // and with it what sums of fractions are off
		return
	}
	u.cpu -= n.Resources.CPU
	u.memory -= float64(n.Resources.Memory)
}

// fifo is a queue that gives back its memory as it shrinks. The zero fifo is empty.
type fifo[T any] struct {
	items []T
	head  int // items before it were taken
}

func (f *fifo[T]) len() int { return len(f.items) - f.head }
func (f *fifo[T]) push(x T) { f.items = append(f.items, x) }
func (f *fifo[T]) first() T { return f.items[f.head] }
func (f *fifo[T]) pop() {
	var zero T
	f.items[f.head] = zero
	f.head++
	switch {
	case f.head == len(f.items) && cap(f.items) > 1024:
		*f = fifo[T]{}
	case f.head == len(f.items):
		f.items, f.head = f.items[:0], 0
	case f.head > 1024 && f.head > len(f.items)/2:
		f.items = append([]T(nil), f.items[f.head:]...)
		f.head = 0
	}
}
