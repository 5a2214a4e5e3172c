package remote_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// cutter does to the next batches what it is told: let pass, cut before the server acts, or after it.
type cutter struct {
	mu      sync.Mutex
	handler http.Handler
	next    []string            // of each batch: "", "before" or "after"
	restart func() http.Handler // the handler of a server that was started anew; called after each cut if it is not nil
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.HasSuffix(r.URL.Path, "/write") || len(c.next) == 0 {
		c.handler.ServeHTTP(w, r)
		return
	}
	how := c.next[0]
	c.next = c.next[1:]
	if how == "after" {
		c.handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	if how == "" {
		c.handler.ServeHTTP(w, r)
		return
	}
	if c.restart != nil {
		c.handler = c.restart()
	}
	panic(http.ErrAbortHandler)
}

// TestClientsThatSayGoodbyeAreForgotten counts the clients whose last answer is kept.
func TestClientsThatSayGoodbyeAreForgotten(t *testing.T) {
	home := t.TempDir()
	h, stop := handler(t, home)
	defer stop()
	server := httptest.NewServer(h)
	defer server.Close()
	for range 3 {
		c := dial(t, server.URL, filepath.Join(home, "cache"))
		if _, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{}); err != nil {
			t.Fatal(err)
		}
		if n := h.Writers(); n != 1 {
			t.Errorf("%d clients are known while one writes", n)
		}
		c.Store.Close()
		if n := h.Writers(); n != 0 {
			t.Errorf("%d clients are known when all have said goodbye", n)
		}
	}
}

// TestSecondIsNoReplay has a second write like the first, one that has to be refused, sent twice, since
// its first connection was cut. It is not the first write, and is refused; also by a server that was
// started anew in between and remembers nobody.
func TestSecondIsNoReplay(t *testing.T) {
	for _, how := range []string{"before", "after"} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,restarts=%v", how, restarts), func(t *testing.T) { secondIsNoReplay(t, how, restarts) })
		}
	}
}

func secondIsNoReplay(t *testing.T, how string, restarts bool) {
	home := t.TempDir()
	h, stop := handler(t, home)
	defer stop()
	cut := &cutter{handler: h}
	if restarts {
		cut.restart = func() http.Handler { stop(); h, stop = handler(t, home); return h }
	}
	server := httptest.NewServer(cut)
	defer server.Close()
	c := dial(t, server.URL, filepath.Join(home, "cache"))
	defer c.Store.Close()
	record := func(how string, r metastore.Record) error {
		cut.mu.Lock()
		cut.next = []string{how}
		cut.mu.Unlock()
		done := make(chan error, 1)
		r.Done, r.Soon = func(err error) { done <- err }, true
		c.Store.Record(r)
		return <-done
	}
	at := time.Unix(1000, 0)
	create := func(how string) int64 {
		cut.mu.Lock()
		cut.next = []string{how}
		cut.mu.Unlock()
		id, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: at}, metastore.Beginning{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	run := create("")
	if again := create(how); again != run+1 {
		t.Errorf("a second run like the first has the id %d", again)
	}
	task := metastore.Record{Task: &metastore.Task{Run: run, ID: 1, Step: "a", Scope: -1, Created: at}}
	scope := metastore.Record{Scope: &metastore.Scope{Run: run, Split: 1, Step: "a", Kind: "foreach", Count: 3, Parent: -1}}
	for what, r := range map[string]metastore.Record{"task": task, "scope": scope} {
		if err := record(how, r); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err := record(how, r); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second %s like the first: %v", what, err)
		}
	}
}
