package upkeep

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

const day = 24 * time.Hour

// history is a store's runs, newest first.
var history = []metastore.Run{
	{ID: 9, Flow: "A", Status: metastore.RunRunning, Created: ago(90 * day)},
	{ID: 8, Flow: "A", Status: metastore.RunSucceeded, Created: ago(2 * day), Ended: ago(1 * day), Tags: []string{"x"}},
	{ID: 7, Flow: "B", Status: metastore.RunFailed, Created: ago(50 * day), Ended: ago(40 * day), Tags: []string{"x", "y"}},
	{ID: 6, Flow: "A", Status: metastore.RunFailed, Created: ago(50 * day), Ended: ago(49 * day), SystemTags: []string{"user:ann"}},
	{ID: 5, Flow: "A", Status: metastore.RunDied, Created: ago(60 * day), Lease: metastore.Lease{Heartbeat: ago(20 * day)}},
	{ID: 4, Flow: "B", Status: metastore.RunSucceeded, Created: ago(70 * day), Ended: ago(69 * day), Tags: []string{"keep"}},
	{ID: 3, Flow: "B", Status: metastore.RunInterrupted, Created: ago(71 * day), Ended: ago(70 * day)},
	{ID: 2, Flow: "C", Status: metastore.RunDied, Created: ago(80 * day)},
}

// spun returns runs of flow A that spun a task, newer than the rest.
func spun(ids ...int64) (runs []metastore.Run) {
	for _, id := range ids {
		r := metastore.Run{ID: id, Flow: "A", Status: metastore.RunSucceeded, Created: ago(day), Ended: ago(day)}
		r.Info.Spin = "A/8/train/3"
		runs = append(runs, r)
	}
	return runs
}

// However often a step was spun, the newest runs stay.
func TestSpinsAreCountedByThemselves(t *testing.T) {
	r := NoRules
	r.Keep, r.Flows = 2, []string{"A"}
	var got []int64
	for _, run := range r.Select(append(spun(12, 11, 10), history...), noon) {
		got = append(got, run.ID)
	}
	if want := []int64{10, 6, 5}; !slices.Equal(got, want) {
		t.Errorf("%v go, want %v", got, want)
	}
}

func TestSelect(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Rules)
		want   []int64
	}{
		"no rules":                    {func(*Rules) {}, nil},
		"age":                         {func(r *Rules) { r.OlderThan = 30 * day }, []int64{7, 6, 4, 3, 2}},
		"an age that one just has":    {func(r *Rules) { r.OlderThan = 70 * day }, []int64{3, 2}},
		"the newest of each flow":     {func(r *Rules) { r.Keep = 1 }, []int64{8, 6, 5, 4, 3}},
		"the two newest of each flow": {func(r *Rules) { r.Keep = 2 }, []int64{6, 5, 3}},
		"none of the newest":          {func(r *Rules) { r.Keep = 0 }, []int64{8, 7, 6, 5, 4, 3, 2}},
		"flow":                        {func(r *Rules) { r.Flows = []string{"C", "B"} }, []int64{7, 4, 3, 2}},
		"status":                      {func(r *Rules) { r.Statuses = []metastore.RunStatus{metastore.RunDied, metastore.RunFailed} }, []int64{7, 6, 5, 2}},
		"tag":                         {func(r *Rules) { r.Tags = []string{"x"} }, []int64{8, 7}},
		"tags":                        {func(r *Rules) { r.Tags = []string{"x", "y"} }, []int64{7}},
		"system tag":                  {func(r *Rules) { r.Tags = []string{"user:ann"} }, []int64{6}},
		"age but not a tag":           {func(r *Rules) { r.OlderThan, r.KeepTags = 30*day, []string{"keep", "y"} }, []int64{6, 3, 2}},
		// Of flow A the two newest are 9 and 8, though neither failed.
		"all at once": {func(r *Rules) {
			r.Keep, r.Statuses, r.Flows, r.OlderThan = 2, []metastore.RunStatus{metastore.RunFailed}, []string{"A"}, 10*day
		}, []int64{6}},
	} {
		r := NoRules
		c.change(&r)
		var got []int64
		for _, run := range r.Select(history, noon) {
			got = append(got, run.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v go, want %v", name, got, c.want)
		}
		if err := r.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRulesThatCannotBeMeant(t *testing.T) {
	for name, r := range map[string]Rules{
		"only what stays": {Keep: -1, KeepTags: []string{"x"}},
		"running":         {Keep: -1, Statuses: []metastore.RunStatus{metastore.RunRunning}},
		"negative age":    {Keep: -1, OlderThan: -1},
	} {
		if err := r.Check(); !fault.Is(err, fault.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A rule more never lets more go, and what goes on never goes.
func TestARuleMoreKeepsMore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		some := Rules{Keep: rapid.IntRange(0, 3).Draw(rt, "keep"), OlderThan: time.Duration(rapid.IntRange(0, 90).Draw(rt, "days")) * day}
		more := some
		more.Statuses = rapid.SliceOf(rapid.SampledFrom([]metastore.RunStatus{metastore.RunFailed, metastore.RunDied})).Draw(rt, "statuses")
		more.Flows = rapid.SliceOf(rapid.SampledFrom([]string{"A", "B"})).Draw(rt, "flows")
		more.KeepTags = rapid.SliceOf(rapid.SampledFrom([]string{"x", "keep"})).Draw(rt, "keep tags")
		if more.Keep > 0 {
			more.Keep++
		}
		all := some.Select(history, noon)
		for _, run := range more.Select(history, noon) {
			if run.Status == metastore.RunRunning {
				rt.Errorf("run %d goes on, and goes", run.ID)
			}
			if !slices.ContainsFunc(all, func(r metastore.Run) bool { return r.ID == run.ID }) {
				rt.Errorf("run %d goes by more rules, but not by some of them", run.ID)
			}
		}
	})
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 1<<20 - 1: "1.0 MiB", 1<<40 + 1<<39: "1.5 TiB", 1<<63 - 1: "8.0 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
