package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/runner"
	"github.com/levadahq/levada/internal/service"
)

// session is one command line on its way.
type session struct {
	env       *Env
	interrupt *interrupt
	inv       invocation
	global    globalOptions
	surveyed  action // the command as far as survey has read it
	// parameters are those of the flow, as soon as they are known: behind the command
	// they are stronger than top-level options.
	parameters []graph.Parameter
	topOnly    bool  // survey reads no top-level options behind the command: they may be parameters
	handedOver bool  // the fork server that was handed over has been taken
	unread     error // what is wrong with the configs of the environment
	user       string
	store      Store
	flow       service.OpenFlow    // nil if the command has none
	params     map[string][]string // values of the flow's parameters as given
	variables  map[string]string   // the environment variables that gave some of them their values
	preface    *preface
	watched    atomic.Pointer[watcher] // what shows the run that goes on; nil if none does
}

func newSession(env *Env) *session {
	before := &preface{stderr: env.Stderr}
	env.Stdout, env.Stderr = prefaced{output{env.Stdout}, before}, prefaced{env.Stderr, before}
	quit := newInterrupt(func() { fmt.Fprintln(env.Stderr, "Quit: everything is ended at once.") })
	return &session{env: env, interrupt: quit, user: env.user(), preface: before}
}

// execute runs the command line and returns the exit code. A panic is reported as what it is, a bug.
func (s *session) execute(ctx context.Context, args []string) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = s.panicked(p)
		}
	}()
	err := s.run(ctx, args)
	s.preface.end(wrongCommandLine(err))
	return s.report(err)
}

func (s *session) run(ctx context.Context, args []string) (err error) {
	if len(args) > 0 && args[0] == completeWord {
		return s.complete(ctx, args[1:])
	}
	s.inv, err = normalise(args)
	if err != nil {
		s.global.json = s.asksJSON(args)
		return s.misplaced(err)
	}
	if s.inv.command == nil {
		return s.generalHelp(ctx)
	}
	if cmd := s.inv.command; cmd.absent != "" {
		s.global.json = s.asksJSON(args)
		return fault.New(fault.Unavailable, "The command '%s' is not in this version of Levada: %s.", cmd.name, cmd.absent).
			Do("docs/compatibility.md lists what is supported; `levada run FILE` runs a flow on this machine.")
	}
	early := s.survey()
	s.global.json = early.json // for errors before the strict reading
	if early.help {
		return s.help(ctx, early)
	}
	if s.inv.command.takesFile && s.inv.file == "" {
		e := &usageError{text: "Missing argument 'FILE'."}
		if len(s.inv.rest) > 0 {
			e.hint = "Name it first: levada " + s.inv.command.name + " FILE …"
		}
		return e
	}
	if s.inv.command.name == "server" && early.serverGiven { // told before a store is made
		return elsewhere(early.server)
	}
	if err := s.openAsMeant(ctx, early, s.inv.command.need); err != nil {
		return err
	}
	defer s.close()
	act, err := s.parse()
	if err != nil {
		return err
	}
	if s.inv.command.name != "server" || !s.global.json { // there, all that is on stderr is JSON
		s.banner()
	}
	return act.run(ctx, s)
}

// asksJSON reports whether a command line that names no command to read it for asks for JSON.
func (s *session) asksJSON(args []string) bool {
	early := &globalOptions{}
	global := layer{early.options(nil), map[string]bool{}}
	_, _ = readOptions(args, true, global)
	_ = s.env.environ(global.options.only("json"), "", global.given)
	return early.json
}

// survey reads the command line leniently, for the options that say how to open
// the flow, whose parameters the strict reading needs. Its mistakes are left for that.
func (s *session) survey() *globalOptions {
	early := &globalOptions{}
	global := layer{early.options(nil), map[string]bool{}}
	s.surveyed = s.inv.command.action(early)
	own := layer{s.surveyed.options(), map[string]bool{}}
	params := layer{parameterOptions(s.parameters, map[string][]string{}, nil), map[string]bool{}}
	behind := global.afterCommand()
	if s.topOnly {
		behind.options = nil
	}
	_, _ = readOptions(s.inv.top, true, global)
	_, _ = readOptions(s.inv.rest, true, params, own, behind)
	early.serverGiven = global.given["server"]
	s.unread = s.env.environ(early.configs.options(), "", global.given)
	_ = s.env.environ(s.inv.command.fromEnviron(global.options), "", global.given)
	_ = s.env.environ(own.options, s.inv.command.scope(), own.given)
	return early
}

