package runner

import (
	"context"
	"encoding/json"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// Recover makes an engine that knows what the origin of a resumed run has done already.
// It returns the tasks that the new run takes over, task 0 included.
func Recover(ctx context.Context, g *graph.Graph, p engine.Policy, store metastore.Reader, origin int64) (*engine.Engine, []metastore.Task, error) {
	var tasks []metastore.Task
	var transitions []graph.Transition
	p.FirstTask = 1
	for t, err := range store.Finished(ctx, origin) {
		if err != nil {
			return nil, nil, err
		}
		var tr graph.Transition
		if len(t.Attempt.Transition) > 0 {
			if err := json.Unmarshal(t.Attempt.Transition, &tr); err != nil {
				return nil, nil, fault.Wrap(fault.Corrupt, "read the transition of a finished task", err)
			}
		}
		tasks, transitions = append(tasks, t.Task), append(transitions, tr)
		p.FirstTask = max(p.FirstTask, engine.TaskID(t.Task.ID)+1)
	}
	if len(tasks) == 0 || tasks[0].ID != 0 {
		return nil, nil, fault.New(fault.NotFound, "run %d has no recorded parameters, so it cannot be resumed", origin).
			Do("start it anew with `run`")
	}
	e := engine.New(g, p)
	carried := tasks[:1]
	for i, t := range tasks[1:] {
		commands := e.Apply(engine.Recovered{
			Task: engine.TaskID(t.ID), Step: t.Step, Scope: engine.TaskID(t.Scope), Index: t.Index,
			Iteration: t.Iteration, Transition: transitions[i+1],
		})
		for _, c := range commands {
			if _, ok := c.(engine.Carry); ok {
				carried = append(carried, t)
			}
		}
	}
	return e, carried, nil
}
