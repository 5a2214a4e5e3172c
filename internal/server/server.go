// Package server is `levada server`: one address for the web pages, the HTTP API and what monitoring needs, with
// nothing that has to run beside it.
//
// The handlers are made elsewhere; this package adds what all requests need. A request must name no other host than this
// machine and must come from our own pages or from no page at all. So another site's page can neither reach the server
// under its own name nor make a browser send something to it. A proxy names this machine, too, and says by which name
// and scheme its reader came; what it passes on counts as nobody's, whoever runs it. Bodies and times are limited. A
// handler that panics fails only its own request. Each request is logged and counted. On a signal, the server finishes
// the requests under way; streams of events are told to reconnect.
//
// There is no login yet, so it listens only on loopback addresses.
package server

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
	"github.com/levadahq/levada/internal/metaflowapi"
	"github.com/levadahq/levada/internal/remote"
	"github.com/levadahq/levada/internal/webapi"
)

// Config is what a server is made of.
type Config struct {
	API *api.Service
	UI  fs.FS // the files of the web UI, index.html among them; nil serves none
	// Store and Metaflow answer what is below remote.Prefix and metaflowapi.Prefix; nil ones are not there. The sizes
	// and times of what they are sent are theirs to limit: values of any size go through them.
	Store, Metaflow http.Handler
	// Present returns a fault if the store is no longer where it was; nil is a store that cannot be lost.
	Present func() error
	// Free returns how many bytes can be written where the store is, if that is
	// known; nil is a store of which it is not.
	Free func() (int64, bool)
	// Writable returns a fault if the store cannot be written, although there is room; nil is one that always can.
	Writable func() error
	Version  string
	Log      *slog.Logger // nil is none
}

// The limits of requests.
const (
	maxBody      = 16 << 20
	headerTime   = 10 * time.Second
	bodyTime     = 60 * time.Second
	answerTime   = 5 * time.Minute // of anything but events, which set their own
	shutdownTime = 5 * time.Second
)

// Server is a server. Make one with New.
type Server struct {
	c       Config
	api     *webapi.API
	metrics *metrics
	handler http.Handler

	toldUnwritable atomic.Int64 // when the log was last told why nothing can be recorded, in seconds since 1970
}

// New returns a server.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{c: c, api: webapi.New(webapi.Options{API: c.API, Log: c.Log})}
	s.metrics = newMetrics(c.API, s.api.Listeners)
	s.metrics.free = c.Free
	mux := http.NewServeMux()
	mux.Handle("/api/", limit(s.api))
	for prefix, h := range map[string]http.Handler{remote.Prefix: c.Store, metaflowapi.Prefix: c.Metaflow} {
		if h != nil {
			mux.Handle(prefix, unhurried(h))
		}
	}
	mux.HandleFunc("GET /healthz", s.healthy)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics)
	if c.UI != nil {
		mux.Handle("/", s.pages())
	}
	s.handler = s.observe(s.guard(mux))
	return s
}

// Listen listens on a loopback address. Permission if it is another: there is no login yet.
func Listen(host string, port int) (net.Listener, error) {
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		shown := "PORT"
		if port > 0 {
			shown = strconv.Itoa(port)
		}
		return nil, fault.New(fault.Permission, "the server has no login yet, so it listens only on this machine, not on %s", host).
			Do("leave out --host; from another machine, connect through ssh: ssh -L %s:127.0.0.1:%s THIS-MACHINE", shown, shown)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the server cannot listen on port %d: %v", port, err).
			Do("choose another with --port; --port 0 takes any free one")
	}
	return l, nil
}

// Serve answers until ctx ends, and then ends gracefully.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: answerTime, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ConnContext: remote.WithPeer, ErrorLog: slog.NewLogLogger(s.c.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return fault.Wrap(fault.Internal, "serve", err)
	case <-ctx.Done():
	}
	s.c.Log.Info("the server is stopping")
	s.api.Close() // else the streams of events would be waited for
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := h.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Internal, "end the server", err)
	}
	h.Close()
	return nil
}

