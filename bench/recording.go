package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/remote"
)

// recording measures how fast a server takes the records of runs elsewhere, and what recording there costs a run.
func recording(ctx context.Context, b *bench) ([]row, error) {
	dir := b.folder()
	defer os.RemoveAll(dir)
	if _, err := b.run(ctx, b.squares(1)(dir)); err != nil { // the store is there
		return nil, err
	}
	srv, err := b.serve(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer srv.cmd.Process.Kill()
	const clients = 4
	n := b.size(20_000, 1000) // tasks of each client
	began := time.Now()
	var wait sync.WaitGroup
	failures := make(chan error, clients)
	for i := range clients {
		wait.Go(func() {
			if err := record(ctx, srv.url, filepath.Join(dir, fmt.Sprint("cache", i)), n); err != nil {
				failures <- err
			}
		})
	}
	wait.Wait()
	took := time.Since(began)
	select {
	case err := <-failures:
		return nil, err
	default:
	}
	perSecond := float64(clients*n) / took.Seconds()
	rows := []row{{
		work: "records of tasks over HTTP, 4 clients at once", reach: "≥ 2,000 a second",
		measured: fmt.Sprintf("%.0f a second, each a task with its attempt, an artifact and a log, durable: %s in %s", perSecond, thousands(clients*n), seconds(took)),
		ratio:    fmt.Sprintf("%.1f", perSecond/2000), met: verdictOf(perSecond >= 2000),
	}}

	tasks := b.size(1000, 200)
	var here, there sample
	for range b.size(5, 2) {
		for s, env := range map[*sample][]string{&here: nil, &there: {"LEVADA_SERVER=" + srv.url}} {
			r, err := b.once(ctx, func(dir string) command {
				c := b.squares(tasks)(dir)
				c.env = append(c.env, env...)
				return c
			})
			if err != nil {
				return nil, err
			}
			s.add(r.wall)
		}
	}
	return append(rows, row{
		work:     fmt.Sprintf("foreach of %s squares that records on a server of the same machine", thousands(tasks)),
		measured: fmt.Sprintf("%s; in a folder: %s", there, here), ratio: fmt.Sprintf("%.2f", per(there.min(), here.min())),
	}), nil
}

// record records a run of n tasks on a server.
func record(ctx context.Context, url, cache string, n int) error {
	c, err := remote.Dial(ctx, url, remote.Options{Cache: cache, Patience: time.Minute, Host: "bench"})
	if err != nil {
		return err
	}
	defer c.Store.Close()
	now := time.Now()
	run := metastore.Run{Flow: "Recorded", Status: metastore.RunRunning, User: "ann", Created: now, FailedTask: -1, Lease: metastore.Lease{Host: "bench", Heartbeat: now}}
	id, err := c.Store.CreateRun(ctx, run, metastore.Beginning{})
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	var durable sync.WaitGroup
	for task := range int64(n) {
		durable.Add(1)
		at := now.Add(time.Duration(task) * time.Millisecond)
		c.Store.Record(metastore.Record{
			Task: &metastore.Task{Run: id, ID: task + 1, Step: "step", Scope: -1, Base: task, Created: at},
			Attempt: &metastore.Attempt{Run: id, Task: task + 1, Status: metastore.AttemptSucceeded, PID: 1, Started: at, Ended: at.Add(time.Millisecond),
				PeakMemory: 1 << 24, MemorySource: "pss", Transition: []byte(`{}`)},
			Artifacts: []metastore.Artifact{{Name: "loss", Size: 4, Codec: "json", Type: "float64", Inline: []byte("0.25")}},
			Log:       []byte("what a task prints is a line or two\n"),
			Done: func(err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
				durable.Done()
			},
		})
	}
	durable.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	return c.Store.EndRun(ctx, id, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: time.Now(), FailedTask: -1})
}
