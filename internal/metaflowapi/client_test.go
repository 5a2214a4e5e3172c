package metaflowapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/metaflowapi"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/remote"
	"github.com/levadahq/levada/internal/service"
)

// metaflowVersion is the Metaflow that records its runs here.
const metaflowVersion = "2.19.39"

// metaflow returns a Python that has Metaflow, as it comes from the package index. It is made
// once, in the repository's folder for tools.
func metaflow(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("with -short Metaflow is not installed")
	}
	python, err := install()
	if err != nil {
		t.Fatalf("Metaflow, which this test is about, cannot be installed: %v", err)
	}
	return python
}

var install = sync.OnceValues(func() (string, error) {
	venv, err := filepath.Abs("../../.tools/metaflow-" + metaflowVersion)
	if err != nil {
		return "", err
	}
	python, done := filepath.Join(venv, "bin", "python"), filepath.Join(venv, "done")
	if _, err := os.Stat(done); !errors.Is(err, fs.ErrNotExist) {
		return python, err
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", venv},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "metaflow==" + metaflowVersion},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return python, os.WriteFile(done, nil, 0o666)
})

// world is a server with a folder in which Metaflow runs.
type world struct {
	t      *testing.T
	python string
	dir    string
	url    string
	home   string
	api    *api.Service
	late   atomic.Int64 // by how much the server's clock is ahead
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, python: metaflow(t), dir: t.TempDir()}
	w.home = filepath.Join(w.dir, "store")
	store, err := local.Open(context.Background(), local.Where{Dir: w.dir, Path: w.home, Access: local.Create})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	now := func() time.Time { return time.Now().Add(time.Duration(w.late.Load())) }
	store.Config.Now = now
	meta := store.Config.Store.(*sqlite.Store)
	w.api = api.New(api.Config{Cases: service.New(store.Config), Store: meta, Data: store.Config.Data, Home: w.home})
	server := httptest.NewUnstartedServer(metaflowapi.New(metaflowapi.Config{Store: meta, Data: store.Config.Data, API: w.api, Now: now}))
	// What it reads on whose word: the datastore is in a folder of ours alone.
	server.Config.ConnContext = remote.WithPeer
	server.Start()
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// command is a command of Metaflow that uses the server.
func (w *world) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(w.python, args...)
	cmd.Dir = w.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "METAFLOW_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, "USER=ann", "HOME="+w.dir, "METAFLOW_DEFAULT_METADATA=service", "METAFLOW_SERVICE_URL="+w.url+"/metaflow"), env...)
	return cmd
}

