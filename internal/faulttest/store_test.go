//go:build linux

package faulttest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

// records is a box's store, opened for reading, beside the binary.
type records struct {
	t    testing.TB
	meta *sqlite.Store
	data *datastore.Store
}

// read opens the box's store for reading. The store is closed when the function returns.
func (b *box) read(f func(r *records)) {
	b.t.Helper()
	meta, err := sqlite.Open(context.Background(), b.home, sqlite.Options{ReadOnly: true})
	if fault.Is(err, fault.NotFound) {
		return // nothing has been stored yet
	}
	if err != nil {
		b.t.Fatalf("the store does not open: %v", err)
	}
	defer meta.Close()
	f(&records{b.t, meta, datastore.New(meta, file.New(b.home), filepath.Join(b.home, "staging"))})
}

// latest returns the newest run, with ID 0 if there is none.
func (b *box) latest() (run metastore.Run) {
	b.t.Helper()
	b.read(func(r *records) {
		for latest, err := range r.meta.Runs(b.t.Context(), metastore.RunFilter{Limit: 1}) {
			if err != nil {
				b.t.Fatal(err)
			}
			run = latest
		}
	})
	return run
}

// finished returns the tasks of a run whose success is recorded, by what names them whichever run they are in.
func (b *box) finished(run int64) (done map[string]bool) {
	b.t.Helper()
	done = map[string]bool{}
	b.read(func(r *records) {
		for name := range r.tasks(run) {
			done[name] = true
		}
	})
	return done
}

// tasks returns the finished tasks of a run by "step[index,index]#iteration", as the flows trace them.
func (r *records) tasks(run int64) map[string]metastore.FinishedTask {
	r.t.Helper()
	scopes, err := r.meta.Scopes(r.t.Context(), run)
	if err != nil {
		r.t.Fatal(err)
	}
	bySplit := map[int64]metastore.Scope{}
	for _, s := range scopes {
		bySplit[s.Split] = s
	}
	all := map[string]metastore.FinishedTask{}
	for t, err := range r.meta.Finished(r.t.Context(), run) {
		if err != nil {
			r.t.Fatal(err)
		}
		var place []string
		for scope, index := t.Task.Scope, t.Task.Index; scope >= 0; {
			s, ok := bySplit[scope]
			if !ok {
				r.t.Fatalf("task %d is in a scope that is not recorded, %d", t.Task.ID, scope)
			}
			if s.Kind == "foreach" {
				place = append(place, fmt.Sprint(index))
			}
			scope, index = s.Parent, s.Index
		}
		slices.Reverse(place)
		name := fmt.Sprintf("%s[%s]#%d", t.Task.Step, strings.Join(place, ","), t.Task.Iteration)
		if _, twice := all[name]; twice {
			r.t.Errorf("two tasks of run %d are %s", run, name)
		}
		all[name] = t
	}
	return all
}

// results returns the hashes of all artifacts of all finished tasks of a run, and where the tasks went.
func (b *box) results(run int64) map[string]string {
	b.t.Helper()
	all := map[string]string{}
	b.read(func(r *records) {
		layers := datastore.NewLayers(r.meta)
		for name, t := range r.tasks(run) {
			artifacts, err := layers.OfAttempt(b.t.Context(), t.Task, t.Attempt)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, a := range artifacts {
				all[name+" "+a.Name] = fmt.Sprintf("%x %d %s %s", a.Hash[:8], a.Size, a.Codec, a.Type)
			}
			all[name+" ->"] = string(t.Attempt.Transition)
		}
	})
	return all
}

// same compares a run with an undisturbed one.
func (b *box) same(run int64, want map[string]string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.results(run)); diff != "" {
		b.t.Errorf("run %d is not what an undisturbed run is (- undisturbed, + this):\n%s", run, diff)
	}
}

// examine checks the whole store: the database is sound, and everything that a record refers to is there and right.
func (b *box) examine() {
	b.t.Helper()
	path := filepath.Join(b.home, layout.Database)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return
	}
	b.read(func(r *records) {
		for run, err := range r.meta.Runs(b.t.Context(), metastore.RunFilter{}) {
			if err != nil {
				b.t.Fatal(err)
			}
			r.examine(run)
		}
	})
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro"}
	if st, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) || err == nil && st.Size() == 0 {
		u.RawQuery = "immutable=1" // at rest; it can be read even where no lock files can be made
	}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
		rows, err := db.Query("PRAGMA " + pragma)
		if err != nil {
			b.t.Fatalf("%s: %v", pragma, err)
		}
		for rows.Next() {
			var said string
			if err := rows.Scan(&said); err != nil || said != "ok" {
				b.t.Errorf("PRAGMA %s: %s %v", pragma, said, err)
			}
		}
		if err := rows.Err(); err != nil {
			b.t.Errorf("PRAGMA %s: %v", pragma, err)
		}
		rows.Close()
	}
}

// examine checks what one run refers to.
func (r *records) examine(run metastore.Run) {
	r.t.Helper()
	ctx := r.t.Context()
	checked := map[metastore.Hash]bool{{}: true}
	check := func(h metastore.Hash, what string, args ...any) {
		if checked[h] {
			return
		}
		checked[h] = true
		if _, err := r.data.Blob(ctx, h); err != nil {
			r.t.Errorf("run %d, %s: %v", run.ID, fmt.Sprintf(what, args...), err)
		}
	}
	check(run.Definition, "definition")
	check(run.Code, "code")
	known := map[int64]bool{-1: true}
	for task, err := range r.meta.Tasks(ctx, metastore.TaskFilter{Run: run.ID, After: -1}) {
		if err != nil {
			r.t.Fatal(err)
		}
		for _, other := range append([]int64{task.Base, task.Scope}, task.Inputs...) {
			if !known[other] {
				r.t.Errorf("run %d: task %d comes after task %d, of which there is no record", run.ID, task.ID, other)
			}
		}
		known[task.ID] = true
		attempts, err := r.meta.Attempts(ctx, run.ID, task.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, a := range attempts {
			artifacts, err := r.meta.Artifacts(ctx, run.ID, task.ID, a.N)
			if err != nil {
				r.t.Fatal(err)
			}
			for _, art := range artifacts {
				if art.Inline == nil {
					check(art.Hash, "artifact %s of task %d", art.Name, task.ID)
				} else if _, err := r.data.Bytes(ctx, art); err != nil {
					r.t.Errorf("run %d, artifact %s of task %d: %v", run.ID, art.Name, task.ID, err)
				}
			}
		}
	}
	scopes, err := r.meta.Scopes(ctx, run.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range scopes {
		check(s.Items, "elements of the foreach of task %d", s.Split)
	}
}

// executions returns what the flow's tasks traced, by run.
func (b *box) executions() map[int64][]string {
	b.t.Helper()
	data, err := os.ReadFile(b.trace())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	all := map[int64][]string{}
	for line := range strings.Lines(string(data)) {
		var run int64
		var name string
		var attempt int
		if _, err := fmt.Sscan(line, &run, &name, &attempt); err != nil {
			b.t.Fatalf("the trace has a line %q: %v", line, err)
		}
		all[run] = append(all[run], name)
	}
	return all
}

// staged returns what lies in the staging folder.
func (b *box) staged() (names []string) {
	b.t.Helper()
	err := filepath.WalkDir(filepath.Join(b.home, "staging"), func(path string, d os.DirEntry, err error) error {
		if err == nil && path != filepath.Join(b.home, "staging") {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}
