package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

const tagAbout = `A run is named as RUN, 12 or MyFlow/12, before the tags, or with --run-id. It must be in your namespace, or in
the one that --namespace names. System tags, which Levada gives, cannot be changed.`

const tagListAbout = `Without a run: of all runs, or with --my-runs of those in your namespace.
Without grouping, each tag is listed once.`

// tagTarget is the options of the commands that change tags, which name the run.
type tagTarget struct {
	id        string
	namespace *string
}

func (t *tagTarget) options() table {
	return table{
		{name: "run-id", metavar: "TEXT", dest: "RUN_ID", set: text(&t.id), help: "The run, if it is not the first argument."},
		{name: "namespace", metavar: "TEXT", dest: "NAMESPACE", set: func(v []string) error { t.namespace = &v[0]; return nil },
			help: "The namespace that the run must be in; use --namespace= for any run. Default: your own."},
	}
}

// run reads which run is meant and takes its name off the words.
func (t *tagTarget) run(ctx context.Context, s *session, words []string) (run service.Pathspec, rest []string, err error) {
	name := t.id
	if name == "" {
		if s.inv.python || len(words) == 0 {
			return run, nil, s.whichRun(ctx)
		}
		name, words = words[0], words[1:]
	}
	run, err = s.runNamed(name)
	return run, words, err
}

// change changes the tags of the run and prints what it has then.
func (t *tagTarget) change(ctx context.Context, s *session, p service.Pathspec, remove, add []string) error {
	namespace := s.env.namespace(s.user)
	if t.namespace != nil {
		namespace = *t.namespace
	}
	run, err := s.store.Service.RunOf(ctx, p)
	if err == nil {
		err = metastore.CheckTagText(add)
	}
	if err == nil {
		run, err = s.store.Service.ChangeTags(ctx, run.ID, namespace, remove, add)
	}
	if err != nil {
		return taggingError(err)
	}
	out := tagPrinter{s: s, out: writer{w: s.env.Stdout}}
	switch {
	case s.global.json:
		return out.json([]metastore.Run{run})
	case s.global.quiet:
		return out.lines([]metastore.Run{run}, true)
	}
	s.inform("Operation successful. New tags:")
	out.title()
	out.tags(tagsOf(run, true))
	return out.out.flush()
}

// runNamed reads the name of a run: "12" or "MyFlow/12". In Metaflow's form it means a run of the flow at hand.
func (s *session) runNamed(name string) (service.Pathspec, error) {
	p, err := service.ParsePathspec(name)
	if err != nil || p.Step != "" {
		return p, usagef("%s does not name a run: write it as 12 or MyFlow/12", name)
	}
	if s.flow == nil {
		return p, nil
	}
	flow := s.flow.Definition().Name
	if p.Flow != "" && p.Flow != flow {
		return p, fault.New(fault.Usage, "%s is not a run of the flow %s", name, flow)
	}
	p.Flow = flow
	return p, nil
}

// whichRun is the error of a command that needs to be told the run. It names the latest.
func (s *session) whichRun(ctx context.Context) error {
	flow, hint := "", ""
	if s.flow != nil {
		flow = s.flow.Definition().Name
	}
	switch latest, err := s.store.Service.LatestRun(ctx, flow); {
	case err == nil && s.inv.python:
		hint = fmt.Sprintf("The latest run is %d: --run-id %d", latest.ID, latest.ID)
	case err == nil:
		hint = fmt.Sprintf("The latest run is %d.", latest.ID)
	case !fault.Is(err, fault.NotFound):
		return err
	case flow != "":
		hint = flow + " has not been run in this store."
	}
	return &failure{headline: headlines[fault.Usage], kind: fault.Usage, text: "Which run?", hint: hint}
}

// tagChange is `tag add` and `tag remove`.
type tagChange struct {
	tagTarget
	add   bool
	words []string
}

func (c *tagChange) arguments() []argument {
	return []argument{{name: "RUN TAG", required: true, many: true, help: "The run and the tags; only the tags with --run-id.",
		set: func(word string) error { c.words = append(c.words, word); return nil }}}
}

func (c *tagChange) run(ctx context.Context, s *session) error {
	run, tags, err := c.tagTarget.run(ctx, s, c.words)
	if err != nil {
		return err
	}
	if len(tags) == 0 {
		return usagef("Missing argument 'TAG...'.")
	}
	if c.add {
		return c.change(ctx, s, run, nil, tags)
	}
	return c.change(ctx, s, run, tags, nil)
}

// tagReplace is `tag replace`.
type tagReplace struct {
	tagTarget
	add, remove []string
	words       []string
}

