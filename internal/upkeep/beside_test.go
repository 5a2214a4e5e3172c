package upkeep_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/upkeep"
	"github.com/levadahq/levada/internal/usertest"
)

// between is a store in which something happens after a collection has made its plan and before it carries it out.
type between struct {
	metastore.Store
	happens func()
}

func (b *between) Size(ctx context.Context) (int64, error) {
	if f := b.happens; f != nil {
		b.happens = nil
		f()
	}
	return b.Store.Size(ctx)
}

// realWorld is a world on a real database.
func realWorld(t *testing.T) (*world, *between) {
	t.Helper()
	home := t.TempDir()
	meta, err := sqlite.Open(ctx, home, sqlite.Options{Linger: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { meta.Close() })
	hook := &between{Store: meta}
	return newWorld(t, home, hook), hook
}

// TestBesideACollection has flows do what they do at the worst moment. Of each kind of value there is one to which
// nobody refers any more: it is in the plan, and then a flow stores the same.
func TestBesideACollection(t *testing.T) {
	sizes := []int{10, 5000, 70_000, 200_000}
	for name, c := range map[string]func(w *world, old int64) (after func()){
		"one that begins, stores, records and ends": func(w *world, _ int64) func() {
			staging := w.register()
			w.end(w.full(sizes))
			staging.Leave()
			return nil
		},
		"one that begins, stores and records": func(w *world, _ int64) func() {
			w.register()
			run := w.full(sizes)
			return func() { w.end(run) }
		},
		// It has no run yet, and no record refers to anything.
		"one that begins and stores": func(w *world, _ int64) func() {
			staging := w.register()
			for i, size := range sizes {
				_, err := w.store.Data.Put(ctx, contentOf(7, i, size))
				w.ok(err)
			}
			return func() {
				run := w.start("B", 0)
				w.recordOnly(run, sizes)
				w.end(run)
				staging.Leave()
			}
		},
		"one that is resumed from a run that goes": func(w *world, old int64) func() {
			staging := w.register()
			w.end(w.start("A", old))
			staging.Leave()
			return nil
		},
		"another collection": func(w *world, old int64) func() {
			_, err := w.store.Remove(ctx, []int64{old}, upkeep.Mode{})
			w.ok(err)
			return nil
		},
		"another collection, and then one that stores": func(w *world, old int64) func() {
			_, err := w.store.Remove(ctx, []int64{old}, upkeep.Mode{})
			w.ok(err)
			staging := w.register()
			w.end(w.full(sizes))
			staging.Leave()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, hook := realWorld(t)
			old := w.full(sizes)
			w.end(old)
			var after func()
			hook.happens = func() { after = c(w, old) }
			if _, err := w.store.Remove(ctx, []int64{old}, upkeep.Mode{}); err != nil {
				t.Fatal(err)
			}
			delete(w.runs, old)
			if after != nil {
				after()
			}
			w.check(false)
			if _, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{}); err != nil {
				t.Fatal(err)
			}
			w.check(false)
		})
	}
}

// full makes a run with a task of each kind: values of all sizes, a log in the database, one in a file.
func (w *world) full(sizes []int) int64 {
	run := w.start("A", 0)
	w.work(run, sizes, 7, "a log", false)
	w.work(run, nil, 7, "another", true)
	return run
}

// recordOnly records a task whose values were stored before.
func (w *world) recordOnly(run int64, sizes []int) {
	w.withoutPut = true
	w.work(run, sizes, 7, "", false)
	w.withoutPut = false
}

func (w *world) register() *upkeep.Engine {
	e, err := upkeep.Register(w.store.Home, w.store.Here)
	w.ok(err)
	return e
}

// unseen makes a folder as that of an engine which runs at a place, with a process of which nothing is to be seen here.
// It is locked as long as the engine lives where it can be told by that.
func (w *world) unseen(place metastore.Place, locked bool) string {
	e, err := upkeep.Register(w.store.Home, place)
	w.ok(err)
	name := filepath.Base(e.Staging)
	theirs := filepath.Join(filepath.Dir(e.Staging), strings.Replace(name, strconv.Itoa(os.Getpid()), strconv.Itoa(1<<30), 1))
	if locked {
		w.ok(os.Rename(e.Staging, theirs))
		w.engines = append(w.engines, e) // a lock goes when nobody has the file any more
	} else {
		w.ok(os.Mkdir(theirs, 0o777))
		e.Leave()
	}
	return theirs
}

