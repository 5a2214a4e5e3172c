// Goflow is the flow of the conformance kit, in Go.
package main

import (
	"errors"
	"fmt"

	"github.com/levadahq/levada/flow"
)

// Conformance is the flow.
type Conformance struct {
	Alpha int `param:"" default:"1" help:"a number"`

	Greeting string
	Numbers  []int
	Square   int
	Total    int
	Before   bool
}

// Start makes what is inherited.
func (c *Conformance) Start(t *flow.Task) error {
	c.Greeting = fmt.Sprintf("hello %d", c.Alpha)
	c.Numbers = []int{1, 2}
	return nil
}

// Fan goes through the numbers.
func (c *Conformance) Fan(t *flow.Task) error {
	c.Numbers = append(c.Numbers, 30)
	return nil
}

// Body squares one.
func (c *Conformance) Body(t *flow.Task) error {
	fmt.Println(c.Greeting)
	n, err := flow.Item[int](t)
	c.Square = n * n
	return err
}

// Join adds up the squares.
func (c *Conformance) Join(t *flow.Task, inputs flow.Inputs[Conformance]) error {
	for _, in := range inputs.All() {
		c.Total += in.Square
	}
	return inputs.Merge("Square")
}

// Fail fails.
func (c *Conformance) Fail(t *flow.Task) error {
	c.Before = true
	return errors.New("boom")
}

// End ends.
func (c *Conformance) End(t *flow.Task) error { return nil }

func main() {
	flow.New[Conformance]("Conformance").
		Step("start", (*Conformance).Start, flow.To("fan")).
		Step("fan", (*Conformance).Fan, flow.Foreach("Numbers", "body")).
		Step("body", (*Conformance).Body, flow.Retry(1), flow.To("join")).
		Join("join", (*Conformance).Join, flow.To("fail")).
		Step("fail", (*Conformance).Fail, flow.To("end")).
		Step("end", (*Conformance).End).
		Main()
}
