package runner

import (
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// context is what the tasks of the run have in common.
func (r *Runner) context() *protocol.Context {
	run := &r.Config.Run
	c := &protocol.Context{
		Flow: run.Flow, Run: strconv.FormatInt(run.ID, 10), User: run.User, Namespace: run.Info.Namespace,
		Tags: run.Tags, Project: r.Project, Staging: r.Staging, InlineLimit: protocol.InlineLimit, With: r.With,
		Home: r.Home, Triggers: r.Triggers,
	}
	if c.Tags == nil {
		c.Tags = []string{}
	}
	if run.Origin != 0 {
		origin := strconv.FormatInt(run.Origin, 10)
		c.Origin = &origin
	}
	return c
}

// environment is what the attempt has in its environment for itself alone. What the user sets with @environment counts
// more.
func (a *attempt) environment() map[string]string {
	vars := map[string]string{}
	add := func(name, value string) {
		if _, set := a.launch.Step.Environment[name]; !set && value != "" {
			vars[name] = value
		}
	}
	add("TRACEPARENT", a.r.Trace.Traceparent(a.span))
	add(visibleGPUs, strings.Join(a.rec.GPUs, ","))
	return vars
}

// visibleGPUs is the variable that tells a process which GPUs it may use.
const visibleGPUs = "CUDA_VISIBLE_DEVICES"

// gpus names the GPUs that the attempt was given: none if the user says which those are, or if it has no process, and so
// no variables, of its own.
func (a *attempt) gpus() (names []string) {
	if _, set := a.launch.Step.Environment[visibleGPUs]; set || a.r.runsInside(&a.launch) {
		return nil
	}
	for _, i := range a.launch.GPUs {
		if i < len(a.r.GPUs) {
			names = append(names, string(a.r.GPUs[i]))
		}
	}
	return names
}

// firstFrame makes what tells a process what to do.
func (r *Runner) firstFrame(a *attempt) (worker.First, error) {
	l := &a.launch
	t := &protocol.Task{
		Type: "task", Step: l.Step.Name, Task: strconv.FormatInt(int64(l.Task), 10),
		Attempt: l.Attempt, Retries: l.Retries, Fallback: l.Fallback, Iteration: l.Iteration,
		Timeout: l.Step.Timeout.Seconds(), Cgroup: a.confine(), Environment: a.environment(), Spin: r.Spin, Stack: make([]protocol.Frame, len(l.Stack)),
	}
	if l.Fallback {
		t.Died = r.problems[l.Task]
	}
	for i, f := range l.Stack {
		t.Stack[i] = protocol.Frame{Split: strconv.FormatInt(int64(f.Split), 10), Step: f.Step, Var: f.Var, Count: f.Count, Index: f.Index, Gang: f.Gang}
		own, err := r.hasOwnList(l.Base, f)
		if err != nil {
			return worker.First{}, err
		}
		t.Stack[i].Own = own
	}
	var body []byte
	var err error
	if f, ok := l.Element(); ok {
		items, err := r.openItems(f.Split)
		if err != nil {
			return worker.First{}, err
		}
		t.Item = &protocol.Item{Codec: items.codec}
		if items.Size(f.Index) <= protocol.InlineLimit {
			if body, err = items.Read(f.Index); err != nil {
				return worker.First{}, err
			}
			t.Item.Inline = true
		}
	}
	if f, ok := l.Node(); ok {
		t.Parallel = &protocol.Parallel{MainIP: "127.0.0.1", NumNodes: f.Count, NodeIndex: f.Index, ControlTaskID: strconv.FormatInt(int64(l.Task)-int64(f.Index), 10)}
	}
	if l.Inputs != nil {
		t.Join = &protocol.Join{Count: len(l.Inputs)}
		if split := l.Step.Split; split != nil && split.Kind == graph.Split {
			if t.Join.Steps, err = r.joinSteps(l.Inputs); err != nil {
				return worker.First{}, err
			}
		}
	}
	if t.Ahead, body, err = r.ahead(a, body); err != nil {
		return worker.First{}, err
	}
	return worker.First{Header: t, Body: body}, nil
}

// hasOwnList reports whether a task between a foreach's split and its child base has made the list anew, of which the
// elements were taken.
func (r *Runner) hasOwnList(base engine.TaskID, f engine.Frame) (bool, error) {
	if f.Gang || base < 0 || base == f.Split {
		return false, nil
	}
	now, found, err := r.layers.Find(r.ctx, r.Config.Run.ID, int64(base), f.Var)
	if err != nil || !found {
		return false, err
	}
	split, found, err := r.layers.Find(r.ctx, r.Config.Run.ID, int64(f.Split), f.Var)
	return found && now.Hash != split.Hash, err
}

// joinSteps tells which step each branch of a static split ended with: step → positions among the inputs.
func (r *Runner) joinSteps(inputs []engine.TaskID) (map[string][]int, error) {
	steps := make(map[string][]int)
	for i, id := range inputs {
		t, err := r.Store.Task(r.ctx, r.Config.Run.ID, int64(id))
		if err != nil {
			return nil, err
		}
		steps[t.Step] = append(steps[t.Step], i)
	}
	return steps, nil
}
