package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/graph"
)

// maxFan is the largest fan-out even where none is set.
const maxFan = math.MaxInt32

// wrong says what is wrong with the transition of a task of a step, "" if it is legal.
func (e *Engine) wrong(n *graph.Node, tr graph.Transition) string {
	if !leads(n, tr.Next) {
		return fmt.Sprintf("Step %s went on to %s, but its definition leads to %s. Let the last line of %s be the only self.next it calls.",
			n.Name, got(tr.Next), expected(n), n.Name)
	}
	switch n.Kind {
	case graph.Foreach, graph.Parallel:
		return e.wrongFan(n, tr.Fan)
	}
	if tr.Fan != 0 {
		return fmt.Sprintf("Step %s fanned out %d times, but it has neither foreach nor num_parallel in its definition; it leads to %s.",
			n.Name, tr.Fan, expected(n))
	}
	return ""
}

// wrongFan says what is wrong with the number of branches that a foreach or gang asks for.
func (e *Engine) wrongFan(n *graph.Node, fan int) string {
	limit, allowed := maxFan, fmt.Sprintf("%d is the most that one step can have. Make fewer of them", maxFan)
	if e.policy.MaxSplits > 0 && e.policy.MaxSplits < maxFan {
		limit = e.policy.MaxSplits
		allowed = fmt.Sprintf("--max-num-splits allows %d. Give --max-num-splits %d or more, 0 for no limit, or make fewer of them", limit, fan)
	}
	switch {
	case fan < 1 && n.Kind == graph.Parallel:
		return fmt.Sprintf("Step %s went on with num_parallel=%d, but expected is a number of at least 1.", n.Name, fan)
	case fan < 1:
		return fmt.Sprintf("Step %s iterates over %s, which has zero elements, but expected is at least 1. "+
			"If it may be empty, go round the foreach with a condition.", n.Name, n.Next.Foreach)
	case fan > limit && n.Kind == graph.Parallel:
		return fmt.Sprintf("Step %s asks for %d parallel nodes, but %s.", n.Name, fan, allowed)
	case fan > limit:
		return fmt.Sprintf("Step %s iterates over %s, which has %d elements, but %s.", n.Name, n.Next.Foreach, fan, allowed)
	}
	return ""
}

// leads reports whether a step's definition has the transition.
func leads(n *graph.Node, next []string) bool {
	switch n.Kind {
	case graph.End:
		return len(next) == 0
	case graph.Split: // in any order
		return len(next) == len(n.Out) && !slices.ContainsFunc(n.Out, func(m *graph.Node) bool { return !slices.Contains(next, m.Name) })
	case graph.Switch:
		return len(next) == 1 && slices.ContainsFunc(n.Out, func(m *graph.Node) bool { return m.Name == next[0] })
	}
	return len(next) == 1 && next[0] == n.Out[0].Name
}

// got tells where a task went on to.
func got(next []string) string {
	if len(next) == 0 {
		return "nothing"
	}
	return strings.Join(next, ", ")
}

// expected tells where a step's definition leads.
func expected(n *graph.Node) string {
	var names []string
	for _, m := range n.Out {
		names = append(names, m.Name)
	}
	all := strings.Join(names, ", ")
	switch n.Kind {
	case graph.End:
		return "nothing, since it ends the flow"
	case graph.Foreach:
		return all + " for each element of " + n.Next.Foreach
	case graph.Parallel:
		return all + " with num_parallel"
	case graph.Switch:
		return "one of " + all
	}
	return all
}
