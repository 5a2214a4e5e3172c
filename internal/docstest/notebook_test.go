package docstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// notebook runs cells as a notebook does, in IPython's shell.
const notebook = `
import sys
try:
    from IPython.core.interactiveshell import InteractiveShell
except ImportError:
    sys.exit(77)
shell = InteractiveShell.instance()
for cell in open("cells.txt").read().split("\n# cell\n"):
    shell.run_cell(cell, store_history=True).raise_error()
`

const cells = `
%config InlineBackend.close_figures = False
from metaflow import FlowSpec, NBRunner, Parameter, step
import math
FACTOR = 3

def scaled(x):
    return FACTOR * x

class NotebookFlow(FlowSpec):
    alpha = Parameter("alpha", default=1)

    @step
    def start(self):
        self.x = scaled(self.alpha) + math.floor(0.5)
        self.next(self.end)

    @step
    def end(self):
        pass

run = NBRunner(NotebookFlow, show_output=False).nbrun(alpha=4)
print("- same cell", run.successful, run.data.x)
# cell
with NBRunner(NotebookFlow, show_output=False) as runner:
    result = runner.run(alpha=5)
    print("- later cell", result.status, result.run.data.x)
    print("- resumed", runner.resume(origin_run_id=result.run.id).run.data.x)
# cell
FACTOR = 100 # of the notebook, not of the flow's cell
ex = await NBRunner(NotebookFlow, show_output=False).async_run()
await ex.wait()
print("- async", ex.status, ex.run.data.x)
ex.runner.cleanup()
# cell
runner = NBRunner(NotebookFlow, show_output=False)
print("- twice", runner.nbrun(alpha=6).data.x, runner.nbrun(alpha=7).data.x)
with runner:
    print("- again", runner.run(alpha=8).run.data.x)
# cell
%%capture --no-stdout
%%time

from metaflow import FlowSpec, NBRunner, step
class MagicFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        pass

print("- magic", NBRunner(MagicFlow, show_output=False).nbrun().successful)
# cell
print("- magic, later", NBRunner(MagicFlow, show_output=False).nbrun().successful)
# cell
%%writefile module.py
from metaflow import FlowSpec
class ModuleFlow(FlowSpec):
    pass
# cell
from module import ModuleFlow
try:
    NBRunner(ModuleFlow)
except ModuleNotFoundError as e:
    print("- module", "Use Runner with" in str(e))
# cell
%%time

from metaflow import FlowSpec, NBRunner, step

class LineFlow(FlowSpec):
    @step
    def start(self):
        1 / 0
        self.next(self.end)
    @step
    def end(self):
        pass

trace = NBRunner(LineFlow, show_output=False).nbrun().failed_task.exception.stacktrace
print("- the lines of the cell", "line 8, in start" in trace)
# cell
import warnings
with warnings.catch_warnings(record=True) as told:
    NBRunner(LineFlow)
    print("- all is in the cell", [str(one.message) for one in told])
LIMIT = 3
# cell
class OtherFlow(LineFlow):
    @step
    def start(self):
        self.next(LIMIT)
# cell
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    try:
        NBRunner(OtherFlow)
    except Exception as e:
        print("-", str(told[0].message).split(".")[0], "NameError" in str(e))
# cell
%%writefile flow.py
from metaflow import FlowSpec, step
class FileFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        pass
if __name__ == "__main__":
    FileFlow()
# cell
%run flow.py run
# cell
from metaflow import Flow
print("- beside the notebook", Flow("FileFlow").latest_run.successful)
# cell
class Elsewhere(FlowSpec):
    pass
Elsewhere.__name__ = "Renamed"
if Elsewhere:
    class Inside(FlowSpec):
        pass
for flow in Elsewhere, Inside:
    try:
        NBRunner(flow)
    except ModuleNotFoundError as e:
        print("- not found", flow.__name__ in str(e), "outside of any function or if" in str(e))
`

// TestNotebook defines and runs flows in a notebook's cells.
func TestNotebook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notebook.py"), notebook)
	write(t, filepath.Join(dir, "cells.txt"), cells)
	python, err := python()
	if err != nil {
		t.Fatal(err)
	}
	env := environment("PYTHONPATH="+filepath.Join(root, "python"), "LEVADA_BIN="+binary, "IPYTHONDIR="+t.TempDir())
	r, err := command(dir, env, python, "notebook.py")
	if err != nil {
		t.Fatal(err)
	}
	if r.code == 77 {
		t.Skip("this Python has no IPython")
	}
	var said []string
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "- ") {
			said = append(said, strings.TrimSpace(line))
		}
	}
	want := "- same cell True 12|- later cell successful 15|- resumed 15|- async successful 3|" +
		"- twice 18 21|- again 24|- magic True|- magic, later True|- module True|- the lines of the cell True|" +
		"- all is in the cell []|- OtherFlow uses what other cells define: LIMIT, LineFlow, step True|" +
		"- beside the notebook True|- not found True True|- not found True True"
	if got := strings.Join(said, "|"); got != want || r.code != 0 {
		t.Errorf("exit code %d, it said %s\nwant %s\n%s", r.code, got, want, r.stderr)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.py"))
	if err != nil || len(left) != 3 { // notebook.py, module.py and flow.py
		t.Errorf("files that are left: %v, %v", left, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
