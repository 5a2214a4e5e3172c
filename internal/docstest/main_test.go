package docstest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// rewrite makes the tests write what happened into the files that say what happens.
var rewrite = flag.Bool("rewrite", false, "write the results into the pages and the testdata instead of comparing")

var (
	root   string // of the repository
	binary string // levada, built for these tests
	cache  string // where it keeps what it unpacks and remembers
	sdk    string // a copy of the SDK that is compiled, for flows that are started by hand
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "docstest:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	_, file, _, _ := runtime.Caller(0)
	root = filepath.Dir(filepath.Dir(filepath.Dir(file)))
	tmp, err := os.MkdirTemp("", "docstest")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(tmp)
	binary, cache = filepath.Join(tmp, "bin", "levada"), filepath.Join(tmp, "cache")
	build := exec.Command("go", "build", "-o", binary, "./cmd/levada")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	// The commands may write no bytecode, since that would lie among the files of their
	// flows; so each would compile the SDK anew.
	sdk = filepath.Join(tmp, "python")
	for _, name := range []string{"levada", "metaflow"} {
		if err := os.CopyFS(filepath.Join(sdk, name), os.DirFS(filepath.Join(root, "python", name))); err != nil {
			return 1, err
		}
	}
	if out, err := exec.Command("python3", "-m", "compileall", "-q", sdk).CombinedOutput(); err != nil {
		return 1, fmt.Errorf("compileall: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// environment is the environment of the commands: this one without what would change their results, and with extra.
func environment(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case strings.HasPrefix(name, "LEVADA_"), strings.HasPrefix(name, "METAFLOW_"), strings.HasPrefix(name, "PYTHON"):
		case name == "USER", name == "USERNAME", name == "SUDO_USER", name == "TZ", name == "COLUMNS", name == "VIRTUAL_ENV":
		default:
			env = append(env, kv)
		}
	}
	env = append(env, "USERNAME=ada", "TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "LEVADA_CACHE="+cache)
	return append(env, extra...)
}

// result is how a command ended and what it wrote.
type result struct {
	stdout, stderr string
	code           int
}

// patience is how long one command may take before it counts as stuck.
const patience = 3 * time.Minute

// command runs a program to its end.
func command(dir string, env []string, name string, args ...string) (result, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// What it leaves behind may hold the pipes open; the command itself is what counts.
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	var stuck atomic.Bool
	timer := time.AfterFunc(patience, func() {
		stuck.Store(true)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	})
	err := cmd.Wait()
	if !timer.Stop() && stuck.Load() {
		return result{}, fmt.Errorf("%s %q did not end; it had printed:\n%s%s", name, args, &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return result{}, err
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, nil
}

// python is the interpreter that the tests start flows with by hand.
var python = sync.OnceValues(func() (string, error) { return exec.LookPath("python3") })
