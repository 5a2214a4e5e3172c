package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/graph"
)

// showCommand is `show`.
type showCommand struct {
	bare
	format string
}

func (c *showCommand) options() table {
	return table{{name: "format", metavar: "[text|dot|mermaid|json]", set: choice(&c.format, "text", "dot", "mermaid", "json"), def: "text",
		help: "How to show the flow: as text, as a graph for Graphviz or Mermaid, or as JSON."}}
}

func (c *showCommand) run(_ context.Context, s *session) error {
	g, err := s.graph()
	if err != nil {
		return err
	}
	format := c.format
	if s.global.json {
		format = "json"
	}
	switch format {
	case "dot":
		return s.print(graph.Dot(g))
	case "mermaid":
		return s.print(graph.Mermaid(g))
	case "json":
		return s.printInfo(g, "")
	}
	if doc := strings.TrimSpace(g.Flow.Doc); doc != "" {
		s.inform("\n%s\n", doc)
	}
	return s.print(graph.Text(g))
}

// graph returns the flow's graph; a flow that has none is told what is wrong with it.
func (s *session) graph() (*graph.Graph, error) {
	if len(s.flow.Problems()) > 0 {
		return nil, s.validate()
	}
	return s.flow.Graph(), s.tellProject()
}

func (s *session) print(text string) error {
	_, err := io.WriteString(s.env.Stdout, text)
	return err
}

// printInfo prints what the clients of a run know of its graph, as one line or indented.
func (s *session) printInfo(g *graph.Graph, indent string) error {
	info, err := graph.Info(g)
	if err != nil {
		return err
	}
	if indent == "" {
		return s.print(string(info) + "\n")
	}
	enc := json.NewEncoder(s.env.Stdout)
	enc.SetIndent("", indent)
	return enc.Encode(json.RawMessage(info))
}

// dotCommand is `output-dot`, Metaflow's name for `show --format dot`.
type dotCommand struct{ bare }

func (*dotCommand) run(_ context.Context, s *session) error {
	g, err := s.graph()
	if err != nil {
		return err
	}
	s.inform("Visualizing the flow as a GraphViz graph")
	s.inform("Try piping the output to 'dot -Tpng -o graph.png' to produce an actual image.")
	return s.print(graph.Dot(g))
}

// rawCommand is `output-raw`: each step with what is known of it.
type rawCommand struct {
	bare
	global *globalOptions
}

func (c *rawCommand) run(_ context.Context, s *session) error {
	g, err := s.graph()
	if err != nil {
		return err
	}
	if c.global.json {
		return c.json(s, g)
	}
	s.inform("Internal representation of the flow:")
	nodes := slices.Clone(g.Nodes)
	slices.SortFunc(nodes, func(a, b *graph.Node) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	for _, n := range nodes {
		c.node(&b, g, n)
	}
	return s.print(b.String())
}

// node writes the block of a step.
func (c *rawCommand) node(b *strings.Builder, g *graph.Graph, n *graph.Node) {
	file := n.File
	if file == "" {
		file = g.Flow.File
	}
	fmt.Fprintf(b, "[%s %s (%s line %d)]\n", n.Name, rawKind(n.Kind), filepath.Base(file), n.Line)
	names := func(nodes []*graph.Node) string {
		var all []string
		for _, m := range nodes {
			all = append(all, m.Name)
		}
		return strings.Join(all, ", ")
	}
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(b, "    %s=%s\n", key, value)
		}
	}
	line("in_funcs", names(n.In))
	line("out_funcs", names(n.Out))
	if n.Join != nil {
		line("matching_join", n.Join.Name)
	}
	var parents []*graph.Node
	for scope := n.Scope; scope != nil; scope = scope.Scope {
		parents = append(parents, scope)
	}
	slices.Reverse(parents)
	line("split_parents", names(parents))
	if n.Next != nil {
		line("foreach_param", n.Next.Foreach)
		line("condition", n.Next.Condition)
	}
	var decorators []string
	for _, d := range n.Decorators {
		decorators = append(decorators, d.Name)
	}
	line("decorators", strings.Join(decorators, ", "))
	fmt.Fprintf(b, "    num_args=%d\n", n.Args)
}

// rawKind is the short name of a kind in output-raw.
func rawKind(k graph.Kind) string {
	return strings.TrimPrefix(strings.TrimSuffix(k.String(), "-static"), "split-")
}

// json prints Metaflow's `{"graph": …, "graph_structure": …}`.
func (c *rawCommand) json(s *session, g *graph.Graph) error {
	info, err := graph.Info(g)
	if err != nil {
		return err
	}
	var parts struct {
		Steps     json.RawMessage `json:"steps"`
		Structure json.RawMessage `json:"graph_structure"`
	}
	if err := json.Unmarshal(info, &parts); err != nil {
		return err
	}
	enc := json.NewEncoder(s.env.Stdout)
	enc.SetIndent("", "    ")
	return enc.Encode(struct {
		Graph     json.RawMessage `json:"graph"`
		Structure json.RawMessage `json:"graph_structure"`
	}{parts.Steps, parts.Structure})
}
