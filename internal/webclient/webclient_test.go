package webclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/api/apitest"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/webapi"
)

// world is a store, its server and a client of that.
func world(t *testing.T) (*apitest.Store, *httptest.Server, *Client) {
	t.Helper()
	store := apitest.New(t)
	store.Run(t, metastore.RunSucceeded, "ann", "good")
	store.Run(t, metastore.RunRunning, "bob")
	srv := httptest.NewServer(webapi.New(webapi.Options{API: store.Service}))
	t.Cleanup(srv.Close)
	return store, srv, newClient(t, srv.URL)
}

func newClient(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// same asks both and compares.
func same[R any](t *testing.T, near, far api.Caller, method string, request any) {
	t.Helper()
	want, err := api.Ask[R](t.Context(), near, method, request)
	got, farErr := api.Ask[R](t.Context(), far, method, request)
	if fmt.Sprint(err) != fmt.Sprint(farErr) || fault.KindOf(err) != fault.KindOf(farErr) || fault.HintOf(err) != fault.HintOf(farErr) {
		t.Errorf("%s: %v, from afar %v", method, err, farErr)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %+v, from afar %+v", method, want, got)
	}
}

func TestAnswersAreTheSame(t *testing.T) {
	store, _, c := world(t)
	first := 0
	same[api.Info](t, store, c, "info", struct{}{})
	same[api.FlowsResult](t, store, c, "flows", api.FlowsRequest{})
	same[api.NamesResult](t, store, c, "names", struct{}{})
	same[api.RunsResult](t, store, c, "runs", api.RunsRequest{Limit: 1})
	same[api.Run](t, store, c, "run", api.RunRequest{Run: 1})
	same[api.Run](t, store, c, "run", api.RunRequest{Run: 99})
	same[api.StepsResult](t, store, c, "steps", api.StepsRequest{Run: 1, Counts: true})
	same[api.TasksResult](t, store, c, "tasks", api.TasksRequest{Run: 1, Limit: 3})
	same[api.ArtifactsResult](t, store, c, "artifacts", api.ArtifactsRequest{Run: 1, Tasks: []int64{1, 5}, Attempt: &first})
	same[api.ValuesResult](t, store, c, "values", api.ValuesRequest{Run: 1, Values: []api.ValueRef{{Task: 1, Attempt: -1, Name: "x"}, {Task: 1, Attempt: -1, Name: "large"}}})
	same[api.LogResult](t, store, c, "log", api.LogRequest{Run: 1, Task: 1, Attempt: -1})
	same[api.LogResult](t, store, c, "log", api.LogRequest{Run: 1, Task: 1, Stream: "none"})
	same[api.MetadataResult](t, store, c, "metadata", api.MetadataRequest{Run: 1, Task: 1})
	same[api.RelatedResult](t, store, c, "related", api.RelatedRequest{Run: 1, Task: 8})
	same[api.SiblingsResult](t, store, c, "siblings", api.SiblingsRequest{Run: 1, Task: 5})
	same[api.TagsResult](t, store, c, "tags", api.TagsRequest{Run: 1, Add: []string{"seen"}})
	same[api.Code](t, store, c, "code", api.RunRequest{Run: 1})
	if _, err := c.Call(t.Context(), "nothing/../info", nil); !fault.Is(err, fault.Usage) {
		t.Errorf("no such method: %v", err)
	}
}

func TestStream(t *testing.T) {
	_, _, c := world(t)
	r, err := api.Open(t.Context(), c, "open_value", api.OpenValueRequest{Run: 1, ValueRef: api.ValueRef{Task: 1, Attempt: -1, Name: "large"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || string(data) != string(apitest.Large) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := api.Open(t.Context(), c, "open_value", api.OpenValueRequest{Run: 1, ValueRef: api.ValueRef{Task: 1, Name: "none"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("no value: %v", err)
	}
}

// Files of the server's machine are no files of the reader's.
func TestNothingLocal(t *testing.T) {
	var got api.ValuesRequest
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		w.Header().Set(resultKind, "json")
		io.WriteString(w, "{\"values\":[]}\n")
	}))
	defer srv.Close()
	q := api.ValuesRequest{Run: 7, Values: []api.ValueRef{{Task: 1, Name: "x"}}, Local: true, Max: 5}
	if _, err := api.Ask[api.ValuesResult](t.Context(), newClient(t, srv.URL), "values", q); err != nil {
		t.Fatal(err)
	}
	if q.Local = false; !reflect.DeepEqual(got, q) {
		t.Errorf("the server is asked %+v", got)
	}
}

// A server that fails in some way for a while is asked again, unless that could do something twice.
func TestAway(t *testing.T) {
	store := apitest.New(t)
	store.Run(t, metastore.RunSucceeded, "ann")
	good := webapi.New(webapi.Options{API: store.Service})
	breaks := map[string]func(w http.ResponseWriter){
		"a connection that breaks": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"a gateway":                func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"half an answer": func(w http.ResponseWriter) {
			w.Header().Set(resultKind, "json")
			io.WriteString(w, `{"home":`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	}
	for name, fail := range breaks {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) <= 3 {
					fail(w)
					return
				}
				good.ServeHTTP(w, r)
			}))
			defer srv.Close()
			c := newClient(t, srv.URL)
			c.wait = func(context.Context, time.Duration) error { return nil }
			if _, err := api.Ask[api.TagsResult](t.Context(), c, "tags", api.TagsRequest{Run: 1, Add: []string{"x"}}); !fault.Is(err, fault.Unavailable) || asked.Load() != 1 {
				t.Errorf("a change is asked for %d times: %v", asked.Load(), err)
			}
			if info, err := api.Ask[api.Info](t.Context(), c, "info", struct{}{}); err != nil || info.Version != "1.2.3" || asked.Load() != 4 {
				t.Errorf("after %d times: %+v, %v", asked.Load(), info, err)
			}
		})
	}
}

