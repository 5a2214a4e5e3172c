package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	levada "github.com/levadahq/levada/client"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
)

// The made history: every failedEvery-th run failed, and the rarest tag is on ten runs.
const (
	historyFlows = 10
	historyTasks = 3
	failedEvery  = 1000
)

// history measures how long a store with many runs takes to look at.
func history(ctx context.Context, b *bench) ([]row, error) {
	n := b.size(100_000, 5000)
	dir := b.folder()
	defer os.RemoveAll(dir)
	if err := fillHistory(ctx, filepath.Join(dir, ".levada"), n, historyTasks); err != nil {
		return nil, err
	}
	work := fmt.Sprintf("a store of %s runs", thousands(n))
	repeat := b.size(7, 3)

	measure := func(args ...string) (sample, error) {
		var s sample
		for range repeat {
			r, err := b.run(ctx, command{dir: dir, args: args})
			if err != nil {
				return nil, err
			}
			s.add(r.wall)
		}
		return s, nil
	}
	nothing, err := measure(b.levada, "version")
	if err != nil {
		return nil, err
	}
	const soon = 30 * time.Millisecond
	var rows []row
	for _, c := range []struct {
		what string
		args []string
		aim  bool
	}{
		{"`levada runs`: the newest 20", []string{"runs"}, true},
		{"of a flow", []string{"runs", "--flow", "Flow3"}, true},
		{"in a namespace", []string{"runs", "--namespace", "user:ann"}, true},
		{"with a rare tag", []string{"runs", "--tag", "rare"}, true},
		{"that failed, 1 of 1,000", []string{"runs", "--status", "failed"}, true},
		{"before a time", []string{"runs", "--until", "2025-01-01 01:00"}, true},
		{"of a user who has none", []string{"runs", "--user", "nobody"}, true},
		{"with a value of a parameter, 1 of 100", []string{"runs", "--parameter", "alpha=7"}, true},
		{"with a value that no run had", []string{"runs", "--parameter", "alpha=none"}, false},
		{"completion of a pathspec", []string{completionCommand, "logs", ""}, true},
		{"completion of the digits of a run", []string{completionCommand, "logs", "1"}, true},
	} {
		took, err := measure(append([]string{b.levada}, c.args...)...)
		if err != nil {
			return nil, err
		}
		r := row{work: work, measured: fmt.Sprintf("%s: %s; `levada version`: %s", c.what, took, seconds(nothing.min()))}
		if c.aim {
			r.reach, r.met = "≤ 30 ms, the whole command", verdictOf(took.min() <= soon)
		}
		rows = append(rows, r)
	}

	all, err := measure(b.levada, "runs", "--limit", "0", "--json")
	if err != nil {
		return nil, err
	}
	sqlite, err := measure(b.python, b.file("plain_runs.py"), filepath.Join(dir, ".levada", "levada.db"))
	if err != nil {
		return nil, err
	}
	rows = append(rows, row{
		work: work, reach: "≤ 2 × Python's sqlite3 that reads the same rows and prints them as JSON",
		measured: fmt.Sprintf("all of them as JSON: %s; sqlite3: %s", all, sqlite),
		ratio:    fmt.Sprintf("%.2f", per(all.min(), sqlite.min())), met: verdictOf(all.min() <= 2*sqlite.min()),
	})
	fromGo, err := clientLatency(ctx, filepath.Join(dir, ".levada"))
	return append(rows, row{
		work: work, reach: "≤ 30 ms",
		measured: "Go client, the store open: latest run of a flow, a step, its task, an artifact as a float64: " + seconds(fromGo.min()) +
			fmt.Sprintf(" (median %s)", seconds(fromGo.median())),
		met: verdictOf(fromGo.min() <= soon),
	}), err
}

// completionCommand is what the shells' functions call.
const completionCommand = "__complete"

