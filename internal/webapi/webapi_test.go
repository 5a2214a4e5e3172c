package webapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/webapi"
)

// fixture is a server on a store with runs: 1 succeeded, 2 failed, 3 runs.
type fixture struct {
	*httptest.Server
	store *apitest.Store
}

func serve(t testing.TB) *fixture {
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann", "gold")
	s.Run(t, metastore.RunFailed, "bob")
	s.Run(t, metastore.RunRunning, "ann")
	h := webapi.New(webapi.Options{API: s.Service, Tick: 5 * time.Millisecond})
	srv := httptest.NewServer(h)
	t.Cleanup(func() { h.Close(); srv.Close() })
	return &fixture{srv, s}
}

func (f *fixture) do(t testing.TB, method, path string, body string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.URL+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := f.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, data
}

const jsonType = "application/json"

// Answers are what openapi.json says.
func TestAnswers(t *testing.T) {
	f := serve(t)
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	check := checker{doc}
	asked := map[string]bool{}
	for _, c := range []struct {
		method, path, pattern, body string
		status                      int
		has                         string
	}{
		{"GET", "/info", "/info", "", 200, `"version":"1.2.3"`},
		{"GET", "/flows?namespace=user:ann", "/flows", "", 200, `"runs":2`},
		{"GET", "/names", "/names", "", 200, `"users":["ann"`},
		{"GET", "/runs", "/runs", "", 200, `"succeeded":9`},
		{"GET", "/runs?flow=Train&user=ann&tag=gold&parameter=alpha=0.5&q=TRA&status=succeeded&limit=1", "/runs", "", 200, `"id":1`},
		{"GET", "/runs?after=2024-05-06T08:30:00Z", "/runs", "", 200, `"id":3`},
		{"GET", "/runs/3", "/runs/{run}", "", 200, `"waiting":0`}, // all of its foreach has been launched
		{"GET", "/runs/2", "/runs/{run}", "", 200, `"status":"failed"`},
		{"GET", "/runs/99", "/runs/{run}", "", 404, `there is no run 99`},
		{"GET", "/runs/x", "/runs/{run}", "", 400, `is not the id of a run`},
		{"GET", "/runs?limit=many", "/runs", "", 400, `is not a number`},
		{"GET", "/runs?colour=red", "/runs", "", 400, `there are: flow, user`},
		{"GET", "/runs?parameter=alpha", "/runs", "", 400, `NAME=VALUE`},
		{"GET", "/runs?parameter=n=2000&parameter=n=12", "/runs", "", 400, `cannot have two values`},
		{"GET", "/runs?parameter=alpha=0.5&parameter=alpha=0.5&status=", "/runs", "", 200, `"id":1`},
		{"GET", "/runs?status=bogus", "/runs", "", 400, `there are running, succeeded, failed, interrupted, died`},
		{"GET", "/runs/1/tasks?status=bogus", "/runs/{run}/tasks", "", 400, `there are running, succeeded, caught, failed, killed, died`},
		{"GET", "/metrics?flow=Train&status=bogus", "/metrics", "", 400, `there are running`},
		{"GET", "/runs/1/tasks/5/log?attempt=7", "/runs/{run}/tasks/{task}/log", "", 404, `it has 2, from 0 to 1`},
		{"GET", "/runs/1/tasks/5/log.txt?attempt=7", "", "", 404, `no such attempt`},
		{"GET", "/runs/1/tasks/5/log/events?attempt=7", "", "", 404, `no such attempt`},
		{"GET", "/runs/1/tasks/4/metadata?attempt=5", "/runs/{run}/tasks/{task}/metadata", "", 404, `it has one, 0`},
		{"GET", "/runs/1/tasks/4/usage?attempt=5", "/runs/{run}/tasks/{task}/usage", "", 404, `no such attempt`},
		{"GET", "/runs/1/tasks/4/artifacts?attempt=5", "/runs/{run}/tasks/{task}/artifacts", "", 404, `no such attempt`},
		{"GET", "/runs/1/tasks/4/artifacts/y?attempt=5", "", "", 404, `no such attempt`},
		{"GET", "/runs?cursor=x", "/runs", "", 400, `is not a cursor`},
		{"GET", "/runs/1/steps", "/runs/{run}/steps", "", 200, `"name":"gather"`},
		{"GET", "/runs/1/graph", "/runs/{run}/graph", "", 200, `split-foreach`},
		{"GET", "/runs/1/timeline?step=work", "/runs/{run}/timeline", "", 200, `"task":[4,5,5,6]`},
		{"GET", "/runs/1/tasks?order=oldest&limit=2", "/runs/{run}/tasks", "", 200, `"next":"1"`},
		{"GET", "/runs/1/tasks?order=up", "/runs/{run}/tasks", "", 400, `neither newest nor oldest`},
		{"GET", "/runs/1/tasks?id=4&id=9&status=succeeded", "/runs/{run}/tasks", "", 200, `"id":9`},
		{"GET", "/runs/1/tasks/5", "/runs/{run}/tasks/{task}", "", 200, `"type":"ValueError"`},
		{"GET", "/runs/1/tasks/77", "/runs/{run}/tasks/{task}", "", 404, `has no task 77`},
		{"GET", "/runs/1/tasks/7/related", "/runs/{run}/tasks/{task}/related", "", 200, `"step":"join"`},
		{"GET", "/runs/1/tasks/5/siblings", "/runs/{run}/tasks/{task}/siblings", "", 200, `{"position":2,"count":3,"previous":4,"next":6}`},
		{"GET", "/runs/1/tasks/4/siblings", "/runs/{run}/tasks/{task}/siblings", "", 200, `"previous":null`},
		{"GET", "/runs/1/tasks/5/metadata?attempt=1", "/runs/{run}/tasks/{task}/metadata", "", 200, `"name":"attempt"`},
		{"GET", "/runs/1/tasks/7/artifacts", "/runs/{run}/tasks/{task}/artifacts", "", 200, `"name":"z"`},
		{"GET", "/runs/1/tasks/7/artifacts/z/preview", "/runs/{run}/tasks/{task}/artifacts/{name}/preview", "", 200, `"kind":"text"`},
		{"GET", "/runs/1/tasks/7/artifacts/z/image", "/runs/{run}/tasks/{task}/artifacts/{name}/image", "", 422, `not a picture`},
		{"GET", "/runs/1/tasks/4/log", "/runs/{run}/tasks/{task}/log", "", 200, `"stderr":true,"text":"  err"`},
		{"GET", "/runs/1/tasks/4/log?stream=x", "/runs/{run}/tasks/{task}/log", "", 400, `has no stream`},
		{"GET", "/runs/1/tasks/4/usage", "/runs/{run}/tasks/{task}/usage", "", 200, `"samples"`},
		{"GET", "/runs/1/tasks/4/cards", "/runs/{run}/tasks/{task}/cards", "", 200, `"cards":[]`},
		{"GET", "/runs/1/cards", "/runs/{run}/cards", "", 200, `"cards":[]`},
		{"GET", "/runs/1/code", "/runs/{run}/code", "", 404, `was not kept`},
		{"GET", "/runs/1/code/files", "/runs/{run}/code/files", "", 404, ``},
		{"GET", "/metrics?flow=Train", "/metrics", "", 200, `"points"`},
		{"GET", "/metrics", "/metrics", "", 400, `must name`},
		{"PATCH", "/runs/1/tags", "/runs/{run}/tags", `{"add":["new"],"remove":["gold"]}`, 200, `"tags":["new"]`},
		{"PATCH", "/runs/1/tags", "/runs/{run}/tags", `{"add":[""]}`, 422, `must not be empty`},
		{"PATCH", "/runs/1/tags", "/runs/{run}/tags", `{"add":["a\u0000"]}`, 422, `control characters`},
		{"PATCH", "/runs/1/tags", "/runs/{run}/tags", `{"add":[" sp "]}`, 422, `begin or end with space`},
		{"PATCH", "/runs/1/tags", "/runs/{run}/tags", `{"ad":["new"]}`, 400, `cannot be read`},
		{"PATCH", "/runs/1/tags", "/runs/{run}/tags", `[`, 400, `cannot be read`},
		{"POST", "/runs/1/cancel", "/runs/{run}/cancel", `{}`, 409, `has already ended`},
		{"POST", "/runs/1/resume", "/runs/{run}/resume", `{}`, 404, `is not on this machine`},
		{"DELETE", "/runs/1", "", "", 405, `the method DELETE is not allowed for`},
		{"GET", "/nothing", "", "", 404, `openapi.json`},
	} {
		res, data := f.do(t, c.method, c.path, c.body, "Content-Type", jsonType)
		if res.StatusCode != c.status || !strings.Contains(string(data), c.has) {
			t.Errorf("%s %s: %d, %.300s", c.method, c.path, res.StatusCode, data)
			continue
		}
		asked[c.method+c.pattern] = true
		kind := res.Header.Get("Content-Type")
		if want := map[bool]string{true: "application/problem+json", false: jsonType}[c.status >= 400]; kind != want {
			t.Errorf("%s %s: it is %s", c.method, c.path, kind)
		}
		if c.pattern == "" {
			continue
		}
		responses := doc["paths"].(map[string]any)[c.pattern].(map[string]any)[strings.ToLower(c.method)].(map[string]any)["responses"].(map[string]any)
		response, ok := responses[fmt.Sprint(c.status)]
		if !ok {
			response = responses["default"]
		}
		schema := response.(map[string]any)["content"].(map[string]any)[kind].(map[string]any)["schema"]
		var answer any
		if err := json.Unmarshal(data, &answer); err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		if problem := check.value(answer, schema.(map[string]any), "answer"); problem != "" {
			t.Errorf("%s %s: %s", c.method, c.path, problem)
		}
	}
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			responses := op.(map[string]any)["responses"].(map[string]any)
			good, ok := responses["200"].(map[string]any)
			if ok && good["content"].(map[string]any)[jsonType] != nil && !asked[strings.ToUpper(method)+path] {
				t.Errorf("nothing asks for %s %s", method, path)
			}
		}
	}
}

