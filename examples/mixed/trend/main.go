// Trend is a step of sales.py, written in Go: it fits a line to what Python sold.
package main

import "github.com/levadahq/levada/flow"

// Trend has the artifacts that it reads and sets. It could be run alone as well.
type Trend struct {
	Sales []float64 // Python's list
	Note  string

	Slope float64
}

// Trend fits the line by least squares.
func (t *Trend) Trend(task *flow.Task) error {
	n := float64(len(t.Sales))
	var x, y, xx, xy float64
	for i, v := range t.Sales {
		x += float64(i)
		y += v
		xx += float64(i * i)
		xy += float64(i) * v
	}
	t.Slope = (n*xy - x*y) / (n*xx - x*x)
	t.Note += ", measured by Go"
	return nil
}

func main() {
	flow.New[Trend]("Trend").
		Step("trend", (*Trend).Trend).
		Main()
}
