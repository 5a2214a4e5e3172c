package graph_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/graph/graphtest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected output in testdata")

// TestProblems runs the scripts of testdata: blocks of a flow in text form, each
// with a comment as its title, and under a line "----" what Compile says of it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.flow")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for block := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n\n") {
			input, want, _ := strings.Cut(block, "\n----\n")
			title, _, _ := strings.Cut(strings.TrimPrefix(input, "# "), "\n")
			got := say(t, input)
			fmt.Fprintf(&out, "%s\n----\n%s\n\n\n", input, got)
			if !*rewrite && got != strings.TrimSpace(want) {
				t.Errorf("%s: %s\n got:\n%s\nwant:\n%s", file, title, got, want)
			}
		}
		if *rewrite {
			if err := os.WriteFile(file, []byte(strings.TrimRight(out.String(), "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// say compiles a flow and tells its problems, or its graph if there are none.
func say(t *testing.T, text string) string {
	t.Helper()
	f, err := graphtest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	g, problems := graph.Compile(f)
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s %s\n", p.Check, p)
	}
	if g != nil {
		for _, n := range g.Nodes {
			fmt.Fprintf(&b, "%d %s %s", n.ID, n.Kind, n.Name)
			for _, m := range n.Out {
				b.WriteString(" >" + m.Name)
			}
			if n.Join != nil {
				b.WriteString(" join=" + n.Join.Name)
			}
			if n.Split != nil {
				b.WriteString(" split=" + n.Split.Name)
			}
			if n.Scope != nil {
				fmt.Fprintf(&b, " in=%s[%d]", n.Scope.Name, n.Branch)
			}
			b.WriteString("\n")
		}
	}
	return strings.TrimSpace(b.String())
}

// What the SDK tells of a method without @step is told once: neither is the flow without a start or an end then, nor do
// the steps that go on to the method go nowhere.
func TestMethodsWithoutStep(t *testing.T) {
	for _, test := range []struct{ method, steps string }{
		{"start", "end"},
		{"start", "middle -> end\nend"},
		{"end", "start -> end"},
		{"end", "start -> middle\nmiddle -> end"},
		{"middle", "start -> middle\nother -> end\nend"},
	} {
		f := graphtest.MustParse(test.steps)
		f.Mistakes = []graph.Mistake{{Step: test.method, Line: 7, Message: "Write @step above it."}}
		_, problems := graph.Compile(f)
		if len(problems) != 1 || problems[0].Check != "declaration" || problems[0].Line != 7 {
			t.Errorf("%s: %v", test.steps, problems)
		}
	}
}

func TestReturnedNext(t *testing.T) {
	f := graphtest.MustParse("start\nend")
	f.Steps[0].Returned, f.Steps[0].EarlyNext = 9, 9
	_, problems := graph.Compile(f)
	const want = `Step start ends in a "return self.next(...)". Write the self.next on line 9 without return.`
	if len(problems) != 1 || problems[0].Line != 9 || problems[0].Message != want {
		t.Error(problems)
	}
}

func TestRandomFlowsCompile(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		text := graphtest.Random(r, graphtest.Shape{Steps: 1 + r.IntN(30), Depth: r.IntN(5), Gangs: true, Retries: true})
		f := graphtest.MustParse(text)
		g, problems := graph.Compile(f)
		if len(problems) > 0 {
			t.Fatalf("seed %d: %s\n%s", seed, problems[0], text)
		}
		checkGraph(t, g)
	}
}

// checkGraph checks what holds for every graph.
func checkGraph(t *testing.T, g *graph.Graph) {
	t.Helper()
	if len(g.Nodes) != len(g.Flow.Steps) || g.Nodes[0] != g.Start || g.Nodes[len(g.Nodes)-1] != g.End {
		t.Fatal("nodes are not the steps from start to end")
	}
	for i, n := range g.Nodes {
		if n.ID != i || g.Lookup(n.Name) != n {
			t.Fatalf("%s is not in its place", n.Name)
		}
		for _, m := range n.Out {
			if m.ID < i || m == n && !n.Recursive() {
				t.Fatalf("%s leads back to %s", n.Name, m.Name)
			}
		}
		if n.Kind.Opens() != (n.Join != nil) || (n.Kind == graph.Join) != (n.Split != nil) {
			t.Fatalf("%s has join %v, split %v", n.Name, n.Join, n.Split)
		}
		if n.Join != nil && (n.Join.Split != n || n.Join.Scope != n.Scope) {
			t.Fatalf("%s and %s do not match", n.Name, n.Join.Name)
		}
		if n.Scope != nil && (n.ID <= n.Scope.ID || n.ID >= n.Scope.Join.ID) {
			t.Fatalf("%s is not between %s and its join", n.Name, n.Scope.Name)
		}
	}
	var names []string
	var flatten func([]any)
	flatten = func(items []any) {
		for _, item := range items {
			switch item := item.(type) {
			case string:
				names = append(names, item)
			case []any:
				flatten(item)
			}
		}
	}
	flatten(graph.Structure(g))
	if len(names) != len(g.Nodes) {
		t.Fatalf("structure names %d of %d steps: %v", len(names), len(g.Nodes), graph.Structure(g))
	}
}