// checker holds values against the schemas of the document.
type checker struct{ doc map[string]any }

func (c checker) value(v any, schema map[string]any, at string) string {
	if ref, ok := schema["$ref"].(string); ok {
		schema = c.doc["components"].(map[string]any)["schemas"].(map[string]any)[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	kinds, ok := schema["type"].([]any)
	if !ok {
		if schema["type"] == nil {
			return ""
		}
		kinds = []any{schema["type"]}
	}
	kind := map[bool]string{true: "null"}[v == nil]
	switch v := v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case float64:
		kind = "number"
		if v == float64(int64(v)) && !slices.Contains(kinds, any("number")) {
			kind = "integer"
		}
	case []any:
		kind = "array"
		for i, item := range v {
			if p := c.value(item, schema["items"].(map[string]any), fmt.Sprintf("%s[%d]", at, i)); p != "" {
				return p
			}
		}
	case map[string]any:
		kind = "object"
		properties, _ := schema["properties"].(map[string]any)
		for name, item := range v {
			s, ok := properties[name].(map[string]any)
			if !ok {
				if s, ok = schema["additionalProperties"].(map[string]any); !ok {
					return at + " has a field " + name + " that is not described"
				}
			}
			if p := c.value(item, s, at+"."+name); p != "" {
				return p
			}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Sprintf("%s lacks %s", at, name)
			}
		}
	}
	if !slices.Contains(kinds, any(kind)) {
		return fmt.Sprintf("%s is of type %s and not %v", at, kind, kinds)
	}
	return ""
}

