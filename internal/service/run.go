package service

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/upkeep"
	"github.com/levadahq/levada/internal/usage"
)

// Run starts a run of an opened flow and carries it to its end. Cancelling ctx
// interrupts it gently. A run that fails is a result, not an error.
func (s *Service) Run(ctx context.Context, of OpenFlow, o RunOptions) (RunResult, error) {
	f, err := s.ready(of)
	if err != nil {
		return RunResult{}, err
	}
	w, leave, err := s.prepare(ctx, f, o, f.allSteps())
	if err != nil {
		return RunResult{}, err
	}
	defer leave()
	params, err := runner.ResolveParameters(ctx, f.pool, s.c.Data, runner.ParameterRequest{
		Values: o.Parameters, User: o.User, Project: w.project, Staging: w.staging, Stdout: f.out(), Stderr: f.err(),
	})
	if err != nil {
		return RunResult{}, err
	}
	now := s.c.Now()
	first := metastore.Record{
		Task:      &metastore.Task{ID: 0, Step: ParametersStep, Scope: -1, Base: -1, Created: now},
		Attempt:   &metastore.Attempt{Status: metastore.AttemptSucceeded, Started: now, Ended: now, Transition: []byte("{}")},
		Artifacts: params.Artifacts,
		Blobs:     params.Blobs,
	}
	policy := s.policy(o)
	policy.FirstTask = 1
	w.engine, w.parameters = engine.New(f.graph, policy), params.Display
	w.known = []datastore.Layer{{Task: 0, Base: -1, Own: params.Artifacts}}
	w.begin.First = []metastore.Record{first}
	return s.carry(ctx, f, o, w)
}

// prepare does what every run needs before there is one, so that what cannot be leaves no run behind:
// it works out the project, makes the environments of steps, makes this engine known until leave is
// called, and removes what dead ones left.
func (s *Service) prepare(ctx context.Context, f *flow, o RunOptions, steps []string) (w work, leave func(), err error) {
	if w.project, err = Project(f.Definition(), o); err != nil {
		return w, nil, err
	}
	if err := f.prepareEnvironments(ctx, steps); err != nil {
		return w, nil, err
	}
	s.c.Data.Sweep(ctx)
	known, err := upkeep.Register(s.c.Home, s.here())
	if err != nil {
		return w, nil, err
	}
	w.staging = known.Staging
	return w, known.Leave, nil
}

// ParametersStep is the name of task 0, which holds the parameters and constants.
const ParametersStep = "_parameters"

// resumable is nil if Levada has what a run's tasks need.
func (s *Service) resumable(run metastore.Run) error {
	if run.Info.Engine != metastore.EngineMetaflow {
		return nil
	}
	return fault.New(fault.Invalid, "run %d was run by Metaflow, and what its tasks need is in Metaflow's datastore", run.ID).
		Do("resume it with Metaflow: python %s resume --origin-run-id %d", run.Info.FlowFile, run.ID)
}

// Resume starts a run that takes over what an earlier one finished. The earlier run
// is looked at before the new one is made, so a resume that cannot be leaves nothing behind.
func (s *Service) Resume(ctx context.Context, of OpenFlow, o ResumeOptions) (RunResult, error) {
	f, err := s.ready(of)
	if err != nil {
		return RunResult{}, err
	}
	origin, err := s.origin(ctx, f, o.Origin)
	if err != nil {
		return RunResult{}, err
	}
	if o.Step != "" && f.graph.Lookup(o.Step) == nil {
		return RunResult{}, noStep(f.graph, o.Step)
	}
	if err := s.hasParameters(ctx, f, origin); err != nil {
		return RunResult{}, err
	}
	policy := s.policy(o.RunOptions)
	policy.Rerun = o.Step
	eng, carried, err := runner.Recover(ctx, f.graph, policy, s.c.Store, origin.ID)
	if err != nil {
		return RunResult{}, err
	}
	w, leave, err := s.prepare(ctx, f, o.RunOptions, f.allSteps())
	if err != nil {
		return RunResult{}, err
	}
	defer leave()
	w.takeOver(origin, eng, carried)
	w.carried, w.origin, w.rerun = carried[1:], origin.ID, o.Step
	if origin.Status == metastore.RunRunning {
		w.warnings = append(w.warnings, fmt.Sprintf("run %d is still running; what it has not finished yet is run again here", origin.ID))
	}
	return s.carry(ctx, f, o.RunOptions, w)
}

