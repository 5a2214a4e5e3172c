//go:build linux

package faulttest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/layout"
)

// TestRunsAtOnce has several runs at once in one folder, while others look at it: all come out right, with
// ids of their own, and none waits for long.
func TestRunsAtOnce(t *testing.T) {
	for _, n := range []int{2, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBox(t)
			flow := testdata(t, "big.py")
			began := time.Now()
			var runs []*command
			ids := map[int64]int{}
			var mu sync.Mutex
			for i := range n {
				c := b.prepare("levada", "run", "--json", flow)
				c.cmd.Env = append(append([]string{}, b.env...), fmt.Sprintf("SEED=%d", i))
				c.follow(func(e event) {
					if e.Event == "run_started" {
						mu.Lock()
						defer mu.Unlock()
						ids[e.Run] = i
					}
				})
				runs = append(runs, c)
			}
			looks := 0
			until(t, "the first run is there", func() bool { mu.Lock(); defer mu.Unlock(); return len(ids) > 0 })
			for !runs[0].dead.Load() { // readers do not wait for writers
				look := time.Now()
				b.statuses()
				looks++
				if d := time.Since(look); d > 5*time.Second {
					t.Errorf("looking took %v", d)
				}
			}
			for _, c := range runs {
				c.wait().want(0).silent("locked", "busy")
			}
			together := time.Since(began)
			b.alone()
			if len(ids) != n {
				t.Fatalf("%d runs have the ids %v", n, ids)
			}
			b.examine()
			if left := b.staged(); len(left) > 0 {
				t.Errorf("in staging is left: %v", left)
			}

			var alone time.Duration
			for id, seed := range ids { // each as if it had been alone
				calm := newBox(t)
				calm.setenv("SEED", fmt.Sprint(seed))
				began := time.Now()
				calm.run("run", flow).want(0)
				alone += time.Since(began)
				b.same(id, calm.results(1))
			}
			t.Logf("%d at once took %v, one after another %v; somebody looked %d times", n, together, alone, looks)
			if together > 2*alone+5*time.Second {
				t.Errorf("%d runs at once took %v, one after another they take %v", n, together, alone)
			}
		})
	}
}

// TestFirstRunsAtOnce has several processes make the store, and unpack the SDK, at the same time.
func TestFirstRunsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.setenv("LEVADA_CACHE", filepath.Join(b.dir, "cache"))
	var runs []*command
	for range 5 {
		runs = append(runs, b.start("run", testdata(t, "filling.py")))
	}
	for _, c := range runs {
		c.wait().want(0).says("result")
	}
	if got := b.statuses(); len(got) != 5 {
		t.Errorf("5 runs are shown as %v", got)
	}
	b.examine()
}

// TestLockedStore has somebody else hold the store's lock for a while.
func TestLockedStore(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	flow := testdata(t, "filling.py")
	b.run("run", flow).want(0)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.home, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	lock, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	c := b.start("run", flow)
	b.run("runs").want(0).says("FillingFlow") // readers do not care
	time.AfterFunc(2*time.Second, func() { lock.ExecContext(context.Background(), "COMMIT") })
	c.wait().want(0).says("result")
}