// ServeHTTP answers one request, as Serve does those that come to it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// healthy says that the process answers.
func (s *Server) healthy(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// leastFree is with how many bytes free the store can be written: the database takes some for whatever is recorded.
const leastFree = 1 << 20

// ready says whether the store is there, where it was, can be read, and can be written.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.c.Present != nil {
		if err := s.c.Present(); err != nil {
			webapi.WriteProblem(w, fault.New(fault.Unavailable, "the store no longer exists").Because(err).Do("%s", fault.HintOf(err)))
			return
		}
	}
	if _, err := s.c.API.Runs(r.Context(), api.RunsRequest{Limit: 1}); err != nil {
		webapi.WriteProblem(w, fault.New(fault.Unavailable, "the store cannot be read").Because(err))
		return
	}
	if s.c.Writable != nil {
		if err := s.c.Writable(); err != nil {
			s.unwritable("the store cannot be written", "error", err)
			webapi.WriteProblem(w, fault.New(fault.Unavailable, "the store cannot be written").Because(err).
				Do("make its folder writable for the user of the server, and look whether its disk was mounted read-only after an error"))
			return
		}
	}
	if s.c.Free != nil {
		if free, ok := s.c.Free(); ok && free < leastFree {
			s.unwritable("the disk of the store is full", "free_bytes", free)
			webapi.WriteProblem(w, fault.New(fault.Unavailable, "the disk of the store is full: %d bytes are free", free).
				Do("free some space on the disk, for example with levada gc or levada rm"))
			return
		}
	}
	s.healthy(w, r)
}

// unwritable puts into the log why nothing can be recorded, once a minute: who asks does so often.
func (s *Server) unwritable(why string, args ...any) {
	if now, last := time.Now().Unix(), s.toldUnwritable.Load(); now-last >= 60 && s.toldUnwritable.CompareAndSwap(last, now) {
		s.c.Log.Error(why, args...)
	}
}

// policy allows our pages what they are made of, frames with cards, and nothing else.
// Styles are set on elements by the charts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
	"frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pages serves the files of the UI. Every path that is no file is one of its pages.
func (s *Server) pages() http.Handler {
	files := http.FileServerFS(s.c.UI)
	small := packed{files: s.c.UI}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			webapi.WriteNotAllowed(w, r, http.MethodGet, http.MethodHead)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if st, err := fs.Stat(s.c.UI, name); name == "" || err != nil || st.IsDir() {
			if strings.HasPrefix(name, "assets/") { // one of another version
				http.NotFound(w, r)
				return
			}
			h.Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, s.c.UI, "index.html")
			return
		}
		if strings.HasPrefix(name, "assets/") { // their names have a hash of what is in them
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			h.Set("Vary", "Accept-Encoding")
			if data := small.file(name); data != nil && webapi.AcceptsGzip(r) && r.Header.Get("Range") == "" {
				h.Set("Content-Encoding", "gzip")
				h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
				h.Set("Content-Length", strconv.Itoa(len(data)))
				w.Write(data) // an error means that the reader is gone
				return
			}
		}
		files.ServeHTTP(w, r)
	})
}

// packed is the files that compression makes smaller, each compressed when it is first asked
// for: there are few, and they do not change.
type packed struct {
	files fs.FS
	mu    sync.Mutex
	known map[string][]byte
}

// file returns a file compressed, nil if it cannot be read, or is of a kind that is better sent as it is.
func (p *packed) file(name string) []byte {
	if ext := path.Ext(name); ext != ".js" && ext != ".css" && ext != ".svg" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if data, ok := p.known[name]; ok {
		return data
	}
	plain, err := fs.ReadFile(p.files, name)
	if err != nil {
		return nil
	}
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	z.Write(plain)
	z.Close()
	if p.known == nil {
		p.known = map[string][]byte{}
	}
	p.known[name] = buf.Bytes()
	return buf.Bytes()
}