// clientLatency measures the way from a flow's name to a value.
func clientLatency(ctx context.Context, store string) (sample, error) {
	c, err := levada.Open(ctx, levada.Options{Store: store})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var s sample
	for range 200 {
		began := time.Now()
		run, err := c.LatestRun(ctx, "Flow3")
		if err != nil {
			return nil, err
		}
		step, err := run.Step(ctx, "step2")
		if err != nil {
			return nil, err
		}
		task, err := step.Task(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := levada.Get[float64](ctx, task, "loss"); err != nil {
			return nil, err
		}
		s.add(time.Since(began))
	}
	return s, nil
}

// fillHistory makes a store with n runs of some tasks each.
func fillHistory(ctx context.Context, path string, n, tasks int) error {
	opened, err := local.Open(ctx, local.Where{Path: path, Access: local.Create})
	if err != nil {
		return err
	}
	defer opened.Close()
	store := opened.Config.Store
	loss, err := pickle.Encode(0.25)
	if err != nil {
		return err
	}
	ref, _ := datastore.Prepare(loss)
	definition := []byte(`{"version":1,"name":"Flow","steps":[]}`)
	def, blob := datastore.Prepare(definition)
	if blob == nil {
		blob = &metastore.Blob{Hash: def.Hash, Data: definition}
	}
	begin := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	numbers := make(chan int)
	failures := make(chan error, 64)
	var wait sync.WaitGroup
	for range cap(failures) { // together, so that many share a commit
		wait.Go(func() {
			for i := range numbers {
				if _, err := store.CreateRun(ctx, madeRun(i, begin, def.Hash), metastore.Beginning{First: madeTasks(i, tasks, begin, ref, loss, blob)}); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case numbers <- i:
		case err = <-failures:
		}
		if err != nil {
			break
		}
	}
	close(numbers)
	wait.Wait()
	return err
}

// madeRun is the i-th run of the history.
func madeRun(i int, begin time.Time, definition metastore.Hash) metastore.Run {
	created := begin.Add(time.Duration(i) * time.Minute)
	r := metastore.Run{
		Flow: fmt.Sprint("Flow", i%historyFlows), Status: metastore.RunSucceeded, User: "ann", Created: created, Ended: created.Add(time.Minute),
		FailedTask: -1, Tags: []string{"nightly"}, SystemTags: []string{"levada_version:0.1.0", "python_version:3.11.7", "runtime:dev", "user:ann"},
		Definition: definition,
		Info: metastore.RunInfo{
			Host: "machine", CommandLine: []string{"levada", "run", "flow.py", "--alpha", fmt.Sprint(i % 100)}, WorkingDir: "/home/ann/project",
			FlowFile: "/home/ann/project/flow.py", Language: "python", Runtime: "3.11.7", SDK: "0.1.0", Levada: "0.1.0",
			Parameters: map[string]string{"alpha": fmt.Sprint(i % 100), "beta": "0.5"},
		},
	}
	if i%failedEvery == 0 {
		r.Status, r.FailedTask = metastore.RunFailed, 2
	}
	if i < 10 {
		r.Tags = append(r.Tags, "rare")
	}
	return r
}

// madeTasks are the tasks of the i-th run. From the third on they are of one step, as those of a foreach are.
func madeTasks(i, tasks int, begin time.Time, ref datastore.Ref, loss []byte, blob *metastore.Blob) []metastore.Record {
	start := begin.Add(time.Duration(i) * time.Minute)
	records := []metastore.Record{{Task: &metastore.Task{Step: "_parameters", Scope: -1, Base: -1, Created: start},
		Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded, Started: start, Ended: start}, Blobs: []metastore.Blob{*blob}}}
	for task := range int64(tasks) {
		at := start.Add(time.Duration(task) * time.Second)
		records = append(records, metastore.Record{
			Task: &metastore.Task{ID: task + 1, Step: fmt.Sprint("step", min(task, historyTasks-1)), Scope: -1, Base: task, Created: at},
			Attempt: &metastore.Attempt{Task: task + 1, Status: metastore.AttemptSucceeded, PID: 1, Started: at, Ended: at.Add(time.Second),
				PeakMemory: 1 << 24, MemorySource: "pss", Transition: []byte(`{}`)},
			Artifacts: []metastore.Artifact{{Name: "loss", Hash: ref.Hash, Size: int64(len(loss)), Codec: "pickle", Type: "float", Inline: loss}},
		})
	}
	return records
}
