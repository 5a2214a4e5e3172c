package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/service"
)

// Status is how a run or an attempt is.
type Status string

// The statuses. A run is Running, Succeeded, Failed, Interrupted or Died; an attempt Running,
// Succeeded, Caught, Failed, Killed or Died.
const (
	Running     Status = "running"
	Succeeded   Status = "succeeded"
	Failed      Status = "failed"
	Interrupted Status = "interrupted" // somebody pressed Ctrl-C or asked for an end
	Died        Status = "died"        // the process that ran it is gone without a word
	Caught      Status = "caught"      // it failed and @catch took the exception
	Killed      Status = "killed"      // ended because another task failed, or by Ctrl-C
)

// Good reports whether a run or an attempt with this status ended well.
func (s Status) Good() bool { return s == Succeeded || s == Caught }

// Run is one run of a flow.
type Run struct {
	ID         int64
	Flow       string
	Status     Status // honest: of a run whose process is gone, Died
	User       string
	Created    time.Time
	Ended      time.Time         // zero while it runs; of one that died, when it was last seen
	Origin     int64             // run that this one resumes, 0 if none
	FailedTask int64             // task whose failure ended the run, -1 if none
	Problem    string            // why it did not end well, one line
	Tags       []string          // sorted; those that can be changed
	SystemTags []string          // sorted; those that Levada gave
	Parameters map[string]string // as text, for people; their values are artifacts of every task

	Environment Environment

	c *Client
}

// Environment is what a run ran in and with.
type Environment struct {
	Host        string
	CommandLine []string
	WorkingDir  string
	FlowFile    string
	GitCommit   string // of the folder of the flow, "" if it is not under git
	GitDirty    bool   // with changes that are not in that commit
	Language    string // "python"
	Runtime     string // version of the language
	Interpreter string
	SDK         string // version
	Levada      string // version of the program
	Namespace   string
	Project     string // of @project, with its branch
	Branch      string
}

func (c *Client) run(r *api.Run) *Run {
	return &Run{
		ID: r.ID, Flow: r.Flow, Status: Status(r.Status), User: r.User, Created: r.Created.Time(), Ended: r.Ended.Time(),
		Origin: r.Origin, FailedTask: r.FailedTask, Problem: r.Problem, Tags: r.Tags, SystemTags: r.SystemTags, Parameters: r.Parameters,
		Environment: Environment{
			Host: r.Host, CommandLine: r.CommandLine, WorkingDir: r.WorkingDir, FlowFile: r.FlowFile, GitCommit: r.GitCommit, GitDirty: r.GitDirty,
			Language: r.Language, Runtime: r.Runtime, Interpreter: r.Interpreter, SDK: r.SDK, Levada: r.Levada, Namespace: r.Namespace,
			Project: r.Project, Branch: r.Branch,
		},
		c: c,
	}
}

// Path is the run's path: "MyFlow/12".
func (r *Run) Path() string { return r.Flow + "/" + itoa(r.ID) }

// Finished reports whether the run has ended, well or not.
func (r *Run) Finished() bool { return r.Status != Running }

// HasTag reports whether the run has a tag, its own or a system tag.
func (r *Run) HasTag(tag string) bool {
	return slices.Contains(r.Tags, tag) || slices.Contains(r.SystemTags, tag)
}

// Reload reads the run again.
func (r *Run) Reload(ctx context.Context) (*Run, error) { return r.c.RunByID(ctx, r.ID) }

// Steps returns the steps that the run has tasks of, in the order in which they began.
func (r *Run) Steps(ctx context.Context) ([]*Step, error) {
	res, err := api.Ask[api.StepsResult](ctx, r.c.caller(), "steps", api.StepsRequest{Run: r.ID, Counts: true})
	if err != nil {
		return nil, wrap(err)
	}
	var steps []*Step
	for i := range res.Steps {
		if res.Steps[i].Name != service.ParametersStep {
			steps = append(steps, r.step(&res.Steps[i]))
		}
	}
	return steps, nil
}

