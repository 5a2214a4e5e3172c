package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
)

// What is said of the usual slips on a command line: what was probably meant, and where it goes.

// misplaced adds to the error of an unknown option where there is one of that name.
func (s *session) misplaced(err error) error {
	var usage *usageError
	if !errors.As(err, &usage) || usage.option == "" || usage.hint != "" {
		return err
	}
	var parameters []graph.Parameter
	if s.flow != nil {
		parameters = s.flow.Definition().Parameters
	}
	parameter := slices.ContainsFunc(parameters, func(p graph.Parameter) bool { return p.Name == usage.option })
	cmd := s.inv.command
	switch only := onlyFor[usage.option]; {
	case cmd == nil:
		usage.hint = "Options of a command, and parameters of a flow, come after it: levada run FILE --" + usage.option
		if s.inv.python {
			usage.hint = "Options of a command, and the flow's parameters, come after it: " + s.program("run") + " --" + usage.option
		}
	case parameter && (cmd.name == "resume" || cmd.name == "spin"):
		usage.hint = "--" + usage.option + " is a parameter of the flow. The earlier run's values are used here; `run` takes new ones."
	case parameter && cmd.parameters:
		usage.hint = "Write it after the command: " + s.program("run") + " --" + usage.option
	case parameter:
		usage.hint = "--" + usage.option + " is a parameter of the flow, which `run` takes."
	case only != "" && cmd.flow:
		usage.hint = "It is for flows with " + only + "."
	default:
		usage.hint = othersWith(usage.option)
	}
	return err
}

// onlyFor has what a flow needs to have an option.
var onlyFor = map[string]string{
	"branch": "@project", "production": "@project", "trigger": "@trigger_on_finish", "config": "a Config", "config-value": "a Config",
}

// othersWith says which commands have an option; "" if none has.
func othersWith(option string) string {
	var names []string
	for _, c := range commands() {
		if c.new == nil || c.hidden {
			continue
		}
		if o, _ := c.action(&globalOptions{}).options().find(option); o != nil && !o.hidden {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "It is an option of " + strings.Join(names, ", ") + "."
}

// superfluous adds to the error of a word too many what it was probably meant to be.
func (s *session) superfluous(err error, words []string, options ...table) error {
	var usage *usageError
	if len(words) == 0 || !errors.As(err, &usage) || !strings.HasPrefix(usage.text, "Got unexpected") {
		return err
	}
	word := words[0]
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, t := range options {
		if o, _ := t.find(name); o != nil && !o.hidden {
			usage.hint = "Did you mean: --" + word
			return err
		}
	}
	switch cmd := s.inv.command.name; {
	case cmd == "run" && s.flow.Graph() != nil && s.flow.Graph().Lookup(word) != nil:
		usage.hint = "`run` runs all steps. To run an earlier run again from one step on: " + s.program("resume") + " " + word
	case cmd == "runs" && isNumber(word):
		usage.hint = "The tasks of a run: levada tasks " + word
	case cmd == "runs":
		usage.hint = "The runs of a flow: levada runs --flow " + shellWord(word)
	}
	return err
}

func isNumber(word string) bool {
	_, err := strconv.ParseInt(word, 10, 64)
	return err == nil
}

// missingFile adds to the error of a flow's file that is not there the name of one that is.
func (s *session) missingFile(err error, file string) error {
	var f *fault.Error
	if file == "" || !errors.As(err, &f) || f.Kind != fault.NotFound {
		return err
	}
	dir, base := filepath.Split(file)
	if _, err := os.Stat(s.path(file)); err == nil {
		return f
	}
	found, _ := filepath.Glob(filepath.Join(s.path(dir), "*.py"))
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	near := nearest(base, found)
	if slices.Contains(found, base+".py") {
		near = base + ".py"
	}
	if near == "" {
		return err
	}
	other := *f
	other.Hint = "did you mean " + shellWord(dir+near) + "?"
	return &other
}
