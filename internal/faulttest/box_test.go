//go:build linux

package faulttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	// What is built: a result that go test remembers is not of another levada.
	_ "github.com/levadahq/levada/internal/app"
	"github.com/levadahq/levada/internal/usertest"
)

var seedFlag = flag.Uint64("seed", 0, "where the random points come from; 0 chooses one")

// seed is where all random choices of this test run come from.
var seed uint64

// shared is a folder of this test run: the binary, the SDK's cache.
var shared string

// binary is levada as it is built for users; racing is the same with the race detector if
// LEVADA_FAULT_RACE is set, which `go test -race` does.
var binary, racing string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	seed = *seedFlag
	if seed == 0 {
		seed, _ = strconv.ParseUint(os.Getenv("LEVADA_FAULT_SEED"), 10, 64)
	}
	if seed == 0 {
		seed = rand.Uint64N(1_000_000)
	}
	usertest.HeedSignals()
	var err error
	if shared, err = os.MkdirTemp("", "levada-fault-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(shared)
	if underRace && testing.CoverMode() == "" {
		return again()
	}
	if binary = os.Getenv("LEVADA_FAULT_BINARY"); binary == "" {
		binary = filepath.Join(shared, "levada")
		if err := build(binary); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	racing = binary
	if os.Getenv("LEVADA_FAULT_RACE") != "" {
		racing = filepath.Join(shared, "levada-race")
		if err := build(racing, "-race"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// again runs these tests without the race detector, in which looking into stores takes many times as long: it is levada
// that is to be watched, so it is built with it.
func again() int {
	tests := filepath.Join(shared, "tests")
	if err := compile("test", "-c", "-o", tests, "."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// Most of these tests wait for processes that wait for others: twice as many at once as there are cores, unless
	// -parallel says something else. Of two flags the last counts.
	parallel := fmt.Sprintf("-test.parallel=%d", 2*runtime.GOMAXPROCS(0))
	cmd := exec.Command(tests, append([]string{parallel}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), "LEVADA_FAULT_RACE=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			return exit.ExitCode()
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func build(to string, flags ...string) error {
	return compile(append(append([]string{"build"}, flags...), "-o", to, "github.com/levadahq/levada/cmd/levada")...)
}

// compile runs the go command: without cgo, as users get it, unless the race detector is wanted, which needs it.
func compile(args ...string) error {
	cmd := exec.Command("go", args...)
	if !slices.Contains(args, "-race") {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// box is a folder with a store, and all processes that come of it.
type box struct {
	t      testing.TB
	dir    string
	home   string // the store
	mark   string // in the environment of each of its processes
	levada string // the binary
	env    []string
}

var boxes atomic.Int64

// newBox makes a box. When the test ends nothing in it may live.
func newBox(t testing.TB) *box {
	t.Helper()
	dir, err := os.MkdirTemp(scratch(), "levada-box-")
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, dir: dir, home: filepath.Join(dir, ".levada"), levada: binary}
	b.mark = fmt.Sprintf("LEVADA_FAULT_BOX=%d-%d", os.Getpid(), boxes.Add(1))
	b.env = append(cleanEnviron(), b.mark, "LEVADA_DEBUG=1", "LEVADA_CACHE="+filepath.Join(shared, "cache"), "TRACE="+b.trace())
	t.Cleanup(func() {
		left := b.living()
		for _, p := range left {
			syscall.Kill(p.pid, syscall.SIGKILL)
		}
		if len(left) > 0 {
			t.Errorf("processes live on after the test:\n%s", list(left))
		}
		if !t.Failed() || os.Getenv("LEVADA_FAULT_KEEP") == "" {
			os.RemoveAll(dir)
		}
	})
	return b
}

// scratch is the folder for boxes: one in memory if there is room, because kill -9 does not need a disk, and a disk
// that is waited for would be most of the time. Other faults than a power cut look the same in both.
var scratch = sync.OnceValue(func() string {
	if dir := os.Getenv("LEVADA_FAULT_DIR"); dir != "" {
		return dir
	}
	const shm, enough = "/dev/shm", 1 << 30
	var st syscall.Statfs_t
	if syscall.Statfs(shm, &st) == nil && st.Bavail*uint64(st.Bsize) > enough {
		return shm
	}
	return os.TempDir()
})

// cleanEnviron is the environment without what would change how levada works.
func cleanEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "LEVADA_") || strings.HasPrefix(kv, "METAFLOW_") || strings.HasPrefix(kv, "PYTHON")
	})
}

// setenv sets a variable for what is started from now on.
func (b *box) setenv(name, value string) { b.env = append(b.env, name+"="+value) }

func (b *box) trace() string { return filepath.Join(b.dir, "trace") }

// flow writes a flow file into the box and returns its path.
func (b *box) flow(name, source string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// testdata is the path of a flow of this package.
func testdata(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// realPython is the interpreter behind version managers' shims.
var realPython = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(out)), err
})

func python(t testing.TB) string {
	t.Helper()
	path, err := realPython()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// limit is how long any command may take; only one that hangs does.
const limit = 2 * time.Minute

// command is a levada that was started.
type command struct {
	b      *box
	cmd    *exec.Cmd
	args   []string
	stdout bytes.Buffer // to be read when it has ended
	stderr bytes.Buffer
	kinds  sync.Map // kinds of events seen so far, with follow
	ended  chan struct{}
	dead   atomic.Bool
	timer  *time.Timer
	hung   atomic.Bool
	exit   int // -1 by a signal
	signal syscall.Signal
}

// prepare makes a command that is yet to be started. The name "levada" is the box's binary.
func (b *box) prepare(name string, args ...string) *command {
	if name == "levada" {
		name = b.levada
	}
	c := &command{b: b, args: args, ended: make(chan struct{})}
	c.cmd = exec.Command(name, args...)
	c.cmd.Dir, c.cmd.Env = b.dir, b.env
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// What holds the streams open after the engine's end would otherwise keep Wait from returning.
	c.cmd.WaitDelay = 10 * time.Second
	return c
}

// begin starts the command.
func (c *command) begin() *command {
	c.b.t.Helper()
	if err := c.cmd.Start(); err != nil {
		c.b.t.Fatal(err)
	}
	c.timer = time.AfterFunc(limit, func() {
		c.hung.Store(true)
		c.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines are told
		time.AfterFunc(5*time.Second, func() { c.cmd.Process.Kill() })
	})
	go func() {
		err := c.cmd.Wait()
		c.dead.Store(true)
		c.timer.Stop()
		st := c.cmd.ProcessState
		c.exit = st.ExitCode()
		if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			c.signal = ws.Signal()
		}
		if errors.Is(err, exec.ErrWaitDelay) {
			fmt.Fprintf(&c.stderr, "\n[test] something holds the streams of the ended engine open\n")
			c.exit = -2
		}
		close(c.ended)
	}()
	return c
}

// start starts levada.
func (b *box) start(args ...string) *command {
	b.t.Helper()
	return b.prepare("levada", args...).begin()
}

// run runs levada to its end.
func (b *box) run(args ...string) *command {
	b.t.Helper()
	return b.start(args...).wait()
}

// serve starts a server of the box's store, which ends with the test, and returns its address.
func (b *box) serve() string {
	b.t.Helper()
	c := b.start("server", "--port", "0")
	b.t.Cleanup(func() {
		c.cmd.Process.Signal(syscall.SIGTERM)
		c.wait()
	})
	var note struct{ URL string }
	until(b.t, "the server tells its address", func() bool {
		data, err := os.ReadFile(filepath.Join(b.home, "server.json"))
		return err == nil && json.Unmarshal(data, &note) == nil || c.dead.Load()
	})
	return note.URL
}

// wait waits for the end of the command and checks what every command must keep to.
func (c *command) wait() *command {
	c.b.t.Helper()
	<-c.ended
	if c.hung.Load() {
		c.b.t.Fatalf("levada %s hangs:\n%s", strings.Join(c.args, " "), c.stderr.String())
	}
	for _, text := range []string{c.stdout.String(), c.stderr.String()} {
		if m := goStack.FindString(text); m != "" {
			c.b.t.Errorf("levada %s shows Go's inside %q:\n%s", strings.Join(c.args, " "), m, text)
		}
	}
	return c
}

// goStack matches what a panic, a fatal error or a data race prints.
var goStack = regexp.MustCompile(`(?m)^(panic: |fatal error: |goroutine \d+ \[|WARNING: DATA RACE)|runtime error: |\.go:\d+`)

// want checks the exit code.
func (c *command) want(code int) *command {
	c.b.t.Helper()
	if c.exit != code {
		c.b.t.Fatalf("levada %s: exit code %d (signal %d), want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(c.args, " "), c.exit, c.signal, code,
			tail(c.stdout.String()), tail(c.stderr.String()))
	}
	return c
}

// says checks that what was printed, on both streams, has each of the texts; upper and lower case are the same.
func (c *command) says(texts ...string) *command {
	c.b.t.Helper()
	all := c.stdout.String() + c.stderr.String()
	for _, text := range texts {
		if !strings.Contains(strings.ToLower(all), strings.ToLower(text)) {
			c.b.t.Errorf("levada %s does not say %q:\n%s", strings.Join(c.args, " "), text, tail(all))
		}
	}
	return c
}

// silent checks that nothing that was printed has any of the texts.
func (c *command) silent(texts ...string) *command {
	c.b.t.Helper()
	all := c.stdout.String() + c.stderr.String()
	for _, text := range texts {
		if strings.Contains(all, text) {
			c.b.t.Errorf("levada %s says %q:\n%s", strings.Join(c.args, " "), text, tail(all))
		}
	}
	return c
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "[...]" + s[len(s)-most:]
	}
	return s
}

// event is a line of --json.
type event struct {
	Event     string  `json:"event"`
	Run       int64   `json:"run"`
	Step      string  `json:"step"`
	Task      int64   `json:"task"`
	Attempt   int     `json:"attempt"`
	PID       int     `json:"pid"`
	Text      string  `json:"text"`
	Status    string  `json:"status"`
	Count     int     `json:"count"`
	Seconds   float64 `json:"seconds"`
	Exception *struct {
		Type, Message string
	} `json:"exception"`
}

// events parses what `--json` printed.
func (c *command) events() []event {
	c.b.t.Helper()
	var all []event
	for line := range strings.Lines(c.stdout.String()) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			c.b.t.Fatalf("--json printed a line that is not JSON: %v\n%s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// follow starts the command; see is called for each event as it comes.
func (c *command) follow(see func(e event)) *command {
	c.b.t.Helper()
	return c.lines(func(line []byte) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			return
		}
		c.kinds.Store(e.Event, true)
		if see != nil {
			see(e)
		}
	})
}

// lines starts the command; see is called for each line of its stdout as it comes.
func (c *command) lines(see func(line []byte)) *command {
	c.b.t.Helper()
	c.cmd.Stdout = nil
	pipe, err := c.cmd.StdoutPipe()
	if err != nil {
		c.b.t.Fatal(err)
	}
	read := make(chan struct{})
	if err := c.cmd.Start(); err != nil {
		c.b.t.Fatal(err)
	}
	go func() {
		defer close(read)
		lines := bufio.NewReaderSize(pipe, 1<<16)
		for {
			line, err := lines.ReadBytes('\n')
			c.stdout.Write(line)
			if err != nil {
				return
			}
			see(line)
		}
	}()
	c.timer = time.AfterFunc(limit, func() {
		c.hung.Store(true)
		c.cmd.Process.Signal(syscall.SIGQUIT)
		time.AfterFunc(5*time.Second, func() { c.cmd.Process.Kill() })
	})
	go func() {
		<-read // the pipe's end: the engine and all that held it are gone
		c.cmd.Wait()
		c.dead.Store(true)
		c.timer.Stop()
		c.exit = c.cmd.ProcessState.ExitCode()
		if ws, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			c.signal = ws.Signal()
		}
		close(c.ended)
	}()
	return c
}

// said reports whether an event of a kind has come, with follow.
func (c *command) said(kind string) bool {
	_, ok := c.kinds.Load(kind)
	return ok
}

// until polls until ok, and fails the test if it does not come to that.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !within(time.Minute, ok) {
		t.Fatalf("waited in vain: %s", what)
	}
}

