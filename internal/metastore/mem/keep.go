package mem

import (
	"cmp"
	"context"
	"crypto/sha256"
	"iter"
	"maps"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
)

// Remove deletes runs with all that belongs to them.
func (s *Store) Remove(ctx context.Context, runs []int64) error {
	return s.do(ctx, func() error {
		there := func(run int64) bool { _, err := s.run(run); return err == nil }
		resumed := len(runs) == 0
		s.runs = slices.DeleteFunc(s.runs, func(r *metastore.Run) bool {
			goes := slices.Contains(runs, r.ID)
			resumed = resumed || goes && r.Origin != 0
			return goes
		})
		goes := func(run int64) bool {
			return slices.Contains(runs, run) || len(runs) == 0 && !there(run)
		}
		maps.DeleteFunc(s.tasks, func(run int64, _ map[int64]metastore.Task) bool { return goes(run) })
		maps.DeleteFunc(s.scopes, func(run int64, _ map[int64]metastore.Scope) bool { return goes(run) })
		maps.DeleteFunc(s.names, func(run int64, _ map[string]int64) bool { return goes(run) })
		maps.DeleteFunc(s.notes, func(run int64, _ []metastore.Note) bool { return goes(run) })
		maps.DeleteFunc(s.attempts, func(key taskKey, _ []metastore.Attempt) bool { return goes(key.run) })
		maps.DeleteFunc(s.artifacts, func(key attemptKey, _ map[string]metastore.Artifact) bool { return goes(key.run) })
		maps.DeleteFunc(s.cards, func(key attemptKey, _ map[int]metastore.Card) bool { return goes(key.run) })
		needed := make(map[attemptKey]bool)
		for _, c := range s.carried() {
			needed[attemptKey{taskKey{c.Run, c.Task}, c.Attempt}] = true
		}
		maps.DeleteFunc(s.logs, func(key attemptKey, _ []byte) bool {
			return !needed[key] && (goes(key.run) || resumed && !there(key.run))
		})
		return nil
	})
}

// References yields what the records of runs refer to.
func (s *Store) References(ctx context.Context, of metastore.RunSet) iter.Seq2[metastore.Reference, error] {
	return stream(ctx, s, func() []metastore.Reference { return s.references(of) })
}

func (s *Store) references(of metastore.RunSet) []metastore.Reference {
	var list []metastore.Reference
	in := func(run int64) bool {
		_, err := s.run(run)
		return err == nil && (run > of.After || slices.Contains(of.Runs, run))
	}
	add := func(run, task int64, attempt int, name string, h metastore.Hash) {
		if h != (metastore.Hash{}) && in(run) {
			list = append(list, metastore.Reference{Run: run, Task: task, Attempt: attempt, Name: name, Hash: h})
		}
	}
	for _, r := range s.runs {
		add(r.ID, -1, 0, metastore.ReferenceDefinition, r.Definition)
		add(r.ID, -1, 0, metastore.ReferenceCode, r.Code)
	}
	for run, scopes := range s.scopes {
		for _, c := range scopes {
			add(run, c.Split, 0, metastore.ReferenceItems, c.Items)
		}
	}
	for key, artifacts := range s.artifacts {
		for _, a := range artifacts {
			if a.Inline == nil {
				add(key.run, key.task, key.n, a.Name, a.Hash)
			}
		}
	}
	for key, cards := range s.cards {
		for _, c := range cards {
			add(key.run, key.task, key.n, metastore.ReferenceCard, c.HTML)
			add(key.run, key.task, key.n, metastore.ReferenceCardData, c.Data)
		}
	}
	return list
}

// SmallValues yields hash and length of every value.
func (s *Store) SmallValues(ctx context.Context) iter.Seq2[metastore.SmallValue, error] {
	return stream(ctx, s, func() []metastore.SmallValue {
		var list []metastore.SmallValue
		for h, data := range s.blobs {
			list = append(list, metastore.SmallValue{Hash: h, Size: int64(len(data))})
		}
		return list
	})
}

