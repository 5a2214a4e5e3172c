package metastoretest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// testGuest checks what a store offers to other engines, if it is one that does.
func testGuest(t *testing.T, s metastore.Store) {
	g, ok := s.(metastore.Guest)
	if !ok {
		t.Skip("the store has no guests")
	}
	ctx := context.Background()
	run := fullRun()
	run.Info.Name, run.Info.Engine = "argo-1", "other"
	id, err := s.CreateRun(ctx, run, metastore.Beginning{})
	must(t, err)
	_, err = s.CreateRun(ctx, run, metastore.Beginning{})
	wantKind(t, "a run with the name of another", err, fault.Conflict)
	other := run
	other.Flow = "Another"
	_, err = s.CreateRun(ctx, other, metastore.Beginning{})
	must(t, err)

	found, err := g.NamedRun(ctx, run.Flow, "argo-1")
	must(t, err)
	equal(t, "named run", found, id)
	for _, name := range []string{"", "argo-2"} {
		_, err = g.NamedRun(ctx, run.Flow, name)
		wantKind(t, "run without that name", err, fault.NotFound)
	}

	info := metastore.RunInfo{Host: "h2", Name: "ignored", Engine: "other", Parameters: map[string]string{"a": "1"}}
	must(t, g.Describe(ctx, id, info, metastore.Hash{7}))
	must(t, g.Describe(ctx, id, info, metastore.Hash{}))
	got, err := s.Run(ctx, id)
	must(t, err)
	info.Name = "argo-1"
	equal(t, "description", got.Info, info)
	equal(t, "runs with its parameter", slices.Collect(runsOf(t, s, metastore.RunFilter{Parameters: info.Parameters})), []int64{id})
	equal(t, "definition", got.Definition, metastore.Hash{7})
	wantKind(t, "describe a run that is not there", g.Describe(ctx, 999, info, metastore.Hash{}), fault.NotFound)

	// Ids count up whoever asks, also at once.
	add := func(t metastore.Task, name string) (int64, error) {
		t.Run, t.Scope, t.Base, t.Created = id, -1, -1, at(1)
		return g.AddTask(ctx, t, name)
	}
	n, err := add(metastore.Task{Step: "_parameters"}, "")
	must(t, err)
	equal(t, "id of the parameters", n, 0)
	_, err = add(metastore.Task{Step: "_parameters"}, "p")
	wantKind(t, "parameters twice", err, fault.Conflict)
	_, err = g.NamedTask(ctx, id, "p")
	wantKind(t, "name of a task that was not added", err, fault.NotFound)
	var wg sync.WaitGroup
	ids := make([]int64, 20)
	for i := range ids {
		wg.Go(func() {
			id, err := add(metastore.Task{ID: 1, Step: "work"}, "")
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	slices.Sort(ids)
	for i, got := range ids {
		equal(t, "id", got, int64(i+1))
	}
	named, err := add(metastore.Task{ID: 1, Step: "end"}, "t-1")
	must(t, err)
	_, err = add(metastore.Task{ID: 1, Step: "end"}, "t-1")
	wantKind(t, "a task with the name of another", err, fault.Conflict)
	_, err = g.AddTask(ctx, metastore.Task{Run: 999, ID: 1, Step: "end"}, "")
	wantKind(t, "a task of no run", err, fault.NotFound)
	if got, err := g.NamedTask(ctx, id, "t-1"); err != nil || got != named {
		t.Errorf("named task: %d, %v", got, err)
	}
	for _, tasks := range [][]int64{nil, {1, named}} {
		names, err := g.TaskNames(ctx, id, tasks)
		must(t, err)
		equal(t, "names", names, map[int64]string{named: "t-1"})
	}
	names, err := g.TaskNames(ctx, id, []int64{1})
	must(t, err)
	equal(t, "names of others", names, map[int64]string{})

	// Notes, by task and in order.
	note := func(task int64, i int) metastore.Note {
		return metastore.Note{
			Run: id, Task: task, Kind: "k", Name: fmt.Sprint("n", i), Value: "v", Type: "t", User: "u", Tags: []string{"b", "a"}[:i%3%2*2], At: at(2),
		}
	}
	for i, task := range []int64{2, 1, 2} {
		must(t, record(s, metastore.Record{Notes: []metastore.Note{note(task, i), {Run: id, Task: task, Kind: "other", At: at(1)}}}))
	}
	read := func(tasks []int64) (list []metastore.Note) {
		last := make(map[int64]int64) // note of a task
		for _, n := range collect(t, g.Notes(ctx, id, tasks, "k")) {
			if n.ID <= last[n.Task] {
				t.Errorf("id %d after %d", n.ID, last[n.Task])
			}
			last[n.Task], n.ID = n.ID, 0
			if len(n.Tags) == 0 {
				n.Tags = nil
			}
			list = append(list, n)
		}
		return list
	}
	want := []metastore.Note{note(1, 1), note(2, 0), note(2, 2)}
	for i := range want {
		if len(want[i].Tags) == 0 {
			want[i].Tags = nil
		}
	}
	equal(t, "all notes", read(nil), want)
	equal(t, "notes of a task", read([]int64{2, 2}), want[1:])
	equal(t, "notes of no task", read([]int64{}), nil)

	must(t, s.Remove(ctx, []int64{id}))
	equal(t, "notes of a run that is gone", read(nil), nil)
	_, err = g.NamedTask(ctx, id, "t-1")
	wantKind(t, "task of a run that is gone", err, fault.NotFound)
	_, err = g.NamedRun(ctx, run.Flow, "argo-1")
	wantKind(t, "run that is gone", err, fault.NotFound)
}
