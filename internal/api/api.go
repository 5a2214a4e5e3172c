// Package api defines the requests and answers about recorded runs, and their JSON. The RPC, the Go client and the
// server share it.
//
// A [Service] answers for one store. Every use case is a method whose request and result are plain values;
// [Service.Call] finds the method by its name and decodes the request, for callers that speak JSON. Lists come in
// pages: a result's Next is the next request's Cursor. What a client would otherwise ask for once per task comes for
// many tasks at once: a page of tasks includes their attempts and their places in foreaches, and [Service.Artifacts]
// and [Service.Values] take lists.
//
// Bytes (values, logs) travel beside the JSON, not in it: [Body] gives them. Values too large for that are files, which
// a reader on the same machine opens itself, or streams ([Service.OpenValue]).
//
// Errors are faults; their kind, message and hint are all that leaves the process.
package api

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// Config is what a service is made of.
type Config struct {
	Cases   *service.Service
	Store   metastore.Store
	Data    *datastore.Store
	Home    string // the store's folder
	Version string
}

// Service answers requests about one store. All methods may be called concurrently.
type Service struct {
	c      Config
	layers *datastore.Layers

	mu     sync.Mutex
	graphs map[metastore.Hash]*graph.Graph // by definition
	counts map[int64]Counts                // of the tasks of runs that are over
	left   map[int64]map[string]int        // and what they would have launched, by step
	large  chan struct{}                   // has an element for each large value that is being looked at
}

// New returns a service.
func New(c Config) *Service {
	return &Service{c: c, layers: datastore.NewLayers(c.Store), graphs: make(map[metastore.Hash]*graph.Graph), counts: make(map[int64]Counts), left: make(map[int64]map[string]int), large: make(chan struct{}, largeAtOnce)}
}

// The sizes of pages.
const (
	usualPage   = 1000
	largestPage = 10_000
	pageBytes   = 4 << 20 // of exceptions, logs and values in one result, about
)

func pageSize(limit int) int {
	if limit <= 0 {
		return usualPage
	}
	return min(limit, largestPage)
}

// parseCursor reads the number in a cursor, other if it is empty.
func parseCursor(cursor string, other int64) (int64, error) {
	if cursor == "" {
		return other, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Usage, "%q is not a cursor that an earlier answer gave", cursor)
	}
	return n, nil
}

func formatCursor(n int64) string { return strconv.FormatInt(n, 10) }

// Info says which store this is.
func (s *Service) Info(ctx context.Context, _ struct{}) (Info, error) {
	return Info{Home: s.c.Home, Version: s.c.Version}, nil
}

// Flows returns the flows that have runs in a namespace.
func (s *Service) Flows(ctx context.Context, q FlowsRequest) (FlowsResult, error) {
	flows, err := s.c.Store.Flows(ctx, q.Namespace)
	res := FlowsResult{Flows: make([]Flow, len(flows))}
	for i, f := range flows {
		res.Flows[i] = Flow{Name: f.Name, Runs: f.Runs, Latest: f.Latest, Created: TimeOf(f.Created)}
	}
	return res, err
}

// Names returns what runs can be asked for by.
func (s *Service) Names(ctx context.Context, _ struct{}) (NamesResult, error) {
	n, err := s.c.Store.Names(ctx)
	return NamesResult{Users: notNil(n.Users), Tags: notNil(n.Tags)}, err
}

// Runs returns a page of runs.
func (s *Service) Runs(ctx context.Context, q RunsRequest) (RunsResult, error) {
	before, err := parseCursor(q.Cursor, 0)
	if err == nil {
		err = checkStatus("run", runStatuses, q.Status...)
	}
	if err != nil {
		return RunsResult{}, err
	}
	size := pageSize(q.Limit)
	f := metastore.RunFilter{
		Flows: q.Flow, Users: q.User, Statuses: statusesOf(q.Status), Tags: q.Tags, Parameters: q.Parameters, Before: before, Search: q.Q,
		CreatedAfter: q.After.Time(), CreatedBefore: q.Before.Time(), Limit: size + 1,
	}
	if q.Namespace != "" {
		f.Tags = append(slices.Clone(q.Tags), q.Namespace)
	}
	res := RunsResult{Runs: []Run{}}
	var found []metastore.Run
	for r, err := range s.c.Cases.Runs(ctx, f) {
		if err != nil {
			return RunsResult{}, err
		}
		if len(found) == size {
			res.Next = formatCursor(found[size-1].ID)
			break
		}
		found = append(found, r)
	}
	res.Runs, err = s.runsOf(ctx, found, q.Counts)
	return res, err
}

