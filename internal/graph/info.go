package graph

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
)

// Structure is the graph as a nested list of step names, the graph_structure of
// _graph_info: the branches of a split, or the cases of a switch, are a list of
// lists between the step and the one where they come together again.
func Structure(g *Graph) []any {
	s := structure{meet: meetings(g), seen: make([]bool, len(g.Nodes))}
	return s.block(g.Start, nil)
}

// structure walks the graph for Structure.
type structure struct {
	meet []*Node // by ID: where the cases of a switch come together
	seen []bool  // by ID: a step is listed once, in the first block that reaches it
}

// block lists the steps from one on, up to another that is not of the block.
func (s *structure) block(n, stop *Node) []any {
	items := []any{}
	for n != nil && n != stop && !s.seen[n.ID] {
		s.seen[n.ID] = true
		items = append(items, n.Name)
		var next *Node
		switch {
		case n.Kind.Opens():
			next = n.Join
		case n.Kind == Switch:
			next = s.meet[n.ID]
		case len(n.Out) == 1:
			n = n.Out[0]
			continue
		default:
			return items
		}
		branches := []any{}
		for _, m := range n.Out {
			if m != n {
				branches = append(branches, s.block(m, next))
			}
		}
		items = append(items, branches)
		n = next
	}
	return items
}

// meetings finds for each step the first one that every way from it to the end
// passes: its nearest common descendant (the post-dominator). The end has none.
func meetings(g *Graph) []*Node {
	meet := make([]*Node, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		var common *Node
		for _, m := range n.Out {
			switch {
			case m == n:
			case common == nil:
				common = m
			default:
				a, b := common, m
				for a != b { // walk up the one that is further from the end
					if a.ID < b.ID {
						a = meet[a.ID]
					} else {
						b = meet[b.ID]
					}
				}
				common = a
			}
		}
		meet[i] = common
	}
	return meet
}

// Info is the _graph_info of a flow as JSON: what current.graph and the clients
// of a run know of its graph. Steps are in topological order.
func Info(g *Graph) ([]byte, error) {
	f := g.Flow
	steps := object{}
	for _, n := range g.Nodes {
		steps = append(steps, member{n.Name, stepInfo(f, n)})
	}
	type typed struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	parameters, constants := []typed{}, []typed{}
	for _, p := range f.Parameters {
		class := "Parameter" // as in Metaflow: what declares it, not the type of its value
		if p.Type == "file" {
			class = "IncludeFile"
		}
		parameters = append(parameters, typed{p.Attribute, class})
	}
	for _, c := range f.Constants {
		constants = append(constants, typed(c))
	}
	return json.Marshal(object{
		{"file", filepath.Base(f.File)},
		{"start_step", g.Start.Name},
		{"end_step", g.End.Name},
		{"parameters", parameters},
		{"constants", constants},
		{"steps", steps},
		{"graph_structure", Structure(g)},
		{"doc", f.Doc},
		{"decorators", decoratorInfo(f.Decorators)},
		{"extensions", object{}},
	})
}

// stepInfo is the entry of a step in _graph_info.
func stepInfo(f *Flow, n *Node) object {
	file := n.File
	if file == "" {
		file = f.File
	}
	next := []string{}
	for _, m := range n.Out {
		next = append(next, m.Name)
	}
	info := object{
		{"name", n.Name},
		{"type", n.Kind.String()},
		{"line", n.Line},
		{"source_file", file},
		{"doc", n.Doc},
		{"decorators", decoratorInfo(n.Decorators)},
		{"next", next},
		{"node_info", object{}},
	}
	switch n.Kind {
	case Foreach:
		info = append(info, member{"foreach_artifact", n.Next.Foreach})
	case Parallel:
		info = append(info, member{"num_parallel", nil}) // known only when the step runs
	case Switch:
		cases := object{}
		for _, c := range n.Next.Cases {
			at := slices.IndexFunc(cases, func(m member) bool { return m.name == c.Key })
			if at < 0 {
				cases = append(cases, member{c.Key, c.Target})
			} else {
				cases[at].value = c.Target
			}
		}
		info = append(info, member{"condition", n.Next.Condition}, member{"switch_cases", cases})
	}
	if n.Join != nil {
		info = append(info, member{"matching_join", n.Join.Name})
	}
	return info
}

func decoratorInfo(all []Decorator) []object {
	info := []object{}
	for _, d := range all {
		attributes := d.Attributes
		if attributes == nil {
			attributes = map[string]json.RawMessage{}
		}
		var by any
		if d.Added != "" {
			by = []string{d.Added}
		}
		info = append(info, object{
			{"name", d.Name},
			{"attributes", attributes},
			{"statically_defined", d.Added == ""},
			{"inserted_by", by},
		})
	}
	return info
}

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
