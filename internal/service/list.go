package service

import (
	"context"
	"iter"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
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

// ForeachIndexes returns a function that tells where in the loops of a run a task is: the index in each foreach or
// gang around it, the outermost first; nil outside of all.
func (s *Service) ForeachIndexes(ctx context.Context, run int64) (func(metastore.Task) []int, error) {
	scopes, err := s.c.Store.Scopes(ctx, run)
	if err != nil {
		return nil, err
	}
	byTask := make(map[int64]metastore.Scope, len(scopes))
	for _, sc := range scopes {
		byTask[sc.Split] = sc
	}
	return func(t metastore.Task) []int {
		var indexes []int
		id, index := t.Scope, t.Index
		for range len(scopes) { // a damaged store may have a circle
			sc, ok := byTask[id]
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
	}, nil
}
