package engine

import "github.com/levadahq/levada/internal/graph"

// gang is the nodes that num_parallel starts: launched, failed and tried again as one.
type gang struct {
	node  *graph.Node
	scope *scope
	nodes []*task // by index; nil until the first launch

	failed    bool // a node failed in this attempt, and there will be another one
	succeeded int  // nodes whose success in this attempt is recorded
	over      int  // nodes whose attempt is over

	// While recovering: which nodes came of those that were launched together.
	// Their ids follow one another, so the first says which launch it was.
	first     TaskID
	recovered bitset
}

// members returns the nodes, which are made when first asked for.
func (g *gang) members() []*task {
	if g.nodes == nil {
		g.nodes = make([]*task, g.scope.count)
		for i := range g.nodes {
			g.nodes[i] = &task{node: g.node, scope: g.scope, index: i, base: g.scope.split, gang: g}
		}
	}
	return g.nodes
}

// readyGang queues a gang whose split task succeeded.
func (e *Engine) readyGang(g *gang) {
	if r := e.recovery; r != nil {
		r.wait(place{g.scope.split, gangPlace}, unit{gang: g})
		return
	}
	e.queue.singles.push(unit{gang: g})
}

// nodeSucceeded lets all branches arrive at the join when the last node has succeeded.
func (e *Engine) nodeSucceeded(g *gang) {
	if g.succeeded++; g.succeeded < g.scope.count {
		return
	}
	for _, t := range g.nodes {
		e.arrive(g.scope, t.index, t.id)
	}
}

// nodeFailed ends the other nodes, so that the gang can be tried again.
func (e *Engine) nodeFailed(g *gang) {
	if g.failed {
		return
	}
	g.failed = true
	for _, t := range g.nodes {
		if t.state != mourned && t.state != lost { // not the one that failed
			e.kill(t)
		}
	}
}

// nodeOver makes the next attempt of a gang ready when the last node of a failed one is over.
func (e *Engine) nodeOver(g *gang) {
	if g.over++; g.over < g.scope.count || !g.failed {
		return
	}
	progress := &e.steps[g.node.ID]
	progress.Done -= g.succeeded
	progress.Waiting += g.succeeded
	g.failed, g.succeeded, g.over = false, 0, 0
	for _, t := range g.nodes {
		t.renew()
	}
	e.queue.retries.push(unit{gang: g})
}
