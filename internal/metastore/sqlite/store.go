// Package sqlite is the embedded metadata store: one SQLite file in the store's folder.
//
// Writing. One goroutine writes. It takes everything that is queued, commits it
// in one transaction and then tells each record's Done (group commit), so the
// cost of making a transaction durable is shared by all records that arrived
// meanwhile. Several processes may have the store open: SQLite's lock lets one
// commit at a time, transactions are short, and a process waits its turn.
//
// Durability. The database is in WAL mode with synchronous=FULL: a commit
// returns after fsync, so neither a crash nor a power cut loses a committed
// record. On a network file system it has a rollback journal instead (journal.go).
//
// Reading. Readers have connections of their own, opened when first needed. In
// WAL mode they see the last commit, never wait for the writer, and it does not
// wait for them.
//
// Schema. The files in migrations are applied in the order of their numbers, all
// in one transaction, when a store is opened; PRAGMA user_version counts those
// that were. A store that a newer Levada wrote is refused.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
)

// Options say how to open a store. The zero value is what a run wants.
type Options struct {
	// ReadOnly opens an existing store for reading: nothing is created, and the
	// folder need not be writable. Writing fails with Permission.
	ReadOnly bool
	// Linger is how long a record that is not Soon waits for others to share its commit
	// with. Zero means [DefaultLinger], a negative value no wait at all.
	Linger time.Duration
	// Reserve keeps a file in the folder whose room is for freeing space on a full disk.
	Reserve bool
	// Spend lets the store give the reserve up to be opened, where there is no other
	// room. For what frees space any store does.
	Spend bool
}

// DefaultLinger is how long a record waits for company.
const DefaultLinger = 8 * time.Millisecond

// Store is a metadata store in a SQLite file. All methods may be called
// concurrently.
type Store struct {
	path    string
	file    os.FileInfo // of the database that is open
	writer  *writer     // nil if opened for reading only
	readers pool
	journal bool // the database has a rollback journal instead of a write-ahead log

	spent atomic.Bool // the reserve was, and is to be made again

	counts     blocks[metastore.TaskCount]   // of tasks that are over
	stepCounts blocks[[]metastore.StepCount] // the same by step
	steps      blocks[map[string]int]        // of tasks by step, over or not

	watch struct { // the connection that looks for changes, dialed when first needed
		mu   sync.Mutex
		conn *conn
	}
}

var (
	_ metastore.Store = (*Store)(nil)
	_ metastore.Guest = (*Store)(nil)
)

// Open opens the store in folder, which is created if it is not there, and
// brings its schema up to date. Errors: Permission, NoSpace, Corrupt; Unavailable
// if a newer Levada wrote the store; NotFound if it is to be read and is not there.
func Open(ctx context.Context, folder string, o Options) (*Store, error) {
	const op = "open store"
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, faultOf(op, folder, err)
	}
	s := &Store{path: filepath.Join(folder, layout.Database)}
	if o.ReadOnly {
		err = s.openForReading(ctx)
	} else {
		err = s.openForWriting(ctx, o)
	}
	if err == nil && o.ReadOnly {
		s.file, err = os.Stat(s.path)
	}
	if err != nil {
		return nil, s.faultOf(op, err)
	}
	return s, nil
}

// Present returns a fault of kind NotFound if the database that is open is no longer the file at its path: SQLite would
// go on writing to a file that has no name any more, and all of that would be gone when it is closed.
func (s *Store) Present() error {
	now, err := os.Stat(s.path)
	what := "deleted or moved away"
	switch {
	case err == nil && os.SameFile(s.file, now):
		return nil
	case err == nil:
		what = "replaced by another"
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return nil // that it cannot be looked for does not say that it is not there
	}
	return fault.New(fault.NotFound, "the store was %s while it was in use, so nothing more can be stored in it", what).On(s.path).
		Do("Restore it if you can, or start a new one; then run the flow again, and restart any server of this store.")
}

