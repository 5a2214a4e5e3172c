package engine_test

import (
	"testing"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
)

// TestAgainIsWhatHappens compares what the engine says of a failure before it hears of it with what it does then.
func TestAgainIsWhatHappens(t *testing.T) {
	for retries := range 3 {
		for _, caught := range []bool{false, true} {
			for _, raised := range []bool{false, true} {
				step := &graph.Node{Step: &graph.Step{Name: "start"}, Policies: graph.Policies{Retries: retries, Catch: caught}}
				e := engine.New(&graph.Graph{Nodes: []*graph.Node{step}, Start: step}, engine.Policy{MaxWorkers: 1})
				launched := e.Apply(engine.Started{})
				for {
					l, ok := launched[0].(*engine.Launch)
					if !ok {
						break
					}
					failed := engine.Failed{Task: l.Task, Attempt: l.Attempt, Raised: raised}
					said, rule := e.Again(failed), engine.TriedAgain(step, failed)
					if e.Again(engine.Failed{Task: l.Task, Attempt: l.Attempt, NoRetry: true}) {
						t.Errorf("attempt %d would be tried again though it wants none", l.Attempt)
					}
					e.Apply(engine.PlaceFreed{Task: l.Task, Attempt: l.Attempt})
					launched = e.Apply(failed)
					if _, again := launched[0].(*engine.Launch); said != again || rule != again {
						t.Errorf("retries %d, catch %v, raised %v, attempt %d: said %v, the rule %v, in truth %v", retries, caught, raised, l.Attempt, said, rule, again)
					}
				}
			}
		}
	}
}