// What an engine relies on that began before the collection is not even planned to go, and told.
func TestHeldForARunningFlow(t *testing.T) {
	w, _ := realWorld(t)
	old := w.full([]int{70_000, 200_000})
	w.end(old)
	for _, path := range w.files() { // stored long ago
		long := time.Now().Add(-time.Hour)
		w.ok(os.Chtimes(path, long, long))
	}
	staging := w.register()
	if _, err := w.store.Data.Put(ctx, contentOf(7, 1, 200_000)); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		got, err := w.store.Remove(ctx, []int64{old}, upkeep.Mode{Dry: dry})
		w.ok(err)
		if len(got.Runs) != 1 || got.Runs[0].Bytes < 70_000 || got.Runs[0].Bytes > 80_000 || got.Held < 100_000 || len(w.files()) == 0 {
			t.Errorf("dry %t: %+v, files %v", dry, got, w.files())
		}
	}
	if len(w.files()) != 1 {
		t.Errorf("there are the files %v", w.files())
	}
	staging.Leave()
	got, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{Force: true})
	w.ok(err)
	if got.Unneeded < 100_000 || got.Freed < 100_000 || len(w.files()) != 0 {
		t.Errorf("when the flow has ended: %+v, files %v", got, w.files())
	}
}

func (w *world) files() []string {
	list, err := filepath.Glob(filepath.Join(w.store.Home, "blobs", "*", "*"))
	w.ok(err)
	return list
}

// The folder of an engine on another machine, whose process ids mean nothing here, stays with what it relies on: for an
// hour after its last sign, and as long as a run goes on there.
func TestEngineElsewhere(t *testing.T) {
	w, meta := realWorld(t)
	theirs := w.unseen(metastore.Place{Host: "there", Boot: "b", Namespace: "1"}, false)
	if _, err := w.store.Data.Put(ctx, contentOf(7, 1, 200_000)); err != nil {
		t.Fatal(err)
	}
	there := func(path string) bool { _, err := os.Stat(path); return err == nil }
	collect := func() {
		t.Helper()
		_, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{})
		w.ok(err)
	}
	collect()
	w.register().Leave() // another engine here removes what the dead left, not this
	if !there(theirs) || len(w.files()) != 1 {
		t.Fatalf("its folder is there: %t; files %v", there(theirs), w.files())
	}

	old := time.Now().Add(-2 * time.Hour)
	w.ok(os.Chtimes(theirs, old, old))
	run, err := meta.CreateRun(ctx, metastore.Run{Flow: "F", Status: metastore.RunRunning, Created: time.Now(), FailedTask: -1,
		Lease: metastore.Lease{Host: "there", PID: 1 << 30}}, metastore.Beginning{})
	w.ok(err)
	w.runs[run] = &history{}
	_, err = w.store.Remove(ctx, []int64{run, w.start("B", 0)}, upkeep.Mode{})
	if hint := fault.HintOf(err); !fault.Is(err, fault.Conflict) || !strings.Contains(hint, "kill") {
		t.Errorf("a run here: %v; %s", err, hint)
	}
	for id := range w.runs {
		if id != run {
			w.end(id)
		}
	}
	_, err = w.store.Remove(ctx, []int64{run}, upkeep.Mode{})
	if hint := fault.HintOf(err); !fault.Is(err, fault.Conflict) || !strings.Contains(hint, "levada cancel") || strings.Contains(hint, "kill") {
		t.Errorf("a run there: %v; %s", err, hint)
	}
	collect()
	if !there(theirs) || len(w.files()) != 1 {
		t.Errorf("while its run goes on, its folder is there: %t; files %v", there(theirs), w.files())
	}
	w.end(run)
	collect()
	if there(theirs) || len(w.files()) != 0 {
		t.Errorf("when it has been silent for long, its folder is there: %t; files %v", there(theirs), w.files())
	}
}

