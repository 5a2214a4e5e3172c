package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/server"
)

var pages = fstest.MapFS{
	"index.html":       {Data: []byte("<!doctype html>the app")},
	"assets/app-1.js":  {Data: []byte("run()")},
	"assets/deep/x.js": {Data: []byte("x")},
}

func start(t *testing.T, log io.Writer) (url string, stop func() error) {
	t.Helper()
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann")
	s.Run(t, metastore.RunRunning, "ann")
	l, err := server.Listen("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	srv := server.New(server.Config{API: s.Service, UI: pages, Version: "1", Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	ended := false
	stop = func() error { ended = true; cancel(); return <-done }
	t.Cleanup(func() {
		if !ended {
			stop()
		}
	})
	return "http://" + l.Addr().String(), stop
}

func get(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestServer(t *testing.T) {
	url, _ := start(t, io.Discard)
	for _, c := range []struct {
		method, path string
		header       string // "Name: value"
		status       int
		has          string
	}{
		{"GET", "/", "", 200, "the app"},
		{"GET", "/runs/12/tasks/3", "", 200, "the app"},
		{"GET", "/assets", "", 200, "the app"},
		{"GET", "/assets/app-1.js", "", 200, "run()"},
		{"GET", "/assets/app-2.js", "", 404, ""},
		{"GET", "/../../etc/passwd", "", 200, "the app"},
		{"POST", "/runs/12", "", 400, "can only be read"},
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/readyz", "", 200, "ok"},
		{"GET", "/api/v1/runs/1", "", 200, `"flow":"Train"`},
		{"GET", "/api/v2/runs", "", 404, "openapi.json"},
		{"GET", "/api/v1/runs", "Host: example.com", 403, "this machine only"},
		{"GET", "/api/v1/runs", "Host: 127.0.0.1.example.com:80", 403, "this machine only"},
		{"GET", "/api/v1/runs", "Host: localhost", 200, "runs"},
		{"GET", "/api/v1/runs", "Host: [::1]:99", 200, "runs"},
		{"GET", "/api/v1/runs", "Origin: http://example.com", 403, "may not use this server"},
		{"GET", "/api/v1/runs", "Origin: null", 403, "may not use this server"},
		{"GET", "/api/v1/runs", "Origin: " + url, 200, "runs"},
		{"GET", "/metrics", "", 200, `levada_runs{flow="Train"} 2`},
		{"GET", "/metrics", "", 200, `levada_http_request_duration_seconds_count{route="/api/v1/runs/{run}",method="GET",status="200"} 1`},
		{"GET", "/metrics", "", 200, "levada_tasks_running 1\n"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if name, value, ok := strings.Cut(c.header, ": "); name == "Host" {
			req.Host = value
		} else if ok {
			req.Header.Set(name, value)
		}
		res, body := get(t, req)
		if res.StatusCode != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s %s: %d, %.200s", c.method, c.path, c.header, res.StatusCode, body)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.path, res.Header)
		}
		if strings.Contains(body, "the app") && !strings.Contains(res.Header.Get("Content-Security-Policy"), "script-src 'self';") {
			t.Errorf("%s: the policy is %q", c.path, res.Header.Get("Content-Security-Policy"))
		}
	}
}

// A body that is too large is refused and not read to its end.
func TestLargeBody(t *testing.T) {
	url, _ := start(t, io.Discard)
	body := append([]byte(`{"add":["`), bytes.Repeat([]byte("x"), 17<<20)...)
	req, err := http.NewRequestWithContext(t.Context(), "PATCH", url+"/api/v1/runs/1/tags", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return // the server has closed the connection while we wrote
	}
	defer res.Body.Close()
	if res.StatusCode < 400 || res.StatusCode >= 500 {
		t.Errorf("%d", res.StatusCode)
	}
}

// Streams of events do not keep a server from ending.
func TestGracefulEnd(t *testing.T) {
	var log bytes.Buffer
	url, stop := start(t, &log)
	req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("the stream was cut off: %v", err)
	}
	if !strings.Contains(log.String(), "path=/api/v1/events status=200") {
		t.Errorf("the log is %s", log.String())
	}
}

func TestListen(t *testing.T) {
	for _, host := range []string{"0.0.0.0", "192.0.2.1", "example.com", "", "::"} {
		if l, err := server.Listen(host, 0); !fault.Is(err, fault.Permission) {
			t.Errorf("%q: %v, %v", host, l, err)
		}
	}
	l, err := server.Listen("localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := server.Listen("127.0.0.1", l.Addr().(*net.TCPAddr).Port); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a port in use: %v", err)
	}
}
