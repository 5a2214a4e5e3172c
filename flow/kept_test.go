package flow_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/levadahq/levada/flow"
)

// odd has values that JSON, CSV or a missing record would change.
type odd struct {
	Any    map[string]any
	Text   string
	Names  map[string]string
	Table  flow.Table
	Minus  float64
	Bytes  []byte
	Empty  []byte
	File   flow.File
	Points map[[2]int]string
	Left   int
	Right  int
	Item   any
	Things []any
}

func (o *odd) wanted() odd {
	return odd{
		Any:    map[string]any{"id": int64(1<<53 + 1), "n": 3, "f": 3.0, "u": uint64(math.MaxUint64)},
		Text:   "a\xffb",
		Names:  map[string]string{"\xff": "1", "\xfe": "2"},
		Table:  flow.Table{Columns: []string{""}, Rows: [][]string{{"a\r\nb"}, {""}, {`"`}, {"\r"}}},
		Minus:  math.Copysign(0, -1),
		Empty:  []byte{},
		Points: map[[2]int]string{{1, 2}: "a", {3, 4}: "b", {5, 6}: "c", {7, 8}: "d"},
	}
}

func init() {
	flows["Odd"] = func() {
		check := func(o *odd) error {
			want := o.wanted()
			want.File, want.Left, want.Right, want.Things, want.Item = o.File, o.Left, o.Right, o.Things, o.Item
			if !reflect.DeepEqual(*o, want) || math.Signbit(o.Minus) != true {
				return fmt.Errorf("%#v instead of %#v", *o, want)
			}
			return nil
		}
		flow.New[odd]("Odd").
			Step("start", func(o *odd, t *flow.Task) error {
				var err error
				*o = o.wanted()
				o.Bytes, o.Minus = []byte("there"), 1
				o.File, err = t.NewFile(func(w io.Writer) error { _, err := io.WriteString(w, "content"); return err })
				return err
			}, flow.To("empty")).
			Step("empty", func(o *odd, t *flow.Task) error {
				if text, err := o.File.ReadAll(); err != nil || string(text) != "content" || string(o.Bytes) != "there" {
					return fmt.Errorf("%q, %q, %w", text, o.Bytes, err)
				}
				o.Bytes, o.File, o.Minus = nil, flow.File{}, o.wanted().Minus
				return nil
			}, flow.To("left", "right")).
			Step("left", func(o *odd, t *flow.Task) error { o.Left = 1; return check(o) }, flow.To("meet")).
			Step("right", func(o *odd, t *flow.Task) error { o.Right = 1; return check(o) }, flow.To("meet")).
			Join("meet", func(o *odd, t *flow.Task, in flow.Inputs[odd]) error {
				if err := in.Merge(); err != nil { // a gob that nobody changed is not written anew
					return err
				}
				if _, err := o.File.Open(); !errors.Is(err, flow.ErrNoFile) {
					return fmt.Errorf("the file that was emptied: %w", err)
				}
				o.Things = []any{1, 1.0, "x", map[string]any{"n": 2}}
				return check(o)
			}, flow.To("open")).
			Step("open", func(o *odd, t *flow.Task) error { return check(o) }, flow.Foreach("Things", "each")).
			Step("each", func(o *odd, t *flow.Task) error {
				var err error
				o.Item, err = flow.Item[any](t)
				return err
			}, flow.To("gather")).
			Join("gather", func(o *odd, t *flow.Task, in flow.Inputs[odd]) error {
				for i, one := range in.All() {
					if want := []any{1, 1.0, "x", map[string]any{"n": 2}}[i]; !reflect.DeepEqual(one.Item, want) {
						return fmt.Errorf("element %d is %#v instead of %#v", i, one.Item, want)
					}
				}
				fmt.Println("all came back")
				return nil
			}, flow.To("end")).
			Step("end", func(o *odd, t *flow.Task) error { return nil }).
			Main()
	}
}

func TestOddValuesComeBack(t *testing.T) {
	s := newSession(t)
	contains(t, s.ok("Odd", "run"), "all came back", "Done!")
}

// losing has fields that cannot be kept as they are.
type losing struct {
	Model  model
	When   time.Time
	Pieces []any
	Part   string
	Ended  *flow.Failure
}

type model struct {
	Weights []float64
	cache   map[string]int
}

func init() {
	build := func(options ...flow.Option) func() {
		return func() {
			flow.New[losing]("Losing").
				Step("start", func(l *losing, t *flow.Task) error {
					switch os.Getenv("FAULT") {
					case "field":
						l.Model = model{[]float64{1}, map[string]int{"a": 1}}
					case "zone":
						l.When = time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("Europe/Berlin", 3600))
					case "both":
						l.Model.cache, l.Part = map[string]int{}, "kept"
						return errors.New("something else")
					case "element":
						l.Pieces = []any{"good", "b\xff"}
						return nil
					}
					l.Pieces = []any{"first", "second"}
					return nil
				}, append(options, flow.Foreach("Pieces", "work"))...).
				Step("work", func(l *losing, t *flow.Task) error {
					if os.Getenv("FAULT") == "in foreach" && t.Index() == 1 {
						return errors.New("no")
					}
					return nil
				}, flow.To("gather")).
				Join("gather", func(l *losing, t *flow.Task, in flow.Inputs[losing]) error { return nil }, flow.To("end")).
				Step("end", func(l *losing, t *flow.Task) error { return nil }).
				Main()
		}
	}
	flows["Losing"] = build()
	flows["CatchLosing"] = func() {
		flow.New[losing]("Losing").
			Step("start", func(l *losing, t *flow.Task) error {
				l.Model.cache, l.Part = map[string]int{}, "kept"
				return errors.New("something else")
			}, flow.Catch("Ended"), flow.To("end")).
			Step("end", func(l *losing, t *flow.Task) error { fmt.Println(l.Part, l.Ended); return nil }).
			Main()
	}
}

