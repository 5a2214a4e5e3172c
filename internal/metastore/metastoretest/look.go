package metastoretest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// testRunsChoices looks for runs of several flows, users and statuses, and with many tags and parameters.
func testRunsChoices(t *testing.T, s metastore.Store) {
	statuses := []metastore.RunStatus{metastore.RunSucceeded, metastore.RunFailed, metastore.RunInterrupted, metastore.RunRunning}
	many := make([]string, 1200)
	for i := range many {
		many[i] = fmt.Sprintf("many-%d", i)
	}
	for i := range 24 {
		run := metastore.Run{
			Flow: fmt.Sprintf("F%d", i%12), User: fmt.Sprintf("u%d", i%5), Status: statuses[i%4], Created: at(float64(i)),
			Info: metastore.RunInfo{Parameters: map[string]string{"lr": fmt.Sprint(i % 3), "n": "1"}},
		}
		if i == 7 {
			run.Tags = many
		}
		_, err := s.CreateRun(ctx, run, metastore.Beginning{})
		must(t, err)
	}
	all := make([]string, 12)
	for i := range all {
		all[i] = fmt.Sprintf("F%d", i)
	}
	newest := make([]int64, 24)
	for i := range newest {
		newest[i] = int64(24 - i)
	}
	for what, test := range map[string]struct {
		f    metastore.RunFilter
		want []int64
	}{
		"flows":              {metastore.RunFilter{Flows: []string{"F3", "F0", "none", "F3"}}, []int64{16, 13, 4, 1}},
		"flows, limit":       {metastore.RunFilter{Flows: []string{"F3", "F0"}, Limit: 3}, []int64{16, 13, 4}},
		"all flows":          {metastore.RunFilter{Flows: all}, newest},
		"all flows, page":    {metastore.RunFilter{Flows: all, Before: 24, Limit: 2}, []int64{23, 22}},
		"users":              {metastore.RunFilter{Users: []string{"u0", "u4"}, Before: 16}, []int64{15, 11, 10, 6, 5, 1}},
		"flows and users":    {metastore.RunFilter{Flows: []string{"F0", "F1", "F2"}, Users: []string{"u2", "u3"}}, []int64{14, 13, 3}},
		"statuses":           {metastore.RunFilter{Statuses: []metastore.RunStatus{metastore.RunFailed, metastore.RunInterrupted}, Limit: 3}, []int64{23, 22, 19}},
		"statuses, good too": {metastore.RunFilter{Statuses: []metastore.RunStatus{metastore.RunFailed, metastore.RunSucceeded}, Limit: 3}, []int64{22, 21, 18}},
		"all of it": {metastore.RunFilter{
			Flows: []string{"F1", "F5"}, Users: []string{"u1", "u0"}, Statuses: []metastore.RunStatus{metastore.RunFailed},
			Parameters: map[string]string{"lr": "1", "n": "1"},
		}, []int64{2}},
		"parameters":        {metastore.RunFilter{Parameters: map[string]string{"lr": "2", "n": "1"}, Limit: 2}, []int64{24, 21}},
		"no such parameter": {metastore.RunFilter{Parameters: map[string]string{"lr": "2", "m": "1"}}, nil},
		"many tags":         {metastore.RunFilter{Tags: many}, []int64{8}},
		"a tag too many":    {metastore.RunFilter{Tags: append(slices.Clone(many), "other")}, nil},
	} {
		var ids []int64
		for r := range runsOf(t, s, test.f) {
			ids = append(ids, r)
		}
		equal(t, what, ids, test.want)
	}
}