// A change that was surely not done is asked for again: nobody listened.
func TestNobodyListens(t *testing.T) {
	store := apitest.New(t)
	store.Run(t, metastore.RunSucceeded, "ann")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := newClient(t, "http://"+address)
	var waited time.Duration
	c.wait = func(_ context.Context, d time.Duration) error {
		waited += d
		return nil
	}
	if _, err := c.Call(t.Context(), "info", nil); !fault.Is(err, fault.Unavailable) || waited < firstPatience || waited > firstPatience+longestPause || !strings.Contains(fault.HintOf(err), "levada server") {
		t.Errorf("after %v: %v", waited, err)
	}
	c.met.Store(true)
	var srv *http.Server
	waits := 0
	c.wait = func(context.Context, time.Duration) error {
		if waits++; waits == 3 {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return err
			}
			srv = &http.Server{Handler: webapi.New(webapi.Options{API: store.Service})}
			go srv.Serve(l)
		}
		return nil
	}
	res, err := api.Ask[api.TagsResult](t.Context(), c, "tags", api.TagsRequest{Run: 1, Add: []string{"late"}})
	if err != nil || len(res.Tags) != 1 || waits != 3 {
		t.Errorf("%+v after %d waits, %v", res, waits, err)
	}
	if srv != nil {
		srv.Close()
	}
}

// nowhere is connections to an address from which nothing comes back.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(dialTime)
	return nil, &net.OpError{Op: "dial", Err: errors.New("i/o timeout")}
}

