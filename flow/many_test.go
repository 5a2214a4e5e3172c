package flow_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/levadahq/levada/flow"
	"github.com/levadahq/levada/internal/protocol"
)

// crowd runs many tasks in one process.
type crowd struct {
	N      int `param:"" default:"3000"`
	List   []int
	Square int
	Deep   int
	Total  int
}

func init() {
	build := func(work func(*crowd, *flow.Task) error, options ...flow.Option) func() {
		return func() {
			flow.New[crowd]("Crowd").
				Step("start", func(c *crowd, t *flow.Task) error {
					for i := range c.N {
						c.List = append(c.List, i)
					}
					return nil
				}, flow.Foreach("List", "work")).
				Step("work", work, append(options, flow.InProcess(), flow.To("more"))...).
				Step("more", func(c *crowd, t *flow.Task) error { c.Deep = c.Square + 1; return nil }, flow.InProcess(), flow.To("add")).
				Join("add", func(c *crowd, t *flow.Task, in flow.Inputs[crowd]) error {
					for i, one := range in.All() {
						if one.Square != i*i || one.Deep != i*i+1 {
							return fmt.Errorf("input %d has %d and %d", i, one.Square, one.Deep)
						}
						c.Total += one.Deep
					}
					return nil
				}, flow.InProcess(), flow.To("end")).
				Step("end", func(c *crowd, t *flow.Task) error { fmt.Println("total", c.Total); return nil }).
				Main()
		}
	}
	square := func(c *crowd, t *flow.Task) error {
		i, err := flow.Item[int](t)
		c.Square = i * i
		if i == 7 {
			t.Log.Info("seven", "is", i)
		}
		return err
	}
	flows["Crowd"] = build(square)
	flows["CrowdFails"] = build(func(c *crowd, t *flow.Task) error {
		if t.Index() == 100 && os.Getenv("FAULT") != "" {
			switch os.Getenv("FAULT") {
			case "panic":
				crash(nil)
			case "exit":
				os.Exit(3)
			}
			return errors.New("one of many")
		}
		return square(c, t)
	})
	flows["CrowdRetries"] = build(func(c *crowd, t *flow.Task) error {
		if t.Index()%500 == 1 && t.Attempt == 0 {
			return errors.New("at first")
		}
		return square(c, t)
	}, flow.Retry(1))
	flows["CrowdShouts"] = build(func(c *crowd, t *flow.Task) error {
		if t.Index() == 5 {
			return errors.New("loud" + strings.Repeat("!", protocol.MaxHeader))
		}
		return square(c, t)
	})
	flows["CrowdWaits"] = build(func(c *crowd, t *flow.Task) error {
		if t.Index() == 5 {
			t.Log.Info("waiting")
			<-t.Done()
			return t.Err()
		}
		return square(c, t)
	})
}

func TestInProcess(t *testing.T) {
	const total = 2999*3000*5999/6 + 3000
	want := fmt.Sprint("total ", total)
	t.Run("well", func(t *testing.T) {
		s := newSession(t)
		contains(t, s.ok("Crowd", "run"), want)
		contains(t, s.ok("Crowd", "logs", "1/work/9"), "level=INFO msg=seven is=7")
		contains(t, s.ok("Crowd", "dump", "1/work/9"), "square [size: 2 type: int] = 49")
	})
	t.Run("retries", func(t *testing.T) {
		s := newSession(t)
		contains(t, s.ok("CrowdRetries", "run"), want, "(retry)")
	})
	for fault, said := range map[string]string{"error": "error: one of many", "panic": "flow_test.crash", "exit": "exited with code 3"} {
		t.Run(fault, func(t *testing.T) {
			s := newSession(t)
			s.env = []string{"FAULT=" + fault}
			contains(t, s.fails("CrowdFails", "run"), said, "Step work (task-id")
			s.env = nil
			// How many have told their result before the process is gone is chance:
			// they are cloned one by one or as tasks.
			contains(t, s.ok("CrowdFails", "resume"), want, "previously run task")
		})
	}
}

