package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/upkeep"
)

// DefaultPatience is how long a client waits for a server that is away.
const DefaultPatience = metastore.Patience

// The pauses between tries, and how long what is tried once may take.
const (
	firstPause = 10 * time.Millisecond
	longPause  = 2 * time.Second
	beatTime   = 2 * time.Second
	silence    = 10 * time.Second // after which a server that says nothing at all is told to be away
	helloTime  = 10 * time.Second // of the first request of all
	stalled    = 2 * time.Minute  // after which a request in which nothing moves, either way, is made anew
)

// Options are how a client behaves.
type Options struct {
	Cache     string // the folder for what is kept of this server's values, and for files of tasks that run
	CacheSize int64  // its bound in bytes; 0 is DefaultCacheSize
	Patience  time.Duration
	Silence   time.Duration // after which a server that takes requests and says nothing counts as away; 0 is 10 seconds
	Stalled   time.Duration // after which a request in which nothing moves is made anew; 0 is two minutes
	Hello     time.Duration // how long the first request of all may take; 0 is 10 seconds
	Host      string        // the name of this machine
	Tell      func(string)  // is told that the server is away and is back, and of damaged copies of its values; may be nil
}

// Client is the connection to a server.
type Client struct {
	url     string
	o       Options
	http    *http.Client
	server  hello
	session session
	small   *smallCache
	cache   *cache
	mirror  *mirror
	Store   *Store
	Bucket  *Bucket

	mu    sync.Mutex
	away  time.Time    // since when; zero while it answers
	spoke time.Time    // when it answered last
	heard atomic.Int64 // when something came of the server or went to it, in nanoseconds since 1970

	registering sync.Mutex         // held while the session is made known
	stop        context.CancelFunc // of the goroutine that renews it; nil until it is known
	renewed     sync.WaitGroup
}

// Dial connects to a server. It does not wait for one that does not answer.
func Dial(ctx context.Context, address string, o Options) (*Client, error) {
	server, err := httpedge.ServerAddress(address)
	if err != nil {
		return nil, err
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.Silence == 0 {
		o.Silence = silence
	}
	if o.Stalled == 0 {
		o.Stalled = stalled
	}
	if o.Hello == 0 {
		o.Hello = helloTime
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	id := make([]byte, 16)
	rand.Read(id)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	transport.MaxIdleConnsPerHost, transport.DisableCompression = 16, true
	c := &Client{
		url: server, o: o, http: &http.Client{Transport: transport},
		session: session{ID: hex.EncodeToString(id), Host: o.Host}, small: newSmallCache(),
	}
	if err := c.hello(ctx); err != nil {
		return nil, err
	}
	if c.cache, err = openCache(o.Cache, c.url, o.CacheSize); err != nil {
		return nil, err
	}
	c.mirror = newMirror(c)
	c.Store = &Store{c, newRecorder(c)}
	c.Bucket = &Bucket{c}
	return c, nil
}

// Patience is how long the client waits for a server that is away.
func (c *Client) Patience() time.Duration { return c.o.Patience }

// URL is the server's address.
func (c *Client) URL() string { return c.url }

// Remove removes runs on the server.
func (c *Client) Remove(ctx context.Context, runs []int64, m upkeep.Mode) (upkeep.Collected, error) {
	return ask[upkeep.Collected](ctx, c, "remove", removeArgs{runs, m.Dry, m.Force})
}

// Collect frees what nobody needs on the server.
func (c *Client) Collect(ctx context.Context, rules upkeep.Rules, m upkeep.Mode) (upkeep.Collected, error) {
	return ask[upkeep.Collected](ctx, c, "collect", collectArgs{rules, m.Dry, m.Force})
}

// Home is the folder on this machine in which engines have their staged values and the logs of running tasks.
func (c *Client) Home() string { return c.cache.home }

func (c *Client) hello(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.Hello, httpedge.Silence(c.o.Hello))
	defer cancel()
	h, err := askOnce[hello](ctx, c, "hello", none{})
	switch {
	case err == nil && h.Protocol != Protocol:
		return fault.New(fault.Unavailable, "the server is Levada %s and speaks version %d of the store protocol; this program speaks version %d", h.Version, h.Protocol, Protocol).
			On(c.url).Do("install the same version of Levada on both sides")
	case err == nil:
		c.server = h
		return nil
	case isAway(err):
		return fault.New(fault.Unavailable, "no server answers: %v", plain(err)).On(c.url).
			Do("%s", cmp.Or(httpedge.Remedy(err), "start it there with `levada server`, or leave out --server and unset LEVADA_SERVER to record in this folder"))
	}
	return err
}

// away is the error of a request that may be sent again.
type away struct{ cause error }

func (a *away) Error() string { return a.cause.Error() }
func (a *away) Unwrap() error { return a.cause }

// plain is the error of a connection without the request, which says nothing to a user.
func plain(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return errors.Unwrap(err)
}

func isAway(err error) bool {
	var a *away
	return errors.As(err, &a)
}

// patiently calls f until it gives something else than a server that is away, or the patience is over.
func (c *Client) patiently(ctx context.Context, f func(again bool) error) error {
	for pause, again := firstPause, false; ; again = true {
		ended := make(chan struct{})
		quiet := time.AfterFunc(c.o.Silence, func() { c.noticeSilence(ended) })
		asked := time.Now()
		err := f(again)
		quiet.Stop()
		close(ended)
		if !isAway(err) {
			c.back(err)
			return err
		}
		if ctx.Err() != nil {
			return fault.Wrap(fault.Interrupted, "wait for the server "+c.url, ctx.Err())
		}
		if c.gone(asked, again, plain(err)) > c.o.Patience {
			return fault.New(fault.Unavailable, "the server has been away for more than %s", c.o.Patience).On(c.url).Because(plain(err)).
				Do("%s; nothing that was recorded is lost, and `levada resume` continues from there", cmp.Or(httpedge.Remedy(err), "start it again"))
		}
		wait := time.NewTimer(pause/2 + mrand.N(pause/2))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
		pause = min(2*pause, longPause)
	}
}

// gone notes that the server is away and returns since how long. One connection that was cut is not told, nor what is
// heard of a request so late that another one has been answered meanwhile.
func (c *Client) gone(asked time.Time, tell bool, why error) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.away.IsZero() && (!tell || asked.Before(c.spoke)) {
		return 0
	}
	c.leave(now, why)
	return now.Sub(c.away)
}

