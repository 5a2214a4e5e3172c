package metastore

import (
	"context"
	"iter"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// Forgetter removes runs, and tells what those that stay refer to.
//
// What belongs to a run goes with its row, or right after it. What runs share, small values and logs, goes when nobody
// refers to it any more: which values those are is found out without the lock that writers take, and looked at once
// more, under it, for the runs that may have got new records since ([RunSet]).
type Forgetter interface {
	// Remove deletes runs with all that belongs to them, in one transaction, or, where that would keep others from
	// recording for long, the runs in one and then, piece by piece, what belongs to them. An id that is not there is no
	// error; that a run still goes on is for the caller to know. Logs stay as long as a task that another run carried
	// over needs them. Without runs it deletes what is left of runs that are not there.
	Remove(ctx context.Context, runs []int64) error
	// References yields what the records of runs refer to, in any order, values that are in their record aside.
	References(ctx context.Context, of RunSet) iter.Seq2[Reference, error]
	// SmallValues yields hash and length of every value kept in the database.
	SmallValues(ctx context.Context) iter.Seq2[SmallValue, error]
	// DeleteBlobs deletes those of the small values to which none of the runs refers, in one transaction, and returns
	// how many bytes they had.
	DeleteBlobs(ctx context.Context, hashes []Hash, unless RunSet) (int64, error)
	// Logs yields the logs that are kept in the database.
	Logs(ctx context.Context) iter.Seq2[LogEntry, error]
	// Carried yields the log of each attempt that a resumed run carried over: where it is, and who needs it.
	Carried(ctx context.Context) iter.Seq2[CarriedLog, error]
}

// Keeper looks after the store's own files.
type Keeper interface {
	// Size returns how many bytes the store takes on disk.
	Size(ctx context.Context) (int64, error)
	// Shrink gives the space of what was deleted back to the file system. Beside others it does so in small pieces and
	// gives them way in between. alone says that there are none: then it also writes a store anew that cannot be shrunk
	// in pieces, for which writers would have to wait.
	Shrink(ctx context.Context, alone bool) error
	// Check looks for damage of the store itself. thorough reads all of it.
	Check(ctx context.Context, thorough bool) (Health, error)
	// LogRecords yields what attempts say of their logs, those that ended and printed something.
	LogRecords(ctx context.Context) iter.Seq2[LogRecord, error]
}

// RunSet names runs: those with an id above After, and those in Runs. The zero RunSet is all runs.
type RunSet struct {
	After int64
	Runs  []int64
}

// Reference says that a record needs a value.
type Reference struct {
	Run     int64
	Task    int64 // -1 if the run itself needs it
	Attempt int
	Name    string // of the artifact, or one of the names below
	Hash    Hash
}

// The names of references that are not artifacts. No artifact can have such a name.
const (
	ReferenceDefinition = "definition of the flow"
	ReferenceCode       = "code package"
	ReferenceItems      = "elements of the foreach"
	ReferenceCard       = "HTML of a card"
	ReferenceCardData   = "data of a card"
)

// SmallValue is a value that is kept in the database.
type SmallValue struct {
	Hash Hash
	Size int64
}

// LogEntry is a log that is kept in the database.
type LogEntry struct {
	Run, Task int64
	Attempt   int
	Size      int64
}

// CarriedLog is the log of an attempt that was carried over: the run, of the task's Origin, that it
// is kept with, and the one that needs it.
type CarriedLog struct {
	Run, Task int64
	Attempt   int
	Needs     int64
}

// Health is what was found out about a store itself.
type Health struct {
	Schema  int      // number of the last migration
	Damage  []string // what is wrong with the file; empty if it is sound
	Orphans int64    // rows that belong to runs that are not there
	Free    int64    // bytes of the file that hold nothing
	// Values are the artifacts whose bytes, in their record, are not those of their hash. Only a thorough check looks.
	Values []Reference
}

// LogRecord is what an attempt says of its log.
type LogRecord struct {
	Run, Task int64
	Attempt   int
	Kept      int64  // the run that it is kept with: another one if the task was carried over
	File      string // the name of its file; empty if it is in the database
	There     bool   // it is in the database
	Lines     int64  // that were printed
}

// givenWay is longer than who waits for a store's lock pauses before it asks again.
const givenWay = 12 * time.Millisecond

// GiveWay is called between transactions of one who has many: others who wait to write get
// to it meanwhile. Interrupted if ctx ends.
func GiveWay(ctx context.Context) error {
	select {
	case <-time.After(givenWay):
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Interrupted, "give way to others", ctx.Err())
	}
}
