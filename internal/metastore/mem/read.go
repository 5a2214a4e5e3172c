package mem

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// read runs f under the lock. What f returns must share no memory with the store.
func read[T any](ctx context.Context, s *Store, f func() (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, fault.Wrap(fault.Interrupted, "read", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

// stream yields what f lists, as it was when the iteration began.
func stream[T any](ctx context.Context, s *Store, f func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		list, err := read(ctx, s, func() ([]T, error) { return f(), nil })
		for _, v := range list {
			if e := ctx.Err(); e != nil {
				err = fault.Wrap(fault.Interrupted, "read", e)
				break
			}
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var zero T
			yield(zero, err)
		}
	}
}

// Run returns one run.
func (s *Store) Run(ctx context.Context, id int64) (metastore.Run, error) {
	return read(ctx, s, func() (metastore.Run, error) {
		r, err := s.run(id)
		if err != nil {
			return metastore.Run{}, err
		}
		return cloneRun(*r), nil
	})
}

// Runs yields the runs that match, newest first.
func (s *Store) Runs(ctx context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error] {
	return stream(ctx, s, func() []metastore.Run {
		var list []metastore.Run
		words := wordsOf(f.Search)
		for _, r := range slices.Backward(s.runs) {
			if matches(r, &f) && s.searched(r, words) {
				list = append(list, cloneRun(*r))
			}
			if f.Limit > 0 && len(list) == f.Limit {
				break
			}
		}
		return list
	})
}

func matches(r *metastore.Run, f *metastore.RunFilter) bool {
	if r.Info.Spin != "" && !f.Spun {
		return false
	}
	for _, tag := range f.Tags {
		if !slices.Contains(r.Tags, tag) && !slices.Contains(r.SystemTags, tag) {
			return false
		}
	}
	for name, value := range f.Parameters {
		if have, ok := r.Info.Parameters[name]; !ok || have != value {
			return false
		}
	}
	return among(f.Flows, r.Flow) && among(f.Users, r.User) && among(f.Statuses, r.Status) && (f.Before == 0 || r.ID < f.Before) &&
		(f.CreatedAfter.IsZero() || !r.Created.Before(instant(f.CreatedAfter))) &&
		(f.CreatedBefore.IsZero() || r.Created.Before(instant(f.CreatedBefore)))
}

func among[T comparable](choice []T, v T) bool { return len(choice) == 0 || slices.Contains(choice, v) }

// searched reports whether a search finds a run.
func (s *Store) searched(r *metastore.Run, words []word) bool {
	return !slices.ContainsFunc(words, func(w word) bool { return !s.hasWord(r, w) })
}

// word is what is looked for, as it is and folded.
type word struct{ text, folded string }

func wordsOf(search string) []word {
	var words []word
	for _, text := range metastore.Words(search) {
		words = append(words, word{text, folded(text)})
	}
	return words
}

func (s *Store) hasWord(r *metastore.Run, w word) bool {
	if strings.Contains(w.text, "\x00") {
		return false
	}
	has := func(v string) bool { return strings.Contains(folded(v), w.folded) }
	if strings.HasPrefix(strconv.FormatInt(r.ID, 10), w.text) || has(r.Flow) || has(r.User) || slices.ContainsFunc(r.Tags, has) {
		return true
	}
	place := slices.Index(s.runs, r)
	if len(s.runs)-place > metastore.SearchedParameters {
		return false
	}
	for _, v := range r.Info.Parameters {
		if begin := []rune(v); has(string(begin[:min(len(begin), metastore.SearchedValue)])) {
			return true
		}
	}
	return false
}

// Task returns one task.
func (s *Store) Task(ctx context.Context, run, task int64) (metastore.Task, error) {
	return read(ctx, s, func() (metastore.Task, error) {
		t, ok := s.tasks[run][task]
		if !ok {
			return t, notFound("run %d, task %d", run, task)
		}
		return cloneTask(t), nil
	})
}

// sortedTasks returns the tasks of a run in the order of their ids.
func (s *Store) sortedTasks(run int64) []metastore.Task {
	return slices.SortedFunc(maps.Values(s.tasks[run]), func(a, b metastore.Task) int { return cmp.Compare(a.ID, b.ID) })
}

// Tasks yields tasks of a run.
func (s *Store) Tasks(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.Task, error] {
	return stream(ctx, s, func() []metastore.Task { return s.filtered(f) })
}

func (s *Store) filtered(f metastore.TaskFilter) []metastore.Task {
	var list []metastore.Task
	tasks := s.sortedTasks(f.Run)
	if f.Newest {
		slices.Reverse(tasks)
	}
	for _, t := range tasks {
		if t.ID > f.After && (f.Step == "" || f.Step == t.Step) && (f.Before == 0 || t.ID < f.Before) &&
			(f.IDs == nil || slices.Contains(f.IDs, t.ID)) && (f.Limit <= 0 || len(list) < f.Limit) {
			list = append(list, cloneTask(t))
		}
	}
	return list
}

// Attempts returns the attempts of a task in order.
func (s *Store) Attempts(ctx context.Context, run, task int64) ([]metastore.Attempt, error) {
	return read(ctx, s, func() ([]metastore.Attempt, error) {
		var list []metastore.Attempt
		for _, a := range s.attempts[taskKey{run, task}] {
			list = append(list, cloneAttempt(a))
		}
		return list, nil
	})
}

// Finished yields each task that ended well with its good attempt.
func (s *Store) Finished(ctx context.Context, run int64) iter.Seq2[metastore.FinishedTask, error] {
	return stream(ctx, s, func() []metastore.FinishedTask {
		var list []metastore.FinishedTask
		for _, t := range s.sortedTasks(run) {
			if a, ok := lastGood(s.attempts[taskKey{run, t.ID}]); ok {
				list = append(list, metastore.FinishedTask{Task: cloneTask(t), Attempt: cloneAttempt(a)})
			}
		}
		return list
	})
}

// Artifacts returns what one attempt set itself, sorted by name.
func (s *Store) Artifacts(ctx context.Context, run, task int64, attempt int) ([]metastore.Artifact, error) {
	return read(ctx, s, func() ([]metastore.Artifact, error) {
		own := s.artifacts[attemptKey{taskKey{run, task}, attempt}]
		var list []metastore.Artifact
		for _, name := range slices.Sorted(maps.Keys(own)) {
			list = append(list, cloneArtifact(own[name]))
		}
		return list, nil
	})
}

// Artifact returns one artifact that an attempt set itself.
func (s *Store) Artifact(ctx context.Context, run, task int64, attempt int, name string) (metastore.Artifact, error) {
	return read(ctx, s, func() (metastore.Artifact, error) {
		a, ok := s.artifacts[attemptKey{taskKey{run, task}, attempt}][name]
		if !ok {
			return a, notFound("run %d, task %d, attempt %d, artifact %s", run, task, attempt, name)
		}
		return cloneArtifact(a), nil
	})
}

// Scopes returns what the run's splits opened.
func (s *Store) Scopes(ctx context.Context, run int64) ([]metastore.Scope, error) {
	return read(ctx, s, func() ([]metastore.Scope, error) {
		return slices.SortedFunc(maps.Values(s.scopes[run]), func(a, b metastore.Scope) int { return cmp.Compare(a.Split, b.Split) }), nil
	})
}

// Blob returns a small value.
func (s *Store) Blob(ctx context.Context, h metastore.Hash) ([]byte, error) {
	return read(ctx, s, func() ([]byte, error) {
		data, ok := s.blobs[h]
		if !ok {
			return nil, notFound("blob %x", h)
		}
		return bytes.Clone(data), nil
	})
}

// Log returns the log of an attempt.
func (s *Store) Log(ctx context.Context, run, task int64, attempt int) ([]byte, error) {
	return read(ctx, s, func() ([]byte, error) {
		data, ok := s.logs[attemptKey{taskKey{run, task}, attempt}]
		if !ok {
			return nil, notFound("log of run %d, task %d, attempt %d", run, task, attempt)
		}
		return bytes.Clone(data), nil
	})
}

// Counts returns how many tasks each step has by the status of their last attempt.
func (s *Store) Counts(ctx context.Context, run int64) ([]metastore.StepCount, error) {
	return read(ctx, s, func() ([]metastore.StepCount, error) {
		var counts []metastore.StepCount
		place := make(map[string]int)
		for _, t := range s.sortedTasks(run) {
			i, ok := place[t.Step]
			if !ok {
				i = len(counts)
				place[t.Step] = i
				counts = append(counts, metastore.StepCount{Step: t.Step})
			}
			count(&counts[i], s.attempts[taskKey{run, t.ID}])
		}
		return counts, nil
	})
}

// TaskCounts returns how many tasks each of the runs has by the status of their last attempt.
func (s *Store) TaskCounts(ctx context.Context, runs []int64) (map[int64]metastore.TaskCount, error) {
	return read(ctx, s, func() (map[int64]metastore.TaskCount, error) {
		counts := make(map[int64]metastore.TaskCount)
		for key, attempts := range s.attempts {
			if key.task <= 0 || !slices.Contains(runs, key.run) || len(attempts) == 0 {
				continue
			}
			var c metastore.StepCount
			count(&c, attempts)
			sum := counts[key.run]
			sum.Running += c.Running
			sum.Succeeded += c.Succeeded
			sum.Failed += c.Failed
			sum.Killed += c.Killed
			sum.Caught += c.Caught
			last := attempts[len(attempts)-1]
			sum.Last = slices.MaxFunc([]time.Time{sum.Last, last.Started, last.Ended}, time.Time.Compare)
			counts[key.run] = sum
		}
		return counts, nil
	})
}

// Widths tells how wide the foreaches and gangs of runs are, and how many tasks each step has.
func (s *Store) Widths(ctx context.Context, runs []int64) (map[int64][]metastore.StepWidth, error) {
	return read(ctx, s, func() (map[int64][]metastore.StepWidth, error) {
		widths := make(map[int64][]metastore.StepWidth)
		for _, run := range tagSet(runs) {
			opened, tasks := make(map[string]int), make(map[string]int)
			for _, c := range s.scopes[run] {
				if c.Kind != "split" {
					opened[c.Step] += c.Count
					tasks[c.Step] += 0
				}
			}
			if len(opened) == 0 {
				continue
			}
			for _, t := range s.sortedTasks(run) {
				tasks[t.Step]++
			}
			for _, step := range slices.Sorted(maps.Keys(tasks)) {
				widths[run] = append(widths[run], metastore.StepWidth{Step: step, Opened: opened[step], Tasks: tasks[step]})
			}
		}
		return widths, nil
	})
}

// count adds a task with these attempts.
func count(c *metastore.StepCount, attempts []metastore.Attempt) {
	for _, a := range attempts {
		if !a.Started.IsZero() && (c.First.IsZero() || a.Started.Before(c.First)) {
			c.First = a.Started
		}
		if a.Ended.After(c.Last) {
			c.Last = a.Ended
		}
	}
	if len(attempts) == 0 {
		return
	}
	switch attempts[len(attempts)-1].Status {
	case metastore.AttemptRunning:
		c.Running++
	case metastore.AttemptSucceeded:
		c.Succeeded++
	case metastore.AttemptCaught:
		c.Succeeded++
		c.Caught++
	case metastore.AttemptFailed:
		c.Failed++
	case metastore.AttemptKilled:
		c.Killed++
	}
}

// folded is a text as searches compare it: two are the same if they differ in the case of letters only.
func folded(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII { // most are
			return unicode.ToUpper(r)
		}
		return slices.Min(metastore.Cases(r))
	}, text)
}
