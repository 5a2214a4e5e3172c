package runner

import "time"

// Beat renews the lease once, as is done every few seconds.
func (r *Runner) Beat() { r.beat() }

// SetTimeoutGrace makes the time shorter that a task has to hear of its timeout.
func (r *Runner) SetTimeoutGrace(d time.Duration) { r.timeoutGrace = d }

// SetHeldAtMost changes how long what there is to tell of an attempt may be held.
func (r *Runner) SetHeldAtMost(d time.Duration) { r.places.heldAtMost = d }

// SetOOMKills replaces what the kernel tells of the processes that it has killed because memory ran out.
func (r *Runner) SetOOMKills(f func() int64) { r.ooms.kills = f }
