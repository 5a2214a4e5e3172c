//go:build linux

package faulttest

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// manners are what the tasks of rude.py do, and what their first attempt then comes to: what is said of the failure, or
// nothing if the attempt is none the worse for it.
var manners = map[string]string{
	"segfault":       "segmentation fault",
	"sigsegv":        "segmentation fault",
	"kill":           `killed \(signal 9\)`,
	"kill_group":     `killed \(signal 9\)`,
	"term":           "KeyboardInterrupt",
	"abort":          "signal 6",
	"exit_0":         "exited with code 0 before the step was done",
	"exit_3":         "exited with code 3 before the step was done",
	"sys_exit":       `called sys.exit\(\)`,
	"sys_exit_7":     "code 7",
	"interrupt":      "KeyboardInterrupt",
	"close_all":      `exited with code (1|120) before the step was done`,
	"close_output":   "",
	"memory":         "MemoryError",
	"child":          "",
	"daemon":         "",
	"twin":           "",
	"thread":         "",
	"daemon_thread":  "",
	"exiting_thread": "exited with code 9 before the step was done",
	"chdir":          "",
	"mask":           "",
	"at_exit":        "",
	"bytes_out":      "",
	"descriptors":    "",
}

// TestRudeTasks runs tasks that crash, exit, leave processes and threads behind and change whatever a process can
// change. Each ends only itself, and says what it was; nothing of it reaches the next.
func TestRudeTasks(t *testing.T) {
	for _, isolation := range []string{"fork", "spawn"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.levada = racing
			var names []string
			for name := range manners {
				names = append(names, name)
			}
			b.setenv("MANNERS", strings.Join(names, ","))
			c := b.run("run", "--json", "--isolation", isolation, testdata(t, "rude.py"))
			// A process in a session of its own is its own master: it lives on, and nothing else does.
			found := within(10*time.Second, func() bool {
				living := b.living()
				for _, p := range living {
					if p.command != "sleep 1001" {
						t.Errorf("lives on: %s", list([]process{p}))
					}
					b.kill(p.pid)
				}
				return len(living) > 0
			})
			if !found {
				t.Error("the daemon does not live on")
			}
			b.alone()
			c.want(0).says(fmt.Sprintf("all well: %d", len(manners)))
			firstAttempts(t, c, manners)
			b.examine()
		})
	}
}

// firstAttempts checks how the first attempts of tasks ended that print "manner: NAME".
func firstAttempts(t *testing.T, c *command, want map[string]string) {
	t.Helper()
	names := map[int64]string{}
	said := map[string]string{}
	for _, e := range c.events() {
		if name, ok := strings.CutPrefix(e.Text, "manner: "); ok && e.Event == "log" {
			names[e.Task] = name
			continue
		}
		name := names[e.Task]
		if name == "" || e.Attempt > 0 {
			continue
		}
		switch e.Event {
		case "task_finished":
			said[name] = ""
		case "task_failed":
			said[name] = e.Text
			if e.Exception != nil {
				said[name] = strings.TrimSpace(e.Text + " " + e.Exception.Type + ": " + e.Exception.Message)
			}
			if said[name] == "" {
				t.Errorf("%s failed and nobody says why", name)
			}
		}
	}
	for name, pattern := range want {
		got, ok := said[name]
		switch {
		case !ok:
			t.Errorf("%s did not come to an end", name)
		case pattern == "" && got != "":
			t.Errorf("%s failed: %s", name, got)
		case !regexp.MustCompile(pattern).MatchString(got):
			t.Errorf("%s: want %q, got %q", name, pattern, got)
		}
	}
}

// TestTaskEndsForkServer has a task end the fork server: it fails and is tried again from a new one.
func TestTaskEndsForkServer(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.setenv("MANNERS", "fork_server,chdir")
	c := b.run("run", "--json", "--max-workers", "1", testdata(t, "rude.py")).want(0).says("all well: 2")
	firstAttempts(t, c, map[string]string{"fork_server": "its fork server ended: it was killed, or memory ran out"})
	b.alone()
}

