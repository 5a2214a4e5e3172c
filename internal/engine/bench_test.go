package engine_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
)

// instant is a world in which every attempt succeeds at once.
type instant struct {
	engine *engine.Engine
	events []engine.Event // to be applied; used as a stack
	tasks  int
	fan    func(l *engine.Launch) int
	each   func()
}

// run plays a flow to its end and returns how many tasks it had.
func (w *instant) run(tb testing.TB) int {
	w.events = append(w.events[:0], engine.Started{})
	for len(w.events) > 0 {
		last := len(w.events) - 1
		ev := w.events[last]
		w.events = w.events[:last]
		for _, c := range w.engine.Apply(ev) {
			switch c := c.(type) {
			case *engine.Launch:
				w.tasks++
				if w.each != nil {
					w.each()
				}
				w.events = append(w.events,
					engine.PlaceFreed{Task: c.Task, Attempt: c.Attempt},
					engine.Succeeded{Task: c.Task, Attempt: c.Attempt, Transition: w.transition(c)})
			case engine.Finish:
				if c.Outcome != engine.Completed {
					tb.Fatal(describe(c))
				}
			default:
				tb.Fatal(describe(c))
			}
		}
	}
	return w.tasks
}

var linear = map[*graph.Node][]string{}

func (w *instant) transition(l *engine.Launch) graph.Transition {
	next, ok := linear[l.Step]
	if !ok {
		for _, m := range l.Step.Out {
			next = append(next, m.Name)
		}
		linear[l.Step] = next
	}
	tr := graph.Transition{Next: next}
	if l.Step.Kind == graph.Foreach {
		tr.Fan = w.fan(l)
	}
	return tr
}

// BenchmarkTransitions measures transitions: one is a task that is launched,
// exits and succeeds.
func BenchmarkTransitions(b *testing.B) {
	for _, bench := range []struct{ name, flow string }{
		{"foreach", "start -> a foreach x\na -> j\nj(inputs) -> end\nend"},
		{"chain in foreach", "start -> a foreach x\na -> b\nb -> c\nc -> j\nj(inputs) -> end\nend"},
		{"split in foreach", "start -> s foreach x\ns -> a, b\na -> i\nb -> i\ni(inputs) -> j\nj(inputs) -> end\nend"},
		{"nested", "start -> o foreach x\no -> a foreach y\na -> i\ni(inputs) -> j\nj(inputs) -> end\nend"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			g := graphtest.MustCompile(bench.flow)
			b.ReportAllocs()
			tasks := 0
			for b.Loop() {
				w := &instant{engine: engine.New(g, engine.Policy{MaxWorkers: 16, FirstTask: 1})}
				w.fan = func(l *engine.Launch) int {
					if l.Step == g.Start {
						return 1000
					}
					return 10
				}
				tasks += w.run(b)
			}
			b.ReportMetric(float64(tasks)/b.Elapsed().Seconds(), "transitions/s")
		})
	}
}

// BenchmarkRecovery measures how long it takes to be told of 10,000 finished tasks.
func BenchmarkRecovery(b *testing.B) {
	g := graphtest.MustCompile("start -> a foreach x\na -> b\nb -> j\nj(inputs) -> end\nend")
	for b.Loop() {
		recoverForeach(b, g, 5000)
	}
}

// recoverForeach recovers a foreach all of whose branches have arrived, but for one.
func recoverForeach(tb testing.TB, g *graph.Graph, fan int) *engine.Engine {
	e := engine.New(g, engine.Policy{MaxWorkers: 16, FirstTask: engine.TaskID(2*fan + 2)})
	carried := len(e.Apply(engine.Recovered{Task: 1, Step: "start", Scope: engine.NoTask, Transition: graph.Transition{Next: []string{"a"}, Fan: fan}}))
	for i := range fan - 1 {
		carried += len(e.Apply(engine.Recovered{Task: engine.TaskID(2*i + 2), Step: "a", Scope: 1, Index: i, Transition: graph.Transition{Next: []string{"b"}}}))
		carried += len(e.Apply(engine.Recovered{Task: engine.TaskID(2*i + 3), Step: "b", Scope: 1, Index: i, Transition: graph.Transition{Next: []string{"j"}}}))
	}
	if carried != 2*fan-1 {
		tb.Fatalf("%d tasks were carried over", carried)
	}
	if launched := len(e.Apply(engine.Started{})); launched != 1 {
		tb.Fatalf("%d tasks were launched", launched)
	}
	return e
}

