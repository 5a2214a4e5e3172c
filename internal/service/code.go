package service

import (
	"context"
	"fmt"
	"time"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/metastore"
)

// gitPatience is how long a start waits for git to say whether there are uncommitted changes.
const gitPatience = time.Second

// packLater begins to pack the code of a flow, for a service that runs flows.
func (f *flow) packLater(ctx context.Context, o codepack.Options) {
	if f.s.c.Store != nil {
		f.code = make(chan code, 1)
		go func() { f.code <- packCode(ctx, o) }()
	}
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
