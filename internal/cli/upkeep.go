package cli

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/upkeep"
)

// Upkeep removes runs and keeps the store in order.
type Upkeep interface {
	Remove(ctx context.Context, runs []service.Pathspec, m upkeep.Mode) (upkeep.Collected, error)
	Collect(ctx context.Context, rules upkeep.Rules, m upkeep.Mode) (upkeep.Collected, error)
	Examine(ctx context.Context, python string, x upkeep.Examination) error
}

const rmAbout = `Removes whole runs and frees what no other run needs. Nothing is asked; --dry-run shows what would go.
A run that still goes on is not removed, nor one that fell silent a short while ago, on another machine or in a container, and may come
back. What later runs took over from a removed one stays theirs.`

const gcAbout = `Removes the runs to which all given rules apply, and frees what no run needs then. Without rules it removes no run.
A run that still goes on never goes, and one that fell silent a short while ago and may come back stays for now. It may run beside
flows, and be stopped at any time.`

// rmCommand is `rm`.
type rmCommand struct {
	runs []string
	mode upkeep.Mode
}

func dryOption(to *bool) option {
	return option{name: "dry-run", off: "no-dry-run", set: flag(to), help: "Show what would be removed, and change nothing."}
}

func forceOption(to *bool) option {
	return option{name: "force", off: "no-force", set: flag(to),
		help: "Also runs that fell silent a short while ago and may come back. If one does, it fails, and what it did is lost. With gc, also values in a store that has no run at all."}
}

func (c *rmCommand) options() table { return table{dryOption(&c.mode.Dry), forceOption(&c.mode.Force)} }

func (c *rmCommand) arguments() []argument {
	return []argument{{name: "RUN", required: true, many: true, help: "The runs: 12 or MyFlow/12.",
		set: func(word string) error { c.runs = append(c.runs, word); return nil }}}
}

func (c *rmCommand) run(ctx context.Context, s *session) error {
	var runs []service.Pathspec
	for _, text := range c.runs {
		p, err := s.pathspec(text)
		if err != nil {
			return err
		}
		runs = append(runs, p)
	}
	gone, err := s.store.Service.Remove(ctx, runs, c.mode)
	return s.tellCollected(gone, c.mode.Dry, err)
}

// gcCommand is `gc`.
type gcCommand struct {
	bare
	rules upkeep.Rules
	mode  upkeep.Mode
}

func (c *gcCommand) options() table {
	ended := slices.DeleteFunc(statusNames(), func(name string) bool { return name == string(metastore.RunRunning) })
	return table{
		{name: "older-than", metavar: "AGE", set: age(&c.rules.OlderThan), help: "Runs that ended longer ago than this: 90m, 12h, 30d, 8w."},
		{name: "keep", metavar: "INTEGER", set: number(&c.rules.Keep, 0), help: "All but this many of the newest runs of each flow."},
		{name: "flow", metavar: "NAME", many: true, set: texts(&c.rules.Flows), help: "Runs of this flow. Repeatable: any of them. In the form `python flow.py gc`, that flow is meant."},
		{name: "status", metavar: "TEXT", many: true, set: statuses(&c.rules.Statuses, ended), choices: ended,
			help: "Runs with this status: " + strings.Join(ended, ", ") + ". Repeatable: any of them."},
		{name: "tag", metavar: "TEXT", many: true, set: texts(&c.rules.Tags), help: "Runs with this tag. Repeatable: all of them."},
		{name: "keep-tag", metavar: "TEXT", many: true, set: texts(&c.rules.KeepTags), help: "Keep runs with this tag, whatever the other rules say. Repeatable."},
		dryOption(&c.mode.Dry), forceOption(&c.mode.Force),
	}
}

func (c *gcCommand) run(ctx context.Context, s *session) error {
	if s.flow != nil && len(c.rules.Flows) == 0 && !c.rules.Empty() {
		c.rules.Flows = []string{s.flow.Definition().Name}
	}
	gone, err := s.store.Service.Collect(ctx, c.rules, c.mode)
	return s.tellCollected(gone, c.mode.Dry, err)
}

func statuses(to *[]metastore.RunStatus, names []string) func([]string) error {
	return func(v []string) error {
		var name string
		err := choice(&name, names...)(v)
		*to = append(*to, metastore.RunStatus(name))
		return err
	}
}

// units are the units of an age.
var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

