package remote

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/upkeep"
)

// Config is what a handler gives access to.
type Config struct {
	Store  metastore.Store
	Bucket blob.Bucket
	Data   *datastore.Store // on both
	Upkeep Upkeep           // of both; may be nil
	Home   string           // the store's folder; sessions and the files of running tasks are in it
	// Present returns a fault if the store is no longer where it was; nil is a store that cannot be lost.
	Present func() error
	Version string
	// Now is the time of heartbeats: they are when the server hears them, whatever the client's
	// clock says. Nil takes that of the client.
	Now func() time.Time
	Log *slog.Logger // nil is none
}

// heard is when a heartbeat was, of which the client says that it was at a time.
func (c *Config) heard(at time.Time) time.Time {
	if c.Now == nil {
		return at
	}
	return c.Now()
}

// Upkeep removes runs and frees what nobody needs, as package upkeep does.
type Upkeep interface {
	Remove(ctx context.Context, runs []int64, m upkeep.Mode) (upkeep.Collected, error)
	Collect(ctx context.Context, rules upkeep.Rules, m upkeep.Mode) (upkeep.Collected, error)
}

// Handler answers clients. It is mounted at [Prefix].
type Handler struct {
	c       Config
	mux     *http.ServeMux
	mu      sync.Mutex
	writers map[string]*writer       // by session
	noted   map[fault.Kind]time.Time // when the log was last told of a fault of a kind
}

