package cli

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/conformance"
	"github.com/levadahq/levada/internal/fault"
)

const conformanceAbout = `PROGRAM is a command, quoted if it has arguments, that runs the flow of the conformance kit with the SDK that is to
be tested: "python3 flow.py", ./flow. The page of the worker protocol describes that flow.`

// conformanceCommand is `conformance`.
type conformanceCommand struct {
	bare
	program string
}

func (c *conformanceCommand) arguments() []argument {
	return []argument{{name: "PROGRAM", required: true, help: "The command to test.", set: func(word string) error {
		c.program = word
		return nil
	}}}
}

func (c *conformanceCommand) run(ctx context.Context, s *session) error {
	command := strings.Fields(c.program)
	if len(command) == 0 {
		return usagef("Missing argument 'PROGRAM'.")
	}
	if strings.Contains(command[0], "/") {
		command[0] = s.path(command[0])
	} else if path, err := exec.LookPath(command[0]); err == nil {
		command[0] = path
	} else {
		return fault.New(fault.NotFound, "there is no program %s on the PATH", command[0])
	}
	if command[0], _ = filepath.Abs(command[0]); len(command) > 1 && !strings.HasPrefix(command[1], "-") {
		command[1] = s.path(command[1])
	}
	failed := 0
	err := conformance.Run(ctx, command, s.preface.stderr, func(check conformance.Check, err error) {
		if s.global.json {
			text := ""
			if err != nil {
				text = err.Error()
			}
			_ = s.printJSON(struct {
				Check   string `json:"check"`
				OK      bool   `json:"ok"`
				Problem string `json:"problem,omitempty"`
			}{check.Name, err == nil, text})
		} else if err == nil {
			fmt.Fprintf(s.env.Stdout, "ok    %-11s %s\n", check.Name, check.About)
		} else {
			fmt.Fprintf(s.env.Stdout, "FAIL  %-11s %s\n      %s\n", check.Name, check.About, strings.ReplaceAll(err.Error(), "\n", "\n      "))
		}
		if err != nil {
			failed++
		}
	})
	if err != nil {
		return err
	}
	if failed > 0 {
		return &failure{headline: "Conformance", kind: fault.Invalid, text: fmt.Sprintf("%d of %d checks failed.", failed, len(conformance.Checks()))}
	}
	return nil
}
