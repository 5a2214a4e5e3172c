package service

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/gobuild"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/worker"
)

// openProgram makes ready a flow that is a program, and says how its worker is started.
func (s *Service) openProgram(ctx context.Context, f *flow) (worker.Spec, error) {
	src := &f.src
	if src.Isolation == string(worker.Fork) {
		return worker.Spec{}, fault.New(fault.Usage, "--isolation fork: a flow in Go already runs each task in a process of its own").
			Do("leave out --isolation")
	}
	cache, err := s.c.Cache()
	if err != nil {
		return worker.Spec{}, err
	}
	p, err := gobuild.Build(ctx, gobuild.Query{Path: src.File, Built: src.Program, Cache: cache, Stderr: f.err()})
	if err != nil {
		return worker.Spec{}, err
	}
	f.program = p
	if p.Source != "" {
		f.packLater(ctx, f.codeOptions(p.Source))
	}
	sdk, err := s.c.SDK() // a step may be run by a program in Python
	if err != nil {
		return worker.Spec{}, err
	}
	return worker.Spec{File: src.File, Program: p.Path, SDK: sdk, Stdout: src.Stdout, Stderr: src.Stderr}, nil
}

// codeOptions says what the code package of a flow in Go holds: its module.
func (f *flow) codeOptions(folder string) codepack.Options {
	suffixes := f.src.CodeSuffixes
	if suffixes == nil {
		suffixes = gobuild.Suffixes
	}
	return codepack.Options{Dir: gobuild.Module(folder), Suffixes: suffixes}
}

// packSource packs the code of a program that was built elsewhere, if its source is on this machine.
func (f *flow) packSource(ctx context.Context, def *graph.Flow) {
	if st, err := os.Stat(def.File); err == nil && st.Mode().IsRegular() && filepath.Ext(def.File) == ".go" {
		f.packLater(ctx, f.codeOptions(filepath.Dir(def.File)))
		return
	}
	if f.s.c.Store != nil {
		f.code = make(chan code, 1)
		f.code <- code{pack: &codepack.Package{Note: "The code of this run is not kept: the program's source is not on this machine."}}
	}
}

// Folder is where relative names of programs that run steps begin.
func (f *flow) folder() string {
	if f.program.Source != "" {
		return f.program.Source
	}
	if file := f.Definition().File; file != "" {
		if _, err := os.Stat(file); err == nil {
			return filepath.Dir(file)
		}
	}
	return filepath.Dir(f.src.File)
}

// programs finds the programs that run steps. One that is not there is told before the run begins.
func (f *flow) programs(ctx context.Context) (map[string]runner.Program, error) {
	found := map[string]runner.Program{}
	for _, n := range f.graph.Nodes {
		if n.Exec == nil {
			continue
		}
		p, err := f.findProgram(ctx, n.Exec.Command)
		if err != nil {
			var told *fault.Error
			if errors.As(err, &told) && told.Subject == "" {
				told.On("step " + n.Name)
			}
			return nil, err
		}
		found[n.Name] = p
	}
	return found, nil
}

// findProgram finds what a command names: a name without a slash on the PATH, others from the flow's folder on. A
// Python file is run by the flow's Python, a Go package's folder is built.
func (f *flow) findProgram(ctx context.Context, command []string) (runner.Program, error) {
	name, args := command[0], command[1:]
	if !strings.Contains(name, "/") && filepath.Ext(name) != ".py" {
		path, err := exec.LookPath(name)
		if err != nil {
			return runner.Program{}, fault.New(fault.NotFound, "there is no program %s on the PATH", name).
				Do("install it, or write ./%s if it lies in the flow's folder", name)
		}
		path, err = filepath.Abs(path)
		return runner.Program{Path: path, Args: args}, err
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.folder(), path)
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return runner.Program{}, fault.New(fault.NotFound, "there is no program %s in %s", name, f.folder()).
			Do("names with a slash are relative to the flow's folder")
	case st.IsDir():
		cache, err := f.s.c.Cache()
		if err != nil {
			return runner.Program{}, err
		}
		p, err := gobuild.Build(ctx, gobuild.Query{Path: path, Cache: cache, Stderr: f.err()})
		return runner.Program{Path: p.Path, Args: args}, err
	case filepath.Ext(path) == ".py":
		python := f.python
		if python == "" {
			if python, err = f.s.c.Python(ctx, f.src.Python); err != nil {
				return runner.Program{}, err
			}
		}
		return runner.Program{Path: python, Args: append([]string{path}, args...)}, nil
	case st.Mode().Perm()&0o111 == 0:
		return runner.Program{}, fault.New(fault.Permission, "%s is not executable", path).Do("chmod +x %s", path)
	}
	return runner.Program{Path: path, Args: args}, nil
}
