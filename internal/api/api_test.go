package api_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
)

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func runIDs(t *testing.T, s *apitest.Store, q api.RunsRequest) (ids []int64) {
	t.Helper()
	for {
		res, err := s.Runs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res.Runs {
			ids = append(ids, r.ID)
		}
		if q.Cursor = res.Next; q.Cursor == "" {
			return ids
		}
	}
}

func TestRuns(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann", "gold")
	s.Run(t, metastore.RunFailed, "bob")
	s.Run(t, metastore.RunDied, "ann")
	s.Run(t, metastore.RunRunning, "ann", "gold")
	s.Run(t, metastore.RunSucceeded, "bob", "gold", "new")
	for what, test := range map[string]struct {
		q    api.RunsRequest
		want []int64
	}{
		"all":            {api.RunsRequest{}, []int64{5, 4, 3, 2, 1}},
		"pages":          {api.RunsRequest{Limit: 2}, []int64{5, 4, 3, 2, 1}},
		"of a flow":      {api.RunsRequest{Flow: api.One("Train"), Limit: 3}, []int64{5, 4, 3, 2, 1}},
		"of another":     {api.RunsRequest{Flow: api.One("Other")}, nil},
		"in a namespace": {api.RunsRequest{Namespace: "user:ann"}, []int64{4, 3, 1}},
		"tag and ns":     {api.RunsRequest{Namespace: "gold", Tags: []string{"user:bob"}, Limit: 1}, []int64{5}},
		"died":           {api.RunsRequest{Status: api.One(api.Died), Limit: 1}, []int64{3}},
		"running":        {api.RunsRequest{Status: api.One(api.Running), Limit: 1}, []int64{4}},
		"succeeded":      {api.RunsRequest{Status: api.One(api.Succeeded), Limit: 1}, []int64{5, 1}},
		"between": {api.RunsRequest{
			After: api.TimeOf(apitest.Start.Add(time.Hour)), Before: api.TimeOf(apitest.Start.Add(3 * time.Hour)),
		}, []int64{3, 2}},
	} {
		equal(t, what, runIDs(t, s, test.q), test.want)
	}
	if _, err := s.Runs(t.Context(), api.RunsRequest{Cursor: "x"}); !fault.Is(err, fault.Usage) {
		t.Errorf("a cursor of nobody: %v", err)
	}
	died, err := s.Service.Run(t.Context(), api.RunRequest{Run: 3})
	if err != nil || died.Status != api.Died || !died.Ended.Time().Equal(apitest.Start.Add(2*time.Hour+9*time.Second)) {
		t.Errorf("the run that died: %v at %v, %v", died.Status, died.Ended.Time(), err)
	}
	for _, counted := range []bool{false, true} { // it ends at the same time wherever it is told
		res, err := s.Runs(t.Context(), api.RunsRequest{Status: api.One(api.Died), Counts: counted})
		if err != nil || len(res.Runs) != 1 || res.Runs[0].Ended != died.Ended || counted && *res.Runs[0].Tasks != (api.Counts{Succeeded: 8, Died: 1}) {
			t.Errorf("runs that died: %+v, %v", res.Runs, err)
		}
	}
	if _, err := s.Service.Run(t.Context(), api.RunRequest{Run: 9}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a run that is not there: %v", err)
	}
	flows, err := s.Flows(t.Context(), api.FlowsRequest{Namespace: "user:bob"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "flows", flows.Flows, []api.Flow{{Name: "Train", Runs: 2, Latest: 5, Created: api.TimeOf(apitest.Start.Add(time.Hour))}})
}

func TestTasks(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	ids := func(q api.TasksRequest) (ids []int64) {
		t.Helper()
		for q.Run = run; ; {
			res, err := s.Tasks(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range res.Tasks {
				ids = append(ids, x.ID)
			}
			if q.Cursor = res.Next; q.Cursor == "" {
				return ids
			}
		}
	}
	for _, limit := range []int{0, 1, 2, 3, 10} {
		equal(t, "newest first", ids(api.TasksRequest{Limit: limit}), []int64{9, 8, 7, 6, 5, 4, 3, 2, 1, 0})
		equal(t, "oldest first", ids(api.TasksRequest{Limit: limit, Oldest: true}), []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
		equal(t, "of a step", ids(api.TasksRequest{Limit: limit, Step: "work"}), []int64{6, 5, 4})
		equal(t, "by id", ids(api.TasksRequest{Limit: limit, IDs: []int64{4, 9, 77}}), []int64{9, 4})
		equal(t, "failed", ids(api.TasksRequest{Limit: limit, Status: api.Failed}), []int64(nil))
		equal(t, "good", ids(api.TasksRequest{Limit: limit, Step: "work", Status: api.Succeeded}), []int64{6, 5, 4})
	}
	res, err := s.Tasks(t.Context(), api.TasksRequest{Run: run, IDs: []int64{5}})
	if err != nil {
		t.Fatal(err)
	}
	task := res.Tasks[0]
	equal(t, "stack", task.Stack, []api.Frame{{Step: "a", Task: 2, Var: "xs", Index: 1, Count: 3}})
	if len(task.Attempts) != 2 || task.Attempts[0].Exception.Message != "no" || task.Latest().Status != api.Succeeded || !task.Finished {
		t.Errorf("the task that was tried twice: %+v", task)
	}
}

func TestWhatGoesOn(t *testing.T) {
	s := apitest.New(t)
	running, died := s.Run(t, metastore.RunRunning, "ann"), s.Run(t, metastore.RunDied, "ann")
	find := func(run, id int64) api.Task {
		t.Helper()
		res, err := s.Tasks(t.Context(), api.TasksRequest{Run: run, IDs: []int64{id}})
		if err != nil {
			t.Fatal(err)
		}
		return res.Tasks[0]
	}
	if x := find(running, 9); x.Finished || x.Latest().Status != api.Running {
		t.Errorf("a task that runs: %+v", x)
	}
	if x := find(running, 4); x.Finished || x.Latest().Status != api.Failed {
		t.Errorf("a task that will be tried again: %+v", x)
	}
	if x := find(running, 5); !x.Finished {
		t.Errorf("a task that has ended: %+v", x)
	}
	if x := find(died, 9); !x.Finished || x.Latest().Status != api.Died || x.Latest().Ended < x.Latest().Started {
		t.Errorf("a task whose engine has gone: %+v", x)
	}
	arts, err := s.Artifacts(t.Context(), api.ArtifactsRequest{Run: running, Tasks: []int64{9}})
	if err != nil || len(arts.Tasks[0].Artifacts) != 0 || arts.Tasks[0].Attempt != -1 {
		t.Errorf("artifacts of a task that runs: %+v, %v", arts, err)
	}
	steps, err := s.Steps(t.Context(), api.StepsRequest{Run: died, Counts: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range steps.Steps {
		if st.Counts.Running != 0 {
			t.Errorf("step %s of a run that died runs: %+v", st.Name, st.Counts)
		}
	}
}

func TestArtifactsAndValues(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	names := func(q api.ArtifactsRequest) (all []string) {
		t.Helper()
		q.Run = run
		res, err := s.Artifacts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range res.Tasks {
			var names []string
			for _, a := range x.Artifacts {
				names = append(names, a.Name)
			}
			all = append(all, strings.Join(names, " "))
		}
		return all
	}
	equal(t, "inherited", names(api.ArtifactsRequest{Tasks: []int64{5, 1, 99, 0}}), []string{"alpha large x y", "alpha large x", "", "alpha"})
	zero, two := 0, 2
	equal(t, "of an attempt", names(api.ArtifactsRequest{Tasks: []int64{5, 6}, Attempt: &zero, Names: []string{"x", "y"}}), []string{"x y", "x y"})
	equal(t, "of no attempt", names(api.ArtifactsRequest{Tasks: []int64{5}, Attempt: &two}), []string{""})
	res, err := s.Values(t.Context(), api.ValuesRequest{Run: run, Values: []api.ValueRef{
		{Task: 5, Attempt: -1, Name: "x"}, {Task: 5, Attempt: 0, Name: "y"}, {Task: 5, Attempt: -1, Name: "y"}, {Task: 5, Attempt: -1, Name: "no"},
		{Task: 1, Attempt: -1, Name: "large"}, {Task: 9, Attempt: 3, Name: "x"}, {Task: 9, Attempt: -1, Name: "alpha"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	data := res.Data
	for _, v := range res.Values {
		text := "-"
		if v.Found {
			text = string(data[:v.Length])
		}
		got = append(got, text)
		data = data[v.Length:]
	}
	equal(t, "values", got, []string{"two", "q", "again", "-", string(apitest.Large), "-", "0.5"})
	some, err := s.Values(t.Context(), api.ValuesRequest{Run: run, Max: 3, Values: []api.ValueRef{
		{Task: 1, Attempt: -1, Name: "large"}, {Task: 1, Attempt: -1, Name: "x"},
	}})
	if err != nil || !some.Values[0].Large || some.Values[1].Large || string(some.Data) != "one" {
		t.Errorf("values of at most 3 bytes: %+v, %v", some, err)
	}
	for name, want := range map[string]string{"large": string(apitest.Large), "x": "one"} {
		r, err := s.OpenValue(t.Context(), api.OpenValueRequest{Run: run, ValueRef: api.ValueRef{Task: 1, Attempt: -1, Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(all) != want {
			t.Errorf("stream of %s: %d bytes, %v", name, len(all), err)
		}
	}
	_, err = s.OpenValue(t.Context(), api.OpenValueRequest{Run: run, ValueRef: api.ValueRef{Task: 1, Attempt: -1, Name: "no"}})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("stream of nothing: %v", err)
	}
}

func TestLog(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	cutOff := new(tasklog.Writer).Append(nil, tasklog.Line{Text: []byte("out"), Newline: true})
	recorded := make(chan error, 1)
	s.Meta.Record(metastore.Record{
		Attempt: &metastore.Attempt{Run: run, Task: 1, N: 1, Status: metastore.AttemptFailed, LogLines: 3}, Log: cutOff, Done: func(err error) { recorded <- err },
	})
	if err := <-recorded; err != nil {
		t.Fatal(err)
	}
	const rest = "[read log: the database: it has 1 of the 3 lines that were written]"
	for what, test := range map[string]struct {
		q          api.LogRequest
		text, next string
	}{
		"both":       {api.LogRequest{Task: 1, Attempt: 0}, "out|  err|end", ""},
		"stderr":     {api.LogRequest{Task: 1, Attempt: 0, Stream: "stderr"}, "  err", ""},
		"cut off":    {api.LogRequest{Task: 1, Attempt: -1}, "out|" + rest, ""},
		"its stdout": {api.LogRequest{Task: 1, Attempt: 1, Stream: "stdout"}, "out|" + rest, ""},
		"its stderr": {api.LogRequest{Task: 1, Attempt: 1, Stream: "stderr"}, rest, ""},
		"a page":     {api.LogRequest{Task: 1, Attempt: 0, Limit: 1, Stream: "stdout"}, "out", "2"},
		"the rest":   {api.LogRequest{Task: 1, Attempt: 0, Cursor: "2", Stream: "stdout"}, "end", ""},
		"no attempt": {api.LogRequest{Task: 1, Attempt: 7}, "", ""},
	} {
		test.q.Run = run
		res, err := s.Log(t.Context(), test.q)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		data := res.Data
		for _, l := range res.Lines {
			lines = append(lines, string(data[:l.Length]))
			data = data[l.Length:]
		}
		if text := strings.Join(lines, "|"); text != test.text || res.Next != test.next {
			t.Errorf("%s: %q, next %q", what, text, res.Next)
		}
	}
	if _, err := s.Log(t.Context(), api.LogRequest{Run: run, Task: 77}); !fault.Is(err, fault.NotFound) {
		t.Errorf("log of no task: %v", err)
	}
	if _, err := s.Log(t.Context(), api.LogRequest{Run: run, Task: 1, Stream: "stdin"}); !fault.Is(err, fault.Usage) {
		t.Errorf("log of no stream: %v", err)
	}
}

func TestRelated(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	ref := func(list []api.TaskRef) string {
		text := ""
		for _, r := range list {
			b, _ := json.Marshal(r.ID)
			text += r.Step + ":" + string(b) + " "
		}
		return text
	}
	for task, want := range map[int64][2]string{
		0: {"", ""}, 1: {"", "a:2 b:3 "}, 2: {"start:1 ", "work:4 work:5 work:6 "}, 3: {"start:1 ", "join:8 "}, 5: {"a:2 ", "gather:7 "},
		7: {"work:4 work:5 work:6 ", "join:8 "}, 8: {"gather:7 b:3 ", "end:9 "}, 9: {"join:8 ", ""},
	} {
		res, err := s.Related(t.Context(), api.RelatedRequest{Run: run, Task: task})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{ref(res.Parents), ref(res.Children)}; got != want {
			t.Errorf("task %d: %q, want %q", task, got, want)
		}
	}
}

func TestSiblings(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	for task, want := range map[int64]string{
		3: `{"position":1,"count":1,"previous":null,"next":null}`,
		4: `{"position":1,"count":3,"previous":null,"next":5}`,
		5: `{"position":2,"count":3,"previous":4,"next":6}`,
		6: `{"position":3,"count":3,"previous":5,"next":null}`,
	} {
		res, err := s.Siblings(t.Context(), api.SiblingsRequest{Run: run, Task: task})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(res); string(got) != want {
			t.Errorf("task %d: %s, want %s", task, got, want)
		}
	}
	if _, err := s.Siblings(t.Context(), api.SiblingsRequest{Run: run, Task: 77}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a task that is not there: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	values := func(task int64, attempt *int) map[string]string {
		res, err := s.Metadata(t.Context(), api.MetadataRequest{Run: run, Task: task, Attempt: attempt})
		if err != nil {
			t.Fatal(err)
		}
		m := make(map[string]string)
		for _, x := range res.Metadata {
			m[x.Name] = x.Value
			if want := map[bool]string{true: "internal_attempt_status", false: x.Name}[x.Name == "attempt_ok"]; x.Type != want {
				t.Errorf("%s has the type %q, not %q", x.Name, x.Type, want)
			}
		}
		return m
	}
	zero := 0
	m := values(5, &zero)
	for name, want := range map[string]string{
		"user": "ann", "attempt": "0", "attempt_ok": "False", "foreach-execution-path": "work:1", "foreach-stack": `['xs=']`,
		"script-name": "train.py", "git-info": `{"commit":"abc","dirty":false}`,
	} {
		if m[name] != want {
			t.Errorf("%s is %q, not %q", name, m[name], want)
		}
	}
	if m := values(6, nil); m["foreach-stack"] != `['xs=r']` || m["attempt_ok"] != "True" {
		t.Errorf("task 6: %v", m)
	}
	if m := values(0, nil); m["start_step"] != "start" || m["end_step"] != "end" {
		t.Errorf("parameters: %v", m)
	}
}

func TestTags(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann", "old")
	res, err := s.ChangeTags(t.Context(), api.TagsRequest{Run: run, Remove: []string{"old", "absent"}, Add: []string{"new", "user:ann"}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "tags", res, api.TagsResult{Tags: []string{"new"}, SystemTags: []string{"runtime:dev", "user:ann"}})
	for _, q := range []api.TagsRequest{{Run: run, Remove: []string{"user:ann"}}, {Run: run, Add: []string{" "}}, {Run: run, Add: []string{strings.Repeat("x", 501)}}} {
		if _, err := s.ChangeTags(t.Context(), q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Every method answers no parameters, wrong ones and none that exist with a fault, not with a panic.
func TestCall(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann")
	for _, name := range api.Methods() {
		for _, params := range []string{
			``, `{}`, `null`, `[]`, `"x"`, `{"run":-1}`, `{"run":1,"task":-5,"attempt":-9,"limit":-3,"ids":[-1],"tasks":[-1]}`,
			`{"run":1,"values":[{"task":-1,"attempt":99,"name":"\u0000"}]}`, `{"run":"one"}`, `{"cursor":"-4","run":1}`,
			`{"run":1,"namespace":"'; DROP TABLE runs","flow":"%","tags":["",""]}`,
		} {
			result, err := s.Call(t.Context(), name, []byte(params))
			if c, ok := result.(io.Closer); ok {
				c.Close()
			}
			if err != nil && fault.KindOf(err) == fault.Internal {
				t.Errorf("%s with %s: %v", name, params, err)
			}
		}
	}
	if _, err := s.Call(t.Context(), "nope", nil); !fault.Is(err, fault.Usage) {
		t.Errorf("no such method: %v", err)
	}
}
