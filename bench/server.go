package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// served is a server that runs.
type served struct {
	url string
	cmd *exec.Cmd
}

// serve starts a server on the store in a folder.
func (b *bench) serve(ctx context.Context, dir string) (*served, error) {
	cmd := exec.CommandContext(ctx, b.levada, "server", "--port", "0", "--quiet")
	cmd.Dir, cmd.Env = dir, b.environment()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cmd.Process.Kill()
		return nil, fmt.Errorf("the server does not start: %w", err)
	}
	return &served{strings.TrimSpace(url), cmd}, nil
}

// end ends the server and returns the most memory that it had, in bytes.
func (s *served) end() int64 {
	s.cmd.Process.Signal(syscall.SIGINT)
	s.cmd.Wait()
	if usage, ok := s.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10 // Linux counts in KiB
	}
	return 0
}

// ask asks for a path some times, by some clients at once, and returns the times.
func (s *served) ask(path string, times, clients int) (sample, error) {
	var mu sync.Mutex
	var took sample
	var failed error
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for range times / clients {
				began := time.Now()
				res, err := http.Get(s.url + path)
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if err == nil && res.StatusCode != http.StatusOK {
						err = fmt.Errorf("%s: %s", path, res.Status)
					}
				}
				mu.Lock()
				took.add(time.Since(began))
				if failed == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return took, failed
}

// percentile returns the time within which a share of the requests were answered.
func (s sample) percentile(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// serverPages measures the API of a server on a store with many runs and tasks.
func serverPages(ctx context.Context, b *bench) ([]row, error) {
	runs, tasks := b.size(100_000, 2000), 30
	dir := b.folder()
	defer os.RemoveAll(dir)
	if err := fillHistory(ctx, filepath.Join(dir, ".levada"), runs, tasks); err != nil {
		return nil, err
	}
	work := fmt.Sprintf("a server on a store of %s runs and %s tasks", thousands(runs), thousands(runs*tasks))
	srv, err := b.serve(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer srv.cmd.Process.Kill()
	var rows []row
	times := b.size(400, 40)
	for _, c := range []struct {
		what, query string
		aim         bool
	}{
		{"the newest 50", "", true},
		{"of a flow", "&flow=Flow3", true},
		{"that failed, 1 of 1,000", "&status=failed", true},
		{"with a tag that 10 have", "&tag=rare", true},
		{"with a value of a parameter", "&parameter=alpha=7", true},
		{"of a week", "&after=2025-02-01T00:00:00Z&before=2025-02-08T00:00:00Z", true},
		{"searched: a part of a flow's name", "&q=low3", true},
		{"searched: the beginning of an id", "&q=77", true},
		{"searched: what no run has", "&q=nothing-like-this", false},
	} {
		n := times
		if !c.aim {
			n = 8
		}
		took, err := srv.ask("/api/v1/runs?limit=50"+c.query, n, 4)
		if err != nil {
			return nil, err
		}
		p99 := took.percentile(0.99)
		r := row{work: work, measured: fmt.Sprintf("%s, 4 clients: p50 %s, p99 %s", c.what, seconds(took.median()), seconds(p99))}
		if c.aim {
			r.reach, r.met = "p99 ≤ 50 ms", verdictOf(p99 <= 50*time.Millisecond)
		}
		rows = append(rows, r)
	}
	for _, path := range []string{"/api/v1/flows", "/api/v1/runs/" + strconv.Itoa(runs/2), "/api/v1/metrics?flow=Flow3"} {
		took, err := srv.ask(path, times/4, 4)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{work: work, measured: fmt.Sprintf("%s, 4 clients: p50 %s, p99 %s", strings.TrimPrefix(path, "/api/v1"), seconds(took.median()), seconds(took.percentile(0.99)))})
	}
	peak := srv.end()
	return append(rows, row{work: work, reach: "server ≤ 300 MiB resident", measured: mebibytes(peak), met: verdictOf(peak <= 300<<20)}), nil
}

// runPage measures how long the page of a run with many tasks takes in a browser.
func runPage(ctx context.Context, b *bench) ([]row, error) {
	n := b.size(10_000, 500)
	dir := b.folder()
	defer os.RemoveAll(dir)
	if _, err := b.run(ctx, b.squares(n)(dir)); err != nil {
		return nil, err
	}
	work := fmt.Sprintf("the page of a run with %s tasks, in Chromium", thousands(n))
	pages := filepath.Join(b.root, "ui")
	if _, err := os.Stat(filepath.Join(pages, "node_modules")); err != nil {
		if err := b.tool(ctx, "npm", "ci", "--silent", "--prefix", pages); err != nil {
			return []row{{work: work, measured: "npm is not there, or the browser's driver cannot be installed"}}, nil
		}
	}
	srv, err := b.serve(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer srv.cmd.Process.Kill()
	cmd := exec.CommandContext(ctx, "node", filepath.Join(pages, "tests", "measure.mjs"), srv.url+"/runs/1", strconv.Itoa(b.size(7, 2)))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("measure the page: %w", err)
	}
	var m struct {
		Usable []float64 `json:"usable"` // ms from the request to the timeline and graph on the screen
		Frames []float64 `json:"frames"` // ms of each frame while the timeline is zoomed
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return nil, err
	}
	inMillis := func(list []float64) (s sample) {
		for _, ms := range list {
			s.add(time.Duration(ms * float64(time.Millisecond)))
		}
		return s
	}
	usable, frames := inMillis(m.Usable), inMillis(m.Frames)
	return []row{
		{work: work, reach: "usable ≤ 1.5 s", measured: fmt.Sprintf("timeline and graph drawn after %s (worst %s)", seconds(usable.median()), seconds(slices.Max(usable))),
			met: verdictOf(usable.median() <= 1500*time.Millisecond)},
		{work: work, measured: fmt.Sprintf("zooming the timeline: a frame takes %s, 95 of 100 at most %s", seconds(frames.median()), seconds(frames.percentile(0.95)))},
	}, nil
}
