package upkeep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/tasklog"
)

// Store is a store to be kept in order.
type Store struct {
	Meta metastore.Store
	Data *datastore.Store
	Home string // its folder
	Here metastore.Place
	// Status returns the honest status of a run: whether one that is recorded as running still goes on. Of
	// one that is over only because nothing is heard of it, it returns until when it may be heard of
	// again; that is zero if it cannot be any more.
	Status func(metastore.Run) (status metastore.RunStatus, silent time.Time)
	Now    func() time.Time
}

// Mode is how runs are removed.
type Mode struct {
	Dry bool // only say what would go
	// Force removes also runs that fell silent a short while ago and may come back,
	// and the values of a store without any run.
	Force bool
}

// Share is a run that goes, and the bytes of values and logs that go with it: those that no run needs that stays. What
// several need that go counts for the newest.
type Share struct {
	Run   metastore.Run
	Bytes int64
}

// Collected is what was removed and freed, or would be.
type Collected struct {
	Runs       []Share // newest first
	Unneeded   int64   // bytes of values and logs that nobody referred to already
	Held       int64   // bytes of files that go another time: a flow that runs now may be about to need them
	Leftovers  int     // files and folders that dead processes left
	LeftBehind int64   // bytes in them
	// Unclaimed is bytes of values that stay since there is no run at all, as if
	// the database was lost and a new one made.
	Unclaimed  int64
	Unfinished int64 // bytes of files that somebody writes, or may be writing on another machine: they stay
	// Silent are runs that the rules select and that stay, since they may come back: the last of them until Until.
	Silent []int64
	Until  time.Time
	// Freed is how many bytes less the store takes on disk: the files that were deleted, and by how much the database
	// has shrunk. 0 if nothing was done.
	Freed int64
	// Stuck is how many files and folders were to go and could not be deleted, and StuckBytes what is in them. They are
	// counted above as if they had gone, for no run has them any more.
	Stuck      int
	StuckBytes int64
}

// Bytes is all that goes: values, logs and leftovers. Records are not counted.
func (c Collected) Bytes() int64 {
	sum := c.Unneeded + c.LeftBehind
	for _, s := range c.Runs {
		sum += s.Bytes
	}
	return sum
}

// Remove removes runs, whichever way they ended, and frees what nobody needs then. Conflict if one of them goes
// on, or may come back: nothing is removed then. If files cannot be deleted, the error says so, beside what was removed.
func (s *Store) Remove(ctx context.Context, ids []int64, m Mode) (Collected, error) {
	return s.collect(ctx, m, func(runs []metastore.Run, silent map[int64]time.Time) ([]metastore.Run, error) {
		var gone []metastore.Run
		for _, r := range runs {
			if !slices.Contains(ids, r.ID) {
				continue
			}
			if r.Status == metastore.RunRunning {
				how := fmt.Sprintf("Ctrl-C, or `kill %d`", r.Lease.PID)
				if !r.Lease.In(s.Here) {
					// The process of this number here is another.
					how = fmt.Sprintf("Ctrl-C there, or `levada cancel %d`", r.ID)
				}
				return nil, fault.New(fault.Conflict, "run %d is still running, in process %d on %s", r.ID, r.Lease.PID, r.Lease.Host).
					Do("stop it first (%s), or wait until it has ended", how)
			}
			if until := silent[r.ID]; !until.IsZero() && !m.Force {
				return nil, mayReturn(r, until, s.Now())
			}
			gone = append(gone, r)
		}
		return gone, nil
	})
}

// mayReturn says why a run stays that fell silent.
func mayReturn(r metastore.Run, until, now time.Time) error {
	return fault.New(fault.Conflict, "run %d was last heard of %s ago, from process %d on %s, and may come back until %s: its machine may be asleep, paused or disconnected",
		r.ID, now.Sub(r.Lease.Heartbeat).Round(time.Second), r.Lease.PID, r.Lease.Host, until.Local().Format(time.TimeOnly)).
		Do("stop it there, or wait until then; if it is gone for good, --force removes it now")
}

// Collect removes the runs that the rules select and frees what nobody needs then; without rules only
// the latter. Runs that may come back stay.
func (s *Store) Collect(ctx context.Context, rules Rules, m Mode) (Collected, error) {
	if err := rules.Check(); err != nil {
		return Collected{}, err
	}
	var spared []int64
	var last time.Time
	c, err := s.collect(ctx, m, func(runs []metastore.Run, silent map[int64]time.Time) ([]metastore.Run, error) {
		gone := rules.Select(runs, s.Now())
		if m.Force {
			return gone, nil
		}
		return slices.DeleteFunc(gone, func(r metastore.Run) bool {
			until, may := silent[r.ID]
			if may {
				spared = append(spared, r.ID)
				if until.After(last) {
					last = until
				}
			}
			return may
		}), nil
	})
	c.Silent, c.Until = spared, last
	return c, err
}