func (s *Store) openForWriting(ctx context.Context, o Options) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o777); err != nil {
		return fault.Of("create folder", filepath.Dir(s.path), err)
	}
	c, err := s.dialWriter(ctx)
	if fault.Is(s.faultOf("", err), fault.NoSpace) && o.Spend && s.spendReserve() {
		if c, err = s.dialWriter(ctx); err == nil {
			if err = c.script(frugalPragmas); err != nil {
				c.close()
			}
		}
	}
	if err != nil {
		if s.spent.Load() {
			s.makeReserve(reserveSize)
		}
		return err
	}
	if s.file, err = os.Stat(s.path); err != nil {
		c.close()
		return err
	}
	if o.Reserve && !s.spent.Load() {
		s.makeReserve(ample)
	}
	s.readers.dial = s.dialReader
	s.writer = startWriter(s, c, o)
	return nil
}

// dialWriter opens the writing connection and brings the schema up to date.
func (s *Store) dialWriter(ctx context.Context) (*conn, error) {
	c, err := dial(s.uri("mode", "rwc"))
	if err != nil {
		return nil, err
	}
	err = insist(func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.script(writerPragmas); err != nil {
			return err
		}
		if err := migrate(c, s.path); err != nil {
			return err
		}
		return s.settle(c)
	})
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (s *Store) openForReading(ctx context.Context) error {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no store here").On(filepath.Dir(s.path)).
			Do("Run a flow in this folder first, or name the folder that holds the store.")
	} else if err != nil {
		return fault.Of("open store", s.path, err)
	}
	c, locks, err := s.firstReader()
	if err != nil {
		return err
	}
	v, err := readVersion(c)
	if err == nil {
		err = v.check(s.path)
	}
	var mode string
	if err == nil {
		mode, err = c.journalMode()
	}
	if err != nil {
		c.close()
		return err
	}
	s.journal = locks && mode != "wal"
	old, unsafe := v.schema != latest(), locks && mode == "wal" && networked(s.path)
	switch {
	case old || unsafe:
		c.close()
		w, err := s.dialWriter(ctx) // which brings the schema up to date, and the store into a mode that is safe
		if err == nil {
			return w.close()
		}
		if old || !fault.Is(s.faultOf("", err), fault.Permission) {
			return err
		} // else it is not for us to change: it is read as it is
	case s.journal:
		c.close() // the readers of such a store are others
	default:
		s.readers.put(c)
	}
	return nil
}

// firstReader opens the first connection for reading, in the way that there is, in which others are opened then. Some
// ways do without locks.
func (s *Store) firstReader() (c *conn, locks bool, err error) {
	s.journal = s.hasJournal() // a dead process may have left it: readers undo what that says
	s.readers.dial = s.dialReader
	c, err = s.readers.dial()
	code := resultCode(err)
	forbidden := code == lib.SQLITE_CANTOPEN || code == lib.SQLITE_READONLY
	switch {
	case forbidden && s.journal:
		return nil, false, fault.New(fault.Permission, "a process died while it changed the store: that has to be undone first, and you may not write there").
			On(s.path).Because(err).Do("Ask somebody who may to run `levada runs`, which undoes it.")
	case (forbidden || code == lib.SQLITE_IOERR) && !s.journal && !s.hasLog():
		// A store at rest in a folder where SQLite may not create its lock files, or on a disk
		// without space for them: nobody can be writing, so it can be read without locks.
		s.readers.dial = func() (*conn, error) { return dialReader(s.uri("immutable", "1")) }
	case forbidden && !s.hasIndex():
		// The same with a log that a killed process left, or that was copied with the database. Who has a store open
		// has an index beside the log, so nobody has. SQLite makes the index in memory if no other connection may need
		// it: each of ours has its own, and without locks none is in the way of the others.
		s.readers.dial = func() (*conn, error) {
			return dialReader(s.uri("mode", "ro", "vfs", "unix-none"), func(c *conn) error {
				return c.script("PRAGMA locking_mode = EXCLUSIVE")
			})
		}
	case code == lib.SQLITE_IOERR && s.hasLog():
		// No room for the index of the log, or to change the one that a dead process left. SQLite reads it, if others
		// keep it up to date, or else makes one in memory.
		s.readers.dial = func() (*conn, error) { return dialReader(s.uri("mode", "ro", "readonly_shm", "1")) }
	default:
		return c, true, err
	}
	c, err = s.readers.dial()
	return c, false, err
}

