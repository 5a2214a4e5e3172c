package metastoretest

import (
	"fmt"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

func testTasksFilter(t *testing.T, s metastore.Store) {
	run, other := newRun(t, s), newRun(t, s)
	for i := range int64(10) {
		must(t, record(s, metastore.Record{Task: task(run, i, []string{"a", "b"}[i%2])}))
		must(t, record(s, metastore.Record{Task: task(other, i+100, "a")}))
	}
	for _, c := range []struct {
		filter metastore.TaskFilter
		want   []int64
	}{
		{metastore.TaskFilter{After: -1}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{metastore.TaskFilter{After: 0}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{metastore.TaskFilter{After: 4, Limit: 2}, []int64{5, 6}},
		{metastore.TaskFilter{After: -1, Step: "b"}, []int64{1, 3, 5, 7, 9}},
		{metastore.TaskFilter{After: 3, Step: "b", Limit: 1}, []int64{5}},
		{metastore.TaskFilter{After: 9}, nil},
		{metastore.TaskFilter{After: -1, Step: "c"}, nil},
	} {
		c.filter.Run = run
		var got []int64
		for _, tk := range collect(t, s.Tasks(ctx, c.filter)) {
			got = append(got, tk.ID)
		}
		equal(t, fmt.Sprintf("%+v", c.filter), got, c.want)
	}
}

func testFinished(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	history := [][]metastore.AttemptStatus{
		{metastore.AttemptSucceeded},
		{metastore.AttemptFailed, metastore.AttemptCaught},
		{metastore.AttemptFailed, metastore.AttemptRunning},
		{metastore.AttemptKilled},
		nil,
		{metastore.AttemptSucceeded, metastore.AttemptSucceeded},
		{metastore.AttemptSucceeded, metastore.AttemptFailed},
	}
	var want []metastore.FinishedTask
	good := map[int64]int{0: 0, 1: 1, 5: 1, 6: 0}
	for i := int64(len(history) - 1); i >= 0; i-- {
		must(t, record(s, metastore.Record{Task: task(run, i, "a")}))
		for n, status := range history[i] {
			must(t, record(s, metastore.Record{Attempt: attempt(run, i, n, status)}))
		}
	}
	for i := range int64(len(history)) {
		if n, ok := good[i]; ok {
			want = append(want, metastore.FinishedTask{Task: *task(run, i, "a"), Attempt: *attempt(run, i, n, history[i][n])})
		}
	}
	equal(t, "finished", collect(t, s.Finished(ctx, run)), want)
	equal(t, "finished of no run", collect(t, s.Finished(ctx, 99)), nil)
}

func testArtifacts(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 0, metastore.AttemptFailed), Artifacts: []metastore.Artifact{artifact("x", "failed")}}))
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 1, metastore.AttemptSucceeded), Artifacts: []metastore.Artifact{artifact("x", "good")}}))
	for n, want := range []string{"failed", "good"} {
		got, err := s.Artifact(ctx, run, 1, n, "x")
		must(t, err)
		equal(t, "artifact", got, artifact("x", want))
	}
	_, err := s.Artifact(ctx, run, 1, 1, "y")
	wantKind(t, "Artifact", err, fault.NotFound)
	_, err = s.Artifact(ctx, run, 2, 0, "x")
	wantKind(t, "Artifact", err, fault.NotFound)
}

func testBlobs(t *testing.T, s metastore.Store) {
	h := hashOf("b")
	must(t, record(s, metastore.Record{Blobs: []metastore.Blob{{Hash: h, Data: []byte("bytes")}, {Hash: hashOf("empty")}}}))
	must(t, record(s, metastore.Record{Blobs: []metastore.Blob{{Hash: h, Data: []byte("others")}}}))
	got, err := s.Blob(ctx, h)
	must(t, err)
	equal(t, "blob", got, []byte("others")) // as if those before had been damaged
	got, err = s.Blob(ctx, hashOf("empty"))
	must(t, err)
	if len(got) != 0 {
		t.Errorf("empty blob is %q", got)
	}
}

func testLogs(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 0, metastore.AttemptRunning), Log: []byte("so far")}))
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 0, metastore.AttemptSucceeded), Log: []byte("all")}))
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 1, metastore.AttemptSucceeded)}))
	got, err := s.Log(ctx, run, 1, 0)
	must(t, err)
	equal(t, "log", got, []byte("all"))
	_, err = s.Log(ctx, run, 1, 1)
	wantKind(t, "Log", err, fault.NotFound)
}

func testScopes(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	want := []metastore.Scope{
		{Run: run, Split: 1, Step: "a", Kind: "split", Count: 2, Parent: -1},
		{Run: run, Split: 5, Step: "b", Kind: "foreach", Var: "items", Count: 1 << 40, Parent: 1, Index: 1, Items: hashOf("items")},
	}
	must(t, record(s, metastore.Record{Scope: &want[1]}))
	must(t, record(s, metastore.Record{Scope: &want[0]}))
	got, err := s.Scopes(ctx, run)
	must(t, err)
	equal(t, "scopes", got, want)
	got, err = s.Scopes(ctx, 99)
	must(t, err)
	equal(t, "scopes of no run", got, nil)
}

