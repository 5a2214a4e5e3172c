package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// items measures a foreach over a list of large items: a task must not pay for its siblings' items.
func items(ctx context.Context, b *bench) ([]row, error) {
	const size = 100_000
	largest := b.size(10_000, 2000)
	work := fmt.Sprintf("foreach over %s items of 100 kB", thousands(largest))
	counts := []int{largest / 4, largest / 2, largest}

	run := func(n, size int) (result, error) {
		return b.once(ctx, func(dir string) command {
			return b.flow(dir, "items.py", "--n", strconv.Itoa(n), "--size", strconv.Itoa(size))
		})
	}
	costs := make([]cost, len(counts))
	var tiny cost
	for range b.size(2, 1) {
		for i, n := range counts {
			r, err := run(n, size)
			if err != nil {
				return nil, err
			}
			costs[i].add(r)
		}
		r, err := run(largest, 8)
		if err != nil {
			return nil, err
		}
		tiny.add(r)
	}

	// In a list that every task reads, doubling the items quadruples the time: the exponent would be 2.
	exponent := func(few, many sample) float64 {
		return math.Log(per(many.min(), few.min())) / math.Log(float64(counts[2])/float64(counts[0]))
	}
	wall, cpu := exponent(costs[0].wall, costs[2].wall), exponent(costs[0].cpu, costs[2].cpu)
	list := func(of func(cost) sample) string {
		var parts []string
		for i, n := range counts {
			parts = append(parts, fmt.Sprintf("%s: %s", thousands(n), seconds(of(costs[i]).min())))
		}
		return strings.Join(parts, "; ")
	}
	return []row{
		{
			work: work, reach: "time linear in items (exponent ≤ 1.15)",
			measured: list(func(c cost) sample { return c.wall }),
			ratio:    fmt.Sprintf("exponent %.2f", wall), met: verdictOf(wall <= 1.15),
		},
		{
			work:     work,
			measured: "processor time: " + list(func(c cost) sample { return c.cpu }),
			ratio:    fmt.Sprintf("exponent %.2f", cpu),
		},
		{
			work: work,
			measured: fmt.Sprintf("%s a task; items of 8 bytes: %s",
				seconds(costs[2].wall.min()/time.Duration(largest)), seconds(tiny.wall.min()/time.Duration(largest))),
			ratio: fmt.Sprintf("%.2f", per(costs[2].wall.min(), tiny.wall.min())),
		},
	}, nil
}
