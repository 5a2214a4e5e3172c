package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// referenceVersion is the Metaflow that Levada is compared with.
const referenceVersion = "2.19.39"

type options struct {
	quick     bool
	reference bool
	levada    string // a binary to measure; empty builds one
}

// bench holds what all topics need.
type bench struct {
	options
	root   string // of the repository
	built  bool   // levada was built here, from what the repository holds now
	temp   string // everything below is removed at the end
	venv   string // virtual environment with numpy, and the reference if wanted
	python string // the venv's interpreter
	load   string // of the machine before measuring, to know how far to trust the table
	real   string // the interpreter behind the user's `python3`, past any version manager's shim
}

// setUp builds levada and prepares the virtual environment, which stays for the next time.
func setUp(ctx context.Context, o options) (*bench, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("run it inside the repository: %w", err)
	}
	b := &bench{options: o, root: strings.TrimSpace(string(root))}
	if b.temp, err = os.MkdirTemp("", "levada-bench-"); err != nil {
		return nil, err
	}
	if err := b.prepare(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context) error {
	var err error
	b.load = systemLoad()
	if b.levada == "" {
		b.logf("building levada")
		b.levada, b.built = filepath.Join(b.temp, "levada"), true
		if err := b.tool(ctx, "go", "build", "-o", b.levada, "./cmd/levada"); err != nil {
			return err
		}
	} else if b.levada, err = filepath.Abs(b.levada); err != nil {
		return err
	}

	executable, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return fmt.Errorf("no usable python3: %w", err)
	}
	b.real = strings.TrimSpace(string(executable))

	b.venv = filepath.Join(b.root, "bench", ".venv")
	b.python = filepath.Join(b.venv, "bin", "python")
	if _, err := os.Stat(b.python); errors.Is(err, os.ErrNotExist) {
		b.logf("making %s", b.venv)
		if err := b.tool(ctx, b.real, "-m", "venv", b.venv); err != nil {
			return err
		}
	}
	if err := b.install(ctx, "numpy", "numpy"); err != nil {
		return err
	}
	if b.reference {
		return b.install(ctx, "metaflow", "metaflow=="+referenceVersion)
	}
	return nil
}

// install puts a package into the virtual environment unless the wanted version is there.
func (b *bench) install(ctx context.Context, name, requirement string) error {
	_, wanted, pinned := strings.Cut(requirement, "==")
	if have := b.packageVersion(ctx, name); have != "" && (have == wanted || !pinned) {
		return nil
	}
	b.logf("installing %s", requirement)
	return b.tool(ctx, b.python, "-m", "pip", "install", "--quiet", requirement)
}

// packageVersion returns the version of an installed package, empty if there is none.
func (b *bench) packageVersion(ctx context.Context, name string) string {
	script := "import sys, importlib.metadata; print(importlib.metadata.version(sys.argv[1]))"
	version, err := exec.CommandContext(ctx, b.python, "-c", script, name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(version))
}

// tool runs a program that is not measured, in the repository.
func (b *bench) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = b.root
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (b *bench) close() { os.RemoveAll(b.temp) }

// logf says on stderr what is going on.
func (b *bench) logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// folder makes a new temporary folder to run in. The caller removes it when the store in it is no longer needed.
func (b *bench) folder() string {
	dir, err := os.MkdirTemp(b.temp, "run-")
	if err != nil {
		panic(err) // the folder above was made a moment ago
	}
	return dir
}

// size chooses between the size of a full and of a quick measurement.
func (b *bench) size(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}

// file returns the path of a file in bench/.
func (b *bench) file(elem ...string) string {
	return filepath.Join(append([]string{b.root, "bench"}, elem...)...)
}

// flow returns the command that runs a flow of bench/flows with Levada in dir.
func (b *bench) flow(dir, name string, args ...string) command {
	line := []string{b.levada, "run", b.file("flows", name), "--python", b.python, "--max-workers", fmt.Sprint(workers)}
	return command{dir: dir, args: append(line, args...)}
}

// referenceFlow returns the command that runs a flow of bench/flows with Metaflow in dir.
func (b *bench) referenceFlow(dir, name string, args ...string) command {
	line := []string{b.python, b.file("flows", name), "run", "--max-num-splits", "1000000"}
	return command{dir: dir, args: append(line, args...), env: []string{
		"USERNAME=bench",
		"METAFLOW_HOME=" + dir, // no settings of the user's
		"PATH=" + filepath.Join(b.venv, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
	}}
}

// once runs a command in a folder of its own, which is removed afterwards.
func (b *bench) once(ctx context.Context, make func(dir string) command) (result, error) {
	dir := b.folder()
	defer os.RemoveAll(dir)
	return b.run(ctx, make(dir))
}

// describe says what was measured on what.
func (b *bench) describe(ctx context.Context, took time.Duration) string {
	output := func(args ...string) string {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = b.root
		text, _ := cmd.CombinedOutput()
		return firstLine(strings.TrimSpace(string(text)))
	}
	kind := "full"
	if b.quick {
		kind = "quick"
	}
	subject := output(b.levada, "version")
	if b.built {
		subject += " at " + output("git", "rev-parse", "--short", "HEAD")
		if output("git", "status", "--porcelain", "--untracked-files=no") != "" {
			subject += " with changes"
		}
	}
	versions := []string{runtime.Version(), output(b.python, "--version"), "numpy " + b.packageVersion(ctx, "numpy")}
	if b.reference {
		versions = append(versions, "Metaflow "+b.packageVersion(ctx, "metaflow"))
	}
	return fmt.Sprintf("%s, a %s measurement of %s on %s.\n\n%s, %d cores, %s; %s/%s.\n%s.\nLoad before: %s.",
		subject, kind, took.Round(time.Second), time.Now().Format(time.DateOnly),
		processorName(), runtime.NumCPU(), memorySize(), runtime.GOOS, runtime.GOARCH, strings.Join(versions, ", "), b.load)
}

// processorName returns the processor's name for itself.
func processorName() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// memorySize returns how much memory the machine has.
func memorySize() string {
	info, _ := os.ReadFile("/proc/meminfo")
	var kib int64
	if _, err := fmt.Sscanf(string(info), "MemTotal: %d kB", &kib); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
}

// systemLoad returns how many processes wanted to run, on average over the last minute.
func systemLoad() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(content), " ")
	return load
}