// defaultDecorators are the decorators that the environment adds to all steps. They are for runs: to `spin`, which
// tries a step out, none are added unless it is told so.
func (s *session) defaultDecorators() []string {
	if s.inv.command.name == "spin" {
		return nil
	}
	return strings.Fields(s.env.variable("METAFLOW_DEFAULT_DECOSPECS"))
}

// openAsMeant opens the store and the flow as open does. Options that say how may turn out to be parameters of the
// flow: behind the command those are stronger. Then both are opened once more, without such options.
func (s *session) openAsMeant(ctx context.Context, early *globalOptions, need Need) error {
	if s.inv.command.parameters && need == CreateStore && early.root != "" {
		// No store is made where a parameter says.
		if _, err := os.Stat(s.path(early.root)); err != nil && s.look(ctx, early) {
			return s.open(ctx, s.survey(), need)
		}
	}
	err := s.open(ctx, early, need)
	switch {
	case !s.inv.command.parameters:
		return err
	case err == nil:
		s.parameters = s.flow.Definition().Parameters
	case !s.look(ctx, early):
		return err
	}
	now := s.survey()
	if reflect.DeepEqual(now.opening(), early.opening()) {
		return err
	}
	s.close()
	return s.open(ctx, now, need)
}

// look learns the flow's parameters without the options that may be some of them. It reports whether that can
// tell more than what was tried with them.
func (s *session) look(ctx context.Context, early *globalOptions) bool {
	s.topOnly = true
	defer func() { s.topOnly = false }()
	top := s.survey()
	if reflect.DeepEqual(top.opening(), early.opening()) || s.open(ctx, top, NoStore) != nil {
		return false
	}
	defer s.close()
	s.parameters = s.flow.Definition().Parameters
	return true
}

// open opens the store and, if the command is about one or was started by one, the flow.
func (s *session) open(ctx context.Context, early *globalOptions, need Need) error {
	cmd := s.inv.command
	fd, pid := s.handed()
	if !cmd.flow && need == NoStore && fd == 0 {
		return nil
	}
	home := s.home(early)
	home.Need = need
	if cmd.flow && !s.inv.python {
		home.Flow = s.inv.file
	}
	var err error
	if s.store, err = s.env.Open(ctx, home); err != nil {
		return s.missingFile(err, home.Flow)
	}
	if !cmd.flow && fd == 0 {
		return nil
	}
	with := early.decorators(s.defaultDecorators())
	prints := s.preface.stderr
	if s.topOnly {
		prints = io.Discard // the flow's file prints it again
	}
	src := service.FlowSource{
		File: s.inv.file, Module: s.module(), Program: s.built(), Python: early.python, Isolation: early.isolation, With: with,
		CodeSuffixes: early.suffixes, HandedFD: fd, HandedPID: pid, Stdout: prints, Stderr: prints,
		UserDecorators: namesUserDecorators(with), User: s.user,
		ConfigFiles: early.configs.files, ConfigValues: early.configs.values, Lenient: early.help || !cmd.flow,
		Environment: early.environment, Rebuild: early.rebuild, Tell: s.inform, Heard: s.hear,
	}
	if s.unread != nil {
		return s.unread
	}
	if resume, ok := s.surveyed.(*resumeCommand); ok && !early.help {
		if early.configs.given() {
			return usagef("Cannot specify --config or --config-value with 'resume'")
		}
		src.Origin = func(ctx context.Context, flow string) (int64, error) { return resume.findOrigin(ctx, s, flow) }
	}
	s.handedOver = true
	ready := s.awaitFlow(early)
	s.flow, err = s.store.Service.Open(ctx, src)
	ready()
	if err != nil {
		s.close()
		return err
	}
	return s.unread
}

// patience is how long a flow may take to be imported or built before a terminal says what is waited for.
const patience = time.Second

// awaitFlow says on a terminal that the flow's file is being imported, or built, if that takes long. Whoever waits
// calls the function it returns when it is over.
func (s *session) awaitFlow(early *globalOptions) (ready func()) {
	if !s.env.Terminal.Stderr || early.quiet || early.json || s.topOnly || s.inv.file == "" {
		return func() {}
	}
	doing := "Building"
	if strings.HasSuffix(s.inv.file, ".py") {
		doing = "Importing"
	}
	stop := s.env.After(patience, func() { fmt.Fprintf(s.preface.stderr, "%s %s...\n", doing, s.file()) })
	return func() { stop() }
}

