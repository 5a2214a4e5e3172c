package tracing

import (
	"encoding/hex"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// The JSON of OTLP: ids are hexadecimal, 64-bit integers are strings, enumerations are numbers.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	otlpSpan struct {
		TraceID    string      `json:"traceId"`
		SpanID     string      `json:"spanId"`
		Parent     string      `json:"parentSpanId,omitempty"`
		Name       string      `json:"name"`
		Kind       int         `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes"`
		Events     []event     `json:"events,omitempty"`
		Status     *status     `json:"status,omitempty"`
	}
	event struct {
		Time       string      `json:"timeUnixNano"`
		Name       string      `json:"name"`
		Attributes []attribute `json:"attributes"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message,omitempty"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String *string  `json:"stringValue,omitempty"`
		Int    string   `json:"intValue,omitempty"`
		Double *float64 `json:"doubleValue,omitempty"`
	}
)

const (
	kindInternal = 1
	statusError  = 2
)

func str(key, s string) attribute { return attribute{key, value{String: &s}} }
func num(key string, n int64) attribute {
	return attribute{key, value{Int: strconv.FormatInt(n, 10)}}
}
func float(key string, f float64) attribute { return attribute{key, value{Double: &f}} }
func nanos(t time.Time) string              { return strconv.FormatInt(t.UnixNano(), 10) }

func (t *Trace) request(spans []span) request {
	var res resource
	for _, p := range t.o.Resource {
		res.Attributes = append(res.Attributes, str(p.Name, p.Value))
	}
	out := make([]otlpSpan, len(spans))
	for i := range spans {
		if out[i] = t.runSpan(&spans[i]); spans[i].step != "" {
			out[i] = t.attemptSpan(&spans[i])
		}
	}
	return request{[]resourceSpans{{res, []scopeSpans{{scope{"levada"}, out}}}}}
}

func (t *Trace) runSpan(s *span) otlpSpan {
	o := t.span(s.id, t.o.Parent.Span, t.run.Flow, t.run.Created, s.end.Ended)
	o.Attributes = append(o.Attributes, str("levada.status", string(s.end.Status)), str("levada.user", t.run.User))
	if t.run.Origin != 0 {
		o.Attributes = append(o.Attributes, num("levada.origin", t.run.Origin))
	}
	if s.end.Status != metastore.RunSucceeded {
		o.Status = &status{statusError, s.end.Problem}
	}
	return o
}

func (t *Trace) attemptSpan(s *span) otlpSpan {
	a := &s.attempt
	o := t.span(s.id, t.root, s.step, a.Started, a.Ended)
	o.Attributes = append(o.Attributes,
		str("levada.step", s.step), num("levada.task", a.Task), num("levada.attempt", int64(a.N)), str("levada.status", string(a.Status)),
		num("process.exit.code", int64(a.ExitCode)), float("levada.cpu.seconds", (a.UserCPU+a.SystemCPU).Seconds()),
		num("levada.memory.peak", a.PeakMemory))
	if a.Signal != 0 {
		o.Attributes = append(o.Attributes, num("levada.signal", int64(a.Signal)))
	}
	if a.Value != "" {
		o.Attributes = append(o.Attributes, str("levada.foreach.value", a.Value))
	}
	if e := a.Exception; e != nil {
		o.Events = []event{{nanos(a.Ended), "exception", []attribute{
			str("exception.type", e.Type), str("exception.message", short(e.Message)), str("exception.stacktrace", short(e.Traceback)),
		}}}
	}
	if a.Status == metastore.AttemptFailed || a.Status == metastore.AttemptKilled {
		o.Status = &status{statusError, s.why}
		if e := a.Exception; e != nil {
			o.Status.Message = short(e.Type + ": " + e.Message)
		}
	}
	return o
}

func (t *Trace) span(id, parent SpanID, name string, start, end time.Time) otlpSpan {
	o := otlpSpan{
		TraceID: hex.EncodeToString(t.id[:]), SpanID: hex.EncodeToString(id[:]), Name: name, Kind: kindInternal,
		Start: nanos(start), End: nanos(end), Attributes: []attribute{str("levada.flow", t.run.Flow), num("levada.run", t.run.ID)},
	}
	if parent != (SpanID{}) {
		o.Parent = hex.EncodeToString(parent[:])
	}
	return o
}

// short keeps the end of a long text, which is where a traceback says what happened.
func short(s string) string {
	if len(s) > maxText {
		s = "…" + s[len(s)-maxText:]
	}
	return strings.ToValidUTF8(s, "�")
}

// reason takes the address, which may hold a password, off an error of the client.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// shown is an endpoint without what is secret in it.
func shown(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the endpoint"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
