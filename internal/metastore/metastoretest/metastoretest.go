// Package metastoretest checks that a store keeps the contract of package
// metastore.
package metastoretest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Test runs the suite. open returns an empty store that is closed at the test's end
// if the test does not close it; closing twice must be harmless.
func Test(t *testing.T, open func(t *testing.T) metastore.Store) {
	for _, test := range []struct {
		name string
		f    func(*testing.T, metastore.Store)
	}{
		{"RunRoundTrip", testRunRoundTrip},
		{"RunsFilter", testRunsFilter},
		{"EndRun", testEndRun},
		{"Beat", testBeat},
		{"Tags", testTags},
		{"RecordRoundTrip", testRecordRoundTrip},
		{"AttemptReplaced", testAttemptReplaced},
		{"StartedAndFinished", testStartedAndFinished},
		{"Conflict", testConflict},
		{"Malformed", testMalformed},
		{"Order", testOrder},
		{"EndRunCommitsBefore", testEndRunCommitsBefore},
		{"TasksFilter", testTasksFilter},
		{"Finished", testFinished},
		{"Artifacts", testArtifacts},
		{"Blobs", testBlobs},
		{"Logs", testLogs},
		{"Scopes", testScopes},
		{"Counts", testCounts},
		{"NotFound", testNotFound},
		{"FirstRecords", testFirstRecords},
		{"Carry", testCarry},
		{"CarryTwice", testCarryTwice},
		{"CarryFails", testCarryFails},
		{"Remove", testRemove},
		{"RemoveOrigin", testRemoveOrigin},
		{"References", testReferences},
		{"DeleteBlobs", testDeleteBlobs},
		{"Orphans", testOrphans},
		{"Shrink", testShrink},
		{"Guest", testGuest},
		{"Flows", testFlows},
		{"Names", testNames},
		{"ManyTagged", testManyTagged},
		{"NewestTasks", testNewestTasks},
		{"Steps", testSteps},
		{"OfMany", testOfMany},
		{"Children", testChildren},
		{"Siblings", testSiblings},
		{"Widths", testWidths},
		{"RunsChoices", testRunsChoices},
		{"Parameters", Parameters},
		{"Search", testSearch},
		{"AskStop", testAskStop},
		{"Changes", testChanges},
		{"Timeline", testTimeline},
		{"Inherited", testInherited},
		{"Cards", testCards},
		{"Canceled", testCanceled},
		{"StopEarly", testStopEarly},
		{"NestedReads", testNestedReads},
		{"Concurrent", testConcurrent},
		{"Close", testClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.f(t, open(t))
		})
	}
}

// Removing runs the part of the suite that is about removing.
func Removing(t *testing.T, open func(t *testing.T) metastore.Store) {
	t.Run("Remove", func(t *testing.T) { testRemove(t, open(t)) })
	t.Run("RemoveOrigin", func(t *testing.T) { testRemoveOrigin(t, open(t)) })
	t.Run("Orphans", func(t *testing.T) { testOrphans(t, open(t)) })
}

var ctx = context.Background()

// at is a moment, the same in every test.
func at(seconds float64) time.Time {
	return time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func wantKind(t testing.TB, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: error %v, want kind %q", what, err, kind)
	}
}

func collect[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for v, err := range seq {
		must(t, err)
		list = append(list, v)
	}
	return list
}

// record records and waits.
func record(s metastore.Recorder, r metastore.Record) error {
	done := make(chan error, 1)
	r.Done, r.Soon = func(err error) { done <- err }, true
	s.Record(r)
	return <-done
}

func newRun(t testing.TB, s metastore.Store) int64 {
	t.Helper()
	id, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at(0), FailedTask: -1}, metastore.Beginning{})
	must(t, err)
	return id
}

func task(run, id int64, step string) *metastore.Task {
	return &metastore.Task{Run: run, ID: id, Step: step, Scope: -1, Base: id - 1, Created: at(float64(id))}
}

func attempt(run, task int64, n int, status metastore.AttemptStatus) *metastore.Attempt {
	a := &metastore.Attempt{Run: run, Task: task, N: n, Status: status, PID: 1, Started: at(float64(task)), MemorySource: "maxrss"}
	if status != metastore.AttemptRunning {
		a.Ended = at(float64(task) + 0.5)
	}
	return a
}

