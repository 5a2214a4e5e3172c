package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/flow"
)

// files writes files into a folder and returns it; scripts may be executed.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// python runs a flow in Python, whose steps may be run by this test binary.
func (s *session) python(file string, args ...string) outcome {
	s.t.Helper()
	cmd := s.command("Scorer", args...)
	cmd.Path, cmd.Args = levada, append([]string{"levada", args[0], file}, args[1:]...)
	if args[0] != "run" && args[0] != "resume" && args[0] != "spin" {
		cmd.Args = append([]string{"levada"}, args...)
	}
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "SCORER="+exe, "PYTHONDONTWRITEBYTECODE=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// number is a number of Python's, which is an int or a float64 as it was there.
func number(x any) float64 {
	if i, ok := x.(int); ok {
		return float64(i)
	}
	return x.(float64)
}

// scorer is a flow in Go, steps of which are steps of flows in Python.
type scorer struct {
	Rows    []map[string]any
	Factor  float64
	Scores  []float64
	Strange complex128
	Total   float64
}

func init() {
	flows["Scorer"] = func() {
		flow.New[scorer]("Scorer").
			Step("score", func(s *scorer, t *flow.Task) error {
				for _, row := range s.Rows {
					s.Scores = append(s.Scores, s.Factor*number(row["x"]))
				}
				s.Strange = 1i
				return nil
			}, flow.To("each")).
			Step("each", func(s *scorer, t *flow.Task) error {
				item, err := flow.Item[map[string]float64](t)
				s.Total = item["x"] * 10
				return err
			}, flow.To("sum")).
			Join("sum", func(s *scorer, t *flow.Task, in flow.Inputs[scorer]) error {
				for _, one := range in.All() {
					s.Total += one.Total
				}
				return nil
			}, flow.To("end")).
			Step("end", func(*scorer, *flow.Task) error { return nil }).
			Main()
	}
}

const pythonFlow = `
import os
from levada import FlowSpec, Parameter, exec, step

GO = [os.environ["SCORER"]]

class MixedFlow(FlowSpec):
    factor = Parameter("factor", default=2.0)

    @step
    def start(self):
        self.rows = [{"x": 1.5}, {"x": 2}]
        self.nothing = None
        self.next(self.score)

    @exec(GO, protocol=True)
    @step
    def score(self):
        self.next(self.fan)

    @step
    def fan(self):
        assert self.scores == [3.0, 4.0], self.scores
        self.next(self.each, foreach="rows")

    @exec(GO, protocol=True)
    @step
    def each(self):
        self.next(self.sum)

    @exec(GO, protocol=True)
    @step
    def sum(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print("total", self.total)
        %s

if __name__ == "__main__":
    MixedFlow()
`

func TestStepsInGoOfAFlowInPython(t *testing.T) {
	s := newSession(t)
	dir := files(t, map[string]string{"flow.py": fmt.Sprintf(pythonFlow, "pass")})
	o := s.python(filepath.Join(dir, "flow.py"), "run")
	contains(t, o.stdout+o.stderr, "total 35.0", "Done!")
	if o.code != 0 {
		t.Errorf("exit code %d", o.code)
	}
	dir = files(t, map[string]string{"flow.py": strings.Replace(fmt.Sprintf(pythonFlow, "pass"), "assert self.scores == [3.0, 4.0], self.scores", "self.strange", 1)})
	o = s.python(filepath.Join(dir, "flow.py"), "run")
	contains(t, o.stdout, "The artifact 'strange' was stored by Go as a complex128, in a form that only Go reads (gob), so Python cannot read it.")
	dir = files(t, map[string]string{"flow.py": strings.Replace(fmt.Sprintf(pythonFlow, "pass"), `[{"x": 1.5}, {"x": 2}]`, `{1, 2}`, 1)})
	o = s.python(filepath.Join(dir, "flow.py"), "run")
	contains(t, o.stdout+o.stderr, "the artifact rows cannot go from Python to the program", "it is a set, and that is not plain data")
	dir = files(t, map[string]string{"flow.py": strings.Replace(fmt.Sprintf(pythonFlow, "pass"), `[{"x": 1.5}, {"x": 2}]`, `7`, 1)})
	o = s.python(filepath.Join(dir, "flow.py"), "run")
	contains(t, o.stdout+o.stderr, "the artifact rows is an int of Python, and the field flow_test.scorer.Rows is of type []map[string]interface {}")
}

const scripted = `
from levada import FlowSpec, catch, exec, retry, step, timeout

class ScriptFlow(FlowSpec):
    @step
    def start(self):
        self.words = ["a", "b", "c"]
        self.secret = object
        self.next(self.make)

    @exec("./make.sh", inputs=["words"], outputs=["list", "raw", "verdict"])
    @step
    def make(self):
        self.next(self.each, foreach="list")

    @retry(times=1)
    @exec("./each.sh", outputs=["made"])
    @step
    def each(self):
        self.next(self.meet)

    @catch(var="unbroken")
    @exec("./meet.sh", inputs=["made"], outputs=["all", "verdict"])
    @step
    def meet(self, inputs):
        self.next(self.decide)

    @exec("./decide.sh", inputs=["verdict"], outputs=["verdict"])
    @step
    def decide(self):
        self.next({"left": self.fails, "right": self.end}, condition="verdict")

    @catch(var="problem")
    @exec("./fails.sh")
    @step
    def fails(self):
        self.next(self.slow)

    @catch(var="late")
    @timeout(seconds=1)
    @exec("./slow.sh")
    @step
    def slow(self):
        self.next(self.unfit)

    @catch(var="refused")
    @retry(times=2)
    @exec("true", inputs=["secret"])
    @step
    def unfit(self):
        self.next(self.end)

    @step
    def end(self):
        print("all", self.all, "problem", self.problem["type"], self.problem["message"], "late", self.late["message"])
        print("refused", self.refused["type"], self.refused["attempt"], "of meet", self.unbroken)

if __name__ == "__main__":
    ScriptFlow()
`

func TestScriptsWithoutAnSDK(t *testing.T) {
	scripts := map[string]string{
		"flow.py":   scripted,
		"make.sh":   "#!/bin/sh\ncp $LEVADA_INPUTS/words.json $LEVADA_OUTPUTS/list.json; printf '\\000\\001' > $LEVADA_OUTPUTS/raw.bin; echo '\"none\"' > $LEVADA_OUTPUTS/verdict.json; echo made by $LEVADA_STEP\n",
		"each.sh":   "#!/bin/sh\nif [ $LEVADA_ATTEMPT = 0 ] && [ $LEVADA_INDEX = 1 ]; then echo not yet >&2; exit 3; fi\nprintf '{\"item\": %s, \"index\": %d}' \"$(cat $LEVADA_ITEM)\" $LEVADA_INDEX > $LEVADA_OUTPUTS/made.json\n",
		"meet.sh":   "#!/bin/sh\ncat $LEVADA_INPUTS/0/made.json $LEVADA_INPUTS/1/made.json $LEVADA_INPUTS/2/made.json > $LEVADA_OUTPUTS/all.txt; echo '\"right\"' > $LEVADA_OUTPUTS/verdict.json\n",
		"decide.sh": "#!/bin/sh\ngrep -q right $LEVADA_INPUTS/verdict.json && echo '\"left\"' > $LEVADA_OUTPUTS/verdict.json\n",
		"fails.sh":  "#!/bin/sh\necho it is broken >&2; exit 5\n",
		"slow.sh":   "#!/bin/sh\nexec sleep 100\n",
	}
	s := newSession(t)
	file := filepath.Join(files(t, scripts), "flow.py")
	o := s.python(file, "run")
	contains(t, o.stdout+o.stderr, "made by make", "the program ./each.sh exited with code 3", "it is broken",
		`all {"item":"a","index":0}{"item":"b","index":1}{"item":"c","index":2} problem ExitCode the program ./fails.sh exited with code 5 late the program ./slow.sh did not end within its timeout of 1s`,
		"refused ConversionError 0 of meet None")
	contains(t, s.python(file, "logs", "1/fails").stdout, "[levada] the program ./fails.sh exited with code 5; @catch takes it")
	contains(t, s.python(file, "dump", "1/make").stdout, `list [size: 13 type: json] = ["a","b","c"]`, "raw [size: 2 type: <class 'bytes'>]")
	if o := s.python(file, "spin", "1/make"); o.code != 1 {
		t.Errorf("spin of a step that a program runs exits with %d", o.code)
	} else {
		contains(t, o.stderr, "step make is run by another program (@exec)", "`levada resume make` runs it and all steps after it again")
	}
	scripts["fails.sh"] = "#!/bin/sh\nexit 202\n" // which is for good
	o = s.python(filepath.Join(files(t, scripts), "flow.py"), "run")
	contains(t, o.stdout+o.stderr, "the program ./fails.sh exited with code 202", "Step fails (task-id")
	for change, want := range map[[2]string]string{
		{"make.sh", "#!/bin/sh\nexit 0\n"}:                                                 "left no file for its output list",
		{"make.sh", "#!/bin/sh\necho NaN > $LEVADA_OUTPUTS/list.json\n"}:                   "left list.json, which is not JSON: line 1, column 1: JSON has no NaN: write null,",
		{"make.sh", "#!/bin/sh\nkill -9 $$\n"}:                                             "was ended by signal 9",
		{"flow.py", strings.Replace(scripted, `inputs=["words"]`, `inputs=["secret"]`, 1)}: "the artifact secret cannot go from Python to the program ./make.sh",
		{"flow.py", strings.Replace(scripted, `inputs=["words"]`, `inputs=["absent"]`, 1)}: "reads the artifact absent, which no step before it has set",
		{"flow.py", strings.Replace(scripted, "./make.sh", "./gone.sh", 1)}:                "there is no program ./gone.sh",
		{"flow.py", strings.Replace(scripted, `"./make.sh"`, `[]`, 1)}:                     "MetaflowException: @exec needs a program",
	} {
		scripts := map[string]string{change[0]: change[1]}
		for name, text := range map[string]string{"flow.py": scripted, "make.sh": "#!/bin/sh\nexit 1\n"} {
			if scripts[name] == "" {
				scripts[name] = text
			}
		}
		dir := files(t, scripts)
		for _, name := range []string{"each.sh", "meet.sh", "decide.sh", "fails.sh", "slow.sh"} {
			os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755)
		}
		o := s.python(filepath.Join(dir, "flow.py"), "run")
		if o.code == 0 {
			t.Errorf("%s: it succeeded", want)
		}
		said := o.stdout + o.stderr
		if n := strings.Count(said, want); n != 1 {
			t.Errorf("%q is said %d times:\n%s", want, n, said)
		}
		if log := regexp.MustCompile(`levada logs (\S+)`).FindStringSubmatch(said); log != nil { // the run began
			contains(t, s.python(filepath.Join(dir, "flow.py"), "logs", log[1]).stdout, "[levada] ", want)
		}
	}
}

