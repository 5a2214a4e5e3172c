package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/upkeep"
)

func TestAge(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "90m": 90 * time.Minute, "8w": 56 * day, "1d12h": 36 * time.Hour, " 5s ": 5 * time.Second, "999999w": maxAge,
		"999999w999999w": maxAge,
	} {
		var got time.Duration
		if err := age(&got)([]string{text}); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "-1d", "1.5d", "0d", "1y", "1d 2h", "9999999d", "1d2"} {
		var got time.Duration
		if err := age(&got)([]string{text}); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestGCRules(t *testing.T) {
	for line, want := range map[string]upkeep.Rules{
		"gc":          {Keep: -1},
		"gc --keep 0": {Keep: 0},
		"gc --older-than 30d --keep 5 --keep-tag a --keep-tag b": {Keep: 5, OlderThan: 720 * time.Hour, KeepTags: []string{"a", "b"}},
		"gc --flow A --flow B --status failed --status died --tag x": {Keep: -1, Flows: []string{"A", "B"}, Tags: []string{"x"},
			Statuses: []metastore.RunStatus{metastore.RunFailed, metastore.RunDied}},
	} {
		for _, dry := range []bool{false, true} {
			p := newProgram(t)
			args := strings.Fields(line)
			if dry {
				args = append(args, "--dry-run")
			}
			if code := p.run(t, args...); code != 0 || p.home.Need != ChangeStore {
				t.Errorf("%s: exit code %d, the store is opened for %v\n%s", line, code, p.home.Need, p.err.String())
			}
			if d := cmp.Diff(want, p.service.rules); d != "" || p.service.mode.Dry != dry {
				t.Errorf("%s: dry %t, rules (-want +got):\n%s", line, p.service.mode.Dry, d)
			}
		}
	}
	for _, line := range []string{"gc --keep-tag x", "gc --keep -1", "gc --older-than soon", "gc --status running", "gc 12"} {
		p := newProgram(t)
		if code := p.run(t, strings.Fields(line)...); code != exitUsage {
			t.Errorf("%s: exit code %d\n%s", line, code, p.err.String())
		}
	}
}

func TestRm(t *testing.T) {
	p := newProgram(t)
	p.service.collected = upkeep.Collected{
		Runs:     []upkeep.Share{{Run: metastore.Run{ID: 12, Flow: "F", Status: metastore.RunFailed, Created: noon.Add(-time.Hour), Tags: []string{"x"}}, Bytes: 2048}},
		Unneeded: 1024, Freed: 4096, Held: 100, Unfinished: 200,
	}
	if code := p.run(t, "rm", "12", "F/13", "F/13/"); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.err.String())
	}
	want := []service.Pathspec{{Run: 12, Task: -1}, {Flow: "F", Run: 13, Task: -1}, {Flow: "F", Run: 13, Task: -1}}
	if d := cmp.Diff(want, p.service.removed); d != "" {
		t.Error(d)
	}
	if got := p.out.String(); !strings.Contains(got, "12   failed  F     1 hour ago  2.0 KiB  x\n") {
		t.Errorf("printed is\n%s", got)
	}
	const said = "Removed 1 run with 3.0 KiB, of which 1.0 KiB belong to no run. The store takes 4.0 KiB less on disk." +
		" 100 B more can be freed when the flows that are running now have ended. 200 B are in files that are being written, or may be: they are kept.\n"
	if got := p.err.String(); got != said {
		t.Errorf("said is %q", got)
	}
	if code := p.run(t, "rm", "12", "--force"); code != 0 || !p.service.mode.Force {
		t.Errorf("exit code %d, %+v", code, p.service.mode)
	}
	if code := p.run(t, "rm", "12", "--json", "--dry-run"); code != 0 || !p.service.mode.Dry {
		t.Errorf("exit code %d, dry %t", code, p.service.mode.Dry)
	}
	if got := p.out.String(); !strings.Contains(got, `{"run":12,"flow":"F","status":"failed",`) ||
		!strings.Contains(got, `{"event":"collected","dry_run":true,"runs":1,"bytes":3072,"unneeded_bytes":1024,"held_bytes":100,"leftover_bytes":0,"unfinished_bytes":200,"unclaimed_bytes":0,"silent_runs":0,"freed_on_disk":4096,"undeleted_bytes":0}`) {
		t.Errorf("printed is\n%s", got)
	}
	for _, line := range []string{"rm", "rm x", "rm 12 0"} {
		if code := p.run(t, strings.Fields(line)...); code != exitUsage {
			t.Errorf("%s: exit code %d", line, code)
		}
	}
}