func testCounts(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	add := func(id int64, step string, statuses ...metastore.AttemptStatus) {
		must(t, record(s, metastore.Record{Task: task(run, id, step)}))
		for n, status := range statuses {
			a := attempt(run, id, n, status)
			a.Started = at(float64(id)*10 + float64(n))
			if status != metastore.AttemptRunning {
				a.Ended = at(float64(id)*10 + float64(n) + 0.5)
			}
			must(t, record(s, metastore.Record{Attempt: a}))
		}
	}
	add(1, "z", metastore.AttemptSucceeded)
	add(2, "m", metastore.AttemptFailed, metastore.AttemptSucceeded)
	add(3, "m", metastore.AttemptFailed, metastore.AttemptFailed)
	add(4, "m", metastore.AttemptFailed, metastore.AttemptRunning)
	add(5, "m", metastore.AttemptCaught)
	add(6, "m", metastore.AttemptKilled)
	add(7, "a", metastore.AttemptRunning)
	add(8, "none")
	got, err := s.Counts(ctx, run)
	must(t, err)
	equal(t, "counts", got, []metastore.StepCount{
		{Step: "z", Succeeded: 1, First: at(10), Last: at(10.5)},
		{Step: "m", Running: 1, Succeeded: 2, Failed: 1, Killed: 1, Caught: 1, First: at(20), Last: at(60.5)},
		{Step: "a", Running: 1, First: at(70)},
		{Step: "none"},
	})
	add(0, "_parameters", metastore.AttemptSucceeded)
	other := newRun(t, s)
	must(t, record(s, metastore.Record{Task: task(other, 1, "z"), Attempt: attempt(other, 1, 0, metastore.AttemptFailed)}))
	totals, err := s.TaskCounts(ctx, []int64{other, 99, run})
	must(t, err)
	equal(t, "counts of runs", totals, map[int64]metastore.TaskCount{
		run: {Running: 2, Succeeded: 3, Failed: 1, Killed: 1, Caught: 1, Last: at(70)}, other: {Failed: 1, Last: at(1.5)},
	})
	if n := totals[run].Total(); n != 7 {
		t.Errorf("%d tasks in all", n)
	}
	totals, err = s.TaskCounts(ctx, nil)
	must(t, err)
	equal(t, "counts of nothing", totals, map[int64]metastore.TaskCount{})
	got, err = s.Counts(ctx, 99)
	must(t, err)
	equal(t, "counts of no run", got, nil)
}

func testNotFound(t *testing.T, s metastore.Store) {
	_, err := s.Run(ctx, 1)
	wantKind(t, "Run", err, fault.NotFound)
	_, err = s.Task(ctx, 1, 1)
	wantKind(t, "Task", err, fault.NotFound)
	_, err = s.Blob(ctx, hashOf("x"))
	wantKind(t, "Blob", err, fault.NotFound)
	_, err = s.Log(ctx, 1, 1, 0)
	wantKind(t, "Log", err, fault.NotFound)
	attempts, err := s.Attempts(ctx, 1, 1)
	if err != nil || attempts != nil {
		t.Errorf("Attempts gives %v, %v", attempts, err)
	}
	arts, err := s.Artifacts(ctx, 1, 1, 0)
	if err != nil || arts != nil {
		t.Errorf("Artifacts gives %v, %v", arts, err)
	}
	equal(t, "runs", collect(t, s.Runs(ctx, metastore.RunFilter{})), nil)
	equal(t, "tasks", collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: 1, After: -1})), nil)
}

func testFirstRecords(t *testing.T, s metastore.Store) {
	newRun(t, s)
	tk := task(0, 0, "_parameters")
	first := []metastore.Record{
		{Task: tk, Attempt: attempt(0, 0, 0, metastore.AttemptSucceeded), Artifacts: []metastore.Artifact{artifact("alpha", "0.1")}},
		{Blobs: []metastore.Blob{{Hash: hashOf("definition"), Data: []byte("{}")}}, Scope: &metastore.Scope{Split: 0}},
	}
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{First: first})
	must(t, err)
	if tk.Run != 0 {
		t.Error("the caller's task was changed")
	}
	got := collect(t, s.Finished(ctx, run))
	equal(t, "finished", got, []metastore.FinishedTask{{Task: *task(run, 0, "_parameters"), Attempt: *attempt(run, 0, 0, metastore.AttemptSucceeded)}})
	a, err := s.Artifact(ctx, run, 0, 0, "alpha")
	must(t, err)
	equal(t, "artifact", a, artifact("alpha", "0.1"))
	scopes, err := s.Scopes(ctx, run)
	must(t, err)
	equal(t, "scopes", scopes, []metastore.Scope{{Run: run}})
	if _, err := s.Blob(ctx, hashOf("definition")); err != nil {
		t.Error(err)
	}

	first = append(first, metastore.Record{Task: task(0, 0, "again")})
	_, err = s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{First: first})
	wantKind(t, "CreateRun with a conflict", err, fault.Conflict)
	if got := collect(t, s.Runs(ctx, metastore.RunFilter{})); len(got) != 2 {
		t.Errorf("%d runs after a failed CreateRun", len(got))
	}
	if _, err := s.Task(ctx, run+1, 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("a failed CreateRun left a task: %v", err)
	}
}

