package flow_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/levadahq/levada/flow"
)

type mode int

func (m mode) String() string { return [...]string{"slow", "fast"}[m] }

// secret has no form but its own gob.
type secret struct{ text string }

func (s secret) GobEncode() ([]byte, error)   { return []byte(s.text), nil }
func (s *secret) GobDecode(data []byte) error { s.text = string(data); return nil }

type settings struct {
	Lr float64 `json:"lr"`
}

// edges has what is at the edge of what is promised.
type edges struct {
	Seeds  []int             `param:"" default:"[1,2]"`
	Cfg    settings          `param:"" default:"{}"`
	Points map[[2]int]string // a gob
	A, B   flow.File
	Mode   mode
	Secret secret
	Left   bool
}

func init() {
	points := func(m *edges) {
		m.Points = map[[2]int]string{}
		for i := range 50 {
			m.Points[[2]int{i, -i}] = fmt.Sprint(i)
		}
	}
	flows["Edges"] = func() {
		flow.New[edges]("Edges").
			Step("start", func(m *edges, t *flow.Task) error {
				f, err := t.NewFile(func(w io.Writer) error { _, err := io.WriteString(w, "both"); return err })
				m.A, m.B, m.Mode, m.Secret = f, f, 1, secret{"kept"}
				return err
			}, flow.Switch("Mode", flow.Case{Key: 0, Step: "end"}, flow.Case{Key: 1, Step: "split"})).
			Step("split", func(m *edges, t *flow.Task) error { return nil }, flow.To("left", "right")).
			Step("left", func(m *edges, t *flow.Task) error { points(m); m.Left = true; return nil }, flow.To("meet")).
			Step("right", func(m *edges, t *flow.Task) error { points(m); return nil }, flow.To("meet")).
			Join("meet", func(m *edges, t *flow.Task, in flow.Inputs[edges]) error {
				var all sync.WaitGroup
				for i := range 2 * in.Len() {
					all.Go(func() { in.At(i % in.Len()) })
				}
				all.Wait()
				first, err := in.At(0)
				if err != nil {
					return err
				}
				first.Seeds[0] = 99
				second, err := in.At(1)
				if err != nil || !slices.Equal(second.Seeds, []int{1, 2}) || !slices.Equal(m.Seeds, []int{1, 2}) {
					return errors.Join(err, fmt.Errorf("seeds: %v, %v", second.Seeds, m.Seeds))
				}
				return in.Merge()
			}, flow.To("end")).
			Step("end", func(m *edges, t *flow.Task) error {
				a, errA := m.A.ReadAll()
				b, errB := m.B.ReadAll()
				fmt.Println(m.Seeds, len(m.Points), m.Mode, m.Secret.text, m.Left, string(a), string(b))
				return errors.Join(errA, errB)
			}).
			Main()
	}
	flows["Filed"] = func() {
		type filed struct{ Files []flow.File }
		flow.New[filed]("Filed").Step("only", func(*filed, *flow.Task) error { return nil }).Main()
	}
}

// An input is the join's own copy, equal gobs are no conflict, a File may be in two fields, a
// Switch compares values and not their texts.
func TestEdges(t *testing.T) {
	s := newSession(t)
	contains(t, s.ok("Edges", "run"), "[1 2] 50 fast kept true both both")
}

func TestParametersOfJSONAreReadWhole(t *testing.T) {
	s := newSession(t)
	for option, text := range map[string]string{"--cfg": `{"lr":1,"dep":3}`, "--seeds": `[1,2] garbage`} {
		o := s.flow("Edges", "run", option, text)
		if o.code != 2 {
			t.Errorf("%s: exit code %d", text, o.code)
		}
		contains(t, o.stderr, "Invalid value for '"+option+"'", "is not JSON of a")
	}
}

func TestAFileIsAFieldOfItsOwn(t *testing.T) {
	s := newSession(t)
	contains(t, s.fails("Filed", "check"), "Files cannot be stored, because a flow.File is a field of its own")
}

type piece struct{ Old int }

type pieceSince struct{ New int }

func pieces[X any](list func() []X) {
	type pieced struct{ Pieces []X }
	flow.New[pieced]("Pieced").
		Step("start", func(p *pieced, t *flow.Task) error { p.Pieces = list(); return nil }, flow.Foreach("Pieces", "each")).
		Step("each", func(p *pieced, t *flow.Task) error {
			x, err := flow.Item[X](t)
			if p, old := any(x).(piece); old && p.Old == 1 {
				return errors.New("not yet")
			}
			return err
		}, flow.To("gather")).
		Join("gather", func(*pieced, *flow.Task, flow.Inputs[pieced]) error { return nil }, flow.To("end")).
		Step("end", func(*pieced, *flow.Task) error { return nil }).
		Main()
}

func init() {
	flows["Pieced"] = func() { pieces(func() []piece { return []piece{{1}} }) }
	flows["PiecedSince"] = func() { pieces(func() []pieceSince { return nil }) }
}

// An element whose type has lost a field since is refused.
func TestAnElementOfAnOldTypeIsRefused(t *testing.T) {
	s := newSession(t)
	s.fails("Pieced", "run")
	contains(t, s.fails("PiecedSince", "resume", "--origin-run-id", "1"), "the element 0 of the foreach over pieces is not of type flow_test.pieceSince", `unknown field "Old"`)
}
