package interp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// probeLimit is how long a shim may take to say what it stands for. A version
// manager that first installs the interpreter is not waited for.
const probeLimit = 30 * time.Second

// probe is run by the interpreter behind a shim. It works in every Python from
// 2.6 on, so that one that is too old can still say so.
const probe = `import os,sys
o=getattr(sys.stdout,'buffer',sys.stdout)
def b(s): return s if isinstance(s,bytes) else s.encode('utf-8','surrogateescape')
e=getattr(os,'environb',None) or os.environ
o.write(b'\0'.join([b'levada-interp',b(sys.executable or ''),b('%d.%d.%d'%tuple(sys.version_info[:3]))]+[b(k)+b'='+b(e[k]) for k in e])+b'\0')
`

// resolution is what a shim stands for.
type resolution struct {
	AsIs    bool   // the shim does more than choose: run it as it is
	Path    string // the interpreter
	Version string
}

// shimOf returns the version manager that path is a shim of, or "".
func shimOf(path string) string {
	// mise's shims are links to mise itself.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		switch base := filepath.Base(real); base {
		case "mise", "rtx", "asdf":
			return base
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, 4<<10)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	if !bytes.HasPrefix(head, []byte("#!")) {
		return ""
	}
	for _, manager := range []string{"pyenv", "asdf", "mise", "rtx"} {
		if bytes.Contains(head, []byte(manager)) {
			return manager
		}
	}
	if filepath.Base(filepath.Dir(path)) == "shims" {
		return "shims"
	}
	return ""
}

// shimFailure is why a shim could not be resolved; another candidate may do.
type shimFailure struct{ err error }

func (e *shimFailure) Error() string { return e.err.Error() }
func (e *shimFailure) Unwrap() error { return e.err }

func isShimFailure(err error) bool {
	var s *shimFailure
	return errors.As(err, &s)
}

// resolve returns what a shim stands for, from memory or by running it.
func (f *finder) resolve(ctx context.Context, shim, manager string) (r resolution, cached bool, err error) {
	key, ok := f.cacheKey(shim)
	if ok && f.CacheDir != "" {
		if r, ok := load(f.CacheDir, key); ok {
			return r, true, nil
		}
	}
	r, err = f.run(ctx, shim, manager)
	if err != nil {
		return resolution{}, false, err
	}
	if ok && f.CacheDir != "" {
		// Not remembering costs time, never a run.
		_ = store(f.CacheDir, key, r)
	}
	return r, false, nil
}

// run starts the shim to learn what it stands for.
func (f *finder) run(ctx context.Context, shim, manager string) (resolution, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, shim, "-S", "-E", "-c", probe)
	cmd.Env, cmd.Dir = f.Env, f.Dir
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	cmd.WaitDelay = time.Second
	out, errOut := &capped{limit: 4 << 20}, &capped{limit: 16 << 10}
	cmd.Stdout, cmd.Stderr = out, errOut
	err := cmd.Run()
	if err != nil {
		message := strings.TrimSpace(errOut.String())
		if message == "" {
			message = err.Error()
		}
		if ctx.Err() == context.DeadlineExceeded {
			message = fmt.Sprintf("it did not answer within %v", probeLimit)
		}
		return resolution{}, &shimFailure{fault.New(fault.Unavailable, "the shim of %s does not start a Python: %s", manager, message).
			On(shim).Do("Choose a version that is installed, or set LEVADA_PYTHON to an interpreter.")}
	}
	r, ok := f.parseProbe(out.Bytes())
	if !ok {
		return resolution{}, &shimFailure{fault.New(fault.Unavailable, "the shim of %s does not start a Python", manager).
			On(shim).Do("Set LEVADA_PYTHON to an interpreter.")}
	}
	return r, nil
}

// parseProbe reads what [probe] printed. A shim may have printed before it.
func (f *finder) parseProbe(out []byte) (resolution, bool) {
	at := bytes.Index(out, []byte("levada-interp\x00"))
	if at < 0 || out[len(out)-1] != 0 {
		return resolution{}, false
	}
	parts := strings.Split(string(out[at:len(out)-1]), "\x00")
	if len(parts) < 3 || !isVersion(parts[2]) {
		return resolution{}, false
	}
	r := resolution{Path: parts[1], Version: parts[2]}
	if !filepath.IsAbs(r.Path) || !executable(r.Path) || shimOf(r.Path) != "" {
		r.AsIs = true
	}
	for _, kv := range parts[3:] {
		k, v, _ := strings.Cut(kv, "=")
		if old, had := f.env[k]; (!had || old != v) && !managerVariable(k) {
			r.AsIs = true
		}
	}
	if r.AsIs {
		r.Path = ""
	}
	return r, true
}

