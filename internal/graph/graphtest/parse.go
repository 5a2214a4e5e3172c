// Package graphtest makes flows for tests: from a compact text form, and at
// random. It is used by the tests of graph, engine and whatever builds on them.
//
// The text form has a line for each step, in source order:
//
//	flow Train                       # optional, as are parameters
//	param alpha
//	start -> fit foreach seeds       # linear: -> a   split: -> a, b   gang: -> a parallel
//	fit @retry:times=2 -> pick       # decorators as --with takes them, without spaces
//	pick(inputs) -> choose           # arguments after self
//	choose -> {ok: end, again: choose} by verdict
//	end
//
// A step may carry [start] or [end]; a transition "-> bad reason" stands for one
// that the SDK could not read, "early" for a self.next that is not the last
// statement. Anything behind # is a comment. The line of a step is its line in the text.
package graphtest

import (
	"fmt"
	"strings"

	"github.com/levadahq/levada/internal/graph"
)

// Parse reads the text form of a flow. It checks no more than the form.
func Parse(text string) (*graph.Flow, error) {
	f := &graph.Flow{Version: graph.DefinitionVersion, Name: "Test", File: "test.py", Language: "python"}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		var err error
		switch {
		case len(words) == 0:
		case words[0] == "flow" && len(words) == 2:
			f.Name = words[1]
		case words[0] == "param" && len(words) == 2:
			f.Parameters = append(f.Parameters, graph.Parameter{Name: words[1], Attribute: words[1], Type: "str", Line: i + 1})
		default:
			var s graph.Step
			s, err = parseStep(line, i+1)
			f.Steps = append(f.Steps, s)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return f, nil
}

// MustParse is Parse for a text that is known to be good. It panics if it is not.
func MustParse(text string) *graph.Flow {
	f, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return f
}

// MustCompile parses and compiles a text that is known to be good. It panics if it is not.
func MustCompile(text string) *graph.Graph {
	g, problems := graph.Compile(MustParse(text))
	if len(problems) > 0 {
		panic(problems[0].String())
	}
	return g
}

func parseStep(line string, number int) (graph.Step, error) {
	s := graph.Step{Line: number, Args: 1}
	head, transition, leads := strings.Cut(line, "->")
	for i, word := range strings.Fields(head) {
		switch {
		case i == 0:
			name, args, given := strings.Cut(strings.TrimSuffix(word, ")"), "(")
			s.Name = name
			switch {
			case given && args == "":
				s.Args = 0
			case given:
				s.Args = 2 + strings.Count(args, ",")
			}
		case word == "[start]":
			s.Start = true
		case word == "[end]":
			s.End = true
		case word == "early":
			s.EarlyNext = number
		case word[0] == '@':
			d, err := graph.ParseDecorator(word)
			if err != nil {
				return s, err
			}
			d.Line = number
			s.Decorators = append(s.Decorators, d)
		default:
			return s, fmt.Errorf("%q is not known", word)
		}
	}
	if leads {
		s.Next = parseNext(strings.TrimSpace(transition), number)
	}
	return s, nil
}

// parseNext reads what stands behind the arrow.
func parseNext(text string, line int) *graph.Next {
	n := &graph.Next{Line: line}
	if reason, bad := strings.CutPrefix(text, "bad"); bad {
		n.Kind, n.Problem = graph.NextBad, strings.TrimSpace(reason)
		return n
	}
	if cases, ok := strings.CutPrefix(text, "{"); ok {
		cases, condition, _ := strings.Cut(cases, "}")
		n.Kind = graph.NextSwitch
		n.Condition = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(condition), "by"))
		for _, c := range split(cases) {
			key, target, _ := strings.Cut(c, ":")
			n.Cases = append(n.Cases, graph.Case{Key: strings.TrimSpace(key), Target: strings.TrimSpace(target)})
		}
		return n
	}
	targets, attribute, foreach := strings.Cut(text, " foreach")
	targets, parallel := strings.CutSuffix(targets, " parallel")
	n.Targets = split(targets)
	switch {
	case foreach:
		n.Kind, n.Foreach = graph.NextForeach, strings.TrimSpace(attribute)
	case parallel:
		n.Kind = graph.NextParallel
	case len(n.Targets) == 1:
		n.Kind = graph.NextLinear
	default:
		n.Kind = graph.NextSplit
	}
	return n
}

// split cuts a list at its commas.
func split(list string) []string {
	var words []string
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}
