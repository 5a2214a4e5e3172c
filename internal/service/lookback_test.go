package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/tasklog"
)

// record writes a record and waits for it.
func record(t *testing.T, store metastore.Store, r metastore.Record) {
	t.Helper()
	done := make(chan error, 1)
	r.Done, r.Soon = func(err error) { done <- err }, true
	store.Record(r)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestFollow has a follower read two attempts of a task while they run, a tick at a time.
func TestFollow(t *testing.T) {
	ctx := t.Context()
	home := t.TempDir()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	store := mem.New()
	s := New(Config{Store: store, Home: home, Host: "here", Now: func() time.Time { return now }})
	run, err := store.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Lease: metastore.Lease{Host: "there", Heartbeat: now}}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, "logs", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	attempt := func(n int, status metastore.AttemptStatus, file string) *metastore.Attempt {
		return &metastore.Attempt{Run: run, Task: 1, N: n, Status: status, LogFile: file}
	}
	var encoders [3]tasklog.Writer
	var logs [3][]byte
	write := func(n int, text string) {
		logs[n] = encoders[n].Append(logs[n], tasklog.Line{Time: now, Text: []byte(text), Newline: true})
		if err := os.WriteFile(filepath.Join(home, "logs", "1", tasklog.FileName(1, n)), logs[n], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Each step happens between two looks of the follower.
	steps := []func(){
		func() {
			record(t, store, metastore.Record{Task: &metastore.Task{Run: run, ID: 1, Step: "work"}, Attempt: attempt(0, metastore.AttemptRunning, "")})
		},
		func() { write(0, "one") },
		func() { write(0, "two") },
		func() { record(t, store, metastore.Record{Attempt: attempt(0, metastore.AttemptFailed, "1-0.log")}) },
		func() { record(t, store, metastore.Record{Attempt: attempt(1, metastore.AttemptRunning, "")}) },
		func() {
			var w tasklog.Writer
			log := w.Append(nil, tasklog.Line{Time: now, Text: []byte("three"), Newline: true})
			record(t, store, metastore.Record{Attempt: attempt(1, metastore.AttemptSucceeded, ""), Log: log})
		},
	}
	tick := make(chan time.Time)
	go func() {
		for _, step := range steps {
			tick <- now // the look before has ended
			step()
		}
		tick <- now
		close(tick)
	}()
	var got []string
	for l, err := range s.Follow(ctx, Pathspec{Run: run, Step: "work", Task: 1}, -1, tick) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s", l.Attempt, l.Text))
	}
	if want := []string{"0 one", "0 two", "1 three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	// A context that ends ends it, without an error.
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range s.Follow(ctx, Pathspec{Run: run, Step: "later", Task: -1}, -1, nil) {
		t.Errorf("after the end: %v", err)
	}
}

// TestFollowTasksThatStartLate: a task is recorded when its process has started, which may be after one with a larger
// id, or after thousands.
func TestFollowTasksThatStartLate(t *testing.T) {
	for step, want := range map[string][]string{"work": {"1 x", "2 x", "3 x", "4 x"}, "": {"1 x", "2 x", "3 x", "4 x", "5 x"}} {
		store := mem.New()
		now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		s := New(Config{Store: store, Home: t.TempDir(), Host: "here", Now: func() time.Time { return now }})
		run, err := store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning, Lease: metastore.Lease{Host: "there", Heartbeat: now}}, metastore.Beginning{})
		if err != nil {
			t.Fatal(err)
		}
		task := func(id int64, step string) {
			var w tasklog.Writer
			record(t, store, metastore.Record{
				Task:    &metastore.Task{Run: run, ID: id, Step: step},
				Attempt: &metastore.Attempt{Run: run, Task: id, Status: metastore.AttemptSucceeded},
				Log:     w.Append(nil, tasklog.Line{Time: now, Text: []byte("x"), Newline: true}),
			})
		}
		task(0, ParametersStep)
		tick := make(chan time.Time)
		go func() {
			for _, step := range []func(){
				func() { task(4, "work"); task(5, "other") }, func() { task(2, "work") }, func() { task(3, "work") },
				func() { // so many that the first, which is missing, is given up
					for id := range int64(maxAhead + 1) {
						task(6+id, "other")
					}
				},
				func() {}, // the next look sees them all
				func() { task(1, "work") },
				func() { store.EndRun(t.Context(), run, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: now}) },
			} {
				tick <- now // the look before has ended
				step()
			}
			tick <- now
			close(tick)
		}()
		var got []string
		for l, err := range s.Follow(t.Context(), Pathspec{Run: run, Step: step, Task: -1}, -1, tick) {
			if err != nil {
				t.Fatal(err)
			}
			if id := l.Task.Task.ID; id < 6 {
				got = append(got, fmt.Sprintf("%d %s", id, l.Text))
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("step %q: got %q, want %q", step, got, want)
		}
	}
}

