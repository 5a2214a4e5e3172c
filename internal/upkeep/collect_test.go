package upkeep_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/metastore/sqlite"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/upkeep"
)

var ctx = context.Background()

var here = metastore.Place{Host: "here", Boot: "b", Namespace: "1"}

// world is a store and all that is known of what must be in it.
type world struct {
	t     fataler
	store *upkeep.Store
	runs  map[int64]*history
	// withoutPut says that large values have been stored already.
	withoutPut bool
	engines    []*upkeep.Engine // that live to the end of the test
}

type fataler interface {
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// history is what a run has: the bytes of its artifacts and logs.
type history struct {
	ended  bool
	origin int64
	tasks  []task
}

type task struct {
	id     int64
	origin int64
	values map[string][]byte
	log    string
	inFile bool
}

func newWorld(t fataler, home string, meta metastore.Store) *world {
	w := &world{t: t, runs: map[int64]*history{}}
	w.store = &upkeep.Store{
		Meta: meta, Data: datastore.New(meta, file.New(home), filepath.Join(home, "staging")), Home: home, Here: here, Now: time.Now,
		Status: func(r metastore.Run) (metastore.RunStatus, time.Time) { return r.Status, time.Time{} },
	}
	return w
}

func (w *world) ok(err error) {
	if err != nil {
		w.t.Fatalf("%v", err)
	}
}

func (w *world) record(r metastore.Record) {
	done := make(chan error, 1)
	r.Done, r.Soon = func(err error) { done <- err }, true
	w.store.Meta.Record(r)
	w.ok(<-done)
}

// start makes a run, which goes on, that takes over the tasks of another if origin is not 0.
func (w *world) start(flow string, origin int64) int64 {
	return w.begin(flow, origin, metastore.RunInfo{})
}

// spin is start for a run that spins a task.
func (w *world) spin(origin int64) int64 {
	return w.begin("A", origin, metastore.RunInfo{Spin: fmt.Sprintf("A/%d/s/0", origin)})
}

func (w *world) begin(flow string, origin int64, info metastore.RunInfo) int64 {
	h := &history{origin: origin}
	run := metastore.Run{
		Flow: flow, Status: metastore.RunRunning, Created: time.Now(), Origin: origin, FailedTask: -1, Lease: metastore.Lease{Host: here.Host, Boot: here.Boot, Namespace: here.Namespace},
		Definition: w.keep([]byte("definition of " + flow)), Info: info,
	}
	var begin metastore.Beginning
	if origin != 0 {
		begin.From = origin
		for _, t := range w.runs[origin].tasks {
			begin.Tasks = append(begin.Tasks, t.id)
			if t.origin == 0 {
				t.origin = origin
			}
			h.tasks = append(h.tasks, t)
		}
	}
	id, err := w.store.Meta.CreateRun(ctx, run, begin)
	w.ok(err)
	w.runs[id] = h
	return id
}

// keep stores bytes of the run itself.
func (w *world) keep(data []byte) metastore.Hash {
	w.record(metastore.Record{Blobs: []metastore.Blob{{Hash: sha256.Sum256(data), Data: data}}})
	return sha256.Sum256(data)
}

// work records a task with artifacts of some sizes and a log.
func (w *world) work(run int64, sizes []int, content byte, log string, inFile bool) {
	h := w.runs[run]
	lines := int64(0)
	if log != "" {
		var w tasklog.Writer
		var encoded []byte
		for line := range strings.Lines(log) {
			encoded = w.Append(encoded, tasklog.Line{Text: []byte(strings.TrimSuffix(line, "\n")), Newline: true})
			lines++
		}
		log = string(w.End(encoded))
	}
	t := task{id: int64(len(h.tasks)), values: map[string][]byte{}, log: log, inFile: inFile}
	a := metastore.Attempt{Run: run, Task: t.id, Status: metastore.AttemptSucceeded, Transition: []byte("{}")}
	r := metastore.Record{Task: &metastore.Task{Run: run, ID: t.id, Step: "s", Scope: -1, Base: t.id - 1}, Attempt: &a}
	for i, size := range sizes {
		data := contentOf(content, i, size)
		name := fmt.Sprint("v", i)
		t.values[name] = data
		ref, b := datastore.Prepare(data)
		switch {
		case b != nil:
			r.Blobs = append(r.Blobs, *b)
		case ref.Inline == nil && !w.withoutPut:
			_, err := w.store.Data.Put(ctx, data)
			w.ok(err)
		}
		r.Artifacts = append(r.Artifacts, metastore.Artifact{Name: name, Hash: ref.Hash, Size: ref.Size, Codec: "pickle", Inline: ref.Inline})
	}
	if log != "" {
		a.LogLines = lines
		if inFile {
			a.LogFile = tasklog.FileName(t.id, 0)
			path := filepath.Join(w.store.Home, "logs", fmt.Sprint(run), a.LogFile)
			w.ok(os.MkdirAll(filepath.Dir(path), 0o777))
			w.ok(os.WriteFile(path, []byte(log), 0o666))
		} else {
			r.Log = []byte(log)
		}
	}
	w.record(r)
	h.tasks = append(h.tasks, t)
}

// contentOf is the value of an artifact.
func contentOf(content byte, i, size int) []byte {
	data := bytes.Repeat([]byte{content + byte(i)}, size)
	if size > datastore.SmallLimit {
		for j := 0; j < len(data); j += 64 { // so that it is not compressed to nothing
			sum := sha256.Sum256(fmt.Appendf(nil, "%d %d", content, j))
			copy(data[j:], sum[:])
		}
	}
	return data
}

func (w *world) end(run int64) {
	w.ok(w.store.Meta.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded, Ended: time.Now(), FailedTask: -1}))
	w.runs[run].ended = true
}

