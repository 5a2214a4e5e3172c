package metaflowapi

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
)

// graphInfo is the artifact _graph_info, in which Metaflow keeps the graph of a flow.
type graphInfo struct {
	File       string `json:"file"`
	Doc        string `json:"doc"`
	Start      string `json:"start_step"`
	End        string `json:"end_step"`
	Parameters []struct {
		Name string `json:"name"`
		Type string `json:"type"` // the class that declares it
	} `json:"parameters"`
	Constants  []graph.Constant    `json:"constants"`
	Steps      map[string]stepInfo `json:"steps"`
	Decorators []decoratorInfo     `json:"decorators"`
}

type stepInfo struct {
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Line       int               `json:"line"`
	Doc        string            `json:"doc"`
	Decorators []decoratorInfo   `json:"decorators"`
	Next       []string          `json:"next"`
	Foreach    string            `json:"foreach_artifact"`
	Condition  string            `json:"condition"`
	Cases      map[string]string `json:"switch_cases"`
	Join       string            `json:"matching_join"`
}

type decoratorInfo struct {
	Name       string                     `json:"name"`
	Attributes map[string]json.RawMessage `json:"attributes"`
	Static     bool                       `json:"statically_defined"`
}

// flowOf makes a definition of what the parameters' task says of the flow, nil if
// that cannot be read or is not a valid flow.
func flowOf(run metastore.Run, values map[string][]byte) *graph.Flow {
	v, err := pickle.Decode(values["_graph_info"], pickle.Limits{Memory: 64 << 20})
	if err != nil {
		return nil
	}
	text, _, err := pickle.ToJSON(v, maxRead)
	var info graphInfo
	if err != nil || json.Unmarshal(text, &info) != nil {
		return nil
	}
	f := &graph.Flow{
		Version: graph.DefinitionVersion, Name: run.Flow, Doc: info.Doc, File: cmp.Or(info.File, run.Info.FlowFile),
		Language: "python", Runtime: run.Info.Runtime, SDK: run.Info.SDK, Constants: info.Constants, Decorators: decorators(info.Decorators),
	}
	for _, p := range info.Parameters {
		f.Parameters = append(f.Parameters, graph.Parameter{Name: p.Name, Attribute: p.Name, Type: parameterType(p.Type, values[p.Name])})
	}
	joins := make(map[string]bool)
	for _, s := range info.Steps {
		joins[s.Join] = true
	}
	for _, s := range info.Steps {
		step := graph.Step{
			Name: s.Name, Doc: s.Doc, Line: s.Line, Args: 1, Start: s.Name == info.Start && s.Name != "start", End: s.Name == info.End && s.Name != "end",
			Next: s.next(), Decorators: decorators(s.Decorators),
		}
		if joins[s.Name] || s.Type == "join" {
			step.Args = 2
		}
		f.Steps = append(f.Steps, step)
	}
	slices.SortFunc(f.Steps, func(a, b graph.Step) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name)) })
	if g, _ := graph.Compile(f); g == nil {
		return nil
	}
	return f
}

func (s stepInfo) next() *graph.Next {
	n := &graph.Next{Kind: graph.NextLinear, Targets: s.Next, Line: s.Line}
	switch {
	case len(s.Next) == 0:
		return nil
	case s.Foreach != "":
		n.Kind, n.Foreach = graph.NextForeach, s.Foreach
	case strings.Contains(s.Type, "parallel"):
		n.Kind = graph.NextParallel
	case s.Condition != "" || len(s.Cases) > 0:
		n.Kind, n.Targets, n.Condition = graph.NextSwitch, nil, s.Condition
		for key, target := range s.Cases {
			n.Cases = append(n.Cases, graph.Case{Key: key, Target: target})
		}
		slices.SortFunc(n.Cases, func(a, b graph.Case) int { return cmp.Compare(a.Key, b.Key) })
	case len(s.Next) > 1:
		n.Kind = graph.NextSplit
	}
	return n
}

func decorators(list []decoratorInfo) []graph.Decorator {
	var all []graph.Decorator
	for _, d := range list {
		x := graph.Decorator{Name: d.Name, Attributes: d.Attributes}
		if !d.Static {
			x.Added = "--with"
		}
		all = append(all, x)
	}
	return all
}

// parameterType is the type of a parameter, of which Metaflow keeps only the value.
func parameterType(class string, value []byte) string {
	if class == "IncludeFile" {
		return "file"
	}
	v, err := pickle.Decode(value, pickle.Limits{})
	if err != nil {
		return "str"
	}
	switch v.(type) {
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string, nil:
		return "str"
	}
	return "json"
}
