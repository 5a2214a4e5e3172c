package cli

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/engine"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
)

// covered returns the live progress of testFlow with a foreach of n tasks that has begun.
func covered(t *testing.T, n int) *live {
	l := newLive(mustCompile(t), style{})
	l.event(with(event(runner.Foreach, "start", 1, 0), func(e *runner.Event) { e.Count = n }))
	return l
}

func snapshot(elapsed time.Duration, steps ...engine.StepProgress) runner.Progress {
	return runner.Progress{Run: 12, Elapsed: elapsed, Steps: steps}
}

func TestLiveLines(t *testing.T) {
	l := covered(t, 1000)
	l.progress(snapshot(time.Second, engine.StepProgress{Step: "train", Waiting: 984, Running: 16}))
	l.progress(snapshot(3*time.Second, engine.StepProgress{Step: "train", Waiting: 784, Running: 16, Done: 198, Failed: 2}))
	for _, tc := range []struct {
		width int
		want  string
	}{
		{120, "train  █████░░░░░░░░░░░░░░░░░░░░░░░░░   198/1000 done  16 running  2 failed  784 waiting  99/s  8.1s left"},
		{100, "train  ████░░░░░░░░░░░░░░░░░░░░░   198/1000 done  16 running  2 failed  784 waiting  99/s  8.1s left"},
		{80, "train   198/1000 done  16 running  2 failed  784 waiting  99/s  8.1s left"},
		{40, "train   198/1000 done  16 running  2 fa…"},
		{8, "train  …"},
		{1, "…"},
	} {
		got := l.lines(tc.width, 10)
		if len(got) != 1 || got[0] != tc.want {
			t.Errorf("width %d:\n%q\nwant\n%q", tc.width, got, tc.want)
		}
	}
	if got := l.lines(0, 10); got != nil {
		t.Errorf("without a width: %q", got)
	}
	l.event(event(runner.RunFinished, "", 0, 0))
	if got := l.lines(100, 10); got != nil {
		t.Errorf("after the end: %q", got)
	}
}

func TestLiveCoversLargeFanOutsOnly(t *testing.T) {
	if l := covered(t, manyTasks-1); l.covers("train") {
		t.Error("a small fan-out is covered")
	}
	l := covered(t, manyTasks)
	for step, want := range map[string]bool{"start": false, "train": true, "join": false, "end": false} {
		if l.covers(step) != want {
			t.Errorf("%s: covered %v", step, !want)
		}
	}
	// A fan-out that a resume took over is known from the snapshots.
	l = newLive(mustCompile(t), style{})
	l.event(event(runner.TaskStarted, "train", 5, 0))
	l.progress(snapshot(0, engine.StepProgress{Step: "train", Waiting: 500, Running: 2, Done: 400, Carried: 400}))
	if !l.covers("train") {
		t.Error("a resumed fan-out is not covered")
	}
}

func TestLiveTally(t *testing.T) {
	l := covered(t, 30)
	for i := range 30 {
		l.event(event(runner.TaskStarted, "train", int64(i+2), 10*i))
		l.event(event(runner.TaskFinished, "train", int64(i+2), 10*i+500))
	}
	over := l.event(event(runner.TaskStarted, "join", 40, 900))
	if len(over) != 1 || over[0].String() != "30 tasks finished successfully in 0.79s." || over[0].step != "train" {
		t.Errorf("%v", over)
	}
	if l.covers("train") {
		t.Error("still covered")
	}

	l = covered(t, 30)
	l.event(event(runner.TaskStarted, "train", 2, 0))
	l.event(event(runner.TaskFinished, "train", 2, 100))
	l.event(event(runner.TaskFailed, "train", 3, 100))
	l.event(event(runner.TaskKilled, "train", 4, 200))
	l.progress(snapshot(0, engine.StepProgress{Step: "train", Waiting: 27, Done: 1, Failed: 1, Stopped: 1}))
	over = l.event(event(runner.RunFinished, "", 0, 900))
	if len(over) != 1 || over[0].String() != "1 of 30 tasks finished successfully, 1 failed, 1 stopped in 0.20s." {
		t.Errorf("%v", over)
	}
}

