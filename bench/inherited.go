package main

import (
	"context"
	"fmt"
	"strconv"
)

// inherited measures whether a task pays for the artifacts that it only passes on.
func inherited(ctx context.Context, b *bench) ([]row, error) {
	n, artifacts := b.size(1000, 200), b.size(1000, 1000)
	var one, many sample
	for range b.size(5, 2) {
		for s, count := range map[*sample]int{&one: 1, &many: artifacts} {
			r, err := b.once(ctx, func(dir string) command {
				return b.flow(dir, "inherited.py", "--n", strconv.Itoa(n), "--artifacts", strconv.Itoa(count))
			})
			if err != nil {
				return nil, err
			}
			s.add(r.wall)
		}
	}
	ratio := per(many.min(), one.min())
	return []row{{
		work:     fmt.Sprintf("%s inherited artifacts, %s tasks that change one", thousands(artifacts), thousands(n)),
		reach:    "≤ 1.3 × the time with 1 inherited artifact",
		measured: fmt.Sprintf("%s; with 1: %s", many, one),
		ratio:    fmt.Sprintf("%.2f", ratio), met: verdictOf(ratio <= 1.3),
	}}, nil
}