// What is no frame is told of; a host that is gone is not.
func TestAnUnreadableFrameInProcess(t *testing.T) {
	for what, c := range map[string]struct {
		frame string
		code  int
		said  string
	}{
		"no frame":            {"GET / HTTP/1.1\r\n\r\n", 1, "a frame claims"},
		"no JSON":             {"\x00\x00\x00\x01\x00\x00\x00\x00x", 1, "not a JSON object"},
		"the end":             {"", 0, ""},
		"the end in a prefix": {"\x00\x00", 0, ""},
		"the end in a frame":  {"\x00\x00\x00\x09\x00\x00\x00\x00{", 0, ""},
	} {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
		syscall.CloseOnExec(fds[0])
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TEST_FLOW=Crowd", protocol.ManySocket+"=3")
		cmd.ExtraFiles = []*os.File{far}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		far.Close()
		_, err = near.WriteString(c.frame)
		near.Close()
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); err != nil || code != c.code || !strings.Contains(stderr.String(), c.said) || c.said == "" && stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, %q, %v", what, code, stderr.String(), err)
		}
	}
}

// What a task has to say may be more than a frame holds: the run hears that, and ends.
func TestAFailureThatNoFrameHolds(t *testing.T) {
	s := newSession(t)
	o := s.flow("CrowdShouts", "run")
	if all := o.stdout + o.stderr; o.code != 1 || !strings.Contains(all, "loud!!!") {
		t.Errorf("exit code %d, %d bytes", o.code, len(all))
	}
	contains(t, cut(o.stderr), "Step work (task-id")
	contains(t, s.ok("CrowdShouts", "logs", "1/work/7", "--stderr"), "loud!!!")
}

// heavy has many elements, each as large as may be in a frame with others.
type heavy struct {
	N    int `param:""`
	List []string
}

const heavyElement = 60_000

func init() {
	flows["Heavy"] = func() {
		flow.New[heavy]("Heavy").
			Step("start", func(h *heavy, t *flow.Task) error {
				for range h.N {
					h.List = append(h.List, strings.Repeat("x", heavyElement))
				}
				return nil
			}, flow.Foreach("List", "work")).
			Step("work", func(h *heavy, t *flow.Task) error {
				if os.Getenv("FAULT") == "stop" {
					return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
				}
				element, err := flow.Item[string](t)
				if err == nil && len(element) != heavyElement {
					err = fmt.Errorf("the element has %d bytes", len(element))
				}
				return err
			}, flow.InProcess(), flow.To("add")).
			Join("add", func(h *heavy, t *flow.Task, in flow.Inputs[heavy]) error { return nil }, flow.To("end")).
			Step("end", func(h *heavy, t *flow.Task) error { return nil }).
			Main()
	}
}

func TestElementsInProcessThatNoFrameHolds(t *testing.T) {
	newSession(t).ok("Heavy", "run", "--n", strconv.Itoa(protocol.MaxBody/heavyElement+1))
}

// While there is more to tell the process than its socket holds, it takes nothing any more: the run ends nevertheless.
func TestInterruptOfAStoppedProcess(t *testing.T) {
	s := newSession(t)
	s.env = []string{"FAULT=stop"}
	said, code := interruptAt(t, s.command("Heavy", "run", "--n", "300"), "/work/2 (pid")
	if code != 1 {
		t.Errorf("exit code %d\n%s", code, cut(said))
	}
	contains(t, said, "Aborted!")
}

func TestInterruptInProcess(t *testing.T) {
	s := newSession(t)
	said, code := interruptAt(t, s.command("CrowdWaits", "run"), "waiting")
	if code != 1 {
		t.Errorf("exit code %d\n%s", code, cut(said))
	}
	contains(t, said, "KILLED BY ORCHESTRATOR", "Aborted!")
}

// chatty prints more than is read at once, in a process of many tasks, as the last thing that it does.
type chatty struct{}

const chattyBytes = 110_000 // more than a pipe holds and is read at once, less than two pipes hold

