package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
	"github.com/levadahq/levada/internal/remote"
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

// Who asks whether the server is ready is told of a store that was deleted: what is
// left of it can be read, but keeps nothing.
func TestNotReadyWithoutItsStore(t *testing.T) {
	for want, err := range map[int]error{200: nil, 503: fault.New(fault.NotFound, "the store was deleted").On("levada.db")} {
		h := server.New(server.Config{API: apitest.New(t).Service, Version: "1", Present: func() error { return err }})
		l, listens := server.Listen("127.0.0.1", 0)
		if listens != nil {
			t.Fatal(listens)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Serve(ctx, l) }()
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/readyz", nil)
		if res, body := get(t, req); res.StatusCode != want || err != nil && !strings.Contains(body, "levada.db: the store was deleted") {
			t.Errorf("%v: %d\n%s", err, res.StatusCode, body)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
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
		{"POST", "/runs/12", "", 405, "is not allowed for"},
		{"POST", "/", "", 405, "is not allowed for"},
		{"POST", "/healthz", "", 405, "is not allowed for"},
		{"PUT", "/metrics", "", 405, "is not allowed for"},
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
		{"GET", "/api/v1/runs", "Origin: https" + strings.TrimPrefix(url, "http"), 403, "may not use this server"},
		{"GET", "/api/v1/runs", "Sec-Fetch-Site: cross-site", 403, "pages of other sites"},
		{"GET", "/api/v1/runs", "Sec-Fetch-Site: same-site", 403, "pages of other sites"},
		{"GET", "/api/v1/runs", "Sec-Fetch-Site: same-origin", 200, "runs"},
		{"GET", "/api/v1/runs", "Sec-Fetch-Site: none", 200, "runs"},
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
		if allow := res.Header.Get("Allow"); c.status == 405 && allow != "GET, HEAD" {
			t.Errorf("%s %s: allowed is %q", c.method, c.path, allow)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.path, res.Header)
		}
		if strings.Contains(body, "the app") && !strings.Contains(res.Header.Get("Content-Security-Policy"), "script-src 'self';") {
			t.Errorf("%s: the policy is %q", c.path, res.Header.Get("Content-Security-Policy"))
		}
	}
}

// haproxy asks in HTTP/1.0 whether a server is ready, and names no host.
func TestWithoutHost(t *testing.T) {
	url, _ := start(t, io.Discard)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /readyz HTTP/1.0\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.0 200 OK") {
		t.Errorf("%s, %v", answer, err)
	}
}