// noticeSilence is called when a request has not ended for a while: the server may be stopped, or
// the network may swallow what is sent. Unless something else is heard of the server, it is told
// to be away. The request itself goes on.
func (c *Client) noticeSilence(ended <-chan struct{}) {
	for {
		rest := c.o.Silence - time.Since(time.Unix(0, c.heard.Load()))
		if rest <= 0 {
			break
		}
		select {
		case <-ended:
			return
		case <-time.After(rest):
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-ended:
	default:
		c.leave(time.Now(), errors.New("it says nothing"))
	}
}

// hear notes that the server is there.
func (c *Client) hear() { c.heard.Store(time.Now().UnixNano()) }

// leave notes that the server is away, and tells it once. c.mu is held.
func (c *Client) leave(now time.Time, why error) {
	if c.away.IsZero() {
		c.away = now
		c.o.Tell(fmt.Sprintf("the server %s is away (%v); waiting for it for up to %s", c.url, why, c.o.Patience))
	}
}

// Waits says that the server is away and how long it is waited for; "" if it answers.
func (s *Store) Waits() string {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.away.IsZero() {
		return ""
	}
	left := max(s.c.o.Patience-time.Since(s.c.away), 0).Round(time.Second)
	return fmt.Sprintf("the server %s is away; waiting for it for up to %s more", s.c.url, left)
}

func (c *Client) back(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fault.Is(err, fault.Interrupted) {
		return
	}
	c.spoke = time.Now()
	if !c.away.IsZero() {
		c.o.Tell(fmt.Sprintf("the server %s is back after %s", c.url, c.spoke.Sub(c.away).Round(time.Second)))
		c.away = time.Time{}
	}
}

// request makes a request. It is the one place where what all requests have is set.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, c.url+Prefix+path, body)
}

