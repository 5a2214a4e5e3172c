package mem

import (
	"context"
	"iter"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
)

// namedRun returns the run of a flow that has a name, 0 if none.
func (s *Store) namedRun(flow, name string) int64 {
	for _, r := range s.runs {
		if name != "" && r.Flow == flow && r.Info.Name == name {
			return r.ID
		}
	}
	return 0
}

// NamedRun returns the run of a flow that has a name.
func (s *Store) NamedRun(ctx context.Context, flow, name string) (int64, error) {
	return read(ctx, s, func() (int64, error) {
		if id := s.namedRun(flow, name); id != 0 {
			return id, nil
		}
		return 0, notFound("run %s/%s", flow, name)
	})
}

// Describe replaces what is known of where a run came from.
func (s *Store) Describe(ctx context.Context, run int64, info metastore.RunInfo, definition metastore.Hash) error {
	return s.change(ctx, run, func(r *metastore.Run) {
		info.Name = r.Info.Name
		r.Info = cloneRun(metastore.Run{Info: info}).Info
		if definition != (metastore.Hash{}) {
			r.Definition = definition
		}
	})
}

// AddTask adds a task with the next id of its run.
func (s *Store) AddTask(ctx context.Context, t metastore.Task, name string) (int64, error) {
	parameters := t.ID == 0
	err := s.do(ctx, func() error {
		if _, err := s.run(t.Run); err != nil {
			return err
		}
		if _, ok := s.names[t.Run][name]; ok && name != "" {
			return conflict("run %d, task %s", t.Run, name)
		}
		if !parameters {
			t.ID = 1
			for id := range s.tasks[t.Run] {
				t.ID = max(t.ID, id+1)
			}
		}
		if err := s.insert(metastore.Record{Task: &t}); err != nil {
			return err
		}
		if name != "" {
			putIn(s.names, t.Run, name, t.ID)
		}
		return nil
	})
	return t.ID, err
}

// NamedTask returns the task of a run that has a name.
func (s *Store) NamedTask(ctx context.Context, run int64, name string) (int64, error) {
	return read(ctx, s, func() (int64, error) {
		if id, ok := s.names[run][name]; ok {
			return id, nil
		}
		return 0, notFound("run %d, task %s", run, name)
	})
}

// TaskNames returns the names of those tasks of a run that have one.
func (s *Store) TaskNames(ctx context.Context, run int64, tasks []int64) (map[int64]string, error) {
	return read(ctx, s, func() (map[int64]string, error) {
		names := make(map[int64]string)
		for name, id := range s.names[run] {
			if tasks == nil || slices.Contains(tasks, id) {
				names[id] = name
			}
		}
		return names, nil
	})
}

// Notes yields what was noted of some tasks of a run.
func (s *Store) Notes(ctx context.Context, run int64, tasks []int64, kind string) iter.Seq2[metastore.Note, error] {
	return stream(ctx, s, func() []metastore.Note {
		var list []metastore.Note
		for _, n := range s.notes[run] {
			if n.Kind == kind && (tasks == nil || slices.Contains(tasks, n.Task)) {
				n.Tags = slices.Clone(n.Tags)
				list = append(list, n)
			}
		}
		slices.SortStableFunc(list, func(a, b metastore.Note) int { return int(a.Task - b.Task) })
		return list
	})
}

// note adds a note.
func (s *Store) note(n metastore.Note) {
	s.lastNote++
	n.ID, n.At = s.lastNote, instant(n.At)
	if n.Tags = slices.Clone(n.Tags); len(n.Tags) == 0 {
		n.Tags = nil
	}
	s.notes[n.Run] = append(s.notes[n.Run], n)
}