// A container has processes of its own, also where it has the name of its machine. So has an engine of an older
// version, which did not say where it runs, for all that is known. What they are about to store is not taken for what
// the dead left: not by an engine that begins, nor by a collection.
func TestEngineInAContainer(t *testing.T) {
	for name, place := range map[string]metastore.Place{
		"in a container":        {Host: "here", Boot: "b", Namespace: "2"},
		"of an older version":   {Host: "here", Boot: "b"},
		"seen from a container": here,
	} {
		for _, locked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, locked: %t", name, locked), func(t *testing.T) {
				w, _ := realWorld(t)
				if place == here {
					w.store.Here.Namespace = "2"
				}
				theirs := w.unseen(place, locked)
				w.ok(os.WriteFile(filepath.Join(theirs, "1-0-0"), []byte("a value"), 0o666))
				if _, err := w.store.Data.Put(ctx, contentOf(7, 1, 200_000)); err != nil {
					t.Fatal(err)
				}
				there := func() bool { _, err := os.Stat(filepath.Join(theirs, "1-0-0")); return err == nil }
				w.register().Leave()
				if !there() {
					t.Fatal("an engine that begins has removed its folder")
				}
				collect := func() {
					t.Helper()
					_, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{Force: true})
					w.ok(err)
				}
				collect()
				if !there() || len(w.files()) != 1 {
					t.Errorf("it is there: %t; files %v", there(), w.files())
				}
				long := time.Now().Add(-48 * time.Hour)
				w.ok(os.Chtimes(theirs, long, long))
				collect() // it is paused, or a task takes that long: who sees its lock knows
				if there() != locked || len(w.files()) == 1 != locked {
					t.Errorf("after two days it is there: %t; files %v", there(), w.files())
				}
			})
		}
	}
}

// A run whose engine cannot be seen, and that fell silent a short while ago, may come
// back. It stays with all that it may need.
func TestSilentRun(t *testing.T) {
	w, meta := realWorld(t)
	died, silent := w.start("A", 0), w.start("A", 0)
	until := time.Now().Add(10 * time.Minute)
	place := metastore.Lease{Host: "there", PID: 7, Heartbeat: time.Now().Add(-5 * time.Minute)}
	w.store.Status = func(r metastore.Run) (metastore.RunStatus, time.Time) {
		switch {
		case r.ID == silent && w.store.Now().Before(until):
			return metastore.RunDied, until
		case r.Status == metastore.RunRunning:
			return metastore.RunDied, time.Time{}
		}
		return r.Status, time.Time{}
	}
	far, err := meta.CreateRun(ctx, metastore.Run{Flow: "A", Status: metastore.RunRunning, Created: time.Now(), FailedTask: -1, Lease: place}, metastore.Beginning{})
	w.ok(err)
	silent = far
	theirs := w.unseen(metastore.Place{Host: "there"}, false)
	long := time.Now().Add(-2 * time.Hour)
	w.ok(os.Chtimes(theirs, long, long))
	if _, err := w.store.Data.Put(ctx, contentOf(7, 1, 200_000)); err != nil { // and not recorded yet
		t.Fatal(err)
	}
	_, err = w.store.Remove(ctx, []int64{died, silent}, upkeep.Mode{})
	if text := fmt.Sprint(err); !fault.Is(err, fault.Conflict) || !strings.Contains(text, until.Format(time.TimeOnly)) ||
		!strings.Contains(text, "5m") || !strings.Contains(fault.HintOf(err), "--force") {
		t.Errorf("a run that may come back: %v; %s", err, fault.HintOf(err))
	}
	all := upkeep.NoRules
	all.Statuses = []metastore.RunStatus{metastore.RunDied}
	got, err := w.store.Collect(ctx, all, upkeep.Mode{})
	w.ok(err)
	if len(got.Runs) != 2 || len(got.Silent) != 1 || got.Silent[0] != silent || !got.Until.Equal(until) {
		t.Errorf("%+v", got)
	}
	_, gone := os.Stat(theirs)
	if _, err := meta.Run(ctx, silent); err != nil || gone != nil || len(w.files()) != 1 {
		t.Errorf("what it needs is not there: %v, %v, %v", err, gone, w.files())
	}
	for _, m := range []upkeep.Mode{{Dry: true, Force: true}, {Force: true}} {
		got, err := w.store.Remove(ctx, []int64{silent}, m)
		w.ok(err)
		if len(got.Runs) != 1 {
			t.Errorf("by force: %+v", got)
		}
	}

	silent, err = meta.CreateRun(ctx, metastore.Run{Flow: "A", Status: metastore.RunRunning, Created: time.Now(), FailedTask: -1, Lease: place}, metastore.Beginning{})
	w.ok(err)
	w.store.Now = func() time.Time { return until.Add(time.Second) }
	if got, err = w.store.Collect(ctx, all, upkeep.Mode{}); err != nil || len(got.Runs) != 1 || len(got.Silent) != 0 {
		t.Errorf("when it has been silent for long: %+v, %v", got, err)
	}
}

