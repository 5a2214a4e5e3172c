// Goflow is the flow in Go that is measured: a foreach of n squares and their sum, each task a process or all in one.
package main

import (
	"fmt"
	"os"

	"github.com/levadahq/levada/flow"
)

// Squares squares the numbers below N.
type Squares struct {
	N int `param:"n" default:"1000" help:"How many numbers."`

	Numbers []int
	Square  int
	Total   int
}

// Start makes the numbers.
func (s *Squares) Start(t *flow.Task) error {
	s.Numbers = make([]int, s.N)
	for i := range s.Numbers {
		s.Numbers[i] = i
	}
	return nil
}

// Work squares one.
func (s *Squares) Work(t *flow.Task) error {
	n, err := flow.Item[int](t)
	s.Square = n * n
	return err
}

// Add adds them up.
func (s *Squares) Add(t *flow.Task, squares flow.Inputs[Squares]) error {
	for _, in := range squares.All() {
		s.Total += in.Square
	}
	want := (s.N - 1) * s.N * (2*s.N - 1) / 6
	if s.Total != want {
		return fmt.Errorf("the sum is %d, not %d", s.Total, want)
	}
	return nil
}

// End ends.
func (s *Squares) End(t *flow.Task) error { return nil }

func main() {
	var options []flow.Option
	if os.Getenv("BENCH_IN_PROCESS") != "" {
		options = append(options, flow.InProcess())
	}
	if os.Getenv("BENCH_BARE") != "" {
		os.Exit(0) // what starting and ending this program costs by itself
	}
	flow.New[Squares]("Squares").
		Step("start", (*Squares).Start, flow.Foreach("Numbers", "work")).
		Step("work", (*Squares).Work, append(options, flow.To("add"))...).
		Join("add", (*Squares).Add, flow.To("end")).
		Step("end", (*Squares).End).
		Main()
}
