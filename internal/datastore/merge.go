package datastore

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
)

// Merged is what a join gets from its inputs.
type Merged struct {
	Merged    []metastore.Artifact // sorted by name
	Conflicts []string             // names of which inputs have different values, sorted
	Missing   []string             // names to be included that no input has, sorted
}

// unmergeable are names that Metaflow keeps for itself.
var unmergeable = []string{
	"_foreach_values", "_unbounded_foreach", "_control_mapper_tasks", "_control_task_is_mapper_zero", "_parallel_ubf_iter",
}

// Merge returns the artifacts of a join's inputs of which all inputs that have them
// have the same bytes. It leaves out the names in exclude and, if include is not
// nil, those not in it, and the names that the join has already: own, what it has
// set, and what it inherits as every join does from task 0. If there are Conflicts
// or Missing names, nothing is Merged.
//
// The work is in proportion to what the inputs set themselves, not to what they
// inherit from tasks that they have in common.
func (c *Layers) Merge(ctx context.Context, run int64, inputs []int64, include, exclude, own []string) (Merged, error) {
	given, err := c.All(ctx, run, 0)
	if err != nil {
		return Merged{}, err
	}
	skip := make(map[string]bool)
	for _, a := range given {
		skip[a.Name] = true
	}
	for _, names := range [][]string{own, unmergeable} {
		for _, name := range names {
			skip[name] = true
		}
	}
	has := maps.Clone(skip) // what need not come from an input
	for _, name := range exclude {
		skip[name] = true
	}
	seen, err := c.seenBy(ctx, run, inputs)
	if err != nil {
		return Merged{}, err
	}

	var m Merged
	take := func(name string) {
		v := seen[name]
		switch {
		case skip[name]:
		case v.conflict:
			m.Conflicts = append(m.Conflicts, name)
		default:
			m.Merged = append(m.Merged, v.artifact)
		}
	}
	if include == nil {
		for name := range seen {
			take(name)
		}
	} else {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(include))) {
			if _, ok := seen[name]; ok {
				take(name)
			} else if !has[name] {
				m.Missing = append(m.Missing, name)
			}
		}
	}
	slices.Sort(m.Conflicts)
	slices.SortFunc(m.Merged, byName)
	if len(m.Conflicts) > 0 || len(m.Missing) > 0 {
		m.Merged = nil
	}
	return m, nil
}

// view is what some tasks see under one name.
type view struct {
	artifact metastore.Artifact
	conflict bool // they see different bytes
	tasks    int  // how many of them see any
}

// add joins what other tasks see.
func (v *view) add(o view) {
	if v.tasks == 0 {
		*v = o
		return
	}
	v.conflict = v.conflict || o.conflict || v.artifact.Hash != o.artifact.Hash
	v.tasks += o.tasks
}

// node is a layer in the tree that the layers of a join's inputs form: its root is
// the layer that all have in common.
type node struct {
	*cachedLayer
	below  *node
	height int             // number of layers below
	inputs int             // how many inputs are here or above
	views  map[string]view // what they see in the layers above this one
}

// seenBy returns what tasks see under each name. It goes through each layer once,
// from the top down: of the tasks above a layer, those that do not see a name in a
// higher layer see it there.
func (c *Layers) seenBy(ctx context.Context, run int64, tasks []int64) (map[string]view, error) {
	tree, err := c.tree(ctx, run, tasks)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tree, func(a, b *node) int { return cmp.Compare(b.height, a.height) })
	result := make(map[string]view)
	for _, n := range tree {
		if n.views == nil {
			n.views = make(map[string]view, len(n.Own))
		}
		for _, a := range n.Own {
			v := n.views[a.Name]
			if hidden := v.tasks; hidden < n.inputs {
				v.add(view{artifact: a, tasks: n.inputs - hidden})
				n.views[a.Name] = v
			}
		}
		if n.below != nil {
			n.below.inputs += n.inputs
			n.below.views = union(n.below.views, n.views)
		} else {
			result = union(result, n.views)
		}
		n.views = nil
	}
	return result, nil
}

// tree returns the layers of tasks, each once.
func (c *Layers) tree(ctx context.Context, run int64, tasks []int64) ([]*node, error) {
	var tree []*node
	nodes := make(map[int64]*node)
	for _, task := range tasks {
		known := len(tree)
		err := c.walk(ctx, run, task, func(l *cachedLayer) bool {
			if nodes[l.Task] != nil {
				return false // and so all below
			}
			n := &node{cachedLayer: l}
			nodes[l.Task] = n
			tree = append(tree, n)
			return true
		})
		if err != nil {
			return nil, err
		}
		for _, n := range slices.Backward(tree[known:]) {
			if n.below = nodes[n.base()]; n.below != nil {
				n.height = n.below.height + 1
			}
		}
		nodes[task].inputs++
	}
	return tree, nil
}

// union joins what two groups of tasks see, into the larger of the two maps.
func union(a, b map[string]view) map[string]view {
	if len(a) < len(b) {
		a, b = b, a
	}
	for name, o := range b {
		v := a[name]
		v.add(o)
		a[name] = v
	}
	return a
}
