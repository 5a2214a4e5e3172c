package service

import (
	"context"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Cancel asks a run to end: its engine, on whatever machine, looks for that every second and then does what it does on
// Ctrl-C. It does not wait for the end. Conflict if the run is over.
func (s *Service) Cancel(ctx context.Context, id int64) error {
	run, err := s.RunByID(ctx, id)
	switch {
	case err != nil:
		return err
	case run.Status == metastore.RunDied:
		return fault.New(fault.Conflict, "run %d died, so there is nothing left to cancel", id).Do("continue it with `levada resume`")
	case run.Status != metastore.RunRunning:
		return fault.New(fault.Conflict, "run %d has already ended: it %s", id, ended(run.Status))
	case run.Info.Engine == metastore.EngineMetaflow:
		return fault.New(fault.Unavailable, "run %d is run by Metaflow, so Levada cannot cancel it", id).Do("press Ctrl-C where it runs")
	}
	return s.c.Store.AskStop(ctx, id, s.c.Now())
}

// ended says in words how a run ended.
func ended(status metastore.RunStatus) string {
	if status == metastore.RunInterrupted {
		return "was interrupted"
	}
	return string(status)
}
