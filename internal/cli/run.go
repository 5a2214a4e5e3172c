package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// runOptions are the options that run and resume share.
type runOptions struct {
	global        *globalOptions
	maxWorkers    int
	maxSplits     int
	maxLogSize    int64 // MB
	tags          []string
	runIDFile     string
	attributeFile string
}

func newRunOptions(g *globalOptions) runOptions {
	return runOptions{global: g, maxLogSize: 10}
}

func (o *runOptions) options() table {
	return table{
		{name: "max-workers", metavar: "INTEGER", dest: "MAX_WORKERS", set: number(&o.maxWorkers, 1), def: "the cores, at least 2",
			help: "How many tasks run at once."},
		{name: "max-num-splits", metavar: "INTEGER", dest: "MAX_NUM_SPLITS", set: number(&o.maxSplits, 0), def: "no limit",
			help: "The largest number of tasks that a foreach or a gang may have; 0 is no limit."},
		{name: "max-log-size", metavar: "INTEGER", dest: "MAX_LOG_SIZE", set: number(&o.maxLogSize, 0), def: "10",
			help: "How many MB of each of a task's streams are kept; 0 keeps all."},
		{name: "tag", metavar: "TEXT", many: true, dest: "TAGS", set: texts(&o.tags),
			help: "Tag the run. Repeatable."},
		{name: "run-id-file", metavar: "PATH", dest: "RUN_ID_FILE", set: text(&o.runIDFile),
			help: "Write the run's id to this file before its first task starts."},
		{name: "runner-attribute-file", metavar: "PATH", dest: "RUNNER_ATTRIBUTE_FILE", set: text(&o.attributeFile),
			help: "Write the run's id and flow to this file, as JSON, before its first task starts."},
		{name: "with", metavar: "TEXT", many: true, dest: "DECOSPECS", set: texts(&o.global.runWith),
			help: "Add a decorator to all steps: --with retry, --with resources:cpu=2. Repeatable."},
	}
}

func (o *runOptions) arguments() []argument { return nil }

// runCommand is `run`.
type runCommand struct {
	runOptions
	namespace *string // nil: the user's
}

func (c *runCommand) options() table {
	namespace := option{name: "namespace", metavar: "TEXT", dest: "USER_NAMESPACE", def: "user:<you>",
		help: "The namespace that the clients of the run's tasks see.",
		set:  func(v []string) error { c.namespace = &v[0]; return nil }}
	return append(c.runOptions.options(), namespace)
}

func (c *runCommand) run(ctx context.Context, s *session) error {
	o, err := c.prepare(s)
	if err != nil {
		return err
	}
	if c.namespace != nil {
		o.Namespace = *c.namespace
	}
	o.Parameters = s.params
	w := s.watch(&o)
	res, err := s.store.Service.Run(ctx, s.flow, o)
	return s.finish(ctx, w, res, s.blame(err))
}

// blame names the environment variable that a parameter has its value from where the value is wrong. Only the flow can
// tell that: it says which parameter it is, and in its message knows it as an option.
func (s *session) blame(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Usage || f.Subject == "" {
		return err
	}
	text := f.Message
	if variable := s.variables[f.Subject]; variable != "" {
		text = strings.Replace(text, "--"+f.Subject, variable, 1)
	}
	return &usageError{text: text, hint: f.Hint}
}

// resumeCommand is `resume`.
type resumeCommand struct {
	runOptions
	origin     string
	step       string
	descriptor int // gets the id of the run; 0 is none
}

func (c *resumeCommand) options() table {
	return append(c.runOptions.options(),
		option{name: "origin-run-id", metavar: "RUN", dest: "ORIGIN_RUN_ID", set: named(&c.origin, "the id of a run"), def: "the flow's latest run",
			help: "The run to resume."},
		option{name: "clone-only", off: "no-clone-only", hidden: true, set: notYet("clone-only", "taking a run over without running the rest comes later")},
		option{name: "reentrant", off: "no-reentrant", hidden: true, set: notYet("reentrant", "it belongs to schedulers, which come later")},
		option{name: "run-id", metavar: "TEXT", hidden: true, set: notYet("run-id", "runs are numbered; --origin-run-id names the one to resume")},
		option{name: "resume-identifier", metavar: "TEXT", hidden: true, set: ignore},
		// For the server, see service.StartResume.
		option{name: descriptorOption, metavar: "INTEGER", hidden: true, set: c.setDescriptor},
	)
}

// descriptorOption is the name of the option.
const descriptorOption = "run-id-descriptor"

