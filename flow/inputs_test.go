package flow_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/levadahq/levada/flow"
)

// rated has parameters that its branches may change.
type rated struct {
	Rate  float64 `param:"" default:"0.5"`
	Words string  `param:"" default:"same"`
	Seen  []float64
}

func init() {
	change := func(variable string) func(*rated, *flow.Task) error {
		return func(r *rated, t *flow.Task) error {
			if text := os.Getenv(variable); text != "" {
				_, err := fmt.Sscan(text, &r.Rate)
				return err
			}
			return nil
		}
	}
	flows["Rated"] = func() {
		flow.New[rated]("Rated").
			Step("start", func(*rated, *flow.Task) error { return nil }, flow.To("a", "b")).
			Step("a", change("A"), flow.To("meet")).
			Step("b", change("B"), flow.To("meet")).
			Join("meet", func(r *rated, t *flow.Task, in flow.Inputs[rated]) error {
				for _, one := range in.All() {
					r.Seen = append(r.Seen, one.Rate)
					if one.Words != "same" {
						return fmt.Errorf("words: %q", one.Words)
					}
				}
				if err := change("OWN")(r, t); err != nil {
					return err
				}
				if os.Getenv("EXCLUDE") != "" {
					return in.Merge("Rate")
				}
				return in.Merge()
			}, flow.To("end")).
			Step("end", func(r *rated, t *flow.Task) error {
				fmt.Println("seen", r.Seen, "rate", r.Rate, r.Words)
				return nil
			}).
			Main()
	}
}

// A join sees what its inputs left, parameters too, and merges them as any artifact.
func TestAJoinSeesChangedParameters(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		want string
	}{
		"unchanged":   {nil, "seen [0.5 0.5] rate 0.5 same"},
		"differently": {[]string{"A=1", "B=2"}, `step meet cannot merge "Rate": its inputs have different values`},
		"by one":      {[]string{"B=2"}, `step meet cannot merge "Rate": its inputs have different values`},
		"alike":       {[]string{"A=2", "B=2"}, "seen [2 2] rate 2 same"},
		"set anew":    {[]string{"A=1", "B=2", "OWN=3"}, "seen [1 2] rate 3 same"},
		"left out":    {[]string{"A=1", "B=2", "EXCLUDE=1"}, "seen [1 2] rate 0.5 same"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t)
			s.env = c.env
			o := s.flow("Rated", "run")
			contains(t, o.stdout+o.stderr, c.want)
			if refused := c.want[:4] == "step"; refused != (o.code != 0) {
				t.Errorf("exit code %d", o.code)
			}
		})
	}
}

// wide is joined from more tasks than are asked for at once; its large parameter is stored once and read once.
type wide struct {
	Words string `param:"" file:"true"`
	Items []int
	Sums  []int
}

func init() {
	flows["Wide"] = func() {
		flow.New[wide]("Wide").
			Step("start", func(w *wide, t *flow.Task) error { w.Items = make([]int, 600); return nil }, flow.Foreach("Items", "work")).
			Step("work", func(w *wide, t *flow.Task) error {
				if t.Index() == 550 {
					w.Words = "short"
				}
				return nil
			}, flow.InProcess(), flow.To("meet")).
			Join("meet", func(w *wide, t *flow.Task, in flow.Inputs[wide]) error {
				for _, one := range in.All() {
					w.Sums = append(w.Sums, len(one.Words))
				}
				return nil
			}, flow.To("end")).
			Step("end", func(w *wide, t *flow.Task) error {
				slices.Sort(w.Sums)
				fmt.Println(len(w.Sums), "from", w.Sums[0], w.Sums[1], "to", w.Sums[599])
				return nil
			}).
			Main()
	}
}

func TestAWideJoinSeesALargeParameter(t *testing.T) {
	s := newSession(t)
	file := t.TempDir() + "/words"
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 40<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, s.ok("Wide", "run", "--words", file), "600 from 5 40960 to 40960")
}
