package upkeep

import "github.com/levadahq/levada/internal/metastore"

// ledger finds out what goes when some runs go, and how many bytes that is. It is told, in this order: what is stored,
// what refers to it, which logs carried tasks need. Then it is asked what goes, and charged with the bytes of that.
type ledger struct {
	gone   map[int64]bool // runs that go
	known  map[int64]bool // runs that there were, those that go included
	last   int64          // the newest of them; what is newer came later and stays
	values map[metastore.Hash]*holding
	logs   map[logKey]bool // needed by a carried task of a run that stays
	shares map[int64]int64 // bytes that go with each run
	left   int64           // bytes to which nobody refers as it is
	held   int64           // bytes that go with the next collection, when those engines have ended that live now
}

// holding is a stored value.
type holding struct {
	bytes int64 // of all its copies but for those that are held
	held  int64 // of copies that a living engine may be about to need
	by    int64 // who refers to it: stays, nobody, or the newest run that goes
}

const (
	stays  int64 = -1
	nobody int64 = 0
)

type logKey struct {
	run, task int64
	attempt   int
}

func newLedger(runs, gone []metastore.Run) *ledger {
	l := &ledger{
		gone: make(map[int64]bool), known: make(map[int64]bool), values: make(map[metastore.Hash]*holding),
		logs: make(map[logKey]bool), shares: make(map[int64]int64),
	}
	for _, r := range runs {
		l.known[r.ID] = true
		l.last = max(l.last, r.ID)
	}
	for _, r := range gone {
		l.gone[r.ID] = true
	}
	return l
}

// stored tells of a copy of a value, and whether it is young enough for a living engine to be about to need it.
func (l *ledger) stored(h metastore.Hash, size int64, held bool) {
	v := l.values[h]
	if v == nil {
		v = &holding{}
		l.values[h] = v
	}
	if held {
		v.held += size
	} else {
		v.bytes += size
	}
}

// refers tells that a run refers to a value.
func (l *ledger) refers(run int64, h metastore.Hash) {
	v := l.values[h]
	switch {
	case v == nil || v.by == stays:
	case !l.gone[run]:
		v.by = stays
	default:
		v.by = max(v.by, run)
	}
}

// needs tells of a log that a run needs though it is kept with another.
func (l *ledger) needs(c metastore.CarriedLog) {
	if !l.gone[c.Needs] {
		l.logs[logKey{c.Run, c.Task, c.Attempt}] = true
	}
}

// goes reports whether what a run alone needs goes: the run does, or is not there any more.
func (l *ledger) goes(run int64) bool { return l.gone[run] || !l.known[run] && run <= l.last }

// logGoes reports whether a log goes.
func (l *ledger) logGoes(k logKey) bool { return l.goes(k.run) && !l.logs[k] }

// valueGoes reports whether a value goes.
func (l *ledger) valueGoes(h metastore.Hash) bool {
	return l.values[h] != nil && l.values[h].by != stays
}

// charge adds the bytes of a log, or of a card that was shown while its task ran, that goes to what goes with its run.
func (l *ledger) charge(run, bytes int64) {
	if l.gone[run] {
		l.shares[run] += bytes
	} else {
		l.left += bytes
	}
}

// chargeValues does so with all values that go.
func (l *ledger) chargeValues() {
	for _, v := range l.values {
		if v.by != stays {
			l.held += v.held
		}
		switch v.by {
		case stays:
		case nobody:
			l.left += v.bytes
		default:
			l.shares[v.by] += v.bytes
		}
	}
}
