package service

import (
	"context"
	"encoding/json"
	"io"
	"iter"

	"github.com/levadahq/levada/internal/codepack"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
)

// Code yields the files that were kept with a run, in the order of their paths. NotFound if none were.
func (s *Service) Code(ctx context.Context, run metastore.Run) iter.Seq2[codepack.Entry, error] {
	return func(yield func(codepack.Entry, error) bool) {
		r, err := s.codeOf(ctx, run)
		if err != nil {
			yield(codepack.Entry{}, err)
			return
		}
		defer r.Close()
		codepack.Walk(r)(yield)
	}
}

// CodeArchive returns the files that were kept with a run as a tar archive. NotFound if none were.
func (s *Service) CodeArchive(ctx context.Context, run metastore.Run) (io.ReadCloser, error) {
	r, err := s.codeOf(ctx, run)
	if err != nil {
		return nil, err
	}
	return codepack.Tar(r)
}

// UnpackCode writes the files that were kept with a run below dir, which must be empty or not there, and returns how
// many there were. Conflict if there is something, NotFound if no files were kept.
func (s *Service) UnpackCode(ctx context.Context, run metastore.Run, dir string) (int, error) {
	if err := codepack.Fresh(dir); err != nil {
		return 0, err
	}
	r, err := s.codeOf(ctx, run)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return codepack.Unpack(r, dir)
}

func (s *Service) codeOf(ctx context.Context, run metastore.Run) (io.ReadCloser, error) {
	if run.Code == (metastore.Hash{}) {
		if run.Info.Engine == metastore.EngineMetaflow {
			return nil, fault.New(fault.NotFound, "the code of run %d is not in this store: Metaflow ran it, and any code that it kept is in Metaflow's datastore", run.ID)
		}
		return nil, fault.New(fault.NotFound, "no code was kept with run %d: its folder was too large or could not be read", run.ID).
			Do("choose which files are kept with --package-suffixes; a run that keeps no code warns when it starts")
	}
	return s.c.Data.Reader(ctx, run.Code)
}

// Definition returns the definition of a run's flow, as it was then.
func (s *Service) Definition(ctx context.Context, run metastore.Run) (*graph.Flow, error) {
	if run.Definition == (metastore.Hash{}) {
		return nil, fault.New(fault.Unavailable, "the graph of run %d is not known: it is in Metaflow's datastore, which is not on this machine", run.ID)
	}
	data, err := s.c.Data.Blob(ctx, run.Definition)
	if err != nil {
		return nil, err
	}
	def := &graph.Flow{}
	if err := json.Unmarshal(data, def); err != nil {
		return nil, fault.Wrap(fault.Corrupt, "read the definition of the flow", err)
	}
	return def, nil
}

// lastStep is the step that a flow ends with: the one marked so, or "end".
func lastStep(def *graph.Flow) string {
	for _, st := range def.Steps {
		if st.End {
			return st.Name
		}
	}
	return "end"
}
