package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// NamedRun returns the run of a flow that has a name.
func (s *Store) NamedRun(ctx context.Context, flow, name string) (int64, error) {
	return one(rows(ctx, s, "find run", scanID, `SELECT id FROM runs
		WHERE flow = ?1 AND json_extract(info, '$.name') IS NOT NULL AND json_extract(info, '$.name') = ?2`, flow, name), "run %s/%s", flow, name)
}

func scanID(r *row) (int64, error) { return r.integer(), nil }

// Describe replaces what is known of where a run came from.
func (s *Store) Describe(ctx context.Context, run int64, info metastore.RunInfo, definition metastore.Hash) error {
	return s.do(ctx, "describe run", func(c *conn) error {
		stored := storedInfo{RunInfo: info}
		stored.Name = ""
		for r, err := range c.query(`SELECT coalesce(json_extract(info, '$.name'), ''), coalesce(json_extract(info, '$.lease'), 'null')
				FROM runs WHERE id = ?`, run) {
			if err != nil {
				return err
			}
			stored.Name = r.text()
			unpackJSON(r, &stored.Lease)
		}
		text, err := json.Marshal(stored)
		if err != nil {
			return err
		}
		return updateRun(c, run, `UPDATE runs SET info = ?2, definition = coalesce(?3, definition) WHERE id = ?1`,
			string(text), nullableHash(&definition))
	})
}

// AddTask commits a task with the next id of its run.
func (s *Store) AddTask(ctx context.Context, t metastore.Task, name string) (int64, error) {
	parameters := t.ID == 0
	err := s.do(ctx, "add task", func(c *conn) error {
		if err := updateRun(c, t.Run, `UPDATE runs SET id = id WHERE id = ?1`); err != nil {
			return err
		}
		if !parameters {
			for r, err := range c.query(`SELECT coalesce(max(id), 0) + 1 FROM tasks WHERE run = ?`, t.Run) {
				if err != nil {
					return err
				}
				t.ID = r.integer()
			}
		}
		if name != "" {
			if _, err := c.exec(`INSERT INTO task_names (run, name, task) VALUES (?, ?, ?)`, t.Run, name, t.ID); err != nil {
				return err
			}
		}
		return s.writer.sql.insert(&metastore.Record{Task: &t}, false)
	})
	return t.ID, err
}

// NamedTask returns the task of a run that has a name.
func (s *Store) NamedTask(ctx context.Context, run int64, name string) (int64, error) {
	return one(rows(ctx, s, "find task", scanID, `SELECT task FROM task_names WHERE run = ? AND name = ?`, run, name), "run %d, task %s", run, name)
}

// TaskNames returns the names of those tasks of a run that have one.
func (s *Store) TaskNames(ctx context.Context, run int64, tasks []int64) (map[int64]string, error) {
	type named struct {
		task int64
		name string
	}
	scan := func(r *row) (named, error) { return named{r.integer(), r.text()}, nil }
	names := make(map[int64]string)
	for n, err := range rows(ctx, s, "read names of tasks", scan, `SELECT task, name FROM task_names
		WHERE run = ?1 AND (?2 OR task IN (SELECT value FROM json_each(?3)))`, run, bit(tasks == nil), idList(tasks)) {
		if err != nil {
			return nil, err
		}
		names[n.task] = n.name
	}
	return names, nil
}

// Notes yields what was noted of some tasks of a run.
func (s *Store) Notes(ctx context.Context, run int64, tasks []int64, kind string) iter.Seq2[metastore.Note, error] {
	const columns = `SELECT n.id, n.run, n.task, n.kind, n.name, n.value, n.type, n.user, n.tags, n.at FROM `
	scan := func(r *row) (metastore.Note, error) {
		n := metastore.Note{
			ID: r.integer(), Run: r.integer(), Task: r.integer(), Kind: r.text(), Name: r.text(), Value: r.text(), Type: r.text(), User: r.text(),
		}
		unpackJSON(r, &n.Tags)
		n.Tags, n.At = nilIfEmpty(n.Tags), r.time()
		return n, nil
	}
	if tasks == nil {
		return rows(ctx, s, "read notes", scan, columns+`notes AS n WHERE n.run = ? AND n.kind = ? ORDER BY n.task, n.id`, run, kind)
	}
	return rows(ctx, s, "read notes", scan, columns+`(SELECT DISTINCT value AS id FROM json_each(?3)) AS t CROSS JOIN notes AS n
		ON n.run = ?1 AND n.task = t.id WHERE n.kind = ?2 ORDER BY n.task, n.id`, run, kind, idList(tasks))
}

// insertNote writes a note.
func (q *recordStatements) insertNote(n *metastore.Note) error {
	tags, err := json.Marshal(append([]string{}, n.Tags...))
	if err != nil {
		return fault.Wrap(fault.Internal, fmt.Sprintf("note %s", n.Name), err)
	}
	_, err = q.note.exec(n.Run, n.Task, n.Kind, n.Name, n.Value, n.Type, n.User, string(tags), micros(n.At))
	return err
}