// setDescriptor notes the descriptor through which whoever started this process wants to hear the id of the run: a
// pipe, or nobody does. No process of the flow is to have it: they live longer.
func (c *resumeCommand) setDescriptor(v []string) error {
	var fd int
	if err := number(&fd, 3)(v); err != nil {
		return err
	}
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT == syscall.S_IFIFO {
		syscall.CloseOnExec(fd)
		c.descriptor = fd
	}
	return nil
}

// tellID writes the id of the run to the descriptor. That nobody listens any more does no harm.
func (s *session) tellID(id int64) {
	// As it was found when the command line was read first: since then, this process may have opened pipes of its own.
	c, ok := s.surveyed.(*resumeCommand)
	if !ok || c.descriptor == 0 {
		return
	}
	f := os.NewFile(uintptr(c.descriptor), descriptorOption)
	_, _ = f.WriteString(strconv.FormatInt(id, 10))
	f.Close()
}

func (c *resumeCommand) arguments() []argument {
	return []argument{{name: "STEP", help: "Run this step and all steps after it again.", set: func(word string) error {
		return named(&c.step, "the name of a step")([]string{word})
	}}}
}

func (c *resumeCommand) run(ctx context.Context, s *session) error {
	o, err := c.prepare(s)
	if err != nil {
		return err
	}
	if err := c.checkStep(s); err != nil {
		return err
	}
	origin, err := c.findOrigin(ctx, s, s.flow.Definition().Name)
	if err != nil {
		return err
	}
	o.CommandLine = slices.DeleteFunc(o.CommandLine, func(word string) bool { return strings.HasPrefix(word, "--"+descriptorOption) })
	write := o.OnRun
	o.OnRun = func(id int64) error {
		err := write(id)
		s.tellID(id)
		return err
	}
	w := s.watch(&o)
	w.resuming(s.env.Now())
	res, err := s.store.Service.Resume(ctx, s.flow, service.ResumeOptions{RunOptions: o, Origin: origin, Step: c.step})
	return s.finish(ctx, w, res, err)
}

// named binds a text that says which: an empty one, which is an unset variable of a script, must not mean whichever.
func named(to *string, what string) func([]string) error {
	return func(values []string) error {
		if values[0] == "" {
			return badValue("'' is not " + what)
		}
		*to = values[0]
		return nil
	}
}

// checkStep makes sure that STEP is a step of the flow.
func (c *resumeCommand) checkStep(s *session) error {
	if c.step == "" || s.flow.Graph().Lookup(c.step) != nil {
		return nil
	}
	var names []string
	for _, n := range s.flow.Graph().Nodes {
		names = append(names, n.Name)
	}
	return &failure{headline: "Invalid command", kind: fault.NotFound,
		text: fmt.Sprintf("The flow has no step '%s'. Its steps are: %s.", c.step, strings.Join(names, ", "))}
}

// findOrigin returns the run of a flow to resume.
func (c *resumeCommand) findOrigin(ctx context.Context, s *session, flow string) (int64, error) {
	if c.origin == "" {
		run, err := s.store.Service.LatestRun(ctx, flow)
		if fault.Is(err, fault.NotFound) {
			return 0, &failure{headline: headlines[fault.Usage], kind: fault.NotFound, text: "A previous run id was not found. Specify --origin-run-id.",
				hint: "a flow that has not run yet has nothing to resume: run it first. `levada runs` lists all runs"}
		}
		return run.ID, err
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(c.origin, flow+"/"), 10, 64)
	if err != nil || id < 1 {
		return 0, usagef("Invalid value for '--origin-run-id': %s is not the id of a run", c.origin)
	}
	_, err = s.store.Service.RunOf(ctx, service.Pathspec{Flow: flow, Run: id})
	return id, unnamed(err)
}

// unnamed is an error of a command that names what there is not: the command is wrong then.
func unnamed(err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return &failure{headline: headlines[fault.Usage], kind: fault.NotFound, text: faultText(err), hint: fault.HintOf(err)}
}

// prepare checks the flow and the options and returns the choices of the run.
func (o *runOptions) prepare(s *session) (service.RunOptions, error) {
	if err := s.validate(); err != nil {
		return service.RunOptions{}, err
	}
	for _, check := range []func([]string) error{service.CheckTags, metastore.CheckTagText} {
		if err := check(o.tags); err != nil {
			return service.RunOptions{}, taggingError(err)
		}
	}
	if err := s.tryFiles(o.runIDFile, o.attributeFile); err != nil {
		return service.RunOptions{}, err
	}
	run := s.choices()
	run.Tags, run.MaxWorkers, run.MaxSplits, run.MaxLogSize = o.tags, o.maxWorkers, o.maxSplits, o.maxLogSize<<20
	run.Triggers = s.global.triggers
	run.OnRun = func(id int64) error { return o.writeRunFiles(s, id) }
	return run, nil
}

