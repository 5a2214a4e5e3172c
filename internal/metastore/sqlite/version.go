package sqlite

import (
	"context"
	"sync"
)

// watch is the connection that tells whether others have committed something. SQLite counts that for each connection, so it is always
// the same one, which is opened when it is first needed and commits nothing itself.
type watch struct {
	mu   sync.Mutex
	conn *conn
}

// Version returns SQLite's data_version.
func (s *Store) Version(ctx context.Context) (int64, error) {
	const op = "look for changes"
	if err := ctx.Err(); err != nil {
		return 0, s.faultOf(op, err)
	}
	w := &s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		c, err := s.readers.dial()
		if err != nil {
			return 0, s.faultOf(op, err)
		}
		w.conn = c
	}
	for r, err := range w.conn.query("PRAGMA data_version") {
		if err != nil {
			return 0, s.faultOf(op, err)
		}
		return r.integer(), nil
	}
	return 0, nil
}

func (w *watch) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	c := w.conn
	w.conn = nil
	return c.close()
}
