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