func artifact(name, value string) metastore.Artifact {
	return metastore.Artifact{
		Name: name, Hash: hashOf(value), Size: int64(len(value)), Codec: "pickle", Type: "str", Inline: []byte(value),
	}
}

// hashOf is not a real hash: stores do not look.
func hashOf(s string) (h metastore.Hash) {
	copy(h[:], s)
	h[31] = 1
	return h
}

func fullRun() metastore.Run {
	return metastore.Run{
		Flow: "Hello", Status: metastore.RunRunning, User: "anna", Created: at(0.123456), Origin: 7, FailedTask: -1,
		Tags: []string{"b", "a", "ü"}, SystemTags: []string{"user:anna", "levada_version:1"},
		Lease:      metastore.Lease{Host: "h", Boot: "boot", PID: 42, Start: 99, Heartbeat: at(1), Namespace: "4026531836", Patience: time.Hour},
		Definition: hashOf("definition"), Code: hashOf("code"),
		Info: metastore.RunInfo{
			Host: "h", CommandLine: []string{"levada", "run", "a b.py"}, WorkingDir: "/w", FlowFile: "a b.py", GitCommit: "abc",
			GitDirty: true, Language: "python", Runtime: "3.11.7", SDK: "python/1", Levada: "0.1", MaxWorkers: 16, Isolation: "fork",
			Parameters: map[string]string{"alpha": "0.1", "text": "\x00\"ü"},
		},
	}
}

func testRunRoundTrip(t *testing.T, s metastore.Store) {
	in := fullRun()
	in.ID = 4711 // ignored
	id, err := s.CreateRun(ctx, in, metastore.Beginning{})
	must(t, err)
	if id != 1 {
		t.Errorf("the first run has id %d", id)
	}
	got, err := s.Run(ctx, id)
	must(t, err)
	want := in
	want.ID, want.Tags, want.SystemTags = 1, []string{"a", "b", "ü"}, []string{"levada_version:1", "user:anna"}
	equal(t, "run", got, want)

	id, err = s.CreateRun(ctx, metastore.Run{Created: at(0).Local().Add(123 * time.Nanosecond)}, metastore.Beginning{})
	must(t, err)
	if id != 2 {
		t.Errorf("the second run has id %d", id)
	}
	got, err = s.Run(ctx, id)
	must(t, err)
	equal(t, "bare run", got, metastore.Run{ID: 2, Created: at(0)})
}

