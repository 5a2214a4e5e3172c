package mem

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
)

// Flows returns the flows that have runs with a tag.
func (s *Store) Flows(ctx context.Context, tag string) ([]metastore.FlowSummary, error) {
	return read(ctx, s, func() ([]metastore.FlowSummary, error) {
		f := metastore.RunFilter{}
		if tag != "" {
			f.Tags = []string{tag}
		}
		flows := make(map[string]metastore.FlowSummary)
		for _, r := range s.runs {
			if matches(r, &f) {
				f, ok := flows[r.Flow]
				if !ok {
					f = metastore.FlowSummary{Name: r.Flow, Created: r.Created}
				}
				f.Runs, f.Latest = f.Runs+1, r.ID
				flows[r.Flow] = f
			}
		}
		return slices.SortedFunc(maps.Values(flows), func(a, b metastore.FlowSummary) int { return cmp.Compare(a.Name, b.Name) }), nil
	})
}

// Steps returns the steps that a run has tasks of.
func (s *Store) Steps(ctx context.Context, run int64) ([]metastore.StepSpan, error) {
	return read(ctx, s, func() ([]metastore.StepSpan, error) {
		var spans []metastore.StepSpan
		for _, t := range s.sortedTasks(run) {
			i := slices.IndexFunc(spans, func(x metastore.StepSpan) bool { return x.Step == t.Step })
			if i < 0 {
				i = len(spans)
				spans = append(spans, metastore.StepSpan{Step: t.Step, First: t.ID, Created: t.Created})
			}
			spans[i].Last = t.ID
		}
		return spans, nil
	})
}

// AttemptsOf yields the attempts of some tasks of a run.
func (s *Store) AttemptsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.Attempt, error] {
	return stream(ctx, s, func() []metastore.Attempt {
		var list []metastore.Attempt
		for _, id := range tagSet(tasks) {
			for _, a := range s.attempts[taskKey{run, id}] {
				list = append(list, cloneAttempt(a))
			}
		}
		return list
	})
}

// ArtifactsOf yields what the last good attempts of some tasks set themselves.
func (s *Store) ArtifactsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.TaskArtifact, error] {
	return stream(ctx, s, func() []metastore.TaskArtifact {
		var list []metastore.TaskArtifact
		for _, id := range tagSet(tasks) {
			good, _ := lastGood(s.attempts[taskKey{run, id}])
			own := s.artifacts[attemptKey{taskKey{run, id}, good.N}]
			for _, name := range slices.Sorted(maps.Keys(own)) {
				if good.Status != "" {
					list = append(list, metastore.TaskArtifact{Task: id, Artifact: cloneArtifact(own[name])})
				}
			}
		}
		return list
	})
}

// ScopesOf returns the scopes that some tasks opened.
func (s *Store) ScopesOf(ctx context.Context, run int64, splits []int64) ([]metastore.Scope, error) {
	return read(ctx, s, func() ([]metastore.Scope, error) {
		var list []metastore.Scope
		for _, id := range tagSet(splits) {
			if c, ok := s.scopes[run][id]; ok {
				list = append(list, c)
			}
		}
		return list, nil
	})
}

// Children yields the tasks of the named steps that follow a task.
func (s *Store) Children(ctx context.Context, run, task int64, steps []string) iter.Seq2[metastore.Task, error] {
	return stream(ctx, s, func() []metastore.Task {
		var list []metastore.Task
		for _, t := range s.sortedTasks(run) {
			if t.ID > task && slices.Contains(steps, t.Step) && metastore.Follows(t, task) {
				list = append(list, cloneTask(t))
			}
		}
		return list
	})
}