// within polls for at most a while and reports whether ok.
func within(limit time.Duration, ok func() bool) bool {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ok()
		}
	}
	return true
}

// process is a process of a box.
type process struct {
	pid, parent int
	command     string
}

func (p process) python() bool { return strings.Contains(p.command, "python") }

func list(all []process) string {
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "  %d (parent %d) %s\n", p.pid, p.parent, p.command)
	}
	return b.String()
}

// living returns the processes of the box, zombies left out.
func (b *box) living() []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		b.t.Fatal(err)
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err == nil && b.owns(pid) {
			if p, ok := look(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// owns reports whether a process belongs to the box.
func (b *box) owns(pid int) bool {
	for {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			return false
		}
		if len(env) > 0 || !becoming(pid) {
			return slices.Contains(strings.Split(string(env), "\x00"), b.mark)
		}
	}
}

// becoming reports whether a process is in the middle of an exec, where it has memory but no environment yet.
func becoming(pid int) bool {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from the third of proc_pid_stat(5) on
	const vsize, envEnd = 23 - 3, 51 - 3
	return len(fields) > envEnd && fields[vsize] != "0" && fields[envEnd] == "0"
}

func look(pid int) (process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // a name could hold ")": ours do not
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return process{pid, parent, strings.ReplaceAll(strings.TrimRight(string(cmd), "\x00"), "\x00", " ")}, true
}

// alone waits until no process of the box lives.
func (b *box) alone() {
	b.t.Helper()
	if !within(10*time.Second, func() bool { return len(b.living()) == 0 }) {
		b.t.Errorf("processes live on:\n%s", list(b.living()))
	}
}

// servers returns the fork servers of an engine.
func (b *box) servers(engine int) (servers []process) {
	for _, p := range b.living() {
		if p.parent == engine && p.python() {
			servers = append(servers, p)
		}
	}
	return servers
}

// tasks returns the processes that fork servers of an engine forked.
func (b *box) tasks(engine int) (tasks []process) {
	all := b.living()
	for _, p := range all {
		if i := slices.IndexFunc(all, func(q process) bool { return q.pid == p.parent }); i >= 0 && all[i].parent == engine && p.python() {
			tasks = append(tasks, p)
		}
	}
	return tasks
}

// kill sends SIGKILL to a process if it belongs to the box: its number could be another's by now.
func (b *box) kill(pid int) {
	if b.owns(pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// statuses returns the runs by id as `levada runs --json` shows them.
func (b *box) statuses() map[int64]string {
	b.t.Helper()
	all := map[int64]string{}
	if _, err := os.Stat(b.home); errors.Is(err, os.ErrNotExist) {
		return all
	}
	c := b.run("runs", "--json", "--limit", "0").want(0)
	for line := range strings.Lines(c.stdout.String()) {
		var r struct {
			ID     json.RawMessage `json:"id"`
			Run    json.RawMessage `json:"run"`
			Status string          `json:"status"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			b.t.Fatalf("runs --json: %v\n%s", err, line)
		}
		id := r.ID
		if id == nil {
			id = r.Run
		}
		n, err := strconv.ParseInt(strings.Trim(string(id), `"`), 10, 64)
		if err != nil {
			b.t.Fatalf("runs --json has no id: %s", line)
		}
		all[n] = r.Status
	}
	return all
}

// peak is the largest resident size in bytes that a living process had.
func peak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}