// DeleteBlobs deletes those of the values to which none of the runs refers.
func (s *Store) DeleteBlobs(ctx context.Context, hashes []metastore.Hash, unless metastore.RunSet) (int64, error) {
	var freed int64
	err := s.do(ctx, func() error {
		needed := make(map[metastore.Hash]bool)
		for _, r := range s.references(unless) {
			needed[r.Hash] = true
		}
		for _, h := range hashes {
			if data, ok := s.blobs[h]; ok && !needed[h] {
				freed += int64(len(data))
				delete(s.blobs, h)
			}
		}
		return nil
	})
	return freed, err
}

// Logs yields the logs.
func (s *Store) Logs(ctx context.Context) iter.Seq2[metastore.LogEntry, error] {
	return stream(ctx, s, func() []metastore.LogEntry {
		var list []metastore.LogEntry
		for key, data := range s.logs {
			list = append(list, metastore.LogEntry{Run: key.run, Task: key.task, Attempt: key.n, Size: int64(len(data))})
		}
		return list
	})
}

// Carried yields the log of each attempt that a resumed run carried over.
func (s *Store) Carried(ctx context.Context) iter.Seq2[metastore.CarriedLog, error] {
	return stream(ctx, s, s.carried)
}

func (s *Store) carried() []metastore.CarriedLog {
	var list []metastore.CarriedLog
	for run, tasks := range s.tasks {
		for _, t := range tasks {
			if t.Origin == 0 {
				continue
			}
			if r, err := s.run(run); err != nil || r.Origin == 0 {
				continue
			}
			for _, a := range s.attempts[taskKey{run, t.ID}] {
				list = append(list, metastore.CarriedLog{Run: t.Origin, Task: t.ID, Attempt: a.N, Needs: run})
			}
		}
	}
	return list
}

// Size is that of the values and logs.
func (s *Store) Size(ctx context.Context) (int64, error) {
	return read(ctx, s, func() (n int64, err error) {
		for _, data := range s.blobs {
			n += int64(len(data))
		}
		for _, data := range s.logs {
			n += int64(len(data))
		}
		return n, nil
	})
}

// Shrink does nothing: what is deleted takes no space.
func (s *Store) Shrink(context.Context, bool) error { return nil }

// LogRecords yields what attempts say of their logs.
func (s *Store) LogRecords(ctx context.Context) iter.Seq2[metastore.LogRecord, error] {
	return stream(ctx, s, func() []metastore.LogRecord {
		var list []metastore.LogRecord
		for key, attempts := range s.attempts {
			t, ok := s.tasks[key.run][key.task]
			for _, a := range attempts {
				if ok && a.LogLines > 0 && a.Status != metastore.AttemptRunning {
					r := metastore.LogRecord{Run: key.run, Task: key.task, Attempt: a.N, Kept: cmp.Or(t.Origin, key.run), File: a.LogFile, Lines: a.LogLines}
					_, r.There = s.logs[attemptKey{taskKey{r.Kept, key.task}, a.N}]
					list = append(list, r)
				}
			}
		}
		slices.SortFunc(list, func(a, b metastore.LogRecord) int {
			return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Attempt, b.Attempt))
		})
		return list
	})
}

// Check counts the rows of runs that are not there, and compares values with their hashes.
func (s *Store) Check(ctx context.Context, thorough bool) (metastore.Health, error) {
	return read(ctx, s, func() (h metastore.Health, err error) {
		count := func(run int64, n int) {
			if _, err := s.run(run); err != nil {
				h.Orphans += int64(n)
			}
		}
		for run, tasks := range s.tasks {
			count(run, len(tasks))
		}
		for run, scopes := range s.scopes {
			count(run, len(scopes))
		}
		for key, attempts := range s.attempts {
			count(key.run, len(attempts))
		}
		for key, cards := range s.cards {
			count(key.run, len(cards))
		}
		for key, artifacts := range s.artifacts {
			count(key.run, len(artifacts))
			for _, a := range artifacts {
				if thorough && a.Inline != nil && sha256.Sum256(a.Inline) != a.Hash {
					h.Values = append(h.Values, metastore.Reference{Run: key.run, Task: key.task, Attempt: key.n, Name: a.Name, Hash: a.Hash})
				}
			}
		}
		return h, nil
	})
}
