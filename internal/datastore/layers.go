package datastore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// MaxDepth is the number of layers after which a task should record all that it has
// (Attempt.Complete), so that reading it does not take longer the longer a run is.
const MaxDepth = 64

// Layer is what a task that ended well adds to what it inherits. A task has the
// artifacts of its own layer and, for other names, those of its Base, and so on
// down to a layer that is complete or has no base.
type Layer struct {
	Run, Task int64
	Base      int64                // -1 if it inherits nothing
	Complete  bool                 // Own is all that the task has
	Own       []metastore.Artifact // sorted by name
}

// base returns the task in which to look on, -1 if there is none.
func (l *Layer) base() int64 {
	if l.Complete {
		return -1
	}
	return l.Base
}

// own finds an artifact of the layer itself.
func (l *Layer) own(name string) (metastore.Artifact, bool) {
	i, ok := slices.BinarySearchFunc(l.Own, name, func(a metastore.Artifact, name string) int {
		return cmp.Compare(a.Name, name)
	})
	if !ok {
		return metastore.Artifact{}, false
	}
	return l.Own[i], true
}

// LayerReader is what Layers needs of the metadata store.
type LayerReader interface {
	Task(ctx context.Context, run, task int64) (metastore.Task, error)
	Attempts(ctx context.Context, run, task int64) ([]metastore.Attempt, error)
	Artifacts(ctx context.Context, run, task int64, attempt int) ([]metastore.Artifact, error)
}

// Layers finds the artifacts that tasks have and inherit. It caches layers in
// bounded memory; tasks that share a base share its layers. All methods may be
// called concurrently.
type Layers struct {
	store LayerReader

	// Two generations of layers: when the young one is full it becomes the old one,
	// and what the old one still held, not used for so long, is forgotten.
	mu         sync.Mutex
	young, old map[layerKey]*cachedLayer
	weight     int // of the young generation
}

type layerKey struct{ run, task int64 }

type cachedLayer struct {
	Layer
	depth int // number of layers from this one down; 0 if not known. Layers.mu protects it
}

// maxWeight bounds a generation: a layer weighs 1 and 1 for each artifact. A hundred
// thousand come to some 20 MB.
const maxWeight = 100_000

// NewLayers returns the layers of the runs in a store.
func NewLayers(store LayerReader) *Layers {
	return &Layers{store: store, young: make(map[layerKey]*cachedLayer)}
}

