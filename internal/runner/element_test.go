package runner_test

import (
	"context"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/metastore"
)

const elementFlow = `
import os, signal
from levada import FlowSpec, step, retry

class Elements(FlowSpec):
    @step
    def start(self):
        self.xs = ["raises", "exits", "is killed", ["goes", "well"], "x" * 5000]
        self.next(self.body, foreach="xs")

    @retry(times=1)
    @step
    def body(self):
        from levada import current
        if current.retry_count == 0:
            if self.input == "raises" or len(self.input) == 5000:
                raise ValueError("no")
            if self.input == "exits":
                os._exit(3)
            if self.input == "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Elements()
`

// TestEveryAttemptTellsItsElement: the element is known however an attempt ends.
func TestEveryAttemptTellsItsElement(t *testing.T) {
	b := newBench(t, elementFlow)
	if res := b.begin(t, context.Background(), nil); res.Status != metastore.RunSucceeded {
		t.Fatalf("%+v", res)
	}
	want := map[int]string{0: "raises", 1: "exits", 2: "is killed", 3: "['goes', 'well']", 4: strings.Repeat("x", 30)}
	for f, err := range b.store.Finished(context.Background(), b.run) {
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.store.Attempts(context.Background(), b.run, f.Task.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			switch value := want[f.Task.Index]; {
			case f.Task.Step != "body" && a.Value != "":
				t.Errorf("step %s has the value %q", f.Task.Step, a.Value)
			case f.Task.Step == "body" && a.Value != value:
				t.Errorf("child %d, attempt %d: %q, want %q", f.Task.Index, a.N, a.Value, value)
			}
		}
	}
}
