package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

// TestCountsOfWideRuns looks at runs that go on, again and again, while tasks come in any order, fail and are tried
// again. What is counted must be what a store counts that remembers nothing.
func TestCountsOfWideRuns(t *testing.T) {
	defer sqlite.SetBlockSize(64)()
	s, model := open(t, t.TempDir(), sqlite.Options{}), mem.New()
	defer model.Close()
	random := rand.New(rand.NewPCG(1, 2))
	const tasks = 600
	records := func(run int64) (list []metastore.Record) {
		for i := range int64(tasks) {
			step := []string{"work", "more"}[random.IntN(2)]
			list = append(list, metastore.Record{Task: &metastore.Task{Run: run, ID: i, Step: step, Scope: -1}})
		}
		list[0].Scope = &metastore.Scope{Run: run, Step: "start", Kind: "foreach", Count: 2 * tasks, Parent: -1}
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list
	}
	status := func(run, task int64, n int, status metastore.AttemptStatus) metastore.Record {
		a := &metastore.Attempt{Run: run, Task: task, N: n, Status: status, Started: time.Unix(1000+task*7%100, 0)}
		if status != metastore.AttemptRunning {
			a.Ended = a.Started.Add(time.Duration(task*11%100) * time.Second)
		}
		return metastore.Record{Attempt: a}
	}
	both := func(list []metastore.Record) {
		for _, store := range []metastore.Store{s, model} {
			for _, r := range list {
				store.Record(r)
			}
		}
	}
	look := func(when string) {
		t.Helper()
		var got, want [3]any
		for i, store := range []metastore.Store{s, model} {
			if _, err := store.ChangeTags(ctx, 2, nil, nil); err != nil { // all is there when this is
				t.Fatal(err)
			}
			counts, err := store.TaskCounts(ctx, []int64{2, 1, 3})
			if err != nil {
				t.Fatal(err)
			}
			widths, err := store.Widths(ctx, []int64{2, 1, 3})
			if err != nil {
				t.Fatal(err)
			}
			var steps [][]metastore.StepCount
			for run := int64(1); run <= 3; run++ {
				c, err := store.Counts(ctx, run)
				if err != nil {
					t.Fatal(err)
				}
				steps = append(steps, c)
			}
			*[]*[3]any{&got, &want}[i] = [3]any{counts, widths, steps}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s (-model +store):\n%s", when, d)
		}
	}
	for range 2 {
		for _, store := range []metastore.Store{s, model} {
			if _, err := store.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	look("at the beginning")
	for run := int64(1); run <= 2; run++ {
		list := records(run)
		for i := 0; i < len(list); i += 100 {
			part := list[i : i+100]
			for _, r := range part {
				part = append(part[:len(part):len(part)], status(run, r.Task.ID, 0, metastore.AttemptRunning))
			}
			both(part)
			look(fmt.Sprintf("run %d, %d tasks", run, i))
		}
	}
	for i, task := range random.Perm(tasks) {
		n := int64(task)
		switch {
		case i%50 == 0:
			both([]metastore.Record{status(1, n, 0, metastore.AttemptFailed), status(1, n, 1, metastore.AttemptRunning)})
		case i%3 == 0:
			both([]metastore.Record{status(1, n, 0, metastore.AttemptCaught)})
		default:
			both([]metastore.Record{status(1, n, 0, metastore.AttemptSucceeded)})
		}
		if i%60 == 0 {
			look(fmt.Sprint(i, " tasks have ended"))
		}
	}
	look("at the end")
	look("once more")
	for _, store := range []metastore.Store{s, model} {
		if err := store.Remove(ctx, []int64{1}); err != nil {
			t.Fatal(err)
		}
	}
	look("when the run is gone")
}
