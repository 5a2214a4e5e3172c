package cli

import (
	"context"
	_ "embed"
	"strings"
)

const completionAbout = `For bash, put this line into ~/.bashrc: source <(levada completion bash). For zsh, into ~/.zshrc, after
compinit: source <(levada completion zsh). For fish: levada completion fish > ~/.config/fish/completions/levada.fish.
Commands, options, flow files and the paths of runs, steps and tasks in the store are completed.`

// The functions that make the shells ask `levada __complete`.
var (
	//go:embed completion/levada.bash
	bashCompletion string
	//go:embed completion/levada.zsh
	zshCompletion string
	//go:embed completion/levada.fish
	fishCompletion string
)

var shells = []struct{ name, script string }{{"bash", bashCompletion}, {"zsh", zshCompletion}, {"fish", fishCompletion}}

// completionCommand is `completion`.
type completionCommand struct{ script string }

func (c *completionCommand) options() table { return nil }

func (c *completionCommand) arguments() []argument {
	return []argument{{name: "SHELL", required: true, help: "bash, zsh or fish.", set: func(word string) error {
		var names []string
		for _, shell := range shells {
			if shell.name == word {
				c.script = shell.script
				return nil
			}
			names = append(names, shell.name)
		}
		return badValue(word + " is not one of " + strings.Join(names, ", "))
	}}}
}

func (c *completionCommand) run(_ context.Context, s *session) error { return s.print(c.script) }
