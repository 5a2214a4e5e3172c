package server_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/server"
)

// TestNoRoom asks a server whether it is ready while the disk of its store is full, and after that.
func TestNoRoom(t *testing.T) {
	free := int64(4096)
	var log bytes.Buffer
	h := server.New(server.Config{API: apitest.New(t).Service, Version: "1", Free: func() (int64, bool) { return free, true },
		Log: slog.New(slog.NewTextHandler(&log, nil))})
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		return w.Code, w.Body.String()
	}
	if status, body := ask("/readyz"); status != 503 || !strings.Contains(body, "full") || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("without room: %d, %s; log %s", status, body, log.String())
	}
	if _, body := ask("/metrics"); !strings.Contains(body, "\nlevada_store_free_bytes 4096\n") {
		t.Errorf("metrics: %s", body)
	}
	free = 1 << 30
	if status, body := ask("/readyz"); status != 200 {
		t.Errorf("with room: %d, %s", status, body)
	}
}

// TestReadOnly asks a server whether it is ready while its store can be read and not written, and after that.
func TestReadOnly(t *testing.T) {
	var log bytes.Buffer
	why := fault.Of("write to", "/srv/store", syscall.EROFS)
	h := server.New(server.Config{API: apitest.New(t).Service, Version: "1", Writable: func() error { return why }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/readyz", nil))
		return w.Code, w.Body.String()
	}
	for range 2 {
		if status, body := ask(); status != 503 || !strings.Contains(body, "cannot be written: write to: /srv/store") {
			t.Errorf("read-only: %d, %s", status, body)
		}
	}
	if strings.Count(log.String(), "level=ERROR") != 1 {
		t.Errorf("the log has %s", log.String())
	}
	why = nil
	if status, body := ask(); status != 200 {
		t.Errorf("writable: %d, %s", status, body)
	}
}

// TestMetricsOfManyRuns has more runs that go on than one page of a list holds.
func TestMetricsOfManyRuns(t *testing.T) {
	s := apitest.New(t)
	for range 1001 {
		run := metastore.Run{Flow: "Train", Status: metastore.RunRunning, Created: apitest.Start, Lease: metastore.Lease{Host: "elsewhere", Heartbeat: apitest.Start}}
		if _, err := s.Meta.CreateRun(t.Context(), run, metastore.Beginning{}); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	server.New(server.Config{API: s.Service, Version: "1"}).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics", nil))
	if !strings.Contains(w.Body.String(), "\nlevada_runs_running 1001\n") {
		t.Errorf("metrics: %s", w.Body.String())
	}
}
