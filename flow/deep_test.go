package flow

import (
	"reflect"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/protocol"
)

// chain is as deep as its length.
type chain struct {
	Next *chain
	Odd  float64
}

// What is nested deep is stored or refused, in every form; no stack runs out.
func TestDeepValues(t *testing.T) {
	for _, depth := range []int{900, 9_000, 50_000, 1_000_000} {
		var any_ any = 1
		var odd any = "\xff" // no JSON: gob is tried
		c := &chain{}
		for range depth {
			any_, odd, c = []any{any_}, map[string]any{"a": odd}, &chain{Next: c}
		}
		for name, v := range map[string]any{"list": &any_, "text": &odd, "chain": c} {
			to := reflect.ValueOf(v).Elem()
			f := &field{name: name, goName: "Deep", typ: to.Type()}
			e, err := f.encode(to)
			if err == nil {
				back := reflect.New(f.typ).Elem()
				stored := protocol.Value{Found: true, Codec: e.codec, Type: e.typ}
				err = f.decode(back, &plan{typ: f.typ}, stored, e.data)
				if err != nil {
					t.Errorf("%s, %d deep, was stored and cannot be read: %v", name, depth, err)
				}
			} else if depth < 1000 && name != "text" || !strings.Contains(err.Error(), "cannot be stored") || len(err.Error()) > 1000 {
				t.Errorf("%s, %d deep: %.300s (%d characters)", name, depth, err.Error(), len(err.Error()))
			}
		}
	}
	for _, open := range []string{"[", `{"a":`, `{"Next":`} {
		for _, typ := range []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[chain](), reflect.TypeFor[map[string]any]()} {
			text := strings.Repeat(open, 1_000_000)
			for _, own := range []string{"", "json"} {
				f := &field{name: "deep", goName: "Deep", typ: typ}
				stored := protocol.Value{Found: true, Codec: protocol.CodecJSON, Type: typ.String(), From: own}
				if err := f.decode(reflect.New(typ).Elem(), &plan{typ: typ}, stored, []byte(text)); err == nil || len(err.Error()) > 1000 {
					t.Errorf("%s as %s: %v", open, typ, err)
				}
			}
		}
	}
}
