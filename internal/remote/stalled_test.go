package remote_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	blobmem "github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/remote"
	"github.com/levadahq/levada/internal/upkeep"
)

// endless is a store with a list that does not end. It tells when it is read no more.
type endless struct {
	metastore.Store
	left chan struct{}
}

func (e *endless) LogRecords(context.Context) iter.Seq2[metastore.LogRecord, error] {
	return func(yield func(metastore.LogRecord, error) bool) {
		defer close(e.left)
		for yield(metastore.LogRecord{File: strings.Repeat("x", 1000)}, nil) {
		}
	}
}

// TestStalledClients has clients that stop in the middle of a request, and in the middle of an answer:
// what the server holds for them is let go.
func TestStalledClients(t *testing.T) {
	defer remote.SetCallWait(300 * time.Millisecond)()
	store := &endless{mem.New(), make(chan struct{})}
	defer store.Close()
	server := httptest.NewServer(remote.New(remote.Config{Store: store, Bucket: blobmem.New(), Home: t.TempDir()}))
	defer func() { server.CloseClientConnections(); server.Close() }()
	body, err := cbor.Marshal(struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(what string, body []byte, length int) net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nContent-Length: %d\r\n\r\n%s", what, length, body)
		return c
	}
	ask("POST "+remote.Prefix+"LogRecords", body, len(body)) // and takes nothing of the answer
	select {
	case <-store.left:
	case <-time.After(time.Minute):
		t.Error("a list is read for a client that takes nothing of it")
	}
	for _, what := range []string{"POST " + remote.Prefix + "LogRecords", "PUT " + remote.Prefix + "values/blobs/aa/" + strings.Repeat("a", 62)} {
		c := ask(what, bytes.Repeat([]byte{1}, 10), 1000)
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 100)); n == 0 && err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: a request that does not end is waited for", what)
		}
	}
}

// slow is upkeep that is at work until the server has said so a few times.
type slow struct {
	remote.Upkeep
	calls, signs atomic.Int32
	enough       chan struct{}
}

func (s *slow) Collect(ctx context.Context, _ upkeep.Rules, _ upkeep.Mode) (upkeep.Collected, error) {
	s.calls.Add(1)
	select {
	case <-s.enough:
	case <-ctx.Done():
		return upkeep.Collected{}, ctx.Err()
	}
	return upkeep.Collected{}, fault.New(fault.Conflict, "this is the answer")
}

// counted tells slow of each part of an answer.
type counted struct {
	http.ResponseWriter
	s *slow
}

func (c *counted) Write(data []byte) (int, error) {
	if c.s.calls.Load() > 0 && c.s.signs.Add(1) == 3 {
		close(c.s.enough)
	}
	return c.ResponseWriter.Write(data)
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// TestSlowCalls has a call that takes longer than a server may be silent: it is sent
// once, and the server is not told to be away.
func TestSlowCalls(t *testing.T) {
	defer remote.SetSignEvery(10 * time.Millisecond)()
	work := &slow{enough: make(chan struct{})}
	h := remote.New(remote.Config{Store: mem.New(), Home: t.TempDir(), Upkeep: work})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&counted{w, work}, r)
		if w.Header().Get("X-Accel-Buffering") != "no" {
			t.Errorf("nginx would hold back the answer to %s", r.URL.Path)
		}
	}))
	defer server.Close()
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir(), Tell: func(what string) { t.Error(what) }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Store.Close()
	if _, err := c.Collect(t.Context(), upkeep.Rules{}, upkeep.Mode{}); err == nil || !strings.Contains(err.Error(), "this is the answer") {
		t.Errorf("the answer is %v", err)
	}
	if n := work.calls.Load(); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestStalledServers asks servers that stop in the middle for lists and for logs: they are not waited for longer than
// the patience.
func TestStalledServers(t *testing.T) {
	h, stop := handler(t, t.TempDir())
	defer stop()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/Runs"): // says nothing
		case strings.Contains(r.URL.Path, "/logs/"): // says a part
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("a part"))
			http.NewResponseController(w).Flush()
		default:
			h.ServeHTTP(w, r)
			return
		}
		<-ended
	}))
	defer server.Close()
	defer close(ended)
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir(), Patience: time.Millisecond, Stalled: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Store.Close()
	window := c.Window()
	defer window.Close()
	for what, ask := range map[string]func(context.Context) error{
		"a list": func(ctx context.Context) error {
			for _, err := range c.Store.Runs(ctx, metastore.RunFilter{}) {
				return err
			}
			return nil
		},
		"a log": func(ctx context.Context) error {
			_, err := window.Look(ctx, 1, "1-0.log")
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := ask(ctx); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "nothing was heard of it") {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
	}
}

