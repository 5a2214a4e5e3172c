package datastore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
)

// world is a run with tasks whose artifacts are known.
type world struct {
	store  metastore.Store
	layers *datastore.Layers
	reads  *int
	has    []map[string]metastore.Artifact // by task: all that it has
	depth  []int
}

// counting counts the layers that are read from the store.
type counting struct {
	metastore.Store
	reads *int
}

func (c counting) Task(ctx context.Context, run, task int64) (metastore.Task, error) {
	*c.reads++
	return c.Store.Task(ctx, run, task)
}

func newWorld(t testing.TB) *world {
	s := mem.New()
	t.Cleanup(func() { s.Close() })
	w := &world{store: s, reads: new(int)}
	w.layers = datastore.NewLayers(counting{s, w.reads})
	return w
}

// value makes the artifact of a name with some content.
func value(name string, content int) metastore.Artifact {
	return metastore.Artifact{Name: name, Hash: metastore.Hash{1, byte(content), byte(content >> 8)}, Size: 1, Codec: "pickle"}
}

// add adds the next task. If told, the layers hear of it as from a runner.
func (w *world) add(t interface{ Fatal(...any) }, base int64, complete, told bool, own ...metastore.Artifact) int64 {
	id := int64(len(w.has))
	all := make(map[string]metastore.Artifact)
	depth := 1
	if base >= 0 {
		for name, a := range w.has[base] {
			all[name] = a
		}
		if !complete {
			depth = w.depth[base] + 1
		}
	}
	for _, a := range own {
		all[a.Name] = a
	}
	if complete {
		own = own[:0]
		for _, a := range all {
			own = append(own, a)
		}
	}
	w.has, w.depth = append(w.has, all), append(w.depth, depth)

	done := make(chan error, 2)
	w.store.Record(metastore.Record{
		Task:      &metastore.Task{Run: 1, ID: id, Base: base},
		Attempt:   &metastore.Attempt{Run: 1, Task: id, N: 0, Status: metastore.AttemptFailed},
		Artifacts: []metastore.Artifact{value("failed", 1)},
		Done:      func(err error) { done <- err },
	})
	w.store.Record(metastore.Record{
		Attempt:   &metastore.Attempt{Run: 1, Task: id, N: 1, Status: metastore.AttemptSucceeded, Complete: complete},
		Artifacts: own,
		Done:      func(err error) { done <- err },
	})
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if told {
		w.layers.Add(datastore.Layer{Run: 1, Task: id, Base: base, Complete: complete, Own: own})
	}
	return id
}

// sorted returns what a task has, sorted by name.
func (w *world) sorted(task int64) []metastore.Artifact {
	var list []metastore.Artifact
	for _, a := range w.has[task] {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b metastore.Artifact) int { return strings.Compare(a.Name, b.Name) })
	return list
}

var names = []string{"a", "b", "c", "d", "e"}

// TestLayers compares with worlds where every task's artifacts are written down.
func TestLayers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		for i := range rapid.IntRange(1, 12).Draw(rt, "tasks") {
			base := int64(-1)
			if i > 0 {
				base = rapid.Int64Range(0, int64(i)-1).Draw(rt, "base")
			}
			w.add(rt, base, rapid.IntRange(0, 4).Draw(rt, "complete") == 0, rapid.Bool().Draw(rt, "told"), drawOwn(rt)...)
		}
		for _, task := range rapid.Permutation(indexes(len(w.has))).Draw(rt, "order") {
			want := w.sorted(task)
			got, err := w.layers.All(ctx, 1, task)
			if d := cmp.Diff(want, got); err != nil || d != "" {
				rt.Fatalf("All(%d): %v\n%s", task, err, d)
			}
			depth, err := w.layers.Depth(ctx, 1, task)
			if err != nil || depth != w.depth[task] {
				rt.Fatalf("Depth(%d) = %d, %v, want %d", task, depth, err, w.depth[task])
			}
			for _, name := range append(names, "failed") {
				got, found, err := w.layers.Find(ctx, 1, task, name)
				want, ok := w.has[task][name]
				if err != nil || found != ok || cmp.Diff(want, got) != "" {
					rt.Fatalf("Find(%d, %s) = %v, %v, %v, want %v, %v", task, name, got, found, err, want, ok)
				}
			}
		}
	})
}

func indexes(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i)
	}
	return list
}

func drawOwn(rt *rapid.T) []metastore.Artifact {
	var own []metastore.Artifact
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID).Draw(rt, "own") {
		own = append(own, value(name, rapid.IntRange(0, 2).Draw(rt, "value")))
	}
	return own
}

// TestMerge compares with the rules of merge_artifacts, written down as they are told.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.add(rt, -1, false, true, value("param", 1), value("a", 0))
		for i := range rapid.IntRange(1, 15).Draw(rt, "tasks") {
			w.add(rt, rapid.Int64Range(0, int64(i)).Draw(rt, "base"), rapid.IntRange(0, 4).Draw(rt, "complete") == 0, true, drawOwn(rt)...)
		}
		inputs := rapid.SliceOfN(rapid.Int64Range(0, int64(len(w.has)-1)), 1, 10).Draw(rt, "inputs")
		subset := func(what string) []string {
			return rapid.SliceOfDistinct(rapid.SampledFrom(append(names, "param", "nowhere")), rapid.ID).Draw(rt, what)
		}
		var include, exclude []string
		switch rapid.IntRange(0, 2).Draw(rt, "how") {
		case 0:
			include = append([]string{}, subset("include")...)
		case 1:
			exclude = subset("exclude")
		}
		own := subset("own")

		got, err := w.layers.Merge(ctx, 1, inputs, include, exclude, own)
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(w.merge(inputs, include, exclude, own), got); d != "" {
			rt.Fatalf("Merge(%v, %v, %v, %v) (-want +got):\n%s", inputs, include, exclude, own, d)
		}
	})
}

