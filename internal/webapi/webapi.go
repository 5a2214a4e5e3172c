// Package webapi is the HTTP API of a store, version 1, below /api/v1.
//
// It is a thin layer over package api: a [route] says how a path and its query become a request of that package, and
// which of its use cases answers; nothing else is decided here. openapi.json is generated from the table of routes, so
// what is documented is what is accepted: a parameter that a route does not name is refused.
//
// Answers to GET have an ETag, and one that the reader has already is not sent again. Errors are problem+json (RFC
// 9457) with the fault's kind and, where there is one, the next step. Lists come in pages: "next" is the next request's
// cursor.
//
// Changes are reported as server-sent events (events.go). Since any process may write to the store, the store is polled
// a few times a second while somebody listens; while nobody does, nothing is done.
package webapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
	"github.com/levadahq/levada/internal/mfdata"
)

// Prefix is where the API lives.
const Prefix = api.Prefix

// Options are what an API is made of.
type Options struct {
	API *api.Service
	Log *slog.Logger
	// Tick is how often the store is looked at for those who wait for news. 0 is usualTick.
	Tick time.Duration
	// Patience is for how long a reader of events may take nothing of one that is sent. 0 is usualPatience.
	Patience time.Duration
}

const (
	usualTick     = 250 * time.Millisecond
	usualPatience = 30 * time.Second
)

// API is the handler. Close ends the streams of events.
type API struct {
	Options
	mux        *http.ServeMux
	hubs       hubs
	logReaders atomic.Int64 // that follow a log now
}

// New returns the API.
func New(o Options) *API {
	if o.Tick == 0 {
		o.Tick = usualTick
	}
	if o.Patience == 0 {
		o.Patience = usualPatience
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{Options: o, mux: http.NewServeMux()}
	a.hubs.init(a)
	for _, rt := range routes {
		a.mux.Handle(rt.method+" "+Prefix+rt.path, a.handler(rt))
	}
	a.mux.HandleFunc("GET "+Prefix+"/openapi.json", a.openapi)
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if allowed := httpedge.Allowed(a.mux, r); len(allowed) > 0 {
			WriteNotAllowed(w, r, allowed...)
			return
		}
		writeProblem(w, http.StatusNotFound, fault.New(fault.NotFound, "there is nothing at %s", r.URL.Path).Do("the API is described at %s/openapi.json", Prefix))
	})
	return a
}

// Close ends the streams of events, which otherwise go on until their readers leave.
func (a *API) Close() { a.hubs.close() }

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Pattern returns the route that a request takes, for logs and metrics: of all requests there are few.
func (a *API) Pattern(r *http.Request) string {
	_, pattern := a.mux.Handler(r)
	return pattern
}

//go:embed openapi.json
var document []byte

func (a *API) openapi(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(document)
}

// route is one row of the table of routes.
type route struct {
	method, path string
	about        string // one sentence for the documentation
	query        string // names of the parameters that the query may have
	body         any    // zero value of what the body is, nil without one
	result       any    // zero value of the answer; media, events for others
	status       int    // of a good answer; 0 is 200
	answer       func(*API, *request) error
}

// media is the result of a route that answers with something else than JSON.
type media string

// request is a request that is being answered. The methods that read parameters keep the first error, which get and
// others return before anything is asked.
type request struct {
	*http.Request
	w     http.ResponseWriter
	query url.Values
	err   error
}

func (r *request) bad(format string, args ...any) {
	if r.err == nil {
		r.err = fault.New(fault.Usage, format, args...)
	}
}

// id reads a number from the path.
func (r *request) id(name string) int64 {
	text := r.PathValue(name)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		r.bad("%q is not the id of a %s: that is a number", text, name)
	}
	return n
}

// text reads a parameter that can be given once.
func (r *request) text(name string) string {
	if n := len(r.query[name]); n > 1 {
		r.bad("the parameter %q can be given only once, but is there %d times", name, n)
	}
	return r.query.Get(name)
}

// number reads a number from the query, other if it is not there.
func (r *request) number(name string, other int64) int64 {
	text := r.text(name)
	if text == "" {
		return other
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		r.bad("%s=%q is not a number", name, text)
	}
	return n
}

func (r *request) int(name string, other int) int { return int(r.number(name, int64(other))) }

// flag reads a truth from the query.
func (r *request) flag(name string) bool {
	text := r.text(name)
	b, err := strconv.ParseBool(text)
	if text != "" && err != nil {
		r.bad("%s=%q is neither true nor false", name, text)
	}
	return b
}

// time reads a moment from the query: microseconds since 1970, or as RFC 3339 has it.
func (r *request) time(name string) api.Time {
	text := r.text(name)
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return api.Time(n)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.bad("%s=%q is not a time: give microseconds since 1970, or 2026-01-31T12:00:00Z", name, text)
	}
	return api.TimeOf(t)
}

func (r *request) ids(name string) []int64 {
	var ids []int64
	for _, text := range r.query[name] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			r.bad("%s=%q is not a number", name, text)
		}
		ids = append(ids, n)
	}
	return ids
}

// attempt reads the number of an attempt from the query, nil for the last.
func (r *request) attempt() *int {
	if r.text("attempt") == "" {
		return nil
	}
	n := r.int("attempt", 0)
	return &n
}

// tried refuses an attempt that the task does not have.
func (a *API) tried(r *request, n int) {
	run, task := r.id("run"), r.id("task")
	if r.err == nil {
		r.err = a.API.HasAttempt(r.Context(), run, task, n)
	}
}

