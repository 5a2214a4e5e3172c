package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// squares is the command that squares n numbers with Levada.
func (b *bench) squares(n int) func(dir string) command {
	return func(dir string) command { return b.flow(dir, "squares.py", "--n", strconv.Itoa(n)) }
}

// floor is the command that forks n processes which do nothing.
func (b *bench) floor(n int) func(dir string) command { return b.forks("floor.py", n) }

// forks is the command that forks n processes as a script does.
func (b *bench) forks(script string, n int) func(dir string) command {
	return func(dir string) command {
		return command{dir: dir, args: []string{b.python, b.file(script), strconv.Itoa(n), strconv.Itoa(workers)}}
	}
}

// bareHost is the command that does the same with a host in Go and a bare fork server. One process
// more at a time ends while others begin.
func (b *bench) bareHost(program string, n int) func(dir string) command {
	return func(dir string) command {
		return command{dir: dir, args: []string{program, b.python, b.file("bare_server.py"), strconv.Itoa(n), strconv.Itoa(workers + 1)}}
	}
}

// foreach measures many tasks that do next to nothing, so what is left is what a task costs.
func foreach(ctx context.Context, b *bench) ([]row, error) {
	n, small := b.size(1000, 200), b.size(40, 10)
	work := fmt.Sprintf("foreach of %s squares, and join", thousands(n))

	// Most flows import something large. The pages of it are what a fork costs, for Levada and for the floor.
	importing := func(make func(dir string) command, modules string) func(dir string) command {
		return func(dir string) command {
			c := make(dir)
			c.env = append(c.env, "BENCH_IMPORT="+modules)
			return c
		}
	}

	// Levada's fork server has four modules more than the bare one, and the SDK and the
	// flow, of which the bare one makes no use.
	const needed = "_ctypes _json select resource"
	whole := func(make func(dir string) command) func(dir string) command {
		return func(dir string) command {
			c := importing(make, needed+" levada.forkserver levada.task squares")(dir)
			c.env = append(c.env, "PYTHONPATH="+filepath.Join(b.root, "python")+string(filepath.ListSeparator)+b.file("flows"))
			return c
		}
	}

	host := filepath.Join(b.temp, "barehost")
	if err := b.tool(ctx, "go", "build", "-o", host, "./bench/barehost"); err != nil {
		return nil, err
	}

	var levada, floor, talking, onHost, onHostLoaded, onHostWhole, single, floorSingle, levadaNumpy, floorNumpy, reference, referenceSingle cost
	measure := func(c *cost, make func(dir string) command) error {
		r, err := b.once(ctx, make)
		if err == nil {
			c.add(r)
		}
		return err
	}
	for i := range b.size(7, 3) {
		// A map: a round has no fixed order, so no measurement always follows the same other one.
		for c, make := range map[*cost]func(string) command{
			&levada: b.squares(n), &floor: b.floor(n), &talking: b.forks("talking_floor.py", n),
			&onHost: b.bareHost(host, n), &onHostLoaded: importing(b.bareHost(host, n), needed),
			&onHostWhole: whole(b.bareHost(host, n)),
			&single:      b.squares(1), &floorSingle: b.floor(1),
			&levadaNumpy: importing(b.squares(n), "numpy"), &floorNumpy: importing(b.floor(n), "numpy"),
		} {
			if err := measure(c, make); err != nil {
				return nil, err
			}
		}
		if b.reference && i < 2 {
			for c, count := range map[*cost]int{&reference: small, &referenceSingle: 1} {
				if err := measure(c, func(dir string) command {
					return b.referenceFlow(dir, "squares.py", "--n", strconv.Itoa(count))
				}); err != nil {
					return nil, err
				}
			}
		}
	}

	ours, bottom := levada.wall.min(), floor.wall.min()
	rows := []row{{
		work: work, reach: "≥ 0.7 of the floor's tasks a second",
		measured: fmt.Sprintf("%s in %s; floor: %s in %s", rate(n, ours), levada.wall, rate(n, bottom), floor.wall),
		ratio:    fmt.Sprintf("%.2f", per(bottom, ours)), met: verdictOf(per(bottom, ours) >= 0.7),
	}}

	// The whole command has a start and an end that do not grow with n; a foreach of one has them too.
	further := func(many, one sample) time.Duration { return (many.min() - one.min()) / time.Duration(n-1) }
	for _, part := range []struct {
		name        string
		ours, floor time.Duration
	}{
		{"time of each further task", further(levada.wall, single.wall), further(floor.wall, floorSingle.wall)},
		{"processor time of each further task", further(levada.cpu, single.cpu), further(floor.cpu, floorSingle.cpu)},
	} {
		rows = append(rows, row{
			work:     work,
			measured: fmt.Sprintf("%s: %s; floor: %s", part.name, seconds(part.ours), seconds(part.floor)),
			ratio:    fmt.Sprintf("%.2f", per(part.floor, part.ours)),
		})
	}

	for _, other := range []struct {
		what string
		cost *cost
	}{
		{"a floor whose processes also say their result over a socket and have pipes for what they print, nothing stored", &talking},
		{"the bare host: the same with a host in Go and a bare fork server, one process more at a time", &onHost},
		{"the bare host with the four modules that Levada's fork server needs", &onHostLoaded},
		{"the bare host with the SDK and the flow in memory besides, of which no use is made", &onHostWhole},
	} {
		rows = append(rows, row{
			work: work,
			measured: fmt.Sprintf("%s: %s in %s; of the floor's: %.2f, in processor time %.2f", other.what,
				rate(n, other.cost.wall.min()), other.cost.wall, per(bottom, other.cost.wall.min()), per(floor.cpu.min(), other.cost.cpu.min())),
			ratio: fmt.Sprintf("%.2f", per(other.cost.wall.min(), ours)),
		})
	}

	large, largeFloor := levadaNumpy.wall.min(), floorNumpy.wall.min()
	rows = append(rows, row{
		work: work,
		measured: fmt.Sprintf("where the flow and the floor import numpy: %s in %s; floor: %s in %s",
			rate(n, large), levadaNumpy.wall, rate(n, largeFloor), floorNumpy.wall),
		ratio: fmt.Sprintf("%.2f", per(largeFloor, large)),
	})

	vs := row{work: work, reach: "≥ 180 × Metaflow's", measured: noReference}
	if b.reference {
		// A straight line through two measurements flatters the reference, whose join slows down.
		one, some := referenceSingle.wall.min(), reference.wall.min()
		scaled := one + (some-one)*time.Duration(n-1)/time.Duration(small-1)
		vs.measured = fmt.Sprintf("%s; Metaflow: %s, extrapolated from %s for 1 and %s for %d",
			seconds(ours), seconds(scaled), seconds(one), seconds(some), small)
		vs.ratio = fmt.Sprintf("%.0f", per(scaled, ours))
		vs.met = verdictOf(per(scaled, ours) >= 180)
	}
	return append(rows, vs), nil
}

// foreachLarge measures whether time and memory stay in proportion when a foreach is a hundred times as wide.
func foreachLarge(ctx context.Context, b *bench) ([]row, error) {
	n, large := b.size(1000, 200), b.size(100_000, 5000)
	work := fmt.Sprintf("foreach of %s squares, and join", thousands(large))
	const budget = 300 << 20

	var small cost
	for range b.size(3, 2) {
		r, err := b.once(ctx, b.squares(n))
		if err != nil {
			return nil, err
		}
		small.add(r)
	}
	r, err := b.once(ctx, b.squares(large))
	if err != nil {
		return nil, err
	}
	after, err := b.once(ctx, b.squares(n))
	if err != nil {
		return nil, err
	}
	small.add(after)

	each, eachLarge := small.wall.min()/time.Duration(n), r.wall/time.Duration(large)
	cpu, cpuLarge := small.cpu.min()/time.Duration(n), r.cpu/time.Duration(large)
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
		{
			work:     work,
			measured: fmt.Sprintf("processor time a task: %s; of %s: %s", seconds(cpuLarge), thousands(n), seconds(cpu)),
			ratio:    fmt.Sprintf("%.2f", per(cpuLarge, cpu)),
		},
	}, nil
}
