package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// told collects the rows of timelines, the last of each attempt, as text.
type told struct {
	rows map[string]string
	n    int // rows that were told
}

func (b *told) add(t *api.Timeline) {
	if b.rows == nil {
		b.rows = map[string]string{}
	}
	r := &t.Rows
	for i := range r.Task {
		b.rows[fmt.Sprintf("%d.%d", r.Task[i], r.Attempt[i])] =
			strings.TrimSpace(fmt.Sprintln(t.Steps[r.Step[i]], t.Statuses[r.Status[i]], r.Ended[i] != 0, r.Value[i]))
		b.n++
	}
}

// follow reads a timeline from a cursor to its present end.
func follow(t interface{ Fatal(...any) }, ask func(api.TimelineRequest) (api.Timeline, error), q api.TimelineRequest, b *told) string {
	for {
		got, err := ask(q)
		if err != nil {
			t.Fatal(err)
		}
		b.add(&got)
		if got.Next == "" {
			return got.End
		}
		q.Cursor = got.Next
	}
}

func TestTimeline(t *testing.T) {
	s := apitest.New(t)
	ask := func(q api.TimelineRequest) (api.Timeline, error) { return s.Timeline(t.Context(), q) }
	run := s.Run(t, metastore.RunSucceeded, "ann")
	want := map[string]string{
		"0.0": "_parameters succeeded true", "1.0": "start succeeded true", "2.0": "a succeeded true", "3.0": "b succeeded true",
		"4.0": "work succeeded true p", "5.0": "work failed true", "5.1": "work succeeded true", "6.0": "work succeeded true r",
		"7.0": "gather succeeded true", "8.0": "join succeeded true", "9.0": "end succeeded true",
	}
	for _, limit := range []int{0, 1, 3, 10} {
		var b told
		if end := follow(t, ask, api.TimelineRequest{Run: run, Limit: limit}, &b); end != "" {
			t.Errorf("more can come of a run that is over: %q", end)
		}
		equal(t, "rows", b.rows, want)
	}
	var b told
	follow(t, ask, api.TimelineRequest{Run: run, Step: "work", Limit: 2}, &b)
	if len(b.rows) != 4 {
		t.Errorf("of a step: %v", b.rows)
	}

	running := s.Run(t, metastore.RunRunning, "ann")
	b = told{}
	end := follow(t, ask, api.TimelineRequest{Run: running, Limit: 2}, &b)
	if want := "9_4-0_9-0r"; end != want { // 4 failed and may be tried again, 9 runs
		t.Errorf("the end is %q, want %q", end, want)
	}
	b.n = 0
	if again := follow(t, ask, api.TimelineRequest{Run: running, Cursor: end}, &b); again != end || b.n != 0 {
		t.Errorf("nothing happened, and %d rows and %q came", b.n, again)
	}
	record := func(r metastore.Record) {
		t.Helper()
		done := make(chan error, 1)
		r = r.In(running)
		r.Done = func(err error) { done <- err }
		s.Meta.Record(r)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	record(metastore.Record{Attempt: &metastore.Attempt{Task: 4, N: 1, Status: metastore.AttemptRunning, Started: apitest.Start}})
	record(metastore.Record{Task: &metastore.Task{ID: 10, Step: "end", Created: apitest.Start}})
	end = follow(t, ask, api.TimelineRequest{Run: running, Cursor: end}, &b)
	if want := "10_4-1r_9-0r_10-"; end != want || b.n != 1 {
		t.Errorf("a retry and a task that waits: %d rows, %q, want %q", b.n, end, want)
	}
	if err := s.Meta.Beat(t.Context(), running, apitest.Start.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if end = follow(t, ask, api.TimelineRequest{Run: running, Cursor: end}, &b); end != "" || b.rows["4.1"] != "work died true" || b.rows["9.0"] != "end died true" {
		t.Errorf("after it died: %q, %v", end, b.rows)
	}
	for _, cursor := range []string{"x", "-2", "5_", "5_9-0", "5_2-0_1-0", "5_1-x", "5_1--3", "5_1-0rr", "99999999999999999999", "5_1-99999999999"} {
		if _, err := ask(api.TimelineRequest{Run: run, Cursor: cursor}); !fault.Is(err, fault.Usage) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	empty, err := ask(api.TimelineRequest{Run: run, Step: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(empty.Rows); strings.Contains(string(text), "null") {
		t.Errorf("no rows: %s", text)
	}
	if _, err := ask(api.TimelineRequest{Run: 99}); !fault.Is(err, fault.NotFound) {
		t.Errorf("no such run: %v", err)
	}
}

// TestTimelineFollowed has followers that look at any moment of a run, and compares what they were told with what there is.
func TestTimelineFollowed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := apitest.New(t)
		ask := func(q api.TimelineRequest) (api.Timeline, error) { return s.Timeline(t.Context(), q) }
		run := s.Run(t, metastore.RunRunning, "ann")
		record := func(r metastore.Record) {
			done := make(chan error, 1)
			r = r.In(run)
			r.Done = func(err error) { done <- err }
			s.Meta.Record(r)
			if err := <-done; err != nil {
				rt.Fatal(err)
			}
		}
		var b told
		cursor := ""
		attempts := map[int64]int{4: 1} // of tasks of a step that is tried twice and that are not over
		next := int64(10)
		for i := range rapid.IntRange(1, 30).Draw(rt, "steps") {
			now := apitest.Start.Add(time.Duration(i) * time.Second)
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				record(metastore.Record{Task: &metastore.Task{ID: next, Step: "work", Created: now}})
				attempts[next] = 0
				next++
			case 1, 2:
				id := rapid.Int64Range(4, next-1).Draw(rt, "task")
				n, open := attempts[id]
				if !open || n > 1 {
					continue
				}
				status := rapid.SampledFrom([]metastore.AttemptStatus{metastore.AttemptRunning, metastore.AttemptFailed, metastore.AttemptSucceeded}).Draw(rt, "status")
				a := metastore.Attempt{Task: id, N: n, Status: status, Started: now, Ended: now}
				if status == metastore.AttemptRunning {
					a.Ended = time.Time{}
				}
				record(metastore.Record{Attempt: &a})
				if status == metastore.AttemptSucceeded {
					delete(attempts, id)
				} else if status == metastore.AttemptFailed {
					attempts[id]++
				}
			case 3:
				cursor = follow(rt, ask, api.TimelineRequest{Run: run, Cursor: cursor, Limit: rapid.IntRange(1, 5).Draw(rt, "limit")}, &b)
			}
		}
		if err := s.Meta.EndRun(t.Context(), run, metastore.RunEnd{Status: metastore.RunFailed, Ended: apitest.Start, FailedTask: -1}); err != nil {
			rt.Fatal(err)
		}
		if end := follow(rt, ask, api.TimelineRequest{Run: run, Cursor: cursor, Limit: 3}, &b); end != "" {
			rt.Fatalf("more can come: %q", end)
		}
		var all told
		follow(rt, ask, api.TimelineRequest{Run: run}, &all)
		if got, want := fmt.Sprint(b.rows), fmt.Sprint(all.rows); got != want {
			rt.Fatalf("the follower was told\n%s\nand there is\n%s", got, want)
		}
	})
}
