package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A command is one process to run and measure.
type command struct {
	args []string
	dir  string   // working folder
	env  []string // added to a clean environment
	tree bool     // also watch the memory of its descendants
	fail bool     // it is meant to end with an error
}

// A result is what a command needed.
type result struct {
	began time.Time
	wall  time.Duration
	cpu   time.Duration // of the process and all descendants that were waited for
	own   int64         // peak resident bytes of the process itself
	child int64         // peak resident bytes of the largest descendant, if the tree was watched
	log   string
}

// patience is how long a command may take before it counts as stuck. On a slow disk the longest needs a few minutes.
const patience = 10 * time.Minute

// run runs a command to its end. Its output goes to a file in its folder, as a user's would who keeps a log.
func (b *bench) run(ctx context.Context, c command) (result, error) {
	log, err := os.CreateTemp(c.dir, "output-*.log")
	if err != nil {
		return result{}, err
	}
	defer log.Close()

	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(b.environment(), c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

	r := result{began: time.Now(), log: log.Name()}
	if err := cmd.Start(); err != nil {
		return r, err
	}
	watch := startWatch(cmd.Process.Pid, c.tree)
	err = cmd.Wait()
	r.wall = time.Since(r.began)
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.own, r.child = watch.stop()

	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case limited.Err() != nil:
		return r, fmt.Errorf("%s: stuck, ended after %s\n%s", strings.Join(c.args, " "), patience, tail(log.Name(), 20))
	case c.fail && errors.As(err, &exit):
		return r, nil
	case c.fail && err == nil:
		return r, fmt.Errorf("%s: succeeded, though it should have failed", strings.Join(c.args, " "))
	case err != nil:
		return r, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, tail(log.Name(), 20))
	}
	return r, nil
}

// environment is the bench's own without whatever would make either system behave differently.
func (b *bench) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LEVADA") || strings.HasPrefix(v, "METAFLOW") || strings.HasPrefix(v, "PYTHON") {
			continue
		}
		env = append(env, v)
	}
	return env
}

// tail returns the last lines of a file.
func tail(path string, lines int) string {
	content, _ := os.ReadFile(path)
	all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return string(bytes.Join(all, []byte("\n")))
}

// A watch follows the peak memory of a process, and of its descendants, by
// looking at /proc now and then. (What wait4 reports for a process is the
// largest of it and of the children that it waited for, which is another
// question.) The kernel keeps the peaks, so looking seldom misses only what a
// process needs in its last moment.
type watch struct {
	done       chan struct{}
	wait       sync.WaitGroup
	own, child int64
}

func startWatch(pid int, tree bool) *watch {
	w := &watch{done: make(chan struct{})}
	look := func() {
		w.own = max(w.own, peakMemory(pid))
		if tree {
			for _, p := range descendants(pid) {
				w.child = max(w.child, peakMemory(p))
			}
		}
	}
	w.wait.Go(func() {
		ticker := time.NewTicker(25 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-w.done:
				return
			case <-ticker.C:
				look()
			}
		}
	})
	return w
}

func (w *watch) stop() (own, child int64) {
	close(w.done)
	w.wait.Wait()
	return w.own, w.child
}

// peakMemory returns the most bytes that a process ever had resident, 0 if that cannot be known.
func peakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, found := bytes.Cut(status, []byte("VmHWM:"))
	if !found {
		return 0
	}
	fields := bytes.Fields(after)
	kib, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return kib << 10
}

// descendants returns the children of a process, their children and so on.
func descendants(pid int) []int {
	var all []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		content, _ := os.ReadFile(list)
		for _, field := range bytes.Fields(content) {
			child, err := strconv.Atoi(string(field))
			if err != nil {
				continue
			}
			all = append(all, child)
			all = append(all, descendants(child)...)
		}
	}
	return all
}
