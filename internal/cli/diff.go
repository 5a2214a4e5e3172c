package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

const diffAbout = `Parameters, artifacts, code, environment and the time that steps took are compared. A and B are runs, or tasks
of them to compare the artifacts of those: levada diff 12 13, levada diff 12/train/3 13/train/3. By default the
artifacts at the end of the flow are compared. The exit code is 0 whether or not there are differences.`

// diffCommand is `diff`.
type diffCommand struct {
	paths [2]string
	step  string
	code  bool
}

func (c *diffCommand) options() table {
	return table{
		{name: "step", metavar: "NAME", set: text(&c.step), help: "Compare the artifacts of the last task of this step instead of those at the end."},
		{name: "code", set: flag(&c.code), help: "Show how the files differ, as a unified diff."},
	}
}

func (c *diffCommand) arguments() []argument {
	side := func(i int, name string) argument {
		return argument{name: name, required: true, help: "A run, or a task of one.",
			set: func(word string) error { c.paths[i] = word; return nil }}
	}
	return []argument{side(0, "A"), side(1, "B")}
}

func (c *diffCommand) run(ctx context.Context, s *session) error {
	var paths [2]service.Pathspec
	for i, text := range c.paths {
		p, err := service.ParsePathspec(text)
		if err != nil {
			return err
		}
		if c.step != "" {
			if p.Step != "" {
				return usagef("%s already names a step; leave out --step.", text)
			}
			p.Step = c.step
		}
		paths[i] = p
	}
	d, err := s.store.Service.Compare(ctx, paths)
	if err != nil {
		return err
	}
	if s.global.json {
		return s.printJSON(jsonDiff(d, c.code))
	}
	page := diffPage{now: s.env.Now(), width: s.tableWidth(), colour: s.env.colour(s.env.Terminal.Stdout)}
	page.print(d, c.code)
	return s.print(page.String())
}

// diffPage lays a comparison out for people.
type diffPage struct {
	strings.Builder
	now    time.Time
	width  int
	colour bool
}

// The colours of a diff.
const (
	codeBold  = "1"
	codeRed   = "31"
	codeGreen = "32"
	codeCyan  = "36"
)

func (p *diffPage) paint(code, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *diffPage) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// section begins a part of the page.
func (p *diffPage) section(title string) { p.line("\n%s", p.paint(codeBold, title)) }

func (p *diffPage) print(d *service.Diff, code bool) {
	p.runs(d.Runs)
	p.section("Parameters")
	p.changes(d.Parameters)
	switch title := "Artifacts"; {
	case d.Tasks[0] == "" || d.Tasks[1] == "":
		p.section(title)
		for i, task := range d.Tasks {
			if task == "" {
				p.line("  run %d did not reach the end of its flow; compare another step with --step", d.Runs[i].ID)
			}
		}
	default:
		p.section(title + " of " + d.Tasks[0] + " and " + d.Tasks[1])
		p.artifacts(d)
	}
	p.section("Code")
	p.code(d, code)
	p.section("Environment")
	p.changes(d.Environment)
	p.section("Duration")
	p.durations(d)
}

// runs tells which runs are compared.
func (p *diffPage) runs(runs [2]metastore.Run) {
	rows := make([]runRow, 2)
	for i, run := range runs {
		rows[i].Run = run
	}
	signs, codes := [2]string{"-", "+"}, [2]string{codeRed, codeGreen}
	columns := []column{{title: ""}, {title: "RUN"}, {title: "STATUS"}, {title: "FLOW", least: 8}, {title: "STARTED"}, {title: "DURATION", spare: 2}, {title: "USER", spare: 3}, {title: "TAGS", least: 8, spare: 1}}
	var cells [][]string
	for i, r := range rows {
		took := "-"
		if d, ok := r.duration(p.now); ok {
			took = durationText(d)
		}
		cells = append(cells, []string{signs[i], strconv.FormatInt(r.ID, 10), string(r.Status), r.Flow, ago(p.now.Sub(r.Created)), took, r.User, strings.Join(r.Tags, ",")})
	}
	table, missing := grid(columns, cells, p.width)
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	p.line("%s", lines[0])
	for i, line := range lines[1:] {
		p.line("%s", p.paint(codes[i], line))
	}
	p.WriteString(narrow(missing, p.width, p.colour))
}

