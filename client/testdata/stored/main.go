// Stored is a flow with values of all forms in which Go stores some.
package main

import (
	"encoding/gob"
	"math"
	"time"

	"github.com/levadahq/levada/flow"
)

// Base is a part of Model.
type Base struct{ ID int }

// Model is a struct of the flow's own.
type Model struct {
	Base
	Name  string
	Took  time.Duration
	Raw   []byte
	ByDay map[int]string
	Count int64 `json:",string"`
}

// Point is a type that only gob keeps within an any.
type Point struct{ X, Y int }

// Shut has a form that only its own methods know.
type Shut struct{ n byte }

// MarshalBinary writes the form.
func (s Shut) MarshalBinary() ([]byte, error) { return []byte{s.n}, nil }

// UnmarshalBinary reads the form.
func (s *Shut) UnmarshalBinary(b []byte) error { s.n = b[0]; return nil }

// Stored is the flow.
type Stored struct {
	Weights flow.Array[float32]
	Scores  flow.Table
	Loss    float64
	Losses  []float64
	Mixed   map[string]any
	Own     any
	Far     any
	Shut    Shut
	Model   Model
	Gone    flow.Array[float64] // set, and then emptied
	Cleared flow.Table          // as well
}

// Start sets all.
func (s *Stored) Start(*flow.Task) error {
	s.Weights = flow.Array[float32]{Shape: []int{2, 3}, Data: []float32{1, 2, 3, 4, 5, 6}}
	s.Scores = flow.Table{Columns: []string{"rate", "note"}, Rows: [][]string{{"0.5", "two\r\nlines, a \"quote\""}, {"1", ""}}}
	s.Gone, s.Cleared = flow.NewArray[float64](2), s.Scores
	s.Loss = math.NaN()
	s.Losses = []float64{0.5, math.Inf(1)}
	s.Mixed = map[string]any{"loss": math.Inf(-1), "n": 3}
	s.Own = Point{1, 2}
	s.Far = math.Inf(1)
	s.Shut = Shut{7}
	s.Model = Model{Base{7}, "n", time.Minute, []byte("raw"), map[int]string{1: "mon"}, 12}
	return nil
}

// End empties two.
func (s *Stored) End(*flow.Task) error {
	s.Gone, s.Cleared = flow.Array[float64]{}, flow.Table{}
	return nil
}

func main() {
	gob.Register(Point{})
	flow.New[Stored]("Stored").Step("start", (*Stored).Start, flow.To("end")).Step("end", (*Stored).End).Main()
}
