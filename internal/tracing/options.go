package tracing

import (
	"encoding/hex"
	"net/url"
	"strings"
)

// Options say where traces go. Nil options are those of nobody who wants any.
type Options struct {
	Endpoint string
	Headers  []Pair
	Resource []Pair
	Parent   Parent // the span that runs are children of; zero if there is none
	Problem  string // why no traces can be exported, though somebody asked for them
}

// Pair is a name and its value.
type Pair struct{ Name, Value string }

// Parent is what a TRACEPARENT names.
type Parent struct {
	Trace TraceID
	Span  SpanID
}

// FromEnviron reads OpenTelemetry's variables. It returns nil if no traces are to be exported.
func FromEnviron(environ []string, version, host string) *Options {
	vars := map[string]string{}
	for _, v := range environ {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") || name == "TRACEPARENT" {
			vars[name] = strings.TrimSpace(value)
		}
	}
	endpoint := vars["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
	if base := vars["OTEL_EXPORTER_OTLP_ENDPOINT"]; endpoint == "" && base != "" {
		endpoint = strings.TrimRight(base, "/") + "/v1/traces"
	}
	if endpoint == "" || strings.EqualFold(vars["OTEL_SDK_DISABLED"], "true") || vars["OTEL_TRACES_EXPORTER"] == "none" {
		return nil
	}
	o := &Options{Endpoint: endpoint}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		o.Problem = "the endpoint is not an address that begins with http:// or https://"
		return o
	}
	if text, ok := vars["TRACEPARENT"]; ok {
		parent, sampled, ok := ParseTraceparent(text)
		if ok && !sampled {
			return nil // whoever began the trace does not keep it
		}
		o.Parent = parent
	}
	headers := vars["OTEL_EXPORTER_OTLP_TRACES_HEADERS"]
	if headers == "" {
		headers = vars["OTEL_EXPORTER_OTLP_HEADERS"]
	}
	o.Headers = ParsePairs(headers)
	o.Resource = []Pair{{"service.name", "levada"}, {"service.version", version}, {"host.name", host}}
	for _, p := range ParsePairs(vars["OTEL_RESOURCE_ATTRIBUTES"]) {
		o.Resource = set(o.Resource, p)
	}
	if name := vars["OTEL_SERVICE_NAME"]; name != "" {
		o.Resource = set(o.Resource, Pair{"service.name", name})
	}
	return o
}

func set(all []Pair, p Pair) []Pair {
	for i := range all {
		if all[i].Name == p.Name {
			all[i] = p
			return all
		}
	}
	return append(all, p)
}

// ParsePairs reads "name=value,name=value", values percent-encoded. What is no pair is left out.
func ParsePairs(text string) []Pair {
	var all []Pair
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			continue
		}
		value = strings.TrimSpace(value)
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		all = append(all, Pair{name, value})
	}
	return all
}

// ParseTraceparent reads the header of W3C's Trace Context. Versions that are yet to come may have more fields.
func ParseTraceparent(text string) (p Parent, sampled, ok bool) {
	f := strings.Split(text, "-")
	if len(f) < 4 || len(f[0]) != 2 || len(f[1]) != 32 || len(f[2]) != 16 || len(f[3]) != 2 || f[0] == "ff" || f[0] == "00" && len(f) != 4 ||
		text != strings.ToLower(text) {
		return Parent{}, false, false
	}
	var version, flags [1]byte
	for _, d := range []struct {
		to   []byte
		text string
	}{{version[:], f[0]}, {p.Trace[:], f[1]}, {p.Span[:], f[2]}, {flags[:], f[3]}} {
		if _, err := hex.Decode(d.to, []byte(d.text)); err != nil {
			return Parent{}, false, false
		}
	}
	if p.Trace == (TraceID{}) || p.Span == (SpanID{}) {
		return Parent{}, false, false
	}
	return p, flags[0]&1 == 1, true
}
