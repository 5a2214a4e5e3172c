//go:build linux

package faulttest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// disk mounts a file system in memory into the box and puts the store on it. Without
// the right to do so the test is skipped.
func (b *box) disk(options string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, "disk")
	if err := os.Mkdir(path, 0o755); err != nil {
		b.t.Fatal(err)
	}
	switch err := syscall.Mount("levada-fault", path, "tmpfs", 0, options); {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENODEV):
		b.t.Skipf("a small disk cannot be mounted here: %v", err)
	case err != nil:
		b.t.Fatalf("mount: %v", err)
	}
	b.t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			b.t.Errorf("unmount: %v", err)
		}
	})
	b.home = filepath.Join(path, ".levada")
	b.setenv("LEVADA_HOME", b.home)
	b.setenv("DISK", path)
	return path
}

// readOnly makes the disk one that cannot be written, or one that can again.
func (b *box) readOnly(yes bool) {
	b.t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if yes {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("levada-fault", filepath.Join(b.dir, "disk"), "tmpfs", flags, ""); err != nil {
		b.t.Fatalf("remount: %v", err)
	}
}

// fill writes a file until the disk has only so many bytes left.
func fill(t *testing.T, disk string, leave int64) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(disk, &st); err != nil {
			t.Fatal(err)
		}
		if int64(st.Bavail)*st.Bsize <= leave {
			return func() { os.Remove(path) }
		}
		if _, err := f.Write(page); err != nil {
			return func() { os.Remove(path) }
		}
	}
}

// saysFull checks the words for a disk that is full, the SDK's or the engine's: which one it is, and what to do.
func saysFull(t *testing.T, c *command, disk string) {
	t.Helper()
	all := strings.ToLower(c.stdout.String() + c.stderr.String())
	if !strings.Contains(all, "no space left on device") && !strings.Contains(all, "disk is full") && !strings.Contains(all, "disk full") {
		t.Errorf("nobody says that the disk is full:\n%s", tail(all))
	}
	if !strings.Contains(all, disk) {
		t.Errorf("nobody says which disk is full, %s:\n%s", disk, tail(all))
	}
	if !strings.Contains(all, "free some space") {
		t.Errorf("nobody says what to do:\n%s", tail(all))
	}
	if strings.Contains(all, "please report it") {
		t.Errorf("a full disk is reported as a bug:\n%s", tail(all))
	}
}

// TestDiskFull fills the disk while a run goes on: before a record is written, while a value is staged,
// while it is stored, while a log is written. The run fails and says why, the store stays sound, and when
// there is space again the run is resumed.
func TestDiskFull(t *testing.T) {
	calm := newBox(t)
	calm.run("run", testdata(t, "filling.py")).want(0)
	want := calm.results(1)
	for _, moment := range []string{"sqlite", "staging", "blobs", "logs"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			disk := b.disk("size=12m")
			b.setenv("FILL", moment)
			c := b.run("run", testdata(t, "filling.py"))
			b.alone()
			// What was to be recorded fitted into space that the database had already.
			if moment == "logs" && c.exit == 0 {
				c.says("write the task's log", "no space left", disk)
			} else {
				saysFull(t, c.want(1), disk)
			}
			b.examine()
			if status := b.statuses()[1]; status != "failed" && status != "died" && c.exit != 0 {
				t.Errorf("the run is shown as %s", status)
			}
			b.run("dump", "1/start").want(0).says("before")

			if err := os.Remove(filepath.Join(disk, "filler")); err != nil {
				t.Fatal(err)
			}
			b.setenv("FILL", "")
			before := b.finished(1)
			if !before["start[]#0"] {
				t.Errorf("before the disk was full, start was finished; the store knows of %v", before)
			}
			b.run("resume", testdata(t, "filling.py")).want(0)
			b.same(2, want)
			b.examine()
			if left := b.staged(); len(left) > 0 {
				t.Errorf("in staging is left: %v", left)
			}
		})
	}
}

// TestDiskFullFromTheStart has no space for anything but reading.
func TestDiskFullFromTheStart(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	disk := b.disk("size=12m")
	flow := testdata(t, "filling.py")
	for _, leave := range []int64{0, 4 << 10, 64 << 10} {
		free := fill(t, disk, leave)
		c := b.run("run", flow).want(1)
		saysFull(t, c, disk)
		free()
		os.RemoveAll(b.home)
	}
	b.run("run", flow).want(0)
	for _, leave := range []int64{0, 4 << 10, 64 << 10} {
		free := fill(t, disk, leave)
		for _, word := range []string{"run", "resume"} {
			c := b.run(word, flow).want(1)
			saysFull(t, c, disk)
		}
		b.run("runs").want(0).says("FillingFlow")
		b.run("logs", "1/end").want(0).says("result")
		b.run("dump", "1/end").want(0).says("result")
		free()
	}
	b.alone()
	b.examine()
	b.run("run", flow).want(0)
	b.run("resume", flow).want(0)
}

