// Digits is a small piece of real machine learning: it draws noisy digits, trains a softmax classifier with several
// learning rates side by side, keeps the best, and measures it on digits that no training has seen.
package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/levadahq/levada/flow"
)

// pixels and classes are the sizes of the data: digits of 8 by 5 points.
const (
	pixels  = 40
	classes = 10
)

// Digits is the flow. Arrays are stored as numpy stores them, so that a notebook can look at them.
type Digits struct {
	Samples int     `param:"" default:"2000" min:"100" help:"How many digits to draw for training."`
	Noise   float64 `param:"" default:"0.2" min:"0" max:"1" help:"The share of points that are wrong."`
	Epochs  int     `param:"" default:"20" min:"1" help:"How often each digit is looked at."`
	Seed    uint64  `param:"" default:"7" help:"For the random numbers."`

	Rates []float64 // to try

	TrainX, TestX flow.Array[float32] // (samples, pixels)
	TrainY, TestY []int

	Rate     float64
	Weights  flow.Array[float64] // (classes, pixels + 1), the last column is the bias
	Accuracy float64             // on a part of the training digits that was held out
	Scores   flow.Table          // of all rates
	Final    float64             // accuracy on the test digits
}

// Start draws the data and says what to try.
func (d *Digits) Start(t *flow.Task) error {
	random := rand.New(rand.NewPCG(d.Seed, 1))
	d.TrainX, d.TrainY = draw(random, d.Samples, d.Noise)
	d.TestX, d.TestY = draw(random, d.Samples/4, d.Noise)
	d.Rates = []float64{0.001, 0.01, 0.1, 1}
	t.Log.Info("drawn", "train", len(d.TrainY), "test", len(d.TestY))
	return nil
}

// Fit trains with one learning rate.
func (d *Digits) Fit(t *flow.Task) error {
	rate, err := flow.Item[float64](t)
	if err != nil {
		return err
	}
	d.Rate = rate
	d.Weights = flow.NewArray[float64](classes, pixels+1)
	random := rand.New(rand.NewPCG(d.Seed, 2))
	held := len(d.TrainY) / 5
	for range d.Epochs {
		if t.Err() != nil {
			return t.Err() // the run was interrupted
		}
		for _, i := range random.Perm(len(d.TrainY) - held) {
			step(&d.Weights, row(d.TrainX, held+i), d.TrainY[held+i], rate)
		}
	}
	d.Accuracy = accuracy(&d.Weights, d.TrainX, d.TrainY[:held])
	t.Log.Info("trained", "rate", rate, "accuracy", d.Accuracy)
	return nil
}

// Choose keeps the best.
func (d *Digits) Choose(t *flow.Task, fits flow.Inputs[Digits]) error {
	d.Scores.Columns = []string{"rate", "accuracy"}
	for _, fit := range fits.All() {
		d.Scores.Rows = append(d.Scores.Rows, []string{fmt.Sprint(fit.Rate), fmt.Sprintf("%.4f", fit.Accuracy)})
		if fit.Accuracy > d.Accuracy {
			d.Accuracy, d.Rate, d.Weights = fit.Accuracy, fit.Rate, fit.Weights
		}
		d.TestX, d.TestY = fit.TestX, fit.TestY
	}
	return nil
}

// End measures it.
func (d *Digits) End(t *flow.Task) error {
	d.Final = accuracy(&d.Weights, d.TestX, d.TestY)
	fmt.Printf("rate %v is best; it recognises %.1f%% of new digits\n", d.Rate, 100*d.Final)
	return nil
}

func main() {
	flow.New[Digits]("Digits").
		Doc("Recognises digits of 8 by 5 points.").
		Step("start", (*Digits).Start, flow.Foreach("Rates", "fit")).
		Step("fit", (*Digits).Fit, flow.To("choose"), flow.Resources(flow.Needs{CPU: 1})).
		Join("choose", (*Digits).Choose, flow.To("end")).
		Step("end", (*Digits).End).
		Main()
}

// shapes are the digits, row after row.
var shapes = [classes]string{
	".###.#...##...##...##...##...##...#.###.", "..#...##....#....#....#....#....#...###.",
	".###.#...#....#...#...#...#...#...######", ".###.#...#....#..##.....#....##...#.###.",
	"...#...##..#.#.#..#.#####...#....#....#.", "######....#....####.....#....##...#.###.",
	".###.#....#....####.#...##...##...#.###.", "#####....#....#...#...#...#....#....#...",
	".###.#...##...#.###.#...##...##...#.###.", ".###.#...##...#.####....#....#....#.###.",
}

// draw draws digits of which some points are wrong.
func draw(random *rand.Rand, n int, noise float64) (flow.Array[float32], []int) {
	x, y := flow.NewArray[float32](n, pixels), make([]int, n)
	for i := range y {
		y[i] = random.IntN(classes)
		for p := range pixels {
			if on := shapes[y[i]][p] == '#'; on != (random.Float64() < noise) {
				x.Data[x.Offset(i, p)] = 1
			}
		}
	}
	return x, y
}

// row is one sample.
func row(x flow.Array[float32], i int) []float32 { return x.Data[i*pixels : (i+1)*pixels] }

// scores returns how likely each class is.
func scores(w *flow.Array[float64], x []float32) [classes]float64 {
	var s [classes]float64
	total, most := 0.0, math.Inf(-1)
	for c := range s {
		weights := w.Data[c*(pixels+1):][:pixels+1]
		s[c] = weights[pixels]
		for p, v := range x {
			s[c] += weights[p] * float64(v)
		}
		most = max(most, s[c])
	}
	for c := range s {
		s[c] = math.Exp(s[c] - most)
		total += s[c]
	}
	for c := range s {
		s[c] /= total
	}
	return s
}

// step moves the weights a little towards the right answer.
func step(w *flow.Array[float64], x []float32, y int, rate float64) {
	for c, s := range scores(w, x) {
		if c == y {
			s--
		}
		weights := w.Data[c*(pixels+1):][:pixels+1]
		for p, v := range x {
			weights[p] -= rate * s * float64(v)
		}
		weights[pixels] -= rate * s
	}
}

// accuracy is the share of samples that are recognised.
func accuracy(w *flow.Array[float64], x flow.Array[float32], y []int) float64 {
	right := 0
	for i, want := range y {
		best, at := -1.0, 0
		for c, s := range scores(w, row(x, i)) {
			if s > best {
				best, at = s, c
			}
		}
		if at == want {
			right++
		}
	}
	return float64(right) / float64(len(y))
}
