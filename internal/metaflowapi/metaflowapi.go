// Package metaflowapi is the HTTP interface of Metaflow's metadata service, on a store of Levada. An unmodified
// Metaflow uses it when METAFLOW_DEFAULT_METADATA is "service". Metaflow's runs are recorded here and are runs like any
// other; Metaflow's client reads them, and Levada's own, through the same routes.
//
// How Metaflow's objects are mapped: a run of Metaflow is a run, with the next id of the store. Its `_parameters` task
// is task 0, other tasks are counted from 1. Runs and tasks that come with names (those of schedulers do) have ids as
// well. Flows and steps are not recorded: a flow exists from its first run on, a step from its first task on. All
// metadata, and what is reported of artifacts, is kept verbatim as notes, from which answers are made. The records that
// the rest of Levada reads are derived from these reports:
//
//   - "attempt" begins an attempt, "attempt_ok" ends it. An attempt that reports nothing at its end was killed: it has
//     failed when the next begins.
//   - An artifact's record says where the value is in Metaflow's datastore or, if that is a folder on this machine and
//     the value is small, holds the value itself. See package mfdata.
//   - The run succeeds when a task of the last step does. Metaflow never reports that a run failed: its process ends,
//     and with it the heartbeats, which are the run's lease. What is known of a failed task is recorded at once, so
//     that a run that falls silent is shown as failed, and otherwise as died.
//
// Steps, tasks and artifacts have the tags of their run, as with Metaflow's own service.
package metaflowapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
	"github.com/levadahq/levada/internal/metastore"
)

// Version is the version of Metaflow's service whose routes these are. Clients ask for it to learn what they may use.
const Version = "2.5.0"

// beatEvery is how often Metaflow is to say that a run or a task goes on. See service.metaflowLease.
const beatEvery = 5 * time.Second

// maxBody is the size in bytes of the largest request.
const maxBody = 64 << 20

// Store is a store that has guests.
type Store interface {
	metastore.Store
	metastore.Guest
}

// Config is what a handler is made of.
type Config struct {
	Store Store
	Data  *datastore.Store
	API   *api.Service
	Now   func() time.Time
}

// Handler answers Metaflow's requests.
type Handler struct {
	c   Config
	mux *http.ServeMux

	// What a task says comes in order; what is made of that is read, changed and written under the lock of its run.
	locks [64]sync.Mutex

	mu    sync.Mutex
	beats map[int64]time.Time // when the leases of runs were last renewed
}

// Prefix is where servers have it.
const Prefix = "/metaflow/"

// New returns a handler. It takes paths with and without [Prefix] before them.
func New(c Config) *Handler {
	h := &Handler{c: c, mux: http.NewServeMux(), beats: make(map[int64]time.Time)}
	const (
		flow = "/flows/{flow}"
		run  = flow + "/runs/{run}"
		step = run + "/steps/{step}"
		task = step + "/tasks/{task}"
	)
	for pattern, f := range map[string]func(*request) (any, error){
		"GET /version":                                        h.version,
		"GET /flows":                                          h.flows,
		"GET " + flow:                                         h.flow,
		"POST " + flow:                                        h.createFlow,
		"GET " + flow + "/runs":                               h.runs,
		"POST " + flow + "/run":                               h.createRun,
		"GET " + run:                                          h.run,
		"POST " + run + "/heartbeat":                          h.beatRun,
		"PATCH " + run + "/tag/mutate":                        h.mutateTags,
		"GET " + run + "/metadata":                            h.runMetadata,
		"GET " + run + "/artifacts":                           h.runArtifacts,
		"GET " + run + "/steps":                               h.steps,
		"GET " + step:                                         h.step,
		"POST " + step + "/step":                              h.createStep,
		"GET " + step + "/artifacts":                          h.stepArtifacts,
		"GET " + step + "/filtered_tasks":                     h.filteredTasks,
		"GET " + step + "/tasks":                              h.tasks,
		"POST " + step + "/task":                              h.createTask,
		"GET " + task:                                         h.task,
		"POST " + task + "/heartbeat":                         h.beatTask,
		"GET " + task + "/metadata":                           h.taskMetadata,
		"POST " + task + "/metadata":                          h.addMetadata,
		"POST " + task + "/artifact":                          h.addArtifacts,
		"GET " + task + "/artifacts":                          h.taskArtifacts,
		"GET " + task + "/artifacts/{name}":                   h.artifact,
		"GET " + task + "/attempt/{attempt}/artifacts":        h.taskArtifacts,
		"GET " + task + "/artifacts/{name}/attempt/{attempt}": h.artifact,
	} {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			q := &request{Request: r, ctx: r.Context(), header: w.Header(), w: w}
			body, err := f(q)
			h.answer(w, body, err)
		})
	}
	h.mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "pong")
	})
	h.mux.HandleFunc("/", h.nothing)
	return h
}

