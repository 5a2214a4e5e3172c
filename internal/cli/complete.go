package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// completeWord is the hidden command that the shells' functions call: `levada __complete WORD…`, where the last word
// is the one to complete. It prints a candidate a line, with a tab and a description where there is one, and says
// nothing else, whatever goes wrong. The candidates :py, :dir and :file ask the shell for names of files.
const completeWord = "__complete"

// maxCandidates is how many runs or tasks are offered.
const maxCandidates = 100

// complete prints the candidates for the last of the words.
func (s *session) complete(ctx context.Context, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	defer s.close()
	c := completer{s: s, ctx: ctx}
	c.read(words[:len(words)-1])
	c.propose(words[len(words)-1])
	_ = c.out.flush()
	return nil
}

// completer is a command line that is being typed.
type completer struct {
	s       *session
	ctx     context.Context
	out     writer
	global  globalOptions
	options table    // those that may stand here
	group   string   // `tag`, before its second word
	command *command // nil: not typed yet
	words   []string // arguments of the command
	pending *option  // the option whose value comes next
	literal bool     // after "--"
	lost    bool     // what was typed makes no sense
}

// read reads the words before the one to complete.
func (c *completer) read(words []string) {
	c.out.w = c.s.env.Stdout
	c.options = c.global.options(nil)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case !c.literal && word == "--":
			c.literal = true
		case !c.literal && len(word) > 1 && word[0] == '-':
			name, value, given := strings.Cut(strings.TrimPrefix(word, "--"), "=")
			o, _ := c.options.find(name)
			if o == nil || o.values() == 0 {
				continue
			}
			values := []string{value}
			if !given {
				if i+o.values() >= len(words) {
					c.pending = o
					return
				}
				values = words[i+1 : i+1+o.values()]
				i += o.values()
			}
			_ = o.set(values)
		default:
			c.word(word)
		}
	}
}

// word takes a word that is no option.
func (c *completer) word(word string) {
	switch {
	case c.command != nil:
		c.words = append(c.words, word)
		return
	case c.group != "":
		c.command = findCommand(c.group + " " + word)
	case len(groupMembers(word)) > 0:
		c.group = word
		return
	default:
		c.command = findCommand(word)
	}
	if c.command == nil || c.command.absent != "" || c.command.hidden || c.command.metaflow {
		c.command, c.lost = nil, true
		return
	}
	c.options = append(c.command.action(&c.global).options(), c.options...)
}

// propose prints the candidates for a word.
func (c *completer) propose(word string) {
	name, value, given := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	switch {
	case c.lost:
	case c.pending != nil:
		c.value(c.pending, word, "")
	case !c.literal && strings.HasPrefix(word, "--") && given:
		if o, _ := c.options.find(name); o != nil && o.values() == 1 {
			c.value(o, value, "--"+name+"=")
		}
	case !c.literal && strings.HasPrefix(word, "-"):
		c.optionNames(word)
	case c.command == nil:
		c.commandNames(c.group, word)
	default:
		c.argument(word)
	}
}

// offer prints a candidate if the word can become it.
func (c *completer) offer(word, candidate, about string) {
	if !strings.HasPrefix(candidate, word) || strings.ContainsAny(candidate, "\t\n") {
		return
	}
	c.out.buf = append(c.out.buf, candidate...)
	if about != "" {
		c.out.buf = append(append(c.out.buf, '\t'), oneLine(strings.Join(strings.Fields(about), " "))...)
	}
	c.out.buf = append(c.out.buf, '\n')
}

func (c *completer) optionNames(word string) {
	options := c.options
	if c.command != nil {
		options = c.command.shown(c.command.action(&globalOptions{}), nil)
		if c.command.parameters && len(c.words) > 0 {
			if def := c.flow(c.words[0]); def != nil {
				options = append(parameterOptions(def.Parameters, nil, nil), options...)
			}
		}
	}
	for _, o := range options {
		if o.hidden {
			continue
		}
		about, _, _ := strings.Cut(o.help, ". ")
		c.offer(word, "--"+o.name, about)
		if o.off != "" {
			c.offer(word, "--"+o.off, "")
		}
	}
}

// commandNames offers the commands, or with a group its members.
func (c *completer) commandNames(group, word string) {
	seen := map[string]bool{}
	for _, cmd := range commands() {
		if cmd.absent != "" || cmd.hidden || cmd.metaflow {
			continue
		}
		first, member, grouped := strings.Cut(cmd.name, " ")
		switch {
		case group != "" && grouped && first == group:
			c.offer(word, member, cmd.summary)
		case group == "" && !seen[first]:
			seen[first] = true
			about := cmd.summary
			if grouped {
				about = strings.Join(groupMembers(first), ", ")
			}
			c.offer(word, first, about)
		}
	}
}