// fragile is a flow in Go whose steps fail, each in a way of its own.
type fragile struct {
	Done    []int
	Failure any // which the flow in Python has @catch set
}

func init() {
	flows["Fragile"] = func() {
		flow.New[fragile]("Fragile").
			Step("start", func(*fragile, *flow.Task) error { return nil }, flow.To("fails")).
			Step("fails", func(f *fragile, t *flow.Task) error {
				f.Done, f.Failure = []int{7, t.Attempt}, "its own word"
				return fmt.Errorf("no luck with %d", t.Attempt)
			}, flow.To("dies")).
			Step("dies", func(*fragile, *flow.Task) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }, flow.To("late")).
			Step("late", func(_ *fragile, t *flow.Task) error { <-t.Done(); return context.Cause(t) }, flow.To("calm")).
			Step("calm", func(*fragile, *flow.Task) error { return nil }, flow.To("forever")).
			Step("forever", func(*fragile, *flow.Task) error { return flow.Permanent(errors.New("for good")) }, flow.To("end")).
			Step("end", func(*fragile, *flow.Task) error { return nil }).
			Main()
	}
}

const catching = `
import os
from levada import FlowSpec, catch, exec, retry, step, timeout

GO = [os.environ["SCORER"]]

class CatchingFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.fails)

    @catch(var="failure")
    @retry(times=1)
    @exec(GO, protocol=True)
    @step
    def fails(self):
        self.next(self.dies)

    @catch(var="death")
    @exec(GO, protocol=True)
    @step
    def dies(self):
        self.next(self.late)

    @catch(var="delay")
    @timeout(seconds=1)
    @exec(GO, protocol=True)
    @step
    def late(self):
        self.next(self.calm)

    @catch(var="nothing")
    @exec(GO, protocol=True)
    @step
    def calm(self):
        self.next(self.tell)

    @step
    def tell(self):
        print("failure", self.failure["message"], "of attempt", self.failure["attempt"], "after", self.done)
        print("death", self.death["message"])
        print("delay", self.delay["message"])
        print("nothing", self.nothing)
        self.next(self.forever)

    @catch(var="never")
    @exec(GO, protocol=True)
    @step
    def forever(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    CatchingFlow()
`

