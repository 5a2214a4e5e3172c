// Package graph is what the engine knows about a flow: its steps, edges, parameters and decorators, and the checks that
// make a definition valid.
//
// A [Flow] is the definition as an SDK sends it (JSON, see the README of package protocol). [Compile] checks it and
// returns a [Graph], in which every step has a kind, its neighbours and, for a split, the join that closes it. Problems
// name the step and the line and say how to fix them. The package is pure: no clock, no I/O, no goroutines.
package graph

import (
	"cmp"
	"encoding/json"
)

// DefinitionVersion is the version of the definition format that this package reads.
const DefinitionVersion = 1

// Flow is the definition of a flow as the SDK found it in the source.
// Nothing in it has been checked.
type Flow struct {
	Version    int         `json:"version"`
	Name       string      `json:"name"`
	Doc        string      `json:"doc,omitempty"`
	File       string      `json:"file"`
	Line       int         `json:"line,omitempty"`
	Language   string      `json:"language"` // "python", "go"
	Runtime    string      `json:"runtime"`  // version of the language: "3.11.7"
	SDK        string      `json:"sdk"`      // version of the SDK
	Steps      []Step      `json:"steps"`    // in source order, inherited first
	Parameters []Parameter `json:"parameters,omitempty"`
	Configs    []Config    `json:"configs,omitempty"`
	Constants  []Constant  `json:"constants,omitempty"`
	Decorators []Decorator `json:"decorators,omitempty"`  // flow decorators, nearest the class first
	ForkUnsafe string      `json:"fork_unsafe,omitempty"` // why tasks must not be forked; empty if they may
	Package    *Package    `json:"package,omitempty"`     // nil if its code is what is in its folder
	Reads      *Reads      `json:"reads,omitempty"`       // nil if tasks read when the code first touches an artifact
	Mistakes   []Mistake   `json:"mistakes,omitempty"`    // what is wrong and nothing else here shows
}

// Mistake is what an SDK has found wrong in the declaration of a flow. The checks tell it with what they find.
type Mistake struct {
	Step    string `json:"step,omitempty"` // empty if it is about the flow, a field or a parameter
	File    string `json:"file,omitempty"` // where it differs from the flow's file
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Warning bool   `json:"warning,omitempty"` // the flow can run with it
}

// Warnings are the mistakes that a flow can run with, each with its file.
func (f *Flow) Warnings() []Mistake {
	var all []Mistake
	for _, m := range f.Mistakes {
		if m.Warning {
			m.File = cmp.Or(m.File, f.File)
			all = append(all, m)
		}
	}
	return all
}

// Package is what belongs to the code of a flow besides the source files of its folder.
type Package struct {
	Suffixes []string        `json:"suffixes,omitempty"` // of more files of the folder
	Sources  []PackageSource `json:"sources,omitempty"`
}

// PackageSource is a file or folder from elsewhere.
type PackageSource struct {
	Path     string   `json:"path"`               // absolute
	Name     string   `json:"name"`               // in the package
	Suffixes []string `json:"suffixes,omitempty"` // of the files of a folder that count; empty for the usual ones
}

// Reads is what every task of a flow reads before its step runs. It may be sent ahead.
type Reads struct {
	Artifacts []string `json:"artifacts"` // in this order
	Codecs    []string `json:"codecs"`    // those that the SDK knows
}

// Step is one step of a definition.
type Step struct {
	Name       string      `json:"name"`
	Doc        string      `json:"doc,omitempty"`
	File       string      `json:"file,omitempty"` // where it differs from the flow's file
	Line       int         `json:"line"`
	Args       int         `json:"args"` // positional arguments with self: 1 for a step, 2 for a join
	Start      bool        `json:"start,omitempty"`
	End        bool        `json:"end,omitempty"`
	Next       *Next       `json:"next,omitempty"`          // nil if the body has no self.next as its last statement
	EarlyNext  int         `json:"early_next,omitempty"`    // line of a self.next that is not the last statement, or 0
	Returned   int         `json:"returned_next,omitempty"` // line of a last statement "return self.next(...)", or 0
	Decorators []Decorator `json:"decorators,omitempty"`    // innermost first
}

// NextKind is the form of a transition.
type NextKind string

// The forms of a transition.
const (
	NextLinear   NextKind = "linear"   // one target
	NextSplit    NextKind = "split"    // several targets
	NextForeach  NextKind = "foreach"  // one target, once for each element
	NextParallel NextKind = "parallel" // one target, a gang of n
	NextSwitch   NextKind = "switch"   // one of the cases
	NextBad      NextKind = "bad"      // not one of the forms; Problem says why
)

// Next is the transition at the end of a step.
type Next struct {
	Kind      NextKind `json:"kind"`
	Targets   []string `json:"targets,omitempty"`
	Foreach   string   `json:"foreach,omitempty"`   // attribute to iterate
	Condition string   `json:"condition,omitempty"` // attribute that chooses the case
	Cases     []Case   `json:"cases,omitempty"`
	Line      int      `json:"line"`
	Problem   string   `json:"problem,omitempty"` // for NextBad
}

// Case is one case of a switch: the key as text and the step it leads to.
type Case struct {
	Key    string `json:"key"`
	Target string `json:"target"`
}

// Parameter is a value that a run takes from its command line.
type Parameter struct {
	Name        string          `json:"name"`      // the option, without dashes
	Attribute   string          `json:"attribute"` // the artifact
	Type        string          `json:"type"`      // "int", "float", "bool", "str", "json", "file"
	Help        string          `json:"help,omitempty"`
	Required    bool            `json:"required,omitempty"`
	Default     json.RawMessage `json:"default,omitempty"`   // static default as JSON; absent if there is none
	Computed    bool            `json:"computed,omitempty"`  // the default is a function, evaluated when the run starts
	Separator   string          `json:"separator,omitempty"` // the string is split into a list
	HideDefault bool            `json:"hide_default,omitempty"`
	Flag        string          `json:"flag,omitempty"`      // the option takes no value: each use stands for this text
	Many        bool            `json:"many,omitempty"`      // each use of the option adds to the value
	Arity       int             `json:"arity,omitempty"`     // how many values each use takes; 0 means 1
	Metavar     string          `json:"metavar,omitempty"`   // what help shows for the value; empty: the type
	Variables   []string        `json:"variables,omitempty"` // of the environment, besides METAFLOW_RUN_<NAME>
	Hidden      bool            `json:"hidden,omitempty"`    // help does not show it
	Line        int             `json:"line,omitempty"`
}

// Config is a value that was fixed before the flow was described; its values are kept as artifacts.
type Config struct {
	Name      string `json:"name"`      // on the command line
	Attribute string `json:"attribute"` // the artifact
	Help      string `json:"help,omitempty"`
	Required  bool   `json:"required,omitempty"`
	Default   string `json:"default,omitempty"` // path of the default file, if it is known
}

// Constant is a public class attribute, persisted once a run.
type Constant struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Decorator is a decorator of a step or flow with its attributes.
type Decorator struct {
	Name       string                     `json:"name"`
	Attributes map[string]json.RawMessage `json:"attributes,omitempty"`
	Line       int                        `json:"line,omitempty"`
	Added      string                     `json:"added,omitempty"` // "--with" if it is not in the source
}

// Transition is what a task that ended well said about what comes next, and
// what the engine acts on. The zero value is that of the end step.
type Transition struct {
	Next []string `json:"next,omitempty"` // chosen steps: all targets of a split, one otherwise
	// Fan is the number of children of a foreach or gang; 0 for other transitions.
	Fan int `json:"fan,omitempty"`
}
