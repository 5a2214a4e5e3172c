package cli

import (
	"cmp"
	"context"

	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/upkeep"
)

// fakeUpkeep remembers what is to be removed.
type fakeUpkeep struct {
	removed   []service.Pathspec
	rules     upkeep.Rules
	mode      upkeep.Mode
	collected upkeep.Collected
	stuck     error // why not all of that could go
	findings  []upkeep.Finding
	examined  upkeep.Examination
}

func (u *fakeUpkeep) Remove(_ context.Context, runs []service.Pathspec, m upkeep.Mode) (upkeep.Collected, error) {
	u.removed, u.mode = runs, m
	return u.collected, u.stuck
}

func (u *fakeUpkeep) Collect(_ context.Context, rules upkeep.Rules, m upkeep.Mode) (upkeep.Collected, error) {
	u.rules, u.mode = rules, m
	return u.collected, cmp.Or(u.stuck, rules.Check())
}

func (u *fakeUpkeep) Examine(_ context.Context, _ string, x upkeep.Examination) error {
	u.examined = x
	for _, f := range u.findings {
		x.Tell(f)
	}
	return nil
}
