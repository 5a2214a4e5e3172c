package service

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
)

// RunSummary is a run with the count of its tasks.
type RunSummary struct {
	metastore.Run
	Tasks metastore.TaskCount
}

// summaryPage is how many runs have their tasks counted by one query.
const summaryPage = 500

// Summaries yields the runs that match, newest first, with honest statuses and the counts of their tasks, which
// take one query for many runs.
func (s *Service) Summaries(ctx context.Context, f metastore.RunFilter) iter.Seq2[RunSummary, error] {
	return func(yield func(RunSummary, error) bool) {
		page := make([]RunSummary, 0, 20)
		ids := make([]int64, 0, 20)
		flush := func() bool {
			counts, err := s.c.Store.TaskCounts(ctx, ids)
			if err != nil {
				yield(RunSummary{}, err)
				return false
			}
			for _, r := range page {
				r.Tasks = counts[r.ID]
				if !yield(r, nil) {
					return false
				}
			}
			page, ids = page[:0], ids[:0]
			return true
		}
		for r, err := range s.Runs(ctx, f) {
			if err != nil {
				if flush() {
					yield(RunSummary{}, err)
				}
				return
			}
			page, ids = append(page, RunSummary{Run: r}), append(ids, r.ID)
			if len(page) == summaryPage && !flush() {
				return
			}
		}
		flush()
	}
}

// FlowSummaries returns the flows that have runs with a tag, or any runs if it is empty, sorted by name.
func (s *Service) FlowSummaries(ctx context.Context, tag string) ([]metastore.FlowSummary, error) {
	return s.c.Store.Flows(ctx, tag)
}

// Loops tells where in the loops of a run tasks are. The zero value knows of no loops.
type Loops struct {
	s      *Service
	scopes map[int64]metastore.Scope // by the task that opened it
	items  map[int64]*datastore.Items
}

// Loops returns the loops of a run. Close must be called.
func (s *Service) Loops(ctx context.Context, run int64) (*Loops, error) {
	scopes, err := s.c.Store.Scopes(ctx, run)
	if err != nil {
		return nil, err
	}
	l := &Loops{s: s, scopes: make(map[int64]metastore.Scope, len(scopes)), items: map[int64]*datastore.Items{}}
	for _, sc := range scopes {
		l.scopes[sc.Split] = sc
	}
	return l, nil
}

// Indexes returns the index of a task in each foreach or gang around it, the outermost first; nil outside of all.
func (l *Loops) Indexes(t metastore.Task) []int {
	var indexes []int
	id, index := t.Scope, t.Index
	for range len(l.scopes) { // a damaged store may have a circle
		sc, ok := l.scopes[id]
		if !ok {
			break
		}
		if sc.Kind != "split" {
			indexes = append(indexes, index)
		}
		id, index = sc.Parent, sc.Index
	}
	slices.Reverse(indexes)
	return indexes
}

// Value returns the element of the innermost foreach that a task works on, short; "" if there is none or it cannot be
// read. What a task that ended well had is in its record; of others it is looked up.
func (l *Loops) Value(ctx context.Context, t TaskInfo) string {
	for _, a := range t.Attempts {
		if a.Value != "" {
			return a.Value
		}
	}
	sc, ok := l.scopes[t.Task.Scope]
	if !ok || sc.Items == (metastore.Hash{}) || len(t.Task.Inputs) > 0 {
		return ""
	}
	items, ok := l.items[sc.Split]
	if !ok {
		items, _ = l.s.c.Data.OpenItems(ctx, sc.Items)
		l.items[sc.Split] = items
	}
	if items == nil || t.Task.Index < 0 || t.Task.Index >= items.Len() || items.Size(t.Task.Index) > previewLimit {
		return ""
	}
	data, err := items.Read(t.Task.Index)
	if err != nil {
		return ""
	}
	value, err := pickle.Decode(data, pickle.Limits{})
	if err != nil {
		return ""
	}
	text, ok := value.(string)
	if !ok {
		text = pickle.Repr(value, maxLoopValue)
	}
	return oneLine(text, maxLoopValue)
}

// maxLoopValue is about how long an element is shown.
const maxLoopValue = 30

// Close releases what was opened.
func (l *Loops) Close() error {
	var err error
	for _, items := range l.items {
		if items != nil {
			err = errors.Join(err, items.Close())
		}
	}
	l.items = nil
	return err
}