// hasLog reports whether there is a write-ahead log with commits that may not be
// in the database file yet.
func (s *Store) hasLog() bool {
	st, err := os.Stat(s.path + "-wal")
	return err == nil && st.Size() > 0
}

// hasIndex reports whether the log has the index that all who have the store open share.
func (s *Store) hasIndex() bool {
	_, err := os.Stat(s.path + "-shm")
	return err == nil
}

// uri returns the database file as a URI for SQLite with parameters, names and values in turn.
func (s *Store) uri(parameters ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	u := url.URL{Scheme: "file", Path: s.path, RawQuery: q.Encode()}
	return u.String()
}

// Close commits what is queued and releases the store. The writing connection goes
// last: if no other process has the store open, SQLite then moves the log into the
// database and leaves a single file.
func (s *Store) Close() error {
	s.watch.mu.Lock()
	if s.watch.conn != nil {
		s.readers.put(s.watch.conn)
		s.watch.conn = nil
	}
	s.watch.mu.Unlock()
	err := s.readers.close()
	if s.writer != nil {
		err = errors.Join(err, s.writer.close())
	}
	if s.spent.Load() {
		s.makeReserve(reserveSize)
	}
	return s.faultOf("close store", err)
}

// Settings of a connection. The writer's: waiting for the lock is [insist]'s, not
// SQLite's; 16 MB of pages cached, so that the upper levels of every tree stay in
// memory; a checkpoint about every 16 MB instead of 4, because it fsyncs the
// database; and a log that once grew large is cut back.
const writerPragmas = `
	PRAGMA busy_timeout = 0;
	PRAGMA synchronous = FULL;
	PRAGMA cache_size = -16384;
	PRAGMA temp_store = MEMORY;
	PRAGMA journal_size_limit = 67108864;
` + amplePragmas

const amplePragmas = `
	PRAGMA wal_autocheckpoint = 4000;
`

// Settings of a connection that writes in the room of the reserve.
var frugalPragmas = fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", frugal)

// A reader may meet a lock only while another process recovers or removes the log.
const readerPragmas = `
	PRAGMA busy_timeout = 20000;
	PRAGMA query_only = 1;
	PRAGMA cache_size = -8192;
	PRAGMA temp_store = MEMORY;
`

// dialReader opens a connection for reading.
func (s *Store) dialReader() (*conn, error) {
	if !s.journal {
		return dialReader(s.uri("mode", "ro"))
	}
	// It may have to undo what a process left that died. Queries write nothing.
	return dialReader(s.uri("mode", "rw"), (*conn).useJournal)
}

// dialReader opens a connection for reading; first is what must be done before anything else.
func dialReader(uri string, first ...func(*conn) error) (*conn, error) {
	c, err := dial(uri)
	if err != nil {
		return nil, err
	}
	for _, do := range first {
		if err := do(c); err != nil {
			c.close()
			return nil, err
		}
	}
	if err := c.script(readerPragmas); err != nil {
		c.close()
		return nil, err
	}
	// The file is only opened by the first real access to it.
	if _, err := readVersion(c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// pool holds the connections that readers are not using. There are as many
// connections as there were readers at once; idle ones beyond a few are closed.
type pool struct {
	dial func() (*conn, error)

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

const maxIdleReaders = 4

func (p *pool) get() (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosed()
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.dial()
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdleReaders {
		c.close()
		return
	}
	p.idle = append(p.idle, c)
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}

func errClosed() error { return fault.New(fault.Internal, "the store is closed") }