// choices are what is chosen of a run without options of the command.
func (s *session) choices() service.RunOptions {
	return service.RunOptions{
		Namespace: s.env.namespace(s.user), Identity: s.env.namespace(s.user), User: s.user, Owner: s.env.variable("METAFLOW_OWNER"),
		Runtime: s.env.variable("METAFLOW_RUNTIME_NAME"),
		Branch:  s.global.branch, Production: s.global.production, CommandLine: s.commandLine(),
	}
}

// commandLine is the command line as the user wrote it, or would have.
func (s *session) commandLine() []string {
	inv := s.inv
	if inv.python {
		return slices.Concat(s.startedWords(), inv.top, []string{inv.command.name}, inv.rest)
	}
	return append(append(append([]string{"levada"}, inv.top...), inv.command.name, inv.file), inv.rest...)
}

// The options that name files for other programs.
const (
	runIDOption     = "--run-id-file"
	attributeOption = "--runner-attribute-file"
)

// writeRunFiles writes the files that tell other programs of the run.
func (o *runOptions) writeRunFiles(s *session, id int64) error {
	run := strconv.FormatInt(id, 10)
	if err := s.writeFile(runIDOption, o.runIDFile, []byte(run)); err != nil {
		return err
	}
	attributes, err := json.Marshal(struct {
		Run      string `json:"run_id"`
		Flow     string `json:"flow_name"`
		Metadata string `json:"metadata"`
	}{run, s.flow.Definition().Name, s.metadataName()})
	if err != nil {
		return err
	}
	return s.writeFile(attributeOption, o.attributeFile, attributes)
}

// metadataName is the store as Metaflow's clients name one: the folder that holds it.
func (s *session) metadataName() string {
	if filepath.Base(s.store.Path) == layout.Folder {
		return "local@" + filepath.Dir(s.store.Path)
	}
	if s.store.Remote {
		return "service@" + s.store.Path
	}
	return "local@" + s.store.Path
}

// besides is what is added to the name of a file until it is whole.
const besides = ".tmp"

// tryFiles tells whether the files for other programs could be written: a run that could not write them would fail, and
// then be the latest, which resume takes.
func (s *session) tryFiles(runID, attributes string) error {
	if err := s.tryFile(runIDOption, runID); err != nil {
		return err
	}
	return s.tryFile(attributeOption, attributes)
}

// tryFile tells whether a file that an option names, if it does, could be written, and leaves nothing behind.
func (s *session) tryFile(option, path string) error {
	if path == "" {
		return nil
	}
	path = s.path(path)
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return unwritten(option, path, syscall.EISDIR)
	}
	if err := os.WriteFile(path+besides, nil, 0o644); err != nil {
		return unwritten(option, path, err)
	}
	_ = os.Remove(path + besides)
	return nil
}

// writeFile writes a file that an option names, if it does, whole or not at all.
func (s *session) writeFile(option, path string, data []byte) error {
	if path == "" {
		return nil
	}
	path = s.path(path)
	temporary := path + besides
	err := os.WriteFile(temporary, data, 0o644)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return unwritten(option, path, err)
	}
	return nil
}

// unwritten is the error of a file that an option names and that could not be written. What is said of the file that
// was in its place on the way is said of it.
func unwritten(option, path string, err error) error {
	kind := fault.KindOf(fault.Of("", path, err))
	if kind == fault.Internal {
		kind = fault.Unavailable // a folder in its place, for instance
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		err = number
	}
	return fault.New(kind, "%s %s could not be written", option, path).Because(err)
}

// finish tells how a run ended. An error with a run is a run that could not be recorded to its end.
func (s *session) finish(ctx context.Context, w *watcher, res service.RunResult, err error) error {
	read := w.close()
	s.watched.Store(nil)
	s.interrupt.tell(nil)
	if res.Run == 0 {
		return err
	}
	if err == nil || s.interrupt.pressed() && !res.Lost {
		err = s.outcome(res, err)
	} else {
		res.Problem = faultText(err)
		s.tell(err)
		if !res.Lost { // else nothing goes on from it
			s.afterwards(res)
		}
		err = told
	}
	if s.global.json && read {
		code := exitOK
		if err != nil {
			code = exitFailed
		}
		if res.Problem == "" && res.FailedStep != "" {
			res.Problem = s.problemOf(ctx, res)
		}
		s.summary(w, res, code)
	}
	return err
}