// What cannot be kept as it is ends the step, with everything that one needs to mend it.
func TestWhatCannotBeKeptIsTold(t *testing.T) {
	for fault, want := range map[string][]string{
		"field": {"<flow Losing step start> failed:", "the artifact model, a flow_test.model, cannot be stored as it is: Model.cache is not zero, and would be lost, " +
			"for its name begins with a small letter; export it, or tag it `flow:\"-\"`"},
		"zone":    {`the artifact when, a time.Time, cannot be stored as it is: When is a time in the location "Europe/Berlin"`, "store its UTC()"},
		"element": {"step start goes through Pieces, whose elements are stored as JSON, and element 1 cannot be: it is text that is not UTF-8, which JSON would change; keep bytes in a []byte"},
		"both":    {"error: something else"},
	} {
		t.Run(fault, func(t *testing.T) {
			s := newSession(t)
			s.env = []string{"FAULT=" + fault}
			contains(t, s.fails("Losing", "run"), want...)
		})
	}
	t.Run("caught", func(t *testing.T) {
		s := newSession(t)
		contains(t, s.ok("CatchLosing", "run"), "<flow Losing step start>: the artifact model, ", "Model.cache is not zero", "it is left out", "kept something else")
	})
}

// A task of a foreach that fails tells which element it had, as one that ends well does.
func TestAFailedTaskTellsItsElement(t *testing.T) {
	s := newSession(t)
	s.env = []string{"FAULT=in foreach"}
	s.fails("Losing", "run")
	contains(t, s.ok("Losing", "--json", "tasks", "1"), `"status":"failed","index":[1],"value":"second"`)
}

// grown is a flow before and after parameters were added to it.
type grown struct {
	Old int `param:"" default:"1"`
}

type grownMore struct {
	Old   int            `param:"" default:"1"`
	Rate  float64        `param:"" default:"0.5"`
	Names []string       `param:"" default:"[\"a\"]"`
	Any   map[string]any `param:"" default:"{\"n\": 1}"`
	Limit time.Duration  `param:"" default:"90s"`
	Plain int            `param:""`
	Seen  map[string]string
}

type grownRequired struct {
	Old int    `param:"" default:"1"`
	Key string `param:"" required:"true"`
}

func init() {
	flows["Grown"] = func() {
		flow.New[grown]("Grown").
			Step("start", func(*grown, *flow.Task) error { return nil }, flow.To("left", "right")).
			Step("left", func(*grown, *flow.Task) error { return nil }, flow.To("meet")).
			Step("right", func(*grown, *flow.Task) error { return errors.New("not yet") }, flow.To("meet")).
			Join("meet", func(*grown, *flow.Task, flow.Inputs[grown]) error { return nil }, flow.To("end")).
			Step("end", func(*grown, *flow.Task) error { return nil }).
			Main()
	}
	flows["GrownMore"] = func() {
		check := func(where string, g *grownMore) error {
			if g.Rate != 0.5 || len(g.Names) != 1 || g.Any["n"] != 1 || g.Limit != 90*time.Second || g.Plain != 0 || g.Old != 1 {
				return fmt.Errorf("%s: %+v", where, g)
			}
			return nil
		}
		step := func(g *grownMore, t *flow.Task) error { return check(t.Step, g) }
		flow.New[grownMore]("Grown").
			Step("start", step, flow.To("left", "right")).
			Step("left", step, flow.To("meet")).
			Step("right", step, flow.To("meet")).
			Join("meet", func(g *grownMore, t *flow.Task, in flow.Inputs[grownMore]) error {
				for i, one := range in.All() {
					if err := check(fmt.Sprint("input ", i), one); err != nil {
						return err
					}
				}
				if err := in.Merge(); err != nil {
					return err
				}
				if err := check("meet", g); err != nil {
					return err
				}
				g.Rate = 2
				return nil
			}, flow.To("end")).
			Step("end", func(g *grownMore, t *flow.Task) error {
				fmt.Println("rate", g.Rate)
				g.Rate = 0.5
				return check("end", g)
			}).
			Main()
	}
	flows["GrownRequired"] = func() {
		step := func(*grownRequired, *flow.Task) error { return nil }
		flow.New[grownRequired]("Grown").
			Step("start", step, flow.To("left", "right")).Step("left", step, flow.To("meet")).Step("right", step, flow.To("meet")).
			Join("meet", func(*grownRequired, *flow.Task, flow.Inputs[grownRequired]) error { return nil }, flow.To("end")).
			Step("end", step).Main()
	}
}

// A parameter that a run has no value of, because it is younger, has its default after a resume, in joins too.
func TestAParameterAddedSinceHasItsDefault(t *testing.T) {
	s := newSession(t)
	s.fails("Grown", "run", "--max-workers", "1") // left ends before right fails
	contains(t, s.fails("GrownRequired", "resume", "--origin-run-id", "1"),
		"run 1 has no value for the parameter key, which is required: it was added to the flow after that run",
		"Give it a default, or start a new run with --key")
	contains(t, s.fails("GrownRequired", "spin", "1/right"),
		"the run has no value of the parameter key, which is required: it was added to the flow after the run began",
		"give the field flow_test.grownRequired.Key a default, or start a new run with --key")
	contains(t, s.ok("GrownMore", "resume", "--origin-run-id", "1"), "Cloning previously run task 1/left/", "rate 2", "Done!")
}
