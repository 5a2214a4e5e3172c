package upkeep

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
	"github.com/levadahq/levada/internal/tasklog"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // nothing is wrong; something can be done
	Mended  Level = "mended"  // it was wrong and is not any more
	Problem Level = "problem" // it is wrong
)

// Finding is what a check found.
type Finding struct {
	Check string // what was looked at: "database", "values", "python"
	Level Level
	Text  string
	Needs []string // the artifacts that need what is wrong, as pathspec and name
	Hint  string   // what to do
}

// Examination says how to look.
type Examination struct {
	Quick  bool // whether values are there, not whether they are right
	Repair bool
	// Tell is called with each finding as it is found.
	Tell func(Finding)
	// Progress, if not nil, is called while values are read, with how many are done of how many.
	Progress func(done, all int)
}

func (x *Examination) tell(check string, level Level, format string, args ...any) {
	x.Tell(Finding{Check: check, Level: level, Text: fmt.Sprintf(format, args...)})
}

// Examine looks at everything in the store. What is repaired is what cannot lose anything: what nobody refers to, and
// damaged copies of values of which there is another that is right. An error is told as a finding if it is about the
// store; only an interruption is returned.
func (s *Store) Examine(ctx context.Context, x Examination) error {
	for _, check := range []struct {
		name string
		f    func(context.Context, *Examination) error
	}{
		{"database", s.examineDatabase},
		{"values", s.examineValues},
		{"logs", s.examineLogs},
		{"leftovers", s.examineLeftovers},
	} {
		err := check.f(ctx, &x)
		if err == nil {
			continue
		}
		if fault.Is(err, fault.Interrupted) {
			return err
		}
		x.Tell(Finding{Check: check.name, Level: Problem, Text: err.Error(), Hint: fault.HintOf(err)})
	}
	return nil
}

func (s *Store) examineDatabase(ctx context.Context, x *Examination) error {
	h, err := s.Meta.Check(ctx, !x.Quick)
	if err != nil {
		return err
	}
	for _, line := range h.Damage {
		x.Tell(Finding{Check: "database", Level: Problem, Text: "SQLite: " + line,
			Hint: "Restore the file from a backup, or save what can be read into a new one with `sqlite3 levada.db .recover`, or `.dump` if that recovers nothing, and check its size before you use it."})
	}
	for _, ref := range h.Values {
		x.Tell(Finding{Check: "values", Level: Problem, Text: "the bytes in a record are not what was stored", Needs: []string{s.name(ctx, ref)}, Hint: runAgain})
	}
	if h.Orphans > 0 {
		const text = "%d rows belong to runs that do not exist"
		if x.Repair {
			if err := s.Meta.Remove(ctx, nil); err != nil {
				return err
			}
			x.tell("database", Mended, text, h.Orphans)
		} else {
			x.Tell(Finding{Check: "database", Level: Problem, Text: fmt.Sprintf(text, h.Orphans), Hint: "`levada doctor --repair` removes them."})
		}
	}
	runs, died := 0, 0
	for r, err := range s.Meta.Runs(ctx, metastore.RunFilter{Spun: true}) {
		if err != nil {
			return err
		}
		runs++
		if status, _ := s.Status(r); status == metastore.RunDied {
			died++
		}
	}
	if len(h.Damage) == 0 {
		x.tell("database", OK, "schema %d, sound, %s", h.Schema, count(runs, "run"))
	}
	if died > 0 {
		x.Tell(Finding{Check: "database", Level: Note, Text: count(died, "run") + " died: the process that ran it is gone and did not record how it ended",
			Hint: "`levada resume` continues one; `levada gc --status died` removes them."})
	}
	return nil
}

const readable = "Look for disk errors in the system's log, and whether you may read the file and its folder."

const runAgain = "Restore it from a backup, or run the step that made it again: `levada resume FLOW.py STEP --origin-run-id RUN`."