// Whatever is asked, the answer is no mistake of the server, and an error is a problem.
func FuzzRequests(f *testing.F) {
	srv := serve(f)
	for _, seed := range []string{
		"GET /runs?limit=1", "GET /runs/1/tasks/2/artifacts/x?attempt=0", "PATCH /runs/1/tags {\"add\":[\"x\"]}", "POST /call/tasks {\"run\":1}",
		"GET /runs/1/timeline?cursor=3", "GET /runs/-1", "GET /runs/1/tasks/4/log?cursor=99999999999", "POST /runs/1/cancel {}", "GET /runs/1/code/file?path=../x",
		"GET /metrics?flow=Train&after=x", "GET /runs?q=%25&tag=&tag=a&parameter=%3D", "POST /call/log {\"run\":1,\"task\":4,\"limit\":-5}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		method, rest, _ := strings.Cut(text, " ")
		path, body, _ := strings.Cut(rest, " ")
		if method != "GET" && method != "PATCH" && method != "POST" || strings.Contains(path, "events") || strings.Contains(path, "resume") || !strings.HasPrefix(path, "/") {
			return
		}
		u, err := url.Parse("http://localhost/api/v1" + path)
		if err != nil {
			return
		}
		req := (&http.Request{Method: method, URL: u, Host: "localhost", Header: http.Header{"Content-Type": {jsonType}}, Body: io.NopCloser(strings.NewReader(body))}).WithContext(t.Context())
		w := httptest.NewRecorder()
		srv.Config.Handler.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if w.Code >= 400 {
			var p webapi.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Detail == "" {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
		}
	})
}
