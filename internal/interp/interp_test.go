package interp

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// place is a folder with everything a search can touch.
type place struct {
	t    *testing.T
	root string
	env  map[string]string
	dir  string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, root: root, env: map[string]string{"HOME": filepath.Join(root, "home")}, dir: filepath.Join(root, "work", "sub")}
	p.env["PATH"] = strings.Join([]string{filepath.Join(root, "shims"), filepath.Join(root, "bin"), "/usr/bin", "/bin"}, ":")
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// file writes an executable file and returns its path.
func (p *place) file(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// python writes a stand-in for an interpreter that answers the probe.
func (p *place) python(name, version string) string {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	return p.file(name, fmt.Sprintf("#!/bin/sh\nprintf 'chatter levada-interp\\000%s\\000%s\\000'; /usr/bin/env -0\n", path, version))
}

// shim writes a shim that counts its starts and runs target.
func (p *place) shim(name, target, more string) string {
	p.t.Helper()
	return p.file(name, fmt.Sprintf("#!/bin/sh\n# pyenv exec\necho x >>%s\n%s\nexec %s \"$@\"\n", p.counter(), more, target))
}

func (p *place) counter() string { return filepath.Join(p.root, "starts") }

func (p *place) starts() int {
	text, err := os.ReadFile(p.counter())
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return strings.Count(string(text), "x")
}

func (p *place) query() Query {
	var env []string
	for k, v := range p.env {
		env = append(env, k+"="+v)
	}
	return Query{Env: env, Dir: p.dir, CacheDir: filepath.Join(p.root, "cache")}
}

func (p *place) find() Interpreter {
	p.t.Helper()
	got, err := Find(context.Background(), p.query())
	if err != nil {
		p.t.Fatalf("Find: %v", err)
	}
	return got
}

func TestOrder(t *testing.T) {
	p := newPlace(t)
	path := p.file("bin/python", "binary")
	if got := p.find(); got.Path != path || got.Source != SourcePath {
		// A python3 of the machine comes first: only the stand-ins may be seen.
		p.env["PATH"] = filepath.Join(p.root, "bin")
		if got := p.find(); got.Path != path {
			t.Fatalf("python on PATH: %+v", got)
		}
	}
	p.env["PATH"] = filepath.Join(p.root, "bin")
	steps := []struct {
		source string
		set    func() string
	}{
		{SourcePath, func() string { return p.file("bin/python3", "binary") }},
		{SourceConda, func() string {
			p.env["CONDA_PREFIX"] = filepath.Join(p.root, "conda")
			return p.file("conda/bin/python3", "binary")
		}},
		{SourceVenv, func() string {
			p.env["VIRTUAL_ENV"] = filepath.Join(p.root, "venv")
			return p.file("venv/bin/python3", "binary")
		}},
		{SourceLevada, func() string {
			p.env["LEVADA_PYTHON"] = "mine"
			return p.file("bin/mine", "binary")
		}},
	}
	for _, step := range steps {
		want := step.set()
		if got := p.find(); got.Path != want || got.Source != step.source {
			t.Errorf("%s: got %+v, want %s", step.source, got, want)
		}
	}
	q := p.query()
	q.Explicit = "../../conda/bin/python3"
	got, err := Find(context.Background(), q)
	if err != nil || got.Path != filepath.Join(p.root, "conda/bin/python3") || got.Source != SourceExplicit {
		t.Errorf("explicit: %+v, %v", got, err)
	}
	q.Explicit = "nothing-of-that-name"
	if _, err := Find(context.Background(), q); !fault.Is(err, fault.Usage) || fault.HintOf(err) == "" {
		t.Errorf("explicit that is missing: %v", err)
	}
}

func TestNone(t *testing.T) {
	p := newPlace(t)
	p.env = map[string]string{"PATH": "relative:" + p.root, "VIRTUAL_ENV": filepath.Join(p.root, "gone")}
	_, err := Find(context.Background(), p.query())
	if !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestVersionWithoutRunning(t *testing.T) {
	p := newPlace(t)
	p.env["PATH"] = filepath.Join(p.root, "bin")
	real := p.file("opt/python3.11", "binary")
	if err := os.MkdirAll(filepath.Join(p.root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(p.root, "bin", "python3")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if got := p.find(); got.Path != link || got.Version != "3.11" {
		t.Errorf("link: %+v", got)
	}
	p.file("pyvenv.cfg", "home = /usr/bin\nversion_info = 3.12.4.final.0\n")
	if got := p.find(); got.Version != "3.12.4" {
		t.Errorf("pyvenv.cfg: %+v", got)
	}
	p.file("pyvenv.cfg", "home = /usr/bin\nversion = 3.8.10\n")
	_, err := Find(context.Background(), p.query())
	if !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" || !strings.Contains(err.Error(), "3.8.10") {
		t.Errorf("too old: %v", err)
	}
}

// The environments of PyPy have a python3 as others do; a link says what it is.
func TestOtherImplementationsAreRefused(t *testing.T) {
	for file, name := range map[string]string{"opt/pypy3.11": "PyPy", "opt/graalpy": "GraalPy"} {
		p := newPlace(t)
		target := p.file(file, "")
		if err := os.Mkdir(filepath.Join(p.root, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(p.root, "bin", "python3")); err != nil {
			t.Fatal(err)
		}
		_, err := Find(context.Background(), p.query())
		if !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestShimIsRememberedUntilSomethingChanges(t *testing.T) {
	p := newPlace(t)
	real := p.python("versions/311/python3", "3.11.7")
	other := p.python("versions/312/python3", "3.12.1")
	shim := p.shim("shims/python3", real, "")
	expect := func(what string, starts int, path string) {
		t.Helper()
		before := p.starts()
		got := p.find()
		if got.Path != path || got.Shim != shim {
			t.Errorf("%s: got %+v, want %s", what, got, path)
		}
		if n := p.starts(); n != starts || got.Cached != (n == before) {
			t.Errorf("%s: %d starts, want %d; %+v", what, n, starts, got)
		}
	}
	expect("first", 1, real)
	expect("again", 1, real)
	expect("and again", 1, real)

	p.file("work/.python-version", "3.11\n")
	expect("a version file above the working directory", 2, real)
	expect("the same", 2, real)
	p.env["PYENV_VERSION"] = "3.12"
	expect("environment", 3, real)
	expect("the same", 3, real)
	p.file("home/.pyenv/version", "3.12\n")
	expect("global version", 4, real)
	expect("the same", 4, real)

	if err := os.Chtimes(real, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	expect("the interpreter was replaced", 5, real)
	expect("the same", 5, real)

	p.shim("shims/python3", other, "# changed")
	expect("the shim was rewritten", 6, other)
	expect("the same", 6, other)

	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	p.python("versions/312/python3", "3.12.2")
	expect("a new interpreter in its place", 7, other)
}

func TestBrokenCacheIsIgnored(t *testing.T) {
	p := newPlace(t)
	real := p.python("versions/311/python3", "3.11.7")
	p.shim("shims/python3", real, "")
	p.find()
	files, err := filepath.Glob(filepath.Join(p.root, "cache", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("cache files: %v, %v", files, err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	want := p.starts()
	bad := map[string]string{
		"empty":            "",
		"garbage":          "\x00\xff{",
		"another version":  strings.Replace(string(good), `"version":1`, `"version":99`, 1),
		"another key":      strings.Replace(string(good), `"key":"`, `"key":"00`, 1),
		"relative path":    strings.Replace(string(good), `"path":"/`, `"path":"`, 1),
		"missing path":     strings.Replace(string(good), `/python3"`, `/python9"`, 1),
		"bad python":       strings.Replace(string(good), `3.11.7`, `x`, 1),
		"cut off":          string(good[:len(good)/2]),
		"some JSON number": "12",
	}
	for what, text := range bad {
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := p.find()
		want++
		if got.Path != real || got.Cached || p.starts() != want {
			t.Errorf("%s: %+v after %d starts, want %d", what, got, p.starts(), want)
		}
	}
	if err := os.Chmod(files[0], 0o666); err != nil {
		t.Fatal(err)
	}
	if got := p.find(); got.Cached {
		t.Error("an entry that anyone can write was used")
	}
	q := p.query()
	q.CacheDir = filepath.Join(p.root, "starts", "not-a-folder")
	if got, err := Find(context.Background(), q); err != nil || got.Path != real {
		t.Errorf("cache that cannot be written: %+v, %v", got, err)
	}
}

func TestShimThatSetsVariablesIsRunAsItIs(t *testing.T) {
	p := newPlace(t)
	real := p.python("versions/311/python3", "3.11.7")
	shim := p.shim("shims/python3", real, "export DATABASE=here")
	for i, cached := range []bool{false, true} {
		got := p.find()
		if got.Path != shim || got.Shim != "" || got.Version != "3.11.7" || got.Cached != cached {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if p.starts() != 1 {
		t.Errorf("%d starts", p.starts())
	}
}

func TestShimThatFails(t *testing.T) {
	p := newPlace(t)
	p.env["PATH"] = filepath.Join(p.root, "shims")
	p.file("shims/python3", "#!/bin/sh\n# pyenv\necho \"version '3.99' is not installed\" >&2\nexit 127\n")
	_, err := Find(context.Background(), p.query())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "3.99") || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	next := p.file("shims/python", "binary")
	if got := p.find(); got.Path != next {
		t.Errorf("python after a python3 that does not start: %+v", got)
	}
}

func TestOldPythonBehindShim(t *testing.T) {
	p := newPlace(t)
	p.shim("shims/python3", p.python("versions/27/python", "2.7.18"), "")
	for range 2 {
		_, err := Find(context.Background(), p.query())
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "2.7.18") {
			t.Errorf("got %v", err)
		}
	}
}

func TestWrapperIsNotAShim(t *testing.T) {
	p := newPlace(t)
	wrapper := p.file("bin/wrapped", "#!/bin/sh\nexport X=1\nexec python3 \"$@\"\n")
	p.env["LEVADA_PYTHON"] = wrapper
	if got := p.find(); got.Path != wrapper || got.Version != "" {
		t.Errorf("got %+v", got)
	}
}

func TestPruneKeepsTheCacheSmall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	for i := range 3 * maxEntries {
		if err := store(dir, fmt.Sprint(i), resolution{AsIs: true, Version: "3.11"}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) > maxEntries {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if _, ok := load(dir, fmt.Sprint(3*maxEntries-1)); !ok {
		t.Error("the newest entry is gone")
	}
}

// TestThisMachine runs with whatever python3 this machine has.
func TestThisMachine(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3 on PATH")
	}
	q := Query{Env: os.Environ(), Dir: t.TempDir(), CacheDir: filepath.Join(t.TempDir(), "cache")}
	first, err := Find(context.Background(), q)
	if err != nil {
		t.Skipf("python3 on PATH is not usable: %v", err)
	}
	second, err := Find(context.Background(), q)
	if err != nil || second.Path != first.Path || second.Version != first.Version {
		t.Fatalf("first %+v, then %+v, %v", first, second, err)
	}
	if first.Shim != "" && !second.Cached {
		t.Errorf("the shim was run twice: %+v", second)
	}
	out, err := exec.Command(second.Path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", second.Path, err, out)
	}
	if v := strings.TrimSpace(string(out)); second.Version != "" && !strings.HasPrefix(second.Version+".", v+".") {
		t.Errorf("says %s, is %s", second.Version, v)
	}
}

func FuzzParseProbe(f *testing.F) {
	f.Add([]byte("x levada-interp\x00/bin/sh\x003.11.7\x00A=1\x00"))
	f.Add([]byte("levada-interp\x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		fi := finder{env: map[string]string{"A": "1"}}
		if r, ok := fi.parseProbe(out); ok && !r.AsIs && !filepath.IsAbs(r.Path) {
			t.Errorf("relative path %q", r.Path)
		}
	})
}

func BenchmarkFindRemembered(b *testing.B) {
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("no python3 on PATH")
	}
	q := Query{Env: os.Environ(), Dir: b.TempDir(), CacheDir: filepath.Join(b.TempDir(), "cache")}
	if _, err := Find(context.Background(), q); err != nil {
		b.Skip(err)
	}
	b.ResetTimer()
	for range b.N {
		if _, err := Find(context.Background(), q); err != nil {
			b.Fatal(err)
		}
	}
}
