package service_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
)

const spinFlow = `
from metaflow import FlowSpec, step

class SpinFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    SpinFlow()
`

// unwatched is nobody who watches a run.
type unwatched struct{ runner.Observer }

func (unwatched) Event(*runner.Event) {}

// Whoever spins a task is told of the run as of any other, and of the task besides.
func TestSpinTellsOfTheRun(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	dir, ctx := t.TempDir(), context.Background()
	file := filepath.Join(dir, "flow.py")
	if err := os.WriteFile(file, []byte(spinFlow), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := local.Open(ctx, local.Where{Dir: dir, Access: local.Create})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := store.Config
	c.Python = func(context.Context, string) (string, error) { return python, nil }
	c.SDK = func() (string, error) { return filepath.Abs("../../python") }
	c.Environ, c.Machine.CPUs = os.Environ(), 1
	s := service.New(c)
	open := func() service.OpenFlow {
		f, err := s.Open(ctx, service.FlowSource{File: file, Stderr: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	var told []string
	o := service.RunOptions{User: "ann", Watch: unwatched{}, OnRun: func(int64) error { told = append(told, "run"); return nil }}
	if res, err := s.Run(ctx, open(), o); err != nil || res.Status != metastore.RunSucceeded {
		t.Fatalf("%+v, %v", res, err)
	}
	res, err := s.Spin(ctx, open(), service.SpinOptions{RunOptions: o, Task: "end", OnTask: func(int64, string, int64, service.Pathspec) error {
		told = append(told, "task")
		return nil
	}})
	if err != nil || res.Status != metastore.RunSucceeded || !slices.Equal(told, []string{"run", "run", "task"}) {
		t.Errorf("%+v, %v, told of %q", res, err, told)
	}
}
