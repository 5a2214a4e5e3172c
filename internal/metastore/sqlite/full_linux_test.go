package sqlite_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/metastore/sqlite"
)

// TestFullDisk fills a real, small file system.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })

	s := open(t, disk, sqlite.Options{})
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	written := int64(0)
	write := func() error {
		told := make(chan error, 1)
		r := oneTask(run, written)
		r.Log = bytes.Repeat([]byte("log "), 10_000)
		r.Soon, r.Done = true, func(err error) { told <- err }
		s.Record(r)
		err := <-told
		if err == nil {
			written++
		}
		return err
	}
	for err == nil {
		err = write()
	}
	if !fault.Is(err, fault.NoSpace) || fault.HintOf(err) == "" {
		t.Fatalf("a full disk gives %v", err)
	}
	check := func(what string) {
		t.Helper()
		c, err := s.Counts(ctx, run)
		if err != nil || c[0].Succeeded != int(written) {
			t.Fatalf("%s: %+v, %v; %d were written", what, c, err, written)
		}
	}
	check("full")
	if err := s.Close(); err != nil {
		t.Logf("closing says %v", err)
	}

	s = open(t, disk, sqlite.Options{})
	check("opened again")
	if err := write(); err != nil && !fault.Is(err, fault.NoSpace) {
		t.Errorf("still full: %v", err)
	}
	// An empty store cannot even be created.
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 4<<20), 0o666); err == nil {
		t.Fatal("the disk is larger than thought")
	}
	if _, err := sqlite.Open(ctx, filepath.Join(disk, "other"), sqlite.Options{}); !fault.Is(err, fault.NoSpace) {
		t.Errorf("a new store on a full disk: %v", err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	check("with space again")
}

// TestFreeingAFullDisk removes runs where not a byte is free, twice: the reserve is there again for the second time.
func TestFreeingAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("cannot mount a small disk, TestReserve has to do: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	folder := filepath.Join(disk, "store")
	s := open(t, folder, sqlite.Options{Reserve: true})
	var runs []int64
	for range 4 {
		run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{First: []metastore.Record{oneTask(0, 0)}})
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fill := func(name string) {
		if err := os.WriteFile(filepath.Join(disk, name), make([]byte, 4<<20), 0o666); err == nil {
			t.Fatal("the disk is larger than thought")
		}
	}
	fill("filler")
	if s, err := sqlite.Open(ctx, folder, sqlite.Options{Reserve: true}); !fault.Is(err, fault.NoSpace) {
		s.Close()
		t.Fatalf("the disk is not full: %v", err)
	}
	for i := range 2 {
		s := open(t, folder, sqlite.Options{Spend: true})
		if err := s.Remove(ctx, runs[2*i:2*i+1]); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
		if err := s.Remove(ctx, nil); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
		if err := s.Shrink(ctx, true); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
		s.Close()
		fill("filler" + string(rune('0'+i))) // what was freed is gone again
	}
	s = open(t, folder, sqlite.Options{Spend: true})
	defer s.Close()
	left := 0
	for _, err := range s.Runs(ctx, metastore.RunFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		left++
	}
	if left != 2 {
		t.Errorf("%d runs are left, want 2", left)
	}
}

// TestReadingOnAFullDisk reads a store that a killed process left, or that was copied, where there is no room for
// SQLite's index of the log.
func TestReadingOnAFullDisk(t *testing.T) {
	from := t.TempDir()
	s := open(t, from, sqlite.Options{})
	run, err := s.CreateRun(ctx, metastore.Run{Flow: "F"}, metastore.Beginning{First: []metastore.Record{oneTask(0, 0), oneTask(0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]string{"bytes": "size=3m", "files": "nr_inodes=4"} {
		for _, suffixes := range [][]string{{"", "-wal"}, {"", "-wal", "-shm"}} {
			t.Run(fmt.Sprint(name, len(suffixes)), func(t *testing.T) {
				disk := t.TempDir()
				if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, options); err != nil {
					t.Skipf("cannot mount a small disk: %v", err)
				}
				t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
				for _, suffix := range suffixes {
					copyFile(t, filepath.Join(from, layout.Database+suffix), filepath.Join(disk, layout.Database+suffix))
				}
				for i := 0; os.WriteFile(filepath.Join(disk, fmt.Sprint(i)), make([]byte, 1<<20), 0o666) == nil; i++ {
				}
				_, err := sqlite.Open(ctx, disk, sqlite.Options{})
				if err != nil && (!fault.Is(err, fault.NoSpace) || !strings.Contains(fault.HintOf(err), "quota")) {
					t.Errorf("opening it to write gives %v", err)
				}
				s := open(t, disk, sqlite.Options{ReadOnly: true})
				tasks := 0
				for _, err := range s.Finished(ctx, run) {
					if err != nil {
						t.Fatal(err)
					}
					tasks++
				}
				if tasks != 2 {
					t.Errorf("it has %d tasks", tasks)
				}
			})
		}
	}
}

// TestTryingForRoomLeavesNothing: who is killed while he tries whether there is room leaves no file that takes it.
func TestTryingForRoomLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	var trying sync.WaitGroup
	done := make(chan struct{})
	trying.Go(func() {
		defer close(done)
		for range 20 {
			sqlite.DiskIsFull(filepath.Join(folder, layout.Database))
		}
	})
	defer trying.Wait()
	for {
		select {
		case <-done:
			return
		default:
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if st, err := e.Info(); err == nil && st.Size() > 0 {
				t.Fatalf("%s has %d bytes", e.Name(), st.Size())
			}
		}
	}
}
