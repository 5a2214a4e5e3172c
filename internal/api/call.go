package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/levadahq/levada/internal/fault"
)

// handler answers one method.
type handler func(s *Service, ctx context.Context, params []byte) (any, error)

func method[Q, R any](f func(*Service, context.Context, Q) (R, error)) handler {
	return func(s *Service, ctx context.Context, params []byte) (any, error) {
		var q Q
		if len(params) > 0 {
			if err := json.Unmarshal(params, &q); err != nil {
				return nil, fault.New(fault.Usage, "the parameters of the request cannot be read: %v", err)
			}
		}
		r, err := f(s, ctx, q)
		if err != nil {
			return nil, err
		}
		return r, nil
	}
}

// methods is the table of methods by the names they have on the wire.
var methods = map[string]handler{
	"info":           method((*Service).Info),
	"flows":          method((*Service).Flows),
	"names":          method((*Service).Names),
	"runs":           method((*Service).Runs),
	"run":            method((*Service).Run),
	"steps":          method((*Service).Steps),
	"tasks":          method((*Service).Tasks),
	"artifacts":      method((*Service).Artifacts),
	"values":         method((*Service).Values),
	"open_value":     method((*Service).OpenValue),
	"log":            method((*Service).Log),
	"metadata":       method((*Service).Metadata),
	"related":        method((*Service).Related),
	"tags":           method((*Service).ChangeTags),
	"code":           method((*Service).Code),
	"open_code":      method((*Service).OpenCode),
	"graph":          method((*Service).Graph),
	"cards":          method((*Service).Cards),
	"open_card":      method((*Service).OpenCard),
	"timeline":       method((*Service).Timeline),
	"preview":        method((*Service).Preview),
	"usage":          method((*Service).Usage),
	"metrics":        method((*Service).Metrics),
	"code_files":     method((*Service).CodeFiles),
	"open_code_file": method((*Service).OpenCodeFile),
	"cancel_run":     method((*Service).Cancel),
	"resume_run":     method((*Service).Resume),
}

// Methods returns the names of all methods, sorted.
func Methods() []string {
	names := make([]string, 0, len(methods))
	for name := range methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Writes reports whether a method changes what is stored.
func Writes(name string) bool { return name == "tags" || name == "cancel_run" || name == "resume_run" }

// Call answers a request whose parameters are JSON; none is the zero request. The answer is one of the
// results of this package, or an io.ReadCloser, which the caller closes. Usage if there is no such method.
func (s *Service) Call(ctx context.Context, name string, params []byte) (any, error) {
	h := methods[name]
	if h == nil {
		return nil, fault.New(fault.Usage, "there is no method %q", name)
	}
	return h(s, ctx, params)
}

// Body returns the bytes that travel beside a result, nil if there are none.
func Body(result any) []byte {
	switch r := result.(type) {
	case ValuesResult:
		return r.Data
	case LogResult:
		return r.Data
	case Answer:
		return r.Data
	}
	return nil
}
