package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// squares is the command that squares n numbers with Levada.
func (b *bench) squares(n int) func(dir string) command {
	return func(dir string) command { return b.flow(dir, "squares.py", "--n", strconv.Itoa(n)) }
}

// floor is the command that forks n processes which do nothing.
func (b *bench) floor(n int) func(dir string) command {
	return func(dir string) command {
		return command{dir: dir, args: []string{b.python, b.file("floor.py"), strconv.Itoa(n), strconv.Itoa(workers)}}
	}
}

// foreach measures many tasks that do next to nothing, so what is left is what a task costs.
func foreach(ctx context.Context, b *bench) ([]row, error) {
	n, small := b.size(1000, 200), b.size(40, 10)
	work := fmt.Sprintf("foreach of %s squares, and join", thousands(n))

	var levada, floor, single, bare, reference sample
	measure := func(s *sample, make func(dir string) command) error {
		r, err := b.once(ctx, make)
		if err == nil {
			s.add(r.wall)
		}
		return err
	}
	for i := range b.size(7, 3) {
		// A map: a round has no fixed order, so no measurement always follows the same other one.
		for s, make := range map[*sample]func(string) command{
			&levada: b.squares(n), &floor: b.floor(n), &single: b.squares(1), &bare: b.floor(1),
		} {
			if err := measure(s, make); err != nil {
				return nil, err
			}
		}
		if b.reference && i < 2 {
			if err := measure(&reference, func(dir string) command {
				return b.referenceFlow(dir, "squares.py", "--n", strconv.Itoa(small))
			}); err != nil {
				return nil, err
			}
		}
	}

	ratio := per(floor.min(), levada.min())
	rows := []row{{
		work: work, reach: "≥ 0.7 of the floor's tasks a second",
		measured: fmt.Sprintf("%s in %s; floor: %s in %s", rate(n, levada.min()), levada, rate(n, floor.min()), floor),
		ratio:    fmt.Sprintf("%.2f", ratio), met: verdictOf(ratio >= 0.7),
	}}

	// The whole command has a start and an end that do not grow with n; a foreach of one has them too.
	ours, bottom := (levada.min()-single.min())/time.Duration(n-1), (floor.min()-bare.min())/time.Duration(n-1)
	rows = append(rows, row{
		work:     work,
		measured: fmt.Sprintf("each further task: %s; floor: %s", seconds(ours), seconds(bottom)),
		ratio:    fmt.Sprintf("%.2f", per(bottom, ours)),
	})

	vs := row{work: work, reach: "≥ 180 × Metaflow's", measured: noReference}
	if b.reference {
		// The steps around the foreach are tasks as well. Growing in proportion flatters the reference, whose join slows down.
		scaled := reference.min() * time.Duration(n+3) / time.Duration(small+3)
		vs.measured = fmt.Sprintf("%s; Metaflow: %s, from %s for %d, taken in proportion",
			seconds(levada.min()), seconds(scaled), seconds(reference.min()), small)
		vs.ratio = fmt.Sprintf("%.0f", per(scaled, levada.min()))
		vs.met = verdictOf(per(scaled, levada.min()) >= 180)
	}
	return append(rows, vs), nil
}

// foreachLarge measures whether time and memory stay in proportion when a foreach is a hundred times as wide.
func foreachLarge(ctx context.Context, b *bench) ([]row, error) {
	n, large := b.size(1000, 200), b.size(100_000, 5000)
	work := fmt.Sprintf("foreach of %s squares, and join", thousands(large))
	const budget = 300 << 20

	var small sample
	for range b.size(3, 2) {
		r, err := b.once(ctx, b.squares(n))
		if err != nil {
			return nil, err
		}
		small.add(r.wall)
	}
	r, err := b.once(ctx, b.squares(large))
	if err != nil {
		return nil, err
	}
	after, err := b.once(ctx, b.squares(n))
	if err != nil {
		return nil, err
	}
	small.add(after.wall)

	each, eachLarge := small.min()/time.Duration(n), r.wall/time.Duration(large)
	return []row{
		{
			work: work, reach: "finishes",
			measured: fmt.Sprintf("%s, %s", seconds(r.wall), rate(large, r.wall)), met: met,
		},
		{
			work: work, reach: "engine ≤ 300 MiB resident",
			measured: mebibytes(r.own), met: verdictOf(r.own <= budget),
		},
		{
			work: work, reach: fmt.Sprintf("≤ 1.2 × the seconds a task of %s", thousands(n)),
			measured: fmt.Sprintf("%s; of %s: %s", seconds(eachLarge), thousands(n), seconds(each)),
			ratio:    fmt.Sprintf("%.2f", per(eachLarge, each)), met: verdictOf(per(eachLarge, each) <= 1.2),
		},
	}, nil
}
