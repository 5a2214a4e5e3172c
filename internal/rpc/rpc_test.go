package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/rpc"
)

// opener opens one store, once it is there.
type opener struct {
	mu     sync.Mutex
	store  *apitest.Store // nil: there is none
	gone   atomic.Bool
	opened []rpc.Where
	open   atomic.Int32 // stores that are open
}

func (o *opener) Open(_ context.Context, where rpc.Where) (*rpc.Store, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened = append(o.opened, where)
	if o.store == nil {
		return nil, fault.New(fault.NotFound, "there is no store here").Do("run a flow first")
	}
	o.gone.Store(false)
	o.open.Add(1)
	return &rpc.Store{API: o.store.Service, Home: "/home/store", Gone: o.gone.Load, Close: func() error { o.open.Add(-1); return nil }}, nil
}

func (o *opener) put(s *apitest.Store) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.store = s
}

// client talks with a server.
type client struct {
	t      *testing.T
	in     *io.PipeWriter
	out    *io.PipeReader
	served chan error
}

type answer struct {
	ID     int64           `json:"id"`
	Home   string          `json:"home"`
	Type   string          `json:"type"`
	RPC    int             `json:"rpc"`
	Result json.RawMessage `json:"result"`
	More   bool            `json:"more"`
	Error  *struct{ Kind, Message, Hint string }
	body   []byte
}

func connect(t *testing.T, open rpc.Opener) *client {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &client{t: t, in: inW, out: outR, served: make(chan error, 1)}
	go func() {
		err := rpc.Serve(t.Context(), inR, outW, "1.2.3", open)
		outW.Close()
		c.served <- err
	}()
	if h := c.read(); h.Type != "hello" || h.RPC != rpc.Version {
		t.Fatalf("the first frame is %+v", h)
	}
	return c
}

func (c *client) read() answer {
	c.t.Helper()
	var a answer
	body, err := protocol.ReadFrame(c.out, &a)
	if err != nil {
		c.t.Fatal(err)
	}
	a.body = body
	return a
}