// roundTrip sends a request. An error is either a fault, or that the server is away.
func (c *Client) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &away{err}
	}
	c.hear()
	switch {
	case resp.StatusCode < 300:
		return resp, nil
	case resp.StatusCode == http.StatusBadGateway, resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusGatewayTimeout:
		resp.Body.Close()
		return nil, &away{errors.New(resp.Status)}
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var a answer[cbor.RawMessage]
	if resp.Header.Get("Content-Type") == contentType && decoding.Unmarshal(data, &a) == nil && a.Fault != nil {
		return nil, c.told(a.Fault)
	}
	if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed {
		resp.Body = io.NopCloser(bytes.NewReader(data))
		if err := httpedge.Refused(resp); err != nil {
			return nil, err
		}
	}
	return nil, fault.New(fault.Unavailable, "what answers is not a Levada server that records runs of other machines: %s", resp.Status).On(c.url).
		Do("check the address, and that the server has the same version as this program")
}

// told is the fault that the server answered with. What is wrong with its store or its disk is said to be wrong there:
// the files that are named are none of this machine.
func (c *Client) told(w *wireFault) error {
	err := w.unpack()
	there := &fault.Error{Op: "on the server " + c.url, Cause: err}
	switch there.Kind = fault.KindOf(err); {
	case err == nil:
		return nil
	case there.Kind == fault.NoSpace:
		there.Hint = "Free some space on the disk of the server, for instance with `levada gc` or `levada rm`, then try again."
	case there.Kind == fault.Permission && fault.HintOf(err) != "": // else the server itself refuses it
		there.Hint = "Who runs the server has to make the files and folders of its store writable for it."
	case there.Kind != fault.Corrupt && there.Kind != fault.Internal:
		return err
	}
	return there
}

var packer = sync.OnceValue(func() *zstd.Encoder {
	return must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)))
})

// reply is the answer to a call, as it comes.
type reply struct {
	*cbor.Decoder
	in    io.Reader // the decoder's
	body  io.Closer
	watch *httpedge.Watch
}

func (r *reply) close() {
	r.body.Close()
	r.watch.Stop()
}

// watched returns a context for a request, which ends when nothing moves in it for a while.
func (c *Client) watched(ctx context.Context) (context.Context, *httpedge.Watch) {
	return httpedge.Watched(ctx, c.o.Stalled, c.hear)
}

// call sends a call. The caller closes the answer.
func (c *Client) call(ctx context.Context, name string, args any) (*reply, error) {
	body, err := encoding.Marshal(args)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "send "+name, err)
	}
	packed := len(body) > compressAbove
	if packed {
		body = packer().EncodeAll(body, nil)
	}
	ctx, watch := c.watched(ctx)
	req, err := c.request(ctx, http.MethodPost, name, nil)
	if err != nil {
		watch.Stop()
		return nil, fault.Wrap(fault.Internal, "send "+name, err)
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(watch.Out(bytes.NewReader(body))), nil }
	req.Body, _ = req.GetBody()
	req.Header.Set("Content-Type", contentType)
	if packed {
		req.Header.Set("Content-Encoding", encodingZstd)
	}
	resp, err := c.roundTrip(req)
	if err != nil {
		watch.Stop()
		return nil, err
	}
	in := watch.In(resp.Body)
	r := &reply{decoding.NewDecoder(in), in, resp.Body, watch}
	if resp.Header.Get("Content-Type") != contentType {
		r.close()
		return nil, fault.New(fault.Unavailable, "what answers is not a Levada server").On(c.url).Do("check the address")
	}
	return r, nil
}

// askOnce sends a call that is answered by one value. It takes as long as the server says that it is at it.
func askOnce[R any](ctx context.Context, c *Client, name string, args any) (result R, err error) {
	r, err := c.call(ctx, name, args)
	if err != nil {
		return result, err
	}
	defer r.close()
	var a answer[R]
	for !a.Last {
		a = answer[R]{}
		if err := r.Decode(&a); err != nil {
			return result, unread(err)
		}
	}
	if len(a.Items) > 0 {
		result = a.Items[0]
	}
	// To its end, so that the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(r.in, 1<<10))
	return result, c.told(a.Fault)
}

// unread says why an answer could not be read: it was cut, or makes no sense.
func unread(err error) error {
	var nonsense *cbor.UnmarshalTypeError
	var syntax *cbor.SyntaxError
	if errors.As(err, &nonsense) || errors.As(err, &syntax) {
		return fault.Wrap(fault.Internal, "read the server's answer", err)
	}
	return &away{err}
}

// ask sends a call, again while the server is away.
func ask[R any](ctx context.Context, c *Client, name string, args any) (result R, err error) {
	err = c.patiently(ctx, func(bool) error {
		var err error
		result, err = askOnce[R](ctx, c, name, args)
		return err
	})
	return result, err
}

