package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// Prefix is where servers have these methods over HTTP, and what is built on them: package webapi answers there.
const Prefix = "/api/v1"

// method is one that can be called.
type method struct {
	call   func(s *Service, ctx context.Context, params []byte, strict bool) (any, error)
	writes bool // it changes what is stored
}

// reads is a method that changes nothing, which may be asked again.
func reads[Q, R any](f func(*Service, context.Context, Q) (R, error)) method {
	return method{call: func(s *Service, ctx context.Context, params []byte, strict bool) (any, error) {
		var q Q
		if len(params) > 0 {
			if err := decode(bytes.NewReader(params), &q, strict); err != nil {
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
	"siblings":       reads((*Service).Siblings),
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

// Strict decodes one JSON text. What it has no place for is refused, and what is wrong is told without the names of
// types in Go. An empty text gives io.EOF.
func Strict(r io.Reader, into any) error { return decode(r, into, true) }

func decode(r io.Reader, into any, strict bool) error {
	d := json.NewDecoder(r)
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return errors.New("there is more text after its end")
		}
		return nil
	}
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		where := ""
		if wrong.Field != "" {
			where = fmt.Sprintf(" of %q", wrong.Field)
		}
		return fmt.Errorf("the value%s must be %s, not a JSON %s", where, jsonKind(wrong.Type), wrong.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no parameter %s", name)
	}
	return err
}

// jsonKind says what in JSON becomes a type.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
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
	return s.call(ctx, name, params, false)
}

// CallStrictly is Call for parameters that people write: ones that do not exist are refused.
func (s *Service) CallStrictly(ctx context.Context, name string, params []byte) (any, error) {
	return s.call(ctx, name, params, true)
}

func (s *Service) call(ctx context.Context, name string, params []byte, strict bool) (any, error) {
	m := methods[name]
	if m.call == nil {
		return nil, fault.New(fault.Usage, "there is no method %q", name)
	}
	return m.call(s, ctx, params, strict)
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