// chooser chooses the runs that go, of all with their honest statuses. silent are those that may come back, until when.
type chooser func(runs []metastore.Run, silent map[int64]time.Time) ([]metastore.Run, error)

// found is what there is in a store, as far as it decides what goes.
type found struct {
	now     time.Time
	runs    []metastore.Run // all, with their honest statuses
	gone    []metastore.Run // of them, those that are to go
	since   metastore.RunSet
	engines engines
	account *ledger // of the values and logs in the database, and who needs them
	files   []datastore.File
	rows    []metastore.Hash
	logs    []logFile
	parts   []blob.Part
}

// plan is what is to be done.
type plan struct {
	Collected
	since  metastore.RunSet // runs that can have got new records since the plan was made
	rows   []metastore.Hash
	files  []datastore.File
	logs   []logFile
	remove []leftover
	parts  []blob.Part
}

// collect finds out what there is, decides what of it goes, and does that.
func (s *Store) collect(ctx context.Context, m Mode, choose chooser) (Collected, error) {
	f, err := s.find(ctx, choose)
	if err != nil {
		return Collected{}, err
	}
	p := decide(f, m.Force)
	if m.Dry {
		return p.Collected, nil
	}
	size, err := s.Meta.Size(ctx)
	if err != nil {
		return Collected{}, err
	}
	var stuck remains
	freed, err := s.carryOut(ctx, p, &stuck)
	if err != nil {
		return Collected{}, err
	}
	after, err := s.Meta.Size(ctx)
	p.Freed = freed + max(0, size-after) // flows that go on meanwhile let it grow
	p.Stuck, p.StuckBytes = stuck.count, stuck.bytes
	return p.Collected, cmp.Or(err, stuck.problem(len(f.gone) == len(f.runs)))
}

// remains is what could not be deleted of what was to go.
type remains struct {
	count int
	bytes int64
	why   error // of the first; it names its path
}

func (r *remains) add(bytes int64, err error) {
	r.count++
	r.bytes += bytes
	r.why = cmp.Or(r.why, err)
}

// problem is the error that says so, nil if all is gone. It may be another user's: a folder in staging is private. Where
// no run is left, gc deletes values only if it is told to.
func (r *remains) problem(noRuns bool) error {
	if r.count == 0 {
		return nil
	}
	gc := "levada gc"
	if noRuns {
		gc += " --force"
	}
	why := r.why
	if of, ok := errors.AsType[*fs.PathError](why); ok {
		why = of // it has the path, and the fault around it repeats it
	}
	return fault.New(fault.KindOf(fault.Of("", "", why)), "%s could not be deleted", count(r.count, "file or folder")).Because(why).
		Do("Everything else that was to go is gone. Give yourself access to the folder, then run `%s`, or run that as the user who owns it.", gc)
}

// find finds out what there is. Nothing waits for it.
func (s *Store) find(ctx context.Context, choose chooser) (f found, err error) {
	// Folders of logs first: one that is there belongs to a run that is recorded already.
	if f.logs, err = s.logFiles(); err != nil {
		return f, err
	}
	silent := make(map[int64]time.Time)
	for r, err := range s.Meta.Runs(ctx, metastore.RunFilter{Spun: true}) {
		if err != nil {
			return f, err
		}
		recorded := r.Status
		var until time.Time
		if r.Status, until = s.Status(r); !until.IsZero() {
			silent[r.ID] = until
		}
		if recorded == metastore.RunRunning && (r.Status == recorded || !until.IsZero()) {
			f.since.Runs = append(f.since.Runs, r.ID)
		}
		f.since.After = max(f.since.After, r.ID)
		f.runs = append(f.runs, r)
	}
	if f.gone, err = choose(f.runs, silent); err != nil {
		return f, err
	}
	if f.engines, err = s.engines(ctx); err != nil {
		return f, err
	}
	f.account = newLedger(f.runs, f.gone)
	for file, err := range s.Data.Files(ctx) {
		if err != nil {
			return f, err
		}
		f.files = append(f.files, file)
		f.account.stored(file.Hash, file.Size, f.engines.holds(file))
	}
	for v, err := range s.Meta.SmallValues(ctx) {
		if err != nil {
			return f, err
		}
		f.rows = append(f.rows, v.Hash)
		f.account.stored(v.Hash, v.Size, false)
	}
	for r, err := range s.Meta.References(ctx, metastore.RunSet{}) {
		if err != nil {
			return f, err
		}
		f.account.refers(r.Run, r.Hash)
	}
	for c, err := range s.Meta.Carried(ctx) {
		if err != nil {
			return f, err
		}
		f.account.needs(c)
	}
	for e, err := range s.Meta.Logs(ctx) {
		if err != nil {
			return f, err
		}
		if f.account.logGoes(logKey{e.Run, e.Task, e.Attempt}) {
			f.account.charge(e.Run, e.Size)
		}
	}
	f.parts, err = s.Data.Parts(ctx)
	f.now = s.Now()
	return f, err
}

