package upkeep

import "github.com/levadahq/levada/internal/metastore"

// ledger finds out what goes when some runs go. Told are, in this order: what is stored, what refers to it, which logs
// carried tasks need, which logs there are.
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

// log tells of a log, and returns whether it goes.
func (l *ledger) log(run, task int64, attempt int, size int64) bool {
	return !l.logs[logKey{run, task, attempt}] && l.card(run, size)
}

// card tells of a file of a card that was shown while its task ran, which nobody but its run needs, and returns whether it goes with it.
func (l *ledger) card(run, size int64) bool {
	if !l.gone[run] && (l.known[run] || run > l.last) {
		return false
	}
	if l.gone[run] {
		l.shares[run] += size
	} else {
		l.left += size
	}
	return true
}

// value returns whether a value goes.
func (l *ledger) value(h metastore.Hash) bool { return l.values[h] != nil && l.values[h].by != stays }

// settle adds the values that go to what goes with each run.
func (l *ledger) settle() {
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
