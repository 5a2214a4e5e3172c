//go:build linux

package faulttest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waiting starts a run whose two tasks wait, and returns when both do.
func (b *box) waiting(how string, args ...string) *command {
	b.t.Helper()
	b.setenv("HOW", how)
	c := b.prepare("levada", append([]string{"run", "--json", testdata(b.t, "waiting.py")}, args...)...)
	c.ready()
	return c
}

// ready starts the command and returns when two tasks wait.
func (c *command) ready() {
	c.b.t.Helper()
	ready := make(chan struct{})
	n := 0
	c.follow(func(e event) {
		if e.Event == "log" && e.Text == "ready" {
			if n++; n == 2 {
				close(ready)
			}
		}
	})
	select {
	case <-ready:
	case <-c.ended:
		c.b.t.Fatalf("it ended before its tasks were ready:\n%s%s", c.stdout.String(), c.stderr.String())
	}
}

// cleaned counts the tasks that could clean up.
func (b *box) cleaned() int {
	found, err := filepath.Glob(b.trace() + "-cleaned-*")
	if err != nil {
		b.t.Fatal(err)
	}
	return len(found)
}

// goesOn resumes what was interrupted.
func (b *box) goesOn(status string) {
	b.t.Helper()
	b.alone()
	if got := b.statuses()[1]; got != status {
		b.t.Errorf("the run is shown as %s, want %s", got, status)
	}
	b.examine()
	b.setenv("HOW", "not at all")
	b.run("resume", testdata(b.t, "waiting.py")).want(0).says("done 2")
	if left := b.staged(); len(left) > 0 {
		b.t.Errorf("in staging is left: %v", left)
	}
}

// TestInterrupt asks a run to end, in each of the ways there are.
func TestInterrupt(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, isolation := range []string{"fork", "spawn"} {
			t.Run(fmt.Sprint(sig, " ", isolation), func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.levada = racing
				c := b.waiting("gentle", "--isolation", isolation)
				c.cmd.Process.Signal(sig)
				c.wait().want(1).says("Aborted!", "levada resume", "--origin-run-id 1", `"status":"interrupted"`)
				if n := b.cleaned(); n != 2 {
					t.Errorf("%d of 2 tasks could clean up", n)
				}
				b.goesOn("interrupted")
			})
		}
	}
}

// TestInterruptEveryProcess does what systemd and Slurm do to stop a service or a job: they signal all its processes.
// The engine gets the signal last, as it may there.
func TestInterruptEveryProcess(t *testing.T) {
	for _, isolation := range []string{"fork", "spawn"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			c := b.waiting("gentle", "--isolation", isolation)
			engine := c.cmd.Process.Pid
			for _, p := range append(b.tasks(engine), b.servers(engine)...) {
				if err := syscall.Kill(p.pid, syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			c.cmd.Process.Signal(syscall.SIGTERM)
			c.wait().want(1).says("Aborted!", "levada resume", `"status":"interrupted"`).silent("fork server")
			if n := b.cleaned(); n != 2 {
				t.Errorf("%d of 2 tasks could clean up", n)
			}
			b.goesOn("interrupted")
		})
	}
}

// TestInterruptDeaf interrupts tasks that do not listen: they are killed after a while.
func TestInterruptDeaf(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c := b.waiting("deaf")
	began := time.Now()
	c.cmd.Process.Signal(syscall.SIGINT)
	c.wait().want(1).says("Aborted!", "levada resume")
	if d := time.Since(began); d < 4*time.Second { // that they are killed at all is what its end shows; machines stall
		t.Errorf("they were killed after only %v", d)
	}
	b.goesOn("interrupted")
}

// TestInterruptStuck interrupts a run whose fork server is stopped, so that it can
// neither tell tasks to end nor kill them.
func TestInterruptStuck(t *testing.T) {
	for how, end := range map[string]func(b *box, c *command){
		"SIGTERM": func(_ *box, c *command) { c.cmd.Process.Signal(syscall.SIGTERM) },
		"cancel":  func(b *box, _ *command) { b.run("cancel", "1").want(0) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.levada = racing
			c := b.waiting("gentle")
			for _, p := range b.servers(c.cmd.Process.Pid) {
				if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			end(b, c)
			c.wait().want(1).says("Aborted!", "levada resume", `"status":"interrupted"`)
			b.goesOn("interrupted")
		})
	}
}

// TestInterruptStuckTwice demands the end of such a run.
func TestInterruptStuckTwice(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c := b.waiting("gentle")
	for _, p := range b.servers(c.cmd.Process.Pid) {
		if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	c.cmd.Process.Signal(syscall.SIGINT)
	until(t, "the run is stopping", func() bool { return c.said("stopping") })
	c.cmd.Process.Signal(syscall.SIGINT)
	c.wait().want(130)
	b.alone()
}

// TestInterruptTwice demands an end.
func TestInterruptTwice(t *testing.T) {
	for _, isolation := range []string{"fork", "spawn"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			c := b.waiting("deaf", "--isolation", isolation)
			c.cmd.Process.Signal(syscall.SIGINT) // the second signal comes when the first has been heard
			until(t, "the run is stopping", func() bool { return c.said("stopping") })
			began := time.Now()
			c.cmd.Process.Signal(syscall.SIGINT)
			c.wait().want(130)
			if d := time.Since(began); d > 3*time.Second {
				t.Errorf("at once took %v", d)
			}
			b.alone()
			if got := b.statuses()[1]; got != "interrupted" && got != "died" {
				t.Errorf("the run is shown as %s", got)
			}
			b.examine()
		})
	}
}

