package metastoretest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// sorted puts values that come in any order into one.
func sorted[T any](list []T) []T {
	slices.SortFunc(list, func(a, b T) int { return bytes.Compare(fmt.Appendf(nil, "%v", a), fmt.Appendf(nil, "%v", b)) })
	return list
}

// belonging is all that the store has of a run.
func belonging(t *testing.T, s metastore.Store, run int64) (all []any) {
	t.Helper()
	add := func(v any, n int) {
		if n > 0 {
			all = append(all, v)
		}
	}
	if r, err := s.Run(ctx, run); err == nil {
		all = append(all, r)
	} else {
		wantKind(t, "Run", err, fault.NotFound)
	}
	tasks := collect(t, s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1}))
	add(tasks, len(tasks))
	scopes, err := s.Scopes(ctx, run)
	must(t, err)
	add(scopes, len(scopes))
	for id := range int64(5) {
		attempts, err := s.Attempts(ctx, run, id)
		must(t, err)
		add(attempts, len(attempts))
		for n := range 3 {
			artifacts, err := s.Artifacts(ctx, run, id, n)
			must(t, err)
			add(artifacts, len(artifacts))
			if log, err := s.Log(ctx, run, id, n); err == nil {
				all = append(all, string(log))
			}
		}
	}
	return all
}

func testRemove(t *testing.T, s metastore.Store) {
	first, second, third := madeRun(t, s), madeRun(t, s), madeRun(t, s)
	kept := belonging(t, s, second)
	_, err := s.ChangeTags(ctx, first, nil, []string{"x"})
	must(t, err)
	must(t, s.Remove(ctx, []int64{third, 99, first}))
	for _, run := range []int64{first, third} {
		if left := belonging(t, s, run); left != nil {
			t.Errorf("of run %d there is %v", run, left)
		}
	}
	equal(t, "the run beside them", belonging(t, s, second), kept)
	must(t, s.Remove(ctx, []int64{first}))
	must(t, s.Remove(ctx, nil))
	equal(t, "the run beside them", belonging(t, s, second), kept)
	equal(t, "runs", len(collect(t, s.Runs(ctx, metastore.RunFilter{}))), 1)
	equal(t, "tagged runs", collect(t, s.Runs(ctx, metastore.RunFilter{Tags: []string{"x"}})), nil)
	if id := newRun(t, s); id != third+1 {
		t.Errorf("the next run has the id %d, want %d: an id is not used again", id, third+1)
	}
	wantKind(t, "EndRun of a removed run", s.EndRun(ctx, first, metastore.RunEnd{}), fault.NotFound)
	wantKind(t, "Beat of a removed run", s.Beat(ctx, first, at(1)), fault.NotFound)
}

// A run that others were resumed from can go: their tasks stay whole, with the logs where they ran.
func testRemoveOrigin(t *testing.T, s metastore.Store) {
	first := madeRun(t, s)
	second, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Origin: first}, metastore.Beginning{From: first, Tasks: []int64{0, 1}})
	must(t, err)
	third, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Origin: second}, metastore.Beginning{From: second, Tasks: []int64{0, 1}})
	must(t, err)
	var carried []metastore.CarriedLog
	for _, needs := range []int64{second, third} {
		carried = append(carried, metastore.CarriedLog{Run: first, Task: 0, Needs: needs}, metastore.CarriedLog{Run: first, Task: 1, Attempt: 1, Needs: needs})
	}
	equal(t, "carried", sorted(collect(t, s.Carried(ctx))), sorted(carried))

	kept := belonging(t, s, third)
	must(t, s.Remove(ctx, []int64{first}))
	equal(t, "what is left of the origin", belonging(t, s, first), []any{"good"})
	must(t, s.Remove(ctx, nil))
	must(t, s.Remove(ctx, []int64{second}))
	equal(t, "what is left of the origin", belonging(t, s, first), []any{"good"})
	equal(t, "the resumed run", belonging(t, s, third), kept)
	equal(t, "logs", collect(t, s.Logs(ctx)), []metastore.LogEntry{{Run: first, Task: 1, Attempt: 1, Size: 4}})

	_, err = s.CreateRun(ctx, metastore.Run{Flow: "F", Origin: second}, metastore.Beginning{From: second, Tasks: []int64{0, 1}})
	wantKind(t, "resuming a removed run", err, fault.NotFound)
	must(t, s.Remove(ctx, []int64{third}))
	equal(t, "logs in the end", collect(t, s.Logs(ctx)), nil)
}

// stored is an artifact whose bytes are a blob.
func stored(name, content string) metastore.Artifact {
	a := artifact(name, content)
	a.Inline, a.Size = nil, 1000
	return a
}

