package pyenv

import (
	"archive/zip"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wheel makes a wheel of one module and returns its path.
func wheel(t *testing.T, dir, name, version, code string, requires ...string) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("%s-%s-py3-none-any.whl", name, version))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	meta := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, r := range requires {
		meta += "Requires-Dist: " + r + "\n"
	}
	for _, file := range [][2]string{
		{name + ".py", code}, {info + "METADATA", meta},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", fmt.Sprintf("%s.py,,\n%sMETADATA,,\n%sWHEEL,,\n%sRECORD,,\n", name, info, info, info)},
	} {
		w, err := z.Create(file[0])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, file[1])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	return path
}

// base finds an interpreter and its version.
func base(t *testing.T) (path, version string) {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])").Output()
	if err != nil {
		t.Skip("no python3")
	}
	path, version, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	return path, version
}

// offline returns a cache whose only registry is a folder. uv is used, or kept out of the way.
func offline(t *testing.T, uv bool) (c *Cache, wheels string) {
	t.Helper()
	wheels = t.TempDir()
	c = &Cache{Dir: t.TempDir(), WorkDir: t.TempDir()}
	c.Base, c.Version = base(t)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PIP_") && !strings.HasPrefix(kv, "UV_") && !strings.HasPrefix(kv, "PATH=") {
			c.Env = append(c.Env, kv)
		}
	}
	path := os.Getenv("PATH")
	if program, err := exec.LookPath("uv"); uv && err != nil {
		t.Skip("no uv")
	} else if !uv && err == nil {
		path = strings.ReplaceAll(path, filepath.Dir(program), "/nowhere")
	}
	c.Env = append(c.Env, "PATH="+path, "PIP_NO_INDEX=1", "PIP_FIND_LINKS="+wheels, "PIP_CONFIG_FILE="+os.DevNull)
	return c, wheels
}

// says runs code in an environment.
func says(t *testing.T, e Environment, code string) string {
	t.Helper()
	out, err := exec.Command(e.Python, "-I", "-c", code).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestPrepare(t *testing.T) {
	for _, name := range []string{"pip", "uv"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, wheels := offline(t, name == "uv")
			var told []string
			c.Tell = func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
			wheel(t, wheels, "tone", "0.3", "def loud(s): return s.upper()\n")
			wheel(t, wheels, "greet", "1.0", "from tone import loud\nhello = loud('one')\n", "tone")
			ctx := context.Background()
			e, err := c.Prepare(ctx, Request{Steps: []string{"s"}, Pypi: map[string]string{"greet": ">=1"}})
			if err != nil {
				t.Fatal(err)
			}
			if got := says(t, e, "import greet, sys; print(greet.hello, sys.prefix != sys.base_prefix)"); got != "ONE True" {
				t.Errorf("it says %q", got)
			}
			if want := []string{"greet==1.0", "tone==0.3"}; !slices.Equal(e.Packages, want) {
				t.Errorf("it has %v, want %v", e.Packages, want)
			}
			if len(told) != 2 || !strings.Contains(told[0], name) || !strings.Contains(told[0], "step s") {
				t.Errorf("told: %q", told)
			}
			// A newer version does not change what is locked.
			wheel(t, wheels, "greet", "2.0", "hello = 'two'\n")
			again, err := c.Prepare(ctx, Request{Steps: []string{"other"}, Pypi: map[string]string{"greet": ">=1"}})
			if err != nil || again.Python != e.Python || len(told) != 2 {
				t.Errorf("the same request: %v, %v, told %q", again, err, told)
			}
			// Another request that comes to the same shares the environment.
			same, err := c.Prepare(ctx, Request{Steps: []string{"s"}, Pypi: map[string]string{"greet": "1.0", "tone": ""}})
			if err != nil || same.Python != e.Python {
				t.Errorf("a request that comes to the same: %v, %v", same, err)
			}
			c.Rebuild = true
			rebuilt, err := c.Prepare(ctx, Request{Steps: []string{"s"}, Pypi: map[string]string{"greet": ">=1"}})
			if err != nil || says(t, rebuilt, "import greet; print(greet.hello)") != "two" {
				t.Errorf("rebuilt: %v, %v", rebuilt, err)
			}
			if says(t, e, "import greet; print(greet.hello)") != "ONE" {
				t.Error("a rebuild changed an environment that a run may be using")
			}
			c.Rebuild = false
			_, err = c.Prepare(ctx, Request{Steps: []string{"train"}, Pypi: map[string]string{"nosuch": "1"}})
			if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "step train needs the package nosuch") {
				t.Errorf("a package that there is not: %v", err)
			}
		})
	}
}

