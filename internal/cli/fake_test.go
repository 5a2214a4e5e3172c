package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
)

// fakeService is a Service in memory that remembers what it was asked for.
type fakeService struct {
	flow     *graph.Flow
	opening  func(context.Context) // what happens while a flow is opened
	openErr  error
	source   service.FlowSource
	ran      *service.RunOptions
	resumed  *service.ResumeOptions
	result   service.RunResult
	runErr   error
	during   func(ctx context.Context, o service.RunOptions) // what happens in a run
	runs     []metastore.Run
	filter   metastore.RunFilter
	steps    map[int64][]metastore.StepCount
	tasks    []service.TaskInfo
	pathspec service.Pathspec
	lines    map[int64][]tasklog.Line
	arts     map[int64][]metastore.Artifact
	values   map[string][]byte
	fakeUpkeep
	diff  *service.Diff
	cards []service.Card
}

type fakeFlow struct {
	flow     *graph.Flow
	graph    *graph.Graph
	problems []graph.Problem
}

func (f *fakeFlow) Definition() *graph.Flow   { return f.flow }
func (f *fakeFlow) Graph() *graph.Graph       { return f.graph }
func (f *fakeFlow) Problems() []graph.Problem { return f.problems }
func (f *fakeFlow) Close() error              { return nil }
func (f *fakeFlow) Defaults(context.Context) (map[string]string, error) {
	return map[string]string{"when": "today"}, nil
}

func (s *fakeService) Open(ctx context.Context, src service.FlowSource) (service.OpenFlow, error) {
	s.source = src
	if s.opening != nil {
		s.opening(ctx)
	}
	if s.openErr != nil {
		return nil, s.openErr
	}
	flow := *s.flow
	g, problems := graph.Compile(&flow)
	return &fakeFlow{&flow, g, problems}, nil
}

func (s *fakeService) Spin(context.Context, service.OpenFlow, service.SpinOptions) (service.RunResult, error) {
	return service.RunResult{}, nil
}

func (s *fakeService) Run(ctx context.Context, _ service.OpenFlow, o service.RunOptions) (service.RunResult, error) {
	s.ran = &o
	if o.OnRun != nil && s.result.Run != 0 {
		if err := o.OnRun(s.result.Run); err != nil {
			return service.RunResult{}, err
		}
	}
	if s.during != nil {
		s.during(ctx, o)
	}
	return s.result, s.runErr
}

func (s *fakeService) Resume(ctx context.Context, f service.OpenFlow, o service.ResumeOptions) (service.RunResult, error) {
	s.resumed = &o
	return s.Run(ctx, f, o.RunOptions)
}