func testReferences(t *testing.T, s metastore.Store) {
	definition, code := hashOf("definition"), hashOf("code")
	first, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Definition: definition, Code: code}, metastore.Beginning{})
	must(t, err)
	second, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Definition: definition}, metastore.Beginning{})
	must(t, err)
	must(t, record(s, metastore.Record{
		Task: task(first, 1, "start"), Attempt: attempt(first, 1, 2, metastore.AttemptFailed),
		Artifacts: []metastore.Artifact{artifact("inline", "x"), stored("large", "y")},
		Scope:     &metastore.Scope{Run: first, Split: 1, Items: hashOf("items")},
	}))
	must(t, record(s, metastore.Record{Task: task(second, 1, "start"), Scope: &metastore.Scope{Run: second, Split: 1}}))
	of := map[int64][]metastore.Reference{
		first: {
			{Run: first, Task: -1, Name: metastore.ReferenceDefinition, Hash: definition},
			{Run: first, Task: -1, Name: metastore.ReferenceCode, Hash: code},
			{Run: first, Task: 1, Name: metastore.ReferenceItems, Hash: hashOf("items")},
			{Run: first, Task: 1, Attempt: 2, Name: "large", Hash: hashOf("y")},
		},
		second: {{Run: second, Task: -1, Name: metastore.ReferenceDefinition, Hash: definition}},
	}
	for _, c := range []struct {
		set  metastore.RunSet
		want []metastore.Reference
	}{
		{metastore.RunSet{}, append(slices.Clone(of[first]), of[second]...)},
		{metastore.RunSet{After: first}, of[second]},
		{metastore.RunSet{After: second}, nil},
		{metastore.RunSet{After: second, Runs: []int64{first, 99}}, of[first]},
		{metastore.RunSet{After: first, Runs: []int64{second}}, of[second]},
	} {
		equal(t, fmt.Sprintf("references of %+v", c.set), sorted(collect(t, s.References(ctx, c.set))), sorted(slices.Clone(c.want)))
	}
}

func testDeleteBlobs(t *testing.T, s metastore.Store) {
	run := newRun(t, s)
	blob := func(content string) metastore.Blob {
		return metastore.Blob{Hash: hashOf(content), Data: []byte(content)}
	}
	must(t, record(s, metastore.Record{Blobs: []metastore.Blob{blob("a"), blob("bb"), blob("ccc")}}))
	must(t, record(s, metastore.Record{
		Task: task(run, 1, "start"), Attempt: attempt(run, 1, 0, metastore.AttemptSucceeded), Artifacts: []metastore.Artifact{stored("x", "bb")},
	}))
	all := []metastore.Hash{hashOf("a"), hashOf("bb"), hashOf("none")}
	freed, err := s.DeleteBlobs(ctx, all, metastore.RunSet{Runs: []int64{run}})
	must(t, err)
	equal(t, "freed", freed, 1)
	equal(t, "values", sorted(collect(t, s.SmallValues(ctx))), sorted([]metastore.SmallValue{{Hash: hashOf("bb"), Size: 2}, {Hash: hashOf("ccc"), Size: 3}}))
	freed, err = s.DeleteBlobs(ctx, all, metastore.RunSet{After: run})
	must(t, err)
	equal(t, "freed without the run", freed, 2)
}

func testOrphans(t *testing.T, s metastore.Store) {
	run := madeRun(t, s)
	kept := belonging(t, s, run)
	// As an engine would that was removed while it was believed dead.
	must(t, record(s, metastore.Record{
		Task: task(77, 1, "start"), Attempt: attempt(77, 1, 0, metastore.AttemptSucceeded), Artifacts: []metastore.Artifact{artifact("x", "y")},
		Scope: &metastore.Scope{Run: 77, Split: 1}, Log: []byte("log"),
	}))
	h, err := s.Check(ctx, true)
	must(t, err)
	equal(t, "orphans", h.Orphans, 4)
	must(t, s.Remove(ctx, nil))
	h, err = s.Check(ctx, false)
	must(t, err)
	equal(t, "health", metastore.Health{Damage: h.Damage, Orphans: h.Orphans}, metastore.Health{})
	if left := belonging(t, s, 77); left != nil {
		t.Errorf("there is still %v", left)
	}
	equal(t, "the run beside it", belonging(t, s, run), kept)
}

func testShrink(t *testing.T, s metastore.Store) {
	run := madeRun(t, s)
	kept := belonging(t, s, run)
	var hashes []metastore.Hash
	for i := range 200 {
		content := fmt.Sprint(i)
		hashes = append(hashes, hashOf(content))
		must(t, record(s, metastore.Record{Blobs: []metastore.Blob{{Hash: hashOf(content), Data: bytes.Repeat([]byte(content), 10_000)}}}))
	}
	must(t, s.Shrink(ctx, false))
	large, err := s.Size(ctx)
	must(t, err)
	_, err = s.DeleteBlobs(ctx, hashes, metastore.RunSet{})
	must(t, err)
	must(t, s.Shrink(ctx, false))
	small, err := s.Size(ctx)
	must(t, err)
	if small > large/10 {
		t.Errorf("the store has %d bytes, before 5 MB were deleted it had %d", small, large)
	}
	equal(t, "the run", belonging(t, s, run), kept)
}