// runsOf are runs as they are told, with their tasks counted if that is asked for.
func (s *Service) runsOf(ctx context.Context, found []metastore.Run, counted bool) ([]Run, error) {
	counts, err := s.date(ctx, found)
	if err != nil {
		return nil, err
	}
	runs := make([]Run, len(found))
	for i, r := range found {
		runs[i] = runOf(r)
	}
	if !counted {
		return runs, nil
	}
	if err := s.countTasks(ctx, found, runs, counts); err != nil {
		return nil, err
	}
	waiting, err := s.waiting(ctx, found)
	for i := range runs {
		runs[i].Tasks.Waiting = waiting[runs[i].ID].all(runs[i].Tasks.Tasks())
	}
	return runs, err
}

// date says of runs that are over and could not say so when they were last heard of, as their
// end, and returns the counts of their tasks.
func (s *Service) date(ctx context.Context, runs []metastore.Run) (map[int64]metastore.TaskCount, error) {
	silent := func(r metastore.Run) bool { return r.Status != metastore.RunRunning && r.Ended.IsZero() }
	var ask []int64
	for _, r := range runs {
		if silent(r) {
			ask = append(ask, r.ID)
		}
	}
	if len(ask) == 0 {
		return nil, nil
	}
	counts, err := s.c.Store.TaskCounts(ctx, ask)
	for i := range runs {
		if r := &runs[i]; silent(*r) {
			r.Ended = r.LastSign(counts[r.ID])
		}
	}
	return counts, err
}

func statusesOf(list []Status) []metastore.RunStatus {
	var statuses []metastore.RunStatus
	for _, s := range list {
		statuses = append(statuses, metastore.RunStatus(s))
	}
	return statuses
}

// countTasks counts the tasks of runs, told as runs, but for those whose counts are known. Those of a run that is over
// stay the same, so they are counted once.
func (s *Service) countTasks(ctx context.Context, found []metastore.Run, runs []Run, known map[int64]metastore.TaskCount) error {
	var ask []int64
	s.mu.Lock()
	for i := range runs {
		if c, ok := s.counts[runs[i].ID]; ok {
			runs[i].Tasks = &c
		} else if _, ok := known[runs[i].ID]; !ok {
			ask = append(ask, runs[i].ID)
		}
	}
	s.mu.Unlock()
	counts := maps.Clone(known)
	if len(ask) > 0 {
		more, err := s.c.Store.TaskCounts(ctx, ask)
		if err != nil {
			return err
		}
		if counts == nil {
			counts = more
		}
		maps.Copy(counts, more)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range runs {
		r := &runs[i]
		if r.Tasks != nil {
			continue
		}
		n := counts[r.ID]
		c := Counts{Running: n.Running, Succeeded: n.Succeeded, Caught: n.Caught, Failed: n.Failed, Killed: n.Killed}
		if r.Status != Running {
			c.Running, c.Died = 0, n.Running
		}
		r.Tasks = &c
		if settled(found[i]) {
			if len(s.counts) >= maxCounts {
				clear(s.counts)
			}
			s.counts[r.ID] = c
		}
	}
	return nil
}

// settled reports whether a run is over for good. One that seems to have died, or of Metaflow to have failed, which is
// never reported, may only have been silent.
func settled(r metastore.Run) bool {
	switch r.Status {
	case metastore.RunRunning, metastore.RunDied:
		return false
	case metastore.RunFailed:
		return r.Info.Engine != metastore.EngineMetaflow
	}
	return true
}

// maxCounts is the number of runs whose counts are kept.
const maxCounts = 10_000

// Run returns one run. NotFound.
func (s *Service) Run(ctx context.Context, q RunRequest) (Run, error) {
	r, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return Run{}, err
	}
	runs, err := s.runsOf(ctx, []metastore.Run{r}, q.Counts)
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}

// runOf is a run as it is told; see date.
func runOf(r metastore.Run) Run {
	i := r.Info
	run := Run{
		ID: r.ID, Flow: r.Flow, Status: Status(r.Status), User: r.User, Created: TimeOf(r.Created), Ended: TimeOf(r.Ended),
		Origin: r.Origin, FailedTask: r.FailedTask, Problem: r.Problem, Tags: notNil(r.Tags), SystemTags: notNil(r.SystemTags),
		Code: hashText(r.Code),
		Host: i.Host, CommandLine: notNil(i.CommandLine), WorkingDir: i.WorkingDir, FlowFile: i.FlowFile, GitCommit: i.GitCommit,
		GitDirty: i.GitDirty, Language: i.Language, Runtime: i.Runtime, Interpreter: i.Interpreter, SDK: i.SDK, Levada: i.Levada,
		MaxWorkers: i.MaxWorkers, Isolation: i.Isolation, Namespace: i.Namespace, Project: i.Project, Branch: i.Branch,
		Resumed: i.Resumed, Parameters: i.Parameters, StopAsked: TimeOf(r.StopAsked),
	}
	return run
}