// What is said of a collection without runs is true of what it did.
func TestCollectedWithoutRuns(t *testing.T) {
	for _, test := range []struct {
		name string
		args string
		gone upkeep.Collected
		said string
	}{
		{"nothing", "gc", upkeep.Collected{}, "Nothing to remove.\n"},
		{"only the database shrank", "gc", upkeep.Collected{Freed: 4096},
			"There was no run and no value to remove. The database was compacted, and takes 4.0 KiB less on disk.\n"},
		{"values of no run", "gc", upkeep.Collected{Unneeded: 1024, Freed: 4096},
			"Removed 1.0 KiB that belong to no run. The store takes 4.0 KiB less on disk.\n"},
		{"values of no run would go", "gc --dry-run", upkeep.Collected{Unneeded: 1024}, "Would remove 1.0 KiB that belong to no run. Nothing was changed.\n"},
		{"a run that may come back", "gc --status died", upkeep.Collected{Silent: []int64{7}, Until: noon},
			"Nothing to remove. Run 7 is silent and is kept: it may come back until " + noon.Local().Format(time.TimeOnly) + ". --force removes it.\n"},
		{"runs that may come back", "gc --status died --dry-run", upkeep.Collected{Silent: []int64{7, 5}, Until: noon},
			"Nothing to remove. 2 runs are silent and are kept, such as run 7: they may come back, the last until " + noon.Local().Format(time.TimeOnly) + ". --force removes them.\n"},
		{"empty leftovers", "gc", upkeep.Collected{Leftovers: 2}, "Removed empty leftovers of processes that died.\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProgram(t)
			p.service.collected = test.gone
			if code := p.run(t, strings.Fields(test.args)...); code != 0 {
				t.Fatalf("exit code %d: %s", code, p.err.String())
			}
			if got := p.err.String(); got != test.said {
				t.Errorf("said is %q, want %q", got, test.said)
			}
		})
	}
}

// What went is told although not all of it could go, with an error that says why.
func TestRemovedInPart(t *testing.T) {
	p := newProgram(t)
	p.service.stuck = fault.New(fault.Permission, "2 files or folders could not be deleted").Do("Do it.")
	run := upkeep.Share{Run: metastore.Run{ID: 12, Flow: "F", Created: noon}, Bytes: 3072}
	for _, test := range []struct {
		name string
		args string
		gone upkeep.Collected
		said string
	}{
		{"a run", "rm 12", upkeep.Collected{Runs: []upkeep.Share{run}, Freed: 1024, Stuck: 2, StuckBytes: 2048},
			"Removed 1 run with 3.0 KiB. The store takes 1.0 KiB less on disk. 2.0 KiB of what was to go could not be deleted and still take up room.\n"},
		{"some values", "gc", upkeep.Collected{Unneeded: 3072, Freed: 1024, Stuck: 2, StuckBytes: 2048},
			"Removed 1.0 KiB that belong to no run. The store takes 1.0 KiB less on disk. 2.0 KiB of what was to go could not be deleted and still take up room.\n"},
		{"none", "gc", upkeep.Collected{Unneeded: 2048, Stuck: 2, StuckBytes: 2048},
			"Nothing could be removed. 2.0 KiB of what was to go could not be deleted and still take up room.\n"},
		{"it broke off", "gc", upkeep.Collected{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p.service.collected = test.gone
			if code := p.run(t, strings.Fields(test.args)...); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			const why = "    Permission denied:\n    2 files or folders could not be deleted\n    Do it.\n\n"
			if got := p.err.String(); got != test.said+why {
				t.Errorf("said is %q, want %q", got, test.said+why)
			}
			if got := p.out.String(); strings.Contains(got, "12") != (len(test.gone.Runs) == 1) {
				t.Errorf("printed is %q", got)
			}
		})
	}
}

func TestDoctorOutput(t *testing.T) {
	p := newProgram(t)
	p.service.findings = []upkeep.Finding{
		{Check: "python", Level: upkeep.OK, Text: "fine"},
		{Check: "leftovers", Level: upkeep.Note, Text: "some", Hint: "Do it."},
	}
	if code := p.run(t, "doctor", "--quick"); code != 0 || !p.service.examined.Quick || p.service.examined.Repair || p.home.Need != ExistingStore {
		t.Errorf("exit code %d, %+v, %v", code, p.service.examined, p.home)
	}
	if got := p.out.String(); !strings.Contains(got, "ok       python     fine\nnote     leftovers  some\n                    Do it.\n") {
		t.Errorf("printed is\n%s", got)
	}
	p.service.findings = append(p.service.findings, upkeep.Finding{Check: "values", Level: upkeep.Problem, Text: "gone", Needs: strings.Fields("a b c d e f g")})
	if code := p.run(t, "doctor", "--repair"); code != exitFailed || p.home.Need != ChangeStore || !p.service.examined.Repair {
		t.Errorf("exit code %d, %+v, %v", code, p.service.examined, p.home)
	}
	if got := p.out.String(); !strings.Contains(got, "PROBLEM  values     gone\n") || !strings.Contains(got, "needed by e\n                    and 2 more") {
		t.Errorf("printed is\n%s", got)
	}
	if p.run(t, "doctor", "--quiet"); strings.Contains(p.out.String(), "python") {
		t.Errorf("--quiet prints\n%s", p.out.String())
	}
	if p.run(t, "doctor", "--json"); !strings.Contains(p.out.String(), `{"check":"values","level":"problem","text":"gone","needed_by":["a","b","c","d","e","f","g"]}`) {
		t.Errorf("--json prints\n%s", p.out.String())
	}
}