// origin returns the run that a run of a flow goes on from: of an id, or with 0 the flow's latest.
func (s *Service) origin(ctx context.Context, f *flow, id int64) (run metastore.Run, err error) {
	name := f.Definition().Name
	if id == 0 {
		run, err = s.LatestRun(ctx, name)
	} else {
		run, err = s.RunOf(ctx, Pathspec{Flow: name, Run: id})
	}
	if err == nil {
		err = s.resumable(run)
	}
	return run, err
}

// hasParameters makes sure that a run has the parameters that a flow needs, before one goes
// on from it: a task would miss them. It knows by itself what is a plain default, or none.
func (s *Service) hasParameters(ctx context.Context, f *flow, origin metastore.Run) error {
	layers := datastore.NewLayers(s.c.Store)
	for _, p := range f.Definition().Parameters {
		optional := !p.Required && !p.Computed && p.Default == nil
		if _, has := origin.Info.Parameters[p.Name]; has || optional || p.Default != nil && p.Type != "file" {
			continue
		}
		// Its option may have been called otherwise: tasks know it by its attribute.
		_, has, err := layers.Find(ctx, origin.ID, 0, p.Attribute)
		if err != nil {
			return err
		}
		if !has {
			why, do := "is required", "Give it a default, or start a new run with --"+p.Name
			switch {
			case p.Computed:
				why, do = "has a computed default", "Give it a default that is not computed, or start a new run"
			case p.Default != nil:
				why, do = "includes a file", "Start a new run"
			}
			return fault.New(fault.Invalid, "run %d has no value for the parameter %s, which %s: it was added to the flow after that run", origin.ID, p.Name, why).
				Do("%s", do)
		}
	}
	return nil
}

// noStep is the error of a step that a flow does not have.
func noStep(g *graph.Graph, step string) error {
	names := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		names[i] = n.Name
	}
	return fault.New(fault.NotFound, "the flow has no step %s", step).Do("its steps are: %s", strings.Join(names, ", "))
}

// work is what distinguishes one start of a run from another.
type work struct {
	project    *protocol.Project
	staging    string
	engine     *engine.Engine
	begin      metastore.Beginning
	carried    []metastore.Task // taken over, without task 0
	origin     int64
	rerun      string
	warnings   []string
	parameters map[string]string
	known      []datastore.Layer
	spin       *protocol.Spin
	of         string // the task that is spun
}

// takeOver lets the run begin with tasks of another one, and its parameters.
func (w *work) takeOver(origin metastore.Run, eng *engine.Engine, tasks []metastore.Task) {
	w.engine, w.parameters = eng, origin.Info.Parameters
	w.begin = metastore.Beginning{From: origin.ID, Tasks: make([]int64, len(tasks))}
	for i, t := range tasks {
		w.begin.Tasks[i] = t.ID
	}
}

// carry creates the run and carries it to its end.
func (s *Service) carry(ctx context.Context, f *flow, o RunOptions, w work) (RunResult, error) {
	if err := s.checkTriggers(ctx, o.Triggers); err != nil {
		return RunResult{}, err
	}
	programs, err := f.programs(ctx)
	if err != nil {
		return RunResult{}, err
	}
	run, warnings, err := s.describe(ctx, f, o, &w)
	if err != nil {
		return RunResult{}, err
	}
	if run.ID, err = s.c.Store.CreateRun(ctx, run, w.begin); err != nil {
		return RunResult{}, err
	}
	abandon := func(err error) (RunResult, error) {
		s.c.Store.EndRun(context.WithoutCancel(ctx), run.ID, metastore.RunEnd{
			Status: metastore.RunFailed, Ended: s.c.Now(), FailedTask: -1, Problem: err.Error(),
		})
		return RunResult{}, err
	}
	if o.OnRun != nil {
		if err := o.OnRun(run.ID); err != nil {
			return abandon(err)
		}
	}
	logs := layout.RunLogs(s.c.Home, run.ID)
	r := runner.New(runner.Config{
		Flow: f.Definition(), Graph: f.graph, Spin: w.spin, Engine: w.engine, Run: run, Store: s.c.Store, Data: s.c.Data,
		Pool: f.pool, Pythons: f.made.pythons, Usage: usage.NewSampler(), Trace: s.c.Tracing.Start(run), Cgroups: s.c.Cgroups, Home: s.c.Name, LogDir: logs,
		MaxLogSize: o.MaxLogSize, Staging: w.staging,
		Project: w.project, With: f.with, Triggers: o.Triggers, Programs: programs, Watch: o.Watch, Errors: f.err(), Progress: o.Progress, Hard: o.Hard, Now: s.c.Now,
		Machine: s.machine(), GPUs: s.c.Machine.GPUs, Warnings: warnings, Carried: w.carried, Known: w.known,
	})
	res, err := r.Run(ctx)
	return RunResult{Run: run.ID, Status: res.Status, FailedStep: res.FailedStep, FailedTask: res.FailedTask, Problem: res.Problem, Lost: res.Lost}, err
}

