package metastoretest

import (
	"testing"

	"github.com/levadahq/levada/internal/metastore"
)

func testFlows(t *testing.T, s metastore.Store) {
	for _, r := range []metastore.Run{
		{Flow: "B", SystemTags: []string{"user:a"}, Created: at(1)},
		{Flow: "A", SystemTags: []string{"user:b"}, Created: at(2), Tags: []string{"gold"}},
		{Flow: "B", SystemTags: []string{"user:b"}, Created: at(3), Tags: []string{"user:b"}},
		{Flow: "B", SystemTags: []string{"user:a"}, Created: at(4)},
	} {
		if _, err := s.CreateRun(ctx, r, metastore.Beginning{}); err != nil {
			t.Fatal(err)
		}
	}
	for tag, want := range map[string][]metastore.FlowSummary{
		"":       {{Name: "A", Runs: 1, Latest: 2, Created: at(2)}, {Name: "B", Runs: 3, Latest: 4, Created: at(1)}},
		"user:a": {{Name: "B", Runs: 2, Latest: 4, Created: at(1)}},
		"user:b": {{Name: "A", Runs: 1, Latest: 2, Created: at(2)}, {Name: "B", Runs: 1, Latest: 3, Created: at(3)}},
		"gold":   {{Name: "A", Runs: 1, Latest: 2, Created: at(2)}},
		"none":   nil,
	} {
		got, err := s.Flows(ctx, tag)
		must(t, err)
		equal(t, "flows with tag "+tag, got, want)
	}
}

func testNames(t *testing.T, s metastore.Store) {
	got, err := s.Names(ctx)
	must(t, err)
	equal(t, "names of nothing", got, metastore.Names{})
	for _, r := range []metastore.Run{
		{User: "cat", SystemTags: []string{"user:cat", "once"}, Tags: []string{"gold", "was"}},
		{User: "ann", SystemTags: []string{"user:ann", "was"}, Tags: []string{"gold", "a b", "user:ann"}},
		{SystemTags: []string{"user:cat"}, Tags: []string{"once"}},
	} {
		r.Flow, r.Created = "F", at(1)
		_, err := s.CreateRun(ctx, r, metastore.Beginning{})
		must(t, err)
	}
	got, err = s.Names(ctx)
	must(t, err)
	equal(t, "names", got, metastore.Names{Users: []string{"ann", "cat"}, Tags: []string{"a b", "gold", "once", "user:ann"}})
}

// A tag that many runs have is looked up in another way than one that few have.
func testManyTagged(t *testing.T, s metastore.Store) {
	const many = 600
	for i := range many {
		r := metastore.Run{Flow: "F", Created: at(float64(i)), SystemTags: []string{"user:a"}}
		if i%100 == 7 {
			r.Tags = []string{"rare"}
		}
		if _, err := s.CreateRun(ctx, r, metastore.Beginning{}); err != nil {
			t.Fatal(err)
		}
	}
	for what, test := range map[string]struct {
		filter metastore.RunFilter
		want   []int64
	}{
		"common":       {metastore.RunFilter{Tags: []string{"user:a"}, Limit: 2}, []int64{600, 599}},
		"rare":         {metastore.RunFilter{Tags: []string{"rare"}, Limit: 2}, []int64{508, 408}},
		"both":         {metastore.RunFilter{Flows: []string{"F"}, Tags: []string{"rare", "user:a"}, Before: 408}, []int64{308, 208, 108, 8}},
		"none":         {metastore.RunFilter{Tags: []string{"user:a", "user:b"}}, nil},
		"created":      {metastore.RunFilter{CreatedAfter: at(10), CreatedBefore: at(12)}, []int64{12, 11}},
		"created late": {metastore.RunFilter{CreatedAfter: at(598.5)}, []int64{600}},
	} {
		var got []int64
		for _, r := range collect(t, s.Runs(ctx, test.filter)) {
			got = append(got, r.ID)
		}
		equal(t, what, got, test.want)
	}
}

func testNewestTasks(t *testing.T, s metastore.Store) {
	run := madeRun(t, s)
	for what, test := range map[string]struct {
		filter metastore.TaskFilter
		want   []int64
	}{
		"newest first": {metastore.TaskFilter{After: -1, Newest: true}, []int64{3, 2, 1, 0}},
		"of a step":    {metastore.TaskFilter{After: -1, Newest: true, Step: "work"}, []int64{3, 2}},
		"a page":       {metastore.TaskFilter{After: -1, Newest: true, Before: 3, Limit: 2}, []int64{2, 1}},
		"between":      {metastore.TaskFilter{After: 0, Before: 3}, []int64{1, 2}},
		"some":         {metastore.TaskFilter{After: -1, IDs: []int64{9, 3, 0, 3}}, []int64{0, 3}},
		"some of step": {metastore.TaskFilter{After: -1, Step: "start", IDs: []int64{1, 2}}, []int64{1}},
		"none":         {metastore.TaskFilter{After: -1, IDs: []int64{}}, nil},
	} {
		test.filter.Run = run
		var got []int64
		for _, x := range collect(t, s.Tasks(ctx, test.filter)) {
			got = append(got, x.ID)
		}
		equal(t, what, got, test.want)
	}
}

