package service

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// imports matches a line that every flow in Python has.
var imports = regexp.MustCompile(`(?m)^\s*(from\s+\S+\s+)?import\s`)

// checkFlowFile refuses a file that cannot be a flow in Python: run as one, it would fail with what Python makes of it.
func checkFlowFile(file string) error {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".py", ".pyw":
		return nil
	case ".ipynb":
		return fault.New(fault.Invalid, "this is a notebook; a flow is run from a Python file").On(file).
			Do("run it from the notebook, NBRunner(MyFlow).nbrun(), or move the class into a file of its own, such as %s",
				strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))+".py")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil // Python says why
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil || imports.Match(start) {
		return nil
	}
	return fault.New(fault.Invalid, "this is not a Python file: nothing is imported in it").On(file).
		Do("name the Python file that holds the flow; what this file has, a flow can read as a parameter or in a step")
}
