package flow_test

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/levadahq/levada/flow"
)

// Train is the flow of the examples.
type Train struct {
	Rate float64 `param:"" default:"0.1" min:"0" help:"Learning rate."`

	Shards []string
	Score  float64
	Best   float64
	Trace  flow.File
	Lost   *flow.Failure
}

func (f *Train) Start(t *flow.Task) error { f.Shards = []string{"a", "b"}; return nil }

func (f *Train) Fit(t *flow.Task) error {
	shard, err := flow.Item[string](t)
	if err != nil {
		return err
	}
	f.Score = float64(len(shard)) * f.Rate
	t.Log.Info("fitted", "shard", shard)
	return nil
}

func (f *Train) Choose(t *flow.Task, fits flow.Inputs[Train]) error {
	for _, fit := range fits.All() {
		f.Best = max(f.Best, fit.Score)
	}
	return nil
}

func (f *Train) End(t *flow.Task) error { fmt.Println(f.Best); return nil }

// A flow with a foreach: Main hands it over to levada.
func ExampleNew() {
	main := func() {
		flow.New[Train]("Train").
			Step("start", (*Train).Start, flow.Foreach("Shards", "fit")).
			Step("fit", (*Train).Fit, flow.Retry(2), flow.Timeout(time.Hour), flow.Catch("Lost"), flow.To("choose")).
			Join("choose", (*Train).Choose, flow.To("end")).
			Step("end", (*Train).End).
			Main()
	}
	_ = main
	// Output:
}

// A step that a shell script runs: it finds rate.json in the folder LEVADA_INPUTS
// and writes score.json to LEVADA_OUTPUTS.
func ExampleFlow_Exec() {
	f := flow.New[Train]("Train").
		Exec("start", flow.Program{Command: []string{"./score.sh"}, Inputs: []string{"Rate"}, Outputs: []string{"Score"}}, flow.To("end")).
		Step("end", (*Train).End)
	_ = f
	// Output:
}

// A step that chooses what follows, and goes round until it is content.
func ExampleSwitch() {
	type Search struct{ Verdict string }
	step := func(s *Search, t *flow.Task) error { s.Verdict = "done"; return nil }
	f := flow.New[Search]("Search").
		Step("start", step, flow.To("look")).
		Step("look", step, flow.Switch("Verdict",
			flow.Case{Key: "again", Step: "look"},
			flow.Case{Key: "done", Step: "end"})).
		Step("end", step)
	_ = f
	// Output:
}

// Arrays have a shape, and are numpy arrays in Python.
func ExampleNewArray() {
	a := flow.NewArray[float64](2, 3)
	a.Data[a.Offset(1, 2)] = 7
	fmt.Println(a.Shape, a.At(1, 2), len(a.Data))
	// Output: [2 3] 7 6
}

// A table has named columns.
func ExampleTable() {
	t := flow.Table{Columns: []string{"name", "weight"}, Rows: [][]string{{"ant", "0.01"}, {"bee", "0.1"}}}
	weights, err := t.Floats("weight")
	fmt.Println(t.Column("name"), weights, err)
	_, err = t.Floats("name")
	fmt.Println(err)
	// Output:
	// [ant bee] [0.01 0.1] <nil>
	// column name, row 1: "ant" is not a number
}

// Large data goes straight to the disk.
func ExampleTask_NewFile() {
	trace := func(f *Train, t *flow.Task) (err error) {
		f.Trace, err = t.NewFile(func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "a lot of lines")
			return err
		})
		return err
	}
	_ = trace
	// Output:
}

// An error that trying again cannot mend.
func ExamplePermanent() {
	err := flow.Permanent(errors.New("the table has no such column"))
	fmt.Println(err)
	// Output: the table has no such column
}