func testSteps(t *testing.T, s metastore.Store) {
	run := madeRun(t, s)
	got, err := s.Steps(ctx, run)
	must(t, err)
	equal(t, "steps", got, []metastore.StepSpan{
		{Step: "_parameters", First: 0, Last: 0, Created: task(run, 0, "").Created},
		{Step: "start", First: 1, Last: 1, Created: task(run, 1, "").Created},
		{Step: "work", First: 2, Last: 3, Created: task(run, 2, "").Created},
	})
	got, err = s.Steps(ctx, run+1)
	must(t, err)
	equal(t, "steps of no run", got, nil)
}

func testOfMany(t *testing.T, s metastore.Store) {
	run := madeRun(t, s)
	other := madeRun(t, s) // must not show through
	equal(t, "attempts", collect(t, s.AttemptsOf(ctx, run, []int64{3, 1, 1, 77})), []metastore.Attempt{
		*attempt(run, 1, 0, metastore.AttemptFailed), *attempt(run, 1, 1, metastore.AttemptCaught), *attempt(run, 3, 0, metastore.AttemptFailed),
	})
	equal(t, "attempts of nothing", collect(t, s.AttemptsOf(ctx, run, nil)), nil)
	equal(t, "artifacts", collect(t, s.ArtifactsOf(ctx, run, []int64{3, 1, 0, 0})), []metastore.TaskArtifact{
		{Task: 0, Artifact: artifact("alpha", "1")}, {Task: 1, Artifact: artifact("x", "good")}, {Task: 1, Artifact: artifact("y", "good")},
	})
	scopes, err := s.ScopesOf(ctx, run, []int64{2, 3, 2})
	must(t, err)
	equal(t, "scopes", scopes, []metastore.Scope{{Run: run, Split: 2, Step: "work", Kind: "split", Count: 2, Parent: 1}})
	scopes, err = s.ScopesOf(ctx, other+1, []int64{2})
	must(t, err)
	equal(t, "scopes of no run", scopes, nil)
}

func testWidths(t *testing.T, s metastore.Store) {
	run, none, other := newRun(t, s), newRun(t, s), newRun(t, s)
	for _, r := range []int64{run, none, other} {
		for id, step := range []string{"start", "outer", "inner", "inner", "work", "work"} {
			must(t, record(s, metastore.Record{Task: task(r, int64(id+1), step)}))
		}
	}
	for _, c := range []metastore.Scope{
		{Run: run, Split: 1, Step: "start", Kind: "split", Count: 2, Parent: -1},
		{Run: run, Split: 2, Step: "outer", Kind: "foreach", Count: 1000, Parent: 1},
		{Run: run, Split: 3, Step: "inner", Kind: "gang", Count: 3, Parent: 2},
		{Run: run, Split: 4, Step: "inner", Kind: "gang", Count: 4, Parent: 2, Index: 1},
		{Run: none, Split: 1, Step: "start", Kind: "split", Count: 2, Parent: -1},
		{Run: other, Split: 2, Step: "outer", Kind: "foreach", Count: 7, Parent: -1},
	} {
		must(t, record(s, metastore.Record{Scope: &c}))
	}
	got, err := s.Widths(ctx, []int64{none, run, run + 99, run})
	must(t, err)
	equal(t, "widths", got, map[int64][]metastore.StepWidth{run: {
		{Step: "inner", Opened: 7, Tasks: 2}, {Step: "outer", Opened: 1000, Tasks: 1}, {Step: "start", Tasks: 1}, {Step: "work", Tasks: 2},
	}})
	got, err = s.Widths(ctx, nil)
	must(t, err)
	equal(t, "widths of nothing", got, map[int64][]metastore.StepWidth{})
}

func testSiblings(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	for id, step := range []string{"_parameters", "start", "work", "other", "work", "work", "end"} {
		must(t, record(s, metastore.Record{Task: task(run, int64(id), step)}))
	}
	must(t, record(s, metastore.Record{Task: task(newRun(t, s), 3, "work")})) // another run's
	for id, want := range map[int64]metastore.Siblings{
		0: {Previous: -1, Next: -1},
		2: {After: 2, Previous: -1, Next: 4},
		4: {Before: 1, After: 1, Previous: 2, Next: 5},
		5: {Before: 2, Previous: 4, Next: -1},
	} {
		step := "work"
		if id == 0 {
			step = "_parameters"
		}
		got, err := s.Siblings(ctx, run, step, id)
		must(t, err)
		equal(t, "siblings of "+step, got, want)
	}
}

func testChildren(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	for _, x := range []struct {
		id, base int64
		step     string
		inputs   []int64
	}{
		{0, -1, "_parameters", nil}, {1, 0, "start", nil}, {2, 1, "a", nil}, {3, 1, "b", nil},
		{4, 2, "a2", nil}, {5, 0, "join", []int64{4, 3}}, {6, 5, "end", nil},
	} {
		tk := task(run, x.id, x.step)
		tk.Base, tk.Inputs = x.base, x.inputs
		must(t, record(s, metastore.Record{Task: tk}))
	}
	every := []string{"start", "a", "b", "a2", "join", "end"}
	for id, want := range map[int64][]int64{0: {1}, 1: {2, 3}, 2: {4}, 3: {5}, 4: {5}, 5: {6}, 6: nil} {
		var got []int64
		for _, x := range collect(t, s.Children(ctx, run, id, every)) {
			got = append(got, x.ID)
		}
		equal(t, "children", got, want)
	}
	if got := collect(t, s.Children(ctx, run, 1, []string{"b"})); len(got) != 1 || got[0].ID != 3 {
		t.Errorf("children of step b: %+v", got)
	}
	equal(t, "children of no steps", collect(t, s.Children(ctx, run, 1, nil)), nil)
}
