package graph_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
)

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		decorators string
		want       graph.Policies
	}{
		{"", graph.Policies{}},
		{"@retry", graph.Policies{Retries: 3}},
		{"@retry:times=null,minutes_between_retries=0", graph.Policies{Retries: 3}},
		{`@retry:times="2" @catch:var="e"`, graph.Policies{Retries: 2, Catch: true, CatchVar: "e"}},
		{"@timeout:seconds=30,minutes=1.5", graph.Policies{Timeout: 2 * time.Minute}},
		{"@timeout:hours=1e300", graph.Policies{Timeout: 876000 * time.Hour}},
		{`@resources:cpu="4",gpu=null,memory=1000.5,disk="?"`, graph.Policies{Resources: graph.Resources{CPU: 4, Memory: 1001}}},
		{`@resources:cpu="1",memory="4096",gpu="2"`, graph.Policies{Resources: graph.Resources{GPU: 2}}},
		{`@resources:cpu=1,memory=4096`, graph.Policies{Resources: graph.Resources{CPU: 1, Memory: 4096}}},
		{`@environment:vars={"A":"x","B":5,"C":2.50,"D":true,"E":null}`, graph.Policies{
			Environment: map[string]string{"A": "x", "B": "5", "C": "2.50", "D": "True", "E": "None"}}},
		{"@card @card", graph.Policies{}},
	} {
		g := graphtest.MustCompile("work " + test.decorators)
		if diff := cmp.Diff(test.want, g.Start.Policies); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.decorators, diff)
		}
	}
}

func TestParseDecorator(t *testing.T) {
	for _, test := range []struct{ spec, want string }{
		{"retry", `{"name":"retry"}`},
		{" @retry: ", `{"name":"retry"}`},
		{"retry:times=2,minutes_between_retries=0", `{"name":"retry","attributes":{"minutes_between_retries":0,"times":2}}`},
		{`environment:vars={"A":"B,c=d"}`, `{"name":"environment","attributes":{"vars":{"A":"B,c=d"}}}`},
		{`environment:vars={\"A\":\"B\"}`, `{"name":"environment","attributes":{"vars":{"A":"B"}}}`},
		{"card:type=html,id=a b", `{"name":"card","attributes":{"id":"a b","type":"html"}}`},
		{"x:list=[1,2],y=.5,z=+7,w=nan,e=", `{"name":"x","attributes":{"e":"","list":[1,2],"w":"nan","y":0.5,"z":7}}`},
		{"pkg.mod.deco:0=v,1=w", `{"name":"pkg.mod.deco","attributes":{"0":"v","1":"w"}}`},
		{"retry:times", `"times" is not of the form key=value`},
		{"retry:=3", `"=3" is not of the form key=value`},
		{"retry:times=1,times=2", `attribute times is given twice`},
		{":times=1", `it names no decorator`},
		{"", `it names no decorator`},
	} {
		d, err := graph.ParseDecorator(test.spec)
		if err != nil {
			var f *fault.Error
			if !errors.As(err, &f) || f.Kind != fault.Usage || f.Hint == "" || f.Message != test.want {
				t.Errorf("%s: %v (%s)", test.spec, err, fault.HintOf(err))
			}
			continue
		}
		got, err := json.Marshal(d)
		if err != nil || string(got) != test.want {
			t.Errorf("%s gives %s, want %s (%v)", test.spec, got, test.want, err)
		}
	}
}

func TestAddDecorators(t *testing.T) {
	f := graphtest.MustParse("start @retry:times=0 -> end\nend")
	if err := f.AddDecorators([]string{"catch", "retry:times"}); err == nil || len(f.Steps[1].Decorators) > 0 {
		t.Fatal("a wrong spec must give an error and add nothing:", err)
	}
	if err := f.AddDecorators([]string{"retry:times=2", "retry:times=4", "catch"}); err != nil {
		t.Fatal(err)
	}
	g, problems := graph.Compile(f)
	if problems != nil {
		t.Fatal(problems)
	}
	start, end := g.Start, g.End
	if start.Retries != 0 || !start.Catch || end.Retries != 2 || !end.Catch {
		t.Errorf("start %+v, end %+v", start.Policies, end.Policies)
	}
	if end.Decorators[0].Added != graph.AddedByWith || start.Decorators[0].Added != "" {
		t.Error("Added is wrong")
	}
}

