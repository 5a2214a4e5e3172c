package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// check numbers the checks in the order in which their problems are told.
type check int

const (
	checkDefinition     check = iota
	checkDeclaration          // what the SDK found wrong
	checkReserved             // step names that a flow object uses itself
	checkStart                // exactly one start
	checkEnd                  // exactly one end
	checkAmbiguous            // an annotated start beside a step named start; same for end
	checkStartIn              // nothing leads to the start
	checkEndOut               // the end leads nowhere
	checkEndNext              // the end has no self.next
	checkEndJoin              // the end is not a join
	checkName                 // characters of a step name
	checkFlowName             // characters of the flow's name
	checkArguments            // more than self and inputs
	checkJoinSplits           // a join that splits
	checkSelf                 // no self
	checkNoNext               // self.next is missing or not last
	checkNext                 // a malformed self.next
	checkUnknownStep          // a transition to nowhere
	checkCycle                //
	checkUnreachable          //
	checkUnjoined             // a split that is still open where it must not be
	checkBranches             // a join that does not get every branch
	checkNoSplit              // a join with nothing to join
	checkMixed                // ways through different splits meet
	checkCases                // a switch without condition or with one case
	checkForeachJoin          // a split that leads straight into a join
	checkParallelTarget       // num_parallel without @parallel
	checkParallelNext         // @parallel not followed by a join
	checkParallelFrom         // @parallel without num_parallel
	checkSwitchJoin           // a case that leads straight into a join
	checkDecorator            // attributes of decorators
	checkParameter            //
)

var checkNames = [...]string{
	checkDefinition: "definition", checkDeclaration: "declaration", checkReserved: "reserved-name", checkStart: "start", checkEnd: "end",
	checkAmbiguous: "ambiguous", checkStartIn: "start-incoming", checkEndOut: "end-outgoing",
	checkEndNext: "end-next", checkEndJoin: "end-join", checkName: "step-name", checkFlowName: "flow-name", checkArguments: "arguments",
	checkJoinSplits: "join-splits", checkSelf: "self", checkNoNext: "no-next", checkNext: "next",
	checkUnknownStep: "unknown-step", checkCycle: "cycle", checkUnreachable: "unreachable",
	checkUnjoined: "unjoined", checkBranches: "branches", checkNoSplit: "no-split", checkMixed: "mixed-splits",
	checkCases: "cases", checkForeachJoin: "split-into-join", checkParallelTarget: "parallel-target",
	checkParallelNext: "parallel-next", checkParallelFrom: "parallel-from", checkSwitchJoin: "switch-into-join",
	checkDecorator: "decorator", checkParameter: "parameter",
}

func (k check) String() string { return checkNames[k] }

// structural are the checks whose failure makes it pointless to follow transitions.
var structural = []check{
	checkDefinition, checkStart, checkEnd, checkAmbiguous, checkEndOut, checkEndNext,
	checkNoNext, checkNext, checkUnknownStep, checkCases,
}

// sound reports whether transitions can be followed.
func (c *compiler) sound() bool {
	return len(c.undecorated) == 0 && !slices.ContainsFunc(c.problems, func(p Problem) bool { return slices.Contains(structural, p.check) })
}

var reservedSteps = []string{"name", "next", "input", "index", "cmd"}

// nextForms are the transitions there are, as told to somebody who wrote another.
const nextForms = "The forms are self.next(self.a), self.next(self.a, self.b), self.next(self.a, foreach='items'), " +
	"self.next(self.a, num_parallel=n) and self.next({'x': self.a, 'y': self.b}, condition='choice'); " +
	"the keys of the last are constants or config values, not variables"

// findEnds finds the start and the end step.
func (c *compiler) findEnds() {
	switch missing := c.undecorated["start"] || c.undecorated["end"]; {
	case len(c.steps) == 0:
		if len(c.flow.Steps) == 0 && len(c.undecorated) == 0 {
			c.flowProblem(checkStart, c.flow.Line, "Flow %s has no steps. Write a method and decorate it with @step.", c.flow.Name)
		}
	case len(c.steps) == 1 && !missing:
		c.start, c.end = c.steps[0], c.steps[0]
	default:
		c.start = c.findEnd(checkStart, "start", func(s *Step) bool { return s.Start })
		c.end = c.findEnd(checkEnd, "end", func(s *Step) bool { return s.End })
	}
}