// decide decides what goes of what there is. With force, so does what nobody refers to in a store without any run.
func decide(f found, force bool) *plan {
	p := &plan{since: f.since, remove: f.engines.left}
	over := make(map[int64]bool) // runs that came to their end: every attempt is recorded, with its cards
	for _, r := range f.runs {
		over[r.ID] = r.Status != metastore.RunRunning && r.Status != metastore.RunDied
	}
	for _, l := range f.logs {
		goes := f.account.goes(l.run)
		if !l.card {
			goes = f.account.logGoes(l.logKey)
		}
		switch {
		case goes:
			f.account.charge(l.run, l.size)
			p.logs = append(p.logs, l)
		case l.card && over[l.run]:
			p.logs = append(p.logs, l)
			p.Leftovers++
			p.LeftBehind += l.size
		}
	}
	f.account.chargeValues()
	for _, h := range f.rows {
		if f.account.valueGoes(h) {
			p.rows = append(p.rows, h)
		}
	}
	for _, file := range f.files {
		if !f.engines.holds(file) && f.account.valueGoes(file.Hash) {
			p.files = append(p.files, file)
		}
	}
	var writing int64
	p.parts, writing = halfWritten(f.parts, f.engines.living, f.now)
	p.Unfinished = f.engines.kept + writing
	p.Leftovers += len(p.remove) + len(p.parts)
	for _, l := range p.remove {
		p.LeftBehind += l.bytes
	}
	for _, part := range p.parts {
		p.LeftBehind += part.Bytes
	}
	p.Unneeded, p.Held = f.account.left, f.account.held
	for _, r := range f.gone {
		p.Runs = append(p.Runs, Share{r, f.account.shares[r.ID]})
	}
	if len(f.runs) == 0 && !force {
		p.spareUnclaimed()
	}
	return p
}

// spareUnclaimed leaves files of values where there is no run; of logs in files none goes then, as they may be of
// a run that comes. That is how a store looks whose database was lost and replaced by a new one; what can be
// saved from elsewhere needs the files then.
func (p *plan) spareUnclaimed() {
	for _, f := range p.files {
		p.Unclaimed += f.Size
		p.Unneeded -= f.Size
	}
	p.files = nil
}

// logFile is a log in a file, or a file of a card that was shown while its task ran.
type logFile struct {
	logKey
	card bool
	path string
	size int64
}

