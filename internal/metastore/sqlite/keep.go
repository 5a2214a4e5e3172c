package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// references selects what the records of the runs ?1 (all above) and ?2 (a JSON list) refer to.
const references = `
	WITH r AS MATERIALIZED (
		SELECT id, definition, code FROM runs WHERE id > ?1
		UNION SELECT id, definition, code FROM runs WHERE id IN (SELECT value FROM json_each(?2)))
	SELECT id, -1 AS task, 0 AS attempt, '` + metastore.ReferenceDefinition + `' AS name, definition AS hash FROM r WHERE definition IS NOT NULL
	UNION ALL SELECT id, -1, 0, '` + metastore.ReferenceCode + `', code FROM r WHERE code IS NOT NULL
	UNION ALL SELECT s.run, s.split, 0, '` + metastore.ReferenceItems + `', s.items FROM r CROSS JOIN scopes AS s ON s.run = r.id WHERE s.items IS NOT NULL
	UNION ALL SELECT c.run, c.task, c.attempt, '` + metastore.ReferenceCard + `', c.html FROM r CROSS JOIN cards AS c ON c.run = r.id
	UNION ALL SELECT c.run, c.task, c.attempt, '` + metastore.ReferenceCardData + `', c.data FROM r CROSS JOIN cards AS c ON c.run = r.id WHERE c.data IS NOT NULL
	UNION ALL SELECT f.run, f.task, f.attempt, f.name, f.hash FROM r CROSS JOIN artifacts AS f ON f.run = r.id WHERE f.inline IS NULL`

func runSet(of metastore.RunSet) (after int64, list string, err error) {
	b, err := json.Marshal(append([]int64{}, of.Runs...))
	return of.After, string(b), err
}

// References yields what the records of runs refer to.
func (s *Store) References(ctx context.Context, of metastore.RunSet) iter.Seq2[metastore.Reference, error] {
	const op = "read references"
	after, list, err := runSet(of)
	if err != nil {
		return func(yield func(metastore.Reference, error) bool) { yield(metastore.Reference{}, s.faultOf(op, err)) }
	}
	scan := func(r *row) (metastore.Reference, error) {
		return metastore.Reference{Run: r.integer(), Task: r.integer(), Attempt: r.int(), Name: r.text(), Hash: r.hash()}, nil
	}
	return rows(ctx, s, op, scan, references, after, list)
}

// SmallValues yields hash and length of every value kept in the database.
func (s *Store) SmallValues(ctx context.Context) iter.Seq2[metastore.SmallValue, error] {
	scan := func(r *row) (metastore.SmallValue, error) {
		return metastore.SmallValue{Hash: r.hash(), Size: r.integer()}, nil
	}
	return rows(ctx, s, "list values", scan, `SELECT hash, length(data) FROM blobs`)
}

// DeleteBlobs deletes those of the small values to which none of the runs refers.
func (s *Store) DeleteBlobs(ctx context.Context, hashes []metastore.Hash, unless metastore.RunSet) (int64, error) {
	after, list, err := runSet(unless)
	if err != nil {
		return 0, s.faultOf("delete values", err)
	}
	names := make([]string, len(hashes))
	for i, h := range hashes {
		names[i] = hex.EncodeToString(h[:])
	}
	var freed int64
	job := func(c *conn) error {
		freed = 0
		needed := make(map[metastore.Hash]bool)
		// Of a run that goes on there may be millions of references: SQLite goes through them without handing them out,
		// but for damaged ones, which nobody knows what they refer to.
		for r, err := range c.query(`SELECT hash FROM (`+references+`)
			WHERE hash IN (SELECT unhex(value) FROM json_each(?3)) OR typeof(hash) <> 'blob' OR length(hash) <> 32`,
			after, list, textList(names)) {
			if err != nil {
				return err
			}
			needed[r.hash()] = true
		}
		for i := range hashes {
			if needed[hashes[i]] {
				continue
			}
			for r, err := range c.query(`DELETE FROM blobs WHERE hash = ? RETURNING length(data)`, hashes[i][:]) {
				if err != nil {
					return err
				}
				freed += r.integer()
			}
		}
		return nil
	}
	err = s.freeing(ctx, func() error { return s.do(ctx, "delete values", job) })
	return freed, err
}

// Logs yields the logs that are kept in the database.
func (s *Store) Logs(ctx context.Context) iter.Seq2[metastore.LogEntry, error] {
	scan := func(r *row) (metastore.LogEntry, error) {
		return metastore.LogEntry{Run: r.integer(), Task: r.integer(), Attempt: r.int(), Size: r.integer()}, nil
	}
	return rows(ctx, s, "list logs", scan, `SELECT run, task, attempt, length(data) FROM logs`)
}

// Carried yields the log of each attempt that a resumed run carried over.
func (s *Store) Carried(ctx context.Context) iter.Seq2[metastore.CarriedLog, error] {
	scan := func(r *row) (metastore.CarriedLog, error) {
		return metastore.CarriedLog{Run: r.integer(), Task: r.integer(), Attempt: r.int(), Needs: r.integer()}, nil
	}
	return rows(ctx, s, "list carried tasks", scan, carriedLogs)
}

// Size returns how many bytes the database and its log take on disk.
func (s *Store) Size(context.Context) (int64, error) {
	var sum int64
	for _, suffix := range []string{"", "-wal", "-journal"} {
		st, err := os.Stat(s.path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fault.Of("look at the store", s.path+suffix, err)
		}
		sum += st.Size()
	}
	return sum, nil
}

// shrinkBy is how many pages are given back in one transaction. Others who write wait that long.
const shrinkBy = 500

