package sqlite

import (
	"context"
	"slices"
	"sync"

	"github.com/levadahq/levada/internal/metastore"
)

// A run that goes on is counted again and again, several times a second while somebody watches. Nearly all of its tasks
// are over by then, and counting 100,000 of them takes a fifth of a second. So what was counted of a block of tasks, by
// their ids, is remembered once it cannot change any more, and only the other blocks are counted anew. A run that is
// counted for the first time is counted as a whole, which is faster than block by block: most processes ask once.

// blockSize is how many ids of tasks a block has, and fewBlocks from how many blocks on a run is counted by blocks.
const fewBlocks = 4

var blockSize int64 = 1024

// maxRemembered is of how many runs something is remembered. They are those that go on and are looked at.
const maxRemembered = 64

// blocks are what is remembered of the blocks of runs that were counted before.
type blocks[T any] struct {
	mu   sync.Mutex
	runs map[int64]map[int64]T
}

func (b *blocks[T]) get(run, block int64) (T, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.runs[run][block]
	return v, ok
}

func (b *blocks[T]) keep(run, block int64, v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if blocks := b.runs[run]; blocks != nil { // else it was forgotten meanwhile
		blocks[block] = v
	}
}

// again notes that a run is counted, and reports whether it was before.
func (b *blocks[T]) again(run int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs[run] != nil {
		return true
	}
	if b.runs == nil || len(b.runs) >= maxRemembered {
		b.runs = make(map[int64]map[int64]T)
	}
	b.runs[run] = make(map[int64]T)
	return false
}

// forget forgets a run, which may have been removed.
func (b *blocks[T]) forget(run int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, run)
}

// split tells the runs that are counted by blocks, with their largest id of a task, from the others. largest is a query
// of that id, b is what is remembered of what is counted.
func split[T any](ctx context.Context, s *Store, b *blocks[T], runs []int64, largest string) (wide map[int64]int64, others []int64, err error) {
	if len(runs) > maxRemembered { // nothing of so many would be remembered for long
		return nil, runs, nil
	}
	type sized struct{ run, largest int64 }
	scan := func(r *row) (sized, error) { return sized{r.integer(), r.integer()}, nil }
	wide = make(map[int64]int64)
	for run, err := range rows(ctx, s, "count tasks", scan, `SELECT value, coalesce((`+largest+`), 0) FROM json_each(?) AS asked`, idList(runs)) {
		switch {
		case err != nil:
			return nil, nil, err
		case run.largest < fewBlocks*blockSize:
			b.forget(run.run)
			others = append(others, run.run)
		case b.again(run.run):
			wide[run.run] = run.largest
		default:
			others = append(others, run.run)
		}
	}
	return wide, others, nil
}

// countBlocks counts the tasks of a run by the status of their last attempt, block by block.
func (s *Store) countBlocks(ctx context.Context, run, largest int64) (sum metastore.TaskCount, err error) {
	for block := int64(0); block*blockSize <= largest; block++ {
		c, ok := s.counts.get(run, block)
		if !ok {
			// With max(n), SQLite takes the other columns from the row that has it.
			if c, err = one(rows(ctx, s, "count tasks", scanTaskCount, `SELECT `+countedByStatus+` FROM (
				SELECT status, started, ended, max(n) FROM attempts
				WHERE run = ?1 AND task BETWEEN ?2 AND ?3 GROUP BY task)`,
				run, max(block*blockSize, 1), (block+1)*blockSize-1), "counts of run %d", run); err != nil {
				return sum, err
			}
			all := blockSize
			if block == 0 {
				all-- // task 0 is not counted
			}
			if int64(c.Succeeded) == all { // those are all that there can be, and what ended well is not tried again
				s.counts.keep(run, block, c)
			}
		}
		sum.Running += c.Running
		sum.Succeeded += c.Succeeded
		sum.Failed += c.Failed
		sum.Killed += c.Killed
		sum.Caught += c.Caught
		if c.Last.After(sum.Last) {
			sum.Last = c.Last
		}
	}
	return sum, nil
}

// stepBlocks counts the tasks that the steps of a run have, block by block.
func (s *Store) stepBlocks(ctx context.Context, run, largest int64) (map[string]int, error) {
	type counted struct {
		step  string
		tasks int
	}
	scan := func(r *row) (counted, error) { return counted{r.text(), r.int()}, nil }
	sum := make(map[string]int)
	for block := int64(0); block*blockSize <= largest; block++ {
		steps, ok := s.steps.get(run, block)
		if !ok {
			steps = make(map[string]int)
			all := int64(0)
			for c, err := range rows(ctx, s, "count tasks", scan, `SELECT step, count(*) FROM tasks
				WHERE run = ? AND id BETWEEN ? AND ? GROUP BY +step`, run, block*blockSize, (block+1)*blockSize-1) {
				if err != nil {
					return nil, err
				}
				steps[c.step] = c.tasks
				all += int64(c.tasks)
			}
			if all == blockSize {
				s.steps.keep(run, block, steps)
			}
		}
		for step, n := range steps {
			sum[step] += n
		}
	}
	return sum, nil
}

// stepCountBlocks counts the tasks of each step of a run by the status of their last attempt, block by block.
func (s *Store) stepCountBlocks(ctx context.Context, run, largest int64) (sum []metastore.StepCount, err error) {
	for block := int64(0); block*blockSize <= largest; block++ {
		steps, ok := s.stepCounts.get(run, block)
		if !ok {
			if steps, err = s.countSteps(ctx, run, block*blockSize, (block+1)*blockSize-1); err != nil {
				return nil, err
			}
			succeeded := int64(0)
			for _, c := range steps {
				succeeded += int64(c.Succeeded)
			}
			if succeeded == blockSize { // those are all that there can be, and what ended well is not tried again
				s.stepCounts.keep(run, block, steps)
			}
		}
		for _, c := range steps {
			i := slices.IndexFunc(sum, func(other metastore.StepCount) bool { return other.Step == c.Step })
			if i < 0 {
				sum = append(sum, c)
			} else {
				sum[i] = together(sum[i], c)
			}
		}
	}
	return sum, nil
}

// together counts all tasks of a step that a and b count.
func together(a, b metastore.StepCount) metastore.StepCount {
	a.Running += b.Running
	a.Succeeded += b.Succeeded
	a.Failed += b.Failed
	a.Killed += b.Killed
	a.Caught += b.Caught
	if a.First.IsZero() || !b.First.IsZero() && b.First.Before(a.First) {
		a.First = b.First
	}
	if b.Last.After(a.Last) {
		a.Last = b.Last
	}
	return a
}
