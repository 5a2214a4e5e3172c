package pyenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// tool resolves and installs.
type tool interface {
	name() string
	// interpreter finds what the environment is made of: its path, empty if the tool brings its own, and version.
	interpreter(ctx context.Context, r Request) (path, version string, err error)
	resolve(ctx context.Context, r Request, python, version string) (*Lock, error)
	// install makes the environment in dir. The processes that it starts inherit held.
	install(ctx context.Context, r Request, l *Lock, python, dir string, held *os.File) error
}

// filler is a tool that can put Python's packages into an environment that is there.
type filler interface {
	tool
	fill(ctx context.Context, r Request, l *Lock, python, dir string, held *os.File) error
}

// tool chooses the tool for a request.
func (c *Cache) tool(r Request) (tool, error) {
	var pypi filler = &pip{c}
	if uv := c.look("uv"); uv != "" {
		pypi = &uvTool{c, uv}
	}
	if !r.Managed {
		return pypi, nil
	}
	for _, name := range []string{"micromamba", "mamba", "conda"} {
		if path := c.look(name); path != "" {
			return &conda{c, name, path, pypi}, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "%s for packages from conda (%s), and there is no micromamba, mamba or conda on the PATH", r.does("ask"), r.text()).
		Do("install micromamba, use @pypi if PyPI has the packages, or run with --environment=local in a Python that has them")
}

// command is a program to run.
type command struct {
	program string
	args    []string
	env     []string // added to the cache's
	stdin   string
	held    *os.File // inherited, so that a lock lives as long as the program
}

// failed is the error of a program that ended badly.
type failed struct {
	program string
	output  string // of both streams, the end of it
	err     error
}

func (f *failed) Error() string { return fmt.Sprintf("%s: %v\n%s", f.program, f.err, f.output) }

// keptOutput is how much of a failed program's words is shown.
const keptOutput = 4 << 10

// run runs a program to its end and returns what it wrote on stdout.
func (c *Cache) run(ctx context.Context, q command) (string, error) {
	cmd := exec.CommandContext(ctx, q.program, q.args...)
	cmd.Dir = c.WorkDir
	// What is around this command, a virtual environment, the paths of a flow, where pip is to install,
	// is not for the environment that is made.
	cmd.Env = slices.DeleteFunc(slices.Clone(c.Env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "PYTHONPATH" || name == "PYTHONHOME" || name == "VIRTUAL_ENV" ||
			name == "PIP_USER" || name == "PIP_TARGET" || name == "PIP_PREFIX" || name == "PIP_REQUIRE_VIRTUALENV" || strings.HasPrefix(name, "LEVADA_")
	})
	cmd.Env = append(cmd.Env, q.env...)
	cmd.Stdin = strings.NewReader(q.stdin)
	var out, all bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &all
	if q.held != nil {
		cmd.ExtraFiles = []*os.File{q.held}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", fault.Wrap(fault.Interrupted, "make an environment", ctx.Err())
	}
	text := strings.TrimSpace(all.String())
	if rest := strings.TrimSpace(out.String()); rest != "" && len(rest) < keptOutput {
		text = strings.TrimSpace(text + "\n" + rest)
	}
	if len(text) > keptOutput {
		text = "…" + text[len(text)-keptOutput:]
	}
	return "", &failed{q.program, text, err}
}

// missingPackage is the words with which pip and uv name the package that they cannot have.
var missingPackage = []string{
	`No matching distribution found for ([^\s(]+)`,
	`Because ([A-Za-z0-9._-]+) was not found in`,
	`Because there is no version of ([^\s]+)`,
	`Because only [^\n]* of ([A-Za-z0-9._-]+)`,
	"Failed to (?:fetch|download|build|resolve)[^\\n]*?[:`] ?`?([^`\\s]+)",
	`PackagesNotFoundError[^\n]*\n+\s*- (\S+)`,
	`nothing provides (?:requested )?(\S+)`,
	`([A-Za-z0-9._-]+)[^\n]* does not exist`,
}

// explain says which package of which step could not be had, with the tool's own words below.
func (c *Cache) explain(r Request, tool string, err error) error {
	var f *failed
	if !errors.As(err, &f) {
		return err
	}
	which := "its packages (" + r.text() + ")"
	for _, pattern := range missingPackage {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(f.output); m != nil {
			name := m[1]
			// An address of a registry names the package in its last part.
			name = strings.TrimSuffix(name, "/")
			name = name[strings.LastIndexByte(name, '/')+1:]
			which = "the package " + strings.Trim(name, "`'\".,")
			break
		}
	}
	hint := "check its name and version, and whether the registry can be reached (PIP_INDEX_URL names another)"
	if strings.Contains(strings.ToLower(f.output), "hash") {
		hint = "it is not what was locked; if that is intended, resolve again with --force-rebuild-environments"
	}
	return fault.New(fault.Unavailable, "%s %s, which %s could not get:\n%s", r.does("need"), which, tool, indent(f.output)).Do("%s", hint)
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