// check checks that all that is kept reads back and, after a collection, that nothing else is there.
func (w *world) check(collected bool) {
	s := w.store
	values := map[metastore.Hash]bool{}
	logs := map[string]bool{}
	for id, h := range w.runs {
		run, err := s.Meta.Run(ctx, id)
		w.ok(err)
		definition, err := s.Data.Blob(ctx, run.Definition)
		if err != nil || string(definition) != "definition of "+run.Flow {
			w.t.Fatalf("run %d: the definition is %q, %v", id, definition, err)
		}
		values[run.Definition] = true
		for _, t := range h.tasks {
			for name, want := range t.values {
				a, err := s.Meta.Artifact(ctx, id, t.id, 0, name)
				w.ok(err)
				got, err := s.Data.Bytes(ctx, a)
				if err != nil || !bytes.Equal(got, want) {
					w.t.Fatalf("run %d, task %d, %s: %d bytes, %v; want %d", id, t.id, name, len(got), err, len(want))
				}
				if a.Inline == nil {
					values[a.Hash] = true
				}
			}
			if t.log == "" {
				continue
			}
			kept := id
			if t.origin != 0 {
				kept = t.origin
			}
			logs[fmt.Sprint(kept, " ", t.id, " ", t.inFile)] = true
			got, err := os.ReadFile(filepath.Join(s.Home, "logs", fmt.Sprint(kept), tasklog.FileName(t.id, 0)))
			if !t.inFile {
				got, err = s.Meta.Log(ctx, kept, t.id, 0)
			}
			if err != nil || string(got) != t.log {
				w.t.Fatalf("run %d, task %d: the log is %q, %v; want %q", id, t.id, got, err, t.log)
			}
		}
	}
	if !collected {
		return
	}
	for v, err := range s.Meta.SmallValues(ctx) {
		w.ok(err)
		if !values[v.Hash] {
			w.t.Fatalf("there is a small value of %d bytes that nobody needs", v.Size)
		}
	}
	for f, err := range s.Data.Files(ctx) {
		w.ok(err)
		if !values[f.Hash] {
			w.t.Fatalf("there is a file of %d bytes that nobody needs", f.Size)
		}
	}
	for l, err := range s.Meta.Logs(ctx) {
		w.ok(err)
		if !logs[fmt.Sprint(l.Run, " ", l.Task, " false")] {
			w.t.Fatalf("there is a log of run %d, task %d that nobody needs", l.Run, l.Task)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.Home, "logs", "*", "*"))
	w.ok(err)
	for _, path := range files {
		var task, attempt int64
		fmt.Sscanf(filepath.Base(path), "%d-%d.log", &task, &attempt)
		if !logs[fmt.Sprint(filepath.Base(filepath.Dir(path)), " ", task, " true")] {
			w.t.Fatalf("there is a log %s that nobody needs", path)
		}
	}
	w.healthy()
}