func testRunsFilter(t *testing.T, s metastore.Store) {
	for i := range 12 {
		_, err := s.CreateRun(ctx, metastore.Run{
			Flow: []string{"A", "B"}[i%2], User: []string{"u", "v", "w"}[i%3], Status: metastore.RunRunning,
			Tags: []string{fmt.Sprintf("t%d", i%4)}, SystemTags: []string{"all", fmt.Sprintf("s%d", i%2)},
			Created: at(float64(i)), Info: metastore.RunInfo{Parameters: map[string]string{"lr": fmt.Sprint(i % 2), "a.b\"$": fmt.Sprint(i)}},
		}, metastore.Beginning{})
		must(t, err)
	}
	must(t, s.EndRun(ctx, 5, metastore.RunEnd{Status: metastore.RunFailed, FailedTask: 3}))
	for _, flow := range []string{"A", "S"} { // runs that spun a task: 13 and 14
		_, err := s.CreateRun(ctx, metastore.Run{Flow: flow, Tags: []string{"spun"}, Created: at(99), Info: metastore.RunInfo{Spin: "A/1/train/3"}}, metastore.Beginning{})
		must(t, err)
	}
	flows, err := s.Flows(ctx, "")
	must(t, err)
	equal(t, "flows", flows, []metastore.FlowSummary{{Name: "A", Runs: 6, Latest: 11, Created: at(0)}, {Name: "B", Runs: 6, Latest: 12, Created: at(1)}})
	flows, err = s.Flows(ctx, "spun")
	must(t, err)
	equal(t, "flows that only spun", len(flows), 0)
	for _, c := range []struct {
		filter metastore.RunFilter
		want   []int64
	}{
		{metastore.RunFilter{}, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{metastore.RunFilter{Limit: 3}, []int64{12, 11, 10}},
		{metastore.RunFilter{Before: 4}, []int64{3, 2, 1}},
		{metastore.RunFilter{Flows: []string{"A"}}, []int64{11, 9, 7, 5, 3, 1}},
		{metastore.RunFilter{Flows: []string{"A"}, Before: 9, Limit: 2}, []int64{7, 5}},
		{metastore.RunFilter{Users: []string{"w"}}, []int64{12, 9, 6, 3}},
		{metastore.RunFilter{Statuses: []metastore.RunStatus{metastore.RunFailed}}, []int64{5}},
		{metastore.RunFilter{Tags: []string{"t1"}}, []int64{10, 6, 2}},
		{metastore.RunFilter{Tags: []string{"t1", "all", "s1"}, Users: []string{"w"}}, []int64{6}},
		{metastore.RunFilter{Tags: []string{"t1", "s0"}}, nil},
		{metastore.RunFilter{Flows: []string{"C"}}, nil},
		{metastore.RunFilter{Tags: []string{"spun"}}, nil},
		{metastore.RunFilter{Tags: []string{"spun"}, Spun: true}, []int64{14, 13}},
		{metastore.RunFilter{Spun: true, Limit: 3}, []int64{14, 13, 12}},
		{metastore.RunFilter{Parameters: map[string]string{"lr": "1"}, Limit: 2}, []int64{12, 10}},
		{metastore.RunFilter{Parameters: map[string]string{"lr": "1", "a.b\"$": "3"}}, []int64{4}},
		{metastore.RunFilter{Parameters: map[string]string{"none": ""}}, nil},
	} {
		var got []int64
		for _, r := range collect(t, s.Runs(ctx, c.filter)) {
			got = append(got, r.ID)
		}
		equal(t, fmt.Sprintf("%+v", c.filter), got, c.want)
	}
}

func testEndRun(t *testing.T, s metastore.Store) {
	id := newRun(t, s)
	must(t, s.EndRun(ctx, id, metastore.RunEnd{Status: metastore.RunFailed, Ended: at(9), FailedTask: 3, Problem: "it broke"}))
	r, err := s.Run(ctx, id)
	must(t, err)
	equal(t, "run", r, metastore.Run{ID: id, Flow: "F", Status: metastore.RunFailed, Created: at(0), Ended: at(9), FailedTask: 3, Problem: "it broke"})
	wantKind(t, "EndRun of no run", s.EndRun(ctx, 99, metastore.RunEnd{}), fault.NotFound)
}

func testBeat(t *testing.T, s metastore.Store) {
	id, err := s.CreateRun(ctx, fullRun(), metastore.Beginning{})
	must(t, err)
	must(t, s.Beat(ctx, id, at(77)))
	r, err := s.Run(ctx, id)
	must(t, err)
	want := fullRun().Lease
	want.Heartbeat = at(77)
	equal(t, "lease", r.Lease, want)
	wantKind(t, "Beat of no run", s.Beat(ctx, 99, at(0)), fault.NotFound)
}

func testTags(t *testing.T, s metastore.Store) {
	id, err := s.CreateRun(ctx, metastore.Run{Tags: []string{"a", "b", "a"}, SystemTags: []string{"sys"}}, metastore.Beginning{})
	must(t, err)
	for _, c := range []struct{ remove, add, want []string }{
		{nil, nil, []string{"a", "b"}},
		{nil, []string{"c", "b"}, []string{"a", "b", "c"}},
		{[]string{"a", "zz", "sys"}, nil, []string{"b", "c"}},
		{[]string{"b", "c"}, []string{"b", "sys"}, []string{"b", "sys"}},
		{[]string{"b", "sys"}, nil, nil},
	} {
		got, err := s.ChangeTags(ctx, id, c.remove, c.add)
		must(t, err)
		equal(t, fmt.Sprintf("tags after -%v +%v", c.remove, c.add), got, c.want)
		r, err := s.Run(ctx, id)
		must(t, err)
		equal(t, "recorded tags", r.Tags, c.want)
		equal(t, "system tags", r.SystemTags, []string{"sys"})
	}
	_, err = s.ChangeTags(ctx, 99, nil, []string{"a"})
	wantKind(t, "ChangeTags of no run", err, fault.NotFound)
}

// Marks asks for writes twice: the same, which are done once, and others that look the same. A store far away is not
// tested so: it marks what it sends itself.
func Marks(t *testing.T, s metastore.Store) {
	mark := func(batch int64, item int) *metastore.Mark {
		return &metastore.Mark{Writer: "w", Batch: batch, Item: item}
	}
	create := func(m *metastore.Mark, want int64) {
		t.Helper()
		id, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Created: at(0)}, metastore.Beginning{Mark: m, First: []metastore.Record{{Task: task(0, 0, "start")}}})
		must(t, err)
		equal(t, "run", id, want)
	}
	create(mark(1, 0), 1)
	create(mark(1, 1), 2)
	create(mark(1, 0), 1)
	create(mark(1, 1), 2)
	create(&metastore.Mark{Writer: "v", Batch: 1}, 3)
	create(mark(2, 0), 4)
	create(nil, 5)

	again := func(what string, r metastore.Record, first, other *metastore.Mark) {
		t.Helper()
		r.Mark = first
		must(t, record(s, r))
		must(t, record(s, r))
		for _, m := range []*metastore.Mark{other, nil} {
			r.Mark = m
			wantKind(t, "another "+what, record(s, r), fault.Conflict)
		}
		r.Mark = other
		wantKind(t, "another "+what+", asked for again", record(s, r), fault.Conflict)
	}
	again("task", metastore.Record{Task: task(1, 1, "a"), Attempt: attempt(1, 1, 0, metastore.AttemptRunning)}, mark(2, 1), mark(2, 2))
	again("scope", metastore.Record{Scope: &metastore.Scope{Run: 1, Split: 1, Step: "a", Kind: "foreach", Count: 2, Parent: -1}}, mark(3, 0), mark(4, 0))

	// What was written later stays.
	first := metastore.Record{Attempt: attempt(1, 1, 0, metastore.AttemptRunning), Mark: mark(5, 0)}
	must(t, record(s, first))
	must(t, record(s, metastore.Record{Attempt: attempt(1, 1, 0, metastore.AttemptSucceeded), Mark: mark(5, 1)}))
	must(t, record(s, first))
	got, err := s.Attempts(ctx, 1, 1)
	must(t, err)
	equal(t, "attempts", got, []metastore.Attempt{*attempt(1, 1, 0, metastore.AttemptSucceeded)})

	// A write that was refused leaves no mark.
	r := metastore.Record{Task: task(1, 1, "a"), Mark: mark(6, 0)}
	wantKind(t, "another task", record(s, r), fault.Conflict)
	r.Task = task(1, 2, "a")
	must(t, record(s, r))
	_, err = s.Task(ctx, 1, 2)
	must(t, err)
}

