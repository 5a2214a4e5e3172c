package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// goProgram builds the flow in Go that is measured.
func (b *bench) goProgram(ctx context.Context) (string, error) {
	path := filepath.Join(b.temp, "goflow")
	return path, b.tool(ctx, "go", "build", "-o", path, "./bench/goflow")
}

// goRun is the command that squares n numbers with the flow in Go.
func (b *bench) goRun(program string, n int, env ...string) func(dir string) command {
	return func(dir string) command {
		return command{
			dir: dir, args: []string{program, "--json", "run", "--n", strconv.Itoa(n), "--max-workers", strconv.Itoa(workers)},
			env: append(env, "LEVADA_BIN="+b.levada),
		}
	}
}

// goFlow measures a foreach of a flow in Go whose tasks are processes, against
// starting that program so often and no more.
func goFlow(ctx context.Context, b *bench) ([]row, error) {
	program, err := b.goProgram(ctx)
	if err != nil {
		return nil, err
	}
	n := b.size(1000, 200)
	var ours, single, bare cost
	for range b.size(7, 3) {
		for c, count := range map[*cost]int{&ours: n, &single: 1} {
			r, err := b.once(ctx, b.goRun(program, count))
			if err != nil {
				return nil, err
			}
			c.add(r)
		}
		took, err := forkExecWait(ctx, program, n)
		if err != nil {
			return nil, err
		}
		bare.add(took)
	}
	wall, floor := ours.wall.min(), bare.wall.min()
	further := (wall - single.wall.min()) / time.Duration(n-1)
	work := fmt.Sprintf("flow in Go: foreach of %s processes, and join", thousands(n))
	return []row{
		{
			work: work, reach: "≥ 0.6 of a bare fork-exec-wait loop of the same program",
			measured: fmt.Sprintf("%s in %s; loop: %s in %s", rate(n, wall), ours.wall, rate(n, floor), bare.wall),
			ratio:    fmt.Sprintf("%.2f", per(floor, wall)), met: verdictOf(per(floor, wall) >= 0.6),
		},
		{
			work: work, measured: fmt.Sprintf("time of each further task: %s; loop: %s", seconds(further), seconds(floor/time.Duration(n))),
			ratio: fmt.Sprintf("%.2f", per(floor/time.Duration(n), further)),
		},
		{
			work: work, measured: fmt.Sprintf("processor time of each task: %s; loop: %s", seconds(ours.cpu.min()/time.Duration(n)), seconds(bare.cpu.min()/time.Duration(n))),
			ratio: fmt.Sprintf("%.2f", per(bare.cpu.min(), ours.cpu.min())),
		},
	}, nil
}

// forkExecWait starts a program n times, a few at once, and waits for each. The program ends at once.
func forkExecWait(ctx context.Context, program string, n int) (result, error) {
	next := make(chan struct{}, n)
	for range n {
		next <- struct{}{}
	}
	close(next)
	env := append(os.Environ(), "BENCH_BARE=1")
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	before, began := processorTime(), time.Now()
	for range workers {
		wg.Go(func() {
			for range next {
				cmd := exec.CommandContext(ctx, program)
				cmd.Env = env
				if err := cmd.Run(); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return result{wall: time.Since(began), cpu: processorTime() - before}, failed
}

// processorTime is what this process and those that it has waited for have used.
func processorTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if syscall.Getrusage(who, &r) == nil {
			total += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return total
}

// goInside measures a foreach whose tasks run in one process: from the record of the split to the start of the
// join, before which all records are durable.
func goInside(ctx context.Context, b *bench) ([]row, error) {
	program, err := b.goProgram(ctx)
	if err != nil {
		return nil, err
	}
	n := b.size(100_000, 10_000)
	var whole cost
	var fan sample
	for range b.size(5, 2) {
		dir := b.folder()
		r, err := b.run(ctx, b.goRun(program, n, "BENCH_IN_PROCESS=1")(dir))
		if err == nil {
			var took time.Duration
			if took, err = fanOut(r.log); err == nil {
				fan = append(fan, took)
				whole.add(r)
			}
		}
		os.RemoveAll(dir)
		if err != nil {
			return nil, err
		}
	}
	tasks := float64(n) / fan.min().Seconds()
	work := fmt.Sprintf("flow in Go: foreach of %s tasks in process", thousands(n))
	return []row{
		{
			work: work, reach: "≥ 50,000 tasks a second, every record durable",
			measured: fmt.Sprintf("%s in %s", rate(n, fan.min()), fan),
			ratio:    fmt.Sprintf("%.2f", tasks/50_000), met: verdictOf(tasks >= 50_000),
		},
		{work: work, measured: fmt.Sprintf("the whole run, with a join that reads them all: %s", whole.wall)},
	}, nil
}

// fanOut reads from a run's events how long its foreach took.
func fanOut(log string) (time.Duration, error) {
	f, err := os.Open(log)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var began, ended time.Time
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var e struct {
			Event, Step string
			Time        time.Time
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch {
		case e.Event == "foreach":
			began = e.Time
		case e.Event == "task_started" && e.Step == "add":
			ended = e.Time
		}
	}
	if began.IsZero() || ended.IsZero() {
		return 0, fmt.Errorf("the events of the run in %s do not tell of a foreach and a join", log)
	}
	return ended.Sub(began), lines.Err()
}