var (
	agePattern = regexp.MustCompile(`^([0-9]{1,6}[smhdw])+$`)
	agePart    = regexp.MustCompile(`[0-9]+[smhdw]`)
)

// age binds a span of time: "30d", "1d12h".
func age(to *time.Duration) func([]string) error {
	return func(v []string) error {
		text := strings.TrimSpace(v[0])
		sum := time.Duration(0)
		if agePattern.MatchString(text) {
			for _, part := range agePart.FindAllString(text, -1) {
				n, _ := strconv.Atoi(part[:len(part)-1])
				if unit := units[part[len(part)-1]]; time.Duration(n) <= maxAge/unit {
					sum = min(sum+time.Duration(n)*unit, maxAge)
				} else {
					sum = maxAge
				}
			}
		}
		if sum == 0 {
			return badValue(text + " is not an age: write 90m, 12h, 30d or 8w")
		}
		*to = sum
		return nil
	}
}

// maxAge is older than any run, and far from what a duration can hold.
const maxAge = 100 * 365 * 24 * time.Hour

// tellCollected tells what went or would go, also if not all of it could, which is what the error says then.
func (s *session) tellCollected(c upkeep.Collected, dry bool, err error) error {
	if err != nil && c.Stuck == 0 {
		return err
	}
	return cmp.Or(s.printCollected(c, dry), err)
}

// printCollected tells what went or would go: the runs on stdout, the sum on stderr.
func (s *session) printCollected(c upkeep.Collected, dry bool) error {
	if s.global.json {
		return s.jsonCollected(c, dry)
	}
	if len(c.Runs) > 0 {
		if err := s.printGrid(shareTable(c.Runs, s.env.Now())); err != nil {
			return err
		}
	}
	s.inform("%s", collectedText(c, dry))
	return nil
}

// collectedText is the sum of what went.
func collectedText(c upkeep.Collected, dry bool) string {
	runs := fmt.Sprintf("%d runs", len(c.Runs))
	if len(c.Runs) == 1 {
		runs = "1 run"
	}
	rest := ""
	if c.Unneeded+c.LeftBehind > 0 {
		rest = fmt.Sprintf(", of which %s belong to no run", sizeText(c.Unneeded+c.LeftBehind))
	}
	held := ""
	if c.Held > 0 {
		held = fmt.Sprintf(" %s more can be freed when the flows that are running now have ended.", sizeText(c.Held))
	}
	if c.Unclaimed > 0 {
		held += fmt.Sprintf(" %s of values and logs are kept: the store has no runs at all, as if its database was lost and a new one took its place. If so, restore levada.db; "+
			"if nothing needs them, --force deletes them.", sizeText(c.Unclaimed))
	}
	if c.Unfinished > 0 {
		held += fmt.Sprintf(" %s are in files that are being written, or may be: they are kept.", sizeText(c.Unfinished))
	}
	if len(c.Silent) > 0 {
		held += silentText(c)
	}
	if c.Stuck > 0 {
		held += fmt.Sprintf(" %s of what was to go could not be deleted and still take up room.", sizeText(c.StuckBytes))
	}
	freed := ""
	if c.Freed > 0 {
		freed = fmt.Sprintf(" The store takes %s less on disk.", sizeText(c.Freed))
	}
	switch nothing := c.Bytes() == 0 && c.Leftovers == 0; {
	case len(c.Runs) == 0 && nothing && c.Freed > 0:
		// The database gives back what was free in it already, such as what an earlier removal could not beside a flow.
		return fmt.Sprintf("There was no run and no value to remove. The database was compacted, and takes %s less on disk.%s",
			sizeText(c.Freed), held)
	case len(c.Runs) == 0 && nothing:
		return "Nothing to remove." + held
	case len(c.Runs) == 0 && c.Stuck > 0 && c.Bytes() == c.StuckBytes:
		return "Nothing could be removed." + held
	case len(c.Runs) == 0:
		what := sizeText(c.Bytes()-c.StuckBytes) + " that belong to no run"
		if c.Bytes() == 0 {
			what = "empty leftovers of processes that died"
		}
		if dry {
			return fmt.Sprintf("Would remove %s.%s Nothing was changed.", what, held)
		}
		return fmt.Sprintf("Removed %s.%s%s", what, freed, held)
	case dry:
		return fmt.Sprintf("Would remove %s and free %s%s.%s Nothing was changed.", runs, sizeText(c.Bytes()), rest, held)
	}
	return fmt.Sprintf("Removed %s with %s%s.%s%s", runs, sizeText(c.Bytes()), rest, freed, held)
}