func testRecordRoundTrip(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	tk := metastore.Task{
		Run: run, ID: 12, Step: "join", Scope: 3, Index: 4, Iteration: 5, Base: 0, Inputs: []int64{9, 3, 1 << 40, 0}, Origin: 6, Created: at(1).Add(time.Microsecond),
	}
	a := metastore.Attempt{
		Run: run, Task: 12, N: 2, Status: metastore.AttemptCaught, PID: 77, Started: at(2), Ended: at(3.5), ExitCode: -1, Signal: 9,
		UserCPU: 1234567 * time.Microsecond, SystemCPU: time.Microsecond, PeakMemory: 1 << 40, MemorySource: "cgroup", GPUs: []string{"1", "GPU-7f"},
		Transition: []byte(`{"next":["end"]}`), Value: "x\x00ü", Exception: &metastore.Exception{Type: "ValueError", Message: "no\x00\"", Traceback: "a\nb"},
		Series: []byte{0, 1, 2}, LogFile: "12-2.log", LogLines: 1 << 33, LogBytes: 1 << 41, Complete: true,
	}
	arts := []metastore.Artifact{artifact("b", "2"), {Name: "a", Hash: hashOf("large"), Size: 1 << 40, Codec: "file", Type: "ndarray"}, artifact("ü", "")}
	must(t, record(s, metastore.Record{Task: &tk, Attempt: &a, Artifacts: arts, Log: []byte("log")}))

	gotTask, err := s.Task(ctx, run, 12)
	must(t, err)
	equal(t, "task", gotTask, tk)
	gotAttempts, err := s.Attempts(ctx, run, 12)
	must(t, err)
	equal(t, "attempts", gotAttempts, []metastore.Attempt{a})
	gotArts, err := s.Artifacts(ctx, run, 12, 2)
	must(t, err)
	equal(t, "artifacts", gotArts, []metastore.Artifact{arts[1], arts[0], arts[2]})

	bare := metastore.Record{
		Task:    &metastore.Task{Run: run, ID: 13, Inputs: []int64{}},
		Attempt: &metastore.Attempt{Run: run, Task: 13, Transition: []byte{}, Series: []byte{}, GPUs: []string{}},
	}
	must(t, record(s, bare))
	gotTask, err = s.Task(ctx, run, 13)
	must(t, err)
	equal(t, "bare task", gotTask, metastore.Task{Run: run, ID: 13})
	gotAttempts, err = s.Attempts(ctx, run, 13)
	must(t, err)
	equal(t, "bare attempts", gotAttempts, []metastore.Attempt{{Run: run, Task: 13}})
}

