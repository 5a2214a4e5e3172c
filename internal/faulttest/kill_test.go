//go:build linux

package faulttest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stories is how many runs are killed, once or more each, and resumed.
func stories() int {
	switch n, _ := strconv.Atoi(os.Getenv("LEVADA_SOAK")); {
	case n == 1:
		return 5000
	case n > 1:
		return n
	case testing.Short():
		return 20
	}
	return 200
}

// TestKill runs a flow of every form, kills -9 the engine, a fork server or a task at a random point, resumes, and
// compares with a run that nobody disturbed. Some are killed again while they are resumed.
func TestKill(t *testing.T) {
	t.Parallel()
	n := stories()
	t.Logf("%d points, seed %d", n, seed)
	calm := undisturbed(t)
	var tally sync.Map
	t.Run("point", func(t *testing.T) {
		for i := range n {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				s := &story{box: newBox(t), calm: calm, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
				defer func() {
					if t.Failed() {
						t.Logf("seed %d, point %d:\n  %s", seed, i, strings.Join(s.told, "\n  "))
					}
				}()
				s.tell()
				for _, victim := range s.hits {
					n, _ := tally.LoadOrStore(victim, new(counter))
					n.(*counter).add()
				}
			})
		}
	})
	tally.Range(func(victim, n any) bool {
		t.Logf("%s was killed %d times", victim, n.(*counter).n)
		return true
	})
}

