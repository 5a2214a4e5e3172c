package usage

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// TestMain lets the test binary stand in for a task: told by a variable it does
// what its standard input says and answers "done" to each line.
func TestMain(m *testing.M) {
	if os.Getenv("LEVADA_USAGE_TASK") == "" {
		os.Exit(m.Run())
	}
	var keep [][]byte
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		verb, arg, _ := strings.Cut(lines.Text(), " ")
		n, _ := strconv.Atoi(arg)
		switch verb {
		case "hold": // MiB
			b := make([]byte, n<<20)
			for i := range b {
				b[i] = byte(i)
			}
			keep = append(keep, b)
		case "spin": // until the process has used n ms
			for cpuOfSelf() < time.Duration(n)*time.Millisecond {
			}
		case "child":
			cmd := exec.Command(os.Args[0])
			in, _ := cmd.StdinPipe()
			out, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
				continue
			}
			fmt.Fprintln(in, "hold 20")
			bufio.NewReader(out).ReadString('\n')
		}
		fmt.Println("done")
	}
	runtime.KeepAlive(keep)
	os.Exit(0)
}

func cpuOfSelf() time.Duration {
	text, _ := os.ReadFile("/proc/self/stat")
	st, _ := parseStat(text)
	return st.cpu()
}

type task struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func startTask(t *testing.T) *task {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEVADA_USAGE_TASK=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := &task{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(x.end)
	return x
}

func (x *task) pid() int { return x.cmd.Process.Pid }

func (x *task) do(line string) {
	x.t.Helper()
	fmt.Fprintln(x.in, line)
	if answer, err := x.out.ReadString('\n'); answer != "done\n" {
		x.t.Fatalf("%s: %q, %v", line, answer, err)
	}
}

func (x *task) end() {
	x.cmd.Process.Kill()
	x.cmd.Wait()
}

func TestSampleRealProcesses(t *testing.T) {
	x := startTask(t)
	s := NewSampler()
	t.Logf("children files: %v", s.children)
	before := s.Sample([]int{x.pid()})[x.pid()]
	x.do("hold 30")
	x.do("spin 200")
	x.do("child")
	after := s.Sample([]int{x.pid(), 1 << 30})
	r, ok := after[x.pid()]
	if !ok || len(after) != 1 {
		t.Fatalf("got %v", after)
	}
	t.Logf("before %+v, after %+v", before, r)
	if grown := r.Memory - before.Memory; grown < 45<<20 || grown > 500<<20 {
		t.Errorf("memory grew by %d bytes, 50 MiB were taken", grown)
	}
	if r.CPU < 200*time.Millisecond {
		t.Errorf("got %+v", r)
	}
	x.end()
	if got := s.Sample([]int{x.pid()}); len(got) != 0 {
		t.Errorf("after its end: %v", got)
	}
	s.Sample(nil)
	if len(s.trees) != 0 {
		t.Error("the sampler remembers what it is not asked for")
	}
}

// fakeProc writes process tables.
type fakeProc struct {
	t    *testing.T
	root string
}

type fakeProcess struct {
	pid, parent, group int
	own, waited        int // ticks
	pages, shared      int
	pss                int // KiB, -1 for a kernel that does not tell
	state              string
	start              int
}

func (f *fakeProc) write(children bool, list ...fakeProcess) {
	f.t.Helper()
	if err := os.RemoveAll(f.root); err != nil {
		f.t.Fatal(err)
	}
	put := func(name, text string) {
		path := filepath.Join(f.root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
	put("self/task/1/stat", "")
	if children {
		put("self/task/1/children", "")
	}
	for _, p := range list {
		if p.state == "" {
			p.state = "S"
		}
		dir := strconv.Itoa(p.pid)
		put(dir+"/stat", fmt.Sprintf("%d (a) b) %s %d %d 0 0 -1 0 0 0 0 0 %d 1 %d 0 20 0 1 0 %d 0 0\n", p.pid, p.state, p.parent, p.group, p.own-1, p.waited, p.start))
		put(dir+"/statm", fmt.Sprintf("9999 %d %d 0 0 0 0\n", p.pages, p.shared))
		if p.pss >= 0 {
			put(dir+"/smaps_rollup", fmt.Sprintf("0-1 ---p 0 00:00 0 [rollup]\nRss: 1 kB\nPss:       %d kB\nPss_Dirty: 1 kB\n", p.pss))
		}
		if children {
			below := ""
			for _, c := range list {
				if c.parent == p.pid {
					below += strconv.Itoa(c.pid) + " "
				}
			}
			put(fmt.Sprintf("%s/task/%s/children", dir, dir), below)
		}
	}
}

func TestSampleTree(t *testing.T) {
	for _, children := range []bool{true, false} {
		t.Run(fmt.Sprintf("children=%v", children), func(t *testing.T) {
			f := &fakeProc{t, filepath.Join(t.TempDir(), "proc")}
			root := fakeProcess{pid: 100, parent: 1, group: 100, own: 10, pss: 1000, pages: 500, start: 7}
			a := fakeProcess{pid: 101, parent: 100, group: 100, own: 20, pss: 2000, pages: 600, start: 8}
			b := fakeProcess{pid: 102, parent: 101, group: 102, own: 30, pss: 4000, pages: 700, start: 9}
			other := fakeProcess{pid: 200, parent: 1, group: 200, own: 500, pss: 9000, start: 3}
			f.write(children, root, a, b, other)
			s := newSampler(f.root)
			if s.children != children {
				t.Fatalf("children files: %v", s.children)
			}
			expect := func(what string, ticks, kib int, source string) {
				t.Helper()
				got := s.Sample([]int{100})[100]
				want := Reading{time.Duration(ticks) * tick, int64(kib) << 10, source}
				if got != want {
					t.Errorf("%s: got %+v, want %+v", what, got, want)
				}
			}
			expect("tree", 60, 7000, SourcePSS)

			// a ends and is waited for; b has another parent now and works on.
			root.waited, b.parent, b.own = 20, 1, 40
			f.write(children, root, b, other)
			expect("orphan", 70, 5000, SourcePSS)

			// b ends where nobody tells: what was seen of it stays.
			f.write(children, root, other)
			expect("orphan gone", 70, 1000, SourcePSS)

			// A number taken by another process is not the orphan.
			b.start = 99
			f.write(children, root, b, other)
			expect("another process with its number", 70, 1000, SourcePSS)

			// A zombie has used CPU but holds nothing.
			a.state, a.own, root.waited = "Z", 25, 20
			f.write(children, root, a, other)
			expect("zombie", 95, 1000, SourcePSS)

			// A kernel that does not tell the PSS.
			root.pss, root.shared = -1, 100
			f.write(children, root, other)
			expect("without PSS", 95, 400*os.Getpagesize()>>10, SourceRSS)

			root.start, root.pss = 500, 10
			f.write(children, root)
			expect("another root with its number", 30, 10, SourcePSS)

			root.state = "Z"
			f.write(children, root)
			if got := s.Sample([]int{100}); len(got) != 0 {
				t.Errorf("root ended: %v", got)
			}
		})
	}
}

func TestGroupMemberWithoutParent(t *testing.T) {
	f := &fakeProc{t, filepath.Join(t.TempDir(), "proc")}
	f.write(false,
		fakeProcess{pid: 100, parent: 1, group: 100, own: 10, pss: 1},
		fakeProcess{pid: 150, parent: 1, group: 100, own: 10, pss: 2})
	got := newSampler(f.root).Sample([]int{100})[100]
	if got.Memory != 3<<10 {
		t.Errorf("got %+v", got)
	}
}

func TestLargeProcessIsReadLessOften(t *testing.T) {
	f := &fakeProc{t, filepath.Join(t.TempDir(), "proc")}
	pages := int(4 * pssPace / int64(os.Getpagesize()))
	p := fakeProcess{pid: 100, parent: 1, group: 100, own: 10, pss: 1 << 20, pages: pages}
	f.write(true, p)
	s := newSampler(f.root)
	memory := func() int64 { return s.Sample([]int{100})[100].Memory }
	if got := memory(); got != 1<<30 {
		t.Errorf("first: %d", got)
	}
	p.pages, p.pss = pages+256, 3<<20
	f.write(true, p)
	carried := int64(1<<30 + 256*os.Getpagesize())
	for i := range 4 {
		if got := memory(); got != carried {
			t.Errorf("%d: %d, want %d", i, got, carried)
		}
	}
	if got := memory(); got != 3<<30 {
		t.Errorf("read again: %d", got)
	}
}

func TestRealCgroup(t *testing.T) {
	parent := os.Getenv("LEVADA_CGROUP")
	if parent == "" {
		parent = "/sys/fs/cgroup/memory" // version 1, as root
		if !exists(filepath.Join(parent, "cgroup.procs")) {
			t.Skip("no memory hierarchy of cgroup version 1, and LEVADA_CGROUP is not set")
		}
		parent = filepath.Join(parent, "levada-test-"+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(parent, 0o755); err != nil {
			t.Skipf("not permitted to make a cgroup: %v", err)
		}
		t.Cleanup(func() {
			if err := os.Remove(parent); err != nil {
				t.Error(err)
			}
		})
	}
	c, err := OpenCgroups(parent)
	if err != nil {
		t.Skipf("no cgroups here: %v", err)
	}
	g, err := c.Create("levada.1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	x := startTask(t)
	if err := writeControl(filepath.Join(g.Dir(), "cgroup.procs"), strconv.Itoa(x.pid())); err != nil {
		t.Fatal(err)
	}
	x.do("hold 64")
	if err := g.Remove(); !fault.Is(err, fault.Conflict) {
		t.Errorf("removed with a process in it: %v", err)
	}
	x.end()
	peak, err := g.Peak()
	if err != nil || peak < 64<<20 || peak > 500<<20 {
		t.Errorf("peak %d, %v", peak, err)
	}
	t.Logf("%s: peak %d MiB after holding 64 MiB", g.Dir(), peak>>20)
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if err := g.Remove(); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := g.Peak(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("peak of a removed cgroup: %v", err)
	}
}

func TestCgroupsOnPlainFolders(t *testing.T) {
	for what, files := range map[string]map[string]string{
		"empty folder":      {"x": ""},
		"v1 without memory": {"cgroup.procs": ""},
		"v2 without memory": {"cgroup.controllers": "cpu io\n", "cgroup.subtree_control": ""},
		"v2 cannot be read": {"cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "memory\n"},
	} {
		dir := fakeFiles(t, files)
		if c, err := OpenCgroups(dir); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %+v, %v", what, c, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "levada.probe."+strconv.Itoa(os.Getpid()))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the probe was left", what)
		}
	}
	c := &Cgroups{dir: t.TempDir(), peak: peakV2}
	for _, name := range []string{"", "..", "a/b", "/a"} {
		if _, err := c.Create(name); err == nil {
			t.Errorf("created %q", name)
		}
	}
	g, err := c.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create("a"); err != nil {
		t.Errorf("a left-over is not taken over: %v", err)
	}
	if err := os.WriteFile(filepath.Join(g.Dir(), peakV2), []byte("12345\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if peak, err := g.Peak(); err != nil || peak != 12345 {
		t.Errorf("peak %d, %v", peak, err)
	}
}

func FuzzParseStat(f *testing.F) {
	text, _ := os.ReadFile("/proc/self/stat")
	f.Add(text)
	f.Add([]byte("1 (a) S"))
	f.Fuzz(func(t *testing.T, line []byte) {
		parseStat(line)
		parseStatm(line)
		parseRollup(line)
	})
}

func BenchmarkSample(b *testing.B) {
	s := NewSampler()
	pids := []int{os.Getpid()}
	for range b.N {
		s.Sample(pids)
	}
}
