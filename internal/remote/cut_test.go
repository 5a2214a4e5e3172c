package remote_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/metastoretest"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/remote"
)

// unreliable cuts connections: before the server acts, after it has, and in the middle of its answer.
type unreliable struct {
	mu      sync.Mutex
	random  *rand.Rand
	sides   int // of the dice: five of them cut
	handler http.Handler
	// restart returns the handler of a server that was started anew, which remembers nobody; nil never does.
	restart func() http.Handler
	cuts    atomic.Int64
}

func (u *unreliable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	dice, h := u.random.IntN(u.sides), u.handler
	u.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/hello") || strings.HasSuffix(r.URL.Path, "/Beat") || strings.HasSuffix(r.URL.Path, "/DeleteBlobs") {
		// The first two are tried once, on purpose; what a deletion freed is not known when it is asked for again.
		dice = 9
	}
	if dice > 4 {
		h.ServeHTTP(w, r)
		return
	}
	u.cuts.Add(1)
	if dice == 0 {
		panic(http.ErrAbortHandler)
	}
	var answer httptest.ResponseRecorder
	answer.Body = &bytes.Buffer{}
	h.ServeHTTP(&answer, r)
	if u.restart != nil && dice < 3 {
		u.mu.Lock()
		u.handler = u.restart()
		u.mu.Unlock()
	}
	if dice == 4 {
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", fmt.Sprint(answer.Body.Len()))
		w.WriteHeader(max(answer.Code, 200))
		w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	}
	panic(http.ErrAbortHandler)
}

func TestLikeTheModelWithCuts(t *testing.T) {
	metastoretest.Few(t, 15)
	var cuts int64
	metastoretest.Compare(t, func(rt *rapid.T) (store, model metastore.Store) {
		home := t.TempDir()
		meta, err := sqlite.Open(context.Background(), home, sqlite.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		bucket := file.New(filepath.Join(home, "bucket"))
		start := func() http.Handler {
			return remote.New(remote.Config{Store: meta, Bucket: bucket, Data: datastore.New(meta, bucket, home), Home: home})
		}
		u := &unreliable{random: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)), sides: 100, handler: start()}
		if rapid.Bool().Draw(rt, "restarts") {
			u.restart = start
		}
		server := httptest.NewServer(remote.AsOwn(u))
		server.Config.ErrorLog = nil
		return closing{dial(rt, server.URL, filepath.Join(home, "cache")).Store, func() { cuts += u.cuts.Load(); server.Close(); meta.Close() }}, mem.New()
	})
	if cuts == 0 {
		t.Error("no connection was cut")
	}
}

// TestOnceThroughRestarts has engines record through a server that is started anew at the worst moments.
func TestOnceThroughRestarts(t *testing.T) {
	for seed := range uint64(8) {
		onceThroughRestarts(t, seed)
	}
}

func onceThroughRestarts(t *testing.T, seed uint64) {
	home := t.TempDir()
	meta, err := sqlite.Open(context.Background(), home, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer meta.Close()
	bucket := file.New(filepath.Join(home, "bucket"))
	start := func() http.Handler {
		return remote.New(remote.Config{Store: meta, Bucket: bucket, Data: datastore.New(meta, bucket, home), Home: home})
	}
	u := &unreliable{random: rand.New(rand.NewPCG(seed, 1)), sides: 12, handler: start(), restart: start}
	server := httptest.NewServer(remote.AsOwn(u))
	defer server.Close()
	const engines, runs = 3, 3
	tasks := int64(10 + 8*seed)
	var all sync.WaitGroup
	var failures [engines]error
	for e := range engines {
		c := dial(t, server.URL, filepath.Join(home, fmt.Sprint("cache", e)))
		all.Go(func() {
			defer c.Store.Close()
			for range runs {
				if err := engine(c.Store, e, tasks); err != nil {
					failures[e] = err
					return
				}
			}
		})
	}
	all.Wait()
	for _, err := range failures {
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for r, err := range meta.Runs(context.Background(), metastore.RunFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		counts, err := meta.TaskCounts(context.Background(), []int64{r.ID})
		if err != nil || r.Status != metastore.RunSucceeded || counts[r.ID].Succeeded != int(tasks) || counts[r.ID].Total() != int(tasks) {
			t.Fatalf("run %d: %v, %+v of %d tasks, %v", r.ID, r.Status, counts[r.ID], tasks, err)
		}
		scopes, err := meta.Scopes(context.Background(), r.ID)
		if err != nil || len(scopes) != int(tasks) {
			t.Fatalf("run %d has %d scopes, %v", r.ID, len(scopes), err)
		}
	}
	if u.cuts.Load() == 0 {
		t.Error("no connection was cut")
	}
	if n != engines*runs {
		t.Fatalf("%d runs were created, there are %d", engines*runs, n)
	}
}

// engine records a run: each task begins, ends, and opens a scope. All of the
// runs of an engine begin at the same moment.
func engine(s metastore.Store, pid int, tasks int64) error {
	ctx := context.Background()
	at := time.Unix(1000, 123456789)
	id, err := s.CreateRun(ctx, metastore.Run{
		Flow: "F", Status: metastore.RunRunning, Created: at, FailedTask: -1, Lease: metastore.Lease{Host: "h", Boot: "b", PID: pid + 1},
	}, metastore.Beginning{First: []metastore.Record{{
		Task:    &metastore.Task{Step: "_parameters", Scope: -1, Base: -1, Created: at},
		Attempt: &metastore.Attempt{Status: metastore.AttemptSucceeded, Started: at, Ended: at},
	}}})
	if err != nil {
		return err
	}
	var told sync.WaitGroup
	var mu sync.Mutex
	var order []int
	var failed error
	record := func(i int, r metastore.Record) {
		told.Add(1)
		r.Done = func(err error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, i)
			if err != nil {
				failed = err
			}
			told.Done()
		}
		s.Record(r)
	}
	for i := int64(1); i <= tasks; i++ {
		a := metastore.Attempt{Run: id, Task: i, Status: metastore.AttemptRunning, Started: at}
		record(int(2*i), metastore.Record{Task: &metastore.Task{Run: id, ID: i, Step: "a", Scope: -1, Base: 0, Inputs: []int64{0}, Created: at}, Attempt: &a})
		b := a
		b.Status, b.Ended = metastore.AttemptSucceeded, at
		record(int(2*i+1), metastore.Record{
			Attempt: &b, Scope: &metastore.Scope{Run: id, Split: i, Step: "a", Kind: "foreach", Count: 2, Parent: -1},
			Artifacts: []metastore.Artifact{{Name: "x", Codec: "json", Type: "int", Size: 1, Inline: []byte("1")}},
			Log:       []byte("log"), Soon: i%7 == 0,
		})
	}
	s.Flush()
	told.Wait()
	for i := range order {
		if order[i] != i+2 {
			return fmt.Errorf("told in the order %v", order)
		}
	}
	if failed != nil {
		return failed
	}
	return s.EndRun(ctx, id, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: at, FailedTask: -1})
}