// An address that leads nowhere is told when it has been tried once, and not after as many tries as fit into the
// pauses.
func TestAnAddressThatLeadsNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://192.0.2.1:8265")
		c.http.Transport = nowhere{}
		began := time.Now()
		if _, err := c.Call(t.Context(), "info", nil); !fault.Is(err, fault.Unavailable) || time.Since(began) > 2*dialTime {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// mute takes connections and requests, and says nothing.
type mute struct{ net.Conn }

func (mute) Write(b []byte) (int, error) { return len(b), nil }

// A server that takes the request and says nothing is not waited for without end, nor asked again and again.
func TestAServerThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://192.0.2.1:8265")
		asked := 0
		c.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
			asked++
			near, _ := net.Pipe()
			return mute{near}, nil
		}
		for _, met := range []bool{false, true} {
			c.met.Store(met)
			for name, hint := range map[string]string{"info": "levada server", "tags": "it may have done what it was asked for"} {
				began := time.Now()
				_, err := c.Call(t.Context(), name, []byte("{}"))
				if took := time.Since(began); !fault.Is(err, fault.Unavailable) || took < answerTime || took > answerTime+patience {
					t.Errorf("%s after %v: %v", name, took, err)
				}
				if !strings.Contains(err.Error(), "nothing was heard of it for 5m0s") || !strings.Contains(fault.HintOf(err), hint) {
					t.Errorf("%s: %v: %s", name, err, fault.HintOf(err))
				}
			}
		}
		if asked != 4 {
			t.Errorf("it was asked %d times", asked)
		}
	})
}

// drip is a connection to a server that answers piece by piece, with pauses, and then says nothing more.
func drip(pause time.Duration, pieces ...string) net.Conn {
	near, far := net.Pipe()
	go io.Copy(io.Discard, far)
	go func() {
		for _, piece := range pieces {
			io.WriteString(far, piece)
			time.Sleep(pause)
		}
	}()
	return near
}

// An answer that stops in the middle is given up, whether it is read as a whole or as a stream. One that is slow, and
// goes on, is read to its end.
func TestAnAnswerThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const value = `{"home":"/x"}` + "\n"
		head := func(kind string, length int) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\n%s: %s\r\nContent-Length: %d\r\n\r\n", resultKind, kind, length)
		}
		for _, c := range []struct {
			kind   string
			length int
			whole  bool
		}{{"json", len(value), true}, {"json", len(value) + 1, false}, {"stream", len(value), true}, {"stream", len(value) + 1, false}} {
			client := newClient(t, "http://192.0.2.1:8265")
			client.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
				return drip(answerTime-time.Second, head(c.kind, c.length), value[:5], value[5:]), nil
			}
			began := time.Now()
			got, err := client.Call(t.Context(), "info", []byte("{}"))
			if r, ok := got.(io.ReadCloser); ok {
				_, err = io.ReadAll(r)
				r.Close()
			}
			stalled := fault.Is(err, fault.Unavailable) && strings.Contains(err.Error(), "nothing was heard of it for 5m0s")
			if c.whole && err != nil || !c.whole && !stalled {
				t.Errorf("%s, %d bytes of %d, after %v: %v", c.kind, len(value), c.length, time.Since(began), err)
			}
			client.Close()
		}
	})
}

func TestCancelled(t *testing.T) {
	started := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // so that the server sees the reader go
		close(started)
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := newClient(t, srv.URL).Call(ctx, "info", nil); !fault.Is(err, fault.Interrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestSomebodyElse(t *testing.T) {
	for _, status := range []int{200, 302, 404, 500} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
		if _, err := newClient(t, srv.URL).Call(t.Context(), "info", nil); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "not a server of Levada") {
			t.Errorf("%d: %v", status, err)
		}
		srv.Close()
	}
}

// A server with another certificate, or without one, is there: starting it again is no remedy.
func TestTheWrongKindOfConnection(t *testing.T) {
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	tls.StartTLS()
	defer tls.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for address, hint := range map[string]string{tls.URL: "certificate", strings.Replace(plain.URL, "http:", "https:", 1): "http://"} {
		c := newClient(t, address)
		c.wait = func(context.Context, time.Duration) error { return nil }
		_, err := c.Call(t.Context(), "info", nil)
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.HintOf(err), hint) || strings.Contains(fault.HintOf(err), "start it") {
			t.Errorf("%v: %s", err, fault.HintOf(err))
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"localhost:8265", "http://u:p@h"} {
		if c, err := New(bad); !fault.Is(err, fault.Usage) {
			t.Errorf("%q: %v, %v", bad, c, err)
		}
	}
	if c := newClient(t, "http://h:1/levada/"); c.URL() != "http://h:1/levada" {
		t.Errorf("%s", c.URL())
	}
}