// Add tells of a layer that was just recorded, so that it need not be read from the
// store. Own may be in any order; the caller must not change it any more.
func (c *Layers) Add(l Layer) {
	if !slices.IsSortedFunc(l.Own, byName) {
		l.Own = slices.Clone(l.Own)
		slices.SortFunc(l.Own, byName)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(&cachedLayer{Layer: l})
}

func byName(a, b metastore.Artifact) int { return strings.Compare(a.Name, b.Name) }

// put adds a layer to the young generation. c.mu is held.
func (c *Layers) put(l *cachedLayer) {
	weight := 1 + len(l.Own)
	if c.weight+weight > maxWeight {
		c.old, c.young, c.weight = c.young, make(map[layerKey]*cachedLayer), 0
	}
	key := layerKey{l.Run, l.Task}
	if before := c.young[key]; before != nil {
		c.weight -= 1 + len(before.Own)
	}
	c.young[key] = l
	c.weight += weight
}

// layer returns the layer of a task. NotFound if the task did not end well.
func (c *Layers) layer(ctx context.Context, run, task int64) (*cachedLayer, error) {
	key := layerKey{run, task}
	c.mu.Lock()
	l := c.young[key]
	if l == nil {
		if l = c.old[key]; l != nil {
			c.put(l)
		}
	}
	c.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l, err := c.load(ctx, run, task)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.put(l)
	c.mu.Unlock()
	return l, nil
}

func (c *Layers) load(ctx context.Context, run, task int64) (*cachedLayer, error) {
	t, err := c.store.Task(ctx, run, task)
	if err != nil {
		return nil, err
	}
	attempts, err := c.store.Attempts(ctx, run, task)
	if err != nil {
		return nil, err
	}
	for _, a := range slices.Backward(attempts) {
		if a.Status == metastore.AttemptSucceeded || a.Status == metastore.AttemptCaught {
			own, err := c.store.Artifacts(ctx, run, task, a.N)
			if err != nil {
				return nil, err
			}
			return &cachedLayer{Layer: Layer{Run: run, Task: task, Base: t.Base, Complete: a.Complete, Own: own}}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "the task has not ended well").On(fmt.Sprintf("run %d, task %d", run, task))
}

// maxLayers is the length of a chain of bases that cannot be but a circle.
const maxLayers = 1 << 20

// walk calls f for the layers of a task from the top down until f returns false.
// Task -1 has none.
func (c *Layers) walk(ctx context.Context, run, task int64, f func(*cachedLayer) bool) error {
	for range maxLayers {
		if task < 0 {
			return nil
		}
		l, err := c.layer(ctx, run, task)
		if err != nil || !f(l) {
			return err
		}
		task = l.base()
	}
	return fault.New(fault.Corrupt, "the tasks that it inherits from form a cycle").On(fmt.Sprintf("run %d, task %d", run, task))
}

// Find returns the artifact that a task has under a name, its own or inherited, and
// whether there is one. NotFound if the task did not end well.
func (c *Layers) Find(ctx context.Context, run, task int64, name string) (metastore.Artifact, bool, error) {
	var a metastore.Artifact
	found := false
	err := c.walk(ctx, run, task, func(l *cachedLayer) bool {
		a, found = l.own(name)
		return !found
	})
	return a, found && err == nil, err
}

// All returns the artifacts that a task has, its own and inherited, sorted by name.
// NotFound if the task did not end well.
func (c *Layers) All(ctx context.Context, run, task int64) ([]metastore.Artifact, error) {
	var layers [][]metastore.Artifact
	err := c.walk(ctx, run, task, func(l *cachedLayer) bool {
		layers = append(layers, l.Own)
		return true
	})
	if err != nil {
		return nil, err
	}
	return flatten(layers), nil
}

// OfAttempt returns the artifacts that any attempt has, also one that failed: what it
// set itself and what its task inherits, sorted by name.
func (c *Layers) OfAttempt(ctx context.Context, t metastore.Task, a metastore.Attempt) ([]metastore.Artifact, error) {
	own, err := c.store.Artifacts(ctx, a.Run, a.Task, a.N)
	if err != nil || a.Complete {
		return own, err
	}
	inherited, err := c.All(ctx, t.Run, t.Base)
	if err != nil {
		return nil, err
	}
	return flatten([][]metastore.Artifact{own, inherited}), nil
}

// flatten returns the artifacts of layers, given from the top down, that are not
// hidden by one of the same name above, sorted by name.
func flatten(layers [][]metastore.Artifact) []metastore.Artifact {
	if len(layers) == 1 {
		return slices.Clone(layers[0])
	}
	seen := make(map[string]bool)
	var all []metastore.Artifact
	for _, layer := range layers {
		for _, a := range layer {
			if !seen[a.Name] {
				seen[a.Name] = true
				all = append(all, a)
			}
		}
	}
	slices.SortFunc(all, byName)
	return all
}

// Depth returns the number of layers from a task down to one that is complete or
// has no base; 0 for task -1.
func (c *Layers) Depth(ctx context.Context, run, task int64) (int, error) {
	var way []*cachedLayer
	known := 0 // depth of the layer below the last on the way
	err := c.walk(ctx, run, task, func(l *cachedLayer) bool {
		c.mu.Lock()
		known = l.depth
		c.mu.Unlock()
		if known == 0 {
			way = append(way, l)
		}
		return known == 0
	})
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range slices.Backward(way) {
		known++
		l.depth = known
	}
	return known, nil
}
