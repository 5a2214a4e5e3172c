// Squares maps and reduces: a foreach runs a task for each shard of the numbers, and a join adds up what they found.
package main

import (
	"fmt"

	"github.com/levadahq/levada/flow"
)

// Shard is a part of the numbers.
type Shard struct {
	From int `json:"from"`
	To   int `json:"to"` // exclusive
}

// Squares adds up the squares of the numbers below N.
type Squares struct {
	N         int `param:"" default:"1000" min:"1" help:"How many numbers."`
	ShardSize int `param:"" default:"250" min:"1" help:"How many of them each task squares."`

	Shards []Shard
	Sum    int
	Total  int
}

// Start cuts the numbers into shards.
func (s *Squares) Start(t *flow.Task) error {
	for from := 0; from < s.N; from += s.ShardSize {
		s.Shards = append(s.Shards, Shard{From: from, To: min(from+s.ShardSize, s.N)})
	}
	return nil
}

// Square works on one shard.
func (s *Squares) Square(t *flow.Task) error {
	shard, err := flow.Item[Shard](t)
	if err != nil {
		return err
	}
	for n := shard.From; n < shard.To; n++ {
		s.Sum += n * n
	}
	return nil
}

// Add adds up the sums of all shards.
func (s *Squares) Add(t *flow.Task, shards flow.Inputs[Squares]) error {
	for _, shard := range shards.All() {
		s.Total += shard.Sum
	}
	return nil
}

// End prints the total.
func (s *Squares) End(t *flow.Task) error {
	fmt.Printf("the squares of the numbers below %d add up to %d\n", s.N, s.Total)
	return nil
}

func main() {
	flow.New[Squares]("Squares").
		Step("start", (*Squares).Start, flow.Foreach("Shards", "square")).
		Step("square", (*Squares).Square, flow.To("add")).
		Join("add", (*Squares).Add, flow.To("end")).
		Step("end", (*Squares).End).
		Main()
}
