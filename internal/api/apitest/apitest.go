// Package apitest makes stores with known runs in memory, for the tests of package api and of what is built on it.
package apitest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	metamem "github.com/levadahq/levada/internal/metastore/mem"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/tasklog"
)

// Store is a store in memory with a service on it.
type Store struct {
	*api.Service
	Meta *metamem.Store
	Data *datastore.Store
	home string
}

// Start is when the first run was made. Run n was made n hours later.
var Start = time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC)

// Large is the bytes of the artifact "large".
var Large = []byte(strings.Repeat("large value ", 20_000))

// New returns an empty store, closed at the test's end.
func New(t testing.TB) *Store {
	meta := metamem.New()
	t.Cleanup(func() { meta.Close() })
	s := &Store{Meta: meta, Data: datastore.New(meta, mem.New(), t.TempDir()), home: t.TempDir()}
	s.Service = s.On(meta)
	return s
}

// On returns a service that sees the store as another does, which wraps it.
func (s *Store) On(meta metastore.Store) *api.Service {
	cases := service.New(service.Config{Store: meta, Data: s.Data, Home: s.home, Host: "here", Boot: "boot", Now: func() time.Time { return Start }})
	return api.New(api.Config{Cases: cases, Store: meta, Data: s.Data, Home: "/home/store", Version: "1.2.3"})
}

// ShowCard shows a card of a task that runs.
func (s *Store) ShowCard(t testing.TB, run int64, c livecard.Card, html string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "card")
	if err := os.WriteFile(path, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := livecard.Write(filepath.Join(s.home, "logs", strconv.FormatInt(run, 10)), c, path); err != nil {
		t.Fatal(err)
	}
}

// Print writes lines to the log of an attempt that runs.
func (s *Store) Print(t testing.TB, run, task int64, attempt int, lines iter.Seq[string]) {
	t.Helper()
	dir := filepath.Join(s.home, "logs", strconv.FormatInt(run, 10))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	var w tasklog.Writer
	var log []byte
	for line := range lines {
		log = w.Append(log, tasklog.Line{Time: Start, Text: []byte(line), Newline: true})
	}
	if err := os.WriteFile(filepath.Join(dir, tasklog.FileName(task, attempt)), log, 0o666); err != nil {
		t.Fatal(err)
	}
}

// Flow is the definition of the runs: start splits into a, a foreach of three, and b; all is joined.
func Flow() *graph.Flow {
	step := func(name string, args int, kind graph.NextKind, targets ...string) graph.Step {
		s := graph.Step{Name: name, Args: args, Line: 10}
		if kind != "" {
			s.Next = &graph.Next{Kind: kind, Targets: targets}
		}
		return s
	}
	a := step("a", 1, graph.NextForeach, "work")
	a.Next.Foreach = "xs"
	work := step("work", 1, graph.NextLinear, "gather")
	work.Decorators = []graph.Decorator{{Name: "retry", Attributes: map[string]json.RawMessage{"times": json.RawMessage("1")}}}
	return &graph.Flow{
		Version: graph.DefinitionVersion, Name: "Train", File: "/code/train.py", Language: "python", Runtime: "3.11.7",
		Steps: []graph.Step{
			step("start", 1, graph.NextSplit, "a", "b"), a, work, step("gather", 2, graph.NextLinear, "join"),
			step("b", 1, graph.NextLinear, "join"), step("join", 2, graph.NextLinear, "end"), step("end", 1, ""),
		},
		Parameters: []graph.Parameter{{Name: "alpha", Attribute: "alpha", Type: "float"}},
	}
}