// guard refuses what does not come from this machine's own programs and pages.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "SAMEORIGIN")
		if r.Host != "" && !httpedge.IsThisMachine(r.Host) { // some checks of health name no host; browsers always do
			webapi.WriteProblem(w, fault.New(fault.Permission, "this server answers requests to this machine only, not to %s", r.Host).Do("use localhost or 127.0.0.1 in the address; a proxy has to send one of them as Host"))
			return
		}
		origin := r.Header.Get("Origin")
		if u, err := url.Parse(origin); origin != "" && (err != nil || u.Host != host(r) || u.Scheme != scheme(r)) {
			f := fault.New(fault.Permission, "pages of %s may not use this server", origin)
			if passedOn(r) {
				f = f.Do("reach the proxy by https, and let it say so in X-Forwarded-Host and X-Forwarded-Proto")
			}
			webapi.WriteProblem(w, f)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && !followsLink(r) {
			webapi.WriteProblem(w, fault.New(fault.Permission, "pages of other sites may not use this server"))
			return
		}
		if passedOn(r) {
			r = r.WithContext(remote.WithoutPeer(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

// passedOn reports whether a request came by a proxy that says so.
func passedOn(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

// followsLink reports whether somebody comes from another site by a link: that
// shows him ours, and the other site nothing.
func followsLink(r *http.Request) bool {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	return read && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// host is the name by which the reader came here, and scheme is how: as a proxy before us says, if there is one. A page
// that is not ours cannot say so in its place: for a header of its own choice a browser asks first, and is refused. But
// it may have its own name lead to the proxy, and then be taken for ours; only a certificate for that name is not to be
// had. So without TLS no name counts but those of this machine.
func host(r *http.Request) string {
	name := said(r, "X-Forwarded-Host")
	if name == "" || scheme(r) != "https" && !httpedge.IsThisMachine(name) {
		return r.Host
	}
	return name
}

func scheme(r *http.Request) string {
	direct := "http"
	if r.TLS != nil {
		direct = "https"
	}
	return cmp.Or(strings.ToLower(said(r, "X-Forwarded-Proto")), direct)
}

// said is what the first of the proxies has said, "" if there is none.
func said(r *http.Request, header string) string {
	first, _, _ := strings.Cut(r.Header.Get(header), ",")
	return strings.TrimSpace(first)
}

// limit bounds the body.
func limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// unhurried takes off the times that are for small requests.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.SetReadDeadline(time.Time{}) // an error means that there is none
		c.SetWriteDeadline(time.Time{})
		next.ServeHTTP(w, r)
	})
}

// observe logs and counts requests, and keeps a panic to its own.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		o := &observed{ResponseWriter: w}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				s.c.Log.Error("a request made the server panic", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				if o.status == 0 {
					webapi.WriteProblem(o, fault.New(fault.Internal, "the server has failed because of a bug").Do("its log says what happened; please report it"))
				}
			}
			took := time.Since(began)
			route := s.route(r)
			s.metrics.request(route, r.Method, o.status, took)
			s.c.Log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", o.status, "bytes", o.bytes, "took", took)
			if p == http.ErrAbortHandler {
				panic(p)
			}
		}()
		next.ServeHTTP(o, r)
	})
}

// route names what was asked for; there are few names.
func (s *Server) route(r *http.Request) string {
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, webapi.Prefix):
		if _, pattern, ok := strings.Cut(s.api.Pattern(r), " "); ok {
			return pattern
		}
		return webapi.Prefix
	case p == "/metrics" || p == "/healthz" || p == "/readyz":
		return p
	case strings.HasPrefix(p, remote.Prefix) && s.c.Store != nil:
		return remote.Prefix
	case strings.HasPrefix(p, metaflowapi.Prefix) && s.c.Metaflow != nil:
		return metaflowapi.Prefix
	}
	return "/"
}

// observed is an answer that remembers its status.
type observed struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (o *observed) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(data []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(data)
	o.bytes += int64(n)
	return n, err
}

// ReadFrom is for files, such as large values: the kernel copies them to the connection.
func (o *observed) ReadFrom(r io.Reader) (int64, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := io.Copy(o.ResponseWriter, r)
	o.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
