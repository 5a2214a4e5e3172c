package sqlite_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

func openBench(b *testing.B, folder string) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(context.Background(), folder, sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// oneTask is what the runner records of a small task: the task, its finished
// attempt and one inline artifact.
func oneTask(run, id int64) metastore.Record {
	now := time.Now()
	return metastore.Record{
		Task: &metastore.Task{Run: run, ID: id, Step: "process", Scope: 1, Index: int(id), Base: 1, Created: now},
		Attempt: &metastore.Attempt{Run: run, Task: id, Status: metastore.AttemptSucceeded, PID: 4711, Started: now, Ended: now,
			UserCPU: time.Millisecond, SystemCPU: time.Millisecond, PeakMemory: 12 << 20, MemorySource: "maxrss",
			Transition: []byte(`{"next":["join"]}`), Value: fmt.Sprint(id)},
		Artifacts: []metastore.Artifact{{Name: "result", Size: 5, Codec: "pickle", Type: "int", Inline: []byte{128, 4, 75, 1, 46},
			Hash: metastore.Hash{byte(id), byte(id >> 8), byte(id >> 16)}}},
	}
}

func BenchmarkRecord(b *testing.B) {
	s := openBench(b, b.TempDir())
	run, err := s.CreateRun(context.Background(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	wg.Add(b.N)
	for i := range b.N {
		r := oneTask(run, int64(i))
		r.Done = func(err error) {
			if err != nil {
				b.Error(err)
			}
			wg.Done()
		}
		s.Record(r)
	}
	s.Flush()
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkSoon is one record at a time, each waited for.
func BenchmarkSoon(b *testing.B) {
	s := openBench(b, b.TempDir())
	run, err := s.CreateRun(context.Background(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	done := make(chan error)
	for i := range b.N {
		r := oneTask(run, int64(i))
		r.Soon = true
		r.Done = func(err error) { done <- err }
		s.Record(r)
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenNew(b *testing.B) {
	for range b.N {
		s, err := sqlite.Open(context.Background(), b.TempDir(), sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

func BenchmarkOpenExisting(b *testing.B) {
	folder := b.TempDir()
	openBench(b, folder)
	b.ResetTimer()
	for range b.N {
		s, err := sqlite.Open(context.Background(), folder, sqlite.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
}

func BenchmarkOpenReadClose(b *testing.B) {
	folder := b.TempDir()
	openBench(b, folder).Close()
	b.ResetTimer()
	for range b.N {
		s, err := sqlite.Open(context.Background(), folder, sqlite.Options{ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range s.Runs(context.Background(), metastore.RunFilter{}) {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkCarry(b *testing.B) {
	ctx := context.Background()
	s := openBench(b, b.TempDir())
	from, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		b.Fatal(err)
	}
	var tasks []int64
	for i := range int64(10_000) {
		s.Record(oneTask(from, i))
		tasks = append(tasks, i)
	}
	b.ResetTimer()
	for range b.N {
		_, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{From: from, Tasks: tasks})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReaders(b *testing.B) {
	ctx := context.Background()
	s := openBench(b, b.TempDir())
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		b.Fatal(err)
	}
	const tasks = 100_000
	for i := range int64(tasks) {
		s.Record(oneTask(run, i))
	}
	s.Record(metastore.Record{Scope: &metastore.Scope{Run: run, Split: 0, Step: "start", Kind: "foreach", Count: tasks, Parent: -1}})
	if err := s.Beat(ctx, run, time.Now()); err != nil {
		b.Fatal(err)
	}
	b.Run("Finished100k", func(b *testing.B) {
		for range b.N {
			n := 0
			for _, err := range s.Finished(ctx, run) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != tasks {
				b.Fatal(n)
			}
		}
	})
	b.Run("Counts100k", func(b *testing.B) {
		for range b.N {
			if c, err := s.Counts(ctx, run); err != nil || c[0].Succeeded != tasks {
				b.Fatal(c, err)
			}
		}
	})
	b.Run("FirstCounts100k", func(b *testing.B) {
		for range b.N {
			sqlite.Forget(s)
			if c, err := s.Counts(ctx, run); err != nil || c[0].Succeeded != tasks {
				b.Fatal(c, err)
			}
		}
	})
	b.Run("TaskCounts100k", func(b *testing.B) {
		for range b.N {
			if c, err := s.TaskCounts(ctx, []int64{run}); err != nil || c[run].Succeeded != tasks-1 {
				b.Fatal(c, err)
			}
		}
	})
	b.Run("FirstTaskCounts100k", func(b *testing.B) {
		for range b.N {
			sqlite.Forget(s)
			if c, err := s.TaskCounts(ctx, []int64{run}); err != nil || c[run].Succeeded != tasks-1 {
				b.Fatal(c, err)
			}
		}
	})
	b.Run("Siblings100k", func(b *testing.B) {
		for range b.N {
			if among, err := s.Siblings(ctx, run, oneTask(run, 0).Task.Step, tasks/2); err != nil || among.Before+1+among.After != tasks {
				b.Fatal(among, err)
			}
		}
	})
	b.Run("FirstWidths100k", func(b *testing.B) {
		for range b.N {
			sqlite.Forget(s)
			if w, err := s.Widths(ctx, []int64{run}); err != nil || w[run][0].Tasks != tasks {
				b.Fatal(w, err)
			}
		}
	})
	b.Run("Widths100k", func(b *testing.B) {
		for range b.N {
			if w, err := s.Widths(ctx, []int64{run}); err != nil || w[run][0].Tasks != tasks {
				b.Fatal(w, err)
			}
		}
	})
	b.Run("Artifact", func(b *testing.B) {
		for i := range b.N {
			if _, err := s.Artifact(ctx, run, int64(i%tasks), 0, "result"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
