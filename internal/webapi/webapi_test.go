package webapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	metamem "github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/service"
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
		{"POST", "/runs/1/cancel", "/runs/{run}/cancel", `{}`, 409, `is over`},
		{"POST", "/runs/1/resume", "/runs/{run}/resume", `{}`, 404, `is not on this machine`},
		{"DELETE", "/runs/1", "", "", 405, `DELETE is not something`},
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
	if !slices.Contains(kinds, any(kind)) && kind != "null" {
		return fmt.Sprintf("%s is of type %s and not %v", at, kind, kinds)
	}
	return ""
}

func TestBytes(t *testing.T) {
	f := serve(t)
	res, data := f.do(t, "GET", "/runs/1/tasks/1/artifacts/large", "")
	if res.StatusCode != 200 || !bytes.Equal(data, apitest.Large) || res.Header.Get("Content-Disposition") != "attachment; filename=large" {
		t.Errorf("%d, %d bytes, %v", res.StatusCode, len(data), res.Header)
	}
	res, data = f.do(t, "GET", "/runs/1/tasks/4/log.txt?timestamps=true", "")
	want := "2024-05-06T07:00:04Z out\n2024-05-06T07:00:04Z   err\n2024-05-06T07:00:04Z end"
	if res.StatusCode != 200 || string(data) != want {
		t.Errorf("%d, %q", res.StatusCode, data)
	}
	res, data = f.do(t, "POST", "/call/values", `{"run":1,"values":[{"task":7,"attempt":-1,"name":"z"}]}`, "Content-Type", jsonType)
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	if res.StatusCode != 200 || !bytes.Contains(line, []byte(`"length":3`)) || string(rest) != "all" {
		t.Errorf("%d, %q", res.StatusCode, data)
	}
	if res, data = f.do(t, "POST", "/call/nothing", ``, "Content-Type", jsonType); res.StatusCode != 400 {
		t.Errorf("%d, %q", res.StatusCode, data)
	}
	for _, c := range [][4]string{
		{"POST", "/call/runs", `{"limitt":1}`, "there is no parameter"}, {"POST", "/call/runs", `{"limit":"x"}`, "is to be a whole number"},
		{"PATCH", "/runs/1/tags", `{"add":"x"}`, "is to be a list"}, {"PATCH", "/runs/1/tags", `{"ad":["x"]}`, "there is no parameter"},
		{"GET", "/runs?limit=1&limit=2", "", "can be given once"},
	} {
		res, data := f.do(t, c[0], c[1], c[2], "Content-Type", jsonType)
		if res.StatusCode != 400 || !strings.Contains(string(data), c[3]) || strings.Contains(string(data), "json:") || strings.Contains(string(data), "Go ") {
			t.Errorf("%s %s %s: %d, %q", c[0], c[1], c[2], res.StatusCode, data)
		}
	}
}

func TestETags(t *testing.T) {
	f := serve(t)
	res, _ := f.do(t, "GET", "/runs", "")
	etag := res.Header.Get("ETag")
	res, data := f.do(t, "GET", "/runs", "", "If-None-Match", `"other", `+etag)
	if res.StatusCode != 304 || len(data) > 0 {
		t.Errorf("%d, %q", res.StatusCode, data)
	}
	f.do(t, "PATCH", "/runs/1/tags", `{"add":["x"]}`, "Content-Type", jsonType)
	if res, _ = f.do(t, "GET", "/runs", "", "If-None-Match", etag); res.StatusCode != 200 {
		t.Errorf("a changed list: %d", res.StatusCode)
	}
}

// A page that shows the card of a running task asks for it again and again, and gets it again when it has changed.
func TestCardETag(t *testing.T) {
	f := serve(t)
	card := livecard.Card{Task: 9, Type: "blank", UUID: "u"}
	f.store.ShowCard(t, 3, card, "<p>one</p>")
	const path = "/runs/3/tasks/9/cards/u"
	res, data := f.do(t, "GET", path, "")
	if string(data) != "<p>one</p>" || res.Header.Get("Content-Security-Policy") == "" {
		t.Fatalf("%q, %v", data, res.Header)
	}
	etag := res.Header.Get("ETag")
	f.store.ShowCard(t, 3, card, "<p>one</p>")
	if res, data := f.do(t, "GET", path, "", "If-None-Match", etag); res.StatusCode != 304 || len(data) > 0 {
		t.Errorf("shown again as it was: %d, %q", res.StatusCode, data)
	}
	f.store.ShowCard(t, 3, card, "<p>two</p>")
	if res, data := f.do(t, "GET", path, "", "If-None-Match", etag); res.StatusCode != 200 || string(data) != "<p>two</p>" {
		t.Errorf("changed: %d, %q", res.StatusCode, data)
	}
}