// A wheel that a path names is installed anew when it has changed.
func TestLocalWheel(t *testing.T) {
	t.Parallel()
	c, _ := offline(t, false)
	folder := t.TempDir()
	r := Request{Steps: []string{"s"}, Folder: folder, Pypi: map[string]string{"mine": "@ ./mine-1.0-py3-none-any.whl"}}
	for _, word := range []string{"first", "second"} {
		wheel(t, folder, "mine", "1.0", "word = '"+word+"'\n")
		e, err := c.Prepare(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := says(t, e, "import mine; print(mine.word)"); got != word {
			t.Errorf("it says %s, want %s", got, word)
		}
	}
}

func TestPrepareAtOnce(t *testing.T) {
	t.Parallel()
	c, wheels := offline(t, false)
	wheel(t, wheels, "tone", "0.3", "x = 1\n")
	var mu sync.Mutex
	made := 0
	c.Tell = func(format string, _ ...any) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasPrefix(format, "Making") {
			made++
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			e, err := c.Prepare(context.Background(), Request{Steps: []string{"s"}, Pypi: map[string]string{"tone": ""}})
			if err != nil {
				t.Error(err)
				return
			}
			if out, err := exec.Command(e.Python, "-c", "import tone").CombinedOutput(); err != nil {
				t.Errorf("%v %s", err, out)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
}

// TestMain is also the process that the next test kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PYENV_TEST_DIR"); dir != "" {
		c := &Cache{Dir: dir, WorkDir: dir, Env: os.Environ(), Base: os.Getenv("PYENV_TEST_BASE"), Version: os.Getenv("PYENV_TEST_VERSION")}
		_, err := c.Prepare(context.Background(), Request{Steps: []string{"s"}, Pypi: map[string]string{"tone": ""}})
		fmt.Println(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A process that is killed while it makes an environment leaves nothing that the next would take for whole.
func TestKilledHalfWay(t *testing.T) {
	t.Parallel()
	c, wheels := offline(t, false)
	wheel(t, wheels, "tone", "0.3", "x = 1\n")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(slices.Clone(c.Env), "PYENV_TEST_DIR="+c.Dir, "PYENV_TEST_BASE="+c.Base, "PYENV_TEST_VERSION="+c.Version)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var half string
	for deadline := time.Now().Add(time.Minute); half == "" && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if dirs, _ := filepath.Glob(filepath.Join(c.Dir, "[0-9a-f]*", "pyvenv.cfg")); len(dirs) > 0 {
			half = filepath.Dir(dirs[0])
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if half == "" {
		t.Fatal("it never began")
	}
	if complete(half) {
		t.Skip("it was made before it could be killed")
	}
	e, err := c.Prepare(context.Background(), Request{Steps: []string{"s"}, Pypi: map[string]string{"tone": ""}})
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(filepath.Dir(e.Python)) != half {
		t.Errorf("it is in %s, not in %s", e.Python, half)
	}
	says(t, e, "import tone")
}

func TestAnInterpreterOfAnotherVersion(t *testing.T) {
	t.Parallel()
	c, _ := offline(t, false)
	other := ""
	for _, p := range c.pythons() {
		if !strings.HasPrefix(c.Version, p.version) && compareVersions(p.version, "3.9") >= 0 && strings.Count(p.version, ".") == 2 {
			other = p.version
			break
		}
	}
	if other == "" {
		t.Skip("there is only one Python")
	}
	e, err := c.Prepare(context.Background(), Request{Steps: []string{"s"}, Python: other})
	if err != nil {
		t.Fatal(err)
	}
	if got := says(t, e, "import platform; print(platform.python_version())"); got != other || e.Version != other {
		t.Errorf("it is %s, recorded as %s, want %s", got, e.Version, other)
	}
	_, err = c.Prepare(context.Background(), Request{Steps: []string{"s"}, Python: "3.99"})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "step s asks for Python 3.99") || !strings.Contains(err.Error(), c.Version) {
		t.Errorf("a version that there is not: %v", err)
	}
	_, err = c.Prepare(context.Background(), Request{Steps: []string{"s", "t"}, Python: "3.99"})
	if err == nil || !strings.Contains(err.Error(), "steps s, t ask for Python 3.99") {
		t.Errorf("asked for by two steps: %v", err)
	}
	_, err = c.Prepare(context.Background(), Request{Steps: []string{"s"}, Managed: true, Conda: map[string]string{"numpy": "1"}})
	if c.look("conda") == "" && c.look("mamba") == "" && c.look("micromamba") == "" && !fault.Is(err, fault.Unavailable) {
		t.Errorf("conda packages without conda: %v", err)
	}
}

// A stand-in for micromamba shows what is asked of it: a dry run, whose plan is locked, and the making of just that.
func TestConda(t *testing.T) {
	t.Parallel()
	c, wheels := offline(t, false)
	wheel(t, wheels, "tone", "0.3", "x = 1\n")
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	program := filepath.Join(bin, "micromamba")
	write(t, program, `#!/bin/sh
echo "$@" >> `+log+`
while [ $# -gt 0 ]; do
	case $1 in
	--prefix) prefix=$2 ;;
	--dry-run) echo '{"actions":{"LINK":[{"name":"python","version":"`+c.Version+`","build_string":"h1"},{"name":"numpy","version":"1.26.4","build_string":"b0"}]}}'; exit ;;
	esac
	shift
done
exec `+c.Base+` -m venv --without-pip "$prefix"
`)
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, kv := range c.Env {
		if rest, ok := strings.CutPrefix(kv, "PATH="); ok {
			c.Env[i] = "PATH=" + bin + ":" + rest
		}
	}
	e, err := c.Prepare(context.Background(), Request{
		Steps: []string{"s"}, Managed: true, Conda: map[string]string{"numpy": "1.26", "scipy": ">=1"}, Pypi: map[string]string{"tone": ""}, Python: "3.11",
	})
	if err != nil {
		t.Fatal(err)
	}
	says(t, e, "import tone")
	if want := []string{"numpy==1.26.4", "python==" + c.Version, "tone==0.3"}; !slices.Equal(e.Packages, want) {
		t.Errorf("it has %v, want %v", e.Packages, want)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "--channel conda-forge python=3.11 numpy=1.26 scipy>=1 --dry-run --json") ||
		!strings.HasSuffix(lines[2], "python="+c.Version+"=h1 numpy=1.26.4=b0") {
		t.Errorf("it was asked:\n%s", text)
	}
}

// The registry that everybody uses, where it can be reached.
func TestPyPI(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	conn, err := net.DialTimeout("tcp", "pypi.org:443", 3*time.Second)
	if err != nil {
		t.Skip("the registry cannot be reached:", err)
	}
	conn.Close()
	c := &Cache{Dir: t.TempDir(), WorkDir: t.TempDir(), Env: os.Environ()}
	c.Base, c.Version = base(t)
	e, err := c.Prepare(context.Background(), Request{Steps: []string{"s"}, Pypi: map[string]string{"iniconfig": "2.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := says(t, e, "import importlib.metadata as m; print(m.version('iniconfig'))"); got != "2.0.0" {
		t.Errorf("it has %s", got)
	}
}
