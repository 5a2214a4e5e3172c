package engine_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected output in testdata and STATES.md")

// TestScripts runs the scripts of testdata. A script has blocks of a flow in
// text form, a line "----", and events, each with the commands it gives,
// indented, under it:
//
//	policy workers=2 splits=10 first=7 rerun=step cpu=4 gpu=1 memory=100
//	started
//	recovered 3 step in 2[0] #1 -> next x4   (scope and branch, iteration, transition)
//	exit 1     its place is free
//	ok 1 -> a  succeeded; without an arrow it leads where the definition leads
//	done 1     both
//	raise 1    failed, and its place is free; also: die 1 (without raising), norun 1 (exit code 202)
//	failed 1   only failed, after raising
//	interrupt
//	progress
//
// An id may carry the attempt: ok 1.0; without it, it is the latest one launched.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.script")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n\n") {
			got := play(t, block)
			if !*rewrite && got != block {
				t.Errorf("%s\n got:\n%s\n\nwant:\n%s", file, got, block)
			}
			out.WriteString(got + "\n\n\n")
		}
		if *rewrite {
			if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// player applies the events of a script.
type player struct {
	t       *testing.T
	graph   *graph.Graph
	policy  engine.Policy
	engine  *engine.Engine
	latest  map[engine.TaskID]*engine.Launch
	out     strings.Builder
	problem error
}

// play runs one block and returns it with the output that it really has.
func play(t *testing.T, block string) string {
	flow, script, ok := strings.Cut(block, "\n----\n")
	if !ok {
		t.Fatalf("no ---- in\n%s", block)
	}
	p := &player{t: t, graph: graphtest.MustCompile(flow), policy: engine.Policy{MaxWorkers: 16, FirstTask: 1},
		latest: make(map[engine.TaskID]*engine.Launch)}
	p.out.WriteString(flow + "\n----")
	for line := range strings.SplitSeq(script, "\n") {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		p.out.WriteString("\n" + line)
		if line != "" {
			p.line(strings.Fields(line))
		}
	}
	return p.out.String()
}

func (p *player) line(words []string) {
	if words[0] == "policy" {
		p.setPolicy(words[1:])
		return
	}
	if p.engine == nil {
		p.engine = engine.New(p.graph, p.policy)
	}
	switch words[0] {
	case "started":
		p.apply(engine.Started{})
		return
	case "interrupt":
		p.apply(engine.Interrupted{})
		return
	case "progress":
		for _, s := range p.engine.Progress() {
			fmt.Fprintf(&p.out, "\n  %s waiting=%d running=%d done=%d carried=%d failed=%d stopped=%d",
				s.Step, s.Waiting, s.Running, s.Done, s.Carried, s.Failed, s.Stopped)
		}
		return
	case "recovered":
		p.recovered(words[1:])
		return
	}
	id, attempt, given := strings.Cut(words[1], ".")
	task, launch := engine.TaskID(p.number(id)), p.latest[engine.TaskID(p.number(id))]
	var n int
	var step *graph.Node
	if launch != nil {
		n, step = launch.Attempt, launch.Step
	}
	if given {
		n = p.number(attempt)
	}
	switch words[0] {
	case "exit":
		p.apply(engine.PlaceFreed{Task: task, Attempt: n})
	case "ok", "done":
		p.apply(engine.Succeeded{Task: task, Attempt: n, Transition: p.transition(step, words[2:])})
		if words[0] == "done" {
			p.apply(engine.PlaceFreed{Task: task, Attempt: n})
		}
	case "failed":
		p.apply(engine.Failed{Task: task, Attempt: n, Raised: true})
	case "raise", "die", "norun":
		p.apply(engine.PlaceFreed{Task: task, Attempt: n})
		p.apply(engine.Failed{Task: task, Attempt: n, Raised: words[0] != "die", NoRetry: words[0] == "norun"})
	default:
		p.t.Fatalf("%q is not known", words[0])
	}
}

func (p *player) setPolicy(words []string) {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "workers":
			p.policy.MaxWorkers = p.number(value)
		case "splits":
			p.policy.MaxSplits = p.number(value)
		case "first":
			p.policy.FirstTask = engine.TaskID(p.number(value))
		case "rerun":
			p.policy.Rerun = value
		case "cpu":
			p.policy.Machine.CPU = float64(p.number(value))
		case "gpu":
			p.policy.Machine.GPU = float64(p.number(value))
		case "memory":
			p.policy.Machine.Memory = int64(p.number(value))
		default:
			p.t.Fatalf("policy %s is not known", key)
		}
	}
}