func testAttemptReplaced(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	must(t, record(s, metastore.Record{Task: task(run, 1, "a"), Attempt: attempt(run, 1, 0, metastore.AttemptRunning)}))
	must(t, record(s, metastore.Record{
		Attempt: attempt(run, 1, 0, metastore.AttemptFailed), Artifacts: []metastore.Artifact{artifact("x", "1"), artifact("y", "1")},
	}))
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 1, metastore.AttemptRunning)}))
	must(t, record(s, metastore.Record{Attempt: attempt(run, 1, 0, metastore.AttemptKilled), Artifacts: []metastore.Artifact{artifact("x", "2")}}))
	got, err := s.Attempts(ctx, run, 1)
	must(t, err)
	equal(t, "attempts", got, []metastore.Attempt{*attempt(run, 1, 0, metastore.AttemptKilled), *attempt(run, 1, 1, metastore.AttemptRunning)})
	arts, err := s.Artifacts(ctx, run, 1, 0)
	must(t, err)
	equal(t, "artifacts", arts, []metastore.Artifact{artifact("x", "2"), artifact("y", "1")})
}

// testStartedAndFinished queues both records of an attempt, and of a retry, so that
// they may meet in one commit.
func testStartedAndFinished(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	var calls []int
	var wg sync.WaitGroup
	for i, r := range []metastore.Record{
		{Task: task(run, 1, "a"), Attempt: attempt(run, 1, 0, metastore.AttemptRunning), Artifacts: []metastore.Artifact{artifact("early", "1")}},
		{Attempt: attempt(run, 1, 0, metastore.AttemptFailed), Log: []byte("first")},
		{Attempt: attempt(run, 1, 1, metastore.AttemptRunning)},
		{Attempt: attempt(run, 1, 1, metastore.AttemptSucceeded), Artifacts: []metastore.Artifact{artifact("x", "2")}, Log: []byte("second")},
		{Task: task(run, 2, "b"), Attempt: attempt(run, 2, 0, metastore.AttemptRunning)},
	} {
		wg.Add(1)
		r.Done = func(err error) {
			must(t, err)
			calls = append(calls, i)
			wg.Done()
		}
		s.Record(r)
	}
	s.Flush()
	wg.Wait()
	equal(t, "order of calls", calls, []int{0, 1, 2, 3, 4})
	got, err := s.Attempts(ctx, run, 1)
	must(t, err)
	equal(t, "attempts", got, []metastore.Attempt{*attempt(run, 1, 0, metastore.AttemptFailed), *attempt(run, 1, 1, metastore.AttemptSucceeded)})
	arts, err := s.Artifacts(ctx, run, 1, 0)
	must(t, err)
	equal(t, "artifacts of the first", arts, []metastore.Artifact{artifact("early", "1")})
	got, err = s.Attempts(ctx, run, 2)
	must(t, err)
	equal(t, "running attempt", got, []metastore.Attempt{*attempt(run, 2, 0, metastore.AttemptRunning)})
}

