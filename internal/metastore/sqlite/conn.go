package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"iter"
	"time"

	"modernc.org/sqlite"

	"github.com/levadahq/levada/internal/metastore"
)

// conn is one connection to the database file with the statements prepared on
// it. It speaks to the driver without database/sql in between, which would cost
// more than SQLite itself for rows as small as ours. One goroutine at a time
// uses a conn.
type conn struct {
	driver     driver.Conn
	statements map[string]*statement
}

// statement is a prepared statement with room for its arguments and its row.
type statement struct {
	driver driver.Stmt
	args   []driver.NamedValue
	row    row
}

// dial opens a connection. dsn is a file URI.
func dial(dsn string) (*conn, error) {
	c, err := new(sqlite.Driver).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &conn{driver: c, statements: make(map[string]*statement)}, nil
}

func (c *conn) close() error {
	for _, s := range c.statements {
		s.driver.Close()
	}
	return c.driver.Close()
}

// script runs SQL of any number of statements, without arguments.
func (c *conn) script(sql string) error {
	_, err := c.driver.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

// prepare returns the prepared statement for sql, which must be one of a fixed
// set of texts: statements are kept as long as the connection.
func (c *conn) prepare(sql string) (*statement, error) {
	if s := c.statements[sql]; s != nil {
		return s, nil
	}
	d, err := c.driver.Prepare(sql)
	if err != nil {
		return nil, err
	}
	s := &statement{driver: d}
	c.statements[sql] = s
	return s, nil
}

// exec runs a statement that returns no rows and tells how many it changed.
// Arguments are int64, string, []byte or nil.
func (c *conn) exec(sql string, args ...driver.Value) (driver.Result, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	return s.exec(args...)
}

// query yields the rows that a statement returns. A row is only valid until the
// next; after one of which a value could not be read it yields that error and ends.
// Queries of the same text must not be nested in each other.
func (c *conn) query(sql string, args ...driver.Value) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		s, err := c.prepare(sql)
		if err != nil {
			yield(nil, err)
			return
		}
		rows, err := s.driver.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(args))
		if err != nil {
			yield(nil, err)
			return
		}
		defer rows.Close()
		if n := len(rows.Columns()); len(s.row.values) != n {
			s.row.values = make([]driver.Value, n)
		}
		for {
			if err := rows.Next(s.row.values); err == io.EOF {
				return
			} else if err != nil {
				yield(nil, err)
				return
			}
			s.row.column, s.row.err = 0, nil
			if !yield(&s.row, nil) {
				return
			}
			if s.row.err != nil {
				yield(nil, s.row.err)
				return
			}
		}
	}
}

func (s *statement) exec(args ...driver.Value) (driver.Result, error) {
	return s.driver.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(args))
}

func (s *statement) bind(args []driver.Value) []driver.NamedValue {
	if len(s.args) != len(args) {
		s.args = make([]driver.NamedValue, len(args))
	}
	for i, a := range args {
		s.args[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return s.args
}

// row is one row of a result. Its methods read one column after another. The
// tables are STRICT, so a value of another type than asked for means a damaged
// file or a mistaken query; it is kept in err, which [conn.query] looks at.
type row struct {
	values []driver.Value
	column int
	err    error
}

func (r *row) next() driver.Value {
	v := r.values[r.column]
	r.column++
	return v
}

func (r *row) mismatch(v driver.Value) {
	if r.err == nil {
		r.err = fmt.Errorf("column %d holds a %T: %w", r.column-1, v, errDamaged)
	}
}

func (r *row) integer() int64 {
	v := r.next()
	n, ok := v.(int64)
	if !ok {
		r.mismatch(v)
	}
	return n
}

func (r *row) int() int { return int(r.integer()) }

func (r *row) bool() bool { return r.integer() != 0 }

func (r *row) text() string {
	v := r.next()
	s, ok := v.(string)
	if !ok {
		r.mismatch(v)
	}
	return s
}

// blob returns nil for NULL and an empty slice for an empty blob.
func (r *row) blob() []byte {
	v := r.next()
	if v == nil {
		return nil
	}
	b, ok := v.([]byte)
	if !ok {
		r.mismatch(v)
	}
	if b == nil {
		return []byte{}
	}
	return b
}

func (r *row) hash() (h metastore.Hash) {
	if b := r.blob(); b != nil && copy(h[:], b) != len(h) {
		r.mismatch(b)
	}
	return h
}

func (r *row) time() time.Time {
	if n := r.integer(); n != 0 {
		return time.UnixMicro(n).UTC()
	}
	return time.Time{}
}

func (r *row) duration() time.Duration {
	return time.Duration(r.integer()) * time.Microsecond
}

// The counterparts: values as arguments.

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// nullable gives nil for NULL.
func nullable(b []byte) driver.Value {
	if b == nil {
		return nil
	}
	return b
}

// nonEmpty gives NULL for no bytes.
func nonEmpty(b []byte) driver.Value {
	if len(b) == 0 {
		return nil
	}
	return b
}

// nullableHash gives NULL for the zero hash.
func nullableHash(h *metastore.Hash) driver.Value {
	if *h == (metastore.Hash{}) {
		return nil
	}
	return h[:]
}
