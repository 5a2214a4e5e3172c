package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/graph"
)

// usage returns the usage line of the command line, and what to type for help.
func (s *session) usage() (line, try string) {
	inv := s.inv
	program := "levada"
	if inv.python {
		program = filepath.Base(inv.file)
		if as := s.env.variable("LEVADA_STARTED_AS"); as != "" {
			program = as
		}
		if inv.file == "" {
			program = "levada flow FILE"
		}
	}
	if inv.command == nil {
		return program + " [OPTIONS] COMMAND [ARGS]...", strings.TrimSuffix(program, " FILE") + " --help"
	}
	line = program + " " + inv.command.name
	try = line + " --help"
	if inv.command.takesFile && !inv.python {
		line += " FILE"
	}
	line += " [OPTIONS]"
	for _, a := range inv.command.action(&globalOptions{}).arguments() {
		line += " " + a.text()
	}
	return line, try
}

// generalHelp lists the commands, and the options that the flow has if one is asked.
func (s *session) generalHelp(ctx context.Context) error {
	def := s.asked(ctx)
	inv := s.inv
	inv.command = nil
	usage, _ := (&session{env: s.env, inv: inv}).usage()
	h := helpPage{width: s.helpWidth()}
	h.line("Usage: " + usage)
	h.line("")
	h.text("  ", "Levada runs data-science and machine-learning workflows written in Python or Go.")
	h.line("")
	h.line("Commands:")
	var rows [][2]string
	for _, c := range commands() {
		if c.absent != "" || c.hidden || c.metaflow && !inv.python {
			continue
		}
		name := c.name
		if !inv.python {
			if c.takesFile {
				name += " FILE"
			}
			for _, a := range c.action(&globalOptions{}).arguments() {
				name += " " + a.text()
			}
		}
		rows = append(rows, [2]string{name, c.summary})
	}
	h.rows(rows)
	h.line("")
	h.options("Options (before or after the command)", (&globalOptions{}).options(def))
	s.configHelp(&h, def)
	h.line("")
	h.line(exitCodes)
	_, err := fmt.Fprint(s.env.Stdout, h.String())
	return err
}

// help explains the command of the command line; with a flow's parameters if it names a flow.
func (s *session) help(ctx context.Context, early *globalOptions) error {
	cmd := s.inv.command
	usage, _ := s.usage()
	h := helpPage{width: s.helpWidth()}
	h.line("Usage: " + usage)
	h.line("")
	h.text("  ", cmd.summary)
	if cmd.about != "" {
		h.line("")
		h.text("  ", strings.ReplaceAll(cmd.about, "\n", " "))
	}
	if cmd.parameters && s.inv.file != "" {
		if s.flow == nil { // else `help` has been given the flow, as by Metaflow's form
			if err := s.openAsMeant(ctx, early, NoStore); err != nil {
				return err
			}
			defer s.close()
		}
		def := s.flow.Definition()
		if len(def.Parameters) > 0 {
			defaults, err := s.flow.Defaults(ctx)
			if err != nil {
				return err
			}
			h.line("")
			h.options("Parameters of "+def.Name, parameterOptions(def.Parameters, nil, defaults))
		}
	}
	var def *graph.Flow
	if s.flow != nil {
		def = s.flow.Definition()
	}
	s.configHelp(&h, def)
	act := cmd.action(&globalOptions{})
	if arguments := act.arguments(); len(arguments) > 0 || cmd.takesFile && !s.inv.python {
		h.line("")
		h.line("Arguments:")
		var rows [][2]string
		if cmd.takesFile && !s.inv.python {
			rows = append(rows, [2]string{"FILE", "The flow: a Python file, a Go package's folder, or a program.  [required]"})
		}
		for _, a := range arguments {
			text := a.help
			if a.required {
				text += "  [required]"
			}
			rows = append(rows, [2]string{a.name, text})
		}
		h.rows(rows)
	}
	h.line("")
	h.options("Options", s.hidden(cmd.shown(act, def)))
	h.line("")
	h.line(exitCodes)
	_, err := fmt.Fprint(s.env.Stdout, h.String())
	return err
}

