package engine_test

import (
	"testing"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
)

// spun starts an engine that runs one place alone, after the given tasks, and returns it with its first commands.
func spun(t *testing.T, g *graph.Graph, only engine.Place, before ...engine.Recovered) (*engine.Engine, []engine.Command) {
	t.Helper()
	e := engine.New(g, engine.Policy{MaxWorkers: 4, FirstTask: 1, Only: &only})
	for _, r := range before {
		e.Apply(r)
	}
	return e, e.Apply(engine.Started{})
}

func TestOnlyOnePlaceRuns(t *testing.T) {
	step := func(name string, args int, next *graph.Next) graph.Step {
		return graph.Step{Name: name, Args: args, Next: next, Line: 1}
	}
	g, problems := graph.Compile(&graph.Flow{Version: 1, Name: "F", Language: "python", Steps: []graph.Step{
		step("start", 1, &graph.Next{Kind: graph.NextForeach, Targets: []string{"work"}, Foreach: "xs"}),
		step("work", 1, &graph.Next{Kind: graph.NextLinear, Targets: []string{"join"}}),
		step("join", 2, &graph.Next{Kind: graph.NextLinear, Targets: []string{"end"}}),
		step("end", 1, nil),
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	start := engine.Recovered{Task: 1, Step: "start", Scope: engine.NoTask, Transition: graph.Transition{Next: []string{"work"}, Fan: 3}}
	work := func(id engine.TaskID, index int) engine.Recovered {
		return engine.Recovered{Task: id, Step: "work", Scope: 1, Index: index, Transition: graph.Transition{Next: []string{"join"}}}
	}
	for name, test := range map[string]struct {
		only   engine.Place
		before []engine.Recovered
		base   engine.TaskID
		inputs int
		tr     graph.Transition
	}{
		"the first step":     {engine.Place{Step: "start", Scope: engine.NoTask}, nil, 0, 0, start.Transition},
		"a child":            {engine.Place{Step: "work", Scope: 1, Index: 2}, []engine.Recovered{start}, 1, 0, graph.Transition{Next: []string{"join"}}},
		"beside its sibling": {engine.Place{Step: "work", Scope: 1, Index: 1}, []engine.Recovered{start, work(2, 0)}, 1, 0, graph.Transition{Next: []string{"join"}}},
		"a join": {engine.Place{Step: "join", Scope: engine.NoTask}, []engine.Recovered{start, work(2, 0), work(3, 1), work(4, 2)}, 0, 3,
			graph.Transition{Next: []string{"end"}}},
	} {
		t.Run(name, func(t *testing.T) {
			e, commands := spun(t, g, test.only, test.before...)
			if len(commands) != 1 {
				t.Fatalf("%d commands: %v", len(commands), commands)
			}
			l, ok := commands[0].(*engine.Launch)
			if !ok || l.Step.Name != test.only.Step || l.Index != test.only.Index || len(l.Inputs) != test.inputs || (test.inputs == 0 && l.Base != test.base) {
				t.Fatalf("%+v", commands[0])
			}
			e.Apply(engine.PlaceFreed{Task: l.Task})
			commands = e.Apply(engine.Succeeded{Task: l.Task, Transition: test.tr})
			if len(commands) != 1 || commands[0] != (engine.Finish{Outcome: engine.Completed, Task: engine.NoTask}) {
				t.Errorf("after it: %+v", commands)
			}
		})
	}
	for name, test := range map[string]struct {
		only   engine.Place
		before []engine.Recovered
	}{
		"nothing came before":      {engine.Place{Step: "work", Scope: 1, Index: 0}, nil},
		"an element there is not":  {engine.Place{Step: "work", Scope: 1, Index: 3}, []engine.Recovered{start}},
		"a join without an input":  {engine.Place{Step: "join", Scope: engine.NoTask}, []engine.Recovered{start, work(2, 0), work(3, 1)}},
		"another step than waits":  {engine.Place{Step: "end", Scope: engine.NoTask}, []engine.Recovered{start}},
		"a child that is finished": {engine.Place{Step: "work", Scope: 1, Index: 0}, []engine.Recovered{start, work(2, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			e, commands := spun(t, g, test.only, test.before...)
			if len(commands) != 1 {
				t.Fatalf("%v", commands)
			}
			if f, ok := commands[0].(engine.Finish); !ok || f.Outcome != engine.FailedRun || f.Problem == "" || e.Err() != nil {
				t.Errorf("%+v, %v", commands[0], e.Err())
			}
		})
	}
}
