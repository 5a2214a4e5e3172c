package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

// The test program starts itself again as another process with a store of its own;
// the variable says what that process does, its argument is the folder.
const roleVariable = "LEVADA_SQLITE_TEST_ROLE"

var roles = map[string]func(folder string) error{
	"write":  writeForEver,
	"append": appendSome,
	"open":   openOnce,
	"read":   readOnce,
}

func TestMain(m *testing.M) {
	if os.Getenv(networkVariable) != "" {
		sqlite.SetNetworked(true)
	}
	role := roles[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(os.Args[1]); err != nil {
		fmt.Printf("%v\n%v\n%v\n", fault.KindOf(err), err, fault.HintOf(err))
		os.Exit(1)
	}
}

func start(t *testing.T, role, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], folder)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeForEver records tasks and prints the id of each that is durable.
func writeForEver(folder string) error {
	s, err := sqlite.Open(ctx, folder, sqlite.Options{Linger: time.Millisecond})
	if err != nil {
		return err
	}
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for i := int64(0); ; i++ {
		r := oneTask(run, i)
		r.Done = func(err error) {
			if err == nil {
				fmt.Fprintln(out, i)
				out.Flush()
			}
		}
		s.Record(r)
	}
}

// TestKill checks that a process that is killed while it writes leaves a store that
// has what it was told is durable, each record whole.
func TestKill(t *testing.T) {
	folder := t.TempDir()
	for round := range int64(3) {
		cmd := start(t, "write", folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		durable := int64(-1)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			durable, err = strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the writer says %q", lines.Text())
			}
			if durable == 200*(round+1) {
				cmd.Process.Kill() // and read on what it said before
			}
		}
		cmd.Wait()

		s := open(t, folder, sqlite.Options{})
		run := round + 1
		next := int64(0)
		for f, err := range s.Finished(ctx, run) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Task.ID != next {
				t.Fatalf("after task %d comes %d", next-1, f.Task.ID)
			}
			next++
		}
		for task := max(0, next-50); task < next; task++ {
			if a, err := s.Artifacts(ctx, run, task, 0); err != nil || len(a) != 1 {
				t.Fatalf("task %d has artifacts %v, %v", task, a, err)
			}
		}
		if next <= durable {
			t.Errorf("%d tasks are there, but %d was durable", next, durable)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

const appended = 400

// appendSome makes a run with many tasks, with several commits at least.
func appendSome(folder string) error {
	s, err := sqlite.Open(ctx, folder, sqlite.Options{})
	if err != nil {
		return err
	}
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
	if err != nil {
		return err
	}
	problem := make(chan error, appended)
	for i := range int64(appended) {
		r := oneTask(run, i)
		r.Done, r.Soon = func(err error) { problem <- err }, i%20 == 0
		s.Record(r)
	}
	s.Flush()
	for range appended {
		if err := <-problem; err != nil {
			return err
		}
	}
	if err := s.EndRun(ctx, run, metastore.RunEnd{Status: metastore.RunSucceeded}); err != nil {
		return err
	}
	return s.Close()
}

// TestProcesses has several processes create and fill one store at once.
func TestProcesses(t *testing.T) {
	folder := t.TempDir()
	const processes = 6
	var cmds []*exec.Cmd
	var outs []*strings.Builder
	for range processes {
		cmd := start(t, "append", folder)
		out := new(strings.Builder)
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, outs[i])
		}
	}
	s := open(t, folder, sqlite.Options{})
	runs := 0
	for r, err := range s.Runs(ctx, metastore.RunFilter{Statuses: []metastore.RunStatus{metastore.RunSucceeded}}) {
		if err != nil {
			t.Fatal(err)
		}
		runs++
		if c, err := s.Counts(ctx, r.ID); err != nil || c[0].Succeeded != appended {
			t.Errorf("run %d: %+v, %v", r.ID, c, err)
		}
	}
	if runs != processes {
		t.Errorf("%d runs", runs)
	}
}

// TestTwoStores writes through two stores on one file in one process.
func TestTwoStores(t *testing.T) {
	folder := t.TempDir()
	a, b := open(t, folder, sqlite.Options{}), open(t, folder, sqlite.Options{})
	told := make(chan error)
	const each = 500
	for _, s := range []*sqlite.Store{a, b} {
		run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for i := range int64(each) {
				r := oneTask(run, i)
				r.Done, r.Soon = func(err error) { told <- err }, i%7 == 0
				s.Record(r)
			}
			s.Flush()
		}()
	}
	for range 2 * each {
		if err := <-told; err != nil {
			t.Fatal(err)
		}
	}
	for run := range int64(2) {
		for _, s := range []*sqlite.Store{a, b} {
			if c, err := s.Counts(ctx, run+1); err != nil || c[0].Succeeded != each {
				t.Errorf("run %d: %+v, %v", run+1, c, err)
			}
		}
	}
}