// nothing answers for what is not there, and for methods by which it cannot be reached.
func (h *Handler) nothing(w http.ResponseWriter, r *http.Request) {
	allowed := httpedge.Allowed(h.mux, r)
	if len(allowed) == 0 {
		h.answer(w, nil, fault.New(fault.NotFound, "there is nothing at %s", r.URL.Path))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	h.answer(w, nil, &refusal{http.StatusMethodNotAllowed, "the method " + r.Method + " is not allowed for " + r.URL.Path})
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("METADATA_SERVICE_VERSION", Version)
	if strings.HasPrefix(r.URL.Path, Prefix) {
		http.StripPrefix(strings.TrimSuffix(Prefix, "/"), h.mux).ServeHTTP(w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// request is a request with what handlers ask of it.
type request struct {
	*http.Request
	ctx    context.Context
	header http.Header
	w      http.ResponseWriter
}

// body decodes the request's body, which must be one JSON text.
func (q *request) body(v any) error {
	b, err := io.ReadAll(http.MaxBytesReader(q.w, q.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &refusal{http.StatusRequestEntityTooLarge, "the body is larger than " + strconv.Itoa(maxBody) + " bytes"}
		}
		return refused("the body cannot be read: %v", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return refused("the body is not the JSON that is expected: %v", err)
	}
	return nil
}

// refusal is an error with a status that no kind of fault has.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refused(format string, args ...any) error {
	return fault.New(fault.Usage, format, args...)
}

func (h *Handler) answer(w http.ResponseWriter, body any, err error) {
	status := http.StatusOK
	if err != nil {
		status = httpedge.StatusOf(err)
		if r := new(refusal); errors.As(err, &r) {
			status = r.status
		}
		body = map[string]string{"message": err.Error()}
	}
	b, bad := json.Marshal(body)
	if bad != nil {
		status, b = http.StatusInternalServerError, []byte(`{"message": "the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b)
}

// millis is a time as Metaflow has it.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is a time that Metaflow said, now if it said none that can be.
func (h *Handler) moment(ms int64) time.Time {
	now := h.c.Now()
	if ms <= 0 || ms > now.Add(24*time.Hour).UnixMilli() {
		return now
	}
	return time.UnixMilli(ms)
}

func (h *Handler) lock(run int64) *sync.Mutex { return &h.locks[run%int64(len(h.locks))] }

// record commits a record and waits for that.
func (h *Handler) record(r metastore.Record) error {
	done := make(chan error, 1)
	r.Soon, r.Done = true, func(err error) { done <- err }
	h.c.Store.Record(r)
	return <-done
}

// beat renews the lease of a run, no more often than makes sense.
func (h *Handler) beat(ctx context.Context, run metastore.Run) error {
	now := h.c.Now()
	h.mu.Lock()
	recent := now.Sub(h.beats[run.ID]) < beatEvery/4
	if !recent {
		if len(h.beats) >= maxBeats {
			clear(h.beats)
		}
		h.beats[run.ID] = now
	}
	h.mu.Unlock()
	if recent || run.Info.Engine != metastore.EngineMetaflow || run.Status != metastore.RunRunning {
		return nil
	}
	return h.c.Store.Beat(ctx, run.ID, now)
}

// maxBeats is the number of runs of which it is remembered when they were last heard of.
const maxBeats = 10_000
