package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/upkeep"
)

// command is a row of the table of commands.
type command struct {
	name    string
	summary string // one line
	about   string // more, for its own help
	// takesFile says that Levada's form names the flow's FILE: `levada run FILE`.
	takesFile bool
	// flow says that the command is about a flow, which is opened for it.
	flow       bool
	parameters bool // the flow's parameters are options
	need       Need
	metaflow   bool     // only in Metaflow's form: `python flow.py output-dot`
	hidden     bool     // not in the list of commands: it is for programs
	global     []string // top-level options that matter to it, for its help
	new        func(*globalOptions) action
	absent     string // one of Metaflow's that is not there; says why
}

// action is one use of a command: its options, bound to itself, and the work.
type action interface {
	options() table
	arguments() []argument
	run(ctx context.Context, s *session) error
}

// argument is a positional argument of a command.
type argument struct {
	name     string
	required bool
	many     bool // takes all words that are left; required then means at least one
	help     string
	set      func(string) error
}

// text is the argument in a usage line.
func (a argument) text() string {
	name := a.name
	if a.many {
		name += "..."
	}
	if a.required {
		return name
	}
	return "[" + name + "]"
}

// bare is for actions without options or arguments.
type bare struct{}

func (bare) options() table        { return nil }
func (bare) arguments() []argument { return nil }

