package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/service"
)

// checkCommand is `check`.
type checkCommand struct {
	bare
	warnings bool
}

func (c *checkCommand) options() table {
	return table{{name: "warnings", off: "no-warnings", dest: "WARNINGS", set: flag(&c.warnings),
		help: "Accepted for compatibility with Metaflow; it has no effect."}}
}

func (c *checkCommand) run(_ context.Context, s *session) error {
	if s.global.json {
		return c.json(s)
	}
	if err := s.validate(); err != nil {
		return err
	}
	s.inform("\n'%s' shows a description of this flow.\n'%s' runs the flow locally.\n'%s' shows all available commands and options.\n",
		s.program("show"), s.program("run"), s.helpCommand())
	return nil
}

// helpCommand is what to type for all commands and options.
func (s *session) helpCommand() string {
	if s.inv.python {
		return s.program("help")
	}
	return s.program("run") + " --help"
}

// json prints what the check found as one object.
func (c *checkCommand) json(s *session) error {
	def := s.flow.Definition()
	if _, err := service.Project(def, s.choices()); err != nil {
		return err
	}
	if err := s.checkWith(); err != nil {
		return err
	}
	result := struct {
		Flow     string        `json:"flow"`
		File     string        `json:"file"`
		Valid    bool          `json:"valid"`
		Problems []jsonProblem `json:"problems"`
		Warnings []jsonProblem `json:"warnings"`
	}{def.Name, def.File, len(s.flow.Problems()) == 0, []jsonProblem{}, []jsonProblem{}}
	for _, p := range s.flow.Problems() {
		result.Problems = append(result.Problems, jsonProblem{p.Check, p.Step, p.File, p.Line, p.Message})
	}
	for _, m := range def.Warnings() {
		result.Warnings = append(result.Warnings, jsonProblem{"", m.Step, m.File, m.Line, m.Message})
	}
	if err := s.printJSON(result); err != nil || result.Valid {
		return err
	}
	return told
}

// jsonProblem is the JSON form of a graph.Problem.
type jsonProblem struct {
	Check   string `json:"check,omitempty"` // not of warnings
	Step    string `json:"step,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

// validate tells what is wrong with the flow, all of it.
func (s *session) validate() error {
	if err := s.tellProject(); err != nil {
		return err
	}
	if err := s.checkWith(); err != nil {
		return err
	}
	s.introduce("Validating your flow...")
	problems := s.flow.Problems()
	if len(problems) == 0 {
		s.introduce("    The graph looks good!")
		for _, m := range s.flow.Definition().Warnings() {
			s.introduce("    Warning: %s, line %d: %s", m.File, m.Line, m.Message)
		}
		return s.checkDecorators()
	}
	var all []string
	for _, p := range problems {
		s.errorBlock("Validity checker found an issue"+place(p), p.Message, "")
		all = append(all, p.String())
	}
	return &failure{kind: fault.Invalid, text: strings.Join(all, "\n")}
}

// tellProject tells the project and the branch that @project puts the flow in.
func (s *session) tellProject() error {
	project, err := service.Project(s.flow.Definition(), s.choices())
	if err == nil && project != nil {
		s.introduce("Project: %s, Branch: %s", project.Name, project.Branch)
	}
	return err
}

// place says where a problem is.
func place(p graph.Problem) string {
	switch {
	case p.File != "" && p.Line > 0:
		return fmt.Sprintf(" in file %s on line %d", p.File, p.Line)
	case p.File != "":
		return " in file " + p.File
	}
	return ""
}
