package engine_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
)

// The simulation plays random flows with random failures, crashes and orders of
// events, and compares what ran with an oracle. A task is known by its key: the
// keys of the split tasks around it with the branch, its step and its iteration.
// What the user's code would decide follows from the key, so the oracle and
// every engine see the same decisions.

// decisions are what the user's code decides.
type decisions struct{ seed uint64 }

func (d decisions) number(key string, n int) int {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", d.seed, key)
	return int(h.Sum64() % uint64(n))
}

// transition is what the task says comes next.
func (d decisions) transition(n *graph.Node, key string, iteration int) graph.Transition {
	var tr graph.Transition
	switch n.Kind {
	case graph.Foreach, graph.Parallel:
		tr.Fan = 1 + d.number(key, 4)
	case graph.Switch:
		targets := n.Out
		if iteration >= 3 {
			targets = slices.DeleteFunc(slices.Clone(targets), func(m *graph.Node) bool { return m == n })
		}
		tr.Next = []string{targets[d.number(key, len(targets))].Name}
		return tr
	}
	for _, m := range n.Out {
		tr.Next = append(tr.Next, m.Name)
	}
	return tr
}

// ran is what is to be known of a task that ran.
type ran struct {
	step   string
	Base   string
	Inputs []string
	Stack  string
}

// oracle says which tasks a run has: a plain interpreter of the graph.
type oracle struct {
	decisions
	tasks map[string]ran
}

func interpret(g *graph.Graph, d decisions) map[string]ran {
	o := &oracle{decisions: d, tasks: make(map[string]ran)}
	o.branch(g.Start, "", "", "0")
	return o.tasks
}

// branch runs a step and what follows it, up to the join of the scope around, and returns the last task.
func (o *oracle) branch(n *graph.Node, path, stack, base string) (last string) {
	var inputs []string
	for iteration := 0; ; {
		key := fmt.Sprintf("%s/%s#%d", path, n.Name, iteration)
		o.tasks[key] = ran{step: n.Name, Base: base, Inputs: inputs, Stack: stack}
		tr := o.transition(n, key, iteration)
		base, inputs = key, nil
		switch n.Kind {
		case graph.End:
			return key
		case graph.Split, graph.Foreach, graph.Parallel:
			for i := range max(tr.Fan, len(tr.Next)) {
				head, inner := n.Out[0], fmt.Sprintf("%s(%s %d/%d)", stack, key, i, tr.Fan)
				if n.Kind == graph.Split {
					head, inner = n.Out[i], stack
				}
				inputs = append(inputs, o.branch(head, fmt.Sprintf("%s[%d]", key, i), inner, key))
			}
			n, base, iteration = n.Join, "0", 0
			continue
		case graph.Switch:
			if tr.Next[0] == n.Name {
				iteration++
				continue
			}
			i := slices.IndexFunc(n.Out, func(m *graph.Node) bool { return m.Name == tr.Next[0] })
			n, iteration = n.Out[i], 0
			continue
		}
		if n.Out[0].Kind == graph.Join {
			return key
		}
		n, iteration = n.Out[0], 0
	}
}

// record is a task whose success is durable.
type record struct {
	engine.Recovered
	key string
	ran ran
}

// attempt is an attempt of the simulated world.
type attempt struct {
	*engine.Launch
	key     string
	exited  bool
	outcome engine.Event // what will be recorded; nil once it is
	killed  bool
}

// world is the store and the processes around one engine after another.
type world struct {
	t interface {
		Helper()
		Fatalf(string, ...any)
	}
	r         *rand.Rand
	graph     *graph.Graph
	decisions decisions
	policy    engine.Policy
	failures  float64 // probability that an attempt fails

	records map[engine.TaskID]*record // what is durable in the current run
	largest engine.TaskID

	// of the current engine
	engine  *engine.Engine
	live    map[engine.TaskID]*attempt
	keys    map[engine.TaskID]string
	warned  map[string]bool
	halted  bool
	finish  *engine.Finish
	events  int
	carried int
	trace   []string
}

