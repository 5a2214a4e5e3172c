package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// belongings are the tables whose rows belong to a run.
var belongings = []string{"tags", "tasks", "attempts", "artifacts", "cards", "scopes", "task_names", "notes"}

// orphans selects the runs of a table's rows that are not there. It skips from run to run along the table's key.
const orphans = `
	WITH RECURSIVE r (run) AS (
		SELECT (SELECT min(run) FROM %[1]s)
		UNION ALL SELECT (SELECT min(run) FROM %[1]s WHERE run > r.run) FROM r WHERE r.run IS NOT NULL)
	SELECT run FROM r WHERE run IS NOT NULL AND run NOT IN (SELECT id FROM runs)`

// carriedLogs selects the attempts that were carried over: where their log is, and who needs it.
const carriedLogs = `
	SELECT t.origin, t.id, a.n, r.id
	FROM runs AS r CROSS JOIN tasks AS t ON t.run = r.id CROSS JOIN attempts AS a ON a.run = t.run AND a.task = t.id
	WHERE r.origin <> 0 AND t.origin <> 0`

// deleteLogs deletes the logs of some runs that no carried task needs.
const deleteLogs = `DELETE FROM logs WHERE run IN (%s)
	AND (run, task, attempt) NOT IN (SELECT origin, id, n FROM (` + carriedLogs + `))`

// removedAtOnce is how many tasks runs have at most together that are removed in one transaction.
// Nobody else can record meanwhile, and an engine that cannot for longer than [patience] gives its run
// up: a million tasks take longer than that.
var removedAtOnce int64 = 20_000

// Remove deletes runs with all that belongs to them.
func (s *Store) Remove(ctx context.Context, runs []int64) error {
	return s.freeing(ctx, func() error { return s.remove(ctx, runs) })
}

func (s *Store) remove(ctx context.Context, runs []int64) error {
	if len(runs) == 0 {
		return s.removeOrphans(ctx)
	}
	tasks, err := s.tasksOf(ctx, runs)
	if err != nil {
		return err
	}
	resumed := false // one of them carried tasks over, whose logs may have been kept for it alone
	if tasks > removedAtOnce {
		// The runs themselves go first, so that nobody finds them any more, and no run can take their tasks over. What
		// an interruption leaves of them is deleted as that of runs that are not there.
		err := s.do(ctx, "remove runs", func(c *conn) (err error) {
			resumed, err = deleteRuns(c, runs)
			return err
		})
		for _, run := range runs {
			if err == nil {
				err = s.removeTasks(ctx, run)
			}
		}
		if err != nil {
			return err
		}
	}
	return s.do(ctx, "remove runs", func(c *conn) error {
		again, err := deleteRuns(c, runs)
		if err != nil {
			return err
		}
		const listed = `SELECT value FROM json_each(?)`
		for _, table := range belongings {
			if _, err := c.exec(`DELETE FROM `+table+` WHERE run IN (`+listed+`)`, idList(runs)); err != nil {
				return err
			}
		}
		if _, err := c.exec(fmt.Sprintf(deleteLogs, listed), idList(runs)); err != nil || !resumed && !again {
			return err
		}
		_, err = c.exec(fmt.Sprintf(deleteLogs, fmt.Sprintf(orphans, "logs")))
		return err
	})
}

// deleteRuns deletes runs, without what belongs to them, and reports whether one of them was resumed from another.
func deleteRuns(c *conn, runs []int64) (resumed bool, err error) {
	for r, err := range c.query(`DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?)) RETURNING origin <> 0`, idList(runs)) {
		if err != nil {
			return false, err
		}
		resumed = r.bool() || resumed
	}
	return resumed, nil
}

// removeOrphans deletes what is left of runs that are not there.
func (s *Store) removeOrphans(ctx context.Context) error {
	for _, table := range belongings {
		runs, err := all(rows(ctx, s, "remove runs", scanID, fmt.Sprintf(orphans, table)))
		if err != nil {
			return err
		}
		for _, run := range runs {
			tasks, err := s.tasksOf(ctx, []int64{run})
			if err == nil && tasks > removedAtOnce {
				err = s.removeTasks(ctx, run)
			}
			if err != nil {
				return err
			}
		}
	}
	return s.do(ctx, "remove runs", func(c *conn) error {
		for _, table := range belongings {
			if _, err := c.exec(`DELETE FROM ` + table + ` WHERE run IN (` + fmt.Sprintf(orphans, table) + `)`); err != nil {
				return err
			}
		}
		_, err := c.exec(fmt.Sprintf(deleteLogs, fmt.Sprintf(orphans, "logs")))
		return err
	})
}

// ofTasks are the tables whose rows belong to a task, with the column that says to which.
var ofTasks = []struct{ name, task string }{
	{"tasks", "id"}, {"attempts", "task"}, {"artifacts", "task"}, {"cards", "task"}, {"scopes", "split"}, {"notes", "task"}, {"logs", "task"},
}

// tasksOf returns about how many tasks there are of runs. Their ids are counted up.
func (s *Store) tasksOf(ctx context.Context, runs []int64) (int64, error) {
	var largest []string
	for _, t := range ofTasks {
		largest = append(largest, `coalesce((SELECT max(`+t.task+`) FROM `+t.name+` WHERE run = asked.value), 0)`)
	}
	return s.number(ctx, `SELECT coalesce(sum(max(`+strings.Join(largest, ", ")+`)), 0) FROM json_each(?) AS asked`, idList(runs))
}

// removesFor is how long a transaction takes, about, that removes a piece of a run.
const removesFor = 50 * time.Millisecond

// removeTasks deletes the tasks of a run that is not there any more with what belongs to them, in
// pieces, between which others can record.
func (s *Store) removeTasks(ctx context.Context, run int64) error {
	largest, err := s.tasksOf(ctx, []int64{run})
	if err != nil {
		return err
	}
	tables := ofTasks
	// Logs that other runs need stay. All that ever will need some of this run's do so by now.
	needed, err := s.number(ctx, `SELECT EXISTS (SELECT 1 FROM (`+carriedLogs+`) WHERE origin = ?)`, run)
	if err != nil {
		return err
	}
	if needed != 0 {
		tables = tables[:len(tables)-1]
	}
	for from, n := int64(0), int64(500); from <= largest; {
		began := time.Now()
		err := s.do(ctx, "remove runs", func(c *conn) error {
			for _, t := range tables {
				if _, err := c.exec(`DELETE FROM `+t.name+` WHERE run = ? AND `+t.task+` BETWEEN ? AND ?`, run, from, from+n-1); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		from += n
		switch took := time.Since(began); {
		case took < removesFor/2:
			n *= 2
		case took > 2*removesFor:
			n = max(n/2, 1)
		}
		if err := metastore.GiveWay(ctx); err != nil {
			return err
		}
	}
	return nil
}
