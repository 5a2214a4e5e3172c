package service_test

import (
	"slices"
	"testing"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/worker"
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

// Whoever spins a task is told of the run as of any other, and of the task besides.
func TestSpinTellsOfTheRun(t *testing.T) {
	s, open := prepared(t, spinFlow, func(c *service.Config) { c.Machine.CPUs = 1 })
	var told []string
	o := service.RunOptions{User: "ann", Watch: unwatched{}, OnRun: func(int64) error { told = append(told, "run"); return nil }}
	if res, err := s.Run(t.Context(), open(worker.Fork), o); err != nil || res.Status != metastore.RunSucceeded {
		t.Fatalf("%+v, %v", res, err)
	}
	res, err := s.Spin(t.Context(), open(worker.Fork), service.SpinOptions{RunOptions: o, Task: "end", OnTask: func(int64, string, int64, service.Pathspec) error {
		told = append(told, "task")
		return nil
	}})
	if err != nil || res.Status != metastore.RunSucceeded || !slices.Equal(told, []string{"run", "run", "task"}) {
		t.Errorf("%+v, %v, told of %q", res, err, told)
	}
}
