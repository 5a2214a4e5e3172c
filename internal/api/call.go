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

// handler answers one method.
type handler func(s *Service, ctx context.Context, params []byte, strict bool) (any, error)

func method[Q, R any](f func(*Service, context.Context, Q) (R, error)) handler {
	return func(s *Service, ctx context.Context, params []byte, strict bool) (any, error) {
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

// Strict decodes one JSON text. What it has no place for is refused, and what is wrong is told without the names of types in Go. An empty
// text gives io.EOF.
func Strict(r io.Reader, into any) error { return decode(r, into, true) }

func decode(r io.Reader, into any, strict bool) error {
	d := json.NewDecoder(r)
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return errors.New("there is something after its end")
		}
		return nil
	}
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		where := ""
		if wrong.Field != "" {
			where = fmt.Sprintf(" of %q", wrong.Field)
		}
		return fmt.Errorf("the value%s is to be %s, and is a JSON %s", where, jsonKind(wrong.Type), wrong.Value)
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
func Writes(name string) bool { return name == "tags" || name == "cancel_run" || name == "resume_run" }

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
	h := methods[name]
	if h == nil {
		return nil, fault.New(fault.Usage, "there is no method %q", name)
	}
	return h(s, ctx, params, strict)
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