// askAll sends a call that is answered by a list. The first part of a list is read before any of it is
// passed on, so that a connection that is cut there costs nothing; one that is cut later is an error: what
// came may not be what comes the next time.
func askAll[T any](ctx context.Context, c *Client, name string, args any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var r *reply
		var first []answer[T]
		err := c.patiently(ctx, func(bool) (err error) {
			first = first[:0]
			if r, err = c.call(ctx, name, args); err != nil {
				return err
			}
			for done := false; !done; {
				var a answer[T]
				if err := r.Decode(&a); err != nil {
					r.close()
					return unread(err)
				}
				first = append(first, a)
				done = a.Last || r.NumBytesRead() > maxBuffered
			}
			return nil
		})
		var zero T
		if err != nil {
			yield(zero, err)
			return
		}
		defer r.close()
		for {
			for _, a := range first {
				for _, v := range a.Items {
					if !yield(v, nil) {
						return
					}
				}
				if a.Fault != nil {
					yield(zero, c.told(a.Fault))
					return
				}
				if a.Last {
					return
				}
			}
			var a answer[T]
			if err := r.Decode(&a); err != nil {
				kind := fault.Unavailable
				if ctx.Err() != nil {
					kind = fault.Interrupted
				}
				yield(zero, &fault.Error{Kind: kind, Op: "read a list", Subject: c.url, Cause: err, Hint: "try again"})
				return
			}
			first = append(first[:0], a)
		}
	}
}

// beat is a heartbeat: one try.
func (c *Client) beat(ctx context.Context, args beatArgs) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Interrupted, "write", err)
	}
	short, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	_, err := askOnce[none](short, c, "Beat", args)
	if isAway(err) {
		return nil
	}
	return err
}

// register makes this client known to the server's collections before it stores anything, and keeps it known.
func (c *Client) register(ctx context.Context) error {
	c.registering.Lock()
	defer c.registering.Unlock()
	if c.stop != nil {
		return nil
	}
	s, err := ask[session](ctx, c, "session", c.session)
	if err != nil {
		return err
	}
	c.session.Began = s.Began
	work, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.renewed.Go(func() { c.renew(work, s) })
	return nil
}

// renewEvery is how often a session is renewed.
const renewEvery = 20 * time.Second

// renew renews the session, and sends what running tasks print and show, until the client ends.
func (c *Client) renew(ctx context.Context, s session) {
	tick := time.NewTicker(mirrorEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(last) > renewEvery {
			short, cancel := context.WithTimeout(ctx, beatTime)
			if _, err := askOnce[session](short, c, "session", s); err == nil {
				last = time.Now()
			}
			cancel()
		}
		c.mirror.look(ctx)
	}
}

// close ends the session.
func (c *Client) close() {
	c.registering.Lock()
	defer c.registering.Unlock()
	if c.stop != nil {
		c.stop()
		c.renewed.Wait()
		c.mirror.close()
		ctx, cancel := context.WithTimeout(context.Background(), beatTime)
		defer cancel()
		_, _ = askOnce[none](ctx, c, "goodbye", c.session) // else it is forgotten after a while
	}
	c.cache.close()
	c.http.CloseIdleConnections()
}

// smallCache keeps small values in memory, the newest of them.
type smallCache struct {
	mu     sync.Mutex
	values map[metastore.Hash][]byte
	order  []metastore.Hash
	bytes  int
}

const maxSmall = 32 << 20

func newSmallCache() *smallCache { return &smallCache{values: make(map[metastore.Hash][]byte)} }

func (s *smallCache) get(h metastore.Hash) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.values[h]
	return data, ok
}

func (s *smallCache) add(h metastore.Hash, data []byte) {
	if sha256.Sum256(data) != h {
		return // damaged: whoever asks again may get it mended
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.values[h]; ok {
		return
	}
	s.values[h] = bytes.Clone(data) // who queued a record may use its memory for the next
	s.order = append(s.order, h)
	for s.bytes += len(data); s.bytes > maxSmall && len(s.order) > 1; s.order = s.order[1:] {
		s.bytes -= len(s.values[s.order[0]])
		delete(s.values, s.order[0])
	}
}

func (s *smallCache) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.values)
	s.order, s.bytes = nil, 0
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
