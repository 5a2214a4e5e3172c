package graphtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Shape bounds what Random makes.
type Shape struct {
	Steps     int  // about how many steps, at least 1
	Depth     int  // how deep splits may lie in each other
	Gangs     bool // with num_parallel
	Retries   bool // with @retry and @catch
	Resources bool // with @resources
}

// Random returns the text form of a valid flow: linear pieces, splits, foreaches,
// gangs, switches that come together again and recursive ones, in each other.
// The same generator state gives the same flow.
func Random(r *rand.Rand, shape Shape) string {
	m := &maker{r: r, shape: shape, left: shape.Steps - 2}
	if shape.Steps <= 1 {
		return "only\n"
	}
	m.chain("start", "end", shape.Depth)
	m.b.WriteString("end\n")
	return m.b.String()
}

// maker writes a random flow, piece by piece.
type maker struct {
	r     *rand.Rand
	shape Shape
	left  int // steps that may still be made
	count int
	b     strings.Builder
}

// name makes a new step name.
func (m *maker) name(kind string) string {
	m.count++
	m.left--
	return fmt.Sprintf("%s%d", kind, m.count)
}

// emit writes a step.
func (m *maker) emit(name, next string, caught bool) {
	m.b.WriteString(name)
	if m.shape.Retries {
		if m.r.IntN(3) == 0 {
			fmt.Fprintf(&m.b, " @retry:times=%d", m.r.IntN(3))
		}
		if caught && m.r.IntN(5) == 0 {
			m.b.WriteString(" @catch")
		}
	}
	if m.shape.Resources && m.r.IntN(2) == 0 {
		fmt.Fprintf(&m.b, " @resources:cpu=%.1f,memory=%d", float64(m.r.IntN(20))/10, m.r.IntN(100))
		if m.r.IntN(2) == 0 {
			fmt.Fprintf(&m.b, ",gpu=%.1f", float64(1+m.r.IntN(25))/10)
		}
	}
	fmt.Fprintf(&m.b, " -> %s\n", next)
}

// chain writes the step "first" and everything up to, but without, "last", which it leads to.
// The step before last is never a switch.
func (m *maker) chain(first, last string, depth int) {
	if m.left <= 0 {
		m.emit(first, last, true)
		return
	}
	kind := m.r.IntN(9)
	if depth == 0 && kind < 5 {
		kind = 8
	}
	if strings.Contains(first, "(") { // a join goes on to one step
		kind = 8
	}
	switch kind {
	case 0, 1:
		join := m.name("join")
		var heads []string
		for range 2 + m.r.IntN(2) {
			heads = append(heads, m.name("branch"))
		}
		m.emit(first, strings.Join(heads, ", "), true)
		for _, head := range heads {
			m.chain(head, join, depth-1)
		}
		m.chain(join+"(inputs)", last, depth)
	case 2, 3:
		join, body := m.name("join"), m.name("body")
		m.emit(first, body+" foreach items", false)
		m.chain(body, join, depth-1)
		m.chain(join+"(inputs)", last, depth)
	case 4:
		if !m.shape.Gangs {
			m.linear(first, last, depth)
			return
		}
		join, node := m.name("join"), m.name("node")
		m.emit(first, node+" parallel", false)
		m.emit(node+" @parallel", join, true)
		m.chain(join+"(inputs)", last, depth)
	case 5, 6:
		meet := m.name("meet")
		var cases []string
		for i := range 2 + m.r.IntN(2) {
			cases = append(cases, fmt.Sprintf("k%d: %s", i, m.name("case")))
		}
		m.emit(first, "{"+strings.Join(cases, ", ")+"} by choice", false)
		for _, c := range cases {
			_, step, _ := strings.Cut(c, ": ")
			m.chain(step, meet, max(depth-1, 0))
		}
		m.chain(meet, last, depth)
	case 7:
		if first == "start" {
			m.linear(first, last, depth)
			return
		}
		exit := m.name("exit")
		m.emit(first, fmt.Sprintf("{again: %s, out: %s} by choice", first, exit), false)
		m.chain(exit, last, depth)
	default:
		m.linear(first, last, depth)
	}
}

func (m *maker) linear(first, last string, depth int) {
	next := m.name("step")
	m.emit(first, next, true)
	m.chain(next, last, depth)
}
