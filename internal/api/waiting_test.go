package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// nested is a flow with a foreach in a foreach, a split in that, and a switch: start =>* outer -> inner =>* leaf -> (p,
// q) -> meet -> gather -> pick -> (l | r) -> tie -> end.
func nested() *graph.Flow {
	step := func(name string, args int, kind graph.NextKind, targets ...string) graph.Step {
		s := graph.Step{Name: name, Args: args, Line: 10}
		if kind != "" {
			s.Next = &graph.Next{Kind: kind, Targets: targets}
		}
		if kind == graph.NextForeach {
			s.Next.Foreach = "xs"
		}
		return s
	}
	pick := step("pick", 1, graph.NextSwitch, "l", "r")
	pick.Next.Condition, pick.Next.Cases = "c", []graph.Case{{Key: "l", Target: "l"}, {Key: "r", Target: "r"}}
	return &graph.Flow{
		Version: graph.DefinitionVersion, Name: "Nested", File: "/code/nested.py", Language: "python", Runtime: "3.11.7",
		Steps: []graph.Step{
			step("start", 1, graph.NextForeach, "outer"), step("outer", 1, graph.NextLinear, "inner"), step("inner", 1, graph.NextForeach, "leaf"),
			step("leaf", 1, graph.NextSplit, "p", "q"), step("p", 1, graph.NextLinear, "meet"), step("q", 1, graph.NextLinear, "meet"),
			step("meet", 2, graph.NextLinear, "gather"), step("gather", 2, graph.NextLinear, "pick"), pick,
			step("l", 1, graph.NextLinear, "tie"), step("r", 1, graph.NextLinear, "tie"), step("tie", 2, graph.NextLinear, "end"), step("end", 1, ""),
		},
	}
}

// waitingRun is a store with a run of nested, in which tasks are launched.
type waitingRun struct {
	*apitest.Store
	t    *testing.T
	run  int64
	next int64
}

func newWaiting(t *testing.T) *waitingRun {
	s := apitest.New(t)
	def, err := json.Marshal(nested())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(def)
	run, err := s.Meta.CreateRun(t.Context(), metastore.Run{
		Flow: "Nested", Status: metastore.RunRunning, Created: apitest.Start, FailedTask: -1, Definition: hash,
		Lease: metastore.Lease{Host: "elsewhere", Heartbeat: apitest.Start},
	}, metastore.Beginning{First: []metastore.Record{{Blobs: []metastore.Blob{{Hash: hash, Data: def}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return &waitingRun{s, t, run, 1}
}

func (w *waitingRun) launch(step string, opens int) {
	w.t.Helper()
	task := metastore.Task{Run: w.run, ID: w.next, Step: step, Scope: -1, Base: 0, Created: apitest.Start}
	r := metastore.Record{Task: &task, Attempt: &metastore.Attempt{Run: w.run, Task: w.next, Status: metastore.AttemptSucceeded, Started: apitest.Start, Ended: apitest.Start}}
	if opens > 0 {
		r.Scope = &metastore.Scope{Run: w.run, Split: w.next, Step: step, Kind: "foreach", Count: opens, Parent: -1}
	}
	if step == "leaf" {
		r.Scope = &metastore.Scope{Run: w.run, Split: w.next, Step: step, Kind: "split", Count: 2, Parent: -1}
	}
	done := make(chan error, 1)
	r.Done = func(err error) { done <- err }
	w.Meta.Record(r)
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
	w.next++
}

// What the foreaches of a run will have is known before it is launched; of inner ones, as they open.
func TestWaiting(t *testing.T) {
	s := newWaiting(t)
	run, launch := s.run, s.launch
	look := func(what string, launched, waiting int, steps map[string]int) {
		t.Helper()
		one, err := s.Service.Run(t.Context(), api.RunRequest{Run: run, Counts: true})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, what, *one.Tasks, api.Counts{Succeeded: launched, Waiting: waiting})
		list, err := s.Runs(t.Context(), api.RunsRequest{Counts: true})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, what+", in the list", list.Runs[0].Tasks, one.Tasks)
		news, err := s.Follow(run).Look(t.Context(), apitest.Start)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, what+", as news", news.Run.Tasks, one.Tasks)
		res, err := s.Steps(t.Context(), api.StepsRequest{Run: run, Counts: true})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, st := range res.Steps {
			if st.Counts.Waiting > 0 {
				got[st.Name] = st.Counts.Waiting
			}
		}
		equal(t, what+", by step", got, steps)
	}
	look("nothing", 0, 0, map[string]int{})
	launch("start", 1000) // outer, inner, gather and pick come a thousand times; what follows pick is not certain
	look("open", 1, 4000, map[string]int{})
	for range 10 {
		launch("outer", 0)
	}
	look("grows", 11, 3990, map[string]int{"outer": 990})
	among, err := s.Siblings(t.Context(), api.SiblingsRequest{Run: run, Task: 4})
	if err != nil || among.Position != 3 || among.Count != 1000 {
		t.Errorf("those that are to come count as siblings: %+v, %v", among, err)
	}
	launch("inner", 5) // five of leaf, p, q and meet
	look("one within", 12, 3989+20, map[string]int{"outer": 990, "inner": 999})
	launch("inner", 2)
	launch("leaf", 0)
	launch("p", 0)
	look("two within", 15, 3988+26, map[string]int{"outer": 990, "inner": 998, "leaf": 6, "p": 6})
	if err := s.Meta.EndRun(t.Context(), run, metastore.RunEnd{Status: metastore.RunFailed, Ended: apitest.Start, FailedTask: 3}); err != nil {
		t.Fatal(err)
	}
	look("over, and left out", 15, 3988+26, map[string]int{"outer": 990, "inner": 998, "leaf": 6, "p": 6})
}

// meanwhile is a store in which a task is launched between the count of the tasks and that of what is to come.
type meanwhile struct {
	metastore.Store
	launch func()
}

func (m meanwhile) Widths(ctx context.Context, runs []int64) (map[int64][]metastore.StepWidth, error) {
	m.launch()
	return m.Store.Widths(ctx, runs)
}

// The sum of a run's tasks does not shrink for a moment when tasks are launched while they are counted.
func TestWaitingWhileTasksAreLaunched(t *testing.T) {
	w := newWaiting(t)
	w.launch("start", 1000)
	service := w.On(meanwhile{w.Meta, func() { w.launch("outer", 0) }})
	const all = 1 + 4000
	for range 3 {
		one, err := service.Run(t.Context(), api.RunRequest{Run: w.run, Counts: true})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "the tasks of the run", one.Tasks.Tasks()+one.Tasks.Waiting, all)
		news, err := service.Follow(w.run).Look(t.Context(), apitest.Start)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "as news", news.Run.Tasks.Tasks()+news.Run.Tasks.Waiting, all)
		res, err := service.Steps(t.Context(), api.StepsRequest{Run: w.run, Counts: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range res.Steps {
			if st.Name == "outer" {
				equal(t, "by step", st.Counts.Tasks()+st.Counts.Waiting, 1000)
			}
		}
	}
}
