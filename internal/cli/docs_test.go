package cli

import (
	goflag "flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/graph"
)

var update = goflag.Bool("update", false, "write the generated parts of docs/cli.md")

const docsFile = "../../docs/cli.md"

// generated matches a part of the docs that the tables of options make: what, and text.
var generated = regexp.MustCompile(`(?s)<!-- options of ([a-z@ -]+) -->\n.*?<!-- end -->`)

// TestDocs compares docs/cli.md with the tables of commands and options. Run it with -update after a change.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	want := generated.ReplaceAllStringFunc(string(data), func(part string) string {
		what := generated.FindStringSubmatch(part)[1]
		seen[what] = true
		return fmt.Sprintf("<!-- options of %s -->\n%s<!-- end -->", what, optionsPage(what))
	})
	if want != string(data) {
		if !*update {
			t.Error("docs/cli.md does not have the options that there are; run: go test ./internal/cli -run TestDocs -update")
		} else if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !seen["all commands"] || !seen["@project"] {
		t.Error("docs/cli.md has no options of all commands")
	}
	for _, c := range commands() {
		if c.absent != "" {
			continue
		}
		if !strings.Contains(want, "\n## "+c.name+"\n") {
			t.Errorf("docs/cli.md has no section on %s", c.name)
		}
		if len(c.action(&globalOptions{}).options()) > 0 && !seen[c.name] {
			t.Errorf("docs/cli.md does not have the options of %s", c.name)
		}
	}
	for _, code := range []int{exitOK, exitFailed, exitUsage, exitStopped} {
		if !strings.Contains(want, fmt.Sprintf("\n| %d |", code)) {
			t.Errorf("docs/cli.md does not have exit code %d", code)
		}
		if !strings.Contains(exitCodes, fmt.Sprintf("\n  %d ", code)) {
			t.Errorf("the help does not have exit code %d", code)
		}
	}
}

// optionsPage is the generated table of options.
func optionsPage(what string) string {
	g := &globalOptions{}
	var options table
	scope := ""
	switch what {
	case "all commands":
		options = g.options(&graph.Flow{})
	case "triggers":
		options = g.options(nil).only("trigger")
	case "configs":
		options = g.configs.options()
	case "@project":
		options = g.projectOptions()
	default:
		cmd := findCommand(what)
		if cmd == nil {
			return "no such command\n"
		}
		options, scope = cmd.action(g).options(), cmd.scope()
	}
	var b strings.Builder
	b.WriteString("| Option | Meaning | Default | Environment |\n|---|---|---|---|\n")
	for _, o := range options {
		if o.hidden {
			continue
		}
		name := "`--" + o.name + "`"
		if o.metavar != "" {
			name = "`--" + o.name + " " + strings.ReplaceAll(o.metavar, "|", `\|`) + "`"
		}
		if o.off != "" {
			name += ", `--" + o.off + "`"
		}
		if o.short != "" {
			name = "`-" + o.short + "`, " + name
		}
		var env []string
		if o.dest != "" {
			prefix := "METAFLOW_"
			if o.own {
				prefix = "LEVADA_"
			}
			env = append(env, "`"+prefix+scope+o.dest+"`")
		}
		for _, name := range o.fallback {
			env = append(env, "`"+name+"`")
		}
		help, def, _ := strings.Cut(o.help, " Default: ")
		if o.def != "" {
			def = o.def
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, help, strings.TrimSuffix(def, "."), strings.Join(env, ", "))
	}
	return b.String()
}
