package worker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAProgramThatCannotBeStartedSaysWhy(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ text, want string }{
		"interpreter": {"#!/nowhere/sh\n", "its first line names an interpreter that does not exist"},
		"script":      {"echo hello\n", "a script begins with a line such as #!/bin/sh"},
		"missing":     {"", "no such file"},
	} {
		path := filepath.Join(dir, name)
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		p, err := startProgram(Program{Path: path, Env: os.Environ()}, nil, Watch{})
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