// Step returns a step of the run. ErrNotFound if the run has no tasks of it. The step "_parameters" has
// task 0, whose artifacts are the parameters.
func (r *Run) Step(ctx context.Context, name string) (*Step, error) {
	res, err := api.Ask[api.StepsResult](ctx, r.c.caller(), "steps", api.StepsRequest{Run: r.ID, Counts: true})
	if err != nil {
		return nil, wrap(err)
	}
	for i := range res.Steps {
		if res.Steps[i].Name == name {
			return r.step(&res.Steps[i]), nil
		}
	}
	return nil, wrap(fault.New(fault.NotFound, "run %d has no tasks of a step %s", r.ID, name))
}

// Task returns a task of the run by its number. ErrNotFound.
func (r *Run) Task(ctx context.Context, id int64) (*Task, error) {
	for t, err := range r.tasks(ctx, api.TasksRequest{IDs: []int64{id}}) {
		return t, err
	}
	return nil, wrap(fault.New(fault.NotFound, "run %d has no task %d", r.ID, id))
}

// TaskFilter selects tasks. Zero fields do not select.
type TaskFilter struct {
	Step   string
	Status Status // of the last attempt
}

// Tasks yields the tasks of the run that match, in the order in which they were started. Each comes with its attempts.
func (r *Run) Tasks(ctx context.Context, f TaskFilter) iter.Seq2[*Task, error] {
	seq := r.tasks(ctx, api.TasksRequest{Step: f.Step, Status: api.Status(f.Status), Oldest: true})
	return func(yield func(*Task, error) bool) {
		for t, err := range seq {
			if err == nil && t.Step == service.ParametersStep && f.Step == "" {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

func (r *Run) tasks(ctx context.Context, q api.TasksRequest) iter.Seq2[*Task, error] {
	q.Run = r.ID
	return pages(func() ([]api.Task, bool, error) {
		res, err := api.Ask[api.TasksResult](ctx, r.c.caller(), "tasks", q)
		q.Cursor = res.Next
		return res.Tasks, res.Next != "", err
	}, r.task)
}

// EndTask returns the task of the step that the flow ends with. ErrNotFound if the run has not come to it.
func (r *Run) EndTask(ctx context.Context) (*Task, error) {
	res, err := api.Ask[api.GraphResult](ctx, r.c.caller(), "graph", api.RunRequest{Run: r.ID})
	if err != nil {
		return nil, wrap(err)
	}
	var graph struct {
		End string `json:"end_step"`
	}
	if err := json.Unmarshal(res.Graph, &graph); err != nil {
		return nil, wrap(fault.Wrap(fault.Corrupt, "read the graph of the flow", err))
	}
	for t, err := range r.tasks(ctx, api.TasksRequest{Step: graph.End, Limit: 1}) {
		return t, err
	}
	return nil, wrap(fault.New(fault.NotFound, "run %d has not reached the end of its flow", r.ID))
}

// Artifact returns an artifact at the end of the flow: of [Run.EndTask]. ErrNotFound.
func (r *Run) Artifact(ctx context.Context, name string) (*Artifact, error) {
	t, err := r.EndTask(ctx)
	if err != nil {
		return nil, err
	}
	return t.Artifact(ctx, name)
}

// AddTags adds tags to the run and returns it as it is then. Those that it has are left alone. ErrInvalid if a tag is
// not allowed or there would be too many; then nothing is changed.
func (r *Run) AddTags(ctx context.Context, tags ...string) (*Run, error) {
	return r.ReplaceTags(ctx, nil, tags)
}

// RemoveTags removes tags from the run and returns it as it is then. Those that it does not have are no error.
// ErrInvalid for a system tag; then nothing is changed.
func (r *Run) RemoveTags(ctx context.Context, tags ...string) (*Run, error) {
	return r.ReplaceTags(ctx, tags, nil)
}

// ReplaceTags removes tags from the run, then adds others, in one step, and returns the run as
// it is then. See AddTags and RemoveTags.
func (r *Run) ReplaceTags(ctx context.Context, remove, add []string) (*Run, error) {
	res, err := r.c.changeTags(ctx, api.TagsRequest{Run: r.ID, Remove: remove, Add: add})
	if err != nil {
		return nil, wrap(err)
	}
	changed := *r
	changed.Tags, changed.SystemTags = res.Tags, res.SystemTags
	return &changed, nil
}

// changeTags asks the server, or the store of the folder, opened for that alone.
func (s *store) changeTags(ctx context.Context, q api.TagsRequest) (res api.TagsResult, err error) {
	if err := s.opened(); err != nil {
		return res, err
	}
	if s.home != "" {
		if s, err = open(ctx, local.Where{Path: s.home, Access: local.Change}); err != nil {
			return res, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
	}
	return api.Ask[api.TagsResult](ctx, s.caller(), "tags", q)
}

// File is a file of the code that was kept with a run. It is read from the package as it is read.
type File struct {
	io.Reader
	Path       string // below the folder of the flow, with slashes
	Size       int64
	Executable bool
}

// Code yields the files that were kept with the run, in the order of their paths. A file must be read before the next
// is asked for. ErrNotFound if none were kept.
func (r *Run) Code(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		tar, err := r.archive(ctx)
		if err != nil {
			yield(File{}, wrap(err))
			return
		}
		defer tar.Close()
		for e, err := range codepack.WalkTar(tar) {
			if !yield(File{e.Reader, e.Path, e.Size, e.Executable}, wrap(err)) {
				return
			}
		}
	}
}

// archive is the files that were kept with the run.
func (r *Run) archive(ctx context.Context) (io.ReadCloser, error) {
	return api.Open(ctx, r.c.caller(), "open_code", api.RunRequest{Run: r.ID})
}

// Source returns the flow's own file as it was. ErrNotFound if no code was kept.
func (r *Run) Source(ctx context.Context) (string, error) {
	info, err := api.Ask[api.Code](ctx, r.c.caller(), "code", api.RunRequest{Run: r.ID})
	if err != nil {
		return "", wrap(err)
	}
	for f, err := range r.Code(ctx) {
		if err != nil {
			return "", err
		}
		if f.Path == info.Script {
			var b bytes.Buffer
			_, err := b.ReadFrom(f)
			return b.String(), wrap(err)
		}
	}
	return "", wrap(fault.New(fault.NotFound, "the code of run %d has no file %s", r.ID, info.Script))
}

// UnpackCode writes the files that were kept with the run below dir, which must be empty or not there, and returns how
// many there were. Nothing is written outside dir. ErrConflict if it is not empty.
func (r *Run) UnpackCode(ctx context.Context, dir string) (int, error) {
	if err := codepack.Fresh(dir); err != nil {
		return 0, wrap(err)
	}
	tar, err := r.archive(ctx)
	if err != nil {
		return 0, wrap(err)
	}
	defer tar.Close()
	n, err := codepack.Write(codepack.WalkTar(tar), dir)
	return n, wrap(err)
}

// Step is a step of a run.
type Step struct {
	Name    string
	Created time.Time // when its first task was
	Counts  Counts

	run *Run
}

// Counts is how many tasks a step has by the status of their last attempt. Caught ones count as succeeded.
type Counts struct {
	Running, Succeeded, Failed, Killed, Died int
	// Started is the first start of a task and Ended the last end of one; zero if there is none.
	Started, Ended time.Time
}

func (r *Run) step(s *api.Step) *Step {
	st := &Step{Name: s.Name, Created: s.Created.Time(), run: r}
	if n := s.Counts; n != nil {
		st.Counts = Counts{n.Running, n.Succeeded, n.Failed, n.Killed, n.Died, n.Started.Time(), n.Ended.Time()}
	}
	return st
}

// Path is the step's path: "MyFlow/12/train".
func (s *Step) Path() string { return s.run.Path() + "/" + s.Name }

// Run is the run that the step belongs to.
func (s *Step) Run() *Run { return s.run }

// Tasks yields the tasks of the step in the order in which they were started.
func (s *Step) Tasks(ctx context.Context) iter.Seq2[*Task, error] {
	return s.run.Tasks(ctx, TaskFilter{Step: s.Name})
}

// Task returns the newest task of the step, which is the only one of a step outside of loops. ErrNotFound.
func (s *Step) Task(ctx context.Context) (*Task, error) {
	for t, err := range s.run.tasks(ctx, api.TasksRequest{Step: s.Name, Limit: 1}) {
		return t, err
	}
	return nil, wrap(fault.New(fault.NotFound, "run %d has no tasks of a step %s", s.run.ID, s.Name))
}