func testConflict(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	must(t, record(s, metastore.Record{Task: task(run, 1, "a"), Scope: &metastore.Scope{Run: run, Split: 1, Step: "a"}}))
	var errs []error
	var wg sync.WaitGroup
	for _, r := range []metastore.Record{
		{Task: task(run, 2, "b")},
		{Task: task(run, 1, "again"), Attempt: attempt(run, 1, 0, metastore.AttemptRunning)},
		{Task: task(run, 3, "c"), Scope: &metastore.Scope{Run: run, Split: 1, Step: "again"}},
		{Attempt: attempt(run, 1, 0, metastore.AttemptSucceeded)},
		{Task: task(run, 3, "d")},
	} {
		wg.Add(1)
		r.Done = func(err error) { errs = append(errs, err); wg.Done() }
		s.Record(r)
	}
	s.Flush()
	wg.Wait()
	for i, conflict := range []bool{false, true, true, false, false} {
		if conflict {
			wantKind(t, fmt.Sprintf("record %d", i), errs[i], fault.Conflict)
		} else if errs[i] != nil {
			t.Errorf("record %d: %v", i, errs[i])
		}
	}
	var got []string
	for _, tk := range collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1})) {
		got = append(got, tk.Step)
	}
	equal(t, "tasks", got, []string{"a", "b", "d"})
	attempts, err := s.Attempts(ctx, run, 1)
	must(t, err)
	equal(t, "attempts", attempts, []metastore.Attempt{*attempt(run, 1, 0, metastore.AttemptSucceeded)})
	scopes, err := s.Scopes(ctx, run)
	must(t, err)
	equal(t, "scopes", scopes, []metastore.Scope{{Run: run, Split: 1, Step: "a"}})
}

func testMalformed(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	wantKind(t, "artifacts without attempt", record(s, metastore.Record{Task: task(run, 1, "a"), Artifacts: []metastore.Artifact{artifact("x", "1")}}), fault.Internal)
	wantKind(t, "log without attempt", record(s, metastore.Record{Log: []byte("x")}), fault.Internal)
	must(t, record(s, metastore.Record{}))
	_, err := s.Task(ctx, run, 1)
	wantKind(t, "Task", err, fault.NotFound)
}

// testOrder checks that Done is called in the order of the records, and that a
// record that is told to be durable can be read, with all before it.
func testOrder(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	const n = 2000
	next := int64(0)
	durable := make(chan int64, n)
	for i := range int64(n) {
		s.Record(metastore.Record{Task: task(run, i, "a"), Soon: i%97 == 0, Done: func(err error) {
			if err != nil || i != next {
				t.Errorf("record %d is told after %d: %v", i, next-1, err)
			}
			next++
			durable <- i
		}})
	}
	s.Flush()
	for range n {
		i := <-durable
		if i%101 == 0 {
			if got := len(collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1}))); int64(got) <= i {
				t.Errorf("%d tasks are there when %d is durable", got, i)
			}
		}
	}
}

func testEndRunCommitsBefore(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	told := make(chan error, 100)
	for i := range int64(100) {
		s.Record(metastore.Record{Task: task(run, i, "a"), Done: func(err error) { told <- err }})
	}
	must(t, s.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded, FailedTask: -1}))
	if len(told) != 100 {
		t.Errorf("%d of 100 records were told when the run had ended", len(told))
	}
	if got := collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1})); len(got) != 100 {
		t.Errorf("%d tasks", len(got))
	}
}