func TestCompression(t *testing.T) {
	f := serve(t)
	for range 60 {
		f.store.Run(t, metastore.RunSucceeded, "ann")
	}
	res, data := f.do(t, "GET", "/runs", "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil || res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, res.Header)
	}
	if plain, err := io.ReadAll(z); err != nil || !json.Valid(plain) {
		t.Error(err)
	}
	const log = "/runs/1/tasks/4/log"
	for _, path := range []string{log + ".txt", log + "/events"} {
		_, plain := f.do(t, "GET", path, "", "Accept-Encoding", "br, gzip;q=0")
		res, data := f.do(t, "GET", path, "", "Accept-Encoding", "br, gzip;q=0.5")
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil || res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Vary") != "Accept-Encoding" {
			t.Fatal(path, err, res.Header)
		}
		if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, plain) || !bytes.Contains(plain, []byte("out")) {
			t.Errorf("%s: %v, %q is not %q", path, err, unpacked, plain)
		}
	}
}

// A body that is not said to be JSON is refused: a page of another site can send no other without asking.
func TestContentType(t *testing.T) {
	f := serve(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		for _, c := range [][3]string{{"PATCH", "/runs/1/tags", `{"add":["x"]}`}, {"POST", "/runs/3/cancel", `{}`}, {"POST", "/call/tags", `{"run":1,"add":["x"]}`}} {
			if res, _ := f.do(t, c[0], c[1], c[2], "Content-Type", kind); res.StatusCode != 400 {
				t.Errorf("%q: %s is answered with %d", kind, c[1], res.StatusCode)
			}
		}
	}
}

// events reads a stream of events.
type events struct {
	t    *testing.T
	body *bufio.Reader
	stop context.CancelFunc
}

func (f *fixture) listen(t *testing.T, path, last string) *events {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, "GET", f.URL+"/api/v1"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := f.Client().Do(req)
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(res, err)
	}
	t.Cleanup(func() { cancel(); res.Body.Close() })
	return &events{t, bufio.NewReader(res.Body), cancel}
}

func (e *events) next() (id, name, data string) {
	e.t.Helper()
	for {
		line, err := e.body.ReadString('\n')
		if err != nil {
			e.t.Fatalf("the stream ended: %v", err)
		}
		switch field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name != "" {
				return id, name, data
			}
		}
	}
}

// until reads on to an event that has something.
func (e *events) until(has string) {
	e.t.Helper()
	for {
		if _, _, data := e.next(); strings.Contains(data, has) {
			return
		}
	}
}

func (e *events) want(name, has string) string {
	e.t.Helper()
	id, got, data := e.next()
	if got != name || !strings.Contains(data, has) {
		e.t.Fatalf("%s: %.200s; want %s with %s", got, data, name, has)
	}
	return id
}

func TestRunsEvents(t *testing.T) {
	f := serve(t)
	a := f.listen(t, "/events", "")
	a.want("reset", "")
	f.store.Run(t, metastore.RunSucceeded, "eve")
	var last string
	for seen := ""; !strings.Contains(seen, `"status":"succeeded"`) || !strings.Contains(seen, `"user":"eve"`); { // it is made in several commits
		last, _, seen = a.next()
	}
	a.stop()
	f.do(t, "PATCH", "/runs/1/tags", `{"add":["while-away"]}`, "Content-Type", jsonType)
	b := f.listen(t, "/events", "")
	b.want("reset", "")
	f.do(t, "PATCH", "/runs/2/tags", `{"add":["for-both"]}`, "Content-Type", jsonType)
	b.until(`"for-both"`)
	c := f.listen(t, "/events", last) // comes back: nothing is missing, nothing comes twice
	c.want("run", `"while-away"`)
	c.want("run", `"for-both"`)
	for _, unknown := range []string{"x", last + "0", strings.Replace(last, "-", "-9", 1)} {
		f.listen(t, "/events", unknown).want("reset", "")
	}
}