// findEnd finds the step that is annotated, or else named, as one end of the flow.
func (c *compiler) findEnd(k check, name string, annotated func(*Step) bool) *vertex {
	var found []*vertex
	for _, v := range c.steps {
		if annotated(v.Step) {
			found = append(found, v)
		}
	}
	named := c.byName[name]
	switch {
	case len(found) > 1:
		c.problem(k, found[1], found[1].Line,
			"Steps %s are all annotated with %s=True. A flow has exactly one %s step: keep the annotation on one of them.",
			list(names(found)), name, name)
		return nil
	case len(found) == 0 && named == nil && c.undecorated[name]:
		return nil
	case len(found) == 0 && named == nil:
		c.flowProblem(k, c.flow.Line,
			"Flow %s has no %s step. Name one of its steps %s, or annotate one with @step(%s=True); its steps are %s.",
			c.flow.Name, name, name, name, list(names(c.steps)))
		return nil
	case len(found) == 0:
		return named
	case named != nil && named != found[0]:
		c.problem(checkAmbiguous, found[0], found[0].Line,
			"Step %s is annotated with %s=True, but there is a step named %s too, so it is ambiguous where the flow %ss. "+
				"Rename step %s or remove the annotation of %s.",
			found[0].Name, name, name, name, name, found[0].Name)
	}
	return found[0]
}

// tellMistakes reports what the SDK found wrong.
func (c *compiler) tellMistakes() {
	for i, m := range c.flow.Mistakes {
		if m.Warning {
			continue
		}
		file := m.File
		if file == "" {
			file = c.flow.File
		}
		if m.Step != "" && c.byName[m.Step] == nil {
			c.undecorated[m.Step] = true
		}
		c.problems = append(c.problems, Problem{
			Check: checkDeclaration.String(), Step: m.Step, File: file, Line: m.Line, Message: m.Message, check: checkDeclaration, order: i,
		})
	}
}

// checkSteps makes the checks of each step that need no more than its neighbours.
func (c *compiler) checkSteps() {
	if c.start != nil && len(c.start.in) > 0 {
		c.problem(checkStartIn, c.start, c.start.Line,
			"Step %s starts the flow, so nothing may lead to it, but %s does. Send that transition to another step.",
			c.start.Name, list(names(c.start.in)))
	}
	for _, v := range c.steps {
		c.checkStepName(v)
		c.checkSignature(v)
		if v == c.end {
			c.checkEndStep(v)
			continue
		}
		c.checkTransition(v)
		c.checkGang(v)
	}
}

// checkFlowName keeps names out that could not be a part of a pathspec. What a class can be called always can.
func (c *compiler) checkFlowName() {
	valid := c.flow.Name != "" && !strings.ContainsFunc(c.flow.Name, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	if !valid {
		c.flowProblem(checkFlowName, c.flow.Line, "Flow name %q is not allowed. Use letters, digits and underscores.", c.flow.Name)
	}
}

func (c *compiler) checkStepName(v *vertex) {
	if slices.Contains(reservedSteps, v.Name) {
		c.problem(checkReserved, v, v.Line,
			"A step cannot be called %s, because flows have something of that name already. Rename the step.", v.Name)
	}
	valid := v.Name != "" && v.Name[0] != '_' && !strings.ContainsFunc(v.Name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_')
	})
	if !valid {
		c.problem(checkName, v, v.Line,
			"Step name %q is not allowed. Use lower-case letters a-z, digits and underscores, and do not begin with an underscore.", v.Name)
	}
}

func (c *compiler) checkSignature(v *vertex) {
	switch {
	case v.Args > 2:
		c.problem(checkArguments, v, v.Line,
			"Step %s takes %d arguments. Write \"def %s(self)\", or \"def %s(self, inputs)\" if it is a join.", v.Name, v.Args, v.Name, v.Name)
	case v.Args < 1:
		c.problem(checkSelf, v, v.Line,
			"Step %s takes no arguments. Give it self: \"def %s(self)\", or \"def %s(self, inputs)\" if it is a join.", v.Name, v.Name, v.Name)
	case v.Args == 2 && v.Next != nil && v.Next.Kind != NextLinear && v.Next.Kind != NextBad && v != c.end:
		c.problem(checkJoinSplits, v, nextLine(v),
			"Step %s takes inputs, so it is a join, but it splits as well. Let it go on to one new step, and split there.", v.Name)
	}
}

