package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/runner"
)

// spinDecorators are the decorators that a spun task keeps. The others are about what happens around a task.
var spinDecorators = []string{"conda", "pypi", "environment", "timeout", "card", "secrets"}

// Spin runs one task of an earlier run again, alone, with the inputs that it had and the code as it is now. It is
// recorded as a run of its own that lists leave out: it is never the latest run, so resume does not see it.
func (s *Service) Spin(ctx context.Context, of OpenFlow, o SpinOptions) (RunResult, error) {
	f, err := s.ready(of)
	if err != nil {
		return RunResult{}, err
	}
	t, origin, err := s.spun(ctx, f, o.Task)
	if err != nil {
		return RunResult{}, err
	}
	without, err := f.leaveOut(t.Step, o.SkipDecorators)
	if err != nil {
		return RunResult{}, err
	}
	policy := s.policy(o.RunOptions)
	eng, carried, id, err := runner.RecoverOnly(ctx, f.graph, policy, s.c.Store, t)
	if err != nil {
		return RunResult{}, err
	}
	w, leave, err := s.prepare(ctx, f, o.RunOptions, []string{t.Step})
	if err != nil {
		return RunResult{}, err
	}
	defer leave()
	w.takeOver(origin, eng, carried)
	w.spin = &protocol.Spin{Without: without, Artifacts: o.Artifacts, Persist: o.Persist}
	repeats := Pathspec{Flow: origin.Flow, Run: origin.ID, Step: t.Step, Task: t.ID}
	w.of = repeats.String()
	onRun := o.OnRun
	o.OnRun = func(run int64) error {
		if onRun != nil {
			if err := onRun(run); err != nil {
				return err
			}
		}
		if o.OnTask == nil {
			return nil
		}
		return o.OnTask(run, t.Step, id, repeats)
	}
	if len(without) > 0 && !o.SkipDecorators {
		w.warnings = []string{fmt.Sprintf("spin runs the step without @%s", strings.Join(without, ", @"))}
	}
	return s.carry(ctx, f, o.RunOptions, w)
}

// spun finds the task to spin and its run.
func (s *Service) spun(ctx context.Context, f *flow, text string) (t metastore.Task, run metastore.Run, err error) {
	name := f.Definition().Name
	p, err := parseSpin(text)
	if err != nil {
		return t, run, err
	}
	if p.Flow != "" && p.Flow != name {
		return t, run, fault.New(fault.NotFound, "%s names the flow %s, but this flow is %s", text, p.Flow, name)
	}
	node := f.graph.Lookup(p.Step)
	if node == nil {
		return t, run, noStep(f.graph, p.Step)
	}
	if node.Parallel || node.Scope != nil && node.Scope.Kind == graph.Parallel {
		return t, run, fault.New(fault.Invalid, "step %s is a node of a gang, which cannot run alone", p.Step)
	}
	if node.Exec != nil {
		return t, run, fault.New(fault.Invalid, "step %s is run by another program (@exec), and spin runs only the flow's own code", p.Step).
			Do("`levada resume %s` runs it and all steps after it again", p.Step)
	}
	if run, err = s.origin(ctx, f, p.Run); err != nil {
		return t, run, err
	}
	filter := metastore.TaskFilter{Run: run.ID, Step: p.Step, After: -1, Newest: true, Limit: 1}
	if p.Task >= 0 {
		filter.IDs = []int64{p.Task}
	}
	for t, err := range s.c.Store.Tasks(ctx, filter) {
		return t, run, err
	}
	err = fault.New(fault.NotFound, "run %d has no task of step %s with that id", run.ID, p.Step).Do("`levada logs %d/%s` shows which there are", run.ID, p.Step)
	if p.Task < 0 {
		err = fault.New(fault.NotFound, "run %d never reached step %s, so there are no inputs to run it with", run.ID, p.Step).Do("name a run that did: RUN/%s", p.Step)
	}
	return t, run, err
}

// parseSpin reads a step alone, or the name of a step or task.
func parseSpin(text string) (Pathspec, error) {
	if text != "" && !strings.Contains(text, "/") {
		return Pathspec{Step: text, Task: -1}, nil
	}
	p, err := ParsePathspec(text)
	if err != nil || p.Step == "" {
		return p, fault.New(fault.Usage, "%q does not name a step", text).Do("write it as STEP, RUN/STEP or RUN/STEP/TASK, with or without FLOW/ before the run")
	}
	return p, nil
}

// leaveOut takes the decorators off a step that it is spun without, and returns their names.
func (f *flow) leaveOut(step string, all bool) ([]string, error) {
	def := f.Definition()
	i := slices.IndexFunc(def.Steps, func(s graph.Step) bool { return s.Name == step })
	var kept []graph.Decorator
	var without []string
	for _, d := range def.Steps[i].Decorators {
		// With a dot: the user's own.
		if !all && (slices.Contains(spinDecorators, d.Name) || strings.Contains(d.Name, ".")) {
			kept = append(kept, d)
		} else {
			without = append(without, d.Name)
		}
	}
	if all {
		def.Decorators = slices.DeleteFunc(slices.Clone(def.Decorators), func(d graph.Decorator) bool {
			return strings.HasSuffix(d.Name, "_base")
		})
	}
	def.Steps[i].Decorators = kept
	g, problems := graph.Compile(def)
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "%s", problems[0].Message).On(f.src.File)
	}
	f.graph = g
	return without, nil
}