// silentText says of runs that were selected why they stay.
func silentText(c upkeep.Collected) string {
	until := c.Until.Local().Format(time.TimeOnly)
	if len(c.Silent) == 1 {
		return fmt.Sprintf(" Run %d is silent and is kept: it may come back until %s. --force removes it.", c.Silent[0], until)
	}
	return fmt.Sprintf(" %d runs are silent and are kept, such as run %d: they may come back, the last until %s. --force removes them.",
		len(c.Silent), c.Silent[0], until)
}

// shareTable lays out the runs that go.
func shareTable(shares []upkeep.Share, now time.Time) ([]column, [][]string) {
	columns := []column{{title: "RUN"}, {title: "STATUS"}, {title: "FLOW", least: 8}, {title: "STARTED"}, {title: "FREES"}, {title: "TAGS", least: 8}}
	var rows [][]string
	for _, x := range shares {
		rows = append(rows, []string{
			strconv.FormatInt(x.Run.ID, 10), string(x.Run.Status), x.Run.Flow, ago(now.Sub(x.Run.Created)), sizeText(x.Bytes), strings.Join(x.Run.Tags, ","),
		})
	}
	return columns, rows
}

func (s *session) jsonCollected(c upkeep.Collected, dry bool) error {
	type run struct {
		Run     int64               `json:"run"`
		Flow    string              `json:"flow"`
		Status  metastore.RunStatus `json:"status"`
		Created time.Time           `json:"created"`
		Tags    []string            `json:"tags"`
		Bytes   int64               `json:"bytes"`
	}
	for _, x := range c.Runs {
		r := x.Run
		if err := s.printJSON(run{r.ID, r.Flow, r.Status, r.Created, append([]string{}, r.Tags...), x.Bytes}); err != nil {
			return err
		}
	}
	return s.printJSON(struct {
		Event     string `json:"event"`
		DryRun    bool   `json:"dry_run"`
		Runs      int    `json:"runs"`
		Bytes     int64  `json:"bytes"`
		Unneeded  int64  `json:"unneeded_bytes"`
		Held      int64  `json:"held_bytes"`
		Leftovers int64  `json:"leftover_bytes"`
		Written   int64  `json:"unfinished_bytes"`
		Unclaimed int64  `json:"unclaimed_bytes"` // that stay, since there is no run at all
		Silent    int    `json:"silent_runs"`     // that stay, since they may come back
		Freed     int64  `json:"freed_on_disk"`
		Stuck     int64  `json:"undeleted_bytes"` // that were to go and could not be deleted
	}{"collected", dry, len(c.Runs), c.Bytes(), c.Unneeded, c.Held, c.LeftBehind, c.Unfinished, c.Unclaimed, len(c.Silent), c.Freed, c.StuckBytes})
}

const doctorAbout = `Looks at the Python that flows run with, the SDK, whether tasks can be forked, and at everything in the store: each value
that a record refers to is read and compared with its hash. Exit code 1 if there is a problem. --repair repairs what can be repaired
without losing anything.`

// doctorCommand is `doctor`.
type doctorCommand struct {
	bare
	global *globalOptions
	quick  bool
	repair bool
}

func (c *doctorCommand) options() table {
	return table{
		{name: "quick", off: "no-quick", set: flag(&c.quick), help: "Only check that values exist; do not read them."},
		{name: "repair", off: "no-repair", set: flag(&c.repair),
			help: "Repair what can be repaired: remove what no run needs, and damaged copies of values of which another copy is intact."},
	}
}

