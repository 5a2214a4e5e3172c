package sqlite

import (
	"time"

	"github.com/levadahq/levada/internal/metastore"
)

// marked keeps the mark of a write and reports whether it was there, in which case there is nothing
// to write. run is what the write creates.
func (w *writer) marked(c *conn, m metastore.Mark, run int64) (bool, error) {
	if err := w.forgetMarks(c, m); err != nil {
		return false, err
	}
	res, err := c.exec(`INSERT OR IGNORE INTO marks (writer, batch, item, run, at) VALUES (?, ?, ?, ?, ?)`,
		m.Writer, m.Batch, int64(m.Item), run, micros(time.Now()))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 0, err
}

// markedRun returns the run that was created with a mark, 0 if none was.
func markedRun(c *conn, m metastore.Mark) (run int64, err error) {
	for r, err := range c.query(`SELECT run FROM marks WHERE writer = ? AND batch = ? AND item = ?`, m.Writer, m.Batch, int64(m.Item)) {
		if err != nil {
			return 0, err
		}
		run = r.integer()
	}
	return run, nil
}

// maxBatches is of how many writers it is remembered at which batch they are.
const maxBatches = 1000

// forgetMarks deletes the marks that are not needed any more, when a writer comes with its first write of a batch. If
// the transaction does not come to its end, the next batch deletes them.
func (w *writer) forgetMarks(c *conn, m metastore.Mark) error {
	at, known := w.batches[m.Writer]
	if known && m.Batch <= at {
		return nil
	}
	if w.batches == nil || len(w.batches) >= maxBatches {
		w.batches = make(map[string]int64)
	}
	w.batches[m.Writer] = m.Batch
	if _, err := c.exec(`DELETE FROM marks WHERE writer = ? AND batch < ?`, m.Writer, m.Batch); err != nil || known {
		return err
	}
	_, err := c.exec(`DELETE FROM marks WHERE at < ?`, micros(time.Now().Add(-metastore.MarksKept)))
	return err
}
