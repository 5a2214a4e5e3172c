package metastoretest

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Compare does random things to a store and to a model of it, and checks that both
// end up with the same content. open returns empty stores.
func Compare(t *testing.T, open func(*rapid.T) (store, model metastore.Store)) {
	rapid.Check(t, func(rt *rapid.T) {
		store, model := open(rt)
		defer store.Close()
		defer model.Close()
		c := &comparison{rt: rt, store: store, model: model}
		rt.Repeat(map[string]func(*rapid.T){
			"create run": c.createRun,
			"records":    c.records,
			"end run":    c.endRun,
			"tags":       c.changeTags,
			"remove":     c.remove,
			"":           func(*rapid.T) {},
		})
		if d := cmp.Diff(content(rt, model, c.runs), content(rt, store, c.runs)); d != "" {
			rt.Fatalf("the store differs from the model (-model +store):\n%s", d)
		}
	})
}

// Few has a property checked a few times, unless -rapid.checks says how often: its cases take long.
func Few(t *testing.T, times int) {
	checks := flag.Lookup("rapid.checks")
	usual := checks.Value.String()
	if usual != checks.DefValue {
		return
	}
	if checks.Value.Set(fmt.Sprint(times)) != nil {
		t.Fatal("rapid has no number of checks")
	}
	t.Cleanup(func() { _ = checks.Value.Set(usual) })
}

type comparison struct {
	rt           *rapid.T
	store, model metastore.Store
	runs         int64
}

// same checks that both failed in the same way or not at all.
func (c *comparison) same(what string, store, model error) {
	if (store == nil) != (model == nil) || store != nil && fault.KindOf(store) != fault.KindOf(model) {
		c.rt.Fatalf("%s: the store says %v, the model %v", what, store, model)
	}
}

func (c *comparison) createRun(rt *rapid.T) {
	run := metastore.Run{
		Flow: rapid.SampledFrom([]string{"A", "B", ""}).Draw(rt, "flow"), User: text().Draw(rt, "user"), Created: moment().Draw(rt, "created"),
		Status: metastore.RunRunning, Tags: tags().Draw(rt, "tags"), SystemTags: tags().Draw(rt, "system tags"),
	}
	var begin metastore.Beginning
	if c.runs > 0 && rapid.Bool().Draw(rt, "carry") {
		begin.From = rapid.Int64Range(1, c.runs).Draw(rt, "from")
		begin.Tasks = rapid.SliceOf(rapid.Int64Range(0, 5)).Draw(rt, "tasks")
		if rapid.Bool().Draw(rt, "all good") {
			begin.Tasks = nil
			for _, f := range collectRapid(rt, c.model.Finished(ctx, begin.From)) {
				begin.Tasks = append(begin.Tasks, f.Task.ID)
			}
		}
	}
	if begin.From != 0 {
		run.Origin = begin.From
	}
	if rapid.Bool().Draw(rt, "first") {
		begin.First = append(begin.First, c.draw(rt))
	}
	id, err := c.store.CreateRun(ctx, run, begin)
	id2, err2 := c.model.CreateRun(ctx, run, begin)
	c.same("CreateRun", err, err2)
	if id != id2 {
		rt.Fatalf("the store gives id %d, the model %d", id, id2)
	}
	if err == nil {
		c.runs = id
	}
}

// records queues some records, which may share a commit.
func (c *comparison) records(rt *rapid.T) {
	if c.runs == 0 {
		return
	}
	list := rapid.SliceOfN(rapid.Custom(c.draw), 1, 8).Draw(rt, "records")
	outcomes := func(s metastore.Store) []error {
		told := make(chan error, len(list))
		for _, r := range list {
			r.Done = func(err error) { told <- err }
			s.Record(r)
		}
		s.Flush()
		var errs []error
		for range list {
			errs = append(errs, <-told)
		}
		return errs
	}
	store, model := outcomes(c.store), outcomes(c.model)
	for i := range list {
		c.same(fmt.Sprintf("record %d", i), store[i], model[i])
	}
}

func (c *comparison) endRun(rt *rapid.T) {
	id := rapid.Int64Range(1, c.runs+1).Draw(rt, "run")
	end := metastore.RunEnd{Status: metastore.RunFailed, Ended: moment().Draw(rt, "ended"), FailedTask: 3, Problem: text().Draw(rt, "problem")}
	c.same("EndRun", c.store.EndRun(ctx, id, end), c.model.EndRun(ctx, id, end))
	c.same("Beat", c.store.Beat(ctx, id, end.Ended), c.model.Beat(ctx, id, end.Ended))
}

