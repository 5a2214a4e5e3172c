package graph

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Kind is what a step does to the flow of a run.
type Kind uint8

// The kinds of step. A start step that only goes on to another is a [Start];
// one that splits has the kind of its split. The only step of a flow is an [End].
const (
	Start    Kind = iota // the first step, with one target
	Linear               // one target
	Split                // several targets, all of them taken
	Foreach              // one target, once for each element
	Parallel             // one target, a gang of n at once
	Switch               // several targets, one of them taken
	Join                 // closes a split, foreach or gang
	End                  // the last step
)

var kindNames = [...]string{
	"start", "linear", "split-static", "split-foreach", "split-parallel", "split-switch", "join", "end",
}

// String returns the kind's name as it is used in _graph_info.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Opens reports whether a step of this kind opens a scope, which a join closes.
func (k Kind) Opens() bool { return k == Split || k == Foreach || k == Parallel }

// Graph is a flow that passed every check.
type Graph struct {
	Flow  *Flow
	Nodes []*Node // in topological order: Nodes[i].ID == i
	Start *Node
	End   *Node

	byName map[string]*Node
}

// Node is a step with its place in the graph and its decorators decoded.
type Node struct {
	*Step
	ID   int // place in Graph.Nodes
	Kind Kind

	// In and Out are the neighbours: Out in the order of the definition, each
	// target of a switch once; In in topological order. A recursive switch step
	// is its own neighbour.
	In, Out []*Node

	Join  *Node // of a step that opens a scope: the join that closes it
	Split *Node // of a join: the step that opened the scope it closes
	// Scope is the step that opened the innermost scope around this one, nil at
	// top level, and Branch the place in Scope.Out of the branch it is in. A
	// step that opens a scope is not in it, nor is the join that closes it.
	Scope  *Node
	Branch int
	Depth  int // number of scopes around

	Policies
}

// Recursive reports whether the step is a switch that may choose itself.
func (n *Node) Recursive() bool { return n.Kind == Switch && slices.Contains(n.Out, n) }

// Gang reports whether the step runs as the nodes of a gang.
func (n *Node) Gang() bool { return n.Scope != nil && n.Scope.Kind == Parallel }

// Lookup returns the step of the given name, nil if there is none.
func (g *Graph) Lookup(step string) *Node { return g.byName[step] }

// Descendants returns the steps that can run after the given one, in topological
// order. The step itself is not among them unless it is recursive. It is nil if
// the graph has no such step.
func (g *Graph) Descendants(step string) []*Node {
	from := g.byName[step]
	if from == nil {
		return nil
	}
	after := make([]bool, len(g.Nodes))
	for _, n := range from.Out {
		after[n.ID] = true
	}
	var found []*Node
	for _, n := range g.Nodes[from.ID:] {
		if !after[n.ID] {
			continue
		}
		found = append(found, n)
		for _, m := range n.Out {
			after[m.ID] = true
		}
	}
	return found
}

// Problem is one reason why a definition is not valid.
type Problem struct {
	Check   string // short stable name of the check: "unknown-step"
	Step    string // empty if it is about the flow or a parameter
	File    string
	Line    int // 0 if it is not known
	Message string

	check check
	order int // place of the step in the source
}

// String returns the problem on one line, with its place first.
func (p Problem) String() string {
	switch {
	case p.File != "" && p.Line > 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
	case p.File != "":
		return p.File + ": " + p.Message
	}
	return p.Message
}

// Compile checks a definition and returns its graph, or else everything that is
// wrong with it: in the order of the checks, then of the source. The flow must
// not be changed afterwards.
//
// Checks of how steps hang together (cycles, reachability, splits and joins) are
// made once every transition by itself is sound, and not beyond a step where
// they failed, so that one mistake is told once. Before that, a step that cannot be
// reached is told where no transition that is wrong could lead to it.
func Compile(f *Flow) (*Graph, []Problem) {
	c := &compiler{flow: f, byName: make(map[string]*vertex, len(f.Steps)), undecorated: map[string]bool{}}
	c.collect()
	c.tellMistakes()
	c.checkFlowName()
	c.findEnds()
	c.checkSteps()
	c.checkPolicies()
	c.checkParameters()
	if c.sound() {
		c.checkShape()
	} else {
		c.checkReach()
	}
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.check, b.check), cmp.Compare(a.order, b.order))
		})
		return nil, c.problems
	}
	return c.build(), nil
}

// compiler holds a definition while it is checked.
type compiler struct {
	flow     *Flow
	steps    []*vertex // in source order
	byName   map[string]*vertex
	start    *vertex // nil if none was found
	end      *vertex
	order    []*vertex // topological, filled by checkShape
	problems []Problem

	// undecorated are the methods that are no steps, as the SDK has told, but are
	// meant to be. What goes on to them is right.
	undecorated map[string]bool
}