// value offers the values of an option, each with what stands before it in the word.
func (c *completer) value(o *option, word, before string) {
	switch o.name {
	case "flow":
		c.flows(word, before)
	case "run-id", "origin-run-id":
		c.runs(word, before, "", "")
	case "tag", "keep-tag", "add", "remove":
		c.tags(word, before, 0)
	case "namespace":
		c.offer(before+word, before+c.s.env.namespace(c.s.user), "")
	case "step":
		if len(c.words) > 0 {
			if p, err := c.s.runNamed(c.words[0]); err == nil {
				c.steps(before+word, before, p.Run)
			}
		}
	case "output", "datastore-root":
		c.offer("", ":dir", "")
	case "file", "python", "run-id-file", "runner-attribute-file":
		c.offer("", ":file", "")
	default:
		choices := o.choices
		if strings.HasPrefix(o.metavar, "[") {
			choices = strings.Split(strings.Trim(o.metavar, "[]"), "|")
		}
		for _, choice := range choices {
			c.offer(before+word, before+choice, "")
		}
	}
}

// argument offers the values of the argument that comes next.
func (c *completer) argument(word string) {
	at := len(c.words)
	if c.command.takesFile {
		if at == 0 {
			c.offer("", ":py", "")
			return
		}
		at--
	}
	arguments := c.command.action(&c.global).arguments()
	if len(arguments) == 0 || at >= len(arguments) && !arguments[len(arguments)-1].many {
		return
	}
	switch arguments[min(at, len(arguments)-1)].name {
	case "PATHSPEC", "A", "B":
		c.pathspec(word)
	case "RUN":
		c.runs(word, "", "", "")
	case "RUN TAG":
		if at == 0 {
			c.runs(word, "", "", "")
		} else if p, err := c.s.runNamed(c.words[0]); err == nil {
			id := p.Run
			if strings.HasSuffix(c.command.name, " add") {
				id = 0
			}
			c.tags(word, "", id)
		}
	case "FILE":
		c.code(word)
	case "STEP":
		if def := c.flow(c.words[0]); def != nil {
			for _, st := range def.Steps {
				c.offer(word, st.Name, st.Doc)
			}
		}
	case "COMMAND":
		c.commandNames("", word)
	case "SHELL":
		for _, shell := range shells {
			c.offer(word, shell.name, "")
		}
	}
}

// service opens the store, nil if there is none.
func (c *completer) service() Service {
	s := c.s
	if s.store.Service == nil {
		home := s.storeOf(&c.global, true)
		home.Need, home.Tell = ExistingStore, func(string) {}
		store, err := s.env.Open(c.ctx, home)
		if err != nil {
			return nil
		}
		s.store = store
	}
	return s.store.Service
}

// pathspec offers what a path can go on with: a run, then its steps, then their tasks.
func (c *completer) pathspec(word string) {
	flow, rest, before := "", word, ""
	if word != "" && (word[0] < '0' || word[0] > '9') {
		var typed bool
		if flow, rest, typed = strings.Cut(word, "/"); !typed {
			c.flows(word, "")
			return
		}
		before = flow + "/"
	}
	parts := strings.Split(rest, "/")
	id, _ := strconv.ParseInt(parts[0], 10, 64)
	switch len(parts) {
	case 1:
		c.runs(rest, before, flow, "/")
	case 2:
		c.steps(word, before+parts[0]+"/", id)
	case 3:
		c.tasks(word, before+parts[0]+"/"+parts[1]+"/", service.Pathspec{Flow: flow, Run: id, Step: parts[1], Task: -1})
	}
}

// runs offers the newest runs whose ids begin with the digits typed so far.
func (c *completer) runs(typed, before, flow, after string) {
	store := c.service()
	if store == nil {
		return
	}
	now := c.s.env.Now()
	left := maxCandidates
	for _, span := range idsWith(typed) {
		for run, err := range store.Runs(c.ctx, metastore.RunFilter{Flows: metastore.Only(flow), Before: span[1], Limit: left}) {
			if err != nil || run.ID < span[0] {
				break
			}
			left--
			about := fmt.Sprintf("%s %s, %s", run.Flow, run.Status, ago(now.Sub(run.Created)))
			if len(run.Tags) > 0 {
				about += ", " + strings.Join(run.Tags, " ")
			}
			c.offer("", before+strconv.FormatInt(run.ID, 10)+after, about)
		}
		if left <= 0 {
			return
		}
	}
}

