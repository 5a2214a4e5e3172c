package runner

import "time"

// ooms are the processes that the kernel has killed because memory ran out, in the engine's cgroup or on the machine. It
// tells only how many there were, so which of the run's attempts was one is a guess: one that was killed just after the
// number rose.
type ooms struct {
	kills func() int64 // but for tests, usage.OOMKills

	told   int64     // of kills, those that an attempt was said to be, or that are too old to be why one ends
	looked int64     // kills, when it was looked last
	at     time.Time // that time
}

// oomsAge is how long ago the kernel has killed a process at least if that cannot be why a task ends now. To free much
// memory takes it seconds.
const oomsAge = 10 * time.Second

// begin begins to count.
func (o *ooms) begin(now time.Time) {
	o.told = o.kills()
	o.looked, o.at = o.told, now
}

// forget is called now and then, so that what the kernel has killed besides, such as what a task had started, is not taken
// for a task that somebody kills later.
func (o *ooms) forget(now time.Time) {
	if now.Sub(o.at) < oomsAge {
		return
	}
	o.told = max(o.told, o.looked)
	o.looked, o.at = o.kills(), now
}

// one reports whether an attempt that was killed may be taken for one of these processes. Each is taken once.
func (o *ooms) one() bool {
	if o.told < 0 || o.kills() <= o.told {
		return false
	}
	o.told++
	return true
}
