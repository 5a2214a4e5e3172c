package sqlite

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/levadahq/levada/internal/metastore"
)

// idList is a list of ids as an argument for json_each.
func idList(ids []int64) string {
	if ids == nil {
		ids = []int64{}
	}
	list, err := json.Marshal(ids)
	if err != nil {
		panic(err) // numbers
	}
	return string(list)
}

// Flows returns the flows that have runs with a tag.
func (s *Store) Flows(ctx context.Context, tag string) ([]metastore.FlowSummary, error) {
	scan := func(r *row) (metastore.FlowSummary, error) {
		return metastore.FlowSummary{Name: r.text(), Runs: r.int(), Latest: r.integer(), Created: r.time()}, nil
	}
	const summary = `SELECT f.flow, f.runs, f.latest, o.created FROM (`
	const joined = `) AS f JOIN runs AS o ON o.id = f.oldest ORDER BY f.flow`
	if tag == "" {
		return all(rows(ctx, s, "list flows", scan,
			summary+`SELECT flow, count(*) AS runs, max(id) AS latest, min(id) AS oldest FROM runs WHERE `+notSpun+` GROUP BY flow`+joined))
	}
	return all(rows(ctx, s, "list flows", scan, summary+`
		SELECT r.flow, count(*) AS runs, max(r.id) AS latest, min(r.id) AS oldest
		FROM (SELECT DISTINCT run FROM tags WHERE tag = ?) AS t JOIN runs AS r ON r.id = t.run WHERE r.`+notSpun+` GROUP BY r.flow`+joined, tag))
}

// Names returns the users that have runs, and the tags that users gave them. Each name is jumped to
// in its index, however many runs have it.
func (s *Store) Names(ctx context.Context) (n metastore.Names, err error) {
	scan := func(r *row) (string, error) { return r.text(), nil }
	if n.Users, err = all(rows(ctx, s, "list users", scan, jump("runs", "user", metastore.ListedNames)+`WHERE name <> ''`)); err != nil {
		return n, err
	}
	n.Tags, err = all(rows(ctx, s, "list tags", scan, jump("tags", "tag", metastore.ListedNames)+
		`WHERE 0 = (SELECT system FROM tags WHERE tag = name ORDER BY run DESC, system LIMIT 1)`))
	return n, err
}

// Steps returns the steps that a run has tasks of. It jumps from step to step in the index.
func (s *Store) Steps(ctx context.Context, run int64) ([]metastore.StepSpan, error) {
	scan := func(r *row) (metastore.StepSpan, error) {
		return metastore.StepSpan{Step: r.text(), First: r.integer(), Last: r.integer(), Created: r.time()}, nil
	}
	return all(rows(ctx, s, "list steps", scan, `
		WITH RECURSIVE names (step) AS (
			SELECT min(step) FROM tasks WHERE run = ?1
			UNION ALL
			SELECT (SELECT min(step) FROM tasks WHERE run = ?1 AND step > names.step) FROM names WHERE step IS NOT NULL),
		spans (step, first, last) AS MATERIALIZED (
			SELECT step, (SELECT min(id) FROM tasks WHERE run = ?1 AND step = names.step),
				(SELECT max(id) FROM tasks WHERE run = ?1 AND step = names.step)
			FROM names WHERE step IS NOT NULL)
		SELECT s.step, s.first, s.last, t.created FROM spans AS s JOIN tasks AS t ON t.run = ?1 AND t.id = s.first
		ORDER BY s.first`, run))
}

// AttemptsOf yields the attempts of some tasks of a run.
func (s *Store) AttemptsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.Attempt, error] {
	return rows(ctx, s, "read attempts", scanAttempt, `SELECT `+attemptColumns+`
		FROM (SELECT DISTINCT value AS id FROM json_each(?2)) AS l CROSS JOIN attempts AS a ON a.run = ?1 AND a.task = l.id
		ORDER BY a.task, a.n`, run, idList(tasks))
}

// ArtifactsOf yields what the last good attempts of some tasks set themselves.
func (s *Store) ArtifactsOf(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.TaskArtifact, error] {
	scan := func(r *row) (t metastore.TaskArtifact, err error) {
		t.Task = r.integer()
		t.Artifact, err = scanArtifact(r)
		return t, err
	}
	return rows(ctx, s, "list artifacts", scan, `SELECT f.task, f.name, f.hash, f.size, f.codec, f.type, f.inline
		FROM (SELECT DISTINCT value AS id FROM json_each(?2)) AS l CROSS JOIN artifacts AS f ON f.run = ?1 AND f.task = l.id AND f.attempt =
			(SELECT max(n) FROM attempts WHERE run = ?1 AND task = l.id AND status IN ('succeeded', 'caught'))
		ORDER BY f.task, f.name`, run, idList(tasks))
}

