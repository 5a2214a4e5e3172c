package cli

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

func someRuns() []metastore.Run {
	return []metastore.Run{
		{ID: 1203, Flow: "TrainFlow", Status: metastore.RunRunning, User: "ann", Created: noon.Add(-90 * time.Second), FailedTask: -1},
		{ID: 1202, Flow: "训练模型Flow", Status: metastore.RunFailed, User: "bob", Created: noon.Add(-3 * time.Hour), Ended: noon.Add(-2 * time.Hour),
			Tags: []string{"candidate", "nightly"}, FailedTask: 7, Problem: "step train failed"},
		{ID: 7, Flow: "AVeryLongNameOfAFlowIndeed", Status: metastore.RunDied, User: "ann", Created: noon.Add(-50 * time.Hour), FailedTask: -1},
	}
}

func TestRunTable(t *testing.T) {
	p := newProgram(t)
	p.service.runs = someRuns()
	p.service.steps = map[int64][]metastore.StepCount{
		1203: {{Step: "_parameters", Succeeded: 1}, {Step: "start", Succeeded: 1}, {Step: "train", Succeeded: 5, Running: 2}},
		1202: {{Step: "start", Succeeded: 1}, {Step: "train", Failed: 1, Killed: 1}},
		7:    {{Step: "start", Succeeded: 1}},
	}
	p.env.Terminal.Stdout = true
	p.env.Environ = append(p.env.Environ, "NO_COLOR=1")
	columns := 0
	p.env.Terminal.Size = func() (int, int) { return columns, 24 }
	for _, tc := range []struct {
		width int
		want  string
	}{
		{120, `
RUN   STATUS   FLOW                        STARTED       DURATION  TASKS  USER  TAGS
1203  running  TrainFlow                   1 minute ago  1m 30s    6/8    ann
1202  failed   训练模型Flow                3 hours ago   1h 00m    1/3    bob   candidate,nightly
7     died     AVeryLongNameOfAFlowIndeed  2 days ago    -         1      ann
`},
		{85, `
RUN   STATUS   FLOW                     STARTED       DURATION  TASKS  USER  TAGS
1203  running  TrainFlow                1 minute ago  1m 30s    6/8    ann
1202  failed   训练模型Flow             3 hours ago   1h 00m    1/3    bob   candida…
7     died     AVeryLongNameOfAFlowIn…  2 days ago    -         1      ann
`},
		{40, `
RUN   STATUS   FLOW         STARTED
1203  running  TrainFlow    1 minute ago
1202  failed   训练模型Fl…  3 hours ago
7     died     AVeryLongN…  2 days ago
No room for DURATION, TASKS, USER, TAGS
`},
		{10, `
RUN   STA…
1203  run…
1202  fai…
7     died
No room f…
`},
	} {
		columns = tc.width
		p.run(t, "runs")
		wantText(t, "table", "\n"+p.out.String(), tc.want)
		for line := range strings.Lines(p.out.String()) {
			if w := textWidth(strings.TrimSuffix(line, "\n")); w > tc.width {
				t.Errorf("a line of %d columns on a terminal of %d: %s", w, tc.width, line)
			}
		}
	}
}

