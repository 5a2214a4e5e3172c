package flow

import (
	"reflect"
	"testing"

	"github.com/levadahq/levada/internal/graph"
)

func TestAParameterMayNotBeCalledHelp(t *testing.T) {
	f := &field{name: "mine", goName: "Mine", typ: reflect.TypeFor[string]()}
	// json wins over the option of run, as in Python.
	for option, want := range map[string]int{"help": 1, "": 0, "json": 0, "helper": 0} {
		m := &machine{def: &graph.Flow{}}
		if newParam("T", f, option, "", m); len(m.def.Mistakes) != want {
			t.Errorf("%q: %v", option, m.def.Mistakes)
		}
	}
}