// problemOf is what `levada tasks` says is wrong with the task that a run failed at; "" if that cannot be found out.
func (s *session) problemOf(ctx context.Context, res service.RunResult) string {
	p, err := service.ParsePathspec(fmt.Sprintf("%d/%s/%d", res.Run, res.FailedStep, res.FailedTask))
	if err != nil {
		return ""
	}
	for task, err := range s.store.Service.Tasks(ctx, p) {
		if err != nil {
			break
		}
		row := taskRow{TaskInfo: task}
		return row.problem()
	}
	return ""
}

// outcome is the error that a run's result is, with its error block told.
func (s *session) outcome(res service.RunResult, err error) error {
	switch {
	case res.Status == metastore.RunSucceeded && err == nil:
		return nil
	case res.Status == metastore.RunInterrupted || s.interrupt.pressed():
		fmt.Fprintln(s.env.Stderr, "Aborted!")
		s.afterwards(res)
		return told
	}
	headline, text := "Run failure", res.Problem
	if res.FailedStep != "" {
		headline = "Step failure"
		text = fmt.Sprintf("Step %s (task-id %d) failed.", res.FailedStep, res.FailedTask)
		switch {
		case strings.HasPrefix(res.Problem, "Step "+res.FailedStep+" "):
			text = res.Problem // the task itself did well, as has been said; the run cannot go where it leads
		case res.Problem != "":
			text += "\n" + res.Problem
		}
	}
	s.errorBlock(headline, text, "")
	s.afterwards(res)
	return told
}

// afterwards says how to see what went wrong and how to go on.
func (s *session) afterwards(res service.RunResult) {
	w := s.env.Stderr
	if res.FailedStep != "" {
		fmt.Fprintf(w, "    See its log:  %s\n", s.logsCommand(res))
	}
	if s.inv.command.name == "spin" {
		return
	}
	fmt.Fprintf(w, "    Go on with:   %s\n", s.resumeCommand(res.Run))
}

// notebookFlow is the variable that names the class if NBRunner has made the flow's file of a notebook's cell. The file
// is gone by the time somebody follows advice.
const notebookFlow = "LEVADA_NOTEBOOK_FLOW"

// resumeCommand is the command that goes on where a run ended, under the same conditions.
func (s *session) resumeCommand(run int64) string {
	if flow := s.env.variable(notebookFlow); flow != "" {
		return fmt.Sprintf(`NBRunner(%s).nbresume(origin_run_id="%d")`, flow, run)
	}
	g, root := s.global, s.global.root
	if root == s.env.variable("LEVADA_HOME") {
		root = "" // the next command will find it there as well
	}
	server := g.server
	if server == s.env.variable("LEVADA_SERVER") {
		server = ""
	}
	python := g.python
	if s.inv.python {
		python = "" // it is the one that the command line begins with
	}
	command := fmt.Sprintf("%s --origin-run-id %d", s.program("resume"), run)
	for _, spec := range g.decorators(nil) {
		command += " --with " + shellWord(spec)
	}
	for _, o := range []struct{ name, value string }{
		{"python", python}, {"isolation", g.isolation}, {"environment", g.environment}, {"datastore-root", root}, {"server", server}, {"branch", g.branch},
	} {
		if o.value != "" {
			command += " --" + o.name + " " + shellWord(o.value)
		}
	}
	if g.production {
		command += " --production"
	}
	return command
}

// logsCommand is the command that shows the log of the failed task.
func (s *session) logsCommand(res service.RunResult) string {
	path := fmt.Sprintf("%d/%s/%d", res.Run, res.FailedStep, res.FailedTask)
	if flow := s.env.variable(notebookFlow); flow != "" {
		return fmt.Sprintf(`print(Task("%s/%s").stderr)`, s.flow.Definition().Name, path)
	}
	if s.inv.python {
		return s.program("logs") + " " + path
	}
	return "levada logs " + path
}

// summary is the last line of --json.
func (s *session) summary(w *watcher, res service.RunResult, code int) {
	type summary struct {
		Event      string              `json:"event"`
		Flow       string              `json:"flow"`
		Run        int64               `json:"run"`
		Status     metastore.RunStatus `json:"status"`
		ExitCode   int                 `json:"exit_code"`
		Seconds    float64             `json:"seconds"`
		FailedStep string              `json:"failed_step,omitempty"`
		FailedTask *int64              `json:"failed_task,omitempty"`
		Problem    string              `json:"problem,omitempty"`
	}
	sum := summary{Event: "summary", Flow: s.flow.Definition().Name, Run: res.Run, Status: res.Status,
		ExitCode: code, Seconds: w.seconds, FailedStep: res.FailedStep, Problem: res.Problem}
	if res.FailedStep != "" {
		sum.FailedTask = &res.FailedTask
	}
	_ = s.printJSON(sum)
}
