package service

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// gitPatience is how long a start waits for git to say whether there are uncommitted changes.
const gitPatience = time.Second

// packLater begins to pack the code of a flow, for a service that runs flows. What was begun before is given up.
func (f *flow) packLater(ctx context.Context, o codepack.Options) {
	if f.s.c.Store != nil {
		if f.stopPacking != nil {
			f.stopPacking()
		}
		ctx, f.stopPacking = context.WithCancel(ctx)
		packed := make(chan code, 1) // not f.code, which may be another by then: see packMore
		f.code = packed
		go func() { packed <- packCode(ctx, o) }()
	}
}

// packMore packs what only the definition tells.
func (f *flow) packMore(ctx context.Context, def *graph.Flow) {
	switch {
	case f.program.Path != "" && f.program.Source == "":
		f.packSource(ctx, def)
	case f.program.Path == "" && def.Package != nil:
		o := f.pythonCode()
		o.Suffixes = slices.Concat(o.Suffixes, def.Package.Suffixes)
		for _, s := range def.Package.Sources {
			o.Sources = append(o.Sources, codepack.Source{Path: s.Path, Name: s.Name, Suffixes: s.Suffixes})
		}
		f.packLater(ctx, o)
	}
}

// pythonCode says what the code package of a flow in Python holds: its folder.
func (f *flow) pythonCode() codepack.Options {
	suffixes := f.src.CodeSuffixes
	if suffixes == nil {
		suffixes = codepack.ParseSuffixes(codepack.DefaultSuffixes)
	}
	dir, file := filepath.Split(f.src.File)
	return codepack.Options{Dir: filepath.Clean(dir), Suffixes: suffixes, Include: []string{file}}
}

// packCode packs the code of a flow and asks git about it, both at once.
func packCode(ctx context.Context, o codepack.Options) code {
	dir := o.Dir
	git := make(chan codepack.GitStatus, 1)
	go func() {
		info, ok := codepack.Git(dir)
		if !ok {
			git <- codepack.GitStatus{}
			return
		}
		ctx, cancel := context.WithTimeout(ctx, gitPatience)
		defer cancel()
		status, err := info.Status(ctx)
		if err != nil {
			status = codepack.GitStatus{Commit: info.Commit}
		}
		git <- status
	}()
	var c code
	c.pack, c.err = codepack.Pack(ctx, o)
	if c.pack == nil {
		c.pack = &codepack.Package{}
	}
	c.git = <-git
	return c
}

// keep stores bytes that belong to a run itself. Small ones are recorded with its beginning.
func (s *Service) keep(ctx context.Context, data []byte, begin *metastore.Beginning) (metastore.Hash, error) {
	ref, blob, err := s.c.Data.KeepApart(ctx, data)
	if blob != nil {
		begin.First = append(begin.First, metastore.Record{Blobs: []metastore.Blob{*blob}})
	}
	return ref.Hash, err
}

func itoa(n int64) string { return fmt.Sprint(n) }
