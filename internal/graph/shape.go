package graph

import (
	"slices"
	"strings"
)

// checkShape makes the checks of how steps hang together, and finds the
// topological order, the scope around each step and the join of each split.
func (c *compiler) checkShape() {
	if !c.sort() {
		return
	}
	for _, v := range c.order {
		if v.Args == 2 && v != c.end {
			c.placeJoin(v)
		} else {
			c.placeStep(v)
		}
	}
}

// sort finds the topological order of the steps that can be reached. It
// reports cycles and steps that cannot be reached, and whether there was no cycle.
//
// The order is that of a depth-first walk: a branch is listed to its end before
// the next one, in the order of the definition.
func (c *compiler) sort() bool {
	const (
		unseen = iota
		open   // on the way from the start to where we are
		done
	)
	type visit struct {
		v    *vertex
		left int // targets yet to be walked, from the last to the first
	}
	state := make(map[*vertex]int, len(c.steps))
	cycles := false
	walk := func(from *vertex) {
		way := []visit{{from, len(from.out)}}
		state[from] = open
		for len(way) > 0 {
			at := &way[len(way)-1]
			if at.left == 0 {
				state[at.v] = done
				c.order = append(c.order, at.v)
				way = way[:len(way)-1]
				continue
			}
			at.left--
			switch t := at.v.out[at.left]; {
			case t == at.v && at.v.Next.Kind == NextSwitch:
				if len(at.v.out) == 1 {
					cycles = true
					c.problem(checkCycle, at.v, nextLine(at.v),
						"Every case of step %s leads back to itself (%s->%s), so it would never end. Add a case that goes on to another step.",
						t.Name, t.Name, t.Name)
				}
			case state[t] == unseen:
				state[t] = open
				way = append(way, visit{t, len(t.out)})
			case state[t] == open:
				cycles = true
				var path []string
				for i := len(way) - 1; i >= 0; i-- {
					path = append(path, way[i].v.Name)
					if way[i].v == t {
						break
					}
				}
				slices.Reverse(path)
				c.problem(checkCycle, t, nextLine(at.v),
					"Steps lead back to where they came from: %s->%s. Break the cycle. The only loop allowed is a step "+
						"that names itself among the cases of its condition.", strings.Join(path, "->"), t.Name)
			}
		}
	}
	walk(c.start)
	slices.Reverse(c.order)
	reached := len(c.order)
	unreachable := make(map[*vertex]bool)
	for _, v := range c.steps {
		if state[v] == unseen {
			unreachable[v] = true
			c.unreachable(v)
		}
	}
	for _, v := range c.steps { // cycles among the steps that cannot be reached
		if state[v] == unseen {
			walk(v)
		}
	}
	c.order = c.order[:reached]
	for _, v := range c.order {
		v.in = slices.DeleteFunc(v.in, func(from *vertex) bool { return unreachable[from] })
	}
	return !cycles
}

func (c *compiler) unreachable(v *vertex) {
	c.problem(checkUnreachable, v, v.Line,
		"Step %s cannot be reached from %s, the first step. Add self.next(self.%s) to a step before it, or remove it.",
		v.Name, c.start.Name, v.Name)
}

// checkReach reports the steps that cannot be reached in a flow whose transitions are not sound, if that is certain:
// mending what has been told of the steps on the way from the start leads to none of them.
func (c *compiler) checkReach() {
	if c.start == nil || c.end == nil || c.flow.Version != DefinitionVersion || c.told(checkAmbiguous, c.start) {
		return
	}
	reached := map[*vertex]bool{c.start: true}
	for way := []*vertex{c.start}; len(way) > 0; {
		v := way[0]
		way = way[1:]
		if c.open(v) {
			return
		}
		for _, t := range append(c.meant(v), v.out...) {
			if !reached[t] {
				reached[t] = true
				way = append(way, t)
			}
		}
	}
	for _, v := range c.steps {
		if !reached[v] {
			c.unreachable(v)
		}
	}
}

// told returns whether a problem of a kind has been told of a step.
func (c *compiler) told(k check, v *vertex) bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return p.check == k && p.Step == v.Name })
}

// open returns whether a step may lead to any other when what has been told of it is mended.
func (c *compiler) open(v *vertex) bool {
	switch n := v.Next; {
	case v.twice:
		return true
	case v == c.end:
		return false
	case n == nil:
		return true
	case n.Kind == NextSwitch:
		if len(n.Cases) < 2 {
			return true
		}
	case malformed(n) != "":
		return true
	}
	return slices.ContainsFunc(v.targets, func(name string) bool { return c.byName[name] == nil && (c.undecorated[name] || c.near(name) == nil) })
}

// meant returns the steps that a step probably leads to under names that there are not.
func (c *compiler) meant(v *vertex) (steps []*vertex) {
	for _, name := range v.targets {
		if c.byName[name] != nil {
			continue
		}
		if t := c.near(name); t != nil {
			steps = append(steps, t)
		}
	}
	return steps
}

