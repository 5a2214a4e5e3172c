package flow

import (
	"reflect"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/protocol"
)

// What a run stored is read by newer code whose types have the same names, but not the same content.
func TestStructsThatChangedWithinAreRefused(t *testing.T) {
	type Layer struct {
		Rate  float64
		Sizes [2]int
		Next  *Layer
	}
	type Model struct{ Layers []Layer }
	gobbed, err := asGobBytes(reflect.ValueOf(map[string]struct{ Layers []struct{ Speed float64 } }{"a": {[]struct{ Speed float64 }{{2}}}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to    reflect.Type
		codec string
		data  string
		says  string // "" if it is read
	}{
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Rate":1,"Sizes":[1,2],"Next":null}]}`, ""},
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Rate":1}]}`, ""}, // a field that is new is zero
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Speed":1}]}`, `unknown field "Speed"`},
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Rate":null}]}`, "null"},
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Rate":9007199254740993}]}`, "which a float64 cannot hold"},
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Sizes":[1,2,3]}]}`, "has 3 elements"},
		{reflect.TypeFor[Model](), protocol.CodecJSON, `{"Layers":[{"Rate":"1"}]}`, "cannot unmarshal string"},
		{reflect.TypeFor[map[string]Model](), protocol.CodecGob, string(gobbed), `unknown field "Layers.Speed"`},
	} {
		f := &field{name: "model", goName: "Model", typ: c.to}
		v := reflect.New(c.to).Elem()
		err := f.decode(v, &plan{typ: reflect.TypeFor[Model]()}, protocol.Value{Found: true, Codec: c.codec, Type: c.to.String()}, []byte(c.data))
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, and not %q", c.data, err, c.says)
		}
		if err != nil && !strings.Contains(err.Error(), "the artifact model was stored as a "+c.to.String()) {
			t.Errorf("it does not say what was stored: %v", err)
		}
	}
}
