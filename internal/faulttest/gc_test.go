//go:build linux

package faulttest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/usage"
)

// TestKilledCollections has flows run that store what others have stored, break and are resumed, while collections
// remove finished runs, two at once at times, and are killed at random points. Every flow comes out right, what is kept
// reads back, and in the end nothing else is there.
func TestKilledCollections(t *testing.T) {
	t.Parallel()
	kills := 60
	switch {
	case testing.Short() || racing != binary:
		kills = 15
	case os.Getenv("LEVADA_SOAK") != "":
		kills = 5000
	}
	t.Logf("%d collections, seed %d", kills, seed)
	b := newBox(t)
	b.levada = racing
	b.run("run", testdata(t, "churn.py")).want(0)
	began := time.Now()
	b.run("gc").want(0)
	lasts := time.Since(began)

	var stop atomic.Bool
	var flows sync.WaitGroup
	var ran, resumed atomic.Int64
	for worker := range 2 {
		flows.Go(func() {
			for i := worker; !stop.Load(); i += 2 {
				if i%3 == 2 {
					b.breakAndResume(i)
					resumed.Add(1)
					continue
				}
				b.churn(i).wait().want(0)
				ran.Add(1)
			}
		})
	}
	rng := rand.New(rand.NewPCG(seed, 7))
	killed, ended := 0, 0
	for i := 0; !t.Failed() && (i < kills || ran.Load() < 8 || resumed.Load() < 3); i++ {
		var collectors []*command
		for range 1 + rng.IntN(2) {
			args := [][]string{{"gc"}, {"gc", "--keep", "1", "--keep-tag", "keep"}, {"gc", "--keep", "0", "--keep-tag", "keep"}}[rng.IntN(3)]
			collectors = append(collectors, b.start(append(args, "--json")...))
		}
		spared := i%5 == 0 // flows that run beside it slow it down
		if !spared {
			within(time.Duration(rng.Int64N(int64(2*lasts))), collectors[0].dead.Load)
		}
		for _, c := range collectors {
			if !spared {
				b.kill(c.cmd.Process.Pid)
			}
			switch c.wait(); {
			case c.exit == 0:
				ended++
			case c.signal == 9:
				killed++
			default:
				c.want(0)
			}
		}
	}
	stop.Store(true)
	flows.Wait()
	b.alone()
	t.Logf("%d collections were killed, %d ended; %d flows ran beside them, %d were resumed", killed, ended, ran.Load(), resumed.Load())
	if killed == 0 || ended == 0 || ran.Load() == 0 || resumed.Load() == 0 {
		t.Error("not all of it was tried")
	}

	b.healthy()
	b.examine()
	b.run("gc", "--keep", "2").want(0)
	b.examine()
	if found := b.healthy(); len(found) > 0 {
		t.Errorf("after the last collection the doctor says %v", found)
	}
	if left := b.staged(); len(left) > 0 {
		t.Errorf("in staging is left: %v", left)
	}
	for id, status := range b.statuses() {
		if status != "succeeded" {
			t.Errorf("run %d is %s", id, status)
		}
		b.run("logs", fmt.Sprint(id, "/work")).want(0).says("a long log", "a short log")
	}
	rest := []string{"rm"}
	for id := range b.statuses() {
		rest = append(rest, fmt.Sprint(id))
	}
	if len(rest) > 1 { // gc may have had them all
		b.run(rest...).want(0)
	}
	if kept, err := filepath.Glob(filepath.Join(b.home, "blobs", "*", "*")); err != nil || len(kept) > 0 {
		t.Errorf("without any run there are %v, %v", kept, err)
	}
}

// churn starts a run whose values are in part its own.
func (b *box) churn(seed int, more ...string) *command {
	b.t.Helper()
	c := b.prepare("levada", append([]string{"run", testdata(b.t, "churn.py"), "--quiet"}, more...)...)
	c.cmd.Env = append(append([]string{}, b.env...), fmt.Sprintf("SEED=%d", seed))
	return c.begin()
}

// breakAndResume has a run fail, resumes it and removes the one that failed.
func (b *box) breakAndResume(seed int) {
	b.t.Helper()
	id := filepath.Join(b.dir, fmt.Sprintf("id-%d", seed))
	c := b.prepare("levada", "run", testdata(b.t, "churn.py"), "--quiet", "--run-id-file", id, "--tag", "keep")
	c.cmd.Env = append(append([]string{}, b.env...), "BREAK=1")
	c.begin().wait().want(1)
	text, err := os.ReadFile(id)
	if err != nil {
		b.t.Error(err)
		return
	}
	origin := strings.TrimSpace(string(text))
	b.run("resume", testdata(b.t, "churn.py"), "--quiet", "--origin-run-id", origin).want(0)
	b.run("rm", origin).want(0)
}

// healthy has the doctor look at the store. It returns what is not as it might be,
// and fails the test if something is wrong.
func (b *box) healthy() (notes []string) {
	b.t.Helper()
	c := b.run("doctor", "--json").want(0)
	for line := range strings.Lines(c.stdout.String()) {
		var f struct{ Check, Level, Text string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			b.t.Fatalf("doctor --json: %v\n%s", err, line)
		}
		if f.Level != "ok" {
			notes = append(notes, f.Check+": "+f.Text)
		}
	}
	return notes
}

// TestDoctor damages a store in ways that can happen and has the doctor find and mend it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.run("run", testdata(t, "churn.py")).want(0)
	b.run("doctor").want(0).says("all right").silent("PROBLEM")
	files, err := filepath.Glob(filepath.Join(b.home, "blobs", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	logs, err := filepath.Glob(filepath.Join(b.home, "logs", "1", "*"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	// Of an engine of this machine, long dead.
	staging := filepath.Join(b.home, "staging", "1073741824-5-1--n"+usage.PIDNamespace()+".x")
	must(os.MkdirAll(staging, 0o777))
	must(os.WriteFile(filepath.Join(staging, "1-0-0"), make([]byte, 5000), 0o666))
	b.run("doctor").want(0).says("note", "leftovers", "4.9 KiB", "levada gc")
	b.run("doctor", "--repair").want(0).says("mended", "4.9 KiB")
	b.run("doctor").want(0).says("leftovers  none")

	data, err := os.ReadFile(files[0])
	must(err)
	must(os.Chmod(files[0], 0o666))
	must(os.WriteFile(files[0], append([]byte("x"), data[1:]...), 0o666))
	b.run("doctor").want(1).says("PROBLEM", "is damaged in "+files[0], "needed by 1/")
	b.run("doctor", "--repair").want(1).says("PROBLEM", "is damaged in "+files[0])
	b.run("doctor", "--quick").want(0).says("their contents were not checked")
	b.run("gc").want(0)
	if _, err := os.Stat(files[0]); err != nil {
		t.Error("a damaged value that a record refers to was deleted")
	}
	must(os.Remove(files[0]))
	for _, how := range [][]string{{"doctor"}, {"doctor", "--quick"}, {"doctor", "--repair"}} {
		b.run(how...).want(1).says("is missing", "needed by 1/")
	}
	must(os.WriteFile(files[0], data, 0o444))
	b.run("doctor").want(0)

	moved := logs[0] + ".away"
	must(os.Rename(logs[0], moved))
	b.run("doctor").want(1).says("1 log missing", "needed by 1/work/")
	must(os.Rename(moved, logs[0]))
	b.run("doctor").want(0)

	must(os.WriteFile(filepath.Join(b.home, "levada.db"), []byte("nonsense"), 0o666))
	b.run("doctor").want(1).says("PROBLEM", "not a Levada store")
}