// asked is the flow that is asked for help by `python flow.py --help`; nil if there is none, or it cannot be read.
func (s *session) asked(ctx context.Context) *graph.Flow {
	if s.flow != nil {
		return s.flow.Definition() // `help` has been given it
	}
	if !s.inv.python || s.inv.file == "" {
		return nil
	}
	s.inv.command = findCommand("check") // which looks at a flow
	early := s.survey()
	early.help = true
	if s.open(ctx, early, NoStore) != nil {
		return nil
	}
	defer s.close()
	return s.flow.Definition()
}

// configHelp lists the configs of a flow.
func (s *session) configHelp(h *helpPage, def *graph.Flow) {
	if def != nil && len(def.Configs) > 0 {
		h.line("")
		h.options("Configs of "+def.Name+" (before the command of python flow.py)", configRows(def.Configs))
	}
}

// hidden says of the options that the flow has a parameter for where they can be given all the same.
func (s *session) hidden(options table) table {
	if !s.inv.command.parameters || s.flow == nil {
		return options
	}
	before := "FILE"
	if s.inv.python {
		before = s.inv.command.name
	}
	for _, p := range s.flow.Definition().Parameters {
		if o, _ := options.find(p.Name); o != nil {
			o.help += " Give it before " + before + ": after it, --" + p.Name + " is the flow's parameter."
		}
	}
	return options
}

// shown returns the options that the command's help lists: its own, and the top-level ones that matter to it; with a
// flow, which may be nil, those that it has besides.
func (c *command) shown(act action, flow *graph.Flow) table {
	own := act.options()
	names := slices.Clone(c.global)
	if c.parameters && flow != nil {
		names = append(names, "branch", "production", "trigger", "config", "config-value")
	}
	for _, o := range (&globalOptions{}).options(flow).only(append(names, "help")...) {
		if have, _ := own.find(o.name); have == nil {
			own = append(own, o)
		}
	}
	return own
}

func (s *session) helpWidth() int { return min(max(s.env.width(), 40), 100) }

// helpPage lays out help.
type helpPage struct {
	strings.Builder
	width int
}

func (h *helpPage) line(text string) {
	h.WriteString(text)
	h.WriteByte('\n')
}

// text writes a paragraph, wrapped.
func (h *helpPage) text(margin, text string) {
	for _, line := range wrap(text, h.width-len(margin)) {
		h.line(margin + line)
	}
}

func (h *helpPage) options(title string, options table) {
	h.line(title + ":")
	var rows [][2]string
	for _, o := range options {
		if o.hidden {
			continue
		}
		name := "--" + o.name
		if o.off != "" {
			name += " / --" + o.off
		}
		if o.short != "" {
			name = "-" + o.short + ", " + name
		}
		if o.metavar != "" {
			name += " " + o.metavar
		}
		text := o.help
		if o.def != "" {
			text = strings.TrimSpace(text + "  [default: " + o.def + "]")
		}
		if o.require {
			text = strings.TrimSpace(text + "  [required]")
		}
		rows = append(rows, [2]string{name, text})
	}
	h.rows(rows)
}

// rows writes two columns; a name that is too long has its text on the next line.
func (h *helpPage) rows(rows [][2]string) {
	column := 0
	for _, r := range rows {
		if n := textWidth(r[0]); n <= h.width/3 {
			column = max(column, n)
		}
	}
	column += 4
	for _, r := range rows {
		lines := wrap(r[1], max(h.width-column, 20))
		first := "  " + r[0]
		if textWidth(first)+2 > column || len(lines) == 0 {
			h.line(first)
		} else {
			h.line(first + strings.Repeat(" ", column-textWidth(first)) + lines[0])
			lines = lines[1:]
		}
		for _, line := range lines {
			h.line(strings.Repeat(" ", column) + line)
		}
	}
}

// wrap breaks text into lines of at most width columns, at its spaces.
func wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range strings.Fields(strings.ReplaceAll(paragraph, "  [", " \x00[")) {
			word = strings.ReplaceAll(word, "\x00", " ")
			switch {
			case line == "":
				line = strings.TrimSpace(word)
			case textWidth(line)+1+textWidth(word) <= width:
				line += " " + word
			default:
				lines = append(lines, line)
				line = strings.TrimSpace(word)
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
