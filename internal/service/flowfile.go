package service

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/gobuild"
)

// imports matches a line that every flow in Python has.
var imports = regexp.MustCompile(`(?m)^\s*(from\s+\S+\s+)?import\s`)

// CheckFlow refuses what is named in a folder if there is no such flow, or if it cannot be one. It starts nothing and
// makes no store, so a slip of the keyboard leaves nothing behind.
func CheckFlow(dir, name string) error {
	file, err := flowPath(dir, name)
	if err != nil {
		return err
	}
	if gobuild.Is(file) {
		return gobuild.Check(file)
	}
	return checkPython(file)
}

// flowPath returns the absolute path of a flow that is named in a folder.
func flowPath(dir, name string) (string, error) {
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return "", fault.Wrap(fault.Usage, "find the flow", err)
	}
	if _, err := os.Stat(file); err != nil {
		return "", fault.New(fault.NotFound, "there is no flow file %s", name).Do("name the Python file, or the Go package's folder, that holds the flow")
	}
	return file, nil
}

// checkPython refuses a file that cannot be a flow in Python: run as one, it would fail with what Python makes of it.
func checkPython(file string) error {
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
		Do("name the Python file that holds the flow; if this file is data, let the flow read it in a step or through a parameter")
}
