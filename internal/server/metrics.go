package server

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/api"
)

// metrics are the numbers that Prometheus collects, in its text format, version 0.0.4. They are a page of code because
// the official library adds half a megabyte of protocol buffers and its start to every command.
type metrics struct {
	api       *api.Service
	listeners func() int
	began     time.Time
	free      func() (int64, bool) // bytes where the store is; may be nil

	mu       sync.Mutex
	requests map[requestKey]*requestCount
}

type requestKey struct {
	route, method string
	status        int
}

// buckets are the upper bounds of the histogram of times, in seconds.
var buckets = [...]float64{0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10}

type requestCount struct {
	n       int64
	seconds float64
	within  [len(buckets)]int64
}

func newMetrics(a *api.Service, listeners func() int) *metrics {
	return &metrics{api: a, listeners: listeners, began: time.Now(), requests: map[requestKey]*requestCount{}}
}

func (m *metrics) request(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch:
	default:
		method = "other" // whoever sends it chooses the word
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := requestKey{route, method, status}
	c := m.requests[key]
	if c == nil {
		c = &requestCount{}
		m.requests[key] = c
	}
	c.n++
	c.seconds += took.Seconds()
	for i, bound := range buckets {
		if took.Seconds() <= bound {
			c.within[i]++
		}
	}
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var out bytes.Buffer
	begin := func(name, kind, help string) {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	begin("levada_up", "gauge", "Whether the store can be read.")
	overview, err := m.overview(r.Context())
	if err != nil {
		fmt.Fprintln(&out, "levada_up 0")
	} else {
		fmt.Fprintln(&out, "levada_up 1")
		begin("levada_runs", "gauge", "Runs of each flow in the store.")
		for _, f := range overview.flows {
			fmt.Fprintf(&out, "levada_runs{flow=%s} %d\n", strconv.Quote(f.Name), f.Runs)
		}
		begin("levada_runs_running", "gauge", "Runs that go on now.")
		fmt.Fprintf(&out, "levada_runs_running %d\n", overview.running)
		begin("levada_tasks_running", "gauge", "Tasks that run now.")
		fmt.Fprintf(&out, "levada_tasks_running %d\n", overview.tasks)
		begin("levada_recent_runs", "gauge", "The newest 1000 runs by status.")
		for _, status := range slices.Sorted(maps.Keys(overview.recent)) {
			fmt.Fprintf(&out, "levada_recent_runs{status=%q} %d\n", status, overview.recent[status])
		}
	}
	if m.free != nil {
		if free, ok := m.free(); ok {
			begin("levada_store_free_bytes", "gauge", "Bytes that can be written on the disk of the store.")
			fmt.Fprintf(&out, "levada_store_free_bytes %d\n", free)
		}
	}
	m.writeRequests(&out, begin)
	begin("levada_event_listeners", "gauge", "Readers that wait for events.")
	fmt.Fprintf(&out, "levada_event_listeners %d\n", m.listeners())
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	begin("process_start_time_seconds", "gauge", "When the server was started, in seconds since 1970.")
	fmt.Fprintf(&out, "process_start_time_seconds %.3f\n", float64(m.began.UnixMilli())/1000)
	begin("go_goroutines", "gauge", "Goroutines of the server.")
	fmt.Fprintf(&out, "go_goroutines %d\n", runtime.NumGoroutine())
	begin("go_memstats_sys_bytes", "gauge", "Bytes that the server has from the system.")
	fmt.Fprintf(&out, "go_memstats_sys_bytes %d\n", mem.Sys)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write(out.Bytes())
}

func (m *metrics) writeRequests(out *bytes.Buffer, begin func(name, kind, help string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	begin("levada_http_request_duration_seconds", "histogram", "Times of requests; of streams of events, how long they were open.")
	keys := slices.SortedFunc(maps.Keys(m.requests), func(a, b requestKey) int {
		return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.method, b.method), cmp.Compare(a.status, b.status))
	})
	for _, k := range keys {
		c := m.requests[k]
		labels := fmt.Sprintf("route=%s,method=%q,status=\"%d\"", strconv.Quote(k.route), k.method, k.status)
		for i, bound := range buckets {
			fmt.Fprintf(out, "levada_http_request_duration_seconds_bucket{%s,le=\"%g\"} %d\n", labels, bound, c.within[i])
		}
		fmt.Fprintf(out, "levada_http_request_duration_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, c.n)
		fmt.Fprintf(out, "levada_http_request_duration_seconds_sum{%s} %g\n", labels, c.seconds)
		fmt.Fprintf(out, "levada_http_request_duration_seconds_count{%s} %d\n", labels, c.n)
	}
}

type overview struct {
	flows          []api.Flow
	running, tasks int
	recent         map[string]int
}

func (m *metrics) overview(ctx context.Context) (overview, error) {
	o := overview{recent: map[string]int{}}
	flows, err := m.api.Flows(ctx, api.FlowsRequest{})
	if err != nil {
		return o, err
	}
	o.flows = flows.Flows
	running := api.RunsRequest{Status: api.One(api.Running), Counts: true}
	for more := true; more; more = running.Cursor != "" {
		page, err := m.api.Runs(ctx, running)
		if err != nil {
			return o, err
		}
		for _, r := range page.Runs {
			o.running++
			o.tasks += r.Tasks.Running
		}
		running.Cursor = page.Next
	}
	recent, err := m.api.Runs(ctx, api.RunsRequest{Limit: 1000})
	for _, r := range recent.Runs {
		o.recent[string(r.Status)]++
	}
	return o, err
}