func (c *comparison) changeTags(rt *rapid.T) {
	id := rapid.Int64Range(1, c.runs+1).Draw(rt, "run")
	remove, add := tags().Draw(rt, "remove"), tags().Draw(rt, "add")
	got, err := c.store.ChangeTags(ctx, id, remove, add)
	want, err2 := c.model.ChangeTags(ctx, id, remove, add)
	c.same("ChangeTags", err, err2)
	if d := cmp.Diff(want, got); d != "" {
		rt.Fatalf("ChangeTags: %s", d)
	}
}

// remove removes some runs and small values.
func (c *comparison) remove(rt *rapid.T) {
	runs := rapid.SliceOfN(rapid.Int64Range(1, c.runs+1), 0, 3).Draw(rt, "remove")
	c.same("Remove", c.store.Remove(ctx, runs), c.model.Remove(ctx, runs))
	if len(runs) == 0 {
		var hashes []metastore.Hash
		for n := range 4 {
			hashes = append(hashes, blobHash(n))
		}
		var of metastore.RunSet
		if rapid.Bool().Draw(rt, "unless some") {
			of = metastore.RunSet{After: rapid.Int64Range(0, c.runs).Draw(rt, "after"), Runs: rapid.SliceOf(rapid.Int64Range(1, c.runs+1)).Draw(rt, "unless")}
		}
		freed, err := c.store.DeleteBlobs(ctx, hashes, of)
		freed2, err2 := c.model.DeleteBlobs(ctx, hashes, of)
		c.same("DeleteBlobs", err, err2)
		if freed != freed2 {
			rt.Fatalf("DeleteBlobs frees %d, the model %d", freed, freed2)
		}
	}
}

// draw makes a record about a few runs and tasks, so that records often meet.
func (c *comparison) draw(rt *rapid.T) metastore.Record {
	var r metastore.Record
	run := rapid.Int64Range(1, max(c.runs, 1)).Draw(rt, "run")
	task := rapid.Int64Range(0, 5).Draw(rt, "task")
	if rapid.Bool().Draw(rt, "has task") {
		r.Task = &metastore.Task{
			Run: run, ID: task, Step: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "step"), Scope: -1, Base: task - 1,
			Inputs: rapid.SliceOf(rapid.Int64()).Draw(rt, "inputs"), Created: moment().Draw(rt, "created"),
		}
	}
	if rapid.Bool().Draw(rt, "has attempt") {
		r.Attempt = &metastore.Attempt{
			Run: run, Task: task, N: rapid.IntRange(0, 2).Draw(rt, "n"), Value: text().Draw(rt, "value"),
			Status: rapid.SampledFrom([]metastore.AttemptStatus{
				metastore.AttemptRunning, metastore.AttemptSucceeded, metastore.AttemptCaught, metastore.AttemptFailed, metastore.AttemptKilled,
			}).Draw(rt, "status"),
			Started: moment().Draw(rt, "started"), Ended: moment().Draw(rt, "ended"), Complete: rapid.Bool().Draw(rt, "complete"),
			UserCPU: time.Duration(rapid.Int64Range(0, 1e12).Draw(rt, "cpu")), Transition: rapid.SliceOf(rapid.Byte()).Draw(rt, "transition"),
			LogLines: rapid.Int64Range(0, 2).Draw(rt, "lines"), LogFile: rapid.SampledFrom([]string{"", "f"}).Draw(rt, "file"),
			GPUs: rapid.SampledFrom([][]string{nil, {"0"}, {"1", "GPU-7f"}}).Draw(rt, "gpus"),
		}
		if rapid.Bool().Draw(rt, "raised") {
			r.Attempt.Exception = &metastore.Exception{Type: "E", Message: text().Draw(rt, "message")}
		}
		r.Artifacts = rapid.SliceOfN(rapid.Custom(drawArtifact), 0, 3).Draw(rt, "artifacts")
		if rapid.Bool().Draw(rt, "has card") {
			r.Cards = []metastore.Card{card(rapid.IntRange(0, 2).Draw(rt, "position"), text().Draw(rt, "card"))}
			r.Cards[0].HTML = blobHash(rapid.IntRange(0, 3).Draw(rt, "html"))
		}
		if rapid.Bool().Draw(rt, "has log") {
			r.Log = rapid.SliceOf(rapid.Byte()).Draw(rt, "log")
		}
	}
	if rapid.IntRange(0, 3).Draw(rt, "has scope") == 0 {
		r.Scope = &metastore.Scope{Run: run, Split: task, Step: "a", Kind: "foreach", Count: 3, Parent: -1, Items: hashOf(text().Draw(rt, "items"))}
	}
	if rapid.Bool().Draw(rt, "has blob") {
		r.Blobs = []metastore.Blob{{Hash: blobHash(rapid.IntRange(0, 3).Draw(rt, "blob")), Data: rapid.SliceOf(rapid.Byte()).Draw(rt, "data")}}
	}
	return r
}

