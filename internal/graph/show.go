package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Text describes every step in topological order, as show prints it: its
// decorators, its name, what its documentation says and where it leads.
func Text(g *Graph) string {
	var b strings.Builder
	for i, n := range g.Nodes {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, d := range n.Decorators {
			fmt.Fprintf(&b, "@%s\n", d.Name)
		}
		fmt.Fprintf(&b, "Step %s\n", n.Name)
		for _, line := range docLines(n.Doc) {
			b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
		}
		if n != g.End {
			fmt.Fprintf(&b, "    => %s\n", strings.Join(transitionTargets(n.Next), ", "))
		}
	}
	return b.String()
}

// transitionTargets lists where a transition leads, a step once for each case that leads to it.
func transitionTargets(n *Next) []string {
	if n.Kind != NextSwitch {
		return n.Targets
	}
	targets := make([]string, len(n.Cases))
	for i, c := range n.Cases {
		targets[i] = c.Target
	}
	return targets
}

// docLines returns a docstring without the indentation that its lines share, "?" if there is none.
func docLines(doc string) []string {
	lines := strings.Split(strings.TrimSpace(doc), "\n")
	if lines[0] == "" {
		return []string{"?"}
	}
	margin := -1
	for _, line := range lines[1:] {
		if text := strings.TrimLeft(line, " \t"); text != "" {
			if indent := len(line) - len(text); margin < 0 || indent < margin {
				margin = indent
			}
		}
	}
	for i, line := range lines[1:] {
		lines[i+1] = strings.TrimRight(line[min(max(margin, 0), len(line)):], " \t\r")
	}
	return lines
}

// Dot draws the graph for Graphviz, its steps in alphabetical order. Scopes are
// told by the shape: a split is a trapezium that widens, a join one that
// narrows, a switch a hexagon with the cases on its edges.
func Dot(g *Graph) string {
	shapes := map[Kind]string{
		Start: "oval", End: "oval", Linear: "box", Split: "trapezium", Foreach: "trapezium",
		Parallel: "trapezium", Switch: "hexagon", Join: "invtrapezium",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n    rankdir=LR;\n", dotQuote(g.Flow.Name))
	for _, n := range byNames(g) {
		label := n.Name
		if what := iterates(n); what != "" {
			label += "\n" + what
		}
		fmt.Fprintf(&b, "    %s [label=%s, shape=%s];\n", dotQuote(n.Name), dotQuote(label), shapes[n.Kind])
	}
	for _, n := range byNames(g) {
		for _, e := range edges(n) {
			if e.label == "" {
				fmt.Fprintf(&b, "    %s -> %s;\n", dotQuote(n.Name), dotQuote(e.to))
			} else {
				fmt.Fprintf(&b, "    %s -> %s [label=%s];\n", dotQuote(n.Name), dotQuote(e.to), dotQuote(e.label))
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// Mermaid draws the graph as a Mermaid flowchart, its steps in topological order.
func Mermaid(g *Graph) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, n := range g.Nodes {
		label := n.Name
		if what := iterates(n); what != "" {
			label += "<br/>" + mermaidText(what)
		}
		open, closing := "[", "]"
		switch n.Kind {
		case Start, End:
			open, closing = "([", "])"
		case Split, Foreach, Parallel:
			open, closing = `[/`, `\]`
		case Join:
			open, closing = `[\`, `/]`
		case Switch:
			open, closing = "{{", "}}"
		}
		fmt.Fprintf(&b, "    n%d%s\"%s\"%s\n", n.ID, open, label, closing)
	}
	for _, n := range g.Nodes {
		for _, e := range edges(n) {
			if e.label == "" {
				fmt.Fprintf(&b, "    n%d --> n%d\n", n.ID, g.Lookup(e.to).ID)
			} else {
				fmt.Fprintf(&b, "    n%d -->|\"%s\"| n%d\n", n.ID, mermaidText(e.label), g.Lookup(e.to).ID)
			}
		}
	}
	return b.String()
}

func mermaidText(s string) string {
	return strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", " ").Replace(s)
}

// iterates says what a foreach or gang does its target for, "" for other steps.
func iterates(n *Node) string {
	switch n.Kind {
	case Foreach:
		return "foreach " + n.Next.Foreach
	case Parallel:
		return "num_parallel"
	}
	return ""
}

// edge is a drawn transition.
type edge struct{ to, label string }

// edges lists what to draw from a step: the cases of a switch that lead to the same step on one edge.
func edges(n *Node) []edge {
	var all []edge
	for _, to := range n.Out {
		e := edge{to: to.Name}
		if n.Kind == Switch {
			var keys []string
			for _, c := range n.Next.Cases {
				if c.Target == to.Name {
					keys = append(keys, c.Key)
				}
			}
			e.label = strings.Join(keys, ", ")
		}
		all = append(all, e)
	}
	return all
}

func byNames(g *Graph) []*Node {
	nodes := slices.Clone(g.Nodes)
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}