func (c *doctorCommand) run(ctx context.Context, s *session) error {
	problems := 0
	var printErr error
	x := upkeep.Examination{Quick: c.quick, Repair: c.repair, Progress: s.readingProgress()}
	x.Tell = func(f upkeep.Finding) {
		if f.Level == upkeep.Problem {
			problems++
		}
		if err := s.printFinding(f); err != nil && printErr == nil {
			printErr = err
		}
	}
	home := s.home(c.global)
	surroundings, err := s.env.Open(ctx, home)
	if err != nil {
		return err
	}
	if err := surroundings.Service.Examine(ctx, c.global.python, x); err != nil {
		return err
	}
	home.Need = ExistingStore
	if c.repair {
		home.Need = ChangeStore
	}
	store, err := s.env.Open(ctx, home)
	switch {
	case fault.Is(err, fault.Interrupted):
		return err
	case fault.Is(err, fault.NotFound):
		x.Tell(upkeep.Finding{Check: "store", Level: upkeep.Note, Text: faultText(err), Hint: fault.HintOf(err)})
	case err != nil:
		x.Tell(upkeep.Finding{Check: "store", Level: upkeep.Problem, Text: faultText(err), Hint: fault.HintOf(err)})
	case store.Remote:
		defer store.Close()
		x.Tell(upkeep.Finding{Check: "store", Level: upkeep.OK, Text: store.Path + " answers",
			Hint: "Values and records are checked where they are stored: run `levada doctor` in the folder that the server serves."})
	default:
		defer store.Close()
		x.Tell(upkeep.Finding{Check: "store", Level: upkeep.OK, Text: store.Path})
		if err := store.Service.Examine(ctx, c.global.python, x); err != nil {
			return err
		}
	}
	switch {
	case printErr != nil:
		return printErr
	case problems > 0:
		return told
	}
	return nil
}

// home is where the store is that the command line means. It asks for none yet.
func (s *session) home(g *globalOptions) Home {
	return s.storeOf(g, s.inv.command != nil && slices.Contains(s.inv.command.global, "server"))
}

// storeOf is where the store is for a command that may use a server's or not.
func (s *session) storeOf(g *globalOptions, remote bool) Home {
	home := Home{Dir: s.env.Dir, Path: g.root, Server: g.server, Tell: s.notify}
	usual, usualServer := s.env.variable("LEVADA_HOME"), s.env.variable("LEVADA_SERVER")
	if home.Path == usual { // not what the command line says
		home.Path = ""
	}
	if home.Path != "" && home.Server == usualServer {
		home.Server = ""
	}
	switch {
	case !remote:
		home.Server = ""
	case home.Path == "" && home.Server == "":
		home.Server = usualServer
	}
	if home.Path == "" && home.Server == "" {
		home.Path = usual
	}
	return home
}

// maxNeeds is how many of the artifacts that need a missing value are listed.
const maxNeeds = 5

// printFinding prints what a check found: what is fine in a line, else what to do, too.
func (s *session) printFinding(f upkeep.Finding) error {
	if s.global.json {
		return s.printJSON(struct {
			Check string       `json:"check"`
			Level upkeep.Level `json:"level"`
			Text  string       `json:"text"`
			Needs []string     `json:"needed_by,omitempty"`
			Hint  string       `json:"hint,omitempty"`
		}{f.Check, f.Level, f.Text, f.Needs, f.Hint})
	}
	if s.global.quiet && f.Level == upkeep.OK {
		return nil
	}
	level := string(f.Level)
	if f.Level == upkeep.Problem {
		level = "PROBLEM"
	}
	var b strings.Builder
	const margin = 20
	fmt.Fprintf(&b, "%s%s%s\n", pad(level, 9), pad(f.Check, margin-9), strings.ReplaceAll(f.Text, "\n", "\n"+strings.Repeat(" ", margin)))
	more := func(line string) { fmt.Fprintf(&b, "%s%s\n", strings.Repeat(" ", margin), line) }
	for i, need := range f.Needs {
		if i == maxNeeds {
			more(fmt.Sprintf("and %d more; --json lists all", len(f.Needs)-i))
			break
		}
		more("needed by " + need)
	}
	if f.Hint != "" {
		for line := range strings.SplitSeq(f.Hint, "\n") {
			more(line)
		}
	}
	return s.print(b.String())
}

// readingProgress tells on a terminal how many values have been read. It draws on stderr, and clears what it drew.
func (s *session) readingProgress() func(done, all int) {
	if !s.env.Terminal.Stderr || s.global.quiet || s.global.json {
		return nil
	}
	var last time.Time
	return func(done, all int) {
		switch now := s.env.Now(); {
		case done == all:
			fmt.Fprint(s.env.Stderr, "\r\x1b[K")
		case now.Sub(last) >= 100*time.Millisecond:
			last = now
			fmt.Fprintf(s.env.Stderr, "\rreading values: %d of %d", done, all)
		}
	}
}
