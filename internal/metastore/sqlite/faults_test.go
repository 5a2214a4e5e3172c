package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/queue"
)

func mustOpen(t *testing.T, folder string, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), folder, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func wantFault(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) || fault.HintOf(err) == "" {
		t.Errorf("%s: error %v with hint %q, want kind %q and a hint", what, err, fault.HintOf(err), kind)
	}
}

// TestFull fills a store that may not grow.
func TestFull(t *testing.T) {
	ctx := context.Background()
	folder := t.TempDir()
	s := mustOpen(t, folder, Options{})
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		t.Helper()
		if err := s.do(ctx, "limit", func(c *conn) error { return c.script(fmt.Sprintf("PRAGMA max_page_count = %d", pages)) }); err != nil {
			t.Fatal(err)
		}
	}
	limit(100)
	fill := func(task int64) (ok int, problem error) {
		const records = 50
		told := make(chan error, records)
		for i := range records {
			log := bytes.Repeat([]byte{byte(i)}, 30_000)
			s.Record(metastore.Record{
				Task:    &metastore.Task{Run: run, ID: task + int64(i)},
				Attempt: &metastore.Attempt{Run: run, Task: task + int64(i)}, Log: log,
				Done: func(err error) { told <- err },
			})
			if i%10 == 9 {
				s.Flush()
			}
		}
		for range records {
			if err := <-told; err != nil {
				problem = err
			} else {
				ok++
			}
		}
		return ok, problem
	}
	tasks := func() (n int) {
		for _, err := range s.Tasks(ctx, metastore.TaskFilter{Run: run, After: -1}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	ok, err := fill(0)
	wantFault(t, "a full disk", err, fault.NoSpace)
	if got := tasks(); got != ok {
		t.Errorf("%d tasks are there, %d were told to be", got, ok)
	}
	limit(1 << 30)
	if ok, err := fill(1000); ok != 50 {
		t.Errorf("with space again %d of 50 records are written: %v", ok, err)
	}
	before := tasks()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, folder, Options{})
	if got := tasks(); got != before {
		t.Errorf("opened again, %d tasks of %d are there", got, before)
	}
}