func TestCatchOfAGuest(t *testing.T) {
	s := newSession(t)
	s.env = append(s.env, "TEST_FLOW=Fragile")
	file := filepath.Join(files(t, map[string]string{"flow.py": catching}), "flow.py")
	o := s.python(file, "run")
	contains(t, o.stdout+o.stderr, "failure no luck with 1 of attempt 1 after [7, 1]", "death the process of step dies ended on each attempt", "(signal 9)",
		"delay ", "nothing None", "for good", "Step forever (task-id")
	contains(t, s.python(file, "logs", "1/fails").stdout, "error: no luck with 1", "[levada] @catch takes this failure of the program")
	if o.code != 1 {
		t.Error("what is not to be tried again was caught")
	}
}

// A flow in Go whose steps a shell and Python run.
type guest struct {
	Names  []string
	Secret complex128
	Length int
	Upper  []string
	Same   bool
	Odd    *flow.Failure
	Why    *flow.Failure
}

func init() {
	build := func(inputs ...string) func() {
		return func() {
			flow.New[guest]("Guest").
				Step("start", func(g *guest, t *flow.Task) error {
					g.Names, g.Secret = []string{"x", "yy"}, 1i
					return nil
				}, flow.To("count")).
				Exec("count", flow.Program{Command: []string{"sh", "-c", "wc -c < $LEVADA_INPUTS/names.json > $LEVADA_OUTPUTS/length.json"}, Inputs: inputs, Outputs: []string{"Length"}}, flow.To("upper")).
				Exec("upper", flow.Program{Command: []string{os.Getenv("UPPER")}, Protocol: true}, flow.To("calm")).
				Exec("calm", flow.Program{Command: []string{"true"}}, flow.Catch("Odd"), flow.To("fail")).
				Exec("fail", flow.Program{Command: []string{"false"}}, flow.Catch("Why"), flow.To("end")).
				Step("end", func(g *guest, t *flow.Task) error {
					fmt.Println(g.Length, g.Upper, g.Same, g.Odd == nil, g.Why)
					return nil
				}).
				Main()
		}
	}
	flows["Guest"], flows["GuestSecret"] = build("Names"), build("Secret")
}

