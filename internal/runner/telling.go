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

// places knows of which attempts the news has to wait for that of others: whoever has begun after a place was given up
// may be who took it.
type places struct {
	givenUp    int           // how many were
	leaving    []*attempt    // who gave them up and of whose end has not been told, in that order
	waiting    []*attempt    // of whom the news is held
	heldAtMost time.Duration // but for tests, the constant
}

// news is what there is to tell of an attempt.
type news struct {
	begun int  // how many places had been given up when it began
	left  int  // its number among those who gave up theirs
	told  bool // nothing is held any more
	held  []*Event
	limit *time.Timer // until when it is held at most; nil if it does not wait for others
}

// giveUp notes that the attempt has given up its place.
func (p *places) giveUp(a *attempt) {
	p.givenUp++
	a.news.left = p.givenUp
	p.leaving = append(p.leaving, a)
}

// left notes that the end of the attempt has been told.
func (p *places) left(a *attempt) {
	p.leaving = slices.DeleteFunc(p.leaving, func(b *attempt) bool { return a == b })
	p.tellWaiting()
}

// wait holds the news of the attempt until its turn has come.
func (p *places) wait(a *attempt) {
	p.waiting = append(p.waiting, a)
	if p.tellWaiting(); !a.news.told {
		a.news.limit = time.AfterFunc(p.heldAtMost, func() { a.r.post(a.tell) })
	}
}

// tellWaiting tells of those whose turn has come: the end of all that had left when they began has been told.
func (p *places) tellWaiting() {
	for {
		i := slices.IndexFunc(p.waiting, func(a *attempt) bool {
			return len(p.leaving) == 0 || p.leaving[0].news.left > a.news.begun
		})
		if i < 0 {
			return
		}
		p.waiting[i].tell()
	}
}

// tellAll tells of all, whosever turn it is.
func (p *places) tellAll() {
	for len(p.waiting) > 0 {
		p.waiting[0].tell()
	}
}

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
	if !a.news.told {
		a.news.held = append(a.news.held, e)
		if a.rec.PID != 0 && len(a.news.held) > heldEvents {
			a.tell()
		}
		return
	}
	e.PID = a.rec.PID
	a.r.emit(e)
	if e.Kind == TaskFinished {
		a.r.places.left(a)
	}
}

// emitStart tells that the process runs, before the lines that came first.
func (a *attempt) emitStart() {
	before := a.news.held
	a.news.held = nil
	a.emit(&Event{Kind: TaskStarted, Fallback: a.launch.Fallback})
	a.news.held = append(a.news.held, before...)
	a.r.places.wait(a)
}

// tell tells what is held, if anything, and holds nothing more.
func (a *attempt) tell() {
	p := &a.r.places
	p.waiting = slices.DeleteFunc(p.waiting, func(b *attempt) bool { return a == b })
	n := &a.news
	if n.told {
		return
	}
	n.told = true
	if n.limit != nil {
		n.limit.Stop()
	}
	held := n.held
	n.held = nil
	for _, e := range held {
		a.emit(e)
	}
}
