package remote_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

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
	server := httptest.NewServer(remote.New(remote.Config{Store: store, Home: t.TempDir()}))
	defer func() { server.CloseClientConnections(); server.Close() }()
	body, err := cbor.Marshal(struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(body []byte, length int) net.Conn {
		c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		fmt.Fprintf(c, "POST %sLogRecords HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nContent-Length: %d\r\n\r\n%s", remote.Prefix, length, body)
		return c
	}
	ask(body, len(body)) // and takes nothing of the answer
	select {
	case <-store.left:
	case <-time.After(20 * time.Second):
		t.Error("a list is read for a client that takes nothing of it")
	}
	c := ask(bytes.Repeat([]byte{1}, 10), 1000)
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 100)); n == 0 && err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("a request that does not end is waited for")
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
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(&counted{w, work}, r) }))
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