// hashText is a hash as text, "" for none.
func hashText(h metastore.Hash) string {
	if h == (metastore.Hash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// notNil makes an empty list one that is written as [].
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Steps returns the steps of a run. NotFound if there is no such run.
func (s *Service) Steps(ctx context.Context, q StepsRequest) (StepsResult, error) {
	res, _, err := s.steps(ctx, q)
	return res, err
}

// steps returns the steps of a run and which tasks are known to come, also of steps that have none yet.
func (s *Service) steps(ctx context.Context, q StepsRequest) (StepsResult, ahead, error) {
	run, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return StepsResult{}, ahead{}, err
	}
	spans, err := s.c.Store.Steps(ctx, q.Run)
	if err != nil {
		return StepsResult{}, ahead{}, err
	}
	var counts []metastore.StepCount
	var waiting ahead
	if q.Counts {
		if counts, err = s.c.Store.Counts(ctx, q.Run); err != nil {
			return StepsResult{}, ahead{}, err
		}
		all, err := s.waiting(ctx, []metastore.Run{run})
		if err != nil {
			return StepsResult{}, ahead{}, err
		}
		waiting = all[run.ID]
	}
	res := StepsResult{Steps: make([]Step, len(spans))}
	for i, sp := range spans {
		res.Steps[i] = Step{Run: q.Run, Name: sp.Step, First: sp.First, Last: sp.Last, Created: TimeOf(sp.Created)}
		if at := slices.IndexFunc(counts, func(c metastore.StepCount) bool { return c.Step == sp.Step }); at >= 0 {
			c := countsOf(counts[at], run.Status)
			c.Waiting = waiting.of(sp.Step, c.Tasks())
			res.Steps[i].Counts = &c
		}
	}
	return res, waiting, nil
}

func countsOf(c metastore.StepCount, run metastore.RunStatus) Counts {
	n := Counts{
		Running: c.Running, Succeeded: c.Succeeded, Caught: c.Caught, Failed: c.Failed, Killed: c.Killed, Started: TimeOf(c.First), Ended: TimeOf(c.Last),
	}
	if run != metastore.RunRunning { // nothing of a run that is over goes on
		n.Running, n.Died = 0, c.Running
	}
	return n
}

// Graph returns the graph of a run's flow.
func (s *Service) Graph(ctx context.Context, q RunRequest) (GraphResult, error) {
	run, err := s.c.Cases.RunByID(ctx, q.Run)
	if err != nil {
		return GraphResult{}, err
	}
	if run.Definition == (metastore.Hash{}) {
		return s.stepsAsGraph(ctx, run)
	}
	g, err := s.graph(ctx, run)
	if err != nil {
		return GraphResult{}, err
	}
	info, err := graph.Info(g)
	return GraphResult{Graph: info}, err
}

// stepsAsGraph is the graph of a run of which only the steps are known: those that have tasks, without edges.
func (s *Service) stepsAsGraph(ctx context.Context, run metastore.Run) (GraphResult, error) {
	spans, err := s.c.Store.Steps(ctx, run.ID)
	if err != nil {
		return GraphResult{}, err
	}
	type step struct {
		Name       string   `json:"name"`
		Type       string   `json:"type"`
		Next       []string `json:"next"`
		Decorators []string `json:"decorators"`
	}
	steps, names := make(map[string]step, len(spans)), []string{}
	for _, sp := range spans {
		if sp.Step != service.ParametersStep {
			steps[sp.Step] = step{sp.Step, "linear", []string{}, []string{}}
			names = append(names, sp.Step)
		}
	}
	info, err := json.Marshal(map[string]any{
		"file": run.Info.FlowFile, "doc": "", "parameters": []any{}, "constants": []any{}, "decorators": []any{},
		"steps": steps, "graph_structure": names,
	})
	return GraphResult{Graph: info}, err
}

// graph returns the compiled definition of a run.
func (s *Service) graph(ctx context.Context, run metastore.Run) (*graph.Graph, error) {
	s.mu.Lock()
	g := s.graphs[run.Definition]
	s.mu.Unlock()
	if g != nil {
		return g, nil
	}
	def, err := s.c.Cases.Definition(ctx, run)
	if err != nil {
		return nil, err
	}
	g, problems := graph.Compile(def)
	if g == nil {
		return nil, fault.New(fault.Corrupt, "the stored definition of run %d is not valid: %s", run.ID, problems[0].Message)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.graphs) >= maxGraphs {
		clear(s.graphs)
	}
	s.graphs[run.Definition] = g
	return g, nil
}

// maxGraphs is the number of graphs that are kept compiled.
const maxGraphs = 64

// Siblings tells where a task is among those of its step. NotFound.
func (s *Service) Siblings(ctx context.Context, q SiblingsRequest) (SiblingsResult, error) {
	run, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return SiblingsResult{}, err
	}
	among, err := s.c.Store.Siblings(ctx, q.Run, t.Step, q.Task)
	if err != nil {
		return SiblingsResult{}, err
	}
	waiting, err := s.waiting(ctx, []metastore.Run{run})
	if err != nil {
		return SiblingsResult{}, err
	}
	count := among.Before + 1 + among.After
	res := SiblingsResult{Position: among.Before + 1, Count: count + waiting[run.ID].of(t.Step, count)}
	if among.Previous >= 0 {
		res.Previous = &among.Previous
	}
	if among.Next >= 0 {
		res.Next = &among.Next
	}
	return res, nil
}

