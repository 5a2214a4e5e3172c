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

// Names returns the users that have runs, and the tags that users gave them.
func (s *Store) Names(ctx context.Context) (metastore.Names, error) {
	return read(ctx, s, func() (metastore.Names, error) {
		users, tags := make(map[string]bool), make(map[string]bool) // whether to list them
		for _, r := range s.runs {
			users[r.User] = r.User != ""
			for _, tag := range r.SystemTags {
				tags[tag] = false
			}
			for _, tag := range r.Tags {
				tags[tag] = true
			}
		}
		return metastore.Names{Users: listed(users), Tags: listed(tags)}, nil
	})
}

func listed(names map[string]bool) []string {
	list := slices.Sorted(maps.Keys(names))
	return slices.DeleteFunc(list[:min(len(list), metastore.ListedNames)], func(name string) bool { return !names[name] })
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

// Siblings tells where a task is among those of its step.
func (s *Store) Siblings(ctx context.Context, run int64, step string, task int64) (metastore.Siblings, error) {
	return read(ctx, s, func() (metastore.Siblings, error) {
		among := metastore.Siblings{Previous: -1, Next: -1}
		for _, t := range s.sortedTasks(run) {
			switch {
			case t.Step != step || t.ID == task:
			case t.ID < task:
				among.Before, among.Previous = among.Before+1, t.ID
			default:
				if among.After == 0 {
					among.Next = t.ID
				}
				among.After++
			}
		}
		return among, nil
	})
}

// Cards yields the cards of some tasks of a run.
func (s *Store) Cards(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.TaskCard, error] {
	return stream(ctx, s, func() []metastore.TaskCard {
		var list []metastore.TaskCard
		for key, cards := range s.cards {
			if key.run == run && (tasks == nil || slices.Contains(tasks, key.task)) {
				for _, c := range cards {
					list = append(list, metastore.TaskCard{Task: key.task, Attempt: key.n, Card: c})
				}
			}
		}
		slices.SortFunc(list, func(a, b metastore.TaskCard) int {
			return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Attempt, b.Attempt), cmp.Compare(a.Position, b.Position))
		})
		return list
	})
}

// Timeline yields what a chart shows of tasks.
func (s *Store) Timeline(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.TimelineRow, error] {
	f.Newest = false
	return stream(ctx, s, func() []metastore.TimelineRow {
		var list []metastore.TimelineRow
		for _, t := range s.filtered(f) {
			attempts := s.attempts[taskKey{t.Run, t.ID}]
			if len(attempts) == 0 {
				list = append(list, metastore.TimelineRow{Task: t.ID, Step: t.Step, N: -1})
			}
			for _, a := range attempts {
				list = append(list, metastore.TimelineRow{Task: t.ID, Step: t.Step, N: a.N, Status: a.Status, Started: a.Started, Ended: a.Ended, Value: a.Value})
			}
		}
		return list
	})
}

// LastTasks returns the last task of a step in each of some runs.
func (s *Store) LastTasks(ctx context.Context, step string, runs []int64) (map[int64]int64, error) {
	return read(ctx, s, func() (map[int64]int64, error) {
		last := make(map[int64]int64)
		for _, run := range runs {
			for id, t := range s.tasks[run] {
				if have, ok := last[run]; t.Step == step && (!ok || id > have) {
					last[run] = id
				}
			}
		}
		return last, nil
	})
}

// Inherited yields the artifacts of some types that tasks have.
func (s *Store) Inherited(ctx context.Context, tasks []metastore.TaskID, types []string) iter.Seq2[metastore.InheritedArtifact, error] {
	return stream(ctx, s, func() []metastore.InheritedArtifact {
		tasks = slices.Clone(tasks)
		slices.SortFunc(tasks, func(a, b metastore.TaskID) int { return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Task, b.Task)) })
		var list []metastore.InheritedArtifact
		for _, id := range slices.Compact(tasks) {
			has := make(map[string]metastore.Artifact)
			for at := id.Task; at >= 0; {
				good, ok := lastGood(s.attempts[taskKey{id.Run, at}])
				if !ok {
					break
				}
				for name, a := range s.artifacts[attemptKey{taskKey{id.Run, at}, good.N}] {
					if _, hidden := has[name]; !hidden {
						has[name] = a
					}
				}
				base := s.tasks[id.Run][at].Base
				if good.Complete || base >= at {
					break
				}
				at = base
			}
			for _, name := range slices.Sorted(maps.Keys(has)) {
				if slices.Contains(types, has[name].Type) {
					list = append(list, metastore.InheritedArtifact{TaskID: id, Artifact: cloneArtifact(has[name])})
				}
			}
		}
		return list
	})
}

// Changes counts what was written.
func (s *Store) Changes(ctx context.Context) (int64, error) {
	return read(ctx, s, func() (int64, error) { return s.changes, nil })
}
