package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
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
	walls := make([]sample, len(counts))
	var tiny sample
	for range b.size(2, 1) {
		for i, n := range counts {
			r, err := run(n, size)
			if err != nil {
				return nil, err
			}
			walls[i].add(r.wall)
		}
		r, err := run(largest, 8)
		if err != nil {
			return nil, err
		}
		tiny.add(r.wall)
	}

	// In a list that every task reads, doubling the items quadruples the time: the exponent would be 2.
	exponent := math.Log(per(walls[2].min(), walls[0].min())) / math.Log(float64(counts[2])/float64(counts[0]))
	each := walls[2].min() / time.Duration(largest)
	return []row{
		{
			work: work, reach: "time linear in items (exponent ≤ 1.15)",
			measured: fmt.Sprintf("%s: %s; %s: %s; %s: %s",
				thousands(counts[0]), seconds(walls[0].min()), thousands(counts[1]), seconds(walls[1].min()),
				thousands(counts[2]), seconds(walls[2].min())),
			ratio: fmt.Sprintf("exponent %.2f", exponent), met: verdictOf(exponent <= 1.15),
		},
		{
			work:     work,
			measured: fmt.Sprintf("%s a task; items of 8 bytes: %s", seconds(each), seconds(tiny.min()/time.Duration(largest))),
			ratio:    fmt.Sprintf("%.2f", per(walls[2].min(), tiny.min())),
		},
	}, nil
}
