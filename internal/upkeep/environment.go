package upkeep

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

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/interp"
	"github.com/levadahq/levada/internal/layout"
)

// Environment is what flows need beside a store.
type Environment struct {
	// Interpreter finds the Python that flows run with.
	Interpreter func(ctx context.Context) (interp.Interpreter, error)
	// SDK returns the folder that the SDK is unpacked to, and which of its files are not those of this program.
	SDK func() (folder string, damaged []string, err error)
	// RestoreSDK unpacks the SDK again.
	RestoreSDK func() error
	Version    string
}

// pythonPatience is how long an interpreter may take to say what it is.
const pythonPatience = 20 * time.Second

// Examine looks at the Python, the SDK and whether tasks can be forked.
func (e Environment) Examine(ctx context.Context, x Examination) error {
	x.tell("levada", OK, "%s, %s/%s", e.Version, runtime.GOOS, runtime.GOARCH)
	folder := e.examineSDK(&x)
	python, err := e.Interpreter(ctx)
	if err != nil {
		if fault.Is(err, fault.Interrupted) || ctx.Err() != nil {
			return fault.Wrap(fault.Interrupted, "look for Python", ctx.Err())
		}
		x.Tell(Finding{Check: "python", Level: Problem, Text: err.Error(), Hint: fault.HintOf(err)})
		return nil
	}
	answers, err := ask(ctx, python.Path, folder)
	if ctx.Err() != nil {
		return fault.Wrap(fault.Interrupted, "ask Python", ctx.Err())
	}
	from := "found by " + python.Source
	if python.Source == interp.SourceExplicit {
		from = "named by --python"
	}
	if python.Shim != "" {
		from += ", behind the shim " + python.Shim
	}
	if err != nil {
		x.Tell(Finding{Check: "python", Level: Problem, Text: fmt.Sprintf("%s (%s) does not work: %v", python.Path, from, err),
			Hint: "Repair it, or name another with --python or LEVADA_PYTHON."})
		return nil
	}
	x.tell("python", OK, "%s %s, %s", python.Path, answers["version"], from)
	if problem := answers["sdk"]; problem != "" {
		x.Tell(Finding{Check: "sdk", Level: Problem, Text: "this Python cannot import it: " + problem})
	}
	switch unsafe := answers["unsafe"]; {
	case answers["fork"] != "ok":
		x.Tell(Finding{Check: "fork", Level: Problem, Text: "a forked process failed: " + answers["fork"],
			Hint: "Run flows with --isolation spawn, and check the limits of processes and memory (ulimit -a)."})
	case unsafe != "":
		x.Tell(Finding{Check: "fork", Level: Note, Text: "tasks start in fresh interpreters, which is slower: " + unsafe})
	default:
		x.tell("fork", OK, "tasks can be forked; a flow that starts threads when it is imported says so when it runs")
	}
	return nil
}

// examineSDK returns the folder of the SDK, "" if there is none.
func (e Environment) examineSDK(x *Examination) string {
	folder, damaged, err := e.SDK()
	const shown = 5
	switch {
	case err != nil:
		x.Tell(Finding{Check: "sdk", Level: Problem, Text: err.Error(), Hint: fault.HintOf(err)})
		return ""
	case len(damaged) == 0:
		x.tell("sdk", OK, "%s, whole", folder)
	case x.Repair:
		if err := e.RestoreSDK(); err != nil {
			x.Tell(Finding{Check: "sdk", Level: Problem, Text: err.Error(), Hint: fault.HintOf(err)})
			return folder
		}
		x.tell("sdk", Mended, "%s: %s unpacked again", folder, count(len(damaged), "file"))
	default:
		x.Tell(Finding{Check: "sdk", Level: Problem, Text: fmt.Sprintf("%s: %s not the same as in this levada", folder, count(len(damaged), "file")),
			Needs: damaged[:min(shown, len(damaged))], Hint: "`levada doctor --repair` unpacks it again."})
	}
	return folder
}

// questions has an interpreter say what it is. It prints lines of a name, a tab and a value.
const questions = `
import os, sys
print("version\t%d.%d.%d" % sys.version_info[:3])
if sys.argv[1]:
    sys.path.insert(0, sys.argv[1])
    try:
        import levada
        from levada.safety import fork_unsafe
        print("unsafe\t" + fork_unsafe())
    except BaseException as error:
        print("sdk\t%s: %s" % (type(error).__name__, error))
sys.stdout.flush()
try:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    print("fork\t" + ("ok" if status == 0 else "status %d" % status))
except BaseException as error:
    print("fork\t%s: %s" % (type(error).__name__, error))
`

func ask(ctx context.Context, python, sdk string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, pythonPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-c", questions, sdk)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
		return nil, errors.New(lines[len(lines)-1])
	}
	if err != nil {
		return nil, err
	}
	answers := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t"); ok {
			answers[name] = value
		}
	}
	if answers["version"] == "" {
		return nil, errors.New("it does not behave like Python")
	}
	return answers, nil
}

// folders are those of a store in which it is written; "" is the store's own.
var folders = []string{"", layout.Values, layout.Logs, layout.Staging, layout.Temporary}

// scarce is the free space on a disk below which it is said.
const scarce = 1 << 30

// ExamineDisk looks at the folder of a store: whether it can be written, and how much room there is.
func ExamineDisk(home string, x Examination) {
	bad := false
	for _, name := range folders {
		path := filepath.Join(home, name)
		st, err := os.Stat(path)
		if err != nil || !st.IsDir() {
			if err == nil || !errors.Is(err, os.ErrNotExist) {
				bad = true
				x.Tell(Finding{Check: "disk", Level: Problem, Text: path + " is not a folder that you can read",
					Hint: "Give yourself access to it."})
			}
			continue
		}
		f, err := os.CreateTemp(path, ".doctor-*")
		if err != nil {
			bad = true
			x.Tell(Finding{Check: "disk", Level: Problem, Text: fmt.Sprintf("%s cannot be written to: %v", path, errors.Unwrap(err)),
				Hint: "Make the folder writable, or choose another store with LEVADA_HOME."})
			continue
		}
		f.Close()
		os.Remove(f.Name())
	}
	free, ok := freeSpace(home)
	switch {
	case ok && free < scarce:
		x.Tell(Finding{Check: "disk", Level: Note, Text: "only " + size(free) + " free where the store is",
			Hint: "`levada gc` with rules removes old runs."})
	case ok && !bad:
		x.tell("disk", OK, "%s free, writable", size(free))
	case !bad:
		x.tell("disk", OK, "writable")
	}
}
