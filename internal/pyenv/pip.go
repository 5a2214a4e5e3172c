package pyenv

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// pip makes environments with what Python brings: the venv module and pip.
type pip struct{ c *Cache }

func (p *pip) name() string { return "pip" }

func (p *pip) interpreter(ctx context.Context, r Request) (string, string, error) {
	return p.c.findPython(ctx, r)
}

// venv makes an empty environment.
func (p *pip) venv(ctx context.Context, python, dir string, held *os.File) error {
	_, err := p.c.run(ctx, command{program: python, args: []string{"-m", "venv", "--without-pip", dir}, held: held})
	var f *failed
	if errors.As(err, &f) {
		return fault.New(fault.Unavailable, "a virtual environment could not be made:\n%s", indent(f.output)).On(python).
			Do("install this Python's venv module (python3-venv on Debian and Ubuntu), or uv")
	}
	return err
}

// resolve has pip say what it would install if nothing were installed yet.
func (p *pip) resolve(ctx context.Context, r Request, python, version string) (*Lock, error) {
	l := &Lock{Python: version, Base: python}
	if len(r.Pypi) == 0 {
		return l, nil
	}
	dir, err := os.MkdirTemp(p.c.Dir, "resolve-")
	if err != nil {
		return nil, p.c.unwritable(err)
	}
	defer os.RemoveAll(dir)
	report := filepath.Join(dir, "report.json")
	// Nothing is changed, so it does not matter whether this Python is one whose packages are its system's.
	args := []string{"install", "--dry-run", "--ignore-installed", "--report", report, "-r", requirementsFile(dir, strings.Join(r.requirements(), "\n"))}
	if err := p.pip(ctx, r, python, nil, args...); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(report)
	if err == nil {
		l.Packages, err = readReport(text)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "read pip's report", err)
	}
	return l, nil
}

func (p *pip) install(ctx context.Context, r Request, l *Lock, python, dir string, held *os.File) error {
	if err := p.venv(ctx, python, dir, held); err != nil {
		return err
	}
	return p.fill(ctx, r, l, python, dir, held)
}

// fill installs the locked packages into an environment.
func (p *pip) fill(ctx context.Context, r Request, l *Lock, python, dir string, held *os.File) error {
	text, hashed := l.requirements()
	if text == "" {
		return nil
	}
	args := []string{"--python", filepath.Join(dir, "bin", "python"), "install", "--no-deps", "-r", requirementsFile(dir, text)}
	if hashed {
		args = append(args, "--require-hashes")
	}
	return p.pip(ctx, r, python, held, args...)
}

// requirementsFile writes a requirements file into a folder and returns its path. A failure shows when pip reads it.
func requirementsFile(dir, text string) string {
	file := filepath.Join(dir, "levada-requirements.txt")
	os.WriteFile(file, []byte(text), 0o644)
	return file
}

// pip runs the pip of an interpreter.
func (p *pip) pip(ctx context.Context, r Request, python string, held *os.File, args ...string) error {
	program, err := p.program(ctx, r, python)
	if err != nil {
		return err
	}
	all := []string{"-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"}
	_, err = p.c.run(ctx, command{program: program, args: append(all, args...), env: []string{"PIP_BREAK_SYSTEM_PACKAGES=1"}, held: held})
	return p.c.explain(r, "pip", err)
}

// program finds an interpreter whose pip can be used on other environments: the one that the environment is made of, or
// one that is made for the purpose.
func (p *pip) program(ctx context.Context, r Request, python string) (string, error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if found := p.c.pips[python]; found != "" {
		return found, nil
	}
	found, err := p.find(ctx, r, python)
	if err == nil {
		if p.c.pips == nil {
			p.c.pips = make(map[string]string)
		}
		p.c.pips[python] = found
	}
	return found, err
}

func (p *pip) find(ctx context.Context, r Request, python string) (string, error) {
	if p.usable(ctx, python) {
		return python, nil
	}
	dir := filepath.Join(p.c.Dir, "pip-"+hashOf(python)[:16])
	program := filepath.Join(dir, "bin", "python")
	if complete(dir) {
		return program, nil
	}
	held, err := p.c.hold(ctx, dir+".lock", r)
	if err != nil {
		return "", err
	}
	defer held.Close()
	if complete(dir) {
		return program, nil
	}
	os.RemoveAll(dir)
	_, err = p.c.run(ctx, command{program: python, args: []string{"-m", "venv", dir}, held: held})
	var f *failed
	switch {
	case errors.As(err, &f):
		return "", fault.New(fault.Unavailable, "this Python has no pip, and none could be made:\n%s", indent(f.output)).On(python).
			Do("install uv, or this Python's pip (python3-venv on Debian and Ubuntu)")
	case err != nil:
		return "", err
	case !p.usable(ctx, program):
		return "", fault.New(fault.Unavailable, "the pip of this Python is too old").On(python).Do("install uv, or upgrade pip to 22.3 or later")
	}
	if err := writeFile(filepath.Join(dir, completeFile), nil); err != nil {
		return "", p.c.unwritable(err)
	}
	return program, nil
}

// usable reports whether an interpreter has a pip that knows --python, as 22.3 and later do.
func (p *pip) usable(ctx context.Context, python string) bool {
	out, err := p.c.run(ctx, command{program: python, args: []string{"-m", "pip", "--version"}})
	fields := strings.Fields(out) // pip 23.2.1 from …
	return err == nil && len(fields) > 1 && compareVersions(fields[1], "22.3") >= 0
}

// readReport reads pip's installation report.
func readReport(text []byte) ([]Package, error) {
	var report struct {
		Install []struct {
			IsDirect bool `json:"is_direct"`
			Download struct {
				URL     string `json:"url"`
				Archive struct {
					Hash   string            `json:"hash"`
					Hashes map[string]string `json:"hashes"`
				} `json:"archive_info"`
				VCS struct {
					VCS    string `json:"vcs"`
					Commit string `json:"commit_id"`
				} `json:"vcs_info"`
			} `json:"download_info"`
			Metadata struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"metadata"`
		} `json:"install"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	var found []Package
	for _, i := range report.Install {
		p := Package{Name: strings.ToLower(i.Metadata.Name), Version: i.Metadata.Version}
		if i.IsDirect {
			p.URL = i.Download.URL
			if vcs := i.Download.VCS; vcs.VCS != "" {
				p.URL = vcs.VCS + "+" + p.URL + "@" + vcs.Commit
			}
		}
		if sum := i.Download.Archive.Hashes["sha256"]; sum != "" {
			p.Hashes = []string{"sha256:" + sum}
		} else if sum, ok := strings.CutPrefix(i.Download.Archive.Hash, "sha256="); ok {
			p.Hashes = []string{"sha256:" + sum}
		}
		found = append(found, p)
	}
	return found, nil
}