// begin makes an engine and tells it what is recorded, as resume does.
func (w *world) begin() {
	w.policy.FirstTask = w.largest + 1
	w.engine = engine.New(w.graph, w.policy)
	w.live = make(map[engine.TaskID]*attempt)
	w.keys = map[engine.TaskID]string{0: "0"}
	w.warned = make(map[string]bool)
	w.halted, w.finish, w.carried = false, nil, 0
	w.trace = append(w.trace, "--- new engine")
	kept := make(map[engine.TaskID]*record)
	for _, id := range slices.Sorted(maps.Keys(w.records)) {
		ev := w.records[id].Recovered
		w.trace = append(w.trace, fmt.Sprintf("%+v", ev))
		for _, c := range w.engine.Apply(ev) {
			carry, ok := c.(engine.Carry)
			if !ok {
				w.fatal("%s while recovering", describe(c))
			}
			kept[carry.Task] = w.records[carry.Task]
			w.keys[carry.Task] = w.records[carry.Task].key
			w.carried++
		}
	}
	// A resumed run has only what was carried; a recovered one keeps the rest.
	if w.policy.Rerun != "" || w.r.IntN(2) == 0 {
		w.records = kept
	}
	for id, rec := range w.records {
		if kept[id] == nil && !w.graph.Lookup(rec.Step).Gang() {
			w.fatal("task %d %s is recorded, but was not carried over", id, rec.key)
		}
	}
	w.apply(engine.Started{})
}

func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(w.trace, "\n"))
}

// step lets one thing happen.
func (w *world) step() {
	var can []engine.Event
	for _, id := range slices.Sorted(maps.Keys(w.live)) {
		a := w.live[id]
		if !a.exited {
			can = append(can, engine.PlaceFreed{Task: id, Attempt: a.Attempt})
		}
		if a.outcome != nil {
			can = append(can, a.outcome)
		}
	}
	if len(can) == 0 {
		w.fatal("nothing can happen, but the run has not finished")
	}
	w.happen(can[w.r.IntN(len(can))])
}

// happen makes an event true in the world and tells the engine.
func (w *world) happen(ev engine.Event) {
	var a *attempt
	switch ev := ev.(type) {
	case engine.PlaceFreed:
		a = w.live[ev.Task]
		a.exited = true
	case engine.Succeeded:
		a = w.live[ev.Task]
		a.outcome = nil
		w.store(a, ev.Transition)
	case engine.Failed:
		a = w.live[ev.Task]
		a.outcome = nil
	}
	if a != nil && a.exited && a.outcome == nil {
		delete(w.live, a.Task)
	}
	w.apply(ev)
}

// store records a success.
func (w *world) store(a *attempt, tr graph.Transition) {
	var inputs []string
	for _, id := range a.Inputs {
		inputs = append(inputs, w.keys[id])
	}
	var stack strings.Builder
	for _, f := range a.Stack {
		fan := f.Count
		fmt.Fprintf(&stack, "(%s %d/%d)", w.keys[f.Split], f.Index, fan)
	}
	w.records[a.Task] = &record{
		Recovered: engine.Recovered{Task: a.Task, Step: a.Step.Name, Scope: a.Scope, Index: a.Index, Iteration: a.Iteration, Transition: tr},
		key:       a.key,
		ran:       ran{step: a.Step.Name, Base: w.keys[a.Base], Inputs: inputs, Stack: stack.String()},
	}
}

// apply tells the engine of an event, carries out its commands and checks what always holds.
func (w *world) apply(ev engine.Event) {
	w.events++
	w.trace = append(w.trace, fmt.Sprintf("%T%+v", ev, ev))
	for _, c := range w.engine.Apply(ev) {
		w.trace = append(w.trace, "  "+describe(c))
		if w.finish != nil {
			w.fatal("a command after Finish: %s", describe(c))
		}
		switch c := c.(type) {
		case *engine.Launch:
			w.launch(c)
		case engine.Kill:
			a := w.live[c.Task]
			if a == nil || a.killed || a.exited || a.Attempt != c.Attempt {
				w.fatal("wrong %s", describe(c))
			}
			a.killed = true
			if a.outcome != nil && w.r.IntN(3) > 0 { // others are quicker than the signal
				a.outcome = engine.Failed{Task: a.Task, Attempt: a.Attempt}
			}
			if !a.Step.Gang() {
				w.halted = true
			}
		case engine.Oversized:
			if w.warned[c.Step] {
				w.fatal("second %s", describe(c))
			}
			w.warned[c.Step] = true
		case engine.Finish:
			w.finish = &c
			if len(w.live) > 0 {
				w.fatal("%s while tasks live", describe(c))
			}
		default:
			w.fatal("unexpected %s", describe(c))
		}
	}
	if err := w.engine.Err(); err != nil {
		w.fatal("%s", err)
	}
	w.check()
}

