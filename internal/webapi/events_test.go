package webapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/metastore"
	metamem "github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/webapi"
)

// events reads a stream of events.
type events struct {
	t    *testing.T
	body *bufio.Reader
	stop context.CancelFunc
}

func (f *fixture) listen(t *testing.T, path, last string) *events {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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
	// It is made in several commits.
	for seen := ""; !strings.Contains(seen, `"status":"succeeded"`) || !strings.Contains(seen, `"user":"eve"`); {
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
	case <-time.After(time.Minute):
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