// TestRecoveryIsLinear compares two sizes in the same minute, because a time says nothing on a machine that others use
// as well. How fast recovery is, bench tells.
func TestRecoveryIsLinear(t *testing.T) {
	const small, factor = 1000, 16
	g := graphtest.MustCompile("start -> a foreach x\na -> b\nb -> j\nj(inputs) -> end\nend")
	fastest := [2]time.Duration{time.Hour, time.Hour}
	for range 5 {
		for i, fan := range []int{small, small * factor} {
			begin := time.Now()
			recoverForeach(t, g, fan)
			fastest[i] = min(fastest[i], time.Since(begin))
		}
	}
	// What is quadratic takes factor*factor times as long.
	if fastest[1] > 4*factor*fastest[0] {
		t.Errorf("recovering %d times as many tasks took %v instead of %v", factor, fastest[1], fastest[0])
	}
}

func TestMillionChildrenFitInMemory(t *testing.T) {
	const fan, limit = 1_000_000, 100 << 20
	g := graphtest.MustCompile("start -> a foreach x\na -> b\nb -> j\nj(inputs) -> end\nend")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	w := &instant{engine: engine.New(g, engine.Policy{MaxWorkers: 16, FirstTask: 1})}
	w.fan = func(*engine.Launch) int { return fan }
	var most uint64
	w.each = func() {
		if w.tasks%10_000 == 0 {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		}
	}
	if tasks := w.run(t); tasks != 2*fan+3 {
		t.Fatal(tasks)
	}
	t.Logf("heap, with what is not yet collected: at most %d MB", most>>20)
	if most > limit {
		t.Errorf("the heap grew to %d MB", most>>20)
	}
}

// TestOpenBranchesAreBounded proves the order of launches: what was begun is
// brought to its end before more is begun.
func TestOpenBranchesAreBounded(t *testing.T) {
	const workers = 8
	g := graphtest.MustCompile(`
		start -> o foreach x
		o -> s foreach y
		s -> a, b
		a -> k
		b -> k
		k(inputs) -> i
		i(inputs) -> p
		p -> j
		j(inputs) -> end
		end`)
	open := map[string]int{} // branches that are begun and not joined
	e := engine.New(g, engine.Policy{MaxWorkers: workers, FirstTask: 1})
	live := []*engine.Launch{}
	handle := func(commands []engine.Command) (done bool) {
		for _, c := range commands {
			switch c := c.(type) {
			case *engine.Launch:
				live = append(live, c)
				switch c.Step.Name {
				case "o", "s":
					open[c.Step.Name]++
				case "k":
					open["s"]--
				case "p":
					open["o"]--
				}
				if open["o"] > 3*workers || open["s"] > 3*workers {
					t.Fatal("too many branches are open:", fmt.Sprint(open))
				}
			case engine.Finish:
				done = true
			}
		}
		return done
	}
	handle(e.Apply(engine.Started{}))
	for turn := 0; ; turn++ {
		at := turn * 7 % len(live)
		l := live[at]
		live[at] = live[len(live)-1]
		live = live[:len(live)-1]
		tr := graph.Transition{}
		for _, m := range l.Step.Out {
			tr.Next = append(tr.Next, m.Name)
		}
		if l.Step.Kind == graph.Foreach {
			tr.Fan = 50
		}
		handle(e.Apply(engine.Succeeded{Task: l.Task, Transition: tr}))
		if handle(e.Apply(engine.PlaceFreed{Task: l.Task})) {
			return
		}
	}
}