func drawArtifact(rt *rapid.T) metastore.Artifact {
	a := artifact(rapid.SampledFrom([]string{"x", "y", "ä", "Y"}).Draw(rt, "name"), text().Draw(rt, "content"))
	if rapid.Bool().Draw(rt, "not inline") {
		a.Inline, a.Size, a.Hash = nil, a.Size+1000, blobHash(rapid.IntRange(0, 3).Draw(rt, "blob"))
	}
	return a
}

func blobHash(n int) metastore.Hash { return hashOf(fmt.Sprint("blob", n)) }

func text() *rapid.Generator[string] { return rapid.StringN(0, 10, 40) }

func tags() *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "ä", "x:y"}), 0, 4)
}

func moment() *rapid.Generator[time.Time] {
	return rapid.Custom(func(rt *rapid.T) time.Time {
		if rapid.IntRange(0, 4).Draw(rt, "zero") == 0 {
			return time.Time{}
		}
		return time.Unix(0, rapid.Int64Range(1e15, 4e18).Draw(rt, "time"))
	})
}

func collectRapid[T any](rt *rapid.T, seq func(func(T, error) bool)) []T {
	var list []T
	for v, err := range seq {
		if err != nil {
			rt.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// everything is all that a store tells of its runs.
type everything struct {
	Runs, OfA, Tagged []metastore.Run
	Tasks             map[int64][]metastore.Task
	Finished          map[int64][]metastore.FinishedTask
	Counts            map[int64][]metastore.StepCount
	Totals            map[int64]metastore.TaskCount
	Scopes            map[int64][]metastore.Scope
	Attempts          map[[2]int64][]metastore.Attempt
	Artifacts         map[[3]int64][]metastore.Artifact
	Cards             map[int64][]metastore.TaskCard
	Logs              map[[3]int64]string
	Blobs             map[int]string
	References        []metastore.Reference
	KeptLogs          []metastore.LogEntry
	Carried           []metastore.CarriedLog
	Orphans           int64
	LogRecords        []metastore.LogRecord
	Damaged           []metastore.Reference
}

func content(rt *rapid.T, s metastore.Store, runs int64) everything {
	ok := func(err error) bool {
		if err != nil && !fault.Is(err, fault.NotFound) {
			rt.Fatal(err)
		}
		return err == nil
	}
	e := everything{
		Runs:   collectRapid(rt, s.Runs(ctx, metastore.RunFilter{})),
		OfA:    collectRapid(rt, s.Runs(ctx, metastore.RunFilter{Flows: []string{"A"}})),
		Tagged: collectRapid(rt, s.Runs(ctx, metastore.RunFilter{Tags: []string{"a", "b"}})),
		Tasks:  map[int64][]metastore.Task{}, Finished: map[int64][]metastore.FinishedTask{},
		Counts: map[int64][]metastore.StepCount{}, Scopes: map[int64][]metastore.Scope{},
		Attempts: map[[2]int64][]metastore.Attempt{}, Artifacts: map[[3]int64][]metastore.Artifact{},
		Cards: map[int64][]metastore.TaskCard{}, Logs: map[[3]int64]string{}, Blobs: map[int]string{},
	}
	var ids []int64
	for run := int64(1); run <= runs; run++ {
		ids = append(ids, run)
		e.Cards[run] = collectRapid(rt, s.Cards(ctx, run, nil))
		e.Tasks[run] = collectRapid(rt, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1}))
		e.Finished[run] = collectRapid(rt, s.Finished(ctx, run))
		var err error
		e.Counts[run], err = s.Counts(ctx, run)
		ok(err)
		e.Scopes[run], err = s.Scopes(ctx, run)
		ok(err)
		for task := range int64(6) {
			e.Attempts[[2]int64{run, task}], err = s.Attempts(ctx, run, task)
			ok(err)
			for n := range 3 {
				key := [3]int64{run, task, int64(n)}
				e.Artifacts[key], err = s.Artifacts(ctx, run, task, n)
				ok(err)
				if log, err := s.Log(ctx, run, task, n); ok(err) {
					e.Logs[key] = string(log)
				}
			}
		}
	}
	var err error
	e.Totals, err = s.TaskCounts(ctx, ids)
	ok(err)
	for n := range 4 {
		if data, err := s.Blob(ctx, blobHash(n)); ok(err) {
			e.Blobs[n] = string(data)
		}
	}
	e.References = sorted(collectRapid(rt, s.References(ctx, metastore.RunSet{})))
	e.KeptLogs, e.Carried = sorted(collectRapid(rt, s.Logs(ctx))), sorted(collectRapid(rt, s.Carried(ctx)))
	h, err := s.Check(ctx, true)
	ok(err)
	e.Orphans, e.Damaged = h.Orphans, sorted(h.Values)
	e.LogRecords = sorted(collectRapid(rt, s.LogRecords(ctx)))
	return e
}
