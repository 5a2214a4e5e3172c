package cli

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/service"
)

// TestBothFormsAreOne gives the same run in Levada's and in Metaflow's form.
func TestBothFormsAreOne(t *testing.T) {
	type want struct {
		params  map[string][]string
		workers int
		tags    []string
		with    []string
	}
	for _, tc := range []struct {
		name string
		args []string
		env  []string
		want want
	}{
		{"nothing", []string{"run", "flow.py"}, nil, want{params: map[string][]string{}}},
		{"parameter", []string{"run", "flow.py", "--alpha", "0.5"}, nil, want{params: map[string][]string{"alpha": {"0.5"}}}},
		{"equals", []string{"run", "flow.py", "--alpha=0.5", "--hy-phen=a=b"}, nil,
			want{params: map[string][]string{"alpha": {"0.5"}, "hy-phen": {"a=b"}}}},
		{"value with a dash", []string{"run", "flow.py", "--alpha", "-0.5"}, nil, want{params: map[string][]string{"alpha": {"-0.5"}}}},
		{"empty value", []string{"run", "flow.py", "--hy-phen="}, nil, want{params: map[string][]string{"hy-phen": {""}}}},
		{"options before the file", []string{"run", "--max-workers", "3", "--alpha", "1", "flow.py"}, nil,
			want{params: map[string][]string{"alpha": {"1"}}, workers: 3}},
		{"a value that looks like the file", []string{"run", "--hy-phen", "other.py", "flow.py"}, nil,
			want{params: map[string][]string{"hy-phen": {"other.py"}}}},
		{"top-level before the command", []string{"--quiet", "run", "flow.py"}, nil, want{params: map[string][]string{}}},
		{"top-level after the command", []string{"run", "flow.py", "--no-pylint", "--metadata=local", "--datastore", "local", "--event-logger", "x"}, nil,
			want{params: map[string][]string{}}},
		{"tags and with", []string{"run", "flow.py", "--tag", "a", "--tag", "b c", "--with", "retry", "--with", "resources:cpu=2"}, nil,
			want{params: map[string][]string{}, tags: []string{"a", "b c"}, with: []string{"retry", "resources:cpu=2"}}},
		{"Metaflow's form", []string{"flow", "flow.py", "--quiet", "--no-pylint", "run", "--alpha", "2"}, nil,
			want{params: map[string][]string{"alpha": {"2"}}}},
		{"Metaflow's order of with", []string{"flow", "flow.py", "--with", "retry", "run", "--with", "catch:var=x"}, nil,
			want{params: map[string][]string{}, with: []string{"catch:var=x", "retry"}}},
		{"a parameter hides a top-level option", []string{"flow", "flow.py", "--monitor", "nullSidecarMonitor", "run", "--monitor", "x"}, nil,
			want{params: map[string][]string{"monitor": {"x"}}}},
		{"what was spun is in the same store", []string{"flow", "flow.py", "--mode", "spin", "run"}, nil, want{params: map[string][]string{}}},
		{"environment", []string{"run", "flow.py"},
			[]string{"METAFLOW_RUN_ALPHA=7", "METAFLOW_RUN_HY_PHEN=", "METAFLOW_RUN_MAX_WORKERS=5", "METAFLOW_RUN_TAGS=a b", "METAFLOW_DECOSPECS=retry", "METAFLOW_RUN_DECOSPECS=timeout:seconds=5", "METAFLOW_DEFAULT_DECOSPECS=resources:cpu=1 catch"},
			want{params: map[string][]string{"alpha": {"7"}, "hy-phen": {""}}, workers: 5, tags: []string{"a", "b"},
				with: []string{"timeout:seconds=5", "resources:cpu=1", "catch", "retry"}}},
		{"the command line beats the environment", []string{"run", "flow.py", "--alpha", "1", "--max-workers", "2", "--tag", "c"},
			[]string{"METAFLOW_RUN_ALPHA=7", "METAFLOW_RUN_MAX_WORKERS=5", "METAFLOW_RUN_TAGS=a b"},
			want{params: map[string][]string{"alpha": {"1"}}, workers: 2, tags: []string{"c"}}},
		{"Levada's environment beats Metaflow's", []string{"run", "flow.py"},
			[]string{"METAFLOW_RUN_ALPHA=7", "LEVADA_RUN_ALPHA=8"}, want{params: map[string][]string{"alpha": {"8"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProgram(t, tc.env...)
			if code := p.run(t, tc.args...); code != 0 {
				t.Fatalf("exit code %d\n%s", code, p.err.String())
			}
			o := p.service.ran
			got := want{params: o.Parameters, workers: o.MaxWorkers, tags: o.Tags, with: p.service.source.With}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
			if p.service.source.File != "flow.py" {
				t.Errorf("file %q", p.service.source.File)
			}
		})
	}
}

func TestDefaultsOfRun(t *testing.T) {
	p := newProgram(t)
	p.run(t, "run", "flow.py")
	o := *p.service.ran
	if o.MaxLogSize != 10<<20 || o.MaxWorkers != 0 || o.MaxSplits != 0 || o.User != "ann" || o.Namespace != "user:ann" {
		t.Errorf("defaults: %+v", o)
	}
	if p.home.Need != CreateStore || p.home.Dir != p.env.Dir || p.home.Path != "" {
		t.Errorf("home: %+v", p.home)
	}
	if want := []string{"levada", "run", "flow.py"}; !reflect.DeepEqual(o.CommandLine, want) {
		t.Errorf("command line %q", o.CommandLine)
	}
}

func TestUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string // in stderr
	}{
		{[]string{"run", "flow.py", "--x", "1"}, "Usage: levada run FILE [OPTIONS]\nTry 'levada run --help' for help.\n\nError: no such option: --x\n"},
		{[]string{"run", "flow.py", "--max-worker", "1"}, "Error: no such option: --max-worker  Did you mean --max-workers?"},
		{[]string{"run", "flow.py", "--Alpha", "1"}, "Error: no such option: --Alpha  Did you mean --alpha?"},
		{[]string{"run", "flow.py", "-x"}, "Error: no such option: -x"},
		{[]string{"run", "flow.py", "--alpha"}, "Error: --alpha option requires an argument"},
		{[]string{"run", "flow.py", "--quiet=1"}, "Error: --quiet option does not take a value"},
		{[]string{"run", "flow.py", "--max-workers", "many"}, "Error: Invalid value for '--max-workers': many is not a valid integer"},
		{[]string{"run", "flow.py", "--isolation", "vm"}, "Error: Invalid value for '--isolation': invalid choice: vm. (choose from fork, spawn)"},
		{[]string{"run", "flow.py", "extra"}, "Error: Got unexpected extra argument (extra)"},
		{[]string{"run"}, "Error: Missing argument 'FILE'."},
		{[]string{"run", "--alpha", "1"}, "Error: Missing argument 'FILE'."},
		{[]string{"run", "--alpha", "flow.py"}, "Error: --alpha option requires an argument"},
		{[]string{"run", "--alpha", "other.py", "--x", "flow.py"}, "Error: Missing argument 'FILE'.\nName it first: levada run FILE"},
		{[]string{"run", "--x", "flow.py"}, "Error: no such option: --x\n"},
		{[]string{"logs"}, "Error: Missing argument 'PATHSPEC'."},
		{[]string{"logs", "12/"}, ""},
		{[]string{"logs", "a/b/c/d/e"}, "does not name a run, step or task"},
		{[]string{"dump", "12/end/model"}, "an artifact is shown by: levada dump 12/end --include model"},
		{[]string{"dump", "Flow/12/end/3/model/"}, "an artifact is shown by: levada dump Flow/12/end/3 --include model"},
		{[]string{"rum", "flow.py"}, "Error: No such command 'rum'.\nDid you mean: run"},
		{[]string{"lgos", "1"}, "Error: No such command 'lgos'.\nDid you mean: logs\n"},
		{[]string{"artefacts", "1"}, "Error: No such command 'artefacts'.\nDid you mean: artifacts\n"},
		{[]string{"flow.py"}, "Did you mean: levada run flow.py"},
		{[]string{"flow", "flow.py", "output-dots"}, "Usage: flow.py [OPTIONS] COMMAND [ARGS]...\nTry 'flow.py --help' for help.\n\nError: No such command 'output-dots'.\nDid you mean: output-dot"},
		{[]string{"flow", "flow.py", "--max-workers", "2", "run"}, "Error: no such option: --max-workers"},
		{[]string{"flow", "flow.py", "run", "--y", "1"}, "Usage: flow.py run [OPTIONS]\nTry 'flow.py run --help' for help.\n\nError: no such option: --y\n"},
		{[]string{"resume", "flow.py", "--alpha", "1"}, "Error: no such option: --alpha"},
		{[]string{"resume", "flow.py", "--mode", "slow"}, "Error: no such option: --mode"},
		{[]string{"run", "flow.py", "--branch", "x"}, "Error: no such option: --branch"},
		{[]string{"resume", "flow.py", "--origin-run-id", ""}, "Error: Invalid value for '--origin-run-id': '' is not the id of a run"},
		{[]string{"resume", "flow.py", ""}, "'' is not the name of a step"},
		{[]string{"resume", "flow.py", "--origin-run-id", "x"}, "Error: Invalid value for '--origin-run-id': x is not the id of a run"},
		{[]string{"output-dot", "flow.py"}, "Error: No such command 'output-dot'.\nDid you mean: show --format dot"},
		{[]string{"ps"}, "Error: No such command 'ps'.\nDid you mean: runs"},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			p := newProgram(t)
			code := p.run(t, tc.args...)
			if tc.want == "" {
				return // only that it does not fall over
			}
			if code != 2 {
				t.Errorf("exit code %d", code)
			}
			if got := p.err.String(); !strings.Contains(got, tc.want) {
				t.Errorf("stderr:\n%s\nwant in it:\n%s", got, tc.want)
			}
			if p.out.Len() > 0 {
				t.Errorf("stdout: %s", p.out.String())
			}
		})
	}
}

