package metaflowapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metaflowapi"
	"github.com/levadahq/levada/internal/metastore"
	metamem "github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/service"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// fake is a handler on a store, with a clock.
type fake struct {
	t     testing.TB
	h     http.Handler
	store metaflowapi.Store
	api   *api.Service
	now   time.Time
}

func newFake(t testing.TB, store metaflowapi.Store) *fake {
	f := &fake{t: t, store: store, now: start}
	data := datastore.New(store, mem.New(), t.TempDir())
	now := func() time.Time { return f.now }
	f.api = api.New(api.Config{Store: store, Data: data, Cases: service.New(service.Config{Store: store, Data: data, Home: "/h", Host: "here", Boot: "b", Now: now})})
	f.h = metaflowapi.New(metaflowapi.Config{Store: store, Data: data, API: f.api, Now: now})
	return f
}

func inMemory(t testing.TB) *fake {
	store := metamem.New()
	t.Cleanup(func() { store.Close() })
	return newFake(t, store)
}

// ask sends a request and returns status and body.
func (f *fake) ask(method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, httptest.NewRequest(method, "http://localhost/metaflow"+path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func (f *fake) want(status int, method, path, body, contains string) string {
	f.t.Helper()
	got, answer := f.ask(method, path, body)
	if got != status || !strings.Contains(answer, contains) {
		f.t.Errorf("%s %s %s: %d %s, want %d and %s", method, path, body, got, answer, status, contains)
	}
	return answer
}

func (f *fake) status(run int64) api.Run {
	f.t.Helper()
	r, err := f.api.Run(context.Background(), api.RunRequest{Run: run})
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func TestVersion(t *testing.T) {
	f := inMemory(t)
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, httptest.NewRequest("GET", "/metaflow/ping", nil))
	if w.Code != 200 || w.Header().Get("METADATA_SERVICE_VERSION") != metaflowapi.Version {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	f.want(200, "GET", "/version", "", metaflowapi.Version)
}

// TestAnswers is what the client relies on, request by request.
func TestAnswers(t *testing.T) {
	f := inMemory(t)
	f.want(404, "GET", "/flows/F", "", "message")
	f.want(200, "POST", "/flows/F", `{"flow_id":"F"}`, `"flow_id":"F"`)
	f.want(404, "GET", "/flows/F/runs/1", "", "message")
	f.want(200, "POST", "/flows/F/run", `{"user_name":"ann","tags":["t"],"system_tags":["user:ann","python_version:3.12.1"]}`, `"run_number":1,`)
	f.want(409, "POST", "/flows/F", `{}`, "exists")
	f.want(200, "GET", "/flows/F/runs/1", "", `"system_tags":["python_version:3.12.1","user:ann"]`)
	f.want(404, "GET", "/flows/G/runs/1", "", "message")

	f.want(404, "GET", "/flows/F/runs/1/steps/start", "", "message")
	f.want(200, "POST", "/flows/F/runs/1/steps/start/step", `{}`, `"step_name":"start"`)
	f.want(404, "POST", "/flows/F/runs/9/steps/start/step", `{}`, "message")
	f.want(200, "POST", "/flows/F/runs/1/steps/_parameters/task", `{}`, `"task_id":0,`)
	f.want(200, "POST", "/flows/F/runs/1/steps/start/task", `{}`, `"task_id":1,`)
	f.want(409, "POST", "/flows/F/runs/1/steps/start/step", `{}`, "message")
	f.want(200, "GET", "/flows/F/runs/1/steps/start", "", `"run_number":1`)
	f.want(404, "GET", "/flows/F/runs/1/steps/other/tasks/1", "", "message")
	f.want(404, "POST", "/flows/F/runs/2/steps/start/task", `{}`, "message")

	// Metadata and artifacts.
	const task = "/flows/F/runs/1/steps/start/tasks/1"
	f.want(200, "POST", task+"/metadata", `[{"field_name":"attempt","value":"0","type":"attempt","tags":["attempt_id:0"]},
		{"field_name":"foreach-execution-path","value":"work:1","tags":["attempt_id:0"]},
		{"field_name":"foreach-stack","value":["x=a","y=b c"],"tags":["attempt_id:0"]}]`, `"metadata_created":3`)
	f.want(400, "POST", "/flows/F/runs/1/steps/start/tasks/7/metadata", `[]`, "registered first")
	f.want(400, "POST", "/flows/F/runs/1/steps/start/tasks/7/artifact", `[]`, "registered first")
	f.want(200, "GET", task+"/metadata", "", `"value":["x=a","y=b c"]`)
	f.want(200, "GET", "/flows/F/runs/1/metadata", "", `"field_name":"attempt"`)
	f.want(200, "GET", "/flows/F/runs/1/steps/start/filtered_tasks?metadata_field_name=foreach-execution-path&pattern=%5E%28%3F%3Awork%3A.%2A%29%24", "", `["F/1/start/1"]`)
	f.want(200, "GET", "/flows/F/runs/1/steps/start/filtered_tasks?pattern=nothing", "", `[]`)
	f.want(200, "GET", "/flows/F/runs/1/steps/start/filtered_tasks", "", `["F/1/start/1"]`)
	f.want(400, "GET", "/flows/F/runs/1/steps/start/filtered_tasks?pattern=%28", "", "regular expression")
	art := func(attempt int, sha string) string {
		return fmt.Sprintf(`[{"name":"x","location":":root:s3://b","ds_type":"s3","sha":"%s","type":"metaflow.artifact","content_type":"pickle-v4","attempt_id":%d}]`, sha, attempt)
	}
	f.want(200, "POST", task+"/artifact", art(0, "aa"), `"artifacts_created":1`)
	f.want(200, "POST", task+"/artifact", art(0, "ab"), `"artifacts_created":1`)
	f.want(200, "POST", task+"/artifact", art(1, "bb"), `"artifacts_created":1`)
	f.want(200, "GET", task+"/artifacts", "", `"sha":"bb"`)
	f.want(200, "GET", task+"/attempt/0/artifacts", "", `"sha":"ab"`)
	f.want(200, "GET", task+"/artifacts/x", "", `"attempt_id":1`)
	f.want(200, "GET", task+"/artifacts/x/attempt/0", "", `"location":":root:s3://b"`)
	f.want(404, "GET", task+"/artifacts/y", "", "message")
	f.want(400, "GET", task+"/artifacts/x/attempt/-1", "", "message")
	f.want(200, "GET", "/flows/F/runs/1/artifacts", "", `"name":"x"`)
	f.want(200, "GET", "/flows/F/runs/1/steps/start/artifacts", "", `"name":"x"`)

	// The value is where this machine does not reach.
	_, err := f.api.Values(context.Background(), api.ValuesRequest{Run: 1, Values: []api.ValueRef{{Task: 1, Attempt: 0, Name: "x"}}})
	if err == nil || !strings.Contains(err.Error(), "s3://b") {
		t.Errorf("the value in s3: %v", err)
	}

	// Its graph cannot be read either: there are the steps.
	g, err := f.api.Graph(context.Background(), api.RunRequest{Run: 1})
	if err != nil || !strings.Contains(string(g.Graph), `"graph_structure":["start"]`) {
		t.Errorf("graph: %s, %v", g.Graph, err)
	}
	if _, err := f.api.Related(context.Background(), api.RelatedRequest{Run: 1, Task: 1}); err != nil {
		t.Errorf("related: %v", err)
	}

	// Heartbeats are JSON in a JSON text.
	for _, path := range []string{"/flows/F/runs/1", task} {
		var text string
		var wait struct {
			Seconds int `json:"wait_time_in_seconds"`
		}
		answer := f.want(200, "POST", path+"/heartbeat", `{}`, "wait")
		if json.Unmarshal([]byte(answer), &text) != nil || json.Unmarshal([]byte(text), &wait) != nil || wait.Seconds < 1 {
			t.Errorf("heartbeat: %s", answer)
		}
	}
	f.want(404, "POST", "/flows/F/runs/7/heartbeat", `{}`, "message")

	// Tags.
	f.want(200, "PATCH", "/flows/F/runs/1/tag/mutate", `{"tags_to_add":["a","b"],"tags_to_remove":["t","b"]}`, `{"tags":["a"]}`)
	f.want(422, "PATCH", "/flows/F/runs/1/tag/mutate", `{"tags_to_remove":["user:ann"]}`, "system tag")
	f.want(422, "PATCH", "/flows/F/runs/1/tag/mutate", `{"tags_to_add":[""]}`, "empty")
	f.want(200, "GET", "/flows/F/runs/1/steps/start/tasks", "", `"tags":["a"]`)

	// What there is not.
	for _, c := range []struct {
		status       int
		method, path string
		allow        string
	}{{405, "DELETE", "/flows/F", "GET, POST"}, {405, "GET", "/flows/F/run", "POST"}, {405, "POST", "/ping", "GET"}, {404, "GET", "/nope", ""}, {404, "DELETE", "/", ""}} {
		w := httptest.NewRecorder()
		f.h.ServeHTTP(w, httptest.NewRequest(c.method, "http://localhost/metaflow"+c.path, nil))
		var told struct{ Message string }
		if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || told.Message == "" || w.Code != c.status || w.Header().Get("Allow") != c.allow ||
			!strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %d, %v, %s", c.method, c.path, w.Code, w.Header(), w.Body)
		}
	}
	f.want(404, "GET", "/nothing", "", "")
}

// interrupted is a store in which something happens right after a run was read.
type interrupted struct {
	metaflowapi.Store
	then func()
}

func (s *interrupted) Run(ctx context.Context, id int64) (metastore.Run, error) {
	run, err := s.Store.Run(ctx, id)
	if then := s.then; then != nil {
		s.then = nil
		then()
	}
	return run, err
}

// TestMetadataBesideArtifacts has the parameters of a run told while what else is known of it is about to be.
func TestMetadataBesideArtifacts(t *testing.T) {
	mem := metamem.New()
	t.Cleanup(func() { mem.Close() })
	store := &interrupted{Store: mem}
	f := newFake(t, store)
	f.want(200, "POST", "/flows/F/run", `{}`, "")
	f.want(200, "POST", "/flows/F/runs/1/steps/_parameters/task", `{}`, `"task_id":0,`)
	store.then = func() {
		info := metastore.RunInfo{Parameters: map[string]string{"alpha": "1"}}
		if err := mem.Describe(t.Context(), 1, info, metastore.Hash{}); err != nil {
			t.Error(err)
		}
	}
	f.want(200, "POST", "/flows/F/runs/1/steps/_parameters/tasks/0/metadata", `[{"field_name":"script-name","value":"flow.py"}]`, "1")
	run, err := mem.Run(t.Context(), 1)
	if err != nil || run.Info.Parameters["alpha"] != "1" || run.Info.FlowFile != "flow.py" {
		t.Errorf("%+v, %v", run.Info, err)
	}
}

func TestNames(t *testing.T) {
	f := inMemory(t)
	f.want(200, "POST", "/flows/F/run", `{"run_number":"argo-1"}`, `"run_number":"argo-1"`)
	f.want(409, "POST", "/flows/F/run", `{"run_number":"argo-1"}`, "message")
	f.want(400, "POST", "/flows/F/run", `{"run_number":"12"}`, "numbers")
	f.want(400, "POST", "/flows/F/run", `{"run_number":12}`, "text")
	f.want(200, "GET", "/flows/F/runs/argo-1", "", `"run_number":"argo-1"`)
	f.want(200, "GET", "/flows/F/runs/1", "", `"run_number":"argo-1"`)
	f.want(200, "POST", "/flows/F/runs/argo-1/steps/a/task", `{"task_id":"t-9"}`, `"task_id":"t-9"`)
	f.want(409, "POST", "/flows/F/runs/argo-1/steps/a/task", `{"task_id":"t-9"}`, "message")
	f.want(400, "POST", "/flows/F/runs/argo-1/steps/a/task", `{"task_id":"9"}`, "numbers")
	f.want(200, "GET", "/flows/F/runs/argo-1/steps/a/tasks/t-9", "", `"task_id":"t-9"`)
	f.want(200, "GET", "/flows/F/runs/argo-1/steps/a/tasks/1", "", `"task_id":"t-9"`)
	f.want(200, "POST", "/flows/F/runs/argo-1/steps/a/tasks/t-9/metadata", `[{"field_name":"k","value":"v"}]`, "1")
	f.want(200, "GET", "/flows/F/runs/argo-1/steps/a/filtered_tasks?metadata_field_name=k&pattern=v", "", `["F/argo-1/a/t-9"]`)
}

func TestPages(t *testing.T) {
	f := inMemory(t)
	for range 5 {
		f.want(200, "POST", "/flows/F/run", `{}`, "")
	}
	numbers := func(query string) (list []int, total string) {
		w := httptest.NewRecorder()
		f.h.ServeHTTP(w, httptest.NewRequest("GET", "/metaflow/flows/F/runs"+query, nil))
		var runs []struct {
			Run int `json:"run_number"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &runs); err != nil {
			t.Fatal(w.Body)
		}
		for _, r := range runs {
			list = append(list, r.Run)
		}
		return list, w.Header().Get("X-Total-Count")
	}
	for query, want := range map[string]string{
		"": "[5 4 3 2 1] ", "?_limit=2": "[5 4] 5", "?_limit=2&_page=3": "[1] 5", "?_limit=2&_page=4": "[] 5", "?_limit=9&_page=9000000000000000000": "[] 5",
	} {
		list, total := numbers(query)
		if got := fmt.Sprint(list, " ", total); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	f.want(400, "GET", "/flows/F/runs?_limit=x", "", "")
	f.want(400, "GET", "/flows?_limit=0", "", "")
}

// A flow is as old as its first run, in the list of flows and by itself.
func TestAgeOfAFlow(t *testing.T) {
	f := inMemory(t)
	first := start.UnixMilli() - 5000
	for _, at := range []int64{first, first + 4000} {
		f.want(200, "POST", "/flows/F/run", fmt.Sprintf(`{"ts_epoch":%d}`, at), "")
	}
	for _, path := range []string{"/flows", "/flows/F"} {
		f.want(200, "GET", path, "", fmt.Sprintf(`"ts_epoch":%d,`, first))
	}
}

// TestStatus tells runs stories and asks how they are.
func TestStatus(t *testing.T) {
	attempt := func(n int) string {
		return fmt.Sprintf(`[{"field_name":"attempt","value":"%d","tags":["attempt_id:%d"]}]`, n, n)
	}
	end := func(n int, ok string) string {
		return fmt.Sprintf(`[{"field_name":"attempt_ok","value":"%s","tags":["attempt_id:%d"]}]`, ok, n)
	}
	for _, test := range []struct {
		name   string
		said   []string // "task metadata", or "later" or "beat"
		want   api.Status
		failed int64
	}{
		{"begun", nil, api.Running, -1},
		{"silent", []string{"later"}, api.Died, -1},
		{"heard of", []string{"later", "beat"}, api.Running, -1},
		{"one failed, may be tried again", []string{"1 " + attempt(0), "1 " + end(0, "False")}, api.Running, 1},
		{"one failed for good", []string{"1 " + attempt(0), "1 " + end(0, "False"), "later"}, api.Failed, 1},
		{"tried again", []string{"1 " + attempt(0), "1 " + end(0, "False"), "1 " + attempt(1), "later"}, api.Died, -1},
		{"went well then", []string{"1 " + attempt(0), "1 " + end(0, "False"), "1 " + attempt(1), "1 " + end(1, "True")}, api.Running, -1},
		{"killed and tried again", []string{"1 " + attempt(0), "1 " + attempt(1), "1 " + end(1, "True")}, api.Running, -1},
		{"came to its end", []string{"1 " + attempt(0), "1 " + end(0, "True"), "2 " + attempt(0), "2 " + end(0, "True"), "later"}, api.Succeeded, -1},
		{"its end failed", []string{"2 " + attempt(0), "2 " + end(0, "False"), "later"}, api.Failed, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := inMemory(t)
			f.want(200, "POST", "/flows/F/run", `{}`, "")
			f.want(200, "POST", "/flows/F/runs/1/steps/_parameters/task", `{}`, "")
			f.want(200, "POST", "/flows/F/runs/1/steps/_parameters/tasks/0/metadata", `[{"field_name":"end_step","value":"last"}]`, "")
			f.want(200, "POST", "/flows/F/runs/1/steps/first/task", `{}`, "")
			f.want(200, "POST", "/flows/F/runs/1/steps/last/task", `{}`, "")
			for _, said := range test.said {
				task, metadata, _ := strings.Cut(said, " ")
				switch task {
				case "later":
					f.now = f.now.Add(time.Minute)
				case "beat":
					f.want(200, "POST", "/flows/F/runs/1/heartbeat", `{}`, "")
				default:
					f.now = f.now.Add(time.Second)
					step := map[string]string{"1": "first", "2": "last"}[task]
					f.want(200, "POST", "/flows/F/runs/1/steps/"+step+"/tasks/"+task+"/metadata", metadata, "1")
				}
			}
			r := f.status(1)
			if r.Status != test.want || r.FailedTask != test.failed || (r.Ended == 0) != (test.want == api.Running) {
				t.Errorf("%s, failed by %d, ended %d; want %s by %d", r.Status, r.FailedTask, r.Ended, test.want, test.failed)
			}
		})
	}
}

// TestLevadasRuns are read, and not written to.
func TestLevadasRuns(t *testing.T) {
	store := apitest.New(t)
	store.Run(t, metastore.RunSucceeded, "ann")
	h := metaflowapi.New(metaflowapi.Config{Store: store.Meta, Data: store.Data, API: store.Service, Now: time.Now})
	f := &fake{t: t, h: h}
	f.want(200, "GET", "/flows", "", `"flow_id":"Train"`)
	f.want(200, "GET", "/flows/Train/runs", "", `"run_number":1`)
	f.want(200, "GET", "/flows/Train/runs/1/steps", "", `"step_name":"gather"`)
	f.want(200, "GET", "/flows/Train/runs/1/steps/start/tasks/1/metadata", "", `"field_name":"attempt_ok"`)
	f.want(200, "GET", "/flows/Train/runs/1/steps/start/tasks/1/artifacts", "", `"ds_type":"levada"`)
	f.want(400, "POST", "/flows/Train/runs/1/steps/start/task", `{}`, "not started by Metaflow")
	f.want(400, "POST", "/flows/Train/runs/1/steps/start/tasks/1/metadata", `[]`, "not started by Metaflow")
	f.want(400, "POST", "/flows/Train/runs/1/steps/start/tasks/1/artifact", `[]`, "not started by Metaflow")
}

func TestBadBodies(t *testing.T) {
	f := inMemory(t)
	f.want(200, "POST", "/flows/F/run", `{}`, "")
	f.want(200, "POST", "/flows/F/runs/1/steps/a/task", `{}`, "")
	for _, path := range []string{"/flows/F", "/flows/F/run", "/flows/F/runs/1/steps/a/step", "/flows/F/runs/1/steps/a/task"} {
		for _, body := range []string{"", "{", `[]`, `"x"`, `{"tags":{"a":1}}`, `{"ts_epoch":"x"}`} {
			f.want(400, "POST", path, body, "message")
		}
	}
	for _, path := range []string{"metadata", "artifact"} {
		for _, body := range []string{"", "{}", `[1]`, `[{"tags":3}]`, `3`} {
			f.want(400, "POST", "/flows/F/runs/1/steps/a/tasks/1/"+path, body, "message")
		}
	}
	f.want(400, "POST", "/flows/F/runs/1/steps/a/tasks/1/artifact", `[{"name":"x","attempt_id":-1}]`, "message")
	f.want(400, "POST", "/flows/"+strings.Repeat("x", 300)+"/run", `{}`, "message")
	f.want(413, "POST", "/flows/F/run", `{"user_name":"`+strings.Repeat("x", 65<<20)+`"}`, "larger")
}

// TestConcurrentTasks creates tasks of one run at once in a real store, and tells of them.
func TestConcurrentTasks(t *testing.T) {
	f := newFake(t, openSQLite(t))
	f.want(200, "POST", "/flows/F/run", `{}`, "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 12 {
				_, answer := f.ask("POST", "/flows/F/runs/1/steps/work/task", `{}`)
				var task struct {
					ID int64 `json:"task_id"`
				}
				if err := json.Unmarshal([]byte(answer), &task); err != nil {
					t.Error(answer)
				}
				path := fmt.Sprintf("/flows/F/runs/1/steps/work/tasks/%d", task.ID)
				f.want(200, "POST", path+"/metadata", `[{"field_name":"attempt","value":"0"}]`, "1")
				f.want(200, "POST", path+"/metadata", `[{"field_name":"attempt_ok","value":"True"}]`, "1")
				f.want(200, "POST", path+"/artifact", `[{"name":"x","ds_type":"s3"}]`, "1")
			}
		})
	}
	wg.Wait()
	counts, err := f.store.Counts(context.Background(), 1)
	if err != nil || len(counts) != 1 || counts[0].Succeeded != 96 {
		t.Errorf("%+v, %v", counts, err)
	}
}

func openSQLite(t testing.TB) *sqlite.Store {
	store, err := sqlite.Open(context.Background(), t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// FuzzHandler: whatever is asked, the answer is not that the server is at fault.
func FuzzHandler(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/flows", ""}, {"POST", "/flows/F/run", `{"run_number":"a","tags":["x"],"ts_epoch":1}`},
		{"POST", "/flows/F/runs/1/steps/a/tasks/1/metadata", `[{"field_name":"attempt_ok","value":"False","tags":["attempt_id:3"]},{"field_name":"ds-root","value":"/x"}]`},
		{"POST", "/flows/F/runs/1/steps/_parameters/tasks/0/artifact", `[{"name":"_graph_info","location":":root:/tmp","ds_type":"local","sha":"0aa921f44b8431570714bc8552d5a8e30c4ac941","attempt_id":0}]`},
		{"PATCH", "/flows/F/runs/1/tag/mutate", `{"tags_to_add":["a"],"tags_to_remove":[]}`},
		{"GET", "/flows/F/runs/1/steps/a/filtered_tasks?metadata_field_name=attempt&pattern=1", ""},
		{"GET", "/flows/F/runs/1/steps/a/tasks/1/artifacts?_limit=3&_page=2", ""}, {"POST", "/flows/F/runs/1/heartbeat", "{}"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		x := inMemory(t)
		x.want(200, "POST", "/flows/F/run", `{}`, "")
		x.want(200, "POST", "/flows/F/runs/1/steps/_parameters/task", `{}`, "")
		x.want(200, "POST", "/flows/F/runs/1/steps/a/task", `{}`, "")
		r, err := http.NewRequest(method, "http://localhost/metaflow"+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Skip()
		}
		w := httptest.NewRecorder()
		x.h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s %s: %d %s", method, path, body, w.Code, w.Body)
		}
		if _, err := x.store.Counts(context.Background(), 1); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkTask tells the story of a task, as Metaflow does: five requests.
func BenchmarkTask(b *testing.B) {
	f := newFake(b, openSQLite(b))
	f.want(200, "POST", "/flows/F/run", `{}`, "")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, answer := f.ask("POST", "/flows/F/runs/1/steps/work/task", `{}`)
			var task struct {
				ID int64 `json:"task_id"`
			}
			json.Unmarshal([]byte(answer), &task)
			path := fmt.Sprintf("/flows/F/runs/1/steps/work/tasks/%d", task.ID)
			f.want(200, "POST", path+"/metadata", `[{"field_name":"user","value":"ann"},{"field_name":"runtime","value":"dev"}]`, "2")
			f.want(200, "POST", path+"/metadata", `[{"field_name":"attempt","value":"0"},{"field_name":"ds-root","value":"/x"}]`, "2")
			f.want(200, "POST", path+"/metadata", `[{"field_name":"attempt_ok","value":"True"}]`, "1")
			f.want(200, "POST", path+"/artifact", `[{"name":"x","ds_type":"s3"},{"name":"y","ds_type":"s3"}]`, "2")
		}
	})
}

// TestWhatIsNoNameIsRefused registers what no flow of Metaflow's could be called or tagged with.
func TestWhatIsNoNameIsRefused(t *testing.T) {
	f := inMemory(t)
	for _, flow := range []string{"%3Cscript%3E", "1Flow", "a%20b", "a%00b", "a%0Ab", "a.b", "%FF"} {
		f.want(400, "POST", "/flows/"+flow, `{}`, "the name of a flow")
		f.want(400, "POST", "/flows/"+flow+"/run", `{}`, "the name of a flow")
	}
	f.want(400, "POST", "/flows/F/run", `{"run_number": "a\u0000b"}`, "the name of a run")
	f.want(400, "POST", "/flows/F/run", `{"run_number": " a"}`, "the name of a run")
	for _, tag := range []string{`a\u0000b`, `a\nb`, ` `, ``} {
		f.want(400, "POST", "/flows/F/run", `{"tags": ["`+tag+`"]}`, "a tag is text")
		f.want(400, "POST", "/flows/F/run", `{"system_tags": ["`+tag+`"]}`, "a tag is text")
	}
	f.want(200, "POST", "/flows/Flüsse_2/run", `{"run_number": "argo-flow-x1", "tags": ["a b", "训练"]}`, "argo-flow-x1")
	f.want(400, "POST", "/flows/Flüsse_2/runs/argo-flow-x1/steps/%3Cb%3E/task", `{}`, "the name of a step")
}
