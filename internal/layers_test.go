// Package internal_test keeps the rules of the whole tree.
package internal_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/levadahq/levada/"

// layers is the table of ARCHITECTURE.md: a package imports packages of lower layers, of its own
// layer only below itself, and nothing else of this module.
var layers = map[string]int{
	"internal/fault":            0,
	"python":                    0,
	"internal/graph":            1,
	"internal/engine":           1,
	"internal/layout":           1,
	"internal/pickle":           1,
	"internal/gobtype":          1,
	"internal/tasklog":          1,
	"internal/livecard":         1,
	"internal/httpedge":         1,
	"internal/metastore":        2,
	"internal/metastore/queue":  1,
	"internal/metastore/mem":    2,
	"internal/metastore/sqlite": 2,
	"internal/blob":             2,
	"internal/blob/file":        2,
	"internal/blob/mem":         2,
	"internal/usage":            2,
	"internal/interp":           2,
	"internal/codepack":         2,
	"internal/gobuild":          2,
	"internal/mfdata":           2,
	"internal/convert":          2,
	"internal/pyenv":            2,
	"internal/tracing":          3,
	"internal/datastore":        3,
	"internal/protocol":         3,
	"internal/worker":           3,
	"flow":                      4,
	"internal/conformance":      4,
	"internal/runner":           4,
	"internal/upkeep":           4,
	"internal/service":          5,
	"internal/api":              5,
	"internal/preview":          3,
	"internal/webapi":           6,
	"internal/server":           6,
	"ui":                        0,
	"internal/webclient":        5,
	"internal/rpc":              5,
	"internal/remote":           5,
	"internal/cardweb":          6,
	"internal/metaflowapi":      6,
	"internal/local":            6,
	"internal/cli":              6,
	"client":                    7,
	"internal/app":              7,
	"cmd/levada":                8,
	"programs":                  5,
	"bench":                     9,
	"bench/barehost":            0,
}

// within lists the imports that stay in one layer.
var within = map[string][]string{
	"internal/engine":           {"internal/graph"},
	"internal/metastore/mem":    {"internal/metastore"},
	"internal/metastore/sqlite": {"internal/metastore"},
	"internal/blob/file":        {"internal/blob"},
	"internal/blob/mem":         {"internal/blob"},
	"internal/worker":           {"internal/protocol"},
	"internal/cli":              {"internal/cardweb", "internal/server", "ui"},
	"internal/server":           {"internal/webapi", "internal/metaflowapi"},
	"internal/pyenv":            {"internal/interp"},
	"internal/api":              {"internal/service"},
	"internal/rpc":              {"internal/api"},
	"internal/webclient":        {"internal/api"},
}

// implementations may be imported by the wiring alone.
var implementations = []string{"internal/metastore/sqlite", "internal/metastore/mem", "internal/blob/file", "internal/blob/mem"}

type listed struct {
	ImportPath string
	Doc        string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Doc,Dir,Imports,GoFiles", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
}

func TestImportsRunDownward(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasSuffix(name, "test") {
			continue // conformance suites and generators: imported by tests only
		}
		if strings.HasPrefix(name, "examples/") || strings.Contains(name, "/testdata/") || name == "bench/goflow" {
			name = "programs" // flows: they import what any user's program may
		}
		layer, ok := layers[name]
		if !ok {
			t.Errorf("%s has no layer: add it to this table and to ARCHITECTURE.md", name)
			continue
		}
		for _, imp := range p.Imports {
			other, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			below, ok := layers[other]
			switch {
			case !ok:
				t.Errorf("%s imports %s, which is for tests", name, other)
			case below > layer, below == layer && !contains(within[name], other):
				t.Errorf("%s (layer %d) imports %s (layer %d)", name, layer, other, below)
			case contains(implementations, other) && name != "internal/local":
				t.Errorf("%s imports %s: only internal/local knows which store is used", name, other)
			}
		}
	}
}

// Pure packages decide; a clock, I/O or a context would let the world in.
func TestPurePackagesStayPure(t *testing.T) {
	pure := []string{"internal/graph", "internal/engine", "internal/pickle", "internal/preview", "internal/convert", "internal/gobtype"}
	for _, p := range packages(t) {
		if !contains(pure, strings.TrimPrefix(p.ImportPath, module)) {
			continue
		}
		for _, name := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range impurities(t, name, string(src)) {
				t.Errorf("%s: %s uses %s", p.ImportPath, name, what)
			}
		}
	}
}

// impurities finds what a file of a pure package may not use.
func impurities(t *testing.T, name, src string) (found []string) {
	t.Helper()
	forbidden := []string{"os", "os/exec", "io/fs", "net", "net/http", "context", "log", "log/slog", "math/rand", "math/rand/v2", "sync", "sync/atomic", "syscall"}
	clocks := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}
	file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	clock := ""
	for _, imp := range file.Imports {
		switch path := strings.Trim(imp.Path.Value, `"`); {
		case contains(forbidden, path):
			found = append(found, path)
		case path == "time":
			if clock = "time"; imp.Name != nil {
				clock = imp.Name.Name
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, "go")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == clock && contains(clocks, n.Sel.Name) {
				found = append(found, "time."+n.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestImpuritiesAreFound(t *testing.T) {
	for src, want := range map[string]string{
		`import "time"; var _ = time.Now()`:               "time.Now",
		`import t "time"; func f() { t.AfterFunc(0, f) }`: "time.AfterFunc",
		`import "io/fs"; var _ fs.FS`:                     "io/fs",
		`import "os"; var _ = os.Args`:                    "os",
		`func f() { go f() }`:                             "go",
		`import "time"; var _ = time.Unix(0, 0).After`:    "",
		`import "time"; const _ = time.Second`:            "",
	} {
		if got := strings.Join(impurities(t, "x.go", "package p; "+src), " "); got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}