func TestRunsAsJSON(t *testing.T) {
	p := newProgram(t)
	p.service.runs = someRuns()
	p.run(t, "runs", "--json", "--status", "failed", "--tag", "a", "--tag", "b", "--limit", "3", "--flow", "F")
	f := p.service.filter
	if !slices.Equal(f.Statuses, []metastore.RunStatus{metastore.RunFailed}) || !slices.Equal(f.Flows, []string{"F"}) || f.Limit != 3 || len(f.Tags) != 2 {
		t.Errorf("filter %+v", f)
	}
	var runs []jsonRun
	for line := range strings.Lines(p.out.String()) {
		var r jsonRun
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	if len(runs) != 3 || *runs[0].Seconds != 90 || runs[0].Ended != nil || *runs[1].FailedTask != 7 || runs[2].Seconds != nil || runs[2].Tags == nil {
		t.Errorf("%+v", runs)
	}
	p.env.Environ = []string{"LEVADA_WORKER_FD=5"}
	p.run(t, "flow", "flow.py", "runs")
	if !slices.Equal(p.service.filter.Flows, []string{"TrainFlow"}) {
		t.Errorf("filter %+v", p.service.filter)
	}
}

// A run that died ended when it was last heard of, and nothing of it goes on.
func TestRunsThatDied(t *testing.T) {
	created := noon.Add(-time.Hour)
	run := metastore.Run{ID: 3, Status: metastore.RunDied, Created: created, FailedTask: -1, Lease: metastore.Lease{Heartbeat: created.Add(10 * time.Second)}}
	for _, c := range []struct {
		last    time.Time
		seconds float64
	}{{created.Add(4 * time.Second), 10}, {created.Add(12 * time.Second), 12}, {time.Time{}, 10}} {
		row := runRow{service.RunSummary{Run: run, Tasks: metastore.TaskCount{Running: 2, Succeeded: 5, Last: c.last}}}
		j := row.json(noon)
		if *j.Seconds != c.seconds || j.Ended == nil || j.Ended.Sub(created).Seconds() != c.seconds || j.Tasks != (jsonTasks{Total: 7, Succeeded: 5, Died: 2}) {
			t.Errorf("last at %v: %v s, %v, %+v", c.last, *j.Seconds, j.Ended, j.Tasks)
		}
		if j.Problem != "its process is gone" {
			t.Errorf("it died of %q", j.Problem)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "just now", 0: "just now", 59 * time.Second: "59 seconds ago", time.Minute: "1 minute ago",
		2 * time.Hour: "2 hours ago", 47 * time.Hour: "47 hours ago", 72 * time.Hour: "3 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// FuzzMain has any command line end with one of the exit codes, and never with a bug report.
func FuzzMain(f *testing.F) {
	for _, seed := range []string{
		"run flow.py --alpha 1", "flow flow.py --with retry run --max-workers=2", "logs 12/train/3 --both", "resume flow.py train --tag",
		"-- run", "flow", "run -- --alpha", "dump --include= 1", "help run", "flow flow.py --config a", "--with", "run --help=", "runs --limit -1", "- -- -",
		"tag add 1 a b", "tag list --group-by-tag", "tag", "tag --help", "diff 1 2/a --step b", "code 1 --list x", "artifacts 3/a --all", "tasks 1 --status failed",
		"runs --since 5d --until 99999999999999s --parameter a=b", "logs -f 1", "-f", "completion zsh", "__complete logs 12/", "__complete runs --status=", "__complete -- --a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p := newProgram(t)
		if !strings.Contains(line, "file") { // options that write files are left alone
			code := p.run(t, strings.Split(line, " ")...)
			if code < 0 || code > 2 || strings.Contains(p.err.String(), "bug in Levada") {
				t.Errorf("%q: exit code %d\n%s", line, code, p.err.String())
			}
		}
	})
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]time.Time{
		"90s": noon.Add(-90 * time.Second), "2w": noon.Add(-14 * 24 * time.Hour), "1d12h": noon.Add(-36 * time.Hour),
		"2026-11-20": noon.Add(-60 * time.Hour), "2026-11-22 11:59": noon.Add(-time.Minute), "2026-11-22T11:59:30": noon.Add(-30 * time.Second),
		"2026-11-22T11:59:30+01:00": noon.Add(-30*time.Second - time.Hour),
	} {
		if got, ok := moment(text, noon); !ok || !got.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"x", "s", "-5d", "0d", "5y", "1.5h", "2026-13-01", "yesterday"} {
		if got, ok := moment(text, noon); ok {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestIDsWith has every id be in a range of the digits that it begins with, and in no other range.
func TestIDsWith(t *testing.T) {
	in := func(id int64, spans [][2]int64) bool {
		for _, s := range spans {
			if id >= s[0] && id < s[1] {
				return true
			}
		}
		return false
	}
	for _, typed := range []string{"1", "9", "12", "99", "100", "12345"} {
		spans := idsWith(typed)
		for id := range int64(20_000) {
			if want := strings.HasPrefix(strconv.FormatInt(id, 10), typed); in(id, spans) != want {
				t.Fatalf("%s in the ranges of %s: %v", strconv.FormatInt(id, 10), typed, !want)
			}
		}
	}
	for _, typed := range []string{"0", "x", "-1", "+1", "99999999999999999999", "01"} {
		if spans := idsWith(typed); spans != nil {
			t.Errorf("%s: %v", typed, spans)
		}
	}
}

func TestGridControlCharacters(t *testing.T) {
	got, _ := grid([]column{{title: "ID"}, {title: "TAGS", least: 4}}, [][]string{{"1", "two\nlines,\x1b[31mred\x07\u009b"}, {"2", "wide 世界"}}, 80)
	want := "ID  TAGS\n1   two\\nlines,\\x1b[31mred\\a\\u009b\n2   wide 世界\n"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestTaskOfDeadRun(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	running := metastore.Attempt{Status: metastore.AttemptRunning, Started: now.Add(-time.Hour)}
	failed := metastore.Attempt{Status: metastore.AttemptFailed, Started: now.Add(-time.Hour), Ended: now}
	for _, tc := range []struct {
		over    bool
		attempt metastore.Attempt
		status  string
		took    bool
	}{{false, running, "running", true}, {true, running, "died", false}, {true, failed, "failed", true}} {
		r := taskRow{TaskInfo: service.TaskInfo{Attempts: []metastore.Attempt{tc.attempt}, Over: tc.over}}
		if _, took := r.took(now); r.status() != tc.status || took != tc.took || r.json(now).Status != tc.status {
			t.Errorf("%+v: status %q, has a duration: %v", tc, r.status(), took)
		}
	}
}

func TestGrid(t *testing.T) {
	columns := []column{{title: "ID"}, {title: "NAME", least: 4}, {title: "WHEN"}, {title: "TEXT", least: 4}}
	rows := [][]string{{"1", "alphabet", "today", "some words"}, {"2", "b", "now", ""}}
	for _, tc := range []struct {
		width int
		want  string
	}{
		{100, "ID  NAME      WHEN   TEXT\n1   alphabet  today  some words\n2   b         now\n"},
		{27, "ID  NAME      WHEN   TEXT\n1   alphabet  today  some …\n2   b         now\n"},
		{22, "ID  NAME   WHEN   TEXT\n1   alph…  today  som…\n2   b      now\n"},
		{20, "ID  NAME      WHEN\n1   alphabet  today\n2   b         now\n"},
		{10, "ID  NAME\n1   alpha…\n2   b\n"},
	} {
		if got, _ := grid(columns, rows, tc.width); got != tc.want {
			t.Errorf("%d columns:\n%s\nwant\n%s", tc.width, got, tc.want)
		}
	}
}

// TestTaskGrid: what went wrong is the last thing that a table of tasks does without.
func TestTaskGrid(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := session{env: &Env{Now: func() time.Time { return now }, Terminal: Terminal{Stdout: true, Size: func() (int, int) { return 80, 24 }}}}
	row := taskRow{TaskInfo: service.TaskInfo{Flow: "F", Task: metastore.Task{Run: 3, ID: 12, Step: "train"}, Attempts: []metastore.Attempt{{
		Status: metastore.AttemptFailed, Started: now.Add(-30 * time.Minute), Ended: now.Add(-29 * time.Minute), PeakMemory: 64 << 20,
		Exception: &metastore.Exception{Type: "ValueError", Message: "no rows in the table of customers"},
	}}}, index: []int{4}, value: "a rather long value of an item"}
	for _, tc := range []struct {
		columns int
		colours bool
		want    string
	}{
		{80, false, "TASK  STEP   STATUS  INDEX  VALUE       STARTED         PROBLEM\n" +
			"12    train  failed  4      a rather …  30 minutes ago  ValueError: no rows in …\n" +
			"No room for DURATION, CPU, MEMORY, ATTEMPTS\n"},
		{48, true, "TASK  STEP   STATUS  PROBLEM\n12    train  failed  ValueError: no rows in the…\n" +
			"\x1b[2mNo room for INDEX, VALUE, STARTED, DURATION, CP…\x1b[0m\n"},
	} {
		var out strings.Builder
		s.env.Stdout = &out
		s.env.Environ, s.env.variables = []string{"NO_COLOR=1"}, nil
		if tc.colours {
			s.env.Environ = nil
		}
		s.env.Terminal.Size = func() (int, int) { return tc.columns, 24 }
		if err := s.printGrid(taskColumns, [][]string{row.cells(now)}); err != nil {
			t.Fatal(err)
		}
		if out.String() != tc.want {
			t.Errorf("%d columns:\n%s\nwant\n%s", tc.columns, out.String(), tc.want)
		}
	}
}
