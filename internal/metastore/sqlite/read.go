package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// rows runs a query on a reading connection and yields what scan makes of each
// row, and nothing of a row that is damaged. All that readers ask for goes through it.
func rows[T any](ctx context.Context, s *Store, op string, scan func(*row) (T, error), sql string, args ...driver.Value) iter.Seq2[T, error] {
	read := stream(ctx, s, op, scan, sql, args...)
	if !s.journal {
		return read
	}
	// As long as it reads, nobody can commit: neither another process nor this one, between two rows.
	return func(yield func(T, error) bool) {
		list, err := all(read)
		if err != nil {
			var zero T
			yield(zero, err)
			return
		}
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// stream yields what a query returns while it is read.
func stream[T any](ctx context.Context, s *Store, op string, scan func(*row) (T, error), sql string, args ...driver.Value) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := ctx.Err(); err != nil {
			yield(zero, s.faultOf(op, err))
			return
		}
		c, err := s.readers.get()
		if err != nil {
			yield(zero, s.faultOf(op, err))
			return
		}
		defer s.readers.put(c)
		for r, err := range c.query(sql, args...) {
			var v T
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				v, err = scan(r)
			}
			if err == nil {
				err = r.err
			}
			if err != nil {
				yield(zero, s.faultOf(op, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// all collects rows.
func all[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var list []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// one returns the only row, or NotFound about what the arguments describe.
func one[T any](seq iter.Seq2[T, error], what string, args ...any) (T, error) {
	for v, err := range seq {
		return v, err
	}
	var zero T
	return zero, fault.New(fault.NotFound, "it is not in the store").On(fmt.Sprintf(what, args...))
}

const runColumns = `SELECT id, flow, status, user, created, ended, origin, failed_task, problem,
	(SELECT json_group_array(tag ORDER BY tag) FROM tags WHERE run = id AND system = 0),
	(SELECT json_group_array(tag ORDER BY tag) FROM tags WHERE run = id AND system = 1),
	host, boot, pid, start, heartbeat, stop_asked, definition, code, info FROM runs `

func scanRun(r *row) (metastore.Run, error) {
	x := metastore.Run{
		ID: r.integer(), Flow: r.text(), Status: metastore.RunStatus(r.text()), User: r.text(),
		Created: r.time(), Ended: r.time(), Origin: r.integer(), FailedTask: r.integer(), Problem: r.text(),
	}
	unpackJSON(r, &x.Tags)
	unpackJSON(r, &x.SystemTags)
	x.Tags, x.SystemTags = nilIfEmpty(x.Tags), nilIfEmpty(x.SystemTags)
	x.Lease = metastore.Lease{Host: r.text(), Boot: r.text(), PID: r.int(), Start: r.integer(), Heartbeat: r.time()}
	x.StopAsked = r.time()
	x.Definition, x.Code = r.hash(), r.hash()
	var info storedInfo
	unpackJSON(r, &info)
	if x.Info = info.RunInfo; info.Lease != nil {
		x.Lease.Namespace, x.Lease.Patience = info.Lease.Namespace, info.Lease.Patience
	}
	x.Info.CommandLine = nilIfEmpty(x.Info.CommandLine)
	return x, r.err
}

func unpackJSON(r *row, v any) {
	text := r.text()
	if r.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		r.err = fmt.Errorf("%w: %w", errDamaged, err)
	}
}

func nilIfEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

// Run returns one run.
func (s *Store) Run(ctx context.Context, id int64) (metastore.Run, error) {
	return one(rows(ctx, s, "read run", scanRun, runColumns+`WHERE id = ?`, id), "run %d", id)
}

const taskColumns = `t.run, t.id, t.step, t.scope, t.idx, t.iteration, t.base, t.inputs, t.origin, t.created`

func scanTask(r *row) (metastore.Task, error) {
	t := metastore.Task{
		Run: r.integer(), ID: r.integer(), Step: r.text(), Scope: r.integer(), Index: r.int(), Iteration: r.int(), Base: r.integer(),
	}
	var err error
	t.Inputs, err = unpackIDs(r.blob())
	t.Origin, t.Created = r.integer(), r.time()
	return t, err
}

// Task returns one task.
func (s *Store) Task(ctx context.Context, run, task int64) (metastore.Task, error) {
	return one(rows(ctx, s, "read task", scanTask,
		`SELECT `+taskColumns+` FROM tasks AS t WHERE run = ? AND id = ?`, run, task), "run %d, task %d", run, task)
}

// Tasks yields tasks of a run.
func (s *Store) Tasks(ctx context.Context, f metastore.TaskFilter) iter.Seq2[metastore.Task, error] {
	where, args := tasksWhere(f)
	return rows(ctx, s, "list tasks", scanTask, `SELECT `+taskColumns+` FROM tasks AS t `+where, args...)
}

// tasksWhere selects rows of tasks AS t, and their order.
func tasksWhere(f metastore.TaskFilter) (sql string, args []driver.Value) {
	sql = `WHERE run = ? AND id > ?`
	args = []driver.Value{f.Run, f.After}
	if f.Step != "" {
		sql += ` AND step = ?`
		args = append(args, f.Step)
	}
	if f.Before != 0 {
		sql += ` AND id < ?`
		args = append(args, f.Before)
	}
	if f.IDs != nil {
		sql += ` AND id IN (SELECT value FROM json_each(?))`
		args = append(args, idList(f.IDs))
	}
	sql += ` ORDER BY id`
	if f.Newest {
		sql += ` DESC`
	}
	if f.Limit > 0 {
		sql += ` LIMIT ?`
		args = append(args, int64(f.Limit))
	}
	return sql, args
}

const attemptColumns = `a.run, a.task, a.n, a.status, a.pid, a.started, a.ended, a.exit_code, a.signal,
	a.user_cpu, a.system_cpu, a.peak_memory, a.memory_source, a.complete, a.log_lines, a.log_bytes, a.log_file, a.value,
	a.transition, a.exception, a.series, a.gpus`

func scanAttempt(r *row) (metastore.Attempt, error) {
	a := metastore.Attempt{
		Run: r.integer(), Task: r.integer(), N: r.int(), Status: metastore.AttemptStatus(r.text()), PID: r.int(),
		Started: r.time(), Ended: r.time(), ExitCode: r.int(), Signal: r.int(),
		UserCPU: r.duration(), SystemCPU: r.duration(), PeakMemory: r.integer(), MemorySource: r.text(), Complete: r.bool(),
		LogLines: r.integer(), LogBytes: r.integer(), LogFile: r.text(), Value: r.text(), Transition: r.blob(),
	}
	if r.values[r.column] == nil {
		r.column++
	} else {
		unpackJSON(r, &a.Exception)
	}
	a.Series = r.blob()
	if gpus := r.text(); gpus != "" {
		a.GPUs = strings.Split(gpus, ",")
	}
	return a, nil
}

// Attempts returns the attempts of a task in order.
func (s *Store) Attempts(ctx context.Context, run, task int64) ([]metastore.Attempt, error) {
	return all(rows(ctx, s, "read attempts", scanAttempt,
		`SELECT `+attemptColumns+` FROM attempts AS a WHERE run = ? AND task = ? ORDER BY n`, run, task))
}

// Finished yields each task that ended well with its good attempt.
func (s *Store) Finished(ctx context.Context, run int64) iter.Seq2[metastore.FinishedTask, error] {
	scan := func(r *row) (f metastore.FinishedTask, err error) {
		if f.Task, err = scanTask(r); err == nil {
			f.Attempt, err = scanAttempt(r)
		}
		return f, err
	}
	return rows(ctx, s, "list finished tasks", scan, `SELECT `+taskColumns+`, `+attemptColumns+`
		FROM tasks AS t CROSS JOIN attempts AS a ON a.run = t.run AND a.task = t.id
		WHERE t.run = ? AND a.n =
			(SELECT max(n) FROM attempts WHERE run = t.run AND task = t.id AND status IN ('succeeded', 'caught'))
		ORDER BY t.id`, run)
}

const artifactColumns = `SELECT name, hash, size, codec, type, inline FROM artifacts WHERE run = ? AND task = ? AND attempt = ?`

func scanArtifact(r *row) (metastore.Artifact, error) {
	return metastore.Artifact{
		Name: r.text(), Hash: r.hash(), Size: r.integer(), Codec: r.text(), Type: r.text(), Inline: r.blob(),
	}, nil
}

// Artifacts returns what one attempt set itself, sorted by name.
func (s *Store) Artifacts(ctx context.Context, run, task int64, attempt int) ([]metastore.Artifact, error) {
	return all(rows(ctx, s, "list artifacts", scanArtifact, artifactColumns+` ORDER BY name`, run, task, int64(attempt)))
}

// Artifact returns one artifact that an attempt set itself.
func (s *Store) Artifact(ctx context.Context, run, task int64, attempt int, name string) (metastore.Artifact, error) {
	return one(rows(ctx, s, "read artifact", scanArtifact, artifactColumns+` AND name = ?`, run, task, int64(attempt), name),
		"run %d, task %d, attempt %d, artifact %s", run, task, attempt, name)
}

// Scopes returns what the run's splits opened.
func (s *Store) Scopes(ctx context.Context, run int64) ([]metastore.Scope, error) {
	return all(rows(ctx, s, "read scopes", scanScope, scopeColumns+` ORDER BY split`, run))
}

func scanBlob(r *row) ([]byte, error) { return r.blob(), nil }

// Blob returns a small value.
func (s *Store) Blob(ctx context.Context, h metastore.Hash) ([]byte, error) {
	return one(rows(ctx, s, "read blob", scanBlob, `SELECT data FROM blobs WHERE hash = ?`, h[:]), "blob %x", h)
}

// Log returns the log of an attempt.
func (s *Store) Log(ctx context.Context, run, task int64, attempt int) ([]byte, error) {
	return one(rows(ctx, s, "read log", scanBlob, `SELECT data FROM logs WHERE run = ? AND task = ? AND attempt = ?`,
		run, task, int64(attempt)), "log of run %d, task %d, attempt %d", run, task, attempt)
}

// Counts returns for each step of a run how many tasks it has by the status of their last attempt, in order of first task.
func (s *Store) Counts(ctx context.Context, run int64) ([]metastore.StepCount, error) {
	wide, _, err := split(ctx, s, &s.stepCounts, []int64{run}, `SELECT max(id) FROM tasks WHERE run = asked.value`)
	if err != nil {
		return nil, err
	}
	if largest, ok := wide[run]; ok {
		return s.stepCountBlocks(ctx, run, largest)
	}
	return s.countSteps(ctx, run, 0, math.MaxInt64)
}

// countSteps counts the tasks of a run with ids from first to last.
func (s *Store) countSteps(ctx context.Context, run, first, last int64) ([]metastore.StepCount, error) {
	scan := func(r *row) (metastore.StepCount, error) {
		return metastore.StepCount{
			Step: r.text(), Running: r.int(), Succeeded: r.int(), Failed: r.int(), Killed: r.int(), Caught: r.int(), First: r.time(), Last: r.time(),
		}, nil
	}
	return all(rows(ctx, s, "count tasks", scan, `
		SELECT t.step,
			count(*) FILTER (WHERE a.status = 'running'),
			count(*) FILTER (WHERE a.status IN ('succeeded', 'caught')),
			count(*) FILTER (WHERE a.status = 'failed'),
			count(*) FILTER (WHERE a.status = 'killed'),
			count(*) FILTER (WHERE a.status = 'caught'),
			coalesce(min(t.first), 0), coalesce(max(t.last), 0)
		FROM (
			SELECT t.id, t.step, max(a.n) AS n, min(nullif(a.started, 0)) AS first, max(a.ended) AS last
			FROM tasks AS t LEFT JOIN attempts AS a ON a.run = t.run AND a.task = t.id
			WHERE t.run = ?1 AND t.id BETWEEN ?2 AND ?3 GROUP BY t.id) AS t
		LEFT JOIN attempts AS a ON a.run = ?1 AND a.task = t.id AND a.n = t.n
		GROUP BY t.step ORDER BY min(t.id)`, run, first, last))
}

// Widths tells how wide the foreaches and gangs of runs are, and how many tasks each step has.
func (s *Store) Widths(ctx context.Context, runs []int64) (map[int64][]metastore.StepWidth, error) {
	type opened struct {
		run int64
		metastore.StepWidth
	}
	scan := func(r *row) (opened, error) {
		return opened{r.integer(), metastore.StepWidth{Step: r.text(), Opened: r.int()}}, nil
	}
	// Most runs have opened nothing: of those, no tasks are counted.
	widths := make(map[int64]map[string]metastore.StepWidth)
	var ids []int64
	for o, err := range rows(ctx, s, "read widths", scan, `
		SELECT c.run, c.step, sum(c.count)
		FROM (SELECT DISTINCT value FROM json_each(?)) AS id CROSS JOIN scopes AS c ON c.run = id.value AND c.kind <> 'split'
		GROUP BY c.run, c.step`, idList(runs)) {
		if err != nil {
			return nil, err
		}
		if widths[o.run] == nil {
			widths[o.run] = make(map[string]metastore.StepWidth)
			ids = append(ids, o.run)
		}
		widths[o.run][o.Step] = o.StepWidth
	}
	if len(ids) == 0 {
		return map[int64][]metastore.StepWidth{}, nil
	}
	wide, others, err := split(ctx, s, &s.steps, ids, `SELECT max(id) FROM tasks WHERE run = asked.value`)
	if err != nil {
		return nil, err
	}
	add := func(run int64, step string, tasks int) {
		w := widths[run][step]
		w.Step, w.Tasks = step, tasks
		widths[run][step] = w
	}
	for run, largest := range wide {
		steps, err := s.stepBlocks(ctx, run, largest)
		if err != nil {
			return nil, err
		}
		for step, n := range steps {
			add(run, step, n)
		}
	}
	scanTasks := func(r *row) (opened, error) {
		return opened{r.integer(), metastore.StepWidth{Step: r.text(), Tasks: r.int()}}, nil
	}
	for o, err := range rows(ctx, s, "read widths", scanTasks, `
		SELECT run, step, count(*) FROM tasks INDEXED BY tasks_by_step -- in the order of the index: nothing to sort
		WHERE run IN (SELECT value FROM json_each(?)) GROUP BY run, step`, idList(others)) {
		if err != nil {
			return nil, err
		}
		add(o.run, o.Step, o.Tasks)
	}
	sorted := make(map[int64][]metastore.StepWidth, len(widths))
	for run, steps := range widths {
		for _, step := range slices.Sorted(maps.Keys(steps)) {
			sorted[run] = append(sorted[run], steps[step])
		}
	}
	return sorted, nil
}

// countedByStatus are the columns of [scanTaskCount], of rows with the last attempts of tasks.
const countedByStatus = `
	count(*) FILTER (WHERE status = 'running'),
	count(*) FILTER (WHERE status IN ('succeeded', 'caught')),
	count(*) FILTER (WHERE status = 'failed'),
	count(*) FILTER (WHERE status = 'killed'),
	count(*) FILTER (WHERE status = 'caught'),
	coalesce(max(max(started, ended)), 0)`

func scanTaskCount(r *row) (metastore.TaskCount, error) {
	return metastore.TaskCount{Running: r.int(), Succeeded: r.int(), Failed: r.int(), Killed: r.int(), Caught: r.int(), Last: r.time()}, nil
}

// TaskCounts returns how many tasks each of the runs has by the status of their last attempt.
func (s *Store) TaskCounts(ctx context.Context, runs []int64) (map[int64]metastore.TaskCount, error) {
	wide, others, err := split(ctx, s, &s.counts, runs, `SELECT max(task) FROM attempts WHERE run = asked.value`)
	if err != nil {
		return nil, err
	}
	counts := make(map[int64]metastore.TaskCount, len(runs))
	for run, largest := range wide {
		if counts[run], err = s.countBlocks(ctx, run, largest); err != nil {
			return nil, err
		}
	}
	type counted struct {
		run int64
		metastore.TaskCount
	}
	scan := func(r *row) (c counted, err error) {
		c.run = r.integer()
		c.TaskCount, err = scanTaskCount(r)
		return c, err
	}
	// With max(n), SQLite takes the other columns from the row that has it.
	for c, err := range rows(ctx, s, "count tasks", scan, `
		SELECT run, `+countedByStatus+` FROM (
			SELECT a.run AS run, a.status AS status, a.started AS started, a.ended AS ended, max(a.n)
			FROM json_each(?) AS id CROSS JOIN attempts AS a ON a.run = id.value AND a.task > 0
			GROUP BY a.run, a.task)
		GROUP BY run`, idList(others)) {
		if err != nil {
			return nil, err
		}
		counts[c.run] = c.TaskCount
	}
	return counts, nil
}
