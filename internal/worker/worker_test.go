package worker_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

const flow = `
import os, sys, time
from levada import FlowSpec, step

class Small(FlowSpec):
    @step
    def start(self):
        mode = os.environ.get("MODE", "")
        print("on stdout", mode)
        print("on stderr", file=sys.stderr)
        sys.stdout.flush()
        if mode == "segfault":
            os.kill(os.getpid(), 11)
        if mode == "exit":
            os._exit(7)
        if mode == "hang":
            print("hanging", flush=True)
            time.sleep(1000)
        self.x = 1
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Small()
`

func python(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatalf("the tests need python3: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func open(t *testing.T, source string, isolation worker.Isolation) (*worker.Pool, error) {
	t.Helper()
	return openWith(t, source, isolation, worker.Spec{})
}

func openWith(t *testing.T, source string, isolation worker.Isolation, spec worker.Spec) (*worker.Pool, error) {
	t.Helper()
	sdk, err := filepath.Abs("../../python")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "flow.py")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	spec.File, spec.Python, spec.SDK, spec.Stdout, spec.Stderr = file, python(t), sdk, io.Discard, io.Discard
	p, err := worker.Open(context.Background(), spec)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { p.Close() })
	p.Isolate(isolation)
	return p, nil
}

// outcome is what one process said and how it ended.
type outcome struct {
	stdout, stderr string
	done           protocol.FromTask
	err            error
	exit           worker.Exit
	pid            int
}

// run runs the start step and returns what became of it. during, if not nil, is called
// when the process has printed a line.
func run(t *testing.T, p *worker.Pool, vars map[string]string, during func(*worker.Process)) outcome {
	t.Helper()
	return runIn(t, p, worker.Setting{Vars: vars}, during)
}

// runIn is run in a setting.
func runIn(t *testing.T, p *worker.Pool, set worker.Setting, during func(*worker.Process)) outcome {
	t.Helper()
	p.SetContext(&protocol.Context{
		Flow: "Small", Run: "1", User: "u", Namespace: "user:u", Tags: []string{},
		Staging: t.TempDir(), InlineLimit: protocol.InlineLimit,
	})
	return start(t, p, set, during)
}

// start is run in the context that the pool has.
func start(t *testing.T, p *worker.Pool, set worker.Setting, during func(*worker.Process)) outcome {
	t.Helper()
	first := worker.First{Header: &protocol.Task{Type: "task", Step: "start", Task: "1"}}
	var o outcome
	exited := make(chan worker.Exit, 1)
	started := make(chan struct{})
	var mu sync.Mutex
	proc, err := p.Start(context.Background(), first, set, worker.Watch{
		Started: func(pid int) { mu.Lock(); o.pid = pid; mu.Unlock(); close(started) },
		Exited:  func(e worker.Exit) { exited <- e },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		r := bufio.NewReader(proc.Stdout)
		line, _ := r.ReadString('\n')
		if during != nil {
			<-started // a line may come before the news that the process runs
			during(proc)
		}
		rest, _ := io.ReadAll(r)
		o.stdout = line + string(rest)
	})
	wg.Go(func() { b, _ := io.ReadAll(proc.Stderr); o.stderr = string(b) })
	_, o.err = protocol.ReadFrame(proc.Conn, &o.done)
	o.exit = <-exited
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	return o
}

func TestProcesses(t *testing.T) {
	for _, isolation := range []worker.Isolation{worker.Fork, worker.Spawn} {
		t.Run(string(isolation), func(t *testing.T) {
			p, err := open(t, flow, isolation)
			if err != nil {
				t.Fatal(err)
			}
			if d := p.Definition(); d.Name != "Small" || len(d.Steps) != 2 {
				t.Fatalf("definition %+v", d)
			}
			o := run(t, p, nil, nil)
			if o.err != nil || !o.done.OK || o.exit.Code != 0 || o.pid == 0 {
				t.Errorf("a good task: %+v", o)
			}
			if !strings.Contains(o.stdout, "on stdout") || !strings.Contains(o.stderr, "on stderr") {
				t.Errorf("streams: %q, %q", o.stdout, o.stderr)
			}
			if o.exit.MaxRSS < 1<<20 {
				t.Errorf("peak memory %d bytes", o.exit.MaxRSS)
			}
			if o := run(t, p, map[string]string{"MODE": "segfault"}, nil); o.err == nil || o.exit.Signal != 11 || o.exit.Code != -1 {
				t.Errorf("a segmentation fault: %+v", o)
			}
			if o := run(t, p, map[string]string{"MODE": "exit"}, nil); o.err == nil || o.exit.Code != 7 {
				t.Errorf("os._exit(7): %+v", o)
			}
			hang := map[string]string{"MODE": "hang"}
			if o := run(t, p, hang, func(p *worker.Process) { p.Signal(syscall.SIGKILL) }); o.exit.Signal != 9 {
				t.Errorf("a killed task: %+v", o)
			}
			// What went before ended only itself.
			if o := run(t, p, nil, nil); !o.done.OK {
				t.Errorf("the next task: %+v", o)
			}
		})
	}
}