func TestDescendants(t *testing.T) {
	g := graphtest.MustCompile("start -> a, b\na -> s\ns -> {x: s, y: p} by v\np -> j\nb -> j\nj(inputs) -> end\nend")
	for step, want := range map[string]string{"start": "a s p b j end", "a": "s p j end", "s": "s p j end", "b": "j end", "end": "", "no": ""} {
		var got []string
		for _, n := range g.Descendants(step) {
			got = append(got, n.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("after %s come %v, want %s", step, got, want)
		}
	}
}

// TestViews compares what show, the diagrams and _graph_info tell of one flow with testdata/views.golden.
func TestViews(t *testing.T) {
	f := graphtest.MustParse(`flow Views
param alpha
start @card -> fan, pick
fan -> work foreach items
work @retry:times=2 -> gather
gather(inputs) -> close
pick -> {5: left, "a\"b": right, none: left, again: pick} by mode
left -> meet
right -> right2
right2 -> meet
meet -> close
close(inputs) -> gang
gang -> node parallel
node @parallel -> merge
merge(inputs) -> end
end`)
	f.Doc = "A flow with everything."
	f.Steps[0].Doc = "\n    Begins.\n\n        Then goes on.\n    "
	f.Constants = []graph.Constant{{Name: "size", Type: "int"}}
	if err := f.AddDecorators([]string{"timeout:hours=1"}); err != nil {
		t.Fatal(err)
	}
	g, problems := graph.Compile(f)
	if problems != nil {
		t.Fatal(problems)
	}
	info, err := graph.Info(g)
	if err != nil {
		t.Fatal(err)
	}
	var pretty any
	if err := json.Unmarshal(info, &pretty); err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(json.RawMessage(info), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got := graph.Text(g) + "\n" + graph.Dot(g) + "\n" + graph.Mermaid(g) + "\n" + string(indented) + "\n"
	if *rewrite {
		if err := os.WriteFile("testdata/views.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/views.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzCompile feeds definitions that nobody checked: Compile tells problems or
// makes a graph that holds together, and never panics.
func FuzzCompile(f *testing.F) {
	for _, file := range []string{"testdata/problems.flow", "testdata/valid.flow"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for block := range strings.SplitSeq(string(data), "\n\n\n") {
			text, _, _ := strings.Cut(block, "\n----\n")
			definition, err := json.Marshal(graphtest.MustParse(text))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(definition)
		}
	}
	f.Add([]byte(`{"version":1,"steps":[{"name":"start","args":1,"next":{"kind":"switch","condition":"c","cases":[{},{}]}},{}]}`))
	f.Add([]byte(`{"version":1,"steps":[{"args":-5,"next":{}},{"name":"end","decorators":[{"name":"retry","attributes":{"times":{}}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var flow graph.Flow
		if json.Unmarshal(data, &flow) != nil {
			return
		}
		g, problems := graph.Compile(&flow)
		if (g == nil) == (len(problems) == 0) {
			t.Fatal("neither a graph nor problems, or both")
		}
		for _, p := range problems {
			if p.Check == "" || !strings.HasSuffix(p.Message, ".") {
				t.Errorf("%+v", p)
			}
		}
		if g == nil {
			return
		}
		checkGraph(t, g)
		for _, n := range g.Nodes {
			g.Descendants(n.Name)
		}
		graph.Text(g)
		graph.Dot(g)
		graph.Mermaid(g)
		if _, err := graph.Info(g); err != nil {
			t.Fatal(err)
		}
	})
}
