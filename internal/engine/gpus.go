package engine

import (
	"math"
	"slices"
)

// gpus is what is free of each of the machine's GPUs: 1 of one that nobody uses.
type gpus []float64

// newGPUs are those of a machine that runs nothing.
func newGPUs(m Resources) gpus {
	return slices.Repeat(gpus{1}, int(m.GPU))
}

// share splits what an attempt asks for: how many GPUs, and how much of each. Half a GPU is shared with others; more
// than one is a number of whole ones, for a process cannot be given half of a second.
func share(request float64) (count int, each float64) {
	switch {
	case request <= 0:
		return 0, 0
	case request < 1:
		return 1, request
	}
	return int(min(math.Ceil(request-slack), math.MaxInt32)), 1
}

// needed returns how many GPUs several attempts need together.
func needed(request float64, attempts int) float64 {
	count, each := share(request)
	switch {
	case count == 0:
		return 0
	case attempts == 1 || each == 1:
		return float64(count) * each * float64(attempts)
	}
	return math.Ceil(float64(attempts) / math.Floor(1/each+slack))
}

// take gives an attempt GPUs. Enough is false if they do not have the room that it asks for; it is then given those
// with the most room, which suits an attempt that runs alone.
func (g gpus) take(request float64) (taken []int, enough bool) {
	count, each := share(request)
	enough = count <= len(g)
	for range min(count, len(g)) {
		i := g.best(each, taken)
		enough = enough && g[i] >= each-slack
		taken = append(taken, i)
	}
	for _, i := range taken {
		g[i] -= each
	}
	return taken, enough
}

// best finds the GPU for a share, other than those taken: the fullest that has room, so that whole ones stay free for
// those who need them; where none has room, the emptiest.
func (g gpus) best(each float64, taken []int) int {
	best := -1
	for i, left := range g {
		switch {
		case slices.Contains(taken, i):
		case best < 0,
			left >= each-slack && (left < g[best] || g[best] < each-slack),
			left < each-slack && left > g[best]:
			best = i
		}
	}
	return best
}

// room reports whether several attempts can be given what each asks for.
func (g gpus) room(request float64, attempts int) bool {
	if request <= 0 {
		return true
	}
	g = slices.Clone(g)
	for range attempts {
		if _, enough := g.take(request); !enough {
			return false
		}
	}
	return true
}

// giveBack is the end of an attempt.
func (g gpus) giveBack(request float64, taken []int) {
	_, each := share(request)
	for _, i := range taken {
		if g[i] += each; math.Abs(1-g[i]) < slack {
			g[i] = 1 // and with it what sums of fractions are off
		}
	}
}