// Processes that were forked ahead of need are as good as others, and one that somebody killed is not used.
// TestProgramsOfAnEnvironment checks that the programs beside the interpreter of a setting come first on the PATH.
func TestProgramsOfAnEnvironment(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(python(t), filepath.Join(bin, "python")); err != nil {
		t.Fatal(err)
	}
	source := strings.Replace(flow, `print("on stdout", mode)`, `print(os.environ["PATH"])`, 1)
	for _, isolation := range []worker.Isolation{worker.Fork, worker.Spawn} {
		for _, vars := range []map[string]string{nil, {"PATH": "/nowhere"}} {
			p, err := open(t, source, isolation)
			if err != nil {
				t.Fatal(err)
			}
			o := runIn(t, p, worker.Setting{Python: filepath.Join(bin, "python"), Vars: vars}, nil)
			after, set := vars["PATH"]
			if !set {
				after = os.Getenv("PATH")
			}
			if want := bin + ":" + after + "\n"; o.stdout != want {
				t.Errorf("%s, %v: PATH is %q, not %q", isolation, vars, o.stdout, want)
			}
		}
	}
}

func TestForkedAhead(t *testing.T) {
	p, err := open(t, strings.Replace(flow, "self.x = 1", "print('run', __import__('levada').current.run_id, os.getppid())", 1), worker.Fork)
	if err != nil {
		t.Fatal(err)
	}
	parent, pids := 0, map[int]bool{}
	good := func(o outcome, run string) {
		t.Helper()
		_, told, found := strings.Cut(o.stdout, "run "+run+" ")
		if o.err != nil || !o.done.OK || o.exit.Code != 0 || !found || pids[o.pid] {
			t.Fatalf("a task: %+v", o)
		}
		parent, pids[o.pid] = atoi(strings.TrimSpace(told)), true
	}
	good(run(t, p, nil, nil), "1")
	for range 12 {
		good(start(t, p, worker.Setting{}, nil), "1")
	}
	waiting := children(t, parent)
	if len(waiting) == 0 {
		t.Error("no process was forked ahead")
	}
	for _, pid := range waiting {
		syscall.Kill(pid, syscall.SIGKILL)
		for limit := time.Now().Add(10 * time.Second); alive(pid) && time.Now().Before(limit); {
			runtime.Gosched()
		}
	}
	for range 3 {
		good(start(t, p, worker.Setting{}, nil), "1")
	}
	p.SetContext(&protocol.Context{Flow: "Small", Run: "2"})
	for range 3 {
		good(start(t, p, worker.Setting{}, nil), "2")
	}
}

// children are the processes that a process has started.
func children(t *testing.T, parent int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && atoi(f[1]) == parent {
			found = append(found, atoi(f[0]))
		}
	}
	return found
}

// A fork server that dies takes its tasks with it, says so, and is replaced.
func TestForkServerDies(t *testing.T) {
	p, err := open(t, flow, worker.Fork)
	if err != nil {
		t.Fatal(err)
	}
	hang := map[string]string{"MODE": "hang"}
	o := run(t, p, hang, func(proc *worker.Process) {
		out, err := exec.Command("ps", "-o", "ppid=", "-p", itoa(proc.PID())).Output()
		if err != nil {
			t.Error(err)
			return
		}
		syscall.Kill(atoi(strings.TrimSpace(string(out))), syscall.SIGKILL)
	})
	if o.exit.Lost == "" {
		t.Errorf("exit %+v, want one that tells of the fork server", o.exit)
	}
	// Its streams have ended, so it is past all user code; what is left is for the kernel to clear away.
	for limit := time.Now().Add(10 * time.Second); alive(o.pid); runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatal("the task outlived its fork server")
		}
	}
	if o := run(t, p, map[string]string{"MODE": "exit"}, nil); o.exit.Code != 7 {
		t.Errorf("after the fork server was replaced: %+v", o)
	}
}

