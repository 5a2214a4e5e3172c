package flow_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/levadahq/levada/flow"
	"github.com/levadahq/levada/internal/usertest"
)

// levada is the binary, built for these tests. The flows are this test binary itself, started with the name of one.
var levada string

func TestMain(m *testing.M) {
	if name := os.Getenv("TEST_FLOW"); name != "" {
		flows[name]()
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	usertest.HeedSignals()
	dir, err := os.MkdirTemp("", "flowtest")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	levada = filepath.Join(dir, "levada")
	if out, err := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", levada, "../cmd/levada")...).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	return m.Run()
}

// session is a store in which flows are run.
type session struct {
	t    *testing.T
	home string
	env  []string
}

func newSession(t *testing.T) *session {
	t.Parallel()
	return &session{t: t, home: filepath.Join(t.TempDir(), ".levada")}
}

// outcome is how a command ended.
type outcome struct {
	stdout, stderr string
	code           int
}

func (s *session) command(name string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "TEST_FLOW="+name, "LEVADA_BIN="+levada, "LEVADA_HOME="+s.home, "LEVADA_CACHE="+filepath.Join(filepath.Dir(levada), "cache"))
	cmd.Env = append(cmd.Env, s.env...)
	cmd.Dir = s.t.TempDir()
	return cmd
}

// flow runs a flow's own command line to its end.
func (s *session) flow(name string, args ...string) outcome {
	s.t.Helper()
	cmd := s.command(name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a command that must succeed and returns its stdout.
func (s *session) ok(name string, args ...string) string {
	s.t.Helper()
	o := s.flow(name, args...)
	if o.code != 0 {
		s.t.Fatalf("%s %v: exit code %d\n%s%s", name, args, o.code, cut(o.stdout), o.stderr)
	}
	return o.stdout
}

// fails runs a command that must fail and returns all that it said.
func (s *session) fails(name string, args ...string) string {
	s.t.Helper()
	o := s.flow(name, args...)
	if o.code == 0 {
		s.t.Fatalf("%s %v succeeded\n%s%s", name, args, cut(o.stdout), o.stderr)
	}
	return o.stdout + o.stderr
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("it does not say %q:\n%s", w, cut(text))
		}
	}
}

// cut shortens what a run of many tasks says.
func cut(text string) string {
	if n := len(text); n > 6000 {
		return text[:3000] + "\n...\n" + text[n-3000:]
	}
	return text
}

// flows are the flows under test by name.
var flows = map[string]func(){}

// Everything that an artifact can be.
type kinds struct {
	Text      string
	Numbers   []float64
	NotFinit  []float64 // NaN: JSON has none
	Nested    map[string][]inner
	Complex   complex128
	Points    map[point]string
	Bytes     []byte
	Big       []byte
	File      flow.File
	Array     flow.Array[float32]
	Table     flow.Table
	Moment    time.Time
	Pointer   *inner
	Same      string `flow:"renamed"`
	Skipped   string `flow:"-"`
	Untouched []byte
	hidden    int
}

type inner struct {
	A int
	B string
}

type point struct{ X, Y int }

