package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// Recover makes an engine that knows what the origin of a resumed run has done already.
// It returns the tasks that the new run takes over, task 0 included.
func Recover(ctx context.Context, g *graph.Graph, p engine.Policy, store metastore.Reader, origin int64) (*engine.Engine, []metastore.Task, error) {
	return recoverTasks(ctx, g, p, store, origin, func(metastore.Task) bool { return true })
}

// RecoverOnly makes an engine that is to run one task of the origin again, alone, and returns the tasks that the new
// run takes over for it and the id that the task is going to have.
func RecoverOnly(ctx context.Context, g *graph.Graph, p engine.Policy, store metastore.Reader, t metastore.Task) (*engine.Engine, []metastore.Task, int64, error) {
	p.Only = &engine.Place{Step: t.Step, Scope: engine.TaskID(t.Scope), Index: t.Index, Iteration: t.Iteration}
	// A task depends on earlier ones only, and on none of its siblings.
	needed := func(o metastore.Task) bool {
		return o.ID < t.ID && (o.Step != t.Step || o.Scope != t.Scope || o.Index == t.Index)
	}
	e, carried, err := recoverTasks(ctx, g, p, store, t.Run, needed)
	if err != nil {
		return nil, nil, 0, err
	}
	if !e.Waits(*p.Only) {
		return nil, nil, 0, fault.New(fault.Invalid, "the steps before %s in run %d do not match the flow as it is now", t.Step, t.Run).
			Do("run the flow again, then spin that run")
	}
	next := int64(1)
	for _, o := range carried {
		next = max(next, o.ID+1)
	}
	return e, carried, next, nil
}

func recoverTasks(ctx context.Context, g *graph.Graph, p engine.Policy, store metastore.Reader, origin int64, needed func(metastore.Task) bool) (*engine.Engine, []metastore.Task, error) {
	var tasks []metastore.Task
	var transitions []graph.Transition
	p.FirstTask = 1
	for t, err := range store.Finished(ctx, origin) {
		if err != nil {
			return nil, nil, err
		}
		if !needed(t.Task) {
			continue
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
			Do("start a new run with `run`")
	}
	e := engine.New(g, p)
	carried := []metastore.Task{tasks[0]}
	for i, t := range tasks[1:] {
		commands := e.Apply(engine.Recovered{
			Task: engine.TaskID(t.ID), Step: t.Step, Scope: engine.TaskID(t.Scope), Index: t.Index,
			Iteration: t.Iteration, Transition: transitions[i+1],
		})
		for _, c := range commands {
			if c, ok := c.(engine.Carry); ok { // a gang's last node brings all of them
				carried = append(carried, byID(tasks, int64(c.Task)))
			}
		}
	}
	return e, carried, nil
}

// byID returns the task with an id out of tasks in the order of their ids.
func byID(tasks []metastore.Task, id int64) metastore.Task {
	at, _ := slices.BinarySearchFunc(tasks, id, func(t metastore.Task, id int64) int { return cmp.Compare(t.ID, id) })
	return tasks[at]
}