// TestInterruptUnread ends runs that print more than anybody reads, such as into a pager that is paused.
func TestInterruptUnread(t *testing.T) {
	for how, end := range map[string]func(b *box, c *command){
		"Ctrl-C": func(_ *box, c *command) { c.cmd.Process.Signal(syscall.SIGINT) },
		"cancel": func(b *box, _ *command) { b.run("cancel", "1").want(0) },
	} {
		for _, form := range []string{"--quiet", "--json"} {
			t.Run(how+" "+form, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				reader, writer, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer reader.Close()
				c := b.prepare("levada", "run", form, b.flow("loud.py", loud))
				c.cmd.Stdout = writer
				c.begin()
				defer writer.Close()
				until(t, "the pipe is full", func() bool {
					space := []unix.PollFd{{Fd: int32(writer.Fd()), Events: unix.POLLOUT}}
					n, err := unix.Poll(space, 0)
					return err == nil && n == 0
				})
				end(b, c)
				c.wait().want(1).says("Aborted!", "levada resume")
				b.alone()
				if got := b.statuses()[1]; got != "interrupted" {
					t.Errorf("the run is shown as %s", got)
				}
				b.examine()
			})
		}
	}
}

// loud is a flow that prints for ever.
const loud = `
from metaflow import FlowSpec, step

class Loud(FlowSpec):
    @step
    def start(self):
        while True:
            print("x" * 1000)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Loud()
`

// TestInterruptImport interrupts before there is a run.
func TestInterruptImport(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.setenv("HOW", "import")
			c := b.start("run", testdata(t, "waiting.py"))
			until(t, "the flow is being imported", func() bool { return len(b.servers(c.cmd.Process.Pid)) == 1 })
			c.cmd.Process.Signal(sig)
			if sig == syscall.SIGKILL {
				c.wait().want(-1)
			} else {
				c.wait().want(1).says("Aborted!")
			}
			b.alone()
		})
	}
}

// TestNohup has the terminal's end ignored, as nohup does: the run goes on.
func TestNohup(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.setenv("HOW", "gentle")
	c := b.prepare("bash", "-c", `trap "" HUP; exec "$0" "$@"`, b.levada, "run", "--json", testdata(t, "waiting.py"))
	c.ready()
	c.cmd.Process.Signal(syscall.SIGHUP)
	if within(500*time.Millisecond, func() bool { return c.said("stopping") || c.dead.Load() }) {
		t.Error("with SIGHUP ignored, SIGHUP ended the run")
	}
	c.cmd.Process.Signal(syscall.SIGTERM)
	c.wait()
	b.alone()
}

// terminal is a pseudo terminal with a process in it.
type terminal struct {
	master *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
}

// onTerminal starts levada as the foreground process of a terminal.
func (b *box) onTerminal(args ...string) (*command, *terminal) {
	b.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		b.t.Skipf("there are no pseudo terminals here: %v", err)
	}
	raw, err := master.SyscallConn() // not Fd, which would make it blocking, so that Close waited for readers
	if err != nil {
		b.t.Fatal(err)
	}
	var n int
	if err := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer tty.Close()
	c := b.prepare("levada", args...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = tty, tty, tty
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	c.begin()
	term := &terminal{master: master}
	go io.Copy(term, master)
	b.t.Cleanup(func() { master.Close() })
	return c, term
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.Write(p)
}

func (t *terminal) has(text string, times int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Count(t.shown.String(), text) >= times
}

func (t *terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String()
}

// TestTerminal presses Ctrl-C, and closes the window.
func TestTerminal(t *testing.T) {
	t.Run("Ctrl-C", func(t *testing.T) {
		t.Parallel()
		b := newBox(t)
		b.setenv("HOW", "gentle")
		c, term := b.onTerminal("run", testdata(t, "waiting.py"))
		until(t, "the tasks wait", func() bool { return term.has("ready", 2) })
		io.WriteString(term.master, "\x03")
		c.wait().want(1)
		until(t, "it says how to go on", func() bool { return term.has("Aborted!", 1) && term.has("levada resume", 1) })
		if n := b.cleaned(); n != 2 {
			t.Errorf("%d of 2 tasks could clean up:\n%s", n, term)
		}
		b.goesOn("interrupted")
	})
	for _, how := range []string{"gentle", "deaf"} {
		t.Run("close, "+how, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.setenv("HOW", how)
			c, term := b.onTerminal("run", testdata(t, "waiting.py"))
			until(t, "the tasks wait", func() bool { return term.has("ready", 2) })
			term.master.Close()
			c.wait().want(1)
			b.goesOn("interrupted")
		})
	}
}