// commands returns the table of commands, in the order of the help.
func commands() []command {
	running := []string{"with", "quiet", "verbose", "json", "python", "isolation", "datastore-root", "server", "package-suffixes"}
	reading := []string{"json", "datastore-root", "server"}
	tagging := append(reading, "quiet")
	looking := []string{"python", "isolation", "quiet"}
	return []command{
		{name: "run", summary: "Run a flow.", takesFile: true, flow: true, parameters: true, need: CreateStore, global: running,
			new: func(g *globalOptions) action { return &runCommand{runOptions: newRunOptions(g)} }},
		{name: "resume", summary: "Run what an earlier run left undone, as a new run.", about: resumeAbout, takesFile: true, flow: true, need: CreateStore, global: running,
			new: func(g *globalOptions) action { return &resumeCommand{runOptions: newRunOptions(g)} }},
		{name: "spin", summary: "Run one step again, alone, with the inputs that it had.", about: spinAbout, takesFile: true, flow: true, need: CreateStore, global: running,
			new: func(g *globalOptions) action { return &spinCommand{global: g, maxLogSize: 10} }},
		{name: "check", summary: "Check a flow for mistakes, without running it.", takesFile: true, flow: true, global: append(looking, "json"),
			new: func(*globalOptions) action { return &checkCommand{} }},
		{name: "show", summary: "Show the steps of a flow.", takesFile: true, flow: true, global: append(looking, "json"),
			new: func(*globalOptions) action { return &showCommand{format: "text"} }},
		{name: "runs", summary: "List runs, newest first.", need: ExistingStore, global: reading,
			new: func(*globalOptions) action { return &runsCommand{limit: 20} }},
		{name: "logs", summary: "Print what tasks wrote.", about: pathspecAbout, need: ExistingStore, global: append(reading, "quiet"),
			new: func(*globalOptions) action { return &logsCommand{attempt: -1} }},
		{name: "dump", summary: "Print the artifacts of tasks.", about: pathspecAbout, need: ExistingStore, global: append(reading, "quiet"),
			new: func(*globalOptions) action { return &dumpCommand{limit: 1000} }},
		{name: "tasks", summary: "List the tasks of a run.", about: pathspecAbout, need: ExistingStore, global: reading,
			new: func(*globalOptions) action { return &tasksCommand{} }},
		{name: "artifacts", summary: "List the artifacts of a task, or of the last task of a step.", about: artifactsAbout, need: ExistingStore, global: reading,
			new: func(*globalOptions) action { return &artifactsCommand{} }},
		{name: "diff", summary: "Compare two runs.", about: diffAbout, need: ExistingStore, global: reading,
			new: func(*globalOptions) action { return &diffCommand{} }},
		{name: "code", summary: "Show or unpack the code that was kept with a run.", about: codeAbout, need: ExistingStore, global: append(reading, "quiet"),
			new: func(*globalOptions) action { return &codeCommand{} }},
		{name: "cancel", summary: "Ask a run to end.", about: cancelAbout, need: ChangeStore, global: append(reading, "quiet"),
			new: func(*globalOptions) action { return &cancelCommand{} }},
		{name: "tag add", summary: "Add tags to a run.", about: tagAbout, need: ChangeStore, global: tagging,
			new: func(*globalOptions) action { return &tagChange{add: true} }},
		{name: "tag remove", summary: "Remove tags from a run.", about: tagAbout, need: ChangeStore, global: tagging,
			new: func(*globalOptions) action { return &tagChange{} }},
		{name: "tag replace", summary: "Replace tags of a run with others.", about: tagAbout, need: ChangeStore, global: tagging,
			new: func(*globalOptions) action { return &tagReplace{} }},
		{name: "tag list", summary: "List the tags of runs.", about: tagListAbout, need: ExistingStore, global: tagging,
			new: func(*globalOptions) action { return &tagList{} }},
		{name: "card list", summary: "List the cards of a run, step or task.", about: cardAbout, need: ExistingStore, global: tagging,
			new: func(*globalOptions) action { return &cardList{cardQuery: newCardQuery()} }},
		{name: "card get", summary: "Print the HTML of a card.", about: cardAbout, need: ExistingStore, global: tagging,
			new: func(*globalOptions) action { return &cardGet{cardQuery: newCardQuery()} }},
		{name: "card view", summary: "Show a card in the browser.", about: cardAbout, need: ExistingStore, global: tagging,
			new: func(*globalOptions) action { return &cardView{newCardQuery()} }},
		{name: "card server", summary: "Show the cards of a run in the browser, as they change.", about: cardServerAbout, need: ExistingStore,
			global: []string{"datastore-root", "server", "quiet"}, new: func(*globalOptions) action { return newCardServer() }},
		{name: "ui", summary: "Show runs in the browser.", about: uiAbout, need: ChangeStore, global: []string{"json", "datastore-root", "server", "quiet"},
			new: func(g *globalOptions) action { return newServerCommand(g, true) }},
		{name: "server", summary: "Serve the web pages and the HTTP API of a store.", about: serverAbout, need: CreateStore, global: []string{"json", "datastore-root", "quiet"},
			new: func(g *globalOptions) action { return newServerCommand(g, false) }},
		{name: "completion", summary: "Print the completion of the command line for a shell.", about: completionAbout,
			new: func(*globalOptions) action { return &completionCommand{} }},
		{name: "rpc", summary: "Answer a program's requests about runs.", about: rpcAbout, hidden: true, global: []string{"datastore-root"},
			new: func(*globalOptions) action { return &rpcCommand{} }},
		{name: "rm", summary: "Remove runs.", about: rmAbout, need: ChangeStore, global: append(reading, "quiet"),
			new: func(*globalOptions) action { return &rmCommand{} }},
		{name: "gc", summary: "Remove old runs, and free what no run needs.", about: gcAbout, need: ChangeStore, global: append(reading, "quiet"),
			new: func(*globalOptions) action { return &gcCommand{rules: upkeep.NoRules} }},
		{name: "doctor", summary: "Check the store, the Python and the SDK.", about: doctorAbout, global: append(reading, "quiet", "python"),
			new: func(g *globalOptions) action { return &doctorCommand{global: g} }},
		{name: "output-dot", summary: "Print the flow as a Graphviz graph.", metaflow: true, flow: true, global: looking,
			new: func(*globalOptions) action { return &dotCommand{} }},
		{name: "output-raw", summary: "Print the flow as Levada sees it.", metaflow: true, flow: true, global: looking,
			new: func(g *globalOptions) action { return &rawCommand{global: g} }},
		{name: "conformance", summary: "Check whether an SDK speaks the worker protocol.", about: conformanceAbout, global: []string{"json"},
			new: func(*globalOptions) action { return &conformanceCommand{} }},
		{name: "version", summary: "Print Levada's version.",
			new: func(*globalOptions) action { return versionCommand{} }},
		{name: "help", summary: "Show all commands, or help about one.",
			new: func(*globalOptions) action { return &helpCommand{} }},

		{name: "package", absent: "listing code packages comes later"},
		{name: "argo-workflows", absent: "deployment to Argo Workflows comes later"},
		{name: "step-functions", absent: "deployment to Step Functions comes later"},
		{name: "airflow", absent: "deployment to Airflow comes later"},
		{name: "kubernetes", absent: "running on Kubernetes comes later"},
		{name: "batch", absent: "running on AWS Batch comes later"},
		{name: "spot-metadata", absent: "watching spot instances comes later"},
		{name: "init", absent: "`run` creates the run itself, so nothing is needed before it"},
		{name: "step", absent: "tasks are started by `run` itself, and `spin` runs one step alone"},
	}
}

const pathspecAbout = `PATHSPEC names a run, a step or a task: 12, 12/train, 12/train/3, or the same
with the flow in front: MyFlow/12/train/3.`