// Parameters looks for runs by the values of their parameters: ones that few runs have and ones that many have, long
// ones, and those of runs that are gone. It is part of [Test].
func Parameters(t *testing.T, s metastore.Store) {
	long := strings.Repeat("ä", 2*metastore.SearchedValue)
	many := make(map[string]string)
	for i := range 100 {
		many[fmt.Sprintf("p%d", i)] = strconv.Itoa(i)
	}
	create := func(p map[string]string) int64 {
		t.Helper()
		id, err := s.CreateRun(ctx, metastore.Run{
			Flow: "F", Status: metastore.RunSucceeded, Created: at(0), Info: metastore.RunInfo{Parameters: p},
		}, metastore.Beginning{})
		must(t, err)
		return id
	}
	for range 60 {
		create(map[string]string{"lr": "0.1", "old": "yes"})
	}
	plain := strings.Repeat("x", metastore.SearchedValue)
	first := create(map[string]string{"text": long + "a", "lr": "0.1", "plain": plain + "y"})
	second := create(map[string]string{"text": long + "b", "lr": "0.1", "half": long[:2*metastore.SearchedValue]})
	third := create(many)
	odd := create(map[string]string{"o'\"%\\": "'\"%_\\\t", "": ""})
	last := create(map[string]string{"lr": "0.10"})
	find := func(limit int, names ...string) []int64 {
		f := metastore.RunFilter{Parameters: make(map[string]string), Limit: limit}
		for i := 0; i < len(names); i += 2 {
			f.Parameters[names[i]] = names[i+1]
		}
		return slices.Collect(runsOf(t, s, f))
	}
	equal(t, "few", find(0, "lr", "0.10"), []int64{last})
	equal(t, "many", find(3, "lr", "0.1"), []int64{second, first, first - 1})
	equal(t, "many, none of them new", find(2, "old", "yes"), []int64{first - 1, first - 2})
	equal(t, "many and many", find(1, "old", "yes", "lr", "0.1"), []int64{first - 1})
	equal(t, "many and few", find(0, "lr", "0.1", "text", long+"a"), []int64{first})
	equal(t, "long", find(0, "text", long+"b"), []int64{second})
	equal(t, "how a long one begins", find(0, "text", long[:2*metastore.SearchedValue]), nil)
	equal(t, "how a long one in ASCII begins", find(0, "plain", plain), nil)
	equal(t, "as long as is indexed", find(0, "half", long[:2*metastore.SearchedValue]), []int64{second})
	equal(t, "odd", find(0, "o'\"%\\", "'\"%_\\\t", "", ""), []int64{odd})
	equal(t, "the name of one, the value of another", find(0, "old", "0.1"), nil)
	all := metastore.RunFilter{Parameters: many}
	equal(t, "all of many", slices.Collect(runsOf(t, s, all)), []int64{third})
	many["p50"] = "x"
	equal(t, "all but one of many", slices.Collect(runsOf(t, s, all)), nil)
	must(t, s.Remove(ctx, []int64{last}))
	equal(t, "of a run that is gone", find(0, "lr", "0.10"), nil)
}

func runsOf(t *testing.T, s metastore.Store, f metastore.RunFilter) func(func(int64) bool) {
	return func(yield func(int64) bool) {
		for _, r := range collect(t, s.Runs(ctx, f)) {
			if !yield(r.ID) {
				return
			}
		}
	}
}

