package flow

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/graph"
)

// Flow is the declaration of a flow whose artifacts are the fields of T. Its methods add to it and return it. What is
// wrong with it is told, all at once, by Main.
type Flow[T any] struct{ m *machine }

// machine is a flow without its type.
type machine struct {
	name     string
	plan     *plan
	steps    []*step
	byName   map[string]*step
	def      *graph.Flow
	iterated map[string]bool // artifacts that a foreach goes through
}

// step is one step of a machine.
type step struct {
	def    graph.Step
	run    func(state any, t *Task, in *inputs) error // nil if a program runs it
	next   next
	catch  string        // artifact for the failure
	caught bool          // a failure is caught
	limit  time.Duration // of its run
	gang   bool
	inside bool
}

// next is a transition of a step as it was declared, with fields in the place of artifacts.
type next struct {
	kind  graph.NextKind
	field string
	cases []Case
	to    []string
}

// New declares a flow. The name is what runs are found by, such as "Train":
// letters, digits and underscores. T is a struct.
func New[T any](name string) *Flow[T] {
	_, file, line, _ := runtime.Caller(1)
	m := &machine{name: name, byName: map[string]*step{}, iterated: map[string]bool{}}
	m.def = &graph.Flow{
		Version: graph.DefinitionVersion, Name: name, File: file, Line: line, Language: "go",
		Runtime: runtime.Version()[len("go"):], SDK: Version,
	}
	m.plan = newPlan(reflect.TypeFor[T](), m)
	return &Flow[T]{m}
}

// Version is the version of the SDK.
const Version = "0.1.0"

// Doc describes the flow, for show.
func (f *Flow[T]) Doc(text string) *Flow[T] {
	f.m.def.Doc = text
	return f
}

// Project makes the flow part of a project: runs of different branches of it do not mix.
func (f *Flow[T]) Project(name string) *Flow[T] {
	f.m.def.Decorators = append(f.m.def.Decorators, decorator("project", "name", name))
	return f
}

// Step adds a step. The name has lower-case letters, digits and underscores; a flow begins at "start" and ends at
// "end", unless [Start] and [End] say otherwise, or it has one step only. run is a method expression such as
// (*T).Train. It must not keep its arguments when it has returned.
func (f *Flow[T]) Step(name string, run func(*T, *Task) error, options ...Option) *Flow[T] {
	s := f.m.add(name, 1, options)
	if run == nil {
		f.m.mistake(s, "its function is nil")
	}
	s.run = func(state any, t *Task, _ *inputs) error { return run(state.(*T), t) }
	return f
}

// Join adds a step where the branches of a split, or the tasks of a foreach, come
// together. It inherits the parameters alone.
func (f *Flow[T]) Join(name string, run func(*T, *Task, Inputs[T]) error, options ...Option) *Flow[T] {
	s := f.m.add(name, 2, options)
	if run == nil {
		f.m.mistake(s, "its function is nil")
	}
	s.run = func(state any, t *Task, in *inputs) error { return run(state.(*T), t, Inputs[T]{in, t}) }
	return f
}

// Exec adds a step that another program runs, in whatever language it is written. See [Program].
func (f *Flow[T]) Exec(name string, p Program, options ...Option) *Flow[T] {
	args := 1
	if p.Join {
		args = 2
	}
	s := f.m.add(name, args, options)
	translate := func(fields []string) []string {
		names := make([]string, len(fields))
		for i, field := range fields {
			names[i] = f.m.plan.artifact(field)
			if names[i] == "" {
				f.m.mistake(s, "the program's %s is not a field of %s", field, f.m.plan.typ)
			}
		}
		return names
	}
	s.def.Decorators = append(s.def.Decorators, decorator("exec", "command", p.Command, "inputs", translate(p.Inputs),
		"outputs", translate(p.Outputs), "protocol", p.Protocol))
	return f
}

// Program is a program that runs a step.
//
// Without Protocol it needs no SDK. It finds its inputs as files in the folder that the variable LEVADA_INPUTS names
// (NAME.json for plain data, NAME.bin for bytes, NAME.txt, NAME.npy, NAME.csv) and writes its outputs, named alike,
// to the folder LEVADA_OUTPUTS. An exit code other than 0 is a failure; what it prints is the task's log.
// docs/mixed-languages.md has the details.
//
// With Protocol it is a flow of an SDK, in Go, Python or any other language, that has a step of the same name: it
// reads and sets the artifacts as it would in its own run, and decides nothing of what follows.
type Program struct {
	Command  []string // the program and its arguments; a name with a slash is relative to the flow's folder
	Inputs   []string // fields that it reads, and nothing else
	Outputs  []string // fields that it must set
	Join     bool     // the step is a join; inputs lie in a folder for each of what is joined
	Protocol bool     // it speaks the worker protocol: a program with an SDK
}