// Run makes a run of Flow that ended with a status. Its tasks: 0 parameters, 1 start, 2 a, 3 b, 4 to 6 work (5 at its
// second attempt), 7 gather, 8 join, 9 end. If it is running, 9 runs and 4 has failed but may be tried again.
func (s *Store) Run(t testing.TB, status metastore.RunStatus, user string, tags ...string) int64 {
	t.Helper()
	def, err := json.Marshal(Flow())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(def)
	created := Start
	for range s.Meta.Runs(t.Context(), metastore.RunFilter{}) {
		created = created.Add(time.Hour)
	}
	first := metastore.Record{Blobs: []metastore.Blob{{Hash: hash, Data: def}}}
	run := metastore.Run{
		Flow: "Train", Status: metastore.RunRunning, User: user, Created: created, FailedTask: -1, Tags: tags,
		SystemTags: []string{"runtime:dev", "user:" + user}, Definition: hash,
		Lease: metastore.Lease{Host: "elsewhere", Heartbeat: Start},
		Info:  metastore.RunInfo{FlowFile: "/code/train.py", Parameters: map[string]string{"alpha": "0.5"}, GitCommit: "abc"},
	}
	id, err := s.Meta.CreateRun(t.Context(), run, metastore.Beginning{First: []metastore.Record{first}})
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{t: t, s: s, run: id, at: created}
	m.task(0, "_parameters", -1, -1, 0, nil, "alpha", "0.5")
	m.task(1, "start", 0, -1, 0, nil, "x", "one", "large", string(Large))
	m.scope(1, "start", "split", "", -1, 0)
	m.task(2, "a", 1, 1, 0, nil, "x", "two")
	m.scope(2, "a", "foreach", "xs", 1, 0)
	m.task(3, "b", 1, 1, 1, nil)
	for i := range int64(3) {
		m.value = string(rune('p' + i))
		m.task(4+i, "work", 2, 2, int(i), nil, "y", m.value)
	}
	m.value = ""
	m.attempt(metastore.Attempt{Task: 5, Status: metastore.AttemptFailed, Exception: &metastore.Exception{Type: "ValueError", Message: "no", Traceback: "T"}})
	m.attempt(metastore.Attempt{Task: 5, N: 1, Status: metastore.AttemptSucceeded}, "y", "again")
	m.task(7, "gather", 0, 1, 0, []int64{4, 5, 6}, "z", "all")
	m.task(8, "join", 0, -1, 0, []int64{7, 3})
	m.task(9, "end", 8, -1, 0, nil)
	if status == metastore.RunRunning {
		m.attempt(metastore.Attempt{Task: 9, Status: metastore.AttemptRunning})
		m.attempt(metastore.Attempt{Task: 4, Status: metastore.AttemptFailed})
		return id
	}
	if status == metastore.RunDied {
		m.attempt(metastore.Attempt{Task: 9, Status: metastore.AttemptRunning})
	}
	if status != metastore.RunDied {
		err = s.Meta.EndRun(t.Context(), id, metastore.RunEnd{Status: status, Ended: created.Add(time.Minute), FailedTask: -1})
	} else {
		err = s.Meta.Beat(t.Context(), id, Start.Add(-time.Hour))
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// maker makes the records of a run.
type maker struct {
	t     testing.TB
	s     *Store
	run   int64
	at    time.Time
	value string
}

func (m *maker) record(r metastore.Record) {
	m.t.Helper()
	done := make(chan error, 1)
	r = r.In(m.run)
	r.Done = func(err error) { done <- err }
	m.s.Meta.Record(r)
	if err := <-done; err != nil {
		m.t.Fatal(err)
	}
}

// task records a task with a good attempt that printed a line on each stream, and artifacts: names and values in turn.
func (m *maker) task(id int64, step string, base, scope int64, index int, inputs []int64, artifacts ...string) {
	m.t.Helper()
	m.record(metastore.Record{Task: &metastore.Task{ID: id, Step: step, Scope: scope, Index: index, Base: base, Inputs: inputs, Created: m.at}})
	m.attempt(metastore.Attempt{Task: id, Status: metastore.AttemptSucceeded, Value: m.value}, artifacts...)
}

func (m *maker) scope(split int64, step, kind, name string, parent int64, index int) {
	m.t.Helper()
	m.record(metastore.Record{Scope: &metastore.Scope{Split: split, Step: step, Kind: kind, Var: name, Count: 3, Parent: parent, Index: index}})
}

func (m *maker) attempt(a metastore.Attempt, artifacts ...string) {
	m.t.Helper()
	a.Started = m.at.Add(time.Duration(a.Task) * time.Second)
	if a.Status != metastore.AttemptRunning {
		a.Ended = a.Started.Add(time.Second)
	}
	r := metastore.Record{Attempt: &a}
	for i := 0; i < len(artifacts); i += 2 {
		ref, blob, err := m.s.Data.Keep(context.Background(), []byte(artifacts[i+1]))
		if err != nil {
			m.t.Fatal(err)
		}
		if blob != nil {
			r.Blobs = append(r.Blobs, *blob)
		}
		r.Artifacts = append(r.Artifacts, metastore.Artifact{Name: artifacts[i], Hash: ref.Hash, Size: ref.Size, Codec: "file", Type: "str", Inline: ref.Inline})
	}
	var w tasklog.Writer
	r.Log = w.Append(nil, tasklog.Line{Time: a.Started, Text: []byte("out"), Newline: true})
	r.Log = w.Append(r.Log, tasklog.Line{Time: a.Started, Stream: tasklog.Stderr, Text: []byte("  err"), Newline: true})
	r.Log = w.Append(r.Log, tasklog.Line{Time: a.Started, Text: []byte("end"), Newline: false})
	m.record(r)
}