// What dead processes left goes; what living ones use stays.
func TestLeftovers(t *testing.T) {
	w, _ := realWorld(t)
	mine := w.register()
	write := func(age time.Duration, path ...string) string {
		t.Helper()
		file := filepath.Join(append([]string{w.store.Home}, path...)...)
		w.ok(os.MkdirAll(filepath.Dir(file), 0o777))
		w.ok(os.WriteFile(file, bytes.Repeat([]byte("x"), 100), 0o666))
		then := time.Now().Add(-age)
		w.ok(os.Chtimes(file, then, then))
		return file
	}
	dead := filepath.Base(w.unseen(w.store.Here, false))
	goes := []string{
		write(0, "staging", dead, "1-0-0"), write(0, "staging", dead, "folder", "1-0-1"),
		write(0, "staging", "items-123"), write(2*unwrittenLong, ".tmp", "put-1"),
		write(0, ".tmp", "part-1"), // of a writer that is gone: it has no lock
	}
	stays := []string{
		write(0, "staging", filepath.Base(mine.Staging), "1-0-0"), write(2*time.Minute, ".tmp", "put-2"), write(2*unwrittenLong, ".tmp", "else"),
		write(2*unwrittenLong, "mine.txt"), write(2*unwrittenLong, "logs", "notes.txt"),
	}
	from, to := io.Pipe()
	written := make(chan error, 1)
	go func() { written <- file.New(w.store.Home).Put(ctx, "a/b", from) }()
	if _, err := to.Write(bytes.Repeat([]byte("x"), 100)); err != nil { // it is being written from here on
		t.Fatal(err)
	}
	if _, err := to.Write([]byte("x")); err != nil { // those before are in the file
		t.Fatal(err)
	}
	dry, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{Dry: true})
	w.ok(err)
	for _, path := range append(goes, stays...) {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a dry run: %v", err)
		}
	}
	got, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{})
	w.ok(err)
	if got.Leftovers != 4 || got.LeftBehind != 500 || dry.LeftBehind != 500 || got.Freed < 500 {
		t.Errorf("dry %+v, then %+v", dry, got)
	}
	if dry.Unfinished < 200 || got.Unfinished < 200 { // put-2, and what is being written
		t.Errorf("kept are %d bytes, then %d", dry.Unfinished, got.Unfinished)
	}
	to.Close()
	w.ok(<-written)
	abandoned := write(0, ".tmp", "part-2")
	w.store.Data.Sweep(ctx) // as engines and servers do when they begin
	if _, err := os.Stat(abandoned); !os.IsNotExist(err) {
		t.Errorf("what was left half written: %v", err)
	}
	for _, path := range goes {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	for _, path := range stays {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	mine.Leave()
	if _, err = w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stays[1]); !os.IsNotExist(err) {
		t.Errorf("an unfinished file that nobody can be writing: %v", err)
	}
}

// counting is a store that counts how often values are deleted, and for how many runs it looks each time.
type counting struct {
	metastore.Store
	deletions int
	looked    []int64
}

