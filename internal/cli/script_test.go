package cli_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/levadahq/levada/internal/app"
	"github.com/levadahq/levada/internal/usertest"
)

// TestMain lets the scripts run this test binary as levada.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"levada": func() { os.Exit(app.Main(os.Args[1:])) },
	})
}

// TestScripts runs testdata/script: whole command lines on real flows. They are
// written to be read, too: each shows how one thing is used.
func TestScripts(t *testing.T) {
	usertest.HeedSignals()
	sdk, err := filepath.Abs("../../python")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.MkdirTemp("", "levada-cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The first run leaves a process behind that writes the SDK's bytecode there, for a moment.
		until := time.Now().Add(10 * time.Second)
		for os.RemoveAll(cache) != nil && time.Now().Before(until) {
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			bin, _, _ := cutList(env.Getenv("PATH"))
			env.Setenv("LEVADA_BIN", filepath.Join(bin, "levada"))
			env.Setenv("LEVADA_CACHE", cache)
			env.Setenv("PYTHONPATH", sdk)
			env.Setenv("PYTHONDONTWRITEBYTECODE", "1")
			env.Setenv("USER", "ann")
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
	})
}

// cutList returns the first folder of a list such as PATH.
func cutList(list string) (first, rest string, ok bool) {
	for i, r := range list {
		if r == filepath.ListSeparator {
			return list[:i], list[i+1:], true
		}
	}
	return list, "", false
}