func (c *client) send(id int64, method string, params any) {
	c.t.Helper()
	frame, err := protocol.AppendFrame(nil, map[string]any{"id": id, "method": method, "params": params})
	if err == nil {
		_, err = c.in.Write(frame)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) ask(method string, params any) answer {
	c.t.Helper()
	c.send(1, method, params)
	return c.read()
}

// end closes the client's side and returns how the server ended.
func (c *client) end() error {
	c.in.Close()
	io.Copy(io.Discard, c.out)
	return <-c.served
}

func TestConversation(t *testing.T) {
	o := &opener{}
	c := connect(t, o.Open)
	if a := c.ask("runs", nil); a.Error == nil || a.Error.Kind != "not found" || a.Error.Hint != "run a flow first" {
		t.Errorf("without a store: %+v", a)
	}
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann")
	o.put(s)
	for range 2 {
		var res api.RunsResult
		if a := c.ask("runs", api.RunsRequest{Limit: 1}); json.Unmarshal(a.Result, &res) != nil || len(res.Runs) != 1 {
			t.Errorf("with a store: %+v", a)
		}
	}
	if a := c.ask("info", nil); a.Home != "/home/store" {
		t.Errorf("the store that was found: %+v", a)
	}
	a := c.ask("values", api.ValuesRequest{Run: 1, Values: []api.ValueRef{{Task: 1, Attempt: -1, Name: "x"}}})
	if string(a.body) != "one" {
		t.Errorf("value: %+v", a)
	}
	if a := c.ask("tags", api.TagsRequest{Run: 1, Add: []string{"new"}}); a.Error != nil {
		t.Errorf("tags: %+v", a.Error)
	}
	if a := c.ask("tags", api.TagsRequest{Run: 1, Remove: []string{"user:ann"}}); a.Error == nil || a.Error.Kind != "invalid" {
		t.Errorf("system tag: %+v", a)
	}
	if n := o.open.Load(); n != 1 {
		t.Errorf("%d stores are open, want the one for reading", n)
	}
	if a := c.ask("nope", nil); a.Error == nil || a.Error.Kind != "usage" {
		t.Errorf("no such method: %+v", a)
	}
	o.gone.Store(true) // deleted and made anew: it has to be opened again
	before := len(o.opened)
	c.ask("info", nil)
	if len(o.opened) != before+1 || o.open.Load() != 1 {
		t.Errorf("a store that is gone: opened %d times more, %d open", len(o.opened)-before, o.open.Load())
	}
	if err := c.end(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if n := o.open.Load(); n != 0 {
		t.Errorf("%d stores are left open", n)
	}
}

func TestStream(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann")
	o := &opener{store: s}
	c := connect(t, o.Open)
	c.send(7, "open_value", api.OpenValueRequest{Run: 1, ValueRef: api.ValueRef{Task: 1, Attempt: -1, Name: "large"}})
	var got []byte
	for {
		a := c.read()
		if a.ID != 7 || a.Error != nil {
			t.Fatalf("%+v", a)
		}
		got = append(got, a.body...)
		if !a.More {
			break
		}
	}
	if !bytes.Equal(got, apitest.Large) {
		t.Errorf("%d bytes came", len(got))
	}
	c.end()
}

func TestManyAtOnce(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann")
	o := &opener{store: s}
	c := connect(t, o.Open)
	const many = 200
	go func() {
		for i := range int64(many) {
			c.send(i, "tasks", api.TasksRequest{Run: 1 + i%2})
		}
	}()
	seen := make(map[int64]bool)
	for range many {
		a := c.read()
		if seen[a.ID] || (a.Error != nil) != (a.ID%2 == 1) {
			t.Fatalf("answer %+v", a)
		}
		seen[a.ID] = true
	}
	c.end()
}

func TestCancel(t *testing.T) {
	s := apitest.New(t)
	s.Run(t, metastore.RunSucceeded, "ann")
	started := make(chan struct{})
	o := &opener{store: s}
	c := connect(t, func(ctx context.Context, where rpc.Where) (*rpc.Store, error) {
		if where.Write {
			close(started)
			<-ctx.Done()
			return nil, fault.Wrap(fault.Interrupted, "open store", ctx.Err())
		}
		return o.Open(ctx, where)
	})
	c.send(5, "tags", api.TagsRequest{Run: 1})
	<-started
	if a := c.ask("info", nil); a.ID != 1 || a.Error != nil {
		t.Fatalf("another request meanwhile: %+v", a)
	}
	c.send(0, "cancel", map[string]any{"id": 99})
	c.send(0, "cancel", "nonsense")
	c.send(0, "cancel", map[string]any{"id": 5})
	if a := c.read(); a.ID != 5 || a.Error == nil || a.Error.Kind != "interrupted" {
		t.Errorf("%+v", a)
	}
	c.end()
}

// TestCancelWhileOthersWait: as many requests as are worked on at once hang, and one more waits.
func TestCancelWhileOthersWait(t *testing.T) {
	const atOnce = 16
	started := make(chan struct{}, atOnce+1)
	c := connect(t, func(ctx context.Context, where rpc.Where) (*rpc.Store, error) {
		started <- struct{}{}
		<-ctx.Done()
		return nil, fault.Wrap(fault.Interrupted, "open store", ctx.Err())
	})
	for id := range int64(atOnce) {
		c.send(id+1, "tags", api.TagsRequest{Run: 1})
		<-started
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for _, id := range []int64{atOnce + 1, atOnce + 2} {
			c.send(id, "tags", api.TagsRequest{Run: 1})
		}
		c.send(0, "cancel", map[string]any{"id": atOnce + 2})
	}()
	if a := c.read(); a.ID < atOnce+1 || a.Error == nil || a.Error.Kind != "interrupted" {
		t.Errorf("who waited and was cancelled: %+v", a)
	}
	<-sent
	c.send(0, "cancel", map[string]any{"id": 1})
	if a := c.read(); a.ID != 1 || a.Error == nil || a.Error.Kind != "interrupted" {
		t.Errorf("who was worked on and was cancelled: %+v", a)
	}
	<-started // its place is taken by one that waited
	c.end()
}

// TestFlood: of requests without end only some are taken while those before them hang.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all = 20_000
		release := make(chan struct{})
		in, requests := io.Pipe()
		answers, out := io.Pipe()
		served := make(chan error, 1)
		go func() {
			served <- rpc.Serve(t.Context(), in, out, "test", func(context.Context, rpc.Where) (*rpc.Store, error) {
				<-release
				return nil, fault.New(fault.NotFound, "there is no store here")
			})
			out.Close()
		}()
		var sent atomic.Int64
		go func() {
			for id := range int64(all) {
				frame, err := protocol.AppendFrame(nil, map[string]any{"id": id + 1, "method": "tags", "params": api.TagsRequest{Run: 1}})
				if err == nil {
					_, err = requests.Write(frame)
				}
				if err != nil {
					t.Error(err)
				}
				sent.Add(1)
			}
			requests.Close()
		}()
		answered := make(chan int, 1)
		go func() {
			n, r := -1, bufio.NewReader(answers) // without the greeting
			for {
				if _, err := protocol.ReadFrame(r, &struct{}{}); err != nil {
					answered <- n
					return
				}
				n++
			}
		}()
		synctest.Wait() // until nothing moves
		if n := sent.Load(); n > 3000 {
			t.Errorf("%d requests were taken", n)
		}
		close(release)
		if n, err := <-answered, <-served; n != all || err != nil {
			t.Errorf("%d answers, %v", n, err)
		}
	})
}