// New returns a handler.
func New(c Config) *Handler {
	if c.Present == nil {
		c.Present = func() error { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{c: c, mux: http.NewServeMux(), writers: make(map[string]*writer), noted: make(map[fault.Kind]time.Time)}
	post(h, "hello", func(ctx context.Context, _ struct{}) (hello, error) {
		return hello{Protocol, c.Version, c.Home}, nil
	})
	h.stores()
	post(h, "write", h.write)
	h.values()
	h.files()
	h.upkeep()
	return h
}

// callWait is for how long nothing may come of what a client sends, and how long it may take to take a part of an
// answer. Who sends a value holds a file that no collection removes, and who reads a list keeps the database from
// tidying up its log, which grows meanwhile: a client that was put to sleep in the middle of either must not do so for
// ever. It is longer than a client waits for a call.
var callWait = 5 * time.Minute

// ServeHTTP answers a request. It sets its own limits of time: a large value takes as long as
// it takes, and so does what is to be done.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	readBy(w, time.Time{})
	writeBy(w, time.Time{})
	w.Header().Set("X-Accel-Buffering", "no") // of nginx, which would keep to itself that a call is worked on
	// Of a store that is gone nothing can be read that lasts; and folders for what is sent would be made in its place.
	if err := h.c.Present(); err != nil {
		fail(w, http.StatusConflict, err)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// readBy and writeBy set until when a client has to send, and to take. A connection that cannot has no such limit.
func readBy(w http.ResponseWriter, t time.Time) { _ = http.NewResponseController(w).SetReadDeadline(t) }
func writeBy(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetWriteDeadline(t)
}

// sentBody is the body of a request, of which something comes every while.
type sentBody struct {
	w http.ResponseWriter
	r *http.Request
}

func (s sentBody) Read(buf []byte) (int, error) {
	readBy(s.w, time.Now().Add(callWait))
	n, err := s.r.Body.Read(buf)
	if err == io.EOF {
		// Else it would end what is done now; of a body that does not come, it ends what would read the rest.
		readBy(s.w, time.Time{})
	}
	return n, err
}

// post mounts a call that is answered by one value.
func post[A, R any](h *Handler, name string, f func(context.Context, A) (R, error)) {
	h.mux.HandleFunc("POST "+Prefix+name, func(w http.ResponseWriter, r *http.Request) {
		var args A
		if err := readBody(w, r, &args); err != nil {
			refuse(w, err)
			return
		}
		if a, ok := any(args).(interface{ check() error }); ok {
			if err := a.check(); err != nil {
				refuse(w, err)
				return
			}
		}
		quiet := sign[R](w)
		defer quiet() // also if f panics
		result, err := f(r.Context(), args)
		signed := quiet()
		if errors.Is(err, errGone) {
			if signed {
				panic(http.ErrAbortHandler) // the answer has begun, and cannot be another one any more
			}
			fail(w, http.StatusServiceUnavailable, err)
			return
		}
		h.note(err)
		send(w, answer[R]{Items: []R{result}, Fault: packFault(err), Last: true})
	})
}

// signEvery is how often a server says that it is still at work on a call. Some take as long as the store is large.
var signEvery = 3 * time.Second

// sign tells a client every while, by an answer with nothing in it, that its call is worked on, until quiet is
// called. That reports whether it was told.
func sign[R any](w http.ResponseWriter) (quiet func() (signed bool)) {
	var mu sync.Mutex
	var timer *time.Timer
	ended, signed := false, false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(signEvery, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		signed = true
		if send(w, answer[R]{}) == nil && http.NewResponseController(w).Flush() == nil {
			timer.Reset(signEvery)
		}
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
		return signed
	}
}

// list mounts a call that is answered by many values.
func list[A, T any](h *Handler, name string, f func(context.Context, A) iter.Seq2[T, error]) {
	h.mux.HandleFunc("POST "+Prefix+name, func(w http.ResponseWriter, r *http.Request) {
		var args A
		if err := readBody(w, r, &args); err != nil {
			refuse(w, err)
			return
		}
		part := answer[T]{}
		quiet := sign[T](w)
		defer func() { quiet() }()
		for v, err := range f(r.Context(), args) {
			if err != nil {
				h.note(err)
				part.Fault = packFault(err)
				break
			}
			if part.Items = append(part.Items, v); len(part.Items) == chunkItems {
				quiet()
				if send(w, part) != nil {
					return
				}
				part.Items = part.Items[:0]
				quiet = sign[T](w)
			}
		}
		quiet()
		part.Last = true
		send(w, part)
	})
}

func send(w http.ResponseWriter, v any) error {
	data, err := encoding.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	writeBy(w, time.Now().Add(callWait))
	_, err = w.Write(data)
	return err
}

// note puts into the server's log what is wrong with its store or disk: clients are told, but it is to be mended here.
// Each kind is noted once a minute, for it comes with every request then.
func (h *Handler) note(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	switch kind := fault.KindOf(err); kind {
	case fault.NoSpace, fault.Permission, fault.Corrupt, fault.Internal:
		now := time.Now()
		h.mu.Lock()
		defer h.mu.Unlock()
		if now.Sub(h.noted[kind]) >= time.Minute {
			h.noted[kind] = now
			h.c.Log.Error("the server could not do what a client asked for", "error", err, "hint", fault.HintOf(err))
		}
	}
}

// refuse answers a request that cannot be read, or names what is not to be had. It is not the
// server that fails, so it is not tried again.
func refuse(w http.ResponseWriter, err error) { fail(w, http.StatusBadRequest, err) }

func fail(w http.ResponseWriter, status int, err error) {
	data, _ := encoding.Marshal(answer[struct{}]{Fault: packFault(err), Last: true})
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	w.Write(data)
}

// unpackers are reused, since making one costs more than most bodies.
var unpackers = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody))
	if err != nil {
		panic(err)
	}
	return d
}}

func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	if t := r.Header.Get("Content-Type"); t != contentType {
		return fault.New(fault.Usage, "a request of type %q", t)
	}
	data, err := io.ReadAll(io.LimitReader(sentBody{w, r}, maxBody+1))
	if err == nil && len(data) > maxBody {
		err = errors.New("the request is too large")
	}
	if err == nil && r.Header.Get("Content-Encoding") == encodingZstd {
		d := unpackers.Get().(*zstd.Decoder)
		data, err = d.DecodeAll(data, nil)
		unpackers.Put(d)
	}
	if err == nil {
		err = decoding.Unmarshal(data, v)
	}
	return fault.Wrap(fault.Usage, "read a request", err)
}

type removeArgs struct {
	Runs  []int64
	Dry   bool
	Force bool
}

type collectArgs struct {
	Rules upkeep.Rules
	Dry   bool
	Force bool
}

