//go:build !race

package internal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program compiles for macOS, as far as types tell. To compile it takes forty seconds on a machine that has not done it
// before, nearly all of them for the standard library and SQLite. With the race detector this would take four times as long,
// and there is nothing to race: make lint runs it without.
func TestTypesAreRightOnMacOS(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,Error", "./cmd/levada")
	list.Dir = ".."
	list.Env = append(os.Environ(), "GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	checked := imports{"unsafe": types.Unsafe}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p dependency
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == "unsafe" {
			continue
		}
		pkg, err := p.check(checked)
		if err != nil {
			t.Fatalf("%s: %v", p.ImportPath, err)
		}
		checked[p.ImportPath] = pkg
	}
	if len(checked) < 100 {
		t.Errorf("go list named only %d packages", len(checked))
	}
}

// A dependency is a package as go list describes it.
type dependency struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	ImportMap  map[string]string // what an import of the standard library stands for, where that is a vendored package
	Error      *struct{ Err string }
}

// check finds the types of the package, whose imports are checked already. What the functions of others do inside is theirs.
func (p *dependency) check(checked imports) (*types.Package, error) {
	if p.Error != nil {
		return nil, errors.New(p.Error.Err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	ours := strings.HasPrefix(p.ImportPath, module)
	if ours {
		os.ReadDir(p.Dir) // go test runs a test again if what it has read is different: a new file, too, is to be checked
	}
	config := types.Config{Importer: importer{checked, p.ImportMap}, IgnoreFuncBodies: !ours, Sizes: types.SizesFor("gc", "arm64")}
	return config.Check(p.ImportPath, fset, files, nil)
}

// imports are the packages that are checked already, by their paths.
type imports map[string]*types.Package

// An importer finds what one package imports.
type importer struct {
	checked imports
	names   map[string]string // the package's ImportMap
}

func (i importer) Import(path string) (*types.Package, error) {
	if vendored, ok := i.names[path]; ok {
		path = vendored
	}
	if pkg := i.checked[path]; pkg != nil {
		return pkg, nil
	}
	return nil, fmt.Errorf("%s is not checked yet", path)
}
