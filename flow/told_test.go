package flow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/levadahq/levada/flow"
)

// embedded is embedded in a flow through a pointer, which nothing can be read into.
type embedded struct{ Lost int }

type embedding struct {
	*embedded
	Items []int
	lower int `param:""`
	Where string
}

func init() {
	flows["Embedding"] = func() {
		_ = embedding{}.lower // it is there for its tag
		step := func(*embedding, *flow.Task) error { return nil }
		flow.New[embedding]("Embedding").Step("start", step, flow.Foreach("items", "choose")).
			Step("choose", step, flow.Switch("Where", flow.Case{Key: "a", Step: "end"}, flow.Case{Key: "a", Step: "choose"})).Step("end", step).Main()
	}
}

// Each mistake is a problem of its own, with its step and its place, for programs too.
func TestMistakesAreProblems(t *testing.T) {
	s := newSession(t)
	var answer struct {
		Valid    bool
		Problems []struct {
			Check, Step, File, Message string
			Line                       int
		}
	}
	text := s.flow("Wrong", "--json", "check").stdout
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	want := []string{"Field flow_test.wrong.Channel", "Fields Twice and Same", "Parameter flow_test.wrong.N", "Step start: flow_test.wrong has no exported field Nothing",
		"The flow reaches end while the branches of start are not joined"}
	if answer.Valid || len(answer.Problems) != len(want) {
		t.Fatalf("%d problems instead of %d: %s", len(answer.Problems), len(want), text)
	}
	for i, p := range answer.Problems {
		if !strings.HasPrefix(p.Message, want[i]) || (p.Check == "declaration") != (i < 4) || p.Line == 0 || !strings.HasSuffix(p.File, "flow_test.go") || (p.Step != "") != (i >= 3) {
			t.Errorf("problem %d: %+v", i, p)
		}
	}
	contains(t, s.fails("Embedding", "run"), "What is in the embedded *flow_test.embedded of flow_test.embedding is not stored", "no exported field items; it has Items.",
		"Field flow_test.embedding.lower has a param tag, but it is not exported", "Step choose: the case a is there twice")
}

func TestUnknownDecoratorsAreRefused(t *testing.T) {
	s := newSession(t)
	const known = "Known: batch, catch, environment, kubernetes, resources, retry, timeout."
	for with, want := range map[string][]string{
		"nonsense":        {"Unknown step decorator:", "There is no step decorator 'nonsense'. " + known},
		"card":            {"There is no step decorator 'card' for flows in Go, only for those in Python. " + known},
		"retry:tmies=3":   {"@retry has no attribute tmies. It has: times, minutes_between_retries."},
		"catch:var=wrong": {"catch has no attributes here", `flow.Catch("Field")`},
	} {
		contains(t, s.fails("Faulty", "run", "--with", with), want...)
		if with == "nonsense" {
			contains(t, s.fails("Faulty", "--json", "check", "--with", with), want...)
			s.env = []string{"METAFLOW_DEFAULT_DECOSPECS=nonsense"}
			contains(t, s.fails("Faulty", "run"), "There is no step decorator 'nonsense', which METAFLOW_DEFAULT_DECOSPECS names. "+known)
			s.env = []string{"METAFLOW_DEFAULT_DECOSPECS=card"} // meant for other flows
			if o := s.flow("Faulty", "run"); o.code != 0 || !strings.Contains(o.stdout+o.stderr, "@card, which METAFLOW_DEFAULT_DECOSPECS names, has no effect on flows in Go.") {
				t.Errorf("exit code %d: %s%s", o.code, o.stdout, o.stderr)
			}
			s.env = nil
		}
	}
	s.env = []string{"FAULT=error"}
	contains(t, s.ok("Faulty", "run", "--with", "catch", "--with", "retry:times=1"), "(retry)", "@catch caught")
}

func TestASecondMainIsTold(t *testing.T) {
	s := newSession(t)
	dir := module(t, strings.Replace(smallFlow, ".Main()\n", ".Main()\n\tflow.New[Small](\"Other\").Step(\"start\", (*Small).Start).Main()\n", 1))
	for _, command := range []string{"run", "check"} {
		o := s.in(dir, levada, command, "./small")
		contains(t, o.stderr, "main.go on line 19", "The flow Other is never run: Main of the flow Small, on line 18, does not return.")
	}
}
