package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// collect measures how long it takes to find out what goes of a store with many runs, to remove nearly all of
// them, and how long a flow waits that runs beside that.
func collect(ctx context.Context, b *bench) ([]row, error) {
	n := b.size(10_000, 1000)
	const kept = 100
	dir := b.folder()
	defer os.RemoveAll(dir)
	if _, err := b.run(ctx, b.flow(dir, "squares.py", "--n", "14")); err != nil {
		return nil, err
	}
	store := filepath.Join(dir, ".levada")
	if _, err := b.run(ctx, command{dir: dir, args: []string{b.python, b.file("multiply.py"), store, strconv.Itoa(n)}}); err != nil {
		return nil, err
	}
	before, err := sizeOf(store)
	if err != nil {
		return nil, err
	}
	gc := command{dir: dir, args: []string{b.levada, "gc", "--keep", strconv.Itoa(kept)}}
	dry := gc
	dry.args = append([]string{}, append(gc.args, "--dry-run")...)
	var plan, alone, beside sample
	for range b.size(5, 2) {
		r, err := b.run(ctx, dry)
		if err != nil {
			return nil, err
		}
		plan.add(r.wall)
		if r, err = b.run(ctx, b.flow(dir, "hello.py")); err != nil {
			return nil, err
		}
		alone.add(r.wall)
	}
	type ended struct {
		result
		err error
	}
	done := make(chan ended, 1)
	go func() {
		r, err := b.run(ctx, gc)
		done <- ended{r, err}
	}()
	var whole ended
	for going := true; going; {
		r, err := b.run(ctx, b.flow(dir, "hello.py"))
		if err != nil {
			return nil, err
		}
		select {
		case whole = <-done:
			going = false // this one may have been alone
		default:
			beside.add(r.wall)
		}
	}
	if whole.err != nil {
		return nil, whole.err
	}
	after, err := sizeOf(store)
	if err != nil {
		return nil, err
	}
	rows := []row{{
		work: fmt.Sprintf("gc of %s runs of 16 tasks, all but %d go", thousands(n), kept), reach: "≤ 30 s",
		measured: fmt.Sprintf("%s, flows beside it; the store shrinks from %s to %s; --dry-run %s", seconds(whole.wall), mebibytes(before), mebibytes(after), plan),
		ratio:    seconds(whole.wall), met: verdictOf(whole.wall <= 30*time.Second),
	}}
	if len(beside) > 0 {
		rows = append(rows, row{
			work: "″", measured: fmt.Sprintf("hello beside it: %s, the slowest of %d %s; alone: %s", beside, len(beside), seconds(slices.Max(beside)), alone),
			ratio: fmt.Sprintf("%.1f", per(beside.median(), alone.median())),
		})
	}
	return rows, nil
}

// sizeOf returns how many bytes the files in a folder have.
func sizeOf(folder string) (sum int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err == nil && st.Mode().IsRegular() {
			sum += st.Size()
		}
		return err
	})
	return sum, err
}