// Scripts and styles are sent compressed to those who take them so, and whole parts of them to those who ask for parts.
func TestCompression(t *testing.T) {
	url, _ := start(t, io.Discard)
	for _, c := range []struct{ path, accepts, part, encoding, has string }{
		{"/assets/app-1.js", "gzip, br", "", "gzip", ""},
		{"/assets/app-1.js", "br", "", "", "run()"},
		{"/assets/app-1.js", "gzip;q=0", "", "", "run()"},
		{"/assets/app-1.js", "gzip", "bytes=0-2", "", "run"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", c.accepts)
		if c.part != "" {
			req.Header.Set("Range", c.part)
		}
		res, body := get(t, req)
		if res.Header.Get("Content-Encoding") != c.encoding || res.Header.Get("Vary") != "Accept-Encoding" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%+v: %v", c, res.Header)
		}
		if c.encoding == "" {
			if body != c.has {
				t.Errorf("%+v: %q", c, body)
			}
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || string(plain) != "run()" {
			t.Errorf("%+v: %q, %v", c, plain, err)
		}
	}
}

// A proxy that speaks TLS says so; then its pages are ours, and those without TLS are not.
func TestBehindTLS(t *testing.T) {
	url, _ := start(t, io.Discard)
	for _, c := range []struct {
		origin, forwarded string
		status            int
	}{
		{"https://localhost:9443", "https", 200}, {"https://localhost:9443", "HTTPS, http", 200}, {"https://localhost:9443", "", 403},
		{"http://localhost:9443", "https", 403}, {"http://localhost:9443", "http", 200}, {"https://example.com", "https", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v1/runs", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "localhost:9443"
		req.Header.Set("Origin", c.origin)
		if c.forwarded != "" {
			req.Header.Set("X-Forwarded-Proto", c.forwarded)
		}
		if res, body := get(t, req); res.StatusCode != c.status {
			t.Errorf("%s, forwarded from %q: %d %s", c.origin, c.forwarded, res.StatusCode, body)
		}
	}
}

// A proxy that names this machine and says by which name its reader came: the pages of that name are ours,
// where the browser has seen a certificate for it.
func TestBehindAProxyOfAnotherName(t *testing.T) {
	url, _ := start(t, io.Discard)
	for _, c := range []struct {
		host, name, proto, origin string
		status                    int
	}{
		{"127.0.0.1:8265", "levada.example.com", "https", "https://levada.example.com", 200},
		{"127.0.0.1:8265", "levada.example.com, inner", "https", "https://levada.example.com", 200},
		{"127.0.0.1:8265", "levada.example.com", "https", "https://example.com", 403},
		{"127.0.0.1:8265", "levada.example.com", "https", "https://127.0.0.1:8265", 403},
		{"127.0.0.1:8265", "", "https", "https://levada.example.com", 403},
		{"evil.example", "evil.example", "https", "https://evil.example", 403}, // a page that has its own name lead here
		{"127.0.0.1:8265", "evil.example", "http", "http://evil.example", 403}, // to the proxy
		{"127.0.0.1:8265", "evil.example", "", "http://evil.example", 403},
		{"127.0.0.1:8265", "evil.example", "https", "http://evil.example", 403},
		{"127.0.0.1:8265", "localhost:8080", "http", "http://localhost:8080", 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v1/runs", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		req.Header.Set("Origin", c.origin)
		if c.proto != "" {
			req.Header.Set("X-Forwarded-Proto", c.proto)
		}
		if c.name != "" {
			req.Header.Set("X-Forwarded-Host", c.name)
		}
		res, body := get(t, req)
		if res.StatusCode != c.status {
			t.Errorf("%+v: %d %s", c, res.StatusCode, body)
		}
		if c.proto == "http" && c.status == 403 && !strings.Contains(body, "reach the proxy by https") {
			t.Errorf("%+v: it is not said what to do: %s", c, body)
		}
	}
}

// What a proxy passes on is nobody's, even if the proxy is run by the server's own user.
func TestPassedOnIsNobodys(t *testing.T) {
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if uid := remote.UserOf(r.Context()); uid != nil {
			fmt.Fprint(w, *uid)
		}
	})
	srv := httptest.NewUnstartedServer(server.New(server.Config{API: apitest.New(t).Service, Store: who}))
	srv.Config.ConnContext = remote.WithPeer
	srv.Start()
	defer srv.Close()
	for header, want := range map[string]int{
		"": os.Getuid(), "Forwarded": mfdata.Somebody, "Via": mfdata.Somebody, "X-Real-IP": mfdata.Somebody,
		"X-Forwarded-For": mfdata.Somebody, "X-Forwarded-Host": mfdata.Somebody, "X-Forwarded-Proto": mfdata.Somebody,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/store/v1/who", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set(header, "10.0.0.7")
		}
		if _, body := get(t, req); body != "" && body != strconv.Itoa(want) {
			t.Errorf("with %q it is %s's, want %d", header, body, want)
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
	if res.StatusCode != http.StatusRequestEntityTooLarge {
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
	if _, err := io.ReadAll(res.Body); err != nil { // so end those that kept it for as long as it waits
		t.Errorf("the stream was cut off: %v", err)
	}
	if !strings.Contains(log.String(), "path=/api/v1/events status=200") {
		t.Errorf("the log is %s", log.String())
	}
}

// TestLinksFromOtherSites: a link to our pages may be anywhere, but nothing else of other sites.
func TestLinksFromOtherSites(t *testing.T) {
	url, _ := start(t, io.Discard)
	for _, c := range []struct {
		method, mode, dest string
		status             int
	}{
		{"GET", "navigate", "document", 200},
		{"GET", "navigate", "iframe", 403},
		{"GET", "no-cors", "image", 403},
		{"POST", "navigate", "document", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, url+"/runs/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Sec-Fetch-Mode", c.mode)
		req.Header.Set("Sec-Fetch-Dest", c.dest)
		if res, body := get(t, req); res.StatusCode != c.status {
			t.Errorf("%+v: %d, %.200s", c, res.StatusCode, body)
		}
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

// What is mounted beside the API gets bodies of any size, behind the same guard.
func TestMounted(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s: %d bytes, %v", r.URL.Path, n, err)
	})
	srv := httptest.NewServer(server.New(server.Config{API: apitest.New(t).Service, UI: pages, Store: echo}))
	defer srv.Close()
	for _, c := range []struct {
		path, host string
		status     int
		has        string
	}{
		{"/store/v1/x", "", 200, "/store/v1/x: 20971520 bytes, <nil>"},
		{"/store/v1/x", "evil.example", 403, "this machine only"},
		{"/metaflow/flows", "", 405, "is not allowed for"}, // nothing is there, so it is a page
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+c.path, bytes.NewReader(make([]byte, 20<<20)))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		req.Header.Set("Expect", "100-continue") // so that a refusal is seen before all is sent
		if res, body := get(t, req); res.StatusCode != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s of %q: %d %s", c.path, c.host, res.StatusCode, body)
		}
	}
}

// connection is an answer to which the kernel could copy files, as it can to a connection.
type connection struct {
	*httptest.ResponseRecorder
	files int64 // bytes that came of files
}

func (c *connection) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseRecorder, r)
	if l, ok := r.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			c.files += n
		}
	}
	return n, err
}

// A value of any size is not copied by the server itself, and is counted all the same.
func TestLargeValues(t *testing.T) {
	bucket := file.New(t.TempDir())
	value := strings.Repeat("x", 1<<20)
	if err := bucket.Put(t.Context(), "ab/c", strings.NewReader(value)); err != nil {
		t.Fatal(err)
	}
	values := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := bucket.Open(r.Context(), "ab/c")
		if err != nil {
			t.Error(err)
			return
		}
		defer v.Close()
		http.ServeContent(w, r, "", time.Time{}, v.(io.ReadSeeker))
	})
	var log bytes.Buffer
	srv := server.New(server.Config{
		API: apitest.New(t).Service, Store: values, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	w := &connection{ResponseRecorder: httptest.NewRecorder()}
	srv.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/store/v1/value", nil))
	if w.Code != 200 || w.Body.String() != value || w.files != int64(len(value)) {
		t.Errorf("status %d, %d bytes, of which %d are copied from the file", w.Code, w.Body.Len(), w.files)
	}
	if want := fmt.Sprintf("status=200 bytes=%d", len(value)); !strings.Contains(log.String(), want) {
		t.Errorf("the log does not have %q: %s", want, log.String())
	}
}