// Related returns the tasks right before and right after a task. NotFound.
func (s *Service) Related(ctx context.Context, q RelatedRequest) (RelatedResult, error) {
	run, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return RelatedResult{}, err
	}
	res := RelatedResult{Parents: []TaskRef{}, Children: []TaskRef{}}
	before := t.Inputs
	if len(before) == 0 && t.Base > 0 { // task 0 holds the parameters; nothing comes after it in the graph
		before = []int64{t.Base}
	}
	steps := make(map[int64]string, len(before))
	if len(before) > 0 {
		for p, err := range s.c.Store.Tasks(ctx, metastore.TaskFilter{Run: q.Run, After: -1, IDs: before}) {
			if err != nil {
				return RelatedResult{}, err
			}
			steps[p.ID] = p.Step
		}
	}
	for _, id := range before {
		if step, ok := steps[id]; ok {
			res.Parents = append(res.Parents, TaskRef{Step: step, ID: id})
		}
	}
	if run.Definition == (metastore.Hash{}) {
		return res, nil
	}
	g, err := s.graph(ctx, run)
	if err != nil {
		return RelatedResult{}, err
	}
	n := g.Lookup(t.Step)
	if n == nil || len(n.Out) == 0 {
		return res, nil
	}
	var after []string
	for _, m := range n.Out {
		after = append(after, m.Name)
	}
	type child struct {
		TaskRef
		branch int
	}
	var children []child
	for c, err := range s.c.Store.Children(ctx, q.Run, q.Task, after) {
		if err != nil {
			return RelatedResult{}, err
		}
		children = append(children, child{TaskRef{Step: c.Step, ID: c.ID}, c.Index})
	}
	if n.Kind.Opens() { // else the index is that of a scope around, the same for all
		slices.SortStableFunc(children, func(a, b child) int { return cmp.Compare(a.branch, b.branch) })
	}
	for _, c := range children {
		res.Children = append(res.Children, c.TaskRef)
	}
	return res, nil
}

// task returns a task with its run. NotFound.
func (s *Service) task(ctx context.Context, run, task int64) (metastore.Run, metastore.Task, error) {
	r, err := s.c.Cases.RunByID(ctx, run)
	if err != nil {
		return r, metastore.Task{}, err
	}
	t, err := s.c.Store.Task(ctx, run, task)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "run %d has no task %d", run, task)
	}
	return r, t, err
}

// CancelResult says which run was asked to end.
type CancelResult struct {
	Run int64 `json:"run"`
}

// Cancel asks a run to end, as Ctrl-C does. It does not wait for the end. Conflict if it is over.
func (s *Service) Cancel(ctx context.Context, q RunRequest) (CancelResult, error) {
	return CancelResult{q.Run}, s.c.Cases.Cancel(ctx, q.Run)
}

// ResumeRequest asks for a run to be resumed, in a process of its own on the machine that answers.
type ResumeRequest struct {
	Run  int64  `json:"run"`
	Step string `json:"step"` // run it again, and all after it; empty: only what is missing
}

// ResumeResult has the id of the new run.
type ResumeResult struct {
	Run int64 `json:"run"`
}

// Resume resumes a run.
func (s *Service) Resume(ctx context.Context, q ResumeRequest) (ResumeResult, error) {
	id, err := s.c.Cases.StartResume(ctx, q.Run, q.Step)
	return ResumeResult{id}, err
}

// Version is a number that is another one when something in the store has changed since.
func (s *Service) Version(ctx context.Context) (int64, error) { return s.c.Store.Changes(ctx) }

// ChangeTags removes and adds user tags of a run.
func (s *Service) ChangeTags(ctx context.Context, q TagsRequest) (TagsResult, error) {
	if err := metastore.CheckTagText(q.Add); err != nil {
		return TagsResult{}, err
	}
	r, err := s.c.Cases.ChangeTags(ctx, q.Run, "", q.Remove, q.Add)
	if err != nil {
		return TagsResult{}, err
	}
	return TagsResult{Tags: notNil(r.Tags), SystemTags: notNil(r.SystemTags)}, nil
}