// TestKillParents kills the engine, or the fork server, of tasks that wait for
// long and have started processes themselves.
func TestKillParents(t *testing.T) {
	for _, victim := range []string{engine, server, task} {
		for _, isolation := range []string{"fork", "spawn"} {
			how := "children"
			if isolation == "spawn" {
				// A fresh interpreter ends with the engine, because the kernel sees to it. What it has started itself
				// has nobody who would end it, unless tasks have a cgroup.
				how = "deaf"
			}
			t.Run(victim+" "+isolation, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				c := b.waiting(how, "--isolation", isolation)
				switch victim {
				case engine:
					b.kill(c.cmd.Process.Pid)
				case server:
					for _, p := range b.servers(c.cmd.Process.Pid) {
						b.kill(p.pid)
					}
				case task:
					for _, p := range append(b.tasks(c.cmd.Process.Pid), b.servers(c.cmd.Process.Pid)...) {
						if isolation == "spawn" || p.parent != c.cmd.Process.Pid {
							b.kill(p.pid)
						}
					}
				}
				c.wait()
				status := "failed"
				if victim == engine {
					c.want(-1)
					status = "died"
				} else {
					c.want(1)
				}
				b.goesOn(status)
			})
		}
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add() { c.mu.Lock(); c.n++; c.mu.Unlock() }

// calm is what an undisturbed run was.
type calm struct {
	results map[string]string // see box.results
	tasks   int
	lines   int           // of --json
	lasts   time.Duration // the whole command
}

// everything is the flow that is killed.
const everything = "everything.py"

// undisturbed runs the flow twice at once, as the points will, and makes sure that the results are equal.
func undisturbed(t *testing.T) *calm {
	calms := make([]*calm, 2)
	var wg sync.WaitGroup
	for i := range calms {
		b := newBox(t)
		wg.Go(func() {
			began := time.Now()
			c := b.run("run", "--json", testdata(t, everything)).want(0)
			calms[i] = &calm{results: b.results(1), tasks: len(b.finished(1)), lines: len(c.events()), lasts: time.Since(began)}
			b.examine()
			if left := b.staged(); len(left) > 0 {
				t.Errorf("a run leaves in staging: %v", left)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	a, b := calms[0], calms[1]
	if fmt.Sprint(a.results) != fmt.Sprint(b.results) {
		t.Fatalf("two undisturbed runs differ:\n%v\n%v", a.results, b.results)
	}
	a.lasts = max(a.lasts, b.lasts)
	t.Logf("undisturbed: %d tasks, %d events, %v", a.tasks, a.lines, a.lasts)
	return a
}

// victims.
const (
	engine = "engine"
	server = "fork server"
	task   = "task"
)

// story is one run that is killed and resumed.
type story struct {
	*box
	calm   *calm
	rng    *rand.Rand
	told   []string // what happened
	hits   []string // who was killed
	python bool     // started as `python flow.py run`
	more   []string // options
}

func (s *story) say(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

// tell tells the story to its end.
func (s *story) tell() {
	switch s.rng.IntN(12) {
	case 0:
		s.python = true
	case 1:
		s.more = []string{"--isolation", "spawn"}
	case 2: // the SDK has yet to be unpacked, the interpreter to be found
		s.setenv("LEVADA_CACHE", filepath.Join(s.dir, "cache"))
	}
	strikes := 1
	for s.rng.IntN(5) == 0 && strikes < 4 {
		strikes++
	}
	for range strikes {
		s.strike()
		if s.t.Failed() {
			return
		}
	}
	s.end()
}

// end lets the run come to its end and compares.
func (s *story) end() {
	before := s.before()
	c := s.command(before.run).begin().wait().want(0)
	s.say("levada %s: %d", strings.Join(c.args, " "), c.exit)
	s.alone()
	last := s.latest()
	if last.ID == before.run || last.Status != "succeeded" {
		s.t.Errorf("the last run is %d, %s", last.ID, last.Status)
	}
	s.notAgain(before)
	s.same(last.ID, s.calm.results)
	s.examine()
	if left := s.staged(); len(left) > 0 {
		s.t.Errorf("what a dead engine left is still in staging: %v", left)
	}
}

// snapshot is what is recorded at some moment.
type snapshot struct {
	run  int64           // the newest; 0 if there is none
	done map[string]bool // its finished tasks
}

func (s *story) before() snapshot {
	run := s.latest()
	if run.ID == 0 {
		return snapshot{}
	}
	return snapshot{run.ID, s.finished(run.ID)}
}

// notAgain checks that what was recorded as finished was not run again by the run after that.
func (s *story) notAgain(before snapshot) {
	s.t.Helper()
	ran := s.executions()[before.run+1]
	for _, name := range ran {
		if before.done[name] {
			s.t.Errorf("%s was recorded as finished in run %d and ran again in run %d", name, before.run, before.run+1)
		}
	}
	s.say("run %d had %d tasks finished; run %d ran %d", before.run, len(before.done), before.run+1, len(ran))
}

// command makes the next command: run, or resume if there is something to resume.
func (s *story) command(latest int64) *command {
	word := "run"
	if latest > 0 {
		word = "resume"
	}
	flow := testdata(s.t, everything)
	if s.python {
		c := s.prepare(python(s.t), append([]string{flow, word, "--json"}, s.more...)...)
		c.cmd.Env = append(slices.Clone(s.env), "PYTHONPATH="+filepath.Join(filepath.Dir(flow), "../../../python"), "LEVADA_BIN="+binary,
			"PYTHONDONTWRITEBYTECODE=1")
		return c
	}
	return s.prepare("levada", append([]string{word, "--json", flow}, s.more...)...)
}

// strike starts a run or a resume, kills something of it at a random point and checks what is left.
func (s *story) strike() {
	before := s.before()
	c := s.command(before.run)
	victim := []string{engine, engine, engine, engine, engine, server, server, task, task, task}[s.rng.IntN(10)]
	byEvent := s.rng.IntN(2) == 0
	at := 1 + s.rng.IntN(s.calm.lines)
	delay := time.Duration(s.rng.Float64() * float64(s.calm.lasts))
	moment := make(chan struct{})
	if byEvent {
		s.say("levada %s; kill the %s at event %d", strings.Join(c.args, " "), victim, at)
		seen := 0
		c.follow(func(event) {
			if seen++; seen == at {
				close(moment)
			}
		})
	} else {
		s.say("levada %s; kill the %s after %v", strings.Join(c.args, " "), victim, delay)
		c.follow(nil)
		time.AfterFunc(delay, func() { close(moment) })
	}
	select {
	case <-moment:
		s.hit(c.cmd.Process.Pid, victim)
	case <-c.ended:
		s.say("it ended before")
	}
	c.wait()
	s.alone()
	s.say("exit code %d, signal %d", c.exit, c.signal)
	s.examine()
	s.notAgain(before)

	run := s.latest()
	died := c.signal == syscall.SIGKILL
	switch status := s.statuses()[run.ID]; {
	case run.ID == before.run && !died && c.exit != 1:
		s.t.Errorf("there is no run, but exit code %d:\n%s", c.exit, c.stderr.String())
	case run.ID == before.run: // killed before the run was made
	case died && run.Status == "running" && status != "died":
		s.t.Errorf("the engine of run %d is dead, but the run is shown as %s", run.ID, status)
	case !died && c.exit == 0 && status != "succeeded", !died && c.exit == 1 && status != "failed":
		s.t.Errorf("exit code %d, but run %d is shown as %s:\n%s", c.exit, run.ID, status, c.stderr.String())
	case !died && c.exit != 0 && c.exit != 1:
		s.t.Errorf("exit code %d:\n%s", c.exit, c.stderr.String())
	}
}

// hit kills the victim, or if there is no such thing who would have made it. Tasks live for some
// milliseconds, so the next one is waited for.
func (s *story) hit(pid int, victim string) {
	if victim == task {
		var tasks []process
		if within(500*time.Millisecond, func() bool { tasks = s.tasks(pid); return len(tasks) > 0 }) {
			s.hits = append(s.hits, task)
			s.kill(tasks[s.rng.IntN(len(tasks))].pid)
			return
		}
		victim = server
	}
	if victim == server {
		if servers := s.servers(pid); len(servers) > 0 {
			s.hits = append(s.hits, server)
			s.kill(servers[s.rng.IntN(len(servers))].pid)
			return
		}
	}
	s.hits = append(s.hits, engine)
	s.kill(pid)
}

// TestFollowingARunThatDies has somebody follow the log of a run whose engine is killed.
func TestFollowingARunThatDies(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c := b.waiting("gentle")
	follower := b.start("logs", "-f", "1")
	b.kill(c.cmd.Process.Pid)
	follower.wait().want(0).says("run 1 died", "levada resume")
	<-c.ended
	b.alone()
}