// logFiles lists the logs that are files, and the cards beside them.
func (s *Store) logFiles() ([]logFile, error) {
	root := filepath.Join(s.Home, layout.Logs)
	folders, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Of("list logs", root, err)
	}
	var all []logFile
	for _, folder := range folders {
		run, err := strconv.ParseInt(folder.Name(), 10, 64)
		if err != nil {
			continue
		}
		dir := filepath.Join(root, folder.Name())
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Of("list logs", dir, err)
		}
		for _, e := range entries {
			f := logFile{logKey: logKey{run: run}, path: filepath.Join(dir, e.Name())}
			st, err := e.Info()
			if err != nil {
				continue // it has just gone
			}
			f.size = st.Size()
			f.card = livecard.Owns(e.Name())
			task, attempt, isLog := tasklog.ParseFileName(e.Name())
			if isLog {
				f.task, f.attempt = task, attempt
			}
			if isLog || f.card {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// carryOut does what is planned and returns how many bytes of files it deleted. What cannot be deleted does not keep the
// rest from going.
func (s *Store) carryOut(ctx context.Context, p *plan, stuck *remains) (freed int64, err error) {
	ids := make([]int64, len(p.Runs))
	for i, share := range p.Runs {
		ids[i] = share.Run.ID
	}
	// What dead processes left refers to nothing and is referred to by nothing. It goes
	// first, for no record needs room for that.
	for _, l := range p.remove {
		if err := os.RemoveAll(l.path); err != nil {
			stuck.add(l.bytes, err)
			continue
		}
		freed += l.bytes
	}
	if err := inPieces(ctx, s, ids, 0, func(some []int64) error { return s.Meta.Remove(ctx, some) }); err != nil {
		return freed, err
	}
	err = s.deleteRows(ctx, p)
	full := fault.Is(err, fault.NoSpace) // the files, which nobody refers to any more, make room for that
	if err != nil && !full {
		return freed, err
	}
	if len(p.files) > 0 {
		n, err := s.Data.DeleteFiles(ctx, p.files, s.guard(p.since), func(f datastore.File, err error) { stuck.add(f.Size, err) })
		if freed += n; err != nil {
			return freed, err
		}
	}
	n, err := s.deleteLogs(ctx, p.logs, stuck)
	if freed += n; err != nil {
		return freed, err
	}
	for _, part := range p.parts {
		switch ok, err := s.Data.Discard(ctx, part); {
		case fault.Is(err, fault.Permission):
			stuck.add(part.Bytes, err)
		case err != nil:
			return freed, err
		case ok:
			freed += part.Bytes
		}
	}
	if full {
		if err := s.deleteRows(ctx, p); err != nil && (!fault.Is(err, fault.NoSpace) || freed == 0) {
			return freed, err
		}
	}
	e, err := s.engines(ctx)
	if err != nil {
		return freed, err
	}
	// What was removed is durable. That there is no room yet to make the database smaller is for another time.
	if err := s.Meta.Shrink(ctx, !e.living); err != nil && !fault.Is(err, fault.NoSpace) {
		return freed, err
	}
	return freed, nil
}

// deleteRows deletes what is in the database and belongs to no run, and the small values that nobody refers to.
func (s *Store) deleteRows(ctx context.Context, p *plan) error {
	if err := s.Meta.Remove(ctx, nil); err != nil {
		return err
	}
	if len(p.rows) == 0 {
		return nil
	}
	deleteBlobs := func(some []metastore.Hash) error {
		_, err := s.Meta.DeleteBlobs(ctx, some, p.since)
		return err
	}
	// Deletes nothing, but goes through all that runs refer to which go on.
	began := time.Now()
	if err := deleteBlobs(nil); err != nil {
		return err
	}
	return inPieces(ctx, s, p.rows, time.Since(began), deleteBlobs)
}

// deleteLogs deletes files of logs, of runs that are not there any more, and of cards. A run may have been resumed
// between the plan and the removal of its origin; now that the origin is gone, that cannot happen any more.
func (s *Store) deleteLogs(ctx context.Context, files []logFile, stuck *remains) (freed int64, err error) {
	if len(files) == 0 {
		return 0, nil
	}
	needed := make(map[logKey]bool)
	for c, err := range s.Meta.Carried(ctx) {
		if err != nil {
			return 0, err
		}
		needed[logKey{c.Run, c.Task, c.Attempt}] = true
	}
	for _, f := range files {
		if !f.card && needed[f.logKey] {
			continue
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			stuck.add(f.size, err)
			continue
		}
		freed += f.size
		os.Remove(filepath.Dir(f.path)) // fails unless this was the last
	}
	return freed, nil
}

// guard protects the files that are needed. The order of its two questions is
// what makes it right: see package datastore.
func (s *Store) guard(since metastore.RunSet) datastore.Guard {
	return func(ctx context.Context) (map[metastore.Hash]bool, time.Time, error) {
		e, err := s.engines(ctx)
		if err != nil {
			return nil, time.Time{}, err
		}
		needed := make(map[metastore.Hash]bool)
		for r, err := range s.Meta.References(ctx, since) {
			if err != nil {
				return nil, time.Time{}, err
			}
			needed[r.Hash] = true
		}
		return needed, e.young(), nil
	}
}

// atOnce is how long one transaction should keep those waiting who want to write, about.
const atOnce = 30 * time.Millisecond

// inPieces calls f with the elements of a list, a few at a time: as many as take about atOnce, or, since that cannot be
// had where a call takes long for none at all, not much longer than that. On a full disk there may be room for one at a
// time only.
func inPieces[T any](ctx context.Context, s *Store, list []T, none time.Duration, f func([]T) error) error {
	full := false
	for n := 1; len(list) > 0; {
		some := list[:min(n, len(list))]
		began := time.Now()
		if err := f(some); fault.Is(err, fault.NoSpace) && len(some) > 1 {
			full, n = true, 1
			continue
		} else if err != nil {
			return err
		}
		list = list[len(some):]
		switch took := time.Since(began); {
		case full:
		case took < atOnce/2+2*none:
			n *= 2
		case took > 2*atOnce+4*none:
			n = max(n/2, 1)
		}
		if e, err := s.engines(ctx); err != nil {
			return err
		} else if e.living {
			if err := metastore.GiveWay(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
