package runner_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
)

// last returns the last attempt of a task.
func (b *testBench) last(t *testing.T, task int64) metastore.Attempt {
	t.Helper()
	all, err := b.store.Attempts(context.Background(), b.run, task)
	if err != nil || len(all) == 0 {
		t.Fatalf("task %d has the attempts %+v, %v", task, all, err)
	}
	return all[len(all)-1]
}

// starving takes away the descriptors that a process needs, when the first step has ended.
type starving struct{ *testBench }

func (s starving) Event(e *runner.Event) {
	s.testBench.Event(e)
	var limit syscall.Rlimit
	if e.Kind == runner.TaskFinished && e.Step == "start" && syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = 1
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}

// TestWhyAProcessCouldNotBeStartedIsKept: it is told when it happens, and must be found afterwards.
func TestWhyAProcessCouldNotBeStartedIsKept(t *testing.T) {
	b := newBench(t, quoted(fanFlow, "/does/not/exist"))
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
	b.watch = starving{b}
	res := b.begin(t, context.Background(), nil)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before)
	if res.Status != metastore.RunFailed || res.FailedStep != "body" {
		t.Fatalf("%+v", res)
	}
	a := b.last(t, res.FailedTask)
	if a.Exception == nil || a.Exception.Type != "Lost" || !strings.Contains(a.Exception.Message, "too many open files") {
		t.Errorf("the attempt says %+v", a.Exception)
	}
	if why := a.Problem(); !strings.Contains(why, "too many open files") {
		t.Errorf("its problem is %q", why)
	}
}

// TestProcessThatTheSystemDoesNotGive has a fork fail as it does at a limit: what is wrong, and what to do about it,
// is told by the task, its log and the run.
func TestProcessThatTheSystemDoesNotGive(t *testing.T) {
	for number, want := range map[string][2]string{
		"EAGAIN": {"ulimit -u", "raise the limit of processes"},
		"ENOMEM": {"no memory for another process", "give the machine or the container more memory"},
		"EPERM":  {"fork: Operation not permitted", ""},
	} {
		b := newBench(t, strings.ReplaceAll(forklessFlow, "NUMBER", number))
		res := b.begin(t, context.Background(), nil)
		if res.Status != metastore.RunFailed || res.FailedStep != "start" || res.Problem == "" != (want[1] == "") || !strings.Contains(res.Problem, want[1]) {
			t.Fatalf("%s: %+v", number, res)
		}
		a := b.last(t, res.FailedTask)
		if why := a.Problem(); !strings.Contains(why, want[0]) || strings.Contains(why, "\n") {
			t.Errorf("%s: its problem is %q", number, why)
		}
		run, err := b.store.Run(context.Background(), b.run)
		if err != nil || !strings.Contains(run.Problem, want[0]) {
			t.Errorf("%s: the run says %q, %v", number, run.Problem, err)
		}
		log, err := b.store.Log(context.Background(), b.run, res.FailedTask, 0)
		if err != nil || !strings.Contains(string(log), want[0]) || !strings.Contains(string(log), want[1]) || a.LogLines == 0 {
			t.Errorf("%s: the log of %d lines says %q, %v", number, a.LogLines, log, err)
		}
	}
}

const forklessFlow = `
import errno
import os
from levada import FlowSpec, step

class Forkless(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

forks = 0
fork = os.fork

def limited():
    global forks
    forks += 1
    if forks > 1:  # the first is for the parameters
        raise OSError(errno.NUMBER, os.strerror(errno.NUMBER))
    return fork()

os.fork = limited

if __name__ == "__main__":
    Forkless()
`
