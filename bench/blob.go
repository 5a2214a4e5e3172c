package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// blobOf measures one large artifact that a step stores and the next one loads.
func blobOf(kind string) func(context.Context, *bench) ([]row, error) {
	return func(ctx context.Context, b *bench) ([]row, error) { return blob(ctx, b, kind) }
}

// stored is what storing and loading a large value needed, making it aside.
type stored struct {
	wall   sample
	memory int64 // peak of the largest process that ran user code
	host   int64 // peak of the engine
}

func (s *stored) add(wall time.Duration, memory, host int64) {
	s.wall.add(wall)
	s.memory, s.host = max(s.memory, memory), max(s.host, host)
}

func blob(ctx context.Context, b *bench, kind string) ([]row, error) {
	mib := b.size(1024, 128)
	noun := map[string]string{"bytes": "random bytes", "numpy": "a numpy array"}[kind]
	work := fmt.Sprintf("%d MiB artifact, %s, stored and loaded", mib, noun)
	args := []string{"--kind", kind, "--mib", strconv.Itoa(mib)}

	var levada, plain, reference stored
	for i := range b.size(3, 1) {
		if err := b.blobFlow(ctx, &levada, func(dir string) command { return b.flow(dir, "blob.py", args...) }); err != nil {
			return nil, err
		}
		if err := b.plainBlob(ctx, &plain, kind, mib); err != nil {
			return nil, err
		}
		if b.reference && i == 0 {
			if err := b.blobFlow(ctx, &reference, func(dir string) command {
				return b.referenceFlow(dir, "blob.py", args...)
			}); err != nil {
				return nil, err
			}
		}
	}

	vs := row{work: work, reach: "≤ 1/8 of Metaflow's time", measured: noReference}
	if b.reference {
		times := per(reference.wall.min(), levada.wall.min())
		vs.measured = fmt.Sprintf("%s; Metaflow: %s, %s", levada.wall, reference.wall, mebibytes(reference.memory))
		vs.ratio = fmt.Sprintf("1/%.1f", times)
		vs.met = verdictOf(times >= 8)
	}
	slower := per(levada.wall.min(), plain.wall.min())
	larger := float64(levada.memory) / float64(plain.memory)
	return []row{
		vs,
		{
			work: work, reach: "≤ 2 × (pickle to a file + sha256 + read back)",
			measured: fmt.Sprintf("%s; plain Python: %s", levada.wall, plain.wall),
			ratio:    fmt.Sprintf("%.2f", slower), met: verdictOf(slower <= 2),
		},
		{
			work: work, reach: "peak memory ≤ 1.3 × what plain Python needs",
			measured: fmt.Sprintf("task %s; plain Python: %s; engine: %s",
				mebibytes(levada.memory), mebibytes(plain.memory), mebibytes(levada.host)),
			ratio: fmt.Sprintf("%.2f", larger), met: verdictOf(larger <= 1.3),
		},
	}, nil
}

// blobFlow runs a flow that stores and loads a value. Its tasks are descendants of the process that is started.
func (b *bench) blobFlow(ctx context.Context, s *stored, make func(dir string) command) error {
	dir := b.folder()
	defer os.RemoveAll(dir)
	c := make(dir)
	c.tree = true
	r, made, err := b.runMaking(ctx, c)
	if err != nil {
		return err
	}
	s.add(r.wall-made, r.child, r.own)
	return nil
}

// plainBlob does the same in two plain Python processes.
func (b *bench) plainBlob(ctx context.Context, s *stored, kind string, mib int) error {
	dir := b.folder()
	defer os.RemoveAll(dir)
	var wall time.Duration
	var memory int64
	for _, action := range []string{"store", "load"} {
		args := []string{b.python, b.file("plain_blob.py"), action, kind, strconv.Itoa(mib), "value"}
		r, made, err := b.runMaking(ctx, command{dir: dir, args: args})
		if err != nil {
			return err
		}
		wall += r.wall - made
		memory = max(memory, r.own)
	}
	s.add(wall, memory, 0)
	return nil
}

// runMaking runs a command and returns how much of its time went into making the value that it stores.
func (b *bench) runMaking(ctx context.Context, c command) (result, time.Duration, error) {
	note := filepath.Join(c.dir, "made")
	os.Remove(note)
	c.env = append(c.env, "BENCH_MADE="+note)
	syscall.Sync() // what earlier measurements wrote is not to be paid here
	r, err := b.run(ctx, c)
	if err != nil {
		return r, 0, err
	}
	made, err := readSeconds(note)
	if os.IsNotExist(err) {
		return r, 0, nil
	}
	return r, time.Duration(made * float64(time.Second)), err
}

// readSeconds reads a number of seconds that a Python program left in a file.
func readSeconds(path string) (float64, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(content)), 64)
}