func testConcurrent(t *testing.T, s metastore.Store) {
	const writers, each = 8, 200
	var wg sync.WaitGroup
	ids := make([]int64, writers)
	for w := range writers {
		wg.Go(func() {
			run := newRun(t, s)
			ids[w] = run
			var last sync.WaitGroup
			for i := range int64(each) {
				last.Add(1)
				s.Record(metastore.Record{
					Task: task(run, i, "a"), Attempt: attempt(run, i, 0, metastore.AttemptSucceeded),
					Artifacts: []metastore.Artifact{artifact("x", fmt.Sprint(run, i))}, Blobs: []metastore.Blob{{Hash: hashOf(fmt.Sprint(i)), Data: []byte{1}}},
					Done: func(err error) {
						if err != nil {
							t.Error(err)
						}
						last.Done()
					},
				})
				if i%50 == 0 {
					s.Flush()
				}
			}
			last.Wait()
			if err := s.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for r, err := range s.Runs(ctx, metastore.RunFilter{}) {
				if err != nil {
					t.Error(err)
				}
				before := int64(-1)
				for f, err := range s.Finished(ctx, r.ID) {
					if err != nil || f.Task.ID != before+1 {
						t.Errorf("after task %d of run %d comes %d, %v", before, r.ID, f.Task.ID, err)
					}
					before = f.Task.ID
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(ids)
	if len(slices.Compact(ids)) != writers {
		t.Errorf("run ids %v", ids)
	}
	for _, run := range ids {
		c, err := s.Counts(ctx, run)
		must(t, err)
		if len(c) != 1 || c[0].Succeeded != each {
			t.Errorf("run %d: %+v", run, c)
		}
	}
}

func testCanceled(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	must(t, record(s, metastore.Record{Task: task(run, 1, "a")}))
	dead, cancel := context.WithCancel(ctx)
	cancel()
	check := func(what string, err error) {
		t.Helper()
		wantKind(t, what, err, fault.Interrupted)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the cause of %v is lost", what, err)
		}
	}
	_, err := s.CreateRun(dead, metastore.Run{}, metastore.Beginning{})
	check("CreateRun", err)
	_, err = s.Run(dead, run)
	check("Run", err)
	_, err = s.Attempts(dead, run, 1)
	check("Attempts", err)
	check("Beat", s.Beat(dead, run, at(0)))
	n := 0
	for _, err := range s.Tasks(dead, metastore.TaskFilter{Run: run, After: -1}) {
		check("Tasks", err)
		n++
	}
	if n != 1 {
		t.Errorf("Tasks yielded %d times", n)
	}
	if got := collect(t, s.Runs(ctx, metastore.RunFilter{})); len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
}

func testStopEarly(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	for i := range int64(10) {
		must(t, record(s, metastore.Record{Task: task(run, i, "a")}))
	}
	for range 20 { // more often than a store has connections
		for tk, err := range s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1}) {
			must(t, err)
			if tk.ID == 3 {
				break
			}
		}
	}
	if got := collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1})); len(got) != 10 {
		t.Errorf("%d tasks", len(got))
	}
}

// testNestedReads reads and writes while iterating.
func testNestedReads(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	for i := range int64(10) {
		must(t, record(s, metastore.Record{Task: task(run, i, "a"), Attempt: attempt(run, i, 0, metastore.AttemptSucceeded)}))
	}
	n := 0
	for a, err := range s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1}) {
		must(t, err)
		for b, err := range s.Tasks(ctx, metastore.TaskFilter{Run: run, After: a.ID, Limit: 1}) {
			must(t, err)
			if _, err := s.Attempts(ctx, run, b.ID); err != nil {
				t.Error(err)
			}
			n++
		}
		must(t, record(s, metastore.Record{Task: task(run, 100+a.ID, "b")}))
	}
	if n < 9 {
		t.Errorf("%d inner iterations", n)
	}
}

func testClose(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	told := make(chan error, 11)
	for i := range int64(10) {
		s.Record(metastore.Record{Task: task(run, i, "a"), Done: func(err error) { told <- err }})
	}
	must(t, s.Close())
	if len(told) != 10 {
		t.Errorf("%d of 10 records were told when the store was closed", len(told))
	}
	for len(told) > 0 {
		must(t, <-told)
	}
	s.Record(metastore.Record{Task: task(run, 11, "a"), Done: func(err error) { told <- err }})
	if err := <-told; err == nil {
		t.Error("a closed store takes records")
	}
	if _, err := s.CreateRun(ctx, metastore.Run{}, metastore.Beginning{}); err == nil {
		t.Error("a closed store creates runs")
	}
	s.Flush()
	must(t, s.Close())
}
