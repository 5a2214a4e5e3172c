package service

import (
	"context"
	"encoding/json"
	"io"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// Definition returns the definition of the flow as it was when a run started.
func (s *Service) Definition(ctx context.Context, r metastore.Run) (*graph.Flow, error) {
	data, err := s.c.Data.Blob(ctx, r.Definition)
	if err != nil {
		return nil, err
	}
	def := new(graph.Flow)
	if err := json.Unmarshal(data, def); err != nil {
		return nil, fault.New(fault.Corrupt, "the stored definition of run %d cannot be read", r.ID).Because(err)
	}
	return def, nil
}

// Code returns the code package of a run as a plain tar archive. NotFound if none was taken.
func (s *Service) Code(ctx context.Context, r metastore.Run) (io.ReadCloser, error) {
	if r.Code == (metastore.Hash{}) {
		return nil, fault.New(fault.NotFound, "the code of run %d was not kept", r.ID)
	}
	src, err := s.c.Data.Reader(ctx, r.Code)
	if err != nil {
		return nil, err
	}
	return codepack.Tar(src)
}