func TestDamagedFiles(t *testing.T) {
	folder := t.TempDir()
	s := mustOpen(t, folder, Options{})
	if _, err := s.CreateRun(context.Background(), metastore.Run{Flow: "F"}, metastore.Beginning{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(folder, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"garbage":          bytes.Repeat([]byte("no database "), 1000),
		"a damaged header": append(bytes.Repeat([]byte{0xff}, 100), whole[100:]...),
		"half":             whole[:len(whole)/2],
		"damaged pages":    append(append([]byte{}, whole[:200]...), bytes.Repeat([]byte{0xa5}, len(whole)-200)...),
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, layout.Database), content, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, o := range []Options{{}, {ReadOnly: true}} {
			wantFault(t, fmt.Sprintf("%s, %+v", name, o), useAll(folder, o), fault.Corrupt)
		}
	}
}

// useAll opens a store and reads what a command might.
func useAll(folder string, o Options) error {
	ctx := context.Background()
	s, err := Open(ctx, folder, o)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, err := range s.Runs(ctx, metastore.RunFilter{}) {
		if err != nil {
			return err
		}
	}
	for _, err := range s.Finished(ctx, 1) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestADamagedRow has a row that no Levada wrote: who reads it is told, and nobody else.
func TestADamagedRow(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, t.TempDir(), Options{})
	var runs []int64
	for range 2 {
		run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{First: []metastore.Record{{
			Task:      &metastore.Task{Step: "start"},
			Attempt:   &metastore.Attempt{Status: metastore.AttemptSucceeded},
			Artifacts: []metastore.Artifact{{Name: "x", Hash: metastore.Hash{1}, Size: 300}},
			Blobs:     []metastore.Blob{{Hash: metastore.Hash{1}, Data: []byte("x")}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	err := s.do(ctx, "damage", func(c *conn) error {
		_, err := c.exec(`UPDATE artifacts SET hash = x'00' WHERE run = ?`, runs[0])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, err := s.Artifacts(ctx, runs[0], 0, 0)
		wantFault(t, "the damaged row", err, fault.Corrupt)
		if list, err := s.Artifacts(ctx, runs[1], 0, 0); err != nil || len(list) != 1 {
			t.Errorf("a row that is not damaged: %v, %v", list, err)
		}
	}
	// Who deletes what nobody needs has to know it all.
	n, err := s.DeleteBlobs(ctx, []metastore.Hash{{1}}, metastore.RunSet{})
	if wantFault(t, "deleting beside the damaged row", err, fault.Corrupt); n != 0 {
		t.Errorf("%d bytes were deleted", n)
	}
	if _, err := s.DeleteBlobs(ctx, []metastore.Hash{{1}}, metastore.RunSet{Runs: runs[1:], After: runs[1]}); err != nil {
		t.Errorf("deleting elsewhere: %v", err)
	}
}

func TestNoStoreToRead(t *testing.T) {
	folder := t.TempDir()
	_, err := Open(context.Background(), folder, Options{ReadOnly: true})
	wantFault(t, "an empty folder", err, fault.NotFound)
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("reading created %v, %v", left, err)
	}
}

func TestSomeOtherDatabase(t *testing.T) {
	folder := t.TempDir()
	c, err := dial("file:" + filepath.Join(folder, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.script("CREATE TABLE recipes (title TEXT)"); err != nil {
		t.Fatal(err)
	}
	c.close()
	_, err = Open(context.Background(), folder, Options{})
	wantFault(t, "a database of recipes", err, fault.Corrupt)
}

func TestNewerStore(t *testing.T) {
	folder := t.TempDir()
	s := mustOpen(t, folder, Options{})
	if err := s.do(context.Background(), "age", func(c *conn) error {
		return c.script(fmt.Sprintf("PRAGMA user_version = %d", latest()+1))
	}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, o := range []Options{{}, {ReadOnly: true}} {
		_, err := Open(context.Background(), folder, o)
		wantFault(t, "a newer store", err, fault.Unavailable)
	}
}

// meddled is a connection of which a test sees each script before it is run.
type meddled struct {
	driver.Conn
	before func(sql string)
}

func (m *meddled) ExecContext(ctx context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	m.before(sql)
	return m.Conn.(driver.ExecerContext).ExecContext(ctx, sql, args)
}

// TestANewerLevadaIsFaster: it migrates the store after this program has looked, and before it has the lock.
func TestANewerLevadaIsFaster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "levada.db")
	open := func() *conn {
		c, err := dial("file:" + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.close() })
		return c
	}
	newer, older := open(), open()
	if err := migrateTo(newer, path, latest()-1); err != nil {
		t.Fatal(err)
	}
	older.driver = &meddled{older.driver, func(sql string) {
		if sql == "BEGIN IMMEDIATE" {
			if err := newer.script(fmt.Sprintf("PRAGMA user_version = %d", latest()+1)); err != nil {
				t.Error(err)
			}
		}
	}}
	wantFault(t, "a store that is newer by now", migrate(older, path), fault.Unavailable)
}

// counted is a statement that counts how often it is executed.
type counted struct {
	driver.Stmt
	n int
}

func (c *counted) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	c.n++
	return c.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

// TestConflictsInABatch: however many records are there already, the others are written with one repetition.
func TestConflictsInABatch(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, t.TempDir(), Options{})
	run, err := s.CreateRun(ctx, metastore.Run{}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	task := func(id int64) *metastore.Task {
		return &metastore.Task{Run: run, ID: id, Step: "s", Scope: -1, Base: -1}
	}
	attempt := func(id int64, status metastore.AttemptStatus) *metastore.Attempt {
		return &metastore.Attempt{Run: run, Task: id, Status: status}
	}
	const n = 100
	var told [n + 3]error
	var batch []write
	add := func(r metastore.Record) {
		i := len(batch)
		r.Done = func(err error) { told[i] = err }
		batch = append(batch, write{record: r})
	}
	for id := range int64(n) {
		add(metastore.Record{Task: task(id / 2)}) // each task twice
	}
	add(metastore.Record{Task: task(n), Attempt: attempt(n, metastore.AttemptRunning)})
	add(metastore.Record{Task: task(n), Attempt: attempt(n, metastore.AttemptSucceeded)}) // its task is there
	add(metastore.Record{Task: task(n + 1), Attempt: attempt(n+1, metastore.AttemptRunning)})
	begin, err := s.writer.conn.prepare("BEGIN IMMEDIATE")
	if err != nil {
		t.Fatal(err)
	}
	count := &counted{Stmt: begin.driver}
	begin.driver = count
	s.writer.commit(batch)
	if count.n > 2 {
		t.Errorf("%d transactions", count.n)
	}
	for i, err := range told {
		if conflict := i < n && i%2 == 1 || i == n+1; conflict != fault.Is(err, fault.Conflict) || !conflict && err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	for id, want := range map[int64]int{0: 0, n/2 - 1: 0, n: 1, n + 1: 1} {
		attempts, err := s.Attempts(ctx, run, id)
		if err != nil || len(attempts) != want || want > 0 && attempts[0].Status != metastore.AttemptRunning {
			t.Errorf("attempts of task %d: %+v, %v", id, attempts, err)
		}
	}
}

// TestLocked checks that the wait for another process's lock can be long, and that
// the error after that says what to look for.
func TestLocked(t *testing.T) {
	folder := t.TempDir()
	a := mustOpen(t, folder, Options{})
	run, err := a.CreateRun(context.Background(), metastore.Run{}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := dial(a.uri("mode", "rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.script("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() { result <- a.Beat(context.Background(), run, time.Unix(1, 0)) }()
	select {
	case err := <-result:
		t.Fatalf("Beat did not wait for the lock: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := other.script("COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}

	if err := other.script("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, busy := a.writer.conn.exec("BEGIN IMMEDIATE")
	if !isBusy(busy) {
		t.Fatalf("a locked store gives %v", busy)
	}
	wantFault(t, "a locked store", a.faultOf("record", busy), fault.Conflict)
}

// TestCompany checks when records are committed.
func TestCompany(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, t.TempDir(), Options{Linger: time.Hour})
	run, err := s.CreateRun(ctx, metastore.Run{}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan int64, 2*queue.Full)
	next := int64(0)
	add := func(soon bool) {
		id := next
		next++
		s.Record(metastore.Record{Task: &metastore.Task{Run: run, ID: id}, Soon: soon, Done: func(error) { told <- id }})
	}
	wait := func(what string, from, to int64) {
		t.Helper()
		for want := from; want <= to; want++ {
			if got := <-told; got != want {
				t.Fatalf("%s: %d is told instead of %d", what, got, want)
			}
		}
	}
	nobody := func(what string) {
		t.Helper()
		// What is committed meanwhile is committed with this:
		if _, err := s.Run(ctx, run); err != nil {
			t.Fatal(err)
		}
		if len(told) > 0 {
			t.Fatalf("%s: %d is told", what, <-told)
		}
	}
	add(false)
	add(false)
	nobody("two records wait")
	s.Flush()
	wait("after Flush", 0, 1)
	add(false)
	nobody("one record waits")
	add(true)
	wait("after a record that is Soon", 2, 3)
	for range queue.Full - 1 {
		add(false)
	}
	nobody("a batch that is not full waits")
	add(false)
	wait("a full batch", 4, 3+queue.Full)
	add(false)
	if err := s.Beat(ctx, run, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	wait("after a job", 4+queue.Full, 4+queue.Full)
}

func TestFaultsStayFaults(t *testing.T) {
	inner := fault.New(fault.NotFound, "x")
	if got := faultOf("op", "path", inner); !errors.Is(got, inner) || fault.KindOf(got) != fault.NotFound {
		t.Errorf("%v", got)
	}
	if got := faultOf("op", "path", nil); got != nil {
		t.Errorf("%v", got)
	}
}

func TestClosedStoreIsOneFile(t *testing.T) {
	folder := t.TempDir()
	s := mustOpen(t, folder, Options{})
	run, err := s.CreateRun(context.Background(), metastore.Run{}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background(), run); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 || left[0].Name() != layout.Database {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}
