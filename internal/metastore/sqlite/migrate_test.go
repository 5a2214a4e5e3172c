package sqlite

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
)

// Before a migration is added, the store that the program writes without it is kept
// in testdata: go test -run TestWriteFixture -fixture. Fixtures are never changed.
var writeFixture = flag.Bool("fixture", false, "write a store with the present schema to testdata")

func fixtureTime(s int) time.Time { return time.Date(2024, 1, 2, 3, 4, s, 5000, time.UTC) }

// fixture is what every fixture holds.
var fixture = struct {
	run     metastore.Run
	records []metastore.Record
}{
	run: metastore.Run{
		ID: 1, Flow: "Old", Status: metastore.RunFailed, User: "anna", Created: fixtureTime(0), Ended: fixtureTime(9), FailedTask: 2,
		Problem: "it broke", Tags: []string{"a", "b"}, SystemTags: []string{"user:anna"},
		Lease:      metastore.Lease{Host: "h", Boot: "b", PID: 1, Start: 2, Heartbeat: fixtureTime(8)},
		Definition: metastore.Hash{1}, Info: metastore.RunInfo{Host: "h", CommandLine: []string{"levada"}, Levada: "0.1"},
	},
	records: []metastore.Record{
		{
			Task: &metastore.Task{Run: 1, ID: 1, Step: "start", Scope: -1, Base: 0, Inputs: []int64{5, 6, 9}, Origin: 3, Created: fixtureTime(1)},
			Attempt: &metastore.Attempt{
				Run: 1, Task: 1, N: 1, Status: metastore.AttemptCaught, PID: 7, Started: fixtureTime(2), Ended: fixtureTime(3), ExitCode: 1,
				Signal: 2, UserCPU: time.Second, SystemCPU: time.Millisecond, PeakMemory: 5, MemorySource: "pss", Transition: []byte("{}"),
				Value: "v", Complete: true, Exception: &metastore.Exception{Type: "E", Message: "m", Traceback: "t"}, Series: []byte{1},
				LogFile: "f", LogLines: 2, LogBytes: 3,
			},
			Artifacts: []metastore.Artifact{
				{Name: "large", Hash: metastore.Hash{3}, Size: 1 << 30, Codec: "file", Type: "bytes"},
				{Name: "small", Hash: metastore.Hash{2}, Size: 1, Codec: "pickle", Type: "int", Inline: []byte{1}},
			},
			Blobs: []metastore.Blob{{Hash: metastore.Hash{1}, Data: []byte("definition")}},
			Scope: &metastore.Scope{Run: 1, Split: 1, Step: "start", Kind: "foreach", Var: "x", Count: 2, Parent: -1, Index: 1, Items: metastore.Hash{4}},
			Log:   []byte("log"),
		},
	},
}

func TestWriteFixture(t *testing.T) {
	if !*writeFixture {
		t.Skip("without -fixture")
	}
	ctx := context.Background()
	folder := t.TempDir()
	s := mustOpen(t, folder, Options{})
	if _, err := s.CreateRun(ctx, fixture.run, metastore.Beginning{First: fixture.records}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(folder, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fmt.Sprintf("testdata/schema-%d.db", latest()), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOldStores opens the stores that earlier programs wrote.
func TestOldStores(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/schema-*.db")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range fixtures {
		for _, o := range []Options{{}, {ReadOnly: true}} {
			t.Run(fmt.Sprintf("%s,%+v", filepath.Base(path), o), func(t *testing.T) { testOldStore(t, path, o) })
		}
	}
}

func testOldStore(t *testing.T, path string, o Options) {
	ctx := context.Background()
	folder := t.TempDir()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, layout.Database), data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, folder, o)
	check := func(what string, got any, err error, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, d)
		}
	}
	r := fixture.records[0]
	run, err := s.Run(ctx, 1)
	check("run", run, err, fixture.run)
	task, err := s.Task(ctx, 1, 1)
	check("task", task, err, *r.Task)
	attempts, err := s.Attempts(ctx, 1, 1)
	check("attempts", attempts, err, []metastore.Attempt{*r.Attempt})
	artifacts, err := s.Artifacts(ctx, 1, 1, 1)
	check("artifacts", artifacts, err, r.Artifacts)
	scopes, err := s.Scopes(ctx, 1)
	check("scopes", scopes, err, []metastore.Scope{*r.Scope})
	blob, err := s.Blob(ctx, r.Blobs[0].Hash)
	check("blob", blob, err, r.Blobs[0].Data)
	log, err := s.Log(ctx, 1, 1, 1)
	check("log", log, err, r.Log)

	s.Close()
	s = mustOpen(t, folder, Options{})
	id, err := s.CreateRun(ctx, metastore.Run{Flow: "New"}, metastore.Beginning{From: 1, Tasks: []int64{1}})
	check("run created in it", id, err, int64(2))
}