// What is not near is not meant.
func TestNothingIsSuggestedThatIsNotNear(t *testing.T) {
	for _, args := range [][]string{{"nope"}, {"x"}, {"tag", "x"}, {"run", "flow.py", "--zz", "1"}} {
		p := newProgram(t)
		if code := p.run(t, args...); code != 2 || strings.Contains(p.err.String(), "Did you mean") {
			t.Errorf("%q: exit code %d\n%s", args, code, p.err.String())
		}
	}
}

// Only the flow knows that a value is wrong; the field of its answer counts, and not the words.
func TestAFlowsErrorNamesTheVariable(t *testing.T) {
	for _, tc := range []struct{ environ, want string }{
		{"METAFLOW_RUN_ALPHA=x", "Error: for METAFLOW_RUN_ALPHA x is too odd\n"},
		{"METAFLOW_RUN_ALPHA=", "Error: for METAFLOW_RUN_ALPHA x is too odd\n"},
		{"OTHER=x", "Error: for --alpha x is too odd\n"},
	} {
		p := newProgram(t)
		p.env.Environ = []string{tc.environ}
		p.service.runErr, p.service.result = fault.New(fault.Usage, "for --alpha x is too odd").On("alpha"), service.RunResult{}
		if code := p.run(t, "run", "flow.py"); code != exitUsage || !strings.HasSuffix(p.err.String(), tc.want) {
			t.Errorf("%s: exit code %d\n%s", tc.environ, code, p.err.String())
		}
	}
}

