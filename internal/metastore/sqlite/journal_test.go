package sqlite_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/metastoretest"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

// networkVariable tells a process that a test starts that all file systems are networks.
const networkVariable = "LEVADA_SQLITE_TEST_NETWORK"

// onNetwork has the file systems of a test, and of the processes that it starts, be those of a network.
func onNetwork(t *testing.T) {
	t.Setenv(networkVariable, "1")
	t.Cleanup(sqlite.SetNetworked(true))
}

// TestOnNetwork has stores on network file systems do what others do.
func TestOnNetwork(t *testing.T) {
	onNetwork(t)
	metastoretest.Few(t, 5)
	t.Run("Store", TestStore)
	t.Run("LikeTheModel", TestLikeTheModel)
	t.Run("Kill", TestKill)
	t.Run("Processes", TestProcesses)
	t.Run("TwoStores", TestTwoStores)
	t.Run("AStoreThatIsGone", TestAStoreThatIsGoneTakesNothing)
}

// TestJournalMode says which stores have a log that is shared in memory, and which have none.
func TestJournalMode(t *testing.T) {
	folder := t.TempDir()
	mode := func(o sqlite.Options) string {
		t.Helper()
		s := open(t, folder, o)
		defer s.Close()
		return sqlite.JournalMode(t, s)
	}
	reading := sqlite.Options{ReadOnly: true}
	if m := mode(sqlite.Options{}); m != "wal" {
		t.Errorf("a store on a local disk has the mode %s", m)
	}
	restore := sqlite.SetNetworked(true)
	defer restore()
	if m := mode(reading); m != "truncate" {
		t.Errorf("read on a network, the store of a local disk has the mode %s", m)
	}
	if _, err := os.Stat(folder + "/" + layout.Database + "-shm"); err == nil {
		t.Error("there is shared memory on a network")
	}
	restore()
	for _, o := range []sqlite.Options{{}, reading} {
		if m := mode(o); m != "truncate" {
			t.Errorf("back on a local disk, the store has the mode %s", m)
		}
	}

	onNetwork(t)
	folder = t.TempDir()
	for _, o := range []sqlite.Options{{}, {}, reading} {
		if m := mode(o); m != "truncate" {
			t.Errorf("a store on a network has the mode %s", m)
		}
	}
}

// TestLocalUsersOfANetwork opens a store on a network that others have open as one of a local disk.
func TestLocalUsersOfANetwork(t *testing.T) {
	folder := t.TempDir()
	local := open(t, folder, sqlite.Options{})
	onNetwork(t)
	for _, o := range []sqlite.Options{{}, {ReadOnly: true}} {
		_, err := sqlite.Open(ctx, folder, o)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "safe on one machine only") {
			t.Errorf("opening it as %+v gives %v", o, err)
		}
	}
	if err := local.Close(); err != nil {
		t.Fatal(err)
	}
	if m := sqlite.JournalMode(t, open(t, folder, sqlite.Options{ReadOnly: true})); m != "truncate" {
		t.Errorf("then it has the mode %s", m)
	}
}

// TestAJournalBesideALog reads a local store beside which a journal lies that is not its own: of another database that
// it has replaced, say. It stays as it is.
func TestAJournalBesideALog(t *testing.T) {
	folder := t.TempDir()
	someStore(t, folder)
	if err := os.WriteFile(folder+"/"+layout.Database+"-journal", []byte("of another"), 0o666); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := open(t, folder, sqlite.Options{ReadOnly: true})
		if m := sqlite.JournalMode(t, s); m != "wal" {
			t.Errorf("it has the mode %s", m)
		}
		s.Close()
	}
}

// TestWritingBetweenRows writes while a reader is in the middle of a list, which a rollback journal could not do if
// the list was read row by row.
func TestWritingBetweenRows(t *testing.T) {
	onNetwork(t)
	s := open(t, t.TempDir(), sqlite.Options{Linger: -1})
	for range 3 {
		if _, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{}); err != nil {
			t.Fatal(err)
		}
	}
	for r, err := range s.Runs(ctx, metastore.RunFilter{}) {
		if err == nil {
			err = s.EndRun(ctx, r.ID, metastore.RunEnd{Status: metastore.RunSucceeded})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestHalfDone reads a store whose writer died in the middle of a commit.
func TestHalfDone(t *testing.T) {
	onNetwork(t)
	from := t.TempDir()
	s := open(t, from, sqlite.Options{})
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{First: []metastore.Record{oneTask(0, 0), oneTask(0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("run %d: 2 tasks\n", run)
	rollback := sqlite.Spill(t, s)
	crash := func(name string) string {
		folder := shared(t, name)
		for _, suffix := range []string{"", "-journal"} {
			name := "/" + layout.Database + suffix
			copyFile(t, from+name, folder+name)
			chmod(t, folder+name, 0o444)
		}
		return folder
	}
	forbidden, allowed := crash("forbidden"), crash("allowed")
	rollback()
	chmod(t, forbidden, 0o555)
	out, err := unprivileged(t, "read", forbidden)
	if err == nil || !strings.Contains(out, "a process died while it changed the store") {
		t.Errorf("reading without leave to write: %v\n%s", err, out)
	}
	chmod(t, allowed, 0o777)
	for _, suffix := range []string{"", "-journal"} {
		chmod(t, allowed+"/"+layout.Database+suffix, 0o666)
	}
	out, err = unprivileged(t, "read", allowed)
	if err != nil || out != want {
		t.Errorf("reading: %v\n%s", err, out)
	}
	if left, err := os.ReadFile(allowed + "/" + layout.Database + "-journal"); err == nil && len(left) > 0 {
		t.Error("the journal is still there")
	}
}