// arrival returns the place that a step has for somebody who comes from another:
// inside the new scope if that one opens one.
func arrival(from, to *vertex) place {
	switch from.Next.Kind {
	case NextSplit:
		return place{from, slices.Index(from.out, to)}
	case NextForeach, NextParallel:
		return place{from, 0}
	}
	return from.place
}

// placeStep finds the scope around a step that is not a join.
func (c *compiler) placeStep(v *vertex) {
	first := true
	for _, from := range v.in {
		if from == v {
			continue
		}
		if from.unknown {
			v.unknown = true
			return
		}
		p := arrival(from, v)
		if first {
			v.place, first = p, false
			continue
		}
		if p == v.place {
			continue
		}
		v.unknown = true
		c.clash(v, p)
		return
	}
	if v == c.end && v.place.split != nil {
		s := v.place.split
		c.problem(checkUnjoined, v, v.Line,
			"The flow reaches %s while the branches of %s are not joined: %s. Add a join step, one that takes inputs, before %s.",
			v.Name, s.Name, list(names(s.out)), v.Name)
	}
}

// clash reports that a step that is not a join is reached from two places.
func (c *compiler) clash(v *vertex, other place) {
	if s := v.place.split; s != nil && s == other.split {
		if v == c.end {
			c.problem(checkUnjoined, v, v.Line,
				"The flow reaches %s while the branches of %s are not joined: %s. Add a join step, one that takes inputs, before %s.",
				v.Name, s.Name, list(names(s.out)), v.Name)
			return
		}
		c.problem(checkUnjoined, v, v.Line,
			"Branches %s and %s of %s come together in %s, which is not a join. Write \"def %s(self, inputs)\" to make it one.",
			s.out[v.place.branch].Name, s.out[other.branch].Name, s.Name, v.Name, v.Name)
		return
	}
	c.problem(checkMixed, v, v.Line,
		"Step %s is reached %s and also %s. Close every split with a join of its own before its branches come together here.",
		v.Name, describe(v.place), describe(other))
}

// describe says where a place is.
func describe(p place) string {
	if p.split == nil {
		return "outside of any split"
	}
	return "within a branch of " + p.split.Name
}

// placeJoin finds the split that a join closes, and with it the scope around it.
func (c *compiler) placeJoin(v *vertex) {
	v.unknown = true // until everything is well
	if slices.ContainsFunc(v.in, func(from *vertex) bool { return from.unknown }) {
		return
	}
	if c.straightIntoJoin(v) {
		return
	}
	if len(v.in) == 0 || !slices.ContainsFunc(v.in, func(from *vertex) bool { return from.place.split != nil }) {
		c.problem(checkNoSplit, v, v.Line,
			"Step %s takes inputs, so it is a join, but no split comes before it. Write \"def %s(self)\", or split before it.", v.Name, v.Name)
		return
	}
	split := v.in[0].place.split
	for _, from := range v.in[1:] {
		if from.place.split != split {
			c.problem(checkMixed, v, v.Line,
				"Step %s joins steps of unrelated splits: %s is %s, but %s is %s. Join each split in a step of its own.",
				v.Name, v.in[0].Name, describe(v.in[0].place), from.Name, describe(from.place))
			return
		}
	}
	arrived := make(map[int]bool)
	for _, from := range v.in {
		arrived[from.place.branch] = true
	}
	if len(arrived) != len(split.out) {
		c.problem(checkBranches, v, v.Line,
			"Step %s joins %s, but gets only %d of its %d branches: it is reached from %s, and the branches begin with %s. "+
				"Let every branch of %s lead to %s.",
			v.Name, split.Name, len(arrived), len(split.out), list(names(v.in)), list(names(split.out)), split.Name, v.Name)
		return
	}
	if split.join != nil {
		c.problem(checkMixed, v, v.Line,
			"Both %s and %s join the branches of %s. A split has one join: let all its branches lead to the same one.",
			split.join.Name, v.Name, split.Name)
		return
	}
	v.unknown = false
	v.split, split.join = split, v
	v.place = split.place
}

// straightIntoJoin reports the transitions into a join that have no step between, and whether there are any.
func (c *compiler) straightIntoJoin(v *vertex) bool {
	found := false
	closed := make(map[*vertex]bool)
	for _, from := range v.in {
		if from.Next.Kind == NextForeach || from.Next.Kind == NextParallel || from.Next.Kind == NextSplit {
			closed[from] = true
		} else {
			closed[from.place.split] = true
		}
		switch from.Next.Kind {
		case NextForeach, NextParallel, NextSplit:
			found = true
			c.problem(checkForeachJoin, from, nextLine(from),
				"Step %s splits straight into the join %s. Put a step between them that does the work of a branch.", from.Name, v.Name)
		case NextSwitch:
			found = true
			c.problem(checkSwitchJoin, from, nextLine(from),
				"A case of step %s leads straight into the join %s. Put a step between them.", from.Name, v.Name)
		}
	}
	if found && len(closed) == 1 { // it is clear what it is to close, so what follows can be checked
		for split := range closed {
			if split != nil {
				v.place, v.unknown = split.place, false
			}
		}
	}
	return found
}
