package pyenv

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// uvTool makes environments with uv.
type uvTool struct {
	c       *Cache
	program string
}

func (u *uvTool) name() string { return "uv" }

func (u *uvTool) interpreter(ctx context.Context, r Request) (string, string, error) {
	return u.c.findPython(ctx, r)
}

func (u *uvTool) resolve(ctx context.Context, r Request, python, version string) (*Lock, error) {
	l := &Lock{Python: version, Base: python}
	if len(r.Pypi) == 0 {
		return l, nil
	}
	out, err := u.c.run(ctx, command{
		program: u.program, env: u.registries(), stdin: strings.Join(r.requirements(), "\n") + "\n",
		args: []string{"pip", "compile", "-", "--python", python, "--generate-hashes", "--no-header", "--no-annotate", "--quiet"},
	})
	if err != nil {
		return nil, u.c.explain(r, "uv", err)
	}
	l.Packages = readRequirements(out)
	return l, nil
}

func (u *uvTool) install(ctx context.Context, r Request, l *Lock, python, dir string, held *os.File) error {
	if _, err := u.c.run(ctx, command{program: u.program, args: []string{"venv", "--quiet", "--no-project", "--python", python, dir}, held: held}); err != nil {
		return u.c.explain(r, "uv", err)
	}
	return u.fill(ctx, r, l, python, dir, held)
}

// fill installs the locked packages into an environment.
func (u *uvTool) fill(ctx context.Context, r Request, l *Lock, _, dir string, held *os.File) error {
	text, hashed := l.requirements()
	if text == "" {
		return nil
	}
	args := []string{"pip", "install", "--quiet", "--python", filepath.Join(dir, "bin", "python"), "--no-deps", "-r", requirementsFile(dir, text)}
	if hashed {
		args = append(args, "--require-hashes")
	}
	_, err := u.c.run(ctx, command{program: u.program, args: args, env: u.registries(), held: held})
	return u.c.explain(r, "uv", err)
}

// registries tells uv, which reads none of pip's settings, of the registries
// that pip is told of. uv's own settings win.
func (u *uvTool) registries() []string {
	set := pipSettings(u.c.environ())
	var env []string
	for _, s := range []struct{ pip, uv, older string }{
		{"index-url", "UV_DEFAULT_INDEX", "UV_INDEX_URL"},
		{"extra-index-url", "UV_INDEX", "UV_EXTRA_INDEX_URL"},
		{"find-links", "UV_FIND_LINKS", ""},
		{"no-index", "UV_NO_INDEX", ""},
		{"trusted-host", "UV_INSECURE_HOST", ""},
		{"cert", "SSL_CERT_FILE", ""},
	} {
		value := set[s.pip]
		have := u.c.environ()
		if value == "" || have[s.uv] != "" || s.older != "" && have[s.older] != "" {
			continue
		}
		switch s.pip {
		case "find-links": // uv separates with commas, because paths may have spaces
			value = strings.Join(strings.Fields(value), ",")
		case "extra-index-url":
			env = append(env, "UV_INDEX_STRATEGY=unsafe-best-match") // pip takes the best of all registries
		}
		env = append(env, s.uv+"="+value)
	}
	return env
}

// pipSettings reads pip's settings: its files, later ones stronger, then its environment variables.
func pipSettings(env map[string]string) map[string]string {
	set := map[string]string{}
	config := env["XDG_CONFIG_HOME"]
	if config == "" {
		config = filepath.Join(env["HOME"], ".config")
	}
	files := []string{
		"/etc/pip.conf", "/etc/xdg/pip/pip.conf",
		filepath.Join(env["HOME"], ".pip", "pip.conf"), filepath.Join(config, "pip", "pip.conf"),
		filepath.Join(env["HOME"], "Library", "Application Support", "pip", "pip.conf"),
	}
	if venv := env["VIRTUAL_ENV"]; venv != "" {
		files = append(files, filepath.Join(venv, "pip.conf"))
	}
	if file := env["PIP_CONFIG_FILE"]; file != "" {
		files = []string{file}
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		section, key := "", ""
		for line := range strings.Lines(string(text)) {
			trimmed := strings.TrimSpace(line)
			switch {
			case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			case trimmed[0] == '[':
				section, key = strings.Trim(trimmed, "[]"), ""
			case section != "global" && section != "install":
			case (line[0] == ' ' || line[0] == '\t') && key != "": // more of the value above
				set[key] = strings.TrimSpace(set[key] + " " + trimmed)
			default:
				if k, v, ok := strings.Cut(trimmed, "="); ok {
					key = strings.ReplaceAll(strings.TrimSpace(k), "_", "-")
					set[key] = strings.TrimSpace(v)
				}
			}
		}
	}
	for _, key := range []string{"index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "cert"} {
		if v := env["PIP_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_"))]; v != "" {
			set[key] = v
		}
	}
	return set
}

// Project returns the interpreter of the uv project that a folder belongs to, with its environment as uv.lock says.
func (c *Cache) Project(ctx context.Context, folder string) (Environment, error) {
	uv := c.look("uv")
	if uv == "" {
		return Environment{}, fault.New(fault.Unavailable, "--environment uv needs uv, which is not on the PATH").Do("install uv, or use --environment pypi")
	}
	root := ""
	for dir := folder; ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "pyproject.toml")) && exists(filepath.Join(dir, "uv.lock")) {
			root = dir
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if root == "" {
		return Environment{}, fault.New(fault.NotFound, "--environment uv needs a project: there is no pyproject.toml with a uv.lock in %s or above it", folder).
			Do("make one with `uv init` and `uv lock`, or use --environment pypi")
	}
	r := Request{Steps: []string{"(all)"}}
	held, err := c.hold(ctx, filepath.Join(c.Dir, "project-"+hashOf(root)[:16]+".lock"), r)
	if err != nil {
		return Environment{}, err
	}
	defer held.Close()
	u := &uvTool{c, uv}
	out, err := c.run(ctx, command{
		program: uv, env: u.registries(), held: held,
		args: []string{"run", "--quiet", "--frozen", "--project", root, "python", "-c", "import sys; print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])"},
	})
	if err != nil {
		return Environment{}, c.explain(r, "uv", err)
	}
	path, version, _ := strings.Cut(strings.TrimSpace(out), "\n")
	e := Environment{Python: path, Version: strings.TrimSpace(version)}
	out, err = c.run(ctx, command{program: uv, args: []string{"pip", "freeze", "--quiet", "--python", path}})
	if err != nil {
		return Environment{}, c.explain(r, "uv", err)
	}
	for line := range strings.Lines(out) {
		e.Packages = append(e.Packages, strings.TrimSpace(line))
	}
	e.Lock = hashOf(e.Version, e.Packages)[:24]
	return e, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