func (c *tagReplace) options() table {
	return append(c.tagTarget.options(), table{
		{name: "remove", metavar: "TEXT", many: true, require: true, set: texts(&c.remove), help: "A tag to remove. Repeatable."},
		{name: "add", metavar: "TEXT", many: true, require: true, set: texts(&c.add), help: "A tag to add. Repeatable."},
	}...)
}

func (c *tagReplace) arguments() []argument {
	return []argument{{name: "RUN", help: "The run, unless --run-id names it.",
		set: func(word string) error { c.words = append(c.words, word); return nil }}}
}

func (c *tagReplace) run(ctx context.Context, s *session) error {
	for _, o := range []struct {
		name  string
		given []string
	}{{"add", c.add}, {"remove", c.remove}} {
		if len(o.given) == 0 {
			return usagef("Missing option '--%s'.", o.name)
		}
	}
	run, extra, err := c.tagTarget.run(ctx, s, c.words)
	if err != nil {
		return err
	}
	if len(extra) > 0 {
		return usagef("Got unexpected extra argument (%s)", extra[0])
	}
	return c.change(ctx, s, run, c.remove, c.add)
}

// tagList is `tag list`.
type tagList struct {
	id, positional     string
	all, mine, hide    bool
	byTag, byRun, flat bool
}

func (c *tagList) options() table {
	return table{
		{name: "run-id", metavar: "TEXT", dest: "RUN_ID", set: text(&c.id), help: "List the tags of this run."},
		{name: "all", set: flag(&c.all), help: "List the tags of all runs, whoever ran them. This is the default if no run is named."},
		{name: "my-runs", set: flag(&c.mine), help: "List the tags of the runs in your namespace."},
		{name: "hide-system-tags", set: flag(&c.hide), help: "Leave out the tags that Levada gives."},
		{name: "group-by-tag", set: flag(&c.byTag), help: "For each tag, list the runs that have it."},
		{name: "group-by-run", set: flag(&c.byRun), help: "For each run, list its tags."},
		{name: "flat", hidden: true, set: flag(&c.flat)},
	}
}

func (c *tagList) arguments() []argument {
	return []argument{{name: "RUN", help: "The run whose tags are listed.", set: func(word string) error { c.positional = word; return nil }}}
}

func (c *tagList) run(ctx context.Context, s *session) error {
	runs, err := c.runs(ctx, s)
	if err != nil {
		return err
	}
	out := tagPrinter{s: s, out: writer{w: s.env.Stdout}}
	switch {
	case s.global.json && c.byTag:
		return out.jsonByTag(runs, !c.hide)
	case s.global.json:
		return out.json(runs)
	case len(runs) == 0:
		if s.flow != nil && !c.mine {
			return s.noRuns(ctx, s.flow.Definition().Name)
		}
		s.inform("No runs.")
		return nil
	case s.global.quiet && c.byTag:
		for _, g := range runsByTag(runs, !c.hide) {
			out.line("%s:%s ; %s", g.kind(), oneLine(g.tag.name), strings.Join(g.runs, ","))
		}
	case s.global.quiet:
		return out.lines(runs, !c.hide)
	case c.byTag:
		for _, g := range runsByTag(runs, !c.hide) {
			out.line("\nFor tag %s", oneLine(g.tag.name))
			out.line("%s\n", strings.Repeat("-", len(tagTitle)))
			for _, run := range g.runs {
				out.line("%s", run)
			}
		}
	case c.byRun:
		for _, run := range runs {
			out.line("\nFor run %s", runPath(run))
			out.line("%s\n", strings.Repeat("-", len(tagTitle)))
			out.tags(tagsOf(run, !c.hide))
		}
	default:
		var all []tag
		for _, run := range runs {
			all = append(all, tagsOf(run, !c.hide)...)
		}
		all = sortTags(all)
		if c.flat {
			for _, t := range all {
				out.line("%s", oneLine(t.name))
			}
			break
		}
		out.title()
		out.tags(all)
	}
	return out.out.flush()
}