func openOnce(folder string) error {
	s, err := sqlite.Open(ctx, folder, sqlite.Options{})
	if err != nil {
		return err
	}
	return s.Close()
}

func readOnce(folder string) error {
	s, err := sqlite.Open(ctx, folder, sqlite.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	for r, err := range s.Runs(ctx, metastore.RunFilter{}) {
		if err != nil {
			return err
		}
		n := 0
		for _, err := range s.Finished(ctx, r.ID) {
			if err != nil {
				return err
			}
			n++
		}
		fmt.Printf("run %d: %d tasks\n", r.ID, n)
	}
	if _, err := s.CreateRun(ctx, metastore.Run{}, metastore.Beginning{}); !fault.Is(err, fault.Permission) {
		return fmt.Errorf("CreateRun in a store for reading gives %v", err)
	}
	return s.Close()
}

// unprivileged runs a role as somebody who is not root and returns what it prints.
func unprivileged(t *testing.T, role, folder string) (string, error) {
	t.Helper()
	cmd := start(t, role, folder)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		// The test program and the folder are in places that only root may enter.
		program := shared(t, "") + "/sqlite.test"
		copyFile(t, os.Args[0], program)
		cmd.Path = program
	}
	out, err := cmd.Output()
	return string(out), err
}

// shared returns a folder with this name that everybody may read.
func shared(t *testing.T, name string) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "levada-shared-"+name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.Chmod(folder, 0o755)
		os.RemoveAll(folder)
	})
	chmod(t, folder, 0o755)
	return folder
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// someStore fills a folder with a store of one run with three tasks.
func someStore(t *testing.T, folder string) {
	t.Helper()
	s := open(t, folder, sqlite.Options{})
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		s.Record(oneTask(run, i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnwritableFolder(t *testing.T) {
	folder := shared(t, "unwritable")
	chmod(t, folder, 0o555)
	for _, path := range []string{folder, folder + "/below"} {
		out, err := unprivileged(t, "open", path)
		if err == nil || !strings.HasPrefix(out, "permission\n") || !strings.Contains(out, "writable") {
			t.Errorf("opening %s: %v\n%s", path, err, out)
		}
	}
}

func TestReadingWithoutWriting(t *testing.T) {
	folder := shared(t, "readonly")
	someStore(t, folder)
	chmod(t, folder+"/"+layout.Database, 0o444)
	chmod(t, folder, 0o555)
	const want = "run 1: 3 tasks\n"
	if out, err := unprivileged(t, "read", folder); err != nil || out != want {
		t.Errorf("reading: %v\n%s", err, out)
	}
	out, err := unprivileged(t, "open", folder)
	if err == nil || !strings.HasPrefix(out, "permission\n") {
		t.Errorf("opening: %v\n%s", err, out)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("reading left %v, %v", left, err)
	}
}

// TestReadingWhileAnotherWrites reads as somebody who may not write in the folder,
// while its owner has the store open.
func TestReadingWhileAnotherWrites(t *testing.T) {
	folder := shared(t, "busy")
	s := open(t, folder, sqlite.Options{})
	run, err := s.CreateRun(context.Background(), metastore.Run{Flow: "F"}, metastore.Beginning{First: []metastore.Record{oneTask(0, 0), oneTask(0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	chmod(t, folder, 0o555)
	want := fmt.Sprintf("run %d: 2 tasks\n", run)
	if out, err := unprivileged(t, "read", folder); err != nil || out != want {
		t.Errorf("reading: %v\n%s", err, out)
	}
}

// TestReadingALogWithoutItsIndex reads a copy of a store, made while its engine wrote or after that was killed, where
// nothing may be written: what lies in the log only is there, too.
func TestReadingALogWithoutItsIndex(t *testing.T) {
	from := t.TempDir()
	s := open(t, from, sqlite.Options{})
	run, err := s.CreateRun(context.Background(), metastore.Run{Flow: "F"}, metastore.Beginning{First: []metastore.Record{oneTask(0, 0), oneTask(0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	folder := shared(t, "log")
	for _, suffix := range []string{"", "-wal"} {
		name := "/" + layout.Database + suffix
		copyFile(t, from+name, folder+name)
		chmod(t, folder+name, 0o444)
	}
	chmod(t, folder, 0o555)
	want := fmt.Sprintf("run %d: 2 tasks\n", run)
	if out, err := unprivileged(t, "read", folder); err != nil || out != want {
		t.Errorf("reading: %v\n%s", err, out)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("reading left %v, %v", left, err)
	}
}