// examineValues looks for each value that a record refers to.
func (s *Store) examineValues(ctx context.Context, x *Examination) error {
	wanted := make(map[metastore.Hash]bool)
	for r, err := range s.Meta.References(ctx, metastore.RunSet{}) {
		if err != nil {
			return err
		}
		wanted[r.Hash] = true
	}
	bad, err := s.missing(ctx, wanted, x)
	if err != nil {
		return err
	}
	for h, c := range bad {
		if !x.Repair || c.Right == 0 || len(c.Damaged) == 0 {
			continue
		}
		where := strings.Join(c.Damaged, " and ")
		switch err := s.mend(ctx, h, c); {
		case fault.Is(err, fault.Interrupted):
			return err
		case err != nil:
			x.Tell(Finding{Check: "values", Level: Problem, Text: fmt.Sprintf("blob %x could not be repaired: %v", h, err), Hint: fault.HintOf(err)})
			continue
		}
		x.tell("values", Mended, "blob %x was damaged in %s; another copy was intact", h, where)
		c.Damaged = nil
		if bad[h] = c; len(c.Unread) == 0 {
			delete(bad, h)
		}
	}
	// Who needs them is asked only now: a run that was removed meanwhile does not.
	needs := make(map[metastore.Hash][]metastore.Reference)
	if len(bad) > 0 {
		for r, err := range s.Meta.References(ctx, metastore.RunSet{}) {
			if err != nil {
				return err
			}
			if _, ok := bad[r.Hash]; ok {
				needs[r.Hash] = append(needs[r.Hash], r)
			}
		}
	}
	for h, refs := range needs {
		f := Finding{Check: "values", Level: Problem, Text: fmt.Sprintf("blob %x is missing", h), Hint: runAgain}
		c := bad[h]
		switch unread := strings.Join(c.Unread, "; "); {
		case len(c.Damaged) > 0:
			f.Text = fmt.Sprintf("blob %x is damaged in %s", h, strings.Join(c.Damaged, " and "))
			if c.Right > 0 {
				f.Hint = "`levada doctor --repair` repairs it."
			}
			if unread != "" {
				f.Text += "; another copy cannot be read: " + unread
			}
		case unread != "":
			f.Text, f.Hint = fmt.Sprintf("blob %x cannot be read: %s", h, unread), readable
		}
		if c.Right > 0 {
			f.Text += "; another copy is intact"
		}
		for _, r := range refs {
			f.Needs = append(f.Needs, s.name(ctx, r))
		}
		x.Tell(f)
	}
	if len(needs) == 0 {
		how := "right"
		if x.Quick {
			how = "present; their contents were not checked"
		}
		x.tell("values", OK, "%s, all %s", count(len(wanted), "stored value"), how)
	}
	return nil
}

// missing returns the values that are not there, or not right.
func (s *Store) missing(ctx context.Context, wanted map[metastore.Hash]bool, x *Examination) (map[metastore.Hash]datastore.Copies, error) {
	bad := make(map[metastore.Hash]datastore.Copies)
	if x.Quick {
		have := make(map[metastore.Hash]bool)
		for v, err := range s.Meta.SmallValues(ctx) {
			if err != nil {
				return nil, err
			}
			have[v.Hash] = true
		}
		// Listed first: on a disk of the network, looking for a million files one by one takes many minutes. Those that
		// cannot be listed are looked for, which tells why.
		for h, err := range s.Data.Hashes(ctx) {
			if err == nil {
				have[h] = true
			}
		}
		for h := range wanted {
			if have[h] {
				continue
			}
			c, err := s.Data.Look(ctx, h)
			if err != nil {
				return nil, err
			}
			if c.Right == 0 {
				bad[h] = c
			}
		}
		return bad, nil
	}
	done := 0
	for h := range wanted {
		if x.Progress != nil {
			x.Progress(done, len(wanted))
		}
		done++
		c, err := s.Data.Inspect(ctx, h)
		if err != nil {
			return nil, err
		}
		if c.Right == 0 || len(c.Damaged) > 0 || len(c.Unread) > 0 {
			bad[h] = c
		}
	}
	if x.Progress != nil {
		x.Progress(done, len(wanted))
	}
	return bad, nil
}

// mend replaces the damaged copies of a value.
func (s *Store) mend(ctx context.Context, h metastore.Hash, c datastore.Copies) error {
	b, err := s.Data.Mend(ctx, h, c)
	if err != nil || b == nil {
		return err
	}
	done := make(chan error, 1)
	s.Meta.Record(metastore.Record{Blobs: []metastore.Blob{*b}, Soon: true, Done: func(err error) { done <- err }})
	return <-done
}

// name is what people call what refers to a value.
func (s *Store) name(ctx context.Context, r metastore.Reference) string {
	if r.Task < 0 {
		return fmt.Sprintf("%d %s", r.Run, r.Name)
	}
	step := "?"
	if t, err := s.Meta.Task(ctx, r.Run, r.Task); err == nil {
		step = t.Step
	}
	return fmt.Sprintf("%d/%s/%d %s", r.Run, step, r.Task, r.Name)
}

