package sqlite

import (
	"os"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// In WAL mode, all who have the database open share memory, so they must be on one machine; if two machines write, the
// database is lost. On a network file system a store is therefore written with a rollback journal. What is to be
// changed is copied to a file beside the database first, and all that processes tell each other are locks on the
// database file, which such file systems pass on. The mode is kept in the database. Once a store is in this mode it
// stays there, wherever it is moved: what is a local disk for a file server is a network for its clients.
//
// The price is that a commit waits for readers, and readers for a commit. So nobody may read for long: [rows] reads
// everything before it yields anything, and a commit has patience.

// networked tells whether a path is on a network file system. Tests say that it is.
var networked = onNetwork

// Settings of every connection to a store with a rollback journal. A commit waits for readers two minutes at most.
// Nothing is written into the database before the commit, since that would have to wait for readers, too.
const journalPragmas = `
	PRAGMA busy_timeout = 120000;
	PRAGMA cache_spill = 0;
`

// useJournal sets up a connection to a store with a rollback journal. The journal is emptied instead of deleted:
// machines remember for a minute which files a folder of a network has, and would not see one that another machine
// left. A store in WAL mode stays in it.
func (c *conn) useJournal() error {
	if err := c.script(journalPragmas); err != nil {
		return err
	}
	mode, err := c.journalMode()
	if err == nil && mode != "wal" {
		_, err = c.setJournalMode("TRUNCATE")
	}
	return err
}

// journalMode returns how a database is written: "wal", or else it has a rollback journal.
func (c *conn) journalMode() (mode string, err error) {
	for r, err := range c.query("PRAGMA journal_mode") {
		if err != nil {
			return "", err
		}
		mode = r.text()
	}
	return mode, nil
}

// setJournalMode changes how a database is written, if it can be, and returns how it is.
func (c *conn) setJournalMode(to string) (mode string, err error) {
	for r, err := range c.query("PRAGMA journal_mode = " + to) {
		if err != nil {
			return "", err
		}
		mode = r.text()
	}
	return mode, nil
}

// settle finds out how the database is written, and sees to it that it is not WAL on a network file system.
func (s *Store) settle(c *conn) error {
	mode, err := c.journalMode()
	if err != nil {
		return err
	}
	if mode == "wal" && networked(s.path) {
		err := insistFor(time.Second, func() error { // another process may be doing the same
			mode, err = c.setJournalMode("DELETE")
			return err
		})
		if isBusy(err) {
			return fault.New(fault.Conflict, "the store is on a network file system, and another process has it open in a way that is safe on one machine only").
				On(s.path).
				Do("Let the flows and servers that use this store end, or stop them. Then run this again: from then on, several machines may use the store.")
		} else if err != nil {
			return err
		}
	}
	if s.journal = mode != "wal"; s.journal {
		return c.useJournal()
	}
	return nil
}

// hasJournal reports whether a change of the database is half done. Whoever made it may be at it, or may have died, in
// which case whoever reads next undoes it.
func (s *Store) hasJournal() bool {
	st, err := os.Stat(s.path + "-journal")
	return err == nil && st.Size() > 0
}