// TestOlderStore reads and goes on with a store that the first schema made.
func TestOlderStore(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	old, err := os.ReadFile(filepath.Join("..", "metastore", "sqlite", "testdata", "schema-1.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.home, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.home, layout.Database)
	if err := os.WriteFile(path, old, 0o644); err != nil {
		t.Fatal(err)
	}
	before := b.statuses() // a reader brings it up to date
	if len(before) == 0 {
		t.Error("there are no runs in the old store")
	}
	b.run("run", testdata(t, "filling.py")).want(0)
	if after := b.statuses(); len(after) != len(before)+1 {
		t.Errorf("%d runs became %d", len(before), len(after))
	}
}

// TestOlderStoreResumed takes a run's store back to the first schema and resumes in it.
func TestOlderStoreResumed(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	flow := testdata(t, "damaged.py")
	b.env = append(b.env, "STOP=1")
	b.run("run", flow).want(1)
	migrations, err := filepath.Glob(filepath.Join("..", "metastore", "sqlite", "migrations", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Backward(migrations[1:]) { // none of them may have changed rows
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, made := range slices.Backward(regexp.MustCompile(`(?i)CREATE (?:UNIQUE )?(INDEX|TABLE|TRIGGER) (\w+)`).FindAllStringSubmatch(string(text), -1)) {
			b.schema("DROP " + made[1] + " " + made[2])
		}
		for _, made := range regexp.MustCompile(`(?i)ALTER TABLE (\w+) ADD COLUMN (\w+)`).FindAllStringSubmatch(string(text), -1) {
			b.schema("ALTER TABLE " + made[1] + " DROP COLUMN " + made[2])
		}
	}
	b.schema("PRAGMA user_version = 1")
	b.env = append(b.env, "STOP=")
	b.run("resume", flow).want(0).says("result")
	b.examine()
}

// schema runs SQL that changes no rows.
func (b *box) schema(query string) {
	b.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.home, layout.Database))
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		b.t.Fatal(err)
	}
}

// TestNewerStore refuses a store that a later version made, and leaves it alone.
func TestNewerStore(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	flow := testdata(t, "filling.py")
	b.run("run", flow).want(0)
	b.schema("PRAGMA user_version = 1000")
	before, err := os.ReadFile(filepath.Join(b.home, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"run", flow}, {"resume", flow}, {"runs"}, {"dump", "1/end"}, {"logs", "1/end"}} {
		b.run(words...).want(1).says("newer Levada", "1000", "Upgrade", b.home)
	}
	if after, _ := os.ReadFile(filepath.Join(b.home, layout.Database)); string(after) != string(before) {
		t.Error("the newer store was changed")
	}
}

// brokenFlows are files from which no flow comes, with what must be said.
var brokenFlows = map[string]struct {
	source string
	says   []string
}{
	"raises": {"import os\n\ndef f():\n    raise ValueError('of my own')\n\nf()\n",
		[]string{"Traceback (most recent call last)", `line 6, in <module>`, "line 4, in f", "ValueError: of my own"}},
	"does not compile": {"from levada import FlowSpec\n\nclass X(FlowSpec:\n    pass\n",
		[]string{"line 3", "class X(FlowSpec:", "SyntaxError"}},
	"misses a module":  {"import no_such_module\n", []string{"ModuleNotFoundError: No module named 'no_such_module'"}},
	"is empty":         {"", []string{"without starting a flow", "MyFlow()"}},
	"has no flow":      {"print('hello')\n", []string{"hello", "without starting a flow"}},
	"does not call it": {"from levada import FlowSpec, step\n\nclass X(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.end)\n    @step\n    def end(self):\n        pass\n", []string{"without starting a flow"}},
	"exits":            {"import sys\nsys.exit(4)\n", []string{"exit code 4"}},
	"exits well":       {"import os\nos._exit(0)\n", []string{"without starting a flow"}},
	"crashes":          {"import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", []string{"signal 11", "segmentation fault"}},
	"is killed":        {"import os\nos.kill(os.getpid(), 9)\n", []string{"signal 9"}},
	"is interrupted":   {"raise KeyboardInterrupt\n", []string{"KeyboardInterrupt"}},
	"is no Python":     {"\x00\x01\x02", []string{"null bytes"}},
	"is not UTF-8":     {"x = '\xff'\n", []string{"SyntaxError"}},
	"closes all":       {"import os\nos.closerange(3, 100)\nfrom levada import FlowSpec, step\n\nclass X(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.end)\n    @step\n    def end(self):\n        pass\n\nX()\n", nil},
	"talks nonsense":   {"import os\nos.write(int(os.environ['LEVADA_CONTROL_FD']), b'x' * 1000)\nimport time\ntime.sleep(100)\n", []string{"claims"}},
	"has no such step": {"from levada import FlowSpec, step\n\nclass X(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.middle)\n    @step\n    def end(self):\n        pass\n\nX()\n",
		[]string{"line 6", "middle"}},
	"raises when made": {"from levada import FlowSpec, step\n\nclass X(FlowSpec):\n    def __init__(self):\n        raise OSError('made')\n    @step\n    def start(self):\n        self.next(self.end)\n    @step\n    def end(self):\n        pass\n\nX()\n",
		[]string{"OSError: made"}},
}

// TestBrokenFlow starts files from which no flow comes: Python's own words are
// shown, nothing of Go's, and no run is left.
func TestBrokenFlow(t *testing.T) {
	for name, c := range brokenFlows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			flow := b.flow("flow.py", c.source)
			for _, word := range []string{"run", "resume", "check", "show"} {
				done := b.run(word, flow)
				if word == "show" && name == "has no such step" {
					continue // what there is can be shown
				}
				done.want(1).says(c.says...).silent("please report")
				if name != "closes all" { // which breaks the SDK's own part
					done.silent("/levada/launch.py", "forkserver.py")
				}
				if strings.Contains(done.stderr.String(), "internal error") {
					t.Errorf("%s is reported as an internal error:\n%s", name, done.stderr.String())
				}
			}
			b.alone()
			if got := b.statuses(); len(got) > 0 {
				t.Errorf("runs are left: %v", got)
			}
		})
	}
}