// madeRun makes a run with three good tasks, of which one was retried, and one that
// failed.
func madeRun(t *testing.T, s metastore.Store) int64 {
	run := newRun(t, s)
	for _, r := range []metastore.Record{
		{
			Task: task(run, 0, "_parameters"), Attempt: attempt(run, 0, 0, metastore.AttemptSucceeded),
			Artifacts: []metastore.Artifact{artifact("alpha", "1")},
		},
		{
			Task: task(run, 1, "start"), Attempt: attempt(run, 1, 0, metastore.AttemptFailed),
			Artifacts: []metastore.Artifact{artifact("x", "failed")}, Log: []byte("failed"),
		},
		{
			Attempt: attempt(run, 1, 1, metastore.AttemptCaught), Artifacts: []metastore.Artifact{artifact("x", "good"), artifact("y", "good")},
			Scope: &metastore.Scope{Run: run, Split: 1, Step: "start", Kind: "foreach", Count: 2, Parent: -1, Items: hashOf("items")}, Log: []byte("good"),
		},
		{
			Task: task(run, 2, "work"), Attempt: attempt(run, 2, 0, metastore.AttemptSucceeded),
			Scope: &metastore.Scope{Run: run, Split: 2, Step: "work", Kind: "split", Count: 2, Parent: 1},
		},
		{Task: task(run, 3, "work"), Attempt: attempt(run, 3, 0, metastore.AttemptFailed)},
	} {
		must(t, record(s, r))
	}
	return run
}

func testCarry(t *testing.T, s metastore.Store) {
	from := madeRun(t, s)
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Origin: from}, metastore.Beginning{
		From: from, Tasks: []int64{1, 0, 1}, First: []metastore.Record{{Blobs: []metastore.Blob{{Hash: hashOf("d"), Data: []byte("d")}}}},
	})
	must(t, err)
	tasks := []metastore.Task{*task(run, 0, "_parameters"), *task(run, 1, "start")}
	tasks[0].Origin, tasks[1].Origin = from, from
	equal(t, "tasks", collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1})), tasks)
	attempts, err := s.Attempts(ctx, run, 1)
	must(t, err)
	equal(t, "attempts", attempts, []metastore.Attempt{*attempt(run, 1, 1, metastore.AttemptCaught)})
	arts, err := s.Artifacts(ctx, run, 1, 1)
	must(t, err)
	equal(t, "artifacts", arts, []metastore.Artifact{artifact("x", "good"), artifact("y", "good")})
	arts, err = s.Artifacts(ctx, run, 1, 0)
	must(t, err)
	equal(t, "artifacts of the failed attempt", arts, nil)
	scopes, err := s.Scopes(ctx, run)
	must(t, err)
	equal(t, "scopes", scopes, []metastore.Scope{{Run: run, Split: 1, Step: "start", Kind: "foreach", Count: 2, Parent: -1, Items: hashOf("items")}})
	_, err = s.Log(ctx, run, 1, 1)
	wantKind(t, "Log", err, fault.NotFound)
	if _, err := s.Blob(ctx, hashOf("d")); err != nil {
		t.Error(err)
	}
	// The old run is as it was.
	if got := collect(t, s.Finished(ctx, from)); len(got) != 3 || got[0].Task.Origin != 0 {
		t.Errorf("the old run has %+v", got)
	}
}

func testCarryTwice(t *testing.T, s metastore.Store) {
	first := madeRun(t, s)
	second, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{From: first, Tasks: []int64{0, 1}})
	must(t, err)
	must(t, record(s, metastore.Record{Task: task(second, 4, "work"), Attempt: attempt(second, 4, 0, metastore.AttemptSucceeded)}))
	third, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{From: second, Tasks: []int64{0, 1, 4}})
	must(t, err)
	var origins []int64
	for _, tk := range collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: third, After: -1})) {
		origins = append(origins, tk.Origin)
	}
	equal(t, "origins", origins, []int64{first, first, second})
}

func testCarryFails(t *testing.T, s metastore.Store) {
	from := madeRun(t, s)
	for _, tasks := range [][]int64{{0, 3}, {0, 99}, {99}} {
		_, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{From: from, Tasks: tasks})
		wantKind(t, fmt.Sprintf("CreateRun with tasks %v", tasks), err, fault.NotFound)
	}
	if got := collect(t, s.Runs(ctx, metastore.RunFilter{})); len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
	equal(t, "tasks", collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: from + 1, After: -1})), nil)
}