func TestTextWidth(t *testing.T) {
	for text, want := range map[string]int{"abc": 3, "é": 1, "e\u0301": 1, "训练": 4, "模型a": 5, "🚀x": 3, "": 0, "\x1b": 0, "█░": 2, "…": 1} {
		if got := textWidth(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for _, tc := range []struct {
		text  string
		width int
		want  string
	}{{"训练模型", 8, "训练模型"}, {"训练模型", 7, "训练模…"}, {"训练模型", 6, "训练…"}, {"训练", 1, "…"}, {"abc", 0, ""}, {"abc", 2, "a…"}} {
		if got := cut(tc.text, tc.width); got != tc.want || textWidth(got) > max(tc.width, 0) {
			t.Errorf("cut(%q, %d) = %q, want %q", tc.text, tc.width, got, tc.want)
		}
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0.00s", 400 * time.Millisecond: "0.40s", 1500 * time.Millisecond: "1.5s", 9949 * time.Millisecond: "9.9s", 12 * time.Second: "12s",
		59600 * time.Millisecond: "1m 00s", 200 * time.Second: "3m 20s", 7500 * time.Second: "2h 05m", 100 * time.Hour: "4d 4h",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestRate has fast tasks become slow, and slow ones that end in pairs.
func TestRate(t *testing.T) {
	l := covered(t, 100000)
	s := l.step("train")
	at, done := time.Duration(0), 0
	tick := func(seconds int, perSecond float64) {
		for i := range seconds * 10 {
			l.progress(snapshot(at, engine.StepProgress{Step: "train", Waiting: 1000, Done: done + int(float64(i)*perSecond/10)}))
			at += 100 * time.Millisecond
		}
		done += int(float64(seconds) * perSecond)
	}
	near := func(want float64) {
		t.Helper()
		if got := s.rate(); got < want*0.85 || got > want*1.15 {
			t.Errorf("rate %v, want about %v", got, want)
		}
	}
	tick(20, 500)
	near(500)
	tick(12, 50)
	near(50)
	tick(7200, 1.0/60)
	near(1.0 / 60)
	if len(s.history) > 500 {
		t.Errorf("%d samples", len(s.history))
	}
	for rate, want := range map[float64]string{123.4: "123/s", 2.345: "2.3/s", 0.5: "30.0/min", 0.001: "3.6/h"} {
		if got := rateText(rate); got != want {
			t.Errorf("%v: %q, want %q", rate, got, want)
		}
	}
}

// virtual is a terminal: what it shows, and what has scrolled out of it at the top.
// When it is resized it wraps its lines anew, as most terminals do.
type virtual struct {
	columns, rows int
	lines         [][]rune // logical lines, wrapped for display
	row, col      int      // of the cursor: the logical line and the column in it
}

func newVirtual(columns, rows int) *virtual {
	return &virtual{columns: columns, rows: rows, lines: [][]rune{nil}}
}

// height is the number of rows of a logical line.
func (v *virtual) height(line int) int {
	rows, left := 1, v.columns
	for _, r := range v.lines[line] {
		if w := runeWidth(r); w > left {
			rows, left = rows+1, v.columns-w
		} else {
			left -= w
		}
	}
	return rows
}

func (v *virtual) Write(data []byte) (int, error) {
	text := string(data)
	for len(text) > 0 {
		var n int
		switch {
		case strings.HasPrefix(text, "\r"):
			v.col = 0
			text = text[1:]
		case strings.HasPrefix(text, "\n"):
			v.row++
			v.col = 0
			if v.row == len(v.lines) {
				v.lines = append(v.lines, nil)
			}
			text = text[1:]
		case strings.HasPrefix(text, "\x1b[J"):
			v.lines = v.lines[:v.row+1]
			v.lines[v.row] = v.lines[v.row][:v.col]
			text = text[3:]
		case scanUp(text, &n):
			v.up(n)
			text = text[strings.IndexByte(text, 'A')+1:]
		case strings.HasPrefix(text, "\x1b["): // a colour
			text = text[strings.IndexByte(text, 'm')+1:]
		default:
			r := []rune(text)[0]
			v.lines[v.row] = append(v.lines[v.row][:v.col], r)
			v.col++
			text = text[len(string(r)):]
		}
	}
	return len(data), nil
}

func scanUp(text string, n *int) bool {
	var letter rune
	_, err := fmt.Sscanf(text, "\x1b[%d%c", n, &letter)
	return err == nil && letter == 'A'
}

// up moves the cursor up n rows, to the start of what is there; not above the top of the screen.
func (v *virtual) up(n int) {
	n = min(n, v.rows-1)
	for n > 0 && v.row > 0 {
		v.row--
		n -= v.height(v.row)
	}
	if n < 0 {
		panic("the cursor is in the middle of a wrapped line")
	}
	v.col = 0
}

func (v *virtual) String() string {
	var all []string
	for _, l := range v.lines {
		all = append(all, string(l))
	}
	return strings.Join(all, "\n")
}

// TestScreen draws blocks on terminals that change their width at random: lines
// printed above must all stay, and the block must be there once.
func TestScreen(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		v := newVirtual(20+r.IntN(80), 60+r.IntN(20))
		s := &screen{size: func() (int, int) { return v.columns, v.rows }}
		var printed []string
		for i := range 40 {
			columns, _ := s.measure()
			var lines []byte
			for range r.IntN(4) {
				line := fmt.Sprintf("line %d %s", i, strings.Repeat("x训", r.IntN(40)))
				printed = append(printed, line)
				lines = append(append(lines, line...), '\n')
			}
			var block []string
			for range r.IntN(5) {
				block = append(block, cut(strings.Repeat("训b", r.IntN(50)), columns-1))
			}
			_, _ = v.Write(s.draw(lines, block))
			want := strings.Join(append(append([]string{}, printed...), block...), "\n") + "\n"
			if want == "\n" {
				want = ""
			}
			if got := v.String(); got != want {
				t.Fatalf("seed %d, draw %d:\n%s\nwant:\n%s", seed, i, got, want)
			}
			if r.IntN(3) == 0 {
				v.columns = 12 + r.IntN(100)
			}
		}
	}
}

// TestLiveOnATerminal runs a large fan-out on a terminal.
func TestLiveOnATerminal(t *testing.T) {
	v := newVirtual(100, 30)
	p := newProgram(t, "NO_COLOR=1")
	p.env.Stdout = v
	p.env.Terminal = Terminal{Stdout: true, Size: func() (int, int) { return v.columns, v.rows }}
	var during string
	p.service.during = func(_ context.Context, o service.RunOptions) {
		if !o.Progress {
			t.Error("no progress was asked for")
		}
		o.Watch.Event(event(runner.RunStarted, "", 0, 0))
		o.Watch.Event(with(event(runner.Foreach, "start", 1, 9), func(e *runner.Event) { e.Count = 500 }))
		for i := range 100 {
			o.Watch.Event(event(runner.TaskStarted, "train", int64(i+2), 10))
			o.Watch.Event(event(runner.TaskFinished, "train", int64(i+2), 20))
		}
		o.Watch.Event(log("train", 7, 21, "10%\r50%\rhello"))
		o.Watch.Progress(snapshot(time.Second, engine.StepProgress{Step: "train", Waiting: 398, Running: 2, Done: 100}))
		w := o.Watch.(*watcher).display.(*console)
		w.out.mu.Lock()
		w.out.flush()
		for w.out.writing {
			w.out.written.Wait()
		}
		during = v.String()
		w.out.mu.Unlock()
		o.Watch.Event(with(event(runner.RunFinished, "", 0, 30), func(e *runner.Event) { e.Status = metastore.RunSucceeded }))
	}
	p.run(t, "run", "flow.py", "--quiet")
	const head = `2026-11-22 12:00:00.000 Workflow starting (run-id 12):
2026-11-22 12:00:00.009 [12/start/1 (pid 101)] Foreach yields 500 child steps.
2026-11-22 12:00:00.021 [12/train/7 (pid 107)] hello
`
	wantText(t, "during", during, head+"train  ██████░░░░░░░░░░░░░░░░░░░░░░░░  100/500 done  2 running  398 waiting\n")
	wantText(t, "after", v.String(), head+"2026-11-22 12:00:00.030 [12/train] 100 of 500 tasks finished successfully in 0.01s.\n2026-11-22 12:00:00.030 Done!\n")
}

func TestEveryTaskIsPrinted(t *testing.T) {
	for _, c := range []struct {
		where   string
		args    []string
		environ []string
	}{
		{"with --verbose", []string{"--verbose"}, nil},
		{"in a cell of a notebook", nil, []string{"TERM=xterm-color", "PAGER=cat", "GIT_PAGER=cat"}},
	} {
		t.Run(c.where, func(t *testing.T) {
			var out bytes.Buffer
			p := newProgram(t, c.environ...)
			p.env.Stdout = &out
			p.env.Terminal = Terminal{Stdout: true, Size: func() (int, int) { return 80, 24 }}
			p.service.during = func(_ context.Context, o service.RunOptions) {
				o.Watch.Event(with(event(runner.Foreach, "start", 1, 9), func(e *runner.Event) { e.Count = 500 }))
				o.Watch.Event(event(runner.TaskStarted, "train", 2, 10))
			}
			p.run(t, append([]string{"run", "flow.py", "--quiet"}, c.args...)...)
			if !strings.Contains(out.String(), "Task is starting.") {
				t.Error(out.String())
			}
		})
	}
}

func BenchmarkConsole(b *testing.B) {
	c := &console{out: newOutlet(discard{}), stamp: stamper{zone: time.UTC}}
	e := log("train", 123456, 0, "a line as tasks print them, of a usual length")
	b.ReportAllocs()
	for b.Loop() {
		c.Event(e)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