func (c *counting) DeleteBlobs(ctx context.Context, hashes []metastore.Hash, unless metastore.RunSet) (int64, error) {
	c.deletions++
	c.looked = unless.Runs
	return c.Store.DeleteBlobs(ctx, hashes, unless)
}

// Beside a run with many records, each transaction that deletes values takes long, however few they are: there are
// not many of them. Of a run that is dead, nobody has to look at the records again.
func TestValuesGoBesideAWideRun(t *testing.T) {
	w, hook := realWorld(t)
	meta := &counting{Store: hook.Store}
	hook.Store = meta
	wide, died := w.start("A", 0), w.start("A", 0)
	w.store.Status = func(r metastore.Run) (metastore.RunStatus, time.Time) {
		if r.ID == died {
			return metastore.RunDied, time.Time{}
		}
		return r.Status, time.Time{}
	}
	attempt := metastore.Attempt{Run: wide, Status: metastore.AttemptSucceeded}
	for i := range 30_000 { // that they are of one attempt is as good as any
		hash := sha256.Sum256(fmt.Append(nil, "wide", i))
		w.store.Meta.Record(metastore.Record{Attempt: &attempt, Artifacts: []metastore.Artifact{{Name: fmt.Sprint("v", i), Hash: hash, Size: 300, Codec: "pickle"}}})
	}
	const values = 400
	for i := range values {
		w.keep(fmt.Appendf(nil, "needed by nobody %d", i))
	}
	got, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{})
	w.ok(err)
	if got.Unneeded == 0 || meta.deletions > values/4 {
		t.Errorf("%d values went in %d transactions: %+v", values, meta.deletions, got)
	}
	if !slices.Equal(meta.looked, []int64{wide}) {
		t.Errorf("it looked again at the records of the runs %v, want %d alone", meta.looked, wide)
	}
	w.check(false)
}

// A leftover that cannot be removed, as that of a container's root, does not keep anything else from going.
func TestALeftoverThatCannotBeRemoved(t *testing.T) {
	if usertest.AsNobody(t) {
		return
	}
	w, _ := realWorld(t)
	gone := w.full([]int{5000, 70_000})
	w.end(gone)
	dead := w.unseen(w.store.Here, false)
	w.ok(os.WriteFile(filepath.Join(dead, "1-0-0"), []byte("x"), 0o666))
	w.ok(os.Chmod(dead, 0o500))
	defer os.Chmod(dead, 0o700)
	other := w.unseen(w.store.Here, false)
	_, err := w.store.Remove(ctx, []int64{gone}, upkeep.Mode{})
	if !fault.Is(err, fault.Permission) || !strings.Contains(err.Error(), dead) {
		t.Errorf("a leftover that cannot be removed: %v", err)
	}
	delete(w.runs, gone)
	if _, err := os.Stat(other); !os.IsNotExist(err) {
		t.Errorf("one that can be removed is still there: %v", err)
	}
	w.ok(os.Chmod(dead, 0o700))
	w.ok(os.RemoveAll(dead))
	w.check(true)
}

