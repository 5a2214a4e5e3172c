package engine

// runState is where a run is in its life.
type runState uint8

const (
	recovering runState = iota // what an earlier engine finished is being told
	running
	finishing // the end step succeeded, its process may still live
	failing   // something failed for good; attempts are being ended
	stopping  // interrupted; attempts are being ended
	ended
)

var runStateNames = [...]string{"recovering", "running", "finishing", "failing", "stopping", "ended"}

func (s runState) String() string { return runStateNames[s] }

// runCause is why a run goes from one state to another.
type runCause uint8

const (
	causeRecovered     runCause = iota // event Recovered
	causeStarted                       // event Started
	causeAttempt                       // event PlaceFreed, Succeeded or Failed
	causeEndSucceeded                  // the end step succeeded
	causeFailedForGood                 // a task failed for good, or a problem was found
	causeInterrupted                   // event Interrupted
	causeIdle                          // no attempt is under way, and none can be launched
	runCauses
)

var runCauseNames = [...]string{
	"Recovered", "Started", "PlaceFreed, Succeeded, Failed", "end step succeeded", "failed for good", "Interrupted", "nothing under way",
}

func (c runCause) String() string { return runCauseNames[c] }

// runMoves are all legal moves of a run.
var runMoves = []move[runState, runCause]{
	{recovering, causeRecovered, recovering},
	{recovering, causeEndSucceeded, recovering}, // a whole run is recovered
	{recovering, causeStarted, running},
	{recovering, causeFailedForGood, failing},
	{recovering, causeInterrupted, stopping},
	{running, causeAttempt, running},
	{running, causeEndSucceeded, finishing},
	{running, causeFailedForGood, failing},
	{running, causeInterrupted, stopping},
	{running, causeIdle, ended},
	{finishing, causeAttempt, finishing},
	{finishing, causeFailedForGood, failing},
	{finishing, causeInterrupted, finishing},
	{finishing, causeIdle, ended},
	{failing, causeAttempt, failing},
	{failing, causeInterrupted, failing},
	{failing, causeIdle, ended},
	{stopping, causeAttempt, stopping},
	{stopping, causeInterrupted, stopping},
	{stopping, causeIdle, ended},
	{ended, causeInterrupted, ended},
}

// attemptState is where an attempt of a task is in its life.
type attemptState uint8

const (
	waiting  attemptState = iota // ready, or about to be
	launched                     // it holds its place, nothing is recorded
	freed                        // its place is free, nothing is recorded yet
	recorded                     // the success is recorded, it holds its place
	mourned                      // the failure is recorded, it holds its place
	won                          // over: succeeded
	lost                         // over: failed
	attemptStates
)

var attemptStateNames = [...]string{"waiting", "launched", "freed", "recorded", "mourned", "won", "lost"}

func (s attemptState) String() string { return attemptStateNames[s] }

// placed reports whether the attempt holds its place.
func (s attemptState) placed() bool { return s == launched || s == recorded || s == mourned }

// attemptCause is why an attempt goes from one state to another.
type attemptCause uint8

const (
	causeLaunched   attemptCause = iota // command Launch
	causePlaceFreed                     // event PlaceFreed
	causeSucceeded                      // event Succeeded
	causeFailed                         // event Failed
	causeTriedAgain                     // the next attempt takes its place
	attemptCauses
)

var attemptCauseNames = [...]string{"Launch", "PlaceFreed", "Succeeded", "Failed", "tried again"}

func (c attemptCause) String() string { return attemptCauseNames[c] }

// attemptMoves are all legal moves of an attempt.
var attemptMoves = []move[attemptState, attemptCause]{
	{waiting, causeLaunched, launched},
	{launched, causePlaceFreed, freed},
	{launched, causeSucceeded, recorded},
	{launched, causeFailed, mourned},
	{freed, causeSucceeded, won},
	{freed, causeFailed, lost},
	{recorded, causePlaceFreed, won},
	{mourned, causePlaceFreed, lost},
	{lost, causeTriedAgain, waiting},
	{won, causeTriedAgain, waiting}, // a node of a gang in which another failed
}

var (
	runTable     = tableOf(runMoves)
	attemptTable = tableOf(attemptMoves)
)

// after returns the state that a cause leads to, and whether the move is legal.
func (s runState) after(c runCause) (runState, bool) { return runTable.after(s, c) }

// after returns the state that a cause leads to, and whether the move is legal.
func (s attemptState) after(c attemptCause) (attemptState, bool) { return attemptTable.after(s, c) }

// move is one legal move, by a cause from a state to another.
type move[S, C ~uint8] struct {
	from  S
	cause C
	to    S
}

// table is moves by state and cause. There is room for eight of each.
type table[S, C ~uint8] [8][8]S

const noMove = 0xff

func tableOf[S, C ~uint8](moves []move[S, C]) *table[S, C] {
	t := new(table[S, C])
	for s := range t {
		for c := range t[s] {
			t[s][c] = noMove
		}
	}
	for _, m := range moves {
		t[m.from][m.cause] = m.to
	}
	return t
}

func (t *table[S, C]) after(s S, c C) (S, bool) {
	to := t[s][c]
	if to == noMove {
		return s, false
	}
	return to, true
}
