package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Record queues r.
func (s *Store) Record(r metastore.Record) {
	if err := s.writable(); err != nil {
		if r.Done != nil {
			go r.Done(s.faultOf("record", err))
		}
		return
	}
	if !s.writer.queue.Add(write{record: r}, r.Size(), r.Soon) && r.Done != nil {
		go r.Done(errClosed())
	}
}

// Flush commits what is queued now.
func (s *Store) Flush() {
	if s.writer != nil {
		s.writer.queue.Flush()
	}
}

// do runs a job on the writing connection, in the transaction of its batch.
func (s *Store) do(ctx context.Context, op string, job func(*conn) error) error {
	err := s.writable()
	if err == nil {
		err = s.writer.do(ctx, job)
	}
	return s.faultOf(op, err)
}

func (s *Store) writable() error {
	if s.writer == nil {
		return fault.New(fault.Permission, "the store was opened for reading only").On(s.path)
	}
	return nil
}

// CreateRun commits a new run with what it begins with.
func (s *Store) CreateRun(ctx context.Context, run metastore.Run, begin metastore.Beginning) (int64, error) {
	info, err := json.Marshal(storedInfo{run.Info, leaseOf(run.Lease)})
	if err != nil {
		return 0, s.faultOf("create run", err)
	}
	var id int64
	err = s.do(ctx, "create run", func(c *conn) error {
		if begin.Mark != nil {
			if id, err = markedRun(c, *begin.Mark); err != nil || id != 0 {
				return err
			}
		}
		id, err = insertRun(c, run, string(info))
		if err != nil {
			return err
		}
		if begin.Mark != nil {
			if _, err := s.writer.marked(c, *begin.Mark, id); err != nil {
				return err
			}
		}
		if len(begin.Tasks) > 0 {
			if err := carry(c, id, begin.From, begin.Tasks); err != nil {
				return err
			}
		}
		for _, r := range begin.First {
			r = r.In(id)
			if err := s.writer.sql.insert(&r, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// storedInfo is what the column info holds. What leases have got since the first version is there, too: an older
// version opens the store and passes it by.
type storedInfo struct {
	metastore.RunInfo
	Lease *storedLease `json:"lease,omitempty"`
}

// storedLease is what of a lease has no column.
type storedLease struct {
	Namespace string        `json:"pid_namespace,omitempty"`
	Patience  time.Duration `json:"patience,omitempty"` // nanoseconds
}

func leaseOf(l metastore.Lease) *storedLease {
	if l.Namespace == "" && l.Patience == 0 {
		return nil
	}
	return &storedLease{l.Namespace, l.Patience}
}

func insertRun(c *conn, r metastore.Run, info string) (int64, error) {
	res, err := c.exec(`INSERT INTO runs (flow, status, user, created, ended, origin, failed_task, problem,
			host, boot, pid, start, heartbeat, definition, code, info)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Flow, string(r.Status), r.User, micros(r.Created), micros(r.Ended), r.Origin, r.FailedTask, r.Problem,
		r.Lease.Host, r.Lease.Boot, int64(r.Lease.PID), r.Lease.Start, micros(r.Lease.Heartbeat),
		nullableHash(&r.Definition), nullableHash(&r.Code), info)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, err
	}
	if err := addTags(c, id, r.Tags, false); err != nil {
		return 0, err
	}
	return id, addTags(c, id, r.SystemTags, true)
}

func addTags(c *conn, run int64, tags []string, system bool) error {
	for _, tag := range tags {
		if _, err := c.exec(`INSERT OR IGNORE INTO tags (run, system, tag) VALUES (?, ?, ?)`, run, bit(system), tag); err != nil {
			return err
		}
	}
	return nil
}

// carry copies tasks of run from into run to, each with its last good attempt,
// the artifact and card records of that and the scope it opened.
func carry(c *conn, to, from int64, tasks []int64) error {
	ids := slices.Clone(tasks)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}

	if err := updateRun(c, from, `UPDATE runs SET id = id WHERE id = ?1`); err != nil {
		return err // it has been removed, and what is left of it goes
	}
	for _, q := range []string{carryTasks, carryAttempts} {
		res, err := c.exec(q, to, from, string(list))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if missing := len(ids) - int(n); missing > 0 {
			return fault.New(fault.NotFound, "%d of the %d tasks to be taken over have not ended well", missing, len(ids)).
				On(fmt.Sprintf("run %d", from))
		}
	}
	for _, q := range []string{carryArtifacts, carryCards, carryScopes} {
		if _, err := c.exec(q, to, from, string(list)); err != nil {
			return err
		}
	}
	return nil
}

// The statements that carry tasks over. ?1 is the new run, ?2 the old one, ?3 the
// tasks' ids as a JSON list, in order.
const (
	carryTasks = `INSERT INTO tasks
		SELECT ?1, t.id, t.step, t.scope, t.idx, t.iteration, t.base, t.inputs, coalesce(nullif(t.origin, 0), ?2), t.created
		FROM json_each(?3) AS id CROSS JOIN tasks AS t ON t.run = ?2 AND t.id = id.value`

	carryAttempts = `INSERT INTO attempts
		SELECT ?1, a.task, a.n, a.status, a.pid, a.started, a.ended, a.exit_code, a.signal, a.user_cpu, a.system_cpu,
			a.peak_memory, a.memory_source, a.complete, a.log_lines, a.log_bytes, a.log_file, a.value, a.transition, a.exception, a.series,
			a.gpus
		FROM json_each(?3) AS id CROSS JOIN attempts AS a ON a.run = ?2 AND a.task = id.value AND a.n =
			(SELECT max(n) FROM attempts WHERE run = ?2 AND task = id.value AND status IN ('succeeded', 'caught'))`

	// The attempts of ?1 are those just carried over.
	carryArtifacts = `INSERT INTO artifacts
		SELECT ?1, f.task, f.attempt, f.name, f.hash, f.size, f.codec, f.type, f.inline
		FROM attempts AS a CROSS JOIN artifacts AS f ON f.run = ?2 AND f.task = a.task AND f.attempt = a.n
		WHERE a.run = ?1 AND ?3 <> ''`

	carryCards = `INSERT INTO cards
		SELECT ?1, c.task, c.attempt, c.position, c.type, c.id, c.uuid, c.html, c.size, c.data
		FROM attempts AS a CROSS JOIN cards AS c ON c.run = ?2 AND c.task = a.task AND c.attempt = a.n
		WHERE a.run = ?1 AND ?3 <> ''`

	carryScopes = `INSERT INTO scopes
		SELECT ?1, s.split, s.step, s.kind, s.var, s.count, s.parent, s.idx, s.items
		FROM json_each(?3) AS id CROSS JOIN scopes AS s ON s.run = ?2 AND s.split = id.value`
)

// EndRun sets the final status of a run.
func (s *Store) EndRun(ctx context.Context, id int64, end metastore.RunEnd) error {
	return s.do(ctx, "end run", func(c *conn) error {
		return goesOn(id, updateRun(c, id, `UPDATE runs SET status = ?2, ended = ?3, failed_task = ?4, problem = ?5 WHERE id = ?1`,
			string(end.Status), micros(end.Ended), end.FailedTask, end.Problem))
	})
}

// AskStop notes that the run is asked to end.
func (s *Store) AskStop(ctx context.Context, id int64, at time.Time) error {
	return s.do(ctx, "ask run to stop", func(c *conn) error {
		return updateRun(c, id, `UPDATE runs SET stop_asked = coalesce(nullif(stop_asked, 0), ?2) WHERE id = ?1`, micros(at))
	})
}

// Beat renews the lease of a running run.
func (s *Store) Beat(ctx context.Context, id int64, at time.Time) error {
	return s.do(ctx, "renew lease", func(c *conn) error {
		return goesOn(id, updateRun(c, id, `UPDATE runs SET heartbeat = ?2 WHERE id = ?1`, micros(at)))
	})
}

// goesOn tells the engine of a run that is not there what became of it.
func goesOn(id int64, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.New(fault.NotFound, "the run was removed while it was running, so nothing more of it can be recorded").On(fmt.Sprintf("run %d", id)).
		Do("Run the flow again: there is nothing left to resume from. `levada rm` and `levada gc` remove runs that have been silent for a long time.")
}

func updateRun(c *conn, id int64, sql string, args ...driver.Value) error {
	res, err := c.exec(sql, append([]driver.Value{id}, args...)...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return noRun(id)
}

func noRun(id int64) error {
	return fault.New(fault.NotFound, "there is no such run").On(fmt.Sprintf("run %d", id))
}

// ChangeTags removes and then adds user tags of a run.
func (s *Store) ChangeTags(ctx context.Context, id int64, remove, add []string) ([]string, error) {
	var tags []string
	err := s.do(ctx, "change tags", func(c *conn) error {
		if err := updateRun(c, id, `UPDATE runs SET id = id WHERE id = ?1`); err != nil {
			return err
		}
		for _, tag := range remove {
			if _, err := c.exec(`DELETE FROM tags WHERE run = ? AND system = 0 AND tag = ?`, id, tag); err != nil {
				return err
			}
		}
		if err := addTags(c, id, add, false); err != nil {
			return err
		}
		tags = nil
		for r, err := range c.query(`SELECT tag FROM tags WHERE run = ? AND system = 0 ORDER BY tag`, id) {
			if err != nil {
				return err
			}
			tags = append(tags, r.text())
		}
		return nil
	})
	return tags, err
}