// managerVariable reports whether version managers, shells or the start of an
// interpreter set a variable for themselves, so that a run can do without.
func managerVariable(name string) bool {
	switch name {
	case "PATH", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE", "__CF_USER_TEXT_ENCODING", "__PYVENV_LAUNCHER__":
		return true
	}
	for _, p := range []string{"PYENV_", "_PYENV_", "ASDF_", "MISE_", "__MISE_", "RTX_", "__RTX_"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// keyVariables are the variables, beside those with a version manager's prefix,
// on which a shim's choice may depend.
var keyVariables = []string{
	"PATH", "HOME", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONEXECUTABLE",
	"XDG_CONFIG_HOME", "XDG_DATA_HOME", "BASH_ENV", "ENV",
}

// cacheKey describes everything that a shim's choice depends on.
func (f *finder) cacheKey(shim string) (string, bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "shim %s\n", stamp(shim))
	if real, err := filepath.EvalSymlinks(shim); err != nil {
		return "", false
	} else if real != shim {
		fmt.Fprintf(&b, "real %s\n", stamp(real))
	}
	var names []string
	for name := range f.env {
		if name == "PWD" || name == "_" {
			continue
		}
		if managerVariable(name) && name != "SHLVL" && name != "OLDPWD" || slices.Contains(keyVariables, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "env %q=%q\n", name, f.env[name])
	}
	for _, path := range f.versionFiles() {
		if s := stamp(path); s != "" {
			fmt.Fprintf(&b, "file %s\n", s)
		}
	}
	return b.String(), true
}

// versionFiles lists the files and folders, existing or not, that decide which
// version a manager chooses.
func (f *finder) versionFiles() []string {
	local := []string{
		".python-version", ".tool-versions", "mise.toml", ".mise.toml", "mise.local.toml", ".mise.local.toml",
		"mise/config.toml", ".mise/config.toml", ".config/mise.toml", ".config/mise/config.toml", ".rtx.toml",
	}
	if name := f.env["ASDF_DEFAULT_TOOL_VERSIONS_FILENAME"]; name != "" && filepath.IsLocal(name) {
		local = append(local, name)
	}
	for _, name := range strings.Split(f.env["MISE_ENV"], ",") {
		if name != "" && filepath.IsLocal(name) {
			local = append(local, "mise."+name+".toml", ".mise."+name+".toml", "mise."+name+".local.toml")
		}
	}
	var files []string
	upward := func(dir string) {
		for {
			for _, name := range local {
				files = append(files, filepath.Join(dir, name))
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				return
			}
			dir = parent
		}
	}
	upward(f.Dir)
	if dir := f.env["PYENV_DIR"]; filepath.IsAbs(dir) {
		upward(filepath.Clean(dir))
	}
	add := func(base string, names ...string) {
		if filepath.IsAbs(base) {
			for _, name := range names {
				files = append(files, filepath.Join(base, name))
			}
		}
	}
	home := f.env["HOME"]
	under := func(variable, fallback string) string {
		if v := f.env[variable]; v != "" {
			return v
		}
		if !filepath.IsAbs(home) {
			return ""
		}
		return filepath.Join(home, fallback)
	}
	add(under("PYENV_ROOT", ".pyenv"), "version", "versions", "pyenv.d")
	add(home, ".tool-versions", ".asdfrc", ".default-python-packages")
	add(under("ASDF_DATA_DIR", ".asdf"), "installs/python", "plugins")
	add(under("XDG_CONFIG_HOME", ".config"), "mise/config.toml", "mise/settings.toml", "mise/conf.d", "mise/config.local.toml")
	add(f.env["MISE_CONFIG_DIR"], "config.toml", "settings.toml", "conf.d", "config.local.toml")
	add(under("XDG_DATA_HOME", ".local/share"), "mise/installs/python")
	add(f.env["MISE_DATA_DIR"], "installs/python")
	add("/etc/mise", "config.toml", "conf.d")
	return files
}

// stamp identifies the state of a file, or "" if there is none.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%q %d %d", path, info.Size(), info.ModTime().UnixNano())
}

// capped is a buffer that drops what is beyond its limit.
type capped struct {
	bytes.Buffer
	limit int
}

func (c *capped) Write(p []byte) (int, error) {
	if room := c.limit - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