func (m *machine) add(name string, args int, options []Option) *step {
	_, file, line, _ := runtime.Caller(2)
	s := &step{def: graph.Step{Name: name, Args: args, Line: line}}
	if file != m.def.File {
		s.def.File = file
	}
	for _, option := range options {
		option(m, s)
	}
	if m.byName[name] == nil {
		m.byName[name] = s // a second one is a problem that levada tells of
	}
	m.steps = append(m.steps, s)
	return s
}

// problem is a mistake that the rest of the definition does not show.
func (m *machine) problem(format string, args ...any) {
	m.def.Mistakes = append(m.def.Mistakes, graph.Mistake{Line: m.def.Line, Message: sentence(fmt.Sprintf(format, args...))})
}

// mistake is a problem of a step.
func (m *machine) mistake(s *step, format string, args ...any) {
	m.def.Mistakes = append(m.def.Mistakes, graph.Mistake{
		Step: s.def.Name, File: s.def.File, Line: s.def.Line, Message: fmt.Sprintf("Step %s: %s.", s.def.Name, fmt.Sprintf(format, args...)),
	})
}

// sentence writes a text as the checks of the graph write theirs.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// Option is a choice of a step.
type Option func(m *machine, s *step)

// To says which step follows. With several, all of them run, at once if there is room, until a join.
func To(steps ...string) Option {
	return func(m *machine, s *step) {
		kind := graph.NextLinear
		if len(steps) > 1 {
			kind = graph.NextSplit
		}
		s.follow(m, next{kind: kind, to: steps})
	}
}

// Foreach runs a step once for each element of a field, a slice or an array, until a join. The tasks get their
// elements with [Item]; the field itself is left zero in them, so that a task costs no more the longer the list is.
// Elements are stored as JSON.
func Foreach(field, to string) Option {
	return func(m *machine, s *step) {
		s.follow(m, next{kind: graph.NextForeach, field: field, to: []string{to}})
	}
}

// Gang runs a step as so many tasks at once as a field, an int, says: tasks that find each other through [Task.Gang].
func Gang(field, to string) Option {
	return func(m *machine, s *step) {
		s.follow(m, next{kind: graph.NextParallel, field: field, to: []string{to}})
	}
}

// Case is a case of a [Switch].
type Case struct {
	Key  any // a string, bool or integer
	Step string
}

// of reports whether it is the case of a value.
func (c Case) of(v reflect.Value) bool {
	key := reflect.ValueOf(c.Key)
	if v.Kind() == reflect.Interface || !key.CanConvert(v.Type()) {
		return fmt.Sprint(c.Key) == fmt.Sprint(v.Interface())
	}
	k := key.Convert(v.Type()) // a String of the type is for people
	return k.Comparable() && v.Comparable() && k.Equal(v) && k.Convert(key.Type()).Equal(key)
}

// Switch goes on to the step whose case has the value of a field. A case that names the step itself makes it a loop.
func Switch(field string, cases ...Case) Option {
	return func(m *machine, s *step) {
		s.follow(m, next{kind: graph.NextSwitch, field: field, cases: cases})
	}
}

func (s *step) follow(m *machine, n next) {
	if s.next.kind != "" {
		m.mistake(s, "the next step is given twice: keep one of To, Foreach, Gang and Switch")
	}
	s.next = n
}

// Start marks the step that a run begins with, if it is not named "start".
func Start() Option { return func(_ *machine, s *step) { s.def.Start = true } }

// End marks the step that a run ends with, if it is not named "end".
func End() Option { return func(_ *machine, s *step) { s.def.End = true } }

// Doc describes a step, for show.
func Doc(text string) Option { return func(_ *machine, s *step) { s.def.Doc = text } }

// Retry tries a step again when it fails, up to so many times, at most 4.
func Retry(times int) Option {
	return func(_ *machine, s *step) { s.decorate("retry", "times", times) }
}

// Timeout ends a step that runs longer. Its context is cancelled; a step that does not return within a
// second after that is ended all the same.
func Timeout(d time.Duration) Option {
	return func(_ *machine, s *step) {
		s.limit = d
		s.decorate("timeout", "seconds", d.Seconds())
	}
}

// Catch lets the run go on when a step has failed for good. The field, of type *Failure, tells the steps after it what
// happened; it may be "". What the step set before it failed is stored.
func Catch(field string) Option {
	return func(m *machine, s *step) {
		s.caught = true
		s.decorate("catch", "var", m.plan.artifact(field))
		if field == "" {
			return
		}
		f := m.plan.field(field)
		if f == nil || f.typ != reflect.TypeFor[*Failure]() {
			m.mistake(s, "Catch needs a field of type *flow.Failure, and %s.%s is not one", m.plan.typ, field)
			return
		}
		s.catch = f.name
	}
}