const rpcAbout = `Reads requests from standard input, writes answers to standard output, and ends when
its input ends. Clients in other languages are written with it; see internal/rpc/README.md.`

const resumeAbout = `Tasks that the earlier run finished successfully are taken over, not run again. With STEP, that step and
everything after it run again as well. Parameters are those of the earlier run.`

// action returns a new action of the command.
func (c *command) action(g *globalOptions) action {
	return c.new(g)
}

// scope is the command's part of the names of environment variables: "RUN_".
func (c *command) scope() string {
	return strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(c.name)) + "_"
}

// fromEnviron are the top-level options that the environment gives the command. Variables that are meant for flows,
// such as METAFLOW_DATASTORE, are no concern of a command that is about none.
func (c *command) fromEnviron(options table) table {
	if c.flow {
		return options
	}
	return options.only(c.global...)
}

func findCommand(name string) *command {
	all := commands()
	if i := slices.IndexFunc(all, func(c command) bool { return c.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// invocation is a command line in Metaflow's form.
type invocation struct {
	python  bool     // it came in that form: `python flow.py …`
	file    string   // of the flow; empty for a command that needs none
	top     []string // arguments before the command
	command *command // nil: help
	rest    []string // arguments after the command
}

// normalise brings the command line into Metaflow's form.
func normalise(args []string) (invocation, error) {
	var inv invocation
	at, word, err := firstWord(args)
	if err != nil {
		return inv, err
	}
	if word == "" {
		if slices.Contains(args, "--version") {
			inv.command = findCommand("version")
			inv.top = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return arg == "--version" })
		}
		return inv, nil
	}
	inv.top, inv.rest = slices.Clone(args[:at]), args[at+1:]
	if word == "flow" {
		return inv.metaflow()
	}
	if err := inv.name(word); err != nil {
		return inv, err
	}
	if inv.command != nil && inv.command.takesFile {
		inv.takeFile()
	}
	return inv, nil
}

// metaflow reads `levada flow FILE [top-level options] COMMAND …`.
func (inv invocation) metaflow() (invocation, error) {
	inv.python = true
	if len(inv.rest) == 0 {
		return inv, usagef("Missing argument 'FILE'.")
	}
	inv.file = inv.rest[0]
	args := inv.rest[1:]
	inv.rest = nil
	at, word, err := firstWord(args)
	if err != nil {
		return inv, err
	}
	if word == "" {
		inv.top = append(inv.top, args...)
		if !slices.Contains(args, "--help") && !slices.Contains(args, "-h") {
			inv.command = findCommand("check")
		}
		return inv, nil
	}
	inv.top = append(inv.top, args[:at]...)
	inv.rest = args[at+1:]
	if err := inv.name(word); err != nil {
		return inv, err
	}
	// `logs show PATHSPEC` is the long form of `logs PATHSPEC`.
	if word == "logs" && len(inv.rest) > 0 && inv.rest[0] == "show" {
		inv.rest = inv.rest[1:]
	}
	return inv, nil
}

// name finds the command that a word names, with the word after it for a group such as `tag add`.
func (inv *invocation) name(word string) error {
	if members := groupMembers(word); len(members) > 0 {
		if len(inv.rest) > 0 && (inv.rest[0] == "--help" || inv.rest[0] == "-h") {
			return nil // all commands, with those of the group
		}
		if len(inv.rest) == 0 || strings.HasPrefix(inv.rest[0], "-") {
			return &usageError{text: fmt.Sprintf("Missing command after '%s'.", word), hint: "Choose from: " + strings.Join(members, ", ")}
		}
		inv.command = findCommand(word + " " + inv.rest[0])
		if inv.command == nil {
			e := &usageError{text: fmt.Sprintf("No such command '%s %s'.", word, inv.rest[0]), hint: "Choose from: " + strings.Join(members, ", ")}
			if near := nearest(inv.rest[0], members); near != "" {
				e.hint = "Did you mean: " + word + " " + near
			}
			return e
		}
		inv.rest = inv.rest[1:]
		return nil
	}
	inv.command = findCommand(word)
	if inv.command == nil || inv.command.metaflow && !inv.python {
		inv.command = nil
		return unknownCommand(word, inv.python)
	}
	return nil
}

// groupMembers returns the second words of the commands that begin with a word: add, remove … for tag.
func groupMembers(word string) []string {
	var members []string
	for _, c := range commands() {
		if group, member, ok := strings.Cut(c.name, " "); ok && group == word {
			members = append(members, member)
		}
	}
	return members
}

// takeFile takes FILE, the first word, out of the command's arguments. Top-level options before it join those before
// the command: they cannot be parameters of the flow, which are stronger behind FILE.
func (inv *invocation) takeFile() {
	g := &globalOptions{}
	own, top := inv.command.action(g).options(), g.options(nil)
	scan := scanner{args: inv.rest, options: append(own, top...), lenient: true}
	var before []token // top-level options
	// Options that nobody here knows, with what looks like the file: a flag of the flow's, if there is but one.
	var likely []token
	for {
		t, ok, err := scan.next()
		switch {
		case err != nil:
			return
		case ok && t.isWord:
			inv.cutFile(t.word, t.from, t.to)
			inv.raise(before)
			return
		case ok && t.opt != nil:
			if o, _ := own.find(t.name); o == nil && !t.opt.before {
				before = append(before, t)
			}
		case ok && t.opt == nil && t.to == t.from+2 && strings.HasSuffix(t.values[0], ".py"):
			likely = append(likely, t)
		case !ok && len(likely) == 1:
			file := likely[0]
			inv.cutFile(file.values[0], file.from+1, file.to)
			inv.raise(slices.DeleteFunc(before, func(t token) bool { return t.from > file.from }))
			return
		case !ok:
			return
		}
	}
}

// cutFile takes the file out of the arguments that it stands among.
func (inv *invocation) cutFile(file string, from, to int) {
	inv.file = file
	inv.rest = slices.Concat(inv.rest[:from], inv.rest[to:])
}

// raise moves options of the command's arguments to those before the command.
func (inv *invocation) raise(options []token) {
	for _, t := range options {
		inv.top = append(inv.top, inv.rest[t.from:t.to]...)
	}
	for _, t := range slices.Backward(options) {
		inv.rest = slices.Delete(inv.rest, t.from, t.to)
	}
}

// firstWord finds the first argument that is neither a top-level option nor its value.
func firstWord(args []string) (at int, word string, err error) {
	scan := scanner{args: args, options: (&globalOptions{}).options(nil)}
	scan.options = append(scan.options, option{name: "version"})
	for {
		t, ok, err := scan.next()
		if err != nil || !ok {
			return 0, "", err
		}
		if t.isWord {
			return t.from, t.word, nil
		}
	}
}

func unknownCommand(word string, python bool) error {
	var names []string
	for _, c := range commands() {
		if c.absent == "" && !c.hidden && (python || !c.metaflow) {
			names = append(names, c.name)
		}
	}
	e := &usageError{text: fmt.Sprintf("No such command '%s'.", word)}
	switch near := nearest(word, names); {
	case strings.HasSuffix(word, ".py"):
		e.hint = "Did you mean: levada run " + word
	case alike[word] != "":
		e.hint = "Did you mean: " + alike[word]
	case near != "":
		e.hint = "Did you mean: " + near
	}
	return e
}

// alike has what other tools call our commands.
var alike = map[string]string{
	"list": "runs", "ls": "runs", "ps": "runs", "status": "runs", "history": "runs",
	"stop": "cancel", "kill": "cancel", "abort": "cancel",
	"delete": "rm", "remove": "rm", "clean": "gc", "cleanup": "gc", "prune": "gc",
	"start": "run", "exec": "run", "execute": "run", "retry": "resume", "rerun": "resume",
	"graph": "show", "dag": "show", "validate": "check", "lint": "check",
	"output-dot": "show --format dot", "output-raw": "show",
}

// versionCommand prints the version: on stdout, in Metaflow's form on stderr as there.
type versionCommand struct{ bare }

func (versionCommand) run(_ context.Context, s *session) error {
	switch {
	case s.global.json:
		return s.printJSON(struct {
			Version string `json:"version"`
		}{s.env.Version})
	case s.inv.python:
		fmt.Fprintln(s.env.Stderr, s.env.Version)
		return nil
	}
	_, err := fmt.Fprintln(s.env.Stdout, "levada "+s.env.Version)
	return err
}

// helpCommand shows the general help, or that of a command.
type helpCommand struct {
	bare
	about string
}

func (c *helpCommand) arguments() []argument {
	return []argument{{name: "COMMAND", many: true, help: "The command to explain.", set: func(word string) error {
		c.about = strings.TrimSpace(c.about + " " + word)
		return nil
	}}}
}

func (c *helpCommand) run(ctx context.Context, s *session) error {
	if c.about == "" || len(groupMembers(c.about)) > 0 {
		return s.generalHelp(ctx)
	}
	cmd := findCommand(c.about)
	if cmd == nil {
		return unknownCommand(c.about, s.inv.python)
	}
	s.inv.command = cmd
	return s.help(ctx, &globalOptions{})
}
