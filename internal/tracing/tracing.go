// Package tracing exports a run as an OpenTelemetry trace: a span for the run and, below it, one for each attempt of a
// task. The spans go to a collector over OTLP/HTTP, as JSON.
//
// Tracing must not affect a run. Ended attempts go into a bounded queue, from which one goroutine sends them in
// batches. A span that finds the queue full, or cannot be delivered after a few tries, is dropped and counted. At its
// end, a run waits for the rest for a bounded time.
//
// A nil [Trace] means that the run is not traced: its methods do nothing.
package tracing

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

const (
	queued      = 8192 // spans that wait; tasks that run in one process end two thousand at once
	batch       = 512
	every       = time.Second
	tries       = 4
	firstPause  = 200 * time.Millisecond
	requestTime = 10 * time.Second
	endTime     = 5 * time.Second
	maxText     = 16 << 10 // of a traceback, in bytes
)

// TraceID names a trace, SpanID one of its spans.
type (
	TraceID [16]byte
	SpanID  [8]byte
)

// Trace is the trace of one run.
type Trace struct {
	o       *Options
	client  *http.Client
	run     metastore.Run
	id      TraceID
	root    SpanID
	spans   chan span
	done    chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
	dropped atomic.Int64
	last    error // why spans were dropped; of the goroutine until done is closed
	down    bool  // nobody took the last batch, so the next one is tried once
}

// span is an ended attempt, or with step "" the run.
type span struct {
	id      SpanID
	step    string
	why     string
	attempt metastore.Attempt
	end     metastore.RunEnd
}

// Start begins the trace of a run that has been created. Nil options begin none.
func (o *Options) Start(run metastore.Run) *Trace {
	if o == nil || o.Problem != "" {
		return nil
	}
	t := &Trace{
		o: o, run: run, id: o.Parent.Trace, root: newSpan(), spans: make(chan span, queued), done: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}},
	}
	if t.id == (TraceID{}) {
		rand.Read(t.id[:])
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	go t.export()
	return t
}

func newSpan() (id SpanID) {
	rand.Read(id[:])
	return id
}

// NewSpan returns the id of an attempt that begins.
func (t *Trace) NewSpan() SpanID {
	if t == nil {
		return SpanID{}
	}
	return newSpan()
}

// Traceparent is what lets a task continue the trace below its span; empty without a trace.
func (t *Trace) Traceparent(id SpanID) string {
	if t == nil {
		return ""
	}
	return "00-" + hex.EncodeToString(t.id[:]) + "-" + hex.EncodeToString(id[:]) + "-01"
}

// Attempt takes note of an attempt that has ended. why tells of a failure without an exception.
func (t *Trace) Attempt(id SpanID, step string, a *metastore.Attempt, why string) {
	if t == nil {
		return
	}
	s := span{id: id, step: step, why: why, attempt: *a}
	s.attempt.Series, s.attempt.Transition = nil, nil
	t.add(s)
}

func (t *Trace) add(s span) {
	select {
	case t.spans <- s:
	default:
		t.dropped.Add(1)
	}
}

// End ends the trace and waits a few seconds for what is not delivered yet, or until hard is closed. It returns what is
// to be told to the user if something was lost.
func (t *Trace) End(end metastore.RunEnd, hard <-chan struct{}) string {
	if t == nil {
		return ""
	}
	limit := time.NewTimer(endTime)
	defer limit.Stop()
	for root := (span{id: t.root, end: end}); ; {
		select {
		case t.spans <- root:
		default: // the run's own span is worth more than one of a task
			select {
			case <-t.spans:
				t.dropped.Add(1)
			default:
			}
			continue
		}
		break
	}
	close(t.spans)
	select {
	case <-t.done:
	case <-limit.C:
	case <-hard:
	}
	t.cancel()
	<-t.done
	t.client.CloseIdleConnections()
	n := t.dropped.Load()
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("%d spans of the run's trace were not delivered to %s", n, shown(t.o.Endpoint))
	if t.last != nil {
		return text + ": " + t.last.Error()
	}
	return text + ", which took them too slowly"
}

// export sends batches until the queue is closed and empty.
func (t *Trace) export() {
	defer close(t.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	held := make([]span, 0, batch)
	flush := func() {
		if len(held) > 0 {
			t.send(held)
			clear(held)
			held = held[:0]
		}
	}
	for {
		select {
		case s, more := <-t.spans:
			if !more {
				flush()
				return
			}
			if held = append(held, s); len(held) == batch {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

// send delivers a batch, or counts it as dropped.
func (t *Trace) send(spans []span) {
	body, err := json.Marshal(t.request(spans))
	pause := firstPause
	for n := 1; err == nil; n++ {
		var again bool
		again, err = t.post(body)
		if err == nil {
			t.down = false
			return
		}
		if !again || t.down || n == tries {
			break
		}
		select {
		case <-time.After(pause):
			pause *= 2
			err = nil
		case <-t.ctx.Done():
		}
	}
	t.down, t.last = true, err
	t.dropped.Add(int64(len(spans)))
}

// post sends a request once and says whether another try may help.
func (t *Trace) post(body []byte) (again bool, err error) {
	ctx, cancel := context.WithTimeout(t.ctx, requestTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	for _, h := range t.o.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return t.ctx.Err() == nil, reason(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500, fmt.Errorf("it answered %s", resp.Status)
	}
	var partial struct {
		PartialSuccess struct {
			Rejected json.RawMessage `json:"rejectedSpans"` // a number, or one as a string
			Message  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &partial) == nil {
		if n, err := strconv.ParseInt(string(bytes.Trim(partial.PartialSuccess.Rejected, `"`)), 10, 64); err == nil && n > 0 {
			t.dropped.Add(n)
			t.last = fmt.Errorf("it refused them: %s", partial.PartialSuccess.Message)
		}
	}
	return false, nil
}