// Needs says what a step needs of the machine that it runs on. Steps run at once as far as there is enough.
type Needs struct {
	CPU float64 // cores
	// GPU is how many of NVIDIA's GPUs: CUDA_VISIBLE_DEVICES names those that the task is given, unless it shares its
	// process with others. Below 1, it shares one.
	GPU    float64
	Memory int // megabytes
}

// Resources asks for resources.
func Resources(n Needs) Option {
	return func(_ *machine, s *step) { s.decorate("resources", "cpu", n.CPU, "gpu", n.GPU, "memory", n.Memory) }
}

// Environment sets environment variables of a step's processes.
func Environment(vars map[string]string) Option {
	return func(_ *machine, s *step) { s.decorate("environment", "vars", vars) }
}

// InProcess runs the tasks of a step as goroutines of one process, for many tasks that take microseconds. Each is
// still a task: recorded, durable, found, resumed. Given up is what a process gives: a task that exits, crashes or
// runs out of memory ends all that run beside it; one that does not heed its context cannot be stopped; processor
// time and memory are not measured; package variables are shared; what is printed goes to the terminal, and only
// what is logged with [Task.Log] is the task's; a failure is acted on a little later, when some tasks more have
// begun. Environment cannot be used with it.
func InProcess() Option {
	return func(_ *machine, s *step) {
		s.inside = true
		s.decorate("in_process")
	}
}

func (s *step) decorate(name string, attributes ...any) {
	s.def.Decorators = append(s.def.Decorators, decorator(name, attributes...))
}

// decorator makes a decorator of names and values in turn.
func decorator(name string, attributes ...any) graph.Decorator {
	d := graph.Decorator{Name: name}
	for i := 0; i < len(attributes); i += 2 {
		if d.Attributes == nil {
			d.Attributes = map[string]json.RawMessage{}
		}
		d.Attributes[attributes[i].(string)], _ = json.Marshal(attributes[i+1])
	}
	return d
}

// define completes the definition.
func (m *machine) define() {
	m.def.File = source(m.def.File)
	m.def.Parameters = m.plan.describe()
	m.def.Reads = &graph.Reads{Artifacts: m.plan.reads(nil), Codecs: accepted}
	for _, s := range m.steps {
		for _, to := range s.next.to {
			if t := m.byName[to]; t != nil && s.next.kind == graph.NextParallel && !t.gang {
				t.gang = true
				t.decorate("parallel")
			}
		}
	}
	for _, s := range m.steps {
		s.def.Next = m.transition(s)
		m.def.Steps = append(m.def.Steps, s.def)
	}
}

// transition describes what follows a step, nil if nothing does.
func (m *machine) transition(s *step) *graph.Next {
	if s.next.kind == "" {
		return nil
	}
	n := &graph.Next{Kind: s.next.kind, Targets: s.next.to, Line: s.def.Line}
	f := m.plan.field(s.next.field)
	if f == nil && s.next.field != "" {
		m.mistake(s, "%s has no exported field %s%s", m.plan.typ, s.next.field, m.plan.similar(s.next.field))
		n.Foreach, n.Condition = s.next.field, s.next.field // so that this is told once
		for _, c := range s.next.cases {
			n.Cases = append(n.Cases, graph.Case{Key: fmt.Sprint(c.Key), Target: c.Step})
		}
		return n
	}
	switch s.next.kind {
	case graph.NextForeach:
		n.Foreach = f.name
		m.iterated[f.name] = true
		if k := f.typ.Kind(); k != reflect.Slice && k != reflect.Array {
			m.mistake(s, "Foreach needs a slice, and %s.%s is of type %s", m.plan.typ, s.next.field, f.typ)
		}
	case graph.NextParallel:
		if f.typ.Kind() != reflect.Int {
			m.mistake(s, "Gang needs an int, and %s.%s is of type %s", m.plan.typ, s.next.field, f.typ)
		}
	case graph.NextSwitch:
		n.Condition = f.name
		seen := map[string]bool{}
		for _, c := range s.next.cases {
			if text := fmt.Sprint(c.Key); seen[text] {
				m.mistake(s, "the case %s is there twice, and only the first would be taken", text)
			} else {
				seen[text] = true
			}
			key := reflect.ValueOf(c.Key)
			if !key.IsValid() || !key.CanConvert(f.typ) || key.Kind() == reflect.String != (f.typ.Kind() == reflect.String) {
				m.mistake(s, "the case %v is not of the type of %s.%s, %s", c.Key, m.plan.typ, s.next.field, f.typ)
			}
			n.Cases = append(n.Cases, graph.Case{Key: fmt.Sprint(c.Key), Target: c.Step})
		}
	}
	return n
}

// source returns a source file's path as it is on this machine, if it is there: the compiler may have shortened it.
func source(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	if exe, err := os.Executable(); err == nil {
		return exe
	}
	return file
}