// pair is a named pair of texts; nil is absent.
type pair struct {
	name string
	text [2]*string
}

// pairs prints what differs: side by side if both sides are short, else below one another.
func (p *diffPage) pairs(list []pair) {
	name := 0
	for _, c := range list {
		name = max(name, textWidth(c.name))
	}
	name = min(name, 30)
	room := p.width - 2 - name - 2
	for _, c := range list {
		label := "  " + pad(c.name, name) + "  "
		old, new := c.text[0], c.text[1]
		switch {
		case old != nil && new != nil && textWidth(*old)+textWidth(*new)+4 <= min(room, 100):
			p.line("%s%s → %s", label, p.paint(codeRed, *old), p.paint(codeGreen, *new))
			continue
		case old != nil && new != nil:
			p.line("%s%s", label, p.paint(codeRed, "- "+cut(*old, max(room-2, 20))))
			p.line("%s%s", strings.Repeat(" ", name+4), p.paint(codeGreen, "+ "+cut(*new, max(room-2, 20))))
		case old != nil:
			p.line("%s%s", label, p.paint(codeRed, "- "+cut(*old, max(room-2, 20))))
		default:
			p.line("%s%s", label, p.paint(codeGreen, "+ "+cut(*new, max(room-2, 20))))
		}
	}
}

func (p *diffPage) changes(list []service.Change) {
	if len(list) == 0 {
		p.line("  the same")
		return
	}
	var pairs []pair
	for _, c := range list {
		pairs = append(pairs, pair{c.Name, c.Text})
	}
	p.pairs(pairs)
}

func (p *diffPage) artifacts(d *service.Diff) {
	var list []pair
	for _, c := range d.Artifacts {
		one := pair{name: c.Name}
		for i, a := range c.Artifact {
			if a == nil {
				continue
			}
			text := c.Preview[i]
			if text == c.Preview[1-i] { // what tells them apart is not in the text
				text += fmt.Sprintf(" (%s, sha256 %.8x)", sizeText(a.Size), a.Hash)
			}
			one.text[i] = &text
		}
		list = append(list, one)
	}
	p.pairs(list)
	switch {
	case len(list) == 0:
		p.line("  the same: all %d", d.Same)
	case d.Same > 0:
		p.line("  the same: %d", d.Same)
	}
}

func (p *diffPage) code(d *service.Diff, unified bool) {
	for i, kept := range d.CodeKept {
		if !kept {
			p.line("  no code was kept with run %d", d.Runs[i].ID)
		}
	}
	if len(d.Code) == 0 && d.CodeKept == [2]bool{true, true} {
		p.line("  the same")
		return
	}
	for _, f := range d.Code {
		extent := fmt.Sprintf("+%d -%d", f.Added, f.Removed)
		if f.Binary {
			extent = "binary"
		}
		p.line("  %s  %s  %s", pad(f.Status, 7), f.Path, extent)
	}
	if !unified {
		return
	}
	for _, f := range d.Code {
		p.line("")
		if f.Binary {
			p.line("%s", p.paint(codeBold, f.Path+": binary"))
		}
		header := true
		for line := range strings.Lines(f.Unified) {
			line = strings.TrimSuffix(line, "\n")
			switch {
			case strings.HasPrefix(line, "@@"):
				header = false
				line = p.paint(codeCyan, line)
			case header:
				line = p.paint(codeBold, line)
			case line[0] == '-':
				line = p.paint(codeRed, line)
			case line[0] == '+':
				line = p.paint(codeGreen, line)
			}
			p.line("%s", line)
		}
	}
}

