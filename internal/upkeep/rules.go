// Package upkeep keeps a store in order: it removes runs, frees what nothing refers to any more, and finds and repairs
// damage.
//
// Deciding is separate from doing. [Rules.Select] says which runs are removed, given all runs; the ledger (ledger.go)
// says which values and logs go with them, given all references. Both are pure. [Store] reads, asks them, and does it.
//
// A collection finds its candidates (everything stored, minus everything referred to) through readers, for which nobody
// has to wait. It removes runs, a few at a time, so that no flow waits long for its turn to write. Then it checks each
// candidate again where nothing can change any more (small values in a transaction, files as package datastore
// describes), and deletes it. This second check does not read all runs again, only those that may have new records
// since the first: those that went on then or may come back, and newer ones.
//
// Records are deleted before what they refer to. So a collection that is killed, or ends with an error, leaves at most
// something that nothing refers to, and the next one frees that.
package upkeep

import (
	"slices"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Rules say which runs are to go: those to which all rules apply that are given, and none that
// keeps. A run that still goes on never goes.
type Rules struct {
	OlderThan time.Duration         // it ended longer ago; 0 is no rule
	Keep      int                   // it is not among so many newest of its flow, of runs or of spins; -1 is no rule
	Flows     []string              // it is a run of one of them
	Statuses  []metastore.RunStatus // it has one of them
	Tags      []string              // it has all of them, user or system tags
	KeepTags  []string              // a run that has one of them stays
}

// NoRules select nothing.
var NoRules = Rules{Keep: -1}

// Empty reports whether there is no rule by which a run could go.
func (r Rules) Empty() bool {
	return r.OlderThan == 0 && r.Keep < 0 && len(r.Flows) == 0 && len(r.Statuses) == 0 && len(r.Tags) == 0
}

// Check returns a fault of kind Usage if the rules cannot be meant.
func (r Rules) Check() error {
	switch {
	case r.OlderThan < 0:
		return fault.New(fault.Usage, "an age cannot be negative")
	case r.Empty() && len(r.KeepTags) > 0:
		return fault.New(fault.Usage, "--keep-tag says which runs to keep, but nothing says which to remove").
			Do("add a rule: --older-than, --keep, --flow, --status or --tag")
	case slices.Contains(r.Statuses, metastore.RunRunning):
		return fault.New(fault.Usage, "a run that is still running cannot be removed").Do("stop it first; its status is then interrupted")
	}
	return nil
}

// Select returns the runs that are to go, given all runs of the store, newest first and with honest statuses.
func (r Rules) Select(runs []metastore.Run, now time.Time) []metastore.Run {
	if r.Empty() {
		return nil
	}
	var gone []metastore.Run
	// Those that spun a task are counted by themselves: nobody wants to lose a run because a step was tried out often.
	type kind struct {
		flow string
		spun bool
	}
	newer := make(map[kind]int) // runs so far
	for _, run := range runs {
		of := kind{run.Flow, run.Info.Spin != ""}
		rank := newer[of]
		newer[of]++
		if (r.Keep < 0 || rank >= r.Keep) && r.applies(run, now) {
			gone = append(gone, run)
		}
	}
	return gone
}

// applies reports whether a run is to go as far as that does not depend on other runs.
func (r Rules) applies(run metastore.Run, now time.Time) bool {
	tagged := func(tag string) bool { return slices.Contains(run.Tags, tag) || slices.Contains(run.SystemTags, tag) }
	switch {
	case run.Status == metastore.RunRunning,
		r.OlderThan > 0 && now.Sub(lastSeen(run)) < r.OlderThan,
		len(r.Flows) > 0 && !slices.Contains(r.Flows, run.Flow),
		len(r.Statuses) > 0 && !slices.Contains(r.Statuses, run.Status),
		slices.ContainsFunc(r.KeepTags, tagged):
		return false
	}
	return !slices.ContainsFunc(r.Tags, func(tag string) bool { return !tagged(tag) })
}

// lastSeen is when a run ended, or was last known to go on.
func lastSeen(run metastore.Run) time.Time {
	if !run.Ended.IsZero() {
		return run.Ended
	}
	if run.Lease.Heartbeat.After(run.Created) {
		return run.Lease.Heartbeat
	}
	return run.Created
}