// launch starts an attempt and decides how it will end.
func (w *world) launch(l *engine.Launch) {
	if w.halted {
		w.fatal("launch after a final failure: %s", describe(l))
	}
	path := ""
	if l.Scope != engine.NoTask {
		path = fmt.Sprintf("%s[%d]", w.keys[l.Scope], l.Index)
	}
	a := &attempt{Launch: l, key: fmt.Sprintf("%s/%s#%d", path, l.Step.Name, l.Iteration)}
	if w.live[l.Task] != nil {
		w.fatal("task %d is under way already", l.Task)
	}
	if l.Attempt == 0 && l.Task <= w.largest || l.Attempt > 0 && w.keys[l.Task] != a.key {
		w.fatal("wrong id: %s", describe(l))
	}
	w.largest = max(w.largest, l.Task)
	for id, rec := range w.records {
		if rec.key == a.key && !l.Step.Gang() {
			w.fatal("%s is recorded as task %d, and launched again", a.key, id)
		}
	}
	w.live[l.Task], w.keys[l.Task] = a, a.key
	a.outcome = engine.Succeeded{Task: l.Task, Attempt: l.Attempt, Transition: w.decisions.transition(l.Step, a.key, l.Iteration)}
	if w.r.Float64() < w.failures {
		caught := l.Step.Catch && l.Attempt >= l.Retries
		if raised := w.r.IntN(2) == 0; !raised || !caught {
			a.outcome = engine.Failed{Task: l.Task, Attempt: l.Attempt, Raised: raised, NoRetry: w.r.IntN(20) == 0}
		}
	}
}

// check checks what holds after every event.
func (w *world) check() {
	var slots, units int
	var cpu float64
	var memory int64
	m := w.policy.Machine
	gpus := make([]float64, int(m.GPU)) // what is taken of each
	seen := make(map[engine.TaskID]bool)
	for _, a := range w.live {
		if a.exited {
			continue
		}
		slots++
		cpu += a.Step.Resources.CPU
		memory += a.Step.Resources.Memory
		for _, i := range a.GPUs {
			gpus[i] += min(a.Step.Resources.GPU, 1)
		}
		if want := min(math.Ceil(a.Step.Resources.GPU), m.GPU); float64(len(a.GPUs)) != want {
			w.fatal("%s was given the GPUs %v, and should have %v of them", a.key, a.GPUs, want)
		}
		if !a.Step.Gang() || !seen[a.Scope] {
			units++
			seen[a.Scope] = true
		}
	}
	large := func(a *attempt) bool {
		want := a.Step.Resources
		return m != (engine.Resources{}) && (want.CPU > m.CPU || want.Memory > m.Memory || want.GPU > m.GPU)
	}
	for _, a := range w.live {
		if !a.exited && units > 1 && large(a) {
			w.fatal("%s is too large for the machine, but does not run alone", a.key)
		}
	}
	over := slots > w.policy.MaxWorkers || m != (engine.Resources{}) &&
		(cpu > m.CPU+1e-5 || memory > m.Memory || slices.ContainsFunc(gpus, func(taken float64) bool { return taken > 1+1e-5 }))
	if over && units > 1 {
		w.fatal("%d places, %v cores, %d MB and %v of the GPUs are taken", slots, cpu, memory, gpus)
	}
	running, done := make(map[string]int), 0
	for _, a := range w.live {
		if a.outcome != nil {
			running[a.Step.Name]++
		}
	}
	for _, s := range w.engine.Progress() {
		if s.Running != running[s.Step] || s.Waiting < 0 || s.Done < s.Carried {
			w.fatal("progress is %+v, but %d run", s, running[s.Step])
		}
		done += s.Carried
	}
	if done != w.carried {
		w.fatal("progress tells of %d carried tasks, not %d", done, w.carried)
	}
}