// hear takes the variables that the flow's file has set as if the command line had been started with them, as it is
// where the flow is started as `python flow.py`. What the file cannot say any more, because it was settled before it
// was read, stays, and so does LEVADA_BIN, which workers get from here.
func (s *session) hear(variables map[string]string, src *service.FlowSource) {
	settled := (&globalOptions{}).options(nil).only("python", "isolation", "datastore-root", "server", "package-suffixes")
	news := false
	for name, value := range variables {
		known, set := s.env.getenv(name)
		// What is not UTF-8 comes back changed.
		if set && string([]rune(known)) == value || name == "LEVADA_BIN" || slices.ContainsFunc(settled, func(o option) bool { return slices.Contains(o.forms(""), name) }) {
			continue
		}
		s.env.setenv(name, value)
		news = true
	}
	if !news {
		return
	}
	s.user = s.env.user()
	now := s.survey()
	src.User, src.With = s.user, now.decorators(s.defaultDecorators())
	src.ConfigFiles, src.ConfigValues = now.configs.files, now.configs.values
	src.Environment, src.Rebuild = now.environment, now.rebuild
}

// handed returns the fork server that a flow started as `python flow.py` handed over.
func (s *session) handed() (fd, pid int) {
	if !s.inv.python || s.handedOver {
		return 0, 0
	}
	fd, _ = strconv.Atoi(s.env.variable("LEVADA_WORKER_FD"))
	pid, _ = strconv.Atoi(s.env.variable("LEVADA_WORKER_PID"))
	return fd, pid
}

func (s *session) close() {
	if s.flow != nil {
		_ = s.flow.Close()
		s.flow = nil
	}
	if s.store.Close != nil {
		_ = s.store.Close()
		s.store.Close = nil
	}
}

// parse reads the command line strictly, with the options of the flow, and returns the action.
func (s *session) parse() (action, error) {
	cmd := s.inv.command
	s.global = globalOptions{}
	act := cmd.action(&s.global)
	s.params, s.variables = map[string][]string{}, map[string]string{}
	def := &graph.Flow{}
	if s.flow != nil {
		def = s.flow.Definition()
	}
	global := layer{s.global.options(def), map[string]bool{}}
	own := layer{act.options(), map[string]bool{}}
	params := layer{nil, map[string]bool{}}
	if cmd.parameters && s.flow != nil {
		params.options = parameterOptions(s.flow.Definition().Parameters, s.params, nil)
	}
	if _, err := readOptions(s.inv.top, false, global); err != nil {
		return nil, s.misplaced(err)
	}
	words, err := readOptions(s.inv.rest, false, params, own, global.afterCommand())
	if err != nil {
		return nil, s.misplaced(err)
	}
	if err := s.env.environ(cmd.fromEnviron(global.options), "", global.given); err != nil {
		return nil, err
	}
	for i := range params.options {
		o := &params.options[i]
		if name, _, ok := s.env.lookup(o, cmd.scope()); ok && !params.given[o.name] {
			s.variables[o.name] = name
		}
	}
	for _, l := range []layer{params, own} {
		if err := s.env.environ(l.options, cmd.scope(), l.given); err != nil {
			return nil, err
		}
	}
	for _, o := range params.options {
		if o.require && !params.given[o.name] {
			return nil, usagef("Missing option '--%s'.", o.name)
		}
	}
	err = bindArguments(act.arguments(), words)
	if len(act.arguments()) == 0 {
		err = s.superfluous(err, words, params.options, own.options)
	}
	return act, err
}

// layer is a table of options and the names of those that have been given.
type layer struct {
	options table
	given   map[string]bool
}

// afterCommand is the layer without the options that only stand before the command.
func (l layer) afterCommand() layer {
	return layer{slices.DeleteFunc(slices.Clone(l.options), func(o option) bool { return o.before }), l.given}
}

// readOptions gives the options in args their values and returns the words. An
// earlier layer hides a later one. Read leniently, what is wrong is left out.
func readOptions(args []string, lenient bool, layers ...layer) (words []string, err error) {
	var all table
	for _, l := range layers {
		all = append(all, l.options...)
	}
	scan := scanner{args: args, options: all, lenient: lenient}
	for {
		t, ok, err := scan.next()
		switch {
		case !ok:
			return words, nil
		case err != nil && !lenient:
			return nil, err
		case err != nil || !t.isWord && t.opt == nil:
			continue
		case t.isWord:
			words = append(words, t.word)
			continue
		}
		if err := t.apply(); err != nil && !lenient {
			return nil, err
		}
		for _, l := range layers {
			if o, _ := l.options.find(t.name); o != nil {
				l.given[o.name] = true
				break
			}
		}
	}
}

