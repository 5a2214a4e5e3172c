package sqlite

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/levadahq/levada/internal/metastore"
)

// rareTag is the number of runs up to which the runs of a tag are listed first and then
// filtered. Above it the runs are gone through, newest first, and each is asked for the tag:
// the tag of a user is on nearly every run, and a list of all of them is not needed to find
// the latest.
const rareTag = 500

// isRare reports whether few runs have a tag.
func (s *Store) isRare(ctx context.Context, tag string) (bool, error) {
	scan := func(r *row) (int64, error) { return r.integer(), nil }
	n, err := one(rows(ctx, s, "list runs", scan,
		`SELECT count(*) FROM (SELECT 1 FROM tags WHERE tag = ? LIMIT ?)`, tag, int64(rareTag)), "tag %s", tag)
	return n < rareTag, err
}

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
