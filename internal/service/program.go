package service

import (
	"context"
	"os"
	"path/filepath"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/gobuild"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/worker"
)

// openProgram makes ready a flow that is a program, and says how its worker is started.
func (s *Service) openProgram(ctx context.Context, f *flow) (worker.Spec, error) {
	src := &f.src
	if src.Isolation == string(worker.Fork) {
		return worker.Spec{}, fault.New(fault.Usage, "--isolation fork: a flow in Go has a process of its own for each task already").
			Do("leave --isolation away")
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
	if f.program.Path == "" || f.program.Source != "" {
		return
	}
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
