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

// runMove is one legal move of a run.
type runMove struct {
	from  runState
	cause runCause
	to    runState
}

// runMoves are all legal moves of a run.
var runMoves = []runMove{
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

// attemptMove is one legal move of an attempt.
type attemptMove struct {
	from  attemptState
	cause attemptCause
	to    attemptState
}

// attemptMoves are all legal moves of an attempt.
var attemptMoves = []attemptMove{
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

const noMove = 0xff

// runTable and attemptTable are the moves by state and cause.
var (
	runTable     = runIndex()
	attemptTable = attemptIndex()
)

func runIndex() (table [ended + 1][runCauses]runState) {
	for s := range table {
		for c := range table[s] {
			table[s][c] = noMove
		}
	}
	for _, m := range runMoves {
		table[m.from][m.cause] = m.to
	}
	return table
}

func attemptIndex() (table [attemptStates][attemptCauses]attemptState) {
	for s := range table {
		for c := range table[s] {
			table[s][c] = noMove
		}
	}
	for _, m := range attemptMoves {
		table[m.from][m.cause] = m.to
	}
	return table
}

// after returns the state that a cause leads to, and whether the move is legal.
func (s runState) after(c runCause) (runState, bool) {
	to := runTable[s][c]
	if to == noMove {
		return s, false
	}
	return to, true
}

// after returns the state that a cause leads to, and whether the move is legal.
func (s attemptState) after(c attemptCause) (attemptState, bool) {
	to := attemptTable[s][c]
	if to == noMove {
		return s, false
	}
	return to, true
}