func (s *fakeService) Runs(_ context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error] {
	s.filter = f
	return func(yield func(metastore.Run, error) bool) {
		for _, r := range s.runs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *fakeService) LatestRun(context.Context, string) (metastore.Run, error) {
	for _, r := range s.runs {
		return r, nil
	}
	return metastore.Run{}, fault.New(fault.NotFound, "there is no run")
}

func (s *fakeService) RunByID(_ context.Context, id int64) (metastore.Run, error) {
	for _, r := range s.runs {
		if r.ID == id {
			return r, nil
		}
	}
	return metastore.Run{}, fault.New(fault.NotFound, "there is no run %d", id)
}

func (s *fakeService) RunOf(ctx context.Context, p service.Pathspec) (metastore.Run, error) {
	r, err := s.RunByID(ctx, p.Run)
	if err == nil {
		err = p.In(r.Flow)
	}
	return r, err
}

func (s *fakeService) Steps(_ context.Context, run int64) ([]metastore.StepCount, error) {
	return s.steps[run], nil
}

func (s *fakeService) Tasks(_ context.Context, p service.Pathspec) iter.Seq2[service.TaskInfo, error] {
	s.pathspec = p
	return func(yield func(service.TaskInfo, error) bool) {
		found := false
		for _, t := range s.tasks {
			if (p.Step == "" || t.Task.Step == p.Step) && (p.Task < 0 || t.Task.ID == p.Task) {
				found = true
				if !yield(t, nil) {
					return
				}
			}
		}
		if !found {
			yield(service.TaskInfo{}, fault.New(fault.NotFound, "there is no task %s", p).Do("it has tasks of: start"))
		}
	}
}

func (s *fakeService) Log(_ context.Context, t service.TaskInfo, _ int) iter.Seq2[tasklog.Line, error] {
	return func(yield func(tasklog.Line, error) bool) {
		for _, l := range s.lines[t.Task.ID] {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func (s *fakeService) Artifacts(_ context.Context, t service.TaskInfo, _ int) ([]metastore.Artifact, error) {
	return append([]metastore.Artifact{}, s.arts[t.Task.ID]...), nil
}

func (s *fakeService) Value(_ context.Context, a metastore.Artifact) ([]byte, error) {
	return s.values[a.Name], nil
}

// program is a command line under test.
type program struct {
	service *fakeService
	env     Env
	out     bytes.Buffer
	err     bytes.Buffer
	home    Home
	signals chan os.Signal
}

// noon is when tests happen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newProgram(t *testing.T, environ ...string) *program {
	p := &program{service: &fakeService{flow: testFlow(), result: service.RunResult{Run: 12, Status: metastore.RunSucceeded, FailedTask: -1}}}
	p.signals = make(chan os.Signal, 4)
	p.env = Env{
		Stdout: &p.out, Stderr: &p.err, Dir: t.TempDir(), Version: "1.2.3", User: "ann", Signals: p.signals,
		Environ: environ, Now: func() time.Time { return noon },
		Open: func(_ context.Context, where Home) (Store, error) {
			p.home = where
			return Store{Service: p.service, Path: "/store/.levada", Close: func() error { return nil }}, nil
		},
	}
	return p
}

// run runs a command line and returns the exit code.
func (p *program) run(t *testing.T, args ...string) int {
	p.out.Reset()
	p.err.Reset()
	return Main(t.Context(), p.env, args)
}

// testFlow is start → train (foreach) → join → end, with parameters.
func testFlow() *graph.Flow {
	return &graph.Flow{
		Version: 1, Name: "TrainFlow", File: "/src/flow.py", Language: "python", Doc: "Trains a model.",
		Steps: []graph.Step{
			{Name: "start", Line: 5, Args: 1, Next: &graph.Next{Kind: graph.NextForeach, Targets: []string{"train"}, Foreach: "items", Line: 6}},
			{Name: "train", Line: 8, Args: 1, Doc: "Trains one.", Next: &graph.Next{Kind: graph.NextLinear, Targets: []string{"join"}, Line: 9},
				Decorators: []graph.Decorator{{Name: "retry"}}},
			{Name: "join", Line: 11, Args: 2, Next: &graph.Next{Kind: graph.NextLinear, Targets: []string{"end"}, Line: 12}},
			{Name: "end", Line: 14, Args: 1},
		},
		Parameters: []graph.Parameter{
			{Name: "alpha", Attribute: "alpha", Type: "float", Default: []byte("0.1"), Help: "Learning rate."},
			{Name: "hy-phen", Attribute: "hy_phen", Type: "str"},
			{Name: "when", Attribute: "when", Type: "str", Computed: true},
			{Name: "monitor", Attribute: "monitor", Type: "str", Help: "Shadows a top-level option."},
		},
	}
}

// event returns an event of the run under test at noon and some milliseconds.
func event(kind runner.EventKind, step string, task int64, ms int) *runner.Event {
	e := &runner.Event{Kind: kind, Time: noon.Add(time.Duration(ms) * time.Millisecond), Flow: "TrainFlow", Run: 12, Step: step, Task: task}
	if step != "" {
		e.PID = 100 + int(task)
	}
	return e
}

var projectDecorator = []graph.Decorator{{Name: "project", Attributes: map[string]json.RawMessage{"name": json.RawMessage(`"shop"`)}}}

func (s *fakeService) Summaries(ctx context.Context, f metastore.RunFilter) iter.Seq2[service.RunSummary, error] {
	return func(yield func(service.RunSummary, error) bool) {
		for r, err := range s.Runs(ctx, f) {
			sum := service.RunSummary{Run: r}
			for _, st := range s.steps[r.ID] {
				if st.Step != service.ParametersStep {
					sum.Tasks.Running += st.Running
					sum.Tasks.Succeeded += st.Succeeded
					sum.Tasks.Failed += st.Failed
					sum.Tasks.Killed += st.Killed
				}
			}
			if !yield(sum, err) {
				return
			}
		}
	}
}

func (s *fakeService) FlowSummaries(context.Context, string) ([]metastore.FlowSummary, error) {
	return []metastore.FlowSummary{{Name: "TrainFlow", Runs: len(s.runs)}}, nil
}

func (s *fakeService) Compare(context.Context, [2]service.Pathspec) (*service.Diff, error) {
	if s.diff == nil {
		return &service.Diff{}, nil
	}
	return s.diff, nil
}

func (s *fakeService) ChangeTags(ctx context.Context, run int64, _ string, _, _ []string) (metastore.Run, error) {
	return s.RunByID(ctx, run)
}

func (s *fakeService) Code(context.Context, metastore.Run) iter.Seq2[codepack.Entry, error] {
	return func(func(codepack.Entry, error) bool) {}
}

func (s *fakeService) Cancel(context.Context, int64) error { return nil }

func (s *fakeService) UnpackCode(context.Context, metastore.Run, string) (int, error) { return 0, nil }

func (s *fakeService) Definition(context.Context, metastore.Run) (*graph.Flow, error) {
	return s.flow, nil
}

func (s *fakeService) Preview(_ context.Context, a metastore.Artifact, max int) (string, error) {
	return service.Repr(a, s.values[a.Name], max), nil
}

func (s *fakeService) Loops(context.Context, int64) (*service.Loops, error) {
	return &service.Loops{}, nil
}

func (s *fakeService) Follow(ctx context.Context, p service.Pathspec, attempt int, _ <-chan time.Time) iter.Seq2[service.LogLine, error] {
	return func(yield func(service.LogLine, error) bool) {
		for t, err := range s.Tasks(ctx, p) {
			for l := range s.Log(ctx, t, attempt) {
				if !yield(service.LogLine{Task: t, Line: l}, err) {
					return
				}
			}
		}
	}
}

func (s *fakeService) Cards(context.Context, service.Pathspec) ([]service.Card, error) {
	return s.cards, nil
}

func (s *fakeService) CardHTML(context.Context, service.Card) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("<!doctype html>\n")), nil
}