// TestFreeingThroughAServer removes runs where not a byte is free, by a server that has served them before, and more
// than once: it has a reserve again each time.
func TestFreeingThroughAServer(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	disk := b.disk("size=16m")
	flow := testdata(t, "filling.py")
	for range 4 {
		b.run("run", flow).want(0)
	}
	server := b.serve()
	through := func(args ...string) *command {
		c := b.prepare("levada", append(args, "--server", server)...)
		c.cmd.Env = slices.DeleteFunc(slices.Clone(b.env), func(kv string) bool { return strings.HasPrefix(kv, "LEVADA_HOME=") })
		return c.begin().wait()
	}
	through("runs").want(0).says("FillingFlow")
	free := fill(t, disk, 0)
	if _, err := os.Stat(filepath.Join(b.home, "reserve")); err != nil {
		t.Fatalf("there is no reserve: %v", err)
	}
	saysFull(t, b.run("run", flow).want(1), disk)
	through("rm", "1").want(0)
	free()
	free = fill(t, disk, 1<<20+256<<10) // what others wrote meanwhile
	through("rm", "2").want(0)
	if _, err := os.Stat(filepath.Join(b.home, "reserve")); err != nil {
		t.Errorf("there is no reserve again: %v", err)
	}
	free()
	defer fill(t, disk, 0)()
	through("gc", "--keep", "1").want(0)
	if left := b.statuses(); len(left) != 1 || left[4] != "succeeded" {
		t.Errorf("left are %v", left)
	}
}

// TestLargeValueFillsDisk stores what is larger than the disk.
func TestLargeValueFillsDisk(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	disk := b.disk("size=8m")
	flow := b.flow("flow.py", `
import os
from levada import FlowSpec, step

class LargeFlow(FlowSpec):
    @step
    def start(self):
        self.numbers = list(range(3))
        self.next(self.work, foreach="numbers")

    @step
    def work(self):
        self.data = os.urandom((6 if os.environ.get("LARGE") else 1) << 20)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sizes = [len(task.data) for task in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("sizes", self.sizes)

LargeFlow()
`)
	b.setenv("LARGE", "yes")
	c := b.run("run", flow).want(1)
	saysFull(t, c, disk)
	b.alone()
	b.examine()
	b.setenv("LARGE", "")
	for _, path := range b.staged() {
		t.Errorf("in staging is left: %s", path)
	}
}

// TestFileSizeLimit lets no file grow beyond a limit (RLIMIT_FSIZE), which is what a quota
// looks like where no small disk can be had.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c := b.prepare("bash", "-c", `ulimit -f 600; exec "$0" "$@"`, b.levada, "run", testdata(t, "filling.py")).begin().wait()
	b.alone()
	c.want(1)
	c.says("File too large")
	b.examine()
	b.run("resume", testdata(t, "filling.py")).want(0).says("result")
}

// TestReadOnlyFolder runs where nothing can be written. What is stored can be read.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	disk := b.disk("size=64m")
	flow := testdata(t, "filling.py")

	b.readOnly(true) // an empty disk: no store can be made
	b.run("run", flow).want(1).says("read-only", disk, "LEVADA_HOME")
	b.run("runs").want(1).says("no store")

	b.readOnly(false)
	b.run("run", flow).want(0)
	for _, open := range []bool{false, true} { // with the log of a dead engine beside the database, and without
		if open {
			c := b.prepare("levada", "run", "--json", flow)
			c.follow(func(e event) {
				if e.Event == "task_finished" {
					b.kill(c.cmd.Process.Pid)
				}
			})
			c.wait()
			b.alone()
		}
		b.readOnly(true)
		for _, word := range []string{"run", "resume"} {
			b.run(word, flow).want(1).says("Permission denied", disk, "another folder (for the store, set LEVADA_HOME)")
		}
		b.run("runs").want(0).says("FillingFlow")
		b.run("logs", "1/end").want(0).says("result")
		b.run("logs", "1/talk").want(0).says("line 19999")
		b.run("dump", "1/end").want(0).says("result")
		b.examine()
		b.readOnly(false)
	}
	b.run("resume", flow).want(0)
	b.examine()
}

// TestReadOnlyCache has no place for the SDK.
func TestReadOnlyCache(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	disk := b.disk("size=1m")
	b.readOnly(true)
	b.home = filepath.Join(b.dir, ".levada")
	b.setenv("LEVADA_HOME", b.home)
	b.setenv("LEVADA_CACHE", filepath.Join(disk, "cache"))
	b.run("run", testdata(t, "filling.py")).want(1).says("LEVADA_CACHE", "read-only", disk)
}

// TestCacheForOneCommand has no home, and the usual folder in its place is one that others can write: the command's own
// is gone at its end, whether that is a good one or not.
func TestCacheForOneCommand(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	tmp := filepath.Join(b.dir, "tmp")
	if err := os.Mkdir(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	b.env = slices.DeleteFunc(b.env, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains([]string{"HOME", "XDG_CACHE_HOME", "LEVADA_CACHE"}, name)
	})
	b.setenv("TMPDIR", tmp)
	b.setenv("LEVADA_PYTHON", python(t))
	b.run("run", testdata(t, "filling.py")).want(0)
	usual, err := filepath.Glob(filepath.Join(tmp, "levada-*"))
	if err != nil || len(usual) != 1 {
		t.Fatalf("in the folder for temporary files is %v, %v", usual, err)
	}
	if err := os.Chmod(usual[0], 0o777); err != nil {
		t.Fatal(err)
	}
	b.run("run", testdata(t, "filling.py")).want(0)
	b.run("check", filepath.Join(b.dir, "none.py")).want(1)
	c := b.waiting("gentle")
	c.cmd.Process.Signal(syscall.SIGTERM)
	c.wait().want(1)
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if path := filepath.Join(tmp, e.Name()); path != usual[0] {
			t.Errorf("%s is left", path)
		}
	}
}