// vertex is a step while its graph is checked.
type vertex struct {
	*Step
	order    int
	targets  []string // as written, each case of a switch once
	out, in  []*vertex
	twice    bool // there is another step of this name
	policies Policies

	// Filled by checkShape.
	place   place
	unknown bool    // the place is not known because of a problem before it
	join    *vertex // of a split
	split   *vertex // of a join
	node    *Node
}

// place is the innermost scope around a step: the step that opened it and the
// branch. Since that step has a place of its own, this is the whole stack.
type place struct {
	split  *vertex // nil at top level
	branch int
}

// collect gives every step a vertex and reports those that cannot have one.
func (c *compiler) collect() {
	f := c.flow
	if f.Version != DefinitionVersion {
		c.flowProblem(checkDefinition, f.Line,
			"The definition has version %d, but this levada reads version %d. Install an SDK and a levada of the same release.",
			f.Version, DefinitionVersion)
	}
	for i := range f.Steps {
		s := &f.Steps[i]
		v := &vertex{Step: s, order: i, targets: targetsOf(s.Next)}
		if first, twice := c.byName[s.Name]; twice {
			c.problem(checkDefinition, v, s.Line,
				"Step %s is defined twice, here and on line %d. Rename one of them.", s.Name, first.Line)
			first.twice = true
			continue
		}
		c.byName[s.Name] = v
		c.steps = append(c.steps, v)
	}
	for _, v := range c.steps {
		for _, name := range v.targets {
			if t := c.byName[name]; t != nil {
				v.out = append(v.out, t)
				t.in = append(t.in, v)
			}
		}
	}
}

// targetsOf lists where a transition can lead, each step of a switch once.
func targetsOf(n *Next) []string {
	if n == nil || n.Kind == NextBad {
		return nil
	}
	if n.Kind != NextSwitch {
		return n.Targets
	}
	targets := make([]string, len(n.Cases))
	for i, c := range n.Cases {
		targets[i] = c.Target
	}
	return distinct(targets)
}

// problem reports what is wrong with a step.
func (c *compiler) problem(k check, v *vertex, line int, format string, args ...any) {
	file := v.File
	if file == "" {
		file = c.flow.File
	}
	c.problems = append(c.problems, Problem{
		Check: k.String(), Step: v.Name, File: file, Line: line,
		Message: c.say(fmt.Sprintf(format, args...)), check: k, order: v.order,
	})
}

// flowProblem reports what is wrong with the flow as a whole or a parameter.
func (c *compiler) flowProblem(k check, line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{
		Check: k.String(), File: c.flow.File, Line: line,
		Message: c.say(fmt.Sprintf(format, args...)), check: k,
	})
}

// build makes the graph of a definition without problems.
func (c *compiler) build() *Graph {
	g := &Graph{Flow: c.flow, byName: make(map[string]*Node, len(c.order))}
	for i, v := range c.order {
		v.node = &Node{Step: v.Step, ID: i, Kind: c.kind(v), Policies: v.policies}
		g.Nodes = append(g.Nodes, v.node)
		g.byName[v.Name] = v.node
	}
	for _, v := range c.order {
		n := v.node
		for _, t := range v.out {
			n.Out = append(n.Out, t.node)
			t.node.In = append(t.node.In, n)
		}
		if v.join != nil {
			n.Join = v.join.node
		}
		if v.split != nil {
			n.Split = v.split.node
		}
		if v.place.split != nil {
			n.Scope, n.Branch = v.place.split.node, v.place.branch
			n.Depth = n.Scope.Depth + 1
		}
	}
	g.Start, g.End = c.start.node, c.end.node
	return g
}

// kind returns what a sound step is.
func (c *compiler) kind(v *vertex) Kind {
	switch {
	case v == c.end:
		return End
	case v.Args == 2:
		return Join
	}
	switch v.Next.Kind {
	case NextSplit:
		return Split
	case NextForeach:
		return Foreach
	case NextParallel:
		return Parallel
	case NextSwitch:
		return Switch
	}
	if v == c.start {
		return Start
	}
	return Linear
}

// Policies is what a step's decorators ask for, decoded.
type Policies struct {
	Retries     int               // @retry: attempts beyond the first, at most [MaxRetries]
	Catch       bool              // @catch
	CatchVar    string            // artifact into which @catch puts the failure; "" if none
	Timeout     time.Duration     // @timeout; 0 is no limit
	Resources   Resources         // @resources; zero fields were not asked for
	Environment map[string]string // @environment
	Parallel    bool              // @parallel or a decorator of its family
	Exec        *Exec             // @exec; nil if the flow's own code runs the step
	InProcess   bool              // @in_process: its tasks are run by one process, many at once
}

// Resources is what a step asks for of the machine it runs on.
type Resources struct {
	CPU    float64 // cores
	GPU    float64
	Memory int64 // MB
}
