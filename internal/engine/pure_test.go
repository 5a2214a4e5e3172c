package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestPure proves that the package, and graph below it, can have no clock, no
// I/O, no goroutines and no context: it reads their imports and statements.
func TestPure(t *testing.T) {
	allowed := map[string]bool{
		"bytes": true, "cmp": true, "encoding/json": true, "fmt": true, "maps": true, "math": true, "path/filepath": true,
		"regexp": true, "slices": true, "strconv": true, "strings": true, "unicode": true,
		"time": true, // for durations; see below
		"github.com/levadahq/levada/internal/fault": true, "github.com/levadahq/levada/internal/graph": true,
	}
	for _, dir := range []string{".", "../graph"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			name := dir + "/" + entry.Name()
			if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, imported := range file.Imports {
				if path, _ := strconv.Unquote(imported.Path.Value); !allowed[path] {
					t.Errorf("%s imports %s", name, path)
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType:
					t.Errorf("%s: goroutines and channels have no place here", fset.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); !ok || x.Name != "time" {
						return true
					}
					switch n.Sel.Name {
					case "Duration", "Second", "Minute", "Hour":
					default:
						t.Errorf("%s: time.%s is a clock", fset.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}
