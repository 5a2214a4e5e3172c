package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/levadahq/levada/internal/fault"
)

// Prefix is where servers have these methods over HTTP, and what is built on them: package webapi answers there.
const Prefix = "/api/v1"

// method is one that can be called.
type method struct {
	call   func(s *Service, ctx context.Context, params []byte) (any, error)
	writes bool // it changes what is stored
}

// reads is a method that changes nothing, which may be asked again.
func reads[Q, R any](f func(*Service, context.Context, Q) (R, error)) method {
	return method{call: func(s *Service, ctx context.Context, params []byte) (any, error) {
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
	}}
}

// writes is a method that changes what is stored.
func writes[Q, R any](f func(*Service, context.Context, Q) (R, error)) method {
	m := reads(f)
	m.writes = true
	return m
}

// methods is the table of methods by the names they have on the wire.
var methods = map[string]method{
	"info":           reads((*Service).Info),
	"flows":          reads((*Service).Flows),
	"names":          reads((*Service).Names),
	"runs":           reads((*Service).Runs),
	"run":            reads((*Service).Run),
	"steps":          reads((*Service).Steps),
	"tasks":          reads((*Service).Tasks),
	"artifacts":      reads((*Service).Artifacts),
	"values":         reads((*Service).Values),
	"open_value":     reads((*Service).OpenValue),
	"log":            reads((*Service).Log),
	"metadata":       reads((*Service).Metadata),
	"related":        reads((*Service).Related),
	"tags":           writes((*Service).ChangeTags),
	"code":           reads((*Service).Code),
	"open_code":      reads((*Service).OpenCode),
	"graph":          reads((*Service).Graph),
	"cards":          reads((*Service).Cards),
	"open_card":      reads((*Service).OpenCard),
	"timeline":       reads((*Service).Timeline),
	"preview":        reads((*Service).Preview),
	"usage":          reads((*Service).Usage),
	"metrics":        reads((*Service).Metrics),
	"code_files":     reads((*Service).CodeFiles),
	"open_code_file": reads((*Service).OpenCodeFile),
	"cancel_run":     writes((*Service).Cancel),
	"resume_run":     writes((*Service).Resume),
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
func Writes(name string) bool { return methods[name].writes }

// Call answers a request whose parameters are JSON; none is the zero request. The answer is one of the
// results of this package, or an io.ReadCloser, which the caller closes. Usage if there is no such method.
func (s *Service) Call(ctx context.Context, name string, params []byte) (any, error) {
	m, ok := methods[name]
	if !ok {
		return nil, fault.New(fault.Usage, "there is no method %q", name)
	}
	return m.call(s, ctx, params)
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