// runs finds the runs whose tags are listed.
func (c *tagList) runs(ctx context.Context, s *session) ([]metastore.Run, error) {
	name := c.id
	if name == "" {
		name = c.positional
	}
	switch {
	case c.id != "" && c.positional != "":
		return nil, usagef("Name the run once: as an argument or with --run-id.")
	case name != "" && c.mine, c.all && c.mine:
		return nil, usagef("--my-runs cannot be combined with a run or with --all.")
	case c.byTag && c.byRun:
		return nil, usagef("--group-by-tag and --group-by-run cannot be combined.")
	}
	flow := ""
	if s.flow != nil {
		flow = s.flow.Definition().Name
	}
	if name != "" {
		p, err := s.runNamed(name)
		if err != nil {
			return nil, err
		}
		run, err := s.store.Service.RunOf(ctx, p)
		return []metastore.Run{run}, err
	}
	filter := metastore.RunFilter{Flows: metastore.Only(flow)}
	if c.mine {
		filter.Tags = []string{s.env.namespace(s.user)}
	}
	var runs []metastore.Run
	for run, err := range s.store.Service.Runs(ctx, filter) {
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// tag is a tag, and whether Levada gave it.
type tag struct {
	name   string
	system bool
}

// tagsOf returns the tags of a run in the order of the alphabet.
func tagsOf(run metastore.Run, system bool) []tag {
	var list []tag
	for _, name := range run.Tags {
		list = append(list, tag{name, false})
	}
	if system {
		for _, name := range run.SystemTags {
			list = append(list, tag{name, true})
		}
	}
	return sortTags(list)
}

func sortTags(list []tag) []tag {
	slices.SortFunc(list, func(a, b tag) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(list)
}

// runPath is a run's path: "MyFlow/12".
func runPath(run metastore.Run) string { return run.Flow + "/" + strconv.FormatInt(run.ID, 10) }

// tagGroup is a tag with the runs that have it.
type tagGroup struct {
	tag  tag
	runs []string
}

func (g tagGroup) kind() string {
	if g.tag.system {
		return "system"
	}
	return "user"
}

func runsByTag(runs []metastore.Run, system bool) []tagGroup {
	having := map[tag][]string{}
	for _, run := range runs {
		for _, t := range tagsOf(run, system) {
			having[t] = append(having[t], runPath(run))
		}
	}
	var groups []tagGroup
	for _, t := range sortTags(slices.Collect(maps.Keys(having))) {
		groups = append(groups, tagGroup{t, having[t]})
	}
	return groups
}

// tagPrinter prints tags.
type tagPrinter struct {
	s   *session
	out writer
}

const tagTitle = "System tags and tags; only tags can be modified"

func (p *tagPrinter) line(format string, args ...any) {
	p.out.buf = fmt.Appendf(p.out.buf, format+"\n", args...)
}

func (p *tagPrinter) title() { p.line("\n%s\n%s\n", tagTitle, strings.Repeat("-", len(tagTitle))) }

// tags prints tags in columns, from the top down; on a terminal those that can be changed stand out.
func (p *tagPrinter) tags(list []tag) {
	const gap = 4
	width := 120
	if p.s.env.Terminal.Stdout {
		width = p.s.env.width()
	}
	cell := gap
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = oneLine(t.name)
		cell = max(cell, textWidth(names[i])+gap)
	}
	columns := max(1, (width+gap)/cell)
	rows := (len(list) + columns - 1) / columns
	colour := p.s.env.colour(p.s.env.Terminal.Stdout)
	for row := range rows {
		line := ""
		for i := row; i < len(list); i += rows {
			text := names[i]
			if i+rows < len(list) {
				text = pad(text, cell)
			}
			if colour && !list[i].system {
				text = "\x1b[1m" + text + "\x1b[0m"
			}
			line += text
		}
		p.line("%s", line)
	}
	p.line("")
}

// lines prints runs for scripts: "MyFlow/12 ; system tags ; user tags", each list separated by commas.
func (p *tagPrinter) lines(runs []metastore.Run, system bool) error {
	for _, run := range runs {
		names := ""
		if system {
			names = oneLine(strings.Join(run.SystemTags, ","))
		}
		p.line("%s ; %s ; %s", runPath(run), names, oneLine(strings.Join(run.Tags, ",")))
	}
	return p.out.flush()
}

// json prints the tags of runs, an object for each.
func (p *tagPrinter) json(runs []metastore.Run) error {
	for _, run := range runs {
		err := p.out.json(struct {
			Run        int64    `json:"run"`
			Flow       string   `json:"flow"`
			Tags       []string `json:"tags"`
			SystemTags []string `json:"system_tags"`
		}{run.ID, run.Flow, append([]string{}, run.Tags...), append([]string{}, run.SystemTags...)})
		if err != nil {
			return err
		}
	}
	return p.out.flush()
}

// jsonByTag prints tags with the runs that have them, an object for each.
func (p *tagPrinter) jsonByTag(runs []metastore.Run, system bool) error {
	for _, g := range runsByTag(runs, system) {
		err := p.out.json(struct {
			Tag    string   `json:"tag"`
			System bool     `json:"system"`
			Runs   []string `json:"runs"`
		}{g.tag.name, g.tag.system, g.runs})
		if err != nil {
			return err
		}
	}
	return p.out.flush()
}