// Shrink gives the space of what was deleted back to the file system. A store that was made before it could be
// shrunk in pieces is written anew if nobody else is there; afterwards it can be.
func (s *Store) Shrink(ctx context.Context, alone bool) error {
	if err := s.freeing(ctx, func() error { return s.shrink(ctx, alone) }); err != nil {
		return err
	}
	return s.restoreReserve(ctx)
}

func (s *Store) shrink(ctx context.Context, alone bool) error {
	const op = "shrink store"
	if err := s.writable(); err != nil {
		return s.faultOf(op, err)
	}
	c, err := dial(s.uri("mode", "rw"))
	if err != nil {
		return s.faultOf(op, err)
	}
	defer c.close()
	pragmas, by := writerPragmas, shrinkBy
	if s.spent.Load() {
		pragmas, by = pragmas+frugalPragmas, frugal
	}
	err = c.script(pragmas)
	if err == nil && s.journal {
		err = c.useJournal()
	}
	if err != nil {
		return s.faultOf(op, err)
	}
	mode, err := c.pragma("auto_vacuum")
	if err != nil {
		return s.faultOf(op, err)
	}
	for free := int64(-1); mode != 0; {
		if err := ctx.Err(); err != nil {
			return s.faultOf(op, err)
		}
		before := free
		if free, err = c.pragma("freelist_count"); err != nil {
			return s.faultOf(op, err)
		}
		if free == 0 || free == before {
			break
		}
		if err := insist(func() error { return c.drain(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", by)) }); err != nil {
			return s.faultOf(op, err)
		}
		if !alone {
			if err := metastore.GiveWay(ctx); err != nil {
				return s.faultOf(op, err)
			}
		}
	}
	if mode == 0 && alone {
		if err := insist(func() error { return c.script("PRAGMA auto_vacuum = INCREMENTAL; VACUUM") }); err != nil {
			return s.faultOf(op, err)
		}
	}
	// The database file itself shrinks when the log is moved into it: most of it while others write, the rest, which is
	// little then, while they wait. If somebody still reads an older state, whoever moves the log next does that.
	for _, how := range []string{"PASSIVE", "TRUNCATE"} {
		if err := c.drain("PRAGMA wal_checkpoint(" + how + ")"); err != nil && !isBusy(err) {
			return s.faultOf(op, err)
		}
	}
	return nil
}

// pragma returns the number that a pragma has.
func (c *conn) pragma(name string) (n int64, err error) {
	for r, err := range c.query("PRAGMA " + name) {
		if err != nil {
			return 0, err
		}
		n = r.integer()
	}
	return n, nil
}

// drain runs a statement that works while its rows are read.
func (c *conn) drain(sql string) error {
	for _, err := range c.query(sql) {
		if err != nil {
			return err
		}
	}
	return nil
}

// maxDamage is how many lines SQLite may say about damage.
const maxDamage = 20

// Check looks for damage of the database.
func (s *Store) Check(ctx context.Context, thorough bool) (metastore.Health, error) {
	const op = "check store"
	var h metastore.Health
	c, err := s.readers.get()
	if err != nil {
		return h, s.faultOf(op, err)
	}
	defer s.readers.put(c)
	v, err := readVersion(c)
	if err != nil {
		return h, s.faultOf(op, err)
	}
	h.Schema = v.schema
	how := "quick_check"
	if thorough {
		how = "integrity_check"
	}
	for r, err := range c.query(fmt.Sprintf("PRAGMA %s(%d)", how, maxDamage)) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return h, s.faultOf(op, err)
		}
		if line := r.text(); line != "ok" {
			h.Damage = append(h.Damage, line)
		}
	}
	for _, table := range belongings {
		for r, err := range c.query(`SELECT count(*) FROM ` + table + ` WHERE run IN (` + fmt.Sprintf(orphans, table) + `)`) {
			if err != nil {
				return h, s.faultOf(op, err)
			}
			h.Orphans += r.integer()
		}
	}
	free, err := c.pragma("freelist_count")
	if err != nil {
		return h, s.faultOf(op, err)
	}
	page, err := c.pragma("page_size")
	h.Free = free * page
	if err != nil || !thorough {
		return h, s.faultOf(op, err)
	}
	for r, err := range c.query(`SELECT run, task, attempt, name, hash, inline FROM artifacts WHERE inline IS NOT NULL`) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return h, s.faultOf(op, err)
		}
		ref := metastore.Reference{Run: r.integer(), Task: r.integer(), Attempt: r.int(), Name: r.text(), Hash: r.hash()}
		if sha256.Sum256(r.blob()) != ref.Hash {
			h.Values = append(h.Values, ref)
		}
	}
	return h, nil
}

// LogRecords yields what attempts say of their logs.
func (s *Store) LogRecords(ctx context.Context) iter.Seq2[metastore.LogRecord, error] {
	scan := func(r *row) (metastore.LogRecord, error) {
		return metastore.LogRecord{
			Run: r.integer(), Task: r.integer(), Attempt: r.int(), Kept: r.integer(), File: r.text(), There: r.bool(), Lines: r.integer(),
		}, nil
	}
	return rows(ctx, s, "read logs", scan, `
		SELECT a.run, a.task, a.n, k.run, a.log_file,
			EXISTS (SELECT 1 FROM logs AS l WHERE l.run = k.run AND l.task = a.task AND l.attempt = a.n), a.log_lines
		FROM attempts AS a
		JOIN (SELECT run AS of, id, coalesce(nullif(origin, 0), run) AS run FROM tasks) AS k ON k.of = a.run AND k.id = a.task
		WHERE a.log_lines > 0 AND a.status <> 'running'`)
}
