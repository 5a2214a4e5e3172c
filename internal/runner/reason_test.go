package runner_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
)

const dyingFlow = `
import os
from levada import FlowSpec, step

class Dying(FlowSpec):
    @step
    def start(self):
        %s
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Dying()
`

// TestOneReasonEverywhere: a run says of the task that failed what the task says.
func TestOneReasonEverywhere(t *testing.T) {
	for how, want := range map[string]string{
		"os._exit(3)":                "exit code 3",
		"os.kill(os.getpid(), 9)":    "signal 9",
		"raise ValueError('no\\nx')": "ValueError: no",
	} {
		b := newBench(t, strings.Replace(dyingFlow, "%s", how, 1))
		res := b.begin(t, context.Background(), nil)
		a := b.last(t, res.FailedTask)
		if got := a.Problem(); got != want {
			t.Errorf("%s: the attempt says %q, want %q", how, got, want)
		}
		run, err := b.store.Run(context.Background(), b.run)
		if err != nil || run.Problem != "step start, task 1: "+want {
			t.Errorf("%s: the run says %q, %v", how, run.Problem, err)
		}
	}
}

// TestOutOfMemory: of a task that was killed the kernel tells whether that was because memory ran out.
func TestOutOfMemory(t *testing.T) {
	for _, test := range []struct {
		kills []int64 // as the kernel counts them at the run's start and when the task has ended
		want  string
	}{
		{[]int64{3, 4}, "OutOfMemory: memory ran out, and the kernel killed it (signal 9)"},
		{[]int64{3, 3}, "signal 9"},
		{[]int64{-1, -1}, "signal 9"},
	} {
		b := newBench(t, strings.Replace(dyingFlow, "%s", "os.kill(os.getpid(), 9)", 1))
		r := runner.New(b.bare(t))
		kills := test.kills
		r.SetOOMKills(func() int64 {
			n := kills[0]
			if len(kills) > 1 {
				kills = kills[1:]
			}
			return n
		})
		res, err := r.Run(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		a := b.last(t, res.FailedTask)
		if got := a.Problem(); got != test.want {
			t.Errorf("%v: the attempt says %q, want %q", test.kills, got, test.want)
		}
		if a.Exception != nil && !strings.Contains(a.Exception.Traceback, "more memory") {
			t.Errorf("%v: no advice in %q", test.kills, a.Exception.Traceback)
		}
	}
}

const caughtFlow = `
import os
from levada import FlowSpec, catch, step

class Caught(FlowSpec):
    @catch(var="why", print_exception=False)
    @step
    def start(self):
        os._exit(3)
        self.next(self.end)

    @step
    def end(self):
        print(self.why.exception)

if __name__ == "__main__":
    Caught()
`

// TestCatchTellsHowTheProcessDied: what @catch leaves says what the attempt said.
func TestCatchTellsHowTheProcessDied(t *testing.T) {
	b := newBench(t, caughtFlow)
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Fatalf("%+v", res)
	}
	said := ""
	for _, e := range b.events {
		if e.Kind == runner.LogLine && e.Step == "end" {
			said += e.Text
		}
	}
	if !strings.Contains(said, "exit code 3") {
		t.Errorf("@catch says only %q", said)
	}
}

const helplessFlow = `
import os
from levada import FlowSpec, catch, step

class Helpless(FlowSpec):
    def __setattr__(self, name, value):
        if name == "why":  # what a fallback sets
            os.kill(os.getpid(), 9)
        super().__setattr__(name, value)

    @catch(var="why")
    @step
    def start(self):
        os.kill(os.getpid(), 9)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Helpless()
`

// TestTheLastFallbackIsNotTriedAgain: what is said of a failure is what the engine does about it.
func TestTheLastFallbackIsNotTriedAgain(t *testing.T) {
	b := newBench(t, helplessFlow)
	res := b.begin(t, context.Background(), nil)
	if res.Status != metastore.RunFailed || res.FailedStep != "start" {
		t.Fatalf("%+v", res)
	}
	var told []bool
	for _, e := range b.events {
		if e.Kind == runner.TaskFailed {
			told = append(told, e.Retrying)
		}
	}
	if want := []bool{true, true, true, false}; !slices.Equal(told, want) {
		t.Errorf("of its attempts was said that another follows: %v, want %v", told, want)
	}
}
