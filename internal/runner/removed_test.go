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

// bare makes a run that has nothing but its parameters, and what is needed to carry it.
func (b *testBench) bare(t *testing.T) runner.Config {
	t.Helper()
	run := metastore.Run{Flow: b.graph.Flow.Name, Status: metastore.RunRunning}
	id, err := b.store.CreateRun(context.Background(), run, metastore.Beginning{First: []metastore.Record{{
		Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1},
		Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	run.ID, b.run = id, id
	return runner.Config{
		Flow: b.graph.Flow, Graph: b.graph, Engine: engine.New(b.graph, b.policy), Run: run, Store: b.store, Data: b.data, Pool: b.pool,
		Usage: usage.NewSampler(), LogDir: t.TempDir(), Staging: t.TempDir(), Now: time.Now, Watch: b,
	}
}

// carryRemoved carries a run that is removed while its first task runs. removed is called with the runner then.
func (b *testBench) carryRemoved(t *testing.T, removed func(*runner.Runner)) (runner.Result, error) {
	t.Helper()
	c := b.bare(t)
	var r *runner.Runner
	c.Watch = atReady{b, func() {
		if err := b.store.Remove(context.Background(), []int64{b.run}); err != nil {
			t.Error(err)
		}
		removed(r)
	}}
	r = runner.New(c)
	return r.Run(context.Background())
}

// A run that is removed while it goes on, or whose whole store is, has failed
// however its tasks end: nothing of it is kept.
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

// A run whose store fails begins nothing more, however much is ready.
func TestAStoreThatFails(t *testing.T) {
	b := newBench(t, wideFlow)
	c := b.bare(t)
	c.Store = &failing{b.store, 3}
	res, err := runner.New(c).Run(context.Background())
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
}
