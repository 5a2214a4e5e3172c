package gobtype

import (
	"bytes"
	"encoding/gob"
	"math/big"
	"reflect"
	"testing"
	"time"
)

type inner struct {
	Rate float64
	When time.Time
	Big  *big.Int
}

type outer struct {
	Name   string
	Layers map[string][]*inner
	Fixed  [2]inner
	Next   *outer
	Any    any
}

type renamedInner struct{ Speed float64 }

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLost(t *testing.T) {
	data := encoded(t, outer{Name: "a", Layers: map[string][]*inner{"x": {{Rate: 1, Big: big.NewInt(3)}}}, Next: &outer{Any: 3}})
	type less struct {
		Layers map[string][]*inner
		Fixed  [2]inner
		Next   *outer
		Any    any
	}
	type within struct {
		Name, More string
		Layers     map[string][]renamedInner
	}
	for want, typ := range map[string]reflect.Type{
		"":            reflect.TypeFor[outer](),
		"Name":        reflect.TypeFor[less](),
		"Layers.Rate": reflect.TypeFor[within](),
	} {
		if got := Lost(data, typ); got != want {
			t.Errorf("into %s: %q instead of %q", typ, got, want)
		}
		if got := Lost(data, reflect.PointerTo(typ)); got != want {
			t.Errorf("into a pointer to %s: %q instead of %q", typ, got, want)
		}
	}
	if got := Lost(encoded(t, []float64{1}), reflect.TypeFor[[]float64]()); got != "" {
		t.Errorf("numbers lose %q", got)
	}
	if got := Lost(encoded(t, map[inner]bool{{Rate: 1}: true}), reflect.TypeFor[map[renamedInner]bool]()); got != "Rate" {
		t.Errorf("a key loses %q", got)
	}
}

// Whatever the bytes, it answers.
func FuzzLost(f *testing.F) {
	f.Add(encoded(f, outer{Name: "a"}))
	f.Add([]byte{0xff})
	f.Fuzz(func(t *testing.T, data []byte) { Lost(data, reflect.TypeFor[outer]()) })
}