// checkEndStep checks that the last step is one.
func (c *compiler) checkEndStep(v *vertex) {
	only := len(c.steps) == 1
	switch {
	case v.Next != nil && len(v.targets) > 0 && only:
		c.problem(checkEndOut, v, nextLine(v),
			"Step %s goes on to %s, but it is the only step of the flow. Add the missing step, or remove self.next.", v.Name, list(v.targets))
	case v.Next != nil && len(v.targets) > 0:
		c.problem(checkEndOut, v, nextLine(v),
			"Step %s ends the flow, so it cannot go on to %s. Remove the transition, or let another step end the flow.", v.Name, list(v.targets))
	case v.Next != nil:
		c.problem(checkEndNext, v, nextLine(v), "Step %s ends the flow, but its last line is a self.next. Remove that line.", v.Name)
	case v.EarlyNext > 0:
		c.problem(checkEndNext, v, v.EarlyNext, "Step %s ends the flow, but it calls self.next. Remove the call.", v.Name)
	}
	if v.Args == 2 {
		c.problem(checkEndJoin, v, v.Line,
			"Step %s ends the flow, so it cannot take inputs. Add a join step before it, and let that go on to %s.", v.Name, v.Name)
	}
}

// checkTransition checks the self.next of a step that is not the end.
func (c *compiler) checkTransition(v *vertex) {
	n := v.Next
	if n == nil {
		if v.Returned > 0 {
			c.problem(checkNoNext, v, v.Returned,
				"Step %s ends in a \"return self.next(...)\". Write the self.next on line %d without return.", v.Name, v.Returned)
		} else if v.EarlyNext > 0 {
			c.problem(checkNoNext, v, v.EarlyNext,
				"Step %s calls self.next on line %d, but not as its last statement. Move the call to the end of the step, outside of any block.",
				v.Name, v.EarlyNext)
		} else if c.end != nil { // without an end step, this may well be meant to be it
			c.problem(checkNoNext, v, v.Line,
				"Step %s does not say what comes next. Add a self.next(...) as its last line; only the last step of the flow has none.", v.Name)
		}
		return
	}
	if n.Kind == NextSwitch {
		c.checkSwitch(v)
	} else if wrong := malformed(n); wrong != "" {
		c.problem(checkNext, v, nextLine(v), "Step %s: %s.", v.Name, wrong)
	}
	for _, name := range v.targets {
		if c.byName[name] == nil && !c.undecorated[name] {
			c.problem(checkUnknownStep, v, nextLine(v),
				"Step %s goes on to %s, which is not a step of this flow. Define it with @step, or correct the name%s.",
				v.Name, name, c.similar(name))
		}
	}
}

// malformed says what is wrong with the form of a transition, "" if nothing is.
func malformed(n *Next) string {
	switch n.Kind {
	case NextBad:
		wrong := "this self.next cannot be read"
		if n.Problem != "" {
			wrong += ": " + strings.TrimRight(n.Problem, ". ")
		}
		return wrong + ". " + nextForms
	case NextLinear:
		if len(n.Targets) != 1 {
			return fmt.Sprintf("self.next names %d steps, but one is expected. Write self.next(self.a)", len(n.Targets))
		}
	case NextSplit:
		if len(n.Targets) < 2 {
			return "a split needs at least two steps to go on to. Write self.next(self.a, self.b), or self.next(self.a) if there is one"
		}
		if twice := repeated(n.Targets); twice != "" {
			return "self.next names step " + twice + " twice, but each branch of a split is a step of its own. Name it once, or use foreach"
		}
	case NextForeach:
		if len(n.Targets) != 1 {
			return fmt.Sprintf("a foreach goes on to exactly one step, not %d. Write self.next(self.a, foreach='items'), and split in a if needed", len(n.Targets))
		}
		if n.Foreach == "" {
			return "a foreach needs the name of the attribute to iterate, as a string. Write self.next(self.a, foreach='items')"
		}
	case NextParallel:
		if len(n.Targets) != 1 {
			return fmt.Sprintf("num_parallel goes on to exactly one step, not %d. Write self.next(self.a, num_parallel=n)", len(n.Targets))
		}
	default:
		return fmt.Sprintf("the kind of transition %q is not known. %s", n.Kind, nextForms)
	}
	return ""
}

