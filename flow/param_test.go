package flow

import (
	"reflect"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/graph"
)

func TestOptionsThatAParameterMayNotHave(t *testing.T) {
	f := &field{name: "mine", goName: "Mine", typ: reflect.TypeFor[string]()}
	for _, option := range []string{"help", "tag", "run-id-file", "run_id_file"} {
		m := &machine{def: &graph.Flow{}}
		newParam("T", f, option, "", m)
		if len(m.def.Mistakes) != 1 || !strings.Contains(m.def.Mistakes[0].Message, "the option --"+option+" has a meaning of its own") {
			t.Errorf("%s: %v", option, m.def.Mistakes)
		}
	}
	for _, option := range []string{"", "json", "quiet", "helper"} { // they win over the option of run, as in Python
		m := &machine{def: &graph.Flow{}}
		if newParam("T", f, option, "", m); len(m.def.Mistakes) > 0 {
			t.Errorf("%q: %v", option, m.def.Mistakes)
		}
	}
}
