package main

import (
	"fmt"
	"slices"
	"time"
)

// A sample is what repetitions of one measurement took. The machine is noisy
// and noise only ever adds, so rows compare minima; the median is shown beside
// them where there are enough repetitions.
type sample []time.Duration

// A cost is what repetitions of a command took: the time that passed, and the
// processor time of all its processes, which says more on a machine that has other things to do.
type cost struct{ wall, cpu sample }

func (c *cost) add(r result) {
	c.wall.add(r.wall)
	c.cpu.add(r.cpu)
}

func (s *sample) add(d time.Duration) { *s = append(*s, d) }

func (s sample) min() time.Duration { return slices.Min(s) }

func (s sample) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

func (s sample) String() string {
	if len(s) < 3 {
		return seconds(s.min())
	}
	return fmt.Sprintf("%s (median %s)", seconds(s.min()), seconds(s.median()))
}

// per divides two durations.
func per(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }
