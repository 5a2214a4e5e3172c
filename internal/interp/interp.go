// Package interp finds the Python interpreter that runs a flow.
//
// The first of these that exists is taken: a path given by hand, LEVADA_PYTHON,
// the active virtual environment (VIRTUAL_ENV), the active conda environment
// (CONDA_PREFIX), python3 on PATH, python on PATH. What somebody named by hand
// must exist; the others are passed over where they do not.
//
// A binary, or a link to one as virtual environments have them, is used as it
// is and is not run. The shims of version managers (pyenv, asdf, mise) are
// another matter: each start through one costs about a tenth of a second, more
// than the rest of a small run. So a shim is run once to learn which interpreter
// it stands for, and the answer is remembered in the user's cache folder.
//
// A remembered answer is used only if nothing that could change it has changed.
// The key holds the shim (path, size, time of change), the environment that
// version managers look at, and path, size and time of every version file from
// the working directory upward, of the global ones and of the folders in which
// versions are installed. The answer holds size and time of the binary it names.
// An entry that is missing, unreadable, wrong, or that somebody else could have
// written is ignored. A shim that changes the environment beyond what version
// managers do for themselves (mise can set any variable) is run as it is.
//
// Scripts that are not such shims, a wrapper that somebody wrote, are run as
// they are: they may do more than choose an interpreter.
package interp

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// MinVersion is the oldest Python that the SDK works with.
const MinVersion = "3.9"

// The values of [Interpreter.Source].
const (
	SourceExplicit = "explicit"
	SourceLevada   = "LEVADA_PYTHON"
	SourceVenv     = "VIRTUAL_ENV"
	SourceConda    = "CONDA_PREFIX"
	SourcePath     = "PATH"
)

// Interpreter is a Python interpreter that was found.
type Interpreter struct {
	Path    string // what to start, absolute
	Version string // "3.11.7" or "3.11"; empty if it was not to be had without running it
	Source  string // where it was found: one of the Source constants
	Shim    string // the version manager's shim that Path was resolved from, or empty
	Cached  bool   // the resolution was remembered, nothing was run
}

// Query says where to look. Nothing is taken from the process's own state.
type Query struct {
	Explicit string   // path or name given by hand, on the command line or in the configuration
	Env      []string // environment as of os.Environ
	Dir      string   // working directory, in which version managers look for their files
	CacheDir string   // folder to remember resolved shims in; empty: remember nothing
}

// DefaultCacheDir returns the user's cache folder for resolved shims, or "" if
// the environment names no home.
func DefaultCacheDir(env []string) string {
	e := envMap(env)
	base := e["XDG_CACHE_HOME"]
	if runtime.GOOS == "darwin" || !filepath.IsAbs(base) {
		home := e["HOME"]
		if !filepath.IsAbs(home) {
			return ""
		}
		base = filepath.Join(home, ".cache")
		if runtime.GOOS == "darwin" {
			base = filepath.Join(home, "Library", "Caches")
		}
	}
	return filepath.Join(base, "levada", "interp")
}

// Find returns the interpreter to use. It fails with a fault of kind Unavailable
// if there is none or only one that is too old or no CPython, and of kind Usage if
// the one named by hand does not exist.
func Find(ctx context.Context, q Query) (Interpreter, error) {
	f := finder{Query: q, env: envMap(q.Env)}
	if !filepath.IsAbs(f.Dir) {
		dir, err := filepath.Abs(f.Dir)
		if err != nil {
			return Interpreter{}, fault.Wrap(fault.Internal, "find Python", err)
		}
		f.Dir = dir
	}
	if q.Explicit != "" {
		return f.named(ctx, q.Explicit, SourceExplicit)
	}
	if name := f.env["LEVADA_PYTHON"]; name != "" {
		return f.named(ctx, name, SourceLevada)
	}
	var failed error // why a shim on PATH did not work
	for _, c := range f.candidates() {
		found, err := f.use(ctx, c.path, c.source)
		if err == nil {
			return found, nil
		}
		if ctx.Err() != nil || !isShimFailure(err) {
			return Interpreter{}, err
		}
		if failed == nil {
			failed = err
		}
	}
	if failed != nil {
		return Interpreter{}, failed
	}
	return Interpreter{}, fault.New(fault.Unavailable, "no python3 on the PATH").
		Do("Install Python %s or later, activate a virtual environment, or set LEVADA_PYTHON to an interpreter.", MinVersion)
}

// CheckVersion returns a fault of kind Unavailable if version, such as "3.8.10",
// is older than [MinVersion]. A version that cannot be read passes: the
// interpreter will say what it is when it runs.
func CheckVersion(path, version string) error {
	major, minor, ok := parseVersion(version)
	if !ok {
		return nil
	}
	wantMajor, wantMinor, _ := parseVersion(MinVersion)
	if major > wantMajor || major == wantMajor && minor >= wantMinor {
		return nil
	}
	return fault.New(fault.Unavailable, "this is Python %s, Levada needs %s or later", version, MinVersion).On(path).
		Do("Install a newer Python, activate a virtual environment that has one, or set LEVADA_PYTHON to one.")
}

