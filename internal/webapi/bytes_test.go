package webapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/webapi"
)

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
		{"POST", "/call/runs", `{"limitt":1}`, "there is no parameter"}, {"POST", "/call/runs", `{"limit":"x"}`, "must be a whole number"},
		{"PATCH", "/runs/1/tags", `{"add":"x"}`, "must be a list"}, {"PATCH", "/runs/1/tags", `{"ad":["x"]}`, "there is no parameter"},
		{"GET", "/runs?limit=1&limit=2", "", "can be given only once"},
	} {
		res, data := f.do(t, c[0], c[1], c[2], "Content-Type", jsonType)
		if res.StatusCode != 400 || !strings.Contains(string(data), c[3]) || strings.Contains(string(data), "json:") || strings.Contains(string(data), "Go ") {
			t.Errorf("%s %s %s: %d, %q", c[0], c[1], c[2], res.StatusCode, data)
		}
	}
}

// readings counts how often a log is read.
type readings struct {
	metastore.Store
	n atomic.Int32
}

func (r *readings) Log(ctx context.Context, run, task int64, attempt int) ([]byte, error) {
	r.n.Add(1)
	return r.Store.Log(ctx, run, task, attempt)
}

// A log is read once to be downloaded, however long it is, and not from its beginning for each part.
func TestALogIsReadOnce(t *testing.T) {
	s := apitest.New(t)
	run := s.Run(t, metastore.RunSucceeded, "ann")
	const lines = 20_000
	var w tasklog.Writer
	var log []byte
	for range lines {
		log = w.Append(log, tasklog.Line{Time: apitest.Start, Text: []byte("x"), Newline: true})
	}
	done := make(chan error, 1)
	s.Meta.Record(metastore.Record{
		Attempt: &metastore.Attempt{Run: run, Task: 1, Status: metastore.AttemptSucceeded, Started: apitest.Start, Ended: apitest.Start},
		Log:     log, Soon: true, Done: func(err error) { done <- err },
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	store := &readings{Store: s.Meta}
	cases := service.New(service.Config{Store: store, Data: s.Data, Home: t.TempDir(), Now: time.Now})
	h := webapi.New(webapi.Options{API: api.New(api.Config{Cases: cases, Store: store, Data: s.Data})})
	defer h.Close()
	res := httptest.NewRecorder()
	h.ServeHTTP(res, httptest.NewRequest("GET", "/api/v1/runs/1/tasks/1/log.txt", nil))
	if n := bytes.Count(res.Body.Bytes(), []byte("x\n")); res.Code != 200 || n != lines || store.n.Load() != 1 {
		t.Errorf("%d, %d lines after %d readings", res.Code, n, store.n.Load())
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
