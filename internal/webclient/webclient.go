// Package webclient calls a remote server: [Client.Call] is the Call of package api's service over HTTP, at
// /api/v1/call.
//
// If the server is away for a moment, because it is restarted or a connection broke, the client waits for it, with
// growing pauses. A request that only reads is repeated. A request that changes something is repeated only if it has
// certainly not been carried out, because the connection was never made. A server that has never answered this client
// gets only a short time, so that a wrong address is reported soon.
package webclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
)

// How long a server that does not answer is waited for, how long it is tried to reach one once: at an address that
// leads nowhere, nothing says so; and how long one that has taken a request may be silent, before its answer or in the
// middle of it, which is as long as a server of Levada works on one.
const (
	dialTime      = 10 * time.Second
	answerTime    = 5 * time.Minute
	firstPatience = 2 * time.Second
	patience      = time.Minute
	firstPause    = 50 * time.Millisecond
	longestPause  = 2 * time.Second
)

// Client is one server's client. It may be used concurrently.
type Client struct {
	base string // without a slash at its end
	http *http.Client
	met  atomic.Bool // the server has answered
	wait func(context.Context, time.Duration) error
}

var _ api.Caller = (*Client)(nil)

// New returns a client of the server at an address such as http://127.0.0.1:8265. Nothing
// is asked yet. Usage if it is no address.
func New(address string) (*Client, error) {
	base, err := httpedge.ServerAddress(address)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	transport.DialContext = (&net.Dialer{Timeout: dialTime, KeepAlive: 15 * time.Second}).DialContext
	return &Client{base: base, http: &http.Client{Transport: transport}, wait: sleep}, nil
}

// URL is the server's address.
func (c *Client) URL() string { return c.base }

// Close lets go of connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Call asks the server. The answer is an api.Answer, or an io.ReadCloser, which the caller closes.
func (c *Client) Call(ctx context.Context, name string, params []byte) (any, error) {
	params, err := fromAfar(name, params)
	if err != nil {
		return nil, err
	}
	left, pause := patience, firstPause
	if !c.met.Load() {
		left = firstPatience
	}
	for {
		began := time.Now()
		res, err := c.send(ctx, name, params)
		if err == nil {
			c.met.Store(true)
			return c.read(res, name)
		}
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Interrupted, "ask the server", ctx.Err())
		}
		if neverSent(err) || silent(err) {
			left -= time.Since(began)
		}
		if left <= 0 || api.Writes(name) && !neverSent(err) {
			return nil, c.away(name, err)
		}
		// Not all at the same moment, when a server comes back to many.
		d := pause/2 + rand.N(pause/2)
		left, pause = left-d, min(2*pause, longestPause)
		if err := c.wait(ctx, d); err != nil {
			return nil, fault.Wrap(fault.Interrupted, "ask the server", err)
		}
	}
}

// fromAfar takes what only holds on the server's machine out of a request: the reader's files are not the server's.
func fromAfar(name string, params []byte) ([]byte, error) {
	if name != "values" {
		return params, nil
	}
	var q api.ValuesRequest
	if err := json.Unmarshal(params, &q); err != nil {
		return nil, fault.New(fault.Usage, "the parameters of the request cannot be read: %v", err)
	}
	q.Local = false
	return json.Marshal(q)
}

// send asks once. An error says that there was no answer, or one of something that stands before a server that is away.
func (c *Client) send(ctx context.Context, name string, params []byte) (*http.Response, error) {
	ctx, watch := httpedge.Watched(ctx, answerTime, func() {})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+api.Prefix+"/call/"+url.PathEscape(name), bytes.NewReader(params))
	if err != nil {
		watch.Stop()
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		watch.Stop()
		return nil, err
	}
	res.Body = &body{watch.In(res.Body), res.Body, watch}
	switch res.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if !httpedge.IsProblem(res) {
			res.Body.Close()
			return nil, errors.New("it is answered for by something that says " + res.Status)
		}
	}
	if res.Header.Get(resultKind) == "json" { // read here: an answer that breaks off is none
		defer res.Body.Close()
		all, err := io.ReadAll(io.LimitReader(res.Body, maxJSON+maxData+1))
		if err != nil {
			return nil, err
		}
		res.Body = io.NopCloser(bytes.NewReader(all))
	}
	return res, nil
}

// body is what comes of an answer, until nothing comes any more.
type body struct {
	io.Reader
	under io.Closer
	watch *httpedge.Watch
}

func (b *body) Close() error {
	defer b.watch.Stop()
	return b.under.Close()
}

// neverSent reports whether an error came before anything was sent.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// silent reports whether an error is that nothing was heard for as long as an answer may take.
func silent(err error) bool {
	var silence httpedge.Silence
	return errors.As(err, &silence)
}

func (c *Client) away(name string, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // it repeats the address
	}
	if silent(err) {
		err = fmt.Errorf("it took the request, and %w", err)
	}
	f := fault.New(fault.Unavailable, "the server at %s does not answer", c.base).Because(err)
	if api.Writes(name) && !neverSent(err) {
		return f.Do("it may have done what it was asked for; look before you ask again")
	}
	return f.Do("%s", cmp.Or(httpedge.Remedy(err),
		"start it with `levada server` in the store's folder, or leave LEVADA_SERVER and --server away to use the store of this machine"))
}

// resultKind is the header that says what an answer is: "json", a line and the bytes beside it, or "stream".
const resultKind = "X-Levada-Result"

// The bounds of what an answer may be.
const (
	maxJSON = 256 << 20
	maxData = 64 << 20
)

// read takes an answer apart.
func (c *Client) read(res *http.Response, name string) (any, error) {
	kind := res.Header.Get(resultKind)
	if res.StatusCode != http.StatusOK || kind == "" {
		defer res.Body.Close()
		return nil, c.problem(res)
	}
	if kind == "stream" {
		return &stream{res.Body}, nil
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "read the answer to "+name, err)
	}
	text, data, ok := bytes.Cut(all, []byte("\n"))
	if !ok || len(text) > maxJSON || len(data) > maxData {
		return nil, fault.New(fault.Unavailable, "the answer of %s to %s cannot be read", c.base, name)
	}
	return api.Answer{JSON: text, Data: data}, nil
}

// problem is the fault that a server answered with.
func (c *Client) problem(res *http.Response) error {
	if err := httpedge.Refused(res); err != nil {
		return err
	}
	return fault.New(fault.Unavailable, "%s is not a server of Levada: it answers with %s", c.base, res.Status).
		Do("give what `levada server` printed, such as http://127.0.0.1:8265")
}

// stream is bytes that come as they are read. That they end too early is an error of the connection.
type stream struct{ io.ReadCloser }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fault.Wrap(fault.Unavailable, "read from the server", err)
	}
	return n, err
}