func (s *Store) examineLogs(ctx context.Context, x *Examination) error {
	n := 0
	var lost, damaged, unread []string
	var firstDamage, firstUnread error
	for r, err := range s.Meta.LogRecords(ctx) {
		if err != nil {
			return err
		}
		n++
		err = s.lookAtLog(ctx, r, !x.Quick)
		if err == nil {
			continue
		}
		name := s.name(ctx, metastore.Reference{Run: r.Run, Task: r.Task, Name: fmt.Sprintf("log of attempt %d", r.Attempt)})
		switch fault.KindOf(err) {
		case fault.Interrupted:
			return err
		case fault.NotFound:
			lost = append(lost, name)
		case fault.Corrupt:
			damaged, firstDamage = append(damaged, name), cmp.Or(firstDamage, err)
		default:
			unread, firstUnread = append(unread, name), cmp.Or(firstUnread, err)
		}
	}
	if len(lost) > 0 {
		x.Tell(Finding{Check: "logs", Level: Problem, Text: count(len(lost), "log") + " missing", Needs: lost, Hint: "Restore the folder logs from a backup."})
	}
	if len(damaged) > 0 {
		x.Tell(Finding{Check: "logs", Level: Problem, Text: fmt.Sprintf("%s damaged: %v", count(len(damaged), "log"), firstDamage), Needs: damaged, Hint: "Restore the folder logs from a backup."})
	}
	if len(unread) > 0 {
		x.Tell(Finding{Check: "logs", Level: Problem, Text: fmt.Sprintf("%s cannot be read: %v", count(len(unread), "log"), firstUnread), Needs: unread, Hint: readable})
	}
	if len(lost)+len(damaged)+len(unread) == 0 {
		x.tell("logs", OK, "%s, all there", count(n, "log"))
	}
	return nil
}

// lookAtLog looks for a log, and may read it.
func (s *Store) lookAtLog(ctx context.Context, r metastore.LogRecord, read bool) error {
	if _, ok := mfdata.PlaceOfLog(r.File); ok {
		return nil // what is in Metaflow's datastore is not this store's to look after
	}
	where := "the database"
	if r.File != "" {
		where = filepath.Join(layout.RunLogs(s.Home, r.Kept), r.File)
		if _, err := os.Stat(where); err != nil {
			return fault.Of("look for a log", where, err)
		}
	} else if !r.There {
		return fault.New(fault.NotFound, "the log is not in the database")
	}
	if !read {
		return nil
	}
	lines := tasklog.ReadFile(where)
	if r.File == "" {
		log, err := s.Meta.Log(ctx, r.Kept, r.Task, r.Attempt)
		if fault.Is(err, fault.NotFound) {
			return nil // its run was removed just now
		}
		if err != nil {
			return err
		}
		lines = tasklog.Read(log)
	}
	for _, err := range tasklog.Whole(lines, r.Lines, where) {
		if err == nil {
			err = fault.Of("read log", where, ctx.Err())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) examineLeftovers(ctx context.Context, x *Examination) error {
	c, err := s.Collect(ctx, NoRules, Mode{Dry: !x.Repair})
	if err != nil {
		return err
	}
	var what []string
	if c.Unneeded > 0 {
		what = append(what, size(c.Unneeded)+" to which no run refers")
	}
	if c.Leftovers > 0 {
		what = append(what, fmt.Sprintf("%s of dead processes with %s", count(c.Leftovers, "file or folder"), size(c.LeftBehind)))
	}
	switch text := strings.Join(what, ", "); {
	case c.Unclaimed > 0:
		x.Tell(Finding{Check: "leftovers", Level: Problem, Text: size(c.Unclaimed) + " of values and logs, but no runs at all: the database may be a new one that took the place of a lost one",
			Hint: "Restore the right levada.db; if you have none and need nothing in blobs, `levada gc --force` deletes them."})
	case text == "":
		x.tell("leftovers", OK, "none%s", staying(c))
	case x.Repair:
		x.tell("leftovers", Mended, "%s; removed%s", text, staying(c))
	default:
		x.Tell(Finding{Check: "leftovers", Level: Note, Text: text + staying(c), Hint: "`levada gc` frees the leftovers."})
	}
	return nil
}

// staying says what is no leftover, but may become one.
func staying(c Collected) string {
	text := ""
	if c.Held > 0 {
		text += "; " + size(c.Held) + " are kept until the flows that are running now have ended"
	}
	if c.Unfinished > 0 {
		text += "; " + size(c.Unfinished) + " are in files that are being written, or may be"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if first, rest, ok := strings.Cut(what, " or "); ok {
		return fmt.Sprintf("%d %ss or %ss", n, first, rest)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size is a number of bytes for people: "512 B", "1.5 MiB".
func size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n)/(1<<10), 0
	for ; f >= 1023.95; unit++ {
		f /= 1 << 10
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTPE"[unit])
}