// testSearch searches for runs as one types.
func testSearch(t *testing.T, s metastore.Store) {
	create := func(n int, run metastore.Run) { // many at once, which are made durable together
		t.Helper()
		run.Status, run.Created = metastore.RunSucceeded, at(0)
		var making sync.WaitGroup
		const atOnce = 100
		for i := range min(n, atOnce) {
			making.Go(func() {
				for range (n - i + atOnce - 1) / atOnce {
					if _, err := s.CreateRun(ctx, run, metastore.Beginning{}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		making.Wait()
	}
	create(1, metastore.Run{Flow: "Train_A", User: "Ann", Tags: []string{"Best 100%"}, SystemTags: []string{"user:Ann"},
		Info: metastore.RunInfo{Parameters: map[string]string{"path": `C:\Data_1`}}})
	create(1, metastore.Run{Flow: "TrainXA", User: "bob", Tags: []string{"best 1000"}, Info: metastore.RunInfo{Parameters: map[string]string{"path": "needle"}}})
	create(600, metastore.Run{Flow: "Score", User: "bob"})
	create(1, metastore.Run{Flow: "Other", User: "ÄNN", Tags: []string{"gold", "模型Flow"},
		Info: metastore.RunInfo{Parameters: map[string]string{"q": "GOLDEN", "score": "x", "k": `xé*[?]\%_^`}}})
	create(1, metastore.Run{Flow: "Score", User: "cat", Info: metastore.RunInfo{Spin: "x/1/a/1"}})
	for what, test := range map[string]struct {
		f    metastore.RunFilter
		want []int64
	}{
		"by id":                   {metastore.RunFilter{Search: "60", Limit: 5}, []int64{603, 602, 601, 600, 60}},
		"by whole id":             {metastore.RunFilter{Search: "603"}, []int64{603}},
		"of flow":                 {metastore.RunFilter{Search: "rain_a"}, []int64{1}},
		"of flows":                {metastore.RunFilter{Search: "TRAIN"}, []int64{2, 1}},
		"of user":                 {metastore.RunFilter{Search: "ann"}, []int64{1}},
		"other letters":           {metastore.RunFilter{Search: "Änn"}, []int64{603}},
		"letters of any case":     {metastore.RunFilter{Search: "änN"}, []int64{603}},
		"letters, and signs":      {metastore.RunFilter{Search: `É*[?]\%_^`}, []int64{603}},
		"letters, and no pattern": {metastore.RunFilter{Search: "É*?"}, nil},
		"letters without cases":   {metastore.RunFilter{Search: "型fl"}, []int64{603}},
		"letters of two kinds":    {metastore.RunFilter{Search: "\u212a"}, nil}, // the sign for Kelvin is no k
		"longer than anything":    {metastore.RunFilter{Search: strings.Repeat("é", 20_000)}, nil},
		"a NUL":                   {metastore.RunFilter{Search: "\x00"}, nil},
		"a NUL after something":   {metastore.RunFilter{Search: "gold\x00"}, nil},
		"of tag":                  {metastore.RunFilter{Search: "t 100%"}, []int64{1}},
		"not of a system tag":     {metastore.RunFilter{Search: "user:"}, nil},
		"words of several things": {metastore.RunFilter{Search: " TRAIN  bob 1000 "}, []int64{2}},
		"one word not there":      {metastore.RunFilter{Search: "train bob gold"}, nil},
		"an id and a word":        {metastore.RunFilter{Search: "60 score", Limit: 2}, []int64{602, 601}},
		"two words of many":       {metastore.RunFilter{Search: "score bob", Limit: 2}, []int64{602, 601}},
		// The last ones together.
		"very many words":         {metastore.RunFilter{Search: strings.Repeat("score ", 8) + "bob"}, nil},
		"blanks alone":            {metastore.RunFilter{Search: "  ", Limit: 1}, []int64{603}},
		"of parameter":            {metastore.RunFilter{Search: "gold"}, []int64{603}},
		"of an old one's":         {metastore.RunFilter{Search: `c:\data_1`}, []int64{1}},
		"not of its name":         {metastore.RunFilter{Search: "path"}, nil},
		"many":                    {metastore.RunFilter{Search: "score", Limit: 2}, []int64{602, 601}},
		"many, with what it's in": {metastore.RunFilter{Search: "o", Users: []string{"Ann", "ÄNN"}}, []int64{603}},
		"many old ones":           {metastore.RunFilter{Search: "b", Before: 4}, []int64{3, 2, 1}},
		"nothing":                 {metastore.RunFilter{Search: "nothing"}, nil},
		"a quote":                 {metastore.RunFilter{Search: `'"`}, nil},
		"no id":                   {metastore.RunFilter{Search: "0"}, []int64{2, 1}}, // of a tag
		"too large an id":         {metastore.RunFilter{Search: "99999999999999999999"}, nil},
	} {
		var ids []int64
		for r := range runsOf(t, s, test.f) {
			ids = append(ids, r)
		}
		equal(t, what, ids, test.want)
	}
	create(metastore.SearchedParameters, metastore.Run{Flow: "Filler", User: "cat"})
	for r := range runsOf(t, s, metastore.RunFilter{Search: "needle"}) {
		t.Errorf("the parameters of run %d were looked at", r)
	}
}

// testAskStop asks a run to end.
func testAskStop(t *testing.T, s metastore.Store) {
	id, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at(0)}, metastore.Beginning{})
	must(t, err)
	asked := func() metastore.Run {
		t.Helper()
		run, err := s.Run(ctx, id)
		must(t, err)
		return run
	}
	if r := asked(); !r.StopAsked.IsZero() {
		t.Errorf("nobody asked: %v", r.StopAsked)
	}
	must(t, s.AskStop(ctx, id, at(1)))
	must(t, s.AskStop(ctx, id, at(2)))
	must(t, s.Beat(ctx, id, at(3)))
	equal(t, "asked", asked().StopAsked, at(1))
	wantKind(t, "no such run", s.AskStop(ctx, 77, at(1)), fault.NotFound)
}

// testChanges looks at the number that tells of changes.
func testChanges(t *testing.T, s metastore.Store) {
	state := func() int64 {
		t.Helper()
		n, err := s.Changes(ctx)
		must(t, err)
		return n
	}
	before := state()
	changed := func(what string) {
		t.Helper()
		now := state()
		if now == before {
			t.Errorf("%s: still %d", what, now)
		}
		if again := state(); again != now {
			t.Errorf("%s: %d, then %d", what, now, again)
		}
		before = now
	}
	id, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at(0)}, metastore.Beginning{})
	must(t, err)
	changed("a run was created")
	must(t, record(s, metastore.Record{Task: &metastore.Task{Run: id, ID: 1, Step: "a", Scope: -1, Base: -1, Created: at(0)}}))
	changed("a task was recorded")
	must(t, s.Beat(ctx, id, at(2)))
	changed("the run said that it lives")
	_, err = s.ChangeTags(ctx, id, nil, []string{"x"})
	must(t, err)
	changed("it was tagged")
	must(t, s.AskStop(ctx, id, at(3)))
	changed("it was asked to stop")
	collect(t, s.Runs(ctx, metastore.RunFilter{}))
	if state() != before {
		t.Error("reading changes something")
	}
	must(t, s.EndRun(ctx, id, metastore.RunEnd{Status: metastore.RunFailed, Ended: at(4)}))
	changed("it ended")
	must(t, s.Remove(ctx, []int64{id}))
	changed("it was removed")
}

// testTimeline reads rows of tasks.
func testTimeline(t *testing.T, s metastore.Store) {
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at(0)}, metastore.Beginning{})
	must(t, err)
	other, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at(0)}, metastore.Beginning{})
	must(t, err)
	task := func(run, id int64, step string, attempts ...metastore.Attempt) {
		t.Helper()
		must(t, record(s, metastore.Record{Task: &metastore.Task{Run: run, ID: id, Step: step, Scope: -1, Base: -1, Created: at(0)}}))
		for n, a := range attempts {
			a.Run, a.Task, a.N, a.Started = run, id, n, at(float64(id))
			must(t, record(s, metastore.Record{Attempt: &a}))
		}
	}
	good := metastore.Attempt{Status: metastore.AttemptSucceeded, Ended: at(9), Value: "x"}
	task(other, 1, "a", good)
	task(run, 3, "b", metastore.Attempt{Status: metastore.AttemptRunning})
	task(run, 1, "a", metastore.Attempt{Status: metastore.AttemptFailed, Ended: at(8)}, good)
	task(run, 2, "b")
	rows := []metastore.TimelineRow{
		{Task: 1, Step: "a", Status: metastore.AttemptFailed, Started: at(1), Ended: at(8)},
		{Task: 1, Step: "a", N: 1, Status: metastore.AttemptSucceeded, Started: at(1), Ended: at(9), Value: "x"},
		{Task: 2, Step: "b", N: -1},
		{Task: 3, Step: "b", Status: metastore.AttemptRunning, Started: at(3)},
	}
	for what, test := range map[string]struct {
		f    metastore.TaskFilter
		want []metastore.TimelineRow
	}{
		"all":            {metastore.TaskFilter{Run: run, After: -1, Newest: true}, rows},
		"limit of tasks": {metastore.TaskFilter{Run: run, After: -1, Limit: 2}, rows[:3]},
		"after":          {metastore.TaskFilter{Run: run, After: 1}, rows[2:]},
		"of a step":      {metastore.TaskFilter{Run: run, After: -1, Step: "b", Limit: 1}, rows[2:3]},
		"by id":          {metastore.TaskFilter{Run: run, After: -1, IDs: []int64{3, 7}}, rows[3:]},
		"no such run":    {metastore.TaskFilter{Run: 99, After: -1}, nil},
	} {
		equal(t, what, collect(t, s.Timeline(ctx, test.f)), test.want)
	}
}