// describe makes the record of the run.
func (s *Service) describe(ctx context.Context, f *flow, o RunOptions, w *work) (metastore.Run, []string, error) {
	def, now := f.Definition(), s.c.Now()
	warnings := w.warnings
	if t := s.c.Tracing; t != nil && t.Problem != "" {
		warnings = append(warnings, "the run is not traced: "+t.Problem)
	}
	if def.ForkUnsafe != "" && f.src.Isolation == "" {
		warnings = append(warnings, fmt.Sprintf("tasks start in fresh interpreters, which is slower, because %s; --isolation fork overrides this, and may hang", def.ForkUnsafe))
	}
	raw, err := json.Marshal(def)
	if err != nil {
		return metastore.Run{}, nil, fault.Wrap(fault.Internal, "encode definition", err)
	}
	run := metastore.Run{
		Flow: def.Name, Status: metastore.RunRunning, User: o.User, Created: now, Origin: w.origin, FailedTask: -1,
		Tags: o.Tags,
		Lease: metastore.Lease{
			Host: s.c.Host, Boot: s.c.Boot, PID: os.Getpid(), Start: usage.ProcessStart(os.Getpid()), Heartbeat: now,
			Namespace: s.c.Namespace, Patience: s.c.Patience,
		},
		Info: metastore.RunInfo{
			Host: s.c.Host, CommandLine: o.CommandLine, WorkingDir: s.c.Dir, FlowFile: f.src.File,
			Language: def.Language, Runtime: def.Runtime, Interpreter: cmp.Or(f.python, f.program.Path), SDK: def.SDK, Levada: s.c.Version,
			MaxWorkers: s.workers(o), Isolation: string(f.pool.Isolation()), Namespace: o.Namespace,
			Resumed: w.rerun, Parameters: w.parameters, Environments: f.made.records, Spin: w.of,
		},
	}
	if run.Info.Namespace == "" {
		run.Info.Namespace = "user:" + o.User
	}
	run.SystemTags = []string{cmp.Or(o.Identity, "user:"+o.User), "runtime:" + cmp.Or(o.Runtime, "dev"), "levada_version:" + s.c.Version, def.Language + "_version:" + def.Runtime}
	if p := w.project; p != nil {
		run.Info.Project, run.Info.Branch = p.Name, p.Branch
		run.SystemTags = append(run.SystemTags, "project:"+p.Name, "project_branch:"+p.Branch)
	}
	slices.Sort(run.Tags)
	run.Tags = slices.Compact(run.Tags)
	slices.Sort(run.SystemTags)
	if run.Definition, err = s.keep(ctx, raw, &w.begin); err != nil {
		return run, nil, err
	}
	c := <-f.code
	f.code <- c // another run of the same opened flow has the same code
	run.Info.GitCommit, run.Info.GitDirty = c.git.Commit, c.git.Dirty
	switch {
	case c.err != nil:
		warnings = append(warnings, "the code of this run is not kept: "+c.err.Error())
	case c.pack.Note != "":
		warnings = append(warnings, c.pack.Note)
	}
	if len(c.pack.Data) > 0 {
		if run.Code, err = s.keep(ctx, c.pack.Data, &w.begin); err != nil {
			return run, nil, err
		}
	}
	return run, warnings, nil
}

func (s *Service) ready(of OpenFlow) (*flow, error) {
	f, ok := of.(*flow)
	if !ok || f.s != s || s.c.Store == nil {
		return nil, fault.New(fault.Internal, "the flow was not opened by this service")
	}
	if len(f.problems) > 0 {
		return nil, fault.New(fault.Invalid, "%s", f.problems[0].Message).On(f.src.File)
	}
	return f, nil
}

func (s *Service) workers(o RunOptions) int {
	if o.MaxWorkers > 0 {
		return o.MaxWorkers
	}
	return max(2, runtime.NumCPU())
}

func (s *Service) policy(o RunOptions) engine.Policy {
	return engine.Policy{
		MaxWorkers: s.workers(o), MaxSplits: o.MaxSplits,
		Machine: s.machine(),
	}
}

// machine is what @resources requests are admitted against.
func (s *Service) machine() engine.Resources {
	return engine.Resources{CPU: s.c.Machine.CPUs, GPU: float64(len(s.c.Machine.GPUs)), Memory: s.c.Machine.MemoryMB()}
}