func init() {
	flows["Chatty"] = func() {
		flow.New[chatty]("Chatty").
			Step("start", func(c *chatty, t *flow.Task) error { return nil }, flow.InProcess(), flow.To("end")).
			Step("end", func(c *chatty, t *flow.Task) error {
				fmt.Print(strings.Repeat("#", chattyBytes))
				if os.Getenv("FAULT") == "exit" {
					os.Exit(3)
				}
				return nil
			}, flow.InProcess()).
			Main()
	}
}

// Who reads what a run prints may be slow: what a process printed before it ended comes to the last byte.
func TestLastPrintsInProcess(t *testing.T) {
	for fault, when := range map[string]string{"": "Task finished successfully", "exit": "Task failed"} {
		t.Run(cmp.Or(fault, "well"), func(t *testing.T) {
			s := newSession(t)
			s.env = []string{"FAULT=" + fault}
			cmd := s.command("Chatty", "run")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			errs, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			told := bufio.NewScanner(out)
			for told.Scan() && !(strings.Contains(told.Text(), "/end/") && strings.Contains(told.Text(), when)) {
			}
			all := make(chan []byte)
			go func() {
				printed, _ := io.ReadAll(errs)
				all <- printed
			}()
			io.Copy(io.Discard, out)
			printed := <-all
			cmd.Wait()
			if n := bytes.Count(printed, []byte("#")); n != chattyBytes {
				t.Errorf("%d of %d bytes came; exit code %d", n, chattyBytes, cmd.ProcessState.ExitCode())
			}
		})
	}
}

// round goes round in one process.
type round struct {
	First string
	N     int
	Where string
}

func init() {
	flows["Round"] = func() {
		flow.New[round]("Round").
			Step("start", func(r *round, t *flow.Task) error { r.First, r.Where = "kept", "again"; return nil }, flow.To("turn")).
			Step("turn", func(r *round, t *flow.Task) error {
				if r.N++; r.N == 300 {
					r.Where = "done"
				}
				if t.Iteration != r.N-1 {
					return fmt.Errorf("iteration %d is counted as %d", r.N-1, t.Iteration)
				}
				return nil
			}, flow.InProcess(), flow.Switch("Where", flow.Case{Key: "again", Step: "turn"}, flow.Case{Key: "done", Step: "end"})).
			Step("end", func(r *round, t *flow.Task) error { fmt.Println(r.First, r.N); return nil }).
			Main()
	}
}

func TestALoopInProcess(t *testing.T) {
	s := newSession(t)
	contains(t, s.ok("Round", "run"), "kept 300")
	contains(t, s.ok("Round", "dump", "1/turn/200"), `first [size: 6 type: string] = "kept"`, "n [size: 3 type: int] = 199")
}

// forked is split, merged and split again in one process.
type forked struct {
	Kept, Left, Right string
}

func init() {
	flows["Forked"] = func() {
		flow.New[forked]("Forked").
			Step("start", func(f *forked, t *flow.Task) error { f.Kept = "kept"; return nil }, flow.InProcess(), flow.To("left", "right")).
			Step("left", func(f *forked, t *flow.Task) error { f.Left = "left"; return nil }, flow.InProcess(), flow.To("meet")).
			Step("right", func(f *forked, t *flow.Task) error { f.Right = "right"; return nil }, flow.InProcess(), flow.To("meet")).
			Join("meet", func(f *forked, t *flow.Task, in flow.Inputs[forked]) error { return in.Merge() }, flow.InProcess(), flow.To("end")).
			Step("end", func(f *forked, t *flow.Task) error { fmt.Println("has", f.Kept, f.Left, f.Right); return nil }).
			Main()
	}
}

// What a join merges and what a split opens are recorded of tasks that end together as of others.
func TestASplitInProcess(t *testing.T) {
	s := newSession(t)
	contains(t, s.ok("Forked", "run"), "has kept left right")
	contains(t, s.ok("Forked", "resume", "--origin-run-id", "1", "end"), "has kept left right")
}
