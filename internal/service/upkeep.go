package service

import (
	"context"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/interp"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/upkeep"
)

// Remove removes whole runs and frees what no other run needs. All of them are looked at
// first: NotFound if one does not exist, Conflict if one still goes on or may come back,
// Usage for a pathspec of less than a run.
func (s *Service) Remove(ctx context.Context, runs []Pathspec, m upkeep.Mode) (upkeep.Collected, error) {
	ids := make([]int64, len(runs))
	for i, p := range runs {
		if p.Step != "" {
			return upkeep.Collected{}, fault.New(fault.Usage, "%s is a part of a run, and only whole runs can be removed", p).Do("name the run: %d", p.Run)
		}
		if _, err := s.RunOf(ctx, p); err != nil {
			return upkeep.Collected{}, err
		}
		ids[i] = p.Run
	}
	return s.c.Upkeep.Remove(ctx, ids, m)
}

// Collect removes the runs that the rules select and frees what nobody needs.
func (s *Service) Collect(ctx context.Context, rules upkeep.Rules, m upkeep.Mode) (upkeep.Collected, error) {
	return s.c.Upkeep.Collect(ctx, rules, m)
}

// Examine looks at the Python, the SDK and, if there is one, the store. python
// is what the user named, possibly nothing.
func (s *Service) Examine(ctx context.Context, python string, x upkeep.Examination) error {
	if s.c.Store != nil {
		upkeep.ExamineDisk(s.c.Home, x)
		return s.upkeep().Examine(ctx, x)
	}
	e := s.c.Environment
	e.Version = s.c.Version
	e.Interpreter = func(ctx context.Context) (interp.Interpreter, error) { return s.c.Interpreter(ctx, python) }
	return e.Examine(ctx, x)
}

func (s *Service) upkeep() *upkeep.Store {
	return &upkeep.Store{
		Meta: s.c.Store, Data: s.c.Data, Home: s.c.Home, Here: s.here(), Now: s.c.Now,
		Status: func(r metastore.Run) (metastore.RunStatus, time.Time) {
			status := s.honest(r).Status
			if status == r.Status || !s.mayReturn(r) {
				return status, time.Time{}
			}
			return status, r.Lease.MayReturn()
		},
	}
}