const scopeColumns = `SELECT run, split, step, kind, var, count, parent, idx, items FROM scopes WHERE run = ?1`

func scanScope(r *row) (metastore.Scope, error) {
	return metastore.Scope{
		Run: r.integer(), Split: r.integer(), Step: r.text(), Kind: r.text(), Var: r.text(),
		Count: r.int(), Parent: r.integer(), Index: r.int(), Items: r.hash(),
	}, nil
}

// ScopesOf returns the scopes that some tasks opened.
func (s *Store) ScopesOf(ctx context.Context, run int64, splits []int64) ([]metastore.Scope, error) {
	return all(rows(ctx, s, "read scopes", scanScope,
		scopeColumns+` AND split IN (SELECT value FROM json_each(?2)) ORDER BY split`, run, idList(splits)))
}

// Children yields the tasks of the named steps that follow a task.
func (s *Store) Children(ctx context.Context, run, task int64, steps []string) iter.Seq2[metastore.Task, error] {
	return func(yield func(metastore.Task, error) bool) {
		names, err := json.Marshal(steps)
		if err != nil {
			yield(metastore.Task{}, s.faultOf("list children", err))
			return
		}
		// Which tasks a join joins is packed: it is found out here.
		for t, err := range rows(ctx, s, "list children", scanTask, `SELECT `+taskColumns+` FROM tasks AS t
			WHERE run = ?1 AND id > ?2 AND step IN (SELECT value FROM json_each(?3)) AND (base = ?2 OR inputs IS NOT NULL)
			ORDER BY id`, run, task, string(names)) {
			if err == nil && !metastore.Follows(t, task) {
				continue
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

// Siblings tells where a task is among those of its step. The index has all that is counted.
func (s *Store) Siblings(ctx context.Context, run int64, step string, task int64) (metastore.Siblings, error) {
	scan := func(r *row) (metastore.Siblings, error) {
		return metastore.Siblings{Before: r.int(), After: r.int(), Previous: r.integer(), Next: r.integer()}, nil
	}
	return one(rows(ctx, s, "count tasks", scan, `SELECT
		(SELECT count(*) FROM tasks WHERE run = ?1 AND step = ?2 AND id < ?3),
		(SELECT count(*) FROM tasks WHERE run = ?1 AND step = ?2 AND id > ?3),
		coalesce((SELECT max(id) FROM tasks WHERE run = ?1 AND step = ?2 AND id < ?3), -1),
		coalesce((SELECT min(id) FROM tasks WHERE run = ?1 AND step = ?2 AND id > ?3), -1)`, run, step, task), "task %d of run %d", task, run)
}

// Cards yields the cards of some tasks of a run.
func (s *Store) Cards(ctx context.Context, run int64, tasks []int64) iter.Seq2[metastore.TaskCard, error] {
	scan := func(r *row) (metastore.TaskCard, error) {
		return metastore.TaskCard{Task: r.integer(), Attempt: r.int(), Card: metastore.Card{
			Position: r.int(), Type: r.text(), ID: r.text(), UUID: r.text(), HTML: r.hash(), Size: r.integer(), Data: r.hash(),
		}}, nil
	}
	const columns = `SELECT c.task, c.attempt, c.position, c.type, c.id, c.uuid, c.html, c.size, c.data FROM `
	if tasks == nil {
		return rows(ctx, s, "list cards", scan, columns+`cards AS c WHERE run = ?1 ORDER BY task, attempt, position`, run)
	}
	return rows(ctx, s, "list cards", scan, columns+`(SELECT DISTINCT value AS task FROM json_each(?2)) AS l
		CROSS JOIN cards AS c ON c.run = ?1 AND c.task = l.task ORDER BY c.task, c.attempt, c.position`, run, idList(tasks))
}

// Timeline yields what a chart shows of tasks.
func (s *Store) Timeline(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.TimelineRow, error] {
	scan := func(r *row) (metastore.TimelineRow, error) {
		t := metastore.TimelineRow{Task: r.integer(), Step: r.text(), N: -1}
		if r.values[r.column] != nil {
			t.N, t.Status, t.Started, t.Ended, t.Value = r.int(), metastore.AttemptStatus(r.text()), r.time(), r.time(), r.text()
		}
		return t, nil
	}
	f.Newest = false
	where, args := tasksWhere(f)
	return rows(ctx, s, "read timeline", scan, `SELECT t.id, t.step, a.n, a.status, a.started, a.ended, a.value
		FROM (SELECT t.run, t.id, t.step FROM tasks AS t `+where+`) AS t
		LEFT JOIN attempts AS a ON a.run = t.run AND a.task = t.id ORDER BY t.id, a.n`, args...)
}

// LastTasks returns the last task of a step in each of some runs.
func (s *Store) LastTasks(ctx context.Context, step string, runs []int64) (map[int64]int64, error) {
	scan := func(r *row) (metastore.TaskID, error) {
		return metastore.TaskID{Run: r.integer(), Task: r.integer()}, nil
	}
	last := make(map[int64]int64, len(runs))
	for t, err := range rows(ctx, s, "find tasks", scan, `SELECT run, task FROM (
			SELECT value AS run, (SELECT max(id) FROM tasks WHERE run = value AND step = ?2) AS task FROM json_each(?1))
		WHERE task IS NOT NULL`, idList(runs), step) {
		if err != nil {
			return nil, err
		}
		last[t.Run] = t.Task
	}
	return last, nil
}

// Inherited yields the artifacts of some types that tasks have. It goes down from each task, from base to base.
func (s *Store) Inherited(ctx context.Context, tasks []metastore.TaskID, types []string) iter.Seq2[metastore.InheritedArtifact, error] {
	runs, ids := make([]int64, len(tasks)), make([]int64, len(tasks))
	for i, t := range tasks {
		runs[i], ids[i] = t.Run, t.Task
	}
	scan := func(r *row) (a metastore.InheritedArtifact, err error) {
		a.Run, a.Task = r.integer(), r.integer()
		a.Artifact, err = scanArtifact(r)
		return a, err
	}
	// With min(depth), SQLite takes the other columns from the row that has it. A base
	// has a smaller id, so there are no circles.
	return rows(ctx, s, "list artifacts", scan, `
		WITH RECURSIVE asked (run, task) AS (
			SELECT DISTINCT r.value, t.value FROM json_each(?1) AS r JOIN json_each(?2) AS t ON t.key = r.key),
		layers (run, task, at, depth, n, base) AS (
			SELECT run, task, task, 0, (SELECT max(n) FROM attempts AS a WHERE a.run = q.run AND a.task = q.task AND status IN ('succeeded', 'caught')),
				(SELECT base FROM tasks AS t WHERE t.run = q.run AND t.id = q.task)
			FROM asked AS q
			UNION ALL
			SELECT l.run, l.task, l.base, l.depth + 1,
				(SELECT max(n) FROM attempts AS a WHERE a.run = l.run AND a.task = l.base AND status IN ('succeeded', 'caught')),
				(SELECT base FROM tasks AS t WHERE t.run = l.run AND t.id = l.base)
			FROM layers AS l
			WHERE l.base >= 0 AND l.base < l.at AND l.n IS NOT NULL
				AND NOT (SELECT complete FROM attempts AS a WHERE a.run = l.run AND a.task = l.at AND a.n = l.n))
		SELECT run, task, name, hash, size, codec, type, inline FROM (
			SELECT l.run, l.task, f.name, f.hash, f.size, f.codec, f.type, f.inline, min(l.depth)
			FROM layers AS l CROSS JOIN artifacts AS f ON f.run = l.run AND f.task = l.at AND f.attempt = l.n
			GROUP BY l.run, l.task, f.name)
		WHERE type IN (SELECT value FROM json_each(?3)) ORDER BY run, task, name`, idList(runs), idList(ids), textList(types))
}

// Changes returns a number that stays the same as long as nothing is committed. SQLite counts commits of others for
// each connection, so it is always asked on the same one, which commits nothing itself.
func (s *Store) Changes(ctx context.Context) (int64, error) {
	const op = "look for changes"
	if err := ctx.Err(); err != nil {
		return 0, s.faultOf(op, err)
	}
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	if s.watch.conn == nil {
		c, err := s.readers.get()
		if err != nil {
			return 0, s.faultOf(op, err)
		}
		s.watch.conn = c
	}
	for r, err := range s.watch.conn.query(`PRAGMA data_version`) {
		if err != nil {
			return 0, s.faultOf(op, err)
		}
		v := r.integer()
		return v, s.faultOf(op, r.err)
	}
	return 0, s.faultOf(op, errDamaged)
}
