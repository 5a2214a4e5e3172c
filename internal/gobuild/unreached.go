package gobuild

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/graph"
)

// Unreached finds flows in a source file that are never run: Main of another flow is called before theirs, and does not
// return. The program itself cannot tell. What cannot be read as Go has no such flows: the compiler has told of it.
func Unreached(file string) []graph.Mistake {
	if filepath.Ext(file) != ".go" {
		return nil
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil
	}
	s := source{files: files, pkg: packageName(parsed), flows: map[string]string{}}
	if s.pkg == "" {
		return nil
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i := range a.Lhs {
				name, isName := a.Lhs[i].(*ast.Ident)
				if flow := s.flow(a.Rhs[i]); isName && flow != "" {
					s.flows[name.Name] = flow
				}
			}
		}
		return true
	})
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			s.look(n.List)
		case *ast.CaseClause:
			s.look(n.Body)
		}
		return true
	})
	return s.found
}

// source is a source file that is looked through.
type source struct {
	files *token.FileSet
	pkg   string            // what the file calls the package flow
	flows map[string]string // names of variables that hold flows, and of those
	found []graph.Mistake
}

// packageName is what a file calls the package of the SDK, "" if it does not import it.
func packageName(f *ast.File) string {
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil || !strings.HasSuffix(path, "levada/flow") {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return "flow"
	}
	return ""
}

// look looks for a call of Main in a list of statements after one that does not return.
func (s *source) look(list []ast.Stmt) {
	first, line := "", 0
	for _, stmt := range list {
		if first == "" {
			if e, ok := stmt.(*ast.ExprStmt); ok {
				first, line = s.main(e.X)
			}
			continue
		}
		ast.Inspect(stmt, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if name, at := s.main(e); name != "" {
					s.found = append(s.found, graph.Mistake{Line: at, Message: fmt.Sprintf(
						"The flow %s is never run: Main of the flow %s, on line %d, does not return. Give each flow a program of its own, or choose one before Main is called.",
						name, first, line)})
				}
			}
			return true
		})
	}
}

// main returns the name of the flow whose Main an expression calls, and the line; "" if it calls none.
func (s *source) main(e ast.Expr) (name string, line int) {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return "", 0
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Main" {
		return "", 0
	}
	return s.flow(method.X), s.files.Position(method.Sel.Pos()).Line
}

// flow returns the name of the flow that an expression declares: flow.New[T]("Name") with what is called on it, or a
// variable that holds one. "" if it is none.
func (s *source) flow(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return s.flows[e.Name]
	case *ast.CallExpr:
		fun := e.Fun
		if i, ok := fun.(*ast.IndexExpr); ok {
			fun = i.X
		}
		method, ok := fun.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		if pkg, ok := method.X.(*ast.Ident); ok && pkg.Name == s.pkg && method.Sel.Name == "New" && len(e.Args) == 1 {
			if text, ok := e.Args[0].(*ast.BasicLit); ok {
				if name, err := strconv.Unquote(text.Value); err == nil && name != "" {
					return name
				}
			}
			return "on line " + strconv.Itoa(s.files.Position(e.Pos()).Line)
		}
		return s.flow(method.X)
	}
	return ""
}
