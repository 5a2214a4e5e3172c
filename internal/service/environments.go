package service

import (
	"context"
	"slices"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pyenv"
)

// environments are the interpreters of steps that do not run in the flow's own.
type environments struct {
	pythons map[string]string // step → interpreter
	records []metastore.Environment
}

// allSteps returns the names of the flow's steps.
func (f *flow) allSteps() []string {
	steps := make([]string, len(f.Definition().Steps))
	for i, s := range f.Definition().Steps {
		steps[i] = s.Name
	}
	return steps
}

// prepareEnvironments makes what steps of the flow ask for with @pypi, @conda or --environment, before the
// run begins: a package that cannot be had leaves no run behind.
func (f *flow) prepareEnvironments(ctx context.Context, steps []string) error {
	made := &environments{pythons: map[string]string{}}
	if f.python == "" {
		f.made = made // a program: it has what it needs in itself
		return nil
	}
	def := f.Definition()
	cache := &pyenv.Cache{
		Dir: f.s.c.Environments, Env: f.s.c.Environ, WorkDir: f.s.c.Dir, Base: f.python, Version: def.Runtime,
		Rebuild: f.src.Rebuild, Tell: f.src.Tell,
	}
	add := func(steps []string, e pyenv.Environment) {
		if e.Python != f.python {
			for _, step := range steps {
				made.pythons[step] = e.Python
			}
		}
		made.records = append(made.records, metastore.Environment{Steps: steps, Python: e.Version, Packages: e.Packages, Lock: e.Lock})
	}
	var requests []pyenv.Request
	var bare []string // steps that ask for nothing
	for i := range def.Steps {
		step := &def.Steps[i]
		if !slices.Contains(steps, step.Name) {
			continue
		}
		r, asks, err := pyenv.Of(def, step)
		if err != nil {
			return err
		}
		if !asks || f.src.Environment == "local" {
			bare = append(bare, step.Name)
			continue
		}
		if same := slices.IndexFunc(requests, r.Same); same >= 0 {
			requests[same].Steps = append(requests[same].Steps, step.Name)
		} else {
			requests = append(requests, r)
		}
	}
	if f.src.Environment == "uv" && len(bare) > 0 {
		e, err := cache.Project(ctx, f.s.c.Dir)
		if err != nil {
			return err
		}
		add(bare, e)
	}
	for _, r := range requests {
		e, err := cache.Prepare(ctx, r)
		if err != nil {
			return err
		}
		add(r.Steps, e)
	}
	f.made = made
	return nil
}