// isJSON refuses a body that does not say that it is JSON.
func (r *request) isJSON() {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		r.bad("the body of the request must be JSON, with Content-Type: application/json")
	}
}

// decode reads the body.
func (r *request) decode(into any) {
	if r.isJSON(); r.err != nil {
		return
	}
	err := api.Strict(r.Body, into)
	if errors.Is(err, io.EOF) { // nothing is the zero request
		return
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) { // has a status of its own
		r.err = fault.New(fault.Usage, "a request can have at most %d MiB", tooLarge.Limit>>20).Because(err)
		return
	}
	if err != nil {
		r.bad("the body of the request cannot be read: %v", err)
	}
}

// handler answers the requests of a route.
func (a *API) handler(rt route) http.Handler {
	known := strings.Fields(rt.query)
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		query, err := url.ParseQuery(hr.URL.RawQuery)
		r := &request{Request: hr, w: w, query: query}
		if err != nil {
			r.bad("the query of the address cannot be read: %v", err)
		}
		for name := range query {
			if !slices.Contains(known, name) {
				r.bad("there is no parameter %q here", name)
				if f := new(fault.Error); errors.As(r.err, &f) && f.Hint == "" && len(known) > 0 {
					f.Do("there are: %s", strings.Join(known, ", "))
				}
			}
		}
		if n := r.attempt(); n != nil { // a route without attempts has refused the parameter
			a.tried(r, *n)
		}
		if r.err == nil {
			r.err = rt.answer(a, r)
		}
		if r.err != nil {
			a.fail(w, hr, r.err)
		}
	})
}

// fail answers with an error. One that nobody can do anything about from outside is logged.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody listens
	}
	status := httpedge.StatusOf(err)
	if status >= 500 && !mfdata.IsElsewhere(err) { // a value that was never here is no failure of the server
		a.Log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	writeProblem(w, status, err)
}

// ask makes the answer of a route whose result is JSON.
func ask[Q, R any](read func(*request) Q, use func(*api.Service, context.Context, Q) (R, error)) func(*API, *request) error {
	return act(http.StatusOK, read, use)
}

// act makes the answer of a route that changes something.
func act[Q, R any](status int, read func(*request) Q, use func(*api.Service, context.Context, Q) (R, error)) func(*API, *request) error {
	return func(a *API, r *request) error {
		q := read(r)
		if r.err != nil {
			return r.err
		}
		res, err := use(a.API, r.Context(), q)
		if err != nil {
			return err
		}
		return r.json(status, res)
	}
}

// gzipFrom is the size in bytes from which an answer is compressed.
const gzipFrom = 16 << 10

// json writes an answer, unless its reader has it.
func (r *request) json(status int, result any) error {
	body, err := json.Marshal(result)
	if err != nil {
		return fault.Wrap(fault.Internal, "write the answer", err)
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/json")
	if r.Method == http.MethodGet && r.known(body) {
		return nil
	}
	h.Set("Vary", "Accept-Encoding")
	if len(body) >= gzipFrom && AcceptsGzip(r.Request) {
		h.Set("Content-Encoding", "gzip")
		var buf bytes.Buffer
		z, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
		z.Write(body)
		z.Close()
		body = buf.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	r.w.WriteHeader(status)
	r.w.Write(body) // an error means that the reader is gone
	return nil
}

// known gives an answer to GET its ETag, and is the answer if the reader has it already.
func (r *request) known(body []byte) bool {
	h := r.w.Header()
	sum := sha256.Sum256(body)
	etag := `W/"` + hex.EncodeToString(sum[:12]) + `"`
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-cache") // it may be kept, but must be asked for again
	if !has(r.Header.Get("If-None-Match"), etag) {
		return false
	}
	r.w.WriteHeader(http.StatusNotModified)
	return true
}

// has reports whether an If-None-Match names an ETag.
func has(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

// stream copies bytes to the reader. Once they have begun, an error can only cut them off.
func (r *request) stream(contentType, fileName string, src io.ReadCloser) error {
	defer src.Close()
	first := make([]byte, 32<<10)
	n, err := io.ReadFull(src, first)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	h := r.w.Header()
	h.Set("Content-Type", contentType)
	if fileName != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName}))
	}
	to, end := io.Writer(r.w), func() error { return nil }
	if strings.HasPrefix(contentType, "text/") {
		o := r.output(true)
		to, end = o, o.Close
	}
	if _, err := to.Write(first[:n]); err != nil {
		return nil
	}
	if _, err := io.Copy(to, src); err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler) // so that the reader sees that it is not whole
	}
	end() // an error means that the reader is gone
	return nil
}

// Problem is an error as the API tells it: RFC 9457 with the kind of the fault and the next step.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Kind   string `json:"kind"`
	Hint   string `json:"hint,omitempty"`
}

// WriteNotAllowed answers that a method is not one of those by which something can be reached.
func WriteNotAllowed(w http.ResponseWriter, r *http.Request, allowed ...string) {
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, http.StatusMethodNotAllowed, fault.New(fault.Usage, "the method %s is not allowed for %s", r.Method, r.URL.Path))
}

// WriteProblem answers with an error.
func WriteProblem(w http.ResponseWriter, err error) { writeProblem(w, httpedge.StatusOf(err), err) }

func writeProblem(w http.ResponseWriter, status int, err error) {
	p := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: err.Error(), Kind: fault.KindOf(err).String()}
	if f := new(fault.Error); errors.As(err, &f) {
		p.Hint = fault.HintOf(err)
	}
	body, _ := json.Marshal(p)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s\n", body)
}