// A run that is removed is told of, and one that newer ones push out of what is watched is not.
func TestRemovedRuns(t *testing.T) {
	f := serve(t)
	e := f.listen(t, "/events", "")
	e.want("reset", "")
	if err := f.store.Meta.Remove(t.Context(), []int64{2}); err != nil {
		t.Fatal(err)
	}
	e.want("removed", `{"run":2}`)
	for range 100 {
		f.store.Run(t, metastore.RunSucceeded, "eve")
	}
	f.do(t, "PATCH", "/runs/103/tags", `{"add":["the-last-one"]}`, "Content-Type", jsonType)
	for {
		_, name, data := e.next()
		if name == "removed" {
			t.Fatalf("run 1 is there, and %s", data)
		}
		if strings.Contains(data, "the-last-one") {
			break
		}
	}
}

func TestRunEvents(t *testing.T) {
	f := serve(t)
	e := f.listen(t, "/runs/3/events", "")
	e.want("reset", "")
	done := make(chan error, 1)
	f.store.Meta.Record(metastore.Record{
		Attempt: &metastore.Attempt{Run: 3, Task: 9, Status: metastore.AttemptSucceeded, Started: apitest.Start, Ended: apitest.Start}, Done: func(err error) { done <- err },
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := f.store.Meta.EndRun(t.Context(), 3, metastore.RunEnd{Status: metastore.RunSucceeded, FailedTask: -1, Ended: apitest.Start}); err != nil {
		t.Fatal(err)
	}
	rows, over := false, false
	for !over {
		_, name, data := e.next()
		rows = rows || name == "rows" && strings.Contains(data, `"task":[`) && strings.Contains(data, "9]")
		over = name == "run" && strings.Contains(data, `"status":"succeeded"`)
	}
	if !rows {
		t.Error("the run is over and its last task was not told")
	}
	if res, _ := f.do(t, "GET", "/runs/99/events", ""); res.StatusCode != 404 {
		t.Errorf("a run that is not there: %d", res.StatusCode)
	}
}

func TestLogEvents(t *testing.T) {
	f := serve(t)
	e := f.listen(t, "/runs/1/tasks/4/log/events", "")
	e.want("lines", `"out"`)
	if id := e.want("end", ""); id != "3" {
		t.Errorf("the cursor at the end is %s", id)
	}
	e = f.listen(t, "/runs/1/tasks/4/log/events", "2")
	e.want("lines", `[{"time":`)
	e.want("end", "")
	e = f.listen(t, "/runs/1/tasks/5/log/events?attempt=1&stream=stderr", "")
	e.want("lines", `"  err"`)
	e.want("end", "")
	if res, _ := f.do(t, "GET", "/runs/1/tasks/400/log/events", ""); res.StatusCode != 404 {
		t.Errorf("a task that is not there: %d", res.StatusCode)
	}
}

// numbered are lines that each have their number.
func numbered(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf("%d %s", i, strings.Repeat("x", 90))) {
				return
			}
		}
	}
}

// A long log comes whole and in order, in events of a bounded size; a line that is longer than that is one.
func TestLongLog(t *testing.T) {
	const n = 20_000
	f := serve(t)
	long := strings.Repeat("y", 300_000)
	f.store.Print(t, 3, 9, 0, func(yield func(string) bool) {
		numbered(n)(yield)
		yield(long)
	})
	e := f.listen(t, "/runs/3/tasks/9/log/events", "")
	for next := 0; next <= n; {
		id, name, data := e.next()
		var page struct{ Lines []struct{ Text string } }
		if err := json.Unmarshal([]byte(data), &page); err != nil || name != "lines" {
			t.Fatal(name, err)
		}
		for _, l := range page.Lines {
			if next == n && l.Text != long || next < n && !strings.HasPrefix(l.Text, fmt.Sprint(next, " ")) {
				t.Fatalf("line %d is %.20s", next, l.Text)
			}
			next++
		}
		if id != fmt.Sprint(next) {
			t.Fatalf("the event up to line %d has the id %s", next, id)
		}
		if next <= n && len(data) > 128<<10 {
			t.Fatalf("an event of %d lines has %d bytes", len(page.Lines), len(data))
		}
	}
}

