package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

func TestTimeline(t *testing.T) {
	s := apitest.New(t)
	id := s.Run(t, metastore.RunRunning, "ann")
	whole, err := s.Timeline(t.Context(), api.TimelineRequest{Run: id})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", whole.Steps, []string{"start", "a", "b", "work", "gather", "join", "end"})
	equal(t, "tasks", whole.Rows.Task, []int64{1, 2, 3, 4, 5, 5, 6, 7, 8, 9})
	equal(t, "attempts", whole.Rows.Attempt, []int{0, 0, 0, 0, 0, 1, 0, 0, 0, 0})
	// Of 4 and 5 the fixture records attempts anew.
	equal(t, "values", whole.Rows.Value, []string{"", "", "", "", "", "", "r", "", "", ""})
	status := make([]api.Status, len(whole.Rows.Status))
	for i, at := range whole.Rows.Status {
		status[i] = whole.Statuses[at]
	}
	equal(t, "statuses", status, []api.Status{
		api.Succeeded, api.Succeeded, api.Succeeded, api.Failed, api.Failed, api.Succeeded, api.Succeeded, api.Succeeded, api.Succeeded, api.Running,
	})
	var tasks []int64
	for q := (api.TimelineRequest{Run: id, Step: "work", Limit: 2}); ; {
		page, err := s.Timeline(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		tasks = append(tasks, page.Rows.Task...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	equal(t, "pages of a step", tasks, []int64{4, 5, 5, 6})
	if _, err := s.Timeline(t.Context(), api.TimelineRequest{Run: 99}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// A follower tells what has changed, once, and all of it.
func TestFollow(t *testing.T) {
	s := apitest.New(t)
	id := s.Run(t, metastore.RunRunning, "ann")
	f := s.Follow(id)
	now := time.Now()
	look := func() api.News {
		t.Helper()
		now = now.Add(time.Hour) // so that nothing is put off
		news, err := f.Look(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return news
	}
	record := func(r metastore.Record) {
		t.Helper()
		done := make(chan error, 1)
		r = r.In(id)
		r.Done = func(err error) { done <- err }
		s.Meta.Record(r)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if news := look(); news.Rows != nil || news.Steps == nil || news.Over {
		t.Errorf("what is there is news: %+v", news.Rows)
	}
	if news := look(); news.Rows != nil || news.Steps != nil {
		t.Errorf("nothing has happened, and there is news: %+v", news)
	}
	record(metastore.Record{Task: &metastore.Task{ID: 10, Step: "end", Scope: -1, Base: 9, Created: now}})
	if news := look(); news.Rows == nil || !slices.Equal(news.Rows.Rows.Task, []int64{10}) || news.Rows.Statuses[0] != api.Pending {
		t.Errorf("a new task: %+v", news.Rows)
	}
	record(metastore.Record{
		Task:    &metastore.Task{ID: 12, Step: "end", Scope: -1, Base: 9, Created: now},
		Attempt: &metastore.Attempt{Task: 12, Status: metastore.AttemptSucceeded, Started: now, Ended: now},
	})
	if news := look(); news.Rows == nil || !slices.Equal(news.Rows.Rows.Task, []int64{12}) {
		t.Errorf("a later task: %+v", news.Rows)
	}
	record(metastore.Record{
		Task:    &metastore.Task{ID: 11, Step: "end", Scope: -1, Base: 9, Created: now},
		Attempt: &metastore.Attempt{Task: 11, Status: metastore.AttemptSucceeded, Started: now, Ended: now},
	})
	if news := look(); news.Rows == nil || !slices.Equal(news.Rows.Rows.Task, []int64{11}) {
		t.Errorf("a task that is recorded after a later one: %+v", news.Rows)
	}
	record(metastore.Record{Attempt: &metastore.Attempt{Task: 10, Status: metastore.AttemptRunning, Started: now}})
	record(metastore.Record{Attempt: &metastore.Attempt{Task: 4, N: 1, Status: metastore.AttemptSucceeded, Started: now, Ended: now}})
	news := look()
	if news.Rows == nil || !slices.Equal(news.Rows.Rows.Task, []int64{4, 4, 10}) || !slices.Equal(news.Rows.Rows.Attempt, []int{0, 1, 0}) {
		t.Fatalf("an attempt began, another ended: %+v", news.Rows)
	}
	at := slices.IndexFunc(news.Steps.Steps, func(st api.Step) bool { return st.Name == "end" })
	if c := news.Steps.Steps[at].Counts; c.Running != 2 {
		t.Errorf("%d tasks of end run", c.Running)
	}
	if news.Run.Tasks.Running != 2 || news.Run.Tasks.Succeeded != 10 {
		t.Errorf("the run has %+v", news.Run.Tasks)
	}
	record(metastore.Record{Attempt: &metastore.Attempt{Task: 10, Status: metastore.AttemptSucceeded, Started: now, Ended: now}})
	if err := s.Meta.EndRun(t.Context(), id, metastore.RunEnd{Status: metastore.RunFailed, FailedTask: 9, Ended: now}); err != nil {
		t.Fatal(err)
	}
	news = look()
	if !news.Over || news.Rows == nil || !slices.Equal(news.Rows.Rows.Task, []int64{9, 10}) {
		t.Fatalf("the end: %+v", news.Rows)
	}
	if got := news.Rows.Statuses[news.Rows.Rows.Status[0]]; got != api.Died {
		t.Errorf("what ran when the run ended is %s", got)
	}
	if _, err := s.ChangeTags(t.Context(), api.TagsRequest{Run: id, Add: []string{"late"}}); err != nil {
		t.Fatal(err)
	}
	if news = look(); !slices.Contains(news.Run.Tags, "late") || news.Rows != nil {
		t.Errorf("a tag after the end: %+v", news)
	}
}

// A run that fell silent is told as died, and its tasks with it. When it is heard of again, they go on.
func TestFollowARunThatComesBack(t *testing.T) {
	s := apitest.New(t)
	id := s.Run(t, metastore.RunRunning, "ann")
	f := s.Follow(id)
	now := time.Now()
	look := func() (rows map[int64]api.Status, run api.Run) {
		t.Helper()
		now = now.Add(time.Hour) // so that nothing is put off
		news, err := f.Look(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		rows = make(map[int64]api.Status)
		if news.Rows != nil {
			for i, task := range news.Rows.Rows.Task {
				rows[task] = news.Rows.Statuses[news.Rows.Rows.Status[i]]
			}
		}
		return rows, *news.Run
	}
	heard := func(at time.Time) {
		t.Helper()
		if err := s.Meta.Beat(t.Context(), id, at); err != nil {
			t.Fatal(err)
		}
	}
	end := func(task int64, n int, status metastore.AttemptStatus) {
		t.Helper()
		done := make(chan error, 1)
		s.Meta.Record(metastore.Record{
			Attempt: &metastore.Attempt{Run: id, Task: task, N: n, Status: status, Started: now, Ended: now}, Soon: true, Done: func(err error) { done <- err },
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	look()
	heard(apitest.Start.Add(-time.Hour))
	if rows, run := look(); run.Status != api.Died || rows[9] != api.Died {
		t.Fatalf("a run that is silent is %s, its task %s", run.Status, rows[9])
	}
	heard(apitest.Start)
	if rows, run := look(); run.Status != api.Running || rows[9] != api.Running {
		t.Errorf("a run that is heard of again is %s, its task %q", run.Status, rows[9])
	}
	end(9, 0, metastore.AttemptCaught)
	rows, run := look()
	if rows[9] != "caught" {
		t.Errorf("the task that has ended is %q", rows[9])
	}
	if run.Tasks == nil || run.Tasks.Succeeded != 8 || run.Tasks.Caught != 1 {
		t.Errorf("the run has %+v", run.Tasks)
	}
	// It may also have ended by the time it is looked at again.
	heard(apitest.Start.Add(-time.Hour))
	look()
	end(4, 1, metastore.AttemptSucceeded)
	if err := s.Meta.EndRun(t.Context(), id, metastore.RunEnd{Status: metastore.RunSucceeded, FailedTask: -1, Ended: now}); err != nil {
		t.Fatal(err)
	}
	if rows, run := look(); run.Status != api.Succeeded || rows[4] != api.Succeeded {
		t.Errorf("a run that has ended is %s, its task %q", run.Status, rows[4])
	}
}

func TestCounts(t *testing.T) {
	s := apitest.New(t)
	for _, status := range []metastore.RunStatus{metastore.RunSucceeded, metastore.RunDied, metastore.RunRunning} {
		s.Run(t, status, "ann")
	}
	for range 2 { // counted, then remembered
		res, err := s.Runs(t.Context(), api.RunsRequest{Counts: true})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "running", *res.Runs[0].Tasks, api.Counts{Succeeded: 7, Running: 1, Failed: 1})
		equal(t, "died", *res.Runs[1].Tasks, api.Counts{Succeeded: 8, Died: 1})
		equal(t, "succeeded", *res.Runs[2].Tasks, api.Counts{Succeeded: 9})
	}
}

// A run of Metaflow that fell silent after a failure counts as failed, until it is heard of again: its tasks are
// counted anew.
func TestCountsOfARunThatComesBack(t *testing.T) {
	s := apitest.New(t)
	id, err := s.Meta.CreateRun(t.Context(), metastore.Run{
		Flow: "Guest", Status: metastore.RunRunning, Created: apitest.Start, FailedTask: 1,
		Lease: metastore.Lease{Heartbeat: apitest.Start.Add(-time.Hour)}, Info: metastore.RunInfo{Engine: metastore.EngineMetaflow},
	}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	record := func(task *metastore.Task, n int, status metastore.AttemptStatus) {
		t.Helper()
		done := make(chan error, 1)
		s.Meta.Record(metastore.Record{
			Task: task, Attempt: &metastore.Attempt{Run: id, Task: 1, N: n, Status: status, Started: apitest.Start, Ended: apitest.Start},
			Soon: true, Done: func(err error) { done <- err },
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	counts := func(status api.Status) api.Counts {
		t.Helper()
		run, err := s.Service.Run(t.Context(), api.RunRequest{Run: id, Counts: true})
		if err != nil || run.Status != status {
			t.Fatalf("the run is %s, %v", run.Status, err)
		}
		return *run.Tasks
	}
	record(&metastore.Task{Run: id, ID: 1, Step: "start", Scope: -1, Base: -1, Created: apitest.Start}, 0, metastore.AttemptFailed)
	equal(t, "silent", counts(api.Failed), api.Counts{Failed: 1})
	if err := s.Meta.Beat(t.Context(), id, apitest.Start); err != nil {
		t.Fatal(err)
	}
	record(nil, 1, metastore.AttemptSucceeded)
	equal(t, "heard of again", counts(api.Running), api.Counts{Succeeded: 1})
}

func TestMetrics(t *testing.T) {
	s := apitest.New(t)
	first, second := s.Run(t, metastore.RunSucceeded, "ann", "gold"), s.Run(t, metastore.RunFailed, "bob")
	done := make(chan error, 1)
	s.Meta.Record(metastore.Record{
		Attempt: &metastore.Attempt{Run: first, Task: 8, Status: metastore.AttemptSucceeded, Started: apitest.Start, Ended: apitest.Start},
		Artifacts: []metastore.Artifact{
			{Name: "score", Codec: "json", Type: "float64", Size: 4, Inline: []byte("0.75")},
			{Name: "words", Codec: "json", Type: "string", Size: 3, Inline: []byte(`"x"`)},
		},
		Done: func(err error) { done <- err },
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	res, err := s.Metrics(t.Context(), api.MetricsRequest{Flow: "Train"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "names", res.Names, []string{"score"})
	if len(res.Points) != 2 || res.Points[0].Run != second || res.Points[1].Run != first {
		t.Fatalf("%+v", res.Points)
	}
	equal(t, "the end has it from the join before it", res.Points[1].Values, map[string]float64{"score": 0.75})
	equal(t, "parameters", res.Points[1].Parameters, map[string]string{"alpha": "0.5"})
	if res, err = s.Metrics(t.Context(), api.MetricsRequest{Flow: "Train", Step: "b", Tags: []string{"gold"}}); err != nil || len(res.Points) != 1 || res.Points[0].Task != 3 {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err = s.Metrics(t.Context(), api.MetricsRequest{}); !fault.Is(err, fault.Usage) {
		t.Error(err)
	}
}

func TestPreviewAndUsage(t *testing.T) {
	s := apitest.New(t)
	id := s.Run(t, metastore.RunSucceeded, "ann")
	ref := func(name string) api.PreviewRequest {
		return api.PreviewRequest{Run: id, ValueRef: api.ValueRef{Task: 7, Attempt: -1, Name: name}}
	}
	p, err := s.Preview(t.Context(), ref("z"))
	if err != nil || p.Kind != "text" || p.Text != "all" || p.Name != "z" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.Preview(t.Context(), ref("none")); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := s.OpenImage(t.Context(), ref("z")); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	u, err := s.Usage(t.Context(), api.UsageRequest{Run: id, Task: 5, Attempt: -1})
	if err != nil || len(u.Samples.Time) != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := s.Usage(t.Context(), api.UsageRequest{Run: id, Task: 5, Attempt: 7}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if _, err := s.Cancel(t.Context(), api.RunRequest{Run: id}); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	running := s.Run(t, metastore.RunRunning, "ann")
	if _, err := s.Cancel(t.Context(), api.RunRequest{Run: running}); err != nil { // wherever it is
		t.Error(err)
	}
	if r, err := s.Meta.Run(t.Context(), running); err != nil || r.StopAsked.IsZero() {
		t.Errorf("asked at %v, %v", r.StopAsked, err)
	}
	if _, err := s.Resume(t.Context(), api.ResumeRequest{Run: running}); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	// Its file is not here.
	if _, err := s.Resume(t.Context(), api.ResumeRequest{Run: id}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// A task that so many overtook that it was given up gets its row when the run has ended.
func TestFollowATaskThatThousandsOvertook(t *testing.T) {
	s := apitest.New(t)
	id := s.Run(t, metastore.RunRunning, "ann")
	f := s.Follow(id)
	now := time.Now()
	look := func() (tasks []int64) {
		t.Helper()
		now = now.Add(time.Hour) // so that nothing is put off
		news, err := f.Look(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		if news.Rows != nil {
			tasks = news.Rows.Rows.Task
		}
		return tasks
	}
	record := func(from, to int64) {
		t.Helper()
		done := make(chan error, to-from)
		for task := from; task < to; task++ {
			r := metastore.Record{
				Task:    &metastore.Task{ID: task, Step: "end", Scope: -1, Base: 9, Created: now},
				Attempt: &metastore.Attempt{Task: task, Status: metastore.AttemptSucceeded, Started: now, Ended: now},
				Done:    func(err error) { done <- err },
			}
			s.Meta.Record(r.In(id))
		}
		for range to - from {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	look()
	const late, after, overtaking = 10, 11, 2100
	record(after, after+overtaking)
	if got := look(); len(got) != overtaking {
		t.Fatalf("%d new tasks", len(got))
	}
	record(late, after)
	if err := s.Meta.EndRun(t.Context(), id, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: now}); err != nil {
		t.Fatal(err)
	}
	if got := look(); !slices.Contains(got, late) || slices.Contains(got, after) {
		t.Errorf("the end tells of %v", got)
	}
}