// crash ends the engine where it is. What it had not heard of may be recorded nevertheless.
func (w *world) crash() {
	w.trace = append(w.trace, "--- crash")
	for _, a := range w.live {
		if ev, ok := a.outcome.(engine.Succeeded); ok && w.r.IntN(4) == 0 {
			w.store(a, ev.Transition)
		}
	}
}

// run plays until the flow is complete, through failures and crashes. It crashes
// after the given numbers of events.
func (w *world) run(crashes ...int) {
	want := interpret(w.graph, w.decisions)
	for range 100 {
		w.begin()
		for w.finish == nil && !slices.Contains(crashes, w.events) {
			if w.failures > 0 && w.r.IntN(200) == 0 {
				w.halted = true
				w.happen(engine.Interrupted{})
				continue
			}
			w.step()
		}
		if w.finish == nil {
			w.crash()
			continue
		}
		if w.finish.Problem != "" {
			w.fatal("problem: %s", w.finish.Problem)
		}
		if w.finish.Outcome == engine.Completed {
			w.compare(want)
			return
		}
		w.failures *= 0.7
		if w.failures < 0.02 {
			w.failures = 0
		}
	}
	w.fatal("the flow does not come to its end")
}

// compare checks that every task of the oracle, and no other, succeeded once.
func (w *world) compare(want map[string]ran) {
	got := make(map[string]ran)
	for id, rec := range w.records {
		if w.keys[id] != rec.key {
			continue // a node of a gang that was not carried over
		}
		if _, twice := got[rec.key]; twice {
			w.fatal("%s succeeded twice", rec.key)
		}
		got[rec.key] = rec.ran
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ran{})); diff != "" {
		w.fatal("what ran is not what should have (-want +got):\n%s", diff)
	}
	done := make(map[string]int)
	for _, rec := range got {
		done[rec.step]++
	}
	for _, s := range w.engine.Progress() {
		if s.Waiting != 0 || s.Running != 0 || s.Done != done[s.Step] {
			w.fatal("at the end, progress is %+v, and %d are done", s, done[s.Step])
		}
	}
}

// newWorld makes a world with a random flow.
func newWorld(t *testing.T, seed uint64, steps int) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	text := graphtest.Random(r, graphtest.Shape{
		Steps: 1 + r.IntN(steps), Depth: r.IntN(4), Gangs: r.IntN(2) == 0, Retries: true, Resources: r.IntN(2) == 0,
	})
	w := &world{
		t: t, r: r, graph: graphtest.MustCompile(text), decisions: decisions{seed},
		policy:  engine.Policy{MaxWorkers: 1 + r.IntN(5), MaxSplits: r.IntN(2) * 4},
		records: make(map[engine.TaskID]*record),
		trace:   []string{fmt.Sprintf("seed %d", seed), text},
	}
	if r.IntN(2) == 0 {
		w.policy.Machine = engine.Resources{CPU: float64(1 + r.IntN(4)), GPU: float64(r.IntN(4)), Memory: int64(50 + r.IntN(100))}
	}
	return w
}

func TestSimulation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rapid.Uint64().Draw(rt, "seed"), 25)
		w.t = rt
		w.failures = rapid.Float64Range(0, 0.5).Draw(rt, "failures")
		w.run(rapid.SliceOfN(rapid.IntRange(0, 60), 0, 4).Draw(rt, "crashes")...)
	})
}

// TestRerun resumes complete runs from a step in the middle.
func TestRerun(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rapid.Uint64().Draw(rt, "seed"), 20)
		w.t = rt
		w.run()
		from := w.graph.Nodes[w.r.IntN(len(w.graph.Nodes))]
		again := map[string]bool{from.Name: true}
		for _, n := range w.graph.Descendants(from.Name) {
			again[n.Name] = true
		}
		largest := w.largest
		w.policy.Rerun = from.Name
		w.run()
		for id, rec := range w.records {
			if again[rec.Step] != (id > largest) {
				w.fatal("task %d %s ran before or after, and should not have", id, rec.key)
			}
		}
	})
}

// TestCrashAtEveryPoint plays flows again and again, with the crash one event later each time.
func TestCrashAtEveryPoint(t *testing.T) {
	for seed := range uint64(60) {
		for point := 0; ; point++ {
			w := newWorld(t, seed, 12)
			w.failures = 0.2 * float64(seed%2)
			w.run(point)
			if point >= w.events {
				break
			}
		}
	}
}
