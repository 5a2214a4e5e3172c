package service_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tracing"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/internal/worker"
)

// unwatched is nobody who watches a run.
type unwatched struct{ runner.Observer }

func (unwatched) Event(*runner.Event) {}

// prepared is a service with a store of its own and a flow in Python, which is opened each time that it is to run.
func prepared(t *testing.T, flow string, adjust func(*service.Config)) (s *service.Service, open func(isolation worker.Isolation) service.OpenFlow) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "flow.py")
	if err := os.WriteFile(file, []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := local.Open(t.Context(), local.Where{Dir: dir, Access: local.Create})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := store.Config
	c.Python = func(context.Context, string) (string, error) { return python, nil }
	c.SDK = func() (string, error) { return filepath.Abs("../../python") }
	c.Environ = os.Environ()
	adjust(&c)
	s = service.New(c)
	return s, func(isolation worker.Isolation) service.OpenFlow {
		t.Helper()
		f, err := s.Open(t.Context(), service.FlowSource{File: file, Isolation: string(isolation), Stderr: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
}

const gpuFlow = `
import atexit, os
from levada import FlowSpec, environment, exec, resources, step

SEEN = "CUDA_VISIBLE_DEVICES"
at_import = os.environ.get(SEEN)

def alone(gpu):
    "Hold a GPU to the end of the process; fail if another process holds it."
    held = os.path.join(os.environ["HELD"], gpu)
    os.mkdir(held)
    atexit.register(os.rmdir, held)

class GPUFlow(FlowSpec):
    @step
    def start(self):
        assert os.environ.get(SEEN) == "5"
        self.numbers = list(range(8))
        self.next(self.whole, foreach="numbers")

    @resources(gpu=1)
    @step
    def whole(self):
        self.gpu = os.environ[SEEN]
        self.at_import = at_import
        alone(self.gpu)
        self.next(self.join)

    @resources(gpu="2")
    @step
    def join(self, inputs):
        assert {task.gpu for task in inputs} == {"1", "GPU-7f"}, [task.gpu for task in inputs]
        assert all(task.at_import == (task.gpu if os.environ["FRESH"] else "5") for task in inputs)
        assert os.environ[SEEN] == "1,GPU-7f", os.environ[SEEN]
        self.next(self.own)

    @environment(vars={SEEN: "user"})
    @resources(gpu=1)
    @step
    def own(self):
        assert os.environ[SEEN] == "user"
        self.next(self.program)

    @resources(gpu=1)
    @exec(["sh", "-c", 'echo "\\"$CUDA_VISIBLE_DEVICES\\"" > $LEVADA_OUTPUTS/gpu.json'], outputs=["gpu"])
    @step
    def program(self):
        self.next(self.end)

    @step
    def end(self):
        assert self.gpu == "1"

if __name__ == "__main__":
    GPUFlow()
`

// Each task is told the GPUs that it was given, and has them to itself until its process has ended. They are recorded.
func TestGPUs(t *testing.T) {
	for isolation, fresh := range map[worker.Isolation]string{worker.Fork: "", worker.Spawn: "yes"} {
		t.Run(string(isolation), func(t *testing.T) {
			t.Setenv("HELD", t.TempDir())
			t.Setenv("CUDA_VISIBLE_DEVICES", "5")
			t.Setenv("FRESH", fresh)
			s, open := prepared(t, gpuFlow, func(c *service.Config) {
				c.Machine = usage.Resources{Cores: 4, CPUs: 4, GPUs: []usage.GPU{"1", "GPU-7f"}}
			})
			res, err := s.Run(t.Context(), open(isolation), service.RunOptions{User: "ann", MaxWorkers: 4, Watch: unwatched{}})
			if err != nil || res.Status != metastore.RunSucceeded {
				t.Errorf("%+v, %v", res, err)
			}
			var had []string
			for task, err := range s.Tasks(t.Context(), service.Pathspec{Run: res.Run, Task: -1}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range task.Attempts {
					if len(a.GPUs) > 0 {
						had = append(had, task.Task.Step+" "+strings.Join(a.GPUs, ","))
					}
				}
			}
			slices.Sort(had)
			// Which those of step own are says the user.
			if want := []string{"join 1,GPU-7f", "program 1", "whole 1", "whole GPU-7f"}; !slices.Equal(slices.Compact(had), want) {
				t.Errorf("recorded are %v, want %v", had, want)
			}
		})
	}
}

const tracedFlow = `
import os
from levada import FlowSpec, step

class TracedFlow(FlowSpec):
    @step
    def start(self):
        self.first = os.environ["TRACEPARENT"]
        self.next(self.end)

    @step
    def end(self):
        trace, span = os.environ["TRACEPARENT"].split("-")[1:3]
        assert self.first.split("-")[1] == trace and self.first.split("-")[2] != span, self.first

if __name__ == "__main__":
    TracedFlow()
`

// Each task of a run that is traced is told its own span, however its process comes to be.
func TestTracesGoOnInTasks(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer collector.Close()
	for _, isolation := range []worker.Isolation{worker.Fork, worker.Spawn} {
		s, open := prepared(t, tracedFlow, func(c *service.Config) {
			c.Tracing = tracing.FromEnviron([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL}, "1", "here")
		})
		res, err := s.Run(t.Context(), open(isolation), service.RunOptions{User: "ann", Watch: unwatched{}})
		if err != nil || res.Status != metastore.RunSucceeded {
			t.Errorf("%s: %+v, %v", isolation, res, err)
		}
	}
}
