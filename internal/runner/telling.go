package runner

import (
	"slices"
	"time"
)

// An attempt begins when the place of another is free, and the end of that one is told when its record is durable, some
// milliseconds later. So that nobody sees more attempts run than may, nor the lines of two mixed where one runs at a
// time, what there is to tell of the second is held until the end of the first has been told.
const (
	// heldAtMost is how long it is held: the record may wait for a server that is away.
	heldAtMost = time.Second
	// heldEvents is how much of it is.
	heldEvents = 1000
)

// emit tells of the attempt, or keeps that until its turn has come.
func (a *attempt) emit(e *Event) {
	e.Step, e.Task, e.Attempt = a.launch.Step.Name, int64(a.launch.Task), a.launch.Attempt
	switch e.Kind {
	case TaskStarted:
		e.Time = a.rec.Started
	case TaskFailed, TaskKilled: // it ends others, or is tried again at once
		a.tell()
		e.Time = a.rec.Ended
	case Foreach, TaskFinished:
		e.Time = a.rec.Ended
	}
	if !a.told {
		a.untold = append(a.untold, e)
		if a.rec.PID != 0 && len(a.untold) > heldEvents {
			a.tell()
		}
		return
	}
	e.PID = a.rec.PID
	a.r.emit(e)
	if e.Kind != TaskFinished {
		return
	}
	if i := slices.Index(a.r.ending, a); i >= 0 {
		a.r.ending = slices.Delete(a.r.ending, i, i+1)
		a.r.tellHeld()
	}
}

// emitStart tells that the process runs, before the lines that came first.
func (a *attempt) emitStart() {
	before := a.untold
	a.untold = nil
	a.emit(&Event{Kind: TaskStarted, Fallback: a.launch.Fallback})
	a.untold = append(a.untold, before...)
	a.r.held = append(a.r.held, a)
	if a.r.tellHeld(); !a.told {
		a.turn = time.AfterFunc(a.r.heldAtMost, func() { a.r.post(a.tell) })
	}
}

// tell tells what is kept, if anything, and keeps nothing more.
func (a *attempt) tell() {
	a.r.held = slices.DeleteFunc(a.r.held, func(b *attempt) bool { return a == b })
	if a.told {
		return
	}
	a.told = true
	if a.turn != nil {
		a.turn.Stop()
	}
	for _, e := range a.untold {
		a.emit(e)
	}
	a.untold = nil
}

// tellHeld tells of those whose turn has come.
func (r *Runner) tellHeld() {
	for {
		i := slices.IndexFunc(r.held, func(a *attempt) bool { return len(r.ending) == 0 || r.ending[0].gave > a.after })
		if i < 0 {
			return
		}
		r.held[i].tell()
	}
}