// durations prints what each step took.
func (p *diffPage) durations(d *service.Diff) {
	var rows [][]string
	for _, st := range d.Steps {
		row := []string{"  " + st.Step}
		for _, t := range st.Times {
			if t == nil {
				row = append(row, "-", "-")
				continue
			}
			row = append(row, durationText(t.Took), strconv.Itoa(t.Tasks))
		}
		rows = append(rows, append(row, ratioText(st.Times)))
	}
	ids := [2]string{strconv.FormatInt(d.Runs[0].ID, 10), strconv.FormatInt(d.Runs[1].ID, 10)}
	columns := []column{{title: "  STEP", least: 8}, {title: "RUN " + ids[0]}, {title: "TASKS"}, {title: "RUN " + ids[1]}, {title: "TASKS"}, {title: ""}}
	table, missing := grid(columns, rows, p.width)
	p.WriteString(table + narrow(missing, p.width, p.colour))
}

// ratioText tells how much longer the second took, if that is more than noise.
func ratioText(times [2]*service.StepTime) string {
	if times[0] == nil || times[1] == nil || max(times[0].Took, times[1].Took) < time.Second {
		return ""
	}
	ratio := float64(times[1].Took) / float64(max(times[0].Took, time.Microsecond))
	if ratio > 0.9 && ratio < 1.1 {
		return ""
	}
	return "×" + strconv.FormatFloat(ratio, 'g', 3, 64)
}

// jsonSides is a pair in JSON: null is absent.
type jsonSides[T any] struct {
	A *T `json:"a"`
	B *T `json:"b"`
}

// jsonDiff is the JSON form of a comparison.
func jsonDiff(d *service.Diff, unified bool) any {
	type change struct {
		Name string `json:"name"`
		jsonSides[string]
	}
	type artifact struct {
		Type    string `json:"type"`
		Size    int64  `json:"size"`
		Hash    string `json:"sha256"`
		Preview string `json:"preview"`
	}
	type artifactChange struct {
		Name string `json:"name"`
		jsonSides[artifact]
	}
	type file struct {
		Path    string `json:"path"`
		Status  string `json:"status"`
		Added   int    `json:"added"`
		Removed int    `json:"removed"`
		Binary  bool   `json:"binary"`
		Diff    string `json:"diff,omitempty"`
	}
	type stepTime struct {
		Seconds float64 `json:"seconds"`
		Tasks   int     `json:"tasks"`
	}
	type step struct {
		Step string `json:"step"`
		jsonSides[stepTime]
	}
	changes := func(list []service.Change) []change {
		out := []change{}
		for _, c := range list {
			out = append(out, change{c.Name, jsonSides[string]{c.Text[0], c.Text[1]}})
		}
		return out
	}
	artifacts, files, steps := []artifactChange{}, []file{}, []step{}
	for _, c := range d.Artifacts {
		var sides [2]*artifact
		for i, a := range c.Artifact {
			if a != nil {
				sides[i] = &artifact{a.Type, a.Size, fmt.Sprintf("%x", a.Hash), c.Preview[i]}
			}
		}
		artifacts = append(artifacts, artifactChange{c.Name, jsonSides[artifact]{sides[0], sides[1]}})
	}
	for _, f := range d.Code {
		one := file{f.Path, f.Status, f.Added, f.Removed, f.Binary, ""}
		if unified {
			one.Diff = f.Unified
		}
		files = append(files, one)
	}
	for _, st := range d.Steps {
		var sides [2]*stepTime
		for i, t := range st.Times {
			if t != nil {
				sides[i] = &stepTime{t.Took.Seconds(), t.Tasks}
			}
		}
		steps = append(steps, step{st.Step, jsonSides[stepTime]{sides[0], sides[1]}})
	}
	return struct {
		A           int64            `json:"a"`
		B           int64            `json:"b"`
		Parameters  []change         `json:"parameters"`
		Tasks       [2]string        `json:"tasks"`
		Artifacts   []artifactChange `json:"artifacts"`
		Same        int              `json:"same_artifacts"`
		CodeKept    [2]bool          `json:"code_kept"`
		Code        []file           `json:"code"`
		Environment []change         `json:"environment"`
		Steps       []step           `json:"steps"`
	}{d.Runs[0].ID, d.Runs[1].ID, changes(d.Parameters), d.Tasks, artifacts, d.Same, d.CodeKept, files, changes(d.Environment), steps}
}
