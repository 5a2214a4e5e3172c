package flow_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const smallFlow = `package main

import (
	"fmt"

	"github.com/levadahq/levada/flow"
)

type Small struct {
	N int ` + "`param:\"\" default:\"2\"`" + `
	Square int
}

func (s *Small) Start(t *flow.Task) error { s.Square = s.N * s.N; return nil }
func (s *Small) End(t *flow.Task) error { fmt.Println("square", s.Square); return nil }

func main() {
	flow.New[Small]("Small").Step("start", (*Small).Start, flow.To("end")).Step("end", (*Small).End).Main()
}
`

// module makes a module with a flow in the folder "small".
func module(t *testing.T, source string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/users\n\ngo 1.26.0\n\nrequire github.com/levadahq/levada v0.0.0\n\nreplace github.com/levadahq/levada => " + root + "\n",
		"small/main.go": source,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// in runs a program in a folder.
func (s *session) in(dir, program string, args ...string) outcome {
	s.t.Helper()
	cmd := s.command("")
	cmd.Path, cmd.Args, cmd.Dir = program, append([]string{program}, args...), dir
	if !strings.Contains(program, "/") {
		path, err := exec.LookPath(program)
		if err != nil {
			s.t.Fatal(err)
		}
		cmd.Path = path
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func TestPackagesAreBuilt(t *testing.T) {
	s := newSession(t)
	dir := module(t, smallFlow)
	for _, file := range []string{"./small", "small/main.go", filepath.Join(dir, "small")} {
		contains(t, s.in(dir, levada, "run", file, "--n", "3").stdout, "square 9")
	}
	o := s.in(dir, "go", "run", "./small", "run", "--n", "4")
	contains(t, o.stdout, "square 16")
	contains(t, s.in(dir, "go", "run", "./small").stderr, "'go run ./small show' shows a description of this flow.")
	program := filepath.Join(dir, "program")
	if o := s.in(dir, "go", "build", "-o", program, "./small"); o.code != 0 {
		t.Fatal(o.stderr)
	}
	contains(t, s.in(dir, levada, "run", "./program").stdout, "square 4")
	contains(t, s.in(dir, "./program", "resume").stdout, "Cloning previously run task 5/start/1")
	contains(t, s.in(dir, levada, "run", "./program", "--isolation", "fork").stderr, "a flow in Go already runs each task in a process of its own")
}

func TestWhatCannotBeBuilt(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want   []string
	}{
		"compiler":      {strings.Replace(smallFlow, "s.N * s.N", "s.M", 1), []string{"./main.go:14:", "s.M undefined", "the flow does not compile; the compiler's own message is above"}},
		"library":       {strings.Replace(smallFlow, "package main", "package small", 1), []string{"the package is not a program"}},
		"no flow":       {"package main\n\nfunc main() {}\n", []string{"the program ended with code 0 before it described a flow", "let its main function call Main of the flow"}},
		"ends":          {"package main\n\nfunc main() { panic(\"oops\") }\n", []string{"panic: oops", "the program ended (exit status 2) before it described a flow"}},
		"wrong step":    {strings.Replace(smallFlow, `flow.To("end")`, `flow.To("stop")`, 1), []string{"small/main.go on line 18", "Step start goes on to stop, which is not a step of this flow"}},
		"no such field": {strings.Replace(smallFlow, `flow.To("end")`, `flow.Foreach("Items", "end")`, 1), []string{"main.Small has no exported field Items"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			o := s.in(module(t, c.source), levada, "run", "./small")
			if o.code != 1 {
				t.Errorf("exit code %d", o.code)
			}
			contains(t, o.stdout+o.stderr, c.want...)
		})
	}
	s := &session{t: t, home: filepath.Join(t.TempDir(), ".levada")}
	contains(t, s.in(t.TempDir(), levada, "run", ".").stderr, "this is a folder without a flow: there is no Go program in it")
}

// An engine that is killed leaves what was finished, whether tasks are processes or not.
func TestKilledEngine(t *testing.T) {
	for _, name := range []string{"Crowd", "Waiting"} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			cmd := s.command(name, "run", "--n", "5000")
			if name == "Waiting" {
				cmd = s.command(name, "run")
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stuck := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
			defer stuck.Stop()
			when := map[string]string{"Crowd": "work/500 ", "Waiting": "waiting"}[name]
			var said strings.Builder
			buf := make([]byte, 32<<10)
			for !strings.Contains(said.String(), when) {
				n, err := out.Read(buf)
				said.Write(buf[:n])
				if err != nil {
					t.Fatalf("it ended: %s", cut(said.String()))
				}
			}
			cmd.Process.Signal(syscall.SIGKILL)
			cmd.Wait()
			contains(t, s.ok(name, "runs"), "died")
			s.env = []string{"GO_ON=1"}
			contains(t, s.ok(name, "resume"), "Done!")
		})
	}
}