// A reader that takes nothing is cut off.
func TestStalledReader(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunRunning, "ann")
	s.Print(t, 1, 9, 0, numbered(300_000)) // more than what the system keeps of a connection
	h := webapi.New(webapi.Options{API: s.Service, Tick: time.Millisecond, Patience: 50 * time.Millisecond})
	defer h.Close()
	began, ended := make(chan int, 1), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		h.ServeHTTP(&firstWrite{ResponseWriter: w, tell: func() { began <- h.Listeners() }}, r)
	}))
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /api/v1/runs/1/tasks/9/log/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if n := <-began; n != 1 {
		t.Errorf("there are %d readers", n)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the server waits for a reader that takes nothing")
	}
	if n := h.Listeners(); n != 0 {
		t.Errorf("%d readers are left", n)
	}
}

// firstWrite tells of the first write.
type firstWrite struct {
	http.ResponseWriter
	tell func()
}

func (f *firstWrite) Write(data []byte) (int, error) {
	if f.tell != nil {
		f.tell()
		f.tell = nil
	}
	return f.ResponseWriter.Write(data)
}

func (f *firstWrite) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// slowStore is a store that is slow to read the tasks of run 1.
type slowStore struct {
	*metamem.Store
	asked chan struct{} // for them
	let   chan struct{} // closed when they are to come
}

func (s *slowStore) Timeline(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.TimelineRow, error] {
	if f.Run == 1 {
		s.asked <- struct{}{}
		select {
		case <-s.let:
		case <-ctx.Done():
		}
	}
	return s.Store.Timeline(ctx, f)
}

// Who waits for news of a run of which the store is slow to read keeps nobody waiting who wants others', and may leave.
func TestFirstLook(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunRunning, "ann")
	s.Run(t, metastore.RunRunning, "ann")
	slow := &slowStore{Store: s.Meta, asked: make(chan struct{}, 100), let: make(chan struct{})}
	cases := service.New(service.Config{Store: slow, Data: s.Data, Host: "here", Boot: "boot", Now: func() time.Time { return apitest.Start }})
	h := webapi.New(webapi.Options{API: api.New(api.Config{Cases: cases, Store: slow, Data: s.Data}), Tick: time.Millisecond})
	f := &fixture{httptest.NewServer(h), s}
	defer f.Close()
	defer h.Close()
	answers := make(chan *http.Response, 2)
	ask := func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, "GET", f.URL+"/api/v1/runs/1/events", nil)
		if err != nil {
			t.Error(err)
			return
		}
		res, _ := f.Client().Do(req) // nil: there was no answer
		answers <- res
	}
	patient, end := context.WithCancel(t.Context())
	defer end()
	impatient, leave := context.WithCancel(patient)
	go ask(impatient)
	<-slow.asked
	go ask(patient)
	f.listen(t, "/runs/2/events", "").next()
	leave()
	if res := <-answers; res != nil {
		t.Errorf("who left was answered: %s", res.Status)
	}
	close(slow.let)
	res := <-answers
	if res == nil || res.StatusCode != http.StatusOK {
		t.Fatalf("who waited was not answered: %+v", res)
	}
	defer res.Body.Close()
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "retry: 1000\n" {
		t.Errorf("who waited got %q, %v", line, err)
	}
}

// Streams end when the server does.
func TestClose(t *testing.T) {
	s := apitest.New(t)
	h := webapi.New(webapi.Options{API: s.Service, Tick: time.Millisecond})
	f := &fixture{httptest.NewServer(h), s}
	s.Run(t, metastore.RunRunning, "ann")
	for _, path := range []string{"/events", "/runs/1/events", "/runs/1/tasks/9/log/events"} {
		e := f.listen(t, path, "")
		if path != "/runs/1/tasks/9/log/events" { // which has nothing to say
			e.next()
		}
		defer func() {
			if rest, err := io.ReadAll(e.body); err != nil {
				t.Errorf("%s: %q, %v", path, rest, err)
			}
		}()
	}
	if n := h.Listeners(); n != 3 {
		t.Errorf("%d listeners", n)
	}
	h.Close()
	f.Close() // waits for them
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
