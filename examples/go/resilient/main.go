// Resilient deals with what goes wrong: a flaky step is tried again, a hopeless one is caught, an endless one is timed
// out, and a loop goes round until its result is good enough.
package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/levadahq/levada/flow"
)

// Resilient halves a number until it is small.
type Resilient struct {
	Number int `param:"" default:"40" min:"1" help:"What to halve."`

	Attempts int
	Rounds   int
	Verdict  string
	Hopeless *flow.Failure
	Endless  *flow.Failure
}

// Start begins two branches.
func (r *Resilient) Start(t *flow.Task) error { return nil }

// Flaky fails on its first attempt, and is tried again.
func (r *Resilient) Flaky(t *flow.Task) error {
	if t.Attempt == 0 {
		return errors.New("the network was away for a moment")
	}
	r.Attempts = t.Attempt + 1
	return nil
}

// Doomed divides by zero. The run goes on.
func (r *Resilient) Doomed(t *flow.Task) error {
	r.Number /= t.Attempt // the first attempt is number 0
	return nil
}

// Sleepy would never end by itself.
func (r *Resilient) Sleepy(t *flow.Task) error {
	<-t.Done() // where others wait for a network
	return t.Err()
}

// Meet brings the branches together.
func (r *Resilient) Meet(t *flow.Task, branches flow.Inputs[Resilient]) error {
	return branches.Merge()
}

// Halve goes round until the number is small.
func (r *Resilient) Halve(t *flow.Task) error {
	r.Rounds++
	r.Number /= 2
	r.Verdict = "small"
	if r.Number > 5 {
		r.Verdict = "large"
	}
	return nil
}

// End tells what happened.
func (r *Resilient) End(t *flow.Task) error {
	fmt.Printf("flaky: %d attempts; doomed: %s; sleepy: %s; halved %d times\n",
		r.Attempts, r.Hopeless.Message, r.Endless.Message, r.Rounds)
	return nil
}

func main() {
	flow.New[Resilient]("Resilient").
		Step("start", (*Resilient).Start, flow.To("flaky", "doomed", "sleepy")).
		Step("flaky", (*Resilient).Flaky, flow.To("meet"), flow.Retry(2)).
		Step("doomed", (*Resilient).Doomed, flow.To("meet"), flow.Catch("Hopeless")).
		Step("sleepy", (*Resilient).Sleepy, flow.To("meet"), flow.Timeout(time.Second), flow.Catch("Endless")).
		Join("meet", (*Resilient).Meet, flow.To("halve")).
		Step("halve", (*Resilient).Halve, flow.Switch("Verdict",
			flow.Case{Key: "large", Step: "halve"},
			flow.Case{Key: "small", Step: "end"})).
		Step("end", (*Resilient).End).
		Main()
}