func TestEnvironmentErrorsNameTheVariable(t *testing.T) {
	p := newProgram(t, "METAFLOW_RUN_MAX_WORKERS=many")
	if code := p.run(t, "run", "flow.py"); code != 2 || !strings.Contains(p.err.String(), "Invalid value for 'METAFLOW_RUN_MAX_WORKERS': many is not a valid integer") {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

func TestMissingRequiredParameter(t *testing.T) {
	p := newProgram(t)
	p.service.flow.Parameters[1].Required = true
	if code := p.run(t, "run", "flow.py"); code != 2 || !strings.Contains(p.err.String(), "Error: Missing option '--hy-phen'.") {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
	p.env.Environ = []string{"METAFLOW_RUN_HY_PHEN=x"}
	if code := p.run(t, "run", "flow.py"); code != 0 {
		t.Errorf("with the environment: exit code %d\n%s", code, p.err.String())
	}
	if code := p.run(t, "run", "flow.py", "--help"); code != 0 {
		t.Errorf("help: exit code %d\n%s", code, p.err.String())
	}
}

func TestWhatComesLater(t *testing.T) {
	for _, args := range [][]string{
		{"run", "flow.py", "--datastore", "s3"},
		{"run", "flow.py", "--metadata=service"},
		{"flow", "flow.py", "argo-workflows", "create"},
		{"flow", "flow.py", "step", "start"},
		{"flow", "flow.py", "init"},
	} {
		p := newProgram(t)
		if code := p.run(t, args...); code != 1 || !strings.Contains(p.err.String(), "is not in this version of Levada") {
			t.Errorf("%q: exit code %d\n%s", args, code, p.err.String())
		}
	}
}

func TestProjectOptions(t *testing.T) {
	for _, args := range [][]string{
		{"flow", "flow.py", "--branch", "b1", "run"},
		{"flow", "flow.py", "run", "--branch", "b1"},
		{"run", "flow.py", "--branch=b1"},
	} {
		p := newProgram(t)
		p.service.flow.Decorators = projectDecorator
		if code := p.run(t, args...); code != 0 || p.service.ran.Branch != "b1" {
			t.Errorf("%q: exit code %d, branch %q\n%s", args, code, p.service.ran.Branch, p.err.String())
		}
		if !strings.Contains(p.err.String(), "Project: shop, Branch: test.b1\n") {
			t.Errorf("stderr: %s", p.err.String())
		}
	}
	for _, command := range []string{"show", "check"} {
		p := newProgram(t, "METAFLOW_USER=eve")
		p.service.flow.Decorators = projectDecorator
		if p.run(t, command, "flow.py"); strings.Count(p.err.String(), "Project: shop, Branch: user.eve\n") != 1 {
			t.Errorf("%s: stderr: %s", command, p.err.String())
		}
	}
	p := newProgram(t, "METAFLOW_FLOW_PRODUCTION=1", "METAFLOW_USER=eve")
	p.service.flow.Decorators = projectDecorator
	if p.run(t, "run", "flow.py"); !p.service.ran.Production {
		t.Error("METAFLOW_FLOW_PRODUCTION had no effect")
	}
}

func TestShapesOfParameters(t *testing.T) {
	shapes := []graph.Parameter{
		{Name: "flag", Attribute: "flag", Type: "bool", Flag: "False"},
		{Name: "many", Attribute: "many", Type: "str", Many: true, Variables: []string{"MANY"}},
		{Name: "two", Attribute: "two", Type: "int", Arity: 2},
	}
	for _, tc := range []struct {
		environ []string
		args    []string
		want    map[string][]string
		wrong   string
	}{
		{args: []string{"--flag", "--with", "retry", "--many", "a b", "--many=c", "--two", "1", "-2"},
			want: map[string][]string{"flag": {"False"}, "many": {"a b", "c"}, "two": {"1", "-2"}}},
		{environ: []string{"METAFLOW_RUN_FLAG=1", "MANY=a  b", "METAFLOW_RUN_MANY=weaker", "METAFLOW_RUN_TWO=3 4"},
			want: map[string][]string{"flag": {"1"}, "many": {"a", "b"}, "two": {"3", "4"}}},
		{environ: []string{"MANY=variable"}, args: []string{"--many", "given"}, want: map[string][]string{"many": {"given"}}},
		{environ: []string{"METAFLOW_RUN_TWO=3 4 5 6"}, wrong: `'METAFLOW_RUN_TWO': 2 values are expected, separated by white space, not "3 4 5 6"`},
		{args: []string{"--two", "1"}, wrong: "--two option requires 2 arguments"},
		{args: []string{"--flag=1"}, wrong: "--flag option does not take a value"},
	} {
		p := newProgram(t, tc.environ...)
		p.service.flow.Parameters = shapes
		code := p.run(t, append([]string{"run", "flow.py"}, tc.args...)...)
		switch {
		case tc.wrong != "" && (code != 2 || !strings.Contains(p.err.String(), tc.wrong)):
			t.Errorf("%q %q: exit code %d\n%s", tc.environ, tc.args, code, p.err.String())
		case tc.wrong == "" && !reflect.DeepEqual(p.service.ran.Parameters, tc.want):
			t.Errorf("%q %q: %v\n%s", tc.environ, tc.args, p.service.ran.Parameters, p.err.String())
		}
	}
}

func TestUser(t *testing.T) {
	for _, tc := range []struct {
		environ []string
		os      string
		want    string
	}{
		{[]string{"USER=bob"}, "x", "bob"},
		{[]string{"METAFLOW_USER=eve", "USER=bob"}, "x", "eve"},
		{[]string{"USER=root", "SUDO_USER=bob"}, "x", "bob"},
		{[]string{"USER=root", "USERNAME="}, "root", "root"},
		{nil, "", "root"},
	} {
		env := Env{Environ: tc.environ, User: tc.os}
		if got := env.user(); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.environ, got, tc.want)
		}
	}
}

func TestStoreOptions(t *testing.T) {
	p := newProgram(t, "LEVADA_HOME=/a")
	p.run(t, "runs")
	if p.home.Path != "/a" || p.home.Need != ExistingStore {
		t.Errorf("home %+v", p.home)
	}
	p.run(t, "runs", "--datastore-root", "/b")
	if p.home.Path != "/b" {
		t.Errorf("home %+v", p.home)
	}
	p.run(t, "check", "flow.py")
	if p.home.Need != NoStore {
		t.Errorf("check needs %v", p.home.Need)
	}
}

func TestHandedForkServer(t *testing.T) {
	p := newProgram(t, "LEVADA_WORKER_FD=5", "LEVADA_WORKER_PID=77", "LEVADA_PYTHON=/usr/bin/python3")
	p.run(t, "flow", "flow.py", "run")
	want := service.FlowSource{File: "flow.py", Python: "/usr/bin/python3", HandedFD: 5, HandedPID: 77, User: "ann",
		Stdout: &p.err, Stderr: &p.err}
	p.service.source.Tell, p.service.source.Heard = nil, nil
	if got := p.service.source; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// A flow is started by hand inside of a task: what the environment says is not for it.
	p.run(t, "run", "flow.py")
	if p.service.source.HandedFD != 0 {
		t.Error("`levada run` took over the fork server of another")
	}
}

func TestWithoutACommandChecks(t *testing.T) {
	p := newProgram(t)
	if code := p.run(t, "flow", "flow.py"); code != 0 || !strings.Contains(p.err.String(), "The graph looks good!") {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

// TestParametersAreText has a value that would come to the flow as something else.
func TestParametersAreText(t *testing.T) {
	values := map[string][]string{}
	o := parameterOptions([]graph.Parameter{{Name: "path"}}, values, nil)[0]
	set := func(v []string) error { return o.accept(v, "--path") }
	if err := set([]string{"caf\xe9"}); err == nil || !strings.Contains(err.Error(), `'--path': "caf\xe9" is not text in UTF-8`) {
		t.Errorf("what is not UTF-8: %v", err)
	}
	if err := set([]string{"café"}); err != nil || !slices.Equal(values["path"], []string{"café"}) {
		t.Errorf("what is: %v, %v", err, values)
	}
}