// Values and logs that cannot be deleted do not keep anything else from going, and what went is told.
func TestFilesThatCannotBeDeleted(t *testing.T) {
	if usertest.AsNobody(t) {
		return
	}
	w, _ := realWorld(t)
	gone := w.start("F", 0)
	w.work(gone, []int{70_000, 80_000, 90_000}, 1, "said\n", true)
	w.end(gone)
	values := w.files()
	if len(values) != 3 {
		t.Fatalf("the values are %v", values)
	}
	other := w.full([]int{5000})
	w.end(other)
	closed := []string{filepath.Dir(values[0]), filepath.Join(w.store.Home, "logs", fmt.Sprint(gone))}
	let := func(mode os.FileMode) {
		for _, folder := range closed {
			os.Chmod(folder, mode) // one that is empty in the end is gone
		}
	}
	let(0o500)
	defer let(0o700)
	remove := func(run int64, hint string) upkeep.Collected {
		got, err := w.store.Remove(ctx, []int64{run}, upkeep.Mode{})
		if !fault.Is(err, fault.Permission) || !strings.HasPrefix(err.Error(), "2 files or folders could not be deleted: remove "+values[0]) ||
			!strings.Contains(fault.HintOf(err), hint) {
			t.Errorf("files that cannot be deleted: %v (%s)", err, fault.HintOf(err))
		}
		delete(w.runs, run)
		return got
	}
	if got := remove(gone, "run `levada gc`"); len(got.Runs) != 1 || got.Stuck != 2 || got.StuckBytes <= 0 || got.Freed <= 0 {
		t.Errorf("told is %+v", got)
	}
	if left := w.files(); !slices.Equal(left, values[:1]) {
		t.Errorf("the values %v are left", left)
	}
	if got := remove(other, "run `levada gc --force`"); len(got.Runs) != 1 || got.Stuck != 2 {
		t.Errorf("told is %+v", got)
	}
	let(0o700)
	w.end(w.full([]int{10})) // with a run there, what no run has is a leftover
	_, err := w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{})
	w.ok(err)
	w.check(true)
}

const unwrittenLong = time.Hour

// A collection that ends early has lost nothing, and the next one does the rest.
func TestBrokenOff(t *testing.T) {
	w, hook := realWorld(t)
	kept, gone := w.full([]int{5000, 70_000}), w.start("B", 0)
	w.work(gone, []int{4000, 90_000}, 50, "x", true)
	w.end(kept)
	w.end(gone)
	short, cancel := context.WithCancel(ctx)
	hook.happens = cancel
	if _, err := w.store.Remove(short, []int64{gone}, upkeep.Mode{}); !fault.Is(err, fault.Interrupted) {
		t.Errorf("a collection that was interrupted: %v", err)
	}
	w.check(false)
	if _, err := w.store.Remove(ctx, []int64{gone}, upkeep.Mode{}); err != nil {
		t.Fatal(err)
	}
	delete(w.runs, gone)
	w.check(true)
}

// Cards that were shown while their tasks ran are of no use when every attempt is recorded, as it is when a run came to
// its end. Of a run that died they are the last that was seen.
func TestCardsLeftBehind(t *testing.T) {
	w, _ := realWorld(t)
	died, goes, lives := w.start("A", 0), w.start("A", 0), w.start("A", 0)
	over := w.start("A", 0)
	w.work(over, nil, 7, "a log", true)
	w.end(over)
	w.end(goes)
	w.end(w.start("A", over)) // needs the log, not the card
	w.store.Status = func(r metastore.Run) (metastore.RunStatus, time.Time) {
		if r.ID == died {
			return metastore.RunDied, time.Time{}
		}
		return r.Status, time.Time{}
	}
	show := func(run int64) (paths []string) {
		for _, name := range []string{"0-0.card-0.html", "0-0.card-0.json", "0-0.card-0.json.new", "card-12.new"} {
			path := filepath.Join(w.store.Home, "logs", fmt.Sprint(run), name)
			w.ok(os.MkdirAll(filepath.Dir(path), 0o777))
			w.ok(os.WriteFile(path, bytes.Repeat([]byte("x"), 100), 0o666))
			paths = append(paths, path)
		}
		return paths
	}
	gone := append(show(over), show(goes)...)
	stay := append(show(died), show(lives)...)
	dry, err := w.store.Remove(ctx, []int64{goes}, upkeep.Mode{Dry: true})
	w.ok(err)
	got, err := w.store.Remove(ctx, []int64{goes}, upkeep.Mode{})
	w.ok(err)
	for _, c := range []upkeep.Collected{dry, got} {
		if c.Leftovers != 4 || c.LeftBehind != 400 || len(c.Runs) != 1 || c.Runs[0].Bytes != 400 {
			t.Errorf("%+v", c)
		}
	}
	for _, path := range gone {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	for _, path := range stay {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(w.store.Home, "logs", fmt.Sprint(goes))); !os.IsNotExist(err) {
		t.Errorf("the folder of a run that is gone: %v", err)
	}
	delete(w.runs, goes)
	w.check(false)
}