// testInherited finds short values of many runs.
func testInherited(t *testing.T, s metastore.Store) {
	var tasks []metastore.TaskID
	var want []metastore.InheritedArtifact
	artifact := func(name, kind, value string) metastore.Artifact {
		return metastore.Artifact{Name: name, Type: kind, Codec: "pickle", Hash: metastore.Hash{1}, Size: 1, Inline: []byte(value)}
	}
	for range 3 {
		run, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at(0)}, metastore.Beginning{})
		must(t, err)
		task := func(id, base int64, step string, complete bool, own ...metastore.Artifact) {
			t.Helper()
			must(t, record(s, metastore.Record{
				Task:      &metastore.Task{Run: run, ID: id, Step: step, Scope: -1, Base: base, Created: at(0)},
				Attempt:   &metastore.Attempt{Run: run, Task: id, N: 1, Status: metastore.AttemptSucceeded, Started: at(1), Ended: at(2), Complete: complete},
				Artifacts: own,
			}))
		}
		task(0, -1, "_parameters", false, artifact("alpha", "float", "0"), artifact("old", "int", "0"))
		task(1, 0, "start", true, artifact("alpha", "float", "1"), artifact("n", "int", "1"), artifact("hidden", "int", "1"), artifact("text", "str", "1"))
		task(2, 1, "end", false, artifact("n", "int", "2"), artifact("hidden", "str", "2"))
		task(3, 2, "end", false, artifact("score", "float", "3"))
		must(t, record(s, metastore.Record{Attempt: &metastore.Attempt{Run: run, Task: 3, N: 2, Status: metastore.AttemptFailed},
			Artifacts: []metastore.Artifact{artifact("score", "float", "failed")}}))
		must(t, record(s, metastore.Record{ // has not ended well
			Task:      &metastore.Task{Run: run, ID: 4, Step: "late", Scope: -1, Base: 3, Created: at(0)},
			Attempt:   &metastore.Attempt{Run: run, Task: 4, Status: metastore.AttemptFailed},
			Artifacts: []metastore.Artifact{artifact("score", "float", "4")},
		}))
		id := metastore.TaskID{Run: run, Task: 3}
		tasks = append(tasks, metastore.TaskID{Run: run, Task: 4}, id)
		for _, a := range []metastore.Artifact{artifact("alpha", "float", "1"), artifact("n", "int", "2"), artifact("score", "float", "3")} {
			want = append(want, metastore.InheritedArtifact{TaskID: id, Artifact: a})
		}
	}
	slices.Reverse(tasks)
	tasks = append(tasks, tasks[0], metastore.TaskID{Run: 99, Task: 1}, metastore.TaskID{Run: 1, Task: 77})
	equal(t, "inherited", collect(t, s.Inherited(ctx, tasks, []string{"int", "float"})), want)
	equal(t, "of no type", collect(t, s.Inherited(ctx, tasks, nil)), nil)
	equal(t, "of no task", collect(t, s.Inherited(ctx, nil, []string{"int"})), nil)
	last, err := s.LastTasks(ctx, "end", []int64{3, 1, 99})
	must(t, err)
	equal(t, "last tasks", last, map[int64]int64{1: 3, 3: 3})
	last, err = s.LastTasks(ctx, "none", []int64{1})
	must(t, err)
	equal(t, "no last task", last, map[int64]int64{})
}