func (k *kinds) Start(t *flow.Task) error {
	k.Text, k.Numbers, k.Nested = "<ä>", []float64{1, 2.5}, map[string][]inner{"a": {{1, "x"}}}
	k.NotFinit = []float64{1, nan()}
	k.Complex, k.Points = 1+2i, map[point]string{{1, 2}: "p"}
	k.Bytes, k.Big = []byte{0, 255}, bytes.Repeat([]byte("big"), 1<<17)
	k.Untouched = bytes.Repeat([]byte("same"), 1<<16)
	k.Array = flow.NewArray[float32](2, 3)
	k.Array.Data[k.Array.Offset(1, 2)] = 7
	k.Table = flow.Table{Columns: []string{"a", "b"}, Rows: [][]string{{"1", "x,y"}}}
	k.Moment = time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC)
	k.Pointer = &inner{3, "y"}
	k.Same, k.Skipped, k.hidden = "same", "never", 1
	var err error
	k.File, err = t.NewFile(func(w io.Writer) error {
		for range 1000 {
			if _, err := w.Write(bytes.Repeat([]byte("0123456789"), 100)); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func nan() float64 { zero := 0.0; return zero / zero }

func (k *kinds) End(t *flow.Task) error {
	file, err := k.File.ReadAll()
	if err != nil {
		return err
	}
	switch {
	case k.Text != "<ä>", len(k.Numbers) != 2, k.Nested["a"][0].B != "x", k.NotFinit[1] == k.NotFinit[1]:
		return fmt.Errorf("plain: %+v", k)
	case k.Complex != 1+2i, k.Points[point{1, 2}] != "p":
		return fmt.Errorf("gob: %v %v", k.Complex, k.Points)
	case !bytes.Equal(k.Bytes, []byte{0, 255}), len(k.Big) != 3<<17, len(file) != 1000000:
		return fmt.Errorf("bytes: %v %d %d", k.Bytes, len(k.Big), len(file))
	case k.Array.At(1, 2) != 7, k.Table.Rows[0][1] != "x,y":
		return fmt.Errorf("array or table: %v %v", k.Array, k.Table)
	case !k.Moment.Equal(time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC)), k.Pointer.B != "y", k.Same != "same":
		return fmt.Errorf("others: %v %v %q", k.Moment, k.Pointer, k.Same)
	case k.Skipped != "", k.hidden != 0:
		return fmt.Errorf("what is not stored came back")
	}
	k.Text = "changed"
	return nil
}

func init() {
	flows["Kinds"] = func() {
		flow.New[kinds]("Kinds").Step("start", (*kinds).Start, flow.To("end")).Step("end", (*kinds).End).Main()
	}
}

func TestValuesOfAllKinds(t *testing.T) {
	s := newSession(t)
	s.ok("Kinds", "run")
	dump := s.ok("Kinds", "dump", "1/start")
	contains(t, dump, `text [size: 6 type: string] = "<ä>"`, `renamed [size: 6 type: string] = "same"`,
		"complex [size:", "file [size: 1000000 type: <class 'bytes'>]", `pointer [size: 15 type: *flow_test.inner] = {"A":3,"B":"y"}`)
	if strings.Contains(dump, "skipped") || strings.Contains(dump, "hidden") {
		t.Errorf("what is no artifact was stored:\n%s", dump)
	}
	contains(t, s.ok("Kinds", "--json", "dump", "1/end"), `"name":"text"`, `"value":"\"changed\""`)
}

// faulty fails in the way that the environment says.
type faulty struct {
	Before string
	After  string
	Ended  *flow.Failure
	Any    any
}

func (f *faulty) Start(t *flow.Task) error { f.Before = "kept"; return nil }

func (f *faulty) Break(t *flow.Task) error {
	switch os.Getenv("FAULT") {
	case "panic":
		crash(nil)
	case "error":
		return fmt.Errorf("reading: %w", os.ErrNotExist)
	case "path":
		_, err := os.Open("/does/not/exist")
		return err
	case "exit":
		os.Exit(7)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "goroutine":
		go crash(nil)
		select {}
	case "hang":
		fmt.Println("hanging")
		for {
			time.Sleep(time.Second)
		}
	case "late":
		time.Sleep(500 * time.Millisecond)
	case "wait":
		fmt.Println("waiting")
		<-t.Done()
		return t.Err()
	case "unstorable":
		f.Any = func() {}
	case "permanent":
		return flow.Permanent(errors.New("no use"))
	}
	f.After = "reached"
	return nil
}

func crash(m map[string]int) { m["x"] = 1 }

func (f *faulty) End(t *flow.Task) error {
	if f.Ended != nil {
		fmt.Printf("caught %s: %s, before=%s\n", f.Ended.Type, f.Ended.Message, f.Before)
	}
	return nil
}

func init() {
	build := func(options ...flow.Option) func() {
		return func() {
			flow.New[faulty]("Faulty").
				Step("start", (*faulty).Start, flow.To("break")).
				Step("break", (*faulty).Break, append(options, flow.To("end"))...).
				Step("end", (*faulty).End).
				Main()
		}
	}
	flows["Faulty"] = build()
	limit := 200 * time.Millisecond
	if os.Getenv("FAULT") == "" { // it is to end well, on a machine with much else to do
		limit = time.Minute
	}
	flows["FaultyTimeout"] = build(flow.Timeout(limit))
	flows["FaultyCaught"] = build(flow.Retry(1), flow.Catch("Ended"))
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		flow string
		want []string
	}{
		"panic":     {"Faulty", []string{"<flow Faulty step break> failed:", "panic: assignment to entry in nil map", "flow_test.crash", "flow_test.(*faulty).Break", "flow_test.go:", "Step break (task-id 2) failed."}},
		"error":     {"Faulty", []string{"error: reading: file does not exist"}},
		"exit":      {"Faulty", []string{"its process exited with code 7 before the step was done"}},
		"kill":      {"Faulty", []string{"it was killed (signal 9)"}},
		"goroutine": {"Faulty", []string{"panic: assignment to entry in nil map", "its process exited with code 2 before the step was done"}},
		"hang":      {"FaultyTimeout", []string{"error: step break timed out after 200ms", "It did not stop when its context was cancelled", "flow_test.(*faulty).Break"}},
		"wait":      {"FaultyTimeout", []string{"error: step break timed out after 200ms"}},
		"late":      {"FaultyTimeout", []string{"error: step break timed out after 200ms"}},
		"permanent": {"FaultyCaught", []string{"caught *errors.errorString: no use"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.env = []string{"FAULT=" + name}
			if name == "permanent" {
				contains(t, s.ok(c.flow, "run"), "caught error: no use, before=kept")
				return
			}
			said := s.fails(c.flow, "run")
			contains(t, said, c.want...)
			if trace, _, _ := strings.Cut(said, "Step break"); name == "panic" && (strings.Contains(trace, "levada/flow.(") || strings.Contains(trace, "runtime.")) {
				t.Errorf("frames that are not the user's:\n%s", trace)
			}
			if _, trace, _ := strings.Cut(said, "where it was:"); name == "hang" && (strings.Contains(trace, "levada/flow.(") || strings.Contains(trace, "main.main")) {
				t.Errorf("frames that are not the user's:\n%s", trace)
			}
			// Whatever it was, resume goes on where it stopped.
			s.env = nil
			contains(t, s.ok(c.flow, "resume"), "Cloning previously run task 1/start/1", "Done!")
			contains(t, s.ok(c.flow, "dump", "2/end"), `before [size: 6 type: string] = "kept"`, `after [size: 9 type: string] = "reached"`)
		})
	}
}

func TestCatch(t *testing.T) {
	for fault, want := range map[string]string{
		"panic":      "caught panic: assignment to entry in nil map, before=kept",
		"error":      "caught error: reading: file does not exist, before=kept",
		"path":       "caught *fs.PathError: open /does/not/exist: no such file or directory, before=kept",
		"exit":       "; the last: exit code",
		"unstorable": "cannot be stored: json: unsupported type: func(), before=kept",
	} {
		t.Run(fault, func(t *testing.T) {
			s := newSession(t)
			s.env = []string{"FAULT=" + fault}
			contains(t, s.ok("FaultyCaught", "run"), want, "(retry)")
		})
	}
}

func TestInterrupt(t *testing.T) {
	s := newSession(t)
	s.env = []string{"FAULT=wait"}
	said, code := interruptAt(t, s.command("Faulty", "run"), "waiting")
	if code != 1 {
		t.Errorf("exit code %d\n%s", code, said)
	}
	contains(t, said, "KILLED BY ORCHESTRATOR", "Aborted!")
	s.env = nil
	contains(t, s.ok("Faulty", "resume"), "Cloning previously run task 1/start/1", "Done!")
}

// The same flow before and after its code has changed.
type before struct {
	Count int
	Model modelBefore
	Fixed bool
}
type modelBefore struct {
	Weights []float64
	Bias    float64
}

type after struct {
	Count string
	Model modelBefore
}

type afterModel struct {
	Count int
	Model struct{ Weights []float64 }
}

func init() {
	start := func(b *before, t *flow.Task) error {
		b.Count, b.Model = 3, modelBefore{[]float64{1}, 2}
		return nil
	}
	fail := func(b *before, t *flow.Task) error { return errors.New("not yet") }
	flows["Before"] = func() {
		flow.New[before]("Changing").Step("start", start, flow.To("end")).Step("end", fail).Main()
	}
	flows["After"] = func() {
		nothing := func(*after, *flow.Task) error { return nil }
		flow.New[after]("Changing").Step("start", nothing, flow.To("end")).Step("end", nothing).Main()
	}
	flows["AfterModel"] = func() {
		nothing := func(*afterModel, *flow.Task) error { return nil }
		flow.New[afterModel]("Changing").Step("start", nothing, flow.To("end")).Step("end", nothing).Main()
	}
}

func TestATypeThatChangedIsAnError(t *testing.T) {
	s := newSession(t)
	s.fails("Before", "run")
	contains(t, s.fails("After", "resume", "--origin-run-id", "1"), "the artifact count was stored as int, but the field flow_test.after.Count is of type string now")
	contains(t, s.fails("AfterModel", "resume", "--origin-run-id", "1"), "the artifact model was stored as flow_test.modelBefore, but the field flow_test.afterModel.Model is of type struct { Weights []float64 } now")
}

// nested is a foreach inside a foreach, with a branch.
type nested struct {
	Letters []string
	Numbers []int
	Made    string
	All     []string
	Extra   string
}

func init() {
	flows["Nested"] = func() {
		flow.New[nested]("Nested").
			Step("start", func(n *nested, t *flow.Task) error { n.Letters = []string{"a", "b"}; return nil }, flow.Foreach("Letters", "outer")).
			Step("outer", func(n *nested, t *flow.Task) error {
				if n.Letters != nil {
					return errors.New("the list came along")
				}
				n.Numbers = []int{1, 2, 3}
				return nil
			}, flow.Foreach("Numbers", "work")).
			Step("work", func(n *nested, t *flow.Task) error {
				letter, err := flow.ItemAt[string](t, 0)
				if err != nil {
					return err
				}
				number, err := flow.Item[int](t)
				n.Made = fmt.Sprintf("%s%d@%v", letter, number, t.Indices())
				return err
			}, flow.To("inside")).
			Join("inside", func(n *nested, t *flow.Task, in flow.Inputs[nested]) error {
				for _, one := range in.All() {
					n.All = append(n.All, one.Made)
				}
				return nil
			}, flow.To("outside")).
			Join("outside", func(n *nested, t *flow.Task, in flow.Inputs[nested]) error {
				for _, one := range in.All() {
					n.All = append(n.All, one.All...)
				}
				return nil
			}, flow.To("split")).
			Step("split", func(n *nested, t *flow.Task) error { return nil }, flow.To("left", "right")).
			Step("left", func(n *nested, t *flow.Task) error { n.Extra = "left"; return nil }, flow.To("meet")).
			Step("right", func(n *nested, t *flow.Task) error { return nil }, flow.To("meet")).
			Join("meet", func(n *nested, t *flow.Task, in flow.Inputs[nested]) error {
				left, err := in.Step("left")
				if err != nil || left.Extra != "left" {
					return fmt.Errorf("left: %v, %w", left, err)
				}
				return in.Merge()
			}, flow.To("end")).
			Step("end", func(n *nested, t *flow.Task) error {
				fmt.Println(strings.Join(n.All, " "), n.Extra)
				return nil
			}).
			Main()
	}
}

func TestNestedForeachAndMerge(t *testing.T) {
	s := newSession(t)
	contains(t, s.ok("Nested", "run"), "a1@[0 0] a2@[0 1] a3@[0 2] b1@[1 0] b2@[1 1] b3@[1 2] left")
}

// params has a parameter of every kind.
type params struct {
	Whole    int           `param:"" default:"3" min:"1" max:"5"`
	Share    float64       `param:"" required:"true"`
	Verbose  bool          `param:""`
	Color    string        `param:"colour" default:"red" oneof:"red green"`
	Every    time.Duration `param:"" default:"1m30s"`
	List     []int         `param:"" default:"[1,2]"`
	Config   string        `param:"" file:"true"`
	LastWord string
}

// Validate is called before the run.
func (p *params) Validate() error {
	if p.Whole == 2 {
		crash(nil)
	}
	if p.Whole == 4 {
		return errors.New("4 brings bad luck")
	}
	return nil
}

func init() {
	flows["Params"] = func() {
		flow.New[params]("Params").Step("only", func(p *params, t *flow.Task) error {
			fmt.Printf("%d %v %t %s %s %v %q\n", p.Whole, p.Share, p.Verbose, p.Color, p.Every, p.List, p.Config)
			return nil
		}).Main()
	}
}

func TestParameters(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "config.txt")
	if err := os.WriteFile(file, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, s.ok("Params", "run", "--share", "0.5"), `3 0.5 false red 1m30s [1 2] ""`)
	contains(t, s.ok("Params", "run", "--share", "1", "--whole", "5", "--verbose", "true", "--colour", "green", "--every", "2h", "--list", "[7]", "--config", file),
		`5 1 true green 2h0m0s [7] "content"`)
	for args, want := range map[string]string{
		"":                                       "Missing option '--share'.",
		"--share x":                              `Invalid value for '--share': "x" is not a number`,
		"--share 1 --whole 6":                    "Invalid value for '--whole': 6 is more than 5",
		"--share 1 --whole 4":                    "4 brings bad luck",
		"--share 1 --whole 2":                    "Validate panicked: assignment to entry in nil map\n\ngithub.com/levadahq/levada/flow_test.crash",
		"--share 1 --colour blue":                `"blue" is not one of red, green`,
		"--share 1 --every soon":                 `"soon" is not a duration`,
		"--share 1 --list 7":                     `"7" is not JSON of a []int`,
		"--share 1 --list [1]x":                  `"[1]x" is not JSON of a []int: `,
		"--share 1 --config /not/there":          "the file cannot be read",
		"--share 1 --whole 99999999999999999999": "is not a whole number",
	} {
		o := s.flow("Params", append([]string{"run"}, strings.Fields(args)...)...)
		if o.code != 2 {
			t.Errorf("%s: exit code %d", args, o.code)
		}
		contains(t, o.stderr, want)
	}
}