// TestALogThatIsCutOff is given as far as it goes, and then it is said that it goes no further.
func TestALogThatIsCutOff(t *testing.T) {
	home := t.TempDir()
	store := mem.New()
	s := New(Config{Store: store, Home: home, Now: time.Now})
	run, err := store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunSucceeded}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	var w tasklog.Writer
	var log []byte
	for _, text := range []string{"one", "two", "three"} {
		log = w.Append(log, tasklog.Line{Text: []byte(text), Newline: true})
	}
	if err := os.MkdirAll(filepath.Join(home, "logs", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status metastore.AttemptStatus
		lines  int64
		cut    int
		whole  bool
	}{
		"whole": {metastore.AttemptSucceeded, 3, 0, true}, "within a line": {metastore.AttemptSucceeded, 3, 1, false}, "a line": {metastore.AttemptSucceeded, 3, 7, false},
		"all": {metastore.AttemptFailed, 3, len(log), false}, "it is being written": {metastore.AttemptRunning, 0, 1, true},
	} {
		if err := os.WriteFile(filepath.Join(home, "logs", "1", tasklog.FileName(1, 0)), log[:len(log)-c.cut], 0o644); err != nil {
			t.Fatal(err)
		}
		a := metastore.Attempt{Run: run, Task: 1, Status: c.status, LogFile: tasklog.FileName(1, 0), LogLines: c.lines}
		info := TaskInfo{Task: metastore.Task{Run: run, ID: 1}, Attempts: []metastore.Attempt{a}}
		var last error
		for _, err := range s.Log(t.Context(), info, 0) {
			last = err
		}
		if c.whole && last != nil || !c.whole && (!fault.Is(last, fault.Corrupt) || fault.HintOf(last) == "") {
			t.Errorf("%s: %v", name, last)
		}
	}
}

// TestALogIsInItsFolder has records that name other files as logs.
func TestALogIsInItsFolder(t *testing.T) {
	home := t.TempDir()
	store := mem.New()
	s := New(Config{Store: store, Home: home, Now: time.Now})
	run, err := store.CreateRun(t.Context(), metastore.Run{Flow: "F"}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(home, "secret")
	var w tasklog.Writer
	if err := os.WriteFile(secret, w.Append(nil, tasklog.Line{Text: []byte("secret"), Newline: true}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../../secret", secret, ".."} {
		a := metastore.Attempt{Run: run, Task: 1, Status: metastore.AttemptSucceeded, LogFile: name}
		task := TaskInfo{Task: metastore.Task{Run: run, ID: 1, Step: "start"}, Attempts: []metastore.Attempt{a}}
		for line, err := range s.Log(t.Context(), task, -1) {
			if !fault.Is(err, fault.Corrupt) {
				t.Errorf("%q: %q, %v", name, line.Text, err)
			}
		}
	}
}

func TestTagRules(t *testing.T) {
	ctx := t.Context()
	store := mem.New()
	s := New(Config{Store: store, Now: time.Now})
	id, err := store.CreateRun(ctx, metastore.Run{Flow: "F", Tags: []string{"a"}, SystemTags: []string{"runtime:dev", "user:ann"}}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, MaxTags)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	for _, tc := range []struct {
		what        string
		namespace   string
		remove, add []string
		want        []string
		kind        fault.Kind
	}{
		{"nothing", "", nil, nil, []string{"a"}, -1},
		{"a system tag is there already", "", nil, []string{"user:ann", "b"}, []string{"a", "b"}, -1},
		{"removals come first", "user:ann", []string{"a", "b"}, []string{"b"}, []string{"b"}, -1},
		{"a system tag stays", "", []string{"b", "user:ann"}, []string{"c"}, []string{"b"}, fault.Invalid},
		{"empty", "", nil, []string{"c", " "}, []string{"b"}, fault.Invalid},
		{"too long", "", nil, []string{strings.Repeat("é", MaxTagLength+1)}, []string{"b"}, fault.Invalid},
		{"not text", "", nil, []string{"\xff"}, []string{"b"}, fault.Invalid},
		{"too many", "", nil, many, []string{"b"}, fault.Invalid},
		{"just enough", "", []string{"b"}, many, nil, -1},
		{"far too many", "", nil, append(slices.Clone(many), many...), nil, -1},
		{"another namespace", "user:bob", nil, []string{"c"}, nil, fault.NotFound},
	} {
		_, err := s.ChangeTags(ctx, id, tc.namespace, tc.remove, tc.add)
		if tc.kind < 0 && err != nil || tc.kind >= 0 && !fault.Is(err, tc.kind) {
			t.Errorf("%s: %v", tc.what, err)
		}
		run, err := store.Run(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if tc.want == nil && len(run.Tags) != MaxTags || tc.want != nil && !slices.Equal(run.Tags, tc.want) {
			t.Errorf("%s: tags %v, want %v", tc.what, run.Tags, tc.want)
		}
	}
	if _, err := s.ChangeTags(ctx, 99, "", nil, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("no such run: %v", err)
	}
}

func TestChangedFiles(t *testing.T) {
	got := changedFiles([2]map[string][]byte{
		{"same.py": []byte("x\n"), "gone.py": []byte("a\nb\n"), "changed.py": []byte("a\n-b\nc\n"), "bin.RDS": {0, 1}},
		{"same.py": []byte("x\n"), "new.py": []byte("a\n"), "changed.py": []byte("a\n-c\nc\nd\n"), "bin.RDS": {0, 2}},
	})
	var lines []string
	for _, c := range got {
		lines = append(lines, fmt.Sprint(c.Path, " ", c.Status, " +", c.Added, " -", c.Removed, " ", c.Binary))
	}
	want := []string{"bin.RDS changed +0 -0 true", "changed.py changed +2 -1 false", "gone.py removed +0 -2 false", "new.py added +1 -0 false"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q\nwant %q", lines, want)
	}
}

func TestChangedEnvironment(t *testing.T) {
	runs := [2]metastore.Run{{Info: metastore.RunInfo{GitCommit: "abc"}}, {Info: metastore.RunInfo{GitCommit: "abc", GitDirty: true}}}
	got := changedEnvironment(runs)
	if len(got) != 1 || got[0].Name != "git commit" || *got[0].Text[0] != "abc" || *got[0].Text[1] != "abc with uncommitted changes" {
		t.Errorf("got %+v", got)
	}
}

func TestReprOnOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"a\n  b\t\tc ": "a b c", "\x1b[31mred": "?[31mred", " x": "x", "": "", strings.Repeat("é", 100): strings.Repeat("é", 6),
	} {
		if got := oneLine(text, 10); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
