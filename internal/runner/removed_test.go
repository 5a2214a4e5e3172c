package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/usage"
	"github.com/levadahq/levada/internal/worker"
)

const waitingFlow = `
import time
from levada import FlowSpec, step

class Waiting(FlowSpec):
    @step
    def start(self):
        print("ready", flush=True)
        while %s:
            time.sleep(0.05)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Waiting()
`

// carryRemoved carries a run that is removed while its first task runs. removed is called with the runner then.
func (b *testBench) carryRemoved(t *testing.T, removed func(*runner.Runner)) (runner.Result, error) {
	t.Helper()
	ctx := context.Background()
	id, err := b.store.CreateRun(ctx, metastore.Run{Flow: "Waiting", Status: metastore.RunRunning}, metastore.Beginning{First: []metastore.Record{{
		Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
		Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	b.run = id
	var r *runner.Runner
	r = runner.New(runner.Config{
		Flow: b.graph.Flow, Graph: b.graph, Engine: engine.New(b.graph, b.policy), Run: metastore.Run{ID: id, Flow: "Waiting"},
		Store: b.store, Data: b.data, Pool: b.pool, Usage: usage.NewSampler(), LogDir: t.TempDir(), Staging: t.TempDir(), Now: time.Now,
		Watch: atReady{b, func() {
			if err := b.store.Remove(ctx, []int64{id}); err != nil {
				t.Error(err)
			}
			removed(r)
		}},
	})
	return r.Run(ctx)
}

// A run that is removed while it goes on, or whose whole store is, has failed however its tasks end: nothing of it is kept.
func TestARunThatIsRemoved(t *testing.T) {
	for name, c := range map[string]struct {
		endless string
		removed func(*runner.Runner)
	}{
		"its next heartbeat ends it":    {"True", (*runner.Runner).Beat},
		"its end could not be recorded": {"False", func(*runner.Runner) {}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, strings.Replace(waitingFlow, "%s", c.endless, 1))
			res, err := b.carryRemoved(t, c.removed)
			if res.Status != metastore.RunFailed || !res.Lost || !fault.Is(err, fault.NotFound) {
				t.Errorf("%+v, %v", res, err)
			}
			last := b.events[len(b.events)-1]
			if last.Kind != runner.RunFinished || last.Status != metastore.RunFailed || last.Text == "" {
				t.Errorf("told is %+v", last)
			}
		})
	}
}

// failing is a store whose disk fails after some attempts are recorded.
type failing struct {
	metastore.Store
	good int
}

func (f *failing) Record(rec metastore.Record) {
	if rec.Attempt != nil && rec.Done != nil {
		if f.good--; f.good < 0 {
			go rec.Done(errors.New("the disk is gone"))
			return
		}
	}
	f.Store.Record(rec)
}

const wideFlow = `
from levada import FlowSpec, step

class Wide(FlowSpec):
    @step
    def start(self):
        self.xs = list(range(60))
        self.next(self.body, foreach="xs")

    @step
    def body(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Wide()
`

// A run whose store fails begins nothing more, however much is ready and however its tasks are started.
func TestAStoreThatFails(t *testing.T) {
	for _, isolation := range []worker.Isolation{worker.Fork, worker.Spawn} {
		t.Run(string(isolation), func(t *testing.T) {
			b := newBench(t, wideFlow)
			b.pool.Isolate(isolation)
			ctx := context.Background()
			id, err := b.store.CreateRun(ctx, metastore.Run{Flow: "Wide", Status: metastore.RunRunning}, metastore.Beginning{First: []metastore.Record{{
				Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
				Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			res, err := runner.New(runner.Config{
				Flow: b.graph.Flow, Graph: b.graph, Engine: engine.New(b.graph, b.policy), Run: metastore.Run{ID: id, Flow: "Wide"},
				Store: &failing{b.store, 3}, Data: b.data, Pool: b.pool, Usage: usage.NewSampler(), LogDir: t.TempDir(), Staging: t.TempDir(),
				Now: time.Now, Watch: b,
			}).Run(ctx)
			if err == nil || !strings.Contains(err.Error(), "the disk is gone") || res.Status != metastore.RunFailed {
				t.Errorf("%+v, %v", res, err)
			}
			started := 0
			for _, e := range b.events {
				if e.Kind == runner.TaskStarted {
					started++
				}
			}
			if started > 30 {
				t.Errorf("%d tasks were started", started)
			}
		})
	}
}
