package upkeep_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/upkeep"
)

// TestTheDoctorGoesOn has a value and a log that the system refuses to read: they are told, and what comes after them
// too.
func TestTheDoctorGoesOn(t *testing.T) {
	home := t.TempDir()
	w := newWorld(t, home, mem.New())
	run := w.start("A", 0)
	for i := range byte(6) {
		w.work(run, []int{200_000}, i, strings.Repeat("line\n", 1000), true)
	}
	w.end(run)
	paths := func(pattern string) []string {
		list, err := filepath.Glob(filepath.Join(home, pattern))
		if err != nil || len(list) != 6 {
			t.Fatal(list, err)
		}
		return list
	}
	values, logs := paths("blobs/??/*"), paths("logs/*/*.log")
	for _, path := range []string{values[2], logs[2]} { // a link to itself: nobody can read it, not even root
		w.ok(os.Remove(path))
		w.ok(os.Symlink(path, path))
	}
	w.ok(os.Remove(values[0]))
	w.ok(os.Remove(logs[0]))
	w.ok(os.Remove(values[5]))
	w.ok(os.Remove(logs[5]))
	hash := func(i int) string { return filepath.Base(filepath.Dir(values[i])) + filepath.Base(values[i]) }
	for _, quick := range []bool{false, true} {
		var told []string
		w.ok(w.store.Examine(ctx, upkeep.Examination{Quick: quick, Tell: func(f upkeep.Finding) {
			if f.Level == upkeep.Problem && f.Hint != "" {
				told = append(told, fmt.Sprint(f.Check, ": ", f.Text, "; needed ", len(f.Needs)))
			}
		}}))
		all := strings.Join(told, "\n")
		for _, want := range []string{
			"values: blob " + hash(0) + " is missing; needed 1", "values: blob " + hash(5) + " is missing; needed 1",
			"values: blob " + hash(2) + " cannot be read: ", "too many levels of symbolic links; needed 1",
			"logs: 2 logs missing; needed 2", "logs: 1 log cannot be read: look for a log: " + logs[2],
		} {
			if !strings.Contains(all, want) {
				t.Errorf("quick %v: not told: %s", quick, want)
			}
		}
		if n := len(slices.DeleteFunc(told, func(s string) bool { return strings.HasPrefix(s, "leftovers") })); n != 5 {
			t.Errorf("quick %v: told of %d problems:\n%s", quick, n, all)
		}
	}
}

// asked counts the keys that are asked for, one by one.
type asked struct {
	*file.Bucket
	n int
}

func (a *asked) Stat(ctx context.Context, key string) (int64, error) {
	a.n++
	return a.Bucket.Stat(ctx, key)
}

// TestTheQuickDoctorLists has a value that is missing among many: only that one is looked for.
func TestTheQuickDoctorLists(t *testing.T) {
	home := t.TempDir()
	w := newWorld(t, home, mem.New())
	run := w.start("A", 0)
	for i := range byte(50) {
		w.work(run, []int{200_000}, i, "", false)
	}
	w.end(run)
	values, err := filepath.Glob(filepath.Join(home, "blobs/??/*"))
	w.ok(err)
	w.ok(os.Remove(values[0]))
	bucket := &asked{Bucket: file.New(home)}
	w.store.Data = datastore.New(w.store.Meta, bucket, filepath.Join(home, "staging"))
	missing := 0
	w.ok(w.store.Examine(ctx, upkeep.Examination{Quick: true, Tell: func(f upkeep.Finding) {
		if f.Check == "values" && strings.Contains(f.Text, "is missing") {
			missing++
		}
	}}))
	if missing != 1 || bucket.n != 2 {
		t.Errorf("%d values are missing, %d keys were asked for", missing, bucket.n)
	}
}

