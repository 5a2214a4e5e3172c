package gobuild

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestUnreached(t *testing.T) {
	// The body begins on line 6.
	const head = "package main\n\nimport \"github.com/levadahq/levada/flow\"\n\nfunc main() {\n"
	const why = ", does not return. Give each flow a program of its own, or choose one before Main is called."
	for body, want := range map[string][]string{
		"flow.New[A](\"A\").Step(\"a\", f).Main()\n": nil,
		"flow.New[A](\"A\").Main()\nflow.New[B](\"B\").Step(\"x\", f).\nMain()\n": {
			"8: The flow B is never run: Main of the flow A, on line 6" + why},
		"a := flow.New[A](\"A\")\nb := flow.New[B](name).Doc(\"x\")\na.Main()\nif true {\nb.Main()\n}\n": {
			"10: The flow on line 7 is never run: Main of the flow A, on line 8" + why},
		"a := flow.New[A](\"A\")\nif one {\na.Main()\n}\nflow.New[B](\"B\").Main()\n":               nil,
		"switch one {\ncase 1:\nflow.New[A](\"A\").Main()\ncase 2:\nflow.New[B](\"B\").Main()\n}\n": nil,
		"m.Main()\nn.Main()\n": nil,
	} {
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(head+body+"}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range Unreached(file) {
			got = append(got, fmt.Sprintf("%d: %s", m.Line, m.Message))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q instead of %q", body, got, want)
		}
	}
	if got := Unreached(filepath.Join(t.TempDir(), "not-there.go")); got != nil {
		t.Errorf("a file that is not there: %v", got)
	}
}
