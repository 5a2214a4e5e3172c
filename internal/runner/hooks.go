package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/levadahq/levada/internal/metastore"
)

// exitHook asks a process to call one function of @exit_hook.
type exitHook struct {
	Type     string `json:"type"` // "exit_hook"
	OK       bool   `json:"ok"`
	Index    int    `json:"index"` // among those for the outcome
	Pathspec string `json:"pathspec"`
	Home     string `json:"home"` // of the store that has the run
}

// exitHooks calls the functions that @exit_hook has for the run's outcome, one after another. What they
// print are events; that one fails is one, too, and changes nothing.
func (r *Runner) exitHooks(ctx context.Context, status metastore.RunStatus) {
	ok := status == metastore.RunSucceeded
	names := r.hookNames(ok)
	if len(names) == 0 {
		return
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if ctx.Err() == nil { // after an interrupted run, only the second Ctrl-C ends a hook
		defer context.AfterFunc(ctx, cancel)()
	}
	go func() {
		select {
		case <-r.Hard:
			cancel()
		case <-work.Done():
		}
	}()
	for i, name := range names {
		frame := exitHook{"exit_hook", ok, i, fmt.Sprintf("%s/%d", r.Config.Run.Flow, r.Config.Run.ID), r.Home}
		if err := r.callHook(work, frame); err != nil {
			r.emit(&Event{Kind: HookLine, Text: fmt.Sprintf("[exit_hook] Hook '%s' failed: %v", name, err)})
		}
	}
}

// callHook calls one hook, and emits what it prints on stdout line by line.
func (r *Runner) callHook(ctx context.Context, frame exitHook) error {
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, _, err := ask(ctx, r.Pool, "calls the exit hook", frame, in, r.Errors)
		in.Close()
		ended <- err
	}()
	// A bounded scanner would give up at a line that is too long.
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if err == nil || line != "" {
			r.emit(&Event{Kind: HookLine, Text: line, Stream: "stdout"})
		}
		if err != nil {
			return <-ended
		}
	}
}

// hookNames are the functions for an outcome, in the order in which the SDK calls them.
func (r *Runner) hookNames(ok bool) []string {
	outcome := "on_error"
	if ok {
		outcome = "on_success"
	}
	var names []string
	for _, d := range r.Flow.Decorators {
		if d.Name != "exit_hook" {
			continue
		}
		var some []string
		if json.Unmarshal(d.Attributes[outcome], &some) == nil {
			names = append(names, some...)
		}
	}
	return names
}