func (c *compiler) checkSwitch(v *vertex) {
	switch n := v.Next; {
	case n.Condition == "":
		c.problem(checkCases, v, nextLine(v),
			"Step %s chooses between %d cases, but no condition says which. Add condition='name' with the attribute whose value is the key.", v.Name, len(n.Cases))
	case len(n.Cases) < 2:
		c.problem(checkCases, v, nextLine(v),
			"Step %s has a condition, but its number of cases is %d; a choice needs at least 2. Add a case, or go on to the step without a condition.", v.Name, len(n.Cases))
	}
}

// checkGang checks both sides of num_parallel and @parallel.
func (c *compiler) checkGang(v *vertex) {
	if v.Next != nil && v.Next.Kind == NextParallel {
		for _, t := range v.out {
			if !decoratedParallel(t.Step) {
				c.problem(checkParallelTarget, t, t.Line,
					"Step %s goes on to %s with num_parallel, but %s is not decorated for it. Add @parallel to %s.", v.Name, t.Name, t.Name, t.Name)
			}
		}
	}
	if !decoratedParallel(v.Step) {
		return
	}
	switch n := v.Next; {
	case n == nil || n.Kind == NextBad:
	case n.Kind != NextLinear:
		c.problem(checkParallelNext, v, nextLine(v),
			"Step %s runs as a gang (@parallel), so it must go on to one step that joins it, and not by a %s. Go on to one step that takes inputs.", v.Name, n.Kind)
	case len(v.out) == 1 && v.out[0].Args != 2:
		c.problem(checkParallelNext, v, nextLine(v),
			"Step %s runs as a gang (@parallel), so the step after it must be a join, but %s is not. Go on to one step that takes inputs.",
			v.Name, list(v.targets))
	}
	for _, from := range v.in {
		if from.Next.Kind != NextParallel {
			c.problem(checkParallelFrom, v, nextLine(from),
				"Step %s is decorated with @parallel, but step %s goes on to it without num_parallel. "+
					"Write self.next(self.%s, num_parallel=n) in %s, or remove the decorator.", v.Name, from.Name, v.Name, from.Name)
		}
	}
	if len(v.in) == 0 && v == c.start {
		c.problem(checkParallelFrom, v, v.Line,
			"Step %s is decorated with @parallel, but it starts the flow, so no step leads to it with num_parallel. Remove the decorator.", v.Name)
	}
}

// nextLine is the line of a step's transition.
func nextLine(v *vertex) int {
	if v.Next != nil && v.Next.Line > 0 {
		return v.Next.Line
	}
	return v.Line
}

// similar returns a hint at the step whose name is closest to a wrong one, "" if none is close.
func (c *compiler) similar(name string) string {
	v := c.near(name)
	if v == nil {
		return ""
	}
	return fmt.Sprintf(" (there is a step %s)", v.Name)
}

// near returns the step whose name is closest to a wrong one, nil if none is close.
func (c *compiler) near(name string) (best *vertex) {
	const longest, most = 100, 50 // beyond these it would take long and help nobody
	least := min(3, len(name))
	if len(name) > longest || len(c.problems) > most {
		return nil
	}
	for _, v := range c.steps {
		if len(v.Name) > longest {
			continue
		}
		if d := distance(name, v.Name); d < least {
			best, least = v, d
		}
	}
	return best
}

// distance is the number of single-byte edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			edit := diagonal
			if a[i] != b[j] {
				edit++
			}
			diagonal = row[j+1]
			row[j+1] = min(edit, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// names lists the names of steps, each once.
func names(steps []*vertex) []string {
	all := make([]string, len(steps))
	for i, v := range steps {
		all[i] = v.Name
	}
	return distinct(all)
}

// distinct returns the words without repeats, in the order in which they first occur.
func distinct(words []string) []string {
	seen := make(map[string]bool, len(words))
	var once []string
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			once = append(once, w)
		}
	}
	return once
}

// repeated returns the first word that occurs again, "" if none does.
func repeated(words []string) string {
	seen := make(map[string]bool, len(words))
	for _, w := range words {
		if seen[w] {
			return w
		}
		seen[w] = true
	}
	return ""
}

// list joins words as in a sentence: "a, b and c".
func list(words []string) string {
	const most = 12
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
