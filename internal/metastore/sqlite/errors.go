package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/levadahq/levada/internal/fault"
)

// errDamaged marks content that no Levada wrote.
var errDamaged = errors.New("the file's content does not fit its schema")

// resultCode returns SQLite's primary result code of err, 0 if it is not SQLite's.
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool {
	c := resultCode(err)
	return c == lib.SQLITE_BUSY || c == lib.SQLITE_LOCKED
}

func isConstraint(err error) bool { return resultCode(err) == lib.SQLITE_CONSTRAINT }

// isLockError reports whether a file could not be locked, for another reason than that others have it locked.
func isLockError(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() {
	case lib.SQLITE_IOERR_LOCK, lib.SQLITE_IOERR_RDLOCK, lib.SQLITE_IOERR_UNLOCK, lib.SQLITE_IOERR_CHECKRESERVEDLOCK, lib.SQLITE_IOERR_SHMLOCK:
		return true
	}
	return false
}

// faultOf turns an error into a fault about the store. Faults stay as they are.
func (s *Store) faultOf(op string, err error) error {
	if resultCode(err) != 0 && s.file != nil {
		if gone := s.Present(); gone != nil { // which is why SQLite cannot do it
			return gone
		}
	}
	return faultOf(op, s.path, err)
}

func faultOf(op, path string, err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	problem := func(kind fault.Kind, message string) *fault.Error {
		f := fault.New(kind, "%s", message).On(path).Because(err)
		f.Op = op
		return f
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return problem(fault.Interrupted, "")
	}
	if errors.Is(err, errDamaged) {
		return damaged(problem(fault.Corrupt, "the store is damaged"))
	}
	code := resultCode(err)
	if code == lib.SQLITE_FULL || (code == lib.SQLITE_IOERR || code == lib.SQLITE_CANTOPEN) && diskIsFull(path) {
		return full(problem(fault.NoSpace, "the disk is full, or the quota used up"))
	}
	switch code {
	case lib.SQLITE_IOERR:
		if isLockError(err) {
			return problem(fault.Unavailable, "the file system does not lock files, without which processes would overwrite what others store").
				Do("Mount it with locks (Lustre: the option flock), or put the store on another one: set LEVADA_HOME to a folder there.")
		}
		return problem(fault.Unavailable, "the disk failed to read or write").
			Do("Look for disk errors in the system's log.")
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return problem(fault.Permission, "the store cannot be opened or written").
			Do("Make %s and its folder writable, or choose another folder (for the store, set LEVADA_HOME).", path)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return damaged(problem(fault.Corrupt, "the store is damaged or is not a Levada store"))
	case lib.SQLITE_CONSTRAINT:
		return problem(fault.Conflict, "the record exists already")
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		f := problem(fault.Conflict, "another process keeps the store locked")
		if networked(path) {
			return f.Do("Look for a process, here or on another machine, that hangs while it has %s open. If there is none, the locks of "+
				"this network file system do not work: put the store on another one, by LEVADA_HOME.", path)
		}
		return f.Do("Look for a process that hangs while it has %s open.", path)
	}
	return problem(fault.Internal, "")
}

// full says what to do: what was interrupted is a run only if it was recording.
func full(f *fault.Error) *fault.Error {
	then := "try again"
	switch f.Op {
	case "record", "end run", "renew lease":
		then = "resume the run"
	}
	return f.Do("Free some space on the disk that holds %s, or of your quota there, then %s.", f.Subject, then)
}

func damaged(f *fault.Error) *fault.Error {
	return f.Do("Restore the file from a backup, or save what can be read into a new one with `sqlite3 %s .recover`, or `.dump` if that recovers nothing, "+
		"and check its size before you use it. Values above 64 KiB are in files beside it and are not affected.", f.Subject)
}

// patience is how long other processes may hold the store's write lock before an
// operation gives up.
const patience = 20 * time.Second

// insist calls f until it ends with anything but "busy", for as long as patience
// lasts. Its short random pauses let several processes take turns, which
// SQLite's own busy handler, pausing up to 100 ms, does not.
func insist(f func() error) error { return insistFor(patience, f) }

func insistFor(patience time.Duration, f func() error) error {
	pause := 500 * time.Microsecond
	for began := time.Now(); ; {
		err := f()
		if !isBusy(err) || time.Since(began) > patience {
			return err
		}
		time.Sleep(pause + rand.N(pause))
		pause = min(2*pause, 5*time.Millisecond)
	}
}