// TestKillOfAForkServerThatDoesNotListen ends one that is stopped: neither what it is
// asked reaches it, nor is there room to ask.
func TestKillOfAForkServerThatDoesNotListen(t *testing.T) {
	p, err := open(t, flow, worker.Fork)
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	o := run(t, p, map[string]string{"MODE": "hang"}, func(proc *worker.Process) {
		out, err := exec.Command("ps", "-o", "ppid=", "-p", itoa(proc.PID())).Output()
		if err != nil {
			t.Error(err)
			return
		}
		syscall.Kill(atoi(strings.TrimSpace(string(out))), syscall.SIGSTOP)
		asking.Go(func() {
			for range 20_000 { // more than a socket holds
				proc.Signal(syscall.SIGTERM)
			}
		})
		asking.Go(func() { proc.Signal(syscall.SIGKILL) })
		p.Kill()
	})
	asking.Wait()
	if o.exit.Signal != int(syscall.SIGKILL) {
		t.Errorf("exit %+v, want the end by SIGKILL", o.exit)
	}
	for limit := time.Now().Add(10 * time.Second); alive(o.pid); runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatal("the task outlived its fork server")
		}
	}
	if o := run(t, p, map[string]string{"MODE": "exit"}, nil); o.exit.Code != 7 {
		t.Errorf("after the fork server was replaced: %+v", o)
	}
}

const configFlow = `
import os
from levada import Config, FlowSpec, step

class Configured(FlowSpec):
    settings = Config("settings", required=True)

    @step
    def start(self):
        print(self.settings.n, os.environ.get("VAR"))

if __name__ == "__main__":
    Configured()
`

// A flow that asks is told a setup; all other processes of the flow are told what its first has found out.
func TestSetup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.json")
	for _, isolation := range []worker.Isolation{worker.Fork, worker.Spawn} {
		t.Run(string(isolation), func(t *testing.T) {
			if err := os.WriteFile(file, []byte(`{"n": 5}`), 0o644); err != nil {
				t.Fatal(err)
			}
			asked := 0
			p, err := openWith(t, configFlow, isolation, worker.Spec{Setup: func(flow string) (*protocol.Setup, []byte, error) {
				asked++
				if flow != "Configured" {
					t.Errorf("asked for %q", flow)
				}
				return &protocol.Setup{ConfigFiles: map[string]string{"settings": file}}, nil, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if !p.Asked() || asked != 1 || len(p.Definition().Configs) != 1 {
				t.Errorf("asked %v, %d times, for %+v", p.Asked(), asked, p.Definition().Configs)
			}
			for _, vars := range []map[string]string{nil, {"VAR": "x"}} {
				want := "5 None\n"
				if vars != nil {
					want = "5 x\n"
				}
				if o := run(t, p, vars, nil); !o.done.OK || o.stdout != want {
					t.Errorf("with %v: %+v", vars, o)
				}
			}
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestSetupThatIsWrong(t *testing.T) {
	why := fault.New(fault.NotFound, "there is no run to resume")
	for name, c := range map[string]struct {
		setup worker.SetupFunc
		kind  fault.Kind
	}{
		"nobody knows":     {nil, fault.Usage},
		"the host refuses": {func(string) (*protocol.Setup, []byte, error) { return nil, nil, why }, fault.NotFound},
		"no pickle": {func(string) (*protocol.Setup, []byte, error) {
			return &protocol.Setup{Configs: []protocol.ConfigBytes{{Name: "settings", Length: 3}}}, []byte("abc"), nil
		}, fault.UserCode},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := openWith(t, configFlow, worker.Fork, worker.Spec{Setup: c.setup}); !fault.Is(err, c.kind) {
				t.Errorf("got %v, want a fault of kind %v", err, c.kind)
			}
		})
	}
}

func TestFlowsThatDoNotImport(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"raises":       {"raise ValueError('no')\n", "could not be imported"},
		"starts none":  {"x = 1\n", "without starting a flow"},
		"exits":        {"import sys; sys.exit(3)\n", "exit code 3"},
		"kills itself": {"import os; os.kill(os.getpid(), 9)\n", "signal 9"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.source, worker.Fork)
			if !fault.Is(err, fault.UserCode) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a fault of the user's code with %q", err, c.want)
			}
		})
	}
}

// TestMemoryRunsOutDuringTheImport: the kernel tells whether it has killed a process because memory ran out.
func TestMemoryRunsOutDuringTheImport(t *testing.T) {
	kills := []int64{3, 4} // when it was started, and now
	defer worker.SetOOMKills(func() int64 { n := kills[0]; kills = kills[1:]; return n })()
	_, err := open(t, "import os; os.kill(os.getpid(), 9)\n", worker.Fork)
	if !fault.Is(err, fault.UserCode) || !strings.Contains(err.Error(), "memory ran out") {
		t.Errorf("got %v, want that memory ran out", err)
	}
}