// TestMigratedLikeNew checks that an old store ends up with the tables of a new one.
func TestMigratedLikeNew(t *testing.T) {
	schema := func(c *conn) map[string]string {
		all := make(map[string]string)
		for r, err := range c.query("SELECT name, coalesce(sql, '') FROM sqlite_schema") {
			if err != nil {
				t.Fatal(err)
			}
			name := r.text()
			all[name] = r.text()
		}
		return all
	}
	at := func(folder string, schema int) *conn {
		path := filepath.Join(folder, layout.Database)
		c, err := dial("file:" + path)
		if err == nil {
			err = migrateTo(c, path, schema)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.close() })
		return c
	}
	fresh := schema(at(t.TempDir(), latest()))
	for v := 1; v <= latest(); v++ {
		folder := t.TempDir()
		at(folder, v)
		if d := cmp.Diff(fresh, schema(at(folder, latest()))); d != "" {
			t.Errorf("from schema %d (-new +migrated):\n%s", v, d)
		}
	}
	if entries, err := fs.Glob(migrationFiles, "migrations/*.sql"); err != nil || len(entries) != latest() {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestParametersOfOldRuns looks for runs that were made before values of parameters had an index.
func TestParametersOfOldRuns(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, layout.Database)
	c, err := dial("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrateTo(c, path, 9); err != nil {
		t.Fatal(err)
	}
	if err := c.script(`
		INSERT INTO runs (flow, status, user, created, host, boot, pid, start, heartbeat, info) VALUES
			('F', 'succeeded', 'u', 1, '', '', 0, 0, 0, '{"parameters":{"lr":"0.1","n":"1"}}'),
			('F', 'succeeded', 'u', 2, '', '', 0, 0, 0, '{}'),
			('F', 'succeeded', 'u', 3, '', '', 0, 0, 0, '{"parameters":{"lr":"0.1"}}')`); err != nil {
		t.Fatal(err)
	}
	c.close()
	s := mustOpen(t, folder, Options{})
	var got []int64
	for r, err := range s.Runs(context.Background(), metastore.RunFilter{Parameters: map[string]string{"lr": "0.1"}}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ID)
	}
	if d := cmp.Diff([]int64{3, 1}, got); d != "" {
		t.Error(d)
	}
}

// TestQueriesUseIndexes guards the queries whose cost must not grow with the store.
func TestQueriesUseIndexes(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{})
	c := s.writer.conn
	for _, q := range []string{
		runColumns + "WHERE flow = 'x' ORDER BY id DESC LIMIT 1",
		runColumns + "WHERE id IN (SELECT run FROM tags WHERE tag = 'x') ORDER BY id DESC LIMIT 1",
		runColumns + "WHERE id IN (SELECT run FROM parameters WHERE name = 'a' AND value = substr('b', 1, 256)) ORDER BY id DESC LIMIT 1",
		"SELECT " + taskColumns + " FROM tasks AS t WHERE run = 1 AND id > 2 ORDER BY id",
		"SELECT name FROM artifacts WHERE run = 1 AND task = 2 AND attempt = 3 ORDER BY name",
		"SELECT data FROM logs WHERE run = 1 AND task = 2 AND attempt = 3",
	} {
		for r, err := range c.query("EXPLAIN QUERY PLAN " + q) {
			if err != nil {
				t.Fatal(err)
			}
			r.column = 3
			if plan := r.text(); len(plan) > 4 && plan[:4] == "SCAN" || plan == "USE TEMP B-TREE FOR ORDER BY" {
				t.Errorf("%s: %s", q, plan)
			}
		}
	}
}
