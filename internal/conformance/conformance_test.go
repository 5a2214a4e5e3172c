package conformance_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/conformance"
)

// Both SDKs pass.
func TestPython(t *testing.T) {
	sdk, err := filepath.Abs("../../python")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", sdk)
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatalf("the tests need python3: %v", err)
	}
	check(t, strings.TrimSpace(string(out)), "testdata/flow.py")
}

func TestGo(t *testing.T) {
	check(t, build(t, "./testdata/goflow"))
}

func build(t *testing.T, pkg string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command("go", "build", "-o", program, pkg).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func check(t *testing.T, command ...string) {
	t.Helper()
	var said bytes.Buffer
	n := 0
	err := conformance.Run(context.Background(), command, &said, func(c conformance.Check, err error) {
		n++
		if err != nil {
			t.Errorf("%s (%s): %v", c.Name, c.About, err)
		}
	})
	if err != nil || n != len(conformance.Checks()) {
		t.Fatalf("%d checks: %v", n, err)
	}
	if t.Failed() {
		t.Logf("the program said:\n%s", &said)
	}
}

// A kit that passes everything would be of no use.
func TestWhatIsWrongIsFound(t *testing.T) {
	source, err := os.ReadFile("testdata/flow.py")
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := filepath.Abs("../../python")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PYTHONPATH", sdk)
	for check, change := range map[string][2]string{
		"definition": {"times=1", "times=2"},
		"linear":     {"hello %d", "hallo %d"},
		"foreach":    {"append(30)", "append(31)"},
		"item":       {"self.input**2", "self.input"},
		"join":       {"self.merge_artifacts", "len"},
		"failure":    {"boom", "bang"},
	} {
		text := string(source)
		if check == "join" {
			text = strings.Replace(text, `self.merge_artifacts(inputs, exclude=["square"])`, "pass", 1)
		} else {
			text = strings.Replace(text, change[0], change[1], 1)
		}
		file := filepath.Join(t.TempDir(), "flow.py")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		python, err := exec.LookPath("python3")
		if err != nil {
			t.Fatal(err)
		}
		found := false
		err = conformance.Run(context.Background(), []string{python, file}, new(bytes.Buffer), func(c conformance.Check, err error) {
			found = found || c.Name == check && err != nil
		})
		if err != nil || !found {
			t.Errorf("%s: a flow that is wrong in it passes: %v", check, err)
		}
	}
}
