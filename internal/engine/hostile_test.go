package engine_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
)

// TestHostileEvents applies events that make no sense: the engine never panics,
// gives at most one Finish, no command after it, and tells of the misuse.
func TestHostileEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 2))
		g := graphtest.MustCompile(graphtest.Random(r, graphtest.Shape{Steps: 12, Depth: 3, Gangs: true, Retries: true, Resources: true}))
		e := engine.New(g, engine.Policy{MaxWorkers: r.IntN(4) - 1, Rerun: []string{"", g.End.Name, "?"}[r.IntN(3)]})
		number := func() int {
			if r.IntN(10) == 0 {
				return []int{-1, math.MinInt, math.MaxInt, math.MaxInt32}[r.IntN(4)]
			}
			return r.IntN(6)
		}
		step := func() *graph.Node { return g.Nodes[r.IntN(len(g.Nodes))] }
		transition := func(n *graph.Node) graph.Transition {
			tr := graph.Transition{Fan: []int{0, 0, 1, 2, number()}[r.IntN(5)]}
			for _, m := range n.Out {
				if r.IntN(20) > 0 {
					tr.Next = append(tr.Next, m.Name)
				}
			}
			return tr
		}
		var launched []*engine.Launch
		finished := false
		for range 60 {
			task, attempt, n := engine.TaskID(number()), number(), step()
			if len(launched) > 0 && r.IntN(4) > 0 {
				l := launched[r.IntN(len(launched))]
				task, attempt, n = l.Task, l.Attempt, l.Step
			}
			var ev engine.Event
			switch r.IntN(16) {
			case 0, 1, 2, 3:
				ev = engine.PlaceFreed{Task: task, Attempt: attempt}
			case 4, 5, 6, 7:
				ev = engine.Succeeded{Task: task, Attempt: attempt, Transition: transition(n)}
			case 8:
				ev = engine.Failed{Task: task, Attempt: attempt, Raised: r.IntN(2) == 0, NoRetry: r.IntN(2) == 0}
			case 9, 10, 11:
				n = step()
				index := number()
				if index == math.MaxInt32 || index == math.MaxInt { // would be believed: a store is trusted that far
					index = 3
				}
				ev = engine.Recovered{Task: task, Step: n.Name, Scope: engine.TaskID(number()), Index: index, Iteration: number(), Transition: transition(n)}
			case 12, 13, 14:
				ev = engine.Started{}
			case 15:
				ev = engine.Interrupted{}
			}
			if r.IntN(100) == 0 {
				ev = nil
			}
			before := e.Err()
			for _, c := range e.Apply(ev) {
				if finished {
					t.Fatalf("%s after Finish", describe(c))
				}
				switch c := c.(type) {
				case *engine.Launch:
					launched = append(launched, c)
				case engine.Finish:
					finished = true
				}
			}
			if before != nil && e.Err() != before {
				t.Fatal("the first misuse is forgotten")
			}
			e.Progress()
		}
	})
}
