package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// resume measures how long a resumed run looks back before it goes on.
func resume(ctx context.Context, b *bench) ([]row, error) {
	n := b.size(10_000, 1000)
	dir := b.folder()
	defer os.RemoveAll(dir)

	run := b.flow(dir, "mend.py", "--n", strconv.Itoa(n))
	run.fail = true
	if _, err := b.run(ctx, run); err != nil {
		return nil, err
	}

	stamp := filepath.Join(dir, "stamp")
	var first, whole, python sample
	for range b.size(5, 2) {
		p, err := b.run(ctx, command{dir: dir, args: []string{b.python, "-c", "pass"}})
		if err != nil {
			return nil, err
		}
		python.add(p.wall)

		os.Remove(stamp)
		r, err := b.run(ctx, command{
			dir: dir,
			// The origin by number: the first run of a new store. The latest would be the one resumed before.
			args: []string{b.levada, "resume", b.file("flows", "mend.py"), "--origin-run-id", "1",
				"--python", b.python, "--max-workers", fmt.Sprint(workers)},
			env: []string{"BENCH_MENDED=1", "BENCH_STAMP=" + stamp},
		})
		if err != nil {
			return nil, err
		}
		started, err := readSeconds(stamp)
		if err != nil {
			return nil, fmt.Errorf("the resumed run did not run the failed task again: %w", err)
		}
		first.add(time.Duration((started - float64(r.began.UnixNano())/1e9) * float64(time.Second)))
		whole.add(r.wall)
	}

	wait := first.min() - python.min()
	return []row{{
		work:  fmt.Sprintf("resume of a run with %s finished tasks", thousands(n)),
		reach: "≤ 1 s before the first new task starts, interpreter start aside",
		measured: fmt.Sprintf("%s after the command, `python -c pass` takes %s of it; whole command %s",
			seconds(first.min()), seconds(python.min()), whole),
		ratio: seconds(wait), met: verdictOf(wait <= time.Second),
	}}, nil
}