// TestStoppedTask stops a task that has a @timeout, so that its own alarm cannot ring: it is killed nevertheless.
func TestStoppedTask(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	flow := b.flow("flow.py", `
import os, signal
from levada import FlowSpec, step, timeout

class StoppedFlow(FlowSpec):
    @timeout(seconds=1)
    @step
    def start(self):
        os.kill(os.getpid(), signal.SIGSTOP)
        self.next(self.end)

    @step
    def end(self):
        pass

StoppedFlow()
`)
	b.run("run", flow).want(1).says("timeout of 1s", "was killed")
	b.alone()
}

// TestPrinting prints 100 MB, in lines and in one line of 50 MB. The engine does not hold it.
func TestPrinting(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	flow := b.flow("flow.py", `
import os, sys
from levada import FlowSpec, step

class PrintFlow(FlowSpec):
    @step
    def start(self):
        line = "x" * 99 + "\n"
        for _ in range(250):
            sys.stdout.write(line * 1000)
            sys.stderr.write(line * 1000)
        self.next(self.long)

    @step
    def long(self):
        part = b"y" * (1 << 20)
        for _ in range(50):
            while part:
                part = part[os.write(1, part):] or b""
            part = b"y" * (1 << 20)
        self.next(self.end)

    @step
    def end(self):
        print("the end")

PrintFlow()
`)
	const most = 150 << 20
	var largest int64
	c := b.prepare("levada", "run", "--json", flow)
	logged := 0
	c.lines(func(line []byte) {
		// Half a million of them are of the log: to read those as JSON would take most of the test.
		if bytes.HasPrefix(line, []byte(`{"event":"log"`)) {
			if logged++; logged%1000 != 0 {
				return
			}
		}
		largest = max(largest, peak(c.cmd.Process.Pid))
	})
	c.wait().want(0)
	t.Logf("the engine took %d MB", largest>>20)
	if largest == 0 || largest > most {
		t.Errorf("the engine took %d MB while 100 MB were printed", largest>>20)
	}
	if n := c.stdout.Len(); n < 100<<20 {
		t.Errorf("of 100 MB %d came out", n)
	}
	// Kept is what --max-log-size allows, and it can be read.
	logs := b.run("logs", "--quiet", "1/start").want(0)
	if n := logs.stdout.Len(); n < 19<<20 || n > 22<<20 {
		t.Errorf("the log that is kept has %d bytes", n)
	}
	logs.says("TRUNCATED")
	b.run("logs", "--quiet", "1/end").want(0).says("the end")
}

// TestSlowReader lets nobody read what is printed, for a while: the tasks wait, the engine does not hold what they
// would print, and in the end all comes out.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	flow := b.flow("flow.py", `
from levada import FlowSpec, step

class SlowFlow(FlowSpec):
    @step
    def start(self):
        for i in range(300_000):
            print("line %06d" % i + "." * 90)
        self.next(self.end)

    @step
    def end(self):
        pass

SlowFlow()
`)
	c := b.prepare("levada", "run", "--json", flow)
	gate := make(chan struct{})
	first := true
	n := 0
	c.follow(func(e event) {
		if first {
			<-gate
			first = false
		}
		if e.Event == "log" {
			if want := fmt.Sprintf("line %06d", n); !strings.HasPrefix(e.Text, want) {
				t.Errorf("got %q, want %q", e.Text, want)
			}
			n++
		}
	})
	var held int64
	time.AfterFunc(time.Second, func() {
		held = peak(c.cmd.Process.Pid)
		close(gate)
	})
	c.wait().want(0)
	if held == 0 || held > 64<<20 {
		t.Errorf("while nobody read the engine took %d MB", held>>20)
	}
	if n != 300_000 {
		t.Errorf("of 300000 lines %d came out", n)
	}
}

// TestNobodyListens closes the pipe that the run prints to, as `levada run … | head` does: the run goes on to its end.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c := b.prepare("levada", "run", testdata(t, everything))
	c.cmd.Stdout = nil
	pipe, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.begin()
	pipe.Close()
	c.wait()
	b.alone()
	if c.signal != 0 {
		t.Errorf("signal %v", c.signal)
	}
	if run := b.latest(); run.Status != "succeeded" {
		t.Errorf("the run is shown as %s", run.Status)
	}
	b.examine()
}