// healthy checks that the doctor finds nothing.
func (w *world) healthy() {
	w.ok(w.store.Examine(ctx, upkeep.Examination{Tell: func(f upkeep.Finding) {
		if f.Level != upkeep.OK {
			w.t.Fatalf("the doctor says: %s: %s %v", f.Check, f.Text, f.Needs)
		}
	}}))
}

// ids returns the runs that have ended, or those that go on, in order.
func (w *world) ids(ended bool) []int64 {
	var list []int64
	for id, h := range w.runs {
		if h.ended == ended {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// TestWhatIsKeptReadsBack does all that can be done to a store in any order.
func TestWhatIsKeptReadsBack(t *testing.T) {
	for name, open := range map[string]func(home string) (metastore.Store, error){
		"mem": func(string) (metastore.Store, error) { return mem.New(), nil },
		"sqlite": func(home string) (metastore.Store, error) {
			return sqlite.Open(ctx, home, sqlite.Options{Linger: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				home, err := os.MkdirTemp(t.TempDir(), "")
				if err != nil {
					rt.Fatal(err)
				}
				defer os.RemoveAll(home)
				meta, err := open(home)
				if err != nil {
					rt.Fatal(err)
				}
				defer meta.Close()
				w := newWorld(rt, home, meta)
				rt.Repeat(w.actions(rt))
				for _, id := range w.ids(false) { // while they go on, they may be about to need what is new
					w.end(id)
				}
				_, err = w.store.Collect(ctx, upkeep.NoRules, upkeep.Mode{})
				w.ok(err)
				w.check(true)
			})
		})
	}
}

func (w *world) actions(rt *rapid.T) map[string]func(*rapid.T) {
	pick := func(rt *rapid.T, ended bool) int64 {
		ids := w.ids(ended)
		if len(ids) == 0 {
			rt.Skip("no run")
		}
		return rapid.SampledFrom(ids).Draw(rt, "run")
	}
	return map[string]func(*rapid.T){
		"start": func(rt *rapid.T) { w.start(rapid.SampledFrom([]string{"A", "B"}).Draw(rt, "flow"), 0) },
		"resume": func(rt *rapid.T) {
			origin := pick(rt, true)
			w.start("A", origin)
		},
		"spin": func(rt *rapid.T) { w.spin(pick(rt, true)) },
		"work": func(rt *rapid.T) {
			sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 10, 300, 5000, 70_000}), 0, 3).Draw(rt, "sizes")
			log := rapid.SampledFrom([]string{"", "short", "another"}).Draw(rt, "log")
			w.work(pick(rt, false), sizes, byte(rapid.IntRange(0, 5).Draw(rt, "content")), log, rapid.Bool().Draw(rt, "in a file"))
		},
		"end": func(rt *rapid.T) { w.end(pick(rt, false)) },
		"remove": func(rt *rapid.T) {
			id := pick(rt, true)
			plan, err := w.store.Remove(ctx, []int64{id}, upkeep.Mode{Dry: true})
			w.ok(err)
			w.check(false)
			got, err := w.store.Remove(ctx, []int64{id}, upkeep.Mode{})
			w.ok(err)
			if len(got.Runs) != 1 || got.Bytes() != plan.Bytes() {
				rt.Errorf("removing %d: %+v, the plan was %+v", id, got, plan)
			}
			delete(w.runs, id)
		},
		"remove one that goes on": func(rt *rapid.T) {
			if _, err := w.store.Remove(ctx, append(w.ids(true), pick(rt, false)), upkeep.Mode{}); !fault.Is(err, fault.Conflict) {
				rt.Errorf("removing a run that goes on: %v", err)
			}
		},
		"collect": func(rt *rapid.T) {
			rules := upkeep.NoRules
			rules.Keep = rapid.IntRange(-1, 3).Draw(rt, "keep")
			if rapid.Bool().Draw(rt, "of a flow") {
				rules.Flows = []string{"A"}
			}
			got, err := w.store.Collect(ctx, rules, upkeep.Mode{})
			w.ok(err)
			for _, share := range got.Runs {
				if !w.runs[share.Run.ID].ended {
					rt.Errorf("run %d went while it went on", share.Run.ID)
				}
				delete(w.runs, share.Run.ID)
			}
		},
		"": func(rt *rapid.T) { w.check(false) },
	}
}
