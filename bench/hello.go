package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// hello measures the whole command for a flow of three steps that do nothing:
// what a person waits for who runs a small thing again and again.
func hello(ctx context.Context, b *bench) ([]row, error) {
	const work = "hello, 3 steps, whole command"
	ours, theirs := b.folder(), b.folder()
	defer os.RemoveAll(ours)
	defer os.RemoveAll(theirs)
	flow := b.file("flows", "hello.py")

	var levada, python, venv, reference sample
	rounds := b.size(15, 5)
	for i := range rounds + 1 {
		// As a user types it: levada finds the interpreter by itself.
		l, err := b.run(ctx, command{dir: ours, args: []string{b.levada, "run", flow}})
		if err != nil {
			return nil, err
		}
		p, err := b.run(ctx, command{dir: ours, args: []string{b.real, "-c", "pass"}})
		if err != nil {
			return nil, err
		}
		if i == 0 {
			continue // the first round makes the store and warms the caches
		}
		// With the reference's interpreter: another one may need longer to find its packages.
		v, err := b.run(ctx, b.flow(ours, "hello.py"))
		if err != nil {
			return nil, err
		}
		venv.add(v.wall)
		levada.add(l.wall)
		python.add(p.wall)
		if b.reference && i <= rounds/3 {
			r, err := b.run(ctx, b.referenceFlow(theirs, "hello.py"))
			if err != nil {
				return nil, err
			}
			reference.add(r.wall)
		}
	}

	over := levada.min() - python.min()
	rows := []row{{
		work: work, reach: "≤ `python3 -c pass` + 80 ms",
		measured: fmt.Sprintf("%s; `python3 -c pass`: %s", levada, python),
		ratio:    fmt.Sprintf("+%s", seconds(over)), met: verdictOf(over <= 80*time.Millisecond),
	}}
	vs := row{work: work, reach: "≤ 1/20 of Metaflow's time", measured: noReference}
	if b.reference {
		times := per(reference.min(), venv.min())
		vs.measured = fmt.Sprintf("%s; Metaflow: %s, both in the same virtual environment", venv, reference)
		vs.ratio = fmt.Sprintf("1/%.1f", times)
		vs.met = verdictOf(times >= 20)
	}
	return append(rows, vs), nil
}