func (w *world) merge(inputs []int64, include, exclude, own []string) datastore.Merged {
	var m datastore.Merged
	for _, name := range slices.Sorted(slices.Values(append(names, "param", "nowhere"))) {
		_, constant := w.has[0][name]
		mine := constant || slices.Contains(own, name)
		if include != nil && !slices.Contains(include, name) || slices.Contains(exclude, name) {
			continue
		}
		var seen []metastore.Artifact
		for _, task := range inputs {
			if a, ok := w.has[task][name]; ok {
				seen = append(seen, a)
			}
		}
		switch {
		case mine:
		case len(seen) == 0:
			if include != nil {
				m.Missing = append(m.Missing, name)
			}
		case slices.ContainsFunc(seen, func(a metastore.Artifact) bool { return a.Hash != seen[0].Hash }):
			m.Conflicts = append(m.Conflicts, name)
		default:
			m.Merged = append(m.Merged, seen[0])
		}
	}
	if len(m.Conflicts)+len(m.Missing) > 0 {
		m.Merged = nil
	}
	return m
}

func TestMergeLeavesOutMetaflowsOwn(t *testing.T) {
	w := newWorld(t)
	w.add(t, -1, false, true)
	w.add(t, 0, false, true, value("_foreach_values", 1), value("_private", 1))
	got, err := w.layers.Merge(ctx, 1, []int64{1}, nil, nil, nil)
	if err != nil || len(got.Merged) != 1 || got.Merged[0].Name != "_private" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOfAttempt(t *testing.T) {
	w := newWorld(t)
	w.add(t, -1, false, false, value("param", 1))
	w.add(t, 0, false, false, value("x", 1))
	task, err := w.store.Task(ctx, 1, 1)
	must(t, err)
	attempts, err := w.store.Attempts(ctx, 1, 1)
	must(t, err)
	for n, want := range [][]metastore.Artifact{{value("failed", 1), value("param", 1)}, {value("param", 1), value("x", 1)}} {
		got, err := w.layers.OfAttempt(ctx, task, attempts[n])
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("attempt %d: %v\n%s", n, err, d)
		}
	}
}

func TestLayersOfTasksThatDidNotEndWell(t *testing.T) {
	w := newWorld(t)
	w.add(t, -1, false, false)
	_, err := w.layers.All(ctx, 1, 7)
	wantKind(t, "All of no task", err, fault.NotFound)
	done := make(chan error, 1)
	w.store.Record(metastore.Record{
		Task: &metastore.Task{Run: 1, ID: 1}, Attempt: &metastore.Attempt{Run: 1, Task: 1, Status: metastore.AttemptRunning},
		Done: func(err error) { done <- err },
	})
	must(t, <-done)
	_, _, err = w.layers.Find(ctx, 1, 1, "x")
	wantKind(t, "Find in a running task", err, fault.NotFound)
	if all, err := w.layers.All(ctx, 1, -1); err != nil || all != nil {
		t.Errorf("task -1 has %v, %v", all, err)
	}
}

func TestCircle(t *testing.T) {
	l := datastore.NewLayers(nil)
	l.Add(datastore.Layer{Run: 1, Task: 1, Base: 2})
	l.Add(datastore.Layer{Run: 1, Task: 2, Base: 1})
	_, _, err := l.Find(ctx, 1, 1, "x")
	wantKind(t, "Find in a circle", err, fault.Corrupt)
}

// TestSharedBase checks that what tasks have in common is read from the store once.
func TestSharedBase(t *testing.T) {
	w := newWorld(t)
	w.add(t, -1, false, false)
	w.add(t, 0, false, false, value("x", 1))
	for range 100 {
		w.add(t, 1, false, false)
	}
	for task := range int64(100) {
		if _, ok, err := w.layers.Find(ctx, 1, 2+task, "x"); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if *w.reads != 101 {
		t.Errorf("%d layers were read", *w.reads)
	}
}

// TestBounded checks that a long run does not fill the memory, and that what is in
// use stays.
func TestBounded(t *testing.T) {
	w := newWorld(t)
	w.add(t, -1, false, true, value("x", 1))
	for i := range int64(400_000) {
		w.layers.Add(datastore.Layer{Run: 1, Task: i + 1, Base: 0})
		if i%1000 == 0 {
			if _, ok, err := w.layers.Find(ctx, 1, i+1, "x"); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
	}
	if *w.reads != 0 {
		t.Errorf("%d layers were read", *w.reads)
	}
	if _, _, err := w.layers.Find(ctx, 1, 5, "x"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a layer that was not used for long is still there: %v", err)
	}
}

func ExampleLayers() {
	l := datastore.NewLayers(nil)
	l.Add(datastore.Layer{Run: 1, Task: 0, Base: -1, Own: []metastore.Artifact{{Name: "alpha"}}})
	l.Add(datastore.Layer{Run: 1, Task: 1, Base: 0, Own: []metastore.Artifact{{Name: "model"}}})
	all, _ := l.All(context.Background(), 1, 1)
	for _, a := range all {
		fmt.Println(a.Name)
	}
	// Output:
	// alpha
	// model
}