// run runs a command of Metaflow and returns what it printed.
func (w *world) run(want int, env []string, script string, args ...string) string {
	w.t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", script))
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := w.command(env, append([]string{path}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		w.t.Fatalf("%s %v: %v\n%s%s", script, args, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// status is how a run is by now.
func (w *world) status(run int64) api.Run {
	w.t.Helper()
	for _, r := range must[api.RunsResult](w.t)(w.api.Runs(context.Background(), api.RunsRequest{Counts: true})).Runs {
		if r.ID == run {
			return r
		}
	}
	w.t.Fatalf("there is no run %d", run)
	return api.Run{}
}

func (w *world) tasks(run int64, step string) []api.Task {
	w.t.Helper()
	return must[api.TasksResult](w.t)(w.api.Tasks(context.Background(), api.TasksRequest{Run: run, Step: step, Oldest: true})).Tasks
}

func TestClient(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), context.Background()
	w.run(0, nil, "train.py", "--quiet", "run", "--alpha", "0.25", "--tag", "first", "--run-id-file", "id")

	// What Levada knows of it.
	r := w.status(1)
	equal(t, "run", []any{r.Flow, r.Status, r.User, r.Tags, r.Parameters, r.SDK, r.FlowFile, r.FailedTask, r.Problem, r.Tasks.Succeeded, r.Tasks.Tasks()},
		[]any{"Train", api.Succeeded, "ann", []string{"first"}, map[string]string{"alpha": "0.25", "width": "3"}, "metaflow " + metaflowVersion, "train.py", int64(-1), "", 6, 6})
	if r.Ended < r.Created {
		t.Errorf("ended %d, created %d", r.Ended, r.Created)
	}
	var steps []string
	for _, s := range must[api.StepsResult](t)(w.api.Steps(ctx, api.StepsRequest{Run: 1})).Steps {
		steps = append(steps, s.Name)
	}
	equal(t, "steps", steps, []string{"_parameters", "start", "work", "join", "end"})
	var graph struct {
		Steps map[string]struct {
			Type string   `json:"type"`
			Next []string `json:"next"`
		} `json:"steps"`
	}
	if err := json.Unmarshal(must[api.GraphResult](t)(w.api.Graph(ctx, api.RunRequest{Run: 1})).Graph, &graph); err != nil {
		t.Fatal(err)
	}
	equal(t, "graph", []any{graph.Steps["start"].Type, graph.Steps["start"].Next, graph.Steps["join"].Type}, []any{"split-foreach", []string{"work"}, "join"})
	work := w.tasks(1, "work")
	var values []string
	for _, task := range work {
		last := task.Latest()
		values = append(values, last.Value)
		if last.Value != "n1" {
			continue
		}
		if len(task.Attempts) != 2 || task.Attempts[0].Status != api.Failed || last.Status != api.Succeeded {
			t.Errorf("attempts of the task that is retried: %+v", task.Attempts)
		}
		if e := task.Attempts[0].Exception; e == nil || e.Type != "ValueError" || e.Message != "not at once" || !strings.Contains(e.Traceback, "in work") {
			t.Errorf("exception: %+v", e)
		}
	}
	slices.Sort(values)
	equal(t, "elements", values, []string{"n0", "n1", "n2"})
	if caught := w.tasks(1, "join")[0].Latest(); caught.Status != api.Caught {
		t.Errorf("an exception that @catch took: %+v", caught)
	}

	// Values and logs are read from Metaflow's datastore.
	start := w.tasks(1, "start")[0]
	found := must[api.ValuesResult](t)(w.api.Values(ctx, api.ValuesRequest{Run: 1, Local: true, Values: []api.ValueRef{
		{Task: start.ID, Attempt: -1, Name: "alpha"}, {Task: start.ID, Attempt: -1, Name: "large"},
	}}))
	equal(t, "types", []any{found.Values[0].Codec, found.Values[0].Type, found.Values[1].Codec, found.Values[1].Type}, []any{"pickle", "float", "pickle", "str"})
	if large := found.Data[found.Values[0].Length:]; len(large) < 100_000 || int64(len(large)) != found.Values[1].Size || !bytes.Contains(large, []byte("xxxx")) {
		t.Errorf("the large value has %d bytes, its record says %d", len(large), found.Values[1].Size)
	}
	log := must[api.LogResult](t)(w.api.Log(ctx, api.LogRequest{Run: 1, Task: start.ID, Attempt: -1}))
	if text := string(log.Data); !strings.Contains(text, "started with 0.25") || !strings.Contains(text, "a warning") || log.Lines[0].Time == 0 {
		t.Errorf("log: %q %+v", text, log.Lines)
	}
	meta := must[api.MetadataResult](t)(w.api.Metadata(ctx, api.MetadataRequest{Run: 1, Task: start.ID}))
	if !slices.ContainsFunc(meta.Metadata, func(m api.Metadatum) bool { return m.Name == "attempt_ok" && m.Value == "True" }) {
		t.Errorf("metadata: %+v", meta.Metadata)
	}

	// What Metaflow's client reads back.
	var saw map[string]any
	if out := w.run(0, nil, "read.py", "1"); json.Unmarshal([]byte(out), &saw) != nil {
		t.Fatal(out)
	}
	paths, _ := saw["by_index"].([]any)
	delete(saw, "by_index")
	equal(t, "what the client reads", saw, map[string]any{
		"flows": []any{"Train"}, "latest": "1", "latest_successful": "1", "successful": true, "finished": true,
		"steps": []any{"end", "join", "work", "start"}, "tasks": 3.0, "alpha": 0.25, "total": 12.0, "large": 100_000.0,
		"stdout": "total 12\n", "stderr": "a warning\n", "retried": 4.0, "first_attempt": "not at once", "tags": []any{"best", "first"},
		"tagged": []any{"1"}, "children": true, "parents": true, "user": "ann", "ends": []any{true, true},
	})
	if len(paths) != 3 || !slices.Contains(paths, any("work:2")) {
		t.Errorf("paths of the foreach: %v", paths)
	}
	equal(t, "tags", w.status(1).Tags, []string{"best", "first"})
}

func TestManyTasksAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(0, nil, "train.py", "--quiet", "run", "--width", "16", "--max-workers", "8")
	r := w.status(1)
	equal(t, "run", []any{r.Status, r.Tasks.Succeeded, r.Tasks.Tasks()}, []any{api.Succeeded, 19, 19})
}

func TestFailedRunIsResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(1, []string{"DO=fail"}, "rough.py", "--quiet", "run")
	w.late.Store(int64(time.Minute)) // it has been silent since
	r := w.status(1)
	equal(t, "failed run", []any{r.Status, r.FailedTask, r.Problem}, []any{api.Failed, int64(2), "task 2 of step middle failed: KeyError: 'missing'"})
	failed := must[api.RunsResult](t)(w.api.Runs(context.Background(), api.RunsRequest{Status: api.One(api.Failed)}))
	equal(t, "failed runs", len(failed.Runs), 1)

	w.run(0, []string{"DO=pass"}, "rough.py", "--quiet", "resume", "--origin-run-id", "1")
	r = w.status(2)
	equal(t, "resumed run", []any{r.Status, r.Tasks.Succeeded, r.Tasks.Tasks()}, []any{api.Succeeded, 3, 3})
}

func TestKilledRunDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, err := filepath.Abs("testdata/rough.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := w.command([]string{"DO=stay"}, path, "--quiet", "run")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); cmd.Wait() }
	t.Cleanup(kill)
	deadline := time.Now().Add(time.Minute)
	for {
		if runs := must[api.RunsResult](t)(w.api.Runs(context.Background(), api.RunsRequest{})).Runs; len(runs) > 0 {
			if tasks := w.tasks(1, "middle"); len(tasks) > 0 && len(tasks[0].Attempts) > 0 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the run has not come to its second step")
		}
		time.Sleep(20 * time.Millisecond)
	}
	equal(t, "while it runs", w.status(1).Status, api.Running)
	kill()
	w.late.Store(int64(time.Minute))
	r := w.status(1)
	equal(t, "when it was killed", []any{r.Status, r.Tasks.Died, r.Tasks.Succeeded}, []any{api.Died, 1, 1})
	equal(t, "the task", w.tasks(1, "middle")[0].Latest().Status, api.Died)
}