func TestHostileFrames(t *testing.T) {
	for name, data := range map[string]string{
		"too long":    "\xff\xff\xff\xff\x00\x00\x00\x00",
		"no object":   "\x00\x00\x00\x02\x00\x00\x00\x00[]",
		"no JSON":     "\x00\x00\x00\x03\x00\x00\x00\x00{x}",
		"wrong types": "\x00\x00\x00\x0d\x00\x00\x00\x00" + `{"id": "one"}`,
	} {
		c := connect(t, new(opener).Open)
		go c.in.Write([]byte(data))
		if a := c.read(); a.Error == nil || a.Error.Kind != "invalid" {
			t.Errorf("%s: %+v", name, a)
		}
		if err := c.end(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: the server ended with %v", name, err)
		}
	}
	c := connect(t, new(opener).Open)
	go c.in.Write([]byte("\x00\x00\x00\x10"))
	if err := c.end(); err != nil {
		t.Errorf("a client that went in the middle of a frame: %v", err)
	}
}

// A server reads anything without a panic, and answers each request that it can read once.
func FuzzServe(f *testing.F) {
	frame := func(header string, body int) []byte {
		return append(fmt.Appendf(nil, "\x00\x00\x00%c\x00\x00\x00%c%s", len(header), body, header), make([]byte, body)...)
	}
	f.Add(frame(`{"id":1,"method":"runs"}`, 0))
	f.Add(append(frame(`{"id":1,"method":"tasks","params":{"run":1,"limit":-1}}`, 3), frame(`{"method":"cancel","params":{"id":1}}`, 0)...))
	f.Add(frame(`{"id":1,"method":"values","params":{"run":1,"values":[{"task":1,"name":"x"}]},"home":"/"}`, 0))
	f.Add(frame(`{"id":-1,"method":"log","params":{"run":1,"task":1,"cursor":"9999999999999999999"}}`, 1))
	s := apitest.New(f)
	s.Run(f, metastore.RunSucceeded, "ann")
	o := &opener{store: s}
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		err := rpc.Serve(t.Context(), bytes.NewReader(data), &out, "1.2.3", o.Open)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		for {
			var a answer
			if _, err := protocol.ReadFrame(&out, &a); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("the server wrote what is not a frame: %v", err)
			}
			if a.Error != nil && a.Error.Kind == "internal error" {
				t.Fatalf("answer: %+v", a.Error)
			}
		}
	})
}

// A store that is slow to open keeps nobody waiting who asks for another.
func TestSlowStore(t *testing.T) {
	o := &opener{store: apitest.New(t)}
	asked, let := make(chan struct{}), make(chan struct{})
	c := connect(t, func(ctx context.Context, where rpc.Where) (*rpc.Store, error) {
		if where.URL != "" {
			close(asked)
			<-let
		}
		return o.Open(ctx, where)
	})
	frame, err := protocol.AppendFrame(nil, map[string]any{"id": 7, "method": "runs", "params": map[string]any{}, "server": "http://far"})
	if err == nil {
		_, err = c.in.Write(frame)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	answers := make(chan answer)
	go func() {
		answers <- c.ask("runs", map[string]any{})
	}()
	select {
	case a := <-answers:
		if a.ID != 1 || a.Error != nil {
			t.Errorf("the other store: %+v", a)
		}
		close(let)
		if a := c.read(); a.ID != 7 || a.Error != nil {
			t.Errorf("the slow store: %+v", a)
		}
	case <-time.After(time.Minute):
		t.Error("who asks for another store waits for the slow one")
		close(let)
		<-answers
		c.read()
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
	if n := o.open.Load(); n != 0 {
		t.Errorf("%d stores are open", n)
	}
}
