package runner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
)

const timedFlow = `
import time
from levada import FlowSpec, step, timeout

class Slow:
    def __reduce__(self):
        time.sleep(3)
        return Slow, ()

class Timed(FlowSpec):
    @timeout(seconds=LIMIT)
    @step
    def start(self):
        BODY
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Timed()
`

// A task is killed if it has not heard of its timeout. One that has may take its time to clean up, and one whose step
// has ended, to store what it made. Each goes on for longer than its limit and the grace. A task that is to hear of its
// timeout, or to end before it, has the time for that on a machine with much else to do.
func TestTimeoutOfTasks(t *testing.T) {
	for name, c := range map[string]struct {
		limit, body string
		grace       time.Duration
		exception   string
		text        string // what the message has
	}{
		"in a call that does not come back": {"0.5", `sum(range(10**12))`, 500 * time.Millisecond, "timeout", "was killed"},
		"cleans up": {"0.2", `try: time.sleep(60)` + "\n        finally: time.sleep(3); print('clean')", 2 * time.Second,
			"levada.exceptions.TimeoutException", "timed out after"},
		"stores": {"2", `self.x = Slow()`, 500 * time.Millisecond, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, timed(c.limit, c.body))
			r := runner.New(b.bare(t))
			r.SetTimeoutGrace(c.grace)
			res, err := r.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			attempt := b.last(t, 1)
			if c.exception == "" {
				if res.Status != metastore.RunSucceeded {
					t.Errorf("the run is %s: %+v", res.Status, attempt.Exception)
				}
				return
			}
			if e := attempt.Exception; e == nil || e.Type != c.exception || !strings.Contains(e.Message, c.text) {
				t.Errorf("the attempt has %+v, not %s: %s", e, c.exception, c.text)
			}
		})
	}
}

// timed is a flow with a step that has a limit, in seconds.
func timed(limit, body string) string {
	return strings.NewReplacer("LIMIT", limit, "BODY", body).Replace(timedFlow)
}

// TestEndedBySignalBeforeItsTimeout: how a task failed which a signal has ended is not decided at once. Its timeout does
// not count then.
func TestEndedBySignalBeforeItsTimeout(t *testing.T) {
	body := `import os, signal; signal.setitimer(signal.ITIMER_REAL, 0); signal.signal(signal.SIGTERM, signal.SIG_DFL)` +
		"\n        time.sleep(0.15); os.kill(os.getpid(), signal.SIGTERM)"
	b := newBench(t, timed("0.2", body))
	r := runner.New(b.bare(t))
	r.SetTimeoutGrace(100 * time.Millisecond)
	if _, err := r.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	attempt := b.last(t, 1)
	if got := attempt.Problem(); attempt.Signal == 15 && got != "signal 15" { // 9 if the machine stalled, and it was late
		t.Errorf("the attempt says %q", got)
	}
}
