package tracing

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/metastore"
)

// collector keeps what is sent to it.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []otlpSpan
	headers http.Header
	refuse  int // how many requests are answered with 503 first
}

func newCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if c.refuse > 0 {
			c.refuse--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var req request
		if err := json.Unmarshal(body, &req); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		c.headers = r.Header
		for _, rs := range req.ResourceSpans {
			for _, s := range rs.ScopeSpans {
				c.spans = append(c.spans, s.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

var began = time.Unix(1700000000, 5)

func attempt(n int, s metastore.AttemptStatus) *metastore.Attempt {
	return &metastore.Attempt{Run: 3, Task: 7, N: n, Status: s, Started: began, Ended: began.Add(time.Second), ExitCode: 1}
}

func end() metastore.RunEnd {
	return metastore.RunEnd{Status: metastore.RunSucceeded, Ended: began.Add(2 * time.Second)}
}

func TestATraceIsDelivered(t *testing.T) {
	c := newCollector(t)
	c.refuse = 2
	o := FromEnviron([]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL + "/", "OTEL_EXPORTER_OTLP_HEADERS=X-Key=a%20b",
		"TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}, "1.0", "here")
	tr := o.Start(metastore.Run{ID: 3, Flow: "F", Created: began})
	id := tr.NewSpan()
	a := attempt(0, metastore.AttemptFailed)
	a.Exception = &metastore.Exception{Type: "ValueError", Message: "bad", Traceback: "Traceback"}
	tr.Attempt(id, "train", a, "")
	if lost := tr.End(end(), nil); lost != "" {
		t.Fatal(lost)
	}
	if len(c.spans) != 2 || c.headers.Get("X-Key") != "a b" {
		t.Fatalf("%+v %v", c.spans, c.headers)
	}
	task, run := c.spans[0], c.spans[1]
	if run.Parent != "b7ad6b7169203331" || task.Parent != run.SpanID || task.TraceID != "0af7651916cd43dd8448eb211c80319c" || run.TraceID != task.TraceID {
		t.Errorf("links: %+v, %+v", task, run)
	}
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(task.SpanID) || task.Start != "1700000000000000005" || task.End != "1700000001000000005" {
		t.Errorf("%+v", task)
	}
	if task.Status == nil || task.Status.Code != 2 || task.Status.Message != "ValueError: bad" || len(task.Events) != 1 || run.Status != nil {
		t.Errorf("%+v, %+v", task, run)
	}
	if want := "00-" + task.TraceID + "-" + task.SpanID + "-01"; tr.Traceparent(id) != want {
		t.Errorf("%s, want %s", tr.Traceparent(id), want)
	}
}

// One that is away, or takes nothing, costs a bounded queue, a bounded time and one message.
func TestACollectorThatTakesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel alone, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone, _ := net.Listen("tcp", "127.0.0.1:0")
	gone.Close()
	for name, address := range map[string]string{"slow": l.Addr().String(), "away": gone.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := (&Options{Endpoint: "http://user:secret@" + address}).Start(metastore.Run{ID: 1, Created: began})
			start := time.Now()
			for range 3 * queued {
				tr.Attempt(tr.NewSpan(), "s", attempt(0, metastore.AttemptSucceeded), "")
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("the run waited %s", took)
			}
			hard := make(chan struct{})
			if name == "slow" {
				close(hard)
			}
			lost := tr.End(end(), hard)
			if !strings.HasPrefix(lost, "24577 spans ") || strings.Contains(lost, "secret") {
				t.Error(lost)
			}
			if took := time.Since(start); took > endTime+2*time.Second {
				t.Errorf("the end took %s", took)
			}
		})
	}
}

func TestNothingIsDoneWithoutAnEndpoint(t *testing.T) {
	for _, environ := range [][]string{nil, {"OTEL_EXPORTER_OTLP_ENDPOINT="},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://x", "OTEL_SDK_DISABLED=True"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://x", "TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}} {
		if o := FromEnviron(environ, "", ""); o != nil {
			t.Errorf("%v: %+v", environ, o)
		}
	}
	var o *Options
	tr, a := o.Start(metastore.Run{}), attempt(0, metastore.AttemptFailed)
	if n := testing.AllocsPerRun(10, func() { tr.Attempt(tr.NewSpan(), "s", a, tr.Traceparent(SpanID{})); tr.End(metastore.RunEnd{}, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if o := FromEnviron([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318"}, "", ""); o == nil || o.Problem == "" || o.Start(metastore.Run{}) != nil {
		t.Errorf("an address without a scheme: %+v", o)
	}
}

func TestResource(t *testing.T) {
	o := FromEnviron([]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x/y", "OTEL_SERVICE_NAME=mine", "OTEL_RESOURCE_ATTRIBUTES=service.name=other, a=b%2Cc,junk,=x"}, "1", "h")
	want := []Pair{{"service.name", "mine"}, {"service.version", "1"}, {"host.name", "h"}, {"a", "b,c"}}
	if d := cmp.Diff(want, o.Resource); d != "" || o.Endpoint != "http://x/y" {
		t.Error(d, o.Endpoint)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("a=b%20c,d=%zz")
	for _, bad := range []string{"", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"} {
		if _, _, ok := ParseTraceparent(bad); ok {
			f.Errorf("%q was taken", bad)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range ParsePairs(text) {
			if p.Name == "" {
				t.Errorf("%q has a pair without a name", text)
			}
		}
		if p, _, ok := ParseTraceparent(text); ok && !strings.Contains(text, (&Trace{id: p.Trace}).Traceparent(p.Span)[2:52]) {
			t.Errorf("%q is read as %+v", text, p)
		}
	})
}