type wrong struct {
	Channel chan int
	Twice   int `flow:"same"`
	Same    int
	N       int `param:"" default:"x"`
}

func init() {
	flows["Wrong"] = func() {
		step := func(*wrong, *flow.Task) error { return nil }
		flow.New[wrong]("Wrong").Step("start", step, flow.Foreach("Nothing", "end")).Step("end", step).Main()
	}
	flows["Na/med"] = func() {
		step := func(*faulty, *flow.Task) error { return nil }
		flow.New[faulty]("Na/med").Step("start", step).Main()
	}
	flows["NoFunction"] = func() {
		flow.New[faulty]("NoFunction").Step("start", nil, flow.To("end")).Join("end", nil).Main()
	}
	flows["Lost"] = func() {
		step := func(*faulty, *flow.Task) error { return nil }
		flow.New[faulty]("Lost").Step("start", step, flow.To("endd")).Step("end", step).Main()
	}
}

func TestWrongFlowsAreToldAtOnce(t *testing.T) {
	s := newSession(t)
	contains(t, s.fails("Wrong", "check"), "Field flow_test.wrong.Channel cannot be stored, because it holds a chan",
		"Fields Twice and Same of flow_test.wrong are both stored as same", `Parameter flow_test.wrong.N: the default: "x" is not a whole number`,
		"flow_test.go on line", "Step start: flow_test.wrong has no exported field Nothing")
	contains(t, s.fails("NoFunction", "check"), "flow_test.go on line", "Step start: its function is nil.", "Step end: its function is nil.")
	contains(t, s.fails("Na/med", "run"), "Flow name \"Na/med\" is not allowed", "flow_test.go on line")
	contains(t, s.fails("Lost", "run"), "flow_test.go on line", "there is a step end")
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "run")
	cmd.Env = []string{"TEST_FLOW=Crowd", "PATH=/nowhere"}
	out, err := cmd.CombinedOutput()
	if err == nil || string(out) != "levada: the program 'levada' was not found: install it on your PATH, or set LEVADA_BIN to its path.\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// The SDK is a worker: what runs flows stays out of the user's program.
func TestTheSDKIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/levadahq/levada/"
	want := []string{module + "flow", module + "internal/fault", module + "internal/gobtype", module + "internal/graph", module + "internal/protocol"}
	for _, dep := range strings.Fields(string(out)) {
		found := false
		for _, w := range want {
			found = found || dep == w
		}
		if !found {
			t.Errorf("it depends on %s", dep)
		}
	}
	std, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{"net", "net/http", "database/sql", "testing"} {
		if strings.Contains("\n"+string(std), "\n"+heavy+"\n") {
			t.Errorf("it depends on %s", heavy)
		}
	}
}

func init() {
	flows["Waiting"] = func() {
		flow.New[faulty]("Waiting").
			Step("start", (*faulty).Start, flow.To("end")).
			Step("end", func(f *faulty, t *flow.Task) error {
				if os.Getenv("GO_ON") == "" {
					fmt.Println("waiting")
					select {}
				}
				return nil
			}).
			Main()
	}
}