// idsWith returns the ranges of ids, the largest first, whose decimals begin with the digits typed: from,
// and before. Nothing typed is all of them.
func idsWith(typed string) [][2]int64 {
	if typed == "" {
		return [][2]int64{{0, 0}}
	}
	n, err := strconv.ParseInt(typed, 10, 64)
	if err != nil || n <= 0 || n > 1e12 || typed[0] == '0' || typed[0] == '+' {
		return nil
	}
	var spans [][2]int64
	for factor := int64(1); n*factor < 1e12; factor *= 10 {
		spans = append(spans, [2]int64{n * factor, (n + 1) * factor})
	}
	slices.Reverse(spans)
	return spans
}

func (c *completer) flows(word, before string) {
	store := c.service()
	if store == nil {
		return
	}
	after := ""
	if before == "" && c.pending == nil {
		after = "/"
	}
	flows, err := store.FlowSummaries(c.ctx, "")
	if err != nil {
		return
	}
	for _, f := range flows {
		c.offer(before+word, before+f.Name+after, counted(f.Runs, "run"))
	}
}

func (c *completer) steps(word, before string, run int64) {
	store := c.service()
	if store == nil {
		return
	}
	steps, err := store.Steps(c.ctx, run)
	if err != nil {
		return
	}
	after := "/"
	if c.pending != nil || strings.HasSuffix(before, "=") {
		after = ""
	}
	for _, st := range steps {
		if st.Step == service.ParametersStep {
			continue
		}
		count := metastore.TaskCount{Running: st.Running, Succeeded: st.Succeeded, Failed: st.Failed, Killed: st.Killed}
		about := counted(count.Total(), "task")
		if st.Failed > 0 {
			about += fmt.Sprintf(", %d failed", st.Failed)
		}
		c.offer(word, before+st.Step+after, about)
	}
}

func (c *completer) tasks(word, before string, p service.Pathspec) {
	store := c.service()
	if store == nil || p.Run < 1 || p.Step == "" {
		return
	}
	left := maxCandidates
	for t, err := range store.Tasks(c.ctx, p) {
		if err != nil || left == 0 {
			return
		}
		candidate := before + strconv.FormatInt(t.Task.ID, 10)
		if !strings.HasPrefix(candidate, word) {
			continue
		}
		left--
		about := ""
		if len(t.Attempts) > 0 {
			a := t.Attempts[t.Latest()]
			about = strings.TrimSpace(string(a.Status) + " " + a.Value)
		}
		c.offer(word, candidate, about)
	}
}

// tags offers the user tags of a run, or of the newest runs if run is 0.
func (c *completer) tags(word, before string, run int64) {
	store := c.service()
	if store == nil {
		return
	}
	filter := metastore.RunFilter{Limit: maxCandidates}
	if run > 0 {
		filter.Before, filter.Limit = run+1, 1
	}
	seen := map[string]bool{}
	for r, err := range store.Runs(c.ctx, filter) {
		if err != nil {
			return
		}
		for _, name := range r.Tags {
			if !seen[name] && !strings.ContainsAny(name, " \t\n'\"\\$`") {
				seen[name] = true
				c.offer(before+word, before+name, "")
			}
		}
	}
}

// code offers the files of a run.
func (c *completer) code(word string) {
	store := c.service()
	if store == nil {
		return
	}
	p, err := c.s.runNamed(c.words[0])
	if err != nil {
		return
	}
	run, err := store.RunOf(c.ctx, p)
	if err != nil {
		return
	}
	for e, err := range store.Code(c.ctx, run) {
		if err != nil {
			return
		}
		c.offer(word, e.Path, sizeText(e.Size))
	}
}

// flow returns the definition of the flow in a file as its newest run knew it, nil if that is not found soon.
func (c *completer) flow(file string) *graph.Flow {
	store := c.service()
	if store == nil {
		return nil
	}
	path := c.s.path(file)
	for run, err := range store.Runs(c.ctx, metastore.RunFilter{Limit: maxCandidates}) {
		if err != nil {
			return nil
		}
		if run.Info.FlowFile != path {
			continue
		}
		def, err := store.Definition(c.ctx, run)
		if err != nil {
			return nil
		}
		return def
	}
	return nil
}
