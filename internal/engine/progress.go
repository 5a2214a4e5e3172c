package engine

import "slices"

// StepProgress counts the tasks of one step.
type StepProgress struct {
	Step    string
	Waiting int // ready, or to be tried again; with all children of an open foreach that are not yet launched
	Running int // launched, and no record yet
	Done    int // succeeded, those carried over included
	Carried int // carried over from an earlier engine or the origin run
	Failed  int // failed for good
	Stopped int // ended without success because the run failed or was stopped
}

// Idle reports whether nothing is ready: what comes next depends on attempts that are under way.
func (e *Engine) Idle() bool {
	_, ready := e.queue.first()
	return !ready
}

// Ending reports whether the run is being brought to an end before its own: a task
// failed for good, or it was interrupted.
func (e *Engine) Ending() bool { return e.state == failing || e.state == stopping }

// Progress returns the counts of every step, in topological order: a copy, for the caller to keep.
func (e *Engine) Progress() []StepProgress { return slices.Clone(e.steps) }