// bindArguments gives the words of a command line to a command's arguments.
func bindArguments(arguments []argument, words []string) error {
	for _, a := range arguments {
		if len(words) == 0 && a.required {
			return usagef("Missing argument '%s'.", a.name)
		}
		for i := 0; len(words) > 0 && (i == 0 || a.many); i++ {
			if err := a.set(words[0]); err != nil {
				return usagef("Invalid value for '%s': %s", a.name, err)
			}
			words = words[1:]
		}
	}
	if extra := words; len(extra) > 0 {
		s := ""
		if len(extra) > 1 {
			s = "s"
		}
		return usagef("Got unexpected extra argument%s (%s)", s, strings.Join(extra, " "))
	}
	return nil
}

// banner prints who runs what, and that a store was made.
func (s *session) banner() {
	if s.flow != nil {
		s.introduce("Levada %s executing %s for %s", s.env.Version, s.flow.Definition().Name, s.env.namespace(s.user))
	}
	switch {
	case s.store.Remote && s.flow != nil:
		s.introduce("Recording on the server %s", s.store.Path)
	case !s.store.Created:
	case filepath.Dir(s.store.Path) == s.env.Dir:
		s.introduce("Creating local datastore in current directory (%s)", s.store.Path)
	default:
		s.introduce("Creating local datastore (%s)", s.store.Path)
	}
}

// notify tells what concerns the run that goes on, among its lines. It may be called from any goroutine.
func (s *session) notify(text string) {
	if w := s.watched.Load(); w != nil {
		w.Event(&runner.Event{Kind: runner.Warning, Time: s.env.Now(), Text: text})
		return
	}
	fmt.Fprintln(s.env.Stderr, text)
}

// inform prints an informational line on stderr, unless --quiet.
func (s *session) inform(format string, args ...any) {
	if !s.global.quiet {
		fmt.Fprintf(s.env.Stderr, format+"\n", args...)
	}
}

// introduce is inform for what comes before a command's work.
func (s *session) introduce(format string, args ...any) {
	if !s.global.quiet {
		s.preface.say(fmt.Sprintf(format, args...))
	}
}

// path makes a path of the command line absolute.
func (s *session) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(s.env.Dir, p)
}

// program is how the command line was begun, for usage lines and hints.
func (s *session) program(cmd string) string {
	switch {
	case s.inv.python:
		return s.started() + " " + cmd
	case s.inv.file != "":
		return "levada " + cmd + " " + s.file()
	}
	return "levada " + cmd
}

// file is the flow's file as one would type it: relative to the current folder if it is in it.
func (s *session) file() string {
	file := s.inv.file
	if filepath.IsAbs(file) {
		if rel, err := filepath.Rel(s.env.Dir, file); err == nil && filepath.IsLocal(rel) {
			file = rel
		}
	}
	return shellWord(file)
}

// shellWord quotes a word where a shell would not take it as it is.
func shellWord(word string) string {
	if word == "" || strings.ContainsAny(word, " \t\n\"'\\$&;()*?<>|`#~!{}[]") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// interrupt turns signals into an end of the command: the first asks, the second
// demands. SIGQUIT, Ctrl-\, demands at once.
type interrupt struct {
	hard chan struct{} // closed by the second signal
	quit chan struct{}

	onQuit func() // is called at SIGQUIT

	mu      sync.Mutex
	fired   bool
	onFirst func()
}

func newInterrupt(onQuit func()) *interrupt {
	return &interrupt{onQuit: onQuit, hard: make(chan struct{}), quit: make(chan struct{})}
}

// watch returns a context that the first signal cancels.
func (i *interrupt) watch(ctx context.Context, signals <-chan os.Signal) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		for n := 1; ; n++ {
			var sig os.Signal
			select {
			case sig = <-signals:
			case <-i.quit:
				return
			}
			switch {
			case sig == syscall.SIGQUIT && n <= 2:
				i.onQuit()
				i.tell(nil) // there is no second time to ask for
				i.first()
				n = 2
				close(i.hard)
				cancel()
			case n == 1:
				i.first()
				cancel()
			case n == 2:
				close(i.hard)
			}
		}
	}()
	return ctx
}

func (i *interrupt) stop() { close(i.quit) }

func (i *interrupt) first() {
	i.mu.Lock()
	i.fired = true
	tell := i.onFirst
	i.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// tell has f called at the first signal, at once if there was one.
func (i *interrupt) tell(f func()) {
	i.mu.Lock()
	i.onFirst = f
	fired := i.fired
	i.mu.Unlock()
	if fired && f != nil {
		f()
	}
}

// pressed reports whether there was a signal.
func (i *interrupt) pressed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fired
}