// TestACopyThatCannotBeRead is beside a right one: it is told, and others are repaired.
func TestACopyThatCannotBeRead(t *testing.T) {
	home := t.TempDir()
	w := newWorld(t, home, mem.New())
	run := w.start("A", 0)
	w.work(run, []int{200_000, 200_000, 200_000}, 1, "", false)
	w.end(run)
	values, err := filepath.Glob(filepath.Join(home, "blobs/??/*"))
	w.ok(err)
	for _, path := range values {
		w.ok(os.WriteFile(path+".zst", []byte("nonsense"), 0o644)) // beside a right one
	}
	w.ok(os.Remove(values[1] + ".zst"))
	w.ok(os.Symlink(values[1]+".zst", values[1]+".zst"))
	mended, unread := 0, 0
	w.ok(w.store.Examine(ctx, upkeep.Examination{Repair: true, Tell: func(f upkeep.Finding) {
		switch {
		case f.Level == upkeep.Mended && f.Check == "values":
			mended++
		case f.Level == upkeep.Problem && strings.Contains(f.Text, "cannot be read") && strings.Contains(f.Text, "another copy is intact"):
			unread++
		}
	}}))
	if mended != 2 || unread != 1 {
		t.Errorf("%d are repaired, %d unread", mended, unread)
	}
}

// TestLogsThatAreCutOff: that a log ends early is known from the record of its attempt.
func TestLogsThatAreCutOff(t *testing.T) {
	home := t.TempDir()
	w := newWorld(t, home, mem.New())
	run := w.start("A", 0)
	for i := range byte(3) {
		w.work(run, nil, i, strings.Repeat("line\n", 1000), true)
	}
	w.end(run)
	logs, err := filepath.Glob(filepath.Join(home, "logs/*/*.log"))
	w.ok(err)
	w.ok(os.Truncate(logs[0], 5000))
	w.ok(os.Truncate(logs[1], 0))
	for _, quick := range []bool{false, true} {
		var told []upkeep.Finding
		w.ok(w.store.Examine(ctx, upkeep.Examination{Quick: quick, Tell: func(f upkeep.Finding) {
			if f.Level == upkeep.Problem {
				told = append(told, f)
			}
		}}))
		if quick && len(told) > 0 || !quick && (len(told) != 1 || !strings.HasPrefix(told[0].Text, "2 logs damaged: read log: "+logs[0]) || len(told[0].Needs) != 2) {
			t.Errorf("quick %v: %+v", quick, told)
		}
	}
}

// TestLogsThatChanged has logs, in a file and in the database, of which the text is not what was written.
func TestLogsThatChanged(t *testing.T) {
	home := t.TempDir()
	meta := &misread{Store: mem.New()}
	w := newWorld(t, home, meta)
	run := w.start("A", 0)
	for i := range byte(2) {
		w.work(run, nil, i, strings.Repeat("line\n", 1000), true)
		w.work(run, nil, i, "one line\n", false)
	}
	w.end(run)
	logs, err := filepath.Glob(filepath.Join(home, "logs/*/*.log"))
	w.ok(err)
	log, err := os.ReadFile(logs[0])
	w.ok(err)
	w.ok(os.WriteFile(logs[0], bytes.Replace(log, []byte("line"), []byte("lime"), 1), 0o644))
	for _, quick := range []bool{false, true} {
		var told []upkeep.Finding
		w.ok(w.store.Examine(ctx, upkeep.Examination{Quick: quick, Tell: func(f upkeep.Finding) {
			if f.Check == "logs" && f.Level == upkeep.Problem {
				told = append(told, f)
			}
		}}))
		if quick && len(told) > 0 || !quick && (len(told) != 1 || !strings.Contains(told[0].Text, "3 logs damaged") || len(told[0].Needs) != 3) {
			t.Errorf("quick %v: %+v", quick, told)
		}
	}
}

// misread is a store whose database does not give back the text of a log.
type misread struct{ metastore.Store }

func (m *misread) Log(ctx context.Context, run, task int64, attempt int) ([]byte, error) {
	log, err := m.Store.Log(ctx, run, task, attempt)
	return bytes.Replace(log, []byte("line"), []byte("lime"), 1), err
}