func TestProgramsInAFlowInGo(t *testing.T) {
	dir := files(t, map[string]string{"upper.py": `
from levada import FlowSpec, step

class Upper(FlowSpec):
    @step
    def start(self):
        self.next(self.upper)

    @step
    def upper(self):
        self.upper = [name.upper() for name in self.names]
        self.same = self.length == 10
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    Upper()
`})
	s := newSession(t)
	s.env = []string{"UPPER=" + filepath.Join(dir, "upper.py")}
	contains(t, s.ok("Guest", "run"), "10 [X YY] true true the program false exited with code 1")
	contains(t, s.fails("GuestSecret", "run"), "the artifact secret cannot go from Go to the program sh: it is a complex128, stored as gob")
}

func TestInterruptOfAProgram(t *testing.T) {
	s := newSession(t)
	dir := files(t, map[string]string{"flow.py": strings.Replace(scripted, "./make.sh", "./slow.sh", 1), "slow.sh": "#!/bin/sh\necho waiting\nsleep 100 & wait\n",
		"each.sh": "", "meet.sh": "", "decide.sh": "", "fails.sh": ""})
	cmd := s.command("Scorer")
	cmd.Path, cmd.Args = levada, []string{"levada", "run", filepath.Join(dir, "flow.py")}
	said, code := interruptAt(t, cmd, "waiting")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	contains(t, said, "KILLED BY ORCHESTRATOR", "Aborted!")
}

// interruptAt presses Ctrl-C when a command says something, and returns all that it said.
func interruptAt(t *testing.T, cmd *exec.Cmd, when string) (said string, code int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	buf := make([]byte, 4096)
	for pressed := false; ; {
		n, err := out.Read(buf)
		said += string(buf[:n])
		if !pressed && strings.Contains(said, when) {
			pressed = true
			cmd.Process.Signal(os.Interrupt)
		}
		if err != nil {
			break
		}
	}
	cmd.Wait()
	return said + stderr.String(), cmd.ProcessState.ExitCode()
}