func (p *player) recovered(words []string) {
	ev := engine.Recovered{Task: engine.TaskID(p.number(words[0])), Step: words[1], Scope: engine.NoTask}
	words = words[2:]
	for len(words) > 0 && words[0] != "->" {
		if words[0] == "in" {
			scope, index, _ := strings.Cut(strings.TrimSuffix(words[1], "]"), "[")
			ev.Scope, ev.Index = engine.TaskID(p.number(scope)), p.number(index)
			words = words[1:]
		} else {
			ev.Iteration = p.number(strings.TrimPrefix(words[0], "#"))
		}
		words = words[1:]
	}
	ev.Transition = p.transition(p.graph.Lookup(ev.Step), words)
	p.apply(ev)
}

// transition reads "-> a, b x3", or takes the only one that the definition has.
func (p *player) transition(n *graph.Node, words []string) graph.Transition {
	var tr graph.Transition
	if len(words) == 0 {
		if n != nil {
			for _, m := range n.Out {
				tr.Next = append(tr.Next, m.Name)
			}
		}
		return tr
	}
	for _, word := range words[1:] {
		if fan, ok := strings.CutPrefix(word, "x"); ok {
			if count, err := strconv.Atoi(fan); err == nil {
				tr.Fan = count
				continue
			}
		}
		tr.Next = append(tr.Next, strings.TrimSuffix(word, ","))
	}
	return tr
}

// apply applies an event and writes down the commands.
func (p *player) apply(ev engine.Event) {
	for _, c := range p.engine.Apply(ev) {
		fmt.Fprintf(&p.out, "\n  %s", describe(c))
		if l, ok := c.(*engine.Launch); ok {
			p.latest[l.Task] = l
		}
	}
	if err := p.engine.Err(); err != nil && p.problem == nil {
		p.problem = err
		fmt.Fprintf(&p.out, "\n  Err: %s", err)
	}
}

func (p *player) number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// describe writes a command on one line.
func describe(c engine.Command) string {
	switch c := c.(type) {
	case *engine.Launch:
		var b strings.Builder
		fmt.Fprintf(&b, "launch %d %s", c.Task, c.Step.Name)
		if c.Attempt > 0 {
			fmt.Fprintf(&b, " attempt=%d", c.Attempt)
		}
		if c.Fallback {
			b.WriteString(" fallback")
		}
		if c.Scope != engine.NoTask {
			fmt.Fprintf(&b, " in %d[%d]", c.Scope, c.Index)
		}
		if c.Iteration > 0 {
			fmt.Fprintf(&b, " #%d", c.Iteration)
		}
		fmt.Fprintf(&b, " base=%d", c.Base)
		if c.Inputs != nil {
			fmt.Fprintf(&b, " inputs=%v", c.Inputs)
		}
		for _, f := range c.Stack {
			fmt.Fprintf(&b, " /%s:%d[%d of %d]%s", f.Step, f.Split, f.Index, f.Count, f.Var)
			if f.Gang {
				b.WriteString("gang")
			}
		}
		if c.GPUs != nil {
			fmt.Fprintf(&b, " gpus=%v", c.GPUs)
		}
		return b.String()
	case engine.Kill:
		return fmt.Sprintf("kill %d.%d", c.Task, c.Attempt)
	case engine.Carry:
		return fmt.Sprintf("carry %d", c.Task)
	case engine.Oversized:
		return fmt.Sprintf("oversized %s %+v", c.Step, c.Requested)
	case engine.Finish:
		outcome := [...]string{"completed", "failed", "stopped"}[c.Outcome]
		if c.Task != engine.NoTask {
			outcome += fmt.Sprintf(" by %d %s", c.Task, c.Step)
		}
		if c.Problem != "" {
			outcome += ": " + c.Problem
		}
		return "finish " + outcome
	}
	return fmt.Sprintf("%T", c)
}