// upkeep mounts what is done for the whole store, where it is.
func (h *Handler) upkeep() {
	if h.c.Upkeep == nil {
		return
	}
	post(h, "remove", func(ctx context.Context, a removeArgs) (upkeep.Collected, error) {
		return h.c.Upkeep.Remove(ctx, a.Runs, upkeep.Mode{Dry: a.Dry, Force: a.Force})
	})
	post(h, "collect", func(ctx context.Context, a collectArgs) (upkeep.Collected, error) {
		return h.c.Upkeep.Collect(ctx, a.Rules, upkeep.Mode{Dry: a.Dry, Force: a.Force})
	})
}

// valueKey is a key that a client names. The bucket is the folder of the store, where the
// database lies too: only values are reached.
type valueKey string

func (k valueKey) check() error { return datastore.CheckKey(string(k)) }

// values mounts the bucket. Values are not deleted from afar: whether one is needed is known only here, where gc and
// doctor ask under the lock of those who store.
func (h *Handler) values() {
	b := h.c.Bucket
	list(h, "keys", h.keys)
	post(h, "stat", func(ctx context.Context, key valueKey) (int64, error) { return b.Stat(ctx, string(key)) })
	post(h, "settle", func(ctx context.Context, ref datastore.Ref) (bool, error) { return h.c.Data.Settle(ctx, ref) })
	h.value("PUT", func(w http.ResponseWriter, r *http.Request, key string) {
		if err := b.Put(r.Context(), key, sentBody{w, r}); err != nil {
			h.answerFault(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	h.value("GET", func(w http.ResponseWriter, r *http.Request, key string) {
		v, err := b.Open(r.Context(), key)
		if err != nil {
			h.answerFault(w, err)
			return
		}
		defer v.Close()
		w.Header().Set("Content-Type", "application/octet-stream")
		if s, ok := v.(io.ReadSeeker); ok {
			http.ServeContent(w, r, "", time.Time{}, s) // with ranges, and the kernel's help
			return
		}
		if size, err := b.Stat(r.Context(), key); err == nil {
			w.Header().Set("Content-Length", itoa(size))
		}
		io.Copy(w, v) // one that is cut is shorter than was said
	})
}

// value mounts what is done with the bytes of a value.
func (h *Handler) value(method string, f func(w http.ResponseWriter, r *http.Request, key string)) {
	h.mux.HandleFunc(method+" "+Prefix+"values/{key...}", func(w http.ResponseWriter, r *http.Request) {
		key := r.PathValue("key")
		if err := valueKey(key).check(); err != nil {
			refuse(w, err)
			return
		}
		f(w, r, key)
	})
}

// keys yields the keys of values that begin with a prefix.
func (h *Handler) keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range h.c.Bucket.List(ctx, prefix) {
			if err == nil && datastore.CheckKey(key) != nil {
				continue
			}
			if !yield(key, err) {
				return
			}
		}
	}
}

// answerFault answers with a fault of what was asked for. Status 409 says that asking again does not help.
func (h *Handler) answerFault(w http.ResponseWriter, err error) {
	var f *fault.Error
	if !errors.As(err, &f) {
		// The body could not be read: the client is gone, or sends again.
		fail(w, http.StatusServiceUnavailable, fault.Wrap(fault.Unavailable, "read a value", err))
		return
	}
	h.note(err)
	fail(w, http.StatusConflict, err)
}

// badName says that a path is none.
func badName(name string) error {
	return fault.New(fault.Usage, "%q is not a file of a task", strings.ToValidUTF8(name, "?"))
}

// liveCards yields the cards of a run's tasks that run.
func (h *Handler) liveCards(_ context.Context, run int64) iter.Seq2[shownCard, error] {
	return func(yield func(shownCard, error) bool) {
		dir := h.folder(run)
		cards, err := livecard.List(dir)
		if err != nil {
			yield(shownCard{}, err)
			return
		}
		for _, c := range cards {
			html, err := os.ReadFile(livecard.File(dir, c))
			if err != nil {
				continue // recorded just now
			}
			if !yield(shownCard{c, html}, nil) {
				return
			}
		}
	}
}