// TestWhoAsksMayLeave has a server that says nothing to what is asked of a run. Whoever asks can stop waiting for it,
// and the client then ends at once.
func TestWhoAsksMayLeave(t *testing.T) {
	h, stop := handler(t, t.TempDir())
	defer stop()
	ended, asked := make(chan struct{}), make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hello") {
			h.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-ended
	}))
	defer server.Close()
	defer close(ended)
	for what, ask := range map[string]func(context.Context, *remote.Client) error{
		"to stop": func(ctx context.Context, c *remote.Client) error { return c.Store.AskStop(ctx, 1, time.Now()) },
		"for tags": func(ctx context.Context, c *remote.Client) error {
			_, err := c.Store.ChangeTags(ctx, 1, nil, []string{"x"})
			return err
		},
	} {
		c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			err := ask(ctx, c)
			c.Store.Close()
			done <- err
		}()
		<-asked
		cancel()
		select {
		case err := <-done:
			if !fault.Is(err, fault.Interrupted) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: it is waited for all the same", what)
		}
	}
}

// slowList is a store with a list of which each part takes longer than a server may be silent.
type slowList struct {
	metastore.Store
	signs chan struct{}
}

func (s *slowList) LogRecords(ctx context.Context) iter.Seq2[metastore.LogRecord, error] {
	return func(yield func(metastore.LogRecord, error) bool) {
		for range 2000 {
			if !yield(metastore.LogRecord{File: "x"}, nil) {
				return
			}
		}
		for range 3 {
			select {
			case <-s.signs:
			case <-ctx.Done():
				return
			}
		}
	}
}

// TestSlowLists has a list whose end takes longer than a server may be silent: it says that it is at it.
func TestSlowLists(t *testing.T) {
	defer remote.SetSignEvery(10 * time.Millisecond)()
	store := &slowList{mem.New(), make(chan struct{})}
	h := remote.New(remote.Config{Store: store, Home: t.TempDir()})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/LogRecords") {
			w = &heard{w, store.signs}
		}
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Store.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := 0
	for _, err := range c.Store.LogRecords(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2000 {
		t.Errorf("%d of 2000 came", n)
	}
}

// heard tells of each part of an answer, if anybody waits for that.
type heard struct {
	http.ResponseWriter
	parts chan struct{}
}

func (h *heard) Write(data []byte) (int, error) {
	select {
	case h.parts <- struct{}{}:
	default:
	}
	return h.ResponseWriter.Write(data)
}

func (h *heard) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// narrow is connections through which a server gets little at a time.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetReadBuffer(16 << 10)
	}
	return c, err
}

// paced is a body of a request that comes slowly.
type paced struct {
	io.ReadCloser
	tick *time.Ticker
}

func (p paced) Read(buf []byte) (int, error) {
	<-p.tick.C
	return p.ReadCloser.Read(buf[:min(len(buf), 16<<10)])
}

// TestSlowLinks sends what takes longer than a server may be silent, but does not stand still: it is sent once.
func TestSlowLinks(t *testing.T) {
	defer remote.SetSignEvery(50 * time.Millisecond)()
	h, stop := handler(t, t.TempDir())
	defer stop()
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/write") && r.ContentLength > 1<<20 {
			asked.Add(1)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			r.Body = paced{r.Body, tick}
		}
		h.ServeHTTP(w, r)
	}))
	server.Listener = narrow{server.Listener}
	server.Start()
	defer server.Close()
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir(), Patience: 3 * time.Second, Stalled: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Store.Close()
	c.HoldLittle()
	data := make([]byte, 3<<20)
	rand.Read(data)
	done := make(chan error, 1)
	c.Store.Record(metastore.Record{
		Blobs: []metastore.Blob{{Hash: sha256.Sum256(data), Data: data}}, Soon: true, Done: func(err error) { done <- err },
	})
	if err := <-done; err != nil || asked.Load() != 1 {
		t.Errorf("it was sent %d times: %v", asked.Load(), err)
	}
}
