package engine

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestStatesPage writes the tables of legal moves as diagrams, and fails if STATES.md has others.
func TestStatesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The states of a run and of an attempt\n\n" +
		"Drawn from the tables in `states.go`; do not edit. After a change there: `go test ./internal/engine -rewrite`.\n" +
		"A move that is not here is refused: see *Misuse* in the package's documentation.\n\n" +
		"## A run\n\n```mermaid\nstateDiagram-v2\n    [*] --> recovering\n")
	for _, m := range runMoves {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", m.from, m.to, m.cause)
	}
	b.WriteString("    ended --> [*]\n```\n\n## An attempt of a task\n\n```mermaid\nstateDiagram-v2\n    [*] --> waiting\n")
	for _, m := range attemptMoves {
		fmt.Fprintf(&b, "    %s --> %s: %s\n", m.from, m.to, m.cause)
	}
	b.WriteString("    won --> [*]\n    lost --> [*]\n```\n\n" +
		"| state | meaning |\n|---|---|\n" +
		"| waiting | ready, or about to be |\n| launched | it holds its place, nothing is recorded |\n" +
		"| freed | its place is free, nothing is recorded yet |\n| recorded | the success is durable, it holds its place |\n" +
		"| mourned | the failure is durable, it holds its place |\n| won | over: succeeded |\n| lost | over: failed |\n")
	if flag.Lookup("rewrite").Value.String() == "true" {
		if err := os.WriteFile("STATES.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("STATES.md")
	if err != nil || string(page) != b.String() {
		t.Fatalf("STATES.md is out of date; run go test ./internal/engine -rewrite (%v)", err)
	}
}

// TestMovesAreUnambiguous checks that a state and a cause lead to one state, and
// that the index has exactly the moves of the tables.
func TestMovesAreUnambiguous(t *testing.T) {
	runs, attempts := 0, 0
	for from := range ended + 1 {
		for cause := range runCauses {
			if _, legal := from.after(cause); legal {
				runs++
			}
		}
	}
	for from := range attemptStates {
		for cause := range attemptCauses {
			if _, legal := from.after(cause); legal {
				attempts++
			}
		}
	}
	if runs != len(runMoves) || attempts != len(attemptMoves) {
		t.Errorf("%d of %d moves of a run and %d of %d of an attempt are in the index", runs, len(runMoves), attempts, len(attemptMoves))
	}
}
