package pyenv

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/interp"
)

// findPython finds an installed interpreter of the version that a request asks for.
func (c *Cache) findPython(ctx context.Context, r Request) (path, version string, err error) {
	if r.Python == "" || matches(r.Python, c.Version) {
		return c.Base, c.Version, nil
	}
	var seen []string
	for _, candidate := range c.pythons() {
		if candidate.version != "" {
			seen = append(seen, candidate.version)
			if !matches(r.Python, candidate.version) && !strings.HasPrefix(strings.TrimLeft(r.Python, "=<>~"), candidate.version) {
				continue
			}
		}
		if v := c.versionOf(ctx, candidate.path); matches(r.Python, v) {
			return candidate.path, v, r.usable(v)
		}
	}
	if uv := c.look("uv"); uv != "" {
		out, err := c.run(ctx, command{program: uv, args: []string{"python", "find", "--no-project", r.Python}, env: []string{"UV_PYTHON_DOWNLOADS=never"}})
		if path := strings.TrimSpace(out); err == nil && path != "" {
			if v := c.versionOf(ctx, path); matches(r.Python, v) {
				return path, v, r.usable(v)
			}
		}
	}
	seen = slices.DeleteFunc(append(seen, c.Version), func(v string) bool { return interp.CheckVersion("", v) != nil })
	slices.SortFunc(seen, compareVersions)
	return "", "", fault.New(fault.Unavailable, "%s for Python %s, but no such interpreter was found. Found: %s",
		r.does("ask"), r.Python, strings.Join(slices.Compact(seen), ", ")).
		Do("install it (`uv python install %s`, `pyenv install %s`, your system's packages), or change python= of the step", r.Python, r.Python)
}

// usable makes sure that the SDK works with the version that was found.
func (r Request) usable(version string) error {
	if interp.CheckVersion("", version) == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "%s for Python %s, and Levada needs %s or later", r.does("ask"), r.Python, interp.MinVersion).
		Do("change python= of the step")
}

type python struct{ path, version string } // the version as far as its name tells

var pythonName = regexp.MustCompile(`^python(3\.\d+)$`)

// pythons lists the interpreters that are installed: pyenv's, newest first, and those on the PATH by their names.
func (c *Cache) pythons() []python {
	var found []python
	env := c.environ()
	root := env["PYENV_ROOT"]
	if root == "" {
		root = filepath.Join(env["HOME"], ".pyenv")
	}
	for _, pattern := range []string{
		filepath.Join(root, "versions", "3.*", "bin", "python"),
		filepath.Join(env["HOME"], ".local", "share", "uv", "python", "cpython-3.*", "bin", "python3"),
	} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			name := strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(path))), "cpython-")
			version, _, _ := strings.Cut(name, "-")
			found = append(found, python{path, version})
		}
	}
	slices.SortStableFunc(found, func(a, b python) int { return -compareVersions(a.version, b.version) })
	for _, dir := range filepath.SplitList(env["PATH"]) {
		if !filepath.IsAbs(dir) || filepath.Base(dir) == "shims" {
			continue
		}
		entries, _ := filepath.Glob(filepath.Join(dir, "python3.*"))
		for _, path := range entries {
			if m := pythonName.FindStringSubmatch(filepath.Base(path)); m != nil {
				found = append(found, python{path, m[1]})
			}
		}
	}
	return found
}

// versionOf asks an interpreter for its version; empty if it cannot be run.
func (c *Cache) versionOf(ctx context.Context, path string) string {
	out, err := c.run(ctx, command{program: path, args: []string{"-I", "-S", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"}})
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

var versionTerm = regexp.MustCompile(`^(===|==|!=|>=|<=|~=|>|<|=)?\s*v?([0-9]+(?:\.[0-9]+)*)(\.\*)?$`)

// matches reports whether a version fits what is asked: "3", "3.11", "3.11.7", ">=3.10,<3.13". A version of fewer parts
// stands for all that begin with it.
func matches(asked, version string) bool {
	if version == "" {
		return false
	}
	for term := range strings.SplitSeq(asked, ",") {
		m := versionTerm.FindStringSubmatch(strings.TrimSpace(term))
		if m == nil {
			return false
		}
		begins := version == m[2] || strings.HasPrefix(version, m[2]+".")
		order := compareVersions(version, m[2])
		fits := false
		switch m[1] {
		case "", "=", "==", "===":
			fits = begins
		case "!=":
			fits = !begins
		case ">=":
			fits = order >= 0
		case "<=":
			fits = order <= 0 || begins
		case ">":
			fits = order > 0 && !begins
		case "<":
			fits = order < 0
		case "~=":
			parts := strings.Split(m[2], ".")
			family := strings.Join(parts[:max(1, len(parts)-1)], ".")
			fits = order >= 0 && strings.HasPrefix(version+".", family+".")
		}
		if !fits {
			return false
		}
	}
	return true
}

// compareVersions compares numbers with dots. Missing parts are zero.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return x - y
		}
	}
	return 0
}

func (c *Cache) environ() map[string]string {
	m := make(map[string]string, len(c.Env))
	for _, kv := range c.Env {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}

// look finds a program on the PATH; empty if it is not there.
func (c *Cache) look(name string) string {
	for _, dir := range filepath.SplitList(c.environ()["PATH"]) {
		path := filepath.Join(dir, name)
		if st, err := os.Stat(path); filepath.IsAbs(dir) && err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0 {
			return path
		}
	}
	return ""
}
