package graph

import (
	"encoding/json"
	"strings"
	"testing"
)

// What is wrong with a flow in Go is told in Go's words.
func TestMessagesForGo(t *testing.T) {
	linear := func(to ...string) *Next { return &Next{Kind: NextLinear, Targets: to} }
	for name, c := range map[string]struct {
		steps []Step
		want  string
	}{
		"unknown":     {[]Step{{Name: "start", Args: 1, Next: linear("endd")}, {Name: "end", Args: 1}}, "Add it with Step, or correct the name (there is a step end)."},
		"unreachable": {[]Step{{Name: "start", Args: 1, Next: linear("end")}, {Name: "lost", Args: 1, Next: linear("end")}, {Name: "end", Args: 1}}, `Add flow.To("lost") to a step before it`},
		"no next":     {[]Step{{Name: "start", Args: 1, Next: linear("mid")}, {Name: "mid", Args: 1}, {Name: "end", Args: 1}}, `Give it an option such as flow.To("next")`},
		"no start":    {[]Step{{Name: "begin", Args: 1, Next: linear("end")}, {Name: "end", Args: 1}}, "give one the option flow.Start()"},
		"not joined": {[]Step{{Name: "start", Args: 1, Next: &Next{Kind: NextForeach, Foreach: "x", Targets: []string{"a"}}},
			{Name: "a", Args: 1, Next: linear("end")}, {Name: "end", Args: 1}}, "Add a step with Join before end."},
		"no split": {[]Step{{Name: "start", Args: 1, Next: linear("a")}, {Name: "a", Args: 2, Next: linear("end")}, {Name: "end", Args: 1}}, "Add it with Step instead of Join"},
		"decorator": {[]Step{{Name: "start", Args: 1, Next: linear("end"), Decorators: []Decorator{{Name: "retry", Attributes: map[string]json.RawMessage{"times": json.RawMessage("9")}}}},
			{Name: "end", Args: 1}}, "Step start, flow.Retry: "},
	} {
		_, problems := Compile(&Flow{Version: 1, Name: "F", File: "f.go", Language: "go", Steps: c.steps})
		text := ""
		for _, p := range problems {
			text += p.Message + "\n"
		}
		if !strings.Contains(text, c.want) || strings.Contains(text, "self.") || strings.Contains(text, "@") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