// checkImplementation returns a fault of kind Unavailable if the name of the file that links lead to is that of an
// implementation the SDK cannot run in. One that hides behind another name is refused by the SDK itself.
func checkImplementation(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil // starting it says more
	}
	for prefix, name := range map[string]string{"pypy": "PyPy", "graalpy": "GraalPy"} {
		if strings.HasPrefix(filepath.Base(real), prefix) {
			return fault.New(fault.Unavailable, "this is %s, Levada needs CPython %s or later", name, MinVersion).On(path).
				Do("Activate a virtual environment that has CPython, or name one with --python or LEVADA_PYTHON.")
		}
	}
	return nil
}

type finder struct {
	Query
	env map[string]string
}

type candidate struct{ path, source string }

// candidates lists what exists of the places that nobody named by hand.
func (f *finder) candidates() []candidate {
	var list []candidate
	for _, v := range []string{SourceVenv, SourceConda} {
		prefix := f.env[v]
		if !filepath.IsAbs(prefix) {
			continue
		}
		for _, name := range []string{"python3", "python"} {
			if p := filepath.Join(prefix, "bin", name); executable(p) {
				list = append(list, candidate{p, v})
				break
			}
		}
	}
	for _, name := range []string{"python3", "python"} {
		if p := f.lookPath(name); p != "" {
			list = append(list, candidate{p, SourcePath})
		}
	}
	return list
}

// named finds an interpreter that somebody gave by path or by name.
func (f *finder) named(ctx context.Context, name, source string) (Interpreter, error) {
	path := name
	switch {
	case !strings.ContainsRune(name, filepath.Separator):
		path = f.lookPath(name)
	case !filepath.IsAbs(name):
		path = filepath.Join(f.Dir, name)
	}
	if path == "" || !executable(path) {
		what := "the given interpreter"
		if source == SourceLevada {
			what = "LEVADA_PYTHON"
		}
		return Interpreter{}, fault.New(fault.Usage, "%s is not a program that can be run", what).On(name).
			Do("Give the path of a Python %s or later, such as /usr/bin/python3.", MinVersion)
	}
	return f.use(ctx, path, source)
}

// use turns a program that exists into an interpreter.
func (f *finder) use(ctx context.Context, path, source string) (Interpreter, error) {
	found := Interpreter{Path: path, Source: source}
	if manager := shimOf(path); manager != "" {
		r, cached, err := f.resolve(ctx, path, manager)
		if err != nil {
			return Interpreter{}, err
		}
		found.Version, found.Cached = r.Version, cached
		if !r.AsIs {
			found.Path, found.Shim = r.Path, path
		}
	} else {
		found.Version = versionBeside(path)
	}
	if err := checkImplementation(found.Path); err != nil {
		return Interpreter{}, err
	}
	if err := CheckVersion(found.Path, found.Version); err != nil {
		return Interpreter{}, err
	}
	return found, nil
}

// lookPath finds a program on the query's PATH. Relative entries are passed
// over: what is run must not depend on the folder somebody is in.
func (f *finder) lookPath(name string) string {
	for _, dir := range filepath.SplitList(f.env["PATH"]) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if p := filepath.Join(dir, name); executable(p) {
			return p
		}
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// versionBeside tells an interpreter's version without running it: from the
// pyvenv.cfg of a virtual environment, or the name of the file that links lead
// to (python3 -> python3.11).
func versionBeside(path string) string {
	cfg := filepath.Join(filepath.Dir(filepath.Dir(path)), "pyvenv.cfg")
	if text, err := readSmall(cfg, 16<<10); err == nil {
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, "=")
			switch strings.TrimSpace(key) {
			case "version", "version_info":
				parts := strings.Split(strings.TrimSpace(value), ".")
				if v := strings.Join(parts[:min(3, len(parts))], "."); isVersion(v) {
					return v
				}
			}
		}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if v, ok := strings.CutPrefix(filepath.Base(real), "python"); ok && strings.Contains(v, ".") && isVersion(v) {
		return v
	}
	return ""
}

func isVersion(s string) bool {
	_, _, ok := parseVersion(s)
	return ok
}

func parseVersion(s string) (major, minor int, ok bool) {
	a, rest, ok := strings.Cut(s, ".")
	if !ok {
		return 0, 0, false
	}
	b, _, _ := strings.Cut(rest, ".")
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return major, minor, err1 == nil && err2 == nil && major >= 0 && minor >= 0
}

// envMap turns an environment into a map; of a variable given twice the last counts.
func envMap(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && k != "" {
			m[k] = v
		}
	}
	return m
}

// readSmall reads a regular file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, os.ErrInvalid
	}
	return os.ReadFile(path)
}
